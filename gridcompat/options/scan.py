"""The one scanner: words to occurrences of switches, each with its origin.

Switches are matched whole, never by a prefix, and one that takes an argument takes the next word
whatever it looks like: the grid's `-hold_jid`, `-h`, `-pe`, `-p`, `-hard` fit no common option parser.
Must not know what a switch does to a job, nor print anything.
"""

from __future__ import annotations

from gridcompat.errors import UsageError
from gridcompat.options import table, values
from gridcompat.output.messages import usage
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


@record
class Occurrence:
    """A switch where it stood."""

    switch: str
    words: tuple[str, ...]
    """Its arguments as typed."""
    value: Any
    """What `options.values` made of them."""
    origin: str
    """"command line", or PATH:LINE."""
    place: str
    """A letter of table.PLACES."""
    soft: bool = False
    """It stood behind -soft (only means something to -l and -q)."""


@record
class Scanned:
    """What a scan found."""

    occurrences: tuple[Occurrence, ...] = ()
    operands: tuple[str, ...] = ()
    """Words that are no switches; for qsub the script and everything behind it."""
    strays: tuple[str, ...] = ()
    """Words in files that are no switches; qsub refuses them once it has read everything."""
    repeated: tuple[str, ...] = ()
    """Switches given again that the grid warns about, in that order."""
    unread: tuple[str, ...] = ()
    """What the grid says of request files that are there and cannot be read."""
    lost: bool = False
    """Reading stopped early, as the grid's client does at some values."""
    complaints: tuple[str, ...] = ()
    """What stderr says about that; mostly nothing."""
    separator: bool = False
    """`--` was there: the operands are arguments of a script on standard input."""


class BadWord(Exception):
    """A mistake of a command line, with the grid's words but not yet with who says it."""

    def __init__(self, text: str, status: int, *, before: str = "", bare: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.before = before
        self.bare = bare

    def framed(self, frame: str) -> UsageError:
        """Return the error that users see; `frame` holds one %s for the message."""
        message = frame.replace("%s", self.text)
        kind = Bare if self.bare else UsageError
        return kind(f"{self.before}\n{message}" if self.before else message, exit_status=self.status)


class Bare(UsageError):
    """A mistake that no command prints its usage above, nor its name in front of."""


class HelpHere(Exception):
    """-help stood in a file, where the grid does not allow it."""


def last(found: Sequence[Occurrence], switch: str, default: Any) -> Any:
    """Return the value of the last occurrence of a switch, or the default."""
    for occurrence in reversed(found):
        if occurrence.switch == switch:
            return occurrence.value
    return default


def every(found: Sequence[Occurrence], switch: str) -> list[Any]:
    """Return the values of all occurrences of a switch, in their order."""
    return [occurrence.value for occurrence in found if occurrence.switch == switch]


def words(
    argv: Sequence[str],
    *,
    origin: str,
    place: str,
    now: float,
    include: Callable[[str], Scanned] | None = None,
    seen: Sequence[Occurrence] = (),
    command: str = "qsub",
) -> Scanned:
    """Scan the words of a qsub command line, or of one line of a file of options.

    On the command line the first word that is no switch ends the switches; in files it is a stray.

    Args:
        argv: the words, without the program's name.
        origin: where they stand, for `Occurrence.origin`.
        place: a letter of `table.PLACES`.
        now: epoch seconds, for dates without a year.
        include: reads the file of -@; raises `values.Lost` when that cannot be done.
        seen: earlier occurrences of the same file, which count as given before.
        command: qsub, or one of its interactive relatives.

    Raises:
        BadWord: the first mistake.
    """
    line = _Words(argv, origin=origin, place=place, now=now, include=include, seen=seen, command=command)
    return line.all()


class _Words:
    """Words of qsub while they are read."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        origin: str,
        place: str,
        now: float,
        include: Callable[[str], Scanned] | None,
        seen: Sequence[Occurrence],
        command: str,
    ) -> None:
        self._argv, self._origin, self._place, self._now = argv, origin, place, now
        self._include = include
        self._rows = table.switches(command)
        self._command = command
        self._found: list[Occurrence] = []
        self._strays: list[str] = []
        self._repeated: list[str] = []
        self._complaints: list[str] = []
        self._given = {occurrence.switch for occurrence in seen}
        self._soft = False
        self._at = 0

    def all(self) -> Scanned:
        """Read all words."""
        separator = lost = False
        try:
            separator = self._switches()
        except values.Lost as error:
            lost, self._at = True, len(self._argv)
            self._complaints += filter(None, [error.complaint])
        return Scanned(
            occurrences=tuple(self._found),
            operands=tuple(self._argv[self._at :]),
            strays=tuple(self._strays),
            repeated=tuple(self._repeated),
            lost=lost,
            complaints=tuple(self._complaints),
            separator=separator,
        )

    def _switches(self) -> bool:
        """Read until the operands begin; return whether `--` stood before them."""
        while self._at < len(self._argv):
            word = self._argv[self._at]
            if word[:1] != "-" or word == "--":
                if self._place != table.COMMAND_LINE:
                    self._strays.append(word)
                    self._at += 1
                    continue
                if word != "--":
                    return False
                self._at += 1
                if self._at == len(self._argv):
                    raise BadWord(usage.NO_JOB_ARGUMENTS, 2)
                return True
            row = self._rows.get(word)
            if word in _READ_AND_REFUSED and row is None and self._command == "qsub":
                self._strays.append(word)
                self._at += 1
                continue
            if row is None:
                if self._command != "qsub" and table.find("qsub", word):
                    raise BadWord(usage.UNKNOWN_OPTION.rstrip("\n") % word, 1)
                raise BadWord(usage.INVALID_OPTION % word, 2)
            self._at += 1
            self._switch(table.option(row))
        return False

    def _switch(self, option: table.Option) -> None:
        word = option.switch
        arguments = _arguments(option, self._argv, self._at)
        self._at += len(arguments)
        if word in self._given and word in table.WARNED_WHEN_REPEATED:
            self._repeated.append(word)
        value = _value(option, arguments, self._now, 0)
        if word == "-@" and self._include is not None:
            self._take(self._include(arguments[0]))
            return
        if word in ("-soft", "-hard"):
            self._soft = word == "-soft"
        self._given.add(word)
        self._found.append(
            Occurrence(
                switch=word,
                words=arguments,
                value=value,
                origin=self._origin,
                place=self._place,
                soft=self._soft,
            )
        )

    def _take(self, inside: Scanned) -> None:
        """What a file of -@ holds counts as if it stood here."""
        self._found += inside.occurrences
        self._strays += inside.strays
        self._repeated += inside.repeated
        self._complaints += inside.complaints
        self._given |= {occurrence.switch for occurrence in inside.occurrences}


def _arguments(option: table.Option, argv: Sequence[str], at: int) -> tuple[str, ...]:
    """Return the words that a switch takes, or say which is missing."""
    wanted = option.words
    if option.switch == "-binding" and argv[at : at + 1] in (["env"], ["pe"], ["set"]):
        wanted = 2 if at + 1 < len(argv) else 1
    taken = tuple(argv[at : at + wanted])
    if len(taken) == wanted:
        return taken
    if option.switch == "-pe" and taken:
        raise BadWord(usage.MUST_HAVE_RANGE, 2)
    raise BadWord(
        usage.MUST_HAVE.get(option.switch) or usage.MUST_HAVE_ARGUMENT % option.switch,
        2,
    )


def scan(
    command: str,
    argv: Sequence[str],
    *,
    now: float = 0.0,
    include: Callable[[str], Scanned] | None = None,
) -> Scanned:
    """Scan the command line of any command but qsub and the jsub family.

    The result's `occurrences` hold switches with their `words` (and `value` read as the table says),
    `operands` the other words in order.  A `-t RANGE` of qalter, qhold, qrls, qdel and qmod
    belongs to the job before it and is among the operands as the two words "-t" and RANGE; without a
    job before it that is an error.  qdel takes any word that is no switch of its own for a job, qmod
    none.  A switch with an optional word (qstat -F, qacct -j) takes the next word unless it begins with
    a dash; one with a list of words (qmod -cj) takes all up to the next with a dash.

    Args:
        include: reads the file of qalter's -@ as `words` has it; without it there is no such switch.

    Raises:
        UsageError: the grid's words and status. qdel, qmod, qstat, qselect, qhost and qacct print
            their usage above it unless it is `Bare`, which the caller does; the message is the line
            below that, and empty where there is none.
    """
    try:
        return _Scan(command, list(argv), now, include).all()
    except BadWord as bad:
        frame = _FRAMES.get(command, "%s" if bad.bare else "qalter: %s")
        raise bad.framed(frame) from bad


_FRAMES = {
    "qdel": "error: %s",
    "qstat": "error: %s",
    "qselect": "error: %s",
    "qhost": "error: %s",
    "qconf": "error: %s",
    "qrsub": "qrsub: %s",
    "job": "job: error: %s",
    "qmod": "%s",
    "qacct": "%s",
}
_READ_AND_REFUSED = ("-xml",)
"""Switches of other commands that the grid's qsub reads without complaint, and refuses at the end."""
_READS_MORE = frozenset(("qalter", "qhold", "qrls", "qresub"))
"""Read qsub's switches as well, to say that they are not their own (status 5)."""
_NOT_READ = frozenset(("-b", "-shell", "-@"))
"""But of these they know nothing."""
_ONE = frozenset(("qdel", "qmod", "qstat", "qselect", "qhost", "qacct", "qconf", "qrsub"))
"""Their status is 1 whatever the mistake."""


class _Scan:
    """One command line of a command that is not qsub, while it is read."""

    def __init__(
        self, command: str, argv: list[str], now: float, include: Callable[[str], Scanned] | None
    ) -> None:
        self._command, self._argv, self._now, self._include = command, argv, now, include
        self._rows = table.switches(command)
        self._at = 0
        self._found: list[Occurrence] = []
        self._operands: list[str] = []
        self._repeated: list[str] = []
        self._strangers: list[str] = []
        self._lonely = ""

    def all(self) -> Scanned:
        """Read all words."""
        lost = False
        complaints: tuple[str, ...] = ()
        try:
            while self._at < len(self._argv):
                word = self._argv[self._at]
                self._at += 1
                row = self._rows.get(word)
                if row is not None:
                    self._switch(table.option(row))
                elif word == "-@" and self._include is not None:
                    self._file(self._include)
                elif word == "-@" and self._command in _READS_MORE:
                    self._useless_file()
                elif word == "--" and self._command == "qalter":
                    break
                else:
                    self._unknown(word)
        except values.Lost as error:
            lost, complaints = True, tuple(filter(None, [error.complaint]))
        if self._lonely and not any(occurrence.switch == "-help" for occurrence in self._found):
            raise self._lonely_tasks()
        if self._strangers:
            lines = [usage.UNKNOWN_OPTION % stranger for stranger in self._strangers]
            raise UsageError("\n".join(lines), exit_status=5)
        return Scanned(
            occurrences=tuple(self._found),
            operands=tuple(self._operands),
            repeated=tuple(self._repeated),
            lost=lost,
            complaints=complaints,
        )

    def _file(self, include: Callable[[str], Scanned]) -> None:
        """What a file of -@ holds, in qsub's grammar, counts as if it stood here."""
        if self._at >= len(self._argv):
            raise BadWord(usage.MUST_HAVE["-@"], 2)
        inside = include(self._argv[self._at])
        self._at += 1
        if inside.complaints or inside.lost:
            raise values.Lost("-@", complaint="\n".join(inside.complaints))
        for one in inside.occurrences:
            if one.switch not in self._rows:
                self._strangers.append(" ".join((one.switch, *one.words)))
            else:
                # -h without a letter, as in qsub's own files, is the user's hold.
                hold = one.switch == "-h"
                self._found.append(_with_value(one, "u") if hold else one)

    def _useless_file(self) -> None:
        """-@ of qhold, qrls and qresub: what a file holds is never theirs, one that is not there ends all."""
        if self._at >= len(self._argv):
            raise BadWord(usage.MUST_HAVE["-@"], 2)
        path = self._argv[self._at]
        self._at += 1
        try:
            with open(path, "rb") as file:
                if file.read(1):
                    self._strangers.append("")
        except (OSError, ValueError) as error:
            raise values.Lost(path) from error

    def _status(self, status: int) -> int:
        return 1 if self._command in _ONE else status

    def _unknown(self, word: str) -> None:
        """A word that is no switch of the command."""
        stranger = _stranger(self._command, self._argv, self._at - 1, self._now)
        if stranger:
            self._at += len(stranger) - 1
            self._strangers.append(" ".join(stranger))
        elif (word[:1] != "-" or self._command == "qdel") and self._command != "qmod":
            self._operands.append(word)
        else:
            raise BadWord(usage.INVALID_OPTION % word, self._status(2))

    def _switch(self, option: table.Option) -> None:
        try:
            arguments = _taken(option, self._argv, self._at)
        except BadWord as bad:
            raise BadWord(bad.text, self._status(bad.status), bare=bad.bare) from bad
        self._at += len(arguments)
        if option.target == "operand":
            self._tasks(option.switch, arguments)
            return
        given = any(occurrence.switch == option.switch for occurrence in self._found)
        if given and option.switch in table.WARNED_WHEN_REPEATED:
            self._repeated.append(option.switch)
        value = None
        if arguments or not option.words:
            value = _value(option, arguments, self._now, self._status(0))
        self._found.append(
            Occurrence(
                switch=option.switch,
                words=arguments,
                value=value,
                origin="command line",
                place=table.COMMAND_LINE,
            )
        )

    def _tasks(self, switch: str, arguments: tuple[str, ...]) -> None:
        """-t, which belongs to the job before it; qmod's jobs are the words of a switch."""
        in_switch = self._command == "qmod" and any(occurrence.words for occurrence in self._found)
        if not self._operands and not in_switch and not self._lonely:
            self._lonely = usage.LONELY_TASKS % " ".join(arguments)
        self._operands += (switch, *arguments)

    def _lonely_tasks(self) -> BadWord:
        if self._command == "qmod":
            return BadWord(f"{self._lonely}\n{usage.TOO_MANY_OPTIONS}", 1)
        return BadWord(self._lonely, self._status(2), bare=True)


def _with_value(one: Occurrence, value: Any) -> Occurrence:
    return Occurrence(
        switch=one.switch, words=one.words, value=value, origin=one.origin, place=one.place, soft=one.soft
    )


def _stranger(command: str, argv: list[str], at: int, now: float) -> tuple[str, ...]:
    """Return a switch of qsub and its words that a command reads but does not use; () for anything else."""
    word = argv[at]
    if command not in _READS_MORE or word in _NOT_READ:
        return ()
    option = table.find("qsub", word)
    if option is None:
        return ()
    arguments = _arguments(option, argv, at + 1)
    try:
        _value(option, arguments, now, 0)
    except values.Lost:
        pass
    return (word, *arguments)


def _value(option: table.Option, arguments: tuple[str, ...], now: float, status: int) -> Any:
    """Read a value; `status` 0 is the mistake's own."""
    try:
        return values.READERS[option.parse](arguments, option.switch, now)
    except values.Wrong as wrong:
        raise BadWord(wrong.text, status or wrong.status, before=wrong.before) from wrong


def _taken(option: table.Option, argv: Sequence[str], at: int) -> tuple[str, ...]:
    if option.optional:
        return tuple(argv[at : at + 1]) if argv[at : at + 1] and argv[at][:1] != "-" else ()
    if option.words == table.MANY:
        end = at
        while end < len(argv) and argv[end][:1] != "-":
            end += 1
        if end == at:
            raise BadWord(usage.MUST_HAVE_ARGUMENT % option.switch, 2, bare=True)
        return tuple(argv[at:end])
    return _arguments(option, argv, at)

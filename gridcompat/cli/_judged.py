"""What will become of one call of a grid's command: asked of the code that the command itself runs.

`explain.read_all` reads the line as the command does, `_verdicts` says what becomes of each switch; here
both are put into one word and its reasons.  There is no rule about a switch in this module but for what
the grid's own programs say has no effect there either.
"""

from __future__ import annotations

import errno
import os

from gridcompat import complexes
from gridcompat.cli._verdicts import verdicts
from gridcompat.cli.explain import read_all
from gridcompat.errors import Refused, UnsupportedOption, UsageError
from gridcompat.migration import samples
from gridcompat.options import checks, scan, table
from gridcompat.output.messages import submit, usage
from gridcompat.record import record, replace
from gridcompat.translate import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from gridcompat.cli._verdicts import Reading, Verdict
    from gridcompat.migration.calls import Call
    from gridcompat.migration.expand import Unknowns
    from gridcompat.migration.files import Disk
    from gridcompat.options.context import Context
    from gridcompat.options.scan import Occurrence

SAME, DEPENDS, DIFFERENT, REFUSED = "same", "depends", "different", "refused"
OUTCOMES = (SAME, DEPENDS, DIFFERENT, REFUSED)
"""From the least to the worst."""
NOTE = "note"
"""A reason that changes no outcome."""

_NOTHING_THERE_EITHER = frozenset(
    (
        *(("-b", command) for command in ("jsub", "jstart", "qcronsub")),
        *(("-u", command) for command in ("qsub",)),
    )
)
"""Switches without effect that have none on the grid: jsub(1), -b; submit(1), -u."""
_COMPARED = frozenset(
    (*limits.TIMES, *limits.SIZES, *limits.RESERVED, "arch", "hostname", "qname", "release")
)
"""Resources that act here; the others are kept and shown."""
_OF_THE_SITE = {
    "unknown queue": ("queues", "queues"),
    "parallel environment": ("parallel_environments", "parallel environments"),
    "project": ("projects", "projects"),
}
_ASKING = ("qsub", "qalter", "jsub", "jstart", "qcronsub")
AS_THERE = " (as on the grid)"
_INTERACTIVE = ("qrsh", "qlogin", "qsh")
_NO_TERMINAL = "a job has no terminal here; qsub -sync y -b y COMMAND waits for one that writes into a file"
_REQUEST_FILES = (".sge_request", "sge_request", ".jsubrc", ".sge_qstat")


@record
class Reason:
    """Why a call has its outcome, or something to know about it."""

    outcome: str
    """One of OUTCOMES, or NOTE."""
    text: str
    switch: str = ""
    origin: str = ""
    """Where the switch stood: "command line", or PATH:LINE."""


@record
class Judgement:
    """What becomes of one call."""

    outcome: str
    reasons: tuple[Reason, ...] = ()
    job: str = ""
    program: str = ""
    """The program of a job as far as it is known."""
    unread: str = ""
    """The script that could not be read."""


class Reader:
    """Files for the parser, from where the call would stand. Nothing is asked of a resolver."""

    def __init__(self, disk: Disk, call: Call, stdin: bytes, *, on_this_host: bool) -> None:
        self._disk, self._cwd, self._stdin, self._strict = disk, call.cwd, stdin, on_this_host
        self.pretended: str | None = None
        """A program that is taken to be there."""
        self.missed: list[str] = []
        self.unread: dict[str, str] = {}
        self.hosts: list[str] = []

    def _whole(self, path: str) -> str:
        if self._cwd is None and not os.path.isabs(path):
            raise FileNotFoundError(errno.ENOENT, "it is not known in which directory", path)
        return os.path.join(self._cwd or "/", path)

    def file(self, path: str, limit: int = -1) -> bytes:
        """Return a file's content; a script that is not on this host is taken to be an empty one."""
        try:
            content = self._disk.content(self._whole(path))
        except (OSError, ValueError) as error:
            if path.rpartition("/")[2] in _REQUEST_FILES:
                raise
            self.unread[os.path.normpath(path)] = str(getattr(error, "strerror", None) or error)
            if self._strict or isinstance(error, IsADirectoryError):
                raise
            return b"#!/bin/sh\n"
        return content if limit < 0 else content[:limit]

    def stdin(self) -> bytes:
        """Return the script on standard input, as far as it is known."""
        return self._stdin

    def kind(self, path: str) -> str:
        """Return what is there, or what is taken to be there."""
        if path == self.pretended:
            return "executable"
        try:
            found = self._disk.kind(self._whole(path))
        except OSError:
            found = ""
        if not found:
            self.missed.append(path)
        return "" if found == "other" else found

    def resolves(self, host: str) -> bool:
        """Say yes, and keep the name: to ask about names that others wrote would tell the world of them."""
        self.hosts.append(host)
        return True


class Judge:
    """Says what will become of calls, in the surroundings of one owner of crontabs or scripts."""

    def __init__(
        self,
        context: Context,
        *,
        commands: Collection[str],
        disk: Disk,
        unknowns: Unknowns,
        identify: Callable[[str, str], str] | None = None,
    ) -> None:
        self.context, self.commands, self.disk, self.unknowns = context, commands, disk, unknowns
        self.identify = identify
        """Says whether what (command as typed, PATH) finds on this host is ours: "ours", "other" or ""."""

    def of(self, call: Call, *, as_typed: bool = True) -> Judgement:
        """Return what will become of a call.

        Args:
            as_typed: somebody typed it; not so for a script that is looked at by itself.
        """
        reasons = list(self._before(call)) if as_typed else []
        if call.command in table.REFUSING or call.command not in self.commands:
            text = _NO_TERMINAL if call.command in _INTERACTIVE else "there is none here"
            return _judgement([*reasons, Reason(outcome=REFUSED, text=text)])
        made = samples.ready(call.command, call.words, self.unknowns)
        reasons += [
            Reason(outcome=DEPENDS, text=f"depends on {source}", switch=switch)
            for switch, source in made.depends
        ]
        if call.open_ended and call.command == "qsub" and not made.words:
            made = replace(made, words=("x",), script="what is put behind it")
        reader, context, found = self._surroundings(call, made.words)
        reasons += found
        words = self._without_hosts(made.words, reasons)
        reading = read_all(call.command, words, context)
        if self.identify is None and reader.missed and _has_no_program(reading, words):
            # jsub looks for its program last where it stands; here it may well be missing
            reader.pretended = reader.missed[-1]
            reading = read_all(call.command, words, context)
            if reading.error is None or not isinstance(reading.error, UsageError):
                reader.unread.setdefault(os.path.normpath(reader.pretended), os.strerror(errno.ENOENT))
        reasons += self._of_reading(call.command, reading, context)
        reasons += self._after(call, reader, made.script)
        return self._whole(reading, reasons, reader, made)

    def _whole(
        self, reading: Reading, reasons: list[Reason], reader: Reader, made: samples.Ready
    ) -> Judgement:
        request = reading.submission.request if reading.submission is not None else None
        program = ""
        if request is not None:
            program = (
                request.arguments[0] if request.continuous and request.arguments else request.script_file
            )
        # where a program stands is only known if it was found, or typed with its whole path
        unknown = made.script or program == "STDIN"
        unknown = unknown or (program == reader.pretended and program not in made.words)
        return replace(
            _judgement(reasons),
            job=request.name if request is not None else "",
            program="" if unknown else program,
            unread=made.script or next(iter(reader.unread), ""),
        )

    # -- around the line -------------------------------------------------------------------------

    def _before(self, call: Call) -> Iterator[Reason]:
        """What the place of the call says: another host, another path, a command in a variable."""
        if call.elsewhere:
            yield Reason(outcome=NOTE, text=f"runs {call.elsewhere}: the commands are needed there")
        if call.guessed:
            yield Reason(outcome=DEPENDS, text=f"depends on {call.guessed}, here taken for {call.command}")
        if self.identify is not None and not call.elsewhere and not call.guessed:
            path = dict(call.environment).get("PATH", "")
            found = self.identify(call.typed, path)
            if found == "":
                where = call.typed if "/" in call.typed else f"{call.typed} in PATH={path}"
                yield Reason(outcome=REFUSED, text=f"there is no {where} on this host")
            elif found != "ours":
                yield Reason(outcome=DIFFERENT, text=f"{found} is not one of these commands")
        elif "/" in call.typed and not call.guessed:
            yield Reason(outcome=NOTE, text=f"needs these commands at {call.typed} (gridcompat install)")

    def _surroundings(self, call: Call, words: tuple[str, ...]) -> tuple[Reader, Context, list[Reason]]:
        """Return what the parser reads the call in."""
        reasons: list[Reason] = []
        stdin = call.stdin
        if call.stdin_file and call.cwd is not None:
            try:
                stdin = self.disk.content(os.path.join(call.cwd, call.stdin_file)).decode(
                    "utf-8", "surrogateescape"
                )
            except (OSError, ValueError):
                stdin = None
        if stdin is not None:
            line = scan.last(_safely(words, self.context), "-C", "#$") if call.command == "qsub" else "#$"
            stdin, depends = samples.script(call.command, stdin, str(line), self.unknowns)
            reasons += [
                Reason(outcome=DEPENDS, text=f"depends on {what}", switch=switch) for switch, what in depends
            ]
        known = stdin if stdin is not None else "#!/bin/sh\n"
        reader = Reader(
            self.disk, call, known.encode("utf-8", "surrogateescape"), on_this_host=self.identify is not None
        )
        if stdin is None:
            reader.stdin = lambda: self._unknown_stdin(call, reader, known)  # type: ignore[method-assign]  # of this reader alone
        cwd = call.cwd if call.cwd is not None else self.context.home
        context = replace(self.context, environment=dict(call.environment), cwd=cwd, reader=reader)
        return reader, context, reasons

    @staticmethod
    def _unknown_stdin(call: Call, reader: Reader, text: str) -> bytes:
        source = call.stdin_file or call.stdin_source or "standard input"
        reader.unread.setdefault(source, "what comes there is not known")
        return text.encode()

    def _without_hosts(self, words: tuple[str, ...], reasons: list[Reason]) -> tuple[str, ...]:
        """Take hosts of -q off where only the cluster knows which there are."""
        if self.context.settings.cluster == "embedded":
            return words
        found = list(words)
        for at, word in enumerate(words[:-1]):
            if word == "-q" and "@" in words[at + 1] and "@@" not in words[at + 1]:
                found[at + 1] = ",".join(entry.partition("@")[0] for entry in words[at + 1].split(","))
                reasons.append(
                    Reason(outcome=DEPENDS, switch="-q", text="depends on the cluster having such a node")
                )
        return tuple(found)

    def _after(self, call: Call, reader: Reader, script: str) -> Iterator[Reason]:
        """What could not be looked at."""
        for host in dict.fromkeys(reader.hosts):
            yield Reason(outcome=DEPENDS, text=f"depends on a host called {host}")
        if script:
            yield Reason(
                outcome=NOTE, text=f"which script {script} is, is not known; its #$ lines would count"
            )
        else:
            for path, why in reader.unread.items():
                yield Reason(outcome=NOTE, text=f"{path} is not read ({why}); its #$ lines would count")
        if call.open_ended:
            yield Reason(outcome=NOTE, text="more words are put behind it")

    # -- the line --------------------------------------------------------------------------------

    def _of_reading(self, command: str, reading: Reading, context: Context) -> Iterator[Reason]:
        for row in verdicts(command, reading):
            yield from _of_switch(command, row)
        for warning in reading.warnings:
            # a note on what is only approximated begins with the switch; the others are the grid's own
            outcome = DIFFERENT if warning.startswith("qsub: warning: -") else NOTE
            yield Reason(outcome=outcome, text=warning)
        yield from _of_resources(reading)
        told: list[str] = []
        if command == "qalter" or isinstance(reading.error, Refused):
            for text, one in self._complaints(command, reading, context):
                told.append(text)
                typed = " ".join((one.switch, *one.words))
                text += self._hint(text, command, reading)
                yield Reason(outcome=REFUSED, switch=typed, origin=one.origin, text=text)
        if reading.error is not None:
            yield from self._of_error(command, reading, told)

    def _of_error(self, command: str, reading: Reading, told: Collection[str]) -> Iterator[Reason]:
        """What the command would say, unless a reason has said it already."""
        error = reading.error
        assert error is not None
        lines = error.message.split("\n")
        if isinstance(error, Refused):
            for text in lines:
                if text not in told:
                    yield Reason(outcome=REFUSED, text=f"{text}{self._hint(text, command, reading)}")
            return
        # jsub prints its usage above
        text = lines[-1] if lines[0].startswith("usage:") else "; ".join(line for line in lines if line)
        text = text.removeprefix(f"{command}: ").removeprefix("error: ")
        if text[:1] == "[":
            text = text.partition("] ")[2]  # the time of the day, in jsub's messages
        if "release" in text:
            yield Reason(outcome=REFUSED, text=f"{text}; a setting (releases)")
            return
        if command == "qconf":
            # the command itself has two answers: for changes, and for words that it has never had
            yield Reason(outcome=REFUSED, text="only what shows the configuration is there, no changes")
            return
        as_there = not isinstance(error, UnsupportedOption)
        yield Reason(outcome=REFUSED, text=f"{text}{AS_THERE}" if as_there else text)

    def _hint(self, text: str, command: str, reading: Reading) -> str:
        """Return what there is instead, or that the grid refuses it too."""
        settings = self.context.settings
        for phrase, (field, plural) in _OF_THE_SITE.items():
            if phrase in text:
                here = [str(getattr(one, "name", one)) for one in getattr(settings, field)]
                return f"; the {plural} of the settings: {', '.join(here) or 'none'}"
        if text.startswith(submit.UNKNOWN_RESOURCE.partition("%")[0]):
            return "; a complex that is not known here"
        return "" if any(row.verdict == table.REFUSED for row in verdicts(command, reading)) else AS_THERE

    def _complaints(
        self, command: str, reading: Reading, context: Context
    ) -> Iterator[tuple[str, Occurrence]]:
        """Yield what the master would say to each switch; it tells only the first, people want all."""
        settings = context.settings
        places = [one.place for one in reading.occurrences if one.switch == "-q"]
        for one in reading.occurrences:
            texts: list[str] = []
            if one.switch == "-q" and command in _ASKING and one.place == places[-1]:
                entries = [one.value] if isinstance(one.value, str) else one.value
                texts += checks.queue_complaints(entries, context)
            elif one.switch == "-l" and command in ("qsub", "qalter"):
                pairs = [(name, "TRUE" if value is None else value) for name, value in one.value]
                texts += checks.resource_complaints(pairs, context)
            elif one.switch == "-pe" and command in ("qsub", "qalter"):
                if not checks.environments(one.value[0], settings):
                    texts.append(submit.NO_PE % one.value[0])
            elif one.switch == "-P" and command in ("qsub", "qalter") and one.value not in settings.projects:
                texts.append(submit.NO_PROJECT % one.value)
            for text in texts:
                yield text, one


def _has_no_program(reading: Reading, words: tuple[str, ...]) -> bool:
    """Say whether jsub found no program."""
    text = reading.error.message if reading.error is not None else ""
    return any(usage.JSUB_NO_PROGRAM % word in text for word in words)


def _safely(words: tuple[str, ...], context: Context) -> tuple[scan.Occurrence, ...]:
    try:
        return scan.words(words, origin="command line", place=table.COMMAND_LINE, now=context.now).occurrences
    except scan.BadWord:
        return ()


def _of_switch(command: str, row: Verdict) -> Iterator[Reason]:
    """The table's verdict on a switch as a reason, if it is more than `obeyed`."""
    if row.verdict == table.OBEYED or row.fate != "used" or (row.switch, command) in _NOTHING_THERE_EITHER:
        return
    outcome = REFUSED if row.verdict == table.REFUSED else DIFFERENT
    typed = " ".join((row.switch, *row.words))
    yield Reason(outcome=outcome, switch=typed, origin=row.origin, text=f"{row.verdict}: {row.reason}")


def _of_resources(reading: Reading) -> Iterator[Reason]:
    """Requests that are shown and decide nothing."""
    for one in reading.occurrences:
        if one.switch != "-l":
            continue
        # jsub has taken memory and release out of its list
        pairs = (
            [word.partition("=")[::2] for word in one.value[0]]
            if isinstance(one.value[0], list)
            else one.value
        )
        for typed, value in pairs:
            known = complexes.find(typed)
            text = ""
            if known is not None and known.name not in _COMPARED:
                text = "kept and shown, but not compared with what a host has"
            elif known is not None and one.soft:
                text = "a wish that is shown, not weighed"
            if text:
                switch = f"-l {typed}={value}" if value else f"-l {typed}"
                yield Reason(outcome=DIFFERENT, switch=switch, origin=one.origin, text=text)


def _judgement(reasons: list[Reason]) -> Judgement:
    outcome = max(
        (reason.outcome for reason in reasons if reason.outcome != NOTE), key=OUTCOMES.index, default=SAME
    )
    return Judgement(outcome=outcome, reasons=tuple(dict.fromkeys(reasons)))

"""Command lines with unknown values, made ready for the parser: a sample in place of each.

Where any value comes to the same (a name, a path, an argument), the sample only fills the place.  Where
the value decides (a queue, a parallel environment, a file of options), the switch is taken out and the
unknown value is reported.  Which is which follows from the reader of the switch's value in the table.
"""

from __future__ import annotations

from gridcompat import complexes
from gridcompat.migration import expand
from gridcompat.options import directives, table
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.migration.expand import Unknowns

DECIDES = frozenset(("file", "jsub_release", "level", "queues", "verifier"))
"""Readers of values that a site knows or not, or that change what is read."""
FILLED = frozenset(("context", "mails", "name", "names", "paths", "text", "variables", "words"))
"""Readers that keep the known part of a value: `-N stats-$l`."""
WHOLE = {
    "binding": "linear:1",
    "concurrency": "1",
    "date": "01010000",
    "duration": "60",
    "flag": "",
    "hold_letters": "u",
    "holds": "u",
    "jobs": "x",
    "jsub_mails": "x@x",
    "jsub_memory": "1m",
    "jsub_umask": "022",
    "jsub_yes_no": "n",
    "mail_options": "n",
    "occasion": "n",
    "priority": "0",
    "reservation": "0",
    "share": "0",
    "tasks": "1-2",
    "tickets": "0",
    "users": "x",
    "yes_no": "n",
}
"""By reader, what stands for a value of which a part is unknown."""
_OF_COMPLEX = {
    "MEMORY": "1M",
    "TIME": "60",
    "INT": "1",
    "DOUBLE": "1",
    "BOOL": "TRUE",
    "STRING": "",
    "HOST": "",
}
_PLACED = ("-q", "-masterq")


@record
class Ready:
    """A command line that the parser can read."""

    words: tuple[str, ...]
    depends: tuple[tuple[str, str], ...] = ()
    """(switch or "", what is unknown): what the outcome depends on."""
    script: str = ""
    """The first operand as typed when it is not known."""


def ready(command: str, words: Sequence[str], unknowns: Unknowns) -> Ready:
    """Return a command line with samples in place of unknown values."""
    if all(word.isascii() for word in words) or all(expand.is_known(word) for word in words):
        return Ready(words=tuple(words))
    line = _Line(command, words, unknowns)
    line.read()
    return Ready(words=tuple(line.found), depends=tuple(line.depends), script=line.script)


class _Line:
    """One command line while it is gone through; switches stand before the first operand, for most."""

    def __init__(self, command: str, words: Sequence[str], unknowns: Unknowns) -> None:
        self.words, self.unknowns = words, unknowns
        self.rows = table.switches(command)
        self.first_ends = command in ("qsub", "jsub", "jstart", "qcronsub", "qrsh", "qlogin", "qsh")
        self.found: list[str] = []
        self.depends: list[tuple[str, str]] = []
        self.script = ""

    def read(self) -> None:
        at = 0
        while at < len(self.words):
            word = self.words[at]
            row = self.rows.get(word)
            if row is not None:
                at += self._switch(table.option(row), at)
            elif self._is_operand(at):
                if self.first_ends:
                    self._operands(at)
                    return
                self.found.append(expand.without_marks(word, "x"))
                at += 1
            elif expand.is_known(word):
                self.found.append(word)
                at += 1
            else:
                self._needs("", word)
                at += 1
                if at == len(self.words) and self.first_ends:
                    # "$@" brings the script, whatever else it brings
                    self.script = self.unknowns.shown(word)
                    self.found.append("x")

    def _is_operand(self, at: int) -> bool:
        """Say whether a word is no switch; one of which nothing is known may be one."""
        word = self.words[at]
        if expand.is_known(word[:1]):
            return word[:1] != "-"
        if not self.first_ends:
            return not self._is_list(at)
        # "$SCRIPT" is one word; $SCRIPT alone at the end, or $DIR/job.sh, is the script as well
        return not expand.splits(word[:1]) or (len(word) > 1) or self._is_last_operand(at)

    def _is_last_operand(self, at: int) -> bool:
        return at == len(self.words) - 1 and not self._is_list(at)

    def _is_list(self, at: int) -> bool:
        """Say whether a word is all arguments of a script or function, among which switches may be."""
        source = "".join(self.unknowns.sources(self.words[at]))
        return source.startswith(("$@", "$*", "${@", "${*"))

    def _operands(self, at: int) -> None:
        first = self.words[at]
        if not expand.is_known(first):
            self.script = self.unknowns.shown(first)
        self.found += [expand.without_marks(word, "x") for word in self.words[at:]]

    def _needs(self, switch: str, text: str) -> None:
        self.depends += [(switch, source) for source in self.unknowns.sources(text)]

    def _switch(self, option: table.Option, at: int) -> int:
        """Take a switch and its words; return how many words that were."""
        count = max(option.words, 0)
        if option.optional and self.words[at + 1 : at + 2] and self.words[at + 1][:1] == "-":
            count = 0
        values = list(self.words[at + 1 : at + 1 + count])
        if all(expand.is_known(value) for value in values):
            self.found += [option.switch, *values]
            return 1 + count
        sampled = self._sampled(option, values)
        if sampled is not None:
            self.found += [option.switch, *sampled]
        return 1 + count

    def _sampled(self, option: table.Option, values: list[str]) -> list[str] | None:
        """Return values to put in place of unknown ones, None to leave the switch out."""
        reader = option.parse
        if reader in ("resources", "jsub_resources"):
            return self._resources(option.switch, values[0])
        if reader == "slots":
            if not expand.is_known(values[0]):
                self._needs(option.switch, values[0])
                return None
            return [values[0], "1"]
        if reader in DECIDES:
            return self._queues(option.switch, values[0])
        if reader in WHOLE:
            return [WHOLE[reader]]
        if option.target in ("project", "checkpoint"):
            self._needs(option.switch, values[0])
            return None
        return [expand.without_marks(value, "x") for value in values]

    def _queues(self, switch: str, value: str) -> list[str] | None:
        """Keep the known entries of a list of queues; all else that decides is left out."""
        entries = value.split(",") if switch in _PLACED else [value]
        kept = [entry for entry in entries if expand.is_known(entry)]
        self._needs(switch, value)
        return [",".join(kept)] if kept else None

    def _resources(self, switch: str, value: str) -> list[str] | None:
        """Give each named resource of unknown value one that its type allows."""
        kept = []
        for member in value.split(","):
            name, equals, asked = member.partition("=")
            if expand.is_known(member):
                kept.append(member)
                continue
            known = complexes.find(name) if expand.is_known(name) and equals else None
            sample = _OF_COMPLEX[known.type] if known else ""
            if sample:
                kept.append(f"{name}={sample}")
            elif expand.is_known(name) and known is None and equals:
                kept.append(f"{name}=1")  # refused whatever the value
            else:
                self._needs(switch, asked or name)
        return [",".join(kept)] if kept else None


def script(
    command: str, text: str, prefix: str, unknowns: Unknowns
) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Return the text of a script in which options in directives are ready, and what they depend on."""
    if text.isascii() or expand.is_known(text):
        return text, ()
    lines: list[str] = []
    depends: list[tuple[str, str]] = []
    for line in text.split("\n"):
        if line.startswith(prefix) and prefix and not expand.is_known(line):
            made = ready(command, directives.split(line[len(prefix) :]), unknowns)
            line = f"{prefix} {' '.join(made.words)}"
            depends += made.depends
        lines.append(line)
    return expand.without_marks("\n".join(lines), "x"), tuple(depends)

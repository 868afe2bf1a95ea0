"""The grid's commands in a program of the shell, with what is known about how they would be called.

Follows variables whose value is certain, directories, wrappers (`nice`, `env`, `sh -c`, `ssh` ...) and what
comes to standard input.  Must not know what a switch means, nor whether a command exists here.
"""

from __future__ import annotations

import os

from gridcompat.migration import expand, shell
from gridcompat.migration.program import Broken, Program
from gridcompat.migration.wrappers import Wrapped, unwrap
from gridcompat.options import table
from gridcompat.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gridcompat.migration.expand import Unknowns
    from gridcompat.migration.program import Command, Word

NAMES = frozenset((*table.COMMANDS, "qsched"))
"""Commands of a grid, also those that are not there here."""
_DISTINCT = tuple(sorted(NAMES - {"job", "qmake"}, key=len, reverse=True))
"""Names that are looked for in text that is not taken apart; `job` is in every other sentence."""
_NESTED = 6
"""Programs in programs (`ssh host "sh -c '...'"`) that are followed."""
_SETTERS = frozenset(("export", "readonly", "declare", "typeset", "local"))
_READERS = frozenset(("read", "getopts", "unset", "mapfile", "readarray", "let"))


@record
class Call:
    """One call of a command of the grid."""

    command: str
    typed: str
    words: tuple[str, ...]
    """Behind the command's name; unknown values are marks of the `Unknowns`."""
    line: int
    environment: tuple[tuple[str, str], ...]
    """Variables whose value is certain."""
    cwd: str | None
    """Working directory, None if it is not known."""
    stdin: str | None = None
    """Text on standard input, None if nobody knows."""
    stdin_file: str = ""
    stdin_source: str = ""
    """Where standard input comes from when its text is not known."""
    stdin_line: int = 0
    """Of the first line of the text, in the file."""
    guessed: str = ""
    """The variable that holds the command, whose value is not known."""
    elsewhere: str = ""
    """The host or account it runs on or as, if another."""
    open_ended: bool = False
    """More words follow that nobody knows (xargs, find)."""


@record
class Finding:
    """Something that is no call but decides about calls."""

    kind: str
    """unread (shell text that is not known or broken), settings (the grid's settings file is read)."""
    text: str
    line: int


def mentions(text: str) -> str:
    """Return a command of the grid that a text speaks of as a word of its own, "" if none."""
    for name in _DISTINCT:
        at = text.find(name)
        while at >= 0:
            before, after = text[at - 1 : at], text[at + len(name) : at + len(name) + 1]
            if not (before.isalnum() or before in ("_", "-", ".")) and not (
                after.isalnum() or after in ("_", "-")
            ):
                return name
            at = text.find(name, at + 1)
    return ""


def find(
    text: str,
    *,
    line: int,
    environment: Mapping[str, str],
    cwd: str | None,
    stdin: str | None,
    unknowns: Unknowns,
) -> Iterator[Call | Finding]:
    """Yield what the commands in a shell's text call, in the order of the text.

    Args:
        text: of the program.
        line: number of its first line.
        environment: variables that are certain when it starts.
        cwd: where it starts; None if nobody knows.
        stdin: what its standard input holds; None if nobody knows.
        unknowns: gets what the marks in the results stand for.
    """
    yield from _Search(unknowns, 0).program(text, line, dict(environment), cwd, stdin)


class _Search:
    """One program while its commands are gone through."""

    def __init__(self, unknowns: Unknowns, depth: int, *, elsewhere: str = "") -> None:
        self.unknowns, self.depth, self.elsewhere = unknowns, depth, elsewhere
        self.program_of: Program
        self.variables: dict[str, str] = {}
        self.unsteady: set[str] = set()
        self.cwd: str | None = None
        self.stdin: str | None = None
        self.groups: list[tuple[int, str | None]] = []
        self.expanded: list[list[str]] = []

    def program(
        self, text: str, line: int, variables: dict[str, str], cwd: str | None, stdin: str | None
    ) -> Iterator[Call | Finding]:
        fault = None
        try:
            program = shell.parse(text, line=line)
        except Broken as broken:
            program, fault = Program(commands=broken.commands), broken
        self.program_of, self.variables, self.cwd, self.stdin = program, variables, cwd, stdin
        self.unsteady = _unsteady(program)
        for name in self.unsteady:
            self.variables.pop(name, None)
        for command in program.commands:
            yield from self._command(command)
        if fault is not None:
            yield Finding(kind="unread", text=f"the shell cannot read it: {fault.text}", line=fault.line)

    def _command(self, command: Command) -> Iterator[Call | Finding]:
        self._enter(command.scope)
        words = [
            piece for word in command.words for piece in expand.expand(word, self.variables, self.unknowns)
        ]
        self.expanded.append(words)
        own = {
            name: expand.one(word.parts, self.variables, self.unknowns) for name, word in command.assignments
        }
        if not words:
            self._set(own)
            return
        wrapped = unwrap(words)
        if wrapped.program is not None:
            yield from self._nested(command, wrapped, own)
        elif wrapped.words:
            yield from self._simple(command, wrapped, own)

    def _simple(self, command: Command, wrapped: Wrapped, own: dict[str, str]) -> Iterator[Call | Finding]:
        typed, *rest = wrapped.words
        name = typed.rpartition("/")[2]
        if name in ("cd", "pushd") and not wrapped.through:
            self._change(rest)
        elif name in _SETTERS:
            pairs = (word.partition("=") for word in rest if "=" in word and word[0] != "-")
            self._set({key: value for key, _, value in pairs})
        elif name in (".", "source"):
            if rest and rest[0].rpartition("/")[2] in ("settings.sh", "settings.csh"):
                yield Finding(kind="settings", text=self.unknowns.shown(rest[0]), line=command.line)
        elif name in NAMES:
            yield self._call(command, name, wrapped, own)
        elif not expand.is_known(name):
            guess = mentions(self.unknowns.shown(name).lower())
            if guess:
                call = self._call(command, guess, wrapped, own)
                yield replace(call, guessed=self.unknowns.shown(typed))

    def _call(self, command: Command, name: str, wrapped: Wrapped, own: dict[str, str]) -> Call:
        known = {**self.variables, **own, **dict(wrapped.assignments)}
        words = wrapped.words[1:]
        if wrapped.open_ended:
            place = self.unknowns.mark("{}", splits=False)
            words = tuple(word.replace("{}", place) for word in words)
        call = Call(
            command=name,
            typed=self.unknowns.shown(wrapped.words[0]),
            words=words,
            line=command.line,
            environment=tuple((key, value) for key, value in known.items() if expand.is_known(value)),
            cwd=self.cwd,
            elsewhere=self.unknowns.shown(wrapped.elsewhere) or self.elsewhere,
            open_ended=wrapped.open_ended and words == wrapped.words[1:],
        )
        return self._with_stdin(call, command)

    def _with_stdin(self, call: Call, command: Command) -> Call:
        source = command.input
        if source is not None and source.kind == "text":
            text = expand.one(source.text, self.variables, self.unknowns)
            return replace(call, stdin=text, stdin_line=source.line)
        if source is not None and source.word is not None:
            words = expand.expand(source.word, self.variables, self.unknowns)
            if source.kind == "file" and len(words) == 1 and expand.is_known(words[0]):
                return replace(call, stdin_file=words[0])
            return replace(call, stdin_source=self.unknowns.shown(" ".join(words)))
        if command.piped_from >= 0:
            return self._piped(call, self.expanded[command.piped_from])
        if self.stdin is not None:
            text, self.stdin = self.stdin, None
            return replace(call, stdin=text, stdin_line=call.line)
        return call

    def _piped(self, call: Call, words: list[str]) -> Call:
        """What a pipe brings: only that of `echo` and `cat` is known."""
        shown = self.unknowns.shown(" ".join(words))
        if words[:1] == ["cat"] and len(words) == 2 and expand.is_known(words[1]) and words[1][:1] != "-":
            return replace(call, stdin_file=words[1])
        if words[:1] == ["echo"] and words[1:2] != ["-n"] and words[1:2] != ["-e"] and "\\" not in shown:
            return replace(call, stdin=" ".join(words[1:]) + "\n", stdin_line=call.line)
        return replace(call, stdin_source=f"a pipe from {words[0] if words else 'a group'}")

    def _nested(self, command: Command, wrapped: Wrapped, own: dict[str, str]) -> Iterator[Call | Finding]:
        """Go through a program that stands in a word or in a here-document."""
        text, line = wrapped.program, command.line
        if text == "" and command.input is not None and command.input.kind == "text":
            text = expand.one(command.input.text, self.variables, self.unknowns)
            line = command.input.line
        if not text:
            return
        if not expand.is_known(text) and not text.strip(" ").strip("".join(map(chr, range(0xD800, 0xDC00)))):
            return  # nothing is known of it, so nothing can be said of it
        if self.depth >= _NESTED:
            yield Finding(kind="unread", text="it is nested too deeply to be read here", line=line)
            return
        inner = _Search(self.unknowns, self.depth + 1, elsewhere=wrapped.elsewhere or self.elsewhere)
        variables = {**self.variables, **own, **dict(wrapped.assignments)}
        for found in inner.program(text, line, variables, None if wrapped.elsewhere else self.cwd, None):
            if isinstance(found, Call) or mentions(text):
                yield found

    # -- variables and directories ---------------------------------------------------------------

    def _set(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            if name not in self.unsteady:
                self.variables[name] = value

    def _change(self, words: list[str]) -> None:
        place = next((word for word in words if word[:1] != "-"), self.variables.get("HOME", ""))
        if not place or not expand.is_known(place) or (self.cwd is None and not os.path.isabs(place)):
            self.cwd = None
        else:
            self.cwd = os.path.normpath(os.path.join(self.cwd or "/", place))

    def _enter(self, scope: tuple[int, ...]) -> None:
        """Leave the groups that have ended and enter those that begin."""
        while self.groups and self.groups[-1][0] not in scope:
            number, before = self.groups.pop()
            inside = number in self.program_of.subshells or number in self.program_of.functions
            if inside:
                self.cwd = before
            elif self.cwd != before:
                self.cwd = None
        for number in scope[len(self.groups) :]:
            self.groups.append((number, self.cwd))
            if number in self.program_of.functions:
                self.cwd = None


def _unsteady(program: Program) -> set[str]:
    """Return the variables whose value at some place depends on what happens at run time."""
    found: set[str] = set()
    seen: set[str] = set()
    for command in program.commands:
        names = [name for name, _ in command.assignments] if not command.words else []
        first = command.words[0].literal if command.words else None
        if first in _SETTERS or first in _READERS:
            names += [_name_of(word) for word in command.words[1:]]
        for name in names:
            if not command.sure or first in _READERS or (program.functions and name in seen):
                found.add(name)
            seen.add(name)
    found.discard("")
    return found


def _name_of(word: Word) -> str:
    part = word.parts[0]
    return part.text.partition("=")[0] if part.kind == "text" and part.text[:1] != "-" else ""

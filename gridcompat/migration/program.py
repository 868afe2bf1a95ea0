"""What `shell` makes of a text: commands, their words and what stands around them. Records only."""

from __future__ import annotations

from gridcompat.record import record


class Broken(Exception):
    """A shell would not take the text. `commands` are those before the place, `line` is where it begins."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.text = text
        self.line = line
        self.commands: tuple[Command, ...] = ()


@record
class Part:
    """A piece of a word: text as it is, or what only a running shell knows."""

    kind: str
    """text; variable (`text` is its name); other (a substitution, an arithmetic value, a pattern)."""
    text: str
    source: str = ""
    """As typed, for messages."""
    quoted: bool = False


@record
class Word:
    """One word as typed."""

    parts: tuple[Part, ...]
    line: int

    @property
    def literal(self) -> str | None:
        """The word without its quotes, None if the shell works anything out in it."""
        if any(part.kind != "text" for part in self.parts):
            return None
        return "".join(part.text for part in self.parts)

    @property
    def bare(self) -> str:
        """The word if nothing in it is quoted or worked out, else ""; only such are reserved words."""
        if len(self.parts) == 1 and self.parts[0].kind == "text" and not self.parts[0].quoted:
            return self.parts[0].text
        return ""


@record
class Input:
    """What a command's standard input is redirected to."""

    kind: str
    """file, text (a here-document or here-string), or other."""
    word: Word | None = None
    text: tuple[Part, ...] = ()
    line: int = 0
    """Of the first line of a here-document."""


@record
class Command:
    """A simple command, or the end of a group with its redirections (no words)."""

    words: tuple[Word, ...]
    assignments: tuple[tuple[str, Word], ...]
    line: int
    last_line: int
    input: Input | None = None
    piped_from: int = -1
    """Place in the list of the command whose output is read; -1 for none."""
    scope: tuple[int, ...] = ()
    """Numbers of the groups around it, outermost first."""
    sure: bool = True
    """It runs whenever the shell comes by: in no branch, loop, function, group or pipe."""


@record
class Program:
    """A text taken apart."""

    commands: tuple[Command, ...]
    subshells: frozenset[int] = frozenset()
    """Groups whose directory and variables end with them."""
    functions: frozenset[int] = frozenset()
    """Groups that are bodies of functions."""


class HereDocument:
    """A here-document that was announced and not yet read."""

    def __init__(self, word: Word, *, dashed: bool) -> None:
        self.end = "".join(part.text if part.kind == "text" else part.source for part in word.parts)
        self.quoted = any(part.quoted for part in word.parts)
        self.dashed = dashed
        self.command = -1
        """Place of the command that reads it."""

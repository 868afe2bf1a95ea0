"""POSIX shell and bash, taken apart as far as needed to find the commands in it.

No tree comes out but a flat list of simple commands in the order of the text, each with what stands
around it.  Nothing is expanded here and nothing is looked up.  Text that no shell would take raises
`Broken`, which keeps what was found before it.  Time is linear in the text: whatever is read twice
(backquotes) is bounded by `DEEPEST`.
"""

from __future__ import annotations

import re

from gridcompat.migration.program import Broken, Command, HereDocument, Input, Part, Program, Word
from gridcompat.record import replace

DEEPEST = 40
"""Nested substitutions and groups; people write four. Each costs some frames of the interpreter."""


_PLAIN = re.compile(r"[^\s\\'\"`$|&;<>()*?\[~#]+")
_IN_DOUBLE = re.compile(r"[^\\\"`$]+")
_BLANKS = re.compile(r"(?:[ \t\r\f\v]|\\\n)+")
_COMMENT = re.compile(r"[^\n]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\[[^\]=\s]*\])?(\+?)=")
OPERATOR = re.compile(r"&&|\|\||;;&|;&|;;|\|&|[;&|\n]")
REDIRECTION = re.compile(r"(\d*|\{[A-Za-z_]\w*\})(<<<|<<-|<<|<>|<&|>&|>>|>\||&>>|&>|<|>)")
OPENERS = frozenset(("if", "while", "until", "for", "select", "case", "{"))
CLOSERS = {"fi": ("if",), "done": ("while", "until", "for", "select"), "esac": ("case",), "}": ("{",)}
SKIPPED = frozenset(("then", "do", "else", "elif", "!"))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "e": "\x1b"}


def parse(text: str, *, line: int = 1) -> Program:
    """Return the commands of a text whose first line has this number.

    Raises:
        Broken: no shell would take it; its `commands` are those before the place.
    """
    state = _State()
    reader = Reader(text, line, state, 0)
    try:
        reader.program("")
    except Broken as broken:
        broken.commands = tuple(state.commands)
        raise
    return Program(
        commands=tuple(state.commands),
        subshells=frozenset(state.subshells),
        functions=frozenset(state.functions),
    )


class _State:
    """What nested readers share."""

    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.subshells: set[int] = set()
        self.functions: set[int] = set()
        self.groups = 0

    def group(self) -> int:
        self.groups += 1
        return self.groups


class Reader:
    """One text while it is read; substitutions in it are read by the same reader, one level deeper."""

    def __init__(self, text: str, line: int, state: _State, depth: int, scope: tuple[int, ...] = ()) -> None:
        self.text, self.at, self.line = text, 0, line
        self.state, self.depth, self.scope = state, depth, scope
        self.waiting: list[HereDocument] = []
        """Here-documents whose text comes after the line."""

    # -- characters ------------------------------------------------------------------------------

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.at)

    def advance(self, end: int) -> str:
        taken = self.text[self.at : end]
        self.line += taken.count("\n")
        self.at = end
        return taken

    def blanks(self) -> None:
        """Skip blanks, continued lines and a comment."""
        found = _BLANKS.match(self.text, self.at)
        if found:
            self.advance(found.end())
        if self.peek("#") and (found or self.at == 0 or self.text[self.at - 1] in "\n;&|() \t"):
            self.advance(_COMMENT.match(self.text, self.at).end())  # type: ignore[union-attr]  # matches ""

    # -- words -----------------------------------------------------------------------------------

    def word(self, *, stop: str = "") -> Word | None:
        """Read a word; None when none begins here."""
        line = self.line
        parts: list[Part] = []
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter in stop:
                break
            plain = _PLAIN.match(self.text, self.at)
            if plain and not stop:
                self._add(parts, self.advance(plain.end()))
            elif (
                letter in " \t\n\r\f\v|&;()<>"
                and not (letter in "<>" and self.text[self.at + 1 :][:1] == "(")
            ) or (letter == "#" and not parts):
                break
            else:
                self._piece(letter, parts)
        if not parts:
            return None
        return Word(parts=tuple(parts), line=line)

    def _piece(self, letter: str, parts: list[Part]) -> None:
        """Read what begins with a letter that means something."""
        if letter == "\\":
            taken = self.advance(min(self.at + 2, len(self.text)))
            if taken != "\\\n":
                self._add(parts, taken[1:] or "\\", quoted=True)
        elif letter == "'":
            self._add(parts, self._until("'"), quoted=True)
        elif letter == '"':
            self.advance(self.at + 1)
            self._double(parts)
        elif letter in "$`":
            self._dollar(parts, quoted=False)
        elif letter in "<>":
            start = self.at
            self.advance(self.at + 2)
            self.nested(")")
            parts.append(Part(kind="other", text="", source=self.text[start : self.at]))
        elif letter in "*?[":
            parts.append(Part(kind="other", text=letter, source=self.advance(self.at + 1)))
        elif letter == "~" and not parts:
            taken = self.advance(self.at + 1)
            name = _NAME.match(self.text, self.at)
            if name is None and self.text[self.at : self.at + 1] in (
                "",
                "/",
                " ",
                "\t",
                "\n",
                ":",
                ";",
                "&",
                "|",
                ")",
            ):
                parts.append(Part(kind="variable", text="HOME", source="~", quoted=True))
            elif name is not None:
                taken += self.advance(name.end())
                parts.append(Part(kind="other", text="", source=taken, quoted=True))
            else:
                self._add(parts, taken)
        else:
            self._add(parts, self.advance(self.at + 1))

    @staticmethod
    def _add(parts: list[Part], text: str, *, quoted: bool = False) -> None:
        if parts and parts[-1].kind == "text" and parts[-1].quoted == quoted:
            text = parts.pop().text + text
        parts.append(Part(kind="text", text=text, quoted=quoted))

    def _until(self, quote: str) -> str:
        """Return what stands between here and the next quote, and go behind it."""
        end = self.text.find(quote, self.at + 1)
        if end < 0:
            raise Broken(f"a quote {quote} is not closed", self.line)
        inside = self.text[self.at + 1 : end]
        self.advance(end + 1)
        return inside

    def _double(self, parts: list[Part]) -> None:
        """Read to the end of double quotes."""
        begun = self.line
        self._add(parts, "", quoted=True)
        while self.at < len(self.text):
            plain = _IN_DOUBLE.match(self.text, self.at)
            if plain:
                self._add(parts, self.advance(plain.end()), quoted=True)
            elif self.peek('"'):
                self.advance(self.at + 1)
                return
            elif self.peek("\\"):
                taken = self.advance(min(self.at + 2, len(self.text)))
                self._add(parts, _in_quotes(taken), quoted=True)
            else:
                self._dollar(parts, quoted=True)
        raise Broken('a quote " is not closed', begun)

    def _dollar(self, parts: list[Part], *, quoted: bool) -> None:
        """Read a `$` or a backquote and what belongs to it."""
        start = self.at
        if self.peek("`"):
            self._backquotes()
        elif self.peek("$(("):
            self._arithmetic()
        elif self.peek("$("):
            self.advance(self.at + 2)
            self.nested(")")
        elif self.peek("${"):
            name = _braced(self.text, self.at)
            if name:
                self.advance(self.at + len(name) + 3)
                parts.append(Part(kind="variable", text=name, source=f"${{{name}}}", quoted=quoted))
                return
            self._braces()
        elif self.peek("$'") and not quoted:
            self.advance(self.at + 1)
            self._add(parts, self._ansi(), quoted=True)
            return
        elif self.peek('$"') and not quoted:
            self.advance(self.at + 2)
            self._double(parts)
            return
        else:
            self._variable(parts, quoted=quoted)
            return
        parts.append(Part(kind="other", text="", source=self.text[start : self.at], quoted=quoted))

    def _variable(self, parts: list[Part], *, quoted: bool) -> None:
        name = _NAME.match(self.text, self.at + 1)
        if name:
            self.advance(name.end())
            parts.append(Part(kind="variable", text=name[0], source=f"${name[0]}", quoted=quoted))
        elif self.text[self.at + 1 : self.at + 2] and self.text[self.at + 1] in "0123456789@*#?$!-":
            source = self.advance(self.at + 2)
            # "$@" is as many words as there are, although it stands in quotes
            parts.append(Part(kind="other", text="", source=source, quoted=quoted and source != "$@"))
        else:
            self._add(parts, self.advance(self.at + 1), quoted=quoted)

    def _ansi(self) -> str:
        """Read $'...' with its escapes; the numeric ones stay as typed."""
        begun = self.line
        found: list[str] = []
        self.advance(self.at + 1)
        while self.at < len(self.text):
            letter = self.advance(self.at + 1)
            if letter == "'":
                return "".join(found)
            if letter == "\\":
                escaped = self.advance(min(self.at + 1, len(self.text)))
                letter = _ESCAPES.get(escaped, escaped if escaped in "\\'\"?" else "\\" + escaped)
            found.append(letter)
        raise Broken("a quote ' is not closed", begun)

    def _backquotes(self) -> None:
        """Read `...`: its text without one level of backslashes is a program."""
        begun = self.line
        found: list[str] = []
        self.advance(self.at + 1)
        while self.at < len(self.text):
            letter = self.advance(self.at + 1)
            if letter == "`":
                self._inside("".join(found), begun)
                return
            if letter == "\\" and self.text[self.at : self.at + 1] and self.text[self.at] in "`$\\":
                letter = self.advance(self.at + 1)
            found.append(letter)
        raise Broken("a backquote is not closed", begun)

    def _inside(self, text: str, line: int) -> None:
        """Read a text that is a program of its own, in a subshell."""
        group = self._deeper()
        self.state.subshells.add(group)
        Reader(text, line, self.state, self.depth + 1, (*self.scope, group)).program("")

    def _deeper(self) -> int:
        if self.depth >= DEEPEST:
            raise Broken("it is nested too deeply to be read here", self.line)
        return self.state.group()

    def nested(self, closer: str) -> None:
        """Read a program in parentheses, behind the opening one, in a subshell."""
        group = self._deeper()
        self.state.subshells.add(group)
        before = self.scope, self.waiting
        self.scope, self.waiting = (*self.scope, group), []
        self.depth += 1
        self.program(closer)
        self.depth -= 1
        self.scope, self.waiting = before

    def _arithmetic(self) -> None:
        """Read `$((...))`; when it turns out to be a group in a substitution, read it as that."""
        end = closing(self.text, self.at + 1)
        if end < 0:
            raise Broken("$(( is not closed", self.line)
        if self.text[end - 2 : end] == "))":
            self.advance(end)
        else:
            self.advance(self.at + 2)
            self.nested(")")

    def _braces(self) -> None:
        """Read `${...}` that is more than a name."""
        begun = self.line
        if self.depth >= DEEPEST:
            raise Broken("it is nested too deeply to be read here", begun)
        self.depth += 1
        self.advance(self.at + 2)
        parts: list[Part] = []
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "}":
                self.advance(self.at + 1)
                self.depth -= 1
                return
            if letter in "\\'\"$`":
                self._piece(letter, parts)
                parts.clear()
            else:
                self.advance(self.at + 1)
        raise Broken("${ is not closed", begun)

    # -- commands --------------------------------------------------------------------------------

    def program(self, closer: str) -> None:
        """Read commands up to the closer, or to the end when it is empty."""
        from gridcompat.migration.grammar import Grammar

        Grammar(self).read(closer)

    def here_documents(self) -> None:
        """Read the here-documents that the line just ended has announced."""
        waiting, self.waiting = self.waiting, []
        for document in waiting:
            begun, body = self.line, []
            # A shell warns and goes on when the end is missing.
            while self.at < len(self.text):
                stop = self.text.find("\n", self.at)
                row = self.advance(len(self.text) if stop < 0 else stop + 1)
                row = row.lstrip("\t") if document.dashed else row
                if row.rstrip("\n") == document.end:
                    break
                body.append(row)
            text = "".join(body)
            whole = (Part(kind="text", text=text, quoted=True),)
            parts = whole if document.quoted else self._expanding(text, begun)
            if document.command >= 0:
                command = self.state.commands[document.command]
                source = Input(kind="text", text=parts, line=begun)
                self.state.commands[document.command] = replace(command, input=source)

    def _expanding(self, text: str, line: int) -> tuple[Part, ...]:
        """Return the parts of a here-document in which the shell works things out."""
        if "$" not in text and "`" not in text and "\\" not in text:
            return (Part(kind="text", text=text, quoted=True),)
        group = self._deeper()
        inner = Reader(text, line, self.state, self.depth + 1, (*self.scope, group))
        parts: list[Part] = []
        while inner.at < len(text):
            letter = text[inner.at]
            if letter in "$`":
                inner._dollar(parts, quoted=True)
            elif letter == "\\":
                taken = inner.advance(min(inner.at + 2, len(text)))
                self._add(
                    parts,
                    "" if taken == "\\\n" else taken[1:] if taken[1:] in ("$", "`", "\\") else taken,
                    quoted=True,
                )
            else:
                stop = _HERE.match(text, inner.at)
                assert stop is not None
                self._add(parts, inner.advance(stop.end()), quoted=True)
        return tuple(parts)


_HERE = re.compile(r"[^\\`$]+")


def _in_quotes(taken: str) -> str:
    """Return what a backslash and the letter behind it are within double quotes."""
    if taken == "\\\n":
        return ""
    return taken[1:] if taken[1:] in ("$", "`", '"', "\\") else taken


def _braced(text: str, at: int) -> str:
    """Return the name in `${NAME}`, "" if there is more in the braces."""
    name = _NAME.match(text, at + 2)
    return name[0] if name and text[name.end() : name.end() + 1] == "}" else ""


_PARENTHESES = re.compile(r"[()\\'\"]")


def closing(text: str, at: int) -> int:
    """Return the place behind the parenthesis that closes the one at a place, -1 if there is none."""
    depth = 0
    while found := _PARENTHESES.search(text, at):
        letter, at = found[0], found.end()
        if letter == "\\":
            at += 1
        elif letter in "'\"":
            end = text.find(letter, at)
            at = end + 1 if end >= 0 else at
        else:
            depth += 1 if letter == "(" else -1
            if not depth:
                return at
    return -1

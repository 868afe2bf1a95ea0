"""The grammar of shell commands: lists, pipes, groups, loops, branches, functions, redirections.

Works on the characters and words that `shell` reads and puts flat commands into its state.  Knows of
reserved words only what is needed to tell where a command begins.
"""

from __future__ import annotations

from gridcompat.migration import shell
from gridcompat.migration.program import Broken, Command, HereDocument, Input, Part, Word
from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.migration.shell import Reader


class Grammar:
    """Reads one program."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.open: list[tuple[str, int, int]] = []
        """Groups that are open: reserved word, line, number."""
        self.chained = False
        """An && or || stands before, on this line."""
        self.dangling = False
        """The last thing read was an && or ||, so a line's end does not end the list."""
        self.function_next = False
        self.piped = -1
        self.in_pattern = False
        """Between `in` or `;;` of a case and the parenthesis that ends the pattern."""

    def read(self, closer: str) -> None:
        """Read up to the closer, or to the end when it is empty."""
        reader = self.reader
        while True:
            reader.blanks()
            if reader.at >= len(reader.text):
                if closer:
                    raise Broken("a ( is not closed", reader.line)
                if self.open:
                    raise Broken(f"{self.open[-1][0]} is not ended", self.open[-1][1])
                return
            if self.in_pattern:
                self._pattern()
            elif reader.peek(")"):
                if not closer:
                    raise Broken("a ) too many", reader.line)
                reader.advance(reader.at + 1)
                return
            elif reader.peek("("):
                self._parenthesis()
            elif not self._operator():
                self._command()

    def _operator(self) -> bool:
        """Read what stands between commands; say whether there was anything."""
        reader = self.reader
        found = shell.OPERATOR.match(reader.text, reader.at)
        if found is None or reader.text.startswith("&>", reader.at):
            return False
        operator = reader.advance(found.end())
        if operator == "\n":
            reader.here_documents()
        self.chained = operator in ("&&", "||") or (operator == "\n" and self.chained and self.dangling)
        self.dangling = operator in ("&&", "||")
        self.piped = len(reader.state.commands) - 1 if operator in ("|", "|&") else -1
        if operator in (";;", ";&", ";;&"):
            self.in_pattern = bool(self.open) and self.open[-1][0] == "case"
        return True

    def _scope(self) -> tuple[int, ...]:
        return (*self.reader.scope, *(number for _, _, number in self.open))

    def _parenthesis(self) -> None:
        """Read `((...))` or a group in a subshell, and its redirections."""
        reader = self.reader
        if reader.peek("(("):
            end = shell.closing(reader.text, reader.at)
            if end < 0:
                raise Broken("a ( is not closed", reader.line)
            if reader.text[end - 2 : end] == "))":
                reader.advance(end)
                return
        line = reader.line
        if self.function_next:
            reader.state.functions.add(reader.state.groups + 1)
            self.function_next = False
        reader.advance(reader.at + 1)
        before, reader.scope = reader.scope, self._scope()
        reader.nested(")")
        reader.scope = before
        self._rest([], [], line)

    def _command(self) -> None:
        """Read one simple command, or a reserved word."""
        reader = self.reader
        line = reader.line
        if reader.peek("[[") and reader.text[reader.at + 2 : reader.at + 3] in (" ", "\t", "\n"):
            self._condition(line)
            return
        if (
            shell.REDIRECTION.match(reader.text, reader.at)
            and reader.text[reader.at + 1 : reader.at + 2] != "("
        ):
            self._leading_redirections(line)
            return
        word = reader.word()
        if word is None:
            # a letter that begins nothing: a lone # behind a word, for example
            reader.advance(reader.at + 1)
            return
        reserved = word.bare
        if reserved in shell.OPENERS:
            self._opens(reserved, line)
        elif reserved in shell.CLOSERS and self.open and self.open[-1][0] in shell.CLOSERS[reserved]:
            self.open.pop()
            self._rest([], [], line)
        elif reserved in shell.CLOSERS and reserved != "}":
            raise Broken(f"{reserved} without its beginning", line)
        elif reserved == "function":
            reader.blanks()
            reader.word()
            self._function_mark()
        elif reserved in shell.SKIPPED:
            return
        elif self._is_function():
            self._function_mark()
        else:
            self._simple(word, line)

    def _leading_redirections(self, line: int) -> None:
        """Read a command that begins with redirections, which may be all of it."""
        reader = self.reader
        word = Part(kind="text", text=":", quoted=True)
        self._rest([Word(parts=(word,), line=line)], [], line)
        command = reader.state.commands[-1]
        if len(command.words) > 1:
            reader.state.commands[-1] = replace(command, words=command.words[1:])

    def _opens(self, reserved: str, line: int) -> None:
        reader = self.reader
        if len(self.open) + reader.depth >= shell.DEEPEST:
            raise Broken("it is nested too deeply to be read here", line)
        number = reader.state.group()
        if self.function_next:
            reader.state.functions.add(number)
            self.function_next = False
        if reserved in ("for", "select"):
            self._loop_head(line)
        elif reserved == "case":
            reader.blanks()
            reader.word()
            self._newlines()
            word = reader.word()
            if word is None or word.bare != "in":
                raise Broken("case without in", line)
            self.in_pattern = True
        self.open.append((reserved, line, number))

    def _newlines(self) -> None:
        self.reader.blanks()
        while self.reader.peek("\n"):
            self.reader.advance(self.reader.at + 1)
            self.reader.blanks()

    def _loop_head(self, line: int) -> None:
        """Read NAME and its words; the variable counts as set to nobody knows what."""
        reader = self.reader
        reader.blanks()
        if reader.peek("(("):
            end = shell.closing(reader.text, reader.at)
            if end < 0:
                raise Broken("(( is not closed", line)
            reader.advance(end)
            return
        name = reader.word()
        if name is None:
            raise Broken("for without a name", line)
        mark = Word(parts=(Part(kind="text", text="read"),), line=line)
        self._add(Command(words=(mark, name), assignments=(), line=line, last_line=line, sure=False))
        self._newlines()
        at, before = reader.at, reader.line
        word = reader.word()
        if word is None or word.bare != "in":
            reader.at, reader.line = at, before
            return
        reader.blanks()
        while reader.word() is not None:
            reader.blanks()

    def _pattern(self) -> None:
        """Read a pattern of a case up to its parenthesis, or the esac."""
        reader = self.reader
        if reader.peek("\n"):
            reader.advance(reader.at + 1)
            return
        at, line = reader.at, reader.line
        word = reader.word()
        if word is not None and word.bare == "esac":
            reader.at, reader.line = at, line
            self.in_pattern = False
        elif word is None:
            letter = reader.advance(reader.at + 1)
            if letter == ")":
                self.in_pattern = False
            elif letter not in "(|":
                raise Broken("a pattern of case is not ended", line)

    def _is_function(self) -> bool:
        """Read the `()` behind the name of a function, if it is there."""
        reader = self.reader
        at, line = reader.at, reader.line
        reader.blanks()
        if reader.peek("("):
            reader.advance(reader.at + 1)
            reader.blanks()
            if reader.peek(")"):
                reader.advance(reader.at + 1)
                return True
        reader.at, reader.line = at, line
        return False

    def _function_mark(self) -> None:
        self.reader.blanks()
        if self.reader.peek("("):
            self._is_function()
        self._newlines()
        self.function_next = True

    def _condition(self, line: int) -> None:
        """Read `[[ ... ]]`, in which operators are none."""
        reader = self.reader
        while reader.at < len(reader.text):
            reader.blanks()
            word = reader.word()
            if word is not None and word.bare == "]]":
                self._rest([], [], line)
                return
            if word is None and reader.at < len(reader.text):
                reader.advance(reader.at + 1)
        raise Broken("[[ is not closed", line)

    def _simple(self, word: Word, line: int) -> None:
        assignments: list[tuple[str, Word]] = []
        words: list[Word] = []
        self._assignment_or(word, assignments, words)
        self._rest(words, assignments, line)

    def _assignment_or(self, word: Word, assignments: list[tuple[str, Word]], words: list[Word]) -> None:
        """Put a word where it belongs: NAME=VALUE before the command, or its words."""
        first = word.parts[0]
        found = shell.ASSIGNMENT.match(first.text) if first.kind == "text" and not first.quoted else None
        if found is None or words:
            words.append(word)
            return
        rest = first.text[found.end() :]
        parts = ((Part(kind="text", text=rest),) if rest else ()) + word.parts[1:]
        if not rest and len(word.parts) == 1 and self.reader.peek("("):
            self.reader.advance(self.reader.at + 1)
            self._list()
            parts = (Part(kind="other", text="", source=f"${{{found[1]}[@]}}"),)
        elif found[2] or found[3]:
            parts = (Part(kind="other", text="", source=f"${found[1]}"),)
        elif rest[:1] == "~" and (rest[1:2] in ("", "/")):
            home = Part(kind="variable", text="HOME", source="~", quoted=True)
            parts = (home, Part(kind="text", text=rest[1:]), *word.parts[1:])
        assignments.append((found[1], Word(parts=parts, line=word.line)))

    def _list(self) -> None:
        """Read the words of an array up to its parenthesis."""
        reader = self.reader
        while reader.at < len(reader.text):
            self._newlines()
            if reader.peek(")"):
                reader.advance(reader.at + 1)
                return
            if reader.word() is None:
                reader.advance(reader.at + 1)
        raise Broken("a ( is not closed", reader.line)

    def _rest(self, words: list[Word], assignments: list[tuple[str, Word]], line: int) -> None:
        """Read the other words and the redirections of a command and note it down."""
        reader = self.reader
        piped, chained, scope = self.piped, self.chained, self._scope()
        group = not words and not assignments
        source: Input | None = None
        documents: list[HereDocument] = []
        while True:
            reader.blanks()
            redirection = shell.REDIRECTION.match(reader.text, reader.at)
            if redirection and reader.text[redirection.end() - 1 : redirection.end() + 1] not in ("<(", ">("):
                source = self._redirection(redirection[2], redirection.end(), documents) or source
                continue
            word = None if group and not words else reader.word()
            if word is None:
                break
            self._assignment_or(word, assignments, words)
        for document in documents:
            document.command = len(reader.state.commands)
        piping = reader.peek("|") and not reader.peek("||")
        self._add(
            Command(
                words=tuple(words),
                assignments=tuple(assignments),
                line=line,
                last_line=reader.line,
                input=source,
                piped_from=piped,
                scope=scope,
                sure=not scope and not chained and piped < 0 and not piping,
            )
        )
        self.piped = -1

    def _add(self, command: Command) -> None:
        self.dangling = False
        self.reader.state.commands.append(command)

    def _redirection(self, operator: str, end: int, documents: list[HereDocument]) -> Input | None:
        """Read a redirection and return what standard input becomes, None if it stays."""
        reader = self.reader
        number = reader.text[reader.at : end - len(operator)]
        reader.advance(end)
        reader.blanks()
        line = reader.line
        word = reader.word()
        if word is None:
            raise Broken(f"{operator} without a file", line)
        ours = number in ("", "0")
        if operator in ("<<", "<<-"):
            document = HereDocument(word, dashed=operator == "<<-")
            reader.waiting.append(document)
            documents += [document] if ours else []
            return None
        if not ours or operator[0] != "<":
            return None
        if operator == "<<<":
            return Input(kind="text", text=word.parts, line=line)
        return Input(kind="file" if operator in ("<", "<>") else "other", word=word, line=line)

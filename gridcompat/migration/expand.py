"""Words of a shell as far as their values are known before anything runs.

A value that only the running shell knows is one letter in the text, a mark, which no decoded file can
hold: a lone high surrogate.  So texts with unknown places can be split, joined and taken apart again
like any other, and `Unknowns` tells what was meant.  Must not know commands.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gridcompat.migration.program import Part, Word

_QUOTED = 0xD800
"""Marks from here stand for one piece of a word; from _SPLITTING for any number of words, also none."""
_SPLITTING = 0xDA00
_END = 0xDC00
_MOST = _SPLITTING - _QUOTED
_BREAK = "\udbff"
"""Between the words that one word has become. Never given out as a mark."""


class Unknowns:
    """What the marks in texts stand for."""

    def __init__(self) -> None:
        self._sources: list[str] = []
        self._marks: dict[str, int] = {}

    def mark(self, source: str, *, splits: bool) -> str:
        """Return the mark of an unknown value; beyond a number of them all are called the same."""
        known = self._marks.get(source)
        if known is None:
            if len(self._sources) >= _MOST - 2:
                source = "a variable"
            known = self._marks.setdefault(source, len(self._sources))
            if known == len(self._sources):
                self._sources.append(source)
        return chr((_SPLITTING if splits else _QUOTED) + known)

    def sources(self, text: str) -> tuple[str, ...]:
        """Return what is unknown in a text, as typed, each once."""
        found = [self._sources[place] for place in map(_place, text) if 0 <= place < len(self._sources)]
        return tuple(dict.fromkeys(found))

    def shown(self, text: str) -> str:
        """Return a text as it was typed, as far as that can be told."""
        if is_known(text):
            return text
        return "".join(
            self._sources[place] if 0 <= (place := _place(letter)) < len(self._sources) else letter
            for letter in text
        )


def _place(letter: str) -> int:
    code = ord(letter)
    if not _QUOTED <= code < _END:
        return -1
    return code - (_SPLITTING if code >= _SPLITTING else _QUOTED)


def is_known(text: str) -> bool:
    """Say whether there is no mark in a text."""
    return text.isascii() or not any(_QUOTED <= ord(letter) < _END for letter in text)


def splits(text: str) -> bool:
    """Say whether a word may become several words, or none."""
    return not text.isascii() and any(_SPLITTING <= ord(letter) < _END for letter in text)


def without_marks(text: str, instead: str) -> str:
    """Return a text with something in place of each mark."""
    if text.isascii():
        return text
    return "".join(instead if _QUOTED <= ord(letter) < _END else letter for letter in text)


def expand(word: Word, variables: Mapping[str, str], unknowns: Unknowns) -> list[str]:
    """Return the words that a word becomes; a variable that is not among those given is unknown."""
    whole = word.literal
    if whole is not None:
        return [whole]
    quoted = any(part.quoted or (part.kind == "text" and part.text) for part in word.parts)
    text = "".join(_value(part, variables, unknowns, splitting=True) for part in word.parts)
    found = [piece for piece in text.split(_BREAK) if piece]
    return found or ([""] if quoted else [])


def one(parts: Sequence[Part] | Iterable[Part], variables: Mapping[str, str], unknowns: Unknowns) -> str:
    """Return a text in which the shell parts no words: an assignment, a here-document."""
    return "".join(_value(part, variables, unknowns, splitting=False) for part in parts)


def _value(part: Part, variables: Mapping[str, str], unknowns: Unknowns, *, splitting: bool) -> str:
    if part.kind == "text":
        return part.text
    free = splitting and not part.quoted
    value = variables.get(part.text) if part.kind == "variable" else None
    if value is None:
        return unknowns.mark(part.source or part.text, splits=free)
    if not free or not any(letter in " \t\n" for letter in value):
        return value
    pieces = _BREAK.join(value.split())
    return f"{_BREAK if value[:1].isspace() else ''}{pieces}{_BREAK if value[-1:].isspace() else ''}"

"""Records looked for in a large accounting file: what `qacct -j` finds among a million of them.

Says the same as `accounting.raw` does line by line, which is what the tests hold it to.  What must
stand in a line is looked for by the C library's `strstr`; of a selection by one field a regular
expression reads each line up to that field.  Either way the lines that are found are looked at once
more.  A small file is read the plain way: that is done before `re` or `ctypes` is imported.

Must not know switches or how anything is printed.
"""

from __future__ import annotations

import os

from gridcompat.accounting import POSITION, blocks, raw, words_of
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    _Find: TypeAlias = Callable[[bytes, int], int]

PATTERNS_FROM_BYTES = 1 << 20
"""A smaller file is read before `re` is imported and a pattern made."""
STRSTR_FROM_BYTES = 1 << 23
"""A smaller file is searched before `ctypes` is imported."""
VALUES_KNOWN = 1 << 16
"""Different values of a field that are asked about once: a megabyte or ten."""
SUBMITTED = POSITION["submission_time"]
FIELD = b"[^:]*+:"
"""Also over the end of a line, for a class of two letters takes four times as long: see where it is used."""


@record
class Span:
    """A selection by time; both ends belong to it. Epoch seconds."""

    at: int
    """The field that is compared."""
    begin: int = 0
    end: int | None = None

    def has(self, words: Sequence[str]) -> bool:
        """Return whether a record is within; one without a time is not."""
        return len(words) > max(self.at, SUBMITTED) and self.holds(words[self.at], words[SUBMITTED])

    def holds(self, time: str | bytes, submitted: str | bytes) -> bool:
        """Return whether a record of this time is within."""
        try:
            seconds = int(float(time))
            # What never started began with none, but ended no earlier than it was submitted.
            last = seconds or int(float(submitted))
        except (ValueError, OverflowError):
            return False
        return self.begin <= seconds and (self.end is None or last <= self.end)


# ---------------------------------------------------------------- lines that hold something


def found(path: str, needle: bytes) -> Iterator[list[str]]:
    """Yield the fields of each record whose line holds `needle`, as `accounting.raw` does.

    Raises:
        OSError: the file cannot be read.
    """
    for block in holding(path, needle):
        for text in block.split(b"\n"):
            if text and (words := words_of(text)) is not None:
                yield words


def has_bytes(path: str, least: int) -> bool:
    """Return whether a file is as large as that."""
    return os.stat(path).st_size >= least


def holding(path: str, needle: bytes) -> Iterator[bytes]:
    """Yield the lines that hold `needle`, several at a time, each with its newline."""
    fast = b"\0" not in needle and has_bytes(path, STRSTR_FROM_BYTES)
    finder = (_strstr() if fast else None) or _plain
    for block in blocks(path):
        find = finder(block)
        lines = []
        at = find(needle, 0)
        while at >= 0:
            end = block.find(b"\n", at)
            end = len(block) if end < 0 else end
            lines.append(block[block.rfind(b"\n", 0, at) + 1 : end])
            at = find(needle, end)
        if lines:
            yield b"\n".join(lines) + b"\n"


def _plain(block: bytes) -> _Find:
    return block.find


def _strstr() -> Callable[[bytes], _Find] | None:
    """Return what makes a `find` of a block, thirty times as fast as the bytes' own; None without one."""
    try:
        import ctypes

        strstr = ctypes.CDLL(None).strstr
    except (ImportError, OSError, AttributeError, MemoryError):
        return None  # an interpreter without `ctypes`, or not allowed to use it
    strstr.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    strstr.restype = ctypes.c_void_p

    def finder(block: bytes) -> _Find:
        if b"\0" in block:
            return block.find  # C's text ends there
        start = ctypes.cast(ctypes.c_char_p(block), ctypes.c_void_p).value or 0

        def find(needle: bytes, at: int) -> int:
            place: int | None = strstr(start + at, needle)
            return -1 if place is None else place - start

        return find

    return finder


# ---------------------------------------------------------------- lines by one field


def passing(path: str, at: int, passes: Callable[[str], bool]) -> Iterator[list[str]]:
    """Yield the fields of each record whose field `at` passes, a value being asked about once.

    Raises:
        OSError: the file cannot be read.
    """
    if not has_bytes(path, PATTERNS_FROM_BYTES):
        yield from (words for words in raw(path) if len(words) > at and passes(words[at]))
        return
    import re
    from functools import lru_cache

    @lru_cache(VALUES_KNOWN)
    def wanted(value: bytes) -> bool:
        return passes(value.decode("utf-8", "surrogateescape"))

    pattern = re.compile(behind_newline(at) + b"([^:\n]*+))")
    for block in blocks(path):
        block = b"\n" + block
        if any(map(wanted, set(pattern.findall(block)))):
            for match in pattern.finditer(block):
                if wanted(match[1]) and (words := words_of(line_at(block, match.end()))) is not None:
                    yield words


def behind_newline(at: int) -> bytes:
    """Return the begin of a pattern for newlines, to be followed by one for that field and `)`.

    A line of less fields lets it see one of the next line, so what is found is looked at again; but no
    line is kept from being found by those before it, for the pattern takes the newline alone.
    """
    return b"\n(?=" + FIELD * at


def line_at(block: bytes, at: int) -> bytes:
    """Return the line that begins there, without its newline."""
    end = block.find(b"\n", at)
    return block[at : len(block) if end < 0 else end]

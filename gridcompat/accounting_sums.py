"""Sums over a large accounting file: what `qacct` makes of a million records, no later than the grid's own.

Says the same as a sum over `accounting.raw` does, to the last digit, which is what the tests hold it
to.  One match of a regular expression takes the wanted fields out of a line, and sums are made by column.
Of a selection by time, another expression finds the lines.  Half of a large file is read by a second
process.  A block of the file that is not as the grid writes it is read line by line.

Must not know switches or how anything is printed.
"""

from __future__ import annotations

import os

from gridcompat.accounting import FIELDS_AT_LEAST, POSITION, blocks, words_of
from gridcompat.accounting_scan import (
    FIELD,
    PATTERNS_FROM_BYTES,
    SUBMITTED,
    VALUES_KNOWN,
    Span,
    behind_newline,
    has_bytes,
    holding,
    line_at,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    Test: TypeAlias = tuple[int, Callable[[str], bool]]
    """A field, and what its value must pass."""
    _Part: TypeAlias = tuple[list[Sequence[bytes]], list[list[float]]]
    _Row: TypeAlias = tuple[bytes, ...]

TWO_FROM_BYTES = 1 << 25
"""A smaller file is summed before a second process pays."""
PIECE_BYTES = 1 << 15
"""Of lines that are taken apart at a time, at least."""
MARSHAL = 2
"""The version that writes numbers bit by bit and looks for no repetitions."""
DENSE = 0.5
"""Of lines that are wanted: from here on looking for them first only costs."""
NUMBER = POSITION["job_number"]
TIME = b"[1-9][0-9]{9}"
"""As clocks have told it since 2001. Such times are ordered as bytes as they are as numbers."""


def sums(
    path: str,
    keys: Sequence[int],
    figures: Sequence[int],
    *,
    needle: bytes = b"",
    tests: Sequence[Test] = (),
    span: Span | None = None,
) -> dict[tuple[str, ...], list[float]]:
    """Return the sums of the fields `figures` for each combination of the fields `keys`.

    Each sum is made in the file's order, as the grid makes it: another order gives other last digits.

    Args:
        path: the accounting file.
        keys: places below FIELDS_AT_LEAST; without any everything is summed under ().
        figures: places below FIELDS_AT_LEAST. A record with a figure that is no number is passed over.
        needle: what all lines hold that pass the tests; b"" if that is not known.
        tests: only records whose fields pass, at places below FIELDS_AT_LEAST; a value is asked about once.
        span: only records of this time; its field is in no other argument.

    Raises:
        OSError: the file cannot be read.
    """
    groups = _Groups(keys, figures, tests, span, patterns=has_bytes(path, PATTERNS_FROM_BYTES))
    if needle and not _is_dense(path, needle):
        parts = groups.parts(holding(path, needle))
    elif (middle := _middle(path)) is not None:
        parts = _by_two(path, middle, groups)
    else:
        parts = groups.parts(blocks(path))
    for names, columns in parts:
        groups.add(names, columns)
    return groups.sums()


def _middle(path: str) -> int | None:
    """The offset of a line near the middle of a file that two processors read sooner than one; else None."""
    if not has_bytes(path, TWO_FROM_BYTES) or not hasattr(os, "memfd_create"):
        return None
    if len(os.sched_getaffinity(0)) < 2:
        return None
    with open(path, "rb") as file:
        file.seek(file.seek(0, os.SEEK_END) // 2)
        file.readline()
        return file.tell()


def _by_two(path: str, middle: int, groups: _Groups) -> Iterator[_Part]:
    """Yield the parts of the first half, then those of the second, which another process made meanwhile.

    Numbers pass between the two bit by bit, so the sums are those of one process. What the other one
    could not do is done here.
    """
    import marshal

    memory = os.memfd_create("qacct", os.MFD_CLOEXEC)
    with open(memory, "w+b") as file:
        try:
            child = os.fork()
        except OSError:
            child = -1
        if child == 0:
            status = 1
            try:
                for part in groups.parts(blocks(path, middle)):
                    text = marshal.dumps(part, MARSHAL)
                    file.write(len(text).to_bytes(8, "little") + text)
                file.flush()
                status = 0
            finally:
                os._exit(status)
        try:
            yield from groups.parts(blocks(path, 0, middle))
        finally:
            done = child > 0 and os.waitpid(child, 0)[1] == 0
        if not done:
            yield from groups.parts(blocks(path, middle))
            return
        file.seek(0)
        # Not `marshal.load`, which asks the file for each number.
        while size := int.from_bytes(file.read(8), "little"):
            yield marshal.loads(file.read(size))


def _is_dense(path: str, needle: bytes) -> bool:
    """Return whether a good part of the first lines hold this."""
    first = next(blocks(path), b"")
    return first.count(needle) > DENSE * first.count(b"\n")


class _Groups:
    """Sums of fields, by other fields."""

    def __init__(
        self,
        keys: Sequence[int],
        figures: Sequence[int],
        tests: Sequence[Test],
        span: Span | None,
        *,
        patterns: bool,
    ) -> None:
        self._keys = tuple(keys)
        self._figures = tuple(figures)
        self._tests = tuple(tests)
        self._span = span
        self._number: dict[object, int] = {}
        """Group → its place in each list of sums."""
        self._sums: list[list[float]] = [[] for _ in figures]
        self._lines = _Lines((*keys, *figures), tests, span) if patterns else None

    def parts(self, source: Iterator[bytes]) -> Iterator[_Part]:
        """Yield the columns of keys and those of figures of the records of some lines, and of some more."""
        held: list[bytes] = []
        size = 0
        for block in source:
            wanted = self._lines.without_other_times(block) if self._lines else block
            held.append(wanted)
            size += len(wanted)
            # Little pieces would each cost as much as a hundred records.
            if size >= PIECE_BYTES:
                yield self._part(b"".join(held))
                held, size = [], 0
        yield self._part(b"".join(held))

    def _part(self, block: bytes) -> _Part:
        columns = self._lines.columns(block) if self._lines else None
        count = len(self._keys)
        try:
            if columns is not None:
                return columns[:count], [list(map(float, column)) for column in columns[count:]]
        except ValueError:
            pass
        return self._one_by_one(block)

    def add(self, names: Sequence[Sequence[bytes]], figures: Sequence[Sequence[float]]) -> None:
        """Add up a part."""
        if not figures[0]:
            return
        number = self._number
        if not names:
            self._add_total(number.setdefault((), 0), figures)
            return
        groups: Sequence[object] = names[0] if len(names) == 1 else list(zip(*names, strict=True))
        if len(set(groups)) == 1:
            self._add_total(number.setdefault(groups[0], len(number)), figures)
            return
        places = [number.setdefault(group, len(number)) for group in groups]
        for sums, column in zip(self._sums, figures, strict=True):
            sums += [0.0] * (len(number) - len(sums))
            for place, figure in zip(places, column, strict=True):
                sums[place] += figure

    def _add_total(self, place: int, figures: Sequence[Sequence[float]]) -> None:
        for sums, column in zip(self._sums, figures, strict=True):
            sums += [0.0] * (len(self._number) - len(sums))
            total = sums[place]
            for figure in column:  # not `sum`, whose rounding is of its own since Python 3.12
                total += figure
            sums[place] = total

    def _one_by_one(self, block: bytes) -> _Part:
        """The columns of the records of a block with lines of any kind."""
        names: list[list[bytes]] = [[] for _ in self._keys]
        found: list[list[float]] = [[] for _ in self._figures]
        for text in block.split(b"\n"):
            words = words_of(text)
            if words is None or not (self._span is None or self._span.has(words)):
                continue
            if not all(passes(words[at]) for at, passes in self._tests):
                continue
            try:
                figures = [float(words[at]) for at in self._figures]
            except ValueError:
                continue
            for name, at in zip(names, self._keys, strict=True):
                name.append(words[at].encode("utf-8", "surrogateescape"))
            for column, figure in zip(found, figures, strict=True):
                column.append(figure)
        return [*names], found

    def sums(self) -> dict[tuple[str, ...], list[float]]:
        """Return the sums of each group, in the order of first appearance."""
        found = {}
        for name, place in self._number.items():
            parts = (name,) if isinstance(name, bytes) else name
            assert isinstance(parts, tuple)
            key = tuple(map(_text, parts))
            found[key] = [sums[place] for sums in self._sums]
        return found


class _Lines:
    """Fields of lines, by regular expressions."""

    def __init__(self, places: Sequence[int], tests: Sequence[Test], span: Span | None) -> None:
        import re

        self._places = tuple(places)
        self._span = span
        self._in_time = _may_be_in(span) if span else None
        self._is_sparse = True
        """Of a time's lines so far; the next ones will be as near to each other as the last."""
        self._groups: list[int] = []
        """Of the pattern: which field each is; a time has two, and one of them is empty."""
        asked = {at for at, _ in tests} | ({span.at, SUBMITTED} if span else set())
        self._pattern = re.compile(self._record({*places, *asked}))
        self._tests = [(self._groups.index(at), _asked_once(passes)) for at, passes in tests]

    def _record(self, captured: set[int]) -> bytes:
        """The pattern of a record's line, with its newline."""
        pattern = b"(?m)^(?!#)"
        for at in range(FIELDS_AT_LEAST - 1):
            field = b"[0-9]++:" if at == NUMBER else FIELD
            if at in captured:
                self._groups.append(at)
                field = b"(%s):" % field[:-1]
                if self._span and at == self._span.at:
                    self._groups.append(-1)
                    field = b"(?:(%s):|%s)" % (TIME, field)
            pattern += field
        return pattern + b"[^\n]*+\n"

    def without_other_times(self, block: bytes) -> bytes:
        """Return the lines of a block, as long as few are of the time without most of the others."""
        if self._in_time is None or not self._is_sparse:
            return block
        framed = b"\n" + block
        found = [line_at(framed, match.end()) for match in self._in_time.finditer(framed)]
        self._is_sparse = sum(map(len, found)) < DENSE * len(block)
        return b"\n".join([*found, b""]) if self._is_sparse else block

    def columns(self, block: bytes) -> list[Sequence[bytes]] | None:
        """Return the fields of the records that are wanted; None unless each line is a record."""
        if not block.endswith(b"\n"):
            block += b"\n"
        rows = self._pattern.findall(block)
        # Each match ends with a newline. If there are no more of these, none has another one inside.
        if len(rows) != block.count(b"\n"):
            return None
        if len(self._groups) == 1:
            rows = list(zip(rows, strict=True))
        rows = self._of_time(rows)
        for group, passes in self._tests:
            rows = [row for row in rows if passes(row[group])]
        columns = list(zip(*rows, strict=True)) or [()] * len(self._groups)
        return [columns[self._groups.index(place)] for place in self._places]

    def _of_time(self, rows: list[_Row]) -> list[_Row]:
        span = self._span
        if span is None:
            return rows
        begin, end = _ten_digits(span.begin), b":" if span.end is None else _ten_digits(span.end)
        at, submitted = self._groups.index(span.at), self._groups.index(SUBMITTED)
        kept = [
            row
            for row in rows
            if (begin <= row[at] <= end if row[at] else span.holds(_text(row[at + 1]), _text(row[submitted])))
        ]
        if not self._is_sparse:
            self._is_sparse = len(kept) < DENSE * len(rows)
        return kept


def _asked_once(passes: Callable[[str], bool]) -> Callable[[bytes], bool]:
    """The test of a field as it stands in a line; a value is asked about once."""
    from functools import lru_cache

    return lru_cache(VALUES_KNOWN)(lambda value: passes(_text(value)))


def _ten_digits(seconds: int) -> bytes:
    """A time to compare with times of ten digits; of more digits, what is behind all of these."""
    return b"%010d" % max(seconds, 0) if seconds < 10**10 else b":"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _may_be_in(span: Span) -> re.Pattern[bytes]:
    """A pattern that finds all lines of a time, and those whose time is not as a clock tells it."""
    import re

    others = [_below(min(max(span.begin, 0), 10**10 - 1))]
    if span.end is not None:
        others.append(_above(min(max(span.end, 0), 10**10 - 1)))
    without = "|".join(filter(None, others))
    return re.compile(behind_newline(span.at) + (f"(?!{without})" if without else "").encode("ascii") + b")")


def _below(number: int) -> str:
    """A pattern for numbers below this one, of at most ten digits; "" if there is none."""
    pattern = ""
    for at, digit in reversed(list(enumerate(f"{number:010}"))):
        less = f"[0-{int(digit) - 1}][0-9]{{0,{9 - at}}}:" if digit > "0" else ""
        same = f"{digit}{pattern}" if pattern else ""
        both = "|".join(filter(None, (same, less)))
        pattern = f"(?:{both})" if both else ""
    return pattern


def _above(number: int) -> str:
    """A pattern for numbers of ten digits and more above this one, which has ten; "" if there is none."""
    pattern = ""
    for at, digit in reversed(list(enumerate(f"{number:010}"))):
        more = f"[{int(digit) + 1}-9][0-9]{{{9 - at},}}:" if digit < "9" else ""
        same = f"{digit}{pattern}" if pattern else ""
        both = "|".join(filter(None, (same, more)))
        pattern = f"(?:{both})" if both else ""
    return pattern

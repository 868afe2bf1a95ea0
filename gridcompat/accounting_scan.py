"""A large accounting file read fast: what `qacct` finds in a million records, as soon as the grid's own.

Says the same as `accounting.raw` does line by line, which is what the tests hold it to.  Three means,
each left for the plain way where a block of the file is not as the grid writes it: `grep` looks for
what must stand in a line; of a selection by time only the first fields are taken apart; sums are made
by column, from one split of some hundred records, half of a large file in a second process.

Must not know switches or how anything is printed.
"""

from __future__ import annotations

import os

from gridcompat.accounting import FIELDS_AT_LEAST, POSITION, blocks, whole_lines, words_of
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from typing import TypeAlias

    _Part: TypeAlias = tuple[list[list[bytes]], list[list[float]]]

GREPS = ("/usr/bin/grep", "/bin/grep")
"""Not by PATH: nobody's own `grep` takes part."""
GREP_FROM_BYTES = 1 << 23
"""A smaller file is searched sooner than a program starts."""
TWO_FROM_BYTES = 1 << 25
"""A smaller file is summed before a second process pays."""
MARSHAL = 2
"""The version that writes numbers bit by bit and looks for no repetitions."""
DENSE = 0.2
"""Of lines that hold what is looked for: from here on looking first only costs."""
SUBMITTED = POSITION["submission_time"]
NEVER = b"0" * 10
NUMBER = POSITION["job_number"]


@record
class Span:
    """A selection by time; both ends belong to it. Epoch seconds."""

    at: int
    """The field that is compared."""
    begin: int = 0
    end: int | None = None

    def has(self, words: Sequence[str]) -> bool:
        """Return whether a record is within; one without a time is not."""
        try:
            seconds = int(float(words[self.at]))
            # What never started began with none, but ended no earlier than it was submitted.
            last = seconds or int(float(words[SUBMITTED]))
        except (ValueError, OverflowError):
            return False
        return self.begin <= seconds and (self.end is None or last <= self.end)


# ---------------------------------------------------------------- lines that hold something


def found(path: str, needle: bytes) -> Iterator[list[str]]:
    """Yield the fields of each record whose line holds `needle`, as `accounting.raw` does.

    Raises:
        OSError: the file cannot be read.
    """
    for block in _holding(path, needle):
        for text in block.split(b"\n"):
            if text and (words := words_of(text)) is not None:
                yield words


def _is_large(path: str) -> bool:
    return os.stat(path).st_size >= GREP_FROM_BYTES


def _holding(path: str, needle: bytes) -> Iterator[bytes]:
    """Yield the lines that hold `needle`, several at a time, each with its newline."""
    seen = [0]
    if b"\n" not in needle and b"\0" not in needle and _is_large(path):
        program = next((name for name in GREPS if os.access(name, os.X_OK)), None)
        if program is not None and (yield from _counted(_grep(program, path, needle), seen)) in (0, 1):
            return
    yield from _plainly(path, needle, seen[0])


def _counted(source: Generator[bytes, None, int], seen: list[int]) -> Generator[bytes, None, int]:
    """Pass on blocks, counting their whole lines; return what the source returns."""
    while True:
        try:
            block = next(source)
        except StopIteration as end:
            return int(end.value)
        # A last piece without its newline is of a `grep` that was ended in the middle of a line.
        if block.endswith(b"\n"):
            seen[0] += block.count(b"\n")
            yield block


def _grep(program: str, path: str, needle: bytes) -> Generator[bytes, None, int]:
    """Yield what `grep` prints, and return its status: 0 or 1 if it read the whole file."""
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    ours, its = os.pipe2(os.O_CLOEXEC)
    try:
        actions = (
            (os.POSIX_SPAWN_DUP2, source, 0),
            (os.POSIX_SPAWN_DUP2, its, 1),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        )
        # -a: a NUL in a file must not end the search; C: bytes are letters.
        pid = os.posix_spawn(program, (b"grep", b"-aF", b"-e", needle), {"LC_ALL": "C"}, file_actions=actions)
    except OSError:
        os.close(ours)
        return 2
    finally:
        os.close(source)
        os.close(its)
    try:
        yield from whole_lines(lambda size: os.read(ours, size))
    finally:
        os.close(ours)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


def _plainly(path: str, needle: bytes, done: int) -> Iterator[bytes]:
    """Yield the lines that hold `needle` but for the first `done`: `grep` was ended behind these."""
    for block in blocks(path):
        lines = []
        at = block.find(needle)
        while at >= 0:
            end = block.find(b"\n", at)
            end = len(block) if end < 0 else end
            lines.append(block[block.rfind(b"\n", 0, at) + 1 : end])
            at = block.find(needle, end)
        if len(lines) > done:
            yield b"\n".join(lines[done:]) + b"\n"
        done = max(done - len(lines), 0)


# ---------------------------------------------------------------- lines of a time


def within(path: str, span: Span) -> Iterator[list[str]]:
    """Yield the fields of each record of a time, as `accounting.raw` does.

    Raises:
        OSError: the file cannot be read.
    """
    for block in blocks(path):
        for text in _of_time(block, span):
            words = words_of(text)
            if words is not None:
                yield words


def _of_time(block: bytes, span: Span) -> list[bytes]:
    """The lines of a block that are within; some are no records at all."""
    at = span.at
    # Of ten digits each, so that bytes are ordered as numbers are.
    begin = b"%010d" % max(span.begin, 0)
    end = b":" if span.end is None or span.end >= 10**10 else b"%010d" % max(span.end, 0)
    if len(begin) > 10:
        begin = b":"
    kept = []
    for text in block.split(b"\n"):
        fields = text.split(b":", at + 1)
        if len(fields) <= at:
            continue
        time = fields[at]
        if len(time) == 10 and time.isdigit() and time != NEVER:
            if begin <= time <= end:
                kept.append(text)
        elif span.has(text.decode("utf-8", "surrogateescape").split(":")):
            kept.append(text)
    return kept


# ---------------------------------------------------------------- sums


def sums(
    path: str, keys: Sequence[int], figures: Sequence[int], *, needle: bytes = b"", span: Span | None = None
) -> dict[tuple[str, ...], list[float]]:
    """Return the sums of the fields `figures` for each combination of the fields `keys`.

    Each sum is made in the file's order, as the grid makes it: another order gives other last digits.

    Args:
        path: the accounting file.
        keys: places below FIELDS_AT_LEAST; without any everything is summed under ().
        figures: places below FIELDS_AT_LEAST. A record with a figure that is no number is passed over.
        needle: only lines that hold these bytes; more may be taken when most do.
        span: only records of this time.

    Raises:
        OSError: the file cannot be read.
    """
    groups = _Groups(keys, figures)
    if needle and not (_is_large(path) and _is_dense(path, needle)):
        parts = _parts(_holding(path, needle), groups, span)
    elif (middle := _middle(path)) is not None:
        parts = _by_two(path, middle, groups, span)
    else:
        parts = _parts(blocks(path), groups, span)
    for names, columns in parts:
        groups.add(names, columns)
    return groups.sums()


def _parts(source: Iterator[bytes], groups: _Groups, span: Span | None) -> Iterator[_Part]:
    """The records of each block, by column."""
    for block in source:
        kept = block if span is None else b"\n".join(_of_time(block, span))
        if kept:
            yield groups.part(kept)


def _middle(path: str) -> int | None:
    """The offset of a line near the middle of a file that two processors read sooner than one; else None."""
    if os.stat(path).st_size < TWO_FROM_BYTES or not hasattr(os, "memfd_create"):
        return None
    if len(os.sched_getaffinity(0)) < 2:
        return None
    with open(path, "rb") as file:
        file.seek(file.seek(0, os.SEEK_END) // 2)
        file.readline()
        return file.tell()


def _by_two(path: str, middle: int, groups: _Groups, span: Span | None) -> Iterator[_Part]:
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
                for part in _parts(blocks(path, middle), groups, span):
                    text = marshal.dumps(part, MARSHAL)
                    file.write(len(text).to_bytes(8, "little") + text)
                file.flush()
                status = 0
            finally:
                os._exit(status)
        try:
            yield from _parts(blocks(path, 0, middle), groups, span)
        finally:
            done = child > 0 and os.waitpid(child, 0)[1] == 0
        if not done:
            yield from _parts(blocks(path, middle), groups, span)
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

    def __init__(self, keys: Sequence[int], figures: Sequence[int]) -> None:
        self._keys = tuple(keys)
        self._figures = tuple(figures)
        self._number: dict[object, int] = {}
        """Group → its place in each list of sums."""
        self._sums: list[list[float]] = [[] for _ in figures]

    def part(self, block: bytes) -> _Part:
        """Return the columns of keys and those of figures of the records of some lines."""
        columns = _columns(block, (*self._keys, *self._figures))
        if columns is not None:
            count = len(self._keys)
            try:
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
            number[()] = 0
            self._add_total(figures)
            return
        groups: Sequence[object] = names[0] if len(names) == 1 else list(zip(*names, strict=True))
        places = [number.setdefault(group, len(number)) for group in groups]
        for sums, column in zip(self._sums, figures, strict=True):
            sums += [0.0] * (len(number) - len(sums))
            for place, figure in zip(places, column, strict=True):
                sums[place] += figure

    def _add_total(self, figures: Sequence[Sequence[float]]) -> None:
        for sums, column in zip(self._sums, figures, strict=True):
            total = sums[0] if sums else 0.0
            for figure in column:  # not `sum`, whose rounding is of its own since Python 3.12
                total += figure
            sums[:] = [total]

    def _one_by_one(self, block: bytes) -> _Part:
        """The columns of the records of a block with lines of any kind."""
        names: list[list[bytes]] = [[] for _ in self._keys]
        found: list[list[float]] = [[] for _ in self._figures]
        for text in block.split(b"\n"):
            words = words_of(text)
            if words is None:
                continue
            try:
                figures = [float(words[at]) for at in self._figures]
            except ValueError:
                continue
            for name, at in zip(names, self._keys, strict=True):
                name.append(words[at].encode("utf-8", "surrogateescape"))
            for column, figure in zip(found, figures, strict=True):
                column.append(figure)
        return names, found

    def sums(self) -> dict[tuple[str, ...], list[float]]:
        """Return the sums of each group, in the order of first appearance."""
        found = {}
        for name, place in self._number.items():
            parts = (name,) if isinstance(name, bytes) else name
            assert isinstance(parts, tuple)
            key = tuple(part.decode("utf-8", "surrogateescape") for part in parts)
            found[key] = [sums[place] for sums in self._sums]
        return found


def _columns(block: bytes, places: Sequence[int]) -> list[list[bytes]] | None:
    """The fields at these places of each line, None unless each line is a record of as many fields.

    All fields of all lines by one split: five times as fast as one for each line.
    """
    if not block.endswith(b"\n"):
        block += b"\n"
    width = block.count(b":", 0, block.index(b"\n")) + 1
    if width < FIELDS_AT_LEAST or block.startswith(b"#") or b"\n#" in block:
        return None
    fields = block.replace(b"\n", b":\n:").split(b":")
    # A line's end is a field for itself; if each stands where it belongs, so does all else.
    ends = fields[width :: width + 1]
    if len(fields) != len(ends) * (width + 1) + 1 or not ends.count(b"\n") == len(ends) == block.count(b"\n"):
        return None
    if not all(map(bytes.isdigit, fields[NUMBER :: width + 1])):
        return None
    return [fields[place :: width + 1][: len(ends)] for place in places]

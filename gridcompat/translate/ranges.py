"""Lists of task numbers as even progressions, so that 75,000 tasks cost a few bytes.

GridJob fields, `-t` lists and qstat's last column hold such lists.  The functions work on intervals as
long as everything lies on one grid (same step, same phase), which is the case for every part of one
array job, and only then count members one by one.  Two equal sets may be written differently; compare
`members`.  Must not know jobs or objects.
"""

from __future__ import annotations

from itertools import pairwise

from gridcompat.errors import GridError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from gridcompat.model import TaskRange

    Ranges: TypeAlias = tuple[TaskRange, ...]
    """Ascending by first member, disjoint; each `last` is a member of its range."""

    Spans: TypeAlias = list[tuple[int, int]]

COMPRESS_ABOVE = 8
"""Ranges in a result beyond which its members are looked at for longer progressions."""
MOST_TASKS = 1_000_000
"""Members of what is counted one by one: of an array, and of a list whose ranges overlap."""
LARGEST_TASK = 9_999_999
"""No task has a higher number, whatever somebody wrote. Source: qsub(1), -t."""


def parse(text: str) -> Ranges:
    """Read `1-10:2,14,20-22` and return its ranges in order; `""` is no task.

    Raises:
        GridError: not such a list, a task below 1, or a reversed range.
    """
    if not text:
        return ()
    ranges = tuple(_one(part, text) for part in text.split(","))
    if all(a[1] < b[0] for a, b in pairwise(ranges)):
        return ranges
    if count(ranges) > MOST_TASKS:
        raise GridError(f"'{text}' has more than {MOST_TASKS} tasks")
    return from_members(members(ranges))


def readable(text: str | None, *, otherwise: Ranges = ()) -> Ranges:
    """Return the tasks of a list that anybody may have written; `otherwise` if it is none."""
    try:
        return parse(text or "")
    except GridError:
        return otherwise


def _one(part: str, whole: str) -> TaskRange:
    span, colon, step = part.partition(":")
    first, dash, last = span.partition("-")
    numbers = (first, last if dash else first, step if colon else "1")
    if not all(number.isascii() and number.isdigit() for number in numbers) or (colon and not dash):
        raise GridError(f"'{whole}' is not a list of task ranges")
    try:
        low, high, by = (int(number) for number in numbers)
    except ValueError:  # more digits than int() reads
        raise GridError("a task number is too long") from None
    if not 1 <= low <= high <= LARGEST_TASK or by < 1:
        raise GridError(f"'{whole}' is not a list of task ranges")
    return normal(low, high, by)


def normal(first: int, last: int, step: int) -> TaskRange:
    """Return the range with its real last member, and step 1 if it has only one."""
    last -= (last - first) % step
    return (first, last, step if last > first else 1)


def text(ranges: Ranges) -> str:
    """Return the list as GridJobs and qstat show it: `3`, `1,2` for two tasks, `1-10:2` for more.

    Source: FACTS of qstat's ja-task-ID column.
    """
    return ",".join(_text(first, last, step) for first, last, step in ranges)


def _text(first: int, last: int, step: int) -> str:
    if first == last:
        return str(first)
    if first + step == last:
        return f"{first},{last}"
    return f"{first}-{last}:{step}"


def members(ranges: Ranges) -> Iterator[int]:
    """Yield the task numbers, range by range (ascending when the ranges are)."""
    for first, last, step in ranges:
        yield from range(first, last + 1, step)


def contains(ranges: Ranges, task: int) -> bool:
    """Return whether the task is a member."""
    return any(first <= task <= last and (task - first) % step == 0 for first, last, step in ranges)


def count(ranges: Ranges) -> int:
    """Return how many tasks the list has."""
    return sum((last - first) // step + 1 for first, last, step in ranges)


def union(a: Ranges, b: Ranges) -> Ranges:
    """Return the tasks of either."""
    if not a or not b:
        return a or b
    grid = _grid(a + b)
    if grid is None:
        return from_members({*members(a), *members(b)})
    return _ranges(_spans(a, grid) + _spans(b, grid), grid)


def minus(a: Ranges, b: Ranges) -> Ranges:
    """Return the tasks of `a` that are not in `b`."""
    if not a or not b:
        return a
    grid, b = _common(a, b)
    if not b:
        return a
    if grid is None:
        low, gone = _marks(a, b)
        return from_members(n for n in members(a) if not gone[n - low])
    left: Spans = []
    holes = _merged(_spans(b, grid))
    at = 0
    for low, high in _merged(_spans(a, grid)):
        while at < len(holes) and holes[at][0] <= high:
            first, last = holes[at]
            if first > low:
                left.append((low, first - 1))
            low = max(low, last + 1)
            if last > high:
                break  # it goes on in the next one
            at += 1
        if low <= high:
            left.append((low, high))
    return _ranges(left, grid)


def intersect(a: Ranges, b: Ranges) -> Ranges:
    """Return the tasks that are in both."""
    if not a or not b:
        return ()
    grid, b = _common(a, b)
    if not b:
        return ()
    if grid is None:
        low, also = _marks(a, b)
        return from_members(n for n in members(a) if also[n - low])
    shared: Spans = []
    others = _merged(_spans(b, grid))
    at = 0
    for low, high in _merged(_spans(a, grid)):
        while at < len(others) and others[at][0] <= high:
            first, last = others[at]
            if last >= low:
                shared.append((max(low, first), min(high, last)))
            if last > high:
                break  # it goes on in the next one
            at += 1
    return _ranges(shared, grid)


def within(whole: Ranges, lists: Iterable[Ranges]) -> Ranges:
    """Return the tasks of `whole` that are in any of the lists, of which there may be thousands."""
    if not whole:
        return ()
    low, high = _reach(whole)
    marked = bytearray(high - low + 1)
    for tasks in lists:
        _mark(marked, low, tasks)
    return from_members(n for n in members(whole) if marked[n - low]) if any(marked) else ()


def overlapping(whole: Ranges, step: int, others: Iterable[tuple[Ranges, int]]) -> Ranges:
    """Return the tasks of `whole` whose numbers, `step` from each on, meet those of the others' tasks.

    Source: qsub(1), -hold_jid_ad: a task of 1-6:3 stands for three numbers, one of 1-6:2 for two.
    """
    others = list(others)
    if step == 1 and all(wide == 1 for _, wide in others):
        return within(whole, (tasks for tasks, _ in others))
    if not whole:
        return ()
    low, high = _reach(whole)
    marked = bytearray(high - low + step)
    for tasks, wide in others:
        for task in members(tasks):
            first, last = max(task - low, 0), min(task - low + wide, len(marked))
            if first < last:
                marked[first:last] = b"\1" * (last - first)
    return from_members(n for n in members(whole) if any(marked[n - low : n - low + step]))


def _marks(a: Ranges, b: Ranges) -> tuple[int, bytearray]:
    """The lowest member of `a`, and a byte for each number from there: 1 where `b` has it."""
    low, high = _reach(a)
    marked = bytearray(high - low + 1)
    _mark(marked, low, b)
    return low, marked


def _mark(marked: bytearray, low: int, tasks: Ranges) -> None:
    """Set the bytes of these tasks; the first byte is that of `low`."""
    for first, last, step in tasks:
        start = first - low if first >= low else (first - low) % step
        stop = min(last - low + 1, len(marked))
        if start < stop:
            marked[start:stop:step] = b"\1" * ((stop - start - 1) // step + 1)


def _reach(a: Ranges) -> tuple[int, int]:
    return min(first for first, _, _ in a), max(last for _, last, _ in a)


def _common(a: Ranges, b: Ranges) -> tuple[tuple[int, int] | None, Ranges]:
    """The grid that `a` and `b` lie on, or None, and what of `b` can meet `a`."""
    low, high = _reach(a)
    grid = _grid(a)
    fitted: list[TaskRange] = []
    for first, last, by in b:
        step, phase = by, first
        if grid and (by == 1 or first == last):
            # A stretch of neighbours or one task meets a stepped list only on the grid of that list.
            step, phase = grid
        start = max(first, low)
        start += (phase - start) % step
        if start <= min(last, high):
            fitted.append(normal(start, min(last, high), step))
    return _grid(a + tuple(fitted)) if grid else None, tuple(fitted)


def from_members(tasks: Iterable[int]) -> Ranges:
    """Return ranges that hold exactly these tasks, put together as Grid Engine does."""
    runs: list[TaskRange] = []
    for task in sorted(set(tasks)):
        if runs and task == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], task, 1)
        else:
            runs.append((task, task, 1))
    return _joined(runs)


def _joined(runs: Iterable[TaskRange]) -> Ranges:
    """Join single tasks that stand at even distances, from the left; longer runs stay as they are.

    Source: a live 8.1.9: of tasks 1 to 10 there is left `1-5:2,8-10:1`, and `1,5,7,9` is two pairs.
    """
    found: list[TaskRange] = []
    pairs = False
    for first, last, step in runs:
        before = found[-1] if found else None
        if before and first == last and before[0] == before[1]:
            found[-1], pairs = (before[0], first, first - before[0]), True
        elif before and pairs and first == last and first == before[1] + before[2]:
            found[-1] = (before[0], first, before[2])
        else:
            found.append((first, last, step))
            pairs = False
    return tuple(found)


def _grid(ranges: Ranges) -> tuple[int, int] | None:
    """The (step, phase) that all these ranges share, or None; a single task has any step."""
    step = 0
    for first, last, by in ranges:
        if first != last:
            if step and by != step:
                return None
            step = by
    step = step or 1
    phase = ranges[0][0] % step
    if step > 1 and any(first % step != phase for first, _, _ in ranges):
        return None
    return step, phase


def _spans(ranges: Ranges, grid: tuple[int, int]) -> Spans:
    step, phase = grid
    return sorted(((first - phase) // step, (last - phase) // step) for first, last, _ in ranges)


def _merged(spans: Spans) -> Spans:
    merged: Spans = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _ranges(spans: Spans, grid: tuple[int, int]) -> Ranges:
    step, phase = grid
    ranges = _joined(normal(low * step + phase, high * step + phase, step) for low, high in _merged(spans))
    if len(ranges) > COMPRESS_ABOVE and count(ranges) <= MOST_TASKS:
        shorter = from_members(members(ranges))
        return shorter if len(shorter) < len(ranges) else ranges
    return ranges

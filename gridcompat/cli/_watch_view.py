"""What `gridcompat watch` shows: a table that fits a terminal, and what changed between two looks.

Pure: rows, sizes and the time come in, text goes out.  Names are other people's bytes and are made safe
here.  Must not know clusters, terminals or clocks.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING

from gridcompat.cli._terminal import Paint, cut, pad, safe
from gridcompat.output.qstat import NO_TASK, prior, stamp
from gridcompat.record import record
from gridcompat.translate import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gridcompat.translate.ranges import Ranges
    from gridcompat.translate.rows import Row

NAME_COLUMNS, MOST_NAME_COLUMNS = 10, 40
QUEUE_COLUMNS = 30
FIXED_COLUMNS = 77
"""Of a line without name and queue: job-ID prior user state time slots and a short task list."""
NEW, ENDED = "-", "ended"
"""Stand for a state before the first and after the last."""


@record
class Change:
    """Tasks of a job that went from one state to another."""

    job_id: int
    name: str
    tasks: str
    """Range list, "" for a plain job."""
    old: str
    new: str


def changes(before: Sequence[Row], after: Sequence[Row]) -> list[Change]:
    """Return what happened to one job, tasks of the same change together.

    Args:
        before: its rows then; empty when it was not known.
        after: its rows now; empty when it is over.
    """
    if not before and not after:
        return []
    row = (after or before)[0]
    old, new = _by_state(before), _by_state(after)
    known = _all(old)
    left = _all(new)
    found = [(state, ENDED, ranges.minus(tasks, left)) for state, tasks in old.items()]
    for state, tasks in new.items():
        found += [(was, state, ranges.intersect(then, tasks)) for was, then in old.items() if was != state]
        found.append((NEW, state, ranges.minus(tasks, known)))
    return [
        Change(
            job_id=row.job_id,
            name=row.name,
            tasks=ranges.text(tasks) if row.array else "",
            old=was,
            new=now,
        )
        for was, now, tasks in found
        if tasks
    ]


def _by_state(rows: Iterable[Row]) -> dict[str, Ranges]:
    members: dict[str, list[int]] = {}
    waiting: dict[str, Ranges] = {}
    for row in rows:
        if row.queue:
            members.setdefault(row.state, []).append(int(row.tasks or 1))
        else:
            waiting[row.state] = ranges.union(waiting.get(row.state, ()), row.task_ranges())
    for state, tasks in members.items():
        waiting[state] = ranges.union(waiting.get(state, ()), ranges.from_members(sorted(tasks)))
    return waiting


def _all(states: dict[str, Ranges]) -> Ranges:
    found: Ranges = ()
    for tasks in states.values():
        found = ranges.union(found, tasks)
    return found


def change_json(change: Change, now: float) -> str:
    """Return a change as a JSON object on one line; `_shapes.WATCH` says what is in it."""
    return json.dumps(
        {
            "version": 1,
            "at": int(now),
            "id": change.job_id,
            "name": change.name,
            "tasks": change.tasks or None,
            "old": None if change.old == NEW else change.old,
            "new": None if change.new == ENDED else change.new,
        }
    )


def change_line(change: Change, now: float) -> str:
    """Return the line of one change: time, id, name, old state, arrow, new state."""
    tasks = f".{change.tasks}" if change.tasks else ""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now))
    return f"{moment} {change.job_id}{tasks} {safe(change.name)} {change.old} → {change.new}"


def table(
    rows: Sequence[Row], now: float, *, width: int, height: int, paint: Paint, note: str = ""
) -> list[str]:
    """Return the lines of the live table: never more than `height`, none wider than `width`.

    Args:
        rows: in the order in which they are shown.
        note: stands in the first line, such as why nothing is heard.
    """
    title = f"{time.strftime('%H:%M:%S', time.localtime(now))}  {summary(rows)}"
    lines = [_title(title, note, width, paint)]
    if rows:
        queue = min(QUEUE_COLUMNS, max(5, *(len(row.queue) for row in rows)))
        longest = max(len(safe(row.name)) for row in rows)
        spare = max(NAME_COLUMNS, width - FIXED_COLUMNS - queue)
        name = min(MOST_NAME_COLUMNS, spare, max(NAME_COLUMNS, longest))
        head = (
            f"{'job-ID':>7} {'prior':<7} {'name':<{name}} {'user':<12} {'state':<5} "
            f"{'submit/start at':<19} {'queue':<{queue}} slots ja-task-ID"
        )
        lines.append(paint(cut(head, width), "bold"))
        room = max(0, height - len(lines))
        shown = rows if len(rows) <= room else rows[: max(0, room - 1)]
        lines += [paint(cut(_line(row, now, name, queue), width), _style(row)) for row in shown]
        if len(shown) < len(rows):
            lines.append(paint(cut(f"and {len(rows) - len(shown)} more", width), "dim"))
    return lines[: max(0, height)]


def _title(title: str, note: str, width: int, paint: Paint) -> str:
    """The first line: counts, then what is wrong, or else how to leave."""
    if not note:
        return cut(f"{title}  (q ends)", width)
    title = cut(f"{title}  ", width)
    return title + paint(cut(safe(note), width - len(title)), "yellow")


def summary(rows: Sequence[Row]) -> str:
    """Return how many rows there are in which states."""
    if not rows:
        return "no jobs"
    jobs = len({row.job_id for row in rows})
    states = Counter(row.state for row in rows)
    parts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return f"{jobs} job{'s' * (jobs != 1)}: {parts}"


def _line(row: Row, now: float, name: int, queue: int) -> str:
    return (
        f"{row.job_id:>7} {prior(row, now):7.5f} {pad(safe(row.name), name)} {pad(safe(row.owner), 12)} "
        f"{row.state:<5.5} {stamp(row.time)} {pad(safe(row.queue), queue)} {row.slots:>5} "
        f"{row.tasks or NO_TASK}"
    ).rstrip()


def _style(row: Row) -> str:
    if "E" in row.state:
        return "red"
    if "h" in row.state or "s" in row.state or "d" in row.state:
        return "dim"
    return "green" if row.queue else ""

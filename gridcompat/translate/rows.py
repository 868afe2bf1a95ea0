"""What a job looks like to a user: qstat's rows, from spec and status together.

A command must see the effect of the one before it although the controller has not come by: holds,
deletions and the name are taken from the spec, what is running from the status.  The status'
part travels as one short text, `status.rows`, so that a listing of thousands of jobs needs only
printer columns.  Must not know how rows are printed, nor clocks.
"""

from __future__ import annotations

from operator import itemgetter

from gridcompat import states
from gridcompat.timestamps import epoch
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Table
    from gridcompat.translate.ranges import Ranges

PLAIN = "1"
"""The tasks of a job that is no array."""


class Row:
    """One line of qstat: a task that runs, or the tasks that wait in one state.

    A plain class with slots, for listings make thousands of them.
    """

    __slots__ = (
        "array",
        "blocked",
        "blocked_by_task",
        "held",
        "job_id",
        "name",
        "owner",
        "priority",
        "queue",
        "rest",
        "slots",
        "start_after",
        "state",
        "submitted",
        "tasks",
        "time",
    )

    job_id: int
    name: str
    owner: str
    priority: int
    """-p"""
    submitted: int
    """Epoch seconds."""
    start_after: int
    """-a, epoch seconds; 0 without."""
    slots: int
    array: bool
    state: str
    """Letters as qstat shows them: r, hqw, Rr, dr, Eqw, z ..."""
    time: int
    """Epoch seconds: of submission, of the start once started."""
    queue: str
    """`task@host`, "" while pending."""
    tasks: str
    """Range list as qstat shows it; "" for a plain job."""
    rest: bool
    """Waiting tasks of an array of which others run."""
    held: str
    """Of the letters u o s: which holds are set by hand."""
    blocked: bool
    """Waits for -hold_jid."""
    blocked_by_task: bool
    """Waits for -hold_jid_ad."""

    def task_ranges(self) -> Ranges:
        """Return the tasks of the row; task 1 for a plain job."""
        return ranges.parse(self.tasks or PLAIN)

    def copy(self) -> Row:
        """Return another row with the same values."""
        other = Row()
        for name in Row.__slots__:
            setattr(other, name, getattr(self, name))
        return other

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in Row.__slots__)
        return f"Row({inside})"


# ---------------------------------------------------------------- what the controller writes

# `status.rows`: parts joined by ";", the first letter says what it is.
#   pRANGES waiting, never ran; QRANGES waiting again; RRANGES the same after a requeue (RESTARTED > 0)
#   ERANGES error; FRANGES error after a requeue; b a predecessor holds all that wait
#   aRANGES held by -hold_jid_ad; rTASK START QUEUE@HOST SLOTS RESTARTED running, likewise t and s


def encode_rows(status: Mapping[str, Any], *, held_by_task: str = "", unplaced: Container[str] = ()) -> str:
    """Return `status.rows` for a GridJob's status.

    Args:
        held_by_task: range list of waiting tasks that an array predecessor holds now; `status` has
            no field of its own for them.
        unplaced: pods for which no node was found: whatever host was planned, users see them waiting.
    """
    again, requeued = _two_lists(status.get("again") or ())
    errors, errors_requeued = _two_lists(status.get("errors") or ())
    parts = [
        letter + text
        for letter, text in (
            ("p", status.get("pending") or ""),
            ("Q", again),
            ("R", requeued),
            ("E", errors),
            ("F", errors_requeued),
            ("a", held_by_task),
        )
        if text
    ]
    if status.get("blocked"):
        parts.append("b")
    for run in status.get("running") or ():
        start = int(run.get("startedAt") or 0)
        host = "" if run.get("pod") in unplaced else run.get("host") or ""
        where = f"{run.get('queue') or ''}@{host}"
        parts.append(
            f"{run['state']}{run['task']} {start} {where} {run.get('slots') or 1} {run.get('restarted') or 0}"
        )
    return ";".join(parts)


def _two_lists(groups: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """The tasks of groups without and with an earlier requeue."""
    plain: Ranges = ()
    requeued: Ranges = ()
    for group in groups:
        tasks = ranges.parse(group["tasks"])
        if group.get("restarted"):
            requeued = ranges.union(requeued, tasks)
        else:
            plain = ranges.union(plain, tasks)
    return ranges.text(plain), ranges.text(requeued)


def state_word(grid_job: K8sObject) -> str:
    """Return the letters of the job's first row: `status.state`. "z" when it has none left."""
    found = rows(grid_job)
    return found[0].state if found else states.FINISHED


# ---------------------------------------------------------------- what users see

COLUMNS = (
    "Id",
    "Job",
    "Owner",
    "Submitted",
    "Slots",
    "Priority",
    "Tasks",
    "Held",
    "OperatorHeld",
    "SystemHeld",
    "Deleted",
    "Start",
    "Waits",
    "WaitsByTask",
    "Phase",
    "Rows",
    "Void",
)
"""The printer columns that rows are made of."""


def rows(source: Table | K8sObject, *, finished: bool = False, without: Container[str] = ()) -> list[Row]:
    """Return the rows of a listing or of one GridJob, job by job, running tasks first.

    Args:
        finished: rows of state z of the jobs that are over, instead of those of active jobs.
        without: numbers of jobs of a listing to pass over, as text.
    """
    found: list[Row] = []
    add = found.append
    if isinstance(source, dict):
        _job_rows(_columns_of(source), add, finished=finished)
        return found
    columns = list(source.columns)
    places = [columns.index(name) for name in COLUMNS]
    for cells in map(itemgetter(*places), source.rows):
        if str(cells[0]) not in without:
            _job_rows(cells, add, finished=finished)
    return found


def active(source: Table | K8sObject) -> bool:
    """Return whether anything of these jobs is still to come or to end, as `-once` counts it."""
    return bool(rows(source))


def _columns_of(grid_job: K8sObject) -> list[Any]:
    """The cells that the printer columns would have."""
    spec, status = grid_job["spec"], grid_job.get("status") or {}
    holds = spec.get("holds") or {}
    encoded = status.get("rows")
    if encoded is None and status:
        encoded = encode_rows(status)
    return [
        spec["id"],
        spec.get("jobName"),
        status.get("owner"),
        grid_job["metadata"].get("creationTimestamp"),
        spec.get("slots"),
        spec.get("priority"),
        spec.get("tasks"),
        holds.get("user"),
        holds.get("operator"),
        holds.get("system"),
        spec.get("deleted"),
        spec.get("startTime"),
        (spec.get("predecessors") or [None])[0],
        (spec.get("arrayPredecessors") or [None])[0],
        status.get("phase"),
        encoded,
        spec.get("void"),
    ]


def _job_rows(cells: Sequence[Any], add: Callable[[Row], None], *, finished: bool) -> None:
    """Add the rows of one job."""
    (
        number,
        name,
        owner,
        submitted,
        slots,
        priority,
        tasks,
        user_hold,
        operator_hold,
        system_hold,
        deleted,
        start_after,
        waits,
        waits_by_task,
        phase,
        encoded,
        void,
    ) = cells
    if phase == "Void" or (void and void not in ("false", "False")):
        return
    row = Row()
    row.job_id = int(number)
    row.name = name or ""
    row.owner = owner or ""
    row.submitted = row.time = epoch(submitted or "")
    row.slots = int(slots or 1)
    row.priority = int(priority or 0)
    row.array = bool(tasks)
    row.start_after = int(start_after or 0)
    row.state = row.queue = row.held = row.tasks = ""
    row.blocked = row.blocked_by_task = row.rest = False
    if phase == "Finished" or finished:
        if phase == "Finished" and finished:
            row.state = states.FINISHED
            row.tasks = ranges.text(ranges.parse(_array(tasks))) if tasks else ""
            add(row)
        return
    holds = (user_hold or "", operator_hold or "", system_hold or "")
    if not encoded:
        # The controller has not seen the job: everything waits, for whatever it was submitted to wait for.
        row.blocked, row.blocked_by_task = waits is not None, waits_by_task is not None
        _waiting(row, _array(tasks), states.PENDING, holds, deleted or "", add)
        return
    parts = encoded.split(";")
    if "@ " in encoded:
        parts = _unplaced(parts, deleted or "")
    row.rest = _running(row, parts, holds, deleted or "", add)
    if "b" in parts:
        row.blocked, row.blocked_by_task = waits is not None, waits is None
    by_task = next((part[1:] for part in parts if part[0] == "a"), "")
    for part in parts:
        state = _WAITING.get(part[0])
        if state is None or len(part) < 2:
            continue
        if by_task:
            _partly(row, part[1:], state, by_task, holds, deleted or "", add)
        else:
            _waiting(row, part[1:], state, holds, deleted or "", add)


def _array(tasks: str | None) -> str:
    """The job's tasks; task 1 for a plain job, and for what the controller will not take either."""
    found = ranges.readable(tasks)
    return tasks if tasks and found and ranges.count(found) <= ranges.MOST_TASKS else PLAIN


_WAITING = {
    "p": states.PENDING,
    "Q": states.PENDING,
    "R": states.PENDING_AGAIN,
    "E": states.ERROR + states.PENDING,
    "F": states.ERROR + states.PENDING_AGAIN,
}
"""The state of tasks in a part of `status.rows`, by the part's letter."""
_BEGUN = (states.TRANSFERRING, states.RUNNING, states.SUSPENDED)
"""Letters of parts that are an attempt, and its state."""


def _unplaced(parts: Sequence[str], deleted: str) -> list[str]:
    """The parts with attempts that no host has yet among what waits: that is what users call it.

    One that is ordered deleted stays an attempt: it is not known yet that it will never start.
    """
    gone = ranges.readable(deleted)
    kept: list[str] = []
    waiting: dict[str, list[int]] = {"p": [], "R": []}
    for part in parts:
        if part[0] == states.TRANSFERRING:
            task, _, queue, _, restarted = part[1:].split(" ")
            if queue.endswith("@") and not _in(gone, int(task)):
                waiting["R" if restarted != "0" else "p"].append(int(task))
                continue
        kept.append(part)
    for letter, tasks in waiting.items():
        if tasks:
            there = next((part for part in kept if part[0] == letter), letter)
            merged = ranges.union(ranges.parse(there[1:]), ranges.from_members(sorted(tasks)))
            kept = [part for part in kept if part != there] + [letter + ranges.text(merged)]
    return kept


def _running(
    row: Row, parts: Sequence[str], holds: tuple[str, str, str], deleted: str, add: Callable[[Row], None]
) -> bool:
    """Add a row for each task that has an attempt; return whether there was one."""
    some = False
    gone = ranges.readable(deleted)
    held = [ranges.readable(text) for text in holds] if any(holds) else ()
    for part in parts:
        if part[0] not in _BEGUN:
            continue
        task, start, queue, slots, restarted = part[1:].split(" ")
        number = int(task)
        one = row.copy()
        letters = "".join(letter for letter, tasks in zip("uos", held, strict=False) if _in(tasks, number))
        one.held = letters
        one.state = (
            (states.DELETED if gone and _in(gone, number) else "")
            + (states.HELD if letters else "")
            + (states.REQUEUED if restarted != "0" else "")
            + part[0]
        )
        one.time = int(start) or row.submitted
        one.queue = "" if queue == "@" else queue
        one.slots = int(slots)
        one.tasks = task if row.array else ""
        add(one)
        some = True
    return some


def _in(tasks: Ranges, number: int) -> bool:
    return ranges.contains(tasks, number)


def _partly(
    row: Row,
    tasks: str,
    state: str,
    by_task: str,
    holds: tuple[str, str, str],
    deleted: str,
    add: Callable[[Row], None],
) -> None:
    """Add rows of tasks of which an array predecessor holds some."""
    all_of_them, held = ranges.parse(tasks), ranges.parse(by_task)
    free, waits = ranges.minus(all_of_them, held), ranges.intersect(all_of_them, held)
    if free:
        _waiting(row, ranges.text(free), state, holds, deleted, add)
    if waits:
        other = row.copy()
        other.blocked_by_task = True
        _waiting(other, ranges.text(waits), state, holds, deleted, add)


def _waiting(
    row: Row, tasks: str, state: str, holds: tuple[str, str, str], deleted: str, add: Callable[[Row], None]
) -> None:
    """Add the rows of tasks without an attempt: one for each set of holds, none for what was deleted."""
    row_is_blocked = row.blocked or row.blocked_by_task
    if deleted:
        if deleted == tasks:
            return
        left = ranges.minus(ranges.parse(tasks), ranges.readable(deleted))
        if not left:
            return
        tasks = ranges.text(left)
    groups: list[tuple[str, str]]
    if not any(holds):
        groups = [("", tasks)]
    elif not row.array:
        groups = [("".join(letter for letter, held in zip("uos", holds, strict=True) if held), tasks)]
    elif holds == (tasks, "", ""):
        groups = [("u", tasks)]
    else:
        groups = _by_hold(tasks, holds)
    for letters, part in groups:
        one = row.copy() if row.array else row
        one.held = letters
        one.state = _held(state) if letters or row_is_blocked else state
        one.tasks = ranges.text(ranges.parse(part)) if row.array else ""
        add(one)


def _held(state: str) -> str:
    """The letters of a waiting state with a hold: the h stands after the E."""
    error = states.ERROR if state[0] == states.ERROR else ""
    return error + states.HELD + state[len(error) :]


def _by_hold(tasks: str, holds: tuple[str, str, str]) -> list[tuple[str, str]]:
    """Tasks of an array by the holds set on them: (letters, range list), those without a hold first."""
    groups: list[tuple[str, Ranges]] = [("", ranges.parse(tasks))]
    for letter, text in zip("uos", holds, strict=True):
        if not text:
            continue
        # As the controller has it: a list that cannot be read holds everything.
        held = ranges.readable(text, otherwise=groups[0][1])
        split: list[tuple[str, Ranges]] = []
        for letters, members in groups:
            split.append((letters, ranges.minus(members, held)))
            split.append((letters + letter, ranges.intersect(members, held)))
        groups = [group for group in split if group[1]]
    return [(letters, ranges.text(members)) for letters, members in groups]

"""The rows that a qstat shows, and how: chosen by user and state, printed as text or XML.

Must not know queues and hosts: `_qstat_queues` does.
"""

from __future__ import annotations

from gridcompat.commands import _listing
from gridcompat.output import qstat as text
from gridcompat.record import record
from gridcompat.states import FINISHED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from gridcompat.commands._listing import Given
    from gridcompat.commands.context import Context
    from gridcompat.output.consumed import Consumed
    from gridcompat.translate.rows import Row

    _Text: TypeAlias = Callable[[Row], str]


@record
class States:
    """What -s asks for."""

    pending: bool = False
    running: bool = False
    suspended: bool = False
    finished: bool = False
    holds: frozenset[str] = frozenset()
    """Of u o s d j a: pending jobs must have one of these, if there are any."""


ALL = States(pending=True, running=True, suspended=True)


def selected(
    context: Context, given: Given, states: States, active: _listing.Listed | None = None
) -> list[Row]:
    """Return the rows of the users and states that were asked for; active jobs may have been read already."""
    wanted = _listing.users(context, given.words("-u"))
    found = []
    if states.pending or states.running or states.suspended or states.holds:
        every = (active or _listing.Listed(context)).of(wanted)
        found = every if states == ALL else [row for row in every if fits(row, states, context.now)]
    if states.finished:
        over = sorted(_listing.listed(context, wanted, finished=True), key=lambda row: row.job_id)
        found += over[-context.settings.finished_jobs :]
    return found


def fits(row: Row, states: States, now: float) -> bool:
    """Return whether a row of an active job is in one of these states."""
    if row.queue or row.state[-1] in "rts":
        shown = states.suspended if row.state[-1] == "s" else states.running
        return shown or any(letter in states.holds for letter in row.held)
    if not states.holds:
        return states.pending
    return (
        any(letter in states.holds for letter in row.held)
        or ("j" in states.holds and row.blocked)
        or ("d" in states.holds and row.blocked_by_task)
        or ("a" in states.holds and row.start_after > now)
    )


def apart(row: Row) -> list[Row]:
    """Return a row for each task; of an array that is over the grid keeps one."""
    if not row.tasks or row.queue or row.state == FINISHED:
        return [row]
    from gridcompat.translate import ranges

    found = []
    for task in ranges.members(row.task_ranges()):
        one = row.copy()
        one.tasks = str(task)
        found.append(one)
    return found


# ---------------------------------------------------------------- printing


def view(given: Given, grouping: str) -> text.View:
    """Return the columns that the switches ask for."""
    return text.View(
        extended=given.has("-ext"),
        priorities=given.has("-pri"),
        urgencies=given.has("-urg"),
        masters="t" in grouping,
        each_task="d" in grouping,
        subtasks=given.has("-t"),
        full=given.has("-f", "-F", "-explain"),
    )


def show(context: Context, given: Given, rows: Sequence[Row], *, view: text.View) -> int:
    """Print rows that are in order, as text or XML, with the requests below if -r asks for them."""
    if given.has("-xml"):
        context.out(_document(context, given, rows, view=view))
        return 0
    if not rows:
        return 0
    if view == text.PLAIN and not given.has("-r"):
        context.out(text.listing(rows, context.now))
        return 0
    context.out(text.header(view))
    context.out(body(context, given, rows, view=view))
    return 0


def body(context: Context, given: Given, rows: Sequence[Row], *, view: text.View) -> str:
    """Return the lines of rows without a header."""
    used = _used_by(context, rows) if view.extended else {}

    def lines(row: Row) -> str:
        of_run = used.get((row.job_id, int(row.tasks or 1))) if used and row.queue else None
        return text.lines(row, view, context.now, of_run)

    if not given.has("-r"):
        return "".join(map(lines, rows))
    from gridcompat.commands import _requests

    below = _requests.texts(context, rows, view=view, binding=not given.has("-ncb"))
    parts = []
    for row in rows:
        for line in lines(row).splitlines(keepends=True):
            parts += [line, below[row.job_id](row)]
    return "".join(parts)


def _used_by(context: Context, rows: Sequence[Row]) -> Mapping[tuple[int, int], Consumed]:
    """What the runs among rows use, by job and task, as far as that is known."""
    from gridcompat.commands import _consumed

    started = [(row.job_id, row.time) for row in rows if row.queue and "t" not in row.state]
    return _consumed.of_runs(context, started)


def _document(context: Context, given: Given, rows: Sequence[Row], *, view: text.View) -> str:
    """Return the document of a list of jobs without queues."""
    from gridcompat.output import qstat_xml

    texts = below(context, given, rows, view=view)
    running = "".join(lists(row, view, context.now, texts) for row in rows if row.queue)
    pending = "".join(lists(row, view, context.now, texts) for row in rows if not row.queue)
    return qstat_xml.document(running, pending)


def below(context: Context, given: Given, rows: Sequence[Row], *, view: text.View) -> dict[int, _Text]:
    """Return for each job what makes the elements of -r; nothing without -r."""
    if not given.has("-r"):
        return {}
    from gridcompat.commands import _requests

    return dict(_requests.texts(context, rows, view=view, binding=not given.has("-ncb"), xml=True))


def lists(row: Row, view: text.View, now: float, texts: dict[int, _Text], *, indent: int = 4) -> str:
    """Return the job_list elements of a row."""
    from gridcompat.output import qstat_xml

    more = texts[row.job_id](row) if texts else ""
    return qstat_xml.job_lists(row, view, now, below=more, indent=indent)

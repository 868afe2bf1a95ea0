"""qstat: jobs and queues, as tables, as text of one job, or as XML.

The everyday call asks for printer columns and prints them; everything else is imported when a
switch wants it.
"""

from __future__ import annotations

from gridcompat.commands import _listing
from gridcompat.errors import UsageError
from gridcompat.output import qstat as text
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands._listing import Given
    from gridcompat.commands.context import Context
    from gridcompat.translate.rows import Row

SWITCHES = {
    "-ext": "0",
    "-explain": "1",
    "-f": "0",
    "-F": "?",
    "-g": "1",
    "-help": "0",
    "-j": "?",
    "-l": "1",
    "-ncb": "0",
    "-ne": "0",
    "-pe": "1",
    "-pri": "0",
    "-q": "1",
    "-qs": "1",
    "-r": "0",
    "-s": "1",
    "-t": "0",
    "-u": "1",
    "-U": "1",
    "-urg": "0",
    "-xml": "0",
}
QUEUE_STATES = "acdosuACDES"
HOLDS = {"u": "u", "o": "o", "s": "s"}
"""Letter after h in -s → letter of a hold set by hand."""


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qstat and return its exit status."""
    if not argv and not _listing.request_words(context, ".sge_qstat"):
        rows = text.ordered(_listing.listed(context, _listing.users(context, ())), context.now)
        context.out(text.listing(rows, context.now))
        return 0
    return _other(context, argv)


def _other(context: Context, argv: Sequence[str]) -> int:
    from gridcompat.output.usage import usage

    words = [*_listing.request_words(context, ".sge_qstat"), *argv]
    given = _listing.checked(_listing.scan(words, SWITCHES), usage("qstat"))
    if given.has("-help"):
        context.out(usage("qstat"))
        return 0
    states = _states(given, usage("qstat"))
    grouping = _grouping(given)
    _check_queue_states(given)
    if given.has("-j"):
        from gridcompat.commands import _qstat_job

        return _qstat_job.run(context, given)
    if _needs_queues(given, grouping):
        from gridcompat.commands import _qstat_queues

        return _qstat_queues.run(context, given, states=states, grouping=grouping)
    rows = selected(context, given, states)
    if "d" in grouping:
        rows = [task for row in rows for task in apart(row)]
    rows = text.ordered(rows, context.now)
    return show(context, given, rows, view=view(given, grouping))


def view(given: Given, grouping: str) -> text.View:
    """Return the columns that the switches ask for."""
    return text.View(
        extended=given.has("-ext"),
        priorities=given.has("-pri"),
        urgencies=given.has("-urg"),
        masters="t" in grouping,
        subtasks=given.has("-t"),
        full=given.has("-f", "-F", "-explain"),
    )


def _needs_queues(given: Given, grouping: str) -> bool:
    """Whether queues and hosts decide what is shown, or in which order."""
    return bool(grouping) or given.has("-f", "-F", "-explain", "-q", "-l", "-pe", "-qs", "-U", "-urg")


def show(context: Context, given: Given, rows: Sequence[Row], *, view: text.View) -> int:
    """Print rows that are in order, as text or XML, with the requests below if -r asks for them."""
    if given.has("-xml"):
        from gridcompat.commands import _qstat_queues

        context.out(_qstat_queues.xml(context, given, rows, view=view))
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
    if not given.has("-r"):
        return "".join(text.lines(row, view, context.now) for row in rows)
    from gridcompat.commands import _requests

    below = _requests.texts(context, rows, view=view, binding=not given.has("-ncb"))
    parts = []
    for row in rows:
        for line in text.lines(row, view, context.now).splitlines(keepends=True):
            parts += [line, below[row.job_id](row)]
    return "".join(parts)


# ---------------------------------------------------------------- which rows


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


def _states(given: Given, usage: str) -> States:
    """Read -s, the last one.

    Raises:
        UsageError: a letter that it has not.
    """
    word = given.last("-s")
    if word is None:
        return ALL
    pending = running = suspended = finished = False
    holds: set[str] = set()
    at = 0
    while at < len(word):
        letter = word[at]
        at += 1
        if letter == "h":
            if at < len(word) and word[at] in "uosdja":
                holds.add(word[at])
                at += 1
            else:
                holds.update("uosdja")
        elif letter in "prsza":
            pending = pending or letter in "pa"
            running = running or letter in "ra"
            suspended = suspended or letter in "sa"
            finished = finished or letter == "z"
        else:
            raise UsageError(f"{usage}ERROR! wrong argument to -s option", exit_status=1)
    return States(
        pending=pending or bool(holds),
        running=running,
        suspended=suspended,
        finished=finished,
        holds=frozenset(holds),
    )


def _grouping(given: Given) -> str:
    """Return the letters of all -g.

    Raises:
        UsageError: a letter that it has not.
    """
    letters = "".join(given.words("-g"))
    for letter in letters:
        if letter not in "cdt":
            raise UsageError(f"wrong character '{letter}' for -g option", exit_status=1)
    return letters


def _check_queue_states(given: Given) -> None:
    for switch in ("-qs", "-explain"):
        word = given.last(switch) or ""
        for letter in word:
            if letter not in QUEUE_STATES or (switch == "-explain" and letter not in "acAE"):
                problem = f"unknown queue state: {letter} found in string: {word}"
                raise UsageError(f"error: {problem}\n{problem}", exit_status=1)


def selected(context: Context, given: Given, states: States) -> list[Row]:
    """Return the rows of the users and states that were asked for."""
    wanted = _listing.users(context, given.words("-u"))
    found = []
    if states.pending or states.running or states.suspended:
        found = [row for row in _listing.listed(context, wanted) if fits(row, states, context.now)]
    if states.finished:
        over = sorted(_listing.listed(context, wanted, finished=True), key=lambda row: row.job_id)
        found += over[-context.settings.finished_jobs :]
    return found


def fits(row: Row, states: States, now: float) -> bool:
    """Return whether a row of an active job is in one of these states."""
    if row.queue or row.state[-1] in "rts":
        return states.suspended if row.state[-1] == "s" else states.running
    if not states.holds:
        return states.pending
    return (
        any(letter in states.holds for letter in row.held)
        or ("j" in states.holds and row.blocked)
        or ("d" in states.holds and row.blocked_by_task)
        or ("a" in states.holds and row.start_after > now)
    )


def apart(row: Row) -> list[Row]:
    """Return a row for each task."""
    if not row.tasks or row.queue:
        return [row]
    from gridcompat.translate import ranges

    found = []
    for task in ranges.members(row.task_ranges()):
        one = row.copy()
        one.tasks = str(task)
        found.append(one)
    return found

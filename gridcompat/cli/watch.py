"""`gridcompat watch`: one's jobs as they change, drawn on a terminal, line by line elsewhere.

Nothing asks again and again: the cluster tells what changed, and that alone wakes this command.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING

import click

from gridcompat.cli import _outputs
from gridcompat.cli._grid import opened
from gridcompat.cli._screen import Drawn, Screen, can_draw, keep
from gridcompat.cli._terminal import Paint, color_option, paint, safe, size, write
from gridcompat.cli._watch_view import Change, change_json, change_line, changes, table
from gridcompat.cli._watched import Watched
from gridcompat.cluster.base import GRID_JOB
from gridcompat.errors import Forbidden, GridError
from gridcompat.output.qstat import listing, ordered
from gridcompat.patterns import matches
from gridcompat.record import record
from gridcompat.translate.grid_job import read_request
from gridcompat.translate.rows import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gridcompat.cli._grid import Grid
    from gridcompat.cluster.base import K8sObject
    from gridcompat.translate.rows import Row

INTERRUPTED = 130


@click.command(
    short_help="Show jobs as they change.",
    epilog="Exit status: 0 ended by q or Ctrl-C, or with --until-done nothing is left, however the jobs "
    "ended; 1 no cluster, or an unknown ID; 2 bad use; 130 --until-done was interrupted.",
)
@click.option(
    "-u", "users", multiple=True, metavar="USER", help="Jobs of these users; a pattern such as '*'."
)
@click.option("--all-users", is_flag=True, help="The same as -u '*'.")
@click.option("--once", is_flag=True, help="Print the table once, as qstat does, and end.")
@click.option("--until-done", is_flag=True, help="End when none of these jobs is left.")
@click.option("--json", "as_json", is_flag=True, help="Each change as a JSON object on a line of its own.")
@color_option
@click.argument("ids", nargs=-1, type=click.IntRange(1), metavar="[ID]...")
def watch(
    users: tuple[str, ...],
    all_users: bool,
    once: bool,
    until_done: bool,
    as_json: bool,
    color: str,
    ids: tuple[int, ...],
) -> None:
    """Show your jobs, or those with an ID, as they change.

    On a terminal a table is kept up to date until q or Ctrl-C. Elsewhere each change is a line: time, ID,
    name, old state, arrow, new state.
    """
    if once and until_done:
        raise click.UsageError("--once does not wait; it cannot be used with --until-done")
    if once and as_json:
        raise click.UsageError("--json prints changes; a table for programs is printed by qstat -xml")
    if ids and (users or all_users):
        raise click.UsageError("an ID is one job; -u and --all-users cannot be used with it")
    with opened() as grid:
        wanted = _wanted(grid, (*users, *(("*",) if all_users else ())), ids)
        if once:
            _once(grid, wanted)
            return
        jobs = Jobs(wanted, until_done=until_done)
        if can_draw() and not as_json:
            status = _Live(grid, jobs, paint(color)).run()
        else:
            status = _Lines(grid, jobs, change_json if as_json else change_line).run()
    raise SystemExit(status)


@record
class Wanted:
    """Which jobs are shown."""

    user: str
    namespace: str
    """Of the caller's own jobs."""
    patterns: tuple[str, ...]
    ids: frozenset[int]
    everybody: bool
    """Whether other namespaces must be read."""

    def rows_of(self, job: K8sObject) -> list[Row]:
        """Return the rows of a job that are wanted; [] when it is over, or not wanted."""
        found = rows(job)
        for row in found:
            if row.slots > 1 and not row.queue:
                row.slots = _least_slots(job) or row.slots
        if self.ids:
            return [row for row in found if row.job_id in self.ids]
        for row in found:
            if not row.owner and job["metadata"]["namespace"] == self.namespace:
                row.owner = self.user  # the controller has not come by yet
        return [row for row in found if any(matches(pattern, row.owner) for pattern in self.patterns)]


def _least_slots(job: K8sObject) -> int:
    """The least slots that -pe asks for, which is what a waiting job shows; 0 if it cannot be read."""
    try:
        slots = read_request(job["spec"].get("request") or "").slot_ranges
    except GridError:
        return 0
    return min((first for first, _, _ in slots), default=0)


def _wanted(grid: Grid, users: Sequence[str], ids: Sequence[int]) -> Wanted:
    """Return what the line asks for.

    Raises:
        ClickException: an id that neither the cluster nor the accounting file knows.
    """
    everybody = any(user != grid.user for user in users)
    for number in ids:
        job = grid.job(number)
        if job is not None:
            everybody = everybody or job["metadata"]["namespace"] != grid.namespace
        elif not _outputs.recorded(grid, str(number)):
            raise click.ClickException(f"nothing is known of a job '{number}'")
    return Wanted(
        user=grid.user,
        namespace=grid.namespace,
        patterns=tuple(users) or (grid.user,),
        ids=frozenset(ids),
        everybody=everybody,
    )


def _note(text: str) -> None:
    write(f"gridcompat: {safe(text)}\n", err=True)


def _once(grid: Grid, wanted: Wanted) -> None:
    try:
        objects = grid.cluster.list(GRID_JOB, namespace=None if wanted.everybody else grid.namespace).items
    except Forbidden:
        if not wanted.everybody:
            raise
        _note("only your own jobs may be read")
        objects = grid.cluster.list(GRID_JOB, namespace=grid.namespace).items
    now = time.time()
    found = [row for job in objects for row in wanted.rows_of(job)]
    if found and (why := grid.attend()):
        _note(why)
    write(listing(ordered(found, now), now))


class Jobs:
    """The rows of the wanted jobs, as the news have them."""

    def __init__(self, wanted: Wanted, *, until_done: bool) -> None:
        self.wanted = wanted
        self.until_done = until_done
        self.listed = False
        """Whether the cluster has answered."""
        self.trouble = ""
        self.note = ""
        self._rows: dict[str, list[Row]] = {}

    @property
    def done(self) -> bool:
        """Whether everything that was waited for is over."""
        return self.until_done and self.listed and not self._rows

    def all_rows(self) -> Iterable[Row]:
        """Return the rows of all jobs, in no order."""
        return (row for found in self._rows.values() for row in found)

    def hear(self, watched: Watched, told: Callable[[Change], None]) -> None:
        """Take in the news, and tell each change.

        Raises:
            ClickException: the cluster did not answer at all.
        """
        for news in watched.news():
            if news.all is not None:
                self.listed = True
                there = {job["metadata"]["uid"] for job in news.all}
                for uid in [uid for uid in self._rows if uid not in there]:
                    self._becomes(uid, [], told)
                for job in news.all:
                    self._becomes(job["metadata"]["uid"], self.wanted.rows_of(job), told)
            if news.changed is not None:
                self._becomes(news.changed["metadata"]["uid"], self.wanted.rows_of(news.changed), told)
            if news.gone is not None:
                self._becomes(news.gone["metadata"]["uid"], [], told)
            if news.trouble and not self.listed:
                raise click.ClickException(safe(news.trouble))
            self.trouble = self.trouble if news.trouble is None else news.trouble
            self.note = news.note or self.note
            if self.done:
                return  # what comes later was not waited for

    def _becomes(self, uid: str, new: list[Row], told: Callable[[Change], None]) -> None:
        for change in changes(self._rows.get(uid, ()), new):
            told(change)
        if new:
            self._rows[uid] = new
        else:
            self._rows.pop(uid, None)


class _Lines:
    """Prints each change as a line."""

    def __init__(self, grid: Grid, jobs: Jobs, line: Callable[[Change, float], str]) -> None:
        self._grid, self._jobs, self._line = grid, jobs, line

    def run(self) -> int:
        """Print until the end; return the exit status."""
        jobs, said = self._jobs, ""
        watched = Watched(self._grid, everybody=jobs.wanted.everybody)
        try:
            while not jobs.done:
                select.select([watched], [], [])
                jobs.hear(watched, lambda change: write(self._line(change, time.time()) + "\n"))
                problem = f"{jobs.trouble}; trying again" if jobs.trouble else jobs.note
                if problem and problem != said:
                    _note(problem)
                said = problem
        except KeyboardInterrupt:
            return INTERRUPTED if jobs.until_done else 0
        finally:
            watched.stop()
        return 0


class _Live(Drawn):
    """Keeps a table on the terminal up to date."""

    def __init__(self, grid: Grid, jobs: Jobs, colors: Paint) -> None:
        self._grid, self._jobs, self._paint = grid, jobs, colors
        self._watched = Watched(grid, everybody=jobs.wanted.everybody)

    def run(self) -> int:
        """Draw until the end; return the exit status."""
        jobs = self._jobs
        try:
            # The first answer decides whether there is anything to draw at all.
            while not jobs.listed:
                select.select([self._watched], [], [])
                self.hear()
            if not jobs.done:
                with Screen() as screen:
                    status = keep(screen, self, self._watched)
                if status is not None:
                    return status or (INTERRUPTED if jobs.until_done else 0)
        except KeyboardInterrupt:
            return INTERRUPTED if jobs.until_done else 0
        finally:
            self._watched.stop()
        write("no jobs are left\n")
        return 0

    @property
    def done(self) -> bool:
        """Whether everything that was waited for is over."""
        return self._jobs.done

    def hear(self) -> None:
        """Take in the news."""
        self._jobs.hear(self._watched, _untold)

    def draw(self, screen: Screen) -> None:
        """Draw the table."""
        columns, lines = size()
        now = time.time()
        note = self._jobs.trouble or self._jobs.note
        found = ordered(self._jobs.all_rows(), now)
        screen.draw(table(found, now, width=columns, height=lines, paint=self._paint, note=note))


def _untold(_: Change) -> None:
    """A table shows what is, not what changed."""

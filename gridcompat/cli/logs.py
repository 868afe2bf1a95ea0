"""`gridcompat logs`: where the output of a job is, and its end.

The files are read as the caller, so the file system decides what may be seen.  On a terminal the control
characters in them are shown, not obeyed; elsewhere every byte passes.
"""

from __future__ import annotations

import os
import select
import sys
import time
from typing import TYPE_CHECKING

import click

from gridcompat.cli import _outputs, _tail
from gridcompat.cli._grid import opened
from gridcompat.cli._outputs import BEGUN, ENDED, ERROR, PENDING, Output
from gridcompat.cli._terminal import Paint, color_option, is_terminal, paint, safe, write
from gridcompat.cli._watched import Watched
from gridcompat.record import record
from gridcompat.translate.grid_job import is_over, job_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gridcompat.accounting import Entry
    from gridcompat.cli._grid import Grid
    from gridcompat.cluster.base import K8sObject

LINES = 10
MOST_TASKS = 10
"""Of an array whose output is shown when no task was named."""
LOOK_S = 0.25
"""Between two looks at files that grow: no file system tells of what another host writes."""
LATE_S = 0.5
"""A network file system may show the last bytes a moment after the job has ended."""


@record
class Wanted:
    """What of it is to be shown."""

    lines: int
    out: bool
    err: bool
    path: bool
    paint: Paint
    terminal: bool

    def files(self, output: Output) -> list[str]:
        """Return the files of a task that are wanted, each once."""
        found = [path for path, wanted in ((output.out, self.out), (output.err, self.err)) if wanted]
        return list(dict.fromkeys(found))


@click.command(
    short_help="Show where a job's output is, and its end.",
    epilog="Exit status: 0 shown, or where it will be; 1 unknown job, or a file that cannot be read; "
    "2 bad use; 130 interrupted.",
)
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=LINES, show_default=True, help="So many lines."
)
@click.option("-f", "--follow", is_flag=True, help="Show what is added, until the job ends.")
@click.option("--out", "only_out", is_flag=True, help="Only standard output.")
@click.option("--err", "only_err", is_flag=True, help="Only standard error.")
@click.option("--path", is_flag=True, help="Only print the paths, one a line, for scripts.")
@color_option
@click.argument("job", metavar="ID[.TASK]|NAME")
def logs(lines: int, follow: bool, only_out: bool, only_err: bool, path: bool, color: str, job: str) -> None:
    """Show where the output of a job is, and its end.

    Of several jobs of a NAME the newest active one counts, else the newest. With --out or --err alone the
    text of one file is printed without a title.
    """
    if path and follow:
        raise click.UsageError("--path prints paths; it cannot follow")
    wanted = Wanted(
        lines=lines,
        out=only_out or not only_err,
        err=only_err or not only_out,
        path=path,
        paint=paint(color),
        terminal=is_terminal(),
    )
    with opened() as grid:
        found, task, many = _outputs.find(grid, job)
        if found is None:
            raise SystemExit(_of_record(grid, job, wanted))
        if many > 1:
            _note(f"{many} jobs have this name; this is {job_id(found)}, the newest")
        if follow:
            raise SystemExit(_Follower(grid, found, task, wanted).run())
        tasks = _tasks(grid, found, task, job)
        raise SystemExit(_paths(tasks, wanted) if path else _show(tasks, wanted))


def _tasks(grid: Grid, job: K8sObject, task: int | None, word: str) -> list[Output]:
    found = _outputs.outputs(grid, job, task)
    if not found:
        what = f"there is no task {task}" if task is not None else "it was deleted before it ran"
        raise click.ClickException(f"job {job_id(job)}: {what}, so '{safe(word)}' has no output")
    return found


def _note(text: str) -> None:
    write(f"gridcompat: {safe(text)}\n", err=True)


# ---------------------------------------------------------------- paths


def _paths(tasks: Iterable[Output], wanted: Wanted) -> int:
    """Print the paths; 1 if one of them is not certain yet."""
    paths: dict[str, None] = {}
    status = 0
    for output in tasks:
        if output.certain:
            paths.update(dict.fromkeys(wanted.files(output)))
        else:
            _note(f"{_called(output)} has no host yet, which its path depends on")
            status = 1
    for path in paths:
        # For scripts: bytes as they are, but a path with a line end in it would be two.
        write(f"{path}\n" if "\n" not in path and not wanted.terminal else f"{safe(path)}\n")
    return status


# ---------------------------------------------------------------- the end of the files


def _show(tasks: list[Output], wanted: Wanted) -> int:
    shown = [output for output in tasks if output.state in BEGUN] or tasks
    if len(shown) > MOST_TASKS:
        shown = sorted(shown, key=lambda one: (one.state != ENDED, _changed(one.out)))[-MOST_TASKS:]
        shown.sort(key=lambda one: one.task or 0)
        _note(f"{len(tasks)} tasks; the output of {MOST_TASKS} is shown, `logs ID.TASK` shows one")
    status, seen = 0, set()
    several = (wanted.out and wanted.err) or len(shown) > 1
    for output in shown:
        _say_state(output, wanted)
        for path in wanted.files(output):
            if path not in seen:
                seen.add(path)
                status |= _show_file(output, path, wanted, title=several)
    return status


def _say_state(output: Output, wanted: Wanted) -> None:
    """Say how far the task has come, on standard error."""
    where = f" on {output.host}" if output.host else ""
    why = f": {output.reason}" if output.reason else ""
    words = {
        PENDING: f"is pending{why}",
        ERROR: f"is in error state{why}",
        _outputs.STARTING: f"is being started{where}{why}",
        _outputs.RUNNING: f"is running{where}",
        _outputs.SUSPENDED: f"is suspended{where}",
        ENDED: "has ended",
    }
    style = {PENDING: "yellow", ERROR: "red", ENDED: "dim"}.get(output.state, "green")
    text = f"{_called(output)} {words[output.state]}"
    write(wanted.paint(safe(text), style if _err_is_terminal() else "") + "\n", err=True)


def _err_is_terminal() -> bool:
    return bool(sys.stderr.isatty())


def _called(output: Output) -> str:
    of_task = "" if output.task is None else f".{output.task}"
    return f'job {output.id}{of_task} ("{output.name}")'


def _show_file(output: Output, path: str, wanted: Wanted, *, title: bool) -> int:
    """Print the end of one file under its title; 1 if it cannot be shown."""
    if output.state not in BEGUN and not (output.state == ERROR and os.path.lexists(path)):
        # There may be output of a job that wrote into the same file.
        note = "not written" if output.state == ERROR else "will be written"
        write(f"{safe(path)} ({note})\n")
        return 0
    if path == os.devnull:
        write(f"{path} (thrown away)\n")
        return 0
    try:
        data, _ = _tail.tail(path, wanted.lines)
    except _tail.CannotShow as error:
        _note(f"{path}: {error}{_perhaps_elsewhere(output, str(error))}")
        return 1
    if title:
        write(_title(path, wanted))
    write_data(data, path, wanted, whole=True)
    return 0


def _perhaps_elsewhere(output: Output, why: str) -> str:
    if not why.startswith("no such file"):
        return ""
    if output.host and output.host.partition(".")[0] != os.uname().nodename.partition(".")[0]:
        return f"; perhaps only on {output.host}"
    return "; moved or removed since" if output.state == ENDED else ""


def _title(path: str, wanted: Wanted) -> str:
    return wanted.paint(f"==> {safe(path)} <==", "bold") + "\n"


def write_data(data: bytes, path: str, wanted: Wanted, *, whole: bool) -> None:
    """Print what a job wrote: as it is, or on a terminal so that it commands nothing."""
    if not wanted.terminal:
        write(data.decode("utf-8", "surrogateescape"))
        return
    if _tail.is_binary(data):
        write(wanted.paint(f"({len(data)} bytes that are no text; a pipe or a file gets them)", "dim") + "\n")
        return
    text = safe(data.decode("utf-8", "surrogateescape").replace("\r\n", "\n"), lines=True)
    # The next title, or the prompt, begins a line.
    write(text + ("\n" if whole and text and not text.endswith("\n") else ""))


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except (OSError, ValueError):
        return 0.0


# ---------------------------------------------------------------- following


class _Follower:
    """Shows what is added to the files of a job until it ends."""

    def __init__(self, grid: Grid, job: K8sObject, task: int | None, wanted: Wanted) -> None:
        self._grid, self._job, self._task, self._wanted = grid, job, task, wanted
        self._places: dict[str, _tail.Place] = {}
        self._blocked: dict[str, str] = {}
        """Files that cannot be shown, and why, as it was told."""
        self._told: dict[int | None, str] = {}
        self._last = ""
        """The file that was shown last."""

    def run(self) -> int:
        """Follow; return the exit status."""
        watched = Watched(self._grid, everybody=self._job["metadata"]["namespace"] != self._grid.namespace)
        try:
            over = self._refresh()
            while not over:
                select.select([watched], [], [], LOOK_S)
                if self._heard(watched):
                    over = self._refresh()
                self._look()
            time.sleep(LATE_S)
            self._look()
        except KeyboardInterrupt:
            return 130
        finally:
            watched.stop()
        for path, why in self._blocked.items():
            _note(f"{path}: {why}")
        return 1 if self._blocked else 0

    def _heard(self, watched: Watched) -> bool:
        """Take in the news; return whether the job has changed."""
        uid, changed = self._job["metadata"]["uid"], False
        for news in watched.news():
            mine = [one for one in news.all or () if one["metadata"]["uid"] == uid]
            for job in (*mine, *((news.changed,) if news.changed else ())):
                if job["metadata"]["uid"] == uid:
                    self._job, changed = job, True
            gone = news.gone is not None and news.gone["metadata"]["uid"] == uid
            if gone or (news.all is not None and not mine):
                status = {**(self._job.get("status") or {}), "phase": "Finished"}
                self._job, changed = {**self._job, "status": status}, True
            if news.trouble:
                _note(f"{news.trouble}; trying again")
        return changed

    def _refresh(self) -> bool:
        """Look which files there are; return whether nothing is still to come."""
        self._outputs = _outputs.outputs(self._grid, self._job, self._task)
        for output in self._outputs:
            if self._told.get(output.task) != output.state and self._worth_telling(output):
                _say_state(output, self._wanted)
            self._told[output.task] = output.state
        self._look()
        if is_over(self._job):
            return True
        return all(output.state == ENDED for output in self._outputs) and self._task is not None

    def _worth_telling(self, output: Output) -> bool:
        """Of a large array not each task that waits, nor each that ended before."""
        if output.task is None or self._task is not None:
            return True
        return output.state != PENDING and (output.state != ENDED or output.task in self._told)

    def _look(self) -> None:
        """Show what is new."""
        for output in self._outputs:
            if output.state not in BEGUN:
                continue
            for path in self._wanted.files(output):
                if path != os.devnull:
                    self._look_at(path)

    def _look_at(self, path: str) -> None:
        place = self._places.get(path)
        try:
            if place is None:
                data, new = _tail.tail(path, self._wanted.lines)
            else:
                data, new = _tail.more(path, place)
        except _tail.CannotShow as error:
            self._blocked[path] = str(error)
            return
        self._blocked.pop(path, None)
        self._places[path] = new
        if data:
            several = (self._wanted.out and self._wanted.err) or len(self._outputs) > 1
            if path != self._last and several:
                write(_title(path, self._wanted))
            self._last = path
            write_data(data, path, self._wanted, whole=False)


# ---------------------------------------------------------------- without a GridJob


def _of_record(grid: Grid, word: str, wanted: Wanted) -> int:
    """Say what the accounting record tells of a job whose object is gone; the record has no paths."""
    entries = _outputs.recorded(grid, word)
    if not entries:
        raise click.ClickException(f"nothing is known of a job '{safe(word)}'")
    first = entries[0]
    _note(
        f'job {first.job_number} ("{first.job_name}") has ended and only its record is left, '
        "which does not say where the output went"
    )
    for entry in entries[-MOST_TASKS:]:
        _say_end(entry)
    paths = list(dict.fromkeys(path for entry in entries for path in _outputs.guesses(entry)))
    letters = (*(("o", "out") if wanted.out else ()), *(("e", "err") if wanted.err else ()))
    paths = [
        path for path in paths if path.rpartition(".")[2] in letters or _letter(path, entries) in letters
    ]
    if not paths:
        _note("no file is where it would be without -o, -e and -cwd")
        return 1
    if not wanted.path:
        _note("these are where it would be without -o, -e and -cwd:")
    return _show_guessed(paths, wanted)


def _letter(path: str, entries: list[Entry]) -> str:
    """`o` or `e` of NAME.oID or NAME.eID."""
    for entry in entries:
        for letter in "oe":
            if f".{letter}{entry.job_number}" in path:
                return letter
    return ""


def _say_end(entry: Entry) -> None:
    of_task = f" task {entry.task_number}" if entry.task_number else ""
    ended = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry.end_time))
    _note(f"record:{of_task} ended {ended} on {entry.hostname}, exit status {entry.exit_status}")


def _show_guessed(paths: list[str], wanted: Wanted) -> int:
    status = 0
    for path in paths:
        if wanted.path:
            write(f"{path}\n")
            continue
        try:
            data, _ = _tail.tail(path, wanted.lines)
        except _tail.CannotShow as error:
            _note(f"{path}: {error}")
            status = 1
            continue
        write(_title(path, wanted))
        write_data(data, path, wanted, whole=True)
    return status

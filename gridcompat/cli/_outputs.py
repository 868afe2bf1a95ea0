"""Which files the tasks of a job write, and how far each task has come: from GridJob, pods and records.

Must not print, nor read the files.
"""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

from gridcompat import accounting
from gridcompat.cluster.base import GRID_JOB, POD, Selector
from gridcompat.errors import ClusterError
from gridcompat.patterns import matches
from gridcompat.record import record
from gridcompat.translate import ranges, streams
from gridcompat.translate.grid_job import all_tasks, is_array, is_over, job_id, read_request
from gridcompat.translate.outcome import pending_reason
from gridcompat.translate.pod import JOB_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridcompat.accounting import Entry
    from gridcompat.cli._grid import Grid
    from gridcompat.cluster.base import K8sObject

PENDING, STARTING, RUNNING, SUSPENDED = "pending", "starting", "running", "suspended"
ERROR, ENDED = "error", "ended"
BEGUN = (RUNNING, SUSPENDED, ENDED)
_LETTERS = {"t": STARTING, "r": RUNNING, "s": SUSPENDED}


@record
class Output:
    """One task and its files."""

    id: int
    name: str
    owner: str
    task: int | None
    """None in a job that is no array."""
    state: str
    out: str
    err: str
    """The same as `out` with -j y."""
    host: str = ""
    reason: str = ""
    """Why it has not started."""
    certain: bool = True
    """False when the paths still depend on something: the host of a task that has not started."""


def find(grid: Grid, word: str) -> tuple[K8sObject | None, int | None, int]:
    """Return the GridJob that `ID`, `ID.TASK`, a name or a pattern means, the task, and how many it fits.

    A name is that of the newest active job, else of the newest.
    """
    number, dot, task = word.partition(".")
    if _is_number(number) and (not dot or _is_number(task)):
        return grid.job(int(number)), int(task) if dot else None, 1
    found = [job for job in _jobs(grid) if matches(word, str(job["spec"].get("jobName") or ""))]
    found.sort(key=lambda job: (not is_over(job), job_id(job)))
    many = sum(not is_over(job) for job in found) or len(found)
    return (found[-1] if found else None), None, many


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdecimal() and 0 < len(word) <= 15


def _jobs(grid: Grid) -> list[K8sObject]:
    """The caller's own jobs: names are only looked for among these."""
    return [
        job
        for job in grid.cluster.list(GRID_JOB, namespace=grid.namespace).items
        if not job["spec"].get("void")
    ]


def outputs(grid: Grid, job: K8sObject, only: int | None = None) -> list[Output]:
    """Return the tasks of a job that have or will have output, in their order; `only` one of them."""
    spec, status = job["spec"], job.get("status") or {}
    request = read_request(spec.get("request") or "")
    account = grid.account(job["metadata"]["namespace"])
    owner = str(status.get("owner") or account.get("owner") or grid.user)
    home = str(account.get("home") or "") or _home(owner)
    states = dict(_states(job))
    running = {int(row["task"]): row for row in status.get("running") or ()}
    pods = _pods(grid, job) if running else {}
    reasons = [str(line) for line in status.get("reasons") or ()]
    hosts: dict[int, str] | None = None
    directories: dict[str, bool] = {}

    def is_directory(path: str) -> bool:
        if path not in directories:
            directories[path] = os.path.isdir(path) if "\0" not in path else False
        return directories[path]

    found = []
    for task, (state, reason) in states.items():
        if only is not None and task != only:
            continue
        row = running.get(task) or {}
        pod = pods.get(str(row.get("pod") or ""))
        where = streams.of_pod(pod, host=str(row.get("host") or "")) if pod is not None else None
        if where is None:
            host = str(row.get("host") or "")
            where = streams.of_request(job, request, task, user=owner, home=home, host=host)
            if state == ENDED and streams.host_matters(where):
                hosts = _hosts(grid, job_id(job)) if hosts is None else hosts
                where = streams.of_request(
                    job, request, task, user=owner, home=home, host=hosts.get(task, "")
                )
        if state in (PENDING, STARTING):
            waiting = pending_reason(pod) if pod is not None else None
            reason = waiting or "; ".join(reasons)
        out, err = streams.files(where, is_directory)
        found.append(
            Output(
                id=job_id(job),
                name=str(spec.get("jobName") or request.name),
                owner=owner,
                task=task if is_array(job) else None,
                state=state,
                out=out,
                err=err,
                host=where.host,
                reason=reason,
                certain=not streams.host_matters(where),
            )
        )
    return found


def _states(job: K8sObject) -> Iterator[tuple[int, tuple[str, str]]]:
    """How far each task has come, and why it is in error; tasks deleted before they ran are left out."""
    spec, status = job["spec"], job.get("status") or {}
    tasks = ranges.parse(all_tasks(job))
    deleted = ranges.parse(spec.get("deleted") or "")
    known: dict[int, tuple[str, str]] = {}
    waiting = [status.get("pending") if status else all_tasks(job)]
    waiting += [group["tasks"] for group in status.get("again") or ()]
    for text in waiting:
        for task in ranges.members(ranges.parse(text or "")):
            known[task] = (PENDING, "")
    for group in status.get("errors") or ():
        for task in ranges.members(ranges.parse(group["tasks"])):
            known[task] = (ERROR, str(group.get("reason") or ""))
    for task in [task for task in known if ranges.contains(deleted, task)]:
        known[task] = ("", "")
    for row in status.get("running") or ():
        known[int(row["task"])] = (_LETTERS.get(str(row.get("state")), RUNNING), "")
    for task in ranges.members(tasks):
        state, reason = known.get(task, (ENDED, ""))
        if state:
            yield task, (state, reason)


def _pods(grid: Grid, job: K8sObject) -> dict[str, K8sObject]:
    selector = Selector(labels={JOB_LABEL: str(job_id(job))})
    try:
        pods = grid.cluster.list(POD, namespace=job["metadata"]["namespace"], selector=selector).items
    except ClusterError:
        return {}  # then by the request
    return {str(pod["metadata"]["name"]): pod for pod in pods}


def _hosts(grid: Grid, number: int) -> dict[int, str]:
    """The hosts of tasks that have ended, by the records."""
    try:
        return {
            entry.task_number or 1: entry.hostname for entry in accounting.read(grid.accounting, job=number)
        }
    except OSError:
        return {}


def _home(owner: str) -> str:
    try:
        return pwd.getpwnam(owner).pw_dir
    except (KeyError, ValueError, UnicodeEncodeError):
        return os.environ.get("HOME") or "/"


# ---------------------------------------------------------------- what only the record knows


def recorded(grid: Grid, word: str) -> list[Entry]:
    """Return the records of the newest job that a number, `ID.TASK` or a name means, [] without one."""
    number, dot, task = word.partition(".")
    try:
        if _is_number(number) and (not dot or _is_number(task)):
            found = list(accounting.read(grid.accounting, job=int(number)))
        else:
            dot = ""
            found = list(accounting.read(grid.accounting, name=word))
    except (OSError, UnicodeEncodeError):
        return []
    found = [entry for entry in found if not dot or entry.task_number in (int(task), 0)]
    own = [entry for entry in found if entry.owner == grid.user] or found
    newest = max(((entry.submission_time, entry.job_number) for entry in own), default=None)
    return [entry for entry in own if (entry.submission_time, entry.job_number) == newest]


def guesses(entry: Entry) -> list[str]:
    """Return the files that a job of this record writes without -o, -e and -cwd, as far as they exist."""
    home = _home(entry.owner)
    of_task = f".{entry.task_number}" if entry.task_number else ""
    names = [f"{entry.job_name}.{letter}{entry.job_number}{of_task}" for letter in "oe"]
    names += [f"{entry.job_name}.out", f"{entry.job_name}.err"]
    return [path for path in (f"{home.rstrip('/')}/{name}" for name in names) if _exists(path)]


def _exists(path: str) -> bool:
    try:
        return os.path.exists(path)
    except ValueError:
        return False

"""Waiting for the end of a job (-sync y): watch the GridJob, take the result from the accounting record.

The object may be gone by the time somebody looks; the record stays.  Must not know how an end is told.
"""

from __future__ import annotations

from gridcompat import accounting as records
from gridcompat.cluster.base import GRID_JOB, Selector
from gridcompat.errors import Expired, NotFound, Unavailable
from gridcompat.record import record
from gridcompat.timestamps import epoch
from gridcompat.translate import grid_job as objects
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridcompat.accounting import Entry
    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.service.means import Means

ENDED = frozenset((0, 37, 100))
"""Values of `failed` after which a task does not run again: the others are requeues and errors that wait."""
WATCH_S = 60.0
SIGNALS = (
    *("",),
    *("SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS"),
    *("SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM"),
    *("SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN"),
    *("SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH"),
    *("SIGIO", "SIGPWR", "SIGSYS"),
)
"""By number, as Linux on x86 and ARM has them (`signal` would import `enum`)."""


@record
class End:
    """How one task ended."""

    task: int
    exit_status: int = 0
    signal: str = ""
    """`SIGKILL` ..., "" if it ended by itself."""
    deleted: bool = False


def follow(cluster: Cluster, grid_job: K8sObject, *, accounting: str, means: Means) -> Iterator[End]:
    """Yield the end of each task, in the order in which they end, and stop after the last.

    Args:
        accounting: path of the accounting file; where it cannot be read a plain job's status tells.
    """
    told: set[int] = set()
    seen = -1
    for job in _versions(cluster, grid_job, means):
        status = job.get("status", {})
        over = objects.is_over(job)
        if over or status.get("finished", 0) != seen:
            seen = status.get("finished", 0)
            for end in _ends(job, accounting):
                if end.task not in told:
                    told.add(end.task)
                    yield end
        if over:
            yield from _rest(job, told)
            return


def _versions(cluster: Cluster, grid_job: K8sObject, means: Means) -> Iterator[K8sObject]:
    """Yield the GridJob as it changes, at last as finished; watch, and look again whenever the watch ends."""
    number, namespace = grid_job["metadata"]["name"], grid_job["metadata"]["namespace"]
    job = grid_job
    while True:
        try:
            job = cluster.get(GRID_JOB, number, namespace=namespace)
        except NotFound:
            yield {**job, "status": {**job.get("status", {}), "phase": "Finished"}}
            return
        except Unavailable:
            means.pause(1.0)
            continue
        yield job
        since = job["metadata"]["resourceVersion"]
        selector = Selector(fields={"spec.jobName": job["spec"]["jobName"]})
        try:
            for event in cluster.watch(
                GRID_JOB, namespace=namespace, since=since, selector=selector, timeout_s=WATCH_S
            ):
                if event.type == "BOOKMARK" or event.object["metadata"].get("name") != number:
                    continue
                if event.type == "DELETED":
                    break  # or renamed, which looks the same through the selector
                yield event.object
        except (Expired, Unavailable):
            means.pause(0.2)
        if means.poke is not None:
            means.poke()  # a wait must not last for ever because the daemon was killed


def _ends(job: K8sObject, accounting: str) -> list[End]:
    """The tasks that ended, by the records, in the order of the file."""
    number = objects.job_id(job)
    submitted = epoch(job["metadata"].get("creationTimestamp", ""))
    array = objects.is_array(job)
    gone = ranges.parse(job["spec"].get("deleted") or "")
    found = []
    try:
        for entry in records.read(accounting, job=number):
            # Ids may begin anew in an older file.
            if entry.failed in ENDED and entry.submission_time >= submitted:
                task = entry.task_number if array else 1
                found.append(_end(entry, task, deleted=ranges.contains(gone, task)))
    except OSError:
        return []
    return found


def _end(entry: Entry, task: int, *, deleted: bool) -> End:
    died = entry.exit_status - 128 if entry.failed and entry.exit_status > 128 else 0
    if died and deleted:
        return End(task=task, deleted=True)
    signal = SIGNALS[died] if 0 < died < len(SIGNALS) else f"SIG{died}" if died else ""
    return End(task=task, exit_status=entry.exit_status, signal=signal)


def _rest(job: K8sObject, told: set[int]) -> Iterator[End]:
    """What no record tells of: tasks deleted before they ran, and a job whose records cannot be read."""
    status = job.get("status", {})
    tasks = objects.task_ranges(job)
    gone = ranges.parse(job["spec"].get("deleted") or "")
    for task in ranges.members(tasks):
        if task in told:
            continue
        if ranges.contains(gone, task) or status.get("phase") == "Void":
            yield End(task=task, deleted=True)
        else:
            yield End(task=task, exit_status=status.get("exitStatus", 0) if status.get("failed") else 0)

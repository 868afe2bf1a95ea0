"""Which jobs a word means: numbers, names, patterns, users.

Names and patterns reach the account's own active jobs only, as on the grid; numbers are exact.  Must
not know the messages for what was not found.
"""

from __future__ import annotations

from gridcompat.cluster.base import GRID_JOB, Selector
from gridcompat.errors import ClusterError, NotFound, Refused
from gridcompat.options.match import expression
from gridcompat.patterns import matches
from gridcompat.record import replace
from gridcompat.translate import grid_job as objects
from gridcompat.translate import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.model import JobRequest
    from gridcompat.translate.rows import Row


def leading_digits(word: str) -> str:
    """Return the digits that a word begins with, at most twelve; "" if there are none."""
    at = 0
    while at < min(len(word), 12) and word[at] in "0123456789":
        at += 1
    return word[:at]


def own_rows(cluster: Cluster, *, namespace: str) -> list[Row]:
    """Return the rows of the account's active jobs, by number."""
    found = rows.rows(cluster.table(GRID_JOB, namespace=namespace))
    found.sort(key=lambda row: row.job_id)
    return found


def ids_named(own: list[Row], word: str) -> list[int]:
    """Return the numbers of the active jobs of that name or pattern, ascending, each once."""
    return sorted({row.job_id for row in own if matches(word, row.name)})


def find(cluster: Cluster, number: int, *, namespace: str) -> K8sObject | None:
    """Return the account's GridJob of that number if anything of it is still active, else None."""
    try:
        found = cluster.get(GRID_JOB, str(number), namespace=namespace)
    except NotFound:
        return None
    return found if rows.active(found) else None


def resolve_predecessors(cluster: Cluster, request: JobRequest, *, namespace: str) -> JobRequest:
    """Return the request with `-hold_jid` and `-hold_jid_ad` resolved to ids of active jobs.

    Unknown numbers, names and patterns hold nothing and are no error.

    Raises:
        Refused: a word is no job at all, or an array predecessor has not the same range of tasks.
    """
    if not request.predecessors_requested and not request.array_predecessors_requested:
        return request
    own = own_rows(cluster, namespace=namespace)
    by_task = _resolved(own, request.array_predecessors_requested)
    for number in by_task:
        check_same_range(cluster, request, number, namespace)
    return replace(
        request,
        predecessors=tuple(_resolved(own, request.predecessors_requested)),
        array_predecessors=tuple(by_task),
    )


def resolved(cluster: Cluster, words: tuple[str, ...], *, namespace: str) -> tuple[int, ...]:
    """Return the numbers of the account's active jobs that the words mean, word by word.

    Raises:
        Refused: a word is no job at all.
    """
    return tuple(_resolved(own_rows(cluster, namespace=namespace), words))


def _resolved(own: list[Row], words: tuple[str, ...]) -> list[int]:
    """What each word means, one after the other: a job that is named twice is there twice.

    Source: tried. `3x` means job 3, a task no job.
    """
    active = {row.job_id for row in own}
    found: list[int] = []
    for word in words:
        digits = leading_digits(word)
        if digits and "." in word:
            raise Refused(f'denied: job "{word}" not found')
        if digits:
            found += [int(digits)] if int(digits) in active else []
        else:
            found += sorted({row.job_id for row in own if expression(row.name, word)})
    return found


def check_same_range(cluster: Cluster, request: JobRequest, number: int, namespace: str) -> None:
    """An array may wait task by task only for arrays from the same first to the same last task."""
    there = find(cluster, number, namespace=namespace)
    if there is None or request.tasks is None:
        return
    if not objects.is_array(there):
        raise Refused('Can only specify "-hold_jid_ad" option with an array job (using "-t" option)')
    typed = objects.read_request(there["spec"]["request"]).tasks
    if typed is None or typed[:2] != request.tasks[:2]:
        raise Refused(
            "This array job must have the same range of sub-tasks as the dependent array job specified with "
            "-hold_jid_ad"
        )


def is_foreign(cluster: Cluster, number: int, *, namespace: str) -> bool:
    """Return whether an active job of that number is in another namespace, as far as the caller may see."""
    selector = Selector(fields={"metadata.name": str(number)})
    try:
        listing = cluster.list(GRID_JOB, namespace=None, selector=selector)
    except ClusterError:
        return False
    return any(item["metadata"]["namespace"] != namespace and rows.active(item) for item in listing.items)


def jobs_of(cluster: Cluster, owner: str, *, namespace: str) -> list[int]:
    """Return the numbers of another user's active jobs, as far as the caller may see them."""
    try:
        listing = cluster.table(GRID_JOB, namespace=None, selector=Selector(fields={"status.owner": owner}))
    except ClusterError:
        return []
    own = {row.job_id for row in own_rows(cluster, namespace=namespace)}
    return sorted({row.job_id for row in rows.rows(listing)} - own)

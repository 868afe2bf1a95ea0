"""Submission: from a Submission to a GridJob that is ready, in writes that may stop anywhere.

GridJob first, not ready; then the Secret owned by it; then ready.  Whoever dies in between leaves a job
that never becomes ready, and the controller voids it.  Must not know command lines or messages of
commands; knows no more of a cluster than the port.
"""

from __future__ import annotations

from gridcompat.cluster.base import GRID_JOB, SECRET
from gridcompat.errors import ClusterError, Conflict, Forbidden, Invalid, NotFound, Refused, Unavailable
from gridcompat.patterns import matches
from gridcompat.record import record, replace
from gridcompat.service import select
from gridcompat.service.ids import AlreadyActive, Ids, late
from gridcompat.service.means import Deadline, Means
from gridcompat.translate import grid_job as objects
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.model import JobRequest, Submission, TaskRange
    from gridcompat.settings import Settings

__all__ = ["AlreadyActive", "Submitted", "submit"]

DEADLINE_S = 60.0
"""No creation is sent later than this after the first read (monotonic clock)."""
OWN_PREFIX = "GRIDCOMPAT_"
"""Variables of this program, which -V leaves on the submit host; `options` does so with KUBE*."""


@record
class Submitted:
    """What became of a submission that worked."""

    id: int
    name: str
    tasks: TaskRange | None
    """As typed, for the message; None for a plain job."""
    grid_job: K8sObject
    """As last written."""


def submit(
    cluster: Cluster,
    settings: Settings,
    submission: Submission,
    *,
    namespace: str,
    means: Means,
    withdrawn: bool = False,
) -> Submitted:
    """Store a job and return its id. The job may run as soon as this returns.

    `-hold_jid` names and patterns are resolved here, to ids of the account's active jobs.  A withdrawn
    job is deleted from its first moment (-now y where nothing starts at once).

    Raises:
        AlreadyActive: `-once` and a job of that name is active.
        Refused: too large, or what `-hold_jid_ad` names does not fit.
        Unavailable: not done within a minute; status 25, with the id if there was one.
        ClusterError: the cluster said no (a quota, no right).
    """
    deadline = Deadline(means, DEADLINE_S)
    submission = _visible(submission)
    request = select.resolve_predecessors(cluster, submission.request, namespace=namespace)
    submission = replace(submission, request=request)
    if request.tasks is not None and request.tasks[1] > ranges.LARGEST_TASK:
        raise Refused(f"job rejected: there are no tasks above {ranges.LARGEST_TASK} here")
    _check_sizes(submission)
    nonce = means.token()
    slots = slots_of(request, settings)
    with_secret = not withdrawn and (submission.script is not None or bool(submission.environment))

    def void(number: int) -> None:
        body = objects.grid_job(
            request, id=number, nonce=means.token(), namespace=namespace, ready=False, void=True
        )
        try:
            cluster.create(body)
        except (Conflict, Unavailable):
            return  # it is there, or the next round finds out

    ids = Ids(
        cluster,
        namespace,
        means,
        deadline,
        nonce=nonce,
        once_name=request.name if request.once else None,
        void=void,
    )
    while True:
        number = ids.take()
        body = objects.grid_job(
            request, id=number, nonce=nonce, namespace=namespace, ready=not with_secret, slots=slots
        )
        if withdrawn:
            body["spec"]["deleted"] = objects.all_tasks(body)
        made = _create(cluster, body, number, means, deadline)
        if made is not None:
            break
    if with_secret:
        made = _complete(cluster, made, submission, means, deadline)
    return Submitted(id=number, name=request.name, tasks=request.tasks, grid_job=made)


def reserve(cluster: Cluster, *, namespace: str, means: Means) -> int:
    """Return an id that no job will have: the grid spends one on a verification that fails.

    Raises:
        Unavailable: not done within a minute.
    """
    deadline = Deadline(means, DEADLINE_S)
    return Ids(
        cluster, namespace, means, deadline, nonce=means.token(), once_name=None, void=lambda _number: None
    ).take()


def slots_of(request: JobRequest, settings: Settings) -> int:
    """Return the slots of a job: of -pe the most that the environment and a host can give, else the least."""
    if not request.parallel_environment or not request.slot_ranges:
        return 1
    most = max((queue.slots for queue in settings.queues), default=1)
    sizes = [
        pe.slots for pe in settings.parallel_environments if matches(request.parallel_environment, pe.name)
    ]
    most = min(most, max(sizes, default=most))
    if settings.hosts or settings.resource_quotas or any(queue.complex_values for queue in settings.queues):
        from gridcompat.options.terms import most_slots

        most = int(min(most, most_slots(request, settings)))
    fitting = [_largest(one, most) for one in request.slot_ranges if one[0] <= most]
    return max(fitting) if fitting else min(first for first, _, _ in request.slot_ranges)


def _largest(slots: TaskRange, most: int) -> int:
    first, last, step = slots
    last = min(last, most)
    return last - (last - first) % step


def _visible(submission: Submission) -> Submission:
    """Without what must not leave the submit host, if the whole environment is exported."""
    if not submission.request.export_all:
        return submission
    environment = tuple(pair for pair in submission.environment if not pair[0].startswith(OWN_PREFIX))
    variables = tuple(name for name in submission.request.variables if not name.startswith(OWN_PREFIX))
    return replace(
        submission, request=replace(submission.request, variables=variables), environment=environment
    )


def _check_sizes(submission: Submission) -> None:
    """Refuse what the cluster could not hold, before anything is written."""
    check_request_size(submission.request)
    script = len(submission.script or b"")
    environment = len(objects.environment_text(submission.environment))
    if script + environment > objects.SECRET_BYTES:
        raise Refused(
            f"job rejected: script ({script} bytes) and environment ({environment} bytes) are together "
            f"larger than {objects.SECRET_BYTES} bytes"
        )


def check_request_size(request: JobRequest) -> None:
    """Raise Refused if a GridJob cannot hold the request."""
    size = len(objects.request_json(request))
    if size > objects.REQUEST_BYTES:
        raise Refused(
            f"job rejected: the request of {size} bytes (arguments, names, paths) is larger than "
            f"{objects.REQUEST_BYTES} bytes"
        )


def _create(
    cluster: Cluster, body: K8sObject, number: int, means: Means, deadline: Deadline
) -> K8sObject | None:
    """Create the GridJob and return it, or None if the id was taken away by a void one."""
    for _ in _tries(means, deadline, number):
        try:
            return cluster.create(body)
        except Conflict:
            pass
        except Unavailable:
            continue  # perhaps it is there now: the next creation will tell
        except Invalid as error:
            raise Refused(f"job rejected: {error.message}") from error
        except Forbidden as error:
            raise _over_quota(error) or error from error
        try:
            there = cluster.get(GRID_JOB, str(number), namespace=body["metadata"]["namespace"])
        except (NotFound, Unavailable):
            continue
        return there if there["spec"]["nonce"] == body["spec"]["nonce"] else None
    raise late(number)


def _over_quota(error: Forbidden) -> Refused | None:
    """Return the grid's words for too many jobs, None if a quota is not what the cluster said.

    Source: `max_u_jobs` in sge_conf(5), status 25 in qsub(1), EXIT STATUS.
    """
    _, found, figures = error.message.partition("exceeded quota: ")
    counts = {}
    for word in ("used: ", "limited: "):
        number = figures.partition(word)[2].partition(f"count/{GRID_JOB.plural}.{GRID_JOB.group}=")[2]
        counts[word] = number.partition(",")[0].strip()
    if not found or not all(number.isdigit() for number in counts.values()):
        return None
    return Refused(
        f"job rejected: Only {counts['limited: ']} jobs are allowed per user "
        f"(current job count: {counts['used: ']})",
        exit_status=25,
    )


def _complete(
    cluster: Cluster, grid_job: K8sObject, submission: Submission, means: Means, deadline: Deadline
) -> K8sObject:
    """Create the Secret and declare the job ready.

    A refusal takes the job back; the deadline leaves it not ready, for the controller to void.
    """
    number = objects.job_id(grid_job)
    body = objects.secret(grid_job, submission.script, submission.environment)
    namespace = grid_job["metadata"]["namespace"]
    for _ in _tries(means, deadline, number):
        try:
            cluster.create(body)
            break
        except Conflict:
            if _is_ours(cluster, grid_job, namespace):
                break
            _withdraw(cluster, grid_job)
            raise
        except Unavailable:
            continue
        except (Forbidden, Invalid):
            _withdraw(cluster, grid_job)
            raise
    else:
        raise late(number)
    for _ in _tries(means, deadline, number):
        try:
            made = cluster.patch(GRID_JOB, str(number), {"spec": {"ready": True}}, namespace=namespace)
        except Unavailable:
            continue
        if made["spec"].get("deleted") == objects.all_tasks(made):
            raise late(number)  # somebody with -once held us for dead and took it back, or it was deleted
        return made
    raise late(number)


def _is_ours(cluster: Cluster, grid_job: K8sObject, namespace: str) -> bool:
    """Whether the Secret that is there came from a creation whose answer was lost."""
    try:
        there = cluster.get(SECRET, objects.secret_name(grid_job), namespace=namespace)
    except Forbidden:
        return True  # who may not read Secrets cannot have made this name for another job: ids are unique
    owners = there["metadata"].get("ownerReferences") or [{}]
    return bool(owners[0].get("uid") == grid_job["metadata"]["uid"])


def _withdraw(cluster: Cluster, grid_job: K8sObject) -> None:
    """Order the deletion of a job that cannot become ready; if that fails the controller voids it later."""
    try:
        cluster.patch(
            GRID_JOB,
            grid_job["metadata"]["name"],
            {"spec": {"deleted": objects.all_tasks(grid_job)}},
            namespace=grid_job["metadata"]["namespace"],
        )
    except ClusterError:
        return


def _tries(means: Means, deadline: Deadline, number: int) -> Iterator[None]:
    """Go on until the deadline, with growing random pauses after the first try."""
    wait = 0.05
    if deadline.passed():
        raise late(number)
    while True:
        yield
        means.pause(wait)
        wait = min(wait * 2, 2.0)
        if deadline.passed():
            return

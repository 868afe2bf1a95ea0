"""qalter: other words for the request of a job that is there.

One conditional patch, as for every order; the request changes whole and so do the fields of the GridJob
that repeat parts of it.  A job that runs goes on as it is; what changes counts for what has not started.
Must not know switches or messages.
"""

from __future__ import annotations

from gridcompat.cluster.base import SECRET
from gridcompat.errors import Conflict, NotFound, Refused
from gridcompat.record import record, replace
from gridcompat.service import orders, select
from gridcompat.service.orders import Tasks
from gridcompat.service.submit import check_request_size, slots_of
from gridcompat.translate import grid_job as objects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.model import JobRequest
    from gridcompat.service.means import Means
    from gridcompat.service.orders import Caller
    from gridcompat.settings import Settings
    from gridcompat.translate.ranges import Ranges

COUNTED = frozenset(
    (
        "binding", "hard_resources", "soft_resources", "master_queues", "name", "notify",
        "parallel_environment", "hard_queues", "soft_queues", "reserve", "restart", "start_time",
        "predecessors_requested", "array_predecessors_requested", "max_running_tasks",
    )
)  # fmt: skip
"""Changes that the grid counts as a version of the job. Source: tried, switch by switch."""
CONSUMABLES = ("h_vmem", "slots")
"""Complexes that are counted, which a running job cannot begin to ask for."""


@record
class Changes:
    """What a command line of qalter asks for."""

    fields: tuple[tuple[str, object], ...] = ()
    """JobRequest fields with their new values; each replaces the old one whole."""
    context_changes: tuple[tuple[str, object], ...] = ()
    """-ac, -dc, -sc in order: they change the job's own context."""
    environment: tuple[tuple[str, str], ...] | None = None
    """-v, -V: the variables with their values."""
    set_holds: str = ""
    """Letters of u o s."""
    clear_holds: str = ""
    all_holds: bool = False
    """-h n: no hold of any kind, which is for managers to say as soon as there is one."""


@record
class Altered:
    """What became of it. With a refusal nothing was changed."""

    array: bool
    fields: tuple[str, ...] = ()
    """JobRequest fields that were given."""
    held: Ranges = ()
    """Tasks whose holds changed."""
    fresh: Ranges = ()
    """Tasks that never ran, which are told of first."""
    refusal: str = ""
    """`priority` (raised), `holds` (all of them, by no manager), `consumable NAME`, `not an array`,
    `array dependency`, or a text of the grid."""
    request: JobRequest | None = None
    """As it is now."""


def alter(
    cluster: Cluster,
    settings: Settings,
    number: int,
    changes: Changes,
    *,
    caller: Caller,
    means: Means,
    tasks: Ranges | None = None,
) -> Altered | None:
    """Change a job. None if there is no such job of the caller's, or it is over.

    Args:
        tasks: whose holds change; None for all.

    Raises:
        Refused: the changed request is too large.
    """
    done: Altered | None = None
    seen: K8sObject | None = None

    def plan(job: K8sObject) -> dict[str, Any] | None:
        nonlocal done, seen
        seen, now = job, Tasks(job)
        if not now.alive:
            done = None
            return None
        old = objects.read_request(job["spec"]["request"])
        new = _requested(cluster, old, changes, caller.namespace, number)
        refusal = _refusal(cluster, job, now, old, new, changes, caller.namespace)
        held, holds = orders.holds_patch(
            job, now, tasks, set_letters=changes.set_holds, clear_letters=changes.clear_holds
        )
        if held and changes.all_holds:
            refusal = refusal or "holds"
        names = tuple(name for name, _ in changes.fields) + (("context",) if changes.context_changes else ())
        if changes.environment is not None and "variables" not in names:
            names += ("variables",)
        done = Altered(
            array=now.array, fields=names, held=held, fresh=now.fresh, refusal=refusal, request=new
        )
        if refusal:
            return None
        if holds or COUNTED.intersection(names):
            new = replace(new, changed=old.changed + 1)
        patch = _patch(new, names, settings) if names or holds else {}
        if holds:
            patch["holds"] = holds
        return patch or None

    if not orders.change(cluster, number, plan, namespace=caller.namespace, means=means):
        return None
    if done is not None and seen is not None and not done.refusal and changes.environment is not None:
        _store_environment(cluster, seen, changes.environment)
    return done


def _requested(
    cluster: Cluster, old: JobRequest, changes: Changes, namespace: str, number: int
) -> JobRequest:
    """The request with the changes, predecessors resolved anew."""
    new = replace(old, **dict(changes.fields))
    if changes.context_changes:
        new = replace(new, context=_context(old.context, changes.context_changes))
    if changes.environment is not None:
        names = tuple(name for name, _ in changes.environment if name != "TERM")
        new = replace(new, variables=names, without_term=True)
    if new.predecessors_requested != old.predecessors_requested:
        new = replace(new, predecessors=_others(cluster, new.predecessors_requested, namespace, number))
    if new.array_predecessors_requested != old.array_predecessors_requested:
        by_task = _others(cluster, new.array_predecessors_requested, namespace, number)
        new = replace(new, array_predecessors=by_task)
    check_request_size(new)
    return new


def _others(cluster: Cluster, words: tuple[str, ...], namespace: str, number: int) -> tuple[int, ...]:
    """The jobs that words mean; the job itself only by its number, which is refused, not by its name."""
    found = select.resolved(cluster, words, namespace=namespace)
    return tuple(one for one in found if one != number or str(number) in words)


def _context(
    old: tuple[tuple[str, str], ...], changes: tuple[tuple[str, object], ...]
) -> tuple[tuple[str, str], ...]:
    """-ac adds or replaces, -dc removes by name, -sc replaces all; order kept."""
    values = dict(old)
    for switch, what in changes:
        pairs: Any = what
        if switch == "-sc":
            values = dict(pairs)
        elif switch == "-ac":
            values |= dict(pairs)
        else:
            for name, _ in pairs:
                values.pop(name, None)
    return tuple(values.items())


def _refusal(
    cluster: Cluster,
    job: K8sObject,
    now: Tasks,
    old: JobRequest,
    new: JobRequest,
    changes: Changes,
    namespace: str,
) -> str:
    """Why the job as it is cannot be changed so; "" if it can."""
    given = dict(changes.fields)
    if "priority" in given and new.priority > min(0, old.priority):
        return "priority"
    if "max_running_tasks" in given and not now.array:
        return "not an array"
    if "array_predecessors_requested" in given:
        if not now.array:
            return "array dependency"
        try:
            for number in new.array_predecessors:
                select.check_same_range(cluster, new, number, namespace)
        except Refused as error:
            return error.message
    number = objects.job_id(job)
    if number in (*new.predecessors, *new.array_predecessors):
        return f'denied: job "{number}" may not be its own jobnet predecessor'
    return _consumables(old, new) if "hard_resources" in given and now.runs else ""


def _consumables(old: JobRequest, new: JobRequest) -> str:
    """Why the consumables of a running job cannot be changed so; "" if they stay."""
    before, after = dict(old.hard_resources), dict(new.hard_resources)
    for name in CONSUMABLES:
        if name in after and name not in before:
            return f"consumable {name}"
        if name in before and name not in after:
            return f"consumable-missing {name}"
        if before.get(name) != after.get(name):
            return f"consumable-changed {name}"
    return ""


def _patch(new: JobRequest, names: tuple[str, ...], settings: Settings) -> dict[str, Any]:
    """The merge patch of `spec`: the request, and what of it stands beside it."""
    patch: dict[str, Any] = {"request": objects.request_json(new)}
    beside = {
        "name": ("jobName", new.name),
        "priority": ("priority", new.priority),
        "max_running_tasks": ("maxRunning", min(new.max_running_tasks, objects.MOST)),
        "start_time": ("startTime", new.start_time),
        "predecessors_requested": ("predecessors", list(new.predecessors)),
        "array_predecessors_requested": ("arrayPredecessors", list(new.array_predecessors)),
        "slot_ranges": ("slots", min(slots_of(new, settings), objects.MOST)),
    }
    patch.update(beside[name] for name in names if name in beside)
    return patch


def _store_environment(cluster: Cluster, job: K8sObject, environment: tuple[tuple[str, str], ...]) -> None:
    """Put the variables into the job's Secret, which a command without variables did not have."""
    body = objects.secret(job, None, environment)
    meta, data = body["metadata"], body["data"] or {"environment": ""}
    try:
        cluster.patch(SECRET, meta["name"], {"data": data}, namespace=meta["namespace"])
    except NotFound:
        try:
            cluster.create(body)
        except Conflict:
            cluster.patch(SECRET, meta["name"], {"data": data}, namespace=meta["namespace"])

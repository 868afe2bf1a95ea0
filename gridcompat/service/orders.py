"""Orders to jobs that are there: delete, hold, release, clear, reschedule, suspend, unsuspend.

Each is one patch, planned from the whole object and conditional on its version, so that an order comes
either before or after whatever the controller decides; a conflict reads and plans again.  What comes back
says what was done to which tasks, for the caller to put into words.  Must not know the words of any command.
"""

from __future__ import annotations

from gridcompat.cluster.base import GRID_JOB
from gridcompat.errors import Conflict, GridError, NotFound, Unavailable, Unreachable
from gridcompat.record import record, replace
from gridcompat.service.means import Deadline, Means
from gridcompat.translate import grid_job as objects
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.translate.ranges import Ranges

DEADLINE_S = 30.0
MOST_ORDERS = 100
"""`spec.orders` holds no more; the controller must have acted on one before another fits."""
ORDER_TASKS_BYTES = 10_000


@record
class Caller:
    """Who gives an order, from where and when; it stands in the order and in the mail about it."""

    user: str
    host: str
    now: float
    namespace: str


class Tasks:
    """The tasks of a job by what they are doing, orders not yet acted on included."""

    def __init__(self, job: K8sObject) -> None:
        """Look at a GridJob."""
        spec, status = job["spec"], job.get("status") or {}
        self.array = objects.is_array(job)
        self.all = objects.task_ranges(job)
        self.deleted = ranges.parse(spec.get("deleted") or "")
        over = objects.is_over(job) or bool(spec.get("void"))
        runs = () if over else status.get("running") or ()
        self.runs: dict[int, dict[str, Any]] = {run["task"]: run for run in runs}
        """Tasks with an attempt."""
        self.running = ranges.from_members(self.runs)
        self.errors: Ranges = ()
        """Tasks in Eqw."""
        self.fresh: Ranges = ()
        """Tasks that never had an attempt."""
        waiting: Ranges = ()
        if not over and not status.get("phase"):
            waiting = self.fresh = self.all
        elif not over:
            waiting = self.fresh = ranges.parse(status.get("pending") or "")
            for group in status.get("again") or ():
                waiting = ranges.union(waiting, ranges.parse(group["tasks"]))
            for group in status.get("errors") or ():
                self.errors = ranges.union(self.errors, ranges.parse(group["tasks"]))
        self.errors = ranges.minus(self.errors, self.deleted)
        self.waiting = ranges.minus(ranges.union(waiting, self.errors), self.deleted)
        """Tasks without an attempt that are still to come, those in error included."""
        self.orders = [o for o in spec.get("orders") or () if o["seq"] > status.get("ordersDone", 0)]
        """Those the controller has not acted on."""

    @property
    def alive(self) -> Ranges:
        """Tasks that qstat shows."""
        return ranges.union(self.running, self.waiting)

    def suspended(self, task: int) -> bool:
        """Whether a task with an attempt is stopped, or ordered to be."""
        stopped = bool(self.runs[task]["state"] == "s")
        for order in self.orders:
            if order["kind"] in ("suspend", "unsuspend") and _concerns(order, task):
                stopped = order["kind"] == "suspend"
        return stopped


def _concerns(order: dict[str, Any], task: int) -> bool:
    text = order.get("tasks") or ""
    return not text or ranges.contains(ranges.parse(text), task)


def change(
    cluster: Cluster,
    number: int,
    plan: Callable[[K8sObject], dict[str, Any] | None],
    *,
    namespace: str,
    means: Means,
) -> bool:
    """Patch the spec of a GridJob as planned from its present state; False if there is no such job.

    Args:
        plan: returns the merge patch of `spec`, or None when there is nothing to change.

    Raises:
        Unavailable: the job kept changing, or the cluster did not answer, for half a minute.
        Unreachable: nobody is there, which the cluster has waited for long enough.
    """
    deadline = Deadline(means, DEADLINE_S)
    wait = 0.01
    while True:
        try:
            job = cluster.get(GRID_JOB, str(number), namespace=namespace)
            patch = plan(job)
            if patch is not None:
                version = job["metadata"]["resourceVersion"]
                cluster.patch(GRID_JOB, str(number), {"spec": patch}, namespace=namespace, if_version=version)
            return True
        except NotFound:
            return False
        except Unreachable:
            raise
        except (Conflict, Unavailable, _Full) as error:
            if deadline.passed():
                raise Unavailable(f"job {number} could not be changed: {error}") from error
            if isinstance(error, _Full) and means.poke is not None:
                means.poke()
        means.pause(wait)
        wait = min(wait * 2, 1.0)


class _Full(GridError):
    """There is no room for another order."""


def with_order(
    tasks: Tasks, job: K8sObject, kind: str, concerned: Ranges, caller: Caller, *, force: bool = False
) -> list[dict[str, Any]]:
    """Return `spec.orders` with one more, without those that were acted on.

    Raises:
        GridError: a hundred orders wait already; inside `change` this waits for the controller.
    """
    if len(tasks.orders) >= MOST_ORDERS:
        raise _Full(f"{MOST_ORDERS} orders wait to be carried out")
    done = (job.get("status") or {}).get("ordersDone", 0)
    seq = max([done, *(order["seq"] for order in job["spec"].get("orders") or ())]) + 1
    text = ranges.text(concerned)
    if len(text) > ORDER_TASKS_BYTES:
        raise GridError(f"the list of {ranges.count(concerned)} tasks is too long for one order")
    order: dict[str, Any] = {"seq": seq, "kind": kind, "by": caller.user[:256], "host": caller.host[:256]}
    order |= {"at": int(caller.now), "tasks": text}
    if force:
        order["force"] = True
    return [*tasks.orders, order]


@record
class Deleted:
    """What an order to delete did; empty everywhere if nothing of the job was left."""

    array: bool
    killed: tuple[int, ...] = ()
    """Tasks with an attempt, which ends now."""
    removed: Ranges = ()
    """Tasks without one, which are gone."""
    rest: bool = False
    """Nothing waits any more."""
    already: tuple[int, ...] = ()
    """Tasks that are being killed since an earlier order."""
    missing: Ranges = ()
    """Tasks asked for that the job does not have, or no longer."""


def delete(
    cluster: Cluster,
    number: int,
    *,
    caller: Caller,
    means: Means,
    tasks: Ranges | None = None,
    force: bool = False,
) -> Deleted | None:
    """Order the deletion of a job or some of its tasks. None if there is no such job, or it is over.

    Pending tasks are gone at once; those that run are killed by the controller.
    """
    done: Deleted | None = None

    def plan(job: K8sObject) -> dict[str, Any] | None:
        nonlocal done
        now = Tasks(job)
        if not now.alive:
            done = None
            return None
        asked = now.all if tasks is None else tasks
        removed = ranges.intersect(now.waiting, asked)
        runs = [task for task in now.runs if ranges.contains(asked, task)]
        already = tuple(sorted(task for task in runs if ranges.contains(now.deleted, task)))
        killed = tuple(sorted(task for task in runs if task not in already))
        done = Deleted(
            array=now.array,
            killed=killed,
            removed=removed,
            rest=removed == now.waiting,
            already=already,
            missing=() if tasks is None else ranges.minus(tasks, now.alive),
        )
        if not killed and not removed and not (force and already):
            return None
        patch: dict[str, Any] = {}
        gone = ranges.union(now.deleted, ranges.union(removed, ranges.from_members(killed)))
        patch["deleted"] = ranges.text(gone)
        if killed or force:
            ordered = ranges.from_members((*killed, *already) if force else killed)
            if ordered:
                patch["orders"] = with_order(now, job, "delete", ordered, caller, force=force)
        return patch

    found = change(cluster, number, plan, namespace=caller.namespace, means=means)
    return done if found else None


@record
class Changed:
    """Which tasks an order concerned."""

    array: bool
    tasks: Ranges = ()
    """Tasks whose state the order changes."""
    already: Ranges = ()
    """Running tasks that are like that already (suspended, not suspended, not in error)."""
    pending: Ranges = ()
    """Tasks that do not run; a hold concerns them, other orders do not."""
    unfit: Ranges = ()
    """Running tasks that may not be rescheduled."""
    hosts: tuple[tuple[int, str], ...] = ()
    """Where the tasks ran."""
    silent: Ranges = ()
    """Tasks that are there and wait for another run; the order changes nothing about them."""
    missing: Ranges = ()


HOLDS = {"u": "user", "o": "operator", "s": "system"}


def hold(
    cluster: Cluster,
    number: int,
    *,
    caller: Caller,
    means: Means,
    set_letters: str = "",
    clear_letters: str = "",
    tasks: Ranges | None = None,
) -> Changed | None:
    """Set and clear holds (letters of `u o s`) on tasks that are not over. None if there is no such job.

    Returns the tasks that have another set of holds now.
    """
    done: Changed | None = None

    def plan(job: K8sObject) -> dict[str, Any] | None:
        nonlocal done
        now = Tasks(job)
        if not now.alive:
            done = None
            return None
        missing = () if tasks is None else ranges.minus(tasks, now.all)
        changed, patch = holds_patch(job, now, tasks, set_letters=set_letters, clear_letters=clear_letters)
        done = Changed(array=now.array, tasks=changed, pending=now.fresh, missing=missing)
        return {"holds": patch, **_counted(job)} if patch else None

    found = change(cluster, number, plan, namespace=caller.namespace, means=means)
    return done if found else None


def _counted(job: K8sObject) -> dict[str, Any]:
    """The request with one more change; nothing for one that cannot be read."""
    try:
        request = objects.read_request(job["spec"]["request"])
    except GridError:
        return {}
    return {"request": objects.request_json(replace(request, changed=request.changed + 1))}


def holds_patch(
    job: K8sObject, now: Tasks, tasks: Ranges | None, *, set_letters: str, clear_letters: str
) -> tuple[Ranges, dict[str, str]]:
    """Return the tasks (of those named, None for all) whose holds change, and the patch of `spec.holds`."""
    asked = now.alive if tasks is None else ranges.intersect(now.alive, tasks)
    holds = job["spec"].get("holds") or {}
    changed: Ranges = ()
    patch = {}
    for letter, kind in HOLDS.items():
        held = ranges.parse(holds.get(kind) or "")
        if letter in set_letters:
            touched, after = ranges.minus(asked, held), ranges.union(held, asked)
        elif letter in clear_letters:
            touched, after = ranges.intersect(held, asked), ranges.minus(held, asked)
        else:
            continue
        if touched:
            changed = ranges.union(changed, touched)
            patch[kind] = ranges.text(after)
    return changed, patch


def act(
    cluster: Cluster,
    number: int,
    kind: str,
    *,
    caller: Caller,
    means: Means,
    tasks: Ranges | None = None,
    rerunnable: Callable[[K8sObject, str], bool] = lambda _job, _queue: True,
) -> Changed | None:
    """Order `clear`, `reschedule`, `suspend` or `unsuspend`. None if there is no such job, or it is over.

    Args:
        rerunnable: for `reschedule`: whether a run of the job in that queue may be repeated.
    """
    done: Changed | None = None

    def plan(job: K8sObject) -> dict[str, Any] | None:
        nonlocal done
        now = Tasks(job)
        if not now.alive:
            done = None
            return None
        asked = now.all if tasks is None else tasks
        done, fitting = _chosen(now, job, kind, asked, rerunnable)
        return {"orders": with_order(now, job, kind, fitting, caller)} if fitting else None

    found = change(cluster, number, plan, namespace=caller.namespace, means=means)
    return done if found else None


def _chosen(
    now: Tasks, job: K8sObject, kind: str, asked: Ranges, rerunnable: Callable[[K8sObject, str], bool]
) -> tuple[Changed, Ranges]:
    """What an order does to each of the tasks asked for, and the tasks it is given for.

    Of tasks that wait again after a run the grid says nothing, except that they are not in error.
    """
    runs = [task for task in sorted(now.runs) if ranges.contains(asked, task)]
    pending = ranges.minus(ranges.intersect(now.fresh, asked), now.deleted)
    fit: list[int] = []
    already: list[int] = []
    unfit: list[int] = []
    errors = ranges.intersect(now.errors, asked)
    again = ranges.minus(ranges.intersect(now.waiting, asked), ranges.union(pending, errors))
    if kind == "clear":
        already = sorted({*runs, *ranges.members(again)})
    elif kind == "reschedule":
        for task in runs:
            (fit if rerunnable(job, now.runs[task].get("queue", "")) else unfit).append(task)
    else:
        for task in runs:
            (already if now.suspended(task) == (kind == "suspend") else fit).append(task)
    concerned = errors if kind == "clear" else ranges.from_members(fit)
    changed = Changed(
        array=now.array,
        tasks=concerned,
        already=ranges.from_members(already),
        pending=pending,
        unfit=ranges.from_members(unfit),
        hosts=tuple((task, now.runs[task].get("host", "")) for task in fit),
        silent=ranges.union(again, errors) if kind != "clear" else (),
        missing=ranges.minus(asked, now.all),
    )
    return changed, concerned

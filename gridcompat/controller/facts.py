"""What the controller knows of a job beside the GridJob itself, gathered from the cache for a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.cluster.base import GRID_ACCOUNT, NODE
from gridcompat.controller.cache import owned_by
from gridcompat.controller.draft import Facts
from gridcompat.controller.shape import knows_users, shape_of
from gridcompat.errors import GridError
from gridcompat.model import JobRequest
from gridcompat.translate import ranges
from gridcompat.translate.account import ACCOUNT_NAME, account_of
from gridcompat.translate.grid_job import PLAIN, is_over, read_request, task_ranges
from gridcompat.translate.pod import bound_host

if TYPE_CHECKING:
    from collections.abc import Callable, Set
    from typing import TypeAlias

    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.cache import Cache
    from gridcompat.controller.capacity import Capacity
    from gridcompat.controller.shape import Shape
    from gridcompat.controller.stuck import Stuck
    from gridcompat.model import Account
    from gridcompat.settings import Settings
    from gridcompat.translate.ranges import Ranges

    Key: TypeAlias = tuple[str, str]


class Knowledge:
    """Gathers facts, and remembers what takes time to find out or must be remembered to be measured."""

    def __init__(
        self,
        cache: Cache,
        capacity: Capacity,
        settings: Settings,
        *,
        taken: Set[Key],
        stuck: Stuck | None = None,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        log: Callable[[str], None],
    ) -> None:
        self._cache = cache
        self._capacity = capacity
        self._settings = settings
        self._taken = taken
        self._stuck = stuck
        self.refused: dict[Key, str] = {}
        """Why the last pod of a job could not be made."""
        self._clock, self._monotonic, self._log = clock, monotonic, log
        self._requests: dict[Key, tuple[tuple[int, str, str], JobRequest, str, Shape | None]] = {}
        self._first_seen: dict[Key, float] = {}
        """When a job that is not ready was first seen."""
        self._lost_since: dict[str, float] = {}

    def forget(self, key: Key) -> None:
        """Keep nothing of a job that is over or gone."""
        self._requests.pop(key, None)
        self._first_seen.pop(key, None)
        self.refused.pop(key, None)

    def request(self, key: Key, job: K8sObject) -> tuple[JobRequest, str]:
        """Return the job's request, and why it cannot be used if so."""
        owner = self._owner(key[0])
        seen = (job["metadata"].get("generation") or 0, *owner)
        known = self._requests.get(key)
        if known is None or known[0] != seen:
            request, fault, shape = JobRequest(), "", None
            try:
                if not job["spec"].get("void"):
                    request = read_request(job["spec"].get("request") or "")
                    slots = int(job["spec"].get("slots") or 1)
                    shape = shape_of(
                        request,
                        self._settings,
                        namespace=key[0],
                        slots=slots,
                        owner=owner,
                        supply=self._capacity.supply,
                    )
            except GridError as error:
                fault = error.message
            known = self._requests[key] = (seen, request, fault, shape)
        return known[1], known[2]

    def _owner(self, namespace: str) -> tuple[str, str]:
        """Name and group of whose namespace it is, where that matters to the settings."""
        account = self.account(namespace) if knows_users(self._settings) else None
        return (account.owner, account.group) if account else ("", "")

    def shape(self, key: Key) -> Shape | None:
        """Return what the job needs of a host, once its request was read."""
        known = self._requests.get(key)
        return known[3] if known else None

    def facts(self, key: Key, job: K8sObject) -> Facts:
        """Return all that a plan may know of a job."""
        request = self.request(key, job)[0]
        pods = owned_by(self._cache.pods_of(key).values(), job["metadata"]["uid"])
        waits, by_task = self._predecessors(job)
        lost = self._lost({(pod.get("spec") or {}).get("nodeName") or "" for pod in pods.values()})
        shape = self.shape(key)
        unready_s = 0.0
        if not job["spec"].get("ready"):
            now = self._monotonic()
            unready_s = now - self._first_seen.setdefault(key, now)
        return Facts(
            now=self._clock(),
            settings=self._settings,
            request=request,
            account=self.account(key[0]),
            pods=pods,
            lost_s=lost,
            shut=frozenset(filter(None, map(self._shut, pods.values()))),
            gone_nodes=frozenset(name for name in lost if ("", name) not in self._cache.of(NODE)),
            taken=frozenset(name for namespace, name in self._taken if namespace == key[0]),
            waits=waits,
            waits_by_task=by_task,
            cannot_run=self._cannot_run(job, shape),
            stuck=self._stuck.reasons(pods) if self._stuck else {},
            look_again_s=self._stuck.look_again_s(pods) if self._stuck else None,
            refused=self.refused.get(key, ""),
            unready_s=unready_s,
        )

    def _cannot_run(self, job: K8sObject, shape: Shape | None) -> tuple[str, ...]:
        """Why no host takes it. The figures are those of when it was first said: no write for each change."""
        lines = self._capacity.refusals(shape) if shape is not None else ()
        said = tuple((job.get("status") or {}).get("reasons") or ())
        same = len(said) == len(lines) and all(
            old.partition(" because ")[0] == new.partition(" because ")[0]
            for old, new in zip(said, lines, strict=True)
        )
        return said if same else lines

    def account(self, namespace: str) -> Account | None:
        """Return whose namespace it is, None without a usable GridAccount."""
        obj = self._cache.of(GRID_ACCOUNT).get((namespace, ACCOUNT_NAME))
        if obj is None:
            return None
        try:
            return account_of(obj)
        except GridError as error:
            self._log(error.message)
            return None

    def _predecessors(self, job: K8sObject) -> tuple[bool, Ranges]:
        """Whether a predecessor holds the whole job, and the tasks that -hold_jid_ad holds."""
        spec = job["spec"]
        waits = any(self._holds(number) for number in spec.get("predecessors") or ())
        others = map(self._cache.job_by_id, spec.get("arrayPredecessors") or ())
        held = [
            (unfinished(other), _step(other)) for other in others if other is not None and not is_over(other)
        ]
        return waits, ranges.overlapping(_tasks(job), _step(job), held) if held else ()

    def _holds(self, number: int) -> bool:
        other = self._cache.job_by_id(number)
        return other is not None and not is_over(other)

    def _shut(self, pod: K8sObject) -> str:
        """Return the host that a pod waits for although it takes nothing now; "" if there is none."""
        host = "" if (pod.get("spec") or {}).get("nodeName") else bound_host(pod)
        return "" if self._capacity.is_live(host) else host

    def _lost(self, names: set[str]) -> dict[str, float]:
        """Of these nodes, those that do not answer, and for how long we have seen that."""
        now, nodes, lost = self._monotonic(), self._cache.of(NODE), {}
        for name in names - {""}:
            node = nodes.get(("", name))
            conditions = ((node or {}).get("status") or {}).get("conditions") or ()
            ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
            if ready or (node is not None and not conditions):
                self._lost_since.pop(name, None)
            else:
                lost[name] = now - self._lost_since.setdefault(name, now)
        return lost


def unfinished(grid_job: K8sObject) -> Ranges:
    """Return the tasks of a job that are not over."""
    status = grid_job.get("status") or {}
    if "phase" not in status:
        return _tasks(grid_job)
    tasks = ranges.parse(status.get("pending") or "")
    for group in (*(status.get("again") or ()), *(status.get("errors") or ())):
        tasks = ranges.union(tasks, ranges.parse(group["tasks"]))
    running = ranges.from_members(row["task"] for row in status.get("running") or ())
    return ranges.union(tasks, running)


def _step(grid_job: K8sObject) -> int:
    """How many numbers each task of a job stands for: the step of -t."""
    step = str(grid_job["spec"].get("tasks") or "").rpartition(":")[2]
    return int(step) if step.isascii() and step.isdigit() and 0 < len(step) < 9 else 1


def _tasks(grid_job: K8sObject) -> Ranges:
    """All tasks of a job; of one whose tasks cannot be read the plan says so."""
    try:
        return task_ranges(grid_job)
    except GridError:
        return PLAIN

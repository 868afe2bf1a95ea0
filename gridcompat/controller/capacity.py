"""What is taken and free on each host: slots of queues and h_vmem. Held in memory only.

It is computed from the rows of GridJobs and the nodes of their pods; a new controller comes to the same.
A run whose pod has no node yet is counted on the host that had most room when it was planned.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from gridcompat.cluster.quantity import quantity
from gridcompat.controller.shape import misfit, queues_on
from gridcompat.output.messages import submit
from gridcompat.record import record
from gridcompat.settings import places
from gridcompat.units import memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.shape import Shape
    from gridcompat.settings import Settings

MOST_UNSCHEDULED = 50
"""Pods of an account without a node; keeps 75,000 tasks from flooding the scheduler."""

MOST_REMEMBERED = 20_000
"""Answers to which queues of a host fit a shape."""


@record
class Use:
    """What one attempt takes."""

    host: str
    queue: str
    slots: int
    h_vmem: int
    scheduled: bool
    """Its pod has a node."""


class _Host:
    def __init__(self) -> None:
        self.slots: Counter[str] = Counter()
        self.h_vmem = 0


class Capacity:
    """Free room, kept up to date job by job."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._fitting: dict[tuple[Shape, str], tuple[str, ...]] = {}
        self._queues_by_name = {queue.name: queue for queue in settings.queues}
        self._bounds: dict[str, tuple[float, float]] = {}
        self._hosts: dict[str, _Host] = {}
        self._live: dict[str, float] = {}
        """Hosts that may run something, with their memory in bytes."""
        self._jobs: dict[tuple[str, str], dict[str, Use]] = {}
        self._unscheduled: Counter[str] = Counter()

    def set_hosts(self, nodes: Iterable[K8sObject]) -> bool:
        """Take over the nodes that may run something; return whether that changed anything."""
        live = {node["metadata"]["name"]: _memory_of(node) for node in nodes if _usable(node)}
        changed = live != self._live
        self._live = live
        return changed

    def update(
        self,
        key: tuple[str, str],
        rows: Iterable[Mapping[str, Any]],
        pods: Mapping[str, K8sObject],
        h_vmem: int,
    ) -> bool:
        """Replace what a job takes by what its rows say; return whether anything became free."""
        old = self._jobs.get(key) or {}
        new: dict[str, Use] = {}
        freed = False
        for row in rows:
            name = row["pod"]
            known = old.get(name)
            use = new[name] = self._use(row, pods.get(name), known, h_vmem)
            if use != known:
                if known is not None:
                    self._count(key[0], known, -1)
                    freed = True
                self._count(key[0], use, 1)
        for name, use in old.items():
            if name not in new:
                self._count(key[0], use, -1)
                freed = True
        if new:
            self._jobs[key] = new
        else:
            self._jobs.pop(key, None)
        return freed

    def _use(self, row: Mapping[str, Any], pod: K8sObject | None, known: Use | None, h_vmem: int) -> Use:
        node = ((pod or {}).get("spec") or {}).get("nodeName") or ""
        queue = row.get("queue") or ""
        host = node or row.get("host") or (known.host if known else self._roomiest(queue))
        slots = int(row.get("slots") or 1)
        return Use(host=host, queue=queue, slots=slots, h_vmem=h_vmem, scheduled=bool(node))

    def _count(self, namespace: str, use: Use, sign: int) -> None:
        host = self._hosts.setdefault(use.host, _Host())
        host.slots[use.queue] += sign * use.slots
        host.h_vmem += sign * use.h_vmem
        if not use.scheduled:
            self._unscheduled[namespace] += sign

    def room(self, shape: Shape, most: int) -> tuple[str, int]:
        """Return the first queue with room for tasks of a shape, and for how many: 0 to `most`."""
        most = min(most, MOST_UNSCHEDULED - self._unscheduled[shape.namespace])
        if most <= 0:
            return "", 0
        tasks: dict[str, int] = {}
        for host in sorted(self._live):
            for queue in self._queues(shape, host):
                tasks[queue] = tasks.get(queue, 0) + self._fit(host, queue, shape)
        for queue, count in tasks.items():
            if count:
                return queue, min(count, most)
        return "", 0

    def _queues(self, shape: Shape, host: str) -> tuple[str, ...]:
        found = self._fitting.get((shape, host))
        if found is None:
            if len(self._fitting) > MOST_REMEMBERED:
                self._fitting.clear()
            found = self._fitting[shape, host] = queues_on(shape, host, self._settings)
        return found

    def _fit(self, name: str, queue: str, shape: Shape) -> int:
        """How many tasks of a shape still fit into a queue on a host."""
        if shape.memory > self._live[name]:
            return 0
        host = self._hosts.get(name) or _Host()
        most, h_vmem = self._bounds_of(name)
        free = min(self._slots(queue, name) - host.slots[queue], most - host.slots.total())
        by_slots = free // shape.slots if shape.slots else 0
        by_memory = (h_vmem - host.h_vmem) / shape.h_vmem if shape.h_vmem else by_slots
        return max(int(min(by_slots, by_memory)), 0)

    def _slots(self, queue: str, host: str) -> int:
        """The slots of a queue on a host."""
        known = self._queues_by_name.get(queue)
        return places.on_host(known, host, self._settings).slots if known else 0

    def _bounds_of(self, host: str) -> tuple[float, float]:
        """The slots that all queues of a host may use together, and its h_vmem in bytes."""
        if host not in self._bounds:
            own = places.host(host, self._settings)
            slots = dict(own.complex_values).get("slots", "") if own else ""
            h_vmem = memory_bytes(places.h_vmem(host, self._settings) or "INFINITY")
            self._bounds[host] = (
                float(slots) if slots.isascii() and slots.isdigit() else float("inf"),
                float("inf") if h_vmem is None else float(h_vmem),
            )
        return self._bounds[host]

    @property
    def has_hosts(self) -> bool:
        """Whether there is a node that may run something."""
        return bool(self._live)

    @property
    def only_host(self) -> str:
        """The name of the one host there is, "" if there are several: where a run will be is known early."""
        return next(iter(self._live)) if len(self._live) == 1 else ""

    def _roomiest(self, queue: str) -> str:
        def free(name: str) -> int:
            host = self._hosts.get(name)
            return self._slots(queue, name) - (host.slots[queue] if host else 0)

        return max(sorted(self._live), key=free, default="")

    def refusals(self, shape: Shape) -> tuple[str, ...]:
        """Return why no host takes a task, a line each; () if one would, but for its slots."""
        lines = []
        for name in sorted(self._live):
            host = self._hosts.get(name)
            free = self._bounds_of(name)[1] - (host.h_vmem if host else 0)
            offer = misfit(shape, name, self._settings)
            if not offer and free < shape.h_vmem:
                offer = f"hc:h_vmem={_memory(free)}"
            if not offer and self._live[name] < shape.memory:
                offer = f"hl:mem_free={_memory(self._live[name])}"
            if not offer:
                return ()
            lines.append(submit.OFFERS_ONLY % (shape.request, name, offer))
        return tuple(lines)


def _memory(size: float) -> str:
    """Return bytes as the scheduling info shows them: `398.000G`."""
    value, unit = size, ""
    for larger in "KMGT":
        if abs(value) < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.3f}{unit}"


def _memory_of(node: K8sObject) -> float:
    """The memory that pods can have on a node, in bytes; no limit if it does not say."""
    amount = ((node.get("status") or {}).get("allocatable") or {}).get("memory")
    known = quantity(amount)
    return float("inf") if known is None else known


def _usable(node: K8sObject) -> bool:
    """Whether the scheduler may put anything on a node."""
    if (node.get("spec") or {}).get("unschedulable"):
        return False
    conditions = (node.get("status") or {}).get("conditions") or ()
    return all(one.get("status") == "True" for one in conditions if one.get("type") == "Ready")

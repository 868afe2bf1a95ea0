"""What is taken and free: slots and h_vmem by host, consumables, shares of quotas. Held in memory only.

It is computed from the rows of GridJobs and the nodes of their pods; a new controller comes to the same.
A run whose pod has no node yet is counted on the host that had most room when it was planned.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from gridcompat.cluster.quantity import quantity
from gridcompat.controller.closed import Closed
from gridcompat.controller.permits import refusal, refusal_of_host
from gridcompat.controller.shape import asked_for, misfit, queues_on
from gridcompat.options.terms import Terms, environment_of, let_into_environment
from gridcompat.output.messages import submit
from gridcompat.record import record
from gridcompat.settings import places
from gridcompat.settings.supply import binds_host
from gridcompat.units import memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.shape import Shape
    from gridcompat.options.terms import Term
    from gridcompat.settings import Queue, Settings
    from gridcompat.settings.supply import Supply, Want

MOST_UNSCHEDULED = 50
"""Pods of an account without a node; keeps 75,000 tasks from flooding the scheduler."""

MOST_REMEMBERED = 20_000
"""Answers to which queues of a host fit a shape, and to what it takes there."""
MOST_REASONS = 40
"""Lines of scheduling info: they are written into each job that waits."""
ALMOST = 1e-9
"""Sums of fractions miss by less than this."""


@record
class Use:
    """What one attempt takes."""

    host: str
    queue: str
    slots: int
    h_vmem: int
    scheduled: bool
    """Its pod has a node."""
    debits: tuple[tuple[tuple[str, ...], float], ...] = ()
    """What it takes from which store. Source: `options.terms`."""


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
        self._terms = Terms(settings)
        self._known_terms: dict[tuple[Shape, str, str], tuple[Term, ...]] = {}
        self._differ = bool(
            settings.hosts or settings.resource_quotas or any(queue.per_host for queue in settings.queues)
        ) or bool(self._terms.supply.known)
        self._bound: dict[tuple[Want, ...], bool] = {}
        """Whether what jobs want must be on the host it is counted on."""
        self._taken: Counter[tuple[str, ...]] = Counter()
        """From each store of `options.terms`."""
        self._cpus: dict[str, float] = {}
        self._closed = Closed(settings)

    @property
    def supply(self) -> Supply:
        """What the site gives out."""
        return self._terms.supply

    def set_hosts(self, nodes: Iterable[K8sObject]) -> bool:
        """Take over the nodes that may run something; return whether that changed anything."""
        usable = [node for node in nodes if _usable(node)]
        live = {node["metadata"]["name"]: _memory_of(node) for node in usable}
        cpus = {node["metadata"]["name"]: _cpus_of(node) for node in usable}
        if cpus != self._cpus:
            self._known_terms.clear()  # rules may count by processors
        changed = (live, cpus) != (self._live, self._cpus)
        self._live, self._cpus = live, cpus
        return changed

    def turned(self, now: float) -> bool:
        """Return whether a calendar has opened or closed a queue since this was asked last.

        Args:
            now: epoch seconds.
        """
        if not self._closed.turned(now):
            return False
        self._fitting.clear()
        return True

    def update(
        self,
        key: tuple[str, str],
        rows: Iterable[Mapping[str, Any]],
        pods: Mapping[str, K8sObject],
        shape: Shape | None,
    ) -> bool:
        """Replace what a job takes by what its rows say; return whether anything became free.

        Args:
            shape: what each of its tasks needs; None if nobody knows.
        """
        old = self._jobs.get(key) or {}
        new: dict[str, Use] = {}
        freed = False
        for row in rows:
            name = row["pod"]
            known = old.get(name)
            use = new[name] = self._use(row, pods.get(name), known, shape)
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

    def _use(
        self, row: Mapping[str, Any], pod: K8sObject | None, known: Use | None, shape: Shape | None
    ) -> Use:
        node = ((pod or {}).get("spec") or {}).get("nodeName") or ""
        queue = row.get("queue") or ""
        host = node or row.get("host") or (known.host if known else self._roomiest(queue))
        slots = int(row.get("slots") or 1)
        terms = self._terms_of(shape, host, queue) if shape is not None else ()
        return Use(
            host=host,
            queue=queue,
            slots=slots,
            h_vmem=shape.h_vmem if shape is not None else 0,
            scheduled=bool(node),
            debits=tuple((term.key, term.amount) for term in terms),
        )

    def _count(self, namespace: str, use: Use, sign: int) -> None:
        host = self._hosts.setdefault(use.host, _Host())
        host.slots[use.queue] += sign * use.slots
        host.h_vmem += sign * use.h_vmem
        for key, amount in use.debits:
            self._taken[key] += sign * amount  # type: ignore[assignment]  # a Counter of any numbers
        if not use.scheduled:
            self._unscheduled[namespace] += sign

    def room(self, shape: Shape, most: int) -> tuple[str, int]:
        """Return the first queue with room for tasks of a shape, and for how many: 0 to `most`."""
        most = min(most, MOST_UNSCHEDULED - self._unscheduled[shape.namespace])
        if most <= 0:
            return "", 0
        offers: dict[str, list[str]] = {}
        for host in sorted(self._live):
            for queue in self._queues(shape, host):
                offers.setdefault(queue, []).append(host)
        for queue, hosts in offers.items():
            if count := self._fit_all(shape, queue, hosts, most):
                return queue, min(count, most)
        return "", 0

    def host_for(self, shape: Shape, queue: str) -> str:
        """Return where a task of a shape must run, once `room` has chosen its queue; "" if that is open.

        It must if something is counted by host that the scheduler of a cluster knows nothing of.
        """
        if len(self._live) == 1:
            return self.only_host
        if not self._is_bound(shape):
            return ""
        hosts = [host for host in sorted(self._live) if queue in self._queues(shape, host)]
        hosts.sort(key=lambda host: -self._free(queue, host))
        return next((host for host in hosts if self._fit_all(shape, queue, [host], 1)), "")

    def counts(self, shape: Shape) -> bool:
        """Return whether a shape takes anything that is counted beside slots and h_vmem."""
        return bool(shape.wants or shape.environment or self._settings.resource_quotas)

    def _is_bound(self, shape: Shape) -> bool:
        if len(self._live) < 2 or not self._differ:
            return False
        found = self._bound.get(shape.wants)
        if found is None:
            if len(self._bound) > MOST_REMEMBERED:
                self._bound.clear()
            resources = [(name, value) for name, value, _, asked in shape.wants if asked]
            found = self._bound[shape.wants] = binds_host(resources, self._settings)
        return found

    def _fit_all(self, shape: Shape, queue: str, hosts: Sequence[str], most: int) -> int:
        """How many tasks of a shape still fit into a queue on these hosts.

        Where tasks are bound to a host it is what fits on one, for all that start at a time get the same.
        """
        left: dict[tuple[str, ...], float] = {}
        count = 0
        bound = self._is_bound(shape)
        for host in sorted(hosts, key=lambda host: -self._free(queue, host)) if bound else hosts:
            fit: float = min(self._fit(host, queue, shape), most)
            terms = self._terms_of(shape, host, queue) if fit else ()
            for term in terms:
                free = left.setdefault(term.key, term.limit - self._taken[term.key])
                fit = min(fit, _times(free, term.amount))
            for term in terms:
                left[term.key] -= fit * term.amount
            count += int(fit)
            if count and bound:
                break
        return count

    def _terms_of(self, shape: Shape, host: str, queue: str) -> tuple[Term, ...]:
        found = self._known_terms.get((shape, host, queue))
        if found is None:
            known = self._queues_by_name.get(queue)
            if known is None:
                return ()
            if len(self._known_terms) > MOST_REMEMBERED:
                self._known_terms.clear()
            cpus = self._cpus.get(host, float("inf"))
            found = self._terms.of(
                shape, places.on_host(known, host, self._settings), host, {"num_proc": cpus}
            )
            self._known_terms[shape, host, queue] = found
        return found

    def _queues(self, shape: Shape, host: str) -> tuple[str, ...]:
        found = self._fitting.get((shape, host))
        if found is None:
            if len(self._fitting) > MOST_REMEMBERED:
                self._fitting.clear()
            found = self._fitting[shape, host] = queues_on(
                shape, host, self._settings, lambda queue: self._takes(shape, queue, host)
            )
        return found

    def _takes(self, shape: Shape, queue: Queue, host: str) -> bool:
        """Whether a queue that lets the job in is open and has what is asked for."""
        queue = places.on_host(queue, host, self._settings)
        return not self._closed.letter(queue.calendar) and not self._terms.misfit(shape, queue, host)

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

    def is_live(self, host: str) -> bool:
        """Return whether a host may run something."""
        return host in self._live

    @property
    def has_hosts(self) -> bool:
        """Whether there is a node that may run something."""
        return bool(self._live)

    @property
    def only_host(self) -> str:
        """The name of the one host there is, "" if there are several: where a run will be is known early."""
        return next(iter(self._live)) if len(self._live) == 1 else ""

    def _roomiest(self, queue: str) -> str:
        return max(sorted(self._live), key=lambda name: self._free(queue, name), default="")

    def _free(self, queue: str, name: str) -> int:
        """The slots of a queue that are free on a host."""
        host = self._hosts.get(name)
        return self._slots(queue, name) - (host.slots[queue] if host else 0)

    def refusals(self, shape: Shape) -> tuple[str, ...]:
        """Return why no host takes a task, a line each; () if one would, but for its slots."""
        lines: dict[str, None] = {}
        if (short := self._short_of(self._terms.globally(shape))) is not None:
            # In an environment the grid says nothing of what is consumed once for the job.
            lines |= dict.fromkeys(filter(None, (self._terms.shortage(shape, *short),)))
        for name in () if lines else sorted(self._live):
            why = self._reasons_on(shape, name)
            if why is None:
                return ()
            lines |= dict.fromkeys(why)
        if shape.environment and lines:
            ordered = sorted(lines, key=lambda line: submit.NOT_IN_QUEUE_LIST[-30:] not in line)
            lines = dict.fromkeys(ordered)
            lines[submit.PE_OFFERS_ONLY % (environment_of(shape, self._settings), 0)] = None
        return tuple(line for line in lines if line)[:MOST_REASONS]

    def _reasons_on(self, shape: Shape, name: str) -> list[str] | None:
        """Why no queue of a host takes a task; None if one would, but for its slots."""
        host = self._hosts.get(name)
        free = self._bounds_of(name)[1] - (host.h_vmem if host else 0)
        offer = misfit(shape, name, self._settings)
        if not offer and free < shape.h_vmem:
            offer = f"hc:h_vmem={_memory(free)}"
        if not offer and self._live[name] < shape.memory:
            offer = f"hl:mem_free={_memory(self._live[name])}"
        if offer:
            return [submit.OFFERS_ONLY % (shape.request, name, offer)]
        if shape.environment and not let_into_environment(shape, self._settings):
            return [submit.NO_PE_ACCESS % environment_of(shape, self._settings)]
        said = refusal_of_host(shape, name, self._settings) or self._terms.misfit_of_host(shape, name)
        if not said and (short := self._short_of(self._terms.at_host(shape, name))) is not None:
            said = self._terms.shortage(shape, *short)
        if not said and (short := self._short_of(self._quotas_of_host(shape, name))) is not None:
            said = self._terms.shortage(shape, *short)
        if said and not shape.environment:
            return [said]
        able = self._queues(shape, name)
        asked = able if able and not shape.queues else asked_for(shape, name, self._settings)
        found = [said] if said else []
        for queue in self._settings.queues:
            if places.has_queue(queue, name, self._settings):
                why = self._reason_in(shape, places.on_host(queue, name, self._settings), name, asked)
                if why is None:
                    return None
                found.append(why)
        return found

    def _quotas_of_host(self, shape: Shape, host: str) -> list[Term]:
        """The quotas of a host that are the same in all its queues."""
        queue = self._settings.queues[0].name if self._settings.queues else ""
        return [term for term in self._terms_of(shape, host, queue) if term.of_host]

    def _short_of(self, terms: Iterable[Term]) -> tuple[Term, float] | None:
        """The first store that has not enough, and what is left in it."""
        for term in terms:
            free = term.limit - self._taken[term.key]
            if free + ALMOST < term.amount:
                return term, free
        return None

    def _reason_in(self, shape: Shape, queue: Queue, host: str, asked: Sequence[str]) -> str | None:
        """Why a queue does not take a task, "" if nothing is to be said of that; None if it would."""
        closed = self._closed.letter(queue.calendar)
        if closed:
            said = submit.DISABLED if closed == "D" else submit.NOT_AVAILABLE
            return said % f"{queue.name}@{host}"
        terms = self._terms_of(shape, host, queue.name)
        # The grid looks at quotas before it looks at -q.
        quota = self._short_of(term for term in terms if term.rule and not shape.environment)
        if quota is not None:
            return self._terms.shortage(shape, *quota)
        if queue.name not in asked:
            return submit.NOT_IN_QUEUE_LIST % queue.name if shape.queues else ""
        if why := refusal(queue, shape, host, self._settings):
            return why
        if why := self._terms.misfit(shape, queue, host):
            return why
        short = self._short_of(terms)
        return None if short is None else self._terms.shortage(shape, *short)


def _memory(size: float) -> str:
    """Return bytes as the scheduling info shows them: `398.000G`."""
    value, unit = size, ""
    for larger in "KMGT":
        if abs(value) < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.3f}{unit}"


def _times(free: float, amount: float) -> float:
    """How often an amount can still be taken."""
    if not amount or free == float("inf"):
        return float("inf")
    return max((free + ALMOST) // amount, 0.0)


def _cpus_of(node: K8sObject) -> float:
    """The processors of a node; without end if it does not say."""
    known = quantity(((node.get("status") or {}).get("capacity") or {}).get("cpu"))
    return float("inf") if known is None else float(known)


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

"""Which tasks start next: the grid's order, as far as there is room.

The order is by falling priority, then by number.  Jobs that wait are kept by shape, so that a full queue
costs one look at each shape and not one at each of thousands of jobs.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from gridcompat.controller.actions import MakePod, Step
from gridcompat.controller.draft import Draft, without
from gridcompat.controller.plan import ready
from gridcompat.translate import ranges
from gridcompat.translate.grid_job import is_array, job_id
from gridcompat.translate.pod import pod_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.draft import Facts
    from gridcompat.controller.shape import Shape

    Key: TypeAlias = tuple[str, str]
    Order: TypeAlias = tuple[int, int]

MOST_UNRECORDED = 200
"""Attempts of a job that are over and not recorded yet, above which nothing more of it starts."""


class Waiting:
    """The jobs that want to start something, by shape and in the grid's order.

    A shape without room is not asked about again before something is free again: somebody's thousands of
    jobs, no two alike, cost the others nothing.
    """

    def __init__(self) -> None:
        self._heaps: dict[Shape, list[tuple[Order, Key]]] = {}
        self._full: dict[Shape, list[tuple[Order, Key]]] = {}
        """Shapes for which there was no room when they were last asked about."""
        self._wants: dict[Key, tuple[Shape, Order]] = {}
        self._newly_full: list[Shape] = []

    def __len__(self) -> int:
        return len(self._wants)

    def want(self, key: Key, shape: Shape, priority: int) -> None:
        """Note that a job has tasks that may start."""
        order = (-priority, int(key[1]))
        if self._wants.get(key) != (shape, order):
            self._wants[key] = shape, order
            heap = self._full.get(shape)
            if heap is None:
                heap = self._heaps.setdefault(shape, [])
            heapq.heappush(heap, (order, key))

    def forget(self, key: Key) -> None:
        """The job has nothing to start (now)."""
        self._wants.pop(key, None)

    def room_again(self) -> None:
        """Something has become free: whatever had no room may have some now."""
        self._heaps |= self._full
        self._full.clear()

    def take(self, room: Callable[[Shape], bool]) -> tuple[Key, Shape] | None:
        """Take out and return the first job whose shape has room, or None.

        Args:
            room: whether there is room for one more; a "no" holds until `room_again`.
        """
        best: tuple[Order, Key, Shape] | None = None
        for shape in list(self._heaps):
            head = self._head(shape)
            if head is None:
                del self._heaps[shape]
            elif best is not None and best[:2] < head:
                continue
            elif room(shape):
                best = (*head, shape)
            else:
                self._full[shape] = self._heaps.pop(shape)
                self._newly_full.append(shape)
        if best is None:
            return None
        _, key, shape = best
        heapq.heappop(self._heaps[shape])
        del self._wants[key]
        return key, shape

    def newly_full(self, most: int) -> Iterator[tuple[Shape, list[Key]]]:
        """Yield each shape that was found without room since this was asked last, with some of its jobs."""
        shapes, self._newly_full = self._newly_full, []
        for shape in dict.fromkeys(shapes):
            yield shape, [key for _, key in self._full.get(shape, ())[:most] if key in self._wants]

    def _head(self, shape: Shape) -> tuple[Order, Key] | None:
        """The first entry of a shape that still counts; entries that were overtaken are dropped."""
        heap = self._heaps[shape]
        while heap:
            order, key = heap[0]
            if self._wants.get(key) == (shape, order):
                return heap[0]
            heapq.heappop(heap)
        return None


def wanted(draft: Draft, *, unrecorded: int) -> int:
    """Return how many tasks may start now as far as the job itself decides (-tc, the site's cap)."""
    if unrecorded > MOST_UNRECORDED:
        return 0
    again, pending = ready(draft)
    count = ranges.count(pending) + sum(ranges.count(tasks) for tasks, _ in again)
    if not count:
        return 0
    most = draft.facts.settings.max_array_instances
    if draft.spec.get("maxRunning"):
        most = min(most, draft.spec["maxRunning"]) if most else draft.spec["maxRunning"]
    return min(count, most - len(draft.running)) if most else count


def start(grid_job: K8sObject, facts: Facts, *, queue: str, host: str, count: int) -> Step | None:
    """Return the intent to start the first `count` tasks that may start, and the pods that follow from it.

    Nothing of this is true before the status is written: whoever gives an order with an older version of
    the GridJob is refused, so every order comes before or after the intent.

    Args:
        host: where they will run, "" if that is not known yet.
    """
    draft = Draft(grid_job, facts)
    again, pending = ready(draft)
    taken: list[tuple[int, dict[str, Any]]] = []
    for tasks, group in again:
        taken += [(task, group) for task in _first(tasks, count - len(taken))]
    fresh = list(_first(pending, count - len(taken)))
    taken += [(task, {}) for task in fresh]
    if not taken:
        return None
    draft.pending = ranges.minus(draft.pending, ranges.from_members(fresh))
    draft.again = without(draft.again, ranges.from_members(task for task, _ in taken))
    name = facts.request.name
    for task, group in taken:
        attempt = int(group.get("attempt") or 0) + 1
        row = {
            "task": task,
            "attempt": attempt,
            "restarted": int(group.get("restarted") or 0),
            "state": "t",
            "pod": pod_name(name, job_id(grid_job), task if is_array(grid_job) else None, attempt),
            "host": host,
            "queue": queue,
            "startedAt": int(facts.now),
            "slots": int(draft.spec.get("slots") or 1),
        }
        if group.get("unseen"):
            row["unseen"] = group["unseen"]
        draft.running.append(row)
        draft.after.append(MakePod(row=row))
    draft.status["phase"] = "Active"
    draft.status["reasons"] = []
    return draft.step()


def _first(tasks: ranges.Ranges, count: int) -> Iterator[int]:
    for number, task in enumerate(ranges.members(tasks)):
        if number >= count:
            return
        yield task

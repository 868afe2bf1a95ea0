"""Which GridJob is looked at next: fair between namespaces, each job once in the queue; and timers."""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    Key: TypeAlias = tuple[str, str]


class WorkQueue:
    """Keys in turn, one of each namespace, so that nobody's thousands starve another's one."""

    def __init__(self) -> None:
        self._of: dict[str, OrderedDict[Key, None]] = {}
        self._turn: deque[str] = deque()

    def __len__(self) -> int:
        return sum(len(keys) for keys in self._of.values())

    def add(self, key: Key) -> None:
        """Put a key in, unless it waits already."""
        keys = self._of.get(key[0])
        if keys is None:
            keys = self._of[key[0]] = OrderedDict()
            self._turn.append(key[0])
        keys[key] = None

    def take(self) -> Key | None:
        """Take out the next key, or None."""
        if not self._turn:
            return None
        namespace = self._turn.popleft()
        keys = self._of[namespace]
        key, _ = keys.popitem(last=False)
        if keys:
            self._turn.append(namespace)
        else:
            del self._of[namespace]
        return key


class Timers:
    """When a key has to be looked at again. Times are of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, Key]] = []
        self._at: dict[Key, float] = {}

    def set(self, key: Key, at: float) -> None:
        """Look at a key at `at`, unless it is to be looked at earlier anyway."""
        if at < self._at.get(key, float("inf")):
            self._at[key] = at
            heapq.heappush(self._heap, (at, key))

    def due(self, now: float) -> Iterator[Key]:
        """Take out the keys whose time has come."""
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._at.get(key) == at:
                del self._at[key]
                yield key

    def next(self) -> float | None:
        """Return when the next one is due."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

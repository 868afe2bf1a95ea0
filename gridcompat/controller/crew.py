"""Requests that nothing is decided by, several under way at a time.

What comes after a status write (the pods of an intended attempt, letting go of a recorded one) is claims by
name, each of its own, in any order.  A job is not looked at before all of its own are answered.
Requests run in threads and touch nothing; their answers are taken in by the thread that decides.
"""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Key: TypeAlias = tuple[str, str]
    Work: TypeAlias = tuple[Key, Callable[[], Any], Callable[[Any], None]]

WORKERS = 4
"""Connections beside the controller's own: enough to hide what a request waits for, too few to be a crowd."""


class Crew:
    """A few threads that send requests, and who waits for them."""

    def __init__(self, deliver: Callable[[Callable[[], None]], None], *, workers: int = WORKERS) -> None:
        """Prepare; threads begin with the first request.

        Args:
            deliver: has the deciding thread call a function.
            workers: how many requests are under way at a time.
        """
        self._deliver = deliver
        self._workers = workers
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._under_way: dict[Key, int] = {}
        self._failed: dict[Key, Exception] = {}
        self._threads: list[threading.Thread] = []
        self.answered: Callable[[Key, Exception | None], None] = lambda _key, _error: None
        """Called when all requests of a job are answered, with the last error."""

    def __len__(self) -> int:
        return len(self._under_way)

    def is_busy(self, key: Key) -> bool:
        """Whether requests of a job are under way."""
        return key in self._under_way

    def send(self, key: Key, request: Callable[[], Any], take_in: Callable[[Any], None]) -> None:
        """Have a request sent, and what it returns taken in by the deciding thread."""
        self._under_way[key] = self._under_way.get(key, 0) + 1
        self._work.put((key, request, take_in))
        if len(self._threads) < min(self._workers, sum(self._under_way.values())):
            thread = threading.Thread(target=self._run, name=f"crew-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def dismiss(self) -> None:
        """End the threads when what they are at is answered; what has not been sent yet never is."""
        try:
            while True:
                self._work.get_nowait()
        except queue.Empty:
            pass
        for _ in self._threads:
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            self._deliver(self.answer_of(*work))

    def answer_of(
        self, key: Key, request: Callable[[], Any], take_in: Callable[[Any], None]
    ) -> Callable[[], None]:
        """Send a request; return what the deciding thread has to do with its answer."""
        try:
            found = request()
        except Exception as error:  # noqa: BLE001  (the deciding thread judges it)
            failure = error
            return lambda: self._taken_in(key, failure)

        def take() -> None:
            take_in(found)
            self._taken_in(key, None)

        return take

    def _taken_in(self, key: Key, error: Exception | None) -> None:
        if error is not None:
            self._failed[key] = error
        self._under_way[key] -= 1
        if not self._under_way[key]:
            del self._under_way[key]
            self.answered(key, self._failed.pop(key, None))

"""How a process works in threads until it is told to end: by a signal, or because one of them cannot go on.

Must not know what the threads do.
"""

from __future__ import annotations

import _thread
import signal
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def set_at_signals(stop: threading.Event) -> None:
    """Set an event at SIGTERM and SIGINT.

    By a thread, for the main thread may be amid `stop.wait` and hold the event's lock just then: its own
    handler would wait for it for ever.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _thread.start_new_thread(stop.set, ()))


class Threads:
    """Threads that work until `end`; one that ends before has failed."""

    def __init__(
        self, works: Mapping[str, Callable[[threading.Event], None]], log: Callable[[str], object]
    ) -> None:
        """Make them.

        Args:
            works: what each does until the event is set, by its name.
            log: is told what one died of.
        """
        self.failed = threading.Event()
        self._log = log
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(name, work), name=name, daemon=True)
            for name, work in works.items()
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def _run(self, name: str, work: Callable[[threading.Event], None]) -> None:
        try:
            work(self._over)
        except Exception as error:  # noqa: BLE001  (the main thread ends the process)
            import traceback  # seldom needed, and the first job waits for this process to begin

            self._log(f"{name}: " + "".join(traceback.format_exception(error)))
        if not self._over.is_set():
            self.failed.set()

    def end(self, within_s: float) -> None:
        """Tell them to end and wait so long; what they do after that is cut off with the process."""
        self._over.set()
        deadline = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

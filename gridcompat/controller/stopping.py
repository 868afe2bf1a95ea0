"""How a process that works is told to end by a signal.

Must not know what works, nor how it ends.
"""

from __future__ import annotations

import _thread
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading


def set_at_signals(stop: threading.Event) -> None:
    """Set an event at SIGTERM and SIGINT.

    By a thread, for the main thread may be amid `stop.wait` and hold the event's lock just then: its own
    handler would wait for it for ever.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _thread.start_new_thread(stop.set, ()))

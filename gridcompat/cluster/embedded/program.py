"""The files that a daemon runs from: an upgrade replaces them under it, or takes them away.

A daemon reads some of them long after its start (the launcher, modules that few mails need), so it must not
go on with another version's, nor without.  Must not know what the daemon does.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SETTLED_S = 1.0
"""An installation that still goes on is not looked at."""
_HERE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = tuple(f"{_HERE}/{name}" for name in ("__init__.py", "daemon.py", "launcher/launcher.sh"))
"""Those that every version has and every installation writes."""


class Program:
    """What was there at the start, to be compared with what is there now."""

    def __init__(self, monotonic: Callable[[], float], files: tuple[str, ...] = FILES) -> None:
        self._monotonic = monotonic
        self._files = files
        self._first = self._last = self._look()
        self._since = monotonic()

    def _look(self) -> tuple[tuple[int, int, int], ...]:
        """What tells one installation from another; empty when it is incomplete."""
        try:
            found = [os.stat(path) for path in self._files]
        except OSError:
            return ()
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in found)

    def changed(self) -> str:
        """Return "replaced" or "removed" once it is not what it was and stays so for a while, else ""."""
        now, found = self._monotonic(), self._look()
        if found != self._last:
            self._last, self._since = found, now
        if found == self._first or now - self._since < SETTLED_S:
            return ""
        return "replaced" if found else "removed"

"""Time, chance and the ways out that the use cases need, as arguments.

So that tests can run a minute's protocol in no time, and race without luck.  Must not know clusters.
"""

from __future__ import annotations

import os
import time

from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def token() -> str:
    """Return a nonce: 128 random bits as 32 hexadecimal digits."""
    return os.urandom(16).hex()


def fraction() -> float:
    """Return a random number from 0 to below 1 (`random` costs 5 ms to import)."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


@record
class Means:
    """What a use case has of the outside world beside the cluster."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    token: Callable[[], str] = token
    fraction: Callable[[], float] = fraction
    lock_path: str = ""
    """A file on a local disk that submitters of one account on one host lock in turn; "" for none."""
    poke: Callable[[], None] | None = None
    """Called when the protocol waits for the controller, which must be seen to run."""

    def pause(self, seconds: float) -> None:
        """Sleep for a random part of `seconds` (full jitter), never nothing."""
        self.sleep(seconds * (0.05 + 0.95 * self.fraction()))


class Deadline:
    """The end of a use case on the monotonic clock, from its first look at the cluster."""

    def __init__(self, means: Means, seconds: float) -> None:
        self._means = means
        self._end = means.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left; 0 when it has passed."""
        return max(0.0, self._end - self._means.monotonic())

    def passed(self) -> bool:
        """Whether there is no time left."""
        return self.left <= 0


class Turn:
    """Submitters of one host take turns between a read and the swap that follows, if the lock is soon had.

    It only saves conflicts: who cannot get it goes on without.  For use in a `with` statement.
    """

    PATIENCE_S = 2.0

    def __init__(self, means: Means, deadline: Deadline) -> None:
        self._means = means
        self._deadline = deadline
        self._descriptor = -1

    def __enter__(self) -> None:
        if not self._means.lock_path:
            return
        import fcntl

        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self._means.lock_path, flags, 0o600)
        except OSError:
            return
        patience = Deadline(self._means, min(self.PATIENCE_S, self._deadline.left))
        wait = 0.001
        while not patience.passed():
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                self._means.pause(wait)
                wait = min(wait * 1.5, 0.02)

    def __exit__(self, *_what: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

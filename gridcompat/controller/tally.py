"""What the controller counts while it works. Written by its one thread, read by any."""

from __future__ import annotations

DELAY_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)


class Tally:
    """Counters since the controller began."""

    bounds = DELAY_BOUNDS

    def __init__(self) -> None:
        self.errors = 0
        """Looks at a job that failed."""
        self.started = 0
        """Attempts intended."""
        self.delays = [0] * (len(DELAY_BOUNDS) + 1)
        """Dispatches by delay: the i-th took at most bounds[i] and more than the bound before."""
        self.delay_sum = 0.0

        self._wanted_since: dict[tuple[str, str], float] = {}

    def wants(self, key: tuple[str, str], now: float) -> None:
        """Note that a job has something to start, unless that is known."""
        self._wanted_since.setdefault(key, now)

    def forget(self, key: tuple[str, str]) -> None:
        """Note that a job has nothing to start (any more)."""
        self._wanted_since.pop(key, None)

    def starts(self, key: tuple[str, str], attempts: int, now: float) -> None:
        """Count attempts of one job that are started together. A job nobody saw wait was started at once."""
        delay_s = now - self._wanted_since.pop(key, now)
        self.started += attempts
        self.delay_sum += delay_s
        place = next((i for i, bound in enumerate(DELAY_BOUNDS) if delay_s <= bound), len(DELAY_BOUNDS))
        self.delays[place] += 1

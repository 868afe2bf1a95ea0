"""Which queues a calendar closes now, and when to ask again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.settings import calendars

if TYPE_CHECKING:
    from gridcompat.settings import Settings


class Closed:
    """The calendars of the settings as they are now."""

    def __init__(self, settings: Settings) -> None:
        self._calendars = settings.calendar_details
        self._letters: dict[str, str] = {}
        self._due = 0.0 if self._calendars else float("inf")

    def turned(self, now: float) -> bool:
        """Return whether a calendar says something else than when this was asked last.

        Args:
            now: epoch seconds.
        """
        if now < self._due:
            return False
        before = self._letters
        self._letters = {one.name: calendars.LETTERS[calendars.state(one, now)] for one in self._calendars}
        self._due = min(calendars.next_change(one, now) for one in self._calendars)
        return self._letters != before

    def letter(self, calendar: str) -> str:
        """Return D or C for a calendar that closes its queues, "" for one that does not."""
        return self._letters.get(calendar, "")

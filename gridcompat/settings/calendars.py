"""Calendars of queues: when a queue is closed, and when that changes next. Pure.

Times are local, as the daemon that asks has them.

Source: calendar_conf(5).
"""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from gridcompat.settings import Settings
    from gridcompat.settings.site import Calendar

    Day: TypeAlias = tuple[int, int, int]
    Area: TypeAlias = tuple[tuple[tuple[Day, Day], ...], tuple[tuple[int, int], ...], str]
    """(ranges of days, ranges of seconds of a day, state). Days of the week are (0, 0, 0..6)."""

STATES = ("on", "off", "suspended")
LETTERS = {"on": "", "off": "D", "suspended": "C"}
"""How qstat shows a queue whose calendar says so."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAY_S = 86_400
LATER = {"on": 2, "suspended": 1, "off": 0}
"""What comes above what where areas overlap."""


def state(calendar: Calendar, now: float) -> str:
    """Return `on`, `off` or `suspended`.

    Raises:
        ValueError: the calendar cannot be read.
    """
    at = time.localtime(now)
    return _state(areas(calendar.year, yearly=True), areas(calendar.week), at)


def next_change(calendar: Calendar, now: float) -> float:
    """Return when to ask again, at the latest at the end of the day; in epoch seconds."""
    at = time.localtime(now)
    second = at.tm_hour * 3600 + at.tm_min * 60 + at.tm_sec
    ends = {DAY_S}
    for _, times, _ in (*areas(calendar.year, yearly=True), *areas(calendar.week)):
        for first, last in times:
            ends |= {first, last}
    # Whole seconds; mktime knows about days that are not of 24 hours.
    following = min(end for end in ends if end > second)
    return time.mktime((at.tm_year, at.tm_mon, at.tm_mday, 0, 0, following, 0, 0, -1))


def closed(name: str, settings: Settings, now: float) -> str:
    """Return the letter of a queue with this calendar: D disabled, C suspended, "" open."""
    if not name or name == "NONE":
        return ""
    found = next((one for one in settings.calendar_details if one.name == name), None)
    return LETTERS[state(found, now)] if found else ""


def _state(year: list[Area], week: list[Area], at: time.struct_time) -> str:
    today: Day = (at.tm_year, at.tm_mon, at.tm_mday)
    of_day = [area for area in year if _among(today, area)]
    if not of_day:
        of_day = [area for area in week if _among((0, 0, at.tm_wday), area)]
    second = at.tm_hour * 3600 + at.tm_min * 60 + at.tm_sec
    found = [state for _, times, state in of_day if any(first <= second < last for first, last in times)]
    return max(found, key=lambda one: LATER[one], default="on")


def _among(day: Day, area: Area) -> bool:
    return any(
        first <= day <= last if first <= last else day >= first or day <= last for first, last in area[0]
    )


def areas(text: str, *, yearly: bool = False) -> list[Area]:
    """Read a `year` or `week` line.

    Raises:
        ValueError: with what is wrong.
    """
    if text.upper() == "NONE":
        return []
    every: tuple[Day, Day] = ((0, 0, 0), (9999, 12, 31)) if yearly else ((0, 0, 0), (0, 0, 6))
    found: list[Area] = []
    for entry in text.split():
        parts = entry.split("=")
        status = parts.pop() if parts[-1].lower() in STATES else "off"
        days: tuple[tuple[Day, Day], ...] = (every,)
        times: tuple[tuple[int, int], ...] = ((0, DAY_S),)
        if parts and (not parts[0][:1].isdigit() or (yearly and "." in parts[0])):
            read = _year_day if yearly else _week_day
            days = tuple(_days(word, read) for word in parts.pop(0).split(","))
        if parts:
            times = tuple(span for word in parts.pop(0).split(",") for span in _times(word))
        if parts:
            raise ValueError(f"'{entry}' cannot be understood")
        found.append((days, times, status.lower()))
    return found


def _days(word: str, read: object) -> tuple[Day, Day]:
    assert callable(read)
    first, dash, last = word.partition("-")
    begin = read(first)
    return begin, read(last) if dash else begin


def _week_day(word: str) -> Day:
    if word.lower() not in WEEKDAYS:
        raise ValueError(f"'{word}' is not a weekday")
    return 0, 0, WEEKDAYS.index(word.lower())


def _year_day(word: str) -> Day:
    parts = word.lower().split(".")
    if len(parts) == 3:
        day, month, year = parts
        number = str(MONTHS.index(month) + 1) if month in MONTHS else month
        if all(part.isascii() and part.isdigit() and len(part) < 5 for part in (day, number, year)):
            found = int(year), int(number), int(day)
            if 1 <= found[2] <= 31 and 1 <= found[1] <= 12:
                return found
    raise ValueError(f"'{word}' is not a day of a year")


def _times(word: str) -> list[tuple[int, int]]:
    first, dash, last = word.partition("-")
    if not dash:
        raise ValueError(f"'{word}' is not a range of times")
    begin, end = _time(first), _time(last)
    # The second may be before the first: the day is closed at both its ends.
    return [(begin, end)] if begin < end else [(0, end), (begin, DAY_S)]


def _time(word: str) -> int:
    parts = word.split(":")
    if len(parts) > 3 or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):
        raise ValueError(f"'{word}' is not a time")
    hour, minute, second = (int(part) for part in (*parts, "0", "0")[:3])
    for value, most, name in ((hour, 24, "hour"), (minute, 59, "minute"), (second, 60, "second")):
        if value > most:
            raise ValueError(f'"{value}" outside of range 0-{most} of {name} specification')
    return min(hour * 3600 + minute * 60 + second, DAY_S)

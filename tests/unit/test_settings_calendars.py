"""Calendars: what a live grid took, when its queues were closed, and when they open again."""

from __future__ import annotations

import time

import pytest

from gridcompat.settings import Settings
from gridcompat.settings.calendars import areas, closed, next_change, state
from gridcompat.settings.site import Calendar


def at(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%S"))


TUESDAY = "2026-11-24 "


@pytest.mark.parametrize(
    ("year", "week", "when", "said"),
    [
        ("NONE", "NONE", TUESDAY + "12:00:00", "on"),
        ("NONE", "mon-sun=0-24=off", TUESDAY + "23:59:59", "off"),
        ("NONE", "mon-sun=0-24=suspended", TUESDAY + "12:00:00", "suspended"),
        ("NONE", "mon-sun=on", TUESDAY + "12:00:00", "on"),
        ("24.11.2026=0-24=off", "NONE", TUESDAY + "12:00:00", "off"),
        ("24.nov.2026", "NONE", TUESDAY + "12:00:00", "off"),
        ("24.11.2026=0-24=off", "NONE", "2026-11-25 12:00:00", "on"),
        ("NONE", "mon-fri=6-20", TUESDAY + "06:00:00", "off"),
        ("NONE", "mon-fri=6-20", TUESDAY + "05:59:59", "on"),
        ("NONE", "mon-fri=6-20", TUESDAY + "20:00:00", "on"),
        ("NONE", "mon-fri=6-20", "2026-11-28 12:00:00", "on"),
        ("1.1.2026-31.12.2026=on", "mon-sun=off", TUESDAY + "12:00:00", "on"),
        ("1.1.2027-31.12.2027=on", "mon-sun=off", TUESDAY + "12:00:00", "off"),
        ("NONE", "mon-fri=20:30-6:15:10=off", TUESDAY + "06:15:09", "off"),
        ("NONE", "mon-fri=20:30-6:15:10=off", TUESDAY + "06:15:10", "on"),
        ("NONE", "mon-fri=20:30-6:15:10=off", TUESDAY + "20:30:00", "off"),
        ("NONE", "12-18 tue=13-17=on", TUESDAY + "13:00:00", "on"),
        ("NONE", "12-18 tue=13-17=on", TUESDAY + "12:59:59", "off"),
        ("NONE", "12-18 tue=13-17=suspended", TUESDAY + "13:00:00", "suspended"),
        ("NONE", "sat-tue=off", TUESDAY + "13:00:00", "off"),
        ("NONE", "sat-mon=off", TUESDAY + "13:00:00", "on"),
        ("NONE", "off", TUESDAY + "13:00:00", "off"),
        ("24.12.2026,25.12.2026=off 1.1.2027=suspended", "NONE", "2027-01-01 01:00:00", "suspended"),
    ],
)
def test_a_calendar_says(year: str, week: str, when: str, said: str) -> None:
    assert state(Calendar(name="c", year=year, week=week), at(when)) == said


@pytest.mark.parametrize(
    ("text", "yearly", "told"),
    [
        ("mon-fri=25-26=off", False, '"25" outside of range 0-24 of hour specification'),
        ("mon-fri=5:61-6=off", False, '"61" outside of range 0-59 of minute'),
        ("never", False, "'never' is not a weekday"),
        ("mon=6", False, "'6' is not a range of times"),
        ("mon=6-8=off=on", False, "'off' is not a time|cannot be understood"),
        ("33.1.2026=off", True, "'33.1.2026' is not a day of a year"),
        ("mon=off", True, "'mon' is not a day of a year"),
    ],
)
def test_what_is_no_calendar_is_told(text: str, yearly: bool, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        areas(text, yearly=yearly)


@pytest.mark.parametrize(
    ("week", "when", "then"),
    [
        ("NONE", TUESDAY + "12:00:00", "2026-11-25 00:00:00"),
        ("6-20", TUESDAY + "05:00:00", TUESDAY + "06:00:00"),
        ("6-20", TUESDAY + "06:00:00", TUESDAY + "20:00:00"),
        ("20:30-6:15", TUESDAY + "07:00:00", TUESDAY + "20:30:00"),
    ],
)
def test_it_is_asked_again_at(week: str, when: str, then: str) -> None:
    assert next_change(Calendar(name="c", week=week), at(when)) == at(then)


@pytest.mark.parametrize(
    ("name", "letter"), [("off", "D"), ("asleep", "C"), ("on", ""), ("", ""), ("NONE", ""), ("other", "")]
)
def test_a_queue_has_the_letter_of_its_calendar(name: str, letter: str) -> None:
    calendars = (
        Calendar(name="off", week="off"),
        Calendar(name="asleep", week="suspended"),
        Calendar(name="on", week="on"),
    )
    assert closed(name, Settings(calendar_details=calendars), at(TUESDAY + "12:00:00")) == letter

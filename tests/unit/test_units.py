"""Grid Engine's kinds of values, from text to numbers."""

from __future__ import annotations

import calendar
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat import complexes, units

NOW = calendar.timegm((2026, 11, 24, 6, 0, 0))


@pytest.fixture(autouse=True)
def universal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dates without a zone are local."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("1k", 1000),
        ("1K", 1024),
        ("2m", 2_000_000),
        ("2M", 2 * 1024**2),
        ("1g", 10**9),
        ("1G", 1024**3),
        ("1t", 10**12),
        ("1T", 1024**4),
        ("1.5G", 3 * 2**29),
        (".5G", 2**29),
        ("+1K", 1024),
        ("-1K", -1024),
        ("0x10M", 16 * 1024**2),
        ("010M", 8 * 1024**2),
        ("1e3", 1000),
        ("524288k", 524288000),
        ("", None),
        ("G", None),
        ("1GB", None),
        ("1 G", None),
        ("1Q", None),
        ("abc", None),
        ("1_0", None),
        ("0x", None),
        ("nan", None),
        ("inf", None),
        ("١K", None),
        ("1" * 50, None),
    ],
)
def test_memory(text: str, size: int | None) -> None:
    assert units.memory_bytes(text) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("60", 60),
        ("1:30:00", 5400),
        ("1::1", 3601),
        ("::", 0),
        ("0:90:99", 5499),
        ("0x10", 16),
        ("010", 8),
        ("1.5", 2),
        ("-5", -5),
        ("5m", 5_000_000),
        ("1K", 1024),
        ("1:30", None),
        (":", None),
        ("1:2:3:4", None),
        ("a:b:c", None),
        ("5s", None),
        ("", None),
    ],
)
def test_times(text: str, seconds: int | None) -> None:
    assert units.time_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "kib"),
    [
        ("512m", 524288),
        ("512M", 524288),
        ("1g", 1048576),
        ("4096k", 4096),
        ("0k", 0),
        ("1", None),
        ("1.5g", None),
        ("g", None),
        ("", None),
        ("-1k", None),
        ("1t", None),
    ],
)
def test_the_memory_of_jsub_is_in_powers_of_two_whatever_the_case(text: str, kib: int | None) -> None:
    assert units.jsub_memory_kib(text) == kib


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("12312359", "2026-12-31 23:59:00"),
        ("01010000", "2026-01-01 00:00:00"),
        ("2705012359", "2027-05-01 23:59:00"),
        ("202705012359.30", "2027-05-01 23:59:30"),
        ("202705012359.", "2027-05-01 23:59:00"),
        ("6901010000", "2069-01-01 00:00:00"),
        ("7101010000", "1971-01-01 00:00:00"),
        ("202602300000", "2026-03-02 00:00:00"),
    ],
)
def test_dates(text: str, date: str) -> None:
    seconds = units.date_seconds(text, NOW)
    assert time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) == date


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "no date specified"),
        ("13", "Invalid format of date/hour-minute field."),
        ("13010000", "Invalid month specification."),
        ("01320000", "Invalid day specification."),
        ("01012400", "Invalid hour specification."),
        ("01012360", "Invalid minute specification."),
        ("01012359.60", "Invalid seconds specification."),
        ("01012359.6", "Invalid format of seconds field."),
        (
            "196901010000",
            "Couldn't generate date from input. Perhaps a date before 1970 was specified.",
        ),
    ],
)
def test_dates_that_are_none_are_told_in_the_grids_words(text: str, fault: str) -> None:
    with pytest.raises(ValueError) as caught:
        units.date_seconds(text, NOW)
    assert str(caught.value) == fault


def test_a_date_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    universal = units.date_seconds("202701010000", NOW)
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    assert units.date_seconds("202701010000", NOW) == universal - 3600


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5", [(5, 5, 1)]),
        ("1-10:4", [(1, 10, 4)]),
        ("5-1:2", [(1, 5, 2)]),
        ("1,3-5,", [(1, 1, 1), (3, 5, 1)]),
        ("4294967297", [(1, 1, 1)]),
    ],
)
def test_task_ranges(text: str, found: list[tuple[int, int, int]]) -> None:
    assert units.ranges(text) == found


@pytest.mark.parametrize(
    ("parts", "one"),
    [
        ([(1, 10, 4)], (1, 10, 4)),
        ([(1, 3, 1), (4, 6, 1)], (1, 6, 1)),
        ([(5, 5, 1), (3, 3, 1), (1, 1, 1)], (1, 5, 2)),
        ([(1, 1, 1), (1, 1, 1)], (1, 1, 1)),
        ([(1, 3, 1), (7, 9, 1)], None),
        ([(1, 2**31, 1), (5, 5, 1)], None),
    ],
)
def test_several_ranges_can_be_one(
    parts: list[tuple[int, int, int]], one: tuple[int, int, int] | None
) -> None:
    assert units.as_one_range(parts) == one


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("2-", ((2, 9999999, 1),)),
        ("-4", ((1, 4, 1),)),
        ("4,2", ((2, 2, 1), (4, 4, 1))),
        ("2-4,3-8", ((2, 8, 1),)),
        ("2-4,3-80000,90000", ((2, 80000, 1), (90000, 90000, 1))),
    ],
)
def test_slot_ranges(text: str, slots: tuple[tuple[int, int, int], ...]) -> None:
    assert units.slot_ranges(units.ranges(text, open_ends=True, steps=False)) == slots


@pytest.mark.parametrize(
    ("word", "meaning"),
    [("y", True), ("YES", True), ("n", False), ("No", False), ("true", None), ("1", None), ("", None)],
)
def test_yes_and_no(word: str, meaning: bool | None) -> None:
    assert units.yes_no(word) is meaning


@given(text=st.text(max_size=20))
def test_any_text_is_a_number_or_none(text: str) -> None:
    for read in (
        units.memory_bytes,
        units.time_seconds,
        units.jsub_memory_kib,
        units.integer,
        units.unsigned,
    ):
        value = read(text)
        assert value is None or isinstance(value, int)


@given(number=st.integers(-(10**9), 10**9), rest=st.sampled_from(["", "x", "-5", " 7", ","]))
def test_the_integer_at_the_front_is_split_off(number: int, rest: str) -> None:
    assert units.leading_integer(f"{number}{rest}") == (number, rest)


@pytest.mark.parametrize(
    ("word", "name", "kind"),
    [
        ("vf", "virtual_free", "MEMORY"),
        ("rel", "release", "STRING"),
        ("h", "hostname", "HOST"),
        ("h_rt", "h_rt", "TIME"),
        ("s", "slots", "INT"),
    ],
)
def test_complexes_have_shortcuts(word: str, name: str, kind: str) -> None:
    found = complexes.find(word)
    assert found is not None
    assert (found.name, found.type) == (name, kind)


def test_complexes_are_listed_by_name_and_each_once() -> None:
    names = [one.name for one in complexes.every()]
    assert names == sorted(set(names))
    assert complexes.find("H_RT") is None
    assert [one.name for one in complexes.every() if one.consumable] == ["h_vmem", "slots"]
    assert {one.name for one in complexes.every() if not one.requestable} >= {"load_avg", "tmpdir", "seq_no"}

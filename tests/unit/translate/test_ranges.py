"""Range lists against sets of their members."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.errors import GridError
from gridcompat.translate import ranges


@st.composite
def range_lists(draw: st.DrawFn) -> ranges.Ranges:
    """Lists as jobs have them: parts of one stepped array, or anything at all."""
    if draw(st.booleans()):
        step, phase = draw(st.integers(1, 4)), draw(st.integers(0, 3))
        picked = draw(st.sets(st.integers(1, 40), max_size=20))
        return ranges.from_members(n * step + phase for n in picked)
    return ranges.from_members(draw(st.sets(st.integers(1, 60), max_size=25)))


@given(range_lists(), range_lists())
def test_the_operations_agree_with_sets(a: ranges.Ranges, b: ranges.Ranges) -> None:
    x, y = set(ranges.members(a)), set(ranges.members(b))
    for result, expected in (
        (ranges.union(a, b), x | y),
        (ranges.minus(a, b), x - y),
        (ranges.intersect(a, b), x & y),
    ):
        assert sorted(ranges.members(result)) == sorted(expected)
        assert ranges.count(result) == len(expected)
        assert [r[0] for r in result] == sorted(r[0] for r in result)
        assert all(first <= last and (last - first) % step == 0 for first, last, step in result)


@given(range_lists(), st.integers(1, 70))
def test_contains_agrees_with_sets(a: ranges.Ranges, task: int) -> None:
    assert ranges.contains(a, task) == (task in set(ranges.members(a)))


@given(range_lists())
def test_text_is_read_back_as_the_same_tasks(a: ranges.Ranges) -> None:
    assert set(ranges.members(ranges.parse(ranges.text(a)))) == set(ranges.members(a))


@given(st.sets(st.integers(1, 80), max_size=30))
def test_from_members_holds_exactly_the_members(tasks: set[int]) -> None:
    assert list(ranges.members(ranges.from_members(tasks))) == sorted(tasks)


@pytest.mark.parametrize(
    ("whole", "gone", "left"),
    [
        ("1-10:1", "", "1-10:1"),
        ("1-12:1", "5,7-8", "1-4:1,6,9-12:1"),
        ("1-6:1", "3", "1,2,4-6:1"),
        ("1-6:1", "3,5", "1,2,4,6"),
        ("1-10:1", "2,4,6,7", "1-5:2,8-10:1"),
        ("1-10:1", "2-4,6,8,10", "1,5,7,9"),
        ("1-15:2", "3,5,13-15", "1,7-11:2"),
        ("1-28:3", "4,13,22", "1,7,10,16,19,25,28"),
        ("1-5:2", "", "1-5:2"),
        ("1-9:2", "5", "1,3,7,9"),
        ("1-75000:2", "1", "3-74999:2"),
        ("1-75000:2", "2-10", "1,11-74999:2"),
        ("1-3", "1-3", ""),
        ("4", "9", "4"),
        ("2-10:4", "1-9999999:3", "2,6"),
    ],
)
def test_what_is_left_is_written_as_the_grid_writes_it(whole: str, gone: str, left: str) -> None:
    assert ranges.text(ranges.minus(ranges.parse(whole), ranges.parse(gone))) == left


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("3", ((3, 3, 1),)),
        ("5-5:1", ((5, 5, 1),)),
        ("1-10:4", ((1, 9, 4),)),
        ("1-10", ((1, 10, 1),)),
        ("7,1-3", ((1, 3, 1), (7, 7, 1))),
        ("1-9:2,2-8:2", ((1, 9, 1),)),
    ],
)
def test_lists_are_read(text: str, expected: ranges.Ranges) -> None:
    assert ranges.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "0",
        "-3",
        "5-1",
        "1-",
        "1-5:0",
        "1-5:",
        "3:1",
        "1,,2",
        " 1",
        "1-9999999999,2",
        "10000000",
        "1-10000000:3",
        "٣",
        "1" * 5000,
        "1--2",
        "+1",
    ],
    ids=lambda text: text[:12],
)
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(GridError):
        ranges.parse(text)


def test_tasks_ended_one_by_one_stay_one_short_list() -> None:
    ended: ranges.Ranges = ()
    for task in range(1, 4000, 2):
        ended = ranges.union(ended, ((task, task, 1),))
    assert len(ended) <= ranges.COMPRESS_ABOVE + 1
    assert ranges.count(ended) == 2000


def test_a_large_array_is_not_counted_one_by_one() -> None:
    rest = ranges.parse("1-75000:1")
    begun = time.perf_counter()
    for task in range(1, 2001):
        rest = ranges.minus(rest, ((task, task, 1),))
    assert time.perf_counter() - begun < 1
    assert rest == ((2001, 75000, 1),)


MANY = ",".join(map(str, range(1, 75000, 4)))
OTHERS = ",".join(map(str, range(3, 75000, 4)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ranges.minus(ranges.parse("1-75000"), ranges.parse(MANY)), ranges.parse(OTHERS)),
        (ranges.parse(MANY), ranges.parse(OTHERS)),
        (ranges.parse("1-75000:2"), ranges.parse("1-9999999:3")),
        (ranges.parse("1-75000"), ranges.parse(MANY)),
        (
            ranges.parse("1-9999999"),
            ranges.parse("5,1000000,2000000,3000000,4000000,5000000,6000000,7000000"),
        ),
    ],
    ids=["pieces", "single ones", "other steps", "holes", "few holes in millions"],
)
def test_no_two_lists_take_long(one: ranges.Ranges, other: ranges.Ranges) -> None:
    begun = time.perf_counter()
    left, both = ranges.minus(one, other), ranges.intersect(one, other)
    assert time.perf_counter() - begun < 2
    assert ranges.count(left) + ranges.count(both) == ranges.count(one)


@given(a=range_lists(), lists=st.lists(range_lists(), max_size=4))
def test_what_of_a_list_is_in_others(a: ranges.Ranges, lists: list[ranges.Ranges]) -> None:
    wanted = set(ranges.members(a)) & {n for one in lists for n in ranges.members(one)}
    found = list(ranges.members(ranges.within(a, lists)))
    assert found == sorted(wanted)


@given(range_lists(), st.integers(1, 4), range_lists(), st.integers(1, 4))
def test_tasks_overlap_where_their_numbers_do(
    whole: ranges.Ranges, step: int, other: ranges.Ranges, wide: int
) -> None:
    taken = {n for task in ranges.members(other) for n in range(task, task + wide)}
    expected = {n for n in ranges.members(whole) if taken & set(range(n, n + step))}
    assert set(ranges.members(ranges.overlapping(whole, step, [(other, wide)]))) == expected

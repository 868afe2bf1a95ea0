"""How recorded cases are counted: what decides whether a mark is reached."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gridlab"))
import tally


def result(group: str, exact: bool | None, shape: bool = True) -> dict[str, Any]:
    if exact is None:
        return {"group": group, "verdict": "skipped", "levels": None}
    return {
        "group": group,
        "verdict": "passed" if exact else "failed",
        "levels": {"exact": exact, "shape": shape},
    }


def test_groups_count_what_was_played() -> None:
    results = {
        "a": result("mail", True),
        "b": result("mail", False),
        "c": result("mail", False, shape=False),
        "d": result("mail", None),
        "e": {"group": "qdel", "verdict": "error", "levels": None},
    }
    assert tally.by_group(results) == {
        "mail": {"cases": 3, "exact": 1, "shape": 2},
        "qdel": {"cases": 1, "exact": 0, "shape": 0},
    }


def test_a_case_that_differs_is_played_twice_more_and_keeps_its_better_result() -> None:
    results = {"good": result("g", True), "late": result("g", False), "bad": result("g", False)}
    played = []

    def play(words: list[str]) -> tally.Results:
        played.append(words)
        worse = result("g", False, shape=False)
        return {"late": result("g", True), "bad": worse} if len(played) == 1 else {"bad": worse}

    tally.settle(results, play)
    assert played == [["--id", "late", "--id", "bad"], ["--id", "bad"]]
    assert tally.by_group(results) == {"g": {"cases": 3, "exact": 2, "shape": 3}}


def test_a_case_that_was_skipped_is_not_played_again() -> None:
    def play(words: list[str]) -> tally.Results:
        raise AssertionError(words)

    tally.settle({"skipped": result("g", None), "good": result("g", True)}, play)


@pytest.mark.parametrize(
    ("have", "other", "per_cent"),
    [
        ({"cases": 50, "exact": 45}, {"cases": 50, "exact": 45}, 100.0),
        ({"cases": 52, "exact": 39}, {"cases": 50, "exact": 50}, 75.0),  # two more need a second account
        ({"cases": 50, "exact": 50}, {"cases": 50, "exact": 40}, 125.0),
        ({"cases": 50, "exact": 0}, {"cases": 50, "exact": 40}, 0.0),
    ],
)
def test_shares_are_compared_not_numbers(
    have: dict[str, int], other: dict[str, int], per_cent: float
) -> None:
    assert tally.relative(have, other, "exact") == pytest.approx(per_cent)

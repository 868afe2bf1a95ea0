"""Counting recorded cases that agree, and playing those again that do not.

A busy machine stretches moments that show in what commands print, so a case that differs is played up to
twice more, alone.  Nothing here knows who plays: the embedded cluster (`mark`) or real pods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

LEVELS = ("exact", "shape")
AGAIN = 2
"""How often a case that differs is played once more."""

Results = dict[str, dict[str, Any]]
"""What `run --json` reports of each case, by its id."""
Groups = dict[str, dict[str, int]]
"""For each group the number of "cases", of "exact" and of "shape" ones."""


def agrees(result: Mapping[str, Any], level: str) -> bool:
    """Say whether a case agreed at a level; one that could not be played did not."""
    return bool(result["levels"] and result["levels"][level])


def differing(results: Results) -> list[str]:
    """Return the ids of the cases that were played and do not agree exactly."""
    return [name for name, one in results.items() if one["verdict"] != "skipped" and not agrees(one, "exact")]


def settle(results: Results, play: Callable[[list[str]], Results]) -> None:
    """Play what differs again and keep the better result of each.

    `play` is given the words that choose the cases.
    """
    for _ in range(AGAIN):
        names = differing(results)
        if not names:
            return
        chosen = [word for name in names for word in ("--id", name)]
        for name, one in play(chosen).items():
            if _score(one) > _score(results[name]):
                results[name] = one


def _score(result: Mapping[str, Any]) -> int:
    return sum(agrees(result, level) for level in LEVELS)


def by_group(results: Results) -> Groups:
    """Count the cases that were played."""
    groups: Groups = {}
    for result in results.values():
        if result["verdict"] == "skipped":
            continue
        group = groups.setdefault(result["group"], dict.fromkeys(("cases", *LEVELS), 0))
        group["cases"] += 1
        for level in LEVELS:
            group[level] += agrees(result, level)
    return groups


def relative(have: Mapping[str, int], other: Mapping[str, int], level: str) -> float:
    """Return the share of cases that agree, in per cent of the share that agreed elsewhere."""
    return 100 * (have[level] / have["cases"]) / (other[level] / other["cases"])

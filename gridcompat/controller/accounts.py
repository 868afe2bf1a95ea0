"""What the controller does for accounts: blocks of job ids, and the end of `-once` entries.

A block is taken from the GridSite by compare-and-swap first and given to the account second, so a death in
between loses a block and never gives one twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gridcompat.cluster.base import K8sObject

AN_HOUR_S = 3600.0
NEVER_CREATED_S = 600.0
"""An entry whose GridJob is not there after ten minutes: its submitter, who has 60 s, is dead."""
MOST_BLOCKS = 100
"""Kept in an account; the oldest, long used up, go first."""


def wants_block(
    account: K8sObject, ids: Iterable[int], *, block: int, now: float, given_at: float | None
) -> bool:
    """Return whether an account gets another block of ids.

    One more when half of the newest block is taken and has GridJobs; without GridJobs, which is what
    somebody looks like who only burns ids, one an hour.

    Args:
        ids: of the GridJobs there are in its namespace.
        given_at: when this controller gave the last one, on the clock of `now`; None if it never did.
    """
    blocks = account["spec"].get("blocks") or []
    if not blocks:
        return True
    next_id = (account.get("status") or {}).get("nextId") or 0
    left = sum(max(0, one["last"] + 1 - max(one["first"], next_id)) for one in blocks)
    if left > block // 2:
        return False
    newest = max(one["last"] for one in blocks)
    seen = sum(1 for number in ids if newest - block < number <= newest)
    return seen >= block // 2 or given_at is None or now - given_at >= AN_HOUR_S


def with_block(account: K8sObject, first: int, last: int) -> list[dict[str, int]]:
    """Return the account's blocks and one more; neighbours become one."""
    merged: list[dict[str, int]] = []
    everything = [*(account["spec"].get("blocks") or ()), {"first": first, "last": last}]
    for block in sorted(everything, key=lambda one: int(one["first"])):
        if merged and merged[-1]["last"] + 1 >= block["first"]:
            merged[-1] = {"first": merged[-1]["first"], "last": max(merged[-1]["last"], block["last"])}
        else:
            merged.append({"first": block["first"], "last": block["last"]})
    return merged[-MOST_BLOCKS:]


def once_left(account: K8sObject, is_there: Callable[[int], bool]) -> list[dict[str, Any]]:
    """Return the entries of `status.once` that still wait for their GridJob.

    The others have served: the GridJob of their id is there, whoever made it.
    """
    entries = (account.get("status") or {}).get("once") or []
    return [entry for entry in entries if not is_there(int(entry["id"]))]

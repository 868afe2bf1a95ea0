"""How long GridJobs that are over stay: an hour at least, then the last hundred of an account.

After that only the accounting record tells of them, and nothing depends on more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gridcompat.settings import Settings


def to_retire(
    over: Iterable[Mapping[str, Any]], *, now: float, settings: Settings
) -> tuple[list[str], float | None]:
    """Return names of the GridJobs of one account that may go now, and seconds until the next one may.

    Args:
        over: GridJobs that are over and not being deleted.
    """
    newest_first = sorted(over, key=lambda job: (_finished_at(job), int(job["spec"]["id"])), reverse=True)
    names, next_s = [], None
    for job in newest_first[settings.finished_jobs :]:
        left_s = _finished_at(job) + settings.finished_keep_s - now
        if left_s <= 0:
            names.append(job["metadata"]["name"])
        elif next_s is None or left_s < next_s:
            next_s = left_s
    return names, next_s


def _finished_at(job: Mapping[str, Any]) -> int:
    return int(job["status"].get("finishedAt") or 0)

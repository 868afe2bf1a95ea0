"""Small texts of qstat and qacct."""

from __future__ import annotations

import pytest

from gridcompat.model import JobRequest
from gridcompat.output import qacct, qstat


@pytest.mark.parametrize(
    ("ranges", "text"),
    [
        (((2, 2, 1),), "2"),
        (((2, 3, 1),), "2,3"),
        (((2, 4, 1),), "2-4"),
        (((2, 4, 1), (7, 7, 1)), "2-4,7"),
    ],
)
def test_slots_of_a_parallel_job(ranges: tuple[tuple[int, int, int], ...], text: str) -> None:
    assert qstat.ranges_of(JobRequest(name="n", slot_ranges=ranges)) == text


@pytest.mark.parametrize(
    ("status", "text"),
    [(0, "0"), (127, "127"), (128, "Unknown signal 0"), (137, "Killed"), (255, "signal 127")],
)
def test_exit_statuses_from_128_on_name_a_signal(status: int, text: str) -> None:
    shown = qacct.exit_status(status)
    assert shown.startswith(f"{status:<20}")
    assert text in shown
    assert ("(" in shown) == (status >= 128)

"""The metrics page as Prometheus reads it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gridcompat.controller.tally import Tally
from gridcompat.replica import metrics

JOBS: list[dict[str, Any]] = [
    {"metadata": {}, "spec": {}},
    {"metadata": {}, "spec": {}, "status": {"phase": "Finished"}},
    {
        "metadata": {},
        "spec": {},
        "status": {
            "phase": "Active",
            "running": [
                {"task": 1, "state": "r", "queue": "task"},
                {"task": 2, "state": "r", "queue": "task"},
                {"task": 3, "state": "t", "queue": 'od"d\\'},
            ],
            "errors": [{"tasks": "4-5", "attempt": 1}],
            "pending": "6-100",
            "again": [{"tasks": "7", "attempt": 1}],
        },
    },
]


def page(tally: Tally, *, leads: bool = True) -> str:
    return metrics.text(jobs=JOBS, tally=tally, mail={"waiting": 2, "failed": 1}, leads=leads, answered_s=0.5)


def test_jobs_and_tasks_are_counted_by_phase_state_and_queue() -> None:
    lines = page(Tally()).splitlines()
    for line in (
        "gridcompat_leader 1",
        'gridcompat_jobs{phase="New"} 1',
        'gridcompat_jobs{phase="Finished"} 1',
        'gridcompat_tasks{state="r",queue="task"} 2',
        'gridcompat_tasks{state="t",queue="od\\"d\\\\"} 1',
        'gridcompat_tasks{state="Eqw",queue=""} 2',
        'gridcompat_tasks{state="qw",queue=""} 96',
        'gridcompat_mails{place="waiting"} 2',
    ):
        assert line in lines


def test_every_line_is_one_that_prometheus_reads() -> None:
    sample = re.compile(r'[a-z_]+(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? -?[0-9.e+-]+')
    text = page(Tally(), leads=False)
    assert text.endswith("\n")
    for line in text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line) or 'le="+Inf"' in line, line


def test_families_have_one_type_each() -> None:
    names = [line.split()[2] for line in page(Tally()).splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("delay_s", "bound"), [(0.0, "0.05"), (0.05, "0.05"), (0.051, "0.1"), (9999.0, "+Inf")]
)
def test_delays_are_cumulative(delay_s: float, bound: str) -> None:
    tally = Tally()
    tally.wants(("ns", "1"), 0.0)
    tally.wants(("ns", "1"), 1.0)
    tally.starts(("ns", "1"), 3, delay_s)
    text = page(tally)
    buckets = re.findall(r'_bucket\{le="([^"]+)"\} (\d)', text)
    assert next(label for label, count in buckets if count == "1") == bound
    assert [count for _, count in buckets] == sorted(count for _, count in buckets)
    assert "gridcompat_attempts_total 3" in text
    assert "gridcompat_dispatch_delay_seconds_count 1" in text


def test_a_job_that_stopped_waiting_begins_anew() -> None:
    tally = Tally()
    tally.wants(("ns", "1"), 10.0)
    tally.forget(("ns", "1"))
    tally.starts(("ns", "1"), 1, 500.0)
    assert tally.delay_sum == 0.0

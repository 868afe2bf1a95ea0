"""The slots of a parallel job are those that what is counted can ever give it."""

from __future__ import annotations

import pytest

from gridcompat.model import JobRequest, SubmitContext
from gridcompat.service.submit import slots_of
from gridcompat.settings import Queue, Settings
from gridcompat.settings.site import ExecHost, ResourceQuota

SITE = Settings(
    complexes=(
        "lic lic INT <= YES YES 0 0",
        "gpu gpu INT <= YES YES 0 0",
        "jl jl INT <= YES JOB 0 0",
    ),
    queues=(Queue(name="task"), Queue(name="few", slots=5)),
    hosts=(
        ExecHost(name="global", complex_values=(("lic", "4"), ("jl", "2"))),
        ExecHost(name="one", complex_values=(("gpu", "2"),)),
        ExecHost(name="two", complex_values=(("gpu", "3"),)),
    ),
    resource_quotas=(ResourceQuota(name="q", rules=("users {alice} queues few to slots=3",)),),
)


@pytest.mark.parametrize(
    ("asked", "queues", "ranges", "slots"),
    [
        ("", (), ((2, 9, 1),), 9),
        ("lic=1", (), ((2, 9, 1),), 4),
        ("lic=2", (), ((1, 9, 1),), 2),
        ("lic=3", (), ((2, 9, 1),), 2),
        ("jl=2", (), ((2, 9, 1),), 9),
        ("gpu=1", (), ((2, 9, 1),), 3),
        ("gpu=1", (), ((1, 1, 1), (4, 9, 1)), 1),
        ("", ("few",), ((1, 9, 1),), 3),
        ("", ("few", "task"), ((1, 9, 1),), 9),
        ("gpu=1", ("few@one",), ((1, 9, 1),), 2),
    ],
)
def test_a_job_gets_as_many_slots_as_it_can_ever_have(
    asked: str, queues: tuple[str, ...], ranges: tuple[tuple[int, int, int], ...], slots: int
) -> None:
    name, _, value = asked.partition("=")
    request = JobRequest(
        hard_resources=((name, value),) if asked else (),
        hard_queues=queues,
        parallel_environment="smp",
        slot_ranges=ranges,
        submit=SubmitContext(log_name="alice"),
    )
    assert slots_of(request, SITE) == slots

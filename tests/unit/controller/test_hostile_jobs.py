"""GridJobs that no command writes: each is told what is wrong with it or waits, soon, and others go on."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from controller_world import World

from gridcompat.cluster.base import GRID_JOB
from gridcompat.model import JobRequest
from gridcompat.translate import rows
from gridcompat.translate.grid_job import grid_job, request_json

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY_FOURTH = ",".join(map(str, range(1, 75000, 4)))
OTHERS = ",".join(map(str, range(3, 75000, 4)))


@pytest.fixture
def world(tmp_path: Any) -> Iterator[World]:
    made = World(str(tmp_path))
    yield made
    made.close()


def request(**fields: Any) -> dict[str, Any]:
    return {"request": request_json(JobRequest(name="x", **fields))}


SPECS: dict[str, dict[str, Any]] = {
    "a list that is none": {"holds": {"user": "5-3"}, "deleted": "0"},
    "more tasks than there can be": {"tasks": "1-9999999:1", "holds": {"user": "2-9999999:3"}},
    "tasks beyond all numbers": {"tasks": "1-99999999999999:1", "holds": {"user": "2-99999999999999:3"}},
    "lists of tens of thousands": {
        "maxRunning": 1,
        "tasks": "1-75000:1",
        "holds": {"user": EVERY_FOURTH, "system": OTHERS},
    },
    "lists on other steps": {
        "maxRunning": 1,
        "tasks": "1-75000:2",
        "holds": {"user": "1-9999999:3", "operator": "1-9999999:7", "system": "1-9999999:5"},
        "deleted": "1-9999999:11",
    },
    "not JSON": {"request": "{"},
    "deep JSON": {"request": "[" * 100_000},
    "another schema": {"request": json.dumps({"schema": 10**30})},
    "negations": request(hard_queues=("!" * 190_000,)),
    "many queues": request(hard_queues=("(a|b)&c",) * 15_000),
    "a host in parentheses": request(hard_resources=(("hostname", "(" * 190_000),)),
    "endless memory": request(hard_resources=(("h_vmem", "9" * 100_000),)),
    "endless time": request(hard_resources=(("h_rt", "9" * 100_000), ("release", "x" * 50_000))),
    "the end of time": {"startTime": 2**63 - 1},
    "thousands of predecessors": {
        "predecessors": list(range(10**9, 10**9 + 5000)),
        "arrayPredecessors": [7] * 5000,
    },
}


@pytest.mark.parametrize("case", SPECS)
def test_no_job_takes_long_or_stops_the_others(world: World, case: str) -> None:
    body = grid_job(JobRequest(name="x"), id=7, nonce="n", namespace="default", ready=True)
    body["spec"] |= SPECS[case]
    begun = time.perf_counter()
    world.cluster.create(body)
    world.settle()
    other = 8
    world.submit(other, name="other")
    world.settle()
    assert time.perf_counter() - begun < 60, "hours, where lists are taken apart"
    assert [job for job, _, _ in world.runs if job == other] == [other]
    shown = rows.rows(world.cluster.table(GRID_JOB, namespace="default"))
    assert {row.state for row in shown if row.job_id == 7} <= {"Eqw", "Ehqw", "hqw", "qw", "r"}
    assert "Traceback" not in "".join(world.log)

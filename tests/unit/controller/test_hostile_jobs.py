"""GridJobs that no command writes: each is told what is wrong with it or waits, soon, and others go on."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from controller.controller_world import World
from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB
from gridcompat.model import JobRequest
from gridcompat.translate import rows
from gridcompat.translate.grid_job import grid_job, request_json

EVERY_FOURTH = ",".join(map(str, range(1, 75000, 4)))
OTHERS = ",".join(map(str, range(3, 75000, 4)))


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


def test_a_job_that_was_made_again_under_its_number_has_runs_and_records_of_its_own(world: World) -> None:
    world.submit(7)
    world.settle()
    first = world.job(7)["metadata"]["uid"]
    # Whoever may do that (an administrator) takes our finalizer away, too.
    world.cluster.patch(GRID_JOB, "7", {"metadata": {"finalizers": []}}, namespace="default")
    world.cluster.delete(GRID_JOB, "7", namespace="default")
    world.submit(7)
    assert world.job(7)["metadata"]["uid"] != first
    world.ends[7, 1] = [3]
    for _ in range(5):
        world.settle()
        world.later(5)
    assert world.status(7)["exitStatus"] == 3
    assert sorted(entry.exit_status for entry in world.records()) == [3, 137]
    assert world.pods() == {}, "the pod of the first is still there"


def forged_pod(number: int) -> dict[str, Any]:
    """A pod that somebody with rights on pods made to look like a run of ours."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"x-{number}-a1",
            "namespace": "default",
            "labels": {
                "gridcompat.io/job": str(number),
                "gridcompat.io/task": "1",
                "gridcompat.io/attempt": "1",
            },
            "annotations": {"gridcompat.io/record": '{"owner": "root", "job_name": "a:b\\nc:d"}'},
            "finalizers": ["gridcompat.io/evidence"],
        },
        "spec": {"containers": [{"name": "x", "image": "x"}], "schedulingGates": [{"name": "x"}]},
    }


@pytest.mark.parametrize(
    ("number", "owners"), [(77, ["alice"]), (90_001, [])], ids=["nobody's number", "another's number"]
)
def test_a_forged_run_is_recorded_for_its_namespace_or_not_at_all(
    world: World, number: int, owners: list[str]
) -> None:
    other = {
        "apiVersion": "gridcompat.io/v1",
        "kind": "GridAccount",
        "metadata": {"name": "account", "namespace": "bob"},
        "spec": {"owner": "bob", "uid": 7, "gid": 7, "blocks": [{"first": 90_000, "last": 90_999}]},
    }
    world.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "bob"}})
    world.cluster.create(other)
    pod = world.cluster.create(forged_pod(number))
    world.ignored.add(pod["metadata"]["name"])
    state = {"exitCode": 1, "startedAt": world.stamp(), "finishedAt": world.stamp()}
    world.report(
        pod, {"phase": "Failed", "containerStatuses": [{"name": "x", "state": {"terminated": state}}]}
    )
    world.settle()
    found = world.records()
    assert [entry.owner for entry in found] == owners
    assert all("\n" not in entry.job_name and ":" not in entry.job_name for entry in found)
    assert world.pods() == {}


@pytest.mark.parametrize("number", [90_001, 10**15], ids=["another's", "no number at all"])
def test_an_entry_of_once_with_a_foreign_number_takes_nothing(world: World, number: int) -> None:
    entry = {"name": "x", "id": number, "nonce": "n"}
    world.cluster.patch(
        GRID_ACCOUNT, "account", {"status": {"once": [entry]}}, namespace="default", subresource="status"
    )
    for _ in range(3):
        world.settle()
        world.later(400)
    assert world.cluster.list(GRID_JOB, namespace=None).items == []
    account = world.cluster.get(GRID_ACCOUNT, "account", namespace="default")
    assert account["status"].get("once", []) == []
    assert "Traceback" not in "".join(world.log)

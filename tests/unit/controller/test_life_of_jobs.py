"""What becomes of jobs, through the whole reconciler, with a kubelet that does as told."""

from __future__ import annotations

from typing import Any

import pytest

from controller.controller_world import HOST, START, World
from controller.life_rows import row, status


def test_a_job_is_admitted_and_intended_in_one_write_and_its_pod_is_made(world: World) -> None:
    world.submit(1000)
    world.work()
    assert world.status(1000) == status(
        phase="Active",
        running=[row(state="t")],
        rows=f"t1 {int(START)} task@{HOST} 1 0",
        state="t",
    )
    assert list(world.pods()) == ["job1000-1000-a1"]


def test_a_running_job_shows_its_host_and_start(world: World) -> None:
    world.submit(1000)
    world.work()
    world.now += 5
    world.settle()
    assert world.status(1000)["running"] == [row(startedAt=int(START) + 5)]
    assert world.status(1000)["state"] == "r"


def test_a_job_that_ends_is_recorded_and_its_pod_is_gone(world: World) -> None:
    world.ends[1000, 1] = [3]
    world.submit(1000, mail_options="abe")
    world.settle()
    assert world.status(1000) == status(
        phase="Finished", state="z", finished=1, failed=1, exitStatus=3, finishedAt=int(START)
    )
    assert [(one.exit_status, one.failed, one.task_number, one.qname) for one in world.records()] == [
        (3, 0, 0, "task")
    ]
    assert world.mails() == ["Job 1000 (job1000) Complete", "Job 1000 (job1000) Started"]
    assert world.pods() == {}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"user_hold": True}, ["Job is in hold state"]),
        ({"spec": {"holds": {"operator": "1"}}}, ["Job is in hold state"]),
        ({"start_time": int(START) + 100}, ["execution time not reached"]),
        ({"spec": {"ready": False}}, None),
        (
            {"hard_resources": (("h_vmem", "900G"),)},
            [f'(-l h_vmem=900G) cannot run at host "{HOST}" because it offers only hc:h_vmem=400.000G'],
        ),
    ],
    ids=["user hold", "operator hold", "release time", "not ready", "too much memory"],
)
def test_what_may_not_run_has_no_pod_and_says_why(
    world: World, fields: dict[str, Any], reason: list[str] | None
) -> None:
    spec = fields.pop("spec", None)
    world.submit(1000, ready=(spec or {}).get("ready", True), spec=spec, **fields)
    world.settle()
    assert world.pods() == {}
    if reason is None:
        assert "phase" not in world.status(1000)
    else:
        assert world.status(1000) == status(
            pending="1", rows="p1", reasons=reason, state="hqw" if "hold" in reason[0] else "qw"
        )


def test_a_release_time_that_comes_starts_the_job(world: World) -> None:
    world.submit(1000, start_time=int(START) + 100)
    world.settle()
    world.later(99.0)
    assert world.runs == []
    world.later(1.5)
    assert world.runs == [(1000, 1, 1)]


def test_held_tasks_wait_while_others_run(world: World) -> None:
    world.submit(1000, tasks=(1, 4, 1), spec={"holds": {"user": "2-3:1"}})
    world.settle()
    assert world.status(1000)["rows"] == (
        f"p2,3;r1 {int(START)} task@{HOST} 1 0;r4 {int(START)} task@{HOST} 1 0"
    )
    world.spec(1000, {"holds": {"user": "3"}})
    world.settle()
    assert [run[1] for run in world.runs] == [1, 4, 2]


class TestPredecessors:
    """-hold_jid and -hold_jid_ad."""

    @pytest.mark.parametrize("exit_status", [0, 1, 255])
    def test_any_end_frees(self, world: World, exit_status: int) -> None:
        world.submit(1000)
        world.submit(1001, predecessors=(1000,))
        world.settle()
        assert world.status(1001) == status(
            pending="1",
            blocked=True,
            rows="p1;b",
            state="hqw",
            reasons=["job dropped because of job dependencies"],
        )
        world.ends[1000, 1] = [exit_status]
        world.settle()
        assert world.runs == [(1000, 1, 1), (1001, 1, 1)]

    def test_a_predecessor_in_error_still_holds_and_its_deletion_frees(self, world: World) -> None:
        world.ends[1000, 1] = [100]
        world.submit(1000)
        world.submit(1001, predecessors=(1000,))
        world.settle()
        assert world.status(1000)["state"] == "Eqw"
        assert world.runs == [(1000, 1, 1)]
        world.order(1000, "delete")
        world.settle()
        assert world.runs == [(1000, 1, 1), (1001, 1, 1)]

    def test_a_number_that_is_not_there_holds_nothing(self, world: World) -> None:
        world.submit(1001, predecessors=(999,))
        world.settle()
        assert world.runs == [(1001, 1, 1)]

    def test_an_array_predecessor_frees_task_by_task(self, world: World) -> None:
        world.submit(1000, tasks=(1, 3, 1))
        world.submit(1001, tasks=(1, 3, 1), array_predecessors=(1000,))
        world.settle()
        assert world.status(1001)["rows"] == "p1-3:1;a1-3:1;b"
        world.ends[1000, 2] = [0]
        world.settle()
        assert world.status(1001)["rows"] == f"p1,3;a1,3;b;r2 {int(START)} task@{HOST} 1 0"
        assert (1001, 2, 1) in world.runs
        assert len(world.runs) == 4


class TestOrders:
    """Given to what runs."""

    def test_reschedule_ends_the_run_and_starts_another(self, world: World) -> None:
        world.submit(1000, restart="y", mail_options="a")
        world.settle()
        world.order(1000, "reschedule")
        world.settle()
        assert world.runs == [(1000, 1, 1), (1000, 1, 2)]
        assert world.status(1000)["running"] == [row(attempt=2, restarted=1)]
        assert [(one.failed, one.exit_status) for one in world.records()] == [(25, 137)]
        assert world.mails() == ["Pushed rescheduling of job 1000"]

    def test_a_run_that_ended_before_the_order_is_not_repeated(self, world: World) -> None:
        world.submit(1000, restart="y")
        world.settle()
        [pod] = world.pods().values()
        world.end(pod)
        world.now += 10
        world.order(1000, "reschedule")
        world.settle()
        assert world.status(1000)["phase"] == "Finished"
        assert world.runs == [(1000, 1, 1)]

    def test_suspend_and_unsuspend(self, world: World) -> None:
        world.submit(1000, tasks=(1, 2, 1), mail_options="s")
        world.settle()
        world.order(1000, "suspend", "1")
        world.settle()
        assert [one["state"] for one in world.status(1000)["running"]] == ["s", "r"]
        notes = {name: pod["metadata"]["annotations"] for name, pod in world.pods().items()}
        assert notes["job1000-1000-t1-a1"]["gridcompat.io/suspended"] == "true"
        world.order(1000, "unsuspend", "1")
        world.settle()
        assert [one["state"] for one in world.status(1000)["running"]] == ["r", "r"]
        assert world.mails() == [
            "Job-array task 1000.1 (job1000) Continued",
            "Job-array task 1000.1 (job1000) Suspended",
        ]
        assert world.status(1000)["ordersDone"] == 2

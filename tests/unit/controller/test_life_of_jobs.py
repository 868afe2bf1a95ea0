"""What becomes of jobs, through the whole reconciler, with a kubelet that does as told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from controller_world import HOST, START, World

from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, POD
from gridcompat.errors import Conflict
from gridcompat.settings import Queue
from gridcompat.translate.pod import is_void

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(str(tmp_path / "state"))
    yield made
    made.close()


def row(task: int = 1, **changes: Any) -> dict[str, Any]:
    """A row of status.running, as it is when nothing special happened."""
    number = changes.pop("number", 1000)
    array = changes.pop("array", False)
    attempt = changes.get("attempt", 1)
    pod = f"job{number}-{number}" + (f"-t{task}" if array else "") + f"-a{attempt}"
    return {
        "task": task,
        "attempt": 1,
        "restarted": 0,
        "state": "r",
        "pod": pod,
        "host": HOST,
        "queue": "task",
        "startedAt": int(START),
        "slots": 1,
        **changes,
    }


def status(**changes: Any) -> dict[str, Any]:
    """A whole status, as it is for an admitted job of which nothing is left."""
    return {
        "observedGeneration": 1,
        "owner": "alice",
        "group": "users",
        "uid": 2001,
        "gid": 2001,
        "phase": "Pending",
        "pending": "",
        "again": [],
        "errors": [],
        "running": [],
        "blocked": False,
        "reasons": [],
        "ordersDone": 0,
        "finished": 0,
        "failed": 0,
        "state": "qw",
        "rows": "",
        **changes,
    }


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


class TestEnds:
    """What an exit status means."""

    def test_99_runs_again_at_once_even_with_r_n(self, world: World) -> None:
        world.ends[1000, 1] = [99]
        world.submit(1000, restart="n", mail_options="a")
        world.settle()
        assert world.runs == [(1000, 1, 1), (1000, 1, 2)]
        assert world.status(1000)["running"] == [row(attempt=2, restarted=1)]
        assert [(one.exit_status, one.failed) for one in world.records()] == [(99, 25)]
        assert world.mails() == ["Job 1000 (job1000) Rescheduled"]
        assert world.status(1000)["state"] == "Rr"

    def test_99_more_often_than_the_site_allows_is_an_error(self, tmp_path: Path) -> None:
        world = World(str(tmp_path / "capped"), max_requeues=1)
        world.ends[1000, 1] = [99, 99]
        world.submit(1000)
        world.settle()
        assert world.status(1000)["errors"] == [
            {
                "tasks": "1",
                "attempt": 2,
                "restarted": 1,
                "at": int(START),
                "reason": "the job asked to be put back more than 1 times",
            }
        ]
        world.close()

    def test_100_is_an_error_that_can_be_cleared(self, world: World) -> None:
        world.ends[1000, 1] = [100]
        world.submit(1000, mail_options="a")
        world.settle()
        assert world.status(1000) == status(
            phase="Active",
            state="Eqw",
            rows="E1",
            reasons=["Job is in error state"],
            errors=[
                {
                    "tasks": "1",
                    "attempt": 1,
                    "restarted": 0,
                    "at": int(START),
                    "reason": "exit_status of job start = 100",
                }
            ],
        )
        assert [(one.exit_status, one.failed) for one in world.records()] == [(100, 30)]
        world.order(1000, "clear")
        world.settle()
        assert world.runs == [(1000, 1, 1), (1000, 1, 2)]
        assert world.status(1000)["running"] == [row(attempt=2)]
        assert world.status(1000)["ordersDone"] == 1

    @pytest.mark.parametrize("failed", [26, 27, 28])
    def test_what_cannot_be_started_is_an_error(self, world: World, failed: int) -> None:
        world.submit(1000, mail_options="a")
        world.settle()
        [pod] = world.pods().values()
        world.end(pod, ran=False, failed=failed, reason="error: can't open it")
        world.settle()
        assert world.status(1000)["errors"] == [
            {"tasks": "1", "attempt": 1, "restarted": 0, "at": int(START), "reason": "error: can't open it"}
        ]
        assert [(one.failed, one.start_time) for one in world.records()] == [(failed, 0)]
        assert world.mails() == ["Job 1000 (job1000) Set in error state"]
        assert world.pods() == {}

    def test_an_image_that_is_not_to_be_had_is_an_error_in_the_end(self, world: World) -> None:
        world.submit(1000, mail_options="a")
        world.work()
        [pod] = world.pods().values()
        world.bind(pod)
        waiting = {"reason": "ErrImagePull", "message": "no such image"}
        world.report(
            pod, {"phase": "Pending", "containerStatuses": [{"name": "job", "state": {"waiting": waiting}}]}
        )
        world.work()
        world.now += 119
        world.work()
        assert world.status(1000)["state"] == "t"
        world.now += 2
        world.work()
        world.settle()
        assert world.status(1000)["errors"] == [
            {
                "tasks": "1",
                "attempt": 1,
                "restarted": 0,
                "at": int(START) + 121,
                "reason": "ErrImagePull: no such image",
            }
        ]
        assert [one.failed for one in world.records()] == [1]
        assert list(world.pods()) == ["job1000-1000-a1"]
        world.order(1000, "clear")
        world.settle()
        assert world.runs == [(1000, 1, 2)]

    def test_one_task_in_error_leaves_the_others_alone(self, world: World) -> None:
        world.ends |= {(1000, 1): [0], (1000, 2): [100], (1000, 3): [0]}
        world.submit(1000, tasks=(1, 3, 1))
        world.settle()
        found = world.status(1000)
        assert (found["phase"], found["rows"], found["finished"]) == ("Active", "E2", 2)

    def test_a_broken_request_is_an_error_and_stops_nobody_else(self, world: World) -> None:
        world.submit(1000, spec={"request": '{"schema": 99}'})
        world.submit(1001)
        world.settle()
        [error] = world.status(1000)["errors"]
        assert error["tasks"] == "1"
        assert "newer gridcompat" in error["reason"]
        assert world.runs == [(1001, 1, 1)]

    @pytest.mark.parametrize(
        ("spec", "reason"),
        [
            ({"tasks": "5-1"}, "Job is in error state"),
            ({"holds": {"user": "3-1"}}, "Job is in hold state"),
            ({"holds": {"user": "--"}}, "Job is in hold state"),
        ],
    )
    def test_lists_of_tasks_that_are_none_start_nothing(
        self, world: World, spec: dict[str, Any], reason: str
    ) -> None:
        world.submit(1000, spec=spec)
        world.submit(1001)
        world.settle()
        assert world.runs == [(1001, 1, 1)]
        assert world.log == []
        assert world.status(1000)["reasons"] == [reason]

    @pytest.mark.parametrize(
        "spec", [{"deleted": "3-1"}, {"orders": [{"seq": 1, "kind": "clear", "tasks": "-"}]}]
    )
    def test_orders_that_cannot_be_read_do_nothing(self, world: World, spec: dict[str, Any]) -> None:
        world.submit(1000, spec=spec)
        world.settle()
        assert world.runs == [(1000, 1, 1)]
        assert world.log == []

    @pytest.mark.parametrize(
        ("request_fields", "again"),
        [
            ({"restart": "y"}, True),
            ({"continuous": True, "restart": "n"}, True),
            ({"restart": "n"}, False),
            ({}, False),
        ],
        ids=["-r y", "continuous", "-r n", "neither"],
    )
    def test_a_launcher_that_vanished_is_replaced_where_a_rerun_is_allowed(
        self, world: World, request_fields: dict[str, Any], again: bool
    ) -> None:
        world.submit(1000, **request_fields)
        world.settle()
        [pod] = world.pods().values()
        world.vanish(pod)
        world.settle()
        assert world.runs == ([(1000, 1, 1), (1000, 1, 2)] if again else [(1000, 1, 1)])
        assert [one.failed for one in world.records()] == [25 if again else 100]
        assert world.status(1000)["phase"] == ("Active" if again else "Finished")

    @pytest.mark.parametrize(
        ("fields", "end", "runs", "failed"),
        [
            ({"restart": "y"}, {"signal": 9, "told": 1}, 2, 25),
            ({"restart": "y", "notify": True}, {"exit_status": 4, "told": 1}, 2, 25),
            ({"continuous": True}, {"signal": 9, "told": 1}, 2, 25),
            ({"restart": "n"}, {"signal": 9, "told": 1}, 1, 100),
            ({}, {"signal": 9, "told": 1}, 1, 100),
            ({"restart": "n"}, {"exit_status": 99, "told": 1}, 2, 25),
            ({"restart": "y"}, {"exit_status": 100, "told": 1}, 1, 30),
            ({"restart": "y"}, {"exit_status": 3}, 1, 0),
            ({"restart": "y"}, {"signal": 9, "failed": 37}, 1, 37),
        ],
        ids=[
            "-r y",
            "-r y, ended when warned",
            "continuous",
            "-r n",
            "neither",
            "-r n, asks for another run",
            "-r y, says application error",
            "-r y, ended by itself at that moment",
            "-r y, used up its time at that moment",
        ],
    )
    def test_a_pod_that_somebody_deletes_is_replaced_where_a_rerun_is_allowed(
        self, world: World, fields: dict[str, Any], end: dict[str, Any], runs: int, failed: int
    ) -> None:
        world.submit(1000, **fields)
        world.settle()
        [name] = world.pods()
        world.cluster.delete(POD, name, namespace="default")
        world.work()
        assert world.records() == [], "nobody knows yet how it ends"
        assert len(world.runs) == 1, "the next run waits for the end of this one"
        world.end(world.pods()[name], **end)
        world.settle()
        assert world.runs == [(1000, 1, number + 1) for number in range(runs)]
        assert [one.failed for one in world.records()] == [failed]
        if runs == 2:
            assert world.status(1000)["running"] == [row(attempt=2, restarted=1)]
            assert list(world.pods()) == ["job1000-1000-a2"]

    def test_a_pod_that_somebody_deletes_before_it_runs_is_replaced_whatever_r_says(
        self, world: World
    ) -> None:
        world.submit(1000, restart="n")
        world.work()
        world.cluster.delete(POD, "job1000-1000-a1", namespace="default")
        world.settle()
        assert world.runs == []
        world.later(2.0)
        assert world.runs == [(1000, 1, 2)]
        assert world.status(1000)["running"] == [row(attempt=2, startedAt=int(START) + 2)]

    @pytest.mark.parametrize(
        ("seen", "restart", "runs", "failed"),
        [(False, "n", 1, []), (True, "n", 1, [100]), (True, "y", 2, [25])],
        ids=["never seen to run", "seen to run, -r n", "seen to run, -r y"],
    )
    def test_a_node_that_knows_no_container_of_a_deleted_pod(
        self, world: World, seen: bool, restart: str, runs: int, failed: list[int]
    ) -> None:
        world.submit(1000, restart=restart)
        if seen:
            world.settle()
        else:
            world.work()
            [pod] = world.pods().values()
            world.bind(pod)
        [(name, pod)] = world.pods().items()
        world.cluster.delete(POD, name, namespace="default")
        unknown = {"exitCode": 137, "reason": "ContainerStatusUnknown", "message": "not located"}
        world.report(
            pod, {"phase": "Failed", "containerStatuses": [{"name": "job", "state": {"terminated": unknown}}]}
        )
        world.settle()
        world.later(2.0)
        assert len(world.runs) == runs
        assert [one.failed for one in world.records()] == failed
        assert world.status(1000)["errors"] == []

    def test_a_rerunnable_queue_reruns_unless_r_n(self, tmp_path: Path) -> None:
        world = World(str(tmp_path / "rerun"), queues=(Queue(name="task", rerun=True),))
        world.submit(1000)
        world.submit(1001, restart="n")
        world.settle()
        for pod in world.pods().values():
            world.vanish(pod)
        world.settle()
        assert sorted(world.runs) == [(1000, 1, 1), (1000, 1, 2), (1001, 1, 1)]
        world.close()


class TestDeletion:
    """qdel, of whatever state."""

    def test_what_waits_leaves_no_record_and_no_mail(self, world: World) -> None:
        world.submit(1000, user_hold=True, mail_options="abe")
        world.settle()
        world.order(1000, "delete")
        world.settle()
        assert world.status(1000) == status(
            observedGeneration=2, phase="Finished", state="z", ordersDone=1, finishedAt=int(START)
        )
        assert (world.records(), world.mails(), world.runs) == ([], [], [])

    def test_what_runs_is_killed_recorded_and_mailed_twice(self, world: World) -> None:
        world.submit(1000, mail_options="a")
        world.settle()
        world.order(1000, "delete")
        world.settle()
        assert [(one.failed, one.exit_status) for one in world.records()] == [(100, 137)]
        assert world.mails() == ["Job 1000 (job1000) Aborted", "Job 1000 (job1000) Killed"]
        assert world.status(1000)["phase"] == "Finished"
        assert world.pods() == {}

    def test_tasks_that_wait_are_struck_and_others_run_on(self, world: World) -> None:
        world.submit(1000, tasks=(1, 6, 1), max_running_tasks=1)
        world.settle()
        world.order(1000, "delete", "3")
        world.settle()
        assert world.status(1000)["pending"] == "2,4-6:1"
        assert world.status(1000)["running"] == [row(array=True)]

    def test_an_intended_attempt_is_withdrawn_by_a_void_pod(self, world: World) -> None:
        world.submit(1000)
        world.work()
        for pod in world.pods().values():
            # As if its creation were still under way.
            world.cluster.patch(
                POD, pod["metadata"]["name"], {"metadata": {"finalizers": None}}, namespace="default"
            )
            world.cluster.delete(POD, pod["metadata"]["name"], namespace="default")
        world.order(1000, "delete")
        world.settle()
        [void] = world.pods().values()
        assert is_void(void)
        with pytest.raises(Conflict):
            world.cluster.create({**void, "metadata": {"name": "job1000-1000-a1", "namespace": "default"}})
        assert world.status(1000)["phase"] == "Finished"
        assert (world.records(), world.mails(), world.runs) == ([], [], [])

    def test_a_pod_that_was_not_started_keeps_its_name(self, world: World) -> None:
        world.submit(1000)
        world.work()
        world.order(1000, "delete")
        world.settle()
        assert world.status(1000)["phase"] == "Finished"
        assert list(world.pods()) == ["job1000-1000-a1"]
        assert world.runs == []

    def test_of_an_administrator_means_the_same(self, world: World) -> None:
        world.submit(1000, tasks=(1, 3, 1), max_running_tasks=1)
        world.settle()
        world.cluster.delete(GRID_JOB, "1000", namespace="default")
        world.settle()
        assert not world.exists(1000)
        assert [(one.task_number, one.exit_status) for one in world.records()] == [(1, 137)]
        assert world.pods() == {}

    def test_of_a_job_that_nobody_has_looked_at(self, world: World) -> None:
        world.submit(1000)
        world.cluster.delete(GRID_JOB, "1000", namespace="default")
        world.settle()
        assert not world.exists(1000)
        assert world.runs == []


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


class TestLostNodes:
    """A node that does not answer."""

    def test_a_job_that_may_not_be_rerun_waits_for_it(self, world: World) -> None:
        world.submit(1000)
        world.settle()
        world.node(ready=False)
        world.later(100_000.0)
        assert world.status(1000)["running"] == [row()]

    def test_a_job_that_may_is_given_up_after_a_minute(self, world: World) -> None:
        world.submit(1000, restart="y")
        world.settle()
        world.node(ready=False)
        world.settle()
        world.later(59.0)
        assert world.status(1000)["running"] == [row()]
        world.now += 2
        world.work()
        assert world.status(1000)["again"] == [{"tasks": "1", "attempt": 1, "restarted": 1}]
        assert [(one.failed, one.hostname) for one in world.records()] == [(25, HOST)]
        assert world.pods() == {}

    def test_a_forced_deletion_does_not_wait_for_it(self, world: World) -> None:
        world.submit(1000)
        world.settle()
        world.node(ready=False)
        world.work()
        world.order(1000, "delete", force=True)
        world.work()
        assert world.status(1000)["phase"] == "Finished"
        assert [one.failed for one in world.records()] == [100]
        assert world.pods() == {}

    def test_another_deletion_does(self, world: World) -> None:
        world.submit(1000)
        world.settle()
        world.node(ready=False)
        world.work()
        world.order(1000, "delete")
        world.work()
        assert world.status(1000)["state"] == "dr"


class TestDispatch:
    """What starts, and in which order."""

    def test_tc_limits_the_tasks_that_run(self, world: World) -> None:
        world.submit(1000, tasks=(1, 10, 1), max_running_tasks=3)
        world.settle()
        assert [run[1] for run in world.runs] == [1, 2, 3]
        world.ends[1000, 2] = [0]
        world.settle()
        assert [run[1] for run in world.runs] == [1, 2, 3, 4]

    def test_the_sites_cap_on_an_array(self, tmp_path: Path) -> None:
        world = World(str(tmp_path / "cap"), max_array_instances=2)
        world.submit(1000, tasks=(1, 10, 1))
        world.settle()
        assert len(world.runs) == 2
        world.close()

    def test_slots_of_the_queue_by_priority_then_number(self, tmp_path: Path) -> None:
        world = World(str(tmp_path / "slots"), queues=(Queue(name="task", slots=2),))
        world.submit(1000)
        world.submit(1001)
        world.settle()
        for number, priority in ((1002, -10), (1003, 0), (1004, 0), (1005, -5)):
            world.submit(number, priority=priority)
        world.settle()
        assert [run[0] for run in world.runs] == [1000, 1001]
        for number in (1000, 1001, 1003, 1004, 1005, 1002):
            world.ends[number, 1] = [0]
            world.settle()
        assert [run[0] for run in world.runs] == [1000, 1001, 1003, 1004, 1005, 1002]
        world.close()

    def test_a_parallel_job_takes_as_many_slots(self, tmp_path: Path) -> None:
        world = World(str(tmp_path / "pe"), queues=(Queue(name="task", slots=4),))
        world.submit(1000, spec={"slots": 3}, parallel_environment="smp")
        world.submit(1001, spec={"slots": 2}, parallel_environment="smp")
        world.submit(1002)
        world.settle()
        assert [run[0] for run in world.runs] == [1000, 1002]
        world.close()

    def test_h_vmem_is_counted_on_the_host(self, world: World) -> None:
        world.submit(1000, hard_resources=(("h_vmem", "399G"),))
        world.submit(1001, hard_resources=(("h_vmem", "2G"),))
        world.submit(1002)
        world.settle()
        assert [run[0] for run in world.runs] == [1000, 1002]
        world.ends[1000, 1] = [0]
        world.settle()
        assert [run[0] for run in world.runs] == [1000, 1002, 1001]

    def test_at_most_fifty_pods_of_an_account_without_a_node(self, world: World) -> None:
        world.submit(1000, tasks=(1, 75000, 1))
        world.work()
        assert len(world.pods()) == 50
        assert world.status(1000)["pending"] == "51-75000:1"
        world.kubelet()
        world.work()
        assert len(world.pods()) == 100

    def test_a_job_of_another_queue_is_not_held_up(self, tmp_path: Path) -> None:
        world = World(str(tmp_path / "two"), queues=(Queue(name="task", slots=1), Queue(name="continuous")))
        world.submit(1000)
        world.submit(1001)
        world.submit(1002, hard_queues=("cont*",))
        world.settle()
        assert [run[0] for run in world.runs] == [1000, 1002]
        assert world.status(1002)["running"][0]["queue"] == "continuous"
        world.close()


class TestVoid:
    """GridJobs that never run."""

    def test_a_void_one_only_takes_its_id(self, world: World) -> None:
        world.submit(1000, spec={"void": True})
        world.settle()
        assert world.status(1000)["phase"] == "Void"
        assert world.runs == []

    def test_one_that_is_not_ready_for_ten_minutes(self, world: World) -> None:
        world.submit(1000, ready=False)
        world.settle()
        world.later(599.0)
        assert "phase" not in world.status(1000)
        world.later(2.0)
        assert world.status(1000)["phase"] == "Void"
        world.spec(1000, {"ready": True})
        world.settle()
        assert world.runs == []

    def test_one_that_gets_ready_runs(self, world: World) -> None:
        world.submit(1000, ready=False)
        world.settle()
        world.spec(1000, {"ready": True})
        world.settle()
        assert world.runs == [(1000, 1, 1)]


class TestAccounts:
    """Once entries and ids."""

    def account(self, world: World) -> dict[str, Any]:
        return world.cluster.get(GRID_ACCOUNT, "account", namespace="default")

    def once(self, world: World, number: int) -> None:
        entry = {"name": f"job{number}", "id": number, "nonce": f"n{number}"}
        world.cluster.patch(
            GRID_ACCOUNT,
            "account",
            {"status": {"nextId": number + 1, "once": [entry]}},
            namespace="default",
            subresource="status",
        )

    def test_an_entry_goes_when_its_job_was_seen(self, world: World) -> None:
        self.once(world, 1000)
        world.submit(1000, once=True)
        world.settle()
        world.later(1.0)
        assert self.account(world)["status"]["once"] == []

    def test_an_entry_whose_job_never_comes_is_voided(self, world: World) -> None:
        world.settle()
        self.once(world, 1000)
        world.settle()
        world.later(1.0)
        world.later(590.0)
        assert not world.exists(1000)
        world.later(20.0)
        assert world.status(1000)["phase"] == "Void"
        world.later(1.0)
        assert self.account(world)["status"]["once"] == []

    def test_a_used_up_block_is_followed_by_another(self, tmp_path: Path) -> None:
        world = World(str(tmp_path / "ids"), id_block=10)
        world.settle()
        world.later(1.0)
        assert self.account(world)["spec"]["blocks"] == [{"first": 1000, "last": 1009}]
        for number in range(1000, 1006):
            world.submit(number, user_hold=True)
            changes = {"status": {"nextId": number + 1}}
            world.cluster.patch(GRID_ACCOUNT, "account", changes, namespace="default", subresource="status")
        world.settle()
        world.later(1.0)
        assert self.account(world)["spec"]["blocks"] == [{"first": 1000, "last": 1019}]
        world.close()


class TestRetention:
    """How long what is over stays."""

    def test_an_hour_and_then_the_last_ones(self, tmp_path: Path) -> None:
        world = World(str(tmp_path / "keep"), finished_jobs=2)
        for number in range(1000, 1004):
            world.ends[number, 1] = [0]
            world.submit(number)
            world.settle()
            world.now += 1
        world.later(3590.0)
        assert all(world.exists(number) for number in range(1000, 1004))
        world.later(20.0)
        world.later(1.0)
        assert [number for number in range(1000, 1004) if world.exists(number)] == [1002, 1003]
        world.close()

    def test_taken_names_go_with_the_job(self, tmp_path: Path) -> None:
        world = World(str(tmp_path / "names"), finished_jobs=0)
        world.submit(1000)
        world.work()
        world.order(1000, "delete")
        world.settle()
        assert len(world.pods()) == 1
        world.later(4000.0)
        world.later(1.0)
        assert not world.exists(1000)
        assert world.pods() == {}
        world.close()


class TestOrphans:
    """Pods whose GridJob is gone, because somebody took our finalizer off."""

    def orphan(self, world: World) -> None:
        world.submit(1000, hard_queues=("task",))
        world.settle()
        world.cluster.patch(GRID_JOB, "1000", {"metadata": {"finalizers": None}}, namespace="default")
        world.cluster.delete(GRID_JOB, "1000", namespace="default")

    def test_are_ended_and_recorded_from_their_annotations(self, world: World) -> None:
        self.orphan(world)
        world.settle()
        assert world.pods() == {}
        assert [(one.job_number, one.owner, one.exit_status, one.job_name) for one in world.records()] == [
            (1000, "alice", 137, "job1000")
        ]

    def test_also_by_a_controller_that_never_saw_the_job(self, world: World) -> None:
        self.orphan(world)
        world.new_controller()
        world.settle()
        assert world.pods() == {}
        assert len(world.records()) == 1


def test_somebody_elses_pod_of_that_name_does_not_stop_the_job(world: World) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "job1000-1000-a1", "namespace": "default"},
        "spec": {"containers": [{"name": "x", "image": "x"}], "schedulingGates": [{"name": "x"}]},
    }
    world.cluster.create(foreign)
    world.submit(1000)
    world.settle_without("job1000-1000-a1")
    assert world.status(1000)["again"] == [{"tasks": "1", "attempt": 1, "restarted": 0}]
    world.now += 2
    world.settle_without("job1000-1000-a1")
    assert world.runs == [(1000, 1, 2)]

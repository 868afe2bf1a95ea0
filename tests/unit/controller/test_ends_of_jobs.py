"""How runs end, and what is done then, through the whole reconciler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.controller_world import START, World
from gridcompat.cluster.base import GRID_JOB, POD
from gridcompat.errors import Conflict
from gridcompat.settings import Queue
from gridcompat.translate.pod import is_void

if TYPE_CHECKING:
    from pathlib import Path
from controller.life_rows import row, status


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

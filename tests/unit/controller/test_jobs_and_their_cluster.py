"""Lost nodes, what may start where, accounts, and what is left over, through the whole reconciler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from controller.controller_world import HOST, World
from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, NODE
from gridcompat.errors import Forbidden, Invalid, ServerFault, Unavailable
from gridcompat.settings import Queue

if TYPE_CHECKING:
    from pathlib import Path

    from gridcompat.errors import ClusterError
from controller.life_rows import row


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

    @pytest.mark.parametrize("begun", [True, False], ids=["it had begun", "it had not"])
    @pytest.mark.parametrize("restart", ["y", "n"])
    def test_what_may_have_begun_unseen_does_not_run_twice(
        self, world: World, begun: bool, restart: str
    ) -> None:
        world.submit(1000, restart=restart)
        world.work()
        (pod,) = world.pods().values()
        world.bind(pod)
        if begun:  # and its host is lost before it could say so
            claim = next(one for one in pod["spec"]["containers"][0]["env"] if one["name"] == "GC_CLAIM")
            world.claims[claim["value"]] = pod["metadata"]["uid"]
        world.ignored.add(pod["metadata"]["name"])
        world.cluster.delete(NODE, HOST, namespace=None)
        world.work()
        world.report(pod, {"phase": "Failed"})  # as the garbage collector of pods does
        world.work()
        assert world.status(1000)["again"] == [
            {"tasks": "1", "attempt": 1, "restarted": 0, "unseen": [f"1@{HOST}"]}
        ]
        world.ends[1000, 1] = [0]
        world.cluster.create(
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": "host2"},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            }
        )
        world.host = "host2"
        world.later(400.0)
        told = [(one.failed, one.hostname) for one in world.records()]
        if begun and restart == "n":
            assert (told, world.runs) == ([(100, HOST)], [])
        elif begun:
            assert (told, world.runs) == ([(25, HOST), (0, "host2")], [(1000, 1, 3)])
        else:
            assert (told, world.runs) == ([(0, "host2")], [(1000, 1, 2)])
            # Should the host come back after all, the launcher finds its attempt taken.
            world.ignored.clear()
            world.start(pod)
            world.settle()
            assert (len(world.records()), len(world.runs)) == (1, 1)
        assert world.status(1000)["phase"] == "Finished"

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

    def test_jobs_that_come_without_end_do_not_keep_others_from_starting(self, world: World) -> None:
        world.submit(1000, hard_resources=(("hostname", "nowhere"),))
        world.work()  # somebody waits, so nobody starts at once
        world.submit(1001)
        for number in range(2000, 2400):
            world.submit(number, hard_resources=(("hostname", f"nowhere{number}"),))
        for _ in range(250):
            world._tell()
            world.reconciler.step()
        assert [row["task"] for row in world.status(1001).get("running") or ()] == [1]
        assert "phase" not in world.status(2399), "it has not been looked at yet"

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


class TestRefusedPods:
    """The cluster does not take a pod."""

    @pytest.mark.parametrize(
        ("error", "reasons"),
        [
            (Forbidden("exceeded quota: pods"), ["exceeded quota: pods"]),
            (Invalid("spec.containers: too many"), ["spec.containers: too many"]),
            (ServerFault('failed calling webhook "x"'), ['failed calling webhook "x"']),
            (Unavailable("no answer in time"), []),
        ],
    )
    def test_the_job_says_why_and_runs_once_it_may(
        self, world: World, monkeypatch: pytest.MonkeyPatch, error: ClusterError, reasons: list[str]
    ) -> None:
        known = world.cluster.create

        def create(obj: Any) -> Any:
            if obj["kind"] == "Pod":
                raise error
            return known(obj)

        with monkeypatch.context() as patched:
            patched.setattr(world.cluster, "create", create)
            world.submit(1000)
            world.settle()
            world.later(2.0)
        assert world.status(1000)["reasons"] == reasons
        world.later(70.0)
        world.settle()
        assert [run[0] for run in world.runs] == [1000]
        assert world.status(1000)["reasons"] == []


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

"""Orders to jobs in every state, and what the next look at the job sees."""

from __future__ import annotations

from typing import Any

import pytest

from gridcompat.cluster.base import GRID_JOB
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.errors import Conflict, GridError, Unavailable, Unreachable
from gridcompat.service import orders, resubmit, select
from gridcompat.service.means import Means
from gridcompat.service.orders import Changed, Deleted
from gridcompat.service.submit import submit
from gridcompat.translate import ranges, rows
from gridcompat.translate.ranges import parse
from service.service_world import CALLER, NAMESPACE, SETTINGS, FakeTime, job, running, set_status, submission


def send(cluster: EmbeddedCluster, means: Means, **fields: Any) -> int:
    return submit(cluster, SETTINGS, submission(**fields), namespace=NAMESPACE, means=means).id


def states(cluster: EmbeddedCluster, number: int) -> list[tuple[str, str]]:
    return [(row.state, row.tasks) for row in rows.rows(job(cluster, number))]


ACTIVE: dict[str, Any] = {
    "phase": "Active",
    "pending": "4-6:1",
    "again": [{"tasks": "3", "attempt": 1, "restarted": 1}],
    "errors": [{"tasks": "7", "attempt": 1, "reason": "x"}],
    "running": [running(1), running(2, "s")],
}
"""An array of 9: 1 runs, 2 is stopped, 3 waits again, 4 to 6 never ran, 7 is in error, 8 and 9 are over."""


@pytest.fixture
def array(cluster: EmbeddedCluster, means: Means) -> int:
    number = send(cluster, means, tasks=(1, 9, 1))
    set_status(cluster, number, **ACTIVE)
    return number


@pytest.mark.parametrize(
    ("tasks", "expected", "left"),
    [
        (
            None,
            Deleted(array=True, killed=(1, 2), removed=parse("3-7"), rest=True),
            [("dr", "1"), ("ds", "2")],
        ),
        (
            "4,5",
            Deleted(array=True, removed=parse("4-5")),
            [("r", "1"), ("s", "2"), ("qw", "6"), ("Rq", "3"), ("Eqw", "7")],
        ),
        (
            "1,7-9",
            Deleted(array=True, killed=(1,), removed=parse("7"), missing=parse("8-9")),
            [("dr", "1"), ("s", "2"), ("qw", "4-6:1"), ("Rq", "3")],
        ),
        ("8", Deleted(array=True, missing=parse("8")), None),
    ],
    ids=["whole", "pending", "mixed", "over"],
)
def test_deletion_kills_what_runs_and_strikes_what_waits(
    cluster: EmbeddedCluster, means: Means, array: int, tasks: str | None, expected: Deleted, left: Any
) -> None:
    asked = None if tasks is None else parse(tasks)
    before = states(cluster, array)
    assert orders.delete(cluster, array, caller=CALLER, means=means, tasks=asked) == expected
    assert states(cluster, array) == (before if left is None else left)
    given = job(cluster, array)["spec"].get("orders", [])
    assert [(o["kind"], o["by"], o["host"], o["at"]) for o in given] == (
        [("delete", "tools.dem", "bastion", 1_700_000_000)] if expected.killed else []
    )


def test_a_second_deletion_finds_the_first(cluster: EmbeddedCluster, means: Means, array: int) -> None:
    orders.delete(cluster, array, caller=CALLER, means=means)
    again = orders.delete(cluster, array, caller=CALLER, means=means)
    assert again == Deleted(array=True, already=(1, 2), rest=True)
    assert len(job(cluster, array)["spec"]["orders"]) == 1
    orders.delete(cluster, array, caller=CALLER, means=means, force=True)
    assert job(cluster, array)["spec"]["orders"][-1]["force"] is True


def test_a_pending_job_is_gone_at_once(cluster: EmbeddedCluster, means: Means) -> None:
    number = send(cluster, means)
    assert orders.delete(cluster, number, caller=CALLER, means=means) == Deleted(
        array=False, removed=((1, 1, 1),), rest=True
    )
    assert states(cluster, number) == []
    assert orders.delete(cluster, number, caller=CALLER, means=means) is None
    assert orders.delete(cluster, 77, caller=CALLER, means=means) is None


def test_a_finished_job_cannot_be_deleted(cluster: EmbeddedCluster, means: Means) -> None:
    number = send(cluster, means)
    set_status(cluster, number, phase="Finished", exitStatus=0)
    assert orders.delete(cluster, number, caller=CALLER, means=means) is None


class Meanwhile:
    """A cluster in which something happens between the read and the patch of an order."""

    def __init__(self, cluster: EmbeddedCluster, happens: Any, times: int = 1) -> None:
        self._cluster, self._happens, self._times = cluster, happens, times

    def patch(self, *args: Any, **more: Any) -> Any:
        if self._times:
            self._times -= 1
            self._happens()
        return self._cluster.patch(*args, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


def test_an_order_is_planned_again_when_the_job_started_meanwhile(
    cluster: EmbeddedCluster, means: Means
) -> None:
    number = send(cluster, means)
    starts = Meanwhile(cluster, lambda: set_status(cluster, number, phase="Active", running=[running()]))
    done = orders.delete(starts, number, caller=CALLER, means=means)
    assert done == Deleted(array=False, killed=(1,), rest=True)


def test_a_job_that_never_keeps_still_is_given_up(cluster: EmbeddedCluster, fake_time: FakeTime) -> None:
    number = send(cluster, fake_time.means())
    count = iter(range(10_000))
    restless = Meanwhile(
        cluster,
        lambda: set_status(cluster, number, phase="Pending", pending="1", finished=next(count)),
        10_000,
    )
    with pytest.raises(Unavailable, match=f"job {number} could not be changed"):
        orders.delete(restless, number, caller=CALLER, means=fake_time.means())
    assert 30 <= fake_time.now < 33


def test_where_nobody_is_to_be_found_nothing_is_tried_again(
    cluster: EmbeddedCluster, fake_time: FakeTime
) -> None:
    number = send(cluster, fake_time.means())

    def gone() -> None:
        raise Unreachable("https://gone: Connection refused")

    with pytest.raises(Unreachable, match="https://gone"):
        orders.delete(Meanwhile(cluster, gone), number, caller=CALLER, means=fake_time.means())
    assert fake_time.now < 1


def test_orders_that_were_carried_out_make_room(cluster: EmbeddedCluster, fake_time: FakeTime) -> None:
    number = send(cluster, fake_time.means())
    set_status(cluster, number, phase="Active", running=[running()])
    for turn in range(100):
        kind = "unsuspend" if turn % 2 else "suspend"
        assert orders.act(cluster, number, kind, caller=CALLER, means=fake_time.means())
    assert len(job(cluster, number)["spec"]["orders"]) == 100
    pokes = []

    def poke() -> None:
        pokes.append(1)
        if len(pokes) == 2:
            set_status(cluster, number, phase="Active", running=[running()], ordersDone=99)

    assert orders.act(cluster, number, "suspend", caller=CALLER, means=fake_time.means(poke=poke))
    assert [o["seq"] for o in job(cluster, number)["spec"]["orders"]] == [100, 101]
    with pytest.raises(Unavailable):
        for turn in range(200):
            kind = "suspend" if turn % 2 else "unsuspend"
            orders.act(cluster, number, kind, caller=CALLER, means=fake_time.means())


def test_holds_are_set_and_removed_task_by_task(cluster: EmbeddedCluster, means: Means, array: int) -> None:
    def hold(tasks: str | None, **letters: str) -> Any:
        asked = None if tasks is None else parse(tasks)
        done = orders.hold(cluster, array, caller=CALLER, means=means, tasks=asked, **letters)
        assert done is not None
        return ranges.text(done.tasks), ranges.text(done.missing)

    assert hold("4-5", set_letters="u") == ("4,5", "")
    assert hold("5-6", set_letters="u") == ("6", "")
    assert hold("5-6", set_letters="u") == ("", "")
    assert hold("8,12", set_letters="u") == ("", "12")
    assert ("hqw", "4-6:1") in states(cluster, array)
    assert hold(None, set_letters="u")[0] == "1-3:1,7"
    assert ("hr", "1") in states(cluster, array) and ("Ehqw", "7") in states(cluster, array)
    assert hold("5", clear_letters="u") == ("5", "")
    assert hold(None, clear_letters="uos")[0] == "1-4:1,6,7"
    assert states(cluster, array) == [("r", "1"), ("s", "2"), ("qw", "4-6:1"), ("Rq", "3"), ("Eqw", "7")]


def test_a_job_submitted_with_a_hold_is_released(cluster: EmbeddedCluster, means: Means) -> None:
    number = send(cluster, means, user_hold=True)
    assert states(cluster, number) == [("hqw", "")]
    done = orders.hold(cluster, number, caller=CALLER, means=means, clear_letters="u")
    assert done is not None and (done.array, done.tasks) == (False, ((1, 1, 1),))
    assert states(cluster, number) == [("qw", "")]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("clear", {"tasks": "7", "already": "1-3:1", "pending": "4-6:1"}),
        ("suspend", {"tasks": "1", "already": "2", "pending": "4-6:1", "silent": "3,7"}),
        ("unsuspend", {"tasks": "2", "already": "1", "pending": "4-6:1", "silent": "3,7"}),
        ("reschedule", {"tasks": "2", "unfit": "1", "pending": "4-6:1", "silent": "3,7"}),
    ],
)
def test_an_order_concerns_the_tasks_that_it_can(
    cluster: EmbeddedCluster, means: Means, array: int, kind: str, expected: dict[str, str]
) -> None:
    status = ACTIVE | {"running": [running(1), running(2, "s", "continuous")]}
    set_status(cluster, array, **status)
    done = orders.act(
        cluster, array, kind, caller=CALLER, means=means, rerunnable=lambda _job, queue: queue == "continuous"
    )
    assert isinstance(done, Changed)
    found = {
        name: ranges.text(getattr(done, name)) for name in ("tasks", "already", "pending", "unfit", "silent")
    }
    assert {name: text for name, text in found.items() if text} == expected
    order = job(cluster, array)["spec"]["orders"][-1]
    assert (order["kind"], order["tasks"], order["seq"]) == (kind, expected["tasks"], 1)


def test_a_suspension_counts_before_it_is_carried_out(cluster: EmbeddedCluster, means: Means) -> None:
    number = send(cluster, means)
    set_status(cluster, number, phase="Active", running=[running()])
    outcomes = []
    for kind in ("suspend", "suspend", "unsuspend", "unsuspend"):
        done = orders.act(cluster, number, kind, caller=CALLER, means=means)
        assert done is not None
        outcomes.append(bool(done.tasks))
    assert outcomes == [True, False, True, False]


def test_an_order_that_concerns_nothing_writes_nothing(cluster: EmbeddedCluster, means: Means) -> None:
    number = send(cluster, means)
    version = job(cluster, number)["metadata"]["resourceVersion"]
    done = orders.act(cluster, number, "clear", caller=CALLER, means=means)
    assert done is not None and done.pending == ((1, 1, 1),)
    assert job(cluster, number)["metadata"]["resourceVersion"] == version
    assert orders.act(cluster, 4711, "clear", caller=CALLER, means=means) is None


def test_a_job_is_submitted_again_without_its_hold(cluster: EmbeddedCluster, means: Means) -> None:
    first = send(cluster, means, name="x", user_hold=True, environment=(("A", "1"),), arguments=("a", "b"))
    cluster.patch(GRID_JOB, str(first), {"spec": {"jobName": "renamed"}}, namespace=NAMESPACE)
    again = resubmit.resubmit(cluster, SETTINGS, first, namespace=NAMESPACE, means=means)
    assert again is not None and (again.id, again.name) == (first + 1, "renamed")
    assert states(cluster, again.id) == [("qw", "")]
    from gridcompat.cluster.base import SECRET

    old, new = (cluster.get(SECRET, f"gridjob-{n}", namespace=NAMESPACE)["data"] for n in (first, again.id))
    assert old == new
    assert resubmit.resubmit(cluster, SETTINGS, 99, namespace=NAMESPACE, means=means) is None
    orders.delete(cluster, first, caller=CALLER, means=means)
    assert resubmit.resubmit(cluster, SETTINGS, first, namespace=NAMESPACE, means=means) is None


def test_a_foreign_job_is_seen_as_such(cluster: EmbeddedCluster, means: Means) -> None:
    from gridcompat.cluster.base import NAMESPACE as NAMESPACE_KIND
    from gridcompat.translate import grid_job as objects

    cluster.create({"apiVersion": "v1", "kind": NAMESPACE_KIND.kind, "metadata": {"name": "other"}})
    body = objects.grid_job(submission().request, id=5, nonce="n", namespace="other", ready=True)
    cluster.create(body)
    own = send(cluster, means)
    assert select.is_foreign(cluster, 5, namespace=NAMESPACE)
    assert not select.is_foreign(cluster, own, namespace=NAMESPACE)
    assert not select.is_foreign(cluster, 6, namespace=NAMESPACE)
    status = {"owner": "tools.other", "phase": "Pending", "pending": "1"}
    cluster.patch(GRID_JOB, "5", {"status": status}, namespace="other", subresource="status")
    assert select.jobs_of(cluster, "tools.other", namespace=NAMESPACE) == [5]
    assert select.jobs_of(cluster, "nobody", namespace=NAMESPACE) == []


def test_errors_of_the_cluster_come_through(cluster: EmbeddedCluster, means: Means) -> None:
    class Broken(Meanwhile):
        def get(self, *_args: Any, **_more: Any) -> Any:
            raise GridError("broken")

    with pytest.raises(GridError, match="broken"):
        orders.delete(Broken(cluster, None, 0), 1, caller=CALLER, means=means)
    with pytest.raises(Conflict):
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})

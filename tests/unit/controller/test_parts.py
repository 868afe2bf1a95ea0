"""The parts of the controller that are plain computation, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gridcompat.cluster.base import GRID_JOB, POD, Listing
from gridcompat.controller.accounts import once_left, wants_block, with_block
from gridcompat.controller.cache import Cache
from gridcompat.controller.capacity import MOST_UNSCHEDULED, Capacity
from gridcompat.controller.dispatch import Waiting
from gridcompat.controller.entries import category, orphan_entry
from gridcompat.controller.executor import status_patch
from gridcompat.controller.retain import to_retire
from gridcompat.controller.shape import Shape, queues_on, shape_of
from gridcompat.controller.workqueue import Timers, WorkQueue
from gridcompat.model import JobRequest, Outcome
from gridcompat.settings import Queue, Settings

if TYPE_CHECKING:
    from gridcompat.cluster.base import K8sObject

SETTINGS = Settings(queues=(Queue(name="task", slots=4), Queue(name="continuous", slots=2)))


def node(name: str, *, ready: bool = True, **spec: Any) -> K8sObject:
    return {
        "metadata": {"name": name},
        "spec": spec,
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}]},
    }


def shape(**fields: Any) -> Shape:
    slots = fields.pop("slots", 1)
    return shape_of(JobRequest(**fields), SETTINGS, namespace="a", slots=slots)


def row(pod: str, *, slots: int = 1, queue: str = "task", host: str = "") -> dict[str, Any]:
    return {"pod": pod, "slots": slots, "queue": queue, "host": host}


class TestWorkQueue:
    def test_namespaces_take_turns(self) -> None:
        queue = WorkQueue()
        for number in range(3):
            queue.add(("a", str(number)))
        queue.add(("b", "0"))
        queue.add(("a", "0"))
        taken = [queue.take() for _ in range(5)]
        assert taken == [("a", "0"), ("b", "0"), ("a", "1"), ("a", "2"), None]

    def test_a_key_is_in_it_once(self) -> None:
        queue = WorkQueue()
        queue.add(("a", "1"))
        queue.add(("a", "1"))
        assert len(queue) == 1


class TestTimers:
    def test_the_earliest_time_of_a_key_counts(self) -> None:
        timers = Timers()
        timers.set(("a", "1"), 10.0)
        timers.set(("a", "1"), 5.0)
        timers.set(("a", "1"), 7.0)
        timers.set(("a", "2"), 6.0)
        assert timers.next() == 5.0
        assert list(timers.due(6.0)) == [("a", "1"), ("a", "2")]
        assert (list(timers.due(100.0)), timers.next()) == ([], None)


class TestWaiting:
    def take(self, waiting: Waiting, *full: Shape) -> str | None:
        found = waiting.take(lambda shape: shape not in full)
        return found[0][1] if found else None

    def test_priority_then_number(self) -> None:
        waiting = Waiting()
        for number, priority in (("7", 0), ("9", 5), ("8", 0), ("6", -1)):
            waiting.want(("a", number), shape(), priority)
        assert [self.take(waiting) for _ in range(5)] == ["9", "7", "8", "6", None]

    def test_a_shape_without_room_does_not_hold_up_others(self) -> None:
        waiting = Waiting()
        large = shape(hard_resources=(("h_vmem", "300G"),))
        waiting.want(("a", "1"), large, 0)
        waiting.want(("a", "2"), shape(), 0)
        assert [self.take(waiting, large), self.take(waiting, large)] == ["2", None]
        assert self.take(waiting) is None, "nothing has become free"
        waiting.room_again()
        assert self.take(waiting) == "1"

    def test_a_job_of_a_shape_without_room_keeps_its_place_among_the_others(self) -> None:
        waiting = Waiting()
        large = shape(hard_resources=(("h_vmem", "300G"),))
        waiting.want(("a", "5"), large, 0)
        assert self.take(waiting, large) is None
        waiting.want(("a", "6"), shape(), 0)
        waiting.want(("a", "4"), large, 0)
        waiting.forget(("a", "5"))
        waiting.room_again()
        assert [self.take(waiting) for _ in range(3)] == ["4", "6", None]

    def test_what_changed_counts_as_it_is_now(self) -> None:
        waiting = Waiting()
        waiting.want(("a", "1"), shape(), 0)
        waiting.want(("a", "2"), shape(), 0)
        waiting.want(("a", "2"), shape(), 3)
        waiting.forget(("a", "1"))
        assert [self.take(waiting), self.take(waiting), len(waiting)] == ["2", None, 0]

    def test_thousands_of_one_shape_cost_one_look_when_there_is_no_room(self) -> None:
        waiting = Waiting()
        for number in range(5000):
            waiting.want(("a", str(number)), shape(), 0)
        looks = 0

        def no_room(_: Shape) -> bool:
            nonlocal looks
            looks += 1
            return False

        assert waiting.take(no_room) is None
        assert looks == 1

    def test_who_has_no_room_is_told_of_once(self) -> None:
        waiting = Waiting()
        large = shape(hard_resources=(("h_vmem", "300G"),))
        for number in ("1", "2", "3"):
            waiting.want(("a", number), large, 0)
        waiting.forget(("a", "1"))
        assert self.take(waiting, large) is None
        assert list(waiting.newly_full(9)) == [(large, [("a", "2"), ("a", "3")])]
        assert list(waiting.newly_full(9)) == []
        waiting.room_again()
        assert self.take(waiting, large) is None
        assert list(waiting.newly_full(1)) == [(large, [("a", "2")])]

    def test_thousands_of_shapes_without_room_are_asked_about_once(self) -> None:
        waiting = Waiting()
        looks = 0

        def no_room(_: Shape) -> bool:
            nonlocal looks
            looks += 1
            return False

        for number in range(1000):
            large = shape(hard_resources=(("h_vmem", f"{number + 1}P"),))
            waiting.want(("a", str(number)), large, 0)
            assert waiting.take(no_room) is None
        assert looks == 1000


class TestCapacity:
    def capacity(self, *nodes: K8sObject) -> Capacity:
        made = Capacity(SETTINGS)
        made.set_hosts(nodes or (node("h1"), node("h2")))
        return made

    def test_other_processors_are_a_change_and_a_heartbeat_is_none(self) -> None:
        made = self.capacity(node("h1"))
        assert not made.set_hosts([node("h1")])
        more = node("h1")
        more["status"]["capacity"] = {"cpu": "8"}
        assert made.set_hosts([more])
        assert not made.set_hosts([more])

    @pytest.mark.parametrize(
        ("nodes", "fields", "room"),
        [
            ((), {}, ("", 0)),
            ((node("h1"),), {}, ("task", 4)),
            ((node("h1"), node("h2")), {}, ("task", 8)),
            ((node("h1", ready=False), node("h2")), {}, ("task", 4)),
            ((node("h1", unschedulable=True),), {}, ("", 0)),
            ((node("h1"),), {"slots": 3}, ("task", 1)),
            ((node("h1"),), {"slots": 5}, ("", 0)),
            ((node("h1"), node("h2")), {"hard_queues": ("continuous@h2",)}, ("continuous", 2)),
            ((node("h1"),), {"hard_queues": ("cont*", "task")}, ("continuous", 2)),
            ((node("h1"),), {"soft_queues": ("continuous",)}, ("continuous", 2)),
            ((node("h1"),), {"hard_resources": (("hostname", "h2"),)}, ("", 0)),
            ((node("h1"),), {"hard_resources": (("hostname", "h*"),)}, ("task", 4)),
            ((node("h1"),), {"hard_resources": (("release", "stretch"),)}, ("", 0)),
            ((node("h1"),), {"hard_resources": (("h_vmem", "150G"),)}, ("task", 2)),
            ((node("h1"), node("h2")), {"hard_resources": (("h_vmem", "300G"),)}, ("task", 2)),
        ],
    )
    def test_room_on_empty_hosts(
        self, nodes: tuple[K8sObject, ...], fields: dict[str, Any], room: tuple[str, int]
    ) -> None:
        capacity = Capacity(SETTINGS)
        capacity.set_hosts(nodes)
        assert capacity.room(shape(**fields), 100) == room

    def test_rows_take_room_until_they_are_gone(self) -> None:
        capacity = self.capacity(node("h1"))
        assert not capacity.update(("a", "1"), [row("p1", slots=3)], {}, None)
        assert capacity.room(shape(), 100) == ("task", 1)
        assert capacity.update(("a", "1"), [], {}, None)
        assert capacity.room(shape(), 100) == ("task", 4)

    def test_a_run_counts_where_its_pod_is(self) -> None:
        capacity = self.capacity()
        pods = {"p1": {"spec": {"nodeName": "h2"}}}
        capacity.update(("a", "1"), [row("p1", slots=4)], pods, None)
        assert capacity.room(shape(hard_queues=("task@h1",)), 100) == ("task", 4)
        assert capacity.room(shape(hard_queues=("task@h2",)), 100) == ("", 0)

    def test_what_has_no_node_is_spread(self) -> None:
        capacity = self.capacity()
        capacity.update(("a", "1"), [row("p1", slots=3), row("p2", slots=3)], {}, None)
        assert capacity.room(shape(slots=2), 100) == ("", 0)
        assert capacity.room(shape(), 100) == ("task", 2)

    def test_an_account_has_at_most_fifty_without_a_node(self) -> None:
        many = Settings(queues=(Queue(name="task", slots=1000),))
        capacity = Capacity(many)
        capacity.set_hosts([node("h1")])
        rows = [row(f"p{number}") for number in range(MOST_UNSCHEDULED - 1)]
        capacity.update(("a", "1"), rows, {}, None)
        mine = shape_of(JobRequest(), many, namespace="a", slots=1)
        theirs = shape_of(JobRequest(), many, namespace="b", slots=1)
        assert (capacity.room(mine, 100), capacity.room(theirs, 100)) == (("task", 1), ("task", 50))

    @pytest.mark.parametrize(
        ("resources", "lines"),
        [
            ((), ()),
            (
                (("h_rt", "60"), ("h_vmem", "900G")),
                (
                    '(-l h_rt=60,h_vmem=900G) cannot run at host "h1" '
                    "because it offers only hc:h_vmem=398.000G",
                ),
            ),
            (
                (("release", "stretch"),),
                ('(-l release=stretch) cannot run at host "h1" because it offers only hf:release=buster',),
            ),
        ],
        ids=["fits", "memory", "release"],
    )
    def test_why_no_host_takes_it(
        self, resources: tuple[tuple[str, str], ...], lines: tuple[str, ...]
    ) -> None:
        capacity = self.capacity(node("h1"))
        capacity.update(("a", "1"), [row("p1")], {}, shape(hard_resources=(("h_vmem", "2G"),)))
        assert capacity.refusals(shape(hard_resources=resources)) == lines

    def test_memory_that_no_host_has_keeps_a_job_waiting_with_a_reason(self) -> None:
        small = node("h1") | {"status": {"allocatable": {"memory": "8Gi"}}}
        capacity = self.capacity(small)
        fits, not_ = (shape(hard_resources=(("mem_free", text),)) for text in ("8G", "9G"))
        assert capacity.room(fits, 100) == ("task", 4)
        assert capacity.refusals(fits) == ()
        assert capacity.room(not_, 100) == ("", 0)
        assert capacity.refusals(not_) == (
            '(-l mem_free=9G) cannot run at host "h1" because it offers only hl:mem_free=8.000G',
        )

    def test_a_full_queue_is_no_reason(self) -> None:
        capacity = self.capacity(node("h1"))
        capacity.update(("a", "1"), [row("p1", slots=4)], {}, None)
        assert capacity.refusals(shape()) == ()


@pytest.mark.parametrize(
    ("hard", "soft", "queues"),
    [
        ((), (), ("task",)),
        (("continuous",), (), ("continuous",)),
        (("nosuch",), (), ()),
        (("*",), (), ("task", "continuous")),
        (("*",), ("continuous",), ("continuous", "task")),
        (("task",), ("continuous",), ("task",)),
        (("task@@allhosts",), (), ("task",)),
        (("task@h9",), (), ()),
    ],
)
def test_the_queues_of_a_host(hard: tuple[str, ...], soft: tuple[str, ...], queues: tuple[str, ...]) -> None:
    assert queues_on(shape(hard_queues=hard, soft_queues=soft), "h1", SETTINGS) == queues


def account(next_id: int, *blocks: tuple[int, int]) -> K8sObject:
    return {
        "spec": {"blocks": [{"first": first, "last": last} for first, last in blocks]},
        "status": {"nextId": next_id},
    }


@pytest.mark.parametrize(
    ("known", "ids", "given_at", "wants"),
    [
        (account(0), (), 0.0, True),
        (account(1000, (1000, 1009)), (), 0.0, False),
        (account(1004, (1000, 1009)), range(1000, 1004), 0.0, False),
        (account(1006, (1000, 1009)), range(1000, 1006), 0.0, True),
        (account(1006, (1000, 1009)), (), 0.0, False),
        (account(1006, (1000, 1009)), (), None, True),
        (account(1010, (1000, 1009)), (), 0.0, False),
        (account(1010, (1000, 1009)), (), -3600.0, True),
        (account(1010, (1000, 1009), (5000, 5009)), range(1000, 1010), 0.0, False),
    ],
    ids=[
        "none yet",
        "all are left",
        "more than half are left",
        "half are taken and there",
        "half are taken and burnt",
        "burnt, and nothing was given before",
        "all burnt",
        "all burnt, an hour ago",
        "another block is left",
    ],
)
def test_when_an_account_gets_more_ids(
    known: K8sObject, ids: Any, given_at: float | None, wants: bool
) -> None:
    assert wants_block(known, ids, block=10, now=0.0, given_at=given_at) is wants


@pytest.mark.parametrize(
    ("blocks", "first", "after"),
    [
        ((), 1000, [(1000, 1009)]),
        (((1000, 1009),), 1010, [(1000, 1019)]),
        (((1000, 1009),), 1030, [(1000, 1009), (1030, 1039)]),
        (((1030, 1039),), 1000, [(1000, 1009), (1030, 1039)]),
    ],
    ids=["the first", "a neighbour", "a gap", "a lower one"],
)
def test_blocks_with_another_one(
    blocks: tuple[tuple[int, int], ...], first: int, after: list[tuple[int, int]]
) -> None:
    merged = with_block(account(0, *blocks), first, first + 9)
    assert [(block["first"], block["last"]) for block in merged] == after


def test_once_entries_stay_until_their_job_is_there() -> None:
    entries = [{"name": "x", "id": 1, "nonce": "n"}, {"name": "y", "id": 2, "nonce": "m"}]
    assert once_left({"spec": {}, "status": {"once": entries}}, lambda number: number == 1) == entries[1:]
    assert once_left({"spec": {}}, lambda _: True) == []


def over(number: int, finished_at: int) -> dict[str, Any]:
    return {"metadata": {"name": str(number)}, "spec": {"id": number}, "status": {"finishedAt": finished_at}}


@pytest.mark.parametrize(
    ("jobs", "now", "names", "next_s"),
    [
        ([], 0, [], None),
        ([over(1, 0), over(2, 0)], 10_000, [], None),
        ([over(1, 0), over(2, 0), over(3, 0)], 3599, [], 1),
        ([over(1, 0), over(2, 0), over(3, 0)], 3600, ["1"], None),
        ([over(1, 500), over(2, 0), over(3, 400)], 3700, ["2"], None),
        ([over(1, 300), over(2, 200), over(3, 900), over(4, 900)], 3800, ["2"], 100),
    ],
    ids=["none", "few stay", "not yet", "the oldest", "by their end, not their number", "one now, one later"],
)
def test_which_finished_jobs_go(
    jobs: list[dict[str, Any]], now: float, names: list[str], next_s: float | None
) -> None:
    settings = Settings(finished_jobs=2, finished_keep_s=3600)
    assert to_retire(jobs, now=now, settings=settings) == (names, next_s)


@pytest.mark.parametrize(
    ("old", "new", "patch"),
    [
        ({}, {}, {}),
        ({"a": 1}, {"a": 1}, {}),
        ({"a": 1, "b": []}, {"a": 2, "b": []}, {"a": 2}),
        ({"a": 1}, {}, {"a": None}),
        ({}, {"a": 0}, {"a": 0}),
    ],
)
def test_the_patch_between_two_statuses(
    old: dict[str, Any], new: dict[str, Any], patch: dict[str, Any]
) -> None:
    assert status_patch(old, new) == patch


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "NONE"),
        ({"hard_resources": (("h_rt", "2"),)}, "-l h_rt=2"),
        ({"soft_resources": (("h_rt", "50"),)}, "-soft -l h_rt=50"),
        (
            {
                "hard_queues": ("task",),
                "hard_resources": (("h_vmem", "1G"), ("h_rt", "60")),
                "parallel_environment": "smp",
            },
            "-q task -l h_rt=60,h_vmem=1G -pe smp 2",
        ),
    ],
)
def test_the_category_of_a_record(fields: dict[str, Any], text: str) -> None:
    assert category(JobRequest(**fields), 2) == text


@pytest.mark.parametrize("annotation", ["", "{", "[]", "null", '{"owner": 5, "slots": "x", "created": []}'])
def test_an_orphans_record_survives_any_annotation(annotation: str) -> None:
    entry = orphan_entry("1000", annotation, Outcome(ran=True, start=10.0, end=12.0, exit_status=1))
    assert (entry.job_number, entry.owner, entry.slots, entry.exit_status) == (1000, "UNKNOWN", 1, 1)
    assert (entry.start_time, entry.end_time, entry.ru_wallclock) == (10, 12, 2.0)


class TestCache:
    def job(self, number: int, version: int, **spec: Any) -> K8sObject:
        meta = {"name": str(number), "namespace": "a", "uid": f"u{number}", "resourceVersion": str(version)}
        return {"metadata": meta, "spec": {"id": number, **spec}}

    def test_an_older_version_replaces_nothing(self) -> None:
        cache = Cache()
        assert cache.put(GRID_JOB, self.job(1, 5))
        assert not cache.put(GRID_JOB, self.job(1, 5))
        assert not cache.put(GRID_JOB, self.job(1, 4))
        assert cache.put(GRID_JOB, self.job(1, 10))

    def test_a_listing_tells_what_is_gone_but_not_what_is_newer(self) -> None:
        cache = Cache()
        for number, version in ((1, 5), (2, 6), (3, 20)):
            cache.put(GRID_JOB, self.job(number, version))
        listing = Listing(items=[self.job(1, 5), self.job(4, 7)], version="10")
        changed = sorted(obj["spec"]["id"] for obj in cache.replace(GRID_JOB, listing))
        assert changed == [2, 4]
        assert sorted(key[1] for key in cache.of(GRID_JOB)) == ["1", "3", "4"]

    def test_who_waits_for_whom_follows_the_spec(self) -> None:
        cache = Cache()
        cache.put(GRID_JOB, self.job(2, 1, predecessors=[1], arrayPredecessors=[1, 7]))
        assert (cache.dependents(1), cache.dependents(7)) == ({("a", "2")}, {("a", "2")})
        cache.put(GRID_JOB, self.job(2, 2, predecessors=[7]))
        assert (cache.dependents(1), cache.dependents(7)) == (set(), {("a", "2")})
        cache.drop(GRID_JOB, self.job(2, 2))
        assert cache.dependents(7) == set()

    def test_a_late_deletion_of_a_former_object_is_not_believed(self) -> None:
        cache = Cache()
        cache.put(GRID_JOB, self.job(1, 5))
        former = self.job(1, 4)
        former["metadata"]["uid"] = "former"
        assert not cache.drop(GRID_JOB, former)
        assert cache.job(("a", "1")) is not None

    def test_pods_are_found_by_their_job(self) -> None:
        cache = Cache()
        labels = {"gridcompat.io/job": "1"}
        meta = {"name": "p", "namespace": "a", "uid": "x", "resourceVersion": "1", "labels": labels}
        cache.put(POD, {"metadata": meta})
        assert list(cache.pods_of(("a", "1"))) == ["p"]
        cache.drop(POD, {"metadata": meta})
        assert cache.pods_of(("a", "1")) == {}

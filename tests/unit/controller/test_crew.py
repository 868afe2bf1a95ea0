"""Requests under way at the same time: who waits for them, what their answers do, how they fail."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.controller_world import World
from gridcompat.cluster.base import POD
from gridcompat.controller.crew import Crew
from gridcompat.errors import Forbidden, Unavailable

A, B = ("ns", "1"), ("ns", "2")
LIMIT_S = 30


@pytest.fixture
def inbox() -> queue.SimpleQueue[Callable[[], None]]:
    return queue.SimpleQueue()


@pytest.fixture
def crew(inbox: queue.SimpleQueue[Callable[[], None]]) -> Iterator[Crew]:
    found = Crew(inbox.put, workers=2)
    yield found
    found.dismiss()
    for thread in found._threads:
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def test_requests_are_under_way_at_the_same_time(
    crew: Crew, inbox: queue.SimpleQueue[Callable[[], None]]
) -> None:
    together = threading.Barrier(2)
    heard: list[Any] = []
    for key in (A, B):
        crew.send(key, lambda: together.wait(LIMIT_S), heard.append)
    for _ in range(2):
        inbox.get(timeout=LIMIT_S)()
    assert sorted(heard) == [0, 1] and len(crew) == 0


def test_no_more_threads_than_workers_and_none_before_there_is_work(
    crew: Crew, inbox: queue.SimpleQueue[Callable[[], None]]
) -> None:
    assert crew._threads == []
    for number in range(20):
        crew.send(("ns", str(number)), threading.get_ident, lambda _ident: None)
    for _ in range(20):
        inbox.get(timeout=LIMIT_S)()
    assert 1 <= len(crew._threads) <= 2


def test_a_job_is_busy_until_all_its_answers_are_taken_in(
    crew: Crew, inbox: queue.SimpleQueue[Callable[[], None]]
) -> None:
    told: list[tuple[Any, ...]] = []
    crew.answered = lambda key, error: told.append((key, error, list(heard)))
    heard: list[int] = []
    for number in (1, 2):
        crew.send(A, lambda: number, heard.append)  # noqa: B023  (both may see the last)
    letters = [inbox.get(timeout=LIMIT_S) for _ in range(2)]
    assert crew.is_busy(A) and not crew.is_busy(B) and heard == []
    letters[0]()
    assert crew.is_busy(A) and told == []
    letters[1]()
    assert not crew.is_busy(A) and len(told) == 1 and len(told[0][2]) == 2


def test_one_failure_of_several_is_told_when_all_are_answered(
    crew: Crew, inbox: queue.SimpleQueue[Callable[[], None]]
) -> None:
    told: list[tuple[Any, Any]] = []
    crew.answered = lambda key, error: told.append((key, error))
    error = Unavailable("away")

    def fail() -> None:
        raise error

    heard: list[Any] = []
    crew.send(A, fail, heard.append)
    crew.send(A, lambda: 7, heard.append)
    for _ in range(2):
        inbox.get(timeout=LIMIT_S)()
    assert told == [(A, error)] and heard == [7]


def test_what_was_not_sent_when_it_is_dismissed_never_is(
    inbox: queue.SimpleQueue[Callable[[], None]],
) -> None:
    crew, begun, go = Crew(inbox.put, workers=1), threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> None:
        begun.set()
        go.wait(LIMIT_S)
        done.append("first")

    crew.send(A, first, lambda _: None)
    crew.send(A, lambda: done.append("second"), lambda _: None)
    assert begun.wait(LIMIT_S)
    crew.dismiss()
    go.set()
    crew._threads[0].join(LIMIT_S)
    assert done == ["first"]


# ------------------------------------------------------------ with a controller


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(str(tmp_path / "w"), finished_jobs=0)
    found.with_crew = True
    found.new_controller()
    yield found
    found.close()


def test_a_job_is_left_alone_while_its_requests_are_under_way(world: World) -> None:
    world.submit(1000, tasks=(1, 3, 1))
    world.ends |= {(1000, task): [0] for task in (1, 2, 3)}
    crew = world.crew
    assert crew is not None
    world._since = world.reconciler.begin()
    while world.reconciler.step():
        pass
    assert len(crew.waiting) == 3 and world.pods() == {} and not world.reconciler.is_idle()
    world.reconciler.queue.add(("default", "1000"))
    while world.reconciler.step():
        pass
    assert len(crew.waiting) == 3, "nothing is sent twice"
    world.settle()
    assert world.status(1000)["phase"] == "Finished" and world.reconciler.is_idle()
    assert sorted(world.runs) == [(1000, task, 1) for task in (1, 2, 3)]
    assert world.cluster.list(POD, namespace=None).items == []


@pytest.mark.parametrize("error", [Unavailable("away"), Forbidden("exceeded quota")], ids=str)
def test_a_pod_that_cannot_be_made_is_tried_again_later_and_later(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    world.submit(1000)
    world.ends[1000, 1] = [0]
    cluster, real = world.reconciler.cluster, world.reconciler.cluster.create
    tries: list[float] = []

    def create(obj: Any) -> Any:
        if obj["kind"] == "Pod" and len(tries) < 3:
            tries.append(world.now)
            raise error
        return real(obj)

    monkeypatch.setattr(cluster, "create", create)
    for _ in range(80):
        world.settle()
        world.now += 0.1
    assert world.status(1000)["phase"] == "Finished"
    pauses = [round(b - a, 1) for a, b in itertools.pairwise(tries)]
    assert [0.5 <= pauses[0] <= 0.7, 1.0 <= pauses[1] <= 1.2] == [True, True], pauses
    assert len([line for line in world.log if str(error) in line]) == 3
    assert world.reconciler._knowledge.refused == {}


def test_a_name_that_somebody_else_has_is_seen_when_it_is_answered(world: World) -> None:
    world.submit(1000)
    world.ends[1000, 1] = [0]
    world._since = world.reconciler.begin()
    while world.reconciler.step():
        pass
    row = world.status(1000)["running"][0]
    meta = {"name": row["pod"], "namespace": "default"}
    spec = {"containers": [{"name": "x", "image": "x"}]}
    world.cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    world.settle_without(row["pod"])
    world.later(10.0)
    assert world.status(1000)["phase"] == "Finished"
    assert [attempt for _, _, attempt in world.runs] == [2]

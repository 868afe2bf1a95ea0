"""The controller with its threads: watches that break, lists again, and the stop."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from controller.controller_world import World
from gridcompat.accounting import AccountingFile
from gridcompat.cluster.base import GRID_JOB
from gridcompat.controller.loop import Controller
from gridcompat.errors import Expired, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gridcompat.cluster.base import Event, Kind


class Flaky:
    """The port, whose first watches of GridJobs fail in the way a test wants."""

    def __init__(self, world: World, failures: list[Exception]) -> None:
        self._cluster = world.cluster
        self.failures = failures

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)

    def watch(self, kind: Kind, **rest: Any) -> Iterator[Event]:
        if kind is GRID_JOB and self.failures:
            raise self.failures.pop(0)
        # Short, so that the test's end does not wait for it.
        return self._cluster.watch(kind, **{**rest, "timeout_s": 0.2})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(str(tmp_path / "state"))
    made.close_accounting()
    yield made
    made.close()


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def controller(world: World, failures: list[Exception], log: list[str]) -> Controller:
    return Controller(
        Flaky(world, failures),
        world.settings,
        accounting=AccountingFile(f"{world.directory}/common/accounting"),
        spool=f"{world.directory}/spool",
        log=log.append,
    )


@pytest.mark.parametrize(
    "failures",
    [[], [Expired("too old")], [Expired("too old"), Expired("too old")], [Unavailable("away")]],
    ids=["never", "expired", "expired again", "broken"],
)
def test_jobs_are_seen_whatever_the_watch_does(world: World, failures: list[Exception]) -> None:
    log: list[str] = []
    stop = threading.Event()
    running = controller(world, failures, log)
    thread = threading.Thread(target=running.run, args=(stop,))
    thread.start()
    try:
        eventually(running.settled.is_set)
        world.submit(1000)
        eventually(lambda: world.status(1000).get("phase") == "Active")
        eventually(lambda: len(world.pods()) == 1)
        assert not running.idle
        for pod in world.pods().values():
            world.bind(pod)
            world.start(pod)
            world.end(pod)
        eventually(lambda: world.status(1000).get("phase") == "Finished")
        eventually(lambda: running.idle)
    finally:
        stop.set()
        thread.join()
    assert len(world.records()) == 1
    assert all("GridJob" in line or "gridjobs" in line for line in log)


def test_only_the_holder_of_the_accounting_lock_works(world: World) -> None:
    other = AccountingFile(f"{world.directory}/common/accounting")
    assert other.lock()
    stop = threading.Event()
    running = controller(world, [], [])
    thread = threading.Thread(target=running.run, args=(stop,))
    thread.start()
    world.submit(1000)
    assert not running.settled.wait(0.2)
    other.close()
    try:
        eventually(lambda: world.status(1000).get("phase") == "Active")
    finally:
        stop.set()
        thread.join()

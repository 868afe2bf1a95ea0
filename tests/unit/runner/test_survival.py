"""The runner may die at any moment: no pod is lost, none runs twice, no end is missed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gridcompat.cluster.base import POD
from runner.runner_world import World, alive, await_true

RUNNER = """
import sys, threading
from gridcompat.cluster.embedded.runner import Runner
from gridcompat.cluster.embedded.store import EmbeddedCluster
Runner(EmbeddedCluster(sys.argv[1]), sys.argv[1]).run(threading.Event())
"""
ROOT = Path(__file__).parents[3]


def daemon(world: World) -> subprocess.Popen[bytes]:
    """A process that runs a runner, to be killed."""
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(world.state)],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.fixture
def idle(world: World) -> World:
    """A world without a runner of its own."""
    world.stop()
    return world


def test_a_pod_outlives_the_daemon_and_is_adopted(idle: World, tmp_path: Path) -> None:
    go, out = tmp_path / "go", tmp_path / "out"
    first = daemon(idle)
    idle.create(
        "a",
        f"echo $$ >{out}; while ! [ -e {go} ]; do sleep 0.01; done; "
        'echo \'{"exit":5}\' >"$GC_TERMINATION_LOG"; exit 5',
    )
    await_true(lambda: out.exists() and bool(out.read_text()))
    kill(first)
    pid = int(out.read_text())
    assert alive(pid)
    idle.start()
    time.sleep(0.2)
    assert idle.status("a")["phase"] == "Running"
    go.touch()
    assert idle.ended("a")["exitCode"] == 5
    assert idle.status("a").get("reason") is None


def test_an_end_that_no_daemon_saw_is_told_from_the_evidence(idle: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = daemon(idle)
    idle.create("a", f'echo $$ >{out}; sleep 0.4; echo \'{{"exit":6}}\' >"$GC_TERMINATION_LOG"; exit 6')
    await_true(lambda: out.exists() and bool(out.read_text()))
    kill(first)
    await_true(lambda: not alive(int(out.read_text())))
    idle.start()
    found = idle.ended("a")
    assert (found["exitCode"], found["message"]) == (6, '{"exit":6}\n')


def test_processes_that_vanished_are_a_lost_node(idle: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = daemon(idle)
    idle.create("a", f"echo $$ >{out}; sleep 60")
    await_true(lambda: out.exists() and bool(out.read_text()))
    kill(first)
    for pid in idle.processes():
        os.kill(pid, signal.SIGKILL)
    await_true(lambda: not alive(int(out.read_text())))
    idle.start()
    found = idle.ended("a")
    assert (found["exitCode"], found["reason"]) == (137, "ContainerStatusUnknown")
    assert idle.status("a")["reason"] == "NodeLost"


def test_what_a_killed_launcher_leaves_behind_is_ended(idle: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = daemon(idle)
    idle.create("a", f"setsid sleep 600 & echo $$ >{out}; wait")
    await_true(lambda: out.exists() and bool(out.read_text()))
    kill(first)
    os.kill(int(out.read_text()), signal.SIGKILL)
    await_true(lambda: len(idle.processes()) == 1)
    idle.start()
    assert idle.ended("a")["reason"] == "ContainerStatusUnknown"
    assert idle.processes() == []


def test_a_launcher_killed_under_the_eyes_of_the_daemon_is_an_error(world: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    world.create("a", f"echo $$ >{out}; sleep 60")
    await_true(lambda: out.exists() and bool(out.read_text()))
    os.kill(int(out.read_text()), signal.SIGKILL)
    found = world.ended("a")
    assert (found["exitCode"], found["reason"]) == (137, "Error")
    assert world.processes() == []


def test_a_pod_deleted_while_no_daemon_ran_is_ended(idle: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = daemon(idle)
    idle.create("a", f"trap 'exit 0' TERM; echo $$ >{out}; sleep 60 & wait")
    await_true(lambda: out.exists() and bool(out.read_text()))
    kill(first)
    idle.delete("a")
    idle.start()
    await_true(lambda: idle.gone("a"))
    assert idle.processes() == []


def test_processes_of_a_pod_that_is_gone_are_ended(idle: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = daemon(idle)
    idle.create("a", f"echo $$ >{out}; sleep 60")
    await_true(lambda: out.exists() and bool(out.read_text()))
    kill(first)
    idle.delete("a", grace_s=0)
    assert idle.gone("a")
    idle.start()
    await_true(lambda: not alive(int(out.read_text())))
    await_true(lambda: not list((idle.state / "pods").iterdir()))


def test_a_pod_that_was_bound_but_not_started_is_started(idle: World, tmp_path: Path) -> None:
    out = tmp_path / "out"
    idle.create("a", f"echo ran >>{out}")
    idle.cluster.patch(POD, "a", {"spec": {"nodeName": "some-former-name"}}, namespace="default")
    idle.start()
    assert idle.ended("a")["exitCode"] == 0
    assert out.read_text() == "ran\n"


def test_whenever_the_daemon_is_killed_every_pod_runs_exactly_once(idle: World, tmp_path: Path) -> None:
    chance = random.Random(20261124)
    out = tmp_path / "out"
    out.mkdir()
    count = 60
    for number in range(count):
        text = f"echo ran >>{out}/{number}; sleep 0.0{number % 10}; echo '{{\"exit\":{number}}}' "
        idle.create(f"p{number}", text + f'>"$GC_TERMINATION_LOG"; exit {number}')
    for _ in range(8):
        process = daemon(idle)
        # Start-up alone takes a tenth of a second.
        time.sleep(0.1 + chance.random() * 0.25)
        kill(process)
    idle.start()
    for number in range(count):
        assert idle.ended(f"p{number}")["exitCode"] == number
    assert {path.read_text() for path in out.iterdir()} == {"ran\n"}
    assert len(list(out.iterdir())) == count
    assert idle.processes() == []


def test_what_a_killed_launcher_had_listed_is_removed(world: World, tmp_path: Path) -> None:
    theirs, out = tmp_path / "theirs", tmp_path / "out"
    theirs.mkdir()
    (theirs / "file").touch()
    (tmp_path / "link").symlink_to(theirs)
    script = f'mkdir {tmp_path}/d; for n in d link gone; do echo {tmp_path}/$n >>"$GC_LEFTOVERS"; done'
    world.create("a", f"{script}; echo $$ >{out}; sleep 60")
    await_true(lambda: out.exists() and bool(out.read_text()))
    os.kill(int(out.read_text()), signal.SIGKILL)
    world.ended("a")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "state", "theirs"]
    assert (theirs / "file").exists()

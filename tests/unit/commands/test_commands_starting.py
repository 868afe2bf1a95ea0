"""What qstat -j tells of a job that was handed to a host and is not yet seen running (state t)."""

from __future__ import annotations

import pytest

from commands.command_world import HOST, World

USED_NOTHING = "cpu=00:00:00, mem=0.00000 GB s, io=0.00000 GB, vmem=N/A, maxvmem=N/A"


def run(task: int, state: str, host: str = HOST) -> dict[str, object]:
    return {"task": task, "attempt": 1, "state": state, "queue": "task", "host": host, "startedAt": 7}


def test_what_is_being_started_has_used_nothing_and_is_shown(world: World) -> None:
    number = world.submit()
    world.running(number, state="t")
    lines = world.run("qstat", "-j", str(number))[1].splitlines()
    assert f"usage         1:            {USED_NOTHING}" in lines
    assert "binding       1:            NONE" in lines


def test_what_no_host_has_yet_is_waiting(world: World) -> None:
    number = world.submit()
    world.status(number, phase="Active", running=[run(1, "t", host="")])
    out = world.run("qstat", "-j", str(number))[1]
    assert "usage " not in out
    assert "binding       1:" not in out
    assert "<JAT_status>" not in world.run("qstat", "-xml", "-j", str(number))[1]


@pytest.mark.parametrize(("state", "status", "used"), [("t", 512, 0), ("r", 128, 1), ("s", 128, 1)])
def test_xml_tells_starting_from_running(world: World, state: str, status: int, used: int) -> None:
    number = world.submit()
    world.status(number, phase="Active", running=[run(1, state)])
    out = world.run("qstat", "-xml", "-j", str(number))[1]
    assert out.count(f"<JAT_status>{status}</JAT_status>") == 1
    assert out.count("<JAT_scaled_usage_list>") == used
    assert "<JAT_start_time>7</JAT_start_time>" in out

"""Many commands at once, as cron starts them: nothing is lost, nothing is done twice, one daemon does it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from world import BIN, World, finish_all

SUBMITTERS = 200
RACERS = 50
STARTERS = 20
ALREADY = "there is a job named 'x' already active"


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def daemons(world: World) -> list[int]:
    """Processes that are a daemon of the state directory."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if b"--state" in words and world.state.encode() in words:
            found.append(int(entry))
    return found


def test_two_hundred_jsubs_at_once_lose_nothing(world: World) -> None:
    # Appended to in one write: a second run of a job would be seen.
    program = world.write("tell", '#!/bin/sh\necho "$JOB_ID $1" >> ran\necho "this is $1"\n')
    started = [world.start(f"{BIN}/jsub", "-N", f"n{n}", program, str(n)) for n in range(SUBMITTERS)]
    done = finish_all(started)
    assert [(one.status, one.err) for one in done] == [(0, "")] * SUBMITTERS
    ids = [one.id for one in done]
    assert len(set(ids)) == SUBMITTERS
    assert [one.out for one in done] == [
        f'Your job {number} ("n{n}") has been submitted\n' for n, number in enumerate(ids)
    ]
    world.finished(*ids)
    ran = sorted(line.split() for line in world.read("ran").decode().splitlines())
    assert ran == sorted([str(number), str(n)] for n, number in enumerate(ids))
    assert [world.read(f"n{n}.out") for n in range(SUBMITTERS)] == [
        f"this is {n}\n".encode() for n in range(SUBMITTERS)
    ]
    assert [world.read(f"n{n}.err") for n in range(SUBMITTERS)] == [b""] * SUBMITTERS
    records = Counter((one.job_number, one.job_name, one.failed, one.exit_status) for one in world.records())
    assert records == Counter((number, f"n{n}", 0, 0) for n, number in enumerate(ids))
    assert len(daemons(world)) <= 1


@pytest.mark.parametrize("switches", [(), ("-stderr",)], ids=["in x.err", "on stderr"])
def test_of_fifty_racing_once_submissions_one_wins(world: World, switches: tuple[str, ...]) -> None:
    started = [
        world.start(f"{BIN}/jsub", "-once", "-N", "x", *switches, "/bin/sleep", "300") for _ in range(RACERS)
    ]
    done = finish_all(started)
    won = [one for one in done if one.status == 0]
    assert len(won) == 1, Counter(map(repr, done))
    assert Counter((one.status, one.out) for one in done if one is not won[0]) == {(1, ""): RACERS - 1}
    lines = world.read("x.err").decode() + "".join(one.err for one in done)
    told = [line.partition("] ")[2] for line in lines.splitlines()]
    assert Counter(told) == {ALREADY: RACERS - 1}
    assert (world.read("x.err") == b"") == bool(switches)
    assert sum(one.err != "" for one in done) == (RACERS - 1 if switches else 0)
    active = [number for number in world.jobs() if world.phase(number) != "Void"]
    assert active == [won[0].id]


def test_commands_that_race_to_start_the_daemon_get_one(world: World) -> None:
    for _ in range(3):
        world.stop()
        assert daemons(world) == []
        seen: set[int] = set()
        started = [world.start(f"{BIN}/qsub", "-h", "-b", "y", "/bin/true") for _ in range(STARTERS)]
        while any(process.poll() is None for process in started):
            seen.update(daemons(world))
            time.sleep(0.01)
        assert [one.status for one in finish_all(started)] == [0] * STARTERS
        # Not even for a moment was there another one.
        assert seen | set(daemons(world)) == {world.daemon()}, world.log()
    assert len(world.jobs()) == 3 * STARTERS

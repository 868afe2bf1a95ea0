"""Launchers die, the machine dies, the daemon comes and goes: each run leaves its one record."""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from grid_in_a_directory import Grid

from gridcompat.cluster.embedded import spawn
from gridcompat.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    made = Grid(tmp_path)
    yield made
    made.close()


def test_launchers_that_are_killed(grid: Grid) -> None:
    wait = grid.script('[ "$RESTARTED" = 0 ] && exec sleep 300', "exit 0")
    again = [grid.submit(wait, restart="y") for _ in range(4)]
    once = [grid.submit(wait) for _ in range(4)]
    grid.wait("all run", lambda: all(grid.runs_of(number) for number in again + once))
    assert sum(grid.kill_launcher(uid) for uid in grid.pods()) == 8
    grid.wait("all are over", lambda: grid.phases() == Counter(Finished=8))
    assert [grid.runs_of(number) for number in again] == [["0", "1"]] * 4
    assert [grid.runs_of(number) for number in once] == [["0"]] * 4
    records = sorted((one.job_number, one.failed, one.exit_status) for one in grid.records())
    assert records == sorted(
        [*((number, 25, 137) for number in again), *((number, 0, 0) for number in again)]
        + [(number, 100, 137) for number in once]
    )


def test_a_reboot(grid: Grid) -> None:
    wait = grid.script('[ "$RESTARTED" = 0 ] && exec sleep 300', "exit 0")
    again = [grid.submit(wait, restart="y"), grid.submit(wait, continuous=True)]
    once = [grid.submit(wait), grid.submit(wait, restart="n")]
    waiting = grid.submit(grid.script("exit 0"), predecessors=tuple(once))
    grid.wait("all run", lambda: all(grid.runs_of(number) for number in again + once))
    assert grid.kill_daemon()
    grid.power_off()
    grid.command("gridcompat local start")
    grid.wait("all are over", lambda: grid.phases() == Counter(Finished=5))
    assert [grid.runs_of(number) for number in again] == [["0", "1"]] * 2
    assert [grid.runs_of(number) for number in [*once, waiting]] == [["0"]] * 3
    lost = sorted(one.job_number for one in grid.records() if one.failed == 100)
    assert lost == once
    assert len(grid.records()) == 7


def test_jobs_run_on_when_the_daemon_is_stopped(grid: Grid) -> None:
    number = grid.submit(grid.script("sleep 1", "echo done >> $HOME/runs/done"))
    grid.wait("it runs", lambda: bool(grid.runs_of(number)))
    assert "was stopped" in grid.command("gridcompat local stop")
    assert "does not run" in grid.command("gridcompat local status", check=False)
    grid.wait("it ends", lambda: os.path.exists(f"{grid.runs}/done"))
    assert grid.records() == []
    grid.ensure_daemon()
    grid.wait("it is recorded", lambda: len(grid.records()) == 1)
    assert grid.records()[0].exit_status == 0


def test_a_daemon_that_ends_for_want_of_work_strands_nobody(tmp_path: Path) -> None:
    grid = Grid(tmp_path, GRIDCOMPAT_DAEMON_IDLE_S="0.05")
    try:
        chance = random.Random(1)
        numbers = []
        for _ in range(25):
            numbers.append(grid.submit(grid.script("exit 0")))
            # About when it ends: the last record, the idle time, the end.
            time.sleep(chance.uniform(0.3, 1.1))
        grid.wait("all are over", lambda: grid.phases() == Counter(Finished=25))
        grid.wait("the daemon ends", lambda: not spawn.daemon_lives(grid.state))
        assert [grid.runs_of(number) for number in numbers] == [["0"]] * 25
        # Both ways were taken: a new daemon, and one that was about to end.
        assert grid.log().count("ended: idle") + grid.log().count("there is work again") > 5
    finally:
        grid.close()


def test_only_one_daemon_starts_whatever_races(grid: Grid) -> None:
    threads = [threading.Thread(target=grid.command, args=("gridcompat local start",)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pid = spawn.daemon_pid(grid.state)
    assert pid is not None
    assert daemons(grid) == [pid]


def daemons(grid: Grid) -> list[int]:
    """Processes whose command line names our state directory."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            if b"--state" in words and grid.state.encode() in words:
                found.append(int(entry))
    return found


def test_the_daemon_ends_when_its_directory_is_deleted(grid: Grid) -> None:
    grid.submit(grid.script("exit 0"), user_hold=True)
    pid = spawn.daemon_pid(grid.state)
    assert pid is not None
    log = open(f"{grid.state}/daemon.log", encoding="utf-8")  # noqa: SIM115  (it is to be deleted)
    with log:
        os.rename(grid.state, f"{grid.state}.gone")
        deadline = time.monotonic() + 20
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
            try:
                if os.waitpid(pid, os.WNOHANG)[0] == pid:
                    break
            except ChildProcessError:
                pass
            time.sleep(0.02)
        lines = log.read().splitlines()
    assert [line.partition("] ")[2] for line in lines] == ["ended: the state directory was deleted"]
    os.rename(f"{grid.state}.gone", grid.state)


def test_a_daemon_that_cannot_start_is_told_in_one_line(grid: Grid) -> None:
    os.mkdir(f"{grid.state}/daemon.log")
    out = grid.command("qsub -h -b y true", check=False)
    assert "Traceback" not in out
    with pytest.raises(Unavailable, match="cannot be started"):
        grid.ensure_daemon()


def test_the_daemon_keeps_nothing_of_who_started_it(grid: Grid) -> None:
    grid.environment |= {"LD_PRELOAD": "", "SECRET": "x", "PYTHONPATH": "/nowhere"}
    grid.command("gridcompat local start")
    pid = spawn.daemon_pid(grid.state)
    with open(f"/proc/{pid}/environ", "rb") as file:
        names = {part.partition(b"=")[0].decode() for part in file.read().split(b"\0") if part}
    assert {name for name in names if not name.startswith("GRIDCOMPAT_")} <= {
        "HOME", "USER", "LOGNAME", "LANG", "LC_CTYPE", "TZ", "PATH"
    }  # fmt: skip
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        session = int(file.read().rpartition(")")[2].split()[3])
    assert session == pid

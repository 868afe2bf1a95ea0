"""The daemon is killed at random moments while jobs of every kind go through.

Asserted each time: no job is lost, no run happens twice, each run leaves one record, each mail is sent.
"""

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

JOBS = 300
"""Tasks of a round, as far as each is a run of its own."""
ROUND_LIMIT_S = 240.0


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    made = Grid(tmp_path)
    yield made
    made.close()


class Expected:
    """What a round must have left behind: for each task the RESTARTED and exit status of its runs."""

    def __init__(self) -> None:
        self.runs: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self.mails = 0

    def add(self, number: int, *statuses: int, task: int = 0, mails: int = 0) -> None:
        """Expect runs that end with these exit statuses."""
        self.runs[number, task] = list(enumerate(statuses))
        self.mails += mails


def submit_everything(grid: Grid, chance: random.Random) -> Expected:
    """About 300 tasks of all kinds, some with an order that follows."""
    expected = Expected()
    plain = grid.script("exit 0")
    failing = grid.script("exit 3")
    twice = grid.script('[ "$RESTARTED" = 0 ] && exit 99', "exit 0")
    while len(expected.runs) < JOBS:
        kind = chance.choice(
            ["plain"] * 4 + ["failing", "twice", "array", "held", "late", "mail", "after", "-tc"]
        )
        if kind == "plain":
            expected.add(grid.submit(plain), 0)
        elif kind == "failing":
            expected.add(grid.submit(failing), 3)
        elif kind == "twice":
            expected.add(grid.submit(twice, restart="n", mail_options="a"), 99, 0, mails=1)
        elif kind == "mail":
            expected.add(grid.submit(plain, mail_options="abe"), 0, mails=2)
        elif kind == "late":
            expected.add(grid.submit(plain, start_time=int(time.time()) + 2), 0)
        elif kind == "after":
            first = grid.submit(failing)
            expected.add(first, 3)
            expected.add(grid.submit(plain, predecessors=(first,)), 0)
        elif kind == "held":
            number = grid.submit(plain, user_hold=True)
            expected.add(number, 0)
            grid.command(f"qrls {number}")
        else:
            number = grid.submit(plain, tasks=(1, 20, 1), max_running_tasks=3 if kind == "-tc" else 0)
            for task in range(1, 21):
                expected.add(number, 0, task=task)
    return expected


def killer(grid: Grid, chance: random.Random, stop: threading.Event, kills: list[float]) -> None:
    """Kill the daemon again and again; the next command starts it."""
    while not stop.wait(chance.uniform(0.02, 1.2)):
        if grid.kill_daemon():
            kills.append(time.monotonic())
        stop.wait(chance.uniform(0.0, 0.2))
        grid.ensure_daemon()


def test_the_daemon_is_killed_again_and_again(tmp_path: Path, crash_round: int) -> None:
    chance = random.Random(crash_round)
    grid = Grid(tmp_path)
    stop = threading.Event()
    kills: list[float] = []
    thread = threading.Thread(target=killer, args=(grid, chance, stop, kills))
    try:
        thread.start()
        expected = submit_everything(grid, random.Random(crash_round + 1000))
        numbers = {number for number, _ in expected.runs}
        grid.wait(
            "all jobs are over",
            lambda: grid.phases() == Counter(Finished=len(numbers)),
            limit_s=ROUND_LIMIT_S,
        )
        stop.set()
        thread.join()
        grid.ensure_daemon()
        grid.wait("all mail is sent", lambda: len(grid.message_ids()) >= expected.mails)
        check(grid, expected)
        assert len(kills) >= 5
        print(f"round {crash_round}: {len(kills)} kills, {repeated(grid)} mails sent twice")  # noqa: T201
    finally:
        stop.set()
        thread.join()
        grid.close()


def check(grid: Grid, expected: Expected) -> None:
    """Every run once, one record for each, every mail."""
    found = {
        (number, task): [int(word) for word in grid.runs_of(number, task or None)]
        for number, task in expected.runs
    }
    assert found == {key: [restarted for restarted, _ in runs] for key, runs in expected.runs.items()}
    records = Counter((one.job_number, one.task_number, one.exit_status) for one in grid.records())
    assert records == Counter(
        (number, task, status) for (number, task), runs in expected.runs.items() for _, status in runs
    )
    assert len(grid.message_ids()) == expected.mails


def repeated(grid: Grid) -> int:
    """Mails sent more than once: a death between the server's word and the rename allows that."""
    return sum(count - 1 for count in grid.message_ids().values())


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

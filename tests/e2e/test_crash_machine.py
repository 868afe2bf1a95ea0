"""What dies beside the daemon: launchers, programs, the machine, its power; and a daemon that only stops.

Under the load of a round each time, or with jobs of the kinds that matter.
"""

from __future__ import annotations

import ctypes
import os
import random
import shutil
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from crash_round import MARK, Round
from grid_in_a_directory import Grid
from smtp_server import Server

from gridcompat.cluster.embedded import paths, spawn
from gridcompat.outbox import pending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        yield made


def program(*lines: str) -> bytes:
    """A script that notes its process and its run."""
    return "\n".join(["#!/bin/sh", *MARK, 'echo $$ >> "$HOME/pids"', *lines, ""]).encode()


def some_job(grid: Grid, kind: str, chance: random.Random) -> int:
    """A job that lasts a moment; continuous ones go on until a file says that it is enough."""
    if kind == "continuous":
        until = '[ -e "$HOME/enough" ] && exit 0'
        return grid.submit(program(until, "sleep 0.5", until, "exec sleep 600"), continuous=True)
    return grid.submit(program(f"sleep {chance.uniform(0.1, 1.5):.2f}", "exit 0"), restart=kind)


def kill_some_program(grid: Grid, chance: random.Random) -> bool:
    """SIGKILL to a program of a job, alone."""
    try:
        with open(f"{grid.home}/pids", encoding="ascii") as file:
            numbers = [int(word) for word in file.read().split()]
    except FileNotFoundError:
        return False
    alive = [number for number in numbers if of_home(number, grid.home)]
    if alive:
        os.kill(chance.choice(alive), signal.SIGKILL)
    return bool(alive)


def of_home(number: int, home: str) -> bool:
    """Whether a process is still one of this grid's programs."""
    try:
        with open(f"/proc/{number}/environ", "rb") as file:
            return f"HOME={home}".encode() in file.read().split(b"\0")
    except OSError:
        return False


@pytest.mark.parametrize("seed", range(2))
def test_launchers_and_programs_and_daemons_die_at_random_moments(
    tmp_path: Path, server: Server, seed: int
) -> None:
    one = Round(tmp_path, seed, server)
    grid, chance = one.grid, one.chance
    deaths = Counter[str]()
    try:
        one.killer.start()
        jobs = {}
        for _ in range(40):
            kind = chance.choice(["y", "n", "", "continuous"])
            jobs[some_job(grid, kind, chance)] = kind
            if chance.random() < 0.6:
                grid.wait("a pod is there", lambda: bool(grid.pods()))
                deaths["launchers"] += grid.kill_launcher(chance.choice(grid.pods() or [""]))
            if chance.random() < 0.4:
                grid.wait("a program has died", lambda: kill_some_program(grid, chance))
                deaths["programs"] += 1
        with open(f"{grid.home}/enough", "w", encoding="ascii"):
            pass
        for pid in open_pids(grid):
            if of_home(pid, grid.home) and b"600" in command_of(pid):
                os.kill(pid, signal.SIGKILL)  # continuous ones that were past their look at the file
        grid.wait("all are over", lambda: grid.phases() == Counter(Finished=40), limit_s=120)
        one.end_killing()
        assert deaths["launchers"] > 3 and deaths["programs"] > 1, deaths
        check_attempts(one, jobs)
        print(f"seed {seed}: {dict(deaths)}, {len(one.kills)} daemons")  # noqa: T201  (for who runs it by hand)
    finally:
        one.end_killing()
        grid.close()


def open_pids(grid: Grid) -> list[int]:
    with open(f"{grid.home}/pids", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def command_of(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


def check_attempts(one: Round, jobs: dict[int, str]) -> None:
    """No run of a job twice; a record for each attempt; who may not run again ran once."""
    assert len(one.lines()) == len(set(one.lines()))
    runs = one.seen()
    records = one.grid.records()
    for number, kind in jobs.items():
        restarted = runs.get((number, 0), [])
        mine = [record for record in records if record.job_number == number]
        if kind in ("n", ""):
            assert len(mine) == 1 and len(restarted) <= 1, (number, kind, restarted, mine)
            assert mine[0].failed in (0, 100), mine
        elif kind == "y":
            # Whoever was killed several times was started again so often; RESTARTED only says that it was.
            assert restarted in (
                [0] * (len(restarted) > 0) + [1] * (len(restarted) - 1),
                [1] * len(restarted),
            )
            assert len(mine) >= len(restarted), (number, restarted, mine)
            assert [record.failed for record in mine[:-1]] == [25] * (len(mine) - 1), mine
        else:
            assert restarted == sorted(restarted), (number, restarted)
            assert [record.failed for record in mine[:-1]] == [25] * (len(mine) - 1), mine


def test_a_reboot_under_load(tmp_path: Path, server: Server) -> None:
    one = Round(tmp_path, 7, server)
    grid = one.grid
    try:
        wait = one.script('[ "$RESTARTED" = 0 ] && exec sleep 300', "exit 0")
        again = [grid.submit(wait, restart="y", mail_options="abe"), grid.submit(wait, continuous=True)]
        once = [grid.submit(wait, mail_options="be"), grid.submit(wait, restart="n")]
        array = grid.submit(wait, tasks=(1, 3, 1), restart="y")
        held = grid.submit(one.script("exit 0"), user_hold=True)
        deferred = grid.submit(one.script("exit 0"), start_time=int(time.time()) + 3600)
        after = grid.submit(one.script("exit 0"), predecessors=(held,))
        grid.wait("all run", lambda: len(one.lines()) == 7)
        assert grid.kill_daemon()
        grid.power_off()
        # The machine is on again, and nobody has done anything yet: nothing runs by itself.
        assert spawn.daemon_pid(grid.state) is None
        grid.command("qstat")  # looking at unfinished jobs is enough
        grid.wait(
            "what ran is over",
            lambda: grid.phases() == Counter(Finished=5, Pending=3),
        )
        assert one.seen() == {
            **{(number, 0): [0, 1] for number in again},
            **{(number, 0): [0] for number in once},
            **{(array, task): [0, 1] for task in (1, 2, 3)},
        }
        records = Counter((record.job_number, record.failed) for record in grid.records())
        assert records == Counter(
            {
                **{(number, failed): 1 for number in again for failed in (25, 0)},
                **{(number, 100): 1 for number in once},
                **{(array, failed): 3 for failed in (25, 0)},
            }
        )
        grid.command(f"qrls {held}")
        grid.wait("the rest", lambda: bool(one.seen().get((held, 0)) and one.seen().get((after, 0))))
        assert (deferred, 0) not in one.seen()
        grid.wait("all mail", lambda: not pending(f"{grid.state}/{paths.SPOOL}"))
        assert all(len(copies) == 1 for copies in one.copies().values())
    finally:
        grid.close()


def test_a_late_daemon_ends_nothing_of_another_grid(tmp_path: Path, server: Server) -> None:
    """Two state directories of one user have jobs of the same number, at the same place in the spool."""
    number = str(random.SystemRandom().randrange(100_000, 1_000_000))  # nobody else's
    first, second = (
        Round(tmp_path / name, 1, server, GRIDCOMPAT_FIRST_JOB_ID=number) for name in ("first", "second")
    )
    try:
        assert first.grid.submit(first.script("sleep 1", 'echo >> "$HOME/ended"')) == int(number)
        first.grid.wait("it runs", lambda: bool(first.lines()))
        assert first.grid.kill_daemon()
        first.grid.wait("it ends", lambda: ended(first.grid) == 1)
        uid = first.grid.pods()[0]
        first.grid.wait("its launcher ends", lambda: not first.grid.launcher_lives(uid))
        assert second.grid.submit(second.script("sleep 3")) == int(number)
        second.grid.wait("it runs", lambda: bool(second.lines()))
        first.grid.ensure_daemon()
        for one in (first, second):
            one.grid.wait_until_finished(1)
            assert [(record.failed, record.exit_status) for record in one.grid.records()] == [(0, 0)]
    finally:
        first.grid.close()
        second.grid.close()


def test_a_daemon_that_is_stopped_for_a_while_holds_nobody_up(tmp_path: Path, server: Server) -> None:
    one = Round(tmp_path, 11, server)
    grid = one.grid
    try:
        running = [grid.submit(one.script("sleep 3", 'echo >> "$HOME/ended"')) for _ in range(5)]
        grid.wait("they run", lambda: len(one.lines()) == 5)
        pid = spawn.daemon_pid(grid.state)
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            grid.command("qstat")
            grid.command("qsub -b y -N later true")
            grid.command("qdel 999999", check=False)
            assert time.monotonic() - began < 10
            grid.wait("jobs end without it", lambda: ended(grid) == 5, limit_s=30)
            time.sleep(max(0.0, began + 20 - time.monotonic()))  # the time itself is what is tried
        finally:
            os.kill(pid, signal.SIGCONT)
        grid.wait("all is done", lambda: grid.phases() == Counter(Finished=6))
        assert spawn.daemon_pid(grid.state) == pid
        assert {record.failed for record in grid.records()} == {0}
        assert len(grid.records()) == 6 and len(one.lines()) == len(running)
    finally:
        grid.close()


def ended(grid: Grid) -> int:
    try:
        return os.path.getsize(f"{grid.home}/ended")
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("seed", range(3))
def test_the_power_is_cut_under_load(tmp_path: Path, server: Server, seed: int) -> None:
    """A copy of the state at some moment, with files half written, is a state that a daemon goes on with."""
    one = Round(tmp_path, seed, server)
    copy = str(tmp_path / "copy")
    chance = random.Random(seed)
    thread = threading.Thread(target=submit_some, args=(one,))
    try:
        one.grid.ensure_daemon()
        thread.start()
        time.sleep(chance.uniform(0.5, 3.0))
        cut(one.grid, copy)
    finally:
        thread.join()
        one.grid.close()
    os.rename(one.grid.state, tmp_path / "gone")
    os.rename(copy, one.grid.state)
    grid = Grid(tmp_path, GRIDCOMPAT_SMTP=server.address)
    try:
        tear(grid, chance)
        before = [(record.job_number, record.task_number) for record in grid.records()]
        grid.command("qstat")
        grid.ensure_daemon()
        grid.wait(
            "all is over",
            lambda: set(grid.phases()) <= {"Finished", "new"},
            limit_s=120,
        )
        assert "Traceback" not in grid.log(), grid.log()
        records = Counter((r.job_number, r.task_number) for r in grid.records() if r.failed != 25)
        assert max(records.values(), default=0) <= 1, records.most_common(3)
        assert set(before) <= set(records) | {(r.job_number, r.task_number) for r in grid.records()}
        with open(f"{grid.state}/{paths.ACCOUNTING}", "rb") as file:
            lines = [line for line in file.read().split(b"\n") if line and not line.startswith(b"#")]
        torn = [line for line in lines if line.count(b":") < 44]
        assert torn in ([], [b"task:host:group:own"])  # no journal told of it: left, in a line of its own
        grid.command("qacct")
    finally:
        grid.close()


def submit_some(one: Round) -> None:
    for kind in ["plain", "array", "mailing", "failing", "limited array", "plain", "plain", "dependent"] * 3:
        one.one_of(kind)


def cut(grid: Grid, target: str) -> None:
    """Copy the state as a disk without power would have it: all of it at one moment.

    The daemon stands still meanwhile, for its files fit together only as of one moment.
    """
    os.mkdir(target, 0o700)
    with grid.cluster._database.writing():  # the daemon is in no transaction then
        daemon = spawn.daemon_pid(grid.state)
        if daemon is not None:
            os.kill(daemon, signal.SIGSTOP)
        try:
            copy_state(grid, target)
        finally:
            if daemon is not None:
                os.kill(daemon, signal.SIGCONT)


def copy_state(grid: Grid, target: str) -> None:
    for name in (paths.DATABASE, f"{paths.DATABASE}-wal"):
        shutil.copyfile(f"{grid.state}/{name}", f"{target}/{name}")
    for name in os.listdir(grid.state):
        path = f"{grid.state}/{name}"
        if os.path.isdir(path):
            try:
                shutil.copytree(path, f"{target}/{name}", copy_function=copy_if_there)
            except shutil.Error:
                pass  # what was deleted meanwhile; the rest is copied


def copy_if_there(source: str, target: str) -> None:
    """Files come and go meanwhile, and pipes have no content."""
    try:
        if os.path.isfile(source):
            shutil.copy2(source, target)
    except FileNotFoundError:
        pass


def tear(grid: Grid, chance: random.Random) -> None:
    """What was being written: a torn commit, a torn line, files of which half is there."""
    with open(f"{grid.state}/{paths.DATABASE}-wal", "ab") as file:
        file.write(chance.randbytes(chance.randrange(1, 5000)))
    with open(f"{grid.state}/{paths.ACCOUNTING}", "ab") as file:
        file.write(b"task:host:group:own")
    for name in os.listdir(f"{grid.state}/{paths.SPOOL}"):
        if os.path.isdir(f"{grid.state}/{paths.SPOOL}/{name}"):
            with open(f"{grid.state}/{paths.SPOOL}/{name}/.half", "wb") as file:
                file.write(b'{"mail": {"mess')


def test_the_disk_is_full_for_a_while(tmp_path: Path, server: Server) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    os.mkdir(tmp_path / "grid")
    where = os.fsencode(tmp_path / "grid")
    if libc.mount(b"none", where, b"tmpfs", 0, b"size=24m,mode=0700") != 0:
        pytest.skip(f"needs the right to mount a small disk: {os.strerror(ctypes.get_errno())}")
    one = Round(tmp_path / "grid", 5, server)
    grid = one.grid
    filler = f"{grid.home}/filler"
    try:
        for _ in range(4):
            for kind in ("plain", "mailing", "array", "failing", "requeued"):
                one.one_of(kind)
            with open(filler, "wb", buffering=0) as file:
                try:
                    while file.write(b"x" * 65536):
                        pass
                except OSError:
                    pass
            time.sleep(1.5)  # a while without room, whatever is under way
            os.unlink(filler)
        grid.ensure_daemon()
        numbers = {number for number, _ in one.runs}
        grid.wait("over", lambda: settled(grid, len(numbers)), limit_s=120)
        records = Counter((r.job_number, r.task_number) for r in grid.records() if r.exit_status != 99)
        assert max(records.values()) == 1, records.most_common(3)
        lines = one.lines()
        assert len(lines) == len(set(lines))
        errors = {number for number, job in grid.jobs().items() if job["status"].get("errors")}
        assert {number for number, _ in records} | errors == numbers
        print(f"{len(errors)} jobs in Eqw for want of room")  # noqa: T201  (for who runs it by hand)
    finally:
        grid.close()
        assert libc.umount2(where, 2) == 0


def settled(grid: Grid, count: int) -> bool:
    """Whether every job is over or waits in an error state."""
    jobs = grid.jobs().values()
    return len(jobs) == count and all(
        (job.get("status") or {}).get("phase") == "Finished"
        or (
            job["status"].get("errors")
            and not job["status"].get("running")
            and not job["status"].get("pending")
        )
        for job in jobs
    )

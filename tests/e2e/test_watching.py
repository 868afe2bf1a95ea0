"""`gridcompat watch` and `top` with real jobs of the embedded cluster, through a pipe and on a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from grid_in_a_directory import ROOT, Grid

from gridcompat.translate import ranges

LIMIT_S = 60.0


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    grid = Grid(tmp_path, GRIDCOMPAT_OWNER="tester")
    yield grid
    grid.close()


class Terminal:
    """A command on a pseudo terminal."""

    def __init__(self, grid: Grid, *words: str, leader: bool = True, command: str = "watch") -> None:
        self.main, self.side = pty.openpty()
        self.resize(100, 12)
        self.before = termios.tcgetattr(self.side)
        self.seen = ""
        self.process = subprocess.Popen(
            [f"{ROOT}/bin/gridcompat", command, *words],
            env={**grid.environment, "TERM": "xterm"},
            cwd=grid.home,
            stdin=self.side,
            stdout=self.side,
            stderr=self.side,
            start_new_session=leader,
            process_group=None if leader else 0,
        )

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait_for(self, text: str) -> None:
        """Read until a text has come since the last call."""
        deadline = time.monotonic() + LIMIT_S
        while text not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.main], [], [], left)[0], (text, self.seen)
            self.seen += os.read(self.main, 65536).decode()
        self.seen = self.seen.partition(text)[2]

    def type(self, keys: str) -> None:
        os.write(self.main, keys.encode())

    def ended(self) -> int:
        """Wait for the end, which must leave the terminal as it was; return the status."""
        self.wait_for("\x1b[?1049l")
        status = self.process.wait(LIMIT_S)
        assert termios.tcgetattr(self.side) == self.before
        return status

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.side)


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    made: list[Terminal] = []
    yield made
    for one in made:
        one.close()


def test_a_pipe_gets_each_change_and_the_end(grid: Grid) -> None:
    number = grid.submit(grid.script("sleep 1"), user_hold=True)
    with subprocess.Popen(
        [f"{ROOT}/bin/gridcompat", "watch", "--until-done", str(number)],
        env=grid.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        first = watching.stdout.readline()
        grid.command(f"qrls {number}")
        rest = watching.stdout.readlines()
        assert watching.wait(LIMIT_S) == 0
    changes = [line.split(" ", 2) for line in (first, *rest)]
    assert all(one[1] == str(number) for one in changes)
    steps = [one[2].strip().removeprefix("job ").split(" → ") for one in changes]
    assert steps[0] == ["-", "hqw"]
    assert steps[-1][1] == "ended"
    assert all(one[1] == next_one[0] for one, next_one in pairwise(steps))


def test_json_has_the_same_changes_an_object_each(grid: Grid) -> None:
    number = grid.submit(grid.script("exit 0"))
    lines = grid.command(f"gridcompat watch --json --until-done {number}").splitlines()
    told = [json.loads(line) for line in lines]
    assert all(one["id"] == number and one["name"] == "job" and one["tasks"] is None for one in told)
    assert not told or (told[0]["old"], told[-1]["new"]) == (None, None)
    assert all(one["new"] == next_one["old"] for one, next_one in pairwise(told))


def test_once_is_what_qstat_shows(grid: Grid) -> None:
    grid.submit(grid.script("exit 0"), user_hold=True)
    assert grid.command("gridcompat watch --once") == grid.command("qstat") != ""


def test_an_id_that_ended_is_done_and_an_unknown_one_is_refused(grid: Grid) -> None:
    number = grid.submit(grid.script("exit 3"))
    grid.wait_until_finished(1)
    assert grid.command(f"gridcompat watch --until-done {number}") == ""
    done = subprocess.run(
        [f"{ROOT}/bin/gridcompat", "watch", "--until-done", "999"],
        env=grid.environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "Error: nothing is known of a job '999'\n")


def test_a_terminal_is_drawn_on_resized_and_given_back(grid: Grid, terminals: list[Terminal]) -> None:
    number = grid.submit(grid.script("sleep 1"), user_hold=True, name="\x1b]0;evil\x07")
    terminal = Terminal(grid)
    terminals.append(terminal)
    terminal.wait_for("\x1b[?1049h")
    terminal.wait_for("^[]0;evil^G")
    terminal.resize(30, 2)
    os.kill(terminal.process.pid, signal.SIGWINCH)
    terminal.wait_for("\x1b[H")
    terminal.wait_for("…")
    terminal.resize(100, 12)
    os.kill(terminal.process.pid, signal.SIGWINCH)
    terminal.wait_for(" hqw ")
    grid.command(f"qrls {number}")
    terminal.wait_for("no jobs")
    terminal.type("q")
    assert terminal.ended() == 0


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_gives_the_terminal_back(
    grid: Grid, terminals: list[Terminal], number: signal.Signals, status: int
) -> None:
    grid.submit(grid.script("exit 0"), user_hold=True)
    terminal = Terminal(grid)
    terminals.append(terminal)
    terminal.wait_for(" hqw ")
    os.kill(terminal.process.pid, number)
    assert terminal.ended() == status


def test_a_terminal_is_given_back_when_everything_is_done(grid: Grid, terminals: list[Terminal]) -> None:
    number = grid.submit(grid.script("exit 0"), user_hold=True)
    terminal = Terminal(grid, "--until-done")
    terminals.append(terminal)
    terminal.wait_for(" hqw ")
    grid.command(f"qrls {number}")
    assert terminal.ended() == 0


def test_leaving_before_everything_is_done_is_not_success(grid: Grid, terminals: list[Terminal]) -> None:
    grid.submit(grid.script("exit 0"), user_hold=True)
    terminal = Terminal(grid, "--until-done")
    terminals.append(terminal)
    terminal.wait_for(" hqw ")
    terminal.type("q")
    assert terminal.ended() == 130


def test_stopped_by_the_shell_the_terminal_is_given_back_until_it_goes_on(
    grid: Grid, terminals: list[Terminal]
) -> None:
    grid.submit(grid.script("exit 0"), user_hold=True)
    terminal = Terminal(grid, leader=False)
    terminals.append(terminal)
    terminal.wait_for(" hqw ")
    pid = terminal.process.pid
    os.kill(pid, signal.SIGTSTP)
    terminal.wait_for("\x1b[?1049l")
    assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
    assert termios.tcgetattr(terminal.side) == terminal.before
    os.kill(pid, signal.SIGCONT)
    terminal.wait_for("\x1b[?1049h")
    terminal.wait_for(" hqw ")
    terminal.type("q")
    assert terminal.ended() == 0


def test_each_task_of_an_array_is_heard_of(grid: Grid) -> None:
    number = grid.submit(grid.script("exit 0"), tasks=(1, 3, 1), user_hold=True)
    with subprocess.Popen(
        [f"{ROOT}/bin/gridcompat", "watch", "--until-done", "-u", "*"],
        env=grid.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline().split()[1:] == [f"{number}.1-3:1", "job", "-", "→", "hqw"]
        grid.command(f"qrls {number}")
        rest = [line.split() for line in watching.stdout]
        assert watching.wait(LIMIT_S) == 0
    ended: set[int] = set()
    for words in rest:
        if words[-1] == "ended":
            ended |= set(ranges.members(ranges.parse(words[1].partition(".")[2])))
    assert ended == {1, 2, 3}


# ---------------------------------------------------------------- top


def test_top_adds_up_what_runs_and_what_waits(grid: Grid) -> None:
    grid.submit(grid.script("sleep 60"))
    grid.submit(grid.script("exit 0"), tasks=(1, 3, 1), user_hold=True)
    deadline = time.monotonic() + LIMIT_S
    while True:
        found = json.loads(grid.command("gridcompat top --json"))
        if found["total"]["running"] == 1:
            break
        assert time.monotonic() < deadline, found
    assert (found["total"]["jobs"], found["total"]["held"], found["total"]["slots"]) == (2, 3, 1)
    assert found["queues"][0] == {"queue": "task", "used": 1, "total": 100, "running": 1}
    assert [one["owner"] for one in found["owners"]] == ["tester"]
    assert found["daemon"]["works"] is True
    printed = grid.command("gridcompat top --by owner")
    assert "1 running, 0 waiting, 3 held" in printed and "\x1b" not in printed


def test_top_is_drawn_on_a_terminal_follows_and_gives_it_back(grid: Grid, terminals: list[Terminal]) -> None:
    number = grid.submit(grid.script("sleep 1"), user_hold=True)
    terminal = Terminal(grid, command="top")
    terminals.append(terminal)
    terminal.wait_for("\x1b[?1049h")
    terminal.wait_for("1 held")
    terminal.type("j")
    terminal.wait_for("job-ID")
    grid.command(f"qrls {number}")
    terminal.wait_for("0 jobs of 0 owners")
    terminal.type("q")
    assert terminal.ended() == 0

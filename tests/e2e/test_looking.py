"""Looking is enough: a job whose daemon died is recorded, and a script that waits for its end sees it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from grid_in_a_directory import Grid

from gridcompat.cluster.embedded import spawn


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    grid = Grid(tmp_path)
    yield grid
    grid.close()


@pytest.mark.parametrize("line", ["qstat", "qstat -j 1000", "qstat -xml", "job job"])
def test_whoever_looks_at_an_unfinished_job_brings_the_daemon_back(grid: Grid, line: str) -> None:
    number = grid.submit(grid.script("sleep 1"))
    grid.wait("it runs", lambda: bool(grid.runs_of(number)))
    assert grid.kill_daemon()
    grid.command(line, check=False)
    grid.wait("it is recorded", lambda: len(grid.records()) == 1)


def test_looking_at_an_empty_grid_starts_nothing(grid: Grid) -> None:
    assert grid.command("qstat") == ""
    assert not spawn.daemon_lives(grid.state)


def test_a_daemon_that_cannot_start_does_not_keep_anybody_from_looking(grid: Grid) -> None:
    grid.submit(grid.script("exit 0"), user_hold=True)
    assert grid.kill_daemon()
    (Path(grid.state) / "daemon.log").unlink(missing_ok=True)
    (Path(grid.state) / "daemon.log").mkdir()
    assert "hqw" in grid.command("qstat")

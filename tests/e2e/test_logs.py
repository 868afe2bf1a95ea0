"""`gridcompat logs` with real jobs of the embedded cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from grid_in_a_directory import Grid


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    grid = Grid(tmp_path)
    yield grid
    grid.close()


def test_output_is_followed_to_the_end_and_its_path_told(grid: Grid) -> None:
    number = grid.submit(grid.script("echo begin", "sleep 1", "echo end"))
    assert grid.command(f"gridcompat logs -f {number}").endswith("begin\nend\n")
    path = f"{grid.home}/job.o{number}"
    assert grid.command(f"gridcompat logs --path {number}") == f"{path}\n"
    assert grid.command("gridcompat logs -n 1 job") == f"==> {path} <==\nend\n"


def test_a_job_that_waits_says_where_its_output_will_be(grid: Grid) -> None:
    number = grid.submit(grid.script("exit 0"), user_hold=True)
    assert grid.command(f"gridcompat logs {number}") == f"{grid.home}/job.o{number} (will be written)\n"

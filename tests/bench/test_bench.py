"""The measuring itself: figures are medians, ratios compare what was measured together."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from .__main__ import Results, in_turn, main, parse, table
from .grid import Grid, NoGrid
from .systems import System, fill, jobs, timed

COMMANDS = {
    # As much of a grid as a folder can be: a job is a file.
    "qsub": "n=$(cat next); echo $((n+1)) > next; touch job.$n; echo Your job $n has been submitted",
    "qresub": 'for i; do n=$(cat next); echo $((n+1)) > next; touch job.$n; done',
    "qdel": 'for i; do rm job.$i || exit 1; done',
    "qstat": 'echo job-ID; echo ---; for f in job.*; do [ -e $f ] && echo "${f#job.} 0.5 x qw"; done; true',
    "slow": "sleep 0.05",
    "bad": "echo no >&2; exit 3",
}  # fmt: skip


class Folder:
    """A folder that answers like a grid."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.commands = str(directory)
        self.environment: Mapping[str, str] = {"PATH": "/usr/bin:/bin", "HOME": str(directory)}
        (directory / "next").write_text("1000\n")
        for command, text in COMMANDS.items():
            (directory / command).write_text(f"#!/bin/sh\n{text}\n")
            (directory / command).chmod(0o755)

    def has(self, command: str) -> bool:
        return command in COMMANDS

    def process(self) -> int | None:
        return None

    def close(self) -> None:
        raise AssertionError("closed by somebody else")


@pytest.fixture
def system(tmp_path: Path) -> System:
    return Folder(tmp_path, "gridcompat")


@pytest.mark.parametrize("wanted", [0, 1, 7, 64, 0])
def test_filling_makes_exactly_so_many_jobs(system: System, wanted: int) -> None:
    for number in (wanted, 3, wanted):
        fill(system, number)
        assert len(jobs(system)) == number


def test_a_time_is_wall_time_and_a_failure_is_no_measurement(system: System) -> None:
    assert 0.05 <= timed(system, ["slow"]) < 5
    with pytest.raises(RuntimeError, match="bad: status 3"):
        timed(system, ["bad"])


def test_systems_take_turns(tmp_path: Path) -> None:
    order: list[str] = []
    systems: list[System] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        systems.append(Folder(tmp_path / name, name))
    in_turn(systems, 3, lambda measured: order.append(measured.name))
    assert order == ["one", "two", "two", "one", "one", "two"]


def test_ratios_are_ours_over_the_others_median(tmp_path: Path) -> None:
    results = Results()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours, grid = Folder(tmp_path / "a", "gridcompat"), Folder(tmp_path / "b", "grid")
    for value in (0.03, 0.01, 0.02):
        results.add("qsub", ours, value)
    for value in (0.05, 0.04, 0.9):
        results.add("qsub", grid, value)
    results.add("memory", grid, 70.0, "MiB")
    rows = results.rows()
    assert [(row["system"], row["median"], row["n"], row["gridcompat is"]) for row in rows] == [
        ("gridcompat", 0.02, 3, None),
        ("grid", 0.05, 3, 0.4),
        ("grid", 70.0, 1, None),
    ]
    text = table(rows)
    assert "qsub [s]" in text
    assert "0.4 times that" in text
    assert "memory [MiB]" in text


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--parts", "start,nonsense"])
    assert "no such part: nonsense" in capsys.readouterr().err
    assert parse(["--parts", "start", "--sizes", "0,10"]).sizes == [0, 10]


def test_without_the_packages_there_is_no_grid_and_the_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(f"{Grid.__module__}.NEEDED", ("/nonexistent/qmaster",))
    with pytest.raises(NoGrid, match="no /nonexistent/qmaster"):
        Grid().start()
    assert main(["--only", "grid", "--out", str(tmp_path), "--parts", "start"]) == 0
    assert (
        "no real grid beside: Debian's gridengine packages are not all installed" in capsys.readouterr().err
    )
    assert [name.startswith("bench-") for name in os.listdir(tmp_path)] == [True]

"""What a job on one machine finds of the grid, and what is found of the job when it ends."""

from __future__ import annotations

import os
from pathlib import Path

from gridcompat import settings
from gridcompat.cluster.embedded.container import cookies
from gridcompat.cluster.embedded.processes import members
from gridcompat.daemon import commands_directory

ROOT = Path(__file__).resolve().parents[3]


def load(spool: Path | str, **more: str) -> tuple[str, str]:
    found, origins = settings.load(
        {"SGE_JOB_SPOOL_DIR": str(spool), **more}, home="/nonexistent", uid=os.getuid()
    )
    return found.state_dir, origins.get("state_dir", "")


def test_commands_in_a_job_find_the_cluster_that_runs_it(tmp_path: Path) -> None:
    (tmp_path / "cluster").write_text("/some/state\n")
    assert load(tmp_path) == ("/some/state", "SGE_JOB_SPOOL_DIR")


def test_a_variable_wins_over_the_job(tmp_path: Path) -> None:
    (tmp_path / "cluster").write_text("/some/state\n")
    assert load(tmp_path, GRIDCOMPAT_STATE="/other") == ("/other", "GRIDCOMPAT_STATE")


def test_a_spool_directory_that_is_gone_or_a_real_grids_says_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "gone") == ("", "")
    assert load(tmp_path) == ("", "")


def test_the_checkouts_commands_are_named_when_no_standard_directory_has_them() -> None:
    assert commands_directory() == str(ROOT / "bin")


def test_cookies_are_whole_assignments(tmp_path: Path) -> None:
    assert cookies(str(tmp_path), "u-1") == (b"GRIDCOMPAT_POD_UID=u-1",)
    (tmp_path / "active").write_text("/spool/host/active_jobs/7.1\n")
    assert cookies(str(tmp_path), "u-1")[1] == b"SGE_JOB_SPOOL_DIR=/spool/host/active_jobs/7.1"


def test_only_processes_with_the_whole_cookie_are_members() -> None:
    name, value = next(iter(os.environ.items()))
    assert os.getpid() not in members([f"{name}={value}".encode()])  # never this process itself
    assert members([b"GRIDCOMPAT_TEST_COOKIE=nobody has this"]) == []

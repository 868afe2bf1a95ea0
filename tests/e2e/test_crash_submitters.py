"""Submitters die before and after each write: a whole job is left, or none, and no name is locked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING

import pytest
from grid_in_a_directory import Grid

from gridcompat.accounting import AccountingFile
from gridcompat.cluster.base import GRID_ACCOUNT, SECRET
from gridcompat.cluster.embedded import paths
from gridcompat.controller.reconcile import Reconciler
from gridcompat.model import JobRequest, Submission, SubmitContext
from gridcompat.service.means import Means
from gridcompat.service.submit import AlreadyActive, submit
from gridcompat.translate import grid_job as objects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gridcompat.cluster.base import K8sObject

DYING = os.path.join(os.path.dirname(os.path.abspath(__file__)), "dying_submitter.py")
TEN_MINUTES_S = 600.0


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    made = Grid(tmp_path)
    yield made
    made.close()


class Clock:
    """Seconds that only pass when somebody says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def die(grid: Grid, at: int, when: str, words: list[str]) -> bool:
    """Run a command that dies at its n-th write; False if it had fewer."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", DYING, str(at), when, *words],
        env=grid.environment,
        cwd=grid.home,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, -signal.SIGKILL), done
    return done.returncode != 0


def deaths(grid: Grid, words: list[str]) -> int:
    """Let a command die at each of its writes, each time under another name; return how many it has."""
    for at in count(1):
        died = [
            die(grid, at, when, [*words[:1], "-N", f"{when}{at}", *words[1:]]) for when in ("before", "after")
        ]
        if not any(died):
            return at - 1
    raise AssertionError


def whole(grid: Grid, job: K8sObject) -> bool:
    """Whether a job can run: it is ready, and its Secret is there if it has a script."""
    if not job["spec"]["ready"]:
        return False
    if objects.read_request(job["spec"]["request"]).has_script:
        assert grid.cluster.get(SECRET, objects.secret_name(job), namespace="default")["data"]["script"]
    return True


@pytest.mark.parametrize(
    "words",
    [
        ["qsub", "script.sh"],
        ["qsub", "-b", "y", "true"],
        ["qsub", "-v", "A=1", "-b", "y", "true"],
        ["qsub", "-t", "1-3", "script.sh"],
        ["jsub", "-once", "true"],
        ["jsub", "-once", "script.sh"],
        ["jsub", "-once", "-continuous", "true"],
    ],
    ids=" ".join,
)
def test_a_submitter_that_dies_leaves_a_whole_job_or_none(grid: Grid, words: list[str]) -> None:
    with open(f"{grid.home}/script.sh", "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nexit 0\n")
    os.chmod(f"{grid.home}/script.sh", 0o755)
    words = [f"{grid.home}/{word}" if word == "script.sh" else word for word in words]
    writes = deaths(grid, words)
    assert writes >= 2
    left = grid.jobs()
    assert len({job["spec"]["nonce"] for job in left.values()}) == len(left)
    taken = grid.cluster.get(GRID_ACCOUNT, "account", namespace="default")["status"]["nextId"]
    assert all(number < taken for number in left)

    unready = {number for number, job in left.items() if not whole(grid, job)}
    if "-once" in words:
        names = [f"{when}{at}" for at in range(1, writes + 1) for when in ("before", "after")]
        assert sorted(name for name in names if freed(grid, name)) == sorted(
            set(names) - {left[number]["spec"]["jobName"] for number in left.keys() - unready}
        )
    after_ten_minutes(grid)
    phases = {number: job["status"]["phase"] for number, job in grid.jobs().items()}
    assert {number for number in left if phases[number] == "Void"} == unready
    grid.ensure_daemon()
    grid.wait("whole jobs run", lambda: "Active" not in grid.phases() and "Pending" not in grid.phases())
    ended = {one.job_number for one in grid.records()}
    assert ended == {number for number, job in grid.jobs().items() if not job["spec"]["void"]} - unready


def freed(grid: Grid, name: str) -> bool:
    """Submit with -once under a name; True if that worked, which takes at most ten seconds and a pause."""
    clock = Clock()
    context = SubmitContext(
        home=grid.home, host="here", log_name="tester", shell="/bin/sh", workdir=grid.home
    )
    request = JobRequest(
        name=name, script_file="true", binary=True, has_script=False, once=True, submit=context
    )
    began = clock.now
    try:
        submit(
            grid.cluster,
            grid.settings,
            Submission(request=request),
            namespace="default",
            means=Means(monotonic=clock.monotonic, sleep=clock.sleep),
        )
    except AlreadyActive:
        return False
    assert clock.now - began < 13
    return True


def after_ten_minutes(grid: Grid) -> None:
    """The controller looks at everything, and again when its clock has gone on by ten minutes."""
    clock = Clock()
    accounting = AccountingFile(f"{grid.state}/{paths.ACCOUNTING}")
    assert accounting.lock()
    try:
        controller = Reconciler(
            grid.cluster,
            grid.settings,
            accounting=accounting,
            spool=f"{grid.state}/{paths.SPOOL}",
            clock=clock.monotonic,
            monotonic=clock.monotonic,
            log=print,
        )
        controller.begin()
        for _ in range(2):
            while controller.step():
                pass
            clock.now += TEN_MINUTES_S + 1
        while controller.step():
            pass
    finally:
        accounting.close()

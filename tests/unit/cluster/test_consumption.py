"""What the processes of a pod use is read from /proc, and nobody else's is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcompat.cluster.embedded.consumption import measure

# Uses a tenth of a second, reads and writes, and waits to be told to end.
PROGRAM = """
import os, sys, time
while sum(os.times()[:2]) < 0.1: pass
sys.stdout.write("x" * 65536 + "\\n"); sys.stdout.flush()
sys.stdin.read()
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """A launcher and two programs, of which one is another pod's."""
    pods = tmp_path / "pods" / "uid-1"
    pods.mkdir(parents=True)
    (pods / "active").write_text("/spool/1\n")
    environments = ({"GRIDCOMPAT_POD_UID": "uid-1"}, {"SGE_JOB_SPOOL_DIR": "/spool/1"}, {"X": "uid-1"})
    found = []
    for environment in environments:
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", PROGRAM],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        found.append(process)
    yield found
    for process in found:
        process.communicate()


def test_a_pod_s_program_is_measured(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    found = measure(str(tmp_path), ["uid-1", "uid-2"])
    assert list(found) == ["uid-1"]
    one = found["uid-1"]
    with open(f"/proc/{started[1].pid}/statm", encoding="ascii") as file:
        pages = int(file.read().split()[0])
    assert one.vmem == pages * os.sysconf("SC_PAGE_SIZE"), "the launcher and others do not count"
    assert one.peak >= one.vmem
    assert 0.1 <= one.cpu_s < 5
    assert one.io >= 65536


def test_a_pod_without_processes_is_not_there(tmp_path: Path) -> None:
    assert measure(str(tmp_path), ["uid-1"]) == {}

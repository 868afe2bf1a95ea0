"""What `gridcompat check` says of a line is what happens when cron's shell runs it, on one machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "bin"

REFUSED = (
    "qsub -q long.q -b y true",
    "qsub -pe openmpi 8 -b y true",
    "qsub -P research -b y true",
    "qsub -l gpu=1 -b y true",
    "qsub -ckpt blcr -b y true",
    "qsub -ar 3 -b y true",
    "qsub -now y -b y true",
    "qsub -N a:b -b y true",
    "qsub -foo true",
    "jsub -mem lots true",
    "jsub -q long.q -stderr true",
    "qsub directives.sh",
    "echo '#$ -q short.q' | qsub",
    "cd sub && qsub ../directives.sh",
    "qalter -q nosuch 1000",
    "qmod -d task",
    "qconf -mq task",
    "qrsh true",
    "qmake all",
)
TAKEN = (
    "qsub -q task -b y true",
    "qsub -binding linear:4 -R y -b y true",
    "qsub -l num_proc=4 -b y true",
    "qsub -soft -l arch=lx-amd64 -b y true",
    "qsub -now n -b y true",
    "echo 'sleep 0' | qsub -N piped",
    "qsub -C '#PBS' directives.sh",
    "jsub -b y -N mine -stderr true",
    "qstat -ext",
    "qstat -u '*' | cat",
    "qselect",
    "for i in 1 2; do qsub -N a$i -b y true; done",
    "test -e nosuch || qsub -b y true",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with a job that waits for good, which changes can be tried on."""
    place = tmp_path_factory.mktemp("home")
    (place / "sub").mkdir()
    (place / "directives.sh").write_text("#!/bin/sh\n#$ -q long.q\n#PBS -N other\nexit 0\n")
    (place / "directives.sh").chmod(0o755)
    assert run("qsub -h -b y -N waiting true", place).returncode == 0
    yield place
    run("qdel -u $LOGNAME", place)
    run("gridcompat local stop", place)


def surroundings(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "LOGNAME": "tool",
        "SHELL": "/bin/sh",
        "PATH": f"{BIN}:/usr/bin:/bin",
        "GRIDCOMPAT_STATE": str(home / ".state"),
    }


def run(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env=surroundings(home),
        cwd=home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def outcome(command: str, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(BIN / "gridcompat"), "check", "--json", "--crontab", "-"],
        env={**os.environ, **surroundings(home)},
        cwd=home,
        input=f"0 1 * * * {command}\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    (line,) = json.loads(done.stdout)["files"][0]["lines"]
    return str(line["outcome"])


@pytest.mark.parametrize("command", REFUSED)
def test_what_is_refused_in_the_report_fails_when_it_is_run(command: str, home: Path) -> None:
    assert outcome(command, home) == "refused"
    done = run(command, home)
    assert done.returncode != 0
    assert done.stderr or done.stdout


@pytest.mark.parametrize("command", TAKEN)
def test_what_is_not_refused_in_the_report_works_when_it_is_run(command: str, home: Path) -> None:
    assert outcome(command, home) in ("same", "different")
    done = run(command, home)
    assert (done.returncode, done.stderr) == (0, "")

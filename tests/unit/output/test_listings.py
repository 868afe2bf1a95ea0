"""The listing commands print, byte for byte, what the files in `texts/` hold.

The texts were compared with what a live Grid Engine 8.1.9 prints for the same jobs.  A file holds
commands, each with its whole output; `pytest --update-golden` rewrites them, and the difference is reviewed.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from pathlib import Path

import printed_jobs
import pytest
from printed_world import NOW, Result, World, proc

from gridcompat.accounting import Entry, line
from gridcompat.commands import _hosts
from gridcompat.record import replace

TEXTS = Path(__file__).parent / "texts"

ENTRY = Entry(
    owner="alice",
    job_name="job.sh",
    job_number=1234,
    group="tools",
    qname="task",
    hostname="node1",
    submission_time=int(NOW) - 100,
    start_time=int(NOW) - 90,
    end_time=int(NOW) - 80,
    ru_wallclock=10,
    ru_utime=0.003,
    ru_stime=0.006,
    ru_maxrss=4752,
    ru_minflt=298,
    cpu=0.009,
    mem=0.5,
    io=0.00002,
    maxvmem=1234567,
)
RECORDS = (
    ENTRY,
    replace(
        ENTRY,
        job_number=1235,
        job_name="arr",
        task_number=3,
        slots=2,
        granted_pe="smp",
        failed=100,
        exit_status=137,
        cpu=61.009,
        mem=100.5,
        maxvmem=1234567890.0,
        iow=1.5,
        category="-q task -l h_rt=60,h_vmem=1G -pe smp 2",
        project="web",
        department="dep",
        account="acc",
    ),
    replace(
        ENTRY,
        job_number=1236,
        owner="averylongownername",
        qname="continuous",
        hostname="averylonghostname.example.org",
        start_time=0,
        end_time=0,
        failed=26,
        ru_wallclock=0,
        group="grp2",
    ),
    replace(ENTRY, job_number=1235, job_name="arr", task_number=4, failed=25, exit_status=99, cpu=123456.789),
    replace(ENTRY, job_number=1237, failed=37, exit_status=152, arid=5, ar_sub_time=int(NOW) - 500),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The grid of `printed_jobs.py`, seen in UTC on a machine whose figures do not change."""
    folder = tmp_path_factory.mktemp("grid")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        patch.setattr(_hosts, "PROC", proc(folder / "proc", printed_jobs.PROC))
        found = World(folder, printed_jobs.SETTINGS)
        printed_jobs.fill(found)
        found.accounting.write_bytes(b"".join(map(line, RECORDS)))
        yield found
        found.cluster.close()
    time.tzset()


def shown(world: World, command: str) -> str:
    """Run a command line; return it and what it printed, with the time of creation blotted out."""
    program, *argv = shlex.split(command)
    result = world.run(program, *argv)
    errors = f"stderr:\n{result.err}" if result.err else ""
    return f"$ {command}\n{settled(result.out + errors)}exit: {result.status}\n"


def settled(text: str) -> str:
    """Text with the instants at which the test's own jobs were made replaced: rows show submission times."""
    now = int(time.time())
    for seconds in range(now - 120, now + 2):
        instant = time.gmtime(seconds)
        for form in ("%m/%d/%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%a %b %e %H:%M:%S %Y"):
            text = text.replace(time.strftime(form, instant), BLOT[form])
        text = text.replace(f"<JB_submission_time>{seconds}<", "<JB_submission_time>SECONDS<")
    return text


BLOT = {
    "%m/%d/%Y %H:%M:%S": "MM/DD/YYYY HH:MM:SS",
    "%Y-%m-%dT%H:%M:%S": "YYYY-MM-DDTHH:MM:SS",
    "%a %b %e %H:%M:%S %Y": "DDD MMM DD HH:MM:SS YYYY",
}


@pytest.mark.parametrize("file", sorted(TEXTS.glob("*.txt")), ids=lambda path: path.stem)
def test_the_commands_print_exactly_this(file: Path, world: World, request: pytest.FixtureRequest) -> None:
    recorded = file.read_text()
    commands = [text[2:] for text in recorded.splitlines() if text.startswith("$ ")]
    assert commands
    found = "\n".join(shown(world, command) for command in commands)
    if request.config.getoption("--update-golden"):
        file.write_text(found)
    assert found == recorded


def test_an_empty_grid_prints_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    for command in ("", "-r", "-ext", "-s p", "-g d", "-u '*'", "-f -ne"):
        assert world.run("qstat", *shlex.split(command)) == Result(status=0, out="", err="")
    empty = world.run("qstat", "-xml").out
    assert empty.endswith("  <queue_info>\n  </queue_info>\n  <job_info>\n  </job_info>\n</job_info>\n")
    world.cluster.close()

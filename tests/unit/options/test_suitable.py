"""-w v, e, w and p with what a site gives out: in the words of a live 8.1.9."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from counted_site import PLACES
from surroundings import context

from gridcompat.errors import Refused
from gridcompat.options import build
from gridcompat.options.context import Context
from gridcompat.record import replace
from gridcompat.settings import load

SITE = (
    """
default_queue = "task"
continuous_queue = "task"
projects = ["bio"]
complexes = ["lic lic INT <= YES YES 0 0", "gpu gpu INT <= YES YES 0 0", "scr scr MEMORY <= YES YES 0 0",
  "joblic jl INT <= YES JOB 0 0", "forc forc BOOL == FORCED NO 0 0", "forcn forcn INT <= FORCED YES 0 0"]
"""
    + PLACES
    + """
[[host]]
name = "vm"
complex_values = { gpu = 3 }
"""
)
QUOTA = """
[[resource_quota]]
name = "maxu"
rules = ["users {*} queues task to slots=3,lic=4"]
[[resource_quota]]
name = "hostsum"
rules = ["hosts {*} to scr=1G"]
"""
CALENDAR = 'calendar = "off"\n[[calendar]]\nname = "off"\nweek = "off"\n'
NOT_FORCED = 'cannot run in queue "forced" because it is not contained in its hard queue list (-q)'
NOT_FORCEDN = 'cannot run in queue "forcedn" because it is not contained in its hard queue list (-q)'
NOT_TASK = 'cannot run in queue "task" because it is not contained in its hard queue list (-q)'
NOT_ASKED = "does not request 'forced' resource \"forc\" of queue instance forced@vm"
NOT_ASKED_N = "does not request 'forced' resource \"forcn\" of queue instance forcedn@vm"
NO_CLUSTER_QUEUE = '(-l scr=3G) cannot run in queue "task" because of cluster queue'
NO_SMP = 'cannot run in PE "smp" because it only offers 0 slots'


def surroundings(text: str, folder: Path) -> Context:
    path = folder / "site.toml"
    path.write_text(text)
    settings = load({"GRIDCOMPAT_CONFIG": str(path)}, home=os.devnull, uid=os.getuid())[0]
    return context({"job.sh": b"true\n"}, settings=settings)


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("-q task -l lic=4", []),
        (
            "-q task -l lic=9",
            [
                NOT_FORCED,
                NOT_FORCEDN,
                "(-l lic=9) cannot run globally because it offers only gc:lic=4.000000",
            ],
        ),
        (
            "-q task -l gpu=4",
            [
                NOT_FORCED,
                NOT_FORCEDN,
                '(-l gpu=4) cannot run at host "vm" because it offers only hc:gpu=3.000000',
            ],
        ),
        ("-q task -l scr=3G", [NOT_FORCED, NOT_FORCEDN, NO_CLUSTER_QUEUE]),
        ("-l scr=3G", [NO_CLUSTER_QUEUE, NOT_ASKED, NOT_ASKED_N]),
        ("-q task -l joblic=2 -pe smp 2", []),
        ("-q task -l joblic=3 -pe smp 2", [NOT_FORCED, NOT_FORCEDN, NO_SMP]),
        (
            "-q task -l lic=2 -pe smp 3",
            [NOT_FORCED, NOT_FORCEDN, 'cannot run in PE "smp" because it only offers 2 slots'],
        ),
        (
            "-q task -l lic=9 -pe smp 2",
            [
                NOT_FORCED,
                NOT_FORCEDN,
                '(-l lic=9) cannot run in queue "global" because it offers only gc:lic=4.000000',
                NO_SMP,
            ],
        ),
        (
            "-q task -l gpu=4 -pe smp 2",
            [
                NOT_FORCED,
                NOT_FORCEDN,
                '(-l gpu=4) cannot run in queue "vm" because it offers only hc:gpu=3.000000',
                NO_SMP,
            ],
        ),
        ("-q task -l scr=3G -pe smp 2", [NOT_FORCED, NOT_FORCEDN, NO_CLUSTER_QUEUE, NO_SMP]),
        ("-q task -l scr=1.5G -pe smp 2", [NOT_FORCED, NOT_FORCEDN, NO_SMP]),
        ("-l forc -pe smp 2", [NO_SMP]),
        ("-q task -l gpu=2 -pe smp 2", [NOT_FORCED, NOT_FORCEDN, NO_SMP]),
        (
            "-l forc -q task",
            [
                NOT_FORCED,
                NOT_FORCEDN,
                '(-l forc=TRUE) cannot run in queue "task@vm" because job requests unknown resource (forc)',
            ],
        ),
        ("-l forc", []),
        ("-q forced", [NOT_FORCEDN, NOT_TASK, NOT_ASKED]),
        ("-q forced,forcedn", [NOT_TASK, NOT_ASKED, NOT_ASKED_N]),
        (
            "-q forcedn -l forcn=4",
            [NOT_FORCED, NOT_TASK, '(-l forcn=4) cannot run in queue "forcedn" because of cluster queue'],
        ),
        (
            "-pe pes 2",
            [
                'cannot run because no access to PE "pes"',
                'cannot run in PE "pes" because it only offers 0 slots',
            ],
        ),
        ("-pe smp 70", [NO_SMP]),
    ],
)
@pytest.mark.parametrize("level", ["v", "p"])
def test_on_an_empty_grid(level: str, words: str, lines: list[str], tmp_path: Path) -> None:
    parsed = build.qsub(["-w", level, *words.split(), "job.sh"], context=surroundings(SITE, tmp_path))
    assert parsed.unsuitable.splitlines() == lines


@pytest.mark.parametrize(
    ("words", "lines"),
    [
        ("-q task", []),
        ("-q task -pe smp 4", [NOT_FORCED, NOT_FORCEDN, NO_SMP]),
        (
            "-q task -l lic=4",
            [],
        ),
        (
            "-q task -l scr=1.5G",
            [
                NOT_FORCED,
                NOT_FORCEDN,
                'cannot run because it exceeds limit "////vm/" in rule "hostsum/1"',
            ],
        ),
    ],
)
def test_quotas_bound_what_can_ever_run(words: str, lines: list[str], tmp_path: Path) -> None:
    parsed = build.qsub(["-w", "v", *words.split(), "job.sh"], context=surroundings(SITE + QUOTA, tmp_path))
    assert parsed.unsuitable.splitlines() == lines


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("-l lic=3", "(-l lic=3) cannot run globally because it offers only gc:lic=2.000000"),
        ("-l gpu=2", '(-l gpu=2) cannot run at host "vm" because it offers only hc:gpu=1.000000'),
        ("-l scr=1G", '(-l scr=1G) cannot run in queue "task@vm" because it offers only qc:scr=512.000M'),
    ],
)
def test_as_the_grid_is(words: str, line: str, tmp_path: Path) -> None:
    taken = {("g", "lic"): 2.0, ("h", "vm", "gpu"): 2.0, ("q", "task", "vm", "scr"): 1.5 * 1024**3}
    now = replace(surroundings(SITE, tmp_path), taken=lambda: taken)
    argv = ["-q", "task", *words.split(), "job.sh"]
    assert build.qsub(["-w", "v", *argv], context=now).unsuitable == ""
    found = build.qsub(["-w", "p", *argv], context=now).unsuitable.splitlines()
    assert found == [NOT_FORCED, NOT_FORCEDN, line]


def test_a_queue_that_is_closed_now_may_run_it_later(tmp_path: Path) -> None:
    now = surroundings(
        SITE.replace('[[queue]]\nname = "forced"', f'{CALENDAR}[[queue]]\nname = "forced"'), tmp_path
    )
    assert build.qsub(["-w", "v", "-q", "task", "job.sh"], context=now).unsuitable == ""
    found = build.qsub(["-w", "p", "-q", "task", "job.sh"], context=now).unsuitable.splitlines()
    assert found[-1] == 'queue instance "task@vm" dropped because it is temporarily not available'


def test_e_refuses_and_w_warns(tmp_path: Path) -> None:
    now = surroundings(SITE, tmp_path)
    with pytest.raises(Refused, match="error: no suitable queues"):
        build.qsub(["-w", "e", "-l", "lic=9", "job.sh"], context=now)
    assert build.qsub(["-w", "w", "-l", "lic=9", "job.sh"], context=now).warnings == (
        "warning: no suitable queues",
    )

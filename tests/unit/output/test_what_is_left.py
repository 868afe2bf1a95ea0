"""What is left of consumables and quotas, and what runs use, in the forms of a live 8.1.9."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from printed_world import NOW, World, running

from gridcompat.model import JobRequest
from gridcompat.output import consumed, qstat_job
from gridcompat.output.consumed import Consumed
from gridcompat.settings import load

SITE = """
default_queue = "task"
continuous_queue = "task"
projects = ["bio"]
complexes = ["lic lic INT <= YES YES 0 0", "gpu gpu INT <= YES YES 0 0", "scr scr MEMORY <= YES YES 0 0",
  "jl jl INT <= YES JOB 0 0", "dbl dbl DOUBLE <= YES YES 0 0", "forc forc BOOL == FORCED NO 0 0"]
[[queue]]
name = "task"
complex_values = { scr = "2G", forc = "TRUE" }
[[queue]]
name = "long"
calendar = "night"
[[calendar]]
name = "night"
week = "mon-fri=6-20"
[[host]]
name = "global"
complex_values = { lic = 10, dbl = "2.5", jl = 2 }
[[host]]
name = "node1"
complex_values = { gpu = 3 }
[[resource_quota]]
name = "maxu"
rules = ["name peruser users {*} queues task to slots=5", "users {*} queues long to slots=5,lic=4"]
[[resource_quota]]
name = "projects"
rules = ["projects bio to slots=2"]
[[resource_quota]]
name = "hostsum"
rules = ["hosts {*} to scr=3G"]
[[resource_quota]]
name = "cores"
rules = ["users * queues !long hosts {*} to slots=$num_proc*3"]
[[resource_quota]]
name = "off"
enabled = false
rules = ["to slots=0"]
[[resource_quota]]
name = "total"
rules = ["to slots=9,jl=2"]
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(SITE)
    settings = load({"GRIDCOMPAT_CONFIG": str(path)}, home=os.devnull, uid=os.getuid())[0]
    made = World(tmp_path_factory.mktemp("world"), settings)

    def job(number: int, asked: str, *, queue: str = "task", slots: int = 1, **fields: Any) -> None:
        resources = tuple(
            (name, value) for name, _, value in (part.partition("=") for part in asked.split(","))
        )
        request = JobRequest(name="j", script_file="j", hard_resources=resources, **fields)
        made.add(number, request, status={"running": [running(queue=queue, slots=slots)]}, slots=slots)

    job(1001, "lic=2,forc=TRUE", slots=2, parallel_environment="smp")
    job(1002, "jl=2,gpu=2,forc=TRUE", project="bio")
    job(1003, "scr=1.5G,forc=TRUE")
    job(1004, "lic=3", queue="long")
    return made


def lines(text: str, *names: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if any(f":{name}=" in line for name in names)]


def test_qhost_shows_what_is_left(world: World) -> None:
    found = lines(world.run("qhost", "-F", "lic,gpu,dbl,jl,scr").out, "lic", "gpu", "dbl", "jl", "scr")
    shared = ["gc:lic=3.000000", "gc:dbl=2.500000", "gc:jl=0.000000"]
    assert [line.removeprefix("Host Resource(s):").strip() for line in found] == [
        *shared,
        *shared,
        "hc:gpu=1.000000",
    ]


def test_qstat_shows_what_is_left_of_each_queue(world: World) -> None:
    shared = ["gc:lic=3", "gc:dbl=2.500000", "gc:jl=0", "hc:gpu=1"]
    assert lines(world.run("qstat", "-F").out, "lic", "gpu", "dbl", "jl", "scr", "forc") == [
        *shared,
        "qc:scr=512.000M",
        "qf:forc=1.000000",
        *shared,
    ]


def test_a_queue_is_found_by_what_it_has_not_by_what_is_left(world: World) -> None:
    assert world.run("qselect", "-l", "gpu=3", "-q", "task").out == "task@node1\n"
    assert world.run("qselect", "-l", "gpu=4").status == 1


def test_a_queue_that_its_calendar_closes_is_in_state_d(world: World) -> None:
    assert world.run("qselect", "-qs", "D").out == "long@node1\n"
    assert " D\n" in world.run("qstat", "-f", "-q", "long").out
    assert world.run("qselect", "-qs", "D", now=NOW - 1).status == 1


HEADER = (
    "resource quota rule limit                filter\n"
    "--------------------------------------------------------------------------------\n"
)
USED = [
    "maxu/peruser       slots=4/5            users alice queues task\n",
    "maxu/2             slots=1/5            users alice queues long\n",
    "maxu/2             lic=3/4              users alice queues long\n",
    "projects/1         slots=1/2            projects bio\n",
    "hostsum/1          scr=1.500G/3.000G    hosts node1\n",
    "cores/1            slots=4/6            users * queues !long hosts node1\n",
    "total/1            slots=5/9            -\n",
    "total/1            jl=2/2               -\n",
]


@pytest.mark.parametrize(
    ("argv", "rows"),
    [
        ([], range(8)),
        (["-u", "*"], range(8)),
        (["-u", "bob"], [3, 4, 5, 6, 7]),
        (["-P", "bio"], range(8)),
        (["-P", "chem"], [0, 1, 2, 4, 5, 6, 7]),
        (["-q", "task"], [0, 3, 4, 5, 6, 7]),
        (["-q", "long"], [1, 2, 3, 4, 6, 7]),
        (["-l", "slots"], [0, 1, 3, 5, 6]),
        (["-l", "lic,scr"], [2, 4]),
        (["-h", "node2"], [0, 1, 2, 3, 6, 7]),
        (["-pe", "smp"], range(8)),
    ],
    ids=str,
)
def test_qquota_shows_what_is_used(
    world: World, argv: list[str], rows: list[int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cpuinfo").write_text("processor : 0\n\nprocessor : 1\n")
    monkeypatch.setattr("gridcompat.commands._hosts.PROC", str(tmp_path))
    found = world.run("qquota", *argv)
    assert found.out == HEADER + "".join(USED[row] for row in rows)
    assert found.status == 0


def test_qquota_as_xml(world: World) -> None:
    found = world.run("qquota", "-xml", "-l", "lic").out
    assert found.splitlines()[2:] == [
        " <qquota_rule name='maxu/2'>",
        "   <users>alice</users>",
        "   <queues>long</queues>",
        "   <limit resource='lic' limit='4' value='3'/>",
        " </qquota_rule>",
        "</qquota_result>",
    ]


@pytest.mark.parametrize(
    ("used", "usage", "columns"),
    [
        (
            None,
            "cpu=00:00:00, mem=0.00000 GB s, io=0.00000 GB, vmem=N/A, maxvmem=N/A",
            "0:00:00:00 0.00000 0.00000 ",
        ),
        (
            Consumed(cpu_s=0.4, io=32 << 10, vmem=3121152, peak=3121152),
            "cpu=00:00:00, mem=0.00116 GB s, io=0.00003 GB, vmem=2.977M, maxvmem=2.977M",
            "0:00:00:00 0.00116 0.00003 ",
        ),
        (
            Consumed(cpu_s=90061.0, io=0, vmem=1 << 30, peak=3 << 30),
            "cpu=1:01:01:01, mem=90061.00000 GB s, io=0.00000 GB, vmem=1.000G, maxvmem=3.000G",
            "1:01:01:01 90061.00000 0.00000 ",
        ),
    ],
    ids=["unknown", "young", "old"],
)
def test_what_a_run_uses(used: Consumed | None, usage: str, columns: str) -> None:
    assert (consumed.usage(used), consumed.columns(used)) == (usage, columns)


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("(-l lic=2) cannot run globally because it offers only gc:lic=1.000000", 20),
        ('(-l gpu=1) cannot run at host "vm" because it offers only hc:gpu=0.000000', 0),
        ('(-l scr=1G) cannot run in queue "task@vm" because it offers only qc:scr=512.000M', 17),
        ('cannot run in queue "long" because it is not contained in its hard queue list (-q)', 6),
        ("does not request 'forced' resource \"forc\" of queue instance forced@vm", 14),
        ('cannot run in PE "smp" because it only offers 0 slots', 24),
        ('cannot run because no access to PE "pes"', 25),
        ('queue instance "q@vm" dropped because it is disabled', 39),
        ('queue instance "q@vm" dropped because it is temporarily not available', 40),
        ('cannot run because it exceeds limit "root/////" in rule "maxu/2"', 50),
        ("0/3 nodes are available", 0),
    ],
)
def test_what_keeps_a_job_has_the_number_of_the_scheduler(line: str, number: int) -> None:
    found = qstat_job.found(line)
    assert (found.number, found.text) == (number, line)
    assert any(kind.number == number and kind.title == found.title for kind in qstat_job.KINDS)

"""What a site gives out is counted, and what waits for it says so in the words of a live 8.1.9."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from counted_site import PLACES

from gridcompat.controller.capacity import Capacity
from gridcompat.controller.shape import Shape, shape_of
from gridcompat.model import JobRequest
from gridcompat.settings import Settings, load

if TYPE_CHECKING:
    from gridcompat.cluster.base import K8sObject

COMPLEXES = """
default_queue = "task"
continuous_queue = "task"
projects = ["bio"]
complexes = ["lic lic INT <= YES YES 0 0", "gpu gpu INT <= YES YES 0 0", "scr scr MEMORY <= YES YES 0 0",
  "joblic jl INT <= YES JOB 0 0", "forc forc BOOL == FORCED NO 0 0", "forcn forcn INT <= FORCED YES 0 0",
  "feat feat STRING == YES NO NONE 0", "num num INT <= YES NO 0 0", "dflt dflt INT <= YES YES 1 0"]
"""
SITE = (
    COMPLEXES
    + PLACES
    + """
[[host]]
name = "vm"
complex_values = { gpu = 3, feat = "fast", num = 7 }
"""
)
QUOTAS = (
    COMPLEXES
    + """
[[queue]]
name = "task"
[[queue]]
name = "long"
[[host]]
name = "global"
complex_values = { lic = 100, joblic = 50, scr = "500G" }
[[resource_quota]]
name = "maxu"
rules = ["name peruser users {*} queues task to slots=3", "users {*} queues long to slots=5,lic=4"]
[[resource_quota]]
name = "projects"
rules = ["projects bio to slots=2"]
[[resource_quota]]
name = "hostsum"
rules = ["hosts {*} to scr=3G"]
[[resource_quota]]
name = "total"
rules = ["to slots=9,joblic=2"]
"""
)


def loaded(text: str, folder: Any) -> Settings:
    path = folder / "site.toml"
    path.write_text(text)
    return load({"GRIDCOMPAT_CONFIG": str(path)}, home=os.devnull, uid=os.getuid())[0]


class Site:
    """A capacity with jobs that run."""

    def __init__(self, text: str, folder: Any, *hosts: str, cpus: int = 4) -> None:
        self.settings = loaded(text, folder)
        self.capacity = Capacity(self.settings)
        self.capacity.set_hosts([node(name, cpus) for name in hosts or ("vm",)])
        self.jobs = 0

    def shape(self, asked: str = "", slots: int = 1, queue: str = "task", **fields: Any) -> Shape:
        resources = tuple(
            (name, value) for name, _, value in (part.partition("=") for part in asked.split(","))
        )
        request = JobRequest(
            hard_resources=resources if asked else (), hard_queues=(queue,) if queue else (), **fields
        )
        return shape_of(request, self.settings, namespace="n", slots=slots, owner=("root", "root"))

    def runs(self, shape: Shape, *, queue: str = "", host: str = "vm") -> None:
        self.jobs += 1
        row = {"pod": "p", "host": host, "queue": queue or shape.queues[0], "slots": shape.slots}
        self.capacity.update(("n", str(self.jobs)), [row], {}, shape)

    def why(self, shape: Shape) -> list[str]:
        assert self.capacity.room(shape, 1) == ("", 0)
        return list(self.capacity.refusals(shape))


def node(name: str, cpus: int) -> K8sObject:
    return {"metadata": {"name": name}, "status": {"capacity": {"cpu": str(cpus)}}}


@pytest.fixture
def site(tmp_path: Any) -> Site:
    """The live grid with its four running jobs."""
    made = Site(SITE, tmp_path)
    made.runs(made.shape("lic=2", slots=2, parallel_environment="smp"))
    made.runs(made.shape("joblic=2", slots=4, parallel_environment="smp"))
    made.runs(made.shape("scr=1.5G"))
    made.runs(made.shape("gpu=2"))
    return made


NOT_FORCED = 'cannot run in queue "forced" because it is not contained in its hard queue list (-q)'
NOT_FORCEDN = 'cannot run in queue "forcedn" because it is not contained in its hard queue list (-q)'
NOT_TASK = 'cannot run in queue "task" because it is not contained in its hard queue list (-q)'
NO_SMP = 'cannot run in PE "smp" because it only offers 0 slots'
SMP: dict[str, Any] = {"slots": 2, "parallel_environment": "smp"}


@pytest.mark.parametrize(
    ("asked", "fields", "lines"),
    [
        ("lic=1", {}, ["(-l lic=1) cannot run globally because it offers only gc:lic=0.000000"]),
        (
            "lic=1",
            SMP,
            ['(-l lic=1) cannot run in queue "global" because it offers only gc:lic=0.000000', NO_SMP],
        ),
        ("joblic=1", SMP, [NOT_FORCED, NOT_FORCEDN, NO_SMP]),
        ("joblic=1", {}, ["(-l joblic=1) cannot run globally because it offers only gc:joblic=0.000000"]),
        (
            "scr=1G",
            {},
            [
                '(-l scr=1G) cannot run in queue "task@vm" because it offers only qc:scr=512.000M',
                NOT_FORCED,
                NOT_FORCEDN,
            ],
        ),
        ("gpu=2", {}, ['(-l gpu=2) cannot run at host "vm" because it offers only hc:gpu=1.000000']),
        (
            "gpu=2",
            SMP,
            [
                NOT_FORCED,
                NOT_FORCEDN,
                '(-l gpu=2) cannot run in queue "vm" because it offers only hc:gpu=1.000000',
                NO_SMP,
            ],
        ),
        (
            "forc=false",
            {"queue": ""},
            [
                '(-l forc=false) cannot run in queue "task@vm" because job requests unknown resource (forc)',
                '(-l forc=false) cannot run in queue "forced" because of cluster queue',
                "does not request 'forced' resource \"forcn\" of queue instance forcedn@vm",
            ],
        ),
        (
            "forcn=4",
            {"queue": ""},
            [
                '(-l forcn=4) cannot run in queue "task@vm" because job requests unknown resource (forcn)',
                "does not request 'forced' resource \"forc\" of queue instance forced@vm",
                '(-l forcn=4) cannot run in queue "forcedn" because of cluster queue',
            ],
        ),
        (
            "",
            {"queue": "forced"},
            [
                NOT_TASK,
                "does not request 'forced' resource \"forc\" of queue instance forced@vm",
                NOT_FORCEDN,
            ],
        ),
        (
            "lic=1",
            {"queue": "forced"},
            ["(-l lic=1) cannot run globally because it offers only gc:lic=0.000000"],
        ),
        (
            "scr=5G",
            {"queue": ""},
            [
                '(-l scr=5G) cannot run in queue "task" because of cluster queue',
                "does not request 'forced' resource \"forc\" of queue instance forced@vm",
                "does not request 'forced' resource \"forcn\" of queue instance forcedn@vm",
            ],
        ),
        (
            "",
            {"queue": "", "slots": 2, "parallel_environment": "pes"},
            [
                'cannot run because no access to PE "pes"',
                'cannot run in PE "pes" because it only offers 0 slots',
            ],
        ),
        ("", {"queue": "", "slots": 60, "parallel_environment": "smp"}, [NO_SMP]),
        ("feat=slow", {}, ['(-l feat=slow) cannot run at host "vm" because it offers only hf:feat=fast']),
        ("num=9", {}, ['(-l num=9) cannot run at host "vm" because it offers only hf:num=7.000000']),
    ],
    ids=lambda value: str(value) if not isinstance(value, list) else "",
)
def test_a_job_waits_and_says_why(site: Site, asked: str, fields: dict[str, Any], lines: list[str]) -> None:
    assert site.why(site.shape(asked, **fields)) == lines


@pytest.mark.parametrize(
    ("asked", "fields", "room"),
    [
        ("", {}, ("task", 40)),
        ("gpu=1", {}, ("task", 1)),
        ("scr=512M", {}, ("task", 1)),
        ("scr=100M", {}, ("task", 5)),
        ("feat=f*,num=7", {}, ("task", 40)),
        ("forc=TRUE", {"queue": ""}, ("forced", 40)),
        ("forcn=1", {"queue": ""}, ("forcedn", 3)),
        ("dflt=1", {}, ("", 0)),
    ],
)
def test_there_is_room_for(site: Site, asked: str, fields: dict[str, Any], room: tuple[str, int]) -> None:
    assert site.capacity.room(site.shape(asked, **fields), 40) == room


def test_what_ends_gives_back(site: Site) -> None:
    assert site.capacity.update(("n", "1"), [], {}, None)
    assert site.capacity.room(site.shape("lic=1"), 50) == ("task", 4)
    assert site.capacity.room(site.shape("lic=1", **SMP), 50) == ("task", 2)


def test_the_site_is_shared_by_hosts_and_a_host_by_queues(tmp_path: Any) -> None:
    several = Site(SITE, tmp_path, "vm", "other")
    assert several.capacity.room(several.shape("lic=1"), 50) == ("task", 4)
    assert several.capacity.room(several.shape("gpu=1"), 50) == ("task", 3)
    assert several.capacity.host_for(several.shape("gpu=1"), "task") == "vm"
    assert several.capacity.host_for(several.shape("lic=1"), "task") == "", "any host will do"
    assert several.capacity.room(several.shape("scr=1G"), 50) == ("task", 2), "those of one host at a time"
    several.runs(several.shape("scr=2G"), host="other")
    assert several.capacity.host_for(several.shape("scr=1G"), "task") == "vm"


@pytest.mark.parametrize("amount", ["INFINITY", "-1", "abc", "1e999", ""])
def test_what_is_no_amount_is_never_there(site: Site, amount: str) -> None:
    assert site.capacity.update(("n", "1"), [], {}, None)
    assert site.capacity.room(site.shape(f"lic={amount}"), 50) == ("", 0)
    assert len(site.capacity.refusals(site.shape(f"lic={amount}"))) == 1


def test_what_has_no_end_is_not_counted(tmp_path: Any) -> None:
    site = Site(SITE.replace("lic = 4", 'lic = "INFINITY"'), tmp_path)
    site.runs(site.shape("lic=INFINITY"))
    assert site.capacity.update(("n", "1"), [], {}, None)
    assert site.capacity.room(site.shape("lic=1000"), 50) == ("task", 50)


def test_what_is_consumed_without_asking_counts(tmp_path: Any) -> None:
    site = Site(SITE.replace('scr = "2G"', "dflt = 3"), tmp_path)
    assert site.capacity.room(site.shape(), 50) == ("task", 3)
    for _ in range(3):
        site.runs(site.shape())
    assert site.why(site.shape("gpu=1"))[0] == (
        '(-l gpu=1) cannot run in queue "task@vm" because for default request it offers only qc:dflt=0.000000'
    )


PERUSER = 'cannot run because it exceeds limit "root/////" in rule "maxu/peruser"'
NOT_LONG = 'cannot run in queue "long" because it is not contained in its hard queue list (-q)'


@pytest.mark.parametrize(
    ("asked", "fields", "lines"),
    [
        ("", {}, [PERUSER, NOT_LONG]),
        (
            "lic=2",
            {"queue": "long"},
            [PERUSER, 'cannot run because it exceeds limit "root/////" in rule "maxu/2"'],
        ),
        ("scr=3G", {"queue": "long"}, ['cannot run because it exceeds limit "////vm/" in rule "hostsum/1"']),
        (
            "joblic=1",
            {"queue": "long"},
            [PERUSER, 'cannot run because it exceeds limit "/////" in rule "total/1"'],
        ),
        (
            "",
            {"queue": "long", "slots": 2, "project": "bio", "parallel_environment": "smp"},
            [NOT_TASK, NO_SMP],
        ),
        ("", {"queue": "long", "slots": 6, "parallel_environment": "smp"}, [NOT_TASK, NO_SMP]),
        (
            "",
            {"queue": "long", "slots": 2, "project": "bio"},
            [PERUSER, 'cannot run because it exceeds limit "/////" in rule "projects/1"'],
        ),
    ],
)
def test_quotas_bound_what_runs(asked: str, fields: dict[str, Any], lines: list[str], tmp_path: Any) -> None:
    site = Site(QUOTAS, tmp_path)
    site.runs(site.shape())
    site.runs(site.shape("lic=1"))
    site.runs(site.shape("lic=3", queue="long"))
    site.runs(site.shape("scr=1G", project="bio"))
    site.runs(site.shape("joblic=2", queue="long"))
    assert site.why(site.shape(asked, **fields)) == lines


def test_a_formula_follows_the_processors(tmp_path: Any) -> None:
    text = QUOTAS[: QUOTAS.index("[[resource_quota]]")] + (
        '[[resource_quota]]\nname = "q"\nrules = ["hosts {*} to slots=$num_proc*2"]\n'
    )
    site = Site(text, tmp_path, "vm", "other", cpus=3)
    assert site.capacity.room(site.shape(), 50) == ("task", 6), "on the first of them"
    for _ in range(6):
        site.runs(site.shape(), host="other")
    assert site.capacity.host_for(site.shape(), "task") == "vm"


CLOSED = (
    COMPLEXES
    + """
[[queue]]
name = "task"
calendar = "night"
[[queue]]
name = "long"
calendar = "asleep"
[[calendar]]
name = "night"
week = "20-6=off"
[[calendar]]
name = "asleep"
week = "suspended"
"""
)


def test_a_calendar_closes_and_opens(tmp_path: Any) -> None:
    site = Site(CLOSED, tmp_path)
    midnight = time.mktime((2026, 11, 24, 0, 0, 0, 0, 0, -1))
    assert site.capacity.turned(midnight)
    assert site.why(site.shape()) == [
        'queue instance "task@vm" dropped because it is disabled',
        'queue instance "long@vm" dropped because it is temporarily not available',
    ]
    assert not site.capacity.turned(midnight + 3600)
    assert site.capacity.turned(midnight + 6 * 3600)
    assert site.capacity.room(site.shape(), 50) == ("task", 50)
    assert site.capacity.refusals(site.shape()) == ()

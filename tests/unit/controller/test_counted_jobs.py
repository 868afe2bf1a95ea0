"""Jobs that wait for what the site counts, through the whole reconciler: they start when it is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.controller_world import HOST, World
from gridcompat.cluster.base import NODE
from gridcompat.settings import Queue
from gridcompat.settings.site import Calendar, ExecHost, ResourceQuota

LIC: dict[str, Any] = {"hard_resources": (("lic", "2"),)}
WAITS = ["(-l lic=2) cannot run globally because it offers only gc:lic=1.000000"]
SITE: dict[str, Any] = {
    "complexes": ("lic lic INT <= YES YES 0 0", "gpu gpu INT <= YES YES 0 0"),
    "hosts": (
        ExecHost(name="global", complex_values=(("lic", "3"),)),
        ExecHost(name=HOST, complex_values=(("gpu", "1"),)),
        ExecHost(name="node2", complex_values=(("gpu", "2"),)),
    ),
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[World]:
    made = World(str(tmp_path / "site"), **SITE)
    yield made
    made.close()


def running(world: World, *numbers: int) -> list[int]:
    return [number for number in numbers if world.status(number).get("running")]


@pytest.mark.parametrize("together", [True, False], ids=["at-once", "one-after-the-other"])
def test_a_job_waits_for_a_licence_says_so_and_starts(site: World, together: bool) -> None:
    site.submit(1000, **LIC)
    if not together:
        site.settle()
    site.submit(1001, **LIC)
    site.submit(1002)
    site.settle()
    assert running(site, 1000, 1001, 1002) == [1000, 1002]
    assert site.status(1001)["reasons"] == WAITS
    site.ends[(1000, 1)] = [0]
    site.settle()
    assert running(site, 1001) == [1001]
    assert site.status(1001)["reasons"] == []


def test_a_new_controller_counts_what_runs(site: World) -> None:
    site.submit(1000, **LIC)
    site.settle()
    site.new_controller()
    site.submit(1001, **LIC)
    site.settle()
    assert running(site, 1000, 1001) == [1000]
    assert site.status(1001)["reasons"] == WAITS


def test_tasks_of_an_array_share_what_there_is(site: World) -> None:
    site.submit(1000, spec={"tasks": "1-5:1"}, hard_resources=(("lic", "1"),), tasks=(1, 5, 1))
    site.settle()
    assert [row["task"] for row in site.status(1000)["running"]] == [1, 2, 3]
    site.ends[(1000, 2)] = [0]
    site.settle()
    assert [row["task"] for row in site.status(1000)["running"]] == [1, 3, 4]


def second_host(site: World) -> None:
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    site.cluster.create(
        {"apiVersion": "v1", "kind": NODE.kind, "metadata": {"name": "node2"}, "status": status}
    )


@pytest.mark.parametrize("how", ["gone", "cordoned", "silent"])
def test_a_run_whose_only_host_takes_nothing_more_goes_to_another(tmp_path: Path, how: str) -> None:
    site = World(str(tmp_path / "site"), **SITE, cluster="kubernetes", image="grid:1")
    try:
        second_host(site)
        site.submit(1000, hard_resources=(("gpu", "1"),))
        site.work()
        assert [row["host"] for row in site.status(1000)["running"]] == [HOST]
        if how == "gone":
            site.cluster.delete(NODE, HOST, namespace=None)
        elif how == "cordoned":
            site.cluster.patch(NODE, HOST, {"spec": {"unschedulable": True}}, namespace=None)
        else:
            site.node(ready=False)
        site.host = "node2"
        site.ends[(1000, 1)] = [0]
        site.settle()
        site.later(2.0)
        (entry,) = site.records()
        assert (entry.hostname, entry.failed, entry.exit_status) == ("node2", 0, 0)
        assert site.runs == [(1000, 1, 2)]
    finally:
        site.close()


def test_a_run_that_finds_no_room_on_its_host_waits_and_says_why(site: World) -> None:
    second_host(site)
    site.submit(1000, hard_resources=(("gpu", "1"),))
    site.work()
    assert site.status(1000)["state"] == "t"
    (pod,) = site.pods().values()
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes"}
    site.report(pod, {"phase": "Pending", "conditions": [condition]})
    site.work()
    assert site.status(1000)["state"] == "qw"
    assert site.status(1000)["reasons"] == ["Unschedulable: 0/2 nodes"]
    assert [row["host"] for row in site.status(1000)["running"]] == [HOST], "it is counted there"
    site.settle()
    assert site.status(1000)["state"] == "r"


def test_each_run_goes_to_the_host_on_which_it_was_counted(site: World) -> None:
    second_host(site)
    for number in range(1000, 1004):
        site.submit(number, hard_resources=(("gpu", "1"),))
    site.work()
    hosts = [[row["host"] for row in site.status(number)["running"]] for number in range(1000, 1004)]
    assert hosts == [[HOST], ["node2"], ["node2"], []]
    assert site.status(1003)["reasons"] == [
        f'(-l gpu=1) cannot run at host "{host}" because it offers only hc:gpu=0.000000'
        for host in (HOST, "node2")
    ]


def test_a_quota_bounds_a_user_and_lets_others_of_the_job_wait(tmp_path: Path) -> None:
    world = World(
        str(tmp_path / "site"),
        resource_quotas=(ResourceQuota(name="q", rules=("users {alice} to slots=2",)),),
    )
    try:
        for number in (1000, 1001, 1002):
            world.submit(number)
        world.settle()
        assert running(world, 1000, 1001, 1002) == [1000, 1001]
        assert world.status(1002)["reasons"] == [
            'cannot run because it exceeds limit "alice/////" in rule "q/1"'
        ]
        world.ends[(1000, 1)] = [0]
        world.settle()
        assert running(world, 1002) == [1002]
    finally:
        world.close()


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The world begins at four in the afternoon."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("utc")
def test_a_queue_opens_in_time(tmp_path: Path) -> None:
    world = World(
        str(tmp_path / "site"),
        queues=(Queue(name="task", calendar="night"), Queue(name="continuous", calendar="night")),
        calendars=("night",),
        calendar_details=(Calendar(name="night", week="0-17=off"),),
    )
    try:
        world.submit(1000)
        world.settle()
        assert running(world, 1000) == []
        assert world.status(1000)["reasons"] == [
            f'queue instance "{name}@{HOST}" dropped because it is disabled'
            for name in ("task", "continuous")
        ]
        world.later(3599.0)
        assert running(world, 1000) == []
        world.later(1.0)
        assert running(world, 1000) == [1000]
    finally:
        world.close()

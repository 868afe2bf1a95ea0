"""A queue takes the jobs that its configuration lets in, and no others."""

from __future__ import annotations

import os

import pytest

from gridcompat.controller.capacity import Capacity
from gridcompat.controller.shape import queues_on, shape_of
from gridcompat.model import JobRequest
from gridcompat.settings import Settings, load

SITE = """
default_queue = "open"
continuous_queue = "open"
projects = ["biology"]
[[queue]]
name = "open"
slots = 3
limits = { h_rt = "1:00:00" }
pe_list = ["NONE"]
[[queue]]
name = "staff"
seq_no = 5
user_lists = ["staff"]
per_host = { "@big" = { slots = "8" } }
[[queue]]
name = "lab"
seq_no = 9
projects = ["biology"]
hostlist = ["@big"]
[[host]]
name = "big1"
complex_values = { slots = 6, h_vmem = "4G" }
[[host]]
name = "small1"
[[host]]
name = "theirs"
user_lists = ["staff"]
xprojects = ["biology"]
[[host_group]]
name = "@big"
hostlist = ["big1"]
[[user_list]]
name = "staff"
entries = ["ann", "@crew"]
"""
ANN, BOB, EVE = ("ann", "users"), ("bob", "crew"), ("eve", "users")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    path = tmp_path_factory.mktemp("site") / "site.toml"
    path.write_text(SITE)
    return load({"GRIDCOMPAT_CONFIG": str(path)}, home=os.devnull, uid=os.getuid())[0]


@pytest.mark.parametrize(
    ("request_", "owner", "host", "queues"),
    [
        (JobRequest(), EVE, "small1", ("open",)),
        (JobRequest(hard_queues=("staff",)), ANN, "small1", ("staff",)),
        (JobRequest(hard_queues=("staff",)), BOB, "small1", ("staff",)),
        (JobRequest(hard_queues=("staff",)), EVE, "small1", ()),
        (JobRequest(hard_queues=("staff",)), ("", ""), "small1", ()),
        (JobRequest(hard_queues=("lab",), project="biology"), EVE, "big1", ("lab",)),
        (JobRequest(hard_queues=("lab",), project="biology"), EVE, "small1", ()),
        (JobRequest(hard_queues=("lab",), project="biology"), EVE, "unheard-of", ("lab",)),
        (JobRequest(hard_queues=("lab",)), EVE, "big1", ()),
        (JobRequest(hard_queues=("open",), hard_resources=(("h_rt", "3600"),)), EVE, "big1", ("open",)),
        (JobRequest(hard_queues=("open",), hard_resources=(("h_rt", "3601"),)), EVE, "big1", ()),
        (JobRequest(hard_resources=(("h_rt", "3601"),)), ANN, "big1", ("staff",)),
        (JobRequest(parallel_environment="smp"), ANN, "small1", ("staff",)),
        (JobRequest(parallel_environment="smp"), EVE, "small1", ()),
        (JobRequest(), ANN, "theirs", ("open",)),
        (JobRequest(), EVE, "theirs", ()),
        (JobRequest(project="biology"), ANN, "theirs", ()),
    ],
    ids=[
        "anybody", "in-the-list", "by-group", "not-in-the-list", "not-admitted-yet", "project",
        "not-on-this-host", "a-node-of-no-name-has-all", "no-project", "at-the-limit", "above-the-limit",
        "another-queue-for-long-jobs", "another-queue-for-the-environment", "none-left",
        "in-the-list-of-the-host", "not-in-the-list-of-the-host", "project-that-the-host-does-not-take",
    ],
)  # fmt: skip
def test_a_job_may_run_in(
    settings: Settings, request_: JobRequest, owner: tuple[str, str], host: str, queues: tuple[str, ...]
) -> None:
    shape = shape_of(request_, settings, namespace="n", slots=1, owner=owner)
    assert queues_on(shape, host, settings) == queues


@pytest.mark.parametrize(
    ("host", "h_vmem", "most"),
    [("big1", "0", 6), ("big1", "1G", 4), ("small1", "0", 40)],
    ids=["slots-of-the-host", "h_vmem-of-the-host", "slots-of-the-queue"],
)
def test_slots_and_memory_are_counted_by_host(settings: Settings, host: str, h_vmem: str, most: int) -> None:
    capacity = Capacity(settings)
    capacity.set_hosts([{"metadata": {"name": host}}])
    request = JobRequest(hard_queues=("staff",), hard_resources=(("h_vmem", h_vmem),))
    shape = shape_of(request, settings, namespace="n", slots=1, owner=ANN)
    assert capacity.room(shape, 40) == ("staff", most)


@pytest.mark.parametrize(
    ("request_", "owner", "host", "lines"),
    [
        (JobRequest(), EVE, "theirs", ['has no permission for host "theirs"']),
        (
            JobRequest(project="biology"),
            ANN,
            "theirs",
            ['(project biology) does not have the correct project to run in host "theirs"'],
        ),
        (
            JobRequest(hard_queues=("*",), hard_resources=(("h_rt", "2:0:0"),)),
            EVE,
            "big1",
            [
                '(-l h_rt=2:0:0) cannot run in queue "open@big1" because it offers only qf:h_rt=1:00:00',
                'has no permission for cluster queue "staff"',
                '(no project) does not have the correct project to run in cluster queue "lab"',
            ],
        ),
        (
            JobRequest(hard_queues=("open",), parallel_environment="smp"),
            EVE,
            "small1",
            [
                'cannot run in queue "staff" because it is not contained in its hard queue list (-q)',
                'cannot run in queue "open" because PE "smp" is not in PE list',
                'cannot run in PE "smp" because it only offers 0 slots',
            ],
        ),
    ],
    ids=["host", "project-of-a-host", "each-queue-for-its-own-reason", "environment"],
)
def test_who_is_not_let_in_is_told_why(
    settings: Settings, request_: JobRequest, owner: tuple[str, str], host: str, lines: list[str]
) -> None:
    capacity = Capacity(settings)
    capacity.set_hosts([{"metadata": {"name": host}}])
    shape = shape_of(request_, settings, namespace="n", slots=1, owner=owner)
    assert list(capacity.refusals(shape)) == lines

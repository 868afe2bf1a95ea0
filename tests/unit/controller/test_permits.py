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
    ],
    ids=[
        "anybody", "in-the-list", "by-group", "not-in-the-list", "not-admitted-yet", "project",
        "not-on-this-host", "a-node-of-no-name-has-all", "no-project", "at-the-limit", "above-the-limit",
        "another-queue-for-long-jobs", "another-queue-for-the-environment", "none-left",
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

"""What a submission may hold, and what becomes of it."""

from __future__ import annotations

from typing import Any

import pytest

from gridcompat.cluster.base import SECRET
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.errors import Forbidden, Refused
from gridcompat.service.means import Means
from gridcompat.service.submit import reserve, submit
from gridcompat.translate import grid_job as objects
from gridcompat.translate import rows
from gridcompat.translate.account import next_id
from service.service_world import (
    NAMESPACE,
    SETTINGS,
    account,
    job,
    set_status,
    submission,
)
from service.submitting import Faulty, Killed, send


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            'gridjobs.gridcompat.io "7" is forbidden: exceeded quota: gridcompat, requested: '
            "count/gridjobs.gridcompat.io=1, used: count/gridjobs.gridcompat.io=50, limited: "
            "count/gridjobs.gridcompat.io=50",
            "job rejected: Only 50 jobs are allowed per user (current job count: 50)",
        ),
        (
            "exceeded quota: q, requested: count/secrets=1, used: count/secrets=5, limited: count/secrets=5",
            "",
        ),
        ('gridjobs is forbidden: User "x" cannot create resource', ""),
    ],
    ids=["too many jobs", "another quota", "no right"],
)
def test_too_many_jobs_are_refused_in_the_grids_words(
    cluster: EmbeddedCluster, means: Means, message: str, expected: str
) -> None:
    class Full(Faulty):
        def create(self, obj: Any) -> Any:
            raise Forbidden(message)

    with pytest.raises(Refused if expected else Forbidden) as caught:
        send(Full(cluster, 0, Killed()), means)
    assert caught.value.message == (expected or message)
    assert caught.value.exit_status == (25 if expected else 1)


def test_what_is_too_large_is_refused_before_anything_is_written(
    cluster: EmbeddedCluster, means: Means
) -> None:
    for fields, text in (
        ({"arguments": ("x" * 200_000,)}, "job rejected: the request of"),
        ({"script": b"x" * (1 << 20) + b"y"}, "job rejected: script"),
        ({"environment": (("A", "x" * (1 << 20)),)}, "job rejected: script"),
    ):
        with pytest.raises(Refused, match=text):
            send(cluster, means, **fields)
    assert next_id(account(cluster)) == 1000


def test_settings_of_this_program_stay_on_the_submit_host(cluster: EmbeddedCluster, means: Means) -> None:
    environment = (("PATH", "/bin"), ("GRIDCOMPAT_SMTP", "s"))
    names = tuple(name for name, _ in environment)
    for export_all, text in ((True, b"PATH"), (False, b"PATHGRIDCOMPAT_SMTP")):
        done = send(cluster, means, export_all=export_all, environment=environment, variables=names)
        data = cluster.get(SECRET, f"gridjob-{done.id}", namespace=NAMESPACE)["data"]
        assert b"".join(name.encode() for name, _ in objects.secret_content(data)[1]) == text
        assert "".join(objects.read_request(done.grid_job["spec"]["request"]).variables).encode() == text


def test_holds_by_name_and_pattern_become_numbers(cluster: EmbeddedCluster, means: Means) -> None:
    a, b = (send(cluster, means, name=name).id for name in ("fa", "fb"))
    send(cluster, means, name="g")
    over = send(cluster, means, name="fc").id
    set_status(cluster, over, phase="Finished")
    requested = ("f*", str(a), "99999", str(over), "nosuch")
    done = send(cluster, means, name="last", predecessors_requested=requested)
    spec = job(cluster, done.id)["spec"]
    assert spec["predecessors"] == [a, b, a]  # each word by itself, as qstat -j shows it
    assert objects.read_request(spec["request"]).predecessors_requested == requested


def test_a_task_of_a_job_cannot_be_waited_for(cluster: EmbeddedCluster, means: Means) -> None:
    with pytest.raises(Refused, match=r'denied: job "3\.1" not found'):
        send(cluster, means, predecessors_requested=("3.1",))


@pytest.mark.parametrize(
    ("theirs", "mine", "fits"),
    [
        ((1, 4, 1), (1, 4, 1), True),
        ((1, 4, 1), (1, 4, 2), True),
        ((1, 4, 1), (1, 5, 1), False),
        (None, (1, 4, 1), False),
    ],
)
def test_an_array_waits_task_by_task_only_for_the_same_range(
    cluster: EmbeddedCluster, means: Means, theirs: Any, mine: Any, fits: bool
) -> None:
    first = send(cluster, means, name="p1", tasks=theirs)
    if fits:
        done = send(cluster, means, tasks=mine, array_predecessors_requested=("p1",))
        assert job(cluster, done.id)["spec"]["arrayPredecessors"] == [first.id]
    else:
        with pytest.raises(Refused, match="range of sub-tasks" if theirs else "with an array job"):
            send(cluster, means, tasks=mine, array_predecessors_requested=("p1",))


def test_the_grid_job_says_what_was_asked_for(cluster: EmbeddedCluster, means: Means) -> None:
    done = send(
        cluster,
        means,
        tasks=(1, 10, 4),
        max_running_tasks=2,
        start_time=1_900_000_000,
        user_hold=True,
        priority=-5,
        parallel_environment="smp",
        slot_ranges=((2, 9999999, 1),),
    )
    spec = job(cluster, done.id)["spec"]
    del spec["request"], spec["nonce"]
    assert spec == {
        "id": 1000,
        "once": False,
        "void": False,
        "ready": True,
        "jobName": "job.sh",
        "slots": 100,
        "priority": -5,
        "maxRunning": 2,
        "predecessors": [],
        "arrayPredecessors": [],
        "tasks": "1-9:4",
        "startTime": 1_900_000_000,
        "holds": {"user": "1-9:4"},
    }
    assert done.tasks == (1, 10, 4)


def test_a_withdrawn_job_takes_a_number_and_never_runs(cluster: EmbeddedCluster, means: Means) -> None:
    done = submit(cluster, SETTINGS, submission(now=True), namespace=NAMESPACE, means=means, withdrawn=True)
    assert not rows.rows(job(cluster, done.id))


def test_a_reserved_number_is_nobodys(cluster: EmbeddedCluster, means: Means) -> None:
    assert reserve(cluster, namespace=NAMESPACE, means=means) == 1000
    assert send(cluster, means).id == 1001

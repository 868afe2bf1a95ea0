"""Events on a GridJob: what is said, counted, bounded; and that losing one is harmless."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridcompat.accounting import Entry
from gridcompat.cluster.base import EVENT
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.controller import events
from gridcompat.controller.actions import Append, Confirm, EndPod, LetGo, MakePod, Post, Step
from gridcompat.controller.draft import Facts
from gridcompat.controller.events import Events, Note, notes
from gridcompat.errors import Forbidden
from gridcompat.model import JobRequest, Outcome
from gridcompat.outbox import Happening
from gridcompat.settings import Settings
from gridcompat.translate.account import seed

ROW = {"task": 1, "attempt": 2, "pod": "x-7-a2", "queue": "task", "host": "node1", "state": "r"}
ENTRY = Entry(owner="me", job_name="x", job_number=7, exit_status=3)
BAD = Outcome(ran=True, exit_status=137, failed=100, reason="the host of the run is lost", lost=True)


def job(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "7", "namespace": "default", "uid": "u-7"}, "spec": {}, "status": status}


def facts(**more: Any) -> Facts:
    return Facts(now=0.0, settings=Settings(), request=JobRequest(), account=None, **more)


def happened(kind: str, outcome: Outcome | None = None, task: int | None = None) -> Post:
    return Post(
        happening=Happening(
            kind=kind,
            job_id=7,
            task=task,
            attempt=2,
            at=0.0,
            job_name="x",
            owner="me",
            queue="task",
            host="node1",
            submit_host="h",
            mail_options="",
            mail_list=(),
            outcome=outcome,
            killed_by="",
            order=0,
            uid=1,
            job_uid="u-7",
        )
    )


def ended(**why: Any) -> EndPod:
    return EndPod(pod="x-7-a2", uid="u", ended_by=json.dumps(why))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (
            Step(status={}, after=(MakePod(row=ROW),)),
            [("Normal", "Attempt", "x-7-a2 in queue task")],
        ),
        (
            Step(status={}, before=(happened("started", task=3),)),
            [("Normal", "Started", "attempt 2 of task 3 runs on node1")],
        ),
        (
            Step(status={}, before=(happened("ended", Outcome(ran=True, exit_status=3)),)),
            [("Normal", "Ended", "attempt 2 on node1 ended with status 3")],
        ),
        (
            Step(status={}, before=(happened("ended", BAD),)),
            [
                ("Warning", "Ended", "attempt 2 on node1 ended with status 137 "
                 "(failed 100: the host of the run is lost)"),
            ],
        ),
        (
            Step(status={}, before=(Append(key="k", entry=ENTRY),)),
            [("Normal", "Recorded", "in the accounting file: exit_status 3, failed 0")],
        ),
        (
            Step(status={}, before=(ended(kind="delete", by="ann"),)),
            [("Normal", "Deleted", "x-7-a2 is ended by qdel of ann")],
        ),
        (
            Step(status={}, before=(ended(kind="reschedule", by="ann"),)),
            [("Normal", "Rescheduled", "x-7-a2 is ended, to run again of ann")],
        ),
        (
            Step(status={}, before=(ended(kind="lost"),)),
            [("Warning", "NodeLost", "x-7-a2 is given up: its node does not answer")],
        ),
        (
            Step(status={}, before=(ended(kind="error", reason="ErrImagePull: no such image"),)),
            [("Warning", "NotStarted", "x-7-a2 is taken back: ErrImagePull: no such image")],
        ),
        (
            Step(status={"errors": [{"tasks": "1", "reason": "no such directory"}]}),
            [("Warning", "Error", "task 1: no such directory")],
        ),
        (Step(status={"reasons": ["exceeded quota"]}), [("Warning", "Waiting", "exceeded quota")]),
        (Step(status={}, after=(Confirm(key="k"), LetGo(pod="p", uid="u"))), []),
    ],
)  # fmt: skip
def test_what_a_step_means_to_people(step: Step, expected: list[tuple[str, str, str]]) -> None:
    assert [(one.type, one.reason, one.message) for one in notes(job(), facts(), step)] == expected


def test_what_was_said_before_is_not_said_again() -> None:
    status = {"errors": [{"tasks": "1", "reason": "r"}], "reasons": ["full"]}
    assert list(notes(job(**status), facts(), Step(status=status))) == []


def test_a_node_that_does_not_answer_is_told_of() -> None:
    (found,) = notes(job(), facts(lost_s={"node1": 9.0}), Step(status={"running": [ROW]}))
    assert (found.type, found.reason, found.message) == (
        "Warning",
        "NodeLost",
        "node1 does not answer: x-7-a2",
    )


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    objects = seed(Settings(), owner="me", uid=1, gid=1, group="me", groups=(), home="/")
    made = EmbeddedCluster(str(tmp_path), seed=lambda: objects)
    yield made
    made.close()


def written(cluster: EmbeddedCluster) -> list[dict[str, Any]]:
    return list(cluster.list(EVENT, namespace="default").items)


def test_what_happens_again_is_counted_in_one_event(cluster: EmbeddedCluster) -> None:
    now = 1767225600.0
    told = Events(cluster, clock=lambda: now)
    for number in range(3):
        told.note(job(), Note(reason="Attempt", type="Normal", message=f"a{number}"))
    assert told.write() == 1
    now += 60
    told.note(job(), Note(reason="Attempt", type="Warning", message="a3"))
    told.write()
    (event,) = written(cluster)
    event["metadata"] = {name: event["metadata"][name] for name in ("namespace",)}
    assert event == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"namespace": "default"},
        "involvedObject": {
            "apiVersion": "gridcompat.io/v1",
            "kind": "GridJob",
            "name": "7",
            "namespace": "default",
            "uid": "u-7",
        },
        "reason": "Attempt",
        "message": "a3",
        "type": "Warning",
        "count": 4,
        "firstTimestamp": "2026-01-01T00:00:00Z",
        "lastTimestamp": "2026-01-01T00:01:00Z",
        "source": {"component": "gridcompat-daemon"},
        "reportingComponent": "gridcompat-daemon",
        "reportingInstance": "gridcompat-daemon",
    }


def test_an_array_of_many_tasks_has_no_more_events_than_there_are_reasons(cluster: EmbeddedCluster) -> None:
    told = Events(cluster)
    for task in range(500):
        for action in (MakePod(row={**ROW, "task": task}), happened("started", task=task)):
            told.add(job(), facts(), Step(status={}, before=(action,)))
    told.write()
    assert sorted((one["reason"], one["count"]) for one in written(cluster)) == [
        ("Attempt", 500),
        ("Started", 500),
    ]


def test_what_cannot_be_kept_up_with_is_dropped(
    cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MOST_WAITING", 10)
    told = Events(cluster)
    for number in range(50):
        made = job()
        made["metadata"] |= {"name": str(number), "uid": f"u-{number}"}
        told.refused(made, "exceeded quota")
    assert told.write() == 10
    assert {one["involvedObject"]["name"] for one in written(cluster)} == {str(n) for n in range(40, 50)}


def test_an_event_that_is_refused_is_no_error(
    cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Forbidden("the namespace is being deleted")

    told = Events(cluster)
    told.refused(job(), "x")
    with monkeypatch.context() as patch:
        patch.setattr(EmbeddedCluster, "create", refuse)
        assert told.write() == 1
    assert written(cluster) == []


def test_long_messages_are_cut(cluster: EmbeddedCluster) -> None:
    told = Events(cluster)
    told.refused(job(), "x" * 5000)
    told.write()
    assert len(written(cluster)[0]["message"]) == events.LENGTH


def test_good_news_of_a_busy_site_are_dropped_and_warnings_are_not(cluster: EmbeddedCluster) -> None:
    now = [1000.0]
    teller = Events(cluster, clock=lambda: now[0])
    most = int(events.NORMAL_BURST)

    def tell(first: int, count: int, kind: str) -> None:
        for number in range(first, first + count):
            one = {"metadata": {"name": str(number), "namespace": "default", "uid": f"u-{number}"}}
            teller.note(one, Note(reason="Started", type=kind, message="x"))
        teller.write()

    tell(1, most + 20, events.NORMAL)
    assert len(written(cluster)) == most
    tell(1001, 20, events.WARNING)
    assert len(written(cluster)) == most + 20
    now[0] += 2.0
    tell(2001, 50, events.NORMAL)
    assert len(written(cluster)) == most + 20 + int(2 * events.NORMAL_PER_S)

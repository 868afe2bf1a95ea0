"""Why attempts that were intended do not run yet, as `qstat -j` shows it."""

from __future__ import annotations

from typing import Any

import pytest

from gridcompat.cluster.base import Listing, Selector
from gridcompat.controller.draft import Facts
from gridcompat.controller.plan import plan
from gridcompat.controller.stuck import ASK_EVERY_S, PATIENCE_S, Stuck, is_creating
from gridcompat.errors import Unavailable
from gridcompat.model import Account, JobRequest
from gridcompat.settings import Settings

CREATED = "2026-01-01T00:00:00Z"
CREATED_AT = 1767225600.0
ACCOUNT = Account(namespace="ns", owner="x", uid=1, gid=1)


def pod(**status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "namespace": "ns", "uid": "u1", "creationTimestamp": CREATED},
        "spec": {"nodeName": "node1"},
        "status": {"phase": "Pending", **status},
    }


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return pod(containerStatuses=[{"state": {"waiting": {"reason": reason, "message": message}}}])


class Events:
    """A cluster of Events alone."""

    def __init__(self) -> None:
        self.asked: list[Selector] = []
        self.items: list[dict[str, Any]] | None = []

    def list(self, kind: object, *, namespace: str, selector: Selector) -> Listing:
        self.asked.append(selector)
        if self.items is None:
            raise Unavailable("no answer")
        return Listing(items=self.items, version="1")


class Clocks:
    """Both clocks, moved together."""

    def __init__(self) -> None:
        self.after = 0.0

    def clock(self) -> float:
        return CREATED_AT + self.after

    def monotonic(self) -> float:
        return 7.0 + self.after


def stuck(events: Events, clocks: Clocks) -> Stuck:
    return Stuck(events, clock=clocks.clock, monotonic=clocks.monotonic)  # type: ignore[arg-type]  # two readings of one clock


def event(reason: str, message: str, at: str = CREATED) -> dict[str, Any]:
    return {"reason": reason, "message": message, "lastTimestamp": at}


def test_the_newest_warning_is_told_after_a_while_and_asked_for_seldom() -> None:
    events, clocks = Events(), Clocks()
    events.items = [
        event("FailedMount", "old", "2025"),
        event("FailedMount", "hostPath\n  type check failed"),
    ]
    one = stuck(events, clocks)
    pods = {"p": waiting("ContainerCreating")}
    assert one.reasons(pods) == {}
    clocks.after = PATIENCE_S
    for _ in range(3):
        assert one.reasons(pods) == {"p": "FailedMount: hostPath type check failed"}
    assert len(events.asked) == 1
    assert events.asked[0].fields == {"involvedObject.uid": "u1", "type": "Warning"}
    clocks.after += ASK_EVERY_S
    events.items = None
    assert one.reasons(pods) == {"p": "FailedMount: hostPath type check failed"}
    assert len(events.asked) == 2


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (waiting("ContainerCreating"), True),
        (pod(), True),
        (waiting("ErrImagePull"), False),
        (pod(containerStatuses=[{"state": {"running": {}}}]), False),
        (pod(phase="Running"), False),
        ({**pod(), "spec": {}}, False),
        ({**pod(), "metadata": {**pod()["metadata"], "deletionTimestamp": CREATED}}, False),
    ],
)
def test_only_a_container_that_is_being_made_is_asked_about(what: dict[str, Any], expected: bool) -> None:
    assert is_creating(what) is expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"refused": "exceeded quota: q"}, ["exceeded quota: q"]),
        ({"pods": {"p": waiting("ImagePullBackOff", "no such image")}}, ["ImagePullBackOff: no such image"]),
        ({"pods": {"p": waiting("ContainerCreating")}, "stuck": {"p": "FailedMount: x"}}, ["FailedMount: x"]),
        (
            {
                "pods": {
                    "p": {
                        **pod(
                            conditions=[
                                {
                                    "type": "PodScheduled",
                                    "status": "False",
                                    "reason": "Unschedulable",
                                    "message": "0/2 nodes are available",
                                }
                            ]
                        ),
                        "spec": {},
                    }
                }
            },
            ["Unschedulable: 0/2 nodes are available"],
        ),
        ({"pods": {"p": pod()}, "refused": "not of this pod"}, []),
    ],
)
def test_the_cause_is_among_the_reasons(facts: dict[str, Any], expected: list[str]) -> None:
    row = {"task": 1, "attempt": 1, "state": "t", "pod": "p", "host": "", "queue": "task", "slots": 1}
    job = {
        "metadata": {"name": "5", "namespace": "ns", "uid": "j", "creationTimestamp": CREATED},
        "spec": {"id": 5, "nonce": "n", "jobName": "x", "request": "{}", "ready": True},
        "status": {"phase": "Active", "owner": "x", "running": [row]},
    }
    step = plan(
        job,
        Facts(now=CREATED_AT + 20, settings=Settings(), request=JobRequest(), account=ACCOUNT, **facts),
    )
    assert step.status["reasons"] == expected

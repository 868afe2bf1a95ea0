"""translate/outcome.py: what a pod's status says of a run, and how far the container is believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.model import Outcome
from gridcompat.translate.outcome import outcome, pending_reason, started_at

START, END = 1795487554.0, 1795487560.0
TIMES = {"startedAt": "2026-11-24T02:32:34Z", "finishedAt": "2026-11-24T02:32:40Z"}
EVIDENCE = {
    "v": 1,
    "start": START + 0.25,
    "end": END - 0.5,
    "exit": 0,
    "signal": 0,
    "utime": 1.5,
    "stime": 0.5,
    "maxrss": 2048,
    "failed": 0,
    "reason": "",
}


def pod(status: dict[str, Any] | None, **meta: Any) -> dict[str, Any]:
    labels = {"gridcompat.io/job": "1234", "gridcompat.io/task": "2"}
    spec = {"nodeName": meta.pop("node", "node1")}
    return {"metadata": {"name": "x", "labels": labels, **meta}, "spec": spec, "status": status or {}}


def over(
    code: int, message: Any = None, *, phase: str = "", reason: str = "", **state: Any
) -> dict[str, Any]:
    """A pod whose container is terminated."""
    text = message if message is None or isinstance(message, str) else json.dumps(message)
    terminated = {"exitCode": code, "reason": "Error" if code else "Completed", **TIMES, **state}
    if text is not None:
        terminated["message"] = text
    status: dict[str, Any] = {
        "phase": phase or ("Failed" if code else "Succeeded"),
        "containerStatuses": [{"name": "job", "state": {"terminated": terminated}}],
    }
    if reason:
        status["reason"] = reason
    return pod(status)


def evidence(**changes: Any) -> dict[str, Any]:
    return EVIDENCE | changes


SEEN = Outcome(
    ran=True,
    start=START + 0.25,
    end=END - 0.5,
    user_time_s=1.5,
    system_time_s=0.5,
    max_rss_kib=2048,
    host="node1",
)
PLAIN = Outcome(ran=True, start=START, end=END, host="node1")


def like(base: Outcome, **changes: Any) -> Outcome:
    return Outcome(**(base.__dict__ | changes))


KILLED = {"exit_status": 137, "signal": 9, "failed": 100, "reason": "job 1234.2 died through signal KILL (9)"}
NEVER = {"start": 0, "exit": 1}

CASES: list[tuple[str, dict[str, Any], Outcome | None]] = [
    ("no status yet", pod(None), None),
    ("pending", pod({"phase": "Pending"}), None),
    ("running", pod({"phase": "Running", "containerStatuses": [{"state": {"running": TIMES}}]}), None),
    (
        "being deleted while running",
        pod(
            {"phase": "Running", "containerStatuses": [{"state": {"running": TIMES}}]},
            deletionTimestamp="2026-11-24T02:32:36Z",
        ),
        None,
    ),
    ("ended well", over(0, EVIDENCE), SEEN),
    ("ended with a status", over(3, evidence(exit=3)), like(SEEN, exit_status=3)),
    (
        "asked to be run again",
        over(99, evidence(exit=99)),
        like(SEEN, exit_status=99, failed=25, reason="exit_status of job start = 99"),
    ),
    (
        "said application error",
        over(100, evidence(exit=100)),
        like(SEEN, exit_status=100, failed=30, reason="exit_status of job start = 100"),
    ),
    ("exit status above 128", over(137, evidence(exit=137)), like(SEEN, exit_status=137)),
    (
        "died of a signal",
        over(137, evidence(exit=137, signal=9, failed=100, reason="died")),
        like(SEEN, **KILLED),
    ),
    (
        "was told to end",
        over(137, evidence(exit=137, signal=9, failed=100, told=1)),
        like(SEEN, **KILLED, told=True),
    ),
    ("was told to end before it began", over(1, evidence(**NEVER, told=1)), like(SEEN, ran=False, start=0)),
    (
        "used up its time",
        over(137, evidence(exit=137, signal=9, failed=37)),
        like(SEEN, **(KILLED | {"failed": 37})),
    ),
    (
        "could not open its output",
        over(1, evidence(**NEVER, failed=26, reason='error: can\'t open output file "/x": No such file')),
        Outcome(
            ran=False,
            end=END - 0.5,
            user_time_s=1.5,
            system_time_s=0.5,
            max_rss_kib=2048,
            failed=26,
            reason='error: can\'t open output file "/x": No such file',
            host="node1",
        ),
    ),
    (
        "claimed by another",
        over(111, evidence(start=0, exit=111, reason="the attempt is claimed by pod u")),
        Outcome(
            ran=False,
            end=END - 0.5,
            user_time_s=1.5,
            system_time_s=0.5,
            max_rss_kib=2048,
            reason="the attempt is claimed by pod u",
            host="node1",
        ),
    ),
    (
        "deleted before its container was made",
        pod(
            {
                "phase": "Failed",
                "containerStatuses": [
                    {
                        "state": {
                            "terminated": {
                                "exitCode": 137,
                                "reason": "ContainerStatusUnknown",
                                "message": "The container could not be located when the pod was terminated",
                            }
                        },
                        "lastState": {},
                        "restartCount": 0,
                    }
                ],
            },
            deletionTimestamp="2026-11-24T02:32:36Z",
        ),
        Outcome(
            ran=False,
            reason="The container could not be located when the pod was terminated",
            lost=True,
            host="node1",
        ),
    ),
    ("no evidence, status 0", over(0), PLAIN),
    ("no evidence, status 3", over(3), like(PLAIN, exit_status=3)),
    ("no evidence, killed", over(137), like(PLAIN, **KILLED)),
    (
        "no evidence, terminated",
        over(143),
        like(
            PLAIN, exit_status=143, signal=15, failed=100, reason="job 1234.2 died through signal TERM (15)"
        ),
    ),
    ("the runtime does not know", over(255), like(PLAIN, exit_status=255)),
    ("the runtime does not know, the launcher does", over(255, EVIDENCE), SEEN),
    ("and knows that it failed", over(255, evidence(exit=3)), like(SEEN, exit_status=3)),
    ("the program's own 255", over(255, evidence(exit=255)), like(SEEN, exit_status=255)),
    (
        "no status that there is",
        over(255, evidence(exit=70000)),
        like(PLAIN, exit_status=255),
    ),
    (
        "deadline of the pod",
        over(137, None, reason="DeadlineExceeded"),
        like(PLAIN, **(KILLED | {"failed": 37})),
    ),
    (
        "node lost, seen by a new daemon",
        over(137, None, reason="NodeLost"),
        like(PLAIN, exit_status=137, signal=9, failed=100, reason="NodeLost", lost=True),
    ),
    (
        "node lost, but the evidence was left",
        over(0, EVIDENCE, phase="Failed", reason="NodeLost"),
        like(SEEN, lost=True),
    ),
    (
        "evicted",
        over(137, None, reason="Evicted"),
        like(PLAIN, exit_status=137, signal=9, failed=100, reason="Evicted", lost=True),
    ),
    (
        "refused by the kubelet",
        pod({"phase": "Failed", "reason": "OutOfcpu", "message": "Node didn't have enough resource: cpu"}),
        Outcome(ran=False, reason="OutOfcpu: Node didn't have enough resource: cpu", host="node1"),
    ),
    (
        "its node object is gone",
        pod({"phase": "Failed", "containerStatuses": [{"state": {"running": TIMES}}]}),
        Outcome(
            ran=True, start=START, end=START, failed=100, reason="the node is gone", lost=True, host="node1"
        ),
    ),
    (
        "deleted before it had a node",
        pod({"phase": "Pending"}, deletionTimestamp="2026-11-24T02:32:36Z", node=""),
        Outcome(ran=False, reason="the attempt was withdrawn"),
    ),
    (
        "void",
        pod({"phase": "Pending"}, annotations={"gridcompat.io/void": "true"}, node=""),
        Outcome(ran=False, reason="the attempt was withdrawn"),
    ),
]


@pytest.mark.parametrize(
    ("status", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_became_of_it(status: dict[str, Any], expected: Outcome | None) -> None:
    assert outcome(status) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"elsewhere": 2, "since": START - 60}, {"elsewhere": 2, "since": START - 60}),
        ({"elsewhere": 2, "since": END + 3600}, {"elsewhere": 2, "since": END + 2}),
        ({"elsewhere": -1, "since": "x"}, {}),
        ({"elsewhere": "1"}, {}),
    ],
)
def test_an_attempt_that_was_begun_elsewhere(said: dict[str, Any], expected: dict[str, Any]) -> None:
    text = evidence(start=0, exit=111, utime=0, stime=0, maxrss=0, **said)
    assert outcome(over(111, text)) == Outcome(ran=False, end=END - 0.5, host="node1", **expected)


def test_what_ran_was_begun_nowhere_else() -> None:
    assert outcome(over(0, evidence(elsewhere=1))) == SEEN


def test_a_container_that_ran_out_of_memory_says_so() -> None:
    killed = over(137)
    killed["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] = "OOMKilled"
    text = "job 1234.2 died through signal KILL (9): out of memory"
    assert outcome(killed) == like(PLAIN, exit_status=137, signal=9, failed=100, reason=text)


@pytest.mark.parametrize("code", [0, 3])
def test_a_program_that_outlives_a_child_without_memory_ended_as_it_says(code: int) -> None:
    alive = over(code)
    alive["status"]["containerStatuses"][0]["state"]["terminated"]["reason"] = "OOMKilled"
    assert outcome(alive) == like(PLAIN, exit_status=code)


def test_a_container_that_cannot_be_started_is_the_jobs_error() -> None:
    broken = over(128)
    state = broken["status"]["containerStatuses"][0]["state"]["terminated"]
    state |= {"reason": "StartError", "message": "exec: no such file", "startedAt": "1970-01-01T00:00:00Z"}
    assert outcome(broken) == Outcome(
        ran=False, exit_status=128, failed=1, reason="StartError: exec: no such file", host="node1"
    )


# ---------------------------------------------------------------- forged and broken messages

GARBAGE: list[Any] = [
    "",
    "hello",
    "[]",
    "null",
    "{",
    "{}",
    "[" * 4000,
    '{"v":1,"exit":0}',
    json.dumps(evidence(v=2)),
    json.dumps(evidence(exit=4)),
    json.dumps(evidence(exit=False)),
    json.dumps(evidence(signal=65)),
    json.dumps(evidence(signal=-1)),
    json.dumps(evidence(signal=True)),
    json.dumps(evidence(failed=99)),
    json.dumps(evidence(failed="0")),
    json.dumps(evidence(failed=None)),
    '{"v":1,"exit":0,"failed":0,"signal":' + "9" * 5000 + "}",
    7,
    None,
]


@pytest.mark.parametrize("message", GARBAGE, ids=lambda message: repr(message)[:40])
def test_a_message_that_is_no_evidence_is_not_believed(message: Any) -> None:
    assert outcome(over(0, **({} if message is None else {"message": message}))) == PLAIN


@pytest.mark.parametrize(
    ("forged", "expected"),
    [
        ({"start": 5, "end": 6}, {"start": START - 2, "end": START - 2}),
        ({"start": 1e300, "end": 1e300}, {"start": END + 2, "end": END + 2}),
        ({"end": -1}, {"end": START + 0.25}),
        (
            {"utime": -5, "stime": "x", "maxrss": -1},
            {"user_time_s": 0.0, "system_time_s": 0.0, "max_rss_kib": 0},
        ),
        ({"utime": 1e300, "maxrss": 10**400}, {"user_time_s": 10.0 * 366 * 86400, "max_rss_kib": 0}),
        (
            {"utime": float("nan"), "stime": float("inf")},
            {"user_time_s": 0.0, "system_time_s": 10.0 * 366 * 86400},
        ),
        ({"utime": True}, {"user_time_s": 0.0}),
        ({"reason": 5}, {"reason": ""}),
        ({"reason": "a\nb\x00\x1b[31m\u202ec"}, {"reason": "a b  [31m c"}),
        ({"reason": "x" * 5000}, {"reason": "x" * 1024}),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_forged_numbers_and_texts_are_bounded(forged: dict[str, Any], expected: dict[str, Any]) -> None:
    assert outcome(over(0, evidence(**forged))) == like(SEEN, **expected)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(EVIDENCE, JSON)), st.integers(0, 255))
def test_no_message_breaks_or_unbounds_an_outcome(changes: dict[str, Any], code: int) -> None:
    found = outcome(over(code, EVIDENCE | {"exit": code} | changes))
    assert found is not None
    assert found.exit_status == (code if found.ran else 0)
    assert 0 <= found.start <= found.end <= END + 2
    assert 0 <= found.signal < 65
    assert found.failed in (0, 1, 25, 26, 27, 28, 30, 37, 100)
    assert len(found.reason) <= 1100
    assert found.reason.isprintable()


@given(JSON)
def test_any_status_at_all_is_survived(message: Any) -> None:
    assert outcome(over(0, json.dumps(message))) is not None


# ---------------------------------------------------------------- before the end


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"running": TIMES}, START),
        ({"terminated": TIMES}, START),
        ({"terminated": {"startedAt": "1970-01-01T00:00:00Z"}}, None),
        ({"waiting": {"reason": "ContainerCreating"}}, None),
        ({}, None),
        ({"running": {"startedAt": None}}, None),
    ],
)
def test_since_when_it_runs(state: dict[str, Any], expected: float | None) -> None:
    assert started_at(pod({"containerStatuses": [{"state": state}]})) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, None),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, None),
        (
            {
                "containerStatuses": [
                    {"state": {"waiting": {"reason": "ErrImagePull", "message": "not\nthere"}}}
                ]
            },
            "ErrImagePull: not there",
        ),
        (
            {
                "conditions": [
                    {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "m"}
                ]
            },
            "Unschedulable: m",
        ),
        ({"conditions": [{"type": "PodScheduled", "status": "True"}]}, None),
    ],
)
def test_why_it_does_not_run_yet(status: dict[str, Any], expected: str | None) -> None:
    assert pending_reason(pod(status)) == expected

"""translate/rows.py: what users see follows from spec and status together, and costs little."""

from __future__ import annotations

from typing import Any

import pytest

from gridcompat.cluster.base import Table
from gridcompat.translate import ranges
from gridcompat.translate.rows import COLUMNS, Row, active, encode_rows, rows, state_word

SUBMITTED = 1795487554
RUN = {
    "task": 1,
    "attempt": 1,
    "restarted": 0,
    "state": "r",
    "pod": "x",
    "host": "node1",
    "queue": "task",
    "startedAt": SUBMITTED + 5,
    "slots": 1,
}


def job(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A GridJob 1234 as it was created, with other fields of spec and its status."""
    obj: dict[str, Any] = {
        "metadata": {"name": "1234", "creationTimestamp": "2026-11-24T02:32:34Z"},
        "spec": {"id": 1234, "jobName": "job.sh", "slots": 1, "priority": 0} | spec,
    }
    if status is not None:
        obj["status"] = {"owner": "alice", "phase": "Active"} | status
    return obj


def seen(obj: dict[str, Any]) -> list[tuple[str, str]]:
    """State and tasks of each row."""
    return [(row.state, row.tasks) for row in rows(obj)]


WAITS = {"pending": "1", "phase": "Pending"}

PLAIN: list[tuple[str, dict[str, Any], str]] = [
    ("not seen by the controller yet", job(), "qw"),
    ("held at submission", job(holds={"user": "1"}), "hqw"),
    ("with a predecessor, not seen yet", job(predecessors=[7]), "hqw"),
    ("waits", job(WAITS), "qw"),
    ("held a moment ago", job(WAITS, holds={"user": "1"}), "hqw"),
    ("released a moment ago", job(WAITS, holds={"user": ""}), "qw"),
    ("held by an operator", job(WAITS, holds={"operator": "1"}), "hqw"),
    ("waits for a predecessor", job(WAITS | {"blocked": True}, predecessors=[7]), "hqw"),
    ("its predecessor is gone", job(WAITS, predecessors=[7]), "qw"),
    ("being made", job({"running": [RUN | {"state": "t"}]}), "t"),
    ("runs", job({"running": [RUN]}), "r"),
    ("runs and is held", job({"running": [RUN]}, holds={"user": "1"}), "hr"),
    ("suspended", job({"running": [RUN | {"state": "s"}]}), "s"),
    ("runs again", job({"running": [RUN | {"restarted": 1}]}), "Rr"),
    ("being made again", job({"running": [RUN | {"restarted": 1, "state": "t"}]}), "Rt"),
    ("runs and is to be deleted", job({"running": [RUN]}, deleted="1"), "dr"),
    ("being made and to be deleted", job({"running": [RUN | {"state": "t"}]}, deleted="1"), "dt"),
    ("put back", job({"again": [{"tasks": "1", "attempt": 1, "restarted": 1}]}), "Rq"),
    ("put back and held", job({"again": [{"tasks": "1", "restarted": 1}]}, holds={"user": "1"}), "hRq"),
    ("its error was cleared", job({"again": [{"tasks": "1", "attempt": 1, "restarted": 0}]}), "qw"),
    ("in error", job({"errors": [{"tasks": "1", "restarted": 0, "reason": "x"}]}), "Eqw"),
    ("in error and held", job({"errors": [{"tasks": "1"}]}, holds={"user": "1"}), "Ehqw"),
    ("in error after a requeue", job({"errors": [{"tasks": "1", "restarted": 1}]}), "ERq"),
]


@pytest.mark.parametrize(("obj", "state"), [case[1:] for case in PLAIN], ids=[case[0] for case in PLAIN])
def test_a_plain_job_has_one_row_with_its_letters(obj: dict[str, Any], state: str) -> None:
    assert seen(obj) == [(state, "")]
    assert state_word(obj) == state
    assert active(obj)


GONE: list[tuple[str, dict[str, Any]]] = [
    ("deleted before the controller saw it", job(deleted="1")),
    ("deleted while it waits", job(WAITS, deleted="1")),
    ("deleted in error", job({"errors": [{"tasks": "1"}]}, deleted="1")),
    ("deleted after it was put back", job({"again": [{"tasks": "1", "restarted": 1}]}, deleted="1")),
    ("whole array deleted", job(tasks="1-10:1", deleted="1-10:1")),
    ("deleted part by part", job({"pending": "2-10:2"}, tasks="2-10:2", deleted="1-10:1")),
    ("finished", job({"phase": "Finished"})),
    ("void", job({"phase": "Void"}, void=True)),
    ("void, not seen yet", job(void=True)),
]


@pytest.mark.parametrize("obj", [case[1] for case in GONE], ids=[case[0] for case in GONE])
def test_what_is_over_or_ordered_deleted_while_it_waits_has_no_row(obj: dict[str, Any]) -> None:
    assert seen(obj) == []
    assert state_word(obj) == "z"
    assert not active(obj)


def test_finished_jobs_are_listed_when_asked_for() -> None:
    over = job({"phase": "Finished", "rows": ""}, tasks="1-3:1")
    assert [(row.state, row.tasks, row.queue) for row in rows(over, finished=True)] == [("z", "1-3:1", "")]
    assert rows(job(WAITS), finished=True) == []
    assert rows(job({"phase": "Void"}), finished=True) == []


ARRAYS: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("waits", job(tasks="1-10:1"), [("qw", "1-10:1")]),
    ("held at submission", job(tasks="1-5:2", holds={"user": "1-5:2"}), [("hqw", "1-5:2")]),
    ("one task", job(tasks="5-5:1"), [("qw", "5")]),
    ("two tasks", job(tasks="1-2:1"), [("qw", "1,2")]),
    (
        "some run",
        job({"pending": "3-5:1", "running": [RUN, RUN | {"task": 2}]}, tasks="1-5:1"),
        [("r", "1"), ("r", "2"), ("qw", "3-5:1")],
    ),
    ("one deleted", job({"pending": "1-6:1"}, tasks="1-6:1", deleted="3"), [("qw", "1,2,4-6:1")]),
    ("two deleted, held", job(tasks="1-6:1", holds={"user": "1-6:1"}, deleted="3,5"), [("hqw", "1,2,4,6")]),
    ("some held", job(tasks="1-4:1", holds={"user": "1,2"}), [("qw", "3,4"), ("hqw", "1,2")]),
    (
        "two kinds of hold",
        job(tasks="1-4:1", holds={"user": "1,2", "system": "2-3:1"}),
        [("qw", "4"), ("hqw", "3"), ("hqw", "1"), ("hqw", "2")],
    ),
    (
        "one suspended, one to be deleted",
        job({"running": [RUN | {"state": "s"}, RUN | {"task": 2}]}, tasks="1-2:1", deleted="2"),
        [("s", "1"), ("dr", "2")],
    ),
    (
        "one running task held",
        job({"running": [RUN, RUN | {"task": 2}]}, tasks="1-2:1", holds={"user": "2"}),
        [("r", "1"), ("hr", "2")],
    ),
    (
        "all kinds",
        job(
            {
                "pending": "5",
                "again": [{"tasks": "1", "restarted": 1}, {"tasks": "2", "restarted": 0}],
                "errors": [{"tasks": "3", "restarted": 0}, {"tasks": "4", "restarted": 0}],
            },
            tasks="1-5:1",
        ),
        [("qw", "5"), ("qw", "2"), ("Rq", "1"), ("Eqw", "3,4")],
    ),
    ("all wait for an array predecessor", job(tasks="1-2:1", arrayPredecessors=[9]), [("hqw", "1,2")]),
]


@pytest.mark.parametrize(("obj", "expected"), [case[1:] for case in ARRAYS], ids=[case[0] for case in ARRAYS])
def test_an_array_has_a_row_for_each_run_and_one_for_each_waiting_state(
    obj: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert seen(obj) == expected


def test_tasks_held_by_an_array_predecessor_have_a_row_of_their_own() -> None:
    status = {"pending": "2-6:1", "running": [RUN]}
    obj = job(
        status | {"rows": encode_rows(status, held_by_task="4-6:1")}, tasks="1-6:1", arrayPredecessors=[9]
    )
    assert seen(obj) == [("r", "1"), ("qw", "2,3"), ("hqw", "4-6:1")]
    assert [row.blocked_by_task for row in rows(obj)] == [False, False, True]


def test_the_kind_of_hold_is_told() -> None:
    both = rows(job(WAITS | {"blocked": True}, predecessors=[7], holds={"user": "1", "operator": "1"}))[0]
    assert (both.held, both.blocked, both.blocked_by_task) == ("uo", True, False)
    by_array = rows(job({"pending": "1,2", "blocked": True}, tasks="1-2:1", arrayPredecessors=[7]))[0]
    assert (by_array.held, by_array.blocked, by_array.blocked_by_task) == ("", False, True)


def test_a_row_tells_everything_that_a_listing_needs() -> None:
    status = {"running": [RUN | {"slots": 4, "restarted": 2}]}
    row = rows(job(status, slots=2, priority=-10, startTime=1800000000, jobName="a&b c"))[0]
    assert {name: getattr(row, name) for name in Row.__slots__} == {
        "job_id": 1234,
        "name": "a&b c",
        "owner": "alice",
        "priority": -10,
        "submitted": SUBMITTED,
        "start_after": 1800000000,
        "slots": 4,
        "array": False,
        "state": "Rr",
        "time": SUBMITTED + 5,
        "queue": "task@node1",
        "tasks": "",
        "rest": False,
        "held": "",
        "blocked": False,
        "blocked_by_task": False,
    }
    assert row.task_ranges() == ((1, 1, 1),)
    assert "state='Rr'" in repr(row)


def test_a_run_that_has_not_started_shows_the_time_of_submission_and_no_host() -> None:
    row = rows(job({"running": [RUN | {"state": "t", "startedAt": None, "host": "", "queue": ""}]}))[0]
    assert (row.time, row.queue) == (SUBMITTED, "")


def cells(obj: dict[str, Any]) -> list[Any]:
    """The printer columns of an object, in the order of the rows' own list."""
    spec, status = obj["spec"], obj.get("status", {})
    holds = spec.get("holds", {})
    return [
        str(spec["id"]),
        spec["jobName"],
        status.get("owner"),
        obj["metadata"]["creationTimestamp"],
        spec["slots"],
        spec["priority"],
        spec.get("tasks"),
        holds.get("user"),
        holds.get("operator"),
        holds.get("system"),
        spec.get("deleted"),
        spec.get("startTime"),
        *(spec.get(name, [None])[0] for name in ("predecessors", "arrayPredecessors")),
        status.get("phase"),
        encode_rows(status) if status else None,
        "true" if spec.get("void") else None,
    ]


EVERY = [case[1] for case in PLAIN] + [case[1] for case in GONE] + [case[1] for case in ARRAYS]


def test_a_table_gives_the_same_rows_as_the_objects_whatever_the_order_of_its_columns() -> None:
    expected = [repr(row) for obj in EVERY for row in rows(obj)]
    plain = Table(columns=COLUMNS, rows=[cells(obj) for obj in EVERY], version="1")
    assert [repr(row) for row in rows(plain)] == expected
    mixed = Table(
        columns=["State", *reversed(COLUMNS)],
        rows=[["?", *reversed(cells(obj))] for obj in EVERY],
        version="1",
    )
    assert [repr(row) for row in rows(mixed)] == expected


def test_what_the_status_tells_passes_through_one_short_text() -> None:
    status = {
        "pending": "3-9:2",
        "again": [{"tasks": "1", "restarted": 0}, {"tasks": "2", "restarted": 3}],
        "errors": [{"tasks": "10-20:1", "restarted": 0}, {"tasks": "30", "restarted": 1}],
        "running": [RUN | {"restarted": 1}, RUN | {"task": 70000, "state": "s"}],
        "blocked": True,
    }
    assert encode_rows(status, held_by_task="3") == (
        "p3-9:2;Q1;R2;E10-20:1;F30;a3;b;r1 1795487559 task@node1 1 1;s70000 1795487559 task@node1 1 0"
    )
    assert encode_rows({}) == ""


def test_a_large_array_with_holds_and_deletions_is_not_taken_apart_task_by_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def counted(_ranges: ranges.Ranges) -> Any:
        raise AssertionError("tasks were counted one by one")

    monkeypatch.setattr(ranges, "members", counted)
    obj = job({"pending": "2-75000:1", "running": [RUN]}, tasks="1-75000:1", holds={"user": "100-75000:1"})
    obj["spec"]["deleted"] = "50-60:1"
    assert seen(obj) == [("r", "1"), ("qw", "2-49:1,61-99:1"), ("hqw", "100-75000:1")]


@pytest.mark.parametrize(
    ("running", "deleted", "expected"),
    [
        ("t2 5 task@ 1 0;r1 5 task@a 1 0", "", [("r", "1", "task@a"), ("qw", "2-4:1", "")]),
        ("t1 5 task@ 1 0;t2 5 task@ 1 1", "", [("qw", "1,3,4", ""), ("Rq", "2", "")]),
        (
            "t1 5 task@ 1 0;t2 5 task@b 1 0",
            "1",
            [("dt", "1", "task@"), ("t", "2", "task@b"), ("qw", "3,4", "")],
        ),
    ],
)
def test_an_attempt_that_no_host_has_waits(
    running: str, deleted: str, expected: list[tuple[str, str, str]]
) -> None:
    job = {
        "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"id": 7, "jobName": "x", "tasks": "1-4", "deleted": deleted},
        "status": {"phase": "Active", "rows": f"p3-4:1;{running}"},
    }
    assert [(row.state, row.tasks, row.queue) for row in rows(job)] == expected

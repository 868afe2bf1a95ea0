"""What the definitions accept and refuse: one table for the embedded cluster's rules and for CEL itself."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.objects import grid_account, grid_job
from gridcompat.cluster import base
from gridcompat.cluster.base import Cluster
from gridcompat.errors import GridError, Invalid, NotFound

ORDER = {
    "seq": 1,
    "kind": "delete",
    "by": "tool-demo",
    "host": "bastion",
    "at": 1764000000,
    "tasks": "",
    "force": False,
}

NEW_JOBS: dict[str, tuple[dict[str, Any], bool]] = {
    "the least": ({}, True),
    "void with nothing else": ({"void": True, "jobName": None, "request": None, "ready": None}, True),
    "not void without a name": ({"jobName": None}, False),
    "not void without a request": ({"request": None}, False),
    "void false without a request": ({"void": False, "request": None}, False),
    "without a nonce": ({"nonce": None}, False),
    "an empty nonce": ({"nonce": ""}, False),
    "a nonce of 64": ({"nonce": "n" * 64}, True),
    "a nonce of 65": ({"nonce": "n" * 65}, False),
    "an id that is not its name": ({"id": 1001}, False),
    "an id as text": ({"id": "1000"}, False),
    "without an id": ({"id": None}, False),
    "an empty name": ({"jobName": ""}, False),
    "a name of 512": ({"jobName": "é" * 512}, True),
    "a name of 513": ({"jobName": "x" * 513}, False),
    "a request of 192 KiB": ({"request": "x" * 196608}, True),
    "a request of more": ({"request": "x" * 196609}, False),
    "ready as text": ({"ready": "true"}, False),
    "ready as number": ({"ready": 1}, False),
    "tasks": ({"tasks": "1-75000:7"}, True),
    "one task": ({"tasks": "5"}, True),
    "tasks as a list": ({"tasks": "1,2"}, False),
    "tasks with a newline": ({"tasks": "1-2\n"}, False),
    "empty tasks": ({"tasks": ""}, False),
    "the lowest priority": ({"priority": -1024}, True),
    "too low a priority": ({"priority": -1025}, False),
    "the highest priority": ({"priority": 1024}, True),
    "too high a priority": ({"priority": 1025}, False),
    "slots below 0": ({"slots": -1}, False),
    "a number with a fraction": ({"slots": 1.5}, False),
    "a number out of range": ({"startTime": 1 << 63}, False),
    "a start in 2038": ({"startTime": 1 << 31}, True),
    "holds": ({"holds": {"user": "1-10:2,12", "operator": "", "system": "1"}}, True),
    "holds with a letter": ({"holds": {"user": "u"}}, False),
    "holds with a newline": ({"holds": {"user": "1\n"}}, False),
    "holds as text": ({"holds": "u"}, False),
    "predecessors": ({"predecessors": [1, 2, 3], "arrayPredecessors": []}, True),
    "5,000 predecessors": ({"predecessors": list(range(1, 5001))}, True),
    "5,001 predecessors": ({"predecessors": list(range(1, 5002))}, False),
    "a predecessor of 0": ({"predecessors": [0]}, False),
    "a predecessor as text": ({"predecessors": ["1"]}, False),
    "an order": ({"orders": [ORDER]}, True),
    "100 orders": ({"orders": [{**ORDER, "seq": seq} for seq in range(1, 101)]}, True),
    "101 orders": ({"orders": [{**ORDER, "seq": seq} for seq in range(1, 102)]}, False),
    "two orders of one seq": ({"orders": [ORDER, {**ORDER, "kind": "clear"}]}, False),
    "an order without a seq": ({"orders": [{"kind": "delete"}]}, False),
    "an order of seq 0": ({"orders": [{**ORDER, "seq": 0}]}, False),
    "an order of an unknown kind": ({"orders": [{**ORDER, "kind": "explode"}]}, False),
    "an order with a long name": ({"orders": [{**ORDER, "by": "x" * 257}]}, False),
}


def outcome(call: Any) -> bool:
    """Whether a call is accepted. Anything but Invalid is a mistake of the test."""
    try:
        call()
    except Invalid:
        return False
    return True


@pytest.mark.parametrize("case", NEW_JOBS)
def test_a_new_grid_job(cluster: Cluster, namespace: str, case: str) -> None:
    spec, accepted = NEW_JOBS[case]
    assert outcome(lambda: cluster.create(grid_job(namespace, **spec))) is accepted


def test_null_is_no_value_at_all(cluster: Cluster, namespace: str) -> None:
    obj = grid_job(namespace)
    obj["spec"].update(
        slots=None, tasks=None, holds={"user": None, "system": "1"}, orders=[{**ORDER, "by": None}]
    )
    spec = cluster.create(obj)["spec"]
    assert "slots" not in spec and "tasks" not in spec and spec["holds"] == {"system": "1"}
    assert "by" not in spec["orders"][0]
    obj = grid_job(namespace, 1001)
    obj["spec"]["id"] = None
    assert not outcome(lambda: cluster.create(obj))
    obj = grid_job(namespace, 1001)
    obj["spec"]["predecessors"] = [None]
    assert not outcome(lambda: cluster.create(obj))


def done(seq: int) -> dict[str, Any]:
    """A status in which orders are done."""
    return {"ordersDone": seq}


def orders(*seqs: int, **fields: Any) -> dict[str, Any]:
    """A spec with orders."""
    return {"orders": [{**ORDER, "seq": seq, **fields} for seq in seqs]}


# (spec at creation, status, patch of spec, accepted)
CHANGED_JOBS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any], bool]] = {
    "another name": ({}, {}, {"jobName": "other"}, True),
    "another request": ({}, {}, {"request": '{"a":1}'}, True),
    "no name": ({}, {}, {"jobName": None}, False),
    "another id": ({}, {}, {"id": 1001}, False),
    "no id": ({}, {}, {"id": None}, False),
    "another nonce": ({}, {}, {"nonce": "other"}, False),
    "once afterwards": ({}, {}, {"once": True}, False),
    "no longer once": ({"once": True}, {}, {"once": None}, False),
    "once false is absent": ({}, {}, {"once": False}, True),
    "void afterwards": ({}, {}, {"void": True}, False),
    "no longer void": ({"void": True}, {}, {"void": False}, False),
    "tasks afterwards": ({}, {}, {"tasks": "1-2"}, False),
    "no tasks": ({"tasks": "1-2"}, {}, {"tasks": None}, False),
    "other tasks": ({"tasks": "1-2"}, {}, {"tasks": "1-3"}, False),
    "ready": ({"ready": False}, {}, {"ready": True}, True),
    "ready from absent": ({"ready": None}, {}, {"ready": True}, True),
    "not ready again": ({}, {}, {"ready": False}, False),
    "ready gone": ({}, {}, {"ready": None}, False),
    "deleted": ({}, {}, {"deleted": "1"}, True),
    "more deleted": ({"tasks": "1-9", "deleted": "1"}, {}, {"deleted": "1-3"}, True),
    "a shorter text for more": ({"tasks": "1-9", "deleted": "1-4,6"}, {}, {"deleted": "1-6"}, True),
    "deletion cleared": ({"deleted": "1"}, {}, {"deleted": ""}, False),
    "deletion gone": ({"deleted": "1"}, {}, {"deleted": None}, False),
    "holds": ({"holds": {"user": "1"}}, {}, {"holds": {"user": None, "operator": "1"}}, True),
    "the first order": ({}, {}, orders(1), True),
    "the first order is not 1": ({}, {}, orders(7), True),
    "one more order": (orders(1, 2), {}, orders(1, 2, 3), True),
    "one more order by a gap": (orders(1, 2), {}, orders(1, 2, 9), True),
    "the oldest dropped too early": (orders(1, 2), done(0), orders(2, 3), False),
    "the oldest dropped when done": (orders(1, 2), done(1), orders(2, 3), True),
    "the next dropped too early": (orders(1, 2), done(1), orders(3), False),
    "all dropped when done": (orders(1, 2), done(2), {"orders": None}, True),
    "all dropped too early": (orders(1, 2), done(1), {"orders": []}, False),
    "an order changed": (orders(1), {}, orders(1, tasks="2"), False),
    "a done order changed": (orders(1), done(1), orders(1, tasks="2"), False),
    "a new order below the last": (orders(5), {}, orders(3, 5), False),
    "a new order below the last done": (orders(1, 2), done(2), orders(1), True),
    "an old seq again": ({}, done(4), orders(4), False),
    "a seq above the last done": ({}, done(4), orders(5), True),
    "orders in another order": (orders(1, 2), {}, {"orders": orders(1, 2)["orders"][::-1]}, True),
}


@pytest.mark.parametrize("case", CHANGED_JOBS)
def test_a_changed_grid_job(cluster: Cluster, namespace: str, case: str) -> None:
    spec, status, patch, accepted = CHANGED_JOBS[case]
    cluster.create(grid_job(namespace, **spec))
    if status:
        cluster.patch(base.GRID_JOB, "1000", {"status": status}, namespace=namespace, subresource="status")
    call = lambda: cluster.patch(base.GRID_JOB, "1000", {"spec": patch}, namespace=namespace)  # noqa: E731  (called once, in a line that is long enough)
    assert outcome(call) is accepted


RUN = {
    "task": 1,
    "attempt": 1,
    "restarted": 0,
    "state": "r",
    "pod": "a-1000-t1-a1",
    "host": "node1",
    "queue": "task",
    "startedAt": 1764000000,
    "slots": 1,
}
AGAIN = {"tasks": "3", "attempt": 2, "restarted": 1}
STATUSES: dict[str, tuple[dict[str, Any], bool]] = {
    "everything": (
        {
            "observedGeneration": 1,
            "owner": "tool-demo",
            "group": "tools",
            "uid": 1,
            "gid": 0,
            "phase": "Active",
            "pending": "4-9",
            "again": [AGAIN],
            "errors": [{**AGAIN, "at": 1, "reason": "no file"}],
            "running": [RUN],
            "blocked": False,
            "reasons": ["a"],
            "ordersDone": 0,
            "exitStatus": 1,
            "finished": 1,
            "failed": 1,
            "finishedAt": 1764000000,
            "state": "r",
            "rows": "[]",
        },
        True,
    ),
    "an unknown phase": ({"phase": "Sleeping"}, False),
    "a run in an unknown state": ({"running": [{**RUN, "state": "x"}]}, False),
    "a run without its attempt": ({"running": [{"task": 1, "state": "r"}]}, False),
    "2,000 runs": ({"running": [{**RUN, "task": task} for task in range(1, 2001)]}, True),
    "a reason that is too long": ({"reasons": ["x" * 4097]}, False),
    "pending with letters": ({"pending": "all"}, False),
    "ordersDone lower": ({"ordersDone": 1}, False),
    "ordersDone higher": ({"ordersDone": 3}, True),
    "ordersDone gone": ({"ordersDone": None}, False),
    "null": ({"phase": None}, True),
}


@pytest.mark.parametrize("case", STATUSES)
def test_a_grid_jobs_status(cluster: Cluster, namespace: str, case: str) -> None:
    status, accepted = STATUSES[case]
    cluster.create(grid_job(namespace))
    if "lower" in case or "higher" in case or "gone" in case:
        cluster.patch(base.GRID_JOB, "1000", {"status": done(2)}, namespace=namespace, subresource="status")

    def call() -> None:
        cluster.patch(base.GRID_JOB, "1000", {"status": status}, namespace=namespace, subresource="status")

    assert outcome(call) is accepted


def blocks(*ranges: tuple[int, int]) -> list[dict[str, int]]:
    """Blocks of ids."""
    return [{"first": first, "last": last} for first, last in ranges]


NEW_ACCOUNTS: dict[str, tuple[dict[str, Any], bool]] = {
    "the usual": ({}, True),
    "no blocks yet": ({"blocks": []}, True),
    "everything": (
        {
            "group": "tools",
            "groups": [1, 2],
            "home": "/home/a",
            "limits": {"jobs": "100"},
            "volumes": [{"path": "/data", "source": {"hostPath": {"path": "/data", "type": "Directory"}}}],
        },
        True,
    ),
    "a block that ends before it starts": ({"blocks": blocks((5, 4))}, False),
    "a block of one": ({"blocks": blocks((5, 5))}, True),
    "no owner": ({"owner": ""}, False),
    "a uid below 0": ({"uid": -1}, False),
    "the uid of nobody at all": ({"uid": 4294967295}, False),
    "a group as text": ({"groups": ["tools"]}, False),
    "a limit as number": ({"limits": {"jobs": 100}}, False),
    "a volume without a path": ({"volumes": [{"source": {}}]}, False),
}


@pytest.mark.parametrize("case", NEW_ACCOUNTS)
def test_a_new_grid_account(cluster: Cluster, namespace: str, case: str) -> None:
    spec, accepted = NEW_ACCOUNTS[case]
    assert outcome(lambda: cluster.create(grid_account(namespace, **spec))) is accepted


def test_an_account_has_one_name(cluster: Cluster, namespace: str) -> None:
    obj = grid_account(namespace)
    obj["metadata"]["name"] = "other"
    assert not outcome(lambda: cluster.create(obj))


ENTRY = {"name": "sleep", "id": 1000, "nonce": "n1000"}
# (nextId before, status patch, accepted); the blocks are 1000-1009 and 2000-2009
NEXT_IDS: dict[str, tuple[int | None, dict[str, Any], bool]] = {
    "the first id": (None, {"nextId": 1000}, True),
    "the second id": (None, {"nextId": 1001}, True),
    "before the blocks": (None, {"nextId": 999}, False),
    "after the blocks": (None, {"nextId": 2011}, False),
    "between the blocks": (None, {"nextId": 1500}, False),
    "one more": (1001, {"nextId": 1002}, True),
    "two more": (1001, {"nextId": 1003}, False),
    "one back": (1001, {"nextId": 1000}, False),
    "gone": (1001, {"nextId": None}, False),
    "the same": (1001, {"nextId": 1001}, True),
    "only an entry": (1001, {"once": [ENTRY]}, True),
    "the end of a block": (1009, {"nextId": 1010}, True),
    "past the end of a block": (1010, {"nextId": 1011}, False),
    "to the next block": (1010, {"nextId": 2000}, True),
    "to the first id of the next block": (1010, {"nextId": 2001}, True),
    "further into the next block": (1010, {"nextId": 2002}, False),
    "to the next block too early": (1009, {"nextId": 2000}, False),
    "back to a block": (2010, {"nextId": 1000}, False),
    "past all blocks": (2010, {"nextId": 2011}, False),
    "an entry with one more id": (1001, {"nextId": 1002, "once": [ENTRY]}, True),
    "256 entries": (None, {"once": [ENTRY] * 256}, True),
    "257 entries": (None, {"once": [ENTRY] * 257}, False),
    "an entry without an id": (None, {"once": [{"name": "a", "nonce": "b"}]}, False),
    "an entry without a name": (None, {"once": [{**ENTRY, "name": ""}]}, False),
}


@pytest.mark.parametrize("case", NEXT_IDS)
def test_the_next_id(cluster: Cluster, namespace: str, case: str) -> None:
    before, status, accepted = NEXT_IDS[case]

    def patch(status: dict[str, Any]) -> None:
        cluster.patch(
            base.GRID_ACCOUNT, "account", {"status": status}, namespace=namespace, subresource="status"
        )

    cluster.create(grid_account(namespace))
    if before is not None:
        patch({"nextId": before})
    assert outcome(lambda: patch(status)) is accepted


def test_blocks_can_be_added_but_not_taken_from_under_the_next_id(cluster: Cluster, namespace: str) -> None:
    cluster.create(grid_account(namespace))
    where: dict[str, Any] = {"namespace": namespace}
    cluster.patch(base.GRID_ACCOUNT, "account", {"status": {"nextId": 1001}}, **where, subresource="status")
    more = {"spec": {"blocks": blocks((1000, 1009), (2000, 2009), (3000, 3009))}}
    cluster.patch(base.GRID_ACCOUNT, "account", more, **where)
    other = {"spec": {"blocks": blocks((3000, 3009))}}
    assert not outcome(lambda: cluster.patch(base.GRID_ACCOUNT, "account", other, **where))


def test_the_next_free_block_of_the_site_only_rises(cluster: Cluster) -> None:
    site = {"apiVersion": "gridcompat.io/v1", "kind": "GridSite", "metadata": {"name": "site"}}
    try:
        cluster.delete(base.GRID_SITE, "site", namespace=None)
    except NotFound:
        pass
    other = {**site, "metadata": {"name": "other"}, "spec": {"nextId": 1000}}
    assert not outcome(lambda: cluster.create(other))
    assert not outcome(lambda: cluster.create({**site, "spec": {}}))
    created = cluster.create({**site, "spec": {"nextId": 1000}})
    assert "namespace" not in created["metadata"]
    assert outcome(lambda: cluster.patch(base.GRID_SITE, "site", {"spec": {"nextId": 2000}}, namespace=None))
    assert not outcome(
        lambda: cluster.patch(base.GRID_SITE, "site", {"spec": {"nextId": 1999}}, namespace=None)
    )
    assert cluster.table(base.GRID_SITE, namespace=None).rows == [["site", 2000]]
    with pytest.raises(GridError):
        cluster.patch(base.GRID_SITE, "site", {"status": {}}, namespace=None, subresource="status")
    cluster.delete(base.GRID_SITE, "site", namespace=None)

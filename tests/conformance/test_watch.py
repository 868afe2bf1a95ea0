"""Watching: every change once, in order, from the version of a list on."""

from __future__ import annotations

import time

import pytest

from conformance.objects import config_map, grid_job, pod
from gridcompat.cluster import base
from gridcompat.cluster.base import ALL, Cluster, Event, Kind, Selector
from gridcompat.cluster.embedded import rows
from gridcompat.errors import Expired, Invalid


def seen(
    cluster: Cluster, kind: Kind, namespace: str | None, since: str, count: int, selector: Selector = ALL
) -> list[tuple[str, str]]:
    """The next `count` changes, as (type, name)."""
    found: list[tuple[str, str]] = []
    for event in cluster.watch(kind, namespace=namespace, since=since, selector=selector, timeout_s=10):
        if event.type != "BOOKMARK" and event.object["metadata"].get("namespace", "").startswith("gc-"):
            found.append((event.type, event.object["metadata"]["name"]))
        if len(found) == count:
            break
    return found


def test_every_change_is_told_once_and_in_order(cluster: Cluster, namespace: str) -> None:
    since = cluster.list(base.GRID_JOB, namespace=namespace).version
    cluster.create(grid_job(namespace, 1, metadata={"finalizers": ["gridcompat.io/job"]}))
    cluster.create(grid_job(namespace, 2))
    cluster.create(config_map(namespace))
    cluster.patch(
        base.GRID_JOB, "1", {"status": {"phase": "Active"}}, namespace=namespace, subresource="status"
    )
    cluster.patch(base.GRID_JOB, "1", {"spec": {"jobName": "sleep"}}, namespace=namespace)
    cluster.delete(base.GRID_JOB, "1", namespace=namespace)
    cluster.delete(base.GRID_JOB, "2", namespace=namespace)
    cluster.patch(base.GRID_JOB, "1", {"metadata": {"finalizers": None}}, namespace=namespace)
    cluster.create(grid_job(namespace, 3))
    assert seen(cluster, base.GRID_JOB, namespace, since, 7) == [
        *(("ADDED", "1"), ("ADDED", "2"), ("MODIFIED", "1"), ("MODIFIED", "1")),
        *(("DELETED", "2"), ("DELETED", "1"), ("ADDED", "3")),
    ]


def test_an_event_holds_the_object_as_it_was(cluster: Cluster, namespace: str) -> None:
    since = cluster.list(base.GRID_JOB, namespace=namespace).version
    created = cluster.create(grid_job(namespace))
    changed = cluster.patch(base.GRID_JOB, "1000", {"spec": {"slots": 2}}, namespace=namespace)
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace)
    events: list[Event] = []
    for event in cluster.watch(base.GRID_JOB, namespace=namespace, since=since, timeout_s=10):
        events += [event] if event.type != "BOOKMARK" else []
        if len(events) == 3:
            break
    assert [event.object for event in events[:2]] == [created, changed]
    gone = events[2].object
    assert gone["spec"] == changed["spec"]
    versions = [int(event.object["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(set(versions)) and versions[0] > int(since)
    # A watch goes on from any version it has seen.
    after = created["metadata"]["resourceVersion"]
    assert seen(cluster, base.GRID_JOB, namespace, after, 2) == [("MODIFIED", "1000"), ("DELETED", "1000")]


def test_a_selector_makes_objects_appear_and_disappear(cluster: Cluster, namespace: str) -> None:
    since = cluster.list(base.GRID_JOB, namespace=namespace).version
    cluster.create(grid_job(namespace, 1))
    cluster.create(grid_job(namespace, 2))
    for phase in ("Active", "Finished"):
        status = {"status": {"phase": phase, "state": "r"}}
        cluster.patch(base.GRID_JOB, "1", status, namespace=namespace, subresource="status")
    cluster.patch(
        base.GRID_JOB, "2", {"status": {"phase": "Active"}}, namespace=namespace, subresource="status"
    )
    cluster.patch(base.GRID_JOB, "2", {"spec": {"slots": 2}}, namespace=namespace)
    cluster.delete(base.GRID_JOB, "2", namespace=namespace)
    active = Selector(fields={"status.phase": "Active"})
    assert seen(cluster, base.GRID_JOB, namespace, since, 5, active) == [
        *(("ADDED", "1"), ("DELETED", "1"), ("ADDED", "2"), ("MODIFIED", "2"), ("DELETED", "2"))
    ]


def test_a_label_selector_does_too(cluster: Cluster, namespace: str) -> None:
    since = cluster.list(base.POD, namespace=namespace).version
    cluster.create(pod(namespace, "a", metadata={"labels": {"x": "1"}}))
    cluster.create(pod(namespace, "b"))
    cluster.patch(base.POD, "a", {"metadata": {"labels": {"x": "2"}}}, namespace=namespace)
    cluster.patch(base.POD, "b", {"metadata": {"labels": {"x": "1"}}}, namespace=namespace)
    found = seen(cluster, base.POD, namespace, since, 3, Selector(labels={"x": "1"}))
    assert found == [("ADDED", "a"), ("DELETED", "a"), ("ADDED", "b")]


def test_other_namespaces_are_seen_only_when_asked_for(cluster: Cluster, namespace: str) -> None:
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace + "-x"}})
    since = cluster.list(base.GRID_JOB, namespace=None).version
    cluster.create(grid_job(namespace + "-x", 1))
    cluster.create(grid_job(namespace, 2))
    assert seen(cluster, base.GRID_JOB, namespace, since, 1) == [("ADDED", "2")]
    # Namespaces of earlier tests may still be going away: their events are seen too.
    own = {namespace, namespace + "-x"}
    found = []
    for event in cluster.watch(base.GRID_JOB, namespace=None, since=since, timeout_s=20.0):
        if event.type != "BOOKMARK" and event.object["metadata"]["namespace"] in own:
            found.append((event.type, event.object["metadata"]["name"]))
            if len(found) == 2:
                break
    assert found == [("ADDED", "1"), ("ADDED", "2")]
    cluster.delete(base.NAMESPACE, namespace + "-x", namespace=None)


def test_a_quiet_watch_ends_in_time(cluster: Cluster, namespace: str) -> None:
    since = cluster.list(base.GRID_JOB, namespace=namespace).version
    start = time.monotonic()
    events = list(cluster.watch(base.GRID_JOB, namespace=namespace, since=since, timeout_s=1.0))
    assert [event for event in events if event.type != "BOOKMARK"] == []
    assert 0.9 <= time.monotonic() - start < 5


def test_a_bookmark_holds_only_a_version(cluster: Cluster, namespace: str) -> None:
    since = cluster.list(base.GRID_JOB, namespace=namespace).version
    cluster.create(grid_job(namespace))
    events = list(cluster.watch(base.GRID_JOB, namespace=namespace, since=since, timeout_s=2.0))
    assert [event.type for event in events if event.type != "BOOKMARK"] == ["ADDED"]
    for event in events:
        if event.type == "BOOKMARK":
            assert event.object["kind"] == "GridJob"
            assert not event.object.get("spec", {}).get("id")
            assert int(event.object["metadata"]["resourceVersion"]) > int(since)


def test_a_version_that_is_no_number_is_refused(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(Invalid):
        list(cluster.watch(base.GRID_JOB, namespace=namespace, since="soon", timeout_s=1))


def test_a_version_from_before_the_log_is_expired(
    cluster: Cluster, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "KEPT_CHANGES", 10)  # of the embedded cluster; a real one has started later
    cluster.create(grid_job(namespace))
    for slots in range(2 * rows.TRIM_EVERY):
        cluster.patch(base.GRID_JOB, "1000", {"spec": {"slots": slots}}, namespace=namespace)
    with pytest.raises(Expired):
        list(cluster.watch(base.GRID_JOB, namespace=namespace, since="1", timeout_s=1))

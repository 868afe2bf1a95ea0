"""Deletion: finalizers, grace, and what becomes of the objects that an owner leaves behind."""

from __future__ import annotations

import pytest

from conformance.conftest import Eventually
from conformance.objects import config_map, grid_job, owner, pod, secret
from conformance.test_objects import exists
from gridcompat.cluster import base
from gridcompat.cluster.base import Cluster
from gridcompat.errors import Conflict, Forbidden, Invalid, NotFound

FINALIZERS = ["gridcompat.io/job", "gridcompat.io/other"]


def test_without_finalizers_an_object_goes_at_once(cluster: Cluster, namespace: str) -> None:
    cluster.create(grid_job(namespace))
    assert cluster.delete(base.GRID_JOB, "1000", namespace=namespace) is None
    assert not exists(cluster, base.GRID_JOB, "1000", namespace)
    with pytest.raises(NotFound):
        cluster.delete(base.GRID_JOB, "1000", namespace=namespace)


def test_with_finalizers_it_goes_with_the_last_of_them(cluster: Cluster, namespace: str) -> None:
    cluster.create(grid_job(namespace, metadata={"finalizers": FINALIZERS}))
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace)
    marked = cluster.get(base.GRID_JOB, "1000", namespace=namespace)
    assert marked["metadata"]["deletionTimestamp"] >= marked["metadata"]["creationTimestamp"]
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 0
    assert marked["metadata"]["generation"] == 2
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace)
    again = cluster.get(base.GRID_JOB, "1000", namespace=namespace)
    assert again["metadata"]["resourceVersion"] == marked["metadata"]["resourceVersion"]
    # It can still be worked on, and its name is still taken.
    cluster.patch(
        base.GRID_JOB, "1000", {"status": {"phase": "Active"}}, namespace=namespace, subresource="status"
    )
    cluster.patch(base.GRID_JOB, "1000", {"spec": {"slots": 2}}, namespace=namespace)
    with pytest.raises(Conflict):
        cluster.create(grid_job(namespace))
    one = {"metadata": {"finalizers": FINALIZERS[:1]}}
    assert (
        cluster.patch(base.GRID_JOB, "1000", one, namespace=namespace)["metadata"]["finalizers"]
        == FINALIZERS[:1]
    )
    last = cluster.patch(base.GRID_JOB, "1000", {"metadata": {"finalizers": []}}, namespace=namespace)
    assert last["metadata"]["name"] == "1000"
    assert not exists(cluster, base.GRID_JOB, "1000", namespace)


def test_no_finalizer_is_added_once_it_is_to_go(cluster: Cluster, namespace: str) -> None:
    cluster.create(grid_job(namespace, metadata={"finalizers": FINALIZERS[:1]}))
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace)
    with pytest.raises(Invalid, match="no new finalizers"):
        cluster.patch(base.GRID_JOB, "1000", {"metadata": {"finalizers": FINALIZERS}}, namespace=namespace)


def test_dependents_go_with_their_owner(cluster: Cluster, namespace: str, eventually: Eventually) -> None:
    job = cluster.create(grid_job(namespace))
    references = {"ownerReferences": [owner(job)]}
    cluster.create(secret(namespace, metadata=references))
    cluster.create(pod(namespace, metadata={**references, "finalizers": ["gridcompat.io/evidence"]}))
    cluster.create(config_map(namespace))
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace)
    assert not exists(cluster, base.GRID_JOB, "1000", namespace)
    eventually(lambda: not exists(cluster, base.SECRET, "gridjob-1000", namespace))
    eventually(
        lambda: "deletionTimestamp" in cluster.get(base.POD, "sleep-1000-a1", namespace=namespace)["metadata"]
    )
    cluster.patch(base.POD, "sleep-1000-a1", {"metadata": {"finalizers": None}}, namespace=namespace)
    eventually(lambda: not exists(cluster, base.POD, "sleep-1000-a1", namespace))
    assert exists(cluster, base.CONFIG_MAP, "launcher", namespace)


def test_a_dependent_stays_while_it_has_another_owner(
    cluster: Cluster, namespace: str, eventually: Eventually
) -> None:
    first, second = cluster.create(grid_job(namespace, 1)), cluster.create(grid_job(namespace, 2))
    both = [owner(first, controller=False), owner(second, controller=False)]
    cluster.create(secret(namespace, "shared", metadata={"ownerReferences": both}))
    cluster.create(secret(namespace, "first", metadata={"ownerReferences": both[:1]}))
    cluster.delete(base.GRID_JOB, "1", namespace=namespace)
    eventually(lambda: not exists(cluster, base.SECRET, "first", namespace))
    assert exists(cluster, base.SECRET, "shared", namespace)
    cluster.delete(base.GRID_JOB, "2", namespace=namespace)
    eventually(lambda: not exists(cluster, base.SECRET, "shared", namespace))


def test_an_owner_is_known_by_its_uid(cluster: Cluster, namespace: str, eventually: Eventually) -> None:
    old = cluster.create(grid_job(namespace))
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace)
    cluster.create(grid_job(namespace))
    created = cluster.create(secret(namespace, metadata={"ownerReferences": [owner(old)]}))
    assert created["metadata"]["ownerReferences"][0]["uid"] == old["metadata"]["uid"]
    eventually(lambda: not exists(cluster, base.SECRET, "gridjob-1000", namespace))
    assert exists(cluster, base.GRID_JOB, "1000", namespace)


def test_orphans_stay_and_lose_their_owner(cluster: Cluster, namespace: str, eventually: Eventually) -> None:
    job = cluster.create(grid_job(namespace))
    cluster.create(secret(namespace, metadata={"ownerReferences": [owner(job)]}))
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace, propagation="Orphan")
    eventually(lambda: not exists(cluster, base.GRID_JOB, "1000", namespace))
    left = cluster.get(base.SECRET, "gridjob-1000", namespace=namespace)
    assert "ownerReferences" not in left["metadata"]


def test_foreground_waits_for_dependents_that_block(
    cluster: Cluster, namespace: str, eventually: Eventually
) -> None:
    job = cluster.create(grid_job(namespace))
    references = {"ownerReferences": [owner(job, block=True)]}
    held = {**references, "finalizers": ["gridcompat.io/evidence"]}
    cluster.create(secret(namespace, metadata=references))
    cluster.create(pod(namespace, metadata=held))
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace, propagation="Foreground")
    waiting = cluster.get(base.GRID_JOB, "1000", namespace=namespace)["metadata"]
    assert waiting["finalizers"] == ["foregroundDeletion"] and "deletionTimestamp" in waiting
    eventually(lambda: not exists(cluster, base.SECRET, "gridjob-1000", namespace))
    eventually(
        lambda: "deletionTimestamp" in cluster.get(base.POD, "sleep-1000-a1", namespace=namespace)["metadata"]
    )
    assert exists(cluster, base.GRID_JOB, "1000", namespace)
    cluster.patch(base.POD, "sleep-1000-a1", {"metadata": {"finalizers": None}}, namespace=namespace)
    eventually(lambda: not exists(cluster, base.GRID_JOB, "1000", namespace))


def test_foreground_keeps_the_finalizers_of_others(
    cluster: Cluster, namespace: str, eventually: Eventually
) -> None:
    job = cluster.create(grid_job(namespace, metadata={"finalizers": FINALIZERS[:1]}))
    cluster.create(secret(namespace, metadata={"ownerReferences": [owner(job, block=True)]}))
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace, propagation="Foreground")
    eventually(
        lambda: cluster.get(base.GRID_JOB, "1000", namespace=namespace)["metadata"]["finalizers"]
        == FINALIZERS[:1]
    )
    assert not exists(cluster, base.SECRET, "gridjob-1000", namespace)


def test_a_namespace_takes_everything_with_it(
    cluster: Cluster, namespace: str, eventually: Eventually
) -> None:
    name = namespace + "-x"
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    cluster.create(config_map(name))
    cluster.create(grid_job(name, metadata={"finalizers": FINALIZERS[:1]}))
    cluster.delete(base.NAMESPACE, name, namespace=None)
    eventually(lambda: not exists(cluster, base.CONFIG_MAP, "launcher", name))
    eventually(lambda: "deletionTimestamp" in cluster.get(base.GRID_JOB, "1000", namespace=name)["metadata"])
    with pytest.raises(Forbidden, match="because it is being terminated"):
        cluster.create(config_map(name, "late"))
    cluster.patch(base.GRID_JOB, "1000", {"metadata": {"finalizers": None}}, namespace=name)
    eventually(
        lambda: not any(
            item["metadata"]["name"] == name for item in cluster.list(base.NAMESPACE, namespace=None).items
        )
    )

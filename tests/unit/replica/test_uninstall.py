"""Taking everything of ours out of a cluster, whatever is running there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gridcompat.cluster.base import CONFIG_MAP, GRID_JOB, LEASE, POD
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.model import JobRequest
from gridcompat.replica.election import Election
from gridcompat.replica.process import LEASE_NAME
from gridcompat.replica.uninstall import take_out
from gridcompat.settings import Settings
from gridcompat.translate.account import seed
from gridcompat.translate.grid_job import grid_job


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    objects = seed(Settings(), owner="x", uid=1, gid=1, group="x", groups=(), home="/x")
    cluster = EmbeddedCluster(str(tmp_path), seed=lambda: objects)
    yield cluster
    cluster.close()


def pod(name: str, *, labels: dict[str, str], finalizers: list[str]) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels, "finalizers": finalizers},
        "spec": {"containers": [{"name": "job", "image": "i"}], "restartPolicy": "Never"},
    }


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}}


def names(store: EmbeddedCluster, kind: Any) -> list[str]:
    return [obj["metadata"]["name"] for obj in store.list(kind, namespace=None).items]


def test_ours_goes_and_what_is_others_stays(store: EmbeddedCluster) -> None:
    for number in (1000, 1001):
        body = grid_job(JobRequest(name="x"), id=number, nonce="n", namespace="default", ready=True)
        store.create(body)
    store.create(pod("ours", labels={"gridcompat.io/job": "1000"}, finalizers=["gridcompat.io/evidence"]))
    store.create(pod("held", labels={"gridcompat.io/job": "1000"}, finalizers=["example.com/other"]))
    store.create(pod("theirs", labels={}, finalizers=[]))
    for name in (
        "gridcompat-launcher-0123456789",
        "gridcompat-account-0123456789",
        "gridcompat-settings",
        "x",
    ):
        store.create(config_map(name))
    assert take_out(store, namespace="default") == 2
    assert names(store, GRID_JOB) == []
    assert names(store, POD) == ["held", "theirs"]
    assert store.get(POD, "held", namespace="default")["metadata"]["finalizers"] == ["example.com/other"]
    assert names(store, CONFIG_MAP) == ["gridcompat-settings", "x"]
    assert take_out(store, namespace="default") == 0


def test_no_replica_leads_after_it(store: EmbeddedCluster) -> None:
    now = [0.0]
    one = Election(
        store,
        namespace="default",
        name=LEASE_NAME,
        identity="one",
        clock=lambda: 1.8e9,
        monotonic=lambda: now[0],
    )
    assert one.turn()
    take_out(store, namespace="default")
    assert not one.turn()
    assert not one.leads()
    now[0] += 3600.0
    assert not one.turn()
    assert store.get(LEASE, LEASE_NAME, namespace="default")["spec"]["holderIdentity"] == "uninstall"

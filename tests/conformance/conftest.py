"""A cluster with the definitions installed, and a namespace for each test."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
import yaml

from gridcompat.cluster import base, definitions, kubeconfig
from gridcompat.cluster.base import Cluster
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.cluster.http import Http
from gridcompat.cluster.rest import RestCluster
from gridcompat.errors import Conflict, NotFound

KUBELAB = os.path.join(os.path.dirname(__file__), "..", "cluster", "kubelab", "kubelab")
Eventually: TypeAlias = Callable[[Callable[[], bool]], None]


@pytest.fixture(scope="session")
def cluster(cluster_source: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster under test."""
    if cluster_source == "embedded":
        embedded = EmbeddedCluster(str(tmp_path_factory.mktemp("state")))
        yield embedded
        embedded.close()
        return
    path = cluster_source
    environment = dict(os.environ)
    if cluster_source == "kubelab":
        state = environment.setdefault("KUBELAB_DIR", "/tmp/kubelab-conformance")
        subprocess.run([KUBELAB, "up"], check=True, env=environment, stdout=subprocess.DEVNULL)
        path = f"{state}/admin.kubeconfig"
    real = RestCluster(kubeconfig.from_files(path))
    try:
        install(real._http)
        yield real
    finally:
        real.close()
        if cluster_source == "kubelab":
            subprocess.run([KUBELAB, "down"], check=True, env=environment)


def install(http: Http) -> None:
    """Create or replace the definitions on a real cluster, and wait until they are served."""
    folder = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    for plural in definitions.CUSTOM:
        wanted = yaml.safe_load(definitions.yaml_text(plural))
        path = f"{folder}/{wanted['metadata']['name']}"
        try:
            there = http.request("GET", path, repeatable=True)
            wanted["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
            http.request("PUT", path, wanted, repeatable=False)
        except NotFound:
            http.request("POST", folder, wanted, repeatable=False)

        def served(path: str = path) -> bool:
            conditions = http.request("GET", path, repeatable=True).get("status", {}).get("conditions") or ()
            return any(one["type"] == "Established" and one["status"] == "True" for one in conditions)

        wait(served)
    time.sleep(1.0)  # a replaced schema is not in force at once, and nothing tells when it is


LIMIT_S = 90.0
"""The garbage collector of a real cluster learns of a new kind within 30 s, and takes its time after that."""


def wait(true: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait until something holds, and fail when it takes too long."""
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def eventually(cluster_source: str) -> Eventually:
    """A real cluster does some things a little later; the embedded one does them at once."""

    def holds(true: Callable[[], bool]) -> None:
        if cluster_source == "embedded":
            assert true()
        else:
            wait(true)

    return holds


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own, in which pods can be created."""
    name = f"gc-{uuid.uuid4().hex[:10]}"
    cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    if isinstance(cluster, RestCluster):
        http = cluster._http

        def has_account() -> bool:
            try:
                http.request("GET", f"/api/v1/namespaces/{name}/serviceaccounts/default", repeatable=True)
            except NotFound:
                return False
            return True

        wait(has_account)
    yield name
    for kind in (base.GRID_JOB, base.POD):
        for obj in cluster.list(kind, namespace=name).items:
            if obj["metadata"].get("finalizers"):
                try:
                    cluster.patch(
                        kind, obj["metadata"]["name"], {"metadata": {"finalizers": None}}, namespace=name
                    )
                except (NotFound, Conflict):
                    pass  # it was just going
    cluster.delete(base.NAMESPACE, name, namespace=None)

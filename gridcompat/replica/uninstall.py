"""Take everything of ours that lives in a cluster out of it, also with jobs running.

The daemon's replicas are stopped by taking their Lease for good; then nobody else writes, and finalizers
can come off.  May be repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.cluster.base import CONFIG_MAP, GRID_JOB, LEASE, POD
from gridcompat.errors import Conflict, NotFound
from gridcompat.replica.process import LEASE_NAME
from gridcompat.translate.account_files import ACCOUNT_FILES
from gridcompat.translate.grid_job import JOB_FINALIZER
from gridcompat.translate.launch import launcher_name
from gridcompat.translate.pod import EVIDENCE_FINALIZER, JOB_LABEL

if TYPE_CHECKING:
    from gridcompat.cluster.base import Cluster, K8sObject, Kind

FOREVER_S = 7 * 24 * 3600
MADE = (launcher_name().rpartition("-")[0] + "-", ACCOUNT_FILES)
"""What the names of the ConfigMaps begin with that the controller makes."""


def take_out(cluster: Cluster, *, namespace: str) -> int:
    """Delete all GridJobs, their pods and launchers; return how many GridJobs there were.

    Pods that run are ended as a deletion ends them; nobody waits for that.

    Args:
        namespace: of the daemon.
    """
    _stop_replicas(cluster, namespace)
    try:
        jobs = cluster.list(GRID_JOB, namespace=None).items
    except NotFound:
        jobs = ()  # the definitions are gone already: it is repeated
    for job in jobs:
        _let_go(cluster, GRID_JOB, job, JOB_FINALIZER)
    for pod in cluster.list(POD, namespace=None).items:
        if JOB_LABEL in (pod["metadata"].get("labels") or {}):
            _let_go(cluster, POD, pod, EVIDENCE_FINALIZER)
    for config in cluster.list(CONFIG_MAP, namespace=None).items:
        if config["metadata"]["name"].startswith(MADE):
            _let_go(cluster, CONFIG_MAP, config, "")
    return len(jobs)


def _stop_replicas(cluster: Cluster, namespace: str) -> None:
    spec = {"holderIdentity": "uninstall", "leaseDurationSeconds": FOREVER_S}
    try:
        cluster.patch(LEASE, LEASE_NAME, {"spec": spec}, namespace=namespace)
    except NotFound:
        pass  # no replica ever ran


def _let_go(cluster: Cluster, kind: Kind, obj: K8sObject, finalizer: str) -> None:
    name, namespace = obj["metadata"]["name"], obj["metadata"]["namespace"]
    try:
        cluster.delete(kind, name, namespace=namespace, if_uid=obj["metadata"]["uid"])
        if finalizer not in (obj["metadata"].get("finalizers") or ()):
            return
        there = cluster.get(kind, name, namespace=namespace)
        left = [one for one in there["metadata"].get("finalizers") or () if one != finalizer]
        cluster.patch(kind, name, {"metadata": {"finalizers": left}}, namespace=namespace)
    except (NotFound, Conflict):
        pass  # it is gone already

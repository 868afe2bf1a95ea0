"""`gridcompat backup` and `gridcompat restore`: what a cluster holds and nobody could make again.

Accounts, jobs that are not over, and their Secrets, as one JSON document.  `kubectl` alone cannot put them
back: an object loses its status and gets another uid, and a Secret whose owner has another uid is removed.
Must not know the accounting file, which is copied as any file.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, TextIO

import click

from gridcompat import timestamps
from gridcompat.cli._printed import connect, load_settings, told
from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, GRID_SITE, LEASE, NAMESPACE, SECRET, Selector
from gridcompat.errors import Conflict, GridError, NotFound
from gridcompat.translate import ranges
from gridcompat.translate.account import SITE_NAME, blocks_of
from gridcompat.translate.grid_job import SECRET_TYPE, is_over, secret_name

if TYPE_CHECKING:
    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.cluster.rest import RestCluster

FORMAT = 1
OF_THE_SERVER = (
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "ownerReferences",
)
"""Metadata that a new object gets anew."""


@click.command(
    help="Print accounts, jobs that are not over and their Secrets: gridcompat backup > FILE",
    epilog="The file holds users' scripts and environments: keep it as a secret. "
    "The accounting file is copied beside it, as any file.",
)
def backup() -> None:
    """Print one JSON document."""
    cluster = connect(load_settings())
    try:
        document = saved(cluster)
    except GridError as error:
        raise told(error) from error
    finally:
        cluster.close()
    click.echo(json.dumps(document, indent=1))
    click.echo(f"{len(document['accounts'])} accounts, {len(document['jobs'])} jobs", err=True)


@click.command(help="Put a backup into a cluster where gridcompat is installed and its daemon is stopped.")
@click.argument("file", type=click.File("r", encoding="utf-8"))
@click.option("--daemon-namespace", default="gridcompat", show_default=True, help="Of the daemon's Lease.")
def restore(file: TextIO, daemon_namespace: str) -> None:
    """May be repeated: what is there stays as it is."""
    try:
        document = json.load(file)
        if not isinstance(document, dict) or document.get("gridcompat-backup") != FORMAT:
            raise ValueError("not a backup of gridcompat")
    except ValueError as error:
        raise click.ClickException(f"{file.name}: {error}") from error
    cluster = connect(load_settings())
    try:
        if somebody_leads(cluster, daemon_namespace):
            stop = f"kubectl -n {daemon_namespace} scale deployment gridcompat-daemon --replicas=0"
            raise click.ClickException(f"the daemon works, and would start jobs too early\n{stop}")
        made = put_back(cluster, document)
    except GridError as error:
        raise told(error) from error
    finally:
        cluster.close()
    click.echo(f"{made} of {len(document['jobs'])} jobs were put back")


def saved(cluster: Cluster) -> dict[str, Any]:
    """Return the document of a backup."""
    secrets = Selector(fields={"type": SECRET_TYPE})
    jobs = [job for job in cluster.list(GRID_JOB, namespace=None).items if not _is_over(job)]
    wanted = {(job["metadata"]["namespace"], secret_name(job)) for job in jobs}
    accounts = list(cluster.list(GRID_ACCOUNT, namespace=None).items)
    try:
        next_id = int(cluster.get(GRID_SITE, SITE_NAME, namespace=None)["spec"]["nextId"])
    except NotFound:
        next_id = 0
    highest = max((last for one in accounts for _, last in blocks_of(one)), default=0)
    return {
        "gridcompat-backup": FORMAT,
        "nextId": max(next_id, highest + 1),
        "accounts": [_bare(one) for one in accounts],
        "jobs": [{**_bare(job), "status": job.get("status") or {}} for job in jobs],
        "secrets": [
            _bare(one)
            for one in cluster.list(SECRET, namespace=None, selector=secrets).items
            if (one["metadata"]["namespace"], one["metadata"]["name"]) in wanted
        ],
    }


def _is_over(job: K8sObject) -> bool:
    return is_over(job) or bool(job["spec"].get("void"))


def _bare(obj: K8sObject) -> K8sObject:
    meta = {name: value for name, value in obj["metadata"].items() if name not in OF_THE_SERVER}
    return {name: value for name, value in obj.items() if name != "status"} | {"metadata": meta}


def put_back(cluster: Cluster, document: dict[str, Any]) -> int:
    """Make what is not there, ids first; return how many jobs that were."""
    _site(cluster, int(document["nextId"]))
    for account in document["accounts"]:
        # Without its blocks: the daemon gives it new ones, above all numbers that were ever given.
        spec = {name: value for name, value in account["spec"].items() if name != "blocks"}
        _made(cluster, {"apiVersion": "v1", "kind": NAMESPACE.kind,
                        "metadata": {"name": account["metadata"]["namespace"]}})  # fmt: skip
        _made(cluster, {**account, "spec": spec})
    secrets = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in document["secrets"]}
    count = 0
    for job in document["jobs"]:
        count += _job(cluster, job, secrets.get((job["metadata"]["namespace"], secret_name(job))))
    return count


def _site(cluster: Cluster, next_id: int) -> None:
    body = {"apiVersion": GRID_SITE.api_version, "kind": GRID_SITE.kind, "metadata": {"name": SITE_NAME}}
    if _made(cluster, {**body, "spec": {"nextId": next_id}}) is None:
        there = cluster.get(GRID_SITE, SITE_NAME, namespace=None)
        if int(there["spec"]["nextId"]) < next_id:
            cluster.patch(GRID_SITE, SITE_NAME, {"spec": {"nextId": next_id}}, namespace=None)


def _job(cluster: Cluster, job: K8sObject, secret: K8sObject | None) -> int:
    """Make one job: not ready until all of it is there."""
    name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
    ready = bool(job["spec"].get("ready"))
    bare = {key: value for key, value in job.items() if key != "status"}
    made = _made(cluster, {**bare, "spec": {**job["spec"], "ready": False}})
    if made is None:
        return 0
    if secret is not None:
        owner = {"apiVersion": GRID_JOB.api_version, "kind": GRID_JOB.kind, "name": name}
        meta = {**secret["metadata"], "ownerReferences": [{**owner, "uid": made["metadata"]["uid"]}]}
        _made(cluster, {**secret, "metadata": meta})
    status = resumed(job.get("status") or {})
    if status:
        cluster.patch(GRID_JOB, name, {"status": status}, namespace=namespace, subresource="status")
    if ready:
        cluster.patch(GRID_JOB, name, {"spec": {"ready": True}}, namespace=namespace)
    return 1


def resumed(status: dict[str, Any]) -> dict[str, Any]:
    """Return a status in which what ran waits for another attempt, for its pod is gone."""
    rows = status.get("running") or ()
    groups = [dict(group) for group in status.get("again") or ()]
    for row in rows:
        of = {"attempt": row["attempt"], "restarted": int(row.get("restarted") or 0)}
        same = next((one for one in groups if of.items() <= one.items()), None)
        tasks = ranges.parse(str(row["task"]))
        if same is None:
            groups.append({"tasks": ranges.text(tasks), **of})
        else:
            same["tasks"] = ranges.text(ranges.union(ranges.parse(same["tasks"]), tasks))
    found = {name: value for name, value in status.items() if name not in ("running", "rows", "state")}
    return {**found, **({"again": groups} if groups else {})}


def _made(cluster: Cluster, obj: K8sObject) -> K8sObject | None:
    """Create; None if it is there."""
    try:
        return cluster.create(obj)
    except Conflict as conflict:
        if conflict.reason != "AlreadyExists":
            raise
        return None


def somebody_leads(cluster: RestCluster, namespace: str) -> bool:
    """Whether a replica of the daemon has renewed its Lease within a minute of this machine's clock."""
    from gridcompat.replica.process import LEASE_NAME

    try:
        spec = cluster.get(LEASE, LEASE_NAME, namespace=namespace).get("spec") or {}
    except NotFound:
        return False
    holder = str(spec.get("holderIdentity") or "")
    return (
        holder not in ("", "uninstall")
        and time.time() - timestamps.epoch(str(spec.get("renewTime") or "")) < 60
    )

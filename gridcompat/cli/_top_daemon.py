"""How the daemon does, and on how many hosts jobs can run: looked at now and then, beside the jobs.

What may not be read is None, for a viewer has no right to Leases and pods.  Must not print.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from gridcompat.cli._top_view import heartbeat
from gridcompat.cluster.base import LEASE, NODE
from gridcompat.cluster.embedded import paths, spawn
from gridcompat.errors import ClusterError, GridError, NotFound
from gridcompat.record import record

if TYPE_CHECKING:
    from gridcompat.cli._grid import Grid

EVERY_S = 5.0
JOIN_S = 30.0
METRICS_S = 3.0
"""For the page of metrics: it is not worth waiting for."""
UNKNOWN: dict[str, Any] = {
    "works": None,
    "leader": None,
    "version": None,
    "heartbeat_s": None,
    "mails_waiting": None,
    "mails_failed": None,
    "starts": None,
    "dispatch_delay_s": None,
}
"""Every field: `works` whether one works now, the mean delay of all `starts` since it began to lead."""
LATE_S = 30
"""Twice the length of a Lease: nobody leads."""


@record
class Site:
    """What is known beside the jobs."""

    daemon: dict[str, Any]
    hosts: int | None
    """That may run something; None if they may not be read."""

    @property
    def line(self) -> str:
        """The daemon in a line for people."""
        return told(self.daemon)


def look(grid: Grid, *, namespace: str) -> Site:
    """Return how it stands now; what cannot be read is None."""
    daemon = _embedded(grid.state_dir) if grid.embedded else _on_cluster(grid, namespace)
    return Site(daemon=daemon, hosts=_hosts(grid))


def _hosts(grid: Grid) -> int | None:
    try:
        nodes = grid.cluster.list(NODE, namespace=None).items
    except ClusterError:
        return None
    # This machine's own Node is made by the first daemon.
    return sum(map(_usable, nodes)) or (1 if grid.embedded else 0)


def _usable(node: dict[str, Any]) -> bool:
    if (node.get("spec") or {}).get("unschedulable"):
        return False
    conditions = (node.get("status") or {}).get("conditions") or ()
    return all(one.get("status") == "True" for one in conditions if one.get("type") == "Ready")


def _embedded(state_dir: str) -> dict[str, Any]:
    from gridcompat.replica.process import mail_counts

    mails = mail_counts(f"{state_dir}/{paths.SPOOL}")
    pid = spawn.daemon_pid(state_dir)
    return UNKNOWN | {
        "works": spawn.daemon_lives(state_dir),
        "leader": None if pid is None else f"process {pid}",
        "mails_waiting": mails["waiting"],
        "mails_failed": mails["failed"],
    }


def _on_cluster(grid: Grid, namespace: str) -> dict[str, Any]:
    from gridcompat.replica.process import LEASE_NAME

    try:
        lease = grid.cluster.get(LEASE, LEASE_NAME, namespace=namespace)
    except NotFound:
        return UNKNOWN | {"works": False}
    except ClusterError:
        return dict(UNKNOWN)
    found = UNKNOWN | heartbeat(lease, time.time())
    late = found["heartbeat_s"] is None or found["heartbeat_s"] > LATE_S
    found["works"] = bool(found["leader"]) and not late
    if found["works"]:
        found |= figures(_page(grid, namespace, str(found["leader"])))
    return found


def _page(grid: Grid, namespace: str, pod: str) -> list[str]:
    """The metrics of a pod, through the API server; [] if they cannot be had."""
    from urllib.parse import quote

    from gridcompat.cluster import kubeconfig
    from gridcompat.cluster.http import Http

    try:
        http = Http(kubeconfig.access(grid.settings), timeout_s=METRICS_S)
    except GridError:
        return []
    # Without a port it is the first that the pod's container names.
    path = f"/api/v1/namespaces/{quote(namespace)}/pods/{quote(pod)}/proxy/metrics"
    try:
        line = http.stream(path, timeout_s=METRICS_S)
        return [text.decode("utf-8", "replace").rstrip("\n") for text in iter(line, b"")]
    except ClusterError:
        return []
    finally:
        http.close()


def figures(page: list[str]) -> dict[str, Any]:
    """Return the fields of the daemon that a page of metrics gives; {} for an empty one."""
    values: dict[str, float] = {}
    for line in page:
        name, _, value = line.rpartition(" ")
        try:
            values[name] = float(value)
        except ValueError:
            continue
    found: dict[str, Any] = {}
    for field, name in (
        ("mails_waiting", 'gridcompat_mails{place="waiting"}'),
        ("mails_failed", 'gridcompat_mails{place="failed"}'),
        ("starts", "gridcompat_attempts_total"),
    ):
        if name in values:
            found[field] = int(values[name])
    count = values.get("gridcompat_dispatch_delay_seconds_count")
    if count:
        found["dispatch_delay_s"] = round(values.get("gridcompat_dispatch_delay_seconds_sum", 0.0) / count, 3)
    return found


def told(daemon: dict[str, Any]) -> str:
    """Return the line about the daemon."""
    if daemon["works"] is None:
        return "daemon: not known, its Lease may not be read"
    if not daemon["works"]:
        last = daemon["heartbeat_s"]
        parts = ["no daemon works" if last is None else f"nobody leads, last heartbeat {last} s ago"]
    else:
        parts = [f"{daemon['leader'] or 'it'} works"]
        if daemon["heartbeat_s"] is not None:
            parts.append(f"heartbeat {daemon['heartbeat_s']} s ago")
    if daemon["mails_waiting"] is not None:
        parts.append(f"mails: {daemon['mails_waiting']} waiting, {daemon['mails_failed'] or 0} given up")
    if daemon["dispatch_delay_s"] is not None:
        parts.append(f"jobs that could start waited {daemon['dispatch_delay_s']:.3f} s on average")
    return f"daemon: {'; '.join(parts)}"


class Looked:
    """A thread that looks again and again; `latest` is what it saw last."""

    def __init__(self, grid: Grid, *, namespace: str) -> None:
        self._grid, self._namespace = grid, namespace
        self._over = threading.Event()
        self.latest = look(grid, namespace=namespace)
        self._thread = threading.Thread(target=self._run, name="look", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(EVERY_S):
            try:
                self.latest = look(self._grid, namespace=self._namespace)
            except Exception:  # noqa: BLE001  (what was seen last stays; the jobs say what is wrong)
                continue

    def stop(self) -> None:
        """Let the thread end."""
        self._over.set()
        if self._grid.embedded:
            self._thread.join(JOIN_S)  # as `_watched.Watched.stop`

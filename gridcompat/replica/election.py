"""Leader election by a Lease, safe whatever the clocks of the replicas say.

A holder is taken for gone only when its Lease has stayed the same for its whole duration on our own
monotonic clock; the times written in it are for people.  A holder counts its own time from before each
renewal was sent, and stops well before others may take over.  Leading gives the right to act; only the
lock on the accounting file gives the right to append.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gridcompat import __version__
from gridcompat.cluster.base import LEASE
from gridcompat.errors import ClusterError, Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from gridcompat.cluster.base import Cluster, K8sObject

LEASE_S = 15
"""Others wait so long after the last renewal they saw."""
RENEW_S = 10.0
"""A holder that could not renew for so long no longer leads."""
RETRY_S = 2.0
"""Between two tries, whoever holds it."""
VERSION_NOTE = "gridcompat.io/version"
"""Annotation of the Lease: the version of whoever holds it, for people."""


class Election:
    """One replica's view of the Lease. `turn` is called by one thread, `leads` by any."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        name: str,
        identity: str,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args: `clock` is only for what people read in the Lease."""
        self._cluster = cluster
        self._namespace, self._name, self.identity = namespace, name, identity
        self._clock, self._monotonic = clock, monotonic
        self._seen: tuple[str, float] = ("", 0.0)
        """resourceVersion of the Lease as last seen, and when that was seen first."""
        self._until = float("-inf")
        self.holder = ""
        """Identity of whoever held it when last looked at."""
        self.answered_at = float("-inf")
        """When the API server last answered, on the monotonic clock."""

    def leads(self) -> bool:
        """Whether this replica may act right now."""
        return self._monotonic() < self._until

    def turn(self) -> bool:
        """Renew the Lease, or take it if it is free; return whether this replica leads."""
        began = self._monotonic()
        try:
            lease = self._read()
            self.answered_at = began
            self.holder = _holder(lease)
            if self.holder == self.identity or self._is_free(lease, began):
                self._write(lease)
                self._until = began + RENEW_S
        except Conflict:
            pass  # another was faster; the next look shows who
        except ClusterError:
            pass  # whoever leads goes on as long as its time lasts
        if self.holder != self.identity:
            self._until = float("-inf")
        return self.leads()

    def release(self) -> None:
        """Give the Lease up, so that another need not wait for its end."""
        was_ours, self._until = self.holder == self.identity, float("-inf")
        if not was_ours:
            return
        try:
            lease = self._read()
            if _holder(lease) == self.identity:
                self._patch(lease, {"holderIdentity": "", "leaseDurationSeconds": 1})
        except ClusterError:
            pass  # it ends by itself

    def _read(self) -> K8sObject:
        try:
            return self._cluster.get(LEASE, self._name, namespace=self._namespace)
        except NotFound:
            return self._cluster.create(
                {
                    "apiVersion": LEASE.api_version,
                    "kind": LEASE.kind,
                    "metadata": {"name": self._name, "namespace": self._namespace},
                    "spec": {"holderIdentity": "", "leaseDurationSeconds": 1, "leaseTransitions": 0},
                }
            )

    def _is_free(self, lease: K8sObject, now: float) -> bool:
        if not _holder(lease):
            return True
        version = str(lease["metadata"]["resourceVersion"])
        if version != self._seen[0]:
            self._seen = (version, now)
        duration = (lease.get("spec") or {}).get("leaseDurationSeconds") or LEASE_S
        return now - self._seen[1] > duration

    def _write(self, lease: K8sObject) -> None:
        now = _micro_time(self._clock())
        spec: dict[str, Any] = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": LEASE_S,
            "renewTime": now,
        }
        if _holder(lease) != self.identity:
            before = (lease.get("spec") or {}).get("leaseTransitions") or 0
            spec |= {"acquireTime": now, "leaseTransitions": before + 1}
        self._patch(lease, spec, {"annotations": {VERSION_NOTE: __version__}})
        self.holder = self.identity

    def _patch(self, lease: K8sObject, spec: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        self._cluster.patch(
            LEASE,
            self._name,
            {"spec": spec, **({"metadata": metadata} if metadata else {})},
            namespace=self._namespace,
            if_version=lease["metadata"]["resourceVersion"],
        )


def _holder(lease: K8sObject) -> str:
    return str((lease.get("spec") or {}).get("holderIdentity") or "")


def _micro_time(epoch: float) -> str:
    # Source: MicroTime of the API reference: RFC 3339 with six digits.
    whole = int(epoch)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((epoch - whole) * 1e6):06d}Z"

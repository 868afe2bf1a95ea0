"""The port for whoever may write only while leading: each write asks first.

A replica that was stopped and goes on finds its time over at its next write, before any thread notices.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.cluster.base import ALL
from gridcompat.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gridcompat.cluster.base import (
        Cluster,
        Event,
        K8sObject,
        Kind,
        Listing,
        Propagation,
        Selector,
        Table,
    )


class Fence:
    """A cluster that refuses writes with Unavailable unless `may_write()`."""

    def __init__(self, cluster: Cluster, may_write: Callable[[], bool]) -> None:
        self._cluster = cluster
        self._may_write = may_write

    def _check(self) -> None:
        if not self._may_write():
            raise Unavailable("this replica does not lead")

    def create(self, obj: K8sObject) -> K8sObject:
        """See `Cluster.create`."""
        self._check()
        return self._cluster.create(obj)

    def get(self, kind: Kind, name: str, *, namespace: str | None) -> K8sObject:
        """See `Cluster.get`."""
        return self._cluster.get(kind, name, namespace=namespace)

    def list(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Listing:
        """See `Cluster.list`."""
        return self._cluster.list(kind, namespace=namespace, selector=selector)

    def table(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Table:
        """See `Cluster.table`."""
        return self._cluster.table(kind, namespace=namespace, selector=selector)

    def patch(
        self,
        kind: Kind,
        name: str,
        body: K8sObject,
        *,
        namespace: str | None,
        subresource: str | None = None,
        if_version: str | None = None,
    ) -> K8sObject:
        """See `Cluster.patch`."""
        self._check()
        return self._cluster.patch(
            kind, name, body, namespace=namespace, subresource=subresource, if_version=if_version
        )

    def delete(
        self,
        kind: Kind,
        name: str,
        *,
        namespace: str | None,
        propagation: Propagation = "Background",
        if_uid: str | None = None,
        grace_s: int | None = None,
    ) -> K8sObject | None:
        """See `Cluster.delete`."""
        self._check()
        return self._cluster.delete(
            kind, name, namespace=namespace, propagation=propagation, if_uid=if_uid, grace_s=grace_s
        )

    def watch(
        self,
        kind: Kind,
        *,
        namespace: str | None,
        since: str,
        selector: Selector = ALL,
        timeout_s: float = 240.0,
    ) -> Iterator[Event]:
        """See `Cluster.watch`."""
        return self._cluster.watch(
            kind, namespace=namespace, since=since, selector=selector, timeout_s=timeout_s
        )

    def close(self) -> None:
        """See `Cluster.close`."""
        self._cluster.close()

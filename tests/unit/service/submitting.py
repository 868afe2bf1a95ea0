"""Submissions, and a cluster that fails at a chosen write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gridcompat.cluster.base import Cluster
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.service.means import Means
from gridcompat.service.submit import Submitted, submit
from service.service_world import (
    NAMESPACE,
    SETTINGS,
    submission,
)

OpenCluster = Callable[[], EmbeddedCluster]


def send(cluster: Cluster, means: Means, **fields: Any) -> Submitted:
    return submit(cluster, SETTINGS, submission(**fields), namespace=NAMESPACE, means=means)


class Faulty:
    """A cluster whose n-th write dies, is refused, or loses its answer."""

    def __init__(
        self, cluster: EmbeddedCluster, at: int, error: BaseException, *, after: bool = False
    ) -> None:
        self._cluster = cluster
        self._left = at
        self._error = error
        self._after = after
        self.writes = 0

    def _write(self, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        self.writes += 1
        self._left -= 1
        if self._left == 0:
            if self._after:
                call(*args, **more)
            raise self._error
        return call(*args, **more)

    def create(self, obj: Any) -> Any:
        return self._write(self._cluster.create, obj)

    def patch(self, *args: Any, **more: Any) -> Any:
        return self._write(self._cluster.patch, *args, **more)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cluster, name)


class Killed(BaseException):
    """The process ends here: nothing catches it."""

"""Why a container is not started although its pod has a node: only Events say that a volume cannot be had.

Asked for seldom, and never on the embedded cluster, whose pods have no such wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.cluster.base import EVENT, Selector
from gridcompat.errors import ClusterError
from gridcompat.timestamps import epoch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gridcompat.cluster.base import Cluster, K8sObject

PATIENCE_S = 15.0
"""A container that is made takes a second or two."""
ASK_EVERY_S = 30.0
LENGTH = 500


class Stuck:
    """Remembers what Events said of pods, and when that was asked for."""

    def __init__(
        self, cluster: Cluster, *, clock: Callable[[], float], monotonic: Callable[[], float]
    ) -> None:
        self._cluster = cluster
        self._clock, self._monotonic = clock, monotonic
        self._said: dict[str, tuple[float, str]] = {}
        """Pod uid → when it was asked for, and the answer."""

    def reasons(self, pods: Mapping[str, K8sObject]) -> dict[str, str]:
        """Return why those of the pods that wait too long are not started, by name."""
        found = {}
        for name, pod in pods.items():
            uid = str(pod["metadata"].get("uid"))
            if not is_creating(pod):
                self._said.pop(uid, None)
                continue
            if self._clock() - epoch(pod["metadata"].get("creationTimestamp") or "") < PATIENCE_S:
                continue
            text = self._reason(pod, uid)
            if text:
                found[name] = text
        return found

    def look_again_s(self, pods: Mapping[str, K8sObject]) -> float | None:
        """Return when to look again at a job with these pods, None if there is no need."""
        return PATIENCE_S if any(is_creating(pod) for pod in pods.values()) else None

    def _reason(self, pod: K8sObject, uid: str) -> str:
        at, text = self._said.get(uid, (float("-inf"), ""))
        now = self._monotonic()
        if now - at < ASK_EVERY_S:
            return text
        selector = Selector(fields={"involvedObject.uid": uid, "type": "Warning"})
        try:
            events = self._cluster.list(
                EVENT, namespace=pod["metadata"]["namespace"], selector=selector
            ).items
        except ClusterError:
            events = ()
        newest = max(events, key=lambda one: str(one.get("lastTimestamp") or ""), default=None)
        if newest is not None:
            words = " ".join(str(newest.get("message") or "").split())
            text = f"{newest.get('reason')}: {words}"[:LENGTH]
        self._said[uid] = (now, text)
        return text


def is_creating(pod: K8sObject) -> bool:
    """Whether a node has the pod and has not started its container, for no reason the status names."""
    if not (pod.get("spec") or {}).get("nodeName") or pod["metadata"].get("deletionTimestamp"):
        return False
    status = pod.get("status") or {}
    statuses = status.get("containerStatuses") or [{}]
    state = statuses[0].get("state") or {}
    waiting = state.get("waiting") or {}
    return status.get("phase") == "Pending" and (
        not state or waiting.get("reason") in ("ContainerCreating", "PodInitializing")
    )

"""A kubelet without containers: `python -m tests.bench.fake_kubelet NODE...` until SIGTERM.

For benches of the control plane: pods that the scheduler binds to its nodes are said to run, and to have
ended at once with status 0, or never when their name begins with `long`.  What a kubelet does to a pod that
is deleted, it does too: ended, then removed without grace.  Prints how many pods ran, and how many at once.
"""

from __future__ import annotations

import json
import queue
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from gridcompat import settings
from gridcompat.cluster import kubeconfig
from gridcompat.cluster.base import NODE, POD, Cluster
from gridcompat.cluster.rest import RestCluster
from gridcompat.errors import ClusterError, Conflict, NotFound
from gridcompat.translate.pod import JOB_LABEL

if TYPE_CHECKING:
    from gridcompat.cluster.base import K8sObject

WORKERS = 4
HEARTBEAT_S = 2.0
ROOM = {"cpu": "100k", "memory": "1000Ti", "pods": "100k", "ephemeral-storage": "1000Ti"}


class FakeKubelet:
    """The nodes of this name, and the pods on them."""

    def __init__(self, cluster: Cluster, nodes: list[str]) -> None:
        self.cluster, self.nodes = cluster, nodes
        self.stop = threading.Event()
        self.ran: set[str] = set()
        self.alive: set[str] = set()
        self.most = 0
        self._lock = threading.Lock()
        self._work: queue.SimpleQueue[K8sObject | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Work until `stop`."""
        for node in self.nodes:
            with suppress(Conflict):
                self.cluster.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})
        threads = [
            threading.Thread(target=self._beat),
            *(threading.Thread(target=self._turn) for _ in range(WORKERS)),
        ]
        threads.append(threading.Thread(target=self._watch))
        for thread in threads:
            thread.start()
        self.stop.wait()
        for _ in range(WORKERS):
            self._work.put(None)
        for thread in threads:
            thread.join(10)

    def _beat(self) -> None:
        while True:
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now}
            status = {"capacity": ROOM, "allocatable": ROOM, "conditions": [ready]}
            for node in self.nodes:
                with suppress(ClusterError):
                    self.cluster.patch(NODE, node, {"status": status}, namespace=None, subresource="status")
            if self.stop.wait(HEARTBEAT_S):
                return

    def _watch(self) -> None:
        since = ""
        while not self.stop.is_set():
            try:
                if not since:
                    listing = self.cluster.list(POD, namespace=None)
                    since = listing.version
                    for pod in listing.items:
                        self._work.put(pod)
                for event in self.cluster.watch(POD, namespace=None, since=since, timeout_s=5):
                    since = event.object["metadata"]["resourceVersion"]
                    if event.type in ("ADDED", "MODIFIED"):
                        self._work.put(event.object)
                    elif event.type == "DELETED":
                        with self._lock:
                            self.alive.discard(event.object["metadata"]["uid"])
            except ClusterError:
                since = ""

    def _turn(self) -> None:
        while (pod := self._work.get()) is not None:
            if pod.get("spec", {}).get("nodeName") in self.nodes:
                with suppress(ClusterError):
                    self._look(pod)

    def _look(self, pod: K8sObject) -> None:
        phase = pod.get("status", {}).get("phase", "Pending")
        if pod["metadata"].get("deletionTimestamp"):
            if phase not in ("Succeeded", "Failed"):
                self._say(pod, "Failed", code=137)
            with suppress(NotFound, Conflict):
                meta = pod["metadata"]
                self.cluster.delete(
                    POD, meta["name"], namespace=meta["namespace"], if_uid=meta["uid"], grace_s=0
                )
        elif phase == "Pending":
            self._say(pod, "Running")
            if not pod["metadata"]["name"].startswith("long"):
                self._say(pod, "Succeeded")

    def _say(self, pod: K8sObject, phase: str, *, code: int = 0) -> None:
        uid = pod["metadata"]["uid"]
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        with self._lock:
            if phase == "Running":
                self.ran.add(uid)
                self.alive.add(uid)
                self.most = max(self.most, len(self.alive))
            else:
                self.alive.discard(uid)
        state: dict[str, object] = {"running": {"startedAt": now}}
        if phase != "Running":
            state = {
                "terminated": {"exitCode": code, "startedAt": now, "finishedAt": now, "reason": "Completed"}
            }
        containers = [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": phase == "Running",
                "restartCount": 0,
                "state": state,
            }
            for container in pod["spec"]["containers"]
        ]
        status = {"phase": phase, "startTime": now, "containerStatuses": containers}
        meta = pod["metadata"]
        self.cluster.patch(
            POD, meta["name"], {"status": status}, namespace=meta["namespace"], subresource="status"
        )


def main() -> None:
    """Be the kubelet of the nodes that the words name."""
    loaded = settings.Settings(cluster="kubernetes")
    cluster = RestCluster(kubeconfig.access(loaded), timeout_s=30, only_labelled={POD.kind: JOB_LABEL})
    kubelet = FakeKubelet(cluster, sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: kubelet.stop.set())
    kubelet.run()
    print(json.dumps({"ran": len(kubelet.ran), "most": kubelet.most}))


if __name__ == "__main__":
    main()

"""The scheduler and kubelet of the embedded cluster: pods are processes of this machine.

One thread watches pods, one does everything else: binds what fits, notices what happens, and lets
`pod_life` do what each pod then needs.  Must not know Grid Engine, nor how a pod becomes a process.
"""

from __future__ import annotations

import heapq
import logging
import os
import selectors
import threading
import time
from typing import TYPE_CHECKING

from gridcompat.cluster.base import NODE, POD
from gridcompat.cluster.embedded import machine, pod_status
from gridcompat.cluster.embedded.paths import PODS
from gridcompat.cluster.embedded.pod_life import RETRY_S, Lives, Pod
from gridcompat.errors import ClusterError, Conflict, Expired, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gridcompat.cluster.base import Cluster, K8sObject

MOST_WAIT_S = 0.25
"""How long `stop` may go unnoticed."""

log = logging.getLogger(__name__)


class Runner:
    """Runs the pods of an embedded cluster on this machine."""

    def __init__(
        self,
        cluster: Cluster,
        state_dir: str,
        *,
        clock: Callable[[], float] = time.time,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`variables`: what every container of this machine has in its environment."""
        self._cluster = cluster
        self._directory = os.path.join(state_dir, PODS)
        self._clock = clock
        self._node = machine.node_name()
        self._pods: dict[str, Pod] = {}
        self._unbound: dict[str, None] = {}
        """Uids of pods without a node, in the order in which they came."""
        self._due: list[tuple[float, str]] = []
        """Heap of (monotonic time, uid): pods to look at."""
        self._incoming: list[tuple[str, K8sObject]] = []
        self._lock = threading.Lock()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_read, selectors.EVENT_READ, "")
        self._room = machine.Room({}, {})
        self._lives = Lives(
            cluster,
            self._directory,
            clock=clock,
            variables=dict(variables or {}),
            selector=self._selector,
            again=self._again,
            freed=self._free,
        )

    # ------------------------------------------------------------ the loop

    def run(self, stop: threading.Event) -> None:
        """Register this machine and run its pods until `stop` is set. Launchers live on afterwards."""
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        watcher: threading.Thread | None = None
        try:
            while not stop.is_set():
                try:
                    self._register()
                    version = self._adopt()
                    break
                except (ClusterError, OSError) as error:
                    log.warning("runner: cannot start yet: %s", error)
                    stop.wait(RETRY_S)
            else:
                return
            watcher = threading.Thread(target=self._watch, args=(stop, version), name="runner-watch")
            watcher.start()
            while not stop.is_set():
                self._turn()
        finally:
            if watcher is not None:
                watcher.join()
            self._close()

    def _close(self) -> None:
        for pod in self._pods.values():
            if pod.pidfd is not None:
                os.close(pod.pidfd)
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _turn(self) -> None:
        """Wait for the next thing and deal with it."""
        now = time.monotonic()
        wait_s = min(max(self._due[0][0] - now, 0.0), MOST_WAIT_S) if self._due else MOST_WAIT_S
        look: dict[str, None] = {}
        for key, _ in self._selector.select(wait_s):
            if key.data:
                look[key.data] = None
            else:
                self._drain()
        with self._lock:
            incoming, self._incoming = self._incoming, []
        for kind, obj in incoming:
            self._take(kind, obj)
            look[obj["metadata"]["uid"]] = None
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            look[heapq.heappop(self._due)[1]] = None
        for uid in look:
            self._guarded(uid)

    def _drain(self) -> None:
        try:
            os.read(self._wake_read, 4096)
        except BlockingIOError:
            pass

    def _guarded(self, uid: str) -> None:
        """Look at a pod; nothing that goes wrong with one may keep the others from running."""
        try:
            self._look(uid)
        except NotFound:
            # Its object is gone, and the watch will say so.
            self._again(uid, RETRY_S)
        except (ClusterError, OSError) as error:
            log.warning("runner: pod %s: %s", uid, error)
            self._again(uid, RETRY_S)
        except Exception:
            log.exception("runner: pod %s", uid)
            self._again(uid, RETRY_S)

    def _again(self, uid: str, after_s: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + after_s, uid))

    def _watch(self, stop: threading.Event, version: str) -> None:
        """Hand on what happens to pods; list again when the watch is too old."""
        while not stop.is_set():
            try:
                for event in self._cluster.watch(
                    POD, namespace=None, since=version, timeout_s=MOST_WAIT_S * 4
                ):
                    version = event.object["metadata"]["resourceVersion"]
                    if event.type != "BOOKMARK":
                        self._hand_on([(event.type, event.object)])
                    if stop.is_set():
                        return
            except Expired:
                listing = self._list_again(stop)
                version = listing or version
            except (ClusterError, OSError) as error:
                log.warning("runner: watch: %s", error)
                stop.wait(RETRY_S)

    def _list_again(self, stop: threading.Event) -> str:
        try:
            listing = self._cluster.list(POD, namespace=None)
        except ClusterError as error:
            log.warning("runner: list: %s", error)
            stop.wait(RETRY_S)
            return ""
        here = machine.uids(listing.items)
        gone = [("DELETED", pod.obj) for uid, pod in list(self._pods.items()) if uid not in here]
        self._hand_on([*gone, *(("MODIFIED", obj) for obj in listing.items)])
        return listing.version

    def _hand_on(self, events: list[tuple[str, K8sObject]]) -> None:
        with self._lock:
            self._incoming += events
        try:
            os.write(self._wake_write, b"x")
        except BlockingIOError:
            pass  # it is full: the reader has enough to wake up for

    # ------------------------------------------------------------ what is

    def _register(self) -> None:
        """Make or renew the Node of this machine; Nodes of former host names go."""
        wanted = machine.node(self._node, now=self._clock())
        try:
            self._cluster.create(wanted)
        except Conflict:
            pass
        self._cluster.patch(
            NODE, self._node, {"status": wanted["status"]}, namespace=None, subresource="status"
        )
        for other in self._cluster.list(NODE, namespace=None).items:
            if other["metadata"]["name"] != self._node:
                self._cluster.delete(NODE, other["metadata"]["name"], namespace=None)
        self._room = machine.Room(wanted["status"]["allocatable"], wanted["metadata"]["labels"])

    def _adopt(self) -> str:
        """Take over all pods, end what runs without one, and return the version to watch from."""
        listing = self._cluster.list(POD, namespace=None)
        here = machine.uids(listing.items)
        for name in os.listdir(self._directory):
            if name not in here:
                self._lives.forget(name)
        for obj in listing.items:
            self._take("ADDED", obj)
            self._again(obj["metadata"]["uid"], 0.0)
        return listing.version

    def _take(self, kind: str, obj: K8sObject) -> None:
        uid = obj["metadata"]["uid"]
        known = self._pods.get(uid)
        if kind == "DELETED":
            if known is not None:
                known.obj = obj
                known.obj.setdefault("metadata", {})["gone"] = True
            return
        if known is None:
            self._pods[uid] = Pod(obj)
        elif int(obj["metadata"]["resourceVersion"]) > int(known.obj["metadata"]["resourceVersion"]):
            known.obj = obj
        if obj["spec"].get("nodeName") and not pod_status.is_over(obj):
            self._room.take(obj)

    # ------------------------------------------------------------ one pod

    def _look(self, uid: str) -> None:
        """Do what the pod needs now."""
        pod = self._pods.get(uid)
        if pod is None:
            return
        obj = pod.obj
        if obj["metadata"].get("gone"):
            del self._pods[uid]
            self._unbound.pop(uid, None)
            self._lives.gone(uid, pod)
            return
        if pod.pid is not None:
            self._lives.attend(uid, pod)
            return
        if pod.end is not None:
            self._lives.tell_end(uid, pod)
            return
        deleting = bool(obj["metadata"].get("deletionTimestamp"))
        if pod_status.is_over(obj):
            self._free(uid)
            if deleting:
                self._lives.remove(pod)
        elif obj["spec"].get("nodeName"):
            self._lives.begin(uid, pod)
        elif not deleting and not obj["spec"].get("schedulingGates"):
            self._bind(uid, pod)

    def _bind(self, uid: str, pod: Pod) -> None:
        misfit = self._room.misfit(pod.obj)
        meta = pod.obj["metadata"]
        if misfit:
            self._unbound[uid] = None
            conditions = (pod.obj.get("status") or {}).get("conditions") or ()
            if not any(one.get("message") == misfit for one in conditions):
                self._lives.patch_status(pod, pod_status.unschedulable(misfit, self._clock()))
            return
        try:
            pod.obj = self._cluster.patch(
                POD,
                meta["name"],
                {"spec": {"nodeName": self._node}},
                namespace=meta["namespace"],
                if_version=meta["resourceVersion"],
            )
        except Conflict:
            pod.obj = self._cluster.get(POD, meta["name"], namespace=meta["namespace"])
            if pod.obj["metadata"]["uid"] == uid:
                self._again(uid, 0.0)
            return
        self._unbound.pop(uid, None)
        self._room.take(pod.obj)
        self._lives.begin(uid, pod)

    def _free(self, uid: str) -> None:
        """Give back what a pod took, and let those that wait try again."""
        if self._room.give_back(uid):
            for waiting in self._unbound:
                self._again(waiting, 0.0)

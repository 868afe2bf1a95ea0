"""The scheduler and kubelet of the embedded cluster: pods are processes of this machine.

One thread watches pods, one does everything else: binds what fits, notices what happens, and lets
`pod_life` do what each pod then needs.  Must not know Grid Engine, nor how a pod becomes a process.
"""

from __future__ import annotations

import errno
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
<<<<<<< Updated upstream
        self._lives.begin(uid, pod)
=======
        self._begin(uid, pod)

    def _begin(self, uid: str, pod: _Pod) -> None:
        """Start a bound pod, or find out what became of it if it was started before."""
        directory = os.path.join(self._directory, uid)
        os.makedirs(directory, mode=0o700, exist_ok=True)
        lock = processes.try_lock(os.path.join(directory, "lock"))
        begun = processes.begun_pid(os.path.join(directory, "begun"))
        if lock is None:
            self._find(uid, pod, begun)
            return
        try:
            if begun is not None:
                pod.started = _modified(os.path.join(directory, "begun"))
                self._ended(uid, pod, None)
            elif pod.obj["metadata"].get("deletionTimestamp"):
                pod.end = pod_status.never_started("Deleted", "deleted before it was started", self._clock())
                self._tell_end(uid, pod)
            else:
                self._start(uid, pod, directory, lock)
        finally:
            os.close(lock)

    def _find(self, uid: str, pod: _Pod, begun: int | None) -> None:
        """Adopt a launcher that another daemon started."""
        if not begun:
            # Between its start and its first act.
            self._again(uid, LOOK_AGAIN_S)
            return
        pod.started = _modified(os.path.join(self._directory, uid, "begun"))
        if begun in processes.members(self._cookies(uid)):
            self._runs(uid, pod, begun, child=False)
        else:
            # It is over, and something it left behind has kept the lock.
            self._ended(uid, pod, None)

    def _start(self, uid: str, pod: _Pod, directory: str, lock: int) -> None:
        try:
            made = make(self._cluster, pod.obj, directory, machine=self._variables)
        except NotReady as error:
            self._tell_waiting(pod, error.reason, error.message)
            self._again(uid, RETRY_S)
            return
        except CannotStart as error:
            self._tell_cannot_start(uid, pod, error.message)
            return
        try:
            pid = processes.start(
                made.argv,
                made.environment,
                lock=lock,
                begun=os.path.join(directory, "begun"),
                directory=made.directory,
                log=os.path.join(directory, "log"),
            )
        except OSError as error:
            if error.errno != errno.E2BIG:
                raise
            self._tell_cannot_start(uid, pod, "the arguments and variables are too long for this system")
            return
        pod.started = self._clock()
        self._runs(uid, pod, pid, child=True)

    def _tell_cannot_start(self, uid: str, pod: _Pod, message: str) -> None:
        pod.end = pod_status.terminated(
            pod.obj, code=128, message=message, started=0.0, now=self._clock(), reason="StartError"
        )
        self._tell_end(uid, pod)

    def _runs(self, uid: str, pod: _Pod, pid: int, *, child: bool) -> None:
        pod.pid, pod.is_child = pid, child
        pod.pidfd = processes.watch_pid(pid)
        if pod.pidfd is not None:
            self._selector.register(pod.pidfd, selectors.EVENT_READ, uid)
        self._attend(uid, pod)

    def _attend(self, uid: str, pod: _Pod) -> None:
        """Look after a running pod."""
        assert pod.pid is not None
        over, code = self._over(pod)
        if over:
            self._ended(uid, pod, code)
            return
        if pod.pidfd is None:
            self._again(uid, LOOK_AGAIN_S)
        if not pod.told and (pod.obj.get("status") or {}).get("phase") != "Running":
            self._patch_status(pod, pod_status.running(pod.obj, pod.started))
        pod.told = True
        self._suspend(uid, pod)
        self._deadlines(uid, pod)

    def _over(self, pod: _Pod) -> tuple[bool, int | None]:
        """Whether the launcher has ended, and its exit status if we can know it."""
        assert pod.pid is not None
        if pod.is_child:
            try:
                return True, processes.reap(pod.pid)
            except BlockingIOError:
                return False, None
        return processes.has_ended(pod.pid, pod.pidfd), None

    def _deadlines(self, uid: str, pod: _Pod) -> None:
        """Ask a pod to end that is deleted or out of time, and end it when its grace is over."""
        assert pod.pid is not None
        meta, spec, now = pod.obj["metadata"], pod.obj["spec"], time.monotonic()
        grace: float | None = None
        if meta.get("deletionTimestamp"):
            grace = float(meta.get("deletionGracePeriodSeconds") or 0)
        limit = spec.get("activeDeadlineSeconds")
        if limit is not None and not pod.pod_reason and grace is None:
            if pod.deadline is None:
                pod.deadline = now + limit - max(self._clock() - pod.started, 0.0)
                self._again(uid, pod.deadline - now)
            if now >= pod.deadline:
                grace = float(spec.get("terminationGracePeriodSeconds") or 0)
                pod.pod_reason = "DeadlineExceeded"
        if grace is not None:
            if pod.kill_at is None:
                processes.send(pod.pid, signal.SIGTERM)
            # A later deletion can shorten the grace.
            pod.kill_at = min(now + grace, pod.kill_at or now + grace)
        if pod.kill_at is None:
            return
        if now >= pod.kill_at:
            processes.end_all(self._cookies(uid))
        self._again(uid, max(pod.kill_at - now, LOOK_AGAIN_S))

    def _cookies(self, uid: str) -> tuple[bytes, ...]:
        return cookies(os.path.join(self._directory, uid), uid)

    def _suspend(self, uid: str, pod: _Pod) -> None:
        """Stop or continue the processes as the annotation says, and note which they are."""
        assert pod.pid is not None
        annotations = pod.obj["metadata"].get("annotations") or {}
        wanted = annotations.get(SUSPENDED) == "true"
        was = annotations.get(STOPPED) == "true"
        if wanted and not pod.stopped:
            pod.stopped = processes.stop_all(self._cookies(uid), pod.pid)
            if not pod.stopped:
                self._again(uid, LOOK_AGAIN_S)
        elif not wanted and (pod.stopped or was):
            processes.continue_all(self._cookies(uid), pod.pid)
            pod.stopped = False
        if pod.stopped != was:
            meta = pod.obj["metadata"]
            note = {"metadata": {"annotations": {STOPPED: "true" if pod.stopped else None}}}
            pod.obj = self._cluster.patch(POD, meta["name"], note, namespace=meta["namespace"])

    # ------------------------------------------------------------ its end

    def _ended(self, uid: str, pod: _Pod, code: int | None) -> None:
        """The launcher is over: end the rest, then tell."""
        if pod.pidfd is not None:
            self._selector.unregister(pod.pidfd)
            os.close(pod.pidfd)
        pod.pid = pod.pidfd = None
        processes.end_all(self._cookies(uid))
        clear_leftovers(os.path.join(self._directory, uid))
        message = self._message(uid)
        reason = ""
        if code is None:
            code = pod_status.own_exit_code(message)
        if code is None:
            # Nobody waited for it and it left no evidence: the machine went down, or it was killed
            # while no daemon was there to see it.
            code, reason = pod_status.UNKNOWN_EXIT, "ContainerStatusUnknown"
            pod.pod_reason = pod.pod_reason or "NodeLost"
        pod.end = pod_status.terminated(
            pod.obj,
            code=code,
            message=message,
            started=pod.started,
            now=self._clock(),
            reason=reason,
            pod_reason=pod.pod_reason,
        )
        self._tell_end(uid, pod)

    def _message(self, uid: str) -> str:
        try:
            with open(os.path.join(self._directory, uid, "termination"), "rb") as file:
                return pod_status.clean_message(file.read(pod_status.MESSAGE_BYTES))
        except OSError:
            return ""

    def _tell_end(self, uid: str, pod: _Pod) -> None:
        assert pod.end is not None
        self._patch_status(pod, pod.end)
        pod.end = None
        self._free(uid)
        if pod.obj["metadata"].get("deletionTimestamp"):
            self._remove(pod)

    def _remove(self, pod: _Pod) -> None:
        """Confirm a deletion, as a kubelet does: the object goes as soon as no finalizer holds it."""
        meta = pod.obj["metadata"]
        if not meta.get("deletionGracePeriodSeconds"):
            return
        try:
            self._cluster.delete(
                POD, meta["name"], namespace=meta["namespace"], if_uid=meta["uid"], grace_s=0
            )
        except (NotFound, Conflict):
            pass

    def _gone(self, uid: str) -> None:
        """The object is no more: so must be everything else."""
        pod = self._pods.pop(uid)
        if pod.pidfd is not None:
            self._selector.unregister(pod.pidfd)
            os.close(pod.pidfd)
        self._unbound.pop(uid, None)
        self._forget(uid)
        if pod.pid is not None and pod.is_child:
            try:
                processes.reap(pod.pid)
            except BlockingIOError:
                log.warning("runner: process %s of a removed pod does not end", pod.pid)
        self._free(uid)

    def _forget(self, uid: str) -> None:
        """End what runs for a pod that is gone, and remove its directory."""
        directory = os.path.join(self._directory, uid)
        if os.path.exists(os.path.join(directory, "lock")):
            processes.end_all(self._cookies(uid))
            clear_leftovers(directory)
        shutil.rmtree(directory, ignore_errors=True)
>>>>>>> Stashed changes

    def _free(self, uid: str) -> None:
        """Give back what a pod took, and let those that wait try again."""
        if self._room.give_back(uid):
            for waiting in self._unbound:
                self._again(waiting, 0.0)

"""One bound pod of the embedded cluster: its process is started or found, attended, ended, and the API told.

All that matters is in the objects and on disk, below STATE/pods/UID: `lock` (held by the launcher while
it lives), `begun` (its pid, there exactly if it ever ran), `termination` (its evidence).  So a daemon may
die at any moment; the next one finds what the pod has become.  Must not know which pods there are, nor
where they fit.
"""

from __future__ import annotations

import errno
import logging
import os
import selectors
import shutil
import signal
import time
from typing import TYPE_CHECKING

from gridcompat.cluster.base import POD
from gridcompat.cluster.embedded import pod_status, processes
from gridcompat.cluster.embedded.container import CannotStart, NotReady, clear_leftovers, cookies, make
from gridcompat.errors import Conflict, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.cluster.embedded.pod_status import Status

SUSPENDED = "gridcompat.io/suspended"
"""Annotation "true": the processes of the pod are to be stopped."""
STOPPED = "gridcompat.io/stopped"
"""Annotation "true", written here: they are."""
RETRY_S = 1.0
"""After an error of the disk or the store, and while a volume is missing."""
LOOK_AGAIN_S = 0.02
"""While a process is seen that has not got as far as it must."""

log = logging.getLogger(__name__)


class Pod:
    """What is known of a pod beside its object."""

    def __init__(self, obj: K8sObject) -> None:
        self.obj = obj
        self.pid: int | None = None
        self.started = 0.0
        self.told = False
        """The API has been told that it runs."""
        self.pidfd: int | None = None
        self.is_child = False
        self.kill_at: float | None = None
        """Monotonic; set once it was asked to end."""
        self.deadline: float | None = None
        """Monotonic; of activeDeadlineSeconds."""
        self.pod_reason = ""
        self.end: Status | None = None
        """What the API is still to be told of its end."""
        self.waiting = ""
        self.stopped = False


class Lives:
    """What is done to pods, one at a time; whoever has them calls again when it asked for that."""

    def __init__(
        self,
        cluster: Cluster,
        directory: str,
        *,
        clock: Callable[[], float],
        variables: Mapping[str, str],
        selector: selectors.BaseSelector,
        again: Callable[[str, float], None],
        freed: Callable[[str], None],
    ) -> None:
        """Prepare.

        Args:
            directory: where each pod has its own, called by its uid.
            variables: what every container of this machine has in its environment.
            selector: told of processes whose end is to be noticed, with the uid as data.
            again: (uid, seconds): the pod wants to be looked at after that time.
            freed: the pod of this uid needs no room any more.
        """
        self._cluster = cluster
        self._directory = directory
        self._clock = clock
        self._variables = variables
        self._selector = selector
        self._again = again
        self._freed = freed

    def begin(self, uid: str, pod: Pod) -> None:
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
                self.tell_end(uid, pod)
            else:
                self._start(uid, pod, directory, lock)
        finally:
            os.close(lock)

    def _find(self, uid: str, pod: Pod, begun: int | None) -> None:
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

    def _start(self, uid: str, pod: Pod, directory: str, lock: int) -> None:
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

    def _tell_cannot_start(self, uid: str, pod: Pod, message: str) -> None:
        pod.end = pod_status.terminated(
            pod.obj, code=128, message=message, started=0.0, now=self._clock(), reason="StartError"
        )
        self.tell_end(uid, pod)

    def _runs(self, uid: str, pod: Pod, pid: int, *, child: bool) -> None:
        pod.pid, pod.is_child = pid, child
        pod.pidfd = processes.watch_pid(pid)
        if pod.pidfd is not None:
            self._selector.register(pod.pidfd, selectors.EVENT_READ, uid)
        self.attend(uid, pod)

    def attend(self, uid: str, pod: Pod) -> None:
        """Look after a running pod."""
        assert pod.pid is not None
        over, code = self._over(pod)
        if over:
            self._ended(uid, pod, code)
            return
        if pod.pidfd is None:
            self._again(uid, LOOK_AGAIN_S)
        if not pod.told and (pod.obj.get("status") or {}).get("phase") != "Running":
            self.patch_status(pod, pod_status.running(pod.obj, pod.started))
        pod.told = True
        self._suspend(uid, pod)
        self._deadlines(uid, pod)

    def _over(self, pod: Pod) -> tuple[bool, int | None]:
        """Whether the launcher has ended, and its exit status if we can know it."""
        assert pod.pid is not None
        if pod.is_child:
            try:
                return True, processes.reap(pod.pid)
            except BlockingIOError:
                return False, None
        return processes.has_ended(pod.pid, pod.pidfd), None

    def _deadlines(self, uid: str, pod: Pod) -> None:
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

    def _suspend(self, uid: str, pod: Pod) -> None:
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

    def _ended(self, uid: str, pod: Pod, code: int | None) -> None:
        """The launcher is over: end the rest, then tell."""
        self._unwatch(pod)
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
        self.tell_end(uid, pod)

    def _message(self, uid: str) -> str:
        try:
            with open(os.path.join(self._directory, uid, "termination"), "rb") as file:
                return pod_status.clean_message(file.read(pod_status.MESSAGE_BYTES))
        except OSError:
            return ""

    def tell_end(self, uid: str, pod: Pod) -> None:
        """Write how a pod ended, and take leave of it."""
        assert pod.end is not None
        self.patch_status(pod, pod.end)
        pod.end = None
        self._freed(uid)
        if pod.obj["metadata"].get("deletionTimestamp"):
            self.remove(pod)

    def remove(self, pod: Pod) -> None:
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

    def gone(self, uid: str, pod: Pod) -> None:
        """The object is no more: so must be everything else."""
        self._unwatch(pod)
        self.forget(uid)
        if pod.pid is not None and pod.is_child:
            try:
                processes.reap(pod.pid)
            except BlockingIOError:
                log.warning("runner: process %s of a removed pod does not end", pod.pid)
        self._freed(uid)

    def forget(self, uid: str) -> None:
        """End what runs for a pod that is gone, and remove its directory."""
        directory = os.path.join(self._directory, uid)
        if os.path.exists(os.path.join(directory, "lock")):
            processes.end_all(self._cookies(uid))
            clear_leftovers(directory)
        shutil.rmtree(directory, ignore_errors=True)

    def _unwatch(self, pod: Pod) -> None:
        if pod.pidfd is not None:
            self._selector.unregister(pod.pidfd)
            os.close(pod.pidfd)

    def _tell_waiting(self, pod: Pod, reason: str, message: str) -> None:
        if pod.waiting != f"{reason} {message}":
            self.patch_status(pod, pod_status.waiting(pod.obj, reason, message, self._clock()))
            pod.waiting = f"{reason} {message}"

    def patch_status(self, pod: Pod, status: Status) -> None:
        """Write what the API is to know of a pod."""
        meta = pod.obj["metadata"]
        pod.obj = self._cluster.patch(
            POD,
            meta["name"],
            # The uid: another pod may have come by this name.
            {"metadata": {"uid": meta["uid"]}, "status": status},
            namespace=meta["namespace"],
            subresource="status",
        )


def _modified(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0

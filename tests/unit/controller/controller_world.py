"""A grid in a test: the embedded cluster, a controller driven step by step, and a kubelet that does as told.

Nothing sleeps: clocks are numbers, watches are read until they are empty.  A controller can be made to
die at its n-th write.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from gridcompat.accounting import AccountingFile, Entry, read
from gridcompat.cluster.base import ALL, GRID_JOB, NODE, POD, Event, Kind, Listing, Selector, Table
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.controller.cache import WATCHED
from gridcompat.controller.crew import Crew
from gridcompat.controller.reconcile import Reconciler
from gridcompat.errors import NotFound
from gridcompat.model import JobRequest, SubmitContext
from gridcompat.outbox import Happening, post
from gridcompat.settings import Settings
from gridcompat.translate import account
from gridcompat.translate.grid_job import grid_job, request_json
from gridcompat.translate.pod import is_void

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gridcompat.cluster.base import K8sObject

START = 1_764_000_000.0
HOST = "node1"


class Died(BaseException):
    """The controller's process is gone; nothing of it catches this."""


class Fuse:
    """Counts writes; dies at one of them, when it has taken effect and its answer is lost."""

    def __init__(self, at: int = 0) -> None:
        self.count = 0
        self.at = at

    def through(self, write: Callable[[], Any]) -> Any:
        """Do a write."""
        self.count += 1
        answer = write()
        if self.count == self.at:
            raise Died
        return answer


class FusedCluster:
    """The port, with every write through a fuse."""

    def __init__(self, cluster: EmbeddedCluster, fuse: Fuse) -> None:
        self._cluster = cluster
        self._fuse = fuse

    def create(self, obj: K8sObject) -> K8sObject:
        made: K8sObject = self._fuse.through(lambda: self._cluster.create(obj))
        return made

    def get(self, kind: Kind, name: str, *, namespace: str | None) -> K8sObject:
        return self._cluster.get(kind, name, namespace=namespace)

    def list(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Listing:
        return self._cluster.list(kind, namespace=namespace, selector=selector)

    def table(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Table:
        return self._cluster.table(kind, namespace=namespace, selector=selector)

    def patch(self, kind: Kind, name: str, body: K8sObject, **rest: Any) -> K8sObject:
        changed: K8sObject = self._fuse.through(lambda: self._cluster.patch(kind, name, body, **rest))
        return changed

    def delete(self, kind: Kind, name: str, **rest: Any) -> K8sObject | None:
        left: K8sObject | None = self._fuse.through(lambda: self._cluster.delete(kind, name, **rest))
        return left

    def watch(self, kind: Kind, **rest: Any) -> Iterator[Event]:
        return self._cluster.watch(kind, **rest)

    def close(self) -> None:
        """The world closes it."""


class FusedAccounting(AccountingFile):
    """The accounting file, with its two kinds of write through a fuse."""

    def __init__(self, path: str, fuse: Fuse) -> None:
        super().__init__(path)
        self._fuse = fuse

    def append_all(self, entries: Any) -> None:
        self._fuse.through(lambda: super(FusedAccounting, self).append_all(entries))

    def confirmed(self, key: str) -> None:
        self._fuse.through(lambda: super(FusedAccounting, self).confirmed(key))


class LateCrew(Crew):
    """Sends the newest request first, and none before nothing else is left to do."""

    def __init__(self) -> None:
        super().__init__(lambda act: act())
        self.waiting: list[tuple[Any, Any, Any]] = []

    def send(self, key: Any, request: Callable[[], Any], take_in: Callable[[Any], None]) -> None:
        self._under_way[key] = self._under_way.get(key, 0) + 1
        self.waiting.append((key, request, take_in))

    def answer(self) -> bool:
        """Send one request and take its answer in; return whether there was one."""
        if not self.waiting:
            return False
        self.answer_of(*self.waiting.pop())()
        return True


class World:
    """One namespace, one host, and whatever a test makes happen."""

    def __init__(self, directory: str, **changes: Any) -> None:
        self.directory = directory
        self.now = START
        self.settings = Settings(**changes)
        os.makedirs(directory, exist_ok=True)
        self.cluster = EmbeddedCluster(directory, seed=self._seed, clock=lambda: self.now)
        self.log: list[str] = []
        self.runs: list[tuple[int, int, int]] = []
        """(job, task, attempt) of each program that was started, in order."""
        self.claims: dict[str, str] = {}
        """Name → uid of the pod that has it."""
        self.ends: dict[tuple[int, int], list[int]] = {}
        """Exit statuses of the coming runs of (job, task); a run without one goes on for ever."""
        self.host = HOST
        """Where pods are bound."""
        self.ignored: set[str] = set()
        self.fuse = Fuse()
        self.with_crew = False
        """Whether controllers from now on have a crew."""
        self.crew: LateCrew | None = None
        self._accounting: AccountingFile | None = None
        self.reconciler = self.new_controller()

    def _seed(self) -> list[K8sObject]:
        return [
            *account.seed(
                self.settings, owner="alice", uid=2001, gid=2001, group="users", groups=(), home="/home/alice"
            ),
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": HOST},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            },
        ]

    def close(self) -> None:
        self.close_accounting()
        self.cluster.close()

    def close_accounting(self) -> None:
        """Give the accounting file's lock back."""
        if self._accounting is not None:
            self._accounting.close()

    # ------------------------------------------------------------ the controller

    def new_controller(self, fuse: Fuse | None = None) -> Reconciler:
        """Start a controller that knows nothing; the one before is dead."""
        if self._accounting is not None:
            self._accounting.close()
        self.fuse = fuse or Fuse()
        self._accounting = FusedAccounting(f"{self.directory}/common/accounting", self.fuse)
        assert self._accounting.lock()
        self.crew = LateCrew() if self.with_crew else None
        self.reconciler = Reconciler(
            FusedCluster(self.cluster, self.fuse),
            self.settings,
            accounting=self._accounting,
            spool=f"{self.directory}/spool",
            clock=lambda: self.now,
            monotonic=lambda: self.now,
            log=self.log.append,
            post=self._post,
            crew=self.crew,
        )
        self._since: dict[str, str] = {}
        return self.reconciler

    def work(self, most: int = 5000) -> None:
        """Let the controller do all that there is to do now."""
        if not self._since:
            self._since = self.reconciler.begin()
        for _ in range(most):
            self._tell()
            if not self.reconciler.step() and not (self.crew and self.crew.answer()):
                return
        raise AssertionError("the controller does not come to rest")

    def _post(self, spool: str, happening: Happening, *, site: str, now: float) -> int:
        return int(self.fuse.through(lambda: post(spool, happening, site=site, now=now)))

    def _tell(self) -> None:
        for kind in WATCHED:
            since = self._since[kind.kind]
            for event in self.cluster.watch(kind, namespace=None, since=since, timeout_s=0.0):
                self._since[kind.kind] = event.object["metadata"]["resourceVersion"]
                self.reconciler.take_event(kind, event)

    def settle(self, rounds: int = 60) -> None:
        """Controller and kubelet in turn, until nothing changes any more."""
        for _ in range(rounds):
            self.work()
            if not self.kubelet():
                return
        raise AssertionError("the world does not come to rest")

    def settle_without(self, name: str) -> None:
        """The same, but the kubelet does not see one pod, which is somebody else's."""
        self.ignored.add(name)
        self.settle()

    def later(self, seconds: float) -> None:
        """Let time pass, then settle."""
        self.now += seconds
        self.settle()

    # ------------------------------------------------------------ users

    def submit(
        self, number: int, *, ready: bool = True, spec: dict[str, Any] | None = None, **request: Any
    ) -> int:
        """Submit a job."""
        fields = {"name": f"job{number}", "submit": SubmitContext(host="bastion"), **request}
        obj = grid_job(JobRequest(**fields), id=number, nonce=f"n{number}", namespace="default", ready=ready)
        obj["spec"].update(spec or {})
        self.cluster.create(obj)
        return number

    def spec(self, number: int, changes: dict[str, Any]) -> None:
        """Change a job's spec."""
        self.cluster.patch(GRID_JOB, str(number), {"spec": changes}, namespace="default")

    def order(self, number: int, kind: str, tasks: str = "", **fields: Any) -> None:
        """Give an order as the commands do."""
        job = self.job(number)
        orders = job["spec"].get("orders") or []
        done = (job.get("status") or {}).get("ordersDone") or 0
        seq = max([done, *(order["seq"] for order in orders)]) + 1
        order = {"seq": seq, "kind": kind, "by": "alice", "host": "bastion", "at": int(self.now), **fields}
        if tasks:
            order["tasks"] = tasks
        changes: dict[str, Any] = {"orders": [*orders, order]}
        if kind == "delete":
            changes["deleted"] = tasks or job["spec"].get("tasks") or "1"
        self.spec(number, changes)

    def job(self, number: int) -> K8sObject:
        return self.cluster.get(GRID_JOB, str(number), namespace="default")

    def status(self, number: int) -> dict[str, Any]:
        return dict(self.job(number).get("status") or {})

    def exists(self, number: int) -> bool:
        try:
            self.job(number)
        except NotFound:
            return False
        return True

    def change_request(self, number: int, request: JobRequest) -> None:
        self.spec(number, {"request": request_json(request)})

    # ------------------------------------------------------------ the kubelet and the launcher

    def pods(self) -> dict[str, K8sObject]:
        return {pod["metadata"]["name"]: pod for pod in self.cluster.list(POD, namespace=None).items}

    def kubelet(self) -> bool:
        """Bind, start and end pods as far as `ends` says; return whether anything was done."""
        done = False
        for name, pod in self.pods().items():
            done = (name not in self.ignored and self._pod(pod)) or done
        return done

    def _pod(self, pod: K8sObject) -> bool:
        phase = pod["status"].get("phase")
        if is_void(pod) or phase in ("Succeeded", "Failed"):
            return False
        deleting = "deletionTimestamp" in pod["metadata"]
        if not pod["spec"].get("nodeName"):
            if deleting:
                return False
            self.bind(pod)
            return True
        if phase == "Pending":
            if deleting:
                self.end(pod, ran=False)
            else:
                self.start(pod)
            return True
        if deleting:
            self.end(pod, signal=9, told=1)
            return True
        job, task, _ = attempt(pod)
        coming = self.ends.get((job, task))
        if coming:
            self.end(pod, exit_status=coming.pop(0))
            return True
        return False

    def bind(self, pod: K8sObject) -> None:
        binding = {"spec": {"nodeName": self.host}}
        self.cluster.patch(POD, pod["metadata"]["name"], binding, namespace="default")

    def start(self, pod: K8sObject) -> None:
        """The launcher claims the attempt and starts the program, or finds it claimed and ends."""
        job, task, number = attempt(pod)
        env = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
        claim = str(env["GC_CLAIM"])
        earlier = [claim.rpartition("-a")[0] + f"-a{one}" for one in (env.get("GC_UNSEEN") or "").split()]
        for name in (claim, *earlier):
            if self.claims.setdefault(name, pod["metadata"]["uid"]) != pod["metadata"]["uid"]:
                begun = int(name.rpartition("-a")[2])
                self.end(pod, exit_status=111, ran=False, elsewhere=begun, since=int(self.now) - 5)
                return
        self.runs.append((job, task, number))
        running = {
            "phase": "Running",
            "containerStatuses": [{"name": "job", "state": {"running": {"startedAt": self.stamp()}}}],
        }
        self.report(pod, running)

    def end(
        self,
        pod: K8sObject,
        *,
        exit_status: int = 0,
        signal: int = 0,
        ran: bool = True,
        failed: int = 0,
        reason: str = "",
        told: int = 0,
        **more: int,
    ) -> None:
        """The container ends with the launcher's evidence."""
        code = 128 + signal if signal else exit_status
        evidence = {
            "v": 1,
            "start": self.now if ran else 0,
            "end": self.now,
            "exit": code,
            "signal": signal,
            "utime": 0.25,
            "stime": 0.5,
            "maxrss": 1024,
            "failed": failed,
            "told": told,
            "reason": reason,
            **more,
        }
        state = {
            "exitCode": code,
            "startedAt": self.stamp(),
            "finishedAt": self.stamp(),
            "message": json.dumps(evidence),
        }
        phase = "Failed" if code else "Succeeded"
        self.report(
            pod, {"phase": phase, "containerStatuses": [{"name": "job", "state": {"terminated": state}}]}
        )

    def vanish(self, pod: K8sObject) -> None:
        """The launcher is gone without a word, as after a reboot."""
        state = {
            "exitCode": 137,
            "reason": "ContainerStatusUnknown",
            "startedAt": self.stamp(),
            "finishedAt": self.stamp(),
        }
        self.report(
            pod, {"phase": "Failed", "containerStatuses": [{"name": "job", "state": {"terminated": state}}]}
        )

    def report(self, pod: K8sObject, status: dict[str, Any]) -> None:
        """The kubelet writes a pod's status."""
        self.cluster.patch(
            POD, pod["metadata"]["name"], {"status": status}, namespace="default", subresource="status"
        )

    def node(self, *, ready: bool) -> None:
        conditions = [{"type": "Ready", "status": "True" if ready else "Unknown"}]
        self.cluster.patch(
            NODE, HOST, {"status": {"conditions": conditions}}, namespace=None, subresource="status"
        )

    def stamp(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now))

    # ------------------------------------------------------------ what is left behind

    def records(self) -> list[Entry]:
        path = f"{self.directory}/common/accounting"
        return list(read(path)) if os.path.exists(path) else []

    def mails(self) -> list[str]:
        """Subjects of the mails in the spool."""
        folder = f"{self.directory}/spool"
        if not os.path.isdir(folder):
            return []
        found = []
        for name in sorted(os.listdir(folder)):
            if name.endswith(".mail"):
                with open(f"{folder}/{name}", encoding="ascii") as file:
                    found.append(json.loads(file.read())["subject"])
        return sorted(found)


def attempt(pod: K8sObject) -> tuple[int, int, int]:
    """(job, task, attempt) of a pod."""
    labels = pod["metadata"]["labels"]
    job, task, number = (labels[f"gridcompat.io/{name}"] for name in ("job", "task", "attempt"))
    return int(job), int(task), int(number)

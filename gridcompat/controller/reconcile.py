"""The reconciler: what changed is looked at, planned, carried out. Drives nothing by itself.

`loop` feeds it from watches; tests feed it step by step.  A death between any two writes is harmless,
for everything is planned anew from the objects.
"""

from __future__ import annotations

import sys
import time
import traceback
from typing import TYPE_CHECKING

from gridcompat import outbox
from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, NODE, POD
from gridcompat.controller import housekeeping
from gridcompat.controller.actions import EndPod, LetGo, MakePod, MakeVoid
from gridcompat.controller.cache import WATCHED, Cache, job_key, key_of, owned_by, version_of
from gridcompat.controller.capacity import Capacity
from gridcompat.controller.dispatch import Waiting, start, wanted
from gridcompat.controller.draft import Draft, gone
from gridcompat.controller.events import Events
from gridcompat.controller.executor import Executor
from gridcompat.controller.facts import Knowledge
from gridcompat.controller.plan import plan
from gridcompat.controller.stuck import Stuck
from gridcompat.controller.tally import Tally
from gridcompat.controller.workqueue import Timers, WorkQueue
from gridcompat.errors import ClusterError, Conflict, Forbidden, Invalid, NotFound, ServerFault
from gridcompat.translate.grid_job import is_over
from gridcompat.translate.outcome import outcome
from gridcompat.translate.pod import is_void

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from gridcompat.accounting import AccountingFile
    from gridcompat.cluster.base import Cluster, Event, K8sObject, Kind
    from gridcompat.controller.actions import Step
    from gridcompat.controller.crew import Crew
    from gridcompat.controller.draft import Facts
    from gridcompat.controller.shape import Shape
    from gridcompat.settings import Settings

    Key: TypeAlias = tuple[str, str]

GRANTS_AT_A_TIME = 20
"""Jobs started before what has happened meanwhile is looked at."""
MOST_TOLD_WHY = 20
"""Jobs of a shape that are looked at when there turns out to be no room for them, so that they say why."""
LOOKS_AT_A_TIME = 100
"""Jobs looked at before some are started: where jobs come without end, nothing would ever start."""
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 60.0
"""After a failed write; doubled each time."""


class Reconciler:
    """The controller without its threads."""

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        *,
        accounting: AccountingFile,
        spool: str,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        log: Callable[[str], None] = lambda line: print(line, file=sys.stderr),  # noqa: T201  (the log is standard error)
        post: Callable[..., int] = outbox.post,
        crew: Crew | None = None,
    ) -> None:
        self.cluster = cluster
        self.settings = settings
        self.cache = Cache()
        self.clock, self.monotonic, self.log = clock, monotonic, log
        self.accounting = accounting
        self.queue = WorkQueue()
        self.timers = Timers()
        # On one machine nobody describes objects, and each would be a commit.
        self.events = Events(cluster, clock=clock) if settings.cluster == "kubernetes" else None
        self.executor = Executor(
            cluster,
            self.cache,
            settings,
            accounting=accounting,
            spool=spool,
            clock=clock,
            post=post,
            events=self.events,
            crew=crew,
        )
        self._crew = crew
        if crew is not None:
            crew.answered = self._answered
        self._parked: set[Key] = set()
        """Jobs to be looked at as soon as their requests are answered."""
        self._capacity = Capacity(settings)
        self._waiting = Waiting()
        self._dispatch_due = False
        self._looks = 0
        """Jobs looked at since something was last started."""
        self._usable: set[str] = set()
        """Namespaces whose GridAccount can be used."""
        self._held_back: dict[Key, float] = {}
        self._failures: dict[Key, int] = {}
        self.tally = Tally()
        self._knowledge = Knowledge(
            self.cache,
            self._capacity,
            settings,
            taken=self.executor.taken,
            stuck=(
                Stuck(cluster, clock=clock, monotonic=monotonic) if settings.cluster == "kubernetes" else None
            ),
            clock=clock,
            monotonic=monotonic,
            log=log,
        )
        self.housekeeping = housekeeping.Housekeeping(self)

    # ------------------------------------------------------------ what is

    def take_listing(self, kind: Kind) -> str:
        """List a kind and look at everything that is new to us; return the version to watch from."""
        listing = self.cluster.list(kind, namespace=None)
        for obj in self.cache.replace(kind, listing):
            self._touch(kind, obj)
        return listing.version

    def begin(self) -> dict[str, str]:
        """List everything, settle the accounting journal; return the versions to watch from.

        The accounting file must be locked.
        """
        versions = {kind.kind: self.take_listing(kind) for kind in WATCHED}
        self.accounting.recover(self._is_marked)
        return versions

    def take_event(self, kind: Kind, event: Event) -> None:
        """Take over what a watch tells."""
        if event.type == "BOOKMARK":
            return
        changed = (
            self.cache.drop(kind, event.object)
            if event.type == "DELETED"
            else self.cache.put(kind, event.object)
        )
        if changed:
            self._touch(kind, event.object)

    def _touch(self, kind: Kind, obj: K8sObject) -> None:
        """Look again at whatever depends on an object."""
        if kind is GRID_JOB:
            self.queue.add(key_of(obj))
        elif kind is POD:
            self.queue.add(job_key(obj))
        elif kind is GRID_ACCOUNT:
            self.housekeeping.look_at(obj["metadata"]["namespace"])
            self._look_at_account(obj["metadata"]["namespace"])
        elif kind is NODE:
            self._look_at_nodes()

    def _look_at_account(self, namespace: str) -> None:
        """Look at the jobs that could not be admitted for want of an account."""
        usable = self._knowledge.account(namespace) is not None
        if not usable:
            self.executor.forget_namespace(namespace)
        if usable and namespace not in self._usable:
            for key in self.cache.of(GRID_JOB):
                if key[0] == namespace:
                    self.queue.add(key)
        (self._usable.add if usable else self._usable.discard)(namespace)

    def _look_at_nodes(self) -> None:
        if not self._capacity.set_hosts(self.cache.of(NODE).values()):
            return  # a heartbeat
        self._look_at_all()

    def _look_at_all(self) -> None:
        """Something has changed for every job that is not over."""
        self._room_again()
        for key, job in self.cache.of(GRID_JOB).items():
            if not is_over(job):
                self.queue.add(key)

    def _is_marked(self, accounting_key: str) -> bool:
        """Whether the attempt of a journalled record needs no mark any more."""
        namespace, _, rest = accounting_key.partition("/")
        name, task, attempt = rest.split(".")
        job = self.cache.job((namespace, name))
        if job is not None:
            return not any(
                row["task"] == int(task) and row["attempt"] == int(attempt)
                for row in (job.get("status") or {}).get("running") or ()
            )
        return not any(
            housekeeping.attempt_of(pod) == (task, attempt)
            for pod in self.cache.pods_of((namespace, name)).values()
        )

    # ------------------------------------------------------------ one step

    def step(self) -> bool:
        """Look at one job, or start some; return False when there is nothing to do now."""
        if self._capacity.turned(self.clock()):
            self._look_at_all()
        for late in self.timers.due(self.monotonic()):
            self.queue.add(late)
        if self._looks >= LOOKS_AT_A_TIME:
            self._looks = 0
            self._dispatch()
        key = self.queue.take()
        if key is None:
            self._looks = 0
            return self._dispatch()
        self._looks += 1
        if self._is_busy(key):
            return True
        try:
            self._look_at(key)
            if not self._is_busy(key):
                self._succeeded(key)
        except Exception as error:  # noqa: BLE001  (one broken job never stops the others)
            self._failed(key, error)
        return True

    def _is_busy(self, key: Key) -> bool:
        """Whether requests of a job are under way; if so it is looked at when they are answered."""
        if self._crew is None or not self._crew.is_busy(key):
            return False
        self._parked.add(key)
        return True

    def _answered(self, key: Key, error: Exception | None) -> None:
        """All requests of a job are answered."""
        if error is not None:
            self._parked.discard(key)
            self._failed(key, error)
            return
        self._succeeded(key)
        if key in self._parked:
            self._parked.discard(key)
            self.queue.add(key)

    def _succeeded(self, key: Key) -> None:
        self._failures.pop(key, None)
        self._knowledge.refused.pop(key, None)

    def _failed(self, key: Key, error: Exception) -> None:
        if isinstance(error, Conflict):
            self._refresh(key)
            return
        if isinstance(error, (ClusterError, OSError)):
            self.log(f"{'/'.join(key)}: {error}")
        else:
            self.log(f"{'/'.join(key)}: {''.join(traceback.format_exception(error))}")
        self.tally.errors += 1
        if isinstance(error, (Forbidden, Invalid, ServerFault)):
            self._knowledge.refused[key] = error.message
            job = self.cache.job(key)
            if self.events is not None and job is not None:
                self.events.refused(job, error.message)
        count = self._failures[key] = self._failures.get(key, 0) + 1
        delay_s = min(FIRST_RETRY_S * 2 ** (count - 1), LONGEST_RETRY_S)
        self.timers.set(key, self.monotonic() + delay_s)

    def _refresh(self, key: Key) -> None:
        """Somebody changed the job since the plan: get it and plan again."""
        try:
            self.cache.put(GRID_JOB, self.cluster.get(GRID_JOB, key[1], namespace=key[0]))
        except NotFound:
            held = self.cache.job(key)
            if held is not None:
                self.cache.drop(GRID_JOB, held)
        except ClusterError as error:
            self.log(f"{'/'.join(key)}: {error}")
            self.timers.set(key, self.monotonic() + FIRST_RETRY_S)
            return
        self.queue.add(key)

    def _look_at(self, key: Key) -> None:
        if not key[1]:
            self.housekeeping.tend(key[0])
            return
        job = self.cache.job(key)
        if job is None:
            self._forget(key)
            self.housekeeping.orphans(key)
            return
        self.housekeeping.orphans(key, owner=job["metadata"]["uid"])
        if is_over(job):
            self._over(key, job)
            return
        facts = self._knowledge.facts(key, job)
        unreadable = self._knowledge.request(key, job)[1]
        step = plan(job, facts, unreadable=unreadable)
        was_new = "phase" not in (job.get("status") or {})
        if was_new and not step.before and not step.after:
            step = self._at_once(key, job, facts, step)
        before = version_of(job)
        job = self.executor.perform(job, facts, step)
        if step.again_in_s is not None:
            self.timers.set(key, self.monotonic() + step.again_in_s)
        if step.hold_back_s:
            self._held_back[key] = self.monotonic() + step.hold_back_s
            self.timers.set(key, self._held_back[key])
        if version_of(job) != before:
            self._changed(key, job)
        if was_new and job["spec"].get("once"):
            self.housekeeping.look_at(key[0])
        if self._needs_another_look(key, step):
            self.queue.add(key)
        if self._is_busy(key):
            self._count(key, job)
            return
        if is_over(job):
            self._over(key, job)
            return
        self._count(key, job)
        self._want(key, job)
        self._strays(key, job)

    def _at_once(self, key: Key, job: K8sObject, facts: Facts, step: Step) -> Step:
        """Admit and intend in one write, when nobody waits who might come first."""
        shape = self._knowledge.shape(key)
        if len(self._waiting) or shape is None:
            return step
        admitted = {**job, "status": step.status}
        most = wanted(Draft(admitted, facts), unrecorded=0)
        queue, count = self._capacity.room(shape, most)
        if count <= 0:
            return step
        host = self._capacity.host_for(shape, queue)
        at_once = start(admitted, facts, queue=queue, host=host, count=count)
        if at_once is None:
            return step
        self.tally.starts(key, count, self.monotonic())
        return at_once

    def _needs_another_look(self, key: Key, step: Step) -> bool:
        """Whether what was done just now has a sequel: the watch does not tell us of our own writes again."""
        if any(isinstance(action, EndPod) for action in step.before):
            return True  # a pod that no node has is over with its deletion
        for action in step.after:
            if isinstance(action, MakeVoid):
                return True
            if isinstance(action, MakePod) and (key[0], action.row["pod"]) in self.executor.taken:
                return True
        return False

    def _changed(self, key: Key, job: K8sObject) -> None:
        """Look at the jobs that wait for this one."""
        number = int(job["spec"]["id"])
        over = is_over(job)
        for other in self.cache.dependents(number):
            dependent = self.cache.job(other)
            if dependent is not None and (
                over or number in (dependent["spec"].get("arrayPredecessors") or ())
            ):
                self.queue.add(other)

    def _over(self, key: Key, job: K8sObject) -> None:
        self._forget(key)
        self._strays(key, job)
        self.housekeeping.finished(key, job)

    def _forget(self, key: Key) -> None:
        """Keep nothing in memory of a job that is over or gone."""
        self._waiting.forget(key)
        self.tally.forget(key)
        self._knowledge.forget(key)
        self._held_back.pop(key, None)
        if self._capacity.update(key, (), {}, None):
            self._room_again()
        for other in self.cache.dependents(int(key[1]) if key[1].isdigit() else 0):
            if self.cache.job(key) is None:
                self.queue.add(other)

    # ------------------------------------------------------------ dispatch

    def _room_again(self) -> None:
        """Something has become free, or may be used that could not."""
        self._waiting.room_again()
        self._dispatch_due = True

    def _count(self, key: Key, job: K8sObject) -> None:
        shape = self._knowledge.shape(key)
        rows = (job.get("status") or {}).get("running") or ()
        if self._capacity.update(key, rows, self.cache.pods_of(key), shape):
            self._room_again()

    def _want(self, key: Key, job: K8sObject) -> None:
        """Note whether the job has something to start."""
        shape = self._knowledge.shape(key)
        if shape is None or gone(job) or self._wanted(key, job) <= 0:
            self._waiting.forget(key)
            self.tally.forget(key)
            return
        self._waiting.want(key, shape, int(job["spec"].get("priority") or 0))
        self.tally.wants(key, self.monotonic())
        self._dispatch_due = True

    def _wanted(self, key: Key, job: K8sObject) -> int:
        if self._held_back.get(key, 0.0) > self.monotonic():
            return 0
        self._held_back.pop(key, None)
        facts = self._knowledge.facts(key, job)
        running = (job.get("status") or {}).get("running") or ()
        unrecorded = 0
        if len(running) > 1:
            pods = facts.pods
            unrecorded = sum(1 for row in running if row["pod"] in pods and outcome(pods[row["pod"]]))
        return wanted(Draft(job, facts), unrecorded=unrecorded)

    def _dispatch(self) -> bool:
        """Start what there is room for; return whether anything was started."""
        if not self._dispatch_due:
            return False
        for _ in range(GRANTS_AT_A_TIME):
            found = self._waiting.take(lambda shape: self._capacity.room(shape, 1)[1] > 0)
            if found is None:
                self._dispatch_due = False
                self._say_why()
                return False
            key, shape = found
            try:
                self._start(key, shape)
            except Exception as error:  # noqa: BLE001  (one broken job never stops the others)
                self._failed(key, error)
        return True

    def _say_why(self) -> None:
        """Look again at jobs that wait for what others have taken since, so that they say so."""
        for shape, keys in self._waiting.newly_full(MOST_TOLD_WHY):
            for key in keys if self._capacity.counts(shape) else ():
                job = self.cache.job(key)
                if job is not None and not (job.get("status") or {}).get("reasons"):
                    self.queue.add(key)

    def _start(self, key: Key, shape: Shape) -> None:
        job = self.cache.job(key)
        if job is None or is_over(job) or self._is_busy(key):
            return
        most = self._wanted(key, job)
        queue, count = self._capacity.room(shape, most)
        if count <= 0:
            return
        facts = self._knowledge.facts(key, job)
        host = self._capacity.host_for(shape, queue)
        step = start(job, facts, queue=queue, host=host, count=count)
        if step is None:
            return
        self.tally.starts(key, count, self.monotonic())
        try:
            job = self.executor.perform(job, facts, step)
        finally:
            # Also when only the pods could not be made: the intent is written.
            self._count(key, self.cache.job(key) or job)
        if most > count and not self._is_busy(key):
            self._waiting.want(key, shape, int(job["spec"].get("priority") or 0))

    # ------------------------------------------------------------ pods without a row

    def _strays(self, key: Key, job: K8sObject) -> None:
        """Let go of recorded runs whose pod a death left behind.

        A void pod, and one that never ran, stays as long as its GridJob: it keeps the name taken.
        """
        rows = {row["pod"] for row in (job.get("status") or {}).get("running") or ()}
        pods = owned_by(self.cache.pods_of(key).values(), job["metadata"]["uid"])
        strays = [pod for name, pod in pods.items() if name not in rows and not is_void(pod)]
        if not strays:
            return
        fresh = self.cluster.get(GRID_JOB, key[1], namespace=key[0])
        if version_of(fresh) > version_of(job):
            self.cache.put(GRID_JOB, fresh)
            self.queue.add(key)
            return
        for pod in strays:
            meta, end = pod["metadata"], outcome(pod)
            if end is None:
                if not meta.get("deletionTimestamp"):
                    self.executor.end_pod(key[0], EndPod(pod=meta["name"], uid=meta["uid"], ended_by=""))
            elif end.ran or end.failed:
                self.executor.let_go(key[0], LetGo(pod=meta["name"], uid=meta["uid"]))

    @property
    def has_hosts(self) -> bool:
        """Whether a node is known on which something could run."""
        return self._capacity.has_hosts

    def is_idle(self) -> bool:
        """Whether nothing is to be done now and no job is unfinished."""
        if len(self.queue) or self._crew or self.housekeeping.has_orphans():
            return False
        return not any(not is_over(job) or gone(job) for job in self.cache.of(GRID_JOB).values())

"""A GridJob's status while one step plans its successor, and the words that pods of ours carry.

The status is taken apart once (range lists become ranges), the parts of the plan change it in turn,
and it is put together once.  Nothing here does anything: what must be done is collected as actions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridcompat.controller.actions import Step
from gridcompat.errors import GridError
from gridcompat.record import record
from gridcompat.translate import ranges, rows
from gridcompat.translate.grid_job import PLAIN, is_array, job_id, task_ranges
from gridcompat.translate.outcome import is_unplaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.actions import Action
    from gridcompat.model import Account, JobRequest
    from gridcompat.settings import Settings
    from gridcompat.translate.ranges import Ranges

MOST_UNSEEN = 20
"""Attempts of a task that are remembered as unseen; older ones are on hosts that are lost for long."""
ENDED_BY = "gridcompat.io/ended-by"
"""Annotation: why the controller deleted the pod, JSON of `{"kind", "by", "at", "force"}`."""


@record
class Facts:
    """What a plan may know beside the GridJob itself."""

    now: float
    """Epoch seconds."""
    settings: Settings
    request: JobRequest
    account: Account | None
    """None: the namespace has no usable GridAccount (yet)."""
    pods: Mapping[str, K8sObject] = {}
    """Pods of this GridJob (by owner uid), by name."""
    lost_s: Mapping[str, float] = {}
    """Nodes that do not answer: name → seconds since this controller has seen it so."""
    gone_nodes: frozenset[str] = frozenset()
    """Those of them whose Node object is not there."""
    shut: frozenset[str] = frozenset()
    """Hosts that take nothing now, of those on which alone a pod without a node may run."""
    taken: frozenset[str] = frozenset()
    """Pod names that somebody else's object has: attempts of these names can never start."""
    waits: bool = False
    """A -hold_jid predecessor is not over."""
    waits_by_task: Ranges = ()
    """Tasks whose -hold_jid_ad predecessor is not over."""
    cannot_run: tuple[str, ...] = ()
    """Why no host can take it now, for the scheduling info."""
    stuck: Mapping[str, str] = {}
    """Pods whose containers are not started: name → why, in the cluster's words."""
    look_again_s: float | None = None
    """When that has to be asked again."""
    refused: str = ""
    """Why the cluster did not take the job's last pod (a quota, a policy)."""
    unready_s: float = 0.0
    """How long the controller has seen the job not ready."""


class Draft:
    """The status under work."""

    def __init__(self, grid_job: K8sObject, facts: Facts) -> None:
        self.job = grid_job
        self.spec: dict[str, Any] = grid_job["spec"]
        self.facts = facts
        self.status: dict[str, Any] = dict(grid_job.get("status") or {})
        self.fault = ""
        """What of the spec cannot be understood, if anything that decides what may start."""
        try:
            self.all = task_ranges(grid_job)
        except GridError as error:
            self.all, self.fault = PLAIN, error.message
        self.pending = ranges.parse(self.status.get("pending") or "")
        self.again: list[dict[str, Any]] = [dict(group) for group in self.status.get("again") or ()]
        self.errors: list[dict[str, Any]] = [dict(group) for group in self.status.get("errors") or ()]
        self.running: list[dict[str, Any]] = [dict(row) for row in self.status.get("running") or ()]
        self.before: list[Action] = []
        self.after: list[Action] = []
        self.again_in_s: float | None = None
        self.hold_back_s = 0.0
        self.deleted = self.all if gone(grid_job) else self.of_job(self.spec.get("deleted"), otherwise=())

    def of_job(self, text: str | None, *, otherwise: Ranges) -> Ranges:
        """Return those of the job's own tasks that a user's list names; `otherwise` if it cannot be read."""
        return ranges.intersect(self.all, ranges.readable(text, otherwise=otherwise))

    @property
    def admitted(self) -> bool:
        """Whether the status says who the job runs as."""
        return "phase" in self.status

    def mail_task(self, task: int) -> int | None:
        """The task as mails and records name it: None in a plain job."""
        return task if is_array(self.job) else None

    def key(self, row: Mapping[str, Any]) -> str:
        """The accounting journal's name of an attempt."""
        return attempt_key(self.job["metadata"]["namespace"], job_id(self.job), row["task"], row["attempt"])

    def look_again(self, seconds: float) -> None:
        """Plan this job again after so many seconds, or sooner."""
        if self.again_in_s is None or seconds < self.again_in_s:
            self.again_in_s = max(seconds, 0.0)

    def wait_again(self, row: Mapping[str, Any], *, restarted: int, unseen: Iterable[str]) -> None:
        """Put a task that had an attempt among those that wait for another.

        Args:
            unseen: attempts of which nobody knows whether they began, as `ATTEMPT@HOST`.
        """
        fields = {"attempt": row["attempt"], "restarted": restarted}
        kept = list(unseen)[-MOST_UNSEEN:]
        _add(self.again, row["task"], fields | ({"unseen": kept} if kept else {}))

    def fail(self, row: Mapping[str, Any], *, at: float, reason: str, restarted: int) -> None:
        """Put a task that had an attempt into Eqw."""
        fields = {"attempt": row["attempt"], "restarted": restarted, "at": int(at), "reason": reason[:4000]}
        _add(self.errors, row["task"], fields)

    def drop(self, row: Mapping[str, Any]) -> None:
        """The attempt is over and marked."""
        self.running = [other for other in self.running if other["task"] != row["task"]]

    def step(self) -> Step:
        """Return the planned step, the status put together."""
        status = self.status
        status["pending"] = ranges.text(self.pending)
        status["again"], status["errors"], status["running"] = self.again, self.errors, self.running
        held_by_task = ranges.text(ranges.intersect(self.waiting(), self.facts.waits_by_task))
        pods = self.facts.pods
        unplaced = {
            row["pod"]
            for row in self.running
            if row["state"] == "t" and is_unplaced(pods.get(row["pod"]) or {})
        }
        status["rows"] = rows.encode_rows(status, held_by_task=held_by_task, unplaced=unplaced)
        try:
            status["state"] = rows.state_word({**self.job, "status": status})
        except GridError:
            status["state"] = ""  # a list of the spec cannot be read, so there is nothing to show
        status["observedGeneration"] = self.job["metadata"].get("generation", 0)
        return Step(
            status=status,
            before=tuple(self.before),
            after=tuple(self.after),
            again_in_s=self.again_in_s,
            hold_back_s=self.hold_back_s,
        )

    def waiting(self) -> Ranges:
        """All tasks without an attempt that may still have one: pending and again."""
        tasks = self.pending
        for group in self.again:
            tasks = ranges.union(tasks, ranges.parse(group["tasks"]))
        return tasks

    def is_over(self) -> bool:
        """Whether no task is left."""
        return not (self.pending or self.again or self.errors or self.running)


def _add(groups: list[dict[str, Any]], task: int, fields: dict[str, Any]) -> None:
    """Add a task to the group with the same fields, or make one."""
    for group in groups:
        if {name: value for name, value in group.items() if name != "tasks"} == fields:
            group["tasks"] = ranges.text(ranges.union(ranges.parse(group["tasks"]), ((task, task, 1),)))
            return
    groups.append({"tasks": str(task), **fields})


def gone(grid_job: K8sObject) -> bool:
    """Whether an administrator (or retention) deleted the object; our finalizer keeps it for a while."""
    return bool(grid_job["metadata"].get("deletionTimestamp"))


def attempt_key(namespace: str, job: int | str, task: int | str, attempt: int | str) -> str:
    """Name an attempt for the accounting journal, uniquely within a site."""
    return f"{namespace}/{job}.{task}.{attempt}"


def without(groups: list[dict[str, Any]], tasks: Ranges) -> list[dict[str, Any]]:
    """Return groups of tasks without these."""
    left = []
    for group in groups:
        rest = ranges.minus(ranges.parse(group["tasks"]), tasks)
        if rest:
            left.append({**group, "tasks": ranges.text(rest)})
    return left

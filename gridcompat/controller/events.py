"""What an administrator looks for on a GridJob, as Events: `kubectl describe gridjob ID` shows them.

For people only.  Nothing reads them, losing one is harmless, and they never hold the controller up: a
thread of their own writes them, and what it cannot keep up with is dropped.  There is at most one Event of
each reason for each GridJob; what happens again raises its count, so their number is bounded whatever a job
does.  Kubernetes forgets them after an hour.
"""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from gridcompat.cluster.base import EVENT, GRID_JOB
from gridcompat.controller.actions import Append, EndPod, MakePod, Post
from gridcompat.errors import Conflict, GridError
from gridcompat.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.controller.actions import Action, Step
    from gridcompat.controller.draft import Facts

MOST_WAITING = 1000
"""Events not written yet; the oldest is dropped for a new one."""
EVERY_S = 2.0
"""What happens again within this time is counted together."""
NORMAL_PER_S = 5.0
"""Of the events of a run that goes well, so that a busy site's API server has other things to do; no limit
for warnings but `MOST_WAITING`."""
NORMAL_BURST = 100.0
LENGTH = 1000
"""Of a message; the API server takes 1024."""
COMPONENT = "gridcompat-daemon"
NORMAL, WARNING = "Normal", "Warning"
ENDED = {
    "delete": ("Deleted", NORMAL, "is ended by qdel"),
    "reschedule": ("Rescheduled", NORMAL, "is ended, to run again"),
    "lost": ("NodeLost", WARNING, "is given up: its node does not answer"),
    "error": ("NotStarted", WARNING, "is taken back"),
}


@record
class Note:
    """One thing that happened to a GridJob."""

    reason: str
    type: str
    message: str


def notes(grid_job: K8sObject, facts: Facts, step: Step) -> Iterator[Note]:
    """Yield what a step that was carried out means to people. Pure."""
    for action in (*step.before, *step.after):
        yield from _of(action)
    old, new = grid_job.get("status") or {}, step.status
    known = {json.dumps(group, sort_keys=True) for group in old.get("errors") or ()}
    for group in new.get("errors") or ():
        if json.dumps(group, sort_keys=True) not in known:
            yield Note(reason="Error", type=WARNING, message=f"task {group['tasks']}: {group['reason']}")
    said = [line for line in new.get("reasons") or () if line not in (old.get("reasons") or ())]
    if said:
        yield Note(reason="Waiting", type=WARNING, message="; ".join(said))
    for row in new.get("running") or ():
        if row.get("host") in facts.lost_s:
            yield Note(
                reason="NodeLost", type=WARNING, message=f"{row['host']} does not answer: {row['pod']}"
            )


def _of(action: Action) -> Iterator[Note]:
    if isinstance(action, MakePod):
        row = action.row
        yield Note(reason="Attempt", type=NORMAL, message=f"{row['pod']} in queue {row['queue']}")
    elif isinstance(action, Post):
        yield from _happened(action)
    elif isinstance(action, Append):
        entry = action.entry
        yield Note(
            reason="Recorded",
            type=NORMAL,
            message=f"in the accounting file: exit_status {entry.exit_status}, failed {entry.failed}",
        )
    elif isinstance(action, EndPod) and action.ended_by:
        why = json.loads(action.ended_by)
        reason, kind, text = ENDED.get(why.get("kind"), ("Ended", NORMAL, "is ended"))
        by = f" of {why['by']}" if why.get("by") else ""
        because = f": {why['reason']}" if why.get("reason") else ""
        yield Note(reason=reason, type=kind, message=f"{action.pod} {text}{by}{because}")


def _happened(action: Post) -> Iterator[Note]:
    what = action.happening
    where = f"attempt {what.attempt}" + (f" of task {what.task}" if what.task is not None else "")
    if what.kind == "started":
        yield Note(reason="Started", type=NORMAL, message=f"{where} runs on {what.host}")
    elif what.kind == "ended" and what.outcome is not None:
        end = what.outcome
        bad = bool(end.failed or end.lost)
        text = f"{where} on {what.host} ended with status {end.exit_status}"
        text += f" (failed {end.failed}: {end.reason})" if bad else ""
        yield Note(reason="Ended", type=WARNING if bad else NORMAL, message=text)


class Events:
    """Writes notes behind the controller's back. `note` and `add` are called by its one thread."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._waiting: OrderedDict[tuple[str, str], tuple[K8sObject, Note, int]] = OrderedDict()
        """(uid of the GridJob, reason) → its head, the last note, how often."""
        self._lock = threading.Lock()
        self._there = threading.Event()
        self._allowance, self._allowed_at = NORMAL_BURST, clock()

    def add(self, grid_job: K8sObject, facts: Facts, step: Step) -> None:
        """Note what a step did."""
        for one in notes(grid_job, facts, step):
            self.note(grid_job, one)

    def refused(self, grid_job: K8sObject, message: str) -> None:
        """Note that the cluster did not take a pod: a quota, a policy."""
        self.note(grid_job, Note(reason="Refused", type=WARNING, message=message))

    def note(self, grid_job: K8sObject, note: Note) -> None:
        """Have one written soon."""
        meta = grid_job["metadata"]
        key = (str(meta.get("uid")), note.reason)
        head = {name: meta.get(name) for name in ("name", "namespace", "uid")}
        with self._lock:
            count = self._waiting.pop(key, (None, None, 0))[2]
            self._waiting[key] = (head, note, count + 1)
            while len(self._waiting) > MOST_WAITING:
                self._waiting.popitem(last=False)
        self._there.set()

    def run(self, stop: threading.Event) -> None:
        """Write until `stop`."""
        while not stop.is_set():
            if self._there.wait(0.5):
                self._there.clear()
                self.write()
                stop.wait(EVERY_S)

    def write(self) -> int:
        """Write what waits; return how much that was."""
        with self._lock:
            waiting, self._waiting = self._waiting, OrderedDict()
        for head, note, count in waiting.values():
            if note.type == NORMAL and not self._allowed():
                continue
            try:
                self._write(head, note, count)
            except GridError:
                pass  # of use only while it is fresh
        return len(waiting)

    def _allowed(self) -> bool:
        now = self._clock()
        gained = max(now - self._allowed_at, 0.0) * NORMAL_PER_S
        self._allowance, self._allowed_at = min(self._allowance + gained, NORMAL_BURST), now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _write(self, head: K8sObject, note: Note, count: int) -> None:
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
        mark = zlib.crc32(f"{head['uid']} {note.reason}".encode())
        name = f"{head['name']}.{mark:08x}"
        changes = {"lastTimestamp": now, "message": note.message[:LENGTH], "type": note.type}
        body = {**_event(head, name, note), **changes, "firstTimestamp": now, "count": count}
        try:
            self._cluster.create(body)
            return
        except Conflict:
            held = self._cluster.get(EVENT, name, namespace=head["namespace"])
        more: dict[str, Any] = {**changes, "count": int(held.get("count") or 1) + count}
        self._cluster.patch(EVENT, name, more, namespace=head["namespace"])


def _event(head: K8sObject, name: str, note: Note) -> K8sObject:
    # Source: Event in the API reference of v1.
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": name, "namespace": head["namespace"]},
        "involvedObject": {
            "apiVersion": GRID_JOB.api_version,
            "kind": GRID_JOB.kind,
            "name": head["name"],
            "namespace": head["namespace"],
            "uid": head["uid"],
        },
        "reason": note.reason,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
    }

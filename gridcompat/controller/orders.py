"""Orders that users gave later: delete, clear, reschedule, suspend, unsuspend.

An order is done when its effect is in the status or noted on the pods, so that it may be forgotten;
carrying it out to the end (a pod that takes its grace to go) is `observe`'s.  What was ordered to be
deleted is read from `spec.deleted`, which only grows; the order tells who it was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gridcompat.controller.actions import EndPod, Post, Suspend
from gridcompat.controller.draft import ENDED_BY, gone, without
from gridcompat.controller.happened import happening
from gridcompat.translate import ranges
from gridcompat.translate.outcome import outcome, started_at
from gridcompat.translate.pod import is_void

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridcompat.controller.draft import Draft


def obey(draft: Draft) -> None:
    """Plan the orders above `status.ordersDone`, and strike deleted tasks that wait."""
    done = draft.status.get("ordersDone") or 0
    orders = sorted(draft.spec.get("orders") or (), key=lambda order: int(order["seq"]))
    for order in orders:
        if order["seq"] <= done:
            continue
        _KINDS.get(order["kind"], _delete)(draft, order)
        done = order["seq"]
    draft.status["ordersDone"] = done
    if draft.deleted:
        draft.pending = ranges.minus(draft.pending, draft.deleted)
        draft.again = without(draft.again, draft.deleted)
        draft.errors = without(draft.errors, draft.deleted)


def note(kind: str, by: str, at: float, *, force: bool = False) -> str:
    """Return the annotation that says why a pod was ended."""
    return json.dumps({"kind": kind, "by": by, "at": at, "force": force}, sort_keys=True)


def _tasks(draft: Draft, order: dict[str, Any]) -> ranges.Ranges:
    """The tasks that an order names; all without a list, none when it cannot be read."""
    return draft.of_job(order["tasks"], otherwise=()) if order.get("tasks") else draft.all


def _rows(draft: Draft, order: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The running tasks that an order names."""
    tasks = _tasks(draft, order)
    return (row for row in draft.running if ranges.contains(tasks, row["task"]))


def _end(draft: Draft, row: dict[str, Any], text: str) -> None:
    """End a run that has a pod and has not ended. One without a pod is withdrawn by `observe`."""
    pod = draft.facts.pods.get(row["pod"])
    if pod is not None and not is_void(pod) and outcome(pod) is None:
        draft.before.append(EndPod(pod=row["pod"], uid=pod["metadata"]["uid"], ended_by=text))


def _by(order: dict[str, Any]) -> str:
    return f"{order.get('by') or ''}@{order.get('host') or ''}"


def _delete(draft: Draft, order: dict[str, Any]) -> None:
    text = note("delete", _by(order), order.get("at") or 0, force=bool(order.get("force")))
    for row in _rows(draft, order):
        if ranges.contains(draft.deleted, row["task"]):
            _end(draft, row, text)


def _reschedule(draft: Draft, order: dict[str, Any]) -> None:
    """Only what has started: an attempt that has not will run anyway."""
    text = note("reschedule", _by(order), order.get("at") or 0)
    for row in _rows(draft, order):
        pod = draft.facts.pods.get(row["pod"])
        if pod is not None and started_at(pod) is not None:
            _end(draft, row, text)


def _clear(draft: Draft, order: dict[str, Any]) -> None:
    tasks = _tasks(draft, order)
    for group in draft.errors:
        cleared = ranges.intersect(ranges.parse(group["tasks"]), tasks)
        if cleared and not group["attempt"]:
            draft.pending = ranges.union(draft.pending, cleared)
        elif cleared:
            draft.again.append(
                {
                    "tasks": ranges.text(cleared),
                    "attempt": group["attempt"],
                    "restarted": group.get("restarted") or 0,
                }
            )
    draft.errors = without(draft.errors, tasks)


def _suspend(draft: Draft, order: dict[str, Any]) -> None:
    suspended = order["kind"] == "suspend"
    for row in _rows(draft, order):
        if row["state"] != ("r" if suspended else "s"):
            continue
        draft.before.append(Suspend(pod=row["pod"], suspended=suspended))
        kind = "suspended" if suspended else "continued"
        draft.before.append(
            Post(happening=happening(draft, row, kind, at=order.get("at") or 0, order=order["seq"]))
        )
        row["state"] = "s" if suspended else "r"


_KINDS = {
    "delete": _delete,
    "reschedule": _reschedule,
    "clear": _clear,
    "suspend": _suspend,
    "unsuspend": _suspend,
}


def deletion_of(draft: Draft, row: dict[str, Any]) -> str:
    """Return the note for the pod of a task that is to be deleted: the first order that names it."""
    for order in draft.spec.get("orders") or ():
        if order["kind"] == "delete" and ranges.contains(_tasks(draft, order), row["task"]):
            return note("delete", _by(order), order.get("at") or 0, force=bool(order.get("force")))
    at = draft.facts.now
    owner = draft.status.get("owner") or ""
    host = draft.facts.request.submit.host
    return note("delete", "" if gone(draft.job) else f"{owner}@{host}", at)


def ended_by(pod: dict[str, Any]) -> dict[str, Any]:
    """Return why the controller ended a pod: `{"kind", "by", "at", "force"}`, or {} if it did not."""
    try:
        found = json.loads((pod["metadata"].get("annotations") or {}).get(ENDED_BY) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

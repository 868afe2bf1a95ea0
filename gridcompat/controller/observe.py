"""What has become of the attempts: running, over, lost, or never begun because somebody withdrew it.

The pod's name is the claim of an attempt.  A row without a pod is created again if the task is still
wanted; otherwise its name is taken by a void pod, so that a creation that is still under way fails.
Only when an attempt is over (its container terminated, or its node is gone) may the next one begin.
`tests/model/test_attempt_model.py` explores this protocol.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gridcompat.controller import record
from gridcompat.controller.actions import EndPod, MakePod, MakeVoid, Post
from gridcompat.controller.happened import happening
from gridcompat.controller.orders import deletion_of, ended_by
from gridcompat.model import Outcome
from gridcompat.record import replace
from gridcompat.timestamps import epoch
from gridcompat.translate import ranges
from gridcompat.translate.outcome import outcome, pending_reason, started_at
from gridcompat.translate.pod import bound_host, is_void

if TYPE_CHECKING:
    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.draft import Draft

NO_IMAGE = frozenset(("ErrImageNeverPull", "InvalidImageName", "ErrImagePull", "ImagePullBackOff"))
IMAGE_PATIENCE_S = 120.0
"""A registry may be away for a moment."""
NOT_STARTED = 1
"""accounting(5), failed: could not start the job."""
RESCHEDULE_S = 60.0
"""After this long without its node a run is given up where a rerun is allowed and the site says nothing."""


def observe(draft: Draft) -> None:
    """Plan what follows from the pods of all rows."""
    for row in list(draft.running):
        pod = draft.facts.pods.get(row["pod"])
        if pod is None and row["pod"] not in draft.facts.taken:
            _missing(draft, row)
        elif pod is None or is_void(pod):
            _withdrawn(draft, row)
        else:
            _present(draft, row, pod)


def _missing(draft: Draft, row: dict[str, Any]) -> None:
    """Not created yet, or gone although our finalizer was to keep it; nobody can tell from here."""
    deleted = ranges.contains(draft.deleted, row["task"])
    if deleted or row["state"] != "t":
        draft.after.append(MakeVoid(row=row))
    else:
        draft.after.append(MakePod(row=row))


def _withdrawn(draft: Draft, row: dict[str, Any]) -> None:
    """The name is taken for good: what has not started never will."""
    if row["state"] == "t":
        record.never_ran(draft, row)
    else:
        now = draft.facts.now
        record.over(
            draft,
            row,
            Outcome(
                ran=True,
                start=float(row.get("startedAt") or now),
                end=now,
                failed=100,
                reason="the pod of the run was removed",
                lost=True,
                host=row.get("host") or "",
            ),
            {},
        )


def _present(draft: Draft, row: dict[str, Any], pod: K8sObject) -> None:
    end = outcome(pod)
    why = ended_by(pod)
    if end is not None:
        # Without a note of ours it was not we who deleted the pod: an eviction, or somebody's kubectl.
        taken_away = end.told and _deleting(pod) and end.failed not in record.ASKED_FOR
        if not why and (taken_away or _vanished(pod, continuous=draft.facts.request.continuous)):
            end = replace(end, lost=True)
        if end.lost and not end.ran and row["state"] != "t":
            # It was seen to run, whatever its node has forgotten.
            began = float(row.get("startedAt") or draft.facts.now)
            reason = end.reason or "the pod of the run was removed"
            end = replace(end, ran=True, start=began, end=draft.facts.now, failed=100, reason=reason)
        if why.get("kind") == "error" and not end.ran and not end.failed:
            # Its name stays taken, as that of any attempt whose launcher never claimed it.
            end = replace(end, failed=NOT_STARTED, end=draft.facts.now, reason=str(why.get("reason") or ""))
            record.over(draft, row, end, why)
            return
        record.over(draft, row, end, why, uid=pod["metadata"]["uid"])
        return
    started = started_at(pod)
    host = pod["spec"].get("nodeName") or ""
    if row["state"] == "t" and started is not None:
        row.update(state="r", startedAt=int(started), host=host)
        draft.before.append(Post(happening=happening(draft, row, "started", at=started)))
    if ranges.contains(draft.deleted, row["task"]) and not (why and _deleting(pod)):
        text = "" if why else deletion_of(draft, row)
        draft.before.append(EndPod(pod=row["pod"], uid=pod["metadata"]["uid"], ended_by=text))
    elif why and not _deleting(pod):
        # It was noted, but whoever wrote the note died before the deletion.
        draft.before.append(EndPod(pod=row["pod"], uid=pod["metadata"]["uid"], ended_by=""))
    elif started is None and not why:
        _cannot_start(draft, row, pod)
        if not host and bound_host(pod) in draft.facts.shut and not _deleting(pod):
            # The only host it may have is gone or closed; without the pod it is planned anew.  There is no
            # note: should it start all the same, it counts as any pod that somebody deletes.
            draft.before.append(EndPod(pod=row["pod"], uid=pod["metadata"]["uid"], ended_by=""))
    if host in draft.facts.lost_s:
        _lost(draft, row, pod, started, why)


def _cannot_start(draft: Draft, row: dict[str, Any], pod: K8sObject) -> None:
    """An image that is not to be had for minutes will not be had: Eqw, as for a missing interpreter."""
    waiting = (((pod.get("status") or {}).get("containerStatuses") or [{}])[0].get("state") or {}).get(
        "waiting"
    )
    if not waiting or waiting.get("reason") not in NO_IMAGE:
        return
    left_s = epoch(pod["metadata"].get("creationTimestamp") or "") + IMAGE_PATIENCE_S - draft.facts.now
    if left_s > 0:
        draft.look_again(left_s)
        return
    reason = pending_reason(pod) or str(waiting["reason"])
    text = {"kind": "error", "by": "", "at": draft.facts.now, "reason": reason}
    draft.before.append(
        EndPod(pod=row["pod"], uid=pod["metadata"]["uid"], ended_by=json.dumps(text, sort_keys=True))
    )


def _vanished(pod: K8sObject, *, continuous: bool) -> bool:
    """Whether the launcher itself was killed: it left no evidence, so nobody saw how the program ended.

    Where memory ran out a second run would only end likewise, but a continuous job is to run for ever.
    """
    statuses = pod.get("status", {}).get("containerStatuses") or [{}]
    end = (statuses[0].get("state") or {}).get("terminated") or {}
    killed = int(end.get("exitCode") or 0) > 128 and not end.get("message")
    return killed and (continuous or end.get("reason") != "OOMKilled")


def _deleting(pod: K8sObject) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _lost(
    draft: Draft, row: dict[str, Any], pod: K8sObject, started: float | None, why: dict[str, Any]
) -> None:
    """The node does not answer: wait for it, unless the job may be run elsewhere or must go."""
    node = pod["spec"]["nodeName"]
    silent_s = draft.facts.lost_s[node]
    gone = node in draft.facts.gone_nodes
    limit_s = float(draft.facts.settings.reschedule_unknown_s)
    if not limit_s and record.rerunnable(draft, row):
        limit_s = RESCHEDULE_S
    # A node that is gone has not stopped its containers; the pod must say Failed (it is declared dead).
    given_up = gone and pod.get("status", {}).get("phase") == "Failed"
    given_up = given_up or (bool(limit_s) and silent_s >= limit_s) or bool(why.get("force"))
    if not given_up:
        if limit_s:
            draft.look_again(limit_s - silent_s)
        return
    if started is None and row["state"] == "t":
        # Should its node come back, it must not start, nor must the next one if it already has.
        text = json.dumps({"kind": "lost", "by": "", "at": draft.facts.now}, sort_keys=True)
        if not _deleting(pod):
            draft.before.append(EndPod(pod=row["pod"], uid=pod["metadata"]["uid"], ended_by=text))
        record.never_ran(draft, row, unseen=node)
        return
    lost = Outcome(
        ran=True,
        start=started or float(row.get("startedAt") or 0),
        end=draft.facts.now,
        failed=100,
        reason="the host of the run is lost",
        lost=True,
        host=node,
    )
    record.over(draft, row, lost, why, uid=pod["metadata"]["uid"], force=True)

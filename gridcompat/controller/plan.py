"""One look at a GridJob: all steps in order, one status write.

Pure: the same objects, facts and clock give the same step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridcompat.controller.admit import admit, reject
from gridcompat.controller.draft import Draft
from gridcompat.controller.observe import observe
from gridcompat.controller.orders import obey
from gridcompat.translate import ranges
from gridcompat.translate.outcome import pending_reason
from gridcompat.translate.pod import is_void

if TYPE_CHECKING:
    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.actions import Step
    from gridcompat.controller.draft import Facts

LONGEST_SLEEP_S = 300.0
MOST_REASONS = 5
"""Of one job, of attempts that do not start."""
IN_ERROR, HELD = "Job is in error state", "Job is in hold state"
NOT_YET, DEPENDS = "execution time not reached", "job dropped because of job dependencies"
"""Source: sge_schedd(8) as `qstat -j` prints them; the first three were recorded."""


def plan(grid_job: K8sObject, facts: Facts, *, unreadable: str = "") -> Step:
    """Return what follows for a GridJob from its pods, its orders and the time.

    Args:
        unreadable: why its request cannot be understood; then nothing of it starts.
    """
    draft = Draft(grid_job, facts)
    if admit(draft):
        if unreadable or draft.fault:
            reject(draft, unreadable or draft.fault)
        obey(draft)
        observe(draft)
        _finish(draft)
        _explain(draft)
    return draft.step()


def _finish(draft: Draft) -> None:
    status = draft.status
    if draft.is_over():
        status["phase"] = "Finished"
        status["finishedAt"] = int(draft.facts.now)
    elif draft.again or draft.errors or draft.running or status.get("finished"):
        status["phase"] = "Active"


def held(draft: Draft) -> ranges.Ranges:
    """Return the tasks held by hand: by user, operator or system."""
    tasks: ranges.Ranges = ()
    for text in (draft.spec.get("holds") or {}).values():
        # A list that cannot be read holds everything: what somebody wanted held must not start.
        tasks = ranges.union(tasks, draft.of_job(text, otherwise=draft.all))
    return tasks


def ready(draft: Draft) -> tuple[list[tuple[ranges.Ranges, dict[str, Any]]], ranges.Ranges]:
    """Return what may start now: tasks put back, with their group in `status.again`, and new tasks."""
    facts = draft.facts
    if not draft.admitted or not draft.spec.get("ready") or facts.waits:
        return [], ()
    if (draft.spec.get("startTime") or 0) > facts.now:
        return [], ()
    kept = ranges.union(ranges.union(held(draft), facts.waits_by_task), draft.deleted)
    again = []
    for group in draft.again:
        tasks = ranges.minus(ranges.parse(group["tasks"]), kept)
        if tasks:
            again.append((tasks, group))
    return again, ranges.minus(draft.pending, kept)


def _explain(draft: Draft) -> None:
    """Why nothing of the job starts: `blocked`, and the scheduling info of `qstat -j`."""
    facts = draft.facts
    waiting = draft.waiting()
    by_task = bool(waiting) and not ranges.minus(waiting, facts.waits_by_task)
    draft.status["blocked"] = bool(waiting) and (facts.waits or by_task)
    start_s = (draft.spec.get("startTime") or 0) - facts.now
    if start_s > 0 and waiting:
        # Not only then: the clock may be set, and durations stand still while a machine sleeps.
        draft.look_again(min(start_s, LONGEST_SLEEP_S))
    reasons: list[str] = []
    if draft.errors:
        reasons.append(IN_ERROR)
    elif waiting and not ranges.minus(waiting, held(draft)):
        reasons.append(HELD)
    elif waiting and start_s > 0:
        reasons.append(NOT_YET)
    elif waiting and draft.status["blocked"]:
        reasons.append(DEPENDS)
    elif waiting:
        reasons.extend(facts.cannot_run)
    reasons.extend(_not_started(draft))
    draft.status["reasons"] = reasons


def _not_started(draft: Draft) -> list[str]:
    """Why attempts that were intended do not run yet: no node, no image, no volume, no pod at all."""
    facts = draft.facts
    if facts.look_again_s is not None:
        draft.look_again(facts.look_again_s)
    found: list[str] = []
    for row in draft.running:
        pod = facts.pods.get(row["pod"])
        if row["state"] != "t" or is_void(pod or {}):
            continue
        why = facts.refused if pod is None else pending_reason(pod) or facts.stuck.get(row["pod"]) or ""
        if why and why not in found and len(found) < MOST_REASONS:
            found.append(why)
    return found

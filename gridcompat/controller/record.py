"""What the end of a run means: its accounting record, its mail, and what becomes of the task.

The order is the protocol: mails into the spool, the record into the accounting file, then the status
write that marks the attempt, then the journal is cleared and the pod let go.
`tests/model/test_accounting_model.py` explores it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridcompat.controller.actions import Append, Confirm, LetGo, Post
from gridcompat.controller.entries import entry_of
from gridcompat.controller.happened import happening
from gridcompat.model import Outcome
from gridcompat.record import replace
from gridcompat.translate import ranges

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gridcompat.controller.draft import Draft

REQUEUE, APPLICATION_ERROR = 99, 100
"""Exit statuses with a meaning of their own. Source: qsub(1), -notify and -c; sge_shepherd(8)."""
RESCHEDULED, ERROR_RETURNED, AFTER_JOB = 25, 30, 100
"""accounting(5), `failed`."""
ASKED_FOR = (RESCHEDULED, ERROR_RETURNED)
"""What the program itself wants to become of it, also when it was warned of its end."""
EXIT_REASON = "exit_status of job start = {}"
FIRST_RETRY_S, LONGEST_RETRY_S = 1.0, 300.0
"""A kubelet that rejects a pod may reject the next one too."""


def rerunnable(draft: Draft, row: dict[str, Any]) -> bool:
    """Whether a run that its host lost may be started again: -r y, or a rerunnable queue without -r n."""
    request = draft.facts.request
    if request.continuous:
        return True
    if request.restart:
        return request.restart == "y"
    return any(queue.rerun for queue in draft.facts.settings.queues if queue.name == row.get("queue"))


def never_ran(draft: Draft, row: dict[str, Any], *, unseen: str = "") -> None:
    """An attempt is over that was not seen to start: no record, no mail, and its name stays taken.

    The pod is kept until the GridJob goes: a creation that is still under way somewhere must find
    the name taken.

    Args:
        unseen: the host on which it may have begun all the same: the launcher of the next attempt asks for
            its claim, and begins nothing if there is one.
    """
    draft.drop(row)
    if not ranges.contains(draft.deleted, row["task"]):
        more = [f"{row['attempt']}@{unseen}"] if unseen else []
        draft.wait_again(row, restarted=row.get("restarted") or 0, unseen=[*_unseen(row), *more])
        draft.hold_back_s = max(draft.hold_back_s, retry_delay_s(row["attempt"]))


def retry_delay_s(attempt: int) -> float:
    """Return how long a task waits whose last attempt did not even start."""
    return float(min(FIRST_RETRY_S * 2 ** min(attempt - 1, 20), LONGEST_RETRY_S))


def over(
    draft: Draft,
    row: dict[str, Any],
    end: Outcome,
    why: dict[str, Any],
    *,
    uid: str = "",
    force: bool = False,
) -> None:
    """Plan the records of an attempt that is over, and what becomes of its task.

    Args:
        why: the note that says that the controller ended it; {} if it ended by itself.
        uid: of the pod to be let go; "" if there is none.
        force: the pod's node does not answer.
    """
    end, left = _begun_earlier(row, end)
    if not end.ran and not end.failed:
        host = end.host or row.get("host") or ""
        doubtful = end.lost or end.elsewhere or host in draft.facts.lost_s
        never_ran(draft, row, unseen=host if doubtful else "")
        return
    deleted = ranges.contains(draft.deleted, row["task"])
    restarted = int(row.get("restarted") or 0)
    end, becomes, reason = _meaning(draft, row, end, why, deleted=deleted)
    if end.ran and row["state"] == "t":
        # Too short to be seen running.
        row.update(startedAt=int(end.start), host=end.host or row.get("host") or "")
        draft.before.append(Post(happening=happening(draft, row, "started", at=end.start)))
    killed_by = str(why.get("by") or "") if why.get("kind") == "delete" and end.ran else ""
    draft.before.append(
        Post(happening=happening(draft, row, "ended", at=end.end, outcome=end, killed_by=killed_by))
    )
    key = draft.key(row)
    draft.before.append(Append(key=key, entry=entry_of(draft, row, end)))
    draft.drop(row)
    if becomes == "again":
        draft.wait_again(row, restarted=restarted + (1 if end.ran else 0), unseen=left)
    elif becomes == "error":
        draft.fail(row, at=end.end or draft.facts.now, reason=reason, restarted=restarted)
    else:
        draft.status["exitStatus"] = end.exit_status
        draft.status["failed"] = int(draft.status.get("failed") or 0) + bool(end.exit_status or end.failed)
        draft.status["finished"] = int(draft.status.get("finished") or 0) + 1
    draft.after.append(Confirm(key=key))
    if uid:
        draft.after.append(LetGo(pod=row["pod"], uid=uid, force=force))


def _unseen(row: Mapping[str, Any]) -> list[str]:
    return list(row.get("unseen") or ())


def _begun_earlier(row: Mapping[str, Any], end: Outcome) -> tuple[Outcome, list[str]]:
    """Return what is to be recorded, and which attempts are still in doubt.

    If the launcher found that an unseen attempt had begun, it is that run which is over now: lost with its
    host.  Launchers are believed in this only of attempts that were in doubt.
    """
    unseen = _unseen(row)
    found = [one for one in unseen if not end.ran and one.partition("@")[0] == str(end.elsewhere)]
    if not found:
        return end, unseen
    lost = Outcome(
        ran=True,
        start=end.since or end.end,
        end=end.end,
        failed=AFTER_JOB,
        reason="the host of the run is lost",
        lost=True,
        host=found[0].partition("@")[2],
    )
    return lost, [one for one in unseen if one not in found]


def _meaning(
    draft: Draft, row: dict[str, Any], end: Outcome, why: dict[str, Any], *, deleted: bool
) -> tuple[Outcome, str, str]:
    """Return the outcome as it is recorded, what becomes of the task (`over`, `again`, `error`), and why."""
    if deleted:
        return end, "over", ""
    if not end.ran:
        return end, "error", end.reason
    rescheduled = why.get("kind") == "reschedule" and end.end >= float(why.get("at") or 0)
    if rescheduled or (end.lost and rerunnable(draft, row)):
        return replace(end, failed=RESCHEDULED), "again", ""
    if end.lost:
        return replace(end, failed=end.failed or AFTER_JOB), "over", ""
    plain = end.failed in (0, *ASKED_FOR) and not end.signal
    if plain and end.exit_status == REQUEUE:
        end = replace(end, failed=RESCHEDULED)
        most = draft.facts.settings.max_requeues
        if most and int(row.get("restarted") or 0) >= most:
            return end, "error", f"the job asked to be put back more than {most} times"
        return end, "again", ""
    if plain and end.exit_status == APPLICATION_ERROR:
        reason = EXIT_REASON.format(end.exit_status)
        return replace(end, failed=ERROR_RETURNED, reason=end.reason or reason), "error", end.reason or reason
    return end, "over", ""

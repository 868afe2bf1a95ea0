"""First step: who a new GridJob runs as, and which tasks wait. Void and never-ready jobs end here.

Identity comes from the GridAccount alone; nothing that a user wrote decides it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.controller.draft import gone
from gridcompat.translate import ranges

if TYPE_CHECKING:
    from gridcompat.controller.draft import Draft

NEVER_READY_S = 600.0
"""A submitter gives up after 60 s; one that has not made the job ready in ten minutes is dead."""
NO_ACCOUNT = "the namespace has no usable GridAccount"


def admit(draft: Draft) -> bool:
    """Fill in the status of a new job; return whether the other steps have something to plan."""
    status, facts = draft.status, draft.facts
    if status.get("phase") in ("Void", "Finished"):
        return False
    if draft.spec.get("void") or (gone(draft.job) and not draft.admitted):
        _void(draft)
        return False
    if not draft.spec.get("ready"):
        if facts.unready_s >= NEVER_READY_S:
            _void(draft)
        else:
            draft.look_again(NEVER_READY_S - facts.unready_s)
        return False
    if draft.admitted:
        return True
    if facts.account is None:
        status["reasons"] = [NO_ACCOUNT]
        return False
    status.update(
        owner=facts.account.owner,
        group=facts.account.group,
        uid=facts.account.uid,
        gid=facts.account.gid,
        phase="Pending",
        ordersDone=0,
        finished=0,
        failed=0,
    )
    draft.pending = draft.all
    return True


def _void(draft: Draft) -> None:
    draft.status["phase"] = "Void"
    draft.status["finishedAt"] = int(draft.facts.now)


def reject(draft: Draft, reason: str) -> None:
    """Put every task that waits into Eqw: the job itself cannot be understood, so nothing of it may start."""
    waiting = draft.waiting()
    if not waiting:
        return
    draft.pending, draft.again = (), []
    draft.errors.append(
        {
            "tasks": ranges.text(waiting),
            "attempt": 0,
            "restarted": 0,
            "at": int(draft.facts.now),
            "reason": reason[:4000],
        }
    )

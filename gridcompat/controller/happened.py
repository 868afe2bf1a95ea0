"""From what a plan saw to what the mail says happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridcompat.outbox import Happening
from gridcompat.translate.grid_job import job_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gridcompat.controller.draft import Draft
    from gridcompat.model import Outcome


def happening(
    draft: Draft,
    row: Mapping[str, Any],
    kind: str,
    *,
    at: float,
    outcome: Outcome | None = None,
    killed_by: str = "",
    order: int = 0,
) -> Happening:
    """Return the happening of a kind for the attempt of a row."""
    request = draft.facts.request
    status = draft.status
    host = (outcome.host if outcome else "") or row.get("host") or ""
    return Happening(
        kind=kind,
        job_id=job_id(draft.job),
        task=draft.mail_task(row["task"]),
        attempt=row["attempt"],
        at=at,
        job_name=draft.spec.get("jobName") or request.name,
        owner=status.get("owner") or "",
        queue=row.get("queue") or "",
        host=host,
        submit_host=request.submit.host,
        mail_options=request.mail_options,
        mail_list=request.mail_list,
        outcome=outcome,
        killed_by=killed_by,
        order=order,
        uid=status.get("uid") or 0,
        job_uid=draft.job["metadata"].get("uid") or "",
    )

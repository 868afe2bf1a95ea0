"""The end of a job that asks for mail, for tests of what is told and sent."""

from __future__ import annotations

from gridcompat.model import Outcome
from gridcompat.outbox import Happening

NOW = 1764000000.0
ENDED = Happening(
    kind="ended",
    job_id=1,
    task=None,
    attempt=1,
    at=NOW,
    job_name="job.sh",
    owner="me",
    queue="task",
    host="node1",
    submit_host="bastion",
    mail_options="e",
    outcome=Outcome(ran=True, start=NOW, end=NOW),
)

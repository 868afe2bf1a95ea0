"""What the tests of the use cases share: a clock of their own, submissions, and the controller's part."""

from __future__ import annotations

from typing import Any

from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, Cluster
from gridcompat.model import JobRequest, Submission
from gridcompat.service.means import Means
from gridcompat.service.orders import Caller
from gridcompat.settings import Settings
from gridcompat.translate import rows
from gridcompat.translate.account import seed

SETTINGS = Settings()
NAMESPACE = "default"
CALLER = Caller(user="tools.dem", host="bastion", now=1_700_000_000.5, namespace=NAMESPACE)


class FakeTime:
    """A monotonic clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def means(self, **more: Any) -> Means:
        return Means(monotonic=self.monotonic, sleep=self.sleep, **more)


def first_objects() -> list[dict[str, Any]]:
    return seed(SETTINGS, owner="tools.dem", uid=1000, gid=1000, group="dem", groups=[1000], home="/home/dem")


def submission(name: str = "job.sh", *, script: bytes | None = b"echo hi\n", **fields: Any) -> Submission:
    environment = fields.pop("environment", ())
    request = JobRequest(name=name, script_file=name, **fields)
    return Submission(request=request, script=script, environment=environment)


def account(cluster: Cluster) -> dict[str, Any]:
    return cluster.get(GRID_ACCOUNT, "account", namespace=NAMESPACE)


def job(cluster: Cluster, number: int) -> dict[str, Any]:
    return cluster.get(GRID_JOB, str(number), namespace=NAMESPACE)


def set_status(cluster: Cluster, number: int, **status: Any) -> None:
    """What the controller would write."""
    status["rows"] = rows.encode_rows(status)
    cluster.patch(GRID_JOB, str(number), {"status": status}, namespace=NAMESPACE, subresource="status")


def running(task: int = 1, state: str = "r", queue: str = "task", **more: Any) -> dict[str, Any]:
    return {"task": task, "attempt": 1, "state": state, "queue": queue, "host": "h1", "startedAt": 1, **more}

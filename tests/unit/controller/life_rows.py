"""Parts of a status, as tests of whole lives of jobs expect them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.controller_world import HOST, START

if TYPE_CHECKING:
    pass


def row(task: int = 1, **changes: Any) -> dict[str, Any]:
    """A row of status.running, as it is when nothing special happened."""
    number = changes.pop("number", 1000)
    array = changes.pop("array", False)
    attempt = changes.get("attempt", 1)
    pod = f"job{number}-{number}" + (f"-t{task}" if array else "") + f"-a{attempt}"
    return {
        "task": task,
        "attempt": 1,
        "restarted": 0,
        "state": "r",
        "pod": pod,
        "host": HOST,
        "queue": "task",
        "startedAt": int(START),
        "slots": 1,
        **changes,
    }


def status(**changes: Any) -> dict[str, Any]:
    """A whole status, as it is for an admitted job of which nothing is left."""
    return {
        "observedGeneration": 1,
        "owner": "alice",
        "group": "users",
        "uid": 2001,
        "gid": 2001,
        "phase": "Pending",
        "pending": "",
        "again": [],
        "errors": [],
        "running": [],
        "blocked": False,
        "reasons": [],
        "ordersDone": 0,
        "finished": 0,
        "failed": 0,
        "state": "qw",
        "rows": "",
        **changes,
    }

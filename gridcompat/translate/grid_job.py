"""From a Submission to the GridJob and the Secret, and back to what was asked for.

The request travels whole, as canonical JSON with a schema version, and is never recovered from
anything else.  Pure: ids and nonces are arguments.  Must not know switches, clocks or the cluster.
"""

from __future__ import annotations

from gridcompat import jsons as json
from gridcompat.cluster.base import GRID_JOB, SECRET
from gridcompat.errors import GridError
from gridcompat.model import SCHEMA_VERSION, JobRequest, SubmitContext
from gridcompat.record import as_dict
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Table
    from gridcompat.translate.ranges import Ranges

JOB_FINALIZER = "gridcompat.io/job"
SECRET_TYPE = "gridcompat.io/job"
JOB_LABEL = "gridcompat.io/job"
REQUEST_BYTES = 196_608
"""Of `spec.request`: an object of etcd holds 1.5 MiB, and 5,000 jobs are listed together."""
SECRET_BYTES = 1_048_576
"""Data of a Secret, as Kubernetes has it (core/v1, MaxSecretSize)."""
OVER = ("Finished", "Void")
"""Phases after which nothing of a job is still to come."""
PLAIN: Ranges = ((1, 1, 1),)
"""The tasks of a job that is no array."""


def is_over(grid_job: K8sObject) -> bool:
    """Return whether nothing of a job is still to come: finished, void."""
    return (grid_job.get("status") or {}).get("phase") in OVER


def unfinished(jobs: Table) -> int:
    """Return how many GridJobs of a listing are not over."""
    phase = list(jobs.columns).index("Phase")
    return sum(row[phase] not in OVER for row in jobs.rows)


def request_json(request: JobRequest) -> str:
    """Return the request as canonical JSON: what is not the default, sorted keys, no blanks, ASCII only.

    A field that says nothing is left out, so that a daemon of the version before reads all but the jobs
    that use what it cannot do.
    """
    fields = _said(request)
    if "submit" in fields:
        fields["submit"] = _said(request.submit)
    # ASCII, so that bytes that are not UTF-8 (lone surrogates in a str) pass an API server unharmed.
    return json.dumps(
        {"schema": request.schema, **fields}, ensure_ascii=True, sort_keys=True, separators=(",", ":")
    )


def _said(value: JobRequest | SubmitContext) -> dict[str, Any]:
    kind = value.__class__
    return {name: field for name, field in as_dict(value).items() if field != getattr(kind, name)}


_NUMBERS = frozenset(
    ("schema", "start_time", "deadline", "priority", "max_running_tasks", "job_share", "changed")
)
_OPTIONAL = frozenset(("start_time", "deadline", "cwd", "tasks"))
MOST = 9_999_999
"""Of spec.slots and spec.maxRunning; more is as good as this."""
_INTS = frozenset(("predecessors", "array_predecessors"))
_PAIRS = frozenset(
    (
        "context",
        "stdin_paths",
        "stdout_paths",
        "stderr_paths",
        "shell_paths",
        "hard_resources",
        "soft_resources",
    )
)


def read_request(text: str) -> JobRequest:
    """Return the request that `request_json` wrote.

    Raises:
        GridError: written by a newer gridcompat, or not a request at all.
    """
    try:
        fields = json.loads(text)
        schema = fields["schema"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise GridError("the request of the job cannot be read") from None
    if not isinstance(schema, int) or schema > SCHEMA_VERSION:
        raise GridError(
            f"the job was submitted by a newer gridcompat "
            f"(request schema {schema!r}, this one reads {SCHEMA_VERSION})"
        )
    unknown = ", ".join(sorted(name for name in fields if not hasattr(JobRequest, name)))
    if unknown:
        raise GridError(
            f"the job was submitted by a newer gridcompat (this one does not know {unknown[:100]})"
        )
    try:
        return JobRequest(**{name: _value(name, value) for name, value in fields.items()})
    except (TypeError, ValueError) as error:
        raise GridError(f"the request of the job cannot be read: {error}") from None


def _value(name: str, value: Any) -> Any:
    """One field with lists made tuples, checked so that no later code meets a wrong type."""
    if name == "submit":
        return SubmitContext(
            **{key: _typed(key, text, str) for key, text in _typed(name, value, dict).items()}
        )
    if value is None and name in _OPTIONAL:
        return None
    if name in _NUMBERS:
        return _typed(name, value, int)
    if name == "tasks":
        return _triple(name, value)
    default = getattr(JobRequest, name, "")
    if not isinstance(default, tuple):
        return _typed(name, value, str if default is None else type(default))
    items = _typed(name, value, list)
    if name == "slot_ranges":
        return tuple(_triple(name, item) for item in items)
    if name in _PAIRS:
        return tuple(_pair(name, item) for item in items)
    return tuple(_typed(name, item, int if name in _INTS else str) for item in items)


def _typed(name: str, value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(f"{name}: {value!r}")
    return value


def _pair(name: str, value: Any) -> tuple[str, str]:
    first, second = _typed(name, value, list)
    return _typed(name, first, str), _typed(name, second, str)


def _triple(name: str, value: Any) -> tuple[int, int, int]:
    first, last, step = (_typed(name, number, int) for number in _typed(name, value, list))
    if not 0 <= first <= last or step < 1:
        raise ValueError(f"{name}: {value!r}")
    return first, last, step


def grid_job(
    request: JobRequest,
    *,
    id: int,  # noqa: A002  (the object's own word)
    nonce: str,
    namespace: str,
    ready: bool,
    void: bool = False,
    slots: int = 1,
) -> K8sObject:
    """Return the GridJob of a submission, as it is created.

    Args:
        ready: False while a Secret is still to come.
        void: only takes the id; the request is kept for the reader, nothing ever runs.
        slots: of -pe, chosen by the caller.
    """
    spec: dict[str, Any] = {
        "id": id,
        "nonce": nonce,
        "once": request.once,
        "void": void,
        "ready": ready,
        "jobName": request.name,
        "request": request_json(request),
        "slots": min(slots, MOST),
        "priority": request.priority,
        "maxRunning": min(request.max_running_tasks, MOST),
        "predecessors": list(request.predecessors),
        "arrayPredecessors": list(request.array_predecessors),
    }
    if request.tasks is not None:
        spec["tasks"] = tasks_text(ranges.normal(*request.tasks))
    if request.start_time is not None:
        spec["startTime"] = request.start_time
    if request.user_hold:
        spec["holds"] = {"user": spec.get("tasks", "1")}
    return {
        "apiVersion": GRID_JOB.api_version,
        "kind": GRID_JOB.kind,
        "metadata": {"name": str(id), "namespace": namespace, "finalizers": [JOB_FINALIZER]},
        "spec": spec,
    }


def tasks_text(tasks: tuple[int, int, int]) -> str:
    """Return `spec.tasks` of an array, always written out: `5-5:1`."""
    first, last, step = tasks
    return f"{first}-{last}:{step}"


def secret(grid_job: K8sObject, script: bytes | None, environment: tuple[tuple[str, str], ...]) -> K8sObject:
    """Return the Secret that belongs to a created GridJob (its uid must be known).

    `environment` becomes sh text, one `set -- "$@" 'NAME=value'` a line, so that the launcher can
    take any name and any byte; a NUL cannot be in either.
    """
    from binascii import b2a_base64

    meta = grid_job["metadata"]
    data = {}
    if script is not None:
        data["script"] = b2a_base64(script, newline=False).decode()
    if environment:
        lines = environment_text(environment)
        data["environment"] = b2a_base64(lines, newline=False).decode()
    return {
        "apiVersion": SECRET.api_version,
        "kind": SECRET.kind,
        "metadata": {
            "name": secret_name(grid_job),
            "namespace": meta["namespace"],
            "labels": {JOB_LABEL: meta["name"]},
            "ownerReferences": [
                {
                    "apiVersion": GRID_JOB.api_version,
                    "kind": GRID_JOB.kind,
                    "name": meta["name"],
                    "uid": meta["uid"],
                }
            ],
        },
        "type": SECRET_TYPE,
        "data": data,
    }


def environment_text(environment: tuple[tuple[str, str], ...]) -> bytes:
    """Return the sh text that appends each NAME=value to the positional parameters."""
    return "".join(f"{_SET}{_quoted(f'{name}={value}')}\n" for name, value in environment).encode(
        "utf-8", "surrogateescape"
    )


def secret_content(data: dict[str, str]) -> tuple[bytes | None, tuple[tuple[str, str], ...]]:
    """Return the script (None without one) and the variables of a Secret that `secret` made.

    Raises:
        GridError: somebody else made it.
    """
    from binascii import a2b_base64

    try:
        script = a2b_base64(data["script"]) if "script" in data else None
        text = a2b_base64(data.get("environment", "")).decode("utf-8", "surrogateescape")
        found = []
        at = 0
        while at < len(text):
            if not text.startswith(_SET, at):
                raise ValueError("not a line of variables")
            word, at = _word(text, at + len(_SET))
            name, _, value = word.partition("=")
            found.append((name, value))
    except (ValueError, IndexError) as error:
        raise GridError(f"the script and variables of the job cannot be read: {error}") from error
    return script, tuple(found)


_SET = 'set -- "$@" '


def _word(text: str, at: int) -> tuple[str, int]:
    """The word that `_quoted` wrote at a place, and the place after its newline."""
    parts = []
    while text[at] == "'":
        end = text.index("'", at + 1)
        parts.append(text[at + 1 : end])
        at = end + 1
        if text.startswith('"\'"', at):
            parts.append("'")
            at += 3
    if text[at] != "\n":
        raise ValueError("not a quoted word")
    return "".join(parts), at + 1


def _quoted(word: str) -> str:
    """One sh word; always in quotes (`shlex` would import `re`)."""
    return "'" + word.replace("'", "'\"'\"'") + "'"


def secret_name(grid_job: K8sObject) -> str:
    """Return the name of the Secret of a GridJob."""
    return f"gridjob-{grid_job['metadata']['name']}"


def job_id(obj: K8sObject) -> int:
    """Return the id of a GridJob: its name is the number."""
    return int(obj["metadata"]["name"])


def all_tasks(grid_job: K8sObject) -> str:
    """Return the task range list that names the whole job."""
    return str(grid_job["spec"].get("tasks", "1"))


def is_array(grid_job: K8sObject) -> bool:
    """Return whether the job was submitted with -t."""
    return bool(grid_job["spec"].get("tasks"))


def task_ranges(grid_job: K8sObject) -> Ranges:
    """Return all tasks of the job; a plain job has the one task 1.

    Raises:
        GridError: what somebody wrote there is no array.
    """
    tasks = ranges.parse(grid_job["spec"].get("tasks") or "") or PLAIN
    if ranges.count(tasks) > ranges.MOST_TASKS:
        raise GridError(f"an array has at most {ranges.MOST_TASKS} tasks")
    return tasks

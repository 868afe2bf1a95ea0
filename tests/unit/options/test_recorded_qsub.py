"""What a real qsub of Son of Grid Engine 8.1.9 did with a thousand command lines, scripts and request files.

`recorded_qsub.json` was taken from a grid set up like the reference site, with every job held: words,
status, both streams, and the lines of `qstat -j` that show what was understood.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest
from surroundings import HOME, context

from gridcompat.errors import Refused, UsageError
from gridcompat.options import build
from gridcompat.options.context import Parsed, WarnedRefusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.model import HostPath, JobRequest, TaskRange

with open(os.path.join(os.path.dirname(__file__), "recorded_qsub.json"), encoding="utf-8") as _file:
    CASES: list[dict[str, Any]] = json.load(_file)


@pytest.fixture(autouse=True, scope="module")
def universal_time() -> Any:
    """The recordings were made in UTC, dates without a zone are local."""
    patch = pytest.MonkeyPatch()
    patch.setenv("TZ", "UTC")
    time.tzset()
    yield
    patch.undo()
    time.tzset()


def _files(case: dict[str, Any]) -> dict[str, bytes | None]:
    files: dict[str, bytes | None] = {"job.sh": b"#!/bin/sh\necho hi\n", "sub": None, ".": None}
    for path, text in case.get("files", {}).items():
        files[path.replace("~", HOME)] = text.encode("utf-8", "surrogateescape")
    return files


def _run(case: dict[str, Any]) -> tuple[int, str, str, Parsed | None]:
    """Do with a parsed line what the command does, but for submitting."""
    surroundings = context(_files(case), stdin=case.get("stdin", "").encode())
    try:
        parsed = build.qsub(case["argv"], context=surroundings)
    except Refused as refused:
        warnings = refused.warnings if isinstance(refused, WarnedRefusal) else ()
        out = "".join(f"{line}\n" for line in warnings)
        return 1, out, f"Unable to run job: {refused.message}\nExiting.\n", None
    except UsageError as error:
        return error.exit_status, "", f"{error.message}\n", None
    out = "".join(f"{line}\n" for line in parsed.warnings)
    request = parsed.submission.request
    tasks = "" if request.tasks is None else "-array"
    number = "N" if request.tasks is None else f"N.{_range(request.tasks)}"
    if parsed.help:
        return 0, "HELP\n", "", None
    if parsed.verify:
        return 0, "VERIFY\n", "", None
    if parsed.w in ("v", "p"):
        if not parsed.unsuitable:
            return 0, out + "verification: found suitable queue(s)\n", "", None
        reasons = "".join(f"Job N {line}\n" for line in parsed.unsuitable.split("\n"))
        return 1, out, f"Unable to run job: {reasons}verification: no suitable queues\nExiting.\n", None
    message = (
        number
        if parsed.terse
        else f'Your job{tasks} {"N" if not tasks else number} ("{request.name}") has been submitted'
    )
    return 0, f"{out}{message}\n", "", parsed


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case["argv"])[:60])
def test_the_parser_answers_as_the_real_qsub(case: dict[str, Any]) -> None:
    status, out, err, parsed = _run(case)
    assert (status, out, err) == (case["status"], case["stdout"], case["stderr"])
    if parsed is not None and "shown" in case:
        assert _shown(parsed) == case["shown"]


def _range(tasks: TaskRange) -> str:
    return f"{tasks[0]}-{tasks[1]}:{tasks[2]}"


def _shown(parsed: Parsed) -> dict[str, str]:
    """Return the lines of `qstat -j` that a request accounts for."""
    request = parsed.submission.request
    values = dict(parsed.submission.environment)
    values = {"TERM": values.pop("TERM", ""), **values}
    shown = {
        "account": request.account,
        "cwd": request.cwd or "",
        "stderr_path_list": _paths(request.stderr_paths),
        "reserve": "y" if request.reserve else "",
        "merge": "y" if request.merge else "",
        "hard resource_list": _pairs(request.hard_resources),
        "soft resource_list": _pairs(request.soft_resources),
        "mail_options": request.mail_options,
        "mail_list": ",".join(_address(address) for address in request.mail_list) or "opttest@vm",
        "notify": "TRUE" if request.notify else "FALSE",
        "job_name": request.name,
        "stdout_path_list": _paths(request.stdout_paths),
        "stdin_path_list": _paths(request.stdin_paths),
        "priority": str(request.priority) if request.priority else "",
        "jobshare": str(request.job_share),
        "hard_queue_list": ",".join(request.hard_queues),
        "soft_queue_list": ",".join(request.soft_queues),
        "master hard queue_list": ",".join(request.master_queues),
        "restart": request.restart,
        "shell_list": ",".join(f"{host or 'NONE'}:{path or 'NONE'}" for host, path in request.shell_paths),
        "env_list": ",".join(f"{name}={value or 'NONE'}" for name, value in values.items()),
        "job_args": ",".join(request.arguments),
        "script_file": request.script_file,
        "parallel environment": _slots(request),
        "jid_predecessor_list (req)": ",".join(request.predecessors_requested),
        "context": ",".join(f"{name}={value or 'NONE'}" for name, value in request.context),
        "job-array tasks": "" if request.tasks is None else _range(request.tasks),
        "maximum concurrency": str(request.max_running_tasks or ""),
        "binding": request.binding or "NONE",
        "job_type": _type(request),
        "execution_time": _time(request.start_time),
    }
    return {key: value for key, value in shown.items() if value}


def _paths(paths: tuple[HostPath, ...]) -> str:
    # qstat shows the first only
    return f"{paths[0][0] or 'NONE'}:NONE:{paths[0][1]}" if paths else ""


def _pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    return ",".join(f"{name}={value}" for name, value in pairs)


def _address(address: str) -> str:
    return address if "@" in address else f"{address}@NONE"


def _slots(request: JobRequest) -> str:
    if not request.parallel_environment:
        return ""
    parts = [str(first) if first == last else f"{first}-{last}" for first, last, _ in request.slot_ranges]
    return f"{request.parallel_environment} range: {','.join(parts)}"


def _type(request: JobRequest) -> str:
    words = [word for word, there in (("binary", request.binary), ("noshell", not request.shell)) if there]
    return ",".join(words) or "NONE"


def _time(seconds: int | None) -> str:
    return "" if seconds is None or seconds <= 0 else time.ctime(seconds)

"""Where the output of a task goes: the paths that the launcher works out when it opens the files.

The same rules in the same order as `launcher.sh: entry, expand, output`; a test holds the two together.
From the pod where there is one, for it was made from the request as that was when the task started.  Pure:
whether a path is a directory is asked of the caller.
"""

from __future__ import annotations

from gridcompat.record import record
from gridcompat.translate import octets
from gridcompat.translate.grid_job import is_array, job_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gridcompat.cluster.base import K8sObject
    from gridcompat.model import HostPath, JobRequest

UNKNOWN_HOST = "$HOSTNAME"
"""Stands in a path for the host of a task that has none yet."""


@record
class Streams:
    """What decides the paths."""

    id: int
    name: str
    task: int
    array: bool
    user: str
    home: str
    cwd: str
    host: str = ""
    """"" while nobody knows."""
    stdout: tuple[HostPath, ...] = ()
    stderr: tuple[HostPath, ...] = ()
    merge: bool = False


def of_request(
    grid_job: K8sObject, request: JobRequest, task: int, *, user: str, home: str, host: str = ""
) -> Streams:
    """Return what decides the paths of a task, by what was asked for."""
    return Streams(
        id=job_id(grid_job),
        name=request.name,
        task=task,
        array=is_array(grid_job),
        user=user,
        home=home or "/",
        cwd=request.cwd or home or "/",
        host=host,
        stdout=tuple(entry for entry in request.stdout_paths if entry[1]),
        stderr=tuple(entry for entry in request.stderr_paths if entry[1]),
        merge=request.merge,
    )


def of_pod(pod: K8sObject, *, host: str = "") -> Streams | None:
    """Return what decides the paths of the attempt that a pod is; None if it is no such pod."""
    values = _variables(pod)
    try:
        number, task = int(values["GC_JOB_ID"]), int(values["GC_TASK"])
    except (KeyError, ValueError):
        return None
    home = values.get("GC_HOME") or "/"
    return Streams(
        id=number,
        name=values.get("GC_JOB_NAME", ""),
        task=task,
        array="GC_TASK_FIRST" in values,
        user=values.get("GC_USER", ""),
        home=home,
        cwd=values.get("GC_CWD") or home,
        host=str((pod.get("spec") or {}).get("nodeName") or host),
        stdout=_entries(values, "STDOUT"),
        stderr=_entries(values, "STDERR"),
        merge=values.get("GC_MERGE") == "y",
    )


def _variables(pod: K8sObject) -> dict[str, str]:
    containers = (pod.get("spec") or {}).get("containers") or [{}]
    found = {
        str(one["name"]): str(one["value"]).replace("$$", "$")
        for one in containers[0].get("env") or ()
        if one.get("value") is not None
    }
    for name in found.get(octets.ENCODED, "").split():
        if name in found:
            found[name] = _decoded(found[name])
    return found


def _decoded(text: str) -> str:
    """The word of which `octets.encoded` made this."""
    parts, at = [], 0
    while at < len(text):
        if text.startswith("\\\\", at):
            parts.append("\\")
            at += 2
        elif text.startswith("\\0", at) and text[at + 2 : at + 5].isdecimal():
            parts.append(chr(0xDC00 + int(text[at + 2 : at + 5], 8)))
            at += 5
        else:
            parts.append(text[at])
            at += 1
    return "".join(parts)


def _entries(values: Mapping[str, str], kind: str) -> tuple[HostPath, ...]:
    found = []
    number = 0
    while path := values.get(f"GC_{kind}_PATH_{number}"):
        found.append((values.get(f"GC_{kind}_HOST_{number}", ""), path))
        number += 1
    return tuple(found)


def files(streams: Streams, is_directory: Callable[[str], bool]) -> tuple[str, str]:
    """Return the absolute paths of standard output and standard error, the same twice with -j y."""
    out = _file(streams, streams.stdout, "o", is_directory)
    return out, out if streams.merge else _file(streams, streams.stderr, "e", is_directory)


def host_matters(streams: Streams) -> bool:
    """Return whether the paths depend on the host that the task runs on, and that is not known."""
    entries = streams.stdout if streams.merge else (*streams.stdout, *streams.stderr)
    return not streams.host and any(host or UNKNOWN_HOST in path for host, path in entries)


def _file(
    streams: Streams, entries: Sequence[HostPath], letter: str, is_directory: Callable[[str], bool]
) -> str:
    cwd = streams.cwd if streams.cwd.startswith("/") else f"/{streams.cwd}"
    typed = _entry(entries, streams.host)
    path = cwd
    if typed:
        path = _expanded(typed, streams)
        if not path.startswith("/"):
            path = f"{cwd.rstrip('/')}/{path}"
        if not is_directory(path):
            return path
    of_task = f".{streams.task}" if streams.array else ""
    return f"{path.rstrip('/')}/{streams.name}.{letter}{streams.id}{of_task}"


def _entry(entries: Sequence[HostPath], host: str) -> str:
    """The path for this host: the first that names it, else the first for all hosts, else none."""
    short = host.partition(".")[0]
    for named, path in entries:
        if named and host and (named == host or named.partition(".")[0] == short):
            return path
    return next((path for named, path in entries if not named), "")


def _expanded(path: str, streams: Streams) -> str:
    """The path with pseudo variables replaced once, as prefixes of what follows the `$`."""
    parts: list[str] = []
    if path == "~" or path.startswith("~/"):
        parts.append(streams.home)
        path = path[1:]
    values = (
        ("HOSTNAME", streams.host or UNKNOWN_HOST),
        ("HOME", streams.home),
        ("USER", streams.user),
        ("JOB_ID", str(streams.id)),
        ("JOB_NAME", streams.name),
        ("TASK_ID", str(streams.task) if streams.array else "0"),
    )
    before, *rest = path.split("$")
    parts.append(before)
    for text in rest:
        name, value = next(((name, value) for name, value in values if text.startswith(name)), ("", "$"))
        parts += (value, text[len(name) :])
    return "".join(parts)

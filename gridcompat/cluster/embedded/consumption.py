"""What the processes of pods on this machine use at the moment, from /proc.

Asked for when somebody looks; nothing is written down. Must not know jobs, or how it is shown.
"""

from __future__ import annotations

import os
import posixpath
from typing import TYPE_CHECKING, NamedTuple

from gridcompat.cluster.embedded.container import cookies
from gridcompat.cluster.embedded.paths import PODS
from gridcompat.cluster.embedded.processes import COOKIE

if TYPE_CHECKING:
    from collections.abc import Iterable


class Consumption(NamedTuple):
    """Of all processes of a pod together."""

    cpu_s: float
    """User and system time, with that of children that have ended."""
    io: int
    """Bytes read and written."""
    vmem: int
    """Address space in bytes, without the launcher's own."""
    peak: int
    """The most of it that each had, added up."""


def measure(state: str, uids: Iterable[str]) -> dict[str, Consumption]:
    """Return what the pods with these uids use; one without a process of the caller's is left out.

    Args:
        state: state directory of the cluster.
    """
    found = {}
    for uid, members in _members(state, uids).items():
        parts = [one for pid, own in members if (one := _of_process(pid, own=own)) is not None]
        if parts:
            found[uid] = Consumption(
                cpu_s=sum(one.cpu_s for one in parts),
                io=sum(one.io for one in parts),
                vmem=sum(one.vmem for one in parts),
                peak=sum(one.peak for one in parts),
            )
    return found


def _members(state: str, uids: Iterable[str]) -> dict[str, list[tuple[int, bool]]]:
    """The processes of each pod, those with its cookies; and whether they are the launcher's own."""
    wanted = {cookie: uid for uid in uids for cookie in cookies(posixpath.join(state, PODS, uid), uid)}
    names = tuple({cookie.partition(b"=")[0] + b"=" for cookie in wanted})
    found: dict[str, list[tuple[int, bool]]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        for entry in _read(f"/proc/{name}/environ").split(b"\0"):
            if entry.startswith(names) and entry in wanted:
                own = entry.startswith(COOKIE.encode())
                found.setdefault(wanted[entry], []).append((int(name), own))
                break
    return found


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # gone meanwhile, or somebody else's


def _of_process(pid: int, *, own: bool) -> Consumption | None:
    """What one process uses.

    Args:
        own: it is the launcher's, so only the time of its children counts.
    """
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    if len(fields) < 21:
        return None
    # Source: proc(5), /proc/PID/stat: utime, stime, cutime, cstime are fields 14 to 17, vsize is 23.
    ticks = [int(field) for field in fields[11:15]]
    cpu_s = sum(ticks[2:] if own else ticks) / os.sysconf("SC_CLK_TCK")
    if own:
        return Consumption(cpu_s=cpu_s, io=0, vmem=0, peak=0)
    vmem = int(fields[20])
    peak = _labelled(f"/proc/{pid}/status", b"VmPeak") * 1024
    io = _labelled(f"/proc/{pid}/io", b"rchar") + _labelled(f"/proc/{pid}/io", b"wchar")
    return Consumption(cpu_s=cpu_s, io=io, vmem=vmem, peak=max(peak, vmem))


def _labelled(path: str, label: bytes) -> int:
    """The number on the line `LABEL: N`, 0 if there is none."""
    for line in _read(path).splitlines():
        name, _, value = line.partition(b":")
        if name == label:
            number = value.split()[0] if value.split() else b""
            return int(number) if number.isdigit() else 0
    return 0

"""What `gridcompat top` shows: the load that jobs are, added up by owner, queue or job, as text and as JSON.

Pure: objects, settings, sizes and the time come in, lines go out.  Names and reasons are other people's
bytes and are made safe here.  Must not know clusters, terminals or clocks.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gridcompat.cli._terminal import Paint, cells, cut, pad, safe
from gridcompat.errors import GridError
from gridcompat.output.hosts import size
from gridcompat.record import record
from gridcompat.timestamps import epoch
from gridcompat.translate import ranges
from gridcompat.translate.grid_job import job_id, read_request
from gridcompat.translate.limits import memory_to_reserve
from gridcompat.translate.pod import MEMORY_REQUEST
from gridcompat.translate.rows import rows
from gridcompat.units import memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gridcompat.cluster.base import K8sObject
    from gridcompat.model import JobRequest
    from gridcompat.settings import Settings
    from gridcompat.translate.rows import Row

COUNTS = ("running", "waiting", "held", "error", "slots", "cpu", "mem", "h_vmem")
"""What is added up, in the order of the columns."""
OWNER, QUEUE, JOB = "owner", "queue", "job"
KEYS = {
    OWNER: ("owner", *COUNTS, "oldest"),
    QUEUE: ("queue", "used", "total", "running"),
    JOB: ("job", "owner", "name", *COUNTS, "oldest"),
}
"""What each table can be sorted by."""
_WORDS = ("owner", "queue", "name")
"""Keys that are sorted from a to z; numbers begin with the largest, `oldest` with what waits longest."""
NEVER_SEEN = "the daemon has not looked at it yet"


class Load:
    """What one job, or several together, take and wait for."""

    __slots__ = (
        *COUNTS,
        "job",
        "name",
        "oldest",
        "oldest_job",
        "owner",
        "queues",
        "reason",
    )

    running: int
    """Tasks with a run, suspended ones included."""
    waiting: int
    """Tasks that wait for room, a predecessor or a time."""
    held: int
    error: int
    slots: int
    """Of the runs, as are the next three."""
    cpu: int
    """Millicores requested."""
    mem: int
    """Bytes requested."""
    h_vmem: int
    """Bytes of address space asked for."""
    oldest: int
    """Epoch seconds since which the first that waits has waited; 0 if nothing does."""
    queues: dict[str, tuple[int, int]]
    """Name -> (tasks, slots) of the runs."""

    def __init__(self, *, job: int = 0, name: str = "", owner: str = "") -> None:
        self.job, self.name, self.owner = job, name, owner
        self.running = self.waiting = self.held = self.error = 0
        self.slots = self.cpu = self.mem = self.h_vmem = 0
        self.oldest = self.oldest_job = 0
        self.reason = ""
        self.queues = {}

    def add(self, other: Load) -> None:
        """Add another job's load."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.oldest and (not self.oldest or (other.oldest, other.job) < (self.oldest, self.oldest_job)):
            self.oldest, self.oldest_job, self.reason = other.oldest, other.oldest_job, other.reason
        for name, (tasks, slots) in other.queues.items():
            had = self.queues.get(name, (0, 0))
            self.queues[name] = (had[0] + tasks, had[1] + slots)


def load(job: K8sObject, settings: Settings, *, owner: str = "") -> Load | None:
    """Return what a job takes and waits for; None when it is over.

    Args:
        owner: of a job that the controller has not admitted yet.
    """
    found = rows(job)
    if not found:
        return None
    asked = _asked(job)
    first = found[0]
    one = Load(job=job_id(job), name=first.name, owner=first.owner or owner)
    for row in found:
        if row.queue:
            _count_run(one, row, asked, settings)
            continue
        tasks = ranges.count(row.task_ranges())
        kind = "error" if "E" in row.state else "held" if row.held else "waiting"
        setattr(one, kind, getattr(one, kind) + tasks)
    if one.waiting or one.error:
        # What is only held waits for its owner.
        one.oldest, one.oldest_job = first.submitted, one.job
    if one.waiting or one.held or one.error:
        one.reason = _reason(job, one)
    return one


def _asked(job: K8sObject) -> JobRequest | None:
    try:
        return read_request(job["spec"].get("request") or "")
    except GridError:
        return None


def _count_run(one: Load, row: Row, asked: JobRequest | None, settings: Settings) -> None:
    one.running += 1
    one.slots += row.slots
    one.cpu += settings.cpu_per_slot_m * row.slots
    if asked is not None:
        each = memory_bytes(dict(asked.hard_resources).get("h_vmem") or settings.h_vmem_default) or 0
        one.h_vmem += each * row.slots
        one.mem += memory_to_reserve(asked, row.slots) or MEMORY_REQUEST
    queue = row.queue.partition("@")[0]
    tasks, slots = one.queues.get(queue, (0, 0))
    one.queues[queue] = (tasks + 1, slots + row.slots)


def _reason(job: K8sObject, one: Load) -> str:
    """Why it waits, in the words of qstat -j, or of the error."""
    status = job.get("status") or {}
    if one.error:
        said = [str(group.get("reason") or "") for group in status.get("errors") or ()]
        if any(said):
            return next(filter(None, said))
    said = [str(line) for line in status.get("reasons") or ()]
    if said:
        return said[0]
    return "" if status else NEVER_SEEN


# ---------------------------------------------------------------- added up


@record
class Slots:
    """A queue of the site."""

    queue: str
    used: int
    total: int | None
    """None where nobody knows: the hosts cannot be read, or the settings have no such queue."""
    running: int


def by_owner(loads: Iterable[Load]) -> list[Load]:
    """Return the load of each owner."""
    found: dict[str, Load] = {}
    for one in loads:
        found.setdefault(one.owner, Load(owner=one.owner)).add(one)
    return list(found.values())


def together(loads: Iterable[Load]) -> Load:
    """Return everybody's load."""
    whole = Load()
    for one in loads:
        whole.add(one)
    return whole


def by_queue(whole: Load, settings: Settings, *, hosts: int | None) -> list[Slots]:
    """Return the queues of the settings in their order, then those in which something runs all the same.

    Args:
        hosts: number of hosts that may run something; None if that is not known.
    """
    known = {queue.name: queue.slots for queue in settings.queues}
    names = [*known, *sorted(name for name in whole.queues if name not in known)]
    found = []
    for name in names:
        tasks, slots = whole.queues.get(name, (0, 0))
        total = None if hosts is None or name not in known else known[name] * hosts
        found.append(Slots(queue=name, used=slots, total=total, running=tasks))
    return found


def in_order(items: Sequence[Any], key: str) -> list[Any]:
    """Return loads or slots sorted by a key of `KEYS`."""
    if key in _WORDS:
        return sorted(items, key=lambda one: getattr(one, key))
    if key == "oldest":
        return sorted(items, key=lambda one: (one.oldest or float("inf"), one.oldest_job))
    if key == "job":
        return sorted(items, key=lambda one: one.job)
    return sorted(items, key=lambda one: -(getattr(one, key) or 0))


# ---------------------------------------------------------------- as text


@record
class View:
    """Everything that is shown."""

    now: float
    loads: tuple[Load, ...]
    queues: tuple[Slots, ...]
    daemon: str
    """A line about the daemon."""
    sort: str = ""
    """A key of the table; "" is the table's own order."""
    by: str = ""
    """`owner`, `queue` or `job`; "" is queues, then owners."""


def text(view: View, *, paint: Paint, width: int | None = None) -> list[str]:
    """Return the lines, cut to a width."""
    whole = together(view.loads)
    owners = by_owner(view.loads)
    found = [_sum(whole, len(view.loads), len(owners), view.now), safe(view.daemon)]
    tables = {
        QUEUE: lambda: _queues(in_order(view.queues, view.sort) if view.by and view.sort else view.queues),
        OWNER: lambda: _loads(in_order(owners, view.sort or "slots"), view, OWNER),
        JOB: lambda: _loads(in_order(view.loads, view.sort or "job"), view, JOB),
    }
    styles = [""] * len(found)
    for name in (view.by,) if view.by else (QUEUE, OWNER):
        lines, colours = tables[name]()
        found += ["", *lines]
        styles += ["", *colours]
    return [
        paint(line if width is None else cut(line, width), style)
        for line, style in zip(found, styles, strict=True)
    ]


def fitted(view: View, *, width: int, height: int, paint: Paint, note: str = "") -> list[str]:
    """Return the lines that a terminal has room for; what has none is counted."""
    lines = text(view, paint=paint, width=width)
    if note:
        lines[1] = paint(cut(safe(note), width), "yellow")
    if len(lines) > height:
        lines = [*lines[: max(0, height - 1)], paint(f"and {len(lines) - height + 1} more lines", "dim")]
    return lines[:height]


def _sum(whole: Load, jobs: int, owners: int, now: float) -> str:
    moment = time.strftime("%H:%M:%S", time.localtime(now))
    counts = ", ".join(f"{getattr(whole, name)} {name}" for name in COUNTS[:4])
    return (
        f"{moment}  {jobs} job{'s' * (jobs != 1)} of {owners} owner{'s' * (owners != 1)}; "
        f"tasks: {counts}; {whole.slots} slot{'s' * (whole.slots != 1)}"
    )


def _queues(queues: Sequence[Slots]) -> tuple[list[str], list[str]]:
    width = max([5, *(cells(safe(one.queue)) for one in queues)])
    lines = [f"{'queue':<{width}} {'used':>7} {'total':>7} {'running':>7}"]
    styles = ["bold"]
    for one in queues:
        total = "-" if one.total is None else str(one.total)
        lines.append(f"{pad(safe(one.queue), width)} {one.used:>7} {total:>7} {one.running:>7}")
        styles.append("red" if one.total is not None and one.used >= one.total else "")
    return lines, styles


def _loads(loads: Sequence[Load], view: View, of: str) -> tuple[list[str], list[str]]:
    owner = min(20, max([5, *(cells(safe(one.owner)) for one in loads)]))
    first = f"{'owner':<{owner}}" if of == OWNER else f"{'job-ID':>7} {'name':<16} {'owner':<{owner}}"
    head = (
        f"{first} {'running':>7} {'waiting':>7} {'held':>6} {'error':>6} {'slots':>6} {'cpu':>7} "
        f"{'mem':>7} {'h_vmem':>7}  oldest"
    )
    lines, styles = [head], ["bold"]
    for one in loads:
        who = pad(safe(one.owner), owner)
        if of == JOB:
            who = f"{one.job:>7} {pad(safe(one.name), 16)} {who}"
        lines.append(
            f"{who} {one.running:>7} {one.waiting:>7} {one.held:>6} {one.error:>6} {one.slots:>6} "
            f"{one.cpu / 1000:>7.2f} {size(one.mem):>7} {size(one.h_vmem):>7}  {_oldest(one, view.now, of)}"
        )
        styles.append("red" if one.error else "" if one.running else "dim")
    return lines, styles


def _oldest(one: Load, now: float, of: str) -> str:
    if not one.oldest:
        return safe(one.reason)
    which = "" if of == JOB else f" {one.oldest_job}"
    return f"{age(now - one.oldest)}{which} {safe(one.reason)}".rstrip()


def age(seconds: float) -> str:
    """Return how long something lasted: `12s`, `5m`, `3h`, `4d`."""
    left = max(0, int(seconds))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if left >= length:
            return f"{left // length}{unit}"
    return f"{left}s"


# ---------------------------------------------------------------- as JSON


def as_json(view: View, daemon: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is shown as plain values; seconds, bytes and millicores."""
    found: dict[str, Any] = {
        "version": 1,
        "at": int(view.now),
        "daemon": dict(daemon),
        "total": {"jobs": len(view.loads), **_numbers(together(view.loads))},
    }
    if view.by in ("", QUEUE):
        chosen = in_order(view.queues, view.sort) if view.by and view.sort else view.queues
        found["queues"] = [
            {name: getattr(one, name) for name in ("queue", "used", "total", "running")} for one in chosen
        ]
    if view.by in ("", OWNER):
        loads = in_order(by_owner(view.loads), view.sort or "slots")
        found["owners"] = [{"owner": one.owner, **_numbers(one), "oldest": _first(one)} for one in loads]
    if view.by == JOB:
        found["jobs"] = [
            {"id": one.job, "name": one.name, "owner": one.owner, **_numbers(one), **_since(one)}
            for one in in_order(view.loads, view.sort or "job")
        ]
    return found


def _numbers(one: Load) -> dict[str, int]:
    return {name: getattr(one, name) for name in COUNTS}


def _since(one: Load) -> dict[str, Any]:
    """Since when a job waits, None if nothing of it does but for its owner, and why."""
    return {"since": one.oldest or None, "reason": one.reason}


def _first(one: Load) -> dict[str, Any] | None:
    """What has waited longest, None if nothing waits."""
    return {"id": one.oldest_job, "since": one.oldest, "reason": one.reason} if one.oldest else None


def heartbeat(lease: K8sObject, now: float) -> dict[str, Any]:
    """Return who leads, as the Lease has it: `leader`, `version`, and seconds since the last heartbeat."""
    from gridcompat.replica.election import VERSION_NOTE

    spec = lease.get("spec") or {}
    renewed = epoch(str(spec.get("renewTime") or ""))
    return {
        "leader": str(spec.get("holderIdentity") or "").rpartition("_")[0] or None,
        "heartbeat_s": max(0, int(now - renewed)) if renewed > 0 else None,
        "version": (lease["metadata"].get("annotations") or {}).get(VERSION_NOTE),
    }

"""What -l and the queue say about limits, as plain numbers.

Units stop here: seconds and bytes, for all slots of the job where the grid multiplies.  Must not know
pods; `translate.pod` says what becomes of them.
"""

from __future__ import annotations

from gridcompat.units import is_infinity, memory_bytes, time_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.cluster.base import K8sObject
    from gridcompat.model import JobRequest
    from gridcompat.settings import Queue

TIMES = ("h_rt", "s_rt", "h_cpu", "s_cpu")
SIZES = frozenset(
    f"{kind}_{name}" for kind in "hs" for name in ("vmem", "fsize", "stack", "core", "data", "rss")
)
PER_SLOT = frozenset(f"{kind}_{name}" for kind in "hs" for name in ("vmem", "cpu", "stack", "data"))
"""The grid multiplies these by the slots of a parallel job. Source: queue_conf(5), and tried."""
RESERVED = ("mem_free", "virtual_free")
"""What a host must have free; `h_rss` is a limit of the job."""


def slots_of(grid_job: K8sObject) -> int:
    """Return the slots of each task, at least 1."""
    return max(1, int(grid_job["spec"].get("slots") or 1))


def limits(request: JobRequest, queue: Queue, slots: int) -> dict[str, int]:
    """Return the limits in force by upper-case name, in seconds or bytes; what has no limit is absent.

    The lower one of the request and the queue counts. `MEM_FREE` is what to reserve, if anything.
    """
    found: dict[str, int] = {}
    for source in (queue.limits, request.hard_resources):
        # The last value of a resource counts.
        for name, value in dict(source).items():
            number = _number(name, value)
            if number is None or number < 0:
                continue
            if name in PER_SLOT:
                number *= slots
            found[name.upper()] = min(number, found.get(name.upper(), number))
    reserved = memory_to_reserve(request, slots)
    if reserved is not None:
        found["MEM_FREE"] = reserved
    return found


def memory_to_reserve(request: JobRequest, slots: int) -> int | None:
    """Return the bytes that -l mem_free or virtual_free wants of the host; None without either."""
    wanted = {name: value for name, value in request.hard_resources if name in RESERVED}
    numbers = [number for name, value in wanted.items() if (number := _memory(value)) is not None]
    return max(numbers) * slots if numbers else None


def _number(name: str, value: str) -> int | None:
    if is_infinity(value):
        return None
    if name in TIMES:
        return time_seconds(value)
    return memory_bytes(value) if name in SIZES else None


def _memory(value: str) -> int | None:
    return None if is_infinity(value) else memory_bytes(value)

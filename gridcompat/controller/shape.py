"""What a run needs of a host, as far as the grid counts or compares it.

Jobs of one shape fit or do not fit together, which is what keeps dispatch cheap.  Which host and queue
fit is decided by the same expressions that `qsub -w v` uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.controller.permits import BOUNDS, permits
from gridcompat.errors import GridError
from gridcompat.options import match
from gridcompat.record import record
from gridcompat.settings.supply import Supply
from gridcompat.translate.limits import memory_to_reserve
from gridcompat.units import memory_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from gridcompat.model import JobRequest, Resource
    from gridcompat.settings import Queue, Settings
    from gridcompat.settings.supply import Want

MOST_ASKED = 4096
"""Letters with which a job may ask for queues and hosts: every host is compared with them."""
COMPARED = ("hostname", "qname", "release", "arch")
"""Resources of hosts and queues that are compared and not counted."""


@record
class Shape:
    """What every task of a job needs. Equal shapes compare equal and hash alike."""

    namespace: str
    queues: tuple[str, ...]
    """-q as typed; empty: the site's default queue."""
    preferred: tuple[str, ...]
    """-soft -q as typed."""
    compared: tuple[Resource, ...]
    """Requests of -l for what is compared."""
    slots: int
    h_vmem: int
    """Bytes on the host, for all slots together; 0 is not counted."""
    memory: int
    """Bytes that the host must have at all; what is free is the scheduler's to know."""
    request: str
    """The -l list as the scheduling info shows it."""
    environment: str = ""
    """Name or pattern of -pe."""
    project: str = ""
    user: str = ""
    """Owner; "" where the site's settings have no lists of users."""
    group: str = ""
    bounds: tuple[Resource, ...] = ()
    """Requests of -l that a queue's own limits bound."""
    wants: tuple[Want, ...] = ()
    """Of the complexes that the site gives out: what it asks for, and consumes without asking."""


def shape_of(
    request: JobRequest,
    settings: Settings,
    *,
    namespace: str,
    slots: int,
    owner: tuple[str, str] = ("", ""),
    supply: Supply | None = None,
) -> Shape:
    """Return the shape of a job's tasks.

    Args:
        owner: name and group of whose job it is.
        supply: what the site gives out, if that was made out before.

    Raises:
        GridError: no amounts, or more than anybody would type.
    """
    asked = dict(request.hard_resources)
    places = (*request.hard_queues, *request.soft_queues, *(asked.get(name, "") for name in COMPARED))
    if sum(len(place) + 1 for place in places) > MOST_ASKED:
        raise GridError(f"asks for queues and hosts in more than {MOST_ASKED} letters")
    each = memory_bytes(asked.get("h_vmem") or settings.h_vmem_default) or 0
    shown = ",".join(f"{name}={value}" for name, value in request.hard_resources)
    return Shape(
        namespace=namespace,
        queues=request.hard_queues,
        preferred=request.soft_queues,
        compared=tuple((name, asked[name]) for name in COMPARED if name in asked),
        slots=slots,
        h_vmem=each * slots,
        memory=memory_to_reserve(request, slots) or 0,
        request=shown or f"h_vmem={settings.h_vmem_default}",
        environment=request.parallel_environment,
        project=request.project,
        user=owner[0] if knows_users(settings) else "",
        group=owner[1] if knows_users(settings) else "",
        bounds=tuple((name, value) for name, value in request.hard_resources if name in BOUNDS),
        wants=(supply or Supply(settings)).wants(request.hard_resources, slots),
    )


def knows_users(settings: Settings) -> bool:
    """Return whether it matters whose a job is."""
    return bool(settings.user_lists or settings.resource_quotas)


def queues_on(
    shape: Shape, host: str, settings: Settings, takes: Callable[[Queue], bool] = lambda _: True
) -> tuple[str, ...]:
    """Return the queues that a job of this shape may run in on a host, the preferred ones first.

    Args:
        takes: whether a queue that lets the job in may take it now.
    """
    if misfit(shape, host, settings):
        return ()
    open_to = {
        queue.name for queue in settings.queues if permits(queue, shape, host, settings) and takes(queue)
    }
    wanted = shape.queues or (settings.default_queue,)
    if not shape.queues and settings.default_queue not in open_to:
        # The grid takes any queue; the site's default is only the first choice.
        wanted = tuple(queue.name for queue in sorted(settings.queues, key=lambda queue: queue.seq_no))
    found = _expanded(wanted, host, settings)
    soft = _expanded(shape.preferred, host, settings)
    if shape.queues:
        soft = tuple(queue for queue in soft if queue in found)
    qname = dict(shape.compared).get("qname")
    return tuple(
        queue
        for queue in dict.fromkeys((*soft, *found))
        if queue in open_to and (qname is None or match.expression(queue, qname))
    )


def asked_for(shape: Shape, host: str, settings: Settings) -> tuple[str, ...]:
    """Return the queues that a job may mean on a host: those of -q, without it any."""
    if not shape.queues:
        return tuple(queue.name for queue in settings.queues)
    return _expanded(shape.queues, host, settings)


def _expanded(entries: tuple[str, ...], host: str, settings: Settings) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(queue for entry in entries for queue in match.queues(entry, settings, (host,)))
    )


def misfit(shape: Shape, host: str, settings: Settings) -> str:
    """Return what a host offers in place of what is asked for, as `hf:release=buster`; "" if it will do."""
    for name, value in shape.compared:
        if name == "hostname" and not match.expression(host.lower(), value.lower()):
            return f"qf:hostname={host}"
        if name == "release" and not any(match.expression(known, value) for known in settings.releases):
            return f"hf:release={settings.releases[0] if settings.releases else 'NONE'}"
        if name == "arch" and not match.expression(settings.arch, value):
            return f"hl:arch={settings.arch}"
    return ""

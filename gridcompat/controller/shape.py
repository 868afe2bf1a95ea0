"""What a run needs of a host, as far as the grid counts it: a queue's slots and the host's h_vmem.

Jobs of one shape fit or do not fit together, which is what keeps dispatch cheap.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from gridcompat.record import record
from gridcompat.units import memory_bytes

if TYPE_CHECKING:
    from gridcompat.model import JobRequest
    from gridcompat.settings import Settings


@record
class Place:
    """A cluster queue, on one host or on any."""

    queue: str
    host: str = ""
    """Pattern; "" is any."""


@record
class Shape:
    """What every task of a job needs. Equal shapes compare equal and hash alike."""

    namespace: str
    places: tuple[Place, ...]
    """In the order in which they are tried; empty: no queue of the site fits."""
    slots: int
    h_vmem: int
    """Bytes on the host, for all slots together; 0 is not counted."""
    request: str
    """The -l list as the scheduling info shows it; "" when h_vmem was not asked for."""


def shape_of(request: JobRequest, settings: Settings, *, namespace: str, slots: int) -> Shape:
    """Return the shape of a job's tasks.

    Raises:
        GridError: its h_vmem is no memory value.
    """
    asked = next((value for name, value in reversed(request.hard_resources) if name == "h_vmem"), None)
    each = memory_bytes(asked or settings.h_vmem_default) or 0
    shown = ",".join(f"{name}={value}" for name, value in request.hard_resources)
    return Shape(
        namespace=namespace,
        places=places(request, settings),
        slots=slots,
        h_vmem=each * slots,
        request=shown or f"h_vmem={settings.h_vmem_default}",
    )


def places(request: JobRequest, settings: Settings) -> tuple[Place, ...]:
    """Return the queues a job may run in: those of -q, the default queue without; soft ones first."""
    hard = _expand(request.hard_queues, settings)
    if not request.hard_queues:
        hard = (Place(queue=settings.default_queue),)
    soft = [place for place in _expand(request.soft_queues, settings) if not request.hard_queues]
    preferred = [place for place in hard if any(place.queue == wish.queue for wish in soft)]
    return tuple(dict.fromkeys([*preferred, *soft, *hard]))


def _expand(words: tuple[str, ...], settings: Settings) -> tuple[Place, ...]:
    """Read `task`, `ta*`, `task@host`, `*@@allhosts` against the site's queues."""
    found = []
    for word in words:
        pattern, _, host = word.partition("@")
        if host.startswith("@"):
            host = ""  # every host group of an embedded or Kubernetes site holds every host
        found += [
            Place(queue=queue.name, host=host)
            for queue in settings.queues
            if fnmatchcase(queue.name, pattern)
        ]
    return tuple(dict.fromkeys(found))

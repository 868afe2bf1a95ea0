"""Whether a queue takes jobs of a shape at all: its hosts, environments, lists, projects and limits.

What is free in it is for `controller.capacity`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.options.terms import let_into_environment
from gridcompat.patterns import matches
from gridcompat.settings import places
from gridcompat.units import is_infinity, memory_bytes, time_seconds

if TYPE_CHECKING:
    from gridcompat.controller.shape import Shape
    from gridcompat.settings import Queue, Settings

BOUNDS = frozenset(
    f"{kind}_{name}"
    for kind in "sh"
    for name in ("rt", "cpu", "fsize", "data", "stack", "core", "rss", "vmem")
)
"""Limits that both requests and queues have."""


def permits(queue: Queue, shape: Shape, host: str, settings: Settings) -> bool:
    """Return whether a queue on a host takes jobs of this shape.

    Source: queue_conf(5), hostlist, pe_list, user_lists, xuser_lists, projects, xprojects, h_rt;
    sge_pe(5), user_lists, xuser_lists.
    """
    if not places.has_queue(queue, host, settings):
        return False
    queue = places.on_host(queue, host, settings)
    if shape.environment and queue.pe_list:
        names = places.environments_of(queue, settings)
        if not any(matches(shape.environment, name) for name in names):
            return False
    if shape.environment and not let_into_environment(shape, settings):
        return False
    if queue.projects and shape.project not in queue.projects:
        return False
    if shape.project and shape.project in queue.xprojects:
        return False
    # Who has no account is in no list.
    if (queue.user_lists or queue.xuser_lists) and not places.lets_in(
        queue.user_lists, queue.xuser_lists, shape.user, (shape.group,), settings
    ):
        return False
    limits = dict(queue.limits)
    return not any(name in limits and _above(name, value, limits[name]) for name, value in shape.bounds)


def _above(name: str, value: str, limit: str) -> bool:
    read = time_seconds if name.endswith(("_rt", "_cpu")) else memory_bytes
    most = read(limit)
    if is_infinity(limit) or most is None:
        return False
    return is_infinity(value) or (read(value) or 0) > most

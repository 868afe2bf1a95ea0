"""Whether a queue takes jobs of a shape at all: its hosts, environments, lists, projects and limits.

What is free in it is for `controller.capacity`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.options.terms import environment_of, let_into_environment
from gridcompat.output.messages import submit
from gridcompat.patterns import matches
from gridcompat.settings import places
from gridcompat.units import is_infinity, memory_bytes, time_seconds

if TYPE_CHECKING:
    from gridcompat.controller.shape import Shape
    from gridcompat.settings import Queue, Settings
    from gridcompat.settings.site import ExecHost

BOUNDS = frozenset(
    f"{kind}_{name}"
    for kind in "sh"
    for name in ("rt", "cpu", "fsize", "data", "stack", "core", "rss", "vmem")
)
"""Limits that both requests and queues have."""


def permits(queue: Queue, shape: Shape, host: str, settings: Settings) -> bool:
    """Return whether a queue on a host takes jobs of this shape.

    Source: queue_conf(5), hostlist, pe_list, user_lists, xuser_lists, projects, xprojects, h_rt;
    sge_pe(5), user_lists, xuser_lists; host_conf(5), user_lists, xuser_lists, projects, xprojects.
    """
    if not places.has_queue(queue, host, settings) or refusal_of_host(shape, host, settings):
        return False
    if shape.environment and not let_into_environment(shape, settings):
        return False
    return not refusal(places.on_host(queue, host, settings), shape, host, settings)


def refusal_of_host(shape: Shape, host: str, settings: Settings) -> str:
    """Return why the lists of a host, or of all hosts, do not let a job in; "" if they do."""
    for name in (places.GLOBAL, host) if settings.hosts else ():
        own = places.host(name, settings)
        if own is not None and (why := _lists(own, shape, f'host "{name}"', settings)):
            return why
    return ""


def refusal(queue: Queue, shape: Shape, host: str, settings: Settings) -> str:
    """Return why a queue does not let a job in; "" if it does.

    Args:
        queue: as it is on the host.
    """
    if shape.environment and queue.pe_list:
        names = places.environments_of(queue, settings)
        if not any(matches(shape.environment, name) for name in names):
            return submit.NOT_IN_PE_LIST % (queue.name, environment_of(shape, settings))
    if why := _lists(queue, shape, f'cluster queue "{queue.name}"', settings):
        return why
    limits = dict(queue.limits)
    for name, value in shape.bounds:
        if name in limits and _above(name, value, limits[name]):
            offer = f"qf:{name}={limits[name]}"
            return submit.QUEUE_OFFERS_ONLY % (shape.request, f"{queue.name}@{host}", offer)
    return ""


def _lists(place: Queue | ExecHost, shape: Shape, name: str, settings: Settings) -> str:
    """Why the projects and user lists of a queue or host do not let a job in; "" if they do."""
    if (place.projects and shape.project not in place.projects) or (
        shape.project and shape.project in place.xprojects
    ):
        return submit.WRONG_PROJECT_FOR % (
            f"project {shape.project}" if shape.project else "no project",
            name,
        )
    # Who has no account is in no list.
    if (place.user_lists or place.xuser_lists) and not places.lets_in(
        place.user_lists, place.xuser_lists, shape.user, (shape.group,), settings
    ):
        return submit.NO_PERMISSION_FOR % name
    return ""


def _above(name: str, value: str, limit: str) -> bool:
    read = time_seconds if name.endswith(("_rt", "_cpu")) else memory_bytes
    most = read(limit)
    if is_infinity(limit) or most is None:
        return False
    return is_infinity(value) or (read(value) or 0) > most

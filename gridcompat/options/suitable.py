"""Whether any queue could ever run a request, on an empty grid: -w e, w, v and p.

A look at queues, hosts and consumables of the settings; only -w p takes other jobs into account.
Must not know clusters: which queue runs a job is decided by the controller.
"""

from __future__ import annotations

from gridcompat import units
from gridcompat.options import checks, match
from gridcompat.options.terms import GLOBALLY, IN_ENVIRONMENT, Asked, Terms
from gridcompat.output.messages import submit
from gridcompat.patterns import matches
from gridcompat.settings import calendars, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gridcompat.model import JobRequest
    from gridcompat.options.context import Context
    from gridcompat.settings import Queue, Settings

UNKNOWN = " requests unknown resource "
"""The grid does not say that of parallel jobs."""


def reasons(request: JobRequest, *, context: Context, as_it_is: bool = False) -> list[str]:
    """Return why no queue could run the job, in the grid's words, one reason each; empty if one could.

    `Job N ` stands before each when they are printed.

    Args:
        as_it_is: what is taken and closed now counts, too.
    """
    settings = context.settings
    hosts = checks.hosts_of(context)
    closed = {queue.name: _closed(queue, request, context, hosts) for queue in settings.queues}
    lines = [why % name for name, why in sorted(closed.items()) if why]
    queues = [queue for queue in settings.queues if not closed[queue.name]]
    blocked = _host_reasons(request, context) or _queue_reasons(request, context, [q.name for q in queues])
    if refused := checks.no_environment_access(request, context):
        return [submit.NO_PE_ACCESS % refused, submit.PE_OFFERS_ONLY % (refused, 0)]
    short, offered = ([], 0) if blocked else _shortages(request, context, queues, as_it_is)
    if short and request.parallel_environment:
        name = (checks.environments(request.parallel_environment, settings) or ("",))[0]
        return [*lines, *filter(None, short), submit.PE_OFFERS_ONLY % (name, offered)]
    blocked = blocked or short
    if request.parallel_environment:
        wanted = min(first for first, _, _ in request.slot_ranges)
        if blocked or not _enough_slots(wanted, request, settings, [queue.slots for queue in queues]):
            name = (checks.environments(request.parallel_environment, settings) or ("",))[0]
            return [*lines, submit.PE_OFFERS_ONLY % (name, 0)]
        return []
    if not queues:
        return lines
    return [*lines, *blocked] if blocked else []


def _closed(queue: Queue, request: JobRequest, context: Context, hosts: Collection[str]) -> str:
    """Return why a queue is none for the job whatever it has, "" if it may be one."""
    if request.hard_queues and not _asked(queue.name, request, context.settings, hosts):
        return submit.NOT_IN_QUEUE_LIST
    if not checks.may_use_queue(queue, context):
        return submit.NO_PERMISSION
    outside = bool(queue.projects) and request.project not in queue.projects
    return submit.WRONG_PROJECT if outside or (request.project in queue.xprojects) else ""


def _asked(queue: str, request: JobRequest, settings: Settings, hosts: Collection[str]) -> bool:
    return any(queue in match.queues(entry, settings, hosts) for entry in request.hard_queues)


def _listed(request: JobRequest) -> str:
    return ",".join(f"{name}={value}" for name, value in request.hard_resources)


def _host_reasons(request: JobRequest, context: Context) -> list[str]:
    """What the hosts do not offer: consumables and fixed values."""
    settings = context.settings
    slots = min((first for first, _, _ in request.slot_ranges), default=1)
    asked = dict(request.hard_resources)
    offer = ""
    for name, value in request.hard_resources:
        if name == "h_vmem":
            wanted = (units.memory_bytes(value) or 0) * slots
            if wanted > (units.memory_bytes(settings.h_vmem_capacity) or 0):
                offer = f"hc:h_vmem={_shown(settings.h_vmem_capacity)}"
        elif name == "release" and not any(match.expression(known, value) for known in settings.releases):
            offer = f"hf:release={settings.releases[0] if settings.releases else 'NONE'}"
        elif name == "arch" and not match.expression(settings.arch, value):
            offer = f"hl:arch={settings.arch}"
        if offer:
            break
    if not asked or not offer:
        return []
    return [submit.OFFERS_ONLY % (_listed(request), host, offer) for host in checks.hosts_of(context)]


def _queue_reasons(request: JobRequest, context: Context, queues: list[str]) -> list[str]:
    """What the queues do not offer: their name, their host, their limits."""
    hosts = checks.hosts_of(context)
    limits = {queue.name: dict(queue.limits) for queue in context.settings.queues}
    lines: list[str] = []
    for queue in sorted(queues):
        for host in hosts:
            offer = _queue_offer(request, queue, host, limits[queue])
            if not offer:
                return []
            lines.append(submit.QUEUE_OFFERS_ONLY % (_listed(request), f"{queue}@{host}", offer))
    return lines


def _shortages(
    request: JobRequest, context: Context, queues: list[Queue], as_it_is: bool
) -> tuple[list[str], int]:
    """What is not there even for the only job, and the slots for which there would be enough."""
    settings = context.settings
    terms = Terms(settings)
    slots = min((first for first, _, _ in request.slot_ranges), default=1)
    asked = Asked(
        wants=terms.supply.wants(request.hard_resources, slots),
        request=_listed(request),
        slots=slots,
        environment=request.parallel_environment,
        project=request.project,
        user=context.user,
    )
    if not (terms.supply.known or settings.resource_quotas or settings.calendar_details):
        return [], 0
    taken = context.taken() if as_it_is else {}
    found: dict[str, None] = {}
    offered: list[int] = []
    for host in checks.hosts_of(context):
        for queue in queues:
            if not places.has_queue(queue, host, settings):
                continue
            here = places.on_host(queue, host, settings)
            if as_it_is and calendars.closed(here.calendar, settings, context.now):
                found[submit.NOT_AVAILABLE % f"{here.name}@{host}"] = None
                continue
            if not _has_environment(here, request, settings):
                found[""] = None
                continue
            why, enough_for = _shortage(terms, asked, here, host, taken)
            if why is None:
                return [], 0
            found[why] = None
            offered.append(enough_for)
    if found and request.parallel_environment:
        return [line for line in found if UNKNOWN not in line] or [""], max(offered, default=0)
    globally = [line for line in found if " cannot run globally " in line]
    return globally[:1] or list(found), max(offered, default=0)


def _has_environment(queue: Queue, request: JobRequest, settings: Settings) -> bool:
    """Say whether a queue has the parallel environment asked for, if one is."""
    wanted = request.parallel_environment
    names = places.environments_of(queue, settings) if wanted else ()
    return not wanted or any(matches(wanted, name) for name in names)


def _shortage(
    terms: Terms, asked: Asked, queue: Queue, host: str, taken: Mapping[tuple[str, ...], float]
) -> tuple[str | None, int]:
    """Why a queue on a host has not enough for the only job, and for how many slots it has.

    None if it has enough, "" if the grid says no more than that of a parallel job.
    """
    if why := terms.misfit(asked, queue, host):
        return why, 0
    for term in terms.of(asked, queue, host, {}):
        free = term.limit - taken.get(term.key, 0.0)
        if free < term.amount and term.key[0] != IN_ENVIRONMENT:
            known = terms.supply.known.get(term.name)
            each = term.amount / asked.slots
            by_slot = term.key[0] == GLOBALLY and known is not None and not known.per_job
            return terms.shortage(asked, term, free), int(free // each) if by_slot else 0
    return None, 0


def _queue_offer(request: JobRequest, queue: str, host: str, limits: dict[str, str]) -> str:
    """Return what a queue instance offers in place of what is asked for, "" if it will do."""
    for name, value in request.hard_resources:
        if name == "qname" and not match.expression(queue, value):
            return f"qf:qname={queue}"
        if name == "hostname" and not match.expression(host.lower(), value.lower()):
            return f"qf:hostname={host}"
        limit = limits.get(name)
        if limit is not None and not units.is_infinity(limit) and _more(name, value, limit):
            return f"qf:{name}={limit}"
    return ""


def _more(name: str, value: str, limit: str) -> bool:
    """Say whether a requested limit is above the queue's own."""
    read = units.time_seconds if name.endswith(("_rt", "_cpu")) else units.memory_bytes
    most = read(limit)
    return most is not None and (units.is_infinity(value) or (read(value) or 0) > most)


def _enough_slots(wanted: int, request: JobRequest, settings: Settings, queues: list[int]) -> bool:
    fitting = checks.environments(request.parallel_environment, settings)
    most = max((pe.slots for pe in settings.parallel_environments if pe.name in fitting), default=0)
    # slots of several queues on one host are as good as those of one
    return wanted <= min(most, sum(queues))


def _shown(memory: str) -> str:
    """Return a capacity as the grid shows it: three decimals and a binary suffix."""
    size = float(units.memory_bytes(memory) or 0)
    for suffix in ("", "K", "M", "G"):
        if size < 1024:
            return f"{size:.3f}{suffix}"
        size /= 1024
    return f"{size:.3f}T"

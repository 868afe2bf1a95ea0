"""qstat where queues matter: -f, -F, -g, -q, -l, -pe, -U, -urg, and lists of jobs as XML.

Must not know how a line is laid out.
"""

from __future__ import annotations

from gridcompat.commands import _hosts, _listing, _qstat_rows, _requests
from gridcompat.errors import UsageError
from gridcompat.output import qstat as text
from gridcompat.output import qstat_xml, queues
from gridcompat.output.hosts import instance_offers
from gridcompat.record import replace
from gridcompat.settings import places
from gridcompat.states import FINISHED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from gridcompat.commands._listing import Given
    from gridcompat.commands._qstat_rows import States
    from gridcompat.commands._requests import Limits as _Limits
    from gridcompat.commands.context import Context
    from gridcompat.output.hosts import Instance, Offer
    from gridcompat.settings import Queue, Settings
    from gridcompat.translate.rows import Row

    _Free: TypeAlias = Callable[[str], int]

QUEUE_SWITCHES = ("-q", "-l", "-pe", "-U")
"""Those that choose queue instances."""


def run(context: Context, given: Given, *, states: States, grouping: str) -> int:
    """Run such a qstat and return its exit status."""
    active = _listing.Listed(context)
    everybody = active.of(_listing.Users(own=True, patterns=("*",)))
    every = _hosts.instances(context, _hosts.hosts(context, (row for row in everybody if row.queue)))
    chosen = choose(context, given, every)
    if chosen is None:
        return 1
    if "c" in grouping:
        return _summary(context, given, chosen)
    if not chosen and not given.has("-qs"):
        return 0
    view = replace(_qstat_rows.view(given, grouping), defaults=True)
    rows = _rows(context, given, _qstat_rows.selected(context, given, states, active), grouping, chosen)
    if view.full:
        return _full(context, given, rows, chosen, view=view)
    return _qstat_rows.show(context, given, rows, view=view)


def choose(context: Context, given: Given, every: Sequence[Instance]) -> list[Instance] | None:
    """Return the queue instances asked for; None if -q or -l ask for something that does not exist.

    Raises:
        UsageError: no such parallel environment.
    """
    settings = context.settings
    environments = given.words("-pe")
    if environments and not any(_hosts.has_environment(name, settings) for name in environments):
        raise UsageError("error: no such parallel environment", exit_status=1)
    words = given.words("-q")
    chosen = [
        instance
        for instance in every
        if not words or any(_hosts.names_queue(word, instance, settings) for word in words)
    ]
    if words and not chosen:
        return None
    try:
        resources = _listing.resources(context, given.words("-l"))
    except UsageError:
        return None  # the grid's qstat says nothing here
    if given.has("-qs"):
        letters = frozenset(given.last("-qs") or "")
        chosen = [one for one in chosen if not letters.isdisjoint(one.state)]
    people = given.words("-U")
    if people:
        chosen = [one for one in chosen if any(_may_use(one.queue, user, settings) for user in people)]
    if environments:
        wanted = frozenset(environments)
        chosen = [one for one in chosen if not wanted.isdisjoint(places.environments_of(one.queue, settings))]
    return [one for one in chosen if _hosts.satisfies(instance_offers(one, settings), resources, settings)]


def _may_use(queue: Queue, user: str, settings: Settings) -> bool:
    """Whether the lists of a queue, and of its projects, let somebody in; groups are not looked up."""
    if not places.lets_in(queue.user_lists, queue.xuser_lists, user, (), settings):
        return False
    return not queue.projects or any(
        places.may_use_project(name, user, (), settings) for name in queue.projects
    )


def _rows(
    context: Context, given: Given, rows: list[Row], grouping: str, chosen: Sequence[Instance]
) -> list[Row]:
    """The rows to show: running by queue, then pending ones that might run in one of the queues."""
    names = [instance.name for instance in chosen]
    if given.has("-qs"):
        rows = [row for row in rows if not row.queue]
    elif given.has(*QUEUE_SWITCHES):
        rows = [row for row in rows if not row.queue or row.queue in names]
        rows = _that_might_run(context, rows, chosen)
    if "d" in grouping:
        rows = [task for row in rows for task in _qstat_rows.apart(row)]
    rows = text.ordered(rows, context.now)
    place = {name: position for position, name in enumerate(names)}
    last = len(place)
    rows.sort(key=lambda row: place.get(row.queue, last) if row.queue else last + 1)
    return rows


def _that_might_run(context: Context, rows: Sequence[Row], chosen: Sequence[Instance]) -> list[Row]:
    """Leave out pending jobs that ask for other queues, or for more than these have."""
    settings = context.settings
    offered = [(instance, instance_offers(instance, settings)) for instance in chosen]
    answers: dict[_Limits, bool] = {}
    limits = _requests.limits(context, (row.job_id for row in rows if not row.queue))

    def fits(number: int) -> bool:
        wanted = limits.get(number)
        if wanted is None:
            return True
        if wanted not in answers:
            queues, resources = wanted
            answers[wanted] = any(
                (not queues or any(_hosts.names_queue(word, instance, settings) for word in queues))
                and _hosts.satisfies(offers, resources, settings)
                for instance, offers in offered
            )
        return answers[wanted]

    return [row for row in rows if row.queue or fits(row.job_id)]


# ---------------------------------------------------------------- -f and -F


def _full(
    context: Context, given: Given, rows: Sequence[Row], chosen: Sequence[Instance], *, view: text.View
) -> int:
    chosen = _with_memory(context, given, chosen)
    below: dict[str, list[Row]] = {}
    for row in rows:
        below.setdefault(row.queue, []).append(row)
    pending = below.pop("", [])
    # -ne goes by all jobs in the queue, whoever they belong to.
    shown = [one for one in chosen if not given.has("-ne") or one.used]
    if given.has("-xml"):
        context.out(_full_xml(context, given, shown, below, pending, view=view))
        return 0
    arch = context.settings.arch
    for number, instance in enumerate(shown):
        context.out((queues.HEADER if not number else "") + queues.rule(view))
        context.out(queues.queue_line(instance, arch, _offers(context, given, instance)))
        context.out(_qstat_rows.body(context, given, below.get(instance.name, []), view=view))
    over = [row for row in pending if row.state == FINISHED]
    waiting = [row for row in pending if row.state != FINISHED]
    for title, some in ((queues.pending_title, waiting), (queues.finished_title, over)):
        if some:
            context.out(title(view))
            context.out(_qstat_rows.body(context, given, some, view=view))
    return 0


def _offers(context: Context, given: Given, instance: Instance) -> list[Offer]:
    """The resources that -F shows of a queue instance."""
    if not given.has("-F"):
        return []
    offers = instance_offers(instance, context.settings)
    wanted = given.last("-F")
    return offers if wanted is None else only(offers, wanted.split(","), context.settings)


def only(offers: Sequence[Offer], names: Sequence[str], settings: Settings) -> list[Offer]:
    """Return the offers of these names; a shortcut counts, an unknown name shows nothing."""
    from gridcompat import complexes

    known = (complexes.find(name, settings) for name in names)
    wanted = {found.name for found in known if found is not None}
    return [offer for offer in offers if offer[1] in wanted]


def _with_memory(context: Context, given: Given, chosen: Sequence[Instance]) -> list[Instance]:
    """The instances with what is left of consumables on their hosts, if -F may show it."""
    if not given.has("-F"):
        return list(chosen)
    from gridcompat.commands import _used

    free, taken = memory_free(context), _used.taken(context)
    return [
        replace(one, host=replace(one.host, h_vmem_free=free(one.host.name), taken=taken)) for one in chosen
    ]


def memory_free(context: Context) -> _Free:
    """Return a function that tells the h_vmem left on a host, in bytes."""
    from gridcompat.units import memory_bytes

    settings = context.settings
    taken: dict[str, int] = {}
    for obj in _listing.objects(context):
        running = (obj.get("status") or {}).get("running") or ()
        if running:
            asked = dict(_requests.of_object(obj).hard_resources).get("h_vmem") or settings.h_vmem_default
            each = memory_bytes(asked) or 0
            for run in running:
                host = run.get("host") or ""
                taken[host] = taken.get(host, 0) + each * int(run.get("slots") or 1)
    return lambda host: (memory_bytes(places.h_vmem(host, settings)) or 0) - taken.get(host, 0)


def _full_xml(
    context: Context,
    given: Given,
    shown: Sequence[Instance],
    rows: dict[str, list[Row]],
    pending: Sequence[Row],
    *,
    view: text.View,
) -> str:
    every = [row for some in rows.values() for row in some] + list(pending)
    below = _qstat_rows.below(context, given, every, view=view)
    lists = []
    for instance in shown:
        jobs = [
            _qstat_rows.lists(row, view, context.now, below, indent=6) for row in rows.get(instance.name, [])
        ]
        offers = _offers(context, given, instance)
        lists.append(qstat_xml.queue_list(instance, context.settings.arch, offers, "".join(jobs)))
    waiting = "".join(_qstat_rows.lists(row, view, context.now, below) for row in pending)
    return qstat_xml.document("".join(lists), waiting)


# ---------------------------------------------------------------- -g c


def _summary(context: Context, given: Given, chosen: Sequence[Instance]) -> int:
    rows = []
    for name in sorted({instance.queue.name for instance in chosen}):
        of_queue = tuple(instance for instance in chosen if instance.queue.name == name)
        loads = [
            one.host.load / one.host.cpus for one in of_queue if one.host.load is not None and one.host.cpus
        ]
        load = sum(loads) / len(loads) if loads else None
        rows.append(queues.Summary(name=name, load=load, instances=of_queue))
    make = qstat_xml.summary if given.has("-xml") else queues.summary
    context.out(make(rows, extended=given.has("-ext")))
    return 0

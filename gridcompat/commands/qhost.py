"""qhost: hosts, with their queues, jobs and resources."""

from __future__ import annotations

from gridcompat.commands import _hosts, _listing, _qstat_queues
from gridcompat.errors import UsageError
from gridcompat.output import qhost as text
from gridcompat.output import qstat
from gridcompat.output.hosts import offers
from gridcompat.output.usage import usage
from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands._listing import Given
    from gridcompat.commands.context import Context
    from gridcompat.output.hosts import Host, Offer
    from gridcompat.translate.rows import Row


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qhost and return its exit status."""
    given = _listing.checked(_listing.scan("qhost", argv), usage("qhost"), prefix="error: ")
    if given.has("-help"):
        context.out(usage("qhost"))
        return 0
    everybody = _listing.Users(own=True, patterns=("*",))
    running = [row for row in _listing.listed(context, everybody) if row.queue]
    hosts = _chosen(context, given, _hosts.hosts(context, running))
    jobs = _jobs(context, given, running)
    taken = _taken(context, given)
    topology, xml = not given.has("-ncb"), given.has("-xml")
    arch = context.settings.arch
    asked = any(word[:1] != "=" for word in given.words("-l"))
    everything = replace(text.GLOBAL, taken=taken)
    shown: list[Host] = [*([] if asked else [everything]), *(replace(one, taken=taken) for one in hosts)]
    if not hosts and not xml and not given.words("-h"):
        return 0
    context.out(text.ROOT if xml else text.header(topology=topology))
    for host in shown:
        if xml:
            context.out(text.host_values(host, arch, topology=topology))
        else:
            context.out(text.host_line(host, arch, topology=topology))
        if host.name != text.GLOBAL.name or (context.settings.hosts and given.has("-F")):
            _below(context, given, host, jobs, xml=xml)
        if xml:
            context.out(text.HOST_END)
    if xml:
        context.out(text.END)
    return 0


def _chosen(context: Context, given: Given, hosts: list[Host]) -> list[Host]:
    """The hosts of -h and -l.

    Raises:
        UsageError: an unknown host or resource.
    """
    names = given.words("-h")
    known = {host.name for host in hosts}
    for name in names:
        if name not in known and not any(letter in name for letter in "*?[|!&("):
            # A pattern is no mistake, and no host either (tried).
            raise UsageError(f'{usage("qhost")}error: can\'t resolve hostname "{name}"', exit_status=1)
    resources = _listing.resources(context, given.words("-l"))
    settings = context.settings
    return [
        host
        for host in hosts
        if (not names or host.name in names)
        and _hosts.satisfies([*offers(host, settings), ("", "hostname", host.name)], resources, settings)
    ]


def _taken(context: Context, given: Given) -> dict[tuple[str, ...], float]:
    """What runs take of consumables, if -F may show it."""
    if not given.has("-F"):
        return {}
    from gridcompat.commands import _used

    return _used.taken(context)


def _jobs(context: Context, given: Given, running: list[Row]) -> list[Row]:
    """The running tasks to show: with -j or -u, those of the users of -u."""
    if not given.has("-j", "-u"):
        return []
    words = given.words("-u")
    if words:
        wanted = _listing.users(context, words)
        running = [row for row in running if _listing.is_of(context, wanted, row)]
    return qstat.ordered(running, context.now)


def _below(context: Context, given: Given, host: Host, jobs: list[Row], *, xml: bool) -> None:
    """Print what stands below a host."""
    if given.has("-F"):
        found = _offers(context, given, host)
        chosen = given.last("-F") is not None
        context.out(text.offer_values(found) if xml else text.offer_lines(found, chosen=chosen))
    here = [row for row in jobs if row.queue.partition("@")[2] == host.name]
    if given.has("-q") and host.name != text.GLOBAL.name:
        for instance in sorted(_hosts.instances(context, [host]), key=lambda one: one.queue.name):
            context.out(text.queue_values(instance) if xml else text.queue_line(instance))
            _print_jobs(
                context, [row for row in here if row.queue == instance.name], xml=xml, with_queue=False
            )
        return
    if here and not xml:
        context.out(text.JOB_HEADER)
    _print_jobs(context, here, xml=xml, with_queue=True)


def _print_jobs(context: Context, rows: list[Row], *, xml: bool, with_queue: bool) -> None:
    make = text.job_values if xml else text.job_lines
    for row in rows:
        context.out(make(row, context.now, with_queue=with_queue))


def _offers(context: Context, given: Given, host: Host) -> list[Offer]:
    free = _qstat_queues.memory_free(context)
    free_here = None if host.name == text.GLOBAL.name else free(host.name)
    found = offers(replace(host, h_vmem_free=free_here), context.settings)
    wanted = given.last("-F")
    return found if wanted is None else _qstat_queues.only(found, wanted.split(","), context.settings)

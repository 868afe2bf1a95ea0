"""Hosts and queue instances: from Node objects, the site's queues, the rows that run, and /proc.

A user may have no right to read Nodes; then the hosts are those where something runs, and this
one on the embedded cluster.  Figures of load come from /proc and so only for this host.
"""

from __future__ import annotations

from gridcompat.cluster.base import NODE
from gridcompat.errors import ClusterError
from gridcompat.options.match import expression
from gridcompat.output.hosts import Host, Instance
from gridcompat.patterns import matches
from gridcompat.record import replace
from gridcompat.settings import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from gridcompat.commands.context import Context
    from gridcompat.output.hosts import Offer
    from gridcompat.settings import Queue, Settings
    from gridcompat.translate.rows import Row

PROC = "/proc"


def hosts(context: Context, running: Iterable[Row]) -> list[Host]:
    """Return the execution hosts by name, with the slots that the given rows use."""
    used: dict[str, dict[str, int]] = {}
    for row in running:
        queue, _, name = row.queue.partition("@")
        if name:
            slots = used.setdefault(name, {})
            slots[queue] = slots.get(queue, 0) + row.slots
    found = {host.name: host for host in _nodes(context)}
    for name in used:
        found.setdefault(name, Host(name=name))
    if context.settings.cluster == "embedded":
        # The daemon registers its Node when it first starts; the host is there before.
        here = context.host if context.host in found or not found else next(iter(found))
        found[here] = _measured(found.get(here) or Host(name=here))
    for name in places.declared(context.settings):
        # Who may not read nodes does not know which of them there are.
        found.setdefault(name, Host(name=name, unknown=bool(found)))
    return [
        replace(found[name], slots_used=tuple(sorted(used.get(name, {}).items()))) for name in sorted(found)
    ]


def names(context: Context) -> tuple[str, ...]:
    """Return the names of the cluster's nodes; () if they cannot be read."""
    return tuple(host.name for host in _nodes(context))


def _nodes(context: Context) -> list[Host]:
    try:
        nodes = context.cluster().list(NODE, namespace=None).items
    except ClusterError:
        return []
    return [_of_node(node) for node in nodes]


def _of_node(node: Mapping[str, Any]) -> Host:
    """A host from the status of its Node. Source: core/v1 NodeStatus, capacity."""
    capacity = (node.get("status") or {}).get("capacity") or {}
    cpus = _quantity(str(capacity.get("cpu", "")))
    memory = _quantity(str(capacity.get("memory", "")))
    return Host(
        name=node["metadata"]["name"],
        cpus=cpus,
        sockets=None if cpus is None else 1,
        cores=cpus,
        threads=cpus,
        memory=memory,
    )


def _quantity(text: str) -> int | None:
    """A Kubernetes quantity without fractions, as capacities have; None if it is none."""
    units = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "k": 1000, "M": 1000**2, "G": 1000**3}
    digits = text.rstrip("KMGik")
    unit = text[len(digits) :]
    if digits.isascii() and digits.isdigit() and (not unit or unit in units):
        return int(digits) * units.get(unit, 1)
    return None


def _measured(host: Host) -> Host:
    """The host with the figures of this machine."""
    load = _load()
    memory = _memory()
    sockets, cores, threads = _processors()
    total, swap = memory.get("MemTotal"), memory.get("SwapTotal")
    free, swap_free = memory.get("MemAvailable"), memory.get("SwapFree")
    return replace(
        host,
        cpus=threads or host.cpus,
        sockets=sockets or host.sockets,
        cores=cores or host.cores,
        threads=threads or host.threads,
        load_short=load[0],
        load=load[1],
        load_long=load[2],
        memory=total if total is not None else host.memory,
        memory_used=None if total is None or free is None else total - free,
        swap=swap,
        swap_used=None if swap is None or swap_free is None else swap - swap_free,
    )


def _text(name: str) -> str:
    try:
        with open(f"{PROC}/{name}", "rb") as file:
            return file.read().decode("ascii", "replace")
    except OSError:
        return ""


def _load() -> tuple[float | None, float | None, float | None]:
    try:
        short, medium, long = (float(word) for word in _text("loadavg").split()[:3])
    except ValueError:
        return None, None, None
    return short, medium, long


def _memory() -> dict[str, int]:
    """Bytes of /proc/meminfo by name."""
    found = {}
    for line in _text("meminfo").splitlines():
        words = line.split()
        if len(words) == 3 and words[1].isdigit() and words[2] == "kB":
            found[words[0].rstrip(":")] = int(words[1]) * 1024
    return found


def _processors() -> tuple[int, int, int]:
    """Sockets, cores and threads of /proc/cpuinfo."""
    sockets: set[str] = set()
    cores: set[tuple[str, str]] = set()
    threads = 0
    socket = "0"
    for line in _text("cpuinfo").splitlines():
        key, _, value = line.partition(":")
        key, value = key.strip(), value.strip()
        if key == "processor":
            threads += 1
            socket = "0"
        elif key == "physical id":
            socket = value
            sockets.add(value)
        elif key == "core id":
            cores.add((socket, value))
    return len(sockets) or (1 if threads else 0), len(cores) or threads, threads


# ---------------------------------------------------------------- queue instances


def instances(context: Context, found: Sequence[Host]) -> list[Instance]:
    """Return the queue instances by sequence number, then in the order of the site's queues."""
    settings = context.settings
    made = [
        _instance(queue, host, settings, context.now)
        for queue in settings.queues
        for host in found
        if places.has_queue(queue, host.name, settings) or host.used(queue.name)
    ]
    return sorted(made, key=lambda instance: instance.queue.seq_no)


def _instance(queue: Queue, host: Host, settings: Settings, now: float) -> Instance:
    queue = places.on_host(queue, host.name, settings)
    state = _closed(queue, settings, now)
    if host.unknown:
        # Without a load the grid takes every threshold for passed.
        alarm = "a" if dict(queue.shown).get("load_thresholds", "NONE") != "NONE" else ""
        state = f"{alarm}{state}u"
    return Instance(queue=queue, host=host, kinds=places.letters(queue, settings), state=state)


def _closed(queue: Queue, settings: Settings, now: float) -> str:
    """The letter of a queue that a calendar closes."""
    if not settings.calendar_details or queue.calendar in ("", "NONE"):
        return ""
    from gridcompat.settings import calendars

    return calendars.closed(queue.calendar, settings, now)


def names_queue(word: str, instance: Instance, settings: Settings) -> bool:
    """Return whether a word of -q means this instance: `task`, `ta*|!x`, `task@host`, `task@@hosts`.

    Source: sge_types(1), wc_queue.
    """
    queue, at, host = word.partition("@")
    if not at:
        return expression(instance.queue.name, queue)
    if not queue or not expression(instance.queue.name, queue):
        return False
    if host.startswith("@"):
        groups = [group for group in settings.host_groups if expression(group[1:], host[1:])]
        return any(places.in_group(instance.host.name, group, settings) for group in groups)
    return expression(instance.host.name, host)


def has_environment(name: str, settings: Settings) -> bool:
    """Return whether the site has a parallel environment of this name; a pattern is none."""
    return any(name == environment.name for environment in settings.parallel_environments)


def satisfies(offers: Sequence[Offer], resources: Sequence[tuple[str, str]], settings: Settings) -> bool:
    """Return whether what is offered meets every request, as far as it does not change with time."""
    return all(_met(offers, name, value, settings) for name, value in resources)


def _met(offers: Sequence[Offer], name: str, wanted: str, settings: Settings) -> bool:
    from gridcompat import complexes, units

    known = complexes.find(name, settings)
    if known is None and not wanted:
        return True
    texts = known is None or known.type in ("STRING", "CSTRING", "HOST", "BOOL")
    wanted = wanted or ("TRUE" if texts else "1")
    offered = next((value for _, offer, value in offers if offer == name), None)
    if name == "h_vmem" and not settings.hosts:
        offered = settings.h_vmem_capacity
    elif name == "release" and settings.releases:
        return any(matches(wanted, release) for release in settings.releases)
    if offered is None:
        return False
    if known is None or known.type in ("STRING", "HOST"):
        return matches(wanted, offered)
    if units.is_infinity(offered):
        return True
    if known.type == "BOOL":
        return (wanted.upper() in ("TRUE", "1")) == offered.startswith("1")
    read = units.time_seconds if known.type == "TIME" else units.quantity
    number, limit = read(wanted), read(offered)
    if number is None or limit is None:
        return wanted == offered
    if known.relop == "==":
        return number == limit
    # What is offered stands left of the relation's sign: a limit of 1 h is enough for 30 minutes.
    return number <= limit if known.relop == "<=" else number >= limit

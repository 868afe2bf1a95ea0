"""Hosts and queue instances as the listing commands show them, and what each offers.

Must not know how what is offered was found out.

Source: load_parameters(5), complex(5); forms of numbers from a live 8.1.9.
"""

from __future__ import annotations

from gridcompat import complexes, units
from gridcompat.record import record
from gridcompat.settings import places, supply

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from gridcompat.settings import Queue, Settings

    Offer: TypeAlias = tuple[str, str, str]
    """(where it comes from: hl, hc, hf, qf, qc; name; value as shown)"""


@record
class Host:
    """What is known of an execution host. Memory in bytes; None is not known."""

    name: str
    cpus: int | None = None
    sockets: int | None = None
    cores: int | None = None
    threads: int | None = None
    load_short: float | None = None
    """Of the last minute."""
    load: float | None = None
    """Of the last five minutes: load_avg."""
    load_long: float | None = None
    memory: int | None = None
    memory_used: int | None = None
    swap: int | None = None
    swap_used: int | None = None
    slots_used: tuple[tuple[str, int], ...] = ()
    """(queue, slots in use)"""
    h_vmem_free: int | None = None
    taken: Mapping[tuple[str, ...], float] = {}
    """What runs take from each store of `options.terms`, here and elsewhere."""
    unknown: bool = False
    """The settings have it and the cluster does not."""

    def used(self, queue: str) -> int:
        """Return the slots of a queue that are in use here."""
        return next((slots for name, slots in self.slots_used if name == queue), 0)


@record
class Instance:
    """A queue on a host."""

    queue: Queue
    """As it is on the host."""
    host: Host
    kinds: str = "BP"
    """Letters: batch, interactive, parallel, checkpointing."""
    state: str = ""

    @property
    def name(self) -> str:
        """`task@node1`"""
        return f"{self.queue.name}@{self.host.name}"

    @property
    def used(self) -> int:
        """Slots in use."""
        return self.host.used(self.queue.name)


def size(value: int | None, digits: int = 1) -> str:
    """Return bytes as `23.5G`, `829.2M` or `0.0`; `-` if not known."""
    if value is None:
        return "-"
    number = float(value)
    for unit in ("", "K", "M", "G"):
        if abs(number) < 1024 or unit == "G":
            return f"{number:.{digits}f}{unit}"
        number /= 1024
    raise AssertionError("unreachable")


def count(value: int | None) -> str:
    """Return a number, or `-` if not known."""
    return "-" if value is None else str(value)


def offers(host: Host, settings: Settings, *, whole: bool = False, exact: bool = False) -> list[Offer]:
    """Return what a host offers, in qhost's order; what is not known is left out.

    Args:
        whole: whole numbers of complexes without decimals, as qstat writes them.
        exact: memory in MiB with six decimals, as qconf writes it.
    """
    found: list[Offer] = []

    def add(where: str, name: str, value: str | None) -> None:
        if value is not None:
            found.append((where, name, value))

    def number(value: float | None) -> str | None:
        return None if value is None else f"{value:.6f}"

    def memory(value: int | None) -> str | None:
        if value is not None and exact:
            return f"{value / (1 << 20):.6f}M"
        return None if value is None else size(value, 3)

    def each(value: float | None) -> float | None:
        return None if value is None or not host.cpus else value / host.cpus

    for name, value in _own(places.GLOBAL, settings):
        taken = host.taken.get(("g", name), 0.0)
        add(f"g{_kind(name, settings)}", name, _value(name, value, settings, whole=whole, taken=taken))
    free = None if host.memory is None or host.memory_used is None else host.memory - host.memory_used
    swap_free = None if host.swap is None or host.swap_used is None else host.swap - host.swap_used
    add("hl", "load_avg", number(host.load))
    add("hl", "load_short", number(host.load_short))
    add("hl", "load_medium", number(host.load))
    add("hl", "load_long", number(host.load_long))
    if not host.unknown:
        add("hl", "arch", settings.arch)
    add("hl", "num_proc", number(host.cpus))
    add("hl", "mem_free", memory(free))
    add("hl", "swap_free", memory(swap_free))
    add("hl", "virtual_free", memory(_sum(free, swap_free)))
    add("hl", "mem_total", memory(host.memory))
    add("hl", "swap_total", memory(host.swap))
    add("hl", "virtual_total", memory(_sum(host.memory, host.swap)))
    add("hl", "mem_used", memory(host.memory_used))
    add("hl", "swap_used", memory(host.swap_used))
    add("hl", "virtual_used", memory(_sum(host.memory_used, host.swap_used)))
    add("hl", "m_topology", topology(host))
    add("hl", "m_topology_inuse", topology(host))
    add("hl", "m_socket", number(host.sockets))
    add("hl", "m_core", number(host.cores))
    add("hl", "m_thread", number(host.threads))
    add("hl", "np_load_avg", number(each(host.load)))
    add("hl", "np_load_short", number(each(host.load_short)))
    add("hl", "np_load_medium", number(each(host.load)))
    add("hl", "np_load_long", number(each(host.load_long)))
    own = places.host(host.name, settings)
    if host.name == places.GLOBAL:
        return [offer for offer in found if offer[0][0] == "g"]
    if own is None:
        add("hc", "h_vmem", memory(host.h_vmem_free))
        for release in settings.releases[:1]:
            add("hf", "release", release)
        return found
    left = {"h_vmem": memory(host.h_vmem_free)}
    for name, value in own.complex_values:
        if name == "slots" and value.isdigit():
            value = str(int(value) - sum(slots for _, slots in host.slots_used))
        taken = host.taken.get(("h", host.name, name), 0.0)
        shown = left.get(name) or _value(name, value, settings, whole=whole, taken=taken)
        add(f"h{_kind(name, settings)}", name, shown)
    return found


def _own(name: str, settings: Settings) -> tuple[tuple[str, str], ...]:
    """What the settings say that a host has."""
    found = places.host(name, settings)
    return found.complex_values if found else ()


def _kind(name: str, settings: Settings) -> str:
    """`c` for what is consumed, `f` for what is fixed."""
    known = complexes.find(name, settings)
    return "c" if known is not None and known.consumable else "f"


def _value(name: str, value: str, settings: Settings, *, whole: bool, taken: float = 0.0) -> str:
    """A configured value as qstat and qhost write it, less what is taken: 8.000G, 2.000000 or (qstat) 2."""
    known = complexes.find(name, settings)
    kind = known.type if known is not None else ""
    if taken and known is not None and known.consumable:
        return supply.shown(known, supply.amount(known, value) - taken, whole=whole)
    if units.is_infinity(value) and kind in ("TIME", "MEMORY", "INT", "DOUBLE"):
        return "infinity"
    if kind == "TIME":
        seconds = units.time_seconds(value)
        if seconds is None:
            return value
        return f"{int(seconds) // 3600:02d}:{int(seconds) // 60 % 60:02d}:{int(seconds) % 60:02d}"
    if kind == "MEMORY":
        amount = units.memory_bytes(value)
        return value if amount is None else size(amount, 3)
    if kind == "BOOL":
        return "1.000000" if value.upper() in ("TRUE", "1") else "0.000000"
    number = units.quantity(value) if kind in ("INT", "DOUBLE") else None
    if number is None:
        return value
    return str(int(number)) if whole and kind == "INT" else f"{number:.6f}"


def topology(host: Host) -> str | None:
    """Return the processors as letters: S a socket, C a core, T a thread if a core has several."""
    if not host.sockets or not host.cores or not host.threads:
        return None
    each = host.threads // host.cores
    core = "C" + ("T" * each if each > 1 else "")
    return ("S" + core * (host.cores // host.sockets)) * host.sockets


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None else one + (other or 0)


UNLIMITED = ("rt", "cpu", "fsize", "data", "stack", "core", "rss", "vmem")


def instance_offers(instance: Instance, settings: Settings) -> list[Offer]:
    """Return what a queue instance offers, in the order of qstat -F.

    Of what both the host and the queue have, the smaller stands at the host's place.
    """
    found = [
        (
            where,
            name,
            value.split(".")[0] if name in ("num_proc", "m_socket", "m_core", "m_thread") else value,
        )
        for where, name, value in offers(instance.host, settings, whole=True)
    ]
    queue = instance.queue
    limits = dict(queue.limits)
    own = [
        ("qf", "qname", queue.name),
        ("qf", "hostname", instance.host.name),
        ("qc", "slots", str(queue.slots - instance.used)),
        ("qf", "tmpdir", dict(queue.shown).get("tmpdir", "/tmp")),
        ("qf", "seq_no", str(queue.seq_no)),
        ("qf", "rerun", "1.000000" if queue.rerun else "0.000000"),
        ("qf", "calendar", queue.calendar or "NONE"),
    ]
    for name in UNLIMITED:
        for kind in ("s_", "h_"):
            limit = limits.get(kind + name, "infinity")
            own.append(("qf", kind + name, _value(kind + name, limit, settings, whole=True)))
    own.append(("qf", "min_cpu_interval", dict(queue.shown).get("min_cpu_interval", "00:05:00")))
    for name, value in queue.complex_values:
        if name == "slots":
            continue
        taken = instance.host.taken.get(("q", queue.name, instance.host.name, name), 0.0)
        shown = _value(name, value, settings, whole=True, taken=taken)
        own.append((f"q{_kind(name, settings)}", name, shown))
    places_of = {name: at for at, (where, name, _) in enumerate(found) if where[0] == "h"}
    for offer in own:
        at = places_of.get(offer[1])
        if at is None:
            found.append(offer)
        elif _smaller(offer[2], found[at][2]):
            found[at] = offer
    return found


def _smaller(one: str, other: str) -> bool:
    """Whether a number is below another; words are not."""
    if units.is_infinity(one):
        return False
    mine, its = units.quantity(one), units.quantity(other)
    return mine is not None and its is not None and mine < its

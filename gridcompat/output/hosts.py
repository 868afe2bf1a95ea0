"""Hosts and queue instances as the listing commands show them, and what each offers.

Must not know how what is offered was found out.

Source: load_parameters(5), complex(5); forms of numbers from a live 8.1.9.
"""

from __future__ import annotations

from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
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

    def used(self, queue: str) -> int:
        """Return the slots of a queue that are in use here."""
        return next((slots for name, slots in self.slots_used if name == queue), 0)


@record
class Instance:
    """A queue on a host."""

    queue: Queue
    host: Host

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


def offers(host: Host, settings: Settings) -> list[Offer]:
    """Return what a host offers, in qhost's order; what is not known is left out."""
    found: list[Offer] = []

    def add(where: str, name: str, value: str | None) -> None:
        if value is not None:
            found.append((where, name, value))

    def number(value: float | None) -> str | None:
        return None if value is None else f"{value:.6f}"

    def memory(value: int | None) -> str | None:
        return None if value is None else size(value, 3)

    def each(value: float | None) -> float | None:
        return None if value is None or not host.cpus else value / host.cpus

    free = None if host.memory is None or host.memory_used is None else host.memory - host.memory_used
    swap_free = None if host.swap is None or host.swap_used is None else host.swap - host.swap_used
    add("hl", "load_avg", number(host.load))
    add("hl", "load_short", number(host.load_short))
    add("hl", "load_medium", number(host.load))
    add("hl", "load_long", number(host.load_long))
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
    add("hc", "h_vmem", memory(host.h_vmem_free))
    for release in settings.releases[:1]:
        add("hf", "release", release)
    return found


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
    """Return what a queue instance offers, in the order of qstat -F."""
    found = [
        (
            where,
            name,
            value.split(".")[0] if name in ("num_proc", "m_socket", "m_core", "m_thread") else value,
        )
        for where, name, value in offers(instance.host, settings)
    ]
    queue = instance.queue
    limits = dict(queue.limits)
    found += [
        ("qf", "qname", queue.name),
        ("qf", "hostname", instance.host.name),
        ("qc", "slots", str(queue.slots - instance.used)),
        ("qf", "tmpdir", "/tmp"),
        ("qf", "seq_no", "0"),
        ("qf", "rerun", "1.000000" if queue.rerun else "0.000000"),
        ("qf", "calendar", "NONE"),
    ]
    for name in UNLIMITED:
        for kind in ("s_", "h_"):
            if kind + name != "h_vmem":  # consumed on the host
                found.append(("qf", kind + name, limits.get(kind + name, "infinity")))
    found.append(("qf", "min_cpu_interval", "00:05:00"))
    return found

"""What a site's hosts, queues and the whole site offer of complexes, and what jobs ask of them. Pure.

What `complex_values` give out counts here, and complexes of the site's own; load values, slots of queues
and h_vmem of hosts are for others.  Must not know jobs or clusters: requests are pairs, places are names.

Source: complex(5), host_conf(5) and queue_conf(5), complex_values.
"""

from __future__ import annotations

from gridcompat import complexes, units
from gridcompat.patterns import matches
from gridcompat.settings import places, quotas

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TypeAlias

    from gridcompat.complexes import Complex
    from gridcompat.settings import Queue, Settings

    Want: TypeAlias = tuple[str, str, float, bool]
    """(complex, value as typed, what all slots together consume of it, asked for and no default)"""
    Lack: TypeAlias = tuple[str, str]
    """(complex, what is offered, as typed; "" is nothing)"""

ELSEWHERE = frozenset(("hostname", "qname", "arch", "release"))
"""Complexes that are compared whether anything has them or not: `controller.shape`."""
BY_HOST = frozenset(("slots", "h_vmem"))
"""Complexes that hosts are known to bound, whatever the settings say."""

WHOM = frozenset(("user_lists", "xuser_lists", "projects", "xprojects", "pe_list"))
"""Fields of queues that say who may use them."""


class Supply:
    """A site's complex_values, by place."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.globally = _own(settings, places.GLOBAL)
        self._hosts = {
            host.name: {
                name: value
                for name, value in host.complex_values
                if name not in BY_HOST and name not in ELSEWHERE
            }
            for host in settings.hosts
            if host.name != places.GLOBAL
        }
        usual = {one.name for one in complexes.every()}
        self._own = frozenset(line.split()[0] for line in settings.complexes) - usual
        self.known: dict[str, Complex] = {}
        """The complexes that count here, by name."""
        for name in self._names():
            found = complexes.find(name, settings)
            if found is not None and found.name not in ELSEWHERE:
                self.known[found.name] = found

    def _names(self) -> Iterable[str]:
        yield from sorted(self._own)
        yield from self.globally
        for values in self._hosts.values():
            yield from values
        for queue in self._settings.queues:
            yield from (name for name, _ in queue.complex_values)
            for _, fields in queue.per_host:
                for field, text in fields:
                    if field == "complex_values":
                        yield from (name for name, _ in places.pairs(text))
        for name in limited(self._settings):
            if name != "slots":
                yield name

    def on_host(self, name: str) -> Mapping[str, str]:
        """Return what a host has of its own, without slots and h_vmem."""
        return self._hosts.get(name, {})

    def wants(self, resources: Iterable[tuple[str, str]], slots: int) -> tuple[Want, ...]:
        """Return what a job asks for of what counts here, then what it consumes without asking."""
        asked = dict(resources)
        found: list[Want] = []
        for name, value in asked.items():
            known = self.known.get(name)
            if known is not None and name != "slots":
                found.append((name, value, _consumed(known, value, slots), True))
        for name, known in self.known.items():
            if not known.consumable or name in asked:
                continue
            value = known.default
            if name == "slots":
                value = "1"
            elif name == "h_vmem":
                value = self._settings.h_vmem_default
            amount = _consumed(known, value, slots)
            if amount > 0:
                found.append((name, value, amount, False))
        return tuple(found)

    def lacks(self, wants: Iterable[Want], values: Mapping[str, str]) -> Lack | None:
        """Return the first fixed value of a place that does not meet what is asked for; None without one."""
        for name, wanted, _, asked in wants:
            known = self.known[name]
            if asked and not known.consumable and name in values and not meets(known, wanted, values[name]):
                return name, values[name]
        return None

    def unknown(self, wants: Iterable[Want], host: str, queue: Queue) -> str:
        """Return the first of the site's own complexes asked for that no place of a queue instance has."""
        for name, _, _, asked in wants:
            if (
                asked
                and name in self._own
                and name not in self.globally
                and name not in self.on_host(host)
                and all(name != own for own, _ in queue.complex_values)
            ):
                return name
        return ""

    def forced(self, wants: Iterable[Want], values: Mapping[str, str]) -> str:
        """Return the first FORCED complex of a place that is not asked for; "" without one."""
        asked = {name for name, _, _, by_user in wants if by_user}
        return next((name for name in values if name not in asked and self._is_forced(name)), "")

    def _is_forced(self, name: str) -> bool:
        known = self.known.get(name)
        return known is not None and known.forced


def binds_host(resources: Iterable[tuple[str, str]], settings: Settings) -> bool:
    """Return whether hosts differ in what they have for a job, or whom they take: it must run where planned.

    A cluster's scheduler knows nothing of that. Slots and h_vmem are left to it.
    """
    rules = (rule for of_set in quotas.sets(settings) for rule in of_set)
    if any(kind == "hosts" for rule in rules for kind, _ in rule.filters):
        return True
    by_host: set[str] = set()
    by_queue: set[str] = set()
    for host in settings.hosts:
        if host.name != places.GLOBAL:
            by_host |= {name for name, _ in host.complex_values}
            if host.user_lists or host.xuser_lists or host.projects or host.xprojects:
                return True
    for queue in settings.queues:
        by_queue |= {name for name, _ in queue.complex_values}
        for _, fields in queue.per_host:
            if not {field for field, _ in fields}.isdisjoint(WHOM):
                return True
            by_host |= {name for name, _ in places.pairs(dict(fields).get("complex_values", ""))}
    asked = {name for name, _ in resources}
    for name in sorted((by_host | by_queue) - BY_HOST - ELSEWHERE):
        known = complexes.find(name, settings)
        if known is None:
            continue
        # What is fixed is the same wherever the queue is; what is consumed is counted on each host.
        takes = name in asked or _consumed(known, known.default, 1) > 0
        if (takes and known.consumable) or (name in by_host and (takes or known.forced)):
            return True
    return False


def limited(settings: Settings) -> tuple[str, ...]:
    """Return the names of the complexes that resource quotas limit."""
    rules = (rule for of_set in quotas.sets(settings) for rule in of_set)
    return tuple(dict.fromkeys(name for rule in rules for name, _ in rule.limits))


def _own(settings: Settings, name: str) -> dict[str, str]:
    found = places.host(name, settings)
    return dict(found.complex_values) if found else {}


def _consumed(known: Complex, value: str, slots: int) -> float:
    """What all slots together take; without end of what is no amount, for nobody shall take it uncounted."""
    if not known.consumable:
        return 0.0
    found = number(known, value)
    if found is None or found < 0:
        return float("inf")
    return found * (1 if known.per_job else slots)


def amount(known: Complex, text: str) -> float:
    """Return a value of a complex as a number: bytes, seconds or what it says; 0 for what is none."""
    return number(known, text) or 0.0


def number(known: Complex, text: str) -> float | None:
    """Return a value of a complex as a number, None if it is none."""
    if units.is_infinity(text):
        return float("inf")
    if known.type == "BOOL":
        return float(text.upper() in ("TRUE", "1"))
    found = units.time_seconds(text) if known.type == "TIME" else units.quantity(text)
    return None if found is None else float(found)


def meets(known: Complex, wanted: str, offered: str) -> bool:
    """Return whether what is offered is good for a request, by the complex's relation.

    Source: complex(5), relop: the request stands left of the sign.
    """
    if known.type in ("STRING", "CSTRING", "RESTRING", "HOST"):
        one, other = (wanted, offered) if known.type != "CSTRING" else (wanted.lower(), offered.lower())
        return matches(one, other) != (known.relop == "!=")
    mine, its = amount(known, wanted), amount(known, offered)
    if known.relop in ("==", "EXCL"):
        return mine == its
    if known.relop == "!=":
        return mine != its
    if known.relop in (">=", ">"):
        return mine > its or (known.relop == ">=" and mine == its)
    return mine < its or (known.relop == "<=" and mine == its)


def shown(known: Complex, value: float, *, whole: bool = False) -> str:
    """Return an amount as the grid shows it: 8.000G, 01:00:00, 2.000000; with `whole` an INT as 2."""
    if value in (float("inf"), float("-inf")):
        return "infinity"
    if known.type == "TIME":
        seconds = int(value)
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if known.type == "MEMORY":
        for unit in ("", "K", "M", "G"):
            if abs(value) < 1024:
                return f"{value:.3f}{unit}"
            value /= 1024
        return f"{value:.3f}T"
    if whole and known.type == "INT":
        return str(int(value))
    return f"{value:.6f}"


def text(known: Complex, value: str) -> str:
    """Return a configured value as the scheduling info shows it: `7.000000`, `fast`."""
    if known.type in ("STRING", "CSTRING", "RESTRING", "HOST"):
        return value
    return shown(known, amount(known, value))

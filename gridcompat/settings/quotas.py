"""Resource quota sets: their rules, which of them is for a run, and whose share it counts in. Pure.

Source: sge_resource_quota(5).
"""

from __future__ import annotations

from gridcompat import units
from gridcompat.patterns import matches
from gridcompat.record import record
from gridcompat.settings import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gridcompat.settings import Settings

FILTERS = ("users", "projects", "pes", "queues", "hosts")
"""In the order in which the grid writes whom a share is for."""


@record
class Consumer:
    """A run, as rules look at it."""

    user: str = ""
    group: str = ""
    project: str = ""
    environment: str = ""
    queue: str = ""
    host: str = ""

    def value(self, kind: str) -> str:
        """Return what a filter is compared with."""
        return {
            "users": self.user,
            "projects": self.project,
            "pes": self.environment,
            "queues": self.queue,
            "hosts": self.host,
        }[kind]


@record
class Filter:
    """A list of a rule."""

    text: str
    """As it stands in the rule."""
    expanded: bool
    """In braces: each of them has a share of its own."""
    names: tuple[str, ...]
    without: tuple[str, ...]
    """Those with an exclamation mark."""


@record
class Rule:
    """One `limit` of a resource quota set."""

    quota: str
    label: str
    """Its name, or its number in the set."""
    filters: tuple[tuple[str, Filter], ...]
    limits: tuple[tuple[str, str], ...]
    """(complex, value or formula)"""

    @property
    def name(self) -> str:
        """`maxu/2`"""
        return f"{self.quota}/{self.label}"


def parse(quota: str, number: int, text: str) -> Rule:
    """Read a rule: `users {*} queues task to slots=3`.

    Raises:
        ValueError: with what is wrong.
    """
    lists: dict[str, str] = {}
    at = ""
    for word in text.split():
        key = word.lower()
        if at != "to" and key in (*FILTERS, "name", "to") and (lists.get(at, "x") or at == ""):
            if key in lists:
                raise ValueError(f"'{key}' is there twice")
            at, lists[key] = key, ""
        elif not at:
            raise ValueError(f"'{word}' is none of {', '.join((*FILTERS, 'name', 'to'))}")
        else:
            lists[at] += word
    if not lists.get("to"):
        raise ValueError("it does not say what it limits")
    limits = [part.partition("=") for part in lists["to"].split(",")]
    if any(not name or not value for name, _, value in limits):
        raise ValueError(f"'{lists['to']}' is no list of limits")
    return Rule(
        quota=quota,
        label=lists.get("name") or str(number),
        filters=tuple((kind, _filter(lists[kind])) for kind in FILTERS if kind in lists),
        limits=tuple((name, value) for name, _, value in limits),
    )


def _filter(text: str) -> Filter:
    inside = text
    expanded = text[:1] == "{" and text[-1:] == "}"
    if expanded:
        inside = text[1:-1]
    words = [word.strip('"') for word in inside.split(",") if word]
    if not words or any(letter in inside for letter in "{}"):
        raise ValueError(f"'{text}' is no list")
    return Filter(
        text=text,
        expanded=expanded,
        names=tuple(word for word in words if word[0] != "!"),
        without=tuple(word[1:] for word in words if word[0] == "!"),
    )


def sets(settings: Settings) -> tuple[tuple[Rule, ...], ...]:
    """Return the rules of each quota set that is enabled, in order."""
    return tuple(
        tuple(parse(one.name, number, rule) for number, rule in enumerate(one.rules, 1))
        for one in settings.resource_quotas
        if one.enabled
    )


def effective(
    rules: tuple[tuple[Rule, ...], ...], consumer: Consumer, settings: Settings
) -> Iterator[tuple[Rule, tuple[str, ...]]]:
    """Yield the rule of each set that is for a run, the first that fits, and whose share that is.

    A share is named by user, project, environment, queue and host, "" where the rule counts all together.
    """
    for of_set in rules:
        for rule in of_set:
            if all(fits(kind, one, consumer, settings) for kind, one in rule.filters):
                yield rule, share(rule, consumer)
                break


def share(rule: Rule, consumer: Consumer) -> tuple[str, ...]:
    """Return whose share of a rule a run counts in, in the order of FILTERS."""
    expanded = {kind for kind, one in rule.filters if one.expanded}
    return tuple(consumer.value(kind) if kind in expanded else "" for kind in FILTERS)


def fits(kind: str, one: Filter, consumer: Consumer, settings: Settings) -> bool:
    """Return whether a filter lets a run through."""
    value = consumer.value(kind)
    if not value:
        # `*` is everybody who has one, `!*` whoever has none.
        return not one.names and "*" in one.without
    if any(_means(kind, name, consumer, settings) for name in one.without):
        return False
    return not one.names or any(_means(kind, name, consumer, settings) for name in one.names)


def _means(kind: str, name: str, consumer: Consumer, settings: Settings) -> bool:
    """Whether an entry of a list means a run: a name, a pattern, a user list or a host group."""
    if name[:1] == "@" and kind == "users":
        return places.is_member(consumer.user, (consumer.group,), (name[1:],), settings)
    if name[:1] == "@" and kind == "hosts":
        return places.in_group(consumer.host, name, settings)
    return matches(name, consumer.value(kind))


def limit(text: str, values: Mapping[str, float]) -> float:
    """Return a limit as a number; a formula is worked out from a host's values.

    What a formula needs and nobody knows makes it infinite, as on the grid.
    """
    if units.is_infinity(text):
        return float("inf")
    if "$" not in text:
        found = units.quantity(text) if ":" not in text else units.time_seconds(text)
        return float(found or 0)
    total = 0.0
    for sign, term in _terms(text):
        product = 1.0
        for factor in term.split("*"):
            factor = factor.strip()
            if factor[:1] == "$":
                if factor[1:] not in values:
                    return float("inf")
                product *= values[factor[1:]]
            else:
                product *= units.quantity(factor) or 0.0
        total += sign * product
    return total


def _terms(text: str) -> Iterator[tuple[int, str]]:
    sign, term = 1, ""
    for letter in text + "+":
        if letter in "+-" and term:
            yield sign, term
            sign, term = (1 if letter == "+" else -1), ""
        elif letter not in "+-":
            term += letter
        elif letter == "-":
            sign = -1

"""qquota: how much of each resource quota is used."""

from __future__ import annotations

from gridcompat.commands import _listing
from gridcompat.options import help as option_help

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gridcompat.commands._listing import Given
    from gridcompat.commands.context import Context
    from gridcompat.output.qquota import Line
    from gridcompat.settings import Settings
    from gridcompat.settings.quotas import Filter, Rule

SELECTING = {"users": "-u", "projects": "-P", "pes": "-pe", "queues": "-q", "hosts": "-h"}
"""Filters of rules, and the switches that choose by them."""


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qquota and return its exit status."""
    usage = option_help.text("qquota")
    given = _listing.checked(_listing.scan("qquota", argv), usage, prefix="error: ")
    if given.has("-help"):
        context.out(usage)
        return 0
    from gridcompat.output import qquota

    lines = _lines(context, given) if context.settings.resource_quotas else []
    context.out(qquota.document(lines) if given.has("-xml") else qquota.table(lines))
    return 0


def _lines(context: Context, given: Given) -> list[Line]:
    """The limits of which something is used, in the order of the settings."""
    from gridcompat import complexes
    from gridcompat.commands import _hosts, _used
    from gridcompat.options.terms import IN_QUOTA
    from gridcompat.output.qquota import Line
    from gridcompat.settings import quotas
    from gridcompat.settings.supply import shown

    settings = context.settings
    cpus = {host.name: float(host.cpus) for host in _hosts.hosts(context, ()) if host.cpus}
    used: dict[tuple[str, ...], tuple[float, float]] = {}
    for term in _used.debits(context, cpus):
        if term.key[0] == IN_QUOTA:
            used[term.key] = used.get(term.key, (0.0, 0.0))[0] + term.amount, term.limit
    names = {found.name for found in (complexes.find(word, settings) for word in given.words("-l")) if found}
    lines = []
    for rule in (rule for of_set in quotas.sets(settings) for rule in of_set):
        for share in sorted({key[3:-1] for key in used if key[1:3] == (rule.quota, rule.label)}):
            if not _chosen(context, given, rule, share):
                continue
            who = _filters(rule, share)
            for name, _ in rule.limits:
                key = (IN_QUOTA, rule.quota, rule.label, *share, name)
                known = complexes.find(name, settings)
                if key in used and known is not None and (not given.has("-l") or name in names):
                    value, limit = (shown(known, number, whole=True) for number in used[key])
                    lines.append(Line(rule=rule.name, name=name, used=value, limit=limit, filters=who))
    return lines


def _filters(rule: Rule, share: Sequence[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The filters of a rule, with whose share it is in place of lists in braces."""
    from gridcompat.settings.quotas import FILTERS

    of = dict(zip(FILTERS, share, strict=True))
    return tuple(
        (kind, (of[kind],) if one.expanded else tuple(word for word in one.text.split(",") if word))
        for kind, one in rule.filters
    )


def _chosen(context: Context, given: Given, rule: Rule, share: Sequence[str]) -> bool:
    """Whether the switches ask for a share: what has no filter of a kind is for all of it."""
    from gridcompat.settings.quotas import FILTERS

    of = dict(zip(FILTERS, share, strict=True))
    for kind, one in rule.filters:
        words = given.words(SELECTING[kind])
        if kind == "users":
            words = [context.user if word == "$user" else word for word in words or ["$user"]]
        if words and not _wanted(words, kind, one, of[kind], context.settings):
            return False
    return True


def _wanted(words: Iterable[str], kind: str, one: Filter, value: str, settings: Settings) -> bool:
    from gridcompat.patterns import matches
    from gridcompat.settings.quotas import Consumer, fits

    if one.expanded:
        return any(matches(word, value) for word in words)
    consumers = {
        "users": lambda word: Consumer(user=word),
        "projects": lambda word: Consumer(project=word),
        "pes": lambda word: Consumer(environment=word),
        "queues": lambda word: Consumer(queue=word),
        "hosts": lambda word: Consumer(host=word),
    }
    return any(
        fits(kind, one, consumers[kind](word), settings) or any(matches(word, name) for name in one.names)
        for word in words
    )

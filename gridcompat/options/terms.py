"""What a run takes of what is counted beside slots and h_vmem of hosts, and how much of it there is.

Consumables of the site, of hosts and of queues, shares of resource quota sets, and slots of parallel
environments.  The controller works it out once for each shape, host and queue, and `-w` for an empty grid;
what is taken is for `controller.capacity`.
"""

from __future__ import annotations

from gridcompat.options import match
from gridcompat.output.messages import submit
from gridcompat.patterns import matches
from gridcompat.record import record
from gridcompat.settings import places, quotas
from gridcompat.settings.supply import Supply, amount, shown, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from gridcompat.model import JobRequest
    from gridcompat.settings import Queue, Settings
    from gridcompat.settings.quotas import Rule
    from gridcompat.settings.supply import Want

    class Demand(Protocol):
        """What of a job matters here: `controller.shape.Shape`, or what `-w` asks about."""

        @property
        def wants(self) -> tuple[Want, ...]:
            """As `Supply.wants` says."""

        @property
        def request(self) -> str:
            """The -l list as the scheduling info shows it."""

        @property
        def slots(self) -> int:
            """All slots."""

        @property
        def environment(self) -> str:
            """Name or pattern of -pe."""

        @property
        def project(self) -> str:
            """Of -P."""

        @property
        def user(self) -> str:
            """Owner."""

        @property
        def group(self) -> str:
            """The owner's."""


GLOBALLY, AT_HOST, IN_QUEUE, IN_QUOTA, IN_ENVIRONMENT = "g", "h", "q", "quota", "pe"
SHARED = frozenset((GLOBALLY, IN_QUOTA, IN_ENVIRONMENT))
"""Levels that several hosts draw from."""


@record
class Term:
    """What a run takes from one store."""

    key: tuple[str, ...]
    """The store: its level first."""
    amount: float
    limit: float
    name: str = ""
    """The complex."""
    asked: bool = True
    """Asked for with -l; else a default request."""
    rule: str = ""
    """`maxu/2`"""
    share: str = ""
    """`root/////`: whose share, as the scheduling info names it."""
    of_host: bool = False
    """The rule is for hosts, whatever the queue."""


@record
class Asked:
    """What of a job matters here, for who has no more of it."""

    wants: tuple[Want, ...] = ()
    request: str = ""
    slots: int = 1
    environment: str = ""
    project: str = ""
    user: str = ""
    group: str = ""


class Terms:
    """Answers for one site's settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.supply = Supply(settings)
        self._quotas = quotas.sets(settings)
        self._environments = {one.name: one for one in settings.parallel_environments}

    def of(self, demand: Demand, queue: Queue, host: str, values: Mapping[str, float]) -> tuple[Term, ...]:
        """Return what a run of a job takes in a queue on a host.

        Args:
            queue: as it is on the host.
            values: what formulas of quotas may ask of the host: `num_proc` and the like.
        """
        if not (demand.wants or self._quotas or demand.environment):
            return ()
        found = [*self.globally(demand), *self.at_host(demand, host)]
        found += self._of_store(demand, (IN_QUEUE, queue.name, host), _without_slots(queue))
        found += self._of_environment(demand)
        found += self._of_quotas(demand, queue, host, values)
        return tuple(found)

    def globally(self, demand: Demand) -> list[Term]:
        """Return what it takes of what the whole site shares."""
        return self._of_store(demand, (GLOBALLY,), self.supply.globally)

    def at_host(self, demand: Demand, host: str) -> list[Term]:
        """Return what it takes of a host's own."""
        return self._of_store(demand, (AT_HOST, host), self.supply.on_host(host))

    def _of_store(self, demand: Demand, key: tuple[str, ...], given: Mapping[str, str]) -> list[Term]:
        found = []
        for name, _, taken, asked in demand.wants:
            limit = amount(self.supply.known[name], given[name]) if name in given else float("inf")
            # What has no end need not be counted.
            if taken > 0 and limit != float("inf"):
                found.append(Term(key=(*key, name), amount=taken, limit=limit, name=name, asked=asked))
        return found

    def _of_environment(self, demand: Demand) -> list[Term]:
        environment = self._environments.get(environment_of(demand, self._settings))
        if environment is None:
            return []
        return [
            Term(
                key=(IN_ENVIRONMENT, environment.name),
                amount=float(demand.slots),
                limit=float(environment.slots),
            )
        ]

    def _of_quotas(self, demand: Demand, queue: Queue, host: str, values: Mapping[str, float]) -> list[Term]:
        if not self._quotas:
            return []
        consumer = quotas.Consumer(
            user=demand.user,
            group=demand.group,
            project=demand.project,
            environment=environment_of(demand, self._settings),
            queue=queue.name,
            host=host,
        )
        taken = {name: (amount_, asked) for name, _, amount_, asked in demand.wants}
        taken["slots"] = float(demand.slots), True
        found = []
        for rule, share in quotas.effective(self._quotas, consumer, self._settings):
            for name, limit in rule.limits:
                much, asked = taken.get(name, (0.0, False))
                most = quotas.limit(limit, values)
                if much > 0 and most != float("inf"):
                    found.append(
                        Term(
                            key=(IN_QUOTA, rule.quota, rule.label, *share, name),
                            amount=much,
                            limit=most,
                            name=name,
                            asked=asked,
                            rule=rule.name,
                            share="".join(f"{one}/" for one in share),
                            of_host=_is_of_host(rule),
                        )
                    )
        return found

    def misfit(self, demand: Demand, queue: Queue, host: str) -> str:
        """Return why a queue on a host has nothing for a job, whatever is free; "" if it may do.

        Args:
            queue: as it is on the host.
        """
        supply, request = self.supply, demand.request
        if not supply.known:
            return ""
        if why := self.misfit_of_host(demand, host):
            return why
        own = _without_slots(queue)
        if name := supply.forced(demand.wants, own):
            return submit.NOT_FORCED_IN_QUEUE % (name, queue.name, host)
        if name := supply.unknown(demand.wants, host, queue):
            return submit.UNKNOWN_IN_QUEUE % (request, queue.name, host, name)
        if supply.lacks(demand.wants, own) or self._too_much(demand, own):
            return submit.NOT_IN_CLUSTER_QUEUE % (request, queue.name)
        return ""

    def misfit_of_host(self, demand: Demand, host: str) -> str:
        """Return why a host has nothing for a job, whatever is free; "" if it may do."""
        supply, request = self.supply, demand.request
        if name := supply.forced(demand.wants, supply.globally):
            return submit.NOT_FORCED_GLOBALLY % name
        if lack := supply.lacks(demand.wants, supply.globally):
            return submit.GLOBALLY_BECAUSE % (request, submit.ONLY + self._offer("g", lack))
        if name := supply.forced(demand.wants, supply.on_host(host)):
            return submit.NOT_FORCED_AT_HOST % (name, host)
        if lack := supply.lacks(demand.wants, supply.on_host(host)):
            return submit.OFFERS_ONLY % (request, host, self._offer("h", lack))
        return ""

    def _too_much(self, demand: Demand, own: Mapping[str, str]) -> bool:
        """Whether a queue would not do for a single slot even without any jobs in it."""
        known = self.supply.known
        return any(
            asked
            and name in own
            and taken / (1 if known[name].per_job else max(demand.slots, 1)) > amount(known[name], own[name])
            for name, _, taken, asked in demand.wants
        )

    def _offer(self, level: str, lack: tuple[str, str]) -> str:
        name, value = lack
        return f"{level}f:{name}={text(self.supply.known[name], value)}"

    def _is_silent(self, demand: Demand, term: Term, free: float) -> bool:
        """Whether the grid says of a parallel job only that its environment offers too little.

        It does where there is enough for a single slot.
        """
        if term.key[0] == IN_QUOTA or self.supply.known[term.name].per_job:
            return True
        return free >= term.amount / max(demand.slots, 1)

    def shortage(self, demand: Demand, term: Term, free: float) -> str:
        """Return why a run does not start when no more than `free` is left of what it takes.

        For some of it the grid only says that the parallel environment offers nothing; that is "" here.
        """
        level = term.key[0]
        if level == IN_ENVIRONMENT or (demand.environment and self._is_silent(demand, term, free)):
            return ""
        if level == IN_QUOTA:
            return submit.EXCEEDS % (term.share, term.rule)
        because = submit.ONLY if term.asked else submit.ONLY_BY_DEFAULT
        offer = f"{because}{level}c:{term.name}={shown(self.supply.known[term.name], free)}"
        if level == IN_QUEUE:
            return submit.IN_QUEUE_BECAUSE % (demand.request, f"{term.key[1]}@{term.key[2]}", offer)
        if demand.environment:
            where = "global" if level == GLOBALLY else term.key[1]
            return submit.IN_QUEUE_BECAUSE % (demand.request, where, offer)
        if level == GLOBALLY:
            return submit.GLOBALLY_BECAUSE % (demand.request, offer)
        return submit.AT_HOST_BECAUSE % (demand.request, term.key[1], offer)


def _is_of_host(rule: Rule) -> bool:
    kinds = {kind for kind, _ in rule.filters}
    return "hosts" in kinds and "queues" not in kinds


def environment_of(demand: Demand, settings: Settings) -> str:
    """Return the parallel environment that the name or pattern of -pe means, "" without one."""
    if not demand.environment:
        return ""
    names = (one.name for one in settings.parallel_environments)
    return next((name for name in names if matches(demand.environment, name)), "")


def _without_slots(queue: Queue) -> dict[str, str]:
    return {name: value for name, value in queue.complex_values if name != "slots"}


def let_into_environment(demand: Demand, settings: Settings) -> bool:
    """Return whether the lists of some environment that -pe means let the owner in."""
    return any(
        matches(demand.environment, one.name)
        and places.lets_in(one.user_lists, one.xuser_lists, demand.user, (demand.group,), settings)
        for one in settings.parallel_environments
    )


def most_slots(request: JobRequest, settings: Settings) -> float:
    """Return the most slots that a job of a parallel environment can ever have by what is counted.

    On the best of the hosts that the settings name, or on one that they do not; without end if nothing
    bounds it. Whose job it is says its LOGNAME.
    """
    terms = Terms(settings)
    one = Asked(
        wants=terms.supply.wants(request.hard_resources, 1),
        environment=request.parallel_environment,
        project=request.project,
        user=request.submit.log_name,
    )
    found = []
    for host in places.declared(settings) or ("",):
        for queue in settings.queues:
            asked = not request.hard_queues or any(
                queue.name in match.queues(entry, settings, (host,)) for entry in request.hard_queues
            )
            if not asked or not places.has_queue(queue, host, settings):
                continue
            here = places.on_host(queue, host, settings)
            bounds = [
                term.limit // term.amount
                for term in terms.of(one, here, host, {})
                if term.amount
                and not (term.name in terms.supply.known and terms.supply.known[term.name].per_job)
            ]
            found.append(0.0 if terms.misfit(one, here, host) else min(bounds, default=float("inf")))
    return max(found, default=float("inf"))

"""What runs take of consumables and of quotas' shares, for qhost -F, qstat -F and qquota.

Must not know how it is shown.  Jobs that may not be read take nothing here.
"""

from __future__ import annotations

from gridcompat.commands import _listing, _requests
from gridcompat.options.terms import Asked, Terms
from gridcompat.settings import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gridcompat.commands.context import Context
    from gridcompat.options.terms import Term

_Stores = dict[tuple[str, ...], float]


def taken(context: Context) -> _Stores:
    """Return how much is taken from each store of `options.terms`, if the site gives anything out."""
    settings = context.settings
    given = (
        *(one.complex_values for one in settings.hosts),
        *(one.complex_values for one in settings.queues),
    )
    by_host = any(queue.per_host for queue in settings.queues)
    if not (any(given) or by_host or settings.resource_quotas):
        return {}
    found: _Stores = {}
    for term in debits(context, {}):
        found[term.key] = found.get(term.key, 0.0) + term.amount
    return found


def debits(context: Context, cpus: Mapping[str, float]) -> Iterator[Term]:
    """Yield what each run takes.

    Args:
        cpus: processors of hosts, for formulas.
    """
    settings = context.settings
    terms = Terms(settings)
    queues = {queue.name: queue for queue in settings.queues}
    for obj in _listing.objects(context):
        status = obj.get("status") or {}
        running = [run for run in status.get("running") or () if run.get("queue") in queues]
        if not running:
            continue
        request = _requests.of_object(obj)
        for run in running:
            slots, host = int(run.get("slots") or 1), run.get("host") or ""
            asked = Asked(
                wants=terms.supply.wants(request.hard_resources, slots),
                slots=slots,
                environment=request.parallel_environment,
                project=request.project,
                user=status.get("owner") or "",
                group=status.get("group") or "",
            )
            queue = places.on_host(queues[run["queue"]], host, settings)
            yield from terms.of(asked, queue, host, {"num_proc": cpus.get(host, float("inf"))})

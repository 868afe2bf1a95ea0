"""qselect: queue instances, chosen as qstat's queue switches choose them."""

from __future__ import annotations

from gridcompat.commands import _hosts, _listing, _qstat_queues, qstat
from gridcompat.output.usage import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qselect and return its exit status: 1 if no queue fits."""
    given = _listing.checked(_listing.scan("qselect", argv), usage("qselect"))
    if given.has("-help"):
        context.out(usage("qselect"))
        return 0
    qstat.check_queue_states(given)
    every = _hosts.instances(context, _hosts.hosts(context, ()))
    chosen = _qstat_queues.choose(context, given, every)
    for name in sorted(instance.name for instance in chosen or ()):
        context.out(f"{name}\n")
    return 0 if chosen else 1

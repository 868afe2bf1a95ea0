"""jstop: delete the job that `job` finds by its name."""

from __future__ import annotations

from gridcompat.commands import qdel
from gridcompat.commands._named import find
from gridcompat.output.messages import jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context


def run(context: Context, argv: list[str]) -> int:
    """Run `jstop NAME`: qdel's message and status, or 1 if there is no such job."""
    name = argv[0] if argv else ""
    row = find(context, name)
    if row is None:
        context.err(jobs.nothing_to_stop(name))
        return 1
    return qdel.run(context, [str(row.job_id)])

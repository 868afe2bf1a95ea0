"""The one job that `job` and `jstop` mean by a name: a running one first, then in the order of qstat.

Must not know what is done with it.
"""

from __future__ import annotations

from gridcompat.service import select

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context
    from gridcompat.translate.rows import Row


def find(context: Context, name: str) -> Row | None:
    """Return the row of the job of exactly that name, or None."""
    rows = [
        row for row in select.own_rows(context.cluster(), namespace=context.namespace) if row.name == name
    ]
    return min(rows, key=_order) if rows else None


def is_running(row: Row) -> bool:
    """Return whether `job` calls it running: any state with r or s in it, as the original did."""
    return "r" in row.state or "s" in row.state


def _order(row: Row) -> tuple[bool, bool, int, int]:
    """Held jobs come last in qstat, the others by falling priority, then by number."""
    return not is_running(row), "h" in row.state, -row.priority, row.job_id

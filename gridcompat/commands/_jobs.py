"""From the targets of a command line to job numbers, and to whose they are.

Shared by the commands that change jobs; prints nothing.
"""

from __future__ import annotations

from gridcompat.commands._main import means
from gridcompat.service import select
from gridcompat.service.orders import Caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands._targets import Target
    from gridcompat.commands.context import Context
    from gridcompat.service.means import Means
    from gridcompat.translate.rows import Row


class Jobs:
    """The caller's active jobs, listed once if a name asks for it."""

    def __init__(self, context: Context) -> None:
        """Begin; nothing is read yet."""
        self._context = context
        self._rows: list[Row] | None = None
        self.caller = Caller(
            user=context.user, host=context.host, now=context.now, namespace=context.namespace
        )
        self.means: Means = means(context)

    def rows(self) -> list[Row]:
        """The rows of the active jobs, by number."""
        if self._rows is None:
            self._rows = select.own_rows(self._context.cluster(), namespace=self._context.namespace)
        return self._rows

    def numbers(self, target: Target) -> list[int]:
        """The numbers a target means; a number is not looked up, a name may mean none or several."""
        if target.number is not None:
            return [target.number]
        return select.ids_named(self.rows(), target.word)

    def is_foreign(self, number: int) -> bool:
        """Whether an active job of that number belongs to somebody else."""
        return select.is_foreign(self._context.cluster(), number, namespace=self._context.namespace)

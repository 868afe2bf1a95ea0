"""From the targets of a command line to job numbers, and to whose they are; and the course of a change.

Shared by the commands that change jobs.  Must not know what is changed, nor the words for it.
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


class Change:
    """One run of a command over its targets: says what it did, and remembers whether anything failed."""

    def __init__(self, context: Context) -> None:
        """Begin; nothing is read yet."""
        self._context = context
        self._jobs = Jobs(context)
        self._status = 0
        self._wrote = False

    def _say(self, line: str) -> None:
        self._context.out(line + "\n")

    def _refuse(self, line: str) -> None:
        self._say(line)
        self._status = 1

    def _ended(self) -> int:
        """Tell that something was written, if so; return the exit status."""
        if self._wrote:
            self._context.wrote()
        return self._status

"""qrsub: advance reservations, which nobody may make here, in the grid's words for who may not."""

from __future__ import annotations

from gridcompat.errors import UsageError
from gridcompat.options import help as option_help
from gridcompat.options import scan
from gridcompat.output.messages.usage import NO_ARGUMENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context

DENIED = 'denied: "%s" must be manager or in userset "arusers"\n'


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qrsub and return its exit status."""
    scanned = scan.scan("qrsub", argv, now=context.now)
    if any(occurrence.switch == "-help" for occurrence in scanned.occurrences):
        context.out(option_help.text("qrsub"))
        return 0
    if not argv:
        raise UsageError(option_help.text("qrsub") + NO_ARGUMENT, exit_status=1)
    context.out(DENIED % context.user)
    return 1

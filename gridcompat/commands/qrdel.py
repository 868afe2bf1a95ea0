"""qrdel: advance reservations, which nobody has here, in the grid's words for who may not have them."""

from __future__ import annotations

from gridcompat.commands import _listing
from gridcompat.commands.qrsub import DENIED
from gridcompat.errors import UsageError
from gridcompat.options import help as option_help

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qrdel and return its exit status."""
    text = option_help.text("qrdel")
    given = _listing.scan("qrdel", argv)
    if given.stray is not None and given.stray[:1] == "-":
        raise UsageError(f'{text}error: invalid option argument "{given.stray}"', exit_status=1)
    if given.has("-help"):
        context.out(text)
        return 0
    if given.missing or (given.stray is None and not given.has("-u")):
        raise UsageError(f"{text}ERROR! no option argument", exit_status=1)
    context.out(DENIED % context.user)
    return 1

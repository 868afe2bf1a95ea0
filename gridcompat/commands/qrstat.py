"""qrstat: advance reservations, of which there are none."""

from __future__ import annotations

from gridcompat.commands import _listing
from gridcompat.errors import UsageError
from gridcompat.options import help as option_help
from gridcompat.output.xml import DECLARATION, element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context

XML_ROOT = (
    '<qrstat xmlns:xsd="http://arc.liv.ac.uk/repos/darcs/sge/source/dist/util/resources/schemas/qrstat/'
    'qrstat.xsd">\n'
)


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qrstat and return its exit status: 1 if a reservation was asked for by number."""
    given = _listing.scan("qrstat", argv)
    if (given.stray is not None and given.stray[:1] != "-") or given.has("-terse"):
        # The grid's qrstat lists -terse and does not know it.
        context.out(option_help.text("qrstat"))
        raise UsageError("error: too many options", exit_status=1)
    _listing.checked(given, "", prefix="error: ")
    if given.has("-help"):
        context.out(option_help.text("qrstat"))
        return 0
    numbers = given.words("-ar")
    if given.has("-xml"):
        unknown = "".join(
            f"   <ar_unknown>\n{element(6, 'id', number)}   </ar_unknown>\n" for number in numbers
        )
        context.out(f"{DECLARATION}{XML_ROOT}{unknown}</qrstat>\n")
    elif numbers:
        context.out(f"Following advance reservations do not exist:\n{', '.join(numbers)}\n")
    return 1 if numbers else 0

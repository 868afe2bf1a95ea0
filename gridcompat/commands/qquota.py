"""qquota: resource quota sets, of which there are none; so there is nothing to show, as on such a grid."""

from __future__ import annotations

from gridcompat.commands import _listing
from gridcompat.options import help as option_help

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context

EMPTY_XML = (
    "<?xml version='1.0'?>\n<qquota_result xmlns=\"http://arc.liv.ac.uk/repos/darcs/sge/source/source/dist/util/"
    'resources/schemas/qquota/qquota.xsd">\n</qquota_result>\n'
)


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qquota and return its exit status."""
    text = option_help.text("qquota")
    given = _listing.checked(_listing.scan("qquota", argv), text, prefix="error: ")
    if given.has("-help"):
        context.out(text)
    elif given.has("-xml"):
        context.out(EMPTY_XML)
    return 0

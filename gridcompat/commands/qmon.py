"""qmon: windows, which there are none of here; see `_elsewhere`."""

from __future__ import annotations

from gridcompat.commands import _elsewhere

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qmon and return its exit status."""
    return _elsewhere.run(context, argv, "qmon")

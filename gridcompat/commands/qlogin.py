"""qlogin: login sessions, which there are none of here; see `_interactive`."""

from __future__ import annotations

from gridcompat.commands import _interactive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qlogin and return its exit status."""
    return _interactive.run(context, argv, "qlogin")

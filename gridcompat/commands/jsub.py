"""jsub: submit a program the way Toolforge did."""

from __future__ import annotations

from gridcompat.commands import _jsub

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context


def run(context: Context, argv: list[str]) -> int:
    """Run `jsub ARGV` and return its exit status."""
    return _jsub.run(context, argv, command="jsub")

"""qhold: set holds on jobs and tasks."""

from __future__ import annotations

from gridcompat.commands import _hold

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context


def run(context: Context, argv: list[str]) -> int:
    """Run `qhold ARGV` and return its exit status."""
    return _hold.run(context, argv, command="qhold", release=False)

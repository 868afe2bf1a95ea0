"""qcronsub: submit a program unless a job of its name is active."""

from __future__ import annotations

from gridcompat.commands import _jsub

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context


def run(context: Context, argv: list[str]) -> int:
    """Run `qcronsub ARGV` and return its exit status."""
    return _jsub.run(context, argv, command="qcronsub")

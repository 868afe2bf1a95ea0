"""qsub: submit a script or a command."""

from __future__ import annotations

from gridcompat.commands._main import parsing_context
from gridcompat.commands._submission import carry_out
from gridcompat.options import build
from gridcompat.options.context import WarnedRefusal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context


def run(context: Context, argv: list[str]) -> int:
    """Run `qsub ARGV` and return its exit status."""
    try:
        parsed = build.qsub(argv, context=parsing_context(context))
    except WarnedRefusal as refusal:
        for warning in refusal.warnings:
            context.out(f"{warning}\n")
        raise
    return carry_out(context, parsed)

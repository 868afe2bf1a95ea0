"""qmake, qmon and qtcsh: programs around the grid that are not made again; each names what does its work."""

from __future__ import annotations

from gridcompat.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context

REASONS = {
    "qmake": "a make is not spread over hosts here; instead: qsub -sync y -b y -cwd -pe smp 4 make -j 4",
    "qmon": "there are no windows here; instead: qstat -f, qhost -q, qconf -sq",
    "qtcsh": "no shell sends commands to the grid here; instead: tcsh, and qsub -sync y -b y COMMAND in it",
}
STATUSES = {"qmake": 2}
"""make's own status of an error; 1 for the others."""


def run(context: Context, argv: Sequence[str], command: str) -> int:
    """Print help; refuse everything else.

    Raises:
        UsageError: what to use instead.
    """
    reason = f"{command}: {REASONS[command]}"
    if "-help" in argv:
        context.out(f"SGE 8.1.9\nusage: {command}\n{reason}\n")
        return 0
    raise UsageError(reason, exit_status=STATUSES.get(command, 1))

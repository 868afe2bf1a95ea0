"""qrsh, qlogin and qsh: read as the grid's are, then refused with what to type instead.

A batch job has no terminal and no connection to whoever submitted it.  Must not know the cluster.
"""

from __future__ import annotations

from gridcompat.errors import UsageError
from gridcompat.options import help as option_help
from gridcompat.options import scan, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context

ONLY_INTERACTIVE = ("-now", "-b", "-pty", "-display", "-inherit", "-noshell", "-nostdin", "-verbose")
"""What the line that is offered instead leaves out."""
NOT_IN_A_JOB = 'error: "qrsh" called with option "-inherit", but "JOB_ID" not set in environment'
NO_WORDS = "error: Unknown option script"
NO_DISPLAY = "error: no DISPLAY variable found with interactive job "


def run(context: Context, argv: Sequence[str], command: str) -> int:
    """Print help; refuse everything else.

    Raises:
        UsageError: the grid's words for a mistake, otherwise the refusal; status 1.
    """
    try:
        scanned = scan.words(
            argv, origin="command line", place=table.COMMAND_LINE, now=context.now, command=command
        )
    except scan.BadWord as bad:
        raise UsageError(f"error: {bad.text}", exit_status=1) from bad
    switches = [occurrence.switch for occurrence in scanned.occurrences]
    if "-help" in switches:
        context.out(option_help.text(command))
        return 0
    if "-inherit" in switches and not context.environ.get("JOB_ID"):
        raise UsageError(NOT_IN_A_JOB, exit_status=1)
    if scanned.operands and command != "qrsh" and not scanned.separator:
        raise UsageError(NO_WORDS, exit_status=1)
    if command == "qsh" and "-display" not in switches and not context.environ.get("DISPLAY"):
        raise UsageError(NO_DISPLAY, exit_status=1)
    if "-inherit" in switches:
        words = _typed(scanned.operands[1:])
        raise UsageError(
            f"qrsh: all slots of a job are on its host; instead: {words or 'COMMAND'}", exit_status=1
        )
    raise UsageError(f"{command}: a job has no terminal here; instead: {_instead(scanned)}", exit_status=1)


def _instead(scanned: scan.Scanned) -> str:
    kept: list[str] = []
    for occurrence in scanned.occurrences:
        if occurrence.switch not in ONLY_INTERACTIVE and table.find("qsub", occurrence.switch):
            kept += (occurrence.switch, *occurrence.words)
    words = _typed(("qsub", "-sync", "y", "-b", "y", *kept))
    return f"{words} {_typed(scanned.operands) or 'COMMAND'}, which leaves its output in a file"


def _typed(words: Sequence[str]) -> str:
    """Return words as a shell reads them, in one line."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    plain = word and all(letter.isalnum() or letter in "@%+=:,./-_" for letter in word)
    if plain:
        return word
    return "'" + word.replace("'", "'\"'\"'").replace("\n", " ") + "'"

"""Occurrences of switches to a Submission: the order of the sources and how repeats merge.

Must not know how a submission is stored, nor print anything.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.options.context import Context, Parsed


def qsub(argv: Sequence[str], *, context: Context) -> Parsed:
    """Read a whole qsub command line (without the program's name) and return what it asks for.

    Reads, in rising order of weight: `.sge_request` of the home and of the working directory, the
    directives of the script, the command line.  The script comes from the reader: a file, or
    standard input when no script was named.  Resources, queues and names are checked against the
    settings as the grid's master checks them.

    The caller prints `warnings` on stdout and `notes` on stderr, then: `help` → print it, status 0;
    `verify` → print the request, status 0; `w` v or p → say `unsuitable`, submit nothing;
    otherwise resolve `-hold_jid` (`predecessors_requested`) and submit.

    Raises:
        UsageError: the command line or a directive is wrong; `message` whole as qsub prints it on
            stderr, `exit_status` 2, 4, 5, 7 or 14.
        Refused: what the grid's master refuses; `message` is the text inside the frame
            `Unable to run job: MESSAGE` / `Exiting.`, status 1.
        GridError: something that cannot be done here and for which the grid has no words.
    """
    raise NotImplementedError

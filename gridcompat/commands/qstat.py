"""qstat: jobs and queues, as tables, as text of one job, or as XML.

The everyday call asks for printer columns and prints them; everything else is imported when a
switch wants it.
"""

from __future__ import annotations

from gridcompat.commands import _listing
from gridcompat.errors import UsageError
from gridcompat.output import qstat as text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands._listing import Given
    from gridcompat.commands._qstat_rows import States
    from gridcompat.commands.context import Context

QUEUE_STATES = "acdosuACDES"


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qstat and return its exit status."""
    if not argv and not _listing.request_words(context, ".sge_qstat"):
        rows = text.ordered(_listing.listed(context, _listing.users(context, ())), context.now)
        context.out(text.listing(rows, context.now))
        return 0
    return _other(context, argv)


def _other(context: Context, argv: Sequence[str]) -> int:
    from gridcompat.commands import _qstat_rows
    from gridcompat.output.usage import usage

    words = [*_listing.request_words(context, ".sge_qstat"), *argv]
    given = _listing.checked(_listing.scan("qstat", words), usage("qstat"))
    if given.has("-help"):
        context.out(usage("qstat"))
        return 0
    states = _states(given, usage("qstat"))
    grouping = _grouping(given)
    check_queue_states(given)
    if given.has("-j"):
        from gridcompat.commands import _qstat_job

        return _qstat_job.run(context, given)
    if _needs_queues(given, grouping):
        from gridcompat.commands import _qstat_queues

        return _qstat_queues.run(context, given, states=states, grouping=grouping)
    rows = text.ordered(_qstat_rows.selected(context, given, states), context.now)
    return _qstat_rows.show(context, given, rows, view=_qstat_rows.view(given, grouping))


def _needs_queues(given: Given, grouping: str) -> bool:
    """Whether queues and hosts decide what is shown, or in which order."""
    return bool(grouping) or given.has("-f", "-F", "-explain", "-q", "-l", "-pe", "-qs", "-U", "-urg")


HOLD_KINDS = "usodja"
"""Letters behind h of -s in the one order in which the grid reads several without a letter between."""


def _states(given: Given, usage: str) -> States:
    """Read -s, the last one.

    Raises:
        UsageError: a letter that it has not.
    """
    from gridcompat.commands._qstat_rows import ALL, States

    word = given.last("-s")
    if word is None:
        return ALL
    seen: set[str] = set()
    holds: set[str] = set()
    reached = -1
    at = 0
    while at < len(word):
        letter, kind = word[at], HOLD_KINDS.find(word[at + 1 : at + 2] or " ")
        at += 1
        if letter == "h" and kind > reached:
            holds.add(word[at])
            reached = kind
            at += 1
            continue
        reached = -1
        if letter == "h" and (kind < 0 or word[at] in "sa"):
            holds.update(HOLD_KINDS)
        elif letter in "prsza":
            seen.update("prs" if letter == "a" else letter)
        else:
            raise UsageError(f"{usage}ERROR! wrong argument to -s option", exit_status=1)
    return States(
        pending="p" in seen or bool(holds),
        running="r" in seen,
        suspended="s" in seen,
        finished="z" in seen,
        holds=frozenset(holds),
    )


def _grouping(given: Given) -> str:
    """Return the letters of all -g.

    Raises:
        UsageError: a letter that it has not.
    """
    letters = "".join(given.words("-g"))
    for letter in letters:
        if letter not in "cdt":
            raise UsageError(f"wrong character '{letter}' for -g option", exit_status=1)
    return letters


def check_queue_states(given: Given) -> None:
    """Check the letters of -qs and -explain.

    Raises:
        UsageError: one that does not exist.
    """
    for switch in ("-qs", "-explain"):
        word = given.last(switch) or ""
        for letter in word:
            if letter not in QUEUE_STATES or (switch == "-explain" and letter not in "acAE"):
                problem = f"unknown queue state: {letter} found in string: {word}"
                raise UsageError(f"error: {problem}\n{problem}", exit_status=1)

"""Expressions of the grid: `!`, `&`, `|` and parentheses over patterns, and the entries of -q.

Pure text; see sge_types(5), MATCHING TYPES.  Must not know what the names are names of, but for queues.
"""

from __future__ import annotations

from gridcompat.patterns import matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gridcompat.settings import Settings

_MOST_NESTED = 12
"""Parentheses deeper than this fit nothing; people write two."""
MOST_LETTERS = 1024
"""An expression that is longer fits nothing: whoever reads it shall not spend minutes on it."""


def is_expression(text: str) -> bool:
    """Say whether a text is more than a plain name."""
    return any(letter in text for letter in "*?[]!&|()")


def expression(name: str, wanted: str) -> bool:
    """Say whether a name fits a boolean expression of patterns.

    Source: sge_types(5), expression.
    """
    return len(wanted) <= MOST_LETTERS and _holds(wanted, lambda part: matches(part, name))


def _holds(wanted: str, fits: Callable[[str], bool], depth: int = 0) -> bool:
    """Evaluate an expression; `|` binds less than `&`, as everywhere."""
    if depth > _MOST_NESTED:
        return False
    for operator, combine in (("|", any), ("&", all)):
        parts = _parts(wanted, operator)
        if not all(parts[1:-1]):  # `a||b` is none (tried)
            return False
        if len(parts) > 1:
            return combine(_holds(part, fits, depth + 1) for part in parts)
    if wanted[:1] == "!":
        return not _holds(wanted[1:], fits, depth + 1)
    if wanted[:1] == "(" and wanted[-1:] == ")":
        return _holds(wanted[1:-1], fits, depth + 1)
    # Operators elsewhere are faults, brackets or not: `n[!a]` fits nothing (tried).
    return not any(letter in wanted for letter in "!()") and fits(wanted)


def _parts(wanted: str, operator: str) -> list[str]:
    """Split at an operator that stands in no parentheses."""
    if operator not in wanted:
        return [wanted]
    parts = [""]
    depth = 0
    for letter in wanted:
        depth += (letter == "(") - (letter == ")")
        if letter == operator and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def queues(wanted: str, settings: Settings, hosts: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the cluster queues that an entry of -q fits, on any host.

    The entry is QUEUE, QUEUE@HOST or QUEUE@@GROUP, each part a name or an expression.  All hosts are in
    all host groups.

    Source: sge_types(5), wc_queue.
    """
    queue, at, place = wanted.partition("@")
    if at and not _placed(place, settings, hosts):
        return ()
    return tuple(known.name for known in settings.queues if expression(known.name, queue))


def _placed(place: str, settings: Settings, hosts: Iterable[str]) -> bool:
    """Say whether HOST or @GROUP of a queue entry is anywhere."""
    if place[:1] == "@":
        return any(expression(group[1:], place[1:]) for group in settings.host_groups)
    if not is_expression(place):
        return any(_same_host(host, place) for host in hosts)
    return any(expression(host, place) for host in hosts)


def _same_host(host: str, typed: str) -> bool:
    lowered = typed.lower()
    return lowered in (host.lower(), host.partition(".")[0].lower(), "localhost")

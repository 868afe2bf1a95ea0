"""What becomes of each switch of a command line: its verdict, why, and which other switch took its place.

Pure: a reading goes in, rows come out, and `explain` shows them.  Must not know terminals.
"""

from __future__ import annotations

from gridcompat.model import Submission
from gridcompat.options import table
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gridcompat.errors import GridError
    from gridcompat.model import JobRequest
    from gridcompat.options.scan import Occurrence

VERDICTS = (table.OBEYED, table.APPROXIMATED, table.NO_EFFECT, table.REFUSED)
_HARMLESS = frozenset((("-now", False), ("-c", "n")))
"""(switch, value) of refused switches that ask for nothing."""


@record
class Reading:
    """What a command line turned out to mean."""

    occurrences: tuple[Occurrence, ...]
    submission: Submission | None = None
    operands: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    help: str = ""
    """The line only asks for this."""
    error: GridError | None = None
    """Why the command would not do it."""


@record
class Verdict:
    """One switch."""

    switch: str
    words: tuple[str, ...]
    origin: str
    """"command line", or PATH:LINE."""
    place: str
    """One of the values of `table.PLACES`."""
    verdict: str
    reason: str
    """What became of it, or why not; never empty."""
    fate: str = "used"
    """used, overridden or cleared."""
    by: str = ""
    """Origin of the switch that overrode or cleared it."""
    field: str = ""
    """The field of the request that it went into."""
    value: str = ""
    """What that field holds."""


def verdicts(command: str, reading: Reading) -> list[Verdict]:
    """Return a row for each switch, in rising order of weight."""
    return [_verdict(command, one, at, reading) for at, one in enumerate(reading.occurrences)]


def counts(rows: Sequence[Verdict]) -> dict[str, int]:
    """Return how many switches have each verdict."""
    return {verdict: sum(row.verdict == verdict for row in rows) for verdict in VERDICTS}


def exit_status(rows: Sequence[Verdict], reading: Reading) -> int:
    """Return 1 for a refused switch, and the command's own status where it would not take the line."""
    if reading.error is not None:
        return reading.error.exit_status
    return 1 if any(row.verdict == table.REFUSED and row.fate == "used" for row in rows) else 0


def _verdict(command: str, occurrence: Occurrence, at: int, reading: Reading) -> Verdict:
    """Return the verdict on a switch and what became of it."""
    option = table.find(command, occurrence.switch) or table.find("qsub", occurrence.switch)
    later = reading.occurrences[at + 1 :]
    verdict, reason, fate, by, field, value = (
        table.NO_EFFECT,
        f"means nothing to {command}",
        "used",
        "",
        "",
        "",
    )
    if option is not None:
        verdict, reason = option.verdict, option.help
        if verdict == table.REFUSED and (occurrence.switch, _asked(occurrence)) in _HARMLESS:
            verdict, reason = table.OBEYED, "asks for what is done anyway"
        cleared = next((other for other in later if other.switch == "-clear"), None)
        other = next((other for other in reversed(later) if other.switch == occurrence.switch), None)
        if cleared is not None:
            fate, by = "cleared", cleared.origin
            reason = f"cleared by -clear ({by})"
        elif option.merge == "replace" and other is not None:
            fate, by = "overridden", other.origin
            reason = f"overridden ({by})"
        elif verdict == table.OBEYED and reading.submission is not None and option.target:
            field, value = _field(option.target, occurrence, reading.submission.request)
            reason = f"{field} = {value}"
    return Verdict(
        switch=occurrence.switch,
        words=occurrence.words,
        origin=occurrence.origin,
        place=table.PLACES.get(occurrence.place, "command line"),
        verdict=verdict,
        reason=reason,
        fate=fate,
        by=by,
        field=field,
        value=value,
    )


def _asked(occurrence: Occurrence) -> object:
    """What a refused switch asks for, with yes and no as truth values."""
    word = occurrence.words[0].lower() if occurrence.words else ""
    return False if occurrence.switch == "-now" and word in ("n", "no") else word


def _field(target: str, occurrence: Occurrence, request: JobRequest) -> tuple[str, str]:
    """Return the field of the request that a switch went into, and its value."""
    if occurrence.soft and target.startswith("hard_"):
        target = target.replace("hard_", "soft_")
    return target, _shown(getattr(request, target, None))


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_pair(item) for item in value)
    return str(value)


def _pair(item: Any) -> str:
    if isinstance(item, tuple):
        return "=".join(str(part) for part in item if part != "")
    return str(item)

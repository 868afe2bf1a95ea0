"""A command line explained, as text for people and as JSON for programs. Pure: rows in, text out."""

from __future__ import annotations

import json
import textwrap

from gridcompat.cli._terminal import cells, cut, pad, safe
from gridcompat.cli._verdicts import counts
from gridcompat.options import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from gridcompat.cli._terminal import Paint
    from gridcompat.cli._verdicts import Reading, Verdict

VERSION = 1
"""Of the JSON; a field that goes or changes its meaning raises it, a new field does not."""
STYLES = {table.OBEYED: "green", table.APPROXIMATED: "yellow", table.NO_EFFECT: "cyan", table.REFUSED: "red"}
NARROW = 24
"""A reason gets at least so many columns; otherwise it stands below its switch."""
GAP = "  "


def as_text(reading: Reading, rows: Sequence[Verdict], *, paint: Paint, width: int | None) -> str:
    """Return one aligned line for each switch, then what is left (the job, the operands), then the sum.

    Args:
        width: columns of the terminal; None does not break lines.
    """
    lines = _table(rows, paint, width)
    if reading.submission is not None:
        request = reading.submission.request
        words = safe(" ".join((request.script_file, *request.arguments)))
        lines.append(f"job {safe(request.name)!r}: {words}")
    if reading.operands:
        lines.append(f"operands: {safe(' '.join(reading.operands))}")
    if reading.help:
        lines.append("only prints its help")
    lines.append(paint(summary(rows), "bold"))
    return "".join(f"{line}\n" for line in lines)


def summary(rows: Sequence[Verdict]) -> str:
    """Return `3 switches: 2 obeyed, 1 refused`."""
    found = [f"{count} {verdict}" for verdict, count in counts(rows).items() if count]
    number = f"{len(rows)} switch{'' if len(rows) == 1 else 'es'}" if rows else "no switches"
    return f"{number}: {', '.join(found)}" if found else number


def _table(rows: Sequence[Verdict], paint: Paint, width: int | None) -> list[str]:
    shown = [(safe(" ".join((row.switch, *row.words))), safe(row.origin), row.verdict) for row in rows]
    widths = [max((cells(row[column]) for row in shown), default=0) for column in range(3)]
    if width is not None:
        # What was typed and where it stood may be of any length; the reason needs room too.
        widths[0], widths[1] = min(widths[0], width * 2 // 5), min(widths[1], width // 4)
    lines = []
    for (typed, origin, verdict), row in zip(shown, rows, strict=True):
        if width is not None and cells(origin) > widths[1]:
            origin = "…" + origin[1 - widths[1] :]  # the end has the line
        left = GAP.join((pad(cut(typed, widths[0]), widths[0]), pad(origin, widths[1])))
        reason = safe(row.reason)
        colored = paint(verdict, STYLES[verdict])
        verdict_column = colored + " " * (widths[2] - len(verdict))
        indent = sum(widths) + 3 * len(GAP)
        if width is None:
            lines.append(GAP.join((left, verdict_column, reason)).rstrip())
        elif width - indent >= NARROW:
            first, *more = textwrap.wrap(reason, width - indent) or [""]
            lines.append(GAP.join((left, verdict_column, first)).rstrip())
            lines += [" " * indent + line for line in more]
        else:
            lines.append(GAP.join((left, colored)))
            lines += ["    " + line for line in textwrap.wrap(reason, width - 4)]
    return lines


def as_json(
    command: str, words: Sequence[str], reading: Reading, rows: Sequence[Verdict], status: int
) -> str:
    """Return the document that `_shapes.EXPLAIN` describes."""
    error = reading.error
    document = {
        "version": VERSION,
        "command": command,
        "words": list(words),
        "switches": [_switch(row) for row in rows],
        "job": _job(reading),
        "operands": list(reading.operands),
        "help": bool(reading.help),
        "warnings": list(reading.warnings),
        "summary": {verdict.replace(" ", "_"): count for verdict, count in counts(rows).items()},
        "error": None if error is None else {"message": error.message, "exit_status": error.exit_status},
        "exit_status": status,
    }
    return json.dumps(document, indent=2) + "\n"


def _switch(row: Verdict) -> dict[str, Any]:
    return {
        "switch": row.switch,
        "words": list(row.words),
        "origin": {"place": row.place, **_position(row.origin)},
        "verdict": row.verdict.replace(" ", "_"),
        "reason": row.reason,
        "fate": row.fate,
        "by": _position(row.by) if row.by else None,
        "field": row.field or None,
        "value": row.value if row.field else None,
    }


def _position(origin: str) -> Mapping[str, object]:
    path, colon, line = origin.rpartition(":")
    return {"file": path, "line": int(line)} if colon and line.isdecimal() else {"file": None, "line": None}


def _job(reading: Reading) -> dict[str, Any] | None:
    if reading.submission is None:
        return None
    request = reading.submission.request
    return {"name": request.name, "script": request.script_file, "arguments": list(request.arguments)}

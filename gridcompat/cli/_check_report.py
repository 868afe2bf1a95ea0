"""What `gridcompat check` says: lines for people, JSON for programs. Pure: results in, text out."""

from __future__ import annotations

import json

from gridcompat.cli import _checked
from gridcompat.cli._judged import DEPENDS, DIFFERENT, NOTE, REFUSED, SAME
from gridcompat.cli._terminal import cut, safe

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from gridcompat.cli._checked import File, Judged, Line
    from gridcompat.cli._judged import Reason
    from gridcompat.cli._terminal import Paint

VERSION = 1
"""Of the JSON; a field that goes or changes its meaning raises it, a new field does not."""
STYLES = {
    _checked.NONE: "dim",
    SAME: "green",
    DEPENDS: "yellow",
    DIFFERENT: "yellow",
    _checked.UNREAD: "red",
    REFUSED: "red",
}
WORDS = {_checked.NONE: "no grid"}
"""Outcomes that are called otherwise in text."""
_WIDEST = max(len(outcome) for outcome in _checked.OUTCOMES)


def word(outcome: str) -> str:
    """Return an outcome as people read it."""
    return WORDS.get(outcome, outcome)


def as_text(files: Sequence[File], *, paint: Paint, width: int | None) -> str:
    """Return one line for each line of each file with its reasons below it, then the sums."""
    parts: list[str] = []
    for file in files:
        parts.append(paint(f"{safe(file.path)} ({file.kind})", "bold"))
        digits = max((len(str(line.line)) for line in file.lines), default=1)
        for line in file.lines:
            parts += _line(line, digits, paint, width)
        parts += [f"note: {safe(note)}" for note in file.notes]
        parts.append(paint(f"{safe(file.path)}: {summary(file.counts())}", "bold"))
        parts.append("")
    if len(files) > 1:
        parts.append(paint(f"{len(files)} files: {summary(_checked.counts(files))}", "bold"))
    return "\n".join(parts).rstrip("\n") + "\n"


def summary(found: Mapping[str, int]) -> str:
    """Return `12 lines: 9 same, 1 refused, 2 no grid`."""
    total = sum(found.values())
    order = (SAME, DEPENDS, DIFFERENT, REFUSED, _checked.UNREAD, _checked.NONE)
    named = ", ".join(f"{found[outcome]} {word(outcome)}" for outcome in order if found[outcome])
    lines = f"{total} line{'' if total == 1 else 's'}"
    return f"{lines}: {named}" if named else lines


def _line(line: Line, digits: int, paint: Paint, width: int | None) -> Iterator[str]:
    left = f"{line.line:>{digits + 2}}  "
    outcome = word(line.outcome)
    colored = paint(outcome, STYLES[line.outcome]) + " " * (_WIDEST - len(outcome))
    text = safe(line.text.strip())
    indent = len(left) + _WIDEST + 2
    yield f"{left}{colored}  {text if width is None else cut(text, max(width - indent, 20))}".rstrip()
    for reason in line.reasons:
        if reason.text:
            yield f"{' ' * indent}{_reason(reason)}"
    for one in line.calls:
        name = f"{one.call.command}: " if len(line.calls) > 1 else ""
        for reason in one.judgement.reasons:
            yield f"{' ' * indent}{safe(name)}{_reason(reason)}"


def _reason(reason: Reason) -> str:
    """Return a reason with the switch it is about, and where that stood if not on the line."""
    where = f" ({reason.origin})" if ":" in reason.origin else ""
    before = f"{reason.switch}{where}: " if reason.switch else ""
    return safe(f"{before}{'note: ' if reason.outcome == NOTE else ''}{reason.text}")


def as_json(files: Sequence[File], status: int) -> str:
    """Return the document that `_shapes.CHECK` describes."""
    document = {
        "version": VERSION,
        "files": [
            {
                "path": file.path,
                "kind": file.kind.replace(" ", "_"),
                "lines": [_line_of(line) for line in file.lines],
                "notes": list(file.notes),
                "summary": file.counts(),
            }
            for file in files
        ],
        "summary": _checked.counts(files),
        "exit_status": status,
    }
    return json.dumps(document, indent=2) + "\n"


def _line_of(line: Line) -> dict[str, Any]:
    return {
        "line": line.line,
        "text": line.text,
        "user": line.user or None,
        "outcome": line.outcome,
        "calls": [_call_of(one) for one in line.calls],
        "reasons": [_reason_of(reason) for reason in line.reasons if reason.text],
    }


def _call_of(one: Judged) -> dict[str, Any]:
    call, judgement = one.call, one.judgement
    return {
        "command": call.command,
        "typed": call.typed,
        "words": list(one.words),
        "line": call.line,
        "outcome": judgement.outcome,
        "job": judgement.job or None,
        "unread": judgement.unread or None,
        "reasons": [_reason_of(reason) for reason in judgement.reasons],
    }


def _reason_of(reason: Reason) -> dict[str, Any]:
    return {
        "outcome": reason.outcome,
        "switch": reason.switch or None,
        "origin": reason.origin or None,
        "text": reason.text,
    }

"""Crontabs and scripts, gone through line by line: each line with its calls and what becomes of them.

Takes text, asks `migration` where the calls are and a `Judge` about each.  Reads no file by itself, prints
nothing.
"""

from __future__ import annotations

import os

from gridcompat.cli import _judged
from gridcompat.cli._judged import NOTE, Judgement, Reason
from gridcompat.migration import calls, crontab, files
from gridcompat.migration.calls import Call
from gridcompat.options import directives, table
from gridcompat.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from gridcompat.cli._judged import Judge
    from gridcompat.migration.crontab import Entry
    from gridcompat.migration.files import Disk

NONE, UNREAD = "none", "unread"
OUTCOMES = (NONE, _judged.SAME, _judged.DEPENDS, _judged.DIFFERENT, UNREAD, _judged.REFUSED)
"""From the least to the worst. none: the line calls nothing of the grid; unread: nobody can say."""
CRONTAB, SYSTEM, SCRIPT = "crontab", "system crontab", "script"
PATH_OF_CRON = "/usr/bin:/bin"
_SHELLS = frozenset(("sh", "bash", "dash", "ksh", "ksh93", "mksh", "zsh", "ash"))


@record
class Judged:
    """A call and what becomes of it."""

    call: Call
    words: tuple[str, ...]
    """As typed, without quotes."""
    judgement: Judgement


@record
class Line:
    """One line of a file."""

    line: int
    text: str
    outcome: str
    user: str = ""
    calls: tuple[Judged, ...] = ()
    reasons: tuple[Reason, ...] = ()
    """That belong to no call."""


@record
class File:
    """What becomes of one file."""

    path: str
    kind: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many lines have each outcome."""
        return {outcome: sum(line.outcome == outcome for line in self.lines) for outcome in OUTCOMES}


def counts(files: Iterable[File]) -> dict[str, int]:
    """Return how many lines of all files have each outcome."""
    every = [file.counts() for file in files]
    return {outcome: sum(one[outcome] for one in every) for outcome in OUTCOMES}


def of_crontab(path: str, text: str, *, system: bool, judge_of: Callable[[str], Judge], owner: str) -> File:
    """Return what becomes of each line of a crontab.

    Args:
        path: its name, for the result.
        text: of the file.
        system: a user stands before each command.
        judge_of: returns the judge for an account.
        owner: account of a crontab without users.
    """
    lines: list[Line] = []
    notes: list[str] = []
    for found in crontab.read(text, system=system):
        if isinstance(found, crontab.Faulty):
            reason = Reason(outcome=UNREAD, text=f"cron cannot read it: {found.fault}")
            lines.append(Line(line=found.line, text=found.text, outcome=UNREAD, reasons=(reason,)))
        elif isinstance(found, crontab.Entry):
            lines.append(_entry(found, judge_of(found.user or owner)))
    if text and not text.endswith("\n"):
        notes.append("there is no newline at the end; Debian's cron does not take such a file")
    if "\r\n" in text:
        notes.append("lines end with a carriage return, which the shell takes for a part of the last word")
    return _file(path, SYSTEM if system else CRONTAB, lines, notes)


def _entry(entry: Entry, judge: Judge) -> Line:
    context = judge.context
    environment = {
        "HOME": context.home,
        "LOGNAME": context.user,
        "SHELL": "/bin/sh",
        "PATH": PATH_OF_CRON,
        **dict(entry.environment),
    }
    reasons: list[Reason] = []
    judged: list[Judged] = []
    shell = environment["SHELL"].rpartition("/")[2]
    if shell in _SHELLS:
        found = calls.find(
            entry.command,
            line=entry.line,
            environment=environment,
            cwd=environment["HOME"],
            stdin=entry.stdin,
            unknowns=judge.unknowns,
        )
        judged, reasons = _judged_calls(found, judge)
    elif calls.mentions(entry.command):
        reasons.append(Reason(outcome=UNREAD, text=f"SHELL is {shell}, which is not read here"))
    if len(entry.command) > crontab.LONGEST and (judged or reasons):
        reasons.append(Reason(outcome=NOTE, text="longer than Debian's cron takes (998 letters)"))
    return _line(entry.line, entry.text, judged, reasons, user=entry.user)


def _judged_calls(found: Iterable[Call | calls.Finding], judge: Judge) -> tuple[list[Judged], list[Reason]]:
    judged: list[Judged] = []
    reasons: list[Reason] = []
    for one in found:
        if isinstance(one, Call):
            judged.append(_judged_call(one, judge))
        elif one.kind == "settings":
            reasons += _of_settings(one, judge)
        else:
            reasons.append(Reason(outcome=UNREAD, text=one.text, origin=str(one.line)))
    return judged, reasons


def _of_settings(found: calls.Finding, judge: Judge) -> Iterator[Reason]:
    """What reading a grid's settings.sh comes to: it decides which commands are found below."""
    if judge.identify is None or not os.path.isabs(found.text):
        text = f"reads {found.text}, which must be that of these commands (gridcompat install)"
        yield Reason(outcome=NOTE, text=text, origin=str(found.line))
        return
    try:
        ours = files.speaks_of_us(judge.disk.content(found.text))
        text = "" if ours else f"{found.text} leads to other commands than these"
    except (OSError, ValueError) as error:
        text = f"{found.text} cannot be read ({getattr(error, 'strerror', None) or error})"
    if text:
        yield Reason(outcome=_judged.DIFFERENT, text=text, origin=str(found.line))


def _judged_call(call: Call, judge: Judge) -> Judged:
    shown = judge.unknowns.shown
    return Judged(call=call, words=tuple(shown(word) for word in call.words), judgement=judge.of(call))


def _line(
    number: int, text: str, judged: Iterable[Judged], reasons: Iterable[Reason], *, user: str = ""
) -> Line:
    judged, reasons = tuple(judged), tuple(reasons)
    every = [one.judgement.outcome for one in judged]
    every += [reason.outcome for reason in reasons if reason.outcome != NOTE]
    outcome = max(every, key=OUTCOMES.index, default=NONE)
    return Line(line=number, text=text, outcome=outcome, user=user, calls=judged, reasons=reasons)


# -- scripts --------------------------------------------------------------------------------------


def of_script(
    path: str, text: str, *, judge: Judge, disk: Disk, environment: Mapping[str, str], prefix: str
) -> File:
    """Return what becomes of a script's options (`#$` lines) and of the calls in it.

    Args:
        path: its name, for the result.
        text: of the file.
        judge: for the account that would submit it.
        disk: is told what the script holds.
        environment: variables that are certain when it starts.
        prefix: of the lines with options.
    """
    rows = text.split("\n")
    lines = list(_directives(path, text, judge=judge, disk=disk, prefix=prefix))
    interpreter = _interpreter(rows[0])
    if interpreter not in _SHELLS:
        for number, row in enumerate(rows, 1):
            name = "" if row.startswith(prefix) else calls.mentions(row)
            if name:
                reason = Reason(
                    outcome=UNREAD, text=f"{name} is spoken of in {interpreter}, which is not read here"
                )
                lines.append(Line(line=number, text=row, outcome=UNREAD, reasons=(reason,)))
        return _file(path, SCRIPT, lines, [])
    found = calls.find(
        text,
        line=1,
        environment=environment,
        cwd=judge.context.cwd or None,
        stdin=None,
        unknowns=judge.unknowns,
    )
    judged, reasons = _judged_calls(found, judge)
    if not judged and not calls.mentions(text):
        reasons = [reason for reason in reasons if reason.outcome != UNREAD]
    numbers = {one.call.line for one in judged} | {int(reason.origin) for reason in reasons}
    for number in sorted(numbers):
        lines.append(
            _line(
                number,
                rows[number - 1] if number <= len(rows) else "",
                [one for one in judged if one.call.line == number],
                [reason for reason in reasons if reason.origin == str(number)],
            )
        )
    return _file(path, SCRIPT, sorted(lines, key=lambda line: line.line), [])


def _interpreter(first: str) -> str:
    if not first.startswith("#!"):
        return "sh"
    words = first[2:].split()
    names = [word.rpartition("/")[2] for word in words if word[:1] != "-" and "=" not in word]
    if names[:1] == ["env"]:
        names = names[1:]
    return names[0] if names else "sh"


def _directives(path: str, text: str, *, judge: Judge, disk: Disk, prefix: str) -> Iterator[Line]:
    """Yield a line for each directive, judged as if the script were submitted as it is."""
    data = text.encode("utf-8", "surrogateescape")
    numbered = [(number, row) for number, row in directives.directives(data, prefix) if directives.split(row)]
    if not numbered:
        return
    name = "STDIN" if path == "-" else os.path.abspath(path)
    disk.put(os.path.join(judge.context.cwd or "/", name), data)
    command = _dialect(row for _, row in numbered)
    words = (name,) if command == "jsub" or prefix == directives.DEFAULT_PREFIX else ("-C", prefix, name)
    call = Call(
        command=command,
        typed=command,
        words=words,
        line=numbered[0][0],
        environment=tuple(judge.context.environment.items()),
        cwd=judge.context.cwd or "/",
    )
    judgement = judge.of(call, as_typed=False)
    left = [reason for reason in judgement.reasons if _is_of(reason, name)]
    for place, (number, row) in enumerate(numbered):
        here = f"{name}:{number}"
        mine = [reason for reason in left if reason.origin == here]
        mine += [reason for reason in left if not reason.origin and _speaks_of(reason, row)]
        left = [reason for reason in left if reason not in mine]
        if place == len(numbered) - 1:
            mine += [reason for reason in left if not reason.origin]
        mine = [replace(reason, origin="") if reason.origin == here else reason for reason in mine]
        yield _line(number, prefix + row, (), mine or [Reason(outcome=_judged.SAME, text="")])


def _is_of(reason: Reason, name: str) -> bool:
    """Say whether a reason is about the script, not about files of options that are read as well."""
    return not reason.origin or reason.origin.startswith(f"{name}:")


def _speaks_of(reason: Reason, row: str) -> bool:
    """Say whether a reason without a place is about a line: it names a value that stands there."""
    named = [part for part in reason.text.split('"')[1::2] if part]
    named += [reason.switch.rpartition(" ")[2].partition("=")[0]] if reason.switch else []
    return any(part in row for part in named)


def _dialect(rows: Iterable[str]) -> str:
    """Return jsub if an option is one that only jsub has, else qsub."""
    switches = {word for row in rows for word in directives.split(row) if word[:1] == "-"}
    return (
        "jsub" if any(table.find("jsub", one) and not table.find("qsub", one) for one in switches) else "qsub"
    )


def _file(path: str, kind: str, lines: list[Line], notes: list[str]) -> File:
    return File(path=path, kind=kind, lines=tuple(lines), notes=(*notes, *_notes(lines)))


def _notes(lines: Iterable[Line]) -> Iterator[str]:
    """What concerns the file as a whole."""
    unread = {one.judgement.unread for line in lines for one in line.calls if one.judgement.unread}
    if unread:
        number = f"{len(unread)} script{'' if len(unread) == 1 else 's'}"
        yield f"{number} could not be read; check them where they are"


def programs(file: File, home: str) -> dict[str, list[int]]:
    """Return the programs outside the home that jobs of a file start, with their lines."""
    found: dict[str, list[int]] = {}
    for line in file.lines:
        for one in line.calls:
            program = one.judgement.program
            if program.startswith("/") and not program.startswith(f"{home.rstrip('/')}/"):
                found.setdefault(program, []).append(line.line)
    return found

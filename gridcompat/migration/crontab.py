"""Crontabs as cron reads them: variables, times, commands and what goes to their standard input.

The forms are those of Debian's cron and of cronie, of users and of /etc/cron.d.  Must not know what a
command does; whether the shell takes it is `shell`'s business.

Source: crontab(5).
"""

from __future__ import annotations

import re

from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONGEST = 998
"""Of a command, in Debian's cron (MAX_COMMAND less its end); other crons take more."""

_NICKNAMES = frozenset(["reboot", "yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly"])
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of week", 0, 7, _DAYS),
)
_VARIABLE = re.compile(
    r"""[ \t]*("[^"]*"|'[^']*'|[^\s"'=#@*][^\s"'=]*)[ \t]*=[ \t]*("[^"]*"|'[^']*'|[^"'].*|)[ \t]*$"""
)
_FIRST = re.compile(r"\S+[ \t]*")


@record
class Variable:
    """A line that sets a variable for the commands below it."""

    line: int
    name: str
    value: str


@record
class Entry:
    """A line that runs a command."""

    line: int
    text: str
    """The line as it stands."""
    times: str
    user: str
    """"" in the crontab of a user."""
    command: str
    """For the shell."""
    stdin: str | None
    """What stands behind the first `%`, None without one."""
    environment: tuple[tuple[str, str], ...]
    """As set by the lines above."""


@record
class Faulty:
    """A line that cron cannot read. Most crons refuse the whole file then."""

    line: int
    text: str
    fault: str


class BadTime(Exception):
    """A field of the time cannot be read."""


def read(text: str, *, system: bool) -> Iterator[Variable | Entry | Faulty]:
    """Yield what stands in a crontab, line by line; comments and empty lines are nothing.

    Args:
        text: of the whole file.
        system: a user's name stands before each command.
    """
    environment: dict[str, str] = {}
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.lstrip(" \t")
        if not line.strip(" \t\r") or line[0] == "#":
            continue
        setting = variable(line)
        if setting is not None:
            environment[setting[0]] = setting[1]
            yield Variable(line=number, name=setting[0], value=setting[1])
            continue
        try:
            yield _entry(number, raw, line, tuple(environment.items()), system=system)
        except BadTime as bad:
            yield Faulty(line=number, text=raw, fault=str(bad))


def variable(line: str) -> tuple[str, str] | None:
    """Return the name and the value that a line sets, without one pair of quotes; None if it sets none."""
    found = _VARIABLE.match(line)
    if found is None:
        return None
    name, value = (_unquoted(part) for part in found.groups())
    return (name, value) if name else None


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text.rstrip(" \t")


def _entry(
    number: int, raw: str, line: str, environment: tuple[tuple[str, str], ...], *, system: bool
) -> Entry:
    times, rest = when(line)
    user = ""
    if system:
        found = _FIRST.match(rest)
        user = found[0].rstrip() if found else ""
        rest = rest[found.end() :] if found else ""
        if not user:
            raise BadTime("no user stands before the command")
    if not rest.strip():
        raise BadTime("there is no command")
    command, stdin = split_percent(rest)
    return Entry(
        line=number,
        text=raw,
        times=times,
        user=user,
        command=command,
        stdin=stdin,
        environment=environment,
    )


def when(line: str) -> tuple[str, str]:
    """Return the times that a line begins with, and the rest of it.

    Raises:
        BadTime: it begins with none.
    """
    if line[:1] == "@":
        found = _FIRST.match(line)
        assert found is not None
        name = found[0].rstrip()
        if name[1:] not in _NICKNAMES:
            raise BadTime(f"'{name}' is no time that cron knows")
        return name, line[found.end() :]
    at = 1 if line[:1] == "-" else 0  # cronie: do not log
    words: list[str] = []
    for name, first, last, names in _FIELDS:
        found = _FIRST.match(line, at)
        if found is None:
            raise BadTime("five fields of time are needed")
        word = found[0].rstrip()
        if not all(_is_time(part, first, last, names) for part in word.split(",")):
            raise BadTime(f"'{word}' is no {name}")
        words.append(word)
        at = found.end()
    return " ".join(words), line[at:]


_PART = re.compile(r"(\*|\w+(?:[-~]\w+)?|~\w*)(?:/(\d{1,5}))?$")


def _is_time(part: str, first: int, last: int, names: tuple[str, ...]) -> bool:
    """Say whether one member of a field's list is right: `*`, a number, a name or a range, with a step."""
    found = _PART.match(part)
    if found is None or (found[2] is not None and not int(found[2])):
        return False
    if found[1] == "*":
        return True
    for word in found[1].replace("~", "-").split("-"):
        lowered = word.lower()
        if lowered in names or not word:
            continue
        if not word.isascii() or not word.isdigit() or len(word) > 5 or not first <= int(word) <= last:
            return False
    return True


def split_percent(text: str) -> tuple[str, str | None]:
    r"""Return the command, and what the first `%` sends to its standard input; `\%` is a `%`."""
    if "%" not in text:
        return text, None
    parts = re.split(r"(?<!\\)%", text)
    command, *lines = (part.replace("\\%", "%") for part in parts)
    return command, "\n".join((*lines, "")) if lines else None


def looks_like(text: str, is_user: Callable[[str], bool]) -> str:
    """Return "crontab" or "system" if a text reads like one of these, else "".

    Args:
        text: of a file.
        is_user: says whether an account of that name exists.
    """
    good = bad = users = 0
    for number, raw in enumerate(text.split("\n")):
        line = raw.strip()
        if not line or line[0] == "#":
            if number == 0 and line.startswith(("#!", "#$")):
                return ""
            continue
        if variable(line) is not None:
            continue
        try:
            _, rest = when(line)
        except BadTime:
            bad += 1
            continue
        good += bool(rest)
        name, _, command = rest.partition(" ")
        users += bool(command.strip()) and is_user(name)
    if good and good >= bad:
        return "system" if users == good else "crontab"
    return ""

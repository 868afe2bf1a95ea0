"""The readers of switch values: words as typed to what a switch means, with the grid's words for mistakes.

One function for each name in the `parse` column of the table.  They know the text of one switch and
the time; what a master would check against its configuration is in `options.checks`.
"""

from __future__ import annotations

from gridcompat import units
from gridcompat.output.messages import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from gridcompat.model import HostPath, TaskRange

    ReadValue: TypeAlias = Callable[[tuple[str, ...], str, float], Any]
    """(words, switch, now) to the value."""


class Wrong(Exception):
    """A value that cannot be read. The caller knows in which file it stood and whose words come first."""

    def __init__(self, text: str, status: int, *, before: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.before = before
        """Lines that stand above the message, without a command's name in front."""


class Lost(Exception):
    """A value at which the grid's client stops reading the words that follow, mostly silently."""

    def __init__(self, what: str, *, complaint: str = "") -> None:
        super().__init__(what)
        self.complaint = complaint
        """What it says on stderr all the same."""


def text(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the word as it is."""
    return words[0]


def many(words: tuple[str, ...], switch: str, now: float) -> tuple[str, ...]:
    """Return the words as they are."""
    return words


def flag(words: tuple[str, ...], switch: str, now: float) -> bool:
    """Return True: the switch has no argument."""
    return True


def yes_no(words: tuple[str, ...], switch: str, now: float) -> bool:
    """Return what y, yes, n or no in any case means."""
    value = units.yes_no(words[0])
    if value is None:
        raise Wrong(usage.INVALID_OPTION % f"{switch} {words[0]}", 7)
    return value


def level(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the letter of -w."""
    if words[0] not in ("e", "w", "n", "p", "v"):
        raise Wrong(usage.INVALID_OPTION % f"{switch} {words[0]}", 7)
    return words[0]


def date(words: tuple[str, ...], switch: str, now: float) -> int:
    """Return epoch seconds of `[[CC]YY]MMDDhhmm[.SS]` in local time."""
    try:
        return units.date_seconds(words[0], now)
    except ValueError as error:
        raise Wrong(usage.BAD_DATE % (words[0], switch), 7, before=f"\n{error}") from error


def duration(words: tuple[str, ...], switch: str, now: float) -> int:
    """Return the seconds of `h:m:s` or a number."""
    seconds = units.time_seconds(words[0])
    if seconds is None:
        raise Wrong(usage.BAD_DURATION % (words[0], switch), 1)
    return seconds


def name(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the name of a job; whether a master takes it is another matter."""
    if "/" in words[0]:
        raise Wrong(usage.SLASH_IN_NAME, 2)
    return words[0]


def priority(words: tuple[str, ...], switch: str, now: float) -> int:
    """Return a priority from -1023 to 1024."""
    value = units.integer(words[0])
    if value is None or not -1023 <= value <= 1024:
        raise Wrong(usage.BAD_PRIORITY % words[0], 7)
    return value


def concurrency(words: tuple[str, ...], switch: str, now: float) -> int:
    """Return how many tasks may run at a time; 0 is no limit."""
    value = units.unsigned(words[0])
    if value is None:
        raise Wrong(usage.BAD_CONCURRENCY % words[0], 7)
    return value


def share(words: tuple[str, ...], switch: str, now: float) -> int:
    """Return the share of -js, read as a floating number and cut to a whole one."""
    value = units.cut_to_unsigned(words[0])
    if value is None:
        raise Wrong(usage.BAD_SHARE, 2)
    return value


def tickets(words: tuple[str, ...], switch: str, now: float) -> int:
    """Return the tickets of -ot."""
    return _unsigned(words[0], usage.BAD_TICKETS)


def reservation(words: tuple[str, ...], switch: str, now: float) -> int:
    """Return the reservation's number of -ar."""
    return _unsigned(words[0], usage.BAD_RESERVATION)


def _unsigned(word: str, message: str) -> int:
    value = units.unsigned(word)
    if value is None:
        raise Wrong(message, 2)
    return value


def occasion(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the letters or the interval of -c."""
    if not words[0]:
        raise Wrong(usage.BAD_OCCASION, 2)
    if not set(words[0]) <= set("nsmxr") and units.time_seconds(words[0]) is None:
        raise Wrong(usage.BAD_OCCASION_WORD, 2)
    return words[0]


def file(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the path of -@; the scanner reads it."""
    return words[0]


def verifier(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the url of -jsv; `options.build` refuses it."""
    return words[0]


def tasks(words: tuple[str, ...], switch: str, now: float) -> TaskRange:
    """Return the one range of -t; comma lists that make an even progression are one."""
    found = units.as_one_range(_ranges(words[0], open_ends=False))
    if found is None:
        raise Wrong(usage.ONE_RANGE_ONLY, 7)
    return found


def slots(words: tuple[str, ...], switch: str, now: float) -> tuple[str, tuple[TaskRange, ...]]:
    """Return the name of a parallel environment and the ranges of slots."""
    return words[0], units.slot_ranges(_ranges(words[1], open_ends=True))


def _ranges(word: str, *, open_ends: bool) -> list[TaskRange]:
    try:
        return units.ranges(word, open_ends=open_ends, steps=not open_ends)
    except units.OpenRange as error:
        raise Lost(word) from error
    except ValueError as error:
        also = _beside_none(word) if open_ends else ""
        after = f"\nqsub: {also}" if also else ""
        raise Wrong(f"{error}{after}", 7, before=f"error: {also}" if also else "") from error


def _beside_none(word: str) -> str:
    """What the grid adds when a range of several is none. Source: tried."""
    words = [one for one in word.split(",") if one]
    if len(words) < 2:
        return ""
    first_is_one = units.leading_integer(words[0])[0] is not None
    return usage.NONE_AFTER_RANGE if first_is_one else usage.RANGE_AFTER_NONE


def _list(word: str, switch: str) -> tuple[str, ...]:
    """Return the members of a comma list, without empty ones; there must be one."""
    members = tuple(member for member in word.split(",") if member)
    if not members:
        kind, named = usage.LIST_WORDS[switch]
        raise Wrong(usage.BAD_LIST % (kind, word, named), 7)
    return members


def jobs(words: tuple[str, ...], switch: str, now: float) -> tuple[str, ...]:
    """Return a list of job numbers, names and patterns as typed."""
    if switch not in usage.LIST_WORDS:
        return tuple(member for member in words[0].split(",") if member)
    return _list(words[0], switch)


def queues(words: tuple[str, ...], switch: str, now: float) -> tuple[str, ...]:
    """Return a list of queues as typed; a blank separates nothing."""
    if switch not in usage.LIST_WORDS:
        return tuple(member for member in words[0].split(",") if member)
    return _list(words[0], switch)


def users(words: tuple[str, ...], switch: str, now: float) -> tuple[str, ...]:
    """Return a list of account names or patterns."""
    return tuple(member for member in words[0].split(",") if member)


def paths(words: tuple[str, ...], switch: str, now: float) -> tuple[HostPath, ...]:
    """Return (host, path) for each `[[host]:]path` of a comma list; no host is ""."""
    found = []
    for member in _list(words[0], switch):
        host, colon, path = member.partition(":")
        found.append((host, path) if colon else ("", member))
    return tuple(found)


def mail_options(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the letters of -m as typed."""
    if not words[0] or not set(words[0]) <= set("beasn"):
        kind, named = usage.LIST_WORDS["-m"]
        raise Wrong(usage.BAD_LIST % (kind, words[0], named), 7)
    return words[0]


def mails(words: tuple[str, ...], switch: str, now: float) -> tuple[str, ...]:
    """Return addresses `user[@host]`, each once; what stands behind a second @ is dropped as on the grid."""
    found: list[str] = []
    for member in _list(words[0], switch):
        address = "@".join([part for part in member.split("@") if part][:2])
        if address and address not in found:
            found.append(address)
    return tuple(found)


def resources(words: tuple[str, ...], switch: str, now: float) -> tuple[tuple[str, str | None], ...]:
    """Return (name as typed, value) of a list; without `=` the value is None (the grid's TRUE)."""
    found: list[tuple[str, str | None]] = []
    for member in words[0].replace(" ", ",").split(","):
        if not member:
            continue
        key, equals, value = member.partition("=")
        if not key:
            raise Wrong(usage.BAD_LIST % ("resource", words[0], "-l"), 7, before=usage.NAMELESS_RESOURCE)
        found.append((key, value if equals else None))
    return tuple(found)


def split_before_quotes(word: str) -> list[str]:
    """Split a comma list up to the first quote, from which on all is one member; empty members go.

    The quotes stay. Source: tried, `-v 'A=1,B="x",C=2'` gives B the value `"x",C=2`.
    """
    at = min((place for place in (word.find("'"), word.find('"')) if place >= 0), default=len(word))
    *members, last = word[:at].split(",")
    return [member for member in (*members, last + word[at:]) if member]


def variables(words: tuple[str, ...], switch: str, now: float) -> tuple[tuple[str, str | None], ...]:
    """Return (name, value) of a -v list; without `=` the value is None (that of the environment)."""
    found: list[tuple[str, str | None]] = []
    for member in split_before_quotes(words[0]):
        key, equals, value = member.partition("=")
        if not key:
            found = []
            break
        found.append((key, value if equals else None))
    if not found:
        raise Wrong(usage.BAD_VARIABLES % words[0], 7)
    return tuple(found)


def context(words: tuple[str, ...], switch: str, now: float) -> tuple[tuple[str, str], ...]:
    """Return (name, value) of a context list; without `=` the value is ""."""
    found: list[tuple[str, str]] = []
    for member in split_before_quotes(words[0]):
        key, _, value = member.partition("=")
        if not key:
            found = []
            break
        found.append((key, value))
    if not found:
        raise Wrong(usage.BAD_CONTEXT % (switch, words[0]), 7)
    return tuple(found)


def names(words: tuple[str, ...], switch: str, now: float) -> tuple[tuple[str, str], ...]:
    """Return the names of -dc, in the form of a context list."""
    return context(words, switch, now)


def hold_letters(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the kinds of holds of qhold and qrls; without any nothing is done."""
    if not set(words[0]) <= set("uos"):
        raise Wrong(usage.BAD_HOLD % words[0], 7)
    return words[0]


def holds(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the letters of a hold list as typed."""
    if not set(words[0]) <= set("nuosUOS"):
        raise Wrong(usage.BAD_HOLD % words[0], 7)
    return words[0]


def binding(words: tuple[str, ...], switch: str, now: float) -> str:
    """Return the wish for cores as `qstat -j` shows it: an instance and a strategy."""
    instance = words[0] if len(words) == 2 else "set"
    strategy = words[-1]
    kind, colon, rest = strategy.partition(":")
    parts = rest.split(":") if rest else []
    if kind in ("linear", "linear_per_task", "linear_automatic"):
        if not parts or parts[0] == "slots":
            return f"{instance} linear:slots"
        if not _is_amount(parts[0]):
            return _bound("couldn't parse amount (linear)", "")
        return _bound(_start_fault(parts[1:2], "linear"), f"{instance} linear:{':'.join(parts[:2])}")
    if kind in ("striding", "striding_per_task", "striding_automatic"):
        if len(parts) < 2 or not all(_is_amount(part) for part in parts[:2]):
            return _bound("couldn't parse amount (striding)", "")
        return _bound(_start_fault(parts[2:3], "striding"), f"{instance} striding:{':'.join(parts[:3])}")
    if kind == "explicit":
        if not colon:
            return _bound("'explicit:' not found in string!", "")
        return _bound(_pairs_fault(parts), f"{instance} {strategy}")
    return _bound("couldn't parse binding parameter (no strategy found)", "")


def _is_amount(word: str) -> bool:
    return word.isascii() and word.isdigit()


def _start_fault(start: Sequence[str], kind: str) -> str:
    """What is wrong with the socket and core to begin at, if they are given."""
    if not start:
        return ""
    socket, comma, core = start[0].partition(",")
    if not _is_amount(socket):
        return f"couldn't parse {'amount' if kind == 'linear' else 'socket number'} ({kind})"
    return "" if comma and _is_amount(core) else f"couldn't parse core number ({kind})"


def _pairs_fault(pairs: Sequence[str]) -> str:
    """What is wrong with the sockets and cores of an explicit wish."""
    if not pairs:
        return "No <socket,core> pair given!"
    for at, pair in enumerate(pairs):
        socket, comma, core = pair.partition(",")
        if at and not pair:
            continue
        if not comma or (not at and not socket):
            return "No core for a given socket!" if at else "Missing first core number!"
        for word, name in ((socket, "socket"), (core, "core")):
            if not _is_amount(word):
                return f"{name.capitalize()} is not a number!" if at else f"First {name} is not a number!"
    return ""


def _bound(fault: str, value: str) -> str:
    if fault:
        raise Wrong(usage.BAD_BINDING % fault, 2)
    return value


READERS: dict[str, ReadValue] = {
    "binding": binding,
    "concurrency": concurrency,
    "context": context,
    "date": date,
    "duration": duration,
    "file": file,
    "flag": flag,
    "hold_letters": hold_letters,
    "holds": holds,
    "jobs": jobs,
    "level": level,
    "mail_options": mail_options,
    "mails": mails,
    "name": name,
    "names": names,
    "occasion": occasion,
    "paths": paths,
    "priority": priority,
    "queues": queues,
    "reservation": reservation,
    "resources": resources,
    "share": share,
    "slots": slots,
    "tasks": tasks,
    "text": text,
    "tickets": tickets,
    "users": users,
    "variables": variables,
    "verifier": verifier,
    "words": many,
    "yes_no": yes_no,
}
"""By the name in the table. jsub's own readers are in `options.jsub`."""

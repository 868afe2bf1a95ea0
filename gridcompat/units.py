"""Grid Engine's kinds of values, from text to numbers: memory, time, dates, ranges, yes and no.

Everything else in the project deals in bytes, seconds and epoch seconds.  The two dialects differ:
the grid's `k` is 1000 and its `K` 1024 (sge_types(5)), jsub's are both 1024.  Must not know
switches, settings or clusters; what cannot be read is None or a ValueError with the grid's words.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.model import TaskRange

OPEN_END = 9999999
"""What the grid puts for the missing end of a range such as `2-`."""

_MULTIPLIERS = {
    "k": 1000,
    "K": 1024,
    "m": 1000**2,
    "M": 1024**2,
    "g": 1000**3,
    "G": 1024**3,
    "t": 1000**4,
    "T": 1024**4,
}
_ULONG = 0xFFFFFFFF
"""The grid keeps task numbers and shares in 32 bits; larger ones wrap."""
_MOST_DIGITS = 40
"""A number of more digits than this is not worth reading: Python's int() limits are far above it."""


class OpenRange(ValueError):
    """A range without an end where none is allowed: qsub silently stops reading its command line there."""


def yes_no(text: str) -> bool | None:
    """Return the meaning of y, yes, n or no in any case; None for any other word."""
    return {"y": True, "yes": True, "n": False, "no": False}.get(text.lower())


def leading_integer(text: str) -> tuple[int | None, str]:
    """Split a decimal integer (blanks and a sign may stand before it) off a text, as strtol(3) does.

    Returns:
        The number, None if there is none, and the rest of the text.
    """
    at = 0
    while at < len(text) and text[at] in " \t\n\v\f\r":
        at += 1
    begin = at
    if at < len(text) and text[at] in "+-":
        at += 1
    digits = at
    while at < len(text) and text[at] in "0123456789":
        at += 1
    if at == digits or at - digits > _MOST_DIGITS:
        return None, text
    return int(text[begin:at]), text[at:]


def integer(text: str) -> int | None:
    """Return a decimal integer that is the whole text but for blanks before it; None if it is none."""
    value, rest = leading_integer(text)
    return None if rest else value


def unsigned(text: str) -> int | None:
    """Return a decimal integer of at least 0 as the grid keeps it (32 bits); None if it is none."""
    value = integer(text)
    return None if value is None or value < 0 else value & _ULONG


def cut_to_unsigned(text: str) -> int | None:
    """Return a floating number of at least 0 as the grid keeps it in 32 bits; None if it is none.

    Source: tried with -js: `1.9` is 1, `1e2` is 100, `0x1F` is 31, `inf` and `nan` are 0.
    """
    bare = text.lstrip().lower()
    if bare.lstrip("+") in ("inf", "infinity", "nan"):
        return 0
    try:
        value = float(int(bare, 16)) if bare.lstrip("+-")[:2] == "0x" else float(bare)
    except (ValueError, OverflowError):
        return None
    if "_" in bare or not bare.isascii() or bare != bare.rstrip() or value < 0 or value != value:
        return None
    return int(value) & _ULONG if value < 1e19 else 0


def is_infinity(text: str) -> bool:
    """Say whether a resource value is the word for no limit, in any case."""
    return text.lower() == "infinity"


def _number(text: str) -> float | None:
    """Read a decimal, hexadecimal or octal constant; None if it is none."""
    bare = text[1:] if text[:1] in ("+", "-") and text else text
    if not bare or len(bare) > _MOST_DIGITS or bare[0] not in "0123456789.":
        return None
    sign = -1 if text[0] == "-" else 1
    try:
        if bare[:2] in ("0x", "0X"):
            return float(sign * int(bare[2:], 16)) if bare[2:3].isalnum() else None
        if len(bare) > 1 and bare[0] == "0" and bare.isdigit():
            return float(sign * int(bare, 8))
        if any(letter in bare for letter in "_ \t\n\v\f\r") or bare.lower().endswith(
            ("nan", "inf", "infinity")
        ):
            return None
        return sign * float(bare)
    except (ValueError, OverflowError):
        return None


def quantity(text: str) -> float | None:
    """Return a number with an optional multiplier letter k K m M g G t T; None if it is none.

    Source: sge_types(5), memory_specifier.
    """
    if not text.isascii():
        return None
    factor = _MULTIPLIERS.get(text[-1:])
    number = _number(text if factor is None else text[:-1])
    if number is None or number in (float("inf"), float("-inf")):
        return None
    return number * (factor or 1)


def memory_bytes(text: str) -> int | None:
    """Read a Grid Engine memory specifier; return bytes, or None if it is none.

    Case is significant: `m` is 1000*1000, `M` is 1024*1024.

    Source: sge_types(5), memory_specifier.
    """
    value = quantity(text)
    return None if value is None else int(value)


def time_seconds(text: str) -> int | None:
    """Read a Grid Engine time specifier, `h:m:s` or a number; return seconds, or None if it is none.

    Parts may be empty (`1::1`), but there are three or none.  A plain number may even carry a
    multiplier (`5m` is five million), since the grid reads it as it reads memory.

    Source: sge_types(5), time_specifier.
    """
    if ":" not in text:
        value = quantity(text)
        return None if value is None else round_half_up(value)
    parts = text.split(":")
    if len(parts) != 3:
        return None
    numbers = [_number(part) if part else 0.0 for part in parts]
    if None in numbers:
        return None
    hours, minutes, seconds = (number or 0.0 for number in numbers)
    return round_half_up(hours * 3600 + minutes * 60 + seconds)


def round_half_up(value: float) -> int:
    """Round to the nearest integer, halves away from zero, as printf does for the grid's times."""
    return int(value + 0.5) if value >= 0 else -int(-value + 0.5)


def jsub_memory_kib(text: str) -> int | None:
    """Read jsub's memory: an integer followed by k, m or g in either case; return KiB or None.

    Here k is 1024 bytes whatever its case, unlike the grid's own k of 1000.
    """
    factor = {"k": 1, "m": 1024, "g": 1024 * 1024}.get(text[-1:].lower())
    number = text[:-1]
    if factor is None or not number.isascii() or not number.isdigit() or len(number) > _MOST_DIGITS:
        return None
    return int(number) * factor


def _two(text: str) -> int:
    """Read two characters as atoi(3) does: leading digits count, anything else is 0."""
    digits = ""
    for letter in text:
        if letter not in "0123456789":
            break
        digits += letter
    return int(digits or "0")


def date_seconds(text: str, now: float) -> int:
    """Read `[[CC]YY]MMDDhhmm[.SS]` in local time; return epoch seconds.

    A missing year is the year of `now` (epoch seconds).  A day that the month does not have runs on
    into the next month.

    Raises:
        ValueError: with the grid's words for what is wrong.

    Source: sge_types(5), date_time.
    """
    import time

    if not text:
        raise ValueError("no date specified")
    main, dot, fraction = text.partition(".")
    if len(main) not in (8, 10, 12):
        raise ValueError("Invalid format of date/hour-minute field.")
    if dot and fraction and len(fraction) != 2:
        raise ValueError("Invalid format of seconds field.")
    month, day, hour, minute = (_two(main[at : at + 2]) for at in range(len(main) - 8, len(main), 2))
    year = time.localtime(now).tm_year
    if len(main) == 12:
        year = _two(main[:2]) * 100 + _two(main[2:4])
    elif len(main) == 10:
        year = _two(main[:2])
        year += 2000 if year < 70 else 1900
    second = _two(fraction)
    for good, field in (
        (1 <= month <= 12, "month"),
        (1 <= day <= 31, "day"),
        (hour <= 23, "hour"),
        (minute <= 59, "minute"),
        (second <= 59, "seconds"),
    ):
        if not good:
            raise ValueError(f"Invalid {field} specification.")
    try:
        seconds = int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
    except (OverflowError, ValueError):
        seconds = -1
    if seconds < 0:
        raise ValueError("Couldn't generate date from input. Perhaps a date before 1970 was specified.")
    return seconds


def ranges(text: str, *, open_ends: bool = False, steps: bool = True) -> list[TaskRange]:
    """Read a comma list of `n[-m[:s]]`; return (first, last, step) each, put in order, as typed otherwise.

    Args:
        text: what was typed.
        open_ends: `n-` and `-m` are allowed (slot ranges of -pe).
        steps: `:s` is allowed (task ranges).

    Raises:
        OpenRange: an end is missing where it may not be, or there is no range at all.
        ValueError: with the grid's words for what is wrong.

    Source: sge_types(5), range.
    """
    words = [word for word in text.split(",") if word]
    if not words or text.lower() == "undefined":
        raise OpenRange(text)
    found = []
    for word in words:
        if word == "-" and open_ends:
            # Neither end: the smallest and the largest, nothing between them (tried).
            found += [(1, 1, 1), (OPEN_END, OPEN_END, 1)]
        else:
            found.append(_range(word, open_ends=open_ends, steps=steps))
    return found


def _range(word: str, *, open_ends: bool, steps: bool) -> TaskRange:
    if word[0] == "-":
        if not open_ends:
            raise ValueError(f'Range specifier "{word}" has unknown trailer "{word[1:]}"')
        first, rest = 1, word
    else:
        first, rest = _integer_of(word)
    step = 1
    last = first
    if rest:
        # whatever stands behind the first number separates it from the second: 1-5, 1:5, 1.5
        second = rest[1:]
        if not second:
            if not open_ends:
                raise OpenRange(word)
            return first & _ULONG, max(first & _ULONG, OPEN_END), 1
        last, rest = _integer_of(second)
        if rest[:1] == ":" and steps:
            step, rest = _integer_of(rest[1:])
            second = second.partition(":")[2]
            if step <= 0:
                raise ValueError("Negative or zero step in range is not allowed")
        if rest:
            raise ValueError(f'Range specifier "{second}" has unknown trailer "{rest}"')
    first, last = sorted((first & _ULONG, last & _ULONG))
    return first, last, step


def _integer_of(text: str) -> tuple[int, str]:
    value, rest = leading_integer(text)
    if value is None:
        raise ValueError(
            f'Numerical value invalid!\nThe initial portion of string "{text}" contains no decimal number'
        )
    return value, rest


_MOST_MEMBERS = 1_000_000
"""Lists of ranges larger than this are not taken apart; far above what any grid accepts."""


def as_one_range(parts: list[TaskRange]) -> TaskRange | None:
    """Return several ranges as one even progression; None if they are none.

    A single range stays as it was typed (`1-10:4` keeps its 10).
    """
    if len(parts) == 1:
        return parts[0]
    if sum((last - first) // step + 1 for first, last, step in parts) > _MOST_MEMBERS:
        return None
    members = sorted({member for first, last, step in parts for member in range(first, last + 1, step)})
    if len(members) == 1:
        return members[0], members[0], 1
    step = members[1] - members[0]
    if members != list(range(members[0], members[-1] + 1, step)):
        return None
    return members[0], members[-1], step


def slot_ranges(parts: list[TaskRange]) -> tuple[TaskRange, ...]:
    """Return the ranges of a slot request in rising order, overlapping and neighbouring ones joined."""
    if len(parts) == 1:
        return tuple(parts)
    if sum(last - first + 1 for first, last, _ in parts) <= 1000:
        numbers = sorted({number for first, last, _ in parts for number in range(first, last + 1)})
        return _progressions(numbers)
    joined: list[TaskRange] = []
    for first, last, _ in sorted(parts):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last), 1)
        else:
            joined.append((first, last, 1))
    return tuple(joined)


def _progressions(numbers: list[int]) -> tuple[TaskRange, ...]:
    """Put rising numbers into even progressions of three and more, the others alone."""
    found: list[TaskRange] = []
    at = 0
    while at < len(numbers):
        end = at + 1
        while end + 1 < len(numbers) and numbers[end + 1] - numbers[end] == numbers[at + 1] - numbers[at]:
            end += 1
        if end - at >= 2:
            found.append((numbers[at], numbers[end], numbers[at + 1] - numbers[at]))
            at = end + 1
        else:
            found.append((numbers[at], numbers[at], 1))
            at += 1
    return tuple(found)

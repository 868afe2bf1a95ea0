"""Lists of jobs as qdel, qhold, qrls, qalter and qmod read them: `N`, `N.TASKS`, names, patterns, `-t TASKS`.

Must not know what is done to the jobs.
"""

from __future__ import annotations

from gridcompat.errors import UsageError
from gridcompat.options.scan import Bare
from gridcompat.output.messages.usage import LONELY_TASKS
from gridcompat.record import record
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gridcompat.translate.ranges import Ranges
    from gridcompat.translate.rows import Row

LARGEST = 4294967295
"""Ids are unsigned 32 bit numbers to the grid."""


@record
class Target:
    """One member of a list of jobs."""

    word: str
    """As typed, without its tasks."""
    number: int | None = None
    """None for a name or pattern."""
    typed: tuple[tuple[int, int, int], ...] | None = None
    """The tasks as typed, in order, 0 included; None for all."""

    @property
    def tasks(self) -> Ranges | None:
        """The tasks that can exist; None for all."""
        if self.typed is None:
            return None
        return ranges.from_members(
            n for first, last, step in self.typed if last > 0 for n in range(first or step, last + 1, step)
        )

    @property
    def named_tasks(self) -> str:
        """The tasks as the grid repeats them: `9`, `7-9:1`."""
        return ",".join(str(a) if a == b else f"{a}-{b}:{step}" for a, b, step in self.typed or ())


class BadIdentifier(UsageError):
    """`0`, `1.x`, a number too large."""


class BadNumber(UsageError):
    """-t with something that is no number."""


def read(operands: Iterable[str]) -> list[Target]:
    """Return what the operands of a command line mean, `-t TASKS` among them, each word a list by commas.

    Raises:
        Bare: -t before any job.
        BadIdentifier: a job number that is none.
        BadNumber: a list of tasks that is none.
    """
    targets: list[Target] = []
    limited: Target | None = None
    words = iter(operands)
    for word in words:
        if word != "-t":
            targets += [target(part) for part in split(word)]
            continue
        tasks = next(words, "")
        if not targets or targets[-1] is limited:
            raise Bare(LONELY_TASKS % tasks)
        targets[-1] = limited = with_tasks(targets[-1], tasks)
    return targets


def split(word: str) -> list[str]:
    """Return the members of a list by commas; empty ones do not count."""
    return [part for part in word.split(",") if part]


def target(word: str) -> Target:
    """Return what one word means.

    Raises:
        BadIdentifier: it begins with a digit, as no name does, and is no number of a job or task.
    """
    if not word[:1].isdigit():
        return Target(word=word)
    number, dot, tasks = word.partition(".")
    if not (number.isascii() and number.isdigit()) or len(number) > 10 or not 0 < int(number) <= LARGEST:
        raise _bad(word)
    if not dot:
        return Target(word=word, number=int(number))
    try:
        return Target(word=number, number=int(number), typed=(_range(tasks),))
    except BadNumber:
        raise _bad(word) from None


def _bad(word: str) -> BadIdentifier:
    return BadIdentifier(f'ERROR! "{word}" is an invalid job-task identifier')


def of_users(rows: Iterable[Row]) -> list[Target]:
    """Return the jobs of these rows, as -u of a command means them."""
    return [Target(word=str(number), number=number) for number in sorted({row.job_id for row in rows})]


def with_tasks(found: Target, text: str) -> Target:
    """Return the target limited to the tasks of `-t text`.

    Raises:
        BadNumber: the text is no list of ranges.
    """
    return Target(word=found.word, number=found.number, typed=tuple(_range(part) for part in text.split(",")))


def _range(text: str) -> tuple[int, int, int]:
    """`n[-m[:s]]`, put in order; a full stop may part the two as well."""
    span, _, step = text.partition(":")
    first, dash, last = span.replace(".", "-", 1).partition("-")
    low, high, by = _number(first), _number(last) if dash else _number(first), _number(step) if step else 1
    return min(low, high), max(low, high), max(by, 1)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 10:
        raise BadNumber(
            f'Numerical value invalid!\nThe initial portion of string "{text}" contains no decimal number'
        )
    return int(text)

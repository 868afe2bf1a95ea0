"""qacct: what the accounting file tells, as whole records or as sums."""

from __future__ import annotations

from gridcompat import accounting_scan
from gridcompat.accounting import FIELDS_AT_LEAST, POSITION, entry_of, raw
from gridcompat.accounting_scan import Span
from gridcompat.commands import _listing
from gridcompat.errors import UsageError
from gridcompat.output import qacct as text
from gridcompat.output.usage import usage
from gridcompat.patterns import matches
from gridcompat.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from gridcompat.accounting_sums import Test
    from gridcompat.commands._listing import Given
    from gridcompat.commands.context import Context
    from gridcompat.model import TaskRange

COLUMNS = (
    ("HOST", ("-h",), "hostname"),
    ("CLUSTER QUEUE", ("-q",), "qname"),
    ("GROUP", ("-g",), "group"),
    ("OWNER", ("-o", "-u"), "owner"),
    ("PROJECT", ("-P",), "project"),
    ("DEPARTMENT", ("-D",), "department"),
    ("PE", ("-pe",), "granted_pe"),
    ("SLOTS", ("-slots",), "slots"),
    ("ACCOUNT", ("-A",), "account"),
    ("AR", ("-ar",), "arid"),
)
"""(title, switches, field), in the order of the columns."""
FIGURES = tuple(
    POSITION[name] for name in ("ru_wallclock", "ru_utime", "ru_stime", "cpu", "mem", "io", "iow")
)
DAY_S = 86400


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qacct and return its exit status."""
    given = _listing.scan("qacct", argv)
    missing = set(given.missing) - {"-t"}
    if given.stray is not None or missing or any(len(words) > 1 for _, words in given.switches):
        raise UsageError(usage("qacct").rstrip("\n"), exit_status=1)
    if given.has("-help"):
        context.out(usage("qacct"))
        return 0
    given = replace(given, switches=tuple(_as_numbers(given.switches)))
    tasks = _tasks(given)
    span = _span(context, given)
    tests = _tests(context, given)
    try:
        if given.last("-j") is not None:
            return _jobs(context, given, tasks, tests, span)
        if tasks:
            said = f"error: -t option requires -j option with an argument\n{usage('qacct')}"
            raise UsageError(said.rstrip("\n"), exit_status=1)
        return _sums(context, given, tests, span)
    except FileNotFoundError as error:
        context.err(f"{error.filename}: No such file or directory\n")
        context.out("no jobs running since startup\n")
        return 1


def _as_numbers(switches: Iterable[tuple[str, tuple[str, ...]]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Read -slots as the grid does: the digits that its word begins with; without any it was not given."""
    for switch, words in switches:
        if switch == "-slots" and words:
            digits = words[0][: len(words[0]) - len(words[0].lstrip("0123456789"))].lstrip("0")
            if not digits:
                continue
            words = (digits,)
        yield switch, words


def _records(
    context: Context, given: Given, needle: bytes = b"", pattern: str | None = None
) -> Iterator[list[str]]:
    """The records that hold these bytes, or of jobs named so; none before the first job of a site ended."""
    path = given.last("-f")
    name = context.accounting() if path is None else path
    try:
        if needle:
            yield from accounting_scan.found(name, needle)
        elif pattern is not None:
            yield from accounting_scan.passing(name, POSITION["job_name"], _fitting(pattern))
        else:
            yield from raw(name)
    except FileNotFoundError:
        if path is not None:
            raise


# ---------------------------------------------------------------- which records


def _tests(context: Context, given: Given) -> list[Test]:
    """What the fields of every record must pass, from all switches but -j, -t and those of `_span`.

    Raises:
        UsageError: an unknown resource.
    """
    tests: list[Test] = []
    for title, switches, field in COLUMNS:
        word = given.last(*switches)
        if word is None:
            continue
        if title != "CLUSTER QUEUE":
            tests.append((POSITION[field], word.__eq__))
            continue
        queue, _, host = word.partition("@")
        tests.append((POSITION["qname"], _fitting(queue)))
        if host and host[0] != "@":
            tests.append((POSITION["hostname"], _fitting(host)))
    if given.has("-l"):
        tests.append((POSITION["qname"], _offering(context, given).__contains__))
    return tests


def _fitting(pattern: str) -> Callable[[str], bool]:
    return lambda value: matches(pattern, value)


def _passes(words: Sequence[str], tests: Sequence[Test], span: Span | None) -> bool:
    """Return whether a record is wanted."""
    return all(len(words) > at and passes(words[at]) for at, passes in tests) and (
        span is None or span.has(words)
    )


def _span(context: Context, given: Given) -> Span | None:
    """The time that -b, -e and -d ask for.

    Raises:
        UsageError: a date or a number of days that is none.
    """
    at = POSITION["end_time" if given.has("-E") else "start_time"]
    begin, end = _date(context, given, "-b"), _date(context, given, "-e")
    days = given.last("-d")
    if days is not None:
        from gridcompat.units import leading_integer

        number, _ = leading_integer(days)
        if number is None:
            raise UsageError(usage("qacct").rstrip("\n"), exit_status=1)
        begin = max(int(context.now) - number * DAY_S, 0)
    return None if begin is None and end is None else Span(at=at, begin=begin or 0, end=end)


def _date(context: Context, given: Given, switch: str) -> int | None:
    from gridcompat.units import date_seconds

    word = given.last(switch)
    if word is None:
        return None
    try:
        return date_seconds(word, context.now)
    except ValueError as error:
        raise UsageError(f"\n{error}\n{usage('qacct')}".rstrip("\n"), exit_status=1) from None


def _offering(context: Context, given: Given) -> frozenset[str]:
    """The queues that have what -l asks for.

    Raises:
        UsageError: an unknown resource.
    """
    from gridcompat.commands import _hosts
    from gridcompat.output.hosts import instance_offers

    resources = _listing.resources(context, given.words("-l"))
    settings = context.settings
    return frozenset(
        instance.queue.name
        for instance in _hosts.instances(context, _hosts.hosts(context, ()))
        if _hosts.satisfies(instance_offers(instance, settings), resources, settings)
    )


# ---------------------------------------------------------------- -j


@record
class Wanted:
    """What -j and -t ask for."""

    word: str
    number: int | None
    tasks: tuple[TaskRange, ...] = ()

    def has(self, words: list[str]) -> bool:
        """Return whether a record is of this job and one of these tasks."""
        if self.number is not None:
            if int(words[POSITION["job_number"]]) != self.number:
                return False
        elif not matches(self.word, words[POSITION["job_name"]]):
            return False
        if not self.tasks:
            return True
        task = words[POSITION["task_number"]]
        return task.isdecimal() and any(
            first <= int(task) <= last and (int(task) - first) % step == 0 for first, last, step in self.tasks
        )


def _tasks(given: Given) -> tuple[TaskRange, ...]:
    """Read -t; a list that begins with 0 is as none.

    Raises:
        UsageError: -t is no list of ranges.
    """
    from gridcompat.units import ranges

    if not given.has("-t") and "-t" not in given.missing:
        return ()
    word = given.last("-t")
    said, found = f"invalid list of task id ranges: {word}", []
    if word is None or word.startswith("-"):
        said = "-t option must have a list of task id ranges"
    else:
        try:
            found = ranges(word)
        except ValueError:
            pass
    if not found:
        raise UsageError(f"{said}\n{usage('qacct')}".rstrip("\n"), exit_status=1)
    return tuple(found) if found[0][0] else ()


def _wanted(given: Given, tasks: tuple[TaskRange, ...]) -> Wanted:
    """What -j asks for."""
    word = given.last("-j") or ""
    digits = len(word) - len(word.lstrip("0123456789"))
    number = int(word[: min(digits, 18)]) if digits else None
    return Wanted(word=word, number=number, tasks=tasks)


def _jobs(
    context: Context,
    given: Given,
    tasks: tuple[TaskRange, ...],
    tests: Sequence[Test],
    span: Span | None,
) -> int:
    """Print the records of a job, of a name or of a pattern."""
    wanted = _wanted(given, tasks)
    needle = b"" if wanted.number is None else b":%d:" % wanted.number
    if wanted.number is None and not any(letter in wanted.word for letter in "*?["):
        needle = f":{wanted.word}:".encode("utf-8", "surrogateescape")
    found = False
    for words in _records(context, given, needle, wanted.word):
        if wanted.has(words) and _passes(words, tests, span):
            try:
                context.out(text.record(entry_of(words)))
            except ValueError:
                continue
            found = True
    if found:
        return 0
    if wanted.tasks:
        shown = ",".join(f"{first}-{last}:{step}" for first, last, step in wanted.tasks)
        name = f'"{text.printable(wanted.word)}"' if wanted.number is None else str(wanted.number)
        context.err(f"error: Job-array tasks {name}.{shown} not found\n")
    elif wanted.number is not None:
        context.err(f"error: job id {wanted.number} not found\n")
    else:
        context.err(f"error: job name {text.printable(wanted.word)} not found\n")
    return 1


# ---------------------------------------------------------------- sums


def _needle(given: Given) -> bytes:
    """What stands in each record that can pass: the longest value asked for, between its colons."""
    asked = [given.last(*switches) for title, switches, _ in COLUMNS if title != "CLUSTER QUEUE"]
    longest = max((word for word in asked if word is not None), key=len, default=None)
    return b"" if longest is None else f":{longest}:".encode("utf-8", "surrogateescape")


def _sums(context: Context, given: Given, tests: Sequence[Test], span: Span | None) -> int:
    """Print the sums, after all records if -j stands alone."""
    columns = [
        (title, given.last(*switches), POSITION[field])
        for title, switches, field in COLUMNS
        # A queue asked for by name is shown with its hosts.
        if given.has(*switches) or (title == "HOST" and given.last("-q") is not None)
    ]
    places = [place for _, _, place in columns]
    # Records are printed one by one, and old files lack some fields.
    if given.has("-j") or any(place >= FIELDS_AT_LEAST for place in places):
        sums = _one_by_one(context, given, places, tests, span)
    else:
        sums = _by_columns(context, given, places, tests, span)
    context.out(text.summary([(title, asked) for title, asked, _ in columns], sums))
    return 0


def _by_columns(
    context: Context, given: Given, places: Sequence[int], tests: Sequence[Test], span: Span | None
) -> dict[tuple[str, ...], list[float]]:
    """The sums of each combination of values; none before the first job of a site has ended."""
    from gridcompat import accounting_sums

    path = given.last("-f")
    name = context.accounting() if path is None else path
    try:
        return accounting_sums.sums(name, places, FIGURES, needle=_needle(given), tests=tests, span=span)
    except FileNotFoundError:
        if path is not None:
            raise
        return {}


def _one_by_one(
    context: Context, given: Given, places: Sequence[int], tests: Sequence[Test], span: Span | None
) -> dict[tuple[str, ...], list[float]]:
    """As `_by_columns`, printing each record if -j is given."""
    records = given.has("-j")
    sums: dict[tuple[str, ...], list[float]] = {}
    for words in _records(context, given, _needle(given)):
        if not _passes(words, tests, span):
            continue
        try:
            figures = [float(words[at]) for at in FIGURES]
            if records:
                context.out(text.record(entry_of(words)))
        except ValueError:
            continue
        key = tuple([words[place] if place < len(words) else "0" for place in places])
        known = sums.setdefault(key, [0.0] * len(FIGURES))
        for at, figure in enumerate(figures):
            known[at] += figure
    return sums

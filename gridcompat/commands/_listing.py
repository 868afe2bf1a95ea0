"""What the listing commands share: reading their switches, and fetching what they show.

Must not print: `output` makes the text, the command itself writes it.
"""

from __future__ import annotations

from gridcompat.cluster.base import GRID_JOB
from gridcompat.errors import Forbidden, NotFound, Unavailable, UsageError
from gridcompat.patterns import matches
from gridcompat.record import record
from gridcompat.states import FINISHED
from gridcompat.translate.rows import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.cluster.base import K8sObject
    from gridcompat.commands.context import Context
    from gridcompat.translate.rows import Row


@record
class Given:
    """A command line taken apart."""

    switches: tuple[tuple[str, tuple[str, ...]], ...]
    """(switch, its words) in the order given."""
    missing: tuple[str, ...]
    """Switches that lack their argument."""
    stray: str | None
    """The first word or switch that is not known."""

    def has(self, *names: str) -> bool:
        """Return whether any of these switches was given."""
        return any(name in names for name, _ in self.switches)

    def words(self, *names: str) -> list[str]:
        """Return the words of all occurrences of these switches, taken apart at commas."""
        found: list[str] = []
        for name, words in self.switches:
            if name in names:
                found += [part for word in words for part in word.split(",") if part]
        return found

    def last(self, *names: str) -> str | None:
        """Return the last word given to these switches; None if there is none."""
        found = None
        for name, words in self.switches:
            if name in names and words:
                found = words[-1]
        return found


def scan(command: str, argv: Sequence[str]) -> Given:
    """Read a command line of qstat, qhost, qselect or qacct by the table of switches.

    Unlike qsub's, a switch with an argument takes every word up to the next one with a dash; one of qacct
    that must have an argument takes the next word, whatever it is.
    """
    from gridcompat.options import table

    known = table.switches(command)
    found: list[tuple[str, tuple[str, ...]]] = []
    missing: list[str] = []
    stray: str | None = None
    at = 0
    while at < len(argv):
        switch = argv[at]
        at += 1
        row = known.get(switch)
        if row is None:
            stray = switch if stray is None else stray
            continue
        option = table.option(row)
        words: list[str] = []
        if option.optional and at < len(argv) and not argv[at]:
            at += 1
            if (command, switch) == ("qacct", "-j"):
                words.append("")
        elif command == "qacct" and option.metavar and not option.optional:
            if at == len(argv):
                missing.append(switch)
                continue
            words.append(argv[at])
            at += 1
        elif option.metavar:
            while at < len(argv) and argv[at] and not argv[at].startswith("-"):
                words.append(argv[at])
                at += 1
            if not words and not option.optional:
                missing.append(switch)
                continue
        found.append((switch, tuple(words)))
    return Given(switches=tuple(found), missing=tuple(missing), stray=stray)


def checked(given: Given, usage: str, *, prefix: str = "") -> Given:
    """Return the command line if it can be used.

    Raises:
        UsageError: an unknown switch or word (with the usage), or an argument missing.
    """
    lines = [f"{prefix}{switch} option must have argument" for switch in given.missing]
    if given.stray is not None:
        lines.append(f'{prefix}invalid option argument "{given.stray}"')
        raise UsageError(usage + "\n".join(lines), exit_status=1)
    if lines:
        raise UsageError("\n".join(lines), exit_status=1)
    return given


def request_words(context: Context, name: str) -> list[str]:
    """Return the words of a request file of the home, such as `.sge_qstat`; none without one.

    Raises:
        UsageError: it may not be read.

    Source: sge_qstat(5): as on the command line, `#` begins a comment line.
    """
    path = f"{context.home}/{name}"
    try:
        with open(path, "rb") as file:
            text = file.read(1 << 16).decode("utf-8", "surrogateescape")
    except PermissionError as error:
        said = f'error: fopen("{path}") failed: {error.strerror}\nerror reading from file {path}'
        raise UsageError(said, exit_status=1) from error
    except OSError:
        return []
    words: list[str] = []
    for line in text.split("\n"):
        if not line.lstrip().startswith("#"):
            words += line.split()
    return words


def resources(context: Context, words: Sequence[str]) -> list[tuple[str, str]]:
    """Return the resources that -l asks for, by their full names; one without a name is only told of.

    Raises:
        UsageError: one is not known, or its value is none of its kind.
    """
    from gridcompat import complexes
    from gridcompat.options.checks import value_complaint
    from gridcompat.output.messages import submit

    found = []
    for word in words:
        name, equals, value = word.partition("=")
        known = complexes.find(name, context.settings)
        if known is None:
            complaint = f'error: unknown resource "{name}"'
            if name:
                raise UsageError(complaint, exit_status=1)
            context.err(f"{complaint}\n")
            return []
        if equals:
            wrong = value_complaint(known, value) if value else submit.MISSING_VALUE % known.name
            if wrong:
                raise UsageError(f"error: {wrong}", exit_status=1)
        found.append((known.name, value))
    return found


# ---------------------------------------------------------------- whose jobs


@record
class Users:
    """Whose jobs are wanted."""

    own: bool
    patterns: tuple[str, ...]
    """Other users; `*` is everybody."""


def users(context: Context, words: Sequence[str]) -> Users:
    """Return whose jobs `-u` asks for; without words the caller's own."""
    if not words:
        return Users(own=True, patterns=())
    names = [context.user if word == "$user" else word for word in words]
    own = any(matches(name, context.user) for name in names)
    return Users(own=own, patterns=tuple(name for name in names if name != context.user))


def is_of(context: Context, wanted: Users, row: Row) -> bool:
    """Return whether a row is of one of these users."""
    if row.owner == context.user:
        return wanted.own
    return any(matches(pattern, row.owner) for pattern in wanted.patterns)


class Listed:
    """The rows of jobs, from printer columns only; asked for once, and other people's only when wanted."""

    def __init__(self, context: Context, *, finished: bool = False) -> None:
        self._context = context
        self._finished = finished
        self._own = rows(context.cluster().table(GRID_JOB, namespace=context.namespace), finished=finished)
        for row in self._own:
            row.owner = row.owner or context.user
        self._others: list[Row] | None = None
        if any(row.state != FINISHED for row in self._own):
            attend(context)

    def of(self, wanted: Users) -> list[Row]:
        """Return the rows of jobs of these users."""
        found = list(self._own) if wanted.own else []
        if wanted.patterns:
            if self._others is None:
                self._others = self._everybody_elses()
            found += [
                row for row in self._others if any(matches(pattern, row.owner) for pattern in wanted.patterns)
            ]
        if not self._own and not found:
            has_account(self._context)
        parallel = [row for row in found if row.slots > 1 and not row.queue]
        if parallel:
            _show_least_slots(self._context, parallel)
        return found

    def _everybody_elses(self) -> list[Row]:
        """Rows of all namespaces, as far as they may be read: whether they may is the site's decision."""
        known = {str(row.job_id) for row in self._own}
        try:
            table = self._context.cluster().table(GRID_JOB, namespace=None)
        except Forbidden:
            return []
        return rows(table, finished=self._finished, without=known)


def listed(context: Context, wanted: Users, *, finished: bool = False) -> list[Row]:
    """Return the rows of jobs of these users, from printer columns only."""
    return Listed(context, finished=finished).of(wanted)


def has_account(context: Context) -> None:
    """See to it that no jobs does not mean that there can be none.

    Raises:
        GridError: the namespace has no GridAccount, as whoever submits there is told.
    """
    if context.settings.cluster != "kubernetes":
        return
    from gridcompat.service.ids import read_account

    try:
        read_account(context.cluster(), context.namespace)
    except Forbidden:
        pass  # who may only look at jobs


def attend(context: Context) -> None:
    """See to it that unfinished jobs have a daemon, which a reboot or a lack of memory may have ended.

    A script that waits by looking, again and again, would wait for ever.  If no daemon can be had, what
    was asked is answered all the same.
    """
    try:
        context.wrote()
    except Unavailable:
        pass


def _show_least_slots(context: Context, waiting: Sequence[Row]) -> None:
    """Give rows of waiting parallel jobs the least slots that -pe asks for, as the grid shows them.

    The object's own `slots` are those it will be given.
    """
    from gridcompat.commands._requests import by_number

    requests = by_number(context, (row.job_id for row in waiting))
    for row in waiting:
        request = requests.get(row.job_id)
        if request is not None and request.slot_ranges:
            row.slots = min(first for first, _, _ in request.slot_ranges)


def objects(context: Context) -> list[K8sObject]:
    """Return the GridJobs of all accounts that may be read, at least the caller's own."""
    try:
        return list(context.cluster().list(GRID_JOB, namespace=None).items)
    except Forbidden:
        return list(context.cluster().list(GRID_JOB, namespace=context.namespace).items)


def job(context: Context, number: int) -> K8sObject | None:
    """Return the GridJob of a number: the caller's own, or anybody's that may be read; None for none."""
    try:
        return context.cluster().get(GRID_JOB, str(number), namespace=context.namespace)
    except NotFound:
        pass
    return next((obj for obj in objects(context) if obj["metadata"]["name"] == str(number)), None)

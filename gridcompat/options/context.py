"""What a command line is read in, and what reading it yields.

Everything that decides what a command line means comes in through `Context`: parsing looks at no
clock, no environment and no disk of its own, so a result is a function of its input.  `Reader` is the
only way to files; `options.disk` has the real one.
"""

from __future__ import annotations

from gridcompat.errors import Refused
from gridcompat.model import Submission
from gridcompat.record import record
from gridcompat.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Protocol

    from gridcompat.options.scan import Occurrence
else:
    Protocol = object


class Reader(Protocol):
    """How parsing reaches files. Paths are as typed, relative ones from `Context.cwd`."""

    def file(self, path: str, limit: int = -1) -> bytes:
        """Return the content of a file, or about the first `limit` bytes of it.

        Raises:
            OSError: it cannot be read; `errno` tells why.
        """

    def stdin(self) -> bytes:
        """Return standard input up to its end; `b""` when there is none."""

    def kind(self, path: str) -> str:
        """Return "file", "executable" (a file the caller may run), "dir", or "" for nothing."""

    def resolves(self, host: str) -> bool:
        """Say whether the resolver knows a host; only asked about those of -o, -e, -i, -S and -l."""


@record
class Context:
    """The surroundings of one command line."""

    environment: Mapping[str, str]
    """Of the command's process, bytes that are no UTF-8 as surrogates (`os.environ`)."""
    cwd: str
    """Physical working directory, links resolved (`os.getcwd()`)."""
    host: str
    """Name of this host, as the jobs' SGE_O_HOST shows it."""
    user: str
    """Account name of the real uid (passwd, or the uid as text)."""
    home: str
    """Home of the account (passwd, or $HOME without an entry); request files are looked for here."""
    uid: int
    settings: Settings
    now: float
    """Epoch seconds."""
    reader: Reader
    hosts: Collection[str] = ()
    """Execution hosts that -q QUEUE@HOST and -l hostname may name; empty is this host alone.
    Gone through only when one is named: on a real cluster that asks for the nodes."""
    taken: Callable[[], Mapping[tuple[str, ...], float]] = dict
    """Asks what runs take from each store of `options.terms`; only -w p does."""


class WarnedRefusal(Refused):
    """A refusal of a command line that the grid has warned about before."""

    def __init__(self, message: str, *, warnings: tuple[str, ...]) -> None:
        super().__init__(message)
        self.warnings = warnings
        """Lines for stdout, as in `Parsed.warnings`."""


@record
class Parsed:
    """What `options.build.qsub` makes of a command line."""

    submission: Submission
    """Complete but for `predecessors` and `array_predecessors`, which need the cluster; empty with `help`."""
    warnings: tuple[str, ...] = ()
    """Lines for stdout, before anything else (qsub's own warnings go there)."""
    notes: tuple[str, ...] = ()
    """Lines for stderr: switches that are only approximated here; empty when the site wants no warnings."""
    help: str = ""
    """Not empty: print this to stdout and end with status 0."""
    sync: bool = False
    """-sync y: wait for the end of the job."""
    terse: bool = False
    verify: bool = False
    """-verify: print the request, submit nothing."""
    w: str = "n"
    """-w: n, e, w, v or p. `e` was acted on here; `w` has its line in `warnings` already."""
    unsuitable: str = ""
    """Why no queue can ever run it; "" if one can.

    Lines as `(-l h_vmem=900G) cannot run at host "HOST" because ...`; `Job N ` belongs before each.
    Only filled for -w v, p and w. With v or p nothing is submitted: "" means
    `verification: found suitable queue(s)` on stdout and status 0.
    """
    now: bool = False
    """-now y: the job must start at once or is given up."""
    occurrences: tuple[Occurrence, ...] = ()
    """Every switch that was read, in rising order of weight, also those overridden or cleared later."""

"""What a drop-in command runs in: who, where, when, and the ways out.

`_main` makes one; tests make their own with a cluster in a temporary directory and lists to write to.
Commands look at nothing else of the process: no `sys`, no `os.environ`.
"""

from __future__ import annotations

from gridcompat.record import record
from gridcompat.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gridcompat.cluster.base import Cluster


@record
class Context:
    """The surroundings of one command. Records hold the functions, so call them as `context.out(text)`."""

    command: str
    """The word that messages begin with: the base name of argv[0]."""
    settings: Settings
    namespace: str
    """Of the caller's own objects."""
    user: str
    """Name of the account: the site's or user's `owner`, the passwd entry of the uid, or the uid as text."""
    uid: int
    home: str
    """$HOME if it is an absolute path, else that of the passwd entry; "/" without either."""
    host: str
    """Name of this host, without blanks; "localhost" if it has none."""
    cwd: str
    """Physical working directory; "" if it was deleted."""
    environ: Mapping[str, str]
    """Bytes that are no UTF-8 as surrogates."""
    now: float
    """Epoch seconds when the command began."""
    cluster: Callable[[], Cluster]
    """Opens the cluster on the first call and returns the same one after; closed by `_main`."""
    wrote: Callable[[], None]
    """To be called after objects were written, or if any wait: sees to it that a daemon acts on them."""
    accounting: Callable[[], str]
    """Returns the path of the accounting file, which need not exist."""
    stdin: Callable[[], bytes]
    """Reads standard input to its end; b"" when it is closed."""
    out: Callable[[str], None]
    """Writes text to standard output as it is, without adding a newline; buffered."""
    err: Callable[[str], None]
    """Writes text to standard error, after what was written to standard output before."""
    flush: Callable[[], None]
    """Sends off what `out` has buffered."""

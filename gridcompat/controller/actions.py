"""What a plan asks the executor to do, beside writing the status.

Every action may be repeated: after a crash the next plan asks for what is still missing.  Those
`before` the status write make it true (mails, records, deletions an order asked for); those `after`
depend on it (pods that were intended, pods whose run is marked as recorded).  Plain values.
"""

from __future__ import annotations

from gridcompat.accounting import Entry
from gridcompat.outbox import Happening
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    Action: TypeAlias = "Post | Append | EndPod | Suspend | MakePod | MakeVoid | LetGo | Confirm"


@record
class Post:
    """Put the mails of a happening into the spool."""

    happening: Happening


@record
class Append:
    """Append the accounting record of an attempt, once."""

    key: str
    entry: Entry


@record
class EndPod:
    """Note on the pod why it ends (unless it says so already) and delete it, with its own grace."""

    pod: str
    uid: str
    ended_by: str
    """JSON of `{"kind", "by", "at", "force"}`; "" leaves the note alone."""


@record
class Suspend:
    """Ask the node, by an annotation, to stop or continue the processes of a pod."""

    pod: str
    suspended: bool


@record
class MakePod:
    """Create the pod of an intended attempt. A taken name is no error: the claim was made before."""

    row: dict[str, Any]
    """Of `status.running`."""


@record
class MakeVoid:
    """Take the name of an attempt whose pod is not there, so that it can never start."""

    row: dict[str, Any]


@record
class LetGo:
    """Take our finalizer off a pod whose run is recorded, and delete it.

    `force`: its node does not answer and may never do.
    """

    pod: str
    uid: str
    force: bool = False


@record
class Confirm:
    """The attempt is marked: the accounting journal may forget the record."""

    key: str


@record
class Step:
    """One status write and what surrounds it."""

    status: dict[str, Any]
    """Whole, as it shall be."""
    before: tuple[Action, ...] = ()
    after: tuple[Action, ...] = ()
    again_in_s: float | None = None
    """Look at the job again after so many seconds, whatever happens."""
    hold_back_s: float = 0.0
    """Start nothing of the job for so long: its last attempt was turned away."""

"""Job ids by compare-and-swap on the account, and `-once` decided by the same swap.

The order of steps of `-once` is the only safe one (tests/model/test_model_once.py): read the account,
list the jobs of that name, look at the name's entry, write the entry with the version read first.
Must not know what is submitted beyond its name.
"""

from __future__ import annotations

from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, Selector, Table
from gridcompat.errors import ClusterError, Conflict, GridError, NotFound, Unavailable, Unreachable
from gridcompat.service.means import Deadline, Means, Turn
from gridcompat.translate import grid_job as objects
from gridcompat.translate import rows
from gridcompat.translate.account import ACCOUNT_NAME, next_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gridcompat.cluster.base import Cluster, K8sObject

TAKE_OVER_S = 10.0
"""How long an entry's owner has to create its GridJob, and then to make it ready, before someone else voids
the id or takes the job back."""
MOST_ENTRIES = 256
"""`status.once` of a GridAccount holds no more."""


class AlreadyActive(GridError):
    """A job of that name exists, or is being submitted by someone who came first."""


def read_account(cluster: Cluster, namespace: str) -> K8sObject:
    """Return the namespace's GridAccount.

    Raises:
        GridError: there is none, so nobody may submit here.
    """
    try:
        return cluster.get(GRID_ACCOUNT, ACCOUNT_NAME, namespace=namespace)
    except NotFound as error:
        raise GridError(
            f"the namespace {namespace} has no GridAccount, so no jobs can be submitted to it",
            hint="an administrator makes one for each account",
        ) from error


class Ids:
    """One submission's way to an id. `take` may be called again when the id was lost to a void job."""

    def __init__(
        self,
        cluster: Cluster,
        namespace: str,
        means: Means,
        deadline: Deadline,
        *,
        nonce: str,
        once_name: str | None,
        void: Callable[[int], None],
    ) -> None:
        """Begin.

        Args:
            once_name: the job name of a `-once` submission, else None.
            void: creates the GridJob of that number, void; no error if there is one.
        """
        self._cluster = cluster
        self._namespace = namespace
        self._means = means
        self._deadline = deadline
        self._nonce = nonce
        self._name = once_name
        self._void = void
        self._seen: tuple[int, str] | None = None
        """What another submitter has begun and is waited for (id, and nonce or "unready"), and since when."""
        self._seen_at = 0.0

    def take(self) -> int:
        """Return an id that nobody else has.

        Raises:
            AlreadyActive: `-once`, and another job of that name is there or comes first.
            Unavailable: the deadline passed first.
            Unreachable: nobody is there, which the cluster has waited for long enough.
        """
        wait, cause = 0.01, ""
        while not self._deadline.passed():
            try:
                with Turn(self._means, self._deadline):
                    number = self._attempt()
            except Conflict:
                number = None
            except Unreachable as error:
                raise Unreachable(f"the job was not submitted: {error.message}") from error
            except Unavailable as error:
                # Perhaps the swap was done. Then the id is a gap, or our own entry will be met.
                number, cause = None, error.message
            if number is not None:
                return number
            self._means.pause(min(wait, self._deadline.left or wait))
            wait = min(wait * 2, 1.0)
        raise late(None, cause)

    def _attempt(self) -> int | None:
        """One round of the protocol; None to begin again after a pause."""
        account = read_account(self._cluster, self._namespace)
        entries = list(account.get("status", {}).get("once") or ())
        if self._name is not None:
            mine = self._look(entries)
            if mine is not None:
                return mine
            if self._seen is not None:
                return None
            entries = [entry for entry in entries if entry["name"] != self._name]
        number = next_id(account)
        if number is None or (self._name is not None and len(entries) >= MOST_ENTRIES):
            # The controller hands out the next block, and clears entries.
            self._poke()
            return None
        status: dict[str, Any] = {"nextId": number + 1}
        if self._name is not None:
            status["once"] = [*entries, {"name": self._name, "id": number, "nonce": self._nonce}]
        self._cluster.patch(
            GRID_ACCOUNT,
            ACCOUNT_NAME,
            {"status": status},
            namespace=self._namespace,
            subresource="status",
            if_version=account["metadata"]["resourceVersion"],
        )
        return number

    def _look(self, entries: list[dict[str, Any]]) -> int | None:
        """`-once`, after the account was read: list, then look at the entry.

        Returns the id of an entry that is our own (a lost answer), else None.  `self._seen` is then
        the entry to wait for, or None if the name is free.
        """
        listing = self._cluster.table(
            GRID_JOB, namespace=self._namespace, selector=Selector(fields={"spec.jobName": self._name or ""})
        )
        ready, unready = _by_readiness(listing)
        if rows.active(ready):
            raise AlreadyActive(f"there is a job named '{self._name}' already active")
        begun = rows.rows(unready)
        if begun:
            there = self._cluster.get(GRID_JOB, str(begun[0].job_id), namespace=self._namespace)
            self._wait_until_ready(there)
            return None
        entry = next((entry for entry in entries if entry["name"] == self._name), None)
        if entry is not None and entry["nonce"] == self._nonce and self._missing(entry["id"]):
            return int(entry["id"])
        if entry is None:
            self._seen = None
            return None
        try:
            there = self._cluster.get(GRID_JOB, str(entry["id"]), namespace=self._namespace)
        except NotFound:
            self._wait_for(entry)
            return None
        if rows.active(there):
            if not there["spec"]["ready"]:
                self._wait_until_ready(there)
                return None
            raise AlreadyActive(f"there is a job named '{self._name}' already active")
        self._seen = None
        return None

    def _missing(self, number: int) -> bool:
        try:
            self._cluster.get(GRID_JOB, str(number), namespace=self._namespace)
        except NotFound:
            return True
        return False

    def _wait_for(self, entry: dict[str, Any]) -> None:
        """An entry whose GridJob is not there: wait, and after ten seconds of our clock take the id away."""
        known = (entry["id"], entry["nonce"])
        now = self._means.monotonic()
        if known != self._seen:
            self._seen, self._seen_at = known, now
        elif now - self._seen_at >= TAKE_OVER_S:
            self._void(entry["id"])
        self._poke()

    def _wait_until_ready(self, there: K8sObject) -> None:
        """A GridJob that is not ready: wait, and after ten seconds of our clock take the job back.

        The version makes sure that it has not become ready meanwhile; an owner that comes later sees in
        the answer to its last write that the job is deleted.
        """
        number = objects.job_id(there)
        known = (number, "unready")
        now = self._means.monotonic()
        if known != self._seen:
            self._seen, self._seen_at = known, now
        elif now - self._seen_at >= TAKE_OVER_S and not there["spec"]["ready"]:
            self._cluster.patch(
                GRID_JOB,
                str(number),
                {"spec": {"deleted": objects.all_tasks(there)}},
                namespace=self._namespace,
                if_version=there["metadata"]["resourceVersion"],
            )

    def _poke(self) -> None:
        if self._means.poke is not None:
            self._means.poke()


def check_free(cluster: Cluster, name: str, *, namespace: str) -> None:
    """Raise AlreadyActive if a job of that name is active now: an early look, which decides nothing."""
    selector = Selector(fields={"spec.jobName": name})
    ready, _ = _by_readiness(cluster.table(GRID_JOB, namespace=namespace, selector=selector))
    if rows.active(ready):
        raise AlreadyActive(f"there is a job named '{name}' already active")


def _by_readiness(listing: Table) -> tuple[Table, Table]:
    """Return the jobs that are ready, and those whose submitter is not done, or died."""
    place = list(listing.columns).index("Ready")
    parts: tuple[list[Any], list[Any]] = ([], [])
    for cells in listing.rows:
        parts[cells[place] in (False, "false", "False")].append(cells)
    ready, unready = (Table(columns=listing.columns, rows=part, version=listing.version) for part in parts)
    return ready, unready


def late(number: int | None, cause: str = "") -> ClusterError:
    """The end of a submission that came to nothing in time: status 25, "try again later"."""
    named = "" if number is None else f" (its number would have been {number})"
    why = f": {cause}" if cause else ""
    return Unavailable(f"the job was not submitted: the cluster did not answer in time{named}{why}")

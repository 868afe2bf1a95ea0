"""The watch of the embedded cluster: reads the change log and waits for more.

Waits for the daemon's waker when there is one, otherwise looks every 20 ms.
Must not know what an object means.
"""

from __future__ import annotations

import time

from gridcompat import jsons as json
from gridcompat.cluster.base import Event
from gridcompat.cluster.embedded import columns
from gridcompat.cluster.embedded.kinds import resource
from gridcompat.errors import Expired, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from typing import Protocol

    from gridcompat.cluster.base import EventType, Kind, Selector
    from gridcompat.cluster.embedded.database import Database
else:
    Protocol = object

POLL_S = 0.02
WAKER_POLL_S = 0.25
"""With a waker: a wake-up that came between the look and the wait costs this at most."""
BATCH = 500
BOOKMARK_S = 10.0
"""A watcher that hears nothing is told this often how far it has come, so that it does not expire."""


class Waker(Protocol):
    """Something that returns when a commit has been made, or after a time-out."""

    def wait(self, timeout: float) -> None:
        """Wait for the next commit, `timeout` seconds at most."""


def events(
    database: Database,
    kind: Kind,
    *,
    namespace: str | None,
    since: str,
    selector: Selector,
    timeout_s: float,
    waker: Waker | None,
) -> Iterator[Event]:
    """Yield the changes after `since`, and a bookmark now and then, until the time is up."""
    if not (since.isascii() and since.isdigit()):
        raise Invalid(f"invalid resource version {since!r}")
    wanted = columns.wanted(kind, selector)
    position = int(since)
    deadline = time.monotonic() + timeout_s
    told, bookmark = position, time.monotonic() + BOOKMARK_S
    end: int | None = None
    while True:
        with database.reading() as connection:
            newest, expired = connection.execute("SELECT version, expired FROM counter").fetchone()
            if position < expired or position > newest:
                raise Expired(f"too old resource version: {position} ({expired})")
            found = [] if position == newest else _read(connection, kind, namespace, position)
        for version, change, body, marks, before in found:
            event = _seen(wanted, change, body, marks, before)
            if event is not None:
                yield event
                told = version
        position = found[-1][0] if len(found) == BATCH else newest
        left = deadline - time.monotonic()
        if left <= 0 and end is None:
            end = newest  # what was there when the time was up is still told
        over = end is not None and position >= end
        if position > told and (time.monotonic() >= bookmark or over):
            yield Event(type="BOOKMARK", object=_bookmark(kind, position))
            told = position
        if time.monotonic() >= bookmark:
            bookmark = time.monotonic() + BOOKMARK_S
        if over:
            return
        if position == newest:
            if waker is None:
                time.sleep(max(0.0, min(POLL_S, left)))
            else:
                waker.wait(max(0.0, min(WAKER_POLL_S, left)))


Change = tuple[int, str, str, str, "str | None"]


def _read(connection: sqlite3.Connection, kind: Kind, namespace: str | None, position: int) -> list[Change]:
    where, values = "", [position, resource(kind)]
    if namespace is not None:
        where = " AND namespace = ?"
        values.append(namespace)
    found: list[Change] = connection.execute(
        "SELECT version, type, body, marks, marks_before FROM changes "
        f"WHERE version > ? AND resource = ?{where} ORDER BY version LIMIT {BATCH}",
        values,
    ).fetchall()
    return found


def _seen(wanted: dict[str, str], change: str, body: str, marks: str, before: str | None) -> Event | None:
    # Through a selector an object appears and disappears when it begins and ceases to match.
    seen: EventType = "DELETED" if change == "DELETED" else "ADDED" if change == "ADDED" else "MODIFIED"
    if wanted:
        now = change != "DELETED" and _matches(wanted, json.loads(marks))
        was = before is not None and _matches(wanted, json.loads(before))
        if not now and not was:
            return None
        seen = "MODIFIED" if now and was else "ADDED" if now else "DELETED"
    return Event(type=seen, object=json.loads(body))


def _matches(wanted: dict[str, str], marks: dict[str, str]) -> bool:
    return all(marks.get(mark) == value for mark, value in wanted.items())


def _bookmark(kind: Kind, version: int) -> dict[str, object]:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"resourceVersion": str(version)},
    }

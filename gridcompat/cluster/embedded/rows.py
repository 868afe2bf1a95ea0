"""Reading and writing single objects inside one transaction, with everything that is kept beside them.

Each write gives the object the next resourceVersion, and brings the change log, the table cells, the
marks that selectors ask for and the owner index along.  Knows no rules about what may be written.
"""

from __future__ import annotations

from gridcompat import jsons as json
from gridcompat.cluster import base
from gridcompat.cluster.embedded import columns
from gridcompat.cluster.embedded.kinds import resource
from gridcompat.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from gridcompat.cluster.base import EventType, K8sObject, Kind

KEPT_CHANGES = 10_000
"""Changes a watch can go back, and no more than KEPT_BYTES of them; a 75,000-task array makes some
four changes for each task, a watcher that is awake is a few behind."""
KEPT_BYTES = 64 * 1024 * 1024
TRIM_EVERY = 128
"""Changes between two trims of the log."""
MAX_OBJECT_BYTES = 1_572_864
"""1.5 MiB: etcd's limit for a request."""

_KIND_OF = {resource(kind): kind for kind in base.KINDS}


class Stored:
    """An object as it is in the database."""

    __slots__ = ("id", "kind", "name", "namespace", "text")

    def __init__(self, row: tuple[int, str, str, str, str]) -> None:
        self.id, found, self.namespace, self.name, self.text = row
        self.kind = _KIND_OF[found]

    def object(self) -> K8sObject:
        """Return a fresh copy."""
        found: K8sObject = json.loads(self.text)
        return found


_SELECT = "SELECT id, resource, namespace, name, body FROM objects "


def find(connection: sqlite3.Connection, kind: Kind, namespace: str, name: str) -> Stored | None:
    """Return an object, None when there is none of that name."""
    row = connection.execute(
        _SELECT + "WHERE resource = ? AND namespace = ? AND name = ?", (resource(kind), namespace, name)
    ).fetchone()
    return None if row is None else Stored(row)


def find_uid(connection: sqlite3.Connection, uid: str) -> Stored | None:
    """Return the object that has a uid."""
    row = connection.execute(_SELECT + "WHERE uid = ?", (uid,)).fetchone()
    return None if row is None else Stored(row)


def owned_by(connection: sqlite3.Connection, uid: str) -> list[Stored]:
    """Return the objects that have an owner reference to a uid."""
    found = connection.execute(
        "SELECT o.id, o.resource, o.namespace, o.name, o.body FROM owners w JOIN objects o ON o.id = w.id "
        "WHERE w.uid = ? ORDER BY o.id",
        (uid,),
    )
    return [Stored(row) for row in found.fetchall()]


def in_namespace(connection: sqlite3.Connection, namespace: str) -> list[Stored]:
    """Return everything in a namespace."""
    return [
        Stored(row) for row in connection.execute(_SELECT + "WHERE namespace = ? ORDER BY id", (namespace,))
    ]


def version(connection: sqlite3.Connection) -> int:
    """Return the newest resourceVersion."""
    return int(connection.execute("SELECT version FROM counter").fetchone()[0])


def insert(connection: sqlite3.Connection, kind: Kind, obj: K8sObject) -> K8sObject:
    """Store a new object and return it with its resourceVersion."""
    metadata = obj["metadata"]
    text, now = _stamped(connection, obj)
    marks = columns.marks(kind, obj)
    found = connection.execute(
        "INSERT INTO objects (resource, namespace, name, uid, body) VALUES (?, ?, ?, ?, ?)",
        (resource(kind), metadata.get("namespace", ""), metadata["name"], metadata["uid"], text),
    )
    assert found.lastrowid is not None
    _beside(connection, kind, found.lastrowid, obj, marks)
    _log(connection, kind, obj, now, "ADDED", text, marks, None)
    return obj


def update(connection: sqlite3.Connection, stored: Stored, old: K8sObject, obj: K8sObject) -> K8sObject:
    """Store a new state of an object and return it with its resourceVersion."""
    kind = stored.kind
    text, now = _stamped(connection, obj)
    connection.execute("UPDATE objects SET body = ? WHERE id = ?", (text, stored.id))
    before, marks = columns.marks(kind, old), columns.marks(kind, obj)
    owners_changed = old["metadata"].get("ownerReferences") != obj["metadata"].get("ownerReferences")
    if before != marks or owners_changed:
        connection.execute("DELETE FROM marks WHERE id = ?", (stored.id,))
        connection.execute("DELETE FROM owners WHERE id = ?", (stored.id,))
        _beside(connection, kind, stored.id, obj, marks)
    else:
        cells = columns.cells(kind, obj)
        if cells and cells != columns.cells(kind, old):
            _put_cells(connection, kind, stored.id, obj, cells)
    _log(connection, kind, obj, now, "MODIFIED", text, marks, before)
    stored.text = text
    return obj


def remove(connection: sqlite3.Connection, stored: Stored, obj: K8sObject) -> K8sObject:
    """Take an object out and return its last state, which has a resourceVersion of its own."""
    text, now = _stamped(connection, obj)
    kind = stored.kind
    connection.execute("DELETE FROM objects WHERE id = ?", (stored.id,))
    connection.execute("DELETE FROM marks WHERE id = ?", (stored.id,))
    connection.execute("DELETE FROM owners WHERE id = ?", (stored.id,))
    connection.execute(
        "DELETE FROM cells WHERE resource = ? AND namespace = ? AND name = ?",
        (resource(kind), stored.namespace, stored.name),
    )
    marks = columns.marks(kind, obj)
    _log(connection, kind, obj, now, "DELETED", text, marks, marks)
    return obj


def _stamped(connection: sqlite3.Connection, obj: K8sObject) -> tuple[str, int]:
    connection.execute("UPDATE counter SET version = version + 1")
    now = version(connection)
    obj["metadata"]["resourceVersion"] = str(now)
    text = json.dumps(obj, separators=(",", ":"))
    # Escapes make text longer than what etcd would count, so measure exactly only where it matters.
    if len(text) > MAX_OBJECT_BYTES:
        size = len(
            json.dumps(obj, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        )
        if size > MAX_OBJECT_BYTES:
            raise Invalid(f"request is too large: {size} bytes, the limit is {MAX_OBJECT_BYTES}")
    return text, now


def _beside(
    connection: sqlite3.Connection, kind: Kind, row: int, obj: K8sObject, marks: dict[str, str]
) -> None:
    name = resource(kind)
    connection.executemany(
        "INSERT INTO marks (resource, mark, value, id) VALUES (?, ?, ?, ?)",
        [(name, mark, value, row) for mark, value in marks.items() if not mark.startswith("metadata.")],
    )
    owners = {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()}
    connection.executemany("INSERT INTO owners (uid, id) VALUES (?, ?)", [(uid, row) for uid in owners])
    cells = columns.cells(kind, obj)
    if cells:
        _put_cells(connection, kind, row, obj, cells)


def _put_cells(connection: sqlite3.Connection, kind: Kind, row: int, obj: K8sObject, cells: str) -> None:
    metadata = obj["metadata"]
    connection.execute(
        "INSERT OR REPLACE INTO cells (resource, namespace, name, id, cells) VALUES (?, ?, ?, ?, ?)",
        (resource(kind), metadata.get("namespace", ""), metadata["name"], row, cells),
    )


def _log(
    connection: sqlite3.Connection,
    kind: Kind,
    obj: K8sObject,
    now: int,
    change: EventType,
    text: str,
    marks: dict[str, str],
    before: dict[str, str] | None,
) -> None:
    connection.execute("UPDATE counter SET logged = logged + ?", (len(text),))
    connection.execute(
        "INSERT INTO changes SELECT ?, ?, ?, ?, logged, ?, ?, ? FROM counter",
        (
            *(now, resource(kind), obj["metadata"].get("namespace", ""), change, json.dumps(marks)),
            None if before is None else json.dumps(before),
            text,
        ),
    )
    if now % TRIM_EVERY == 0:
        trim(connection, now)


def trim(connection: sqlite3.Connection, now: int) -> None:
    """Forget the oldest changes; their pages are used again, so the file stays about as large as it is."""
    logged = connection.execute("SELECT logged FROM counter").fetchone()[0]
    oldest = connection.execute(
        "SELECT version FROM changes WHERE logged > ? ORDER BY version LIMIT 1", (logged - KEPT_BYTES,)
    ).fetchone()
    last = max(now - KEPT_CHANGES, 0 if oldest is None else oldest[0] - 1)
    connection.execute("DELETE FROM changes WHERE version <= ?", (last,))
    connection.execute("UPDATE counter SET expired = max(expired, ?)", (last,))

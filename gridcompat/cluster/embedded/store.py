"""The embedded cluster: the port over one SQLite file, behaving as an API server does.

What it accepts and refuses a real API server accepts and refuses; `tests/conformance` holds both to
that.  This module puts the steps of each request together: `metadata`, `structure`, `rules` and
`core` judge, `rows` stores, `collect` deletes, `watch` tells.  Must not know who calls, nor Grid Engine.
"""

from __future__ import annotations

import os
import time

from gridcompat import jsons as json
from gridcompat.cluster import base
from gridcompat.cluster.base import ALL, Listing, Table
from gridcompat.cluster.embedded import collect, columns, core, judge, metadata, rows, watch
from gridcompat.cluster.embedded.database import Database
from gridcompat.cluster.embedded.kinds import WITH_STATUS, counts_generations, kind_of, resource
from gridcompat.errors import Conflict, Forbidden, Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from gridcompat.cluster.base import Event, K8sObject, Kind, Propagation, Selector
    from gridcompat.cluster.embedded.watch import Waker

TIMEOUT_S = 30.0
"""How long a request waits for the transactions of other processes."""
_NAME_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class EmbeddedCluster:
    """A cluster in one directory of one machine. May be used by several threads and processes at once."""

    def __init__(
        self,
        state_dir: str,
        *,
        seed: Callable[[], Sequence[K8sObject]] | None = None,
        waker: Waker | None = None,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the cluster in an existing directory; make it, with the objects of `seed`, when there is none.

        Args:
            state_dir: see `paths.state_dir`.
            seed: the first objects of a new cluster, in an order in which they can be created.
            waker: lets watches wait for commits, instead of looking for them.
            timeout_s: how long a request waits for others.
            clock: epoch seconds, for timestamps of objects.
        """
        self._clock = clock
        self._waker = waker

        def fill(connection: sqlite3.Connection) -> None:
            for obj in () if seed is None else seed():
                self._create(connection, json.loads(json.dumps(obj)))

        self._database = Database(state_dir, timeout_s=timeout_s, fill=fill)

    def create(self, obj: K8sObject) -> K8sObject:
        """See `Cluster.create`."""
        obj = judge.copied(obj)
        with self._database.writing() as connection:
            return self._create(connection, obj)

    def _create(self, connection: sqlite3.Connection, obj: K8sObject) -> K8sObject:
        kind = kind_of(obj)
        judge.shape(kind, obj)
        meta = obj["metadata"]
        if meta.get("resourceVersion"):
            raise Invalid("resourceVersion should not be set on objects to be created")
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"][:58] + "".join(
                _NAME_LETTERS[byte % len(_NAME_LETTERS)] for byte in os.urandom(5)
            )
        namespace = meta.get("namespace", "")
        if kind.namespaced:
            namespace = namespace or "default"
        elif namespace:
            raise Invalid(f"the namespace of a {kind.kind} must be empty: it is cluster-scoped")
        core.fill_in(kind, obj)
        if kind.kind in WITH_STATUS and kind.group:
            obj.pop("status", None)
        metadata.born(
            obj, namespace=namespace, uid=_uid(), now=self._clock(), counted=counts_generations(kind)
        )
        judge.values(kind, None, obj)
        if namespace:
            self._check_namespace(connection, kind, namespace, meta["name"])
        if rows.find(connection, kind, namespace, meta["name"]) is not None:
            raise Conflict(f'{resource(kind)} "{meta["name"]}" already exists', reason="AlreadyExists")
        rows.insert(connection, kind, obj)
        answer = json.dumps(obj)
        if collect.ownerless(connection, obj):
            # A real cluster's garbage collector comes by a little later; the answer is the same.
            stored = rows.find(connection, kind, namespace, meta["name"])
            assert stored is not None
            collect.delete(connection, stored, now=self._clock())
        found: K8sObject = json.loads(answer)
        return found

    @staticmethod
    def _check_namespace(connection: sqlite3.Connection, kind: Kind, namespace: str, name: str) -> None:
        found = rows.find(connection, base.NAMESPACE, "", namespace)
        if found is None:
            raise NotFound(f'namespaces "{namespace}" not found')
        if "deletionTimestamp" in found.object()["metadata"]:
            raise Forbidden(
                f'{resource(kind)} "{name}" is forbidden: unable to create new content in '
                f"namespace {namespace} because it is being terminated"
            )

    def get(self, kind: Kind, name: str, *, namespace: str | None) -> K8sObject:
        """See `Cluster.get`."""
        with self._database.reading() as connection:
            found = _found(connection, kind, namespace, name)
        return found.object()

    def list(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Listing:
        """See `Cluster.list`."""
        where, values = _where(kind, namespace, selector)
        with self._database.reading() as connection:
            texts = connection.execute(
                f"SELECT body FROM objects WHERE {where} ORDER BY namespace, name", values
            ).fetchall()
            version = rows.version(connection)
        return Listing(
            items=json.loads("[" + ",".join(text for (text,) in texts) + "]"), version=str(version)
        )

    def table(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Table:
        """See `Cluster.table`."""
        names = columns.names(kind)
        where, values = _where(kind, namespace, selector)
        with self._database.reading() as connection:
            texts = connection.execute(
                f"SELECT cells FROM cells WHERE {where} ORDER BY namespace, name", values
            ).fetchall()
            version = rows.version(connection)
        found = json.loads("[" + ",".join(text for (text,) in texts) + "]")
        return Table(columns=names, rows=found, version=str(version))

    def patch(
        self,
        kind: Kind,
        name: str,
        body: K8sObject,
        *,
        namespace: str | None,
        subresource: str | None = None,
        if_version: str | None = None,
    ) -> K8sObject:
        """See `Cluster.patch`."""
        body = judge.copied(body)
        if subresource not in (None, "status") or (subresource and kind.kind not in WITH_STATUS):
            raise NotFound("the server could not find the requested resource")
        with self._database.writing() as connection:
            stored = _found(connection, kind, namespace, name)
            old = stored.object()
            judge.preconditions(kind, old, body, if_version)
            new: K8sObject = judge.merged(stored.object(), body)
            judge.named(kind, name, new)
            judge.shape(kind, new)
            judge.confine(kind, old, new, subresource)
            judge.values(kind, old, new)
            if new == old:
                pass
            elif collect.settled(new):
                collect.finish(connection, stored, new, now=self._clock())
            else:
                rows.update(connection, stored, old, new)
        return new

    def delete(
        self,
        kind: Kind,
        name: str,
        *,
        namespace: str | None,
        propagation: Propagation = "Background",
        if_uid: str | None = None,
        grace_s: int | None = None,
    ) -> K8sObject | None:
        """See `Cluster.delete`."""
        with self._database.writing() as connection:
            stored = _found(connection, kind, namespace, name)
            uid = stored.object()["metadata"]["uid"]
            if if_uid is not None and if_uid != uid:
                raise Conflict(
                    f'Operation cannot be fulfilled on {resource(kind)} "{name}": Precondition failed: '
                    f"UID in precondition: {if_uid}, UID in object meta: {uid}"
                )
            collect.delete(connection, stored, now=self._clock(), propagation=propagation, grace_s=grace_s)
            left = rows.find(connection, kind, stored.namespace, name)
            return None if left is None else left.object()

    def watch(
        self,
        kind: Kind,
        *,
        namespace: str | None,
        since: str,
        selector: Selector = ALL,
        timeout_s: float = 240.0,
    ) -> Iterator[Event]:
        """See `Cluster.watch`."""
        return watch.events(
            self._database,
            kind,
            namespace=namespace if kind.namespaced else None,
            since=since,
            selector=selector,
            timeout_s=timeout_s,
            waker=self._waker,
        )

    def close(self) -> None:
        """See `Cluster.close`."""
        self._database.close()


def _found(connection: sqlite3.Connection, kind: Kind, namespace: str | None, name: str) -> rows.Stored:
    found = rows.find(connection, kind, (namespace or "") if kind.namespaced else "", name)
    if found is None:
        raise NotFound(f'{resource(kind)} "{name}" not found')
    return found


def _where(kind: Kind, namespace: str | None, selector: Selector) -> tuple[str, list[str]]:
    where, values = "resource = ?", [resource(kind)]
    if namespace is not None and kind.namespaced:
        where += " AND namespace = ?"
        values.append(namespace)
    for mark, value in columns.wanted(kind, selector).items():
        if mark.startswith("metadata."):
            where += f" AND {mark.removeprefix('metadata.')} = ?"
            values.append(value)
        else:
            where += " AND id IN (SELECT id FROM marks WHERE resource = ? AND mark = ? AND value = ?)"
            values += [resource(kind), mark, value]
    return where, values


def _uid() -> str:
    # A random UUID (version 4) without the 3 ms that `uuid` takes to import.
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

"""Deletion: finalizers, grace, and what an owner's end means for its dependents.

The API server and the garbage collector of a real cluster share this work, and the collector is
late; here both happen in the transaction that deletes.  Works inside one transaction.
Must not know what an object means.
"""

from __future__ import annotations

from gridcompat import timestamps
from gridcompat.cluster import base
from gridcompat.cluster.embedded import core, rows
from gridcompat.cluster.embedded.kinds import counts_generations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3

    from gridcompat.cluster.base import K8sObject, Propagation
    from gridcompat.cluster.embedded.rows import Stored

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


def delete(
    connection: sqlite3.Connection,
    stored: Stored,
    *,
    now: float,
    propagation: Propagation = "Background",
    grace_s: int | None = None,
) -> None:
    """Do what a DELETE request asks for: remove the object, or mark it and wait for who holds it."""
    obj = stored.object()
    metadata = obj["metadata"]
    old = stored.object()
    finalizers = [name for name in metadata.get("finalizers", ()) if name not in (FOREGROUND, ORPHAN)]
    if propagation == "Foreground" and (
        rows.owned_by(connection, metadata["uid"]) or FOREGROUND in metadata.get("finalizers", ())
    ):
        finalizers.append(FOREGROUND)
    if propagation == "Orphan":
        _let_go(connection, metadata["uid"])
    metadata["finalizers"] = finalizers
    if not finalizers:
        del metadata["finalizers"]
    grace = core.grace_s(obj, grace_s) if stored.kind == base.POD else 0
    if stored.kind == base.NAMESPACE and rows.in_namespace(connection, stored.name):
        _empty_namespace(connection, stored, obj, now)
        return
    if not finalizers and grace == 0:
        finish(connection, stored, obj, now=now)
        return
    _mark(stored, obj, now, grace)
    if obj != old:
        rows.update(connection, stored, old, obj)
    if FOREGROUND in finalizers:
        for child in rows.owned_by(connection, metadata["uid"]):
            if "deletionTimestamp" not in child.object()["metadata"]:
                delete(connection, child, now=now, propagation="Foreground")
        _foreground_done(connection, metadata["uid"], now)


def _mark(stored: Stored, obj: K8sObject, now: float, grace: int) -> None:
    metadata = obj["metadata"]
    if "deletionTimestamp" in metadata:
        # A later request can shorten the grace, never lengthen it.
        if grace < metadata.get("deletionGracePeriodSeconds", 0):
            metadata["deletionTimestamp"] = timestamps.text(now + grace)
            metadata["deletionGracePeriodSeconds"] = grace
        return
    metadata["deletionTimestamp"] = timestamps.text(now + grace)
    metadata["deletionGracePeriodSeconds"] = grace
    if counts_generations(stored.kind):
        metadata["generation"] = metadata.get("generation", 1) + 1


def settled(obj: K8sObject) -> bool:
    """Return whether a changed object is to go now: marked, no finalizer left, no grace to wait for."""
    metadata = obj["metadata"]
    if "deletionTimestamp" not in metadata or metadata.get("finalizers"):
        return False
    return not metadata.get("deletionGracePeriodSeconds", 0)


def finish(connection: sqlite3.Connection, stored: Stored, obj: K8sObject, *, now: float) -> None:
    """Remove an object, and delete those of its dependents that have no other owner."""
    rows.remove(connection, stored, obj)
    uid = obj["metadata"]["uid"]
    for child in rows.owned_by(connection, uid):
        if not _has_owner(connection, child.object()):
            delete(connection, child, now=now)
    for owner in obj["metadata"].get("ownerReferences", ()):
        _foreground_done(connection, owner["uid"], now)
    if stored.namespace:
        _namespace_done(connection, stored.namespace, now)


def ownerless(connection: sqlite3.Connection, obj: K8sObject) -> bool:
    """Return whether an object names owners, none of which is there (any more)."""
    return bool(obj["metadata"].get("ownerReferences")) and not _has_owner(connection, obj)


def _has_owner(connection: sqlite3.Connection, obj: K8sObject) -> bool:
    for owner in obj["metadata"].get("ownerReferences", ()):
        found = rows.find_uid(connection, owner["uid"])
        if found is not None and found.name == owner["name"] and found.kind.kind == owner["kind"]:
            return True
    return False


def _let_go(connection: sqlite3.Connection, uid: str) -> None:
    for child in rows.owned_by(connection, uid):
        old, new = child.object(), child.object()
        left = [owner for owner in new["metadata"]["ownerReferences"] if owner["uid"] != uid]
        new["metadata"]["ownerReferences"] = left
        if not left:
            del new["metadata"]["ownerReferences"]
        rows.update(connection, child, old, new)


def _foreground_done(connection: sqlite3.Connection, uid: str, now: float) -> None:
    stored = rows.find_uid(connection, uid)
    if stored is None:
        return
    old, obj = stored.object(), stored.object()
    finalizers = obj["metadata"].get("finalizers", ())
    if FOREGROUND not in finalizers:
        return
    for child in rows.owned_by(connection, uid):
        for owner in child.object()["metadata"]["ownerReferences"]:
            if owner["uid"] == uid and owner.get("blockOwnerDeletion"):
                return
    obj["metadata"]["finalizers"] = [name for name in finalizers if name != FOREGROUND]
    if not obj["metadata"]["finalizers"]:
        del obj["metadata"]["finalizers"]
    if settled(obj):
        finish(connection, stored, obj, now=now)
    else:
        rows.update(connection, stored, old, obj)


def _empty_namespace(connection: sqlite3.Connection, stored: Stored, obj: K8sObject, now: float) -> None:
    old = stored.object()
    if "deletionTimestamp" not in obj["metadata"]:
        obj["metadata"]["deletionTimestamp"] = timestamps.text(now)
        obj["status"] = {"phase": "Terminating"}
        rows.update(connection, stored, old, obj)
    for child in rows.in_namespace(connection, stored.name):
        found = rows.find(connection, child.kind, child.namespace, child.name)
        if found is not None:  # it may have gone with its owner
            delete(connection, found, now=now)
    _namespace_done(connection, stored.name, now)


def _namespace_done(connection: sqlite3.Connection, name: str, now: float) -> None:
    stored = rows.find(connection, base.NAMESPACE, "", name)
    if stored is None:
        return
    obj = stored.object()
    if "deletionTimestamp" in obj["metadata"] and not rows.in_namespace(connection, name):
        finish(connection, stored, obj, now=now)

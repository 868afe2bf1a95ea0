"""The objects the controller has seen, by what it looks them up by.

A watch may be late: nothing is decided from here that a conditional write or the claim of a name does not
confirm.  What the controller itself wrote is put in at once, and an older version never replaces a newer.
"""

from __future__ import annotations

import json
from sys import intern
from typing import TYPE_CHECKING, Any

from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, NODE, POD
from gridcompat.translate.pod import EVIDENCE_FINALIZER, JOB_LABEL, RECORD_ANNOTATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TypeAlias

    from gridcompat.cluster.base import K8sObject, Kind, Listing

    Key: TypeAlias = tuple[str, str]
    """(namespace, name); of a cluster-scoped object ("", name)."""

WATCHED = (GRID_ACCOUNT, NODE, GRID_JOB, POD)
"""In the order in which they are listed: pods last, for a row must not seem to lack a pod that is there."""


class Cache:
    """Objects by kind and key, pods by job, and who waits for whom."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[Key, K8sObject]] = {kind.kind: {} for kind in WATCHED}
        self._pods_of: dict[Key, dict[str, K8sObject]] = {}
        self._key_of_id: dict[int, Key] = {}
        self._dependents: dict[int, set[Key]] = {}
        self._waits_for: dict[Key, tuple[int, ...]] = {}

    def of(self, kind: Kind) -> dict[Key, K8sObject]:
        """Return all objects of a kind by key; not to be changed."""
        return self._objects[kind.kind]

    def job(self, key: Key) -> K8sObject | None:
        """Return a GridJob."""
        return self._objects[GRID_JOB.kind].get(key)

    def job_by_id(self, number: int) -> K8sObject | None:
        """Return the GridJob of an id, which is unique in the site."""
        key = self._key_of_id.get(number)
        return self.job(key) if key else None

    def pods_of(self, key: Key) -> dict[str, K8sObject]:
        """Return the pods labelled with a job's id, by name."""
        return self._pods_of.get(key) or {}

    def dependents(self, number: int) -> set[Key]:
        """Return the jobs that name a job as predecessor."""
        return self._dependents.get(number) or set()

    def put(self, kind: Kind, obj: K8sObject) -> bool:
        """Take over an object unless a newer version is here; return whether it was taken."""
        key = key_of(obj)
        held = self._objects[kind.kind].get(key)
        if held is not None and not _newer(obj, held):
            return False
        if kind is GRID_JOB:
            obj = _slim(obj)
            self._index_job(key, obj)
        elif kind is POD:
            if held is not None:
                self._unindex_pod(held)
            self._pods_of.setdefault(job_key(obj), {})[key[1]] = obj
        self._objects[kind.kind][key] = obj
        return True

    def drop(self, kind: Kind, obj: K8sObject) -> bool:
        """Forget an object that was deleted; return whether it was known."""
        key = key_of(obj)
        held = self._objects[kind.kind].get(key)
        if held is None or held["metadata"].get("uid") != obj["metadata"].get("uid"):
            return False
        del self._objects[kind.kind][key]
        if kind is GRID_JOB:
            self._unindex_job(key, held)
        elif kind is POD:
            self._unindex_pod(held)
        return True

    def replace(self, kind: Kind, listing: Listing) -> Iterator[K8sObject]:
        """Take over a whole listing; yield what is new, changed or gone."""
        seen = set()
        for obj in listing.items:
            seen.add(key_of(obj))
            if self.put(kind, obj):
                yield obj
        for key, held in list(self._objects[kind.kind].items()):
            if key not in seen and version_of(held) <= _number(listing.version):
                self.drop(kind, held)
                yield held

    def _index_job(self, key: Key, obj: K8sObject) -> None:
        spec = obj["spec"]
        self._key_of_id[int(spec.get("id") or 0)] = key
        waits = tuple({*(spec.get("predecessors") or ()), *(spec.get("arrayPredecessors") or ())})
        before = self._waits_for.get(key, ())
        if waits == before:
            return
        for number in before:
            self._forget_dependent(number, key)
        for number in waits:
            self._dependents.setdefault(number, set()).add(key)
        if waits:
            self._waits_for[key] = waits
        else:
            self._waits_for.pop(key, None)

    def _unindex_job(self, key: Key, obj: K8sObject) -> None:
        self._key_of_id.pop(int(obj["spec"].get("id") or 0), None)
        for number in self._waits_for.pop(key, ()):
            self._forget_dependent(number, key)

    def _forget_dependent(self, number: int, key: Key) -> None:
        keys = self._dependents.get(number)
        if keys is not None:
            keys.discard(key)
            if not keys:
                del self._dependents[number]

    def _unindex_pod(self, pod: K8sObject) -> None:
        owner = job_key(pod)
        pods = self._pods_of.get(owner)
        if pods is not None:
            pods.pop(pod["metadata"]["name"], None)
            if not pods:
                del self._pods_of[owner]


def key_of(obj: K8sObject) -> Key:
    """Return an object's key."""
    meta = obj["metadata"]
    return meta.get("namespace") or "", meta["name"]


def job_key(pod: K8sObject) -> Key:
    """Return the key of the GridJob that a pod says it belongs to."""
    meta = pod["metadata"]
    return meta.get("namespace") or "", (meta.get("labels") or {}).get(JOB_LABEL) or ""


def owned_by(pods: Iterable[K8sObject], uid: str) -> dict[str, K8sObject]:
    """Return those of the pods that the GridJob of a uid really owns, by name."""
    return {pod["metadata"]["name"]: pod for pod in pods if owner_uid(pod) == uid}


def owner_uid(pod: K8sObject) -> str:
    """Return the uid of the GridJob that controls a pod, "" if none does.

    A deletion that orphans (`kubectl delete --cascade=orphan`) takes the reference off; the pod's note still
    says whose it is.
    """
    owners = pod["metadata"].get("ownerReferences") or ()
    for owner in owners:
        if owner.get("controller") and owner.get("kind") == GRID_JOB.kind:
            return str(owner.get("uid") or "")
    return "" if owners else _noted_uid(pod)


def _noted_uid(pod: K8sObject) -> str:
    meta = pod["metadata"]
    if EVIDENCE_FINALIZER not in (meta.get("finalizers") or ()):
        return ""
    try:
        noted = json.loads((meta.get("annotations") or {}).get(RECORD_ANNOTATION) or "{}")
    except ValueError:
        return ""
    return str(noted.get("uid") or "") if isinstance(noted, dict) else ""


def _newer(obj: K8sObject, held: K8sObject) -> bool:
    return version_of(obj) > version_of(held)


def version_of(obj: K8sObject) -> int:
    """Return an object's resourceVersion as a number."""
    return _number(obj["metadata"].get("resourceVersion"))


def _number(version: object) -> int:
    # Opaque by the API's word, but ordered numbers in every server there is (and since 1.35 by its word).
    return int(version) if isinstance(version, str) and version.isdigit() else 0


def _slim(value: Any) -> Any:
    """Share the keys of thousands of objects, and leave out what nobody here reads."""
    if isinstance(value, dict):
        return {intern(key): _slim(part) for key, part in value.items() if key != "managedFields"}
    if isinstance(value, list):
        return [_slim(part) for part in value]
    return value

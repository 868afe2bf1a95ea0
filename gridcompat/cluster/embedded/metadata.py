"""What the API server asks of every object's metadata, names and labels, and what it fills in.

Pure but for the random uid that the caller hands in.  Knows no kind's spec.

Source: Kubernetes 1.34, "Object Names and IDs", "Labels and Selectors", "Annotations", ObjectMeta.
"""

from __future__ import annotations

from gridcompat import timestamps
from gridcompat.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Kind

LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
WORD = LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
MAX_ANNOTATIONS_BYTES = 256 * 1024
STANDARD_FINALIZERS = frozenset(("orphan", "foregroundDeletion", "kubernetes"))
KNOWN: dict[str, type] = {
    **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion", "selfLink"), str),
    **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), str),
    **dict.fromkeys(("generation", "deletionGracePeriodSeconds"), int),
    **dict.fromkeys(("labels", "annotations"), dict),
    **dict.fromkeys(("finalizers", "ownerReferences", "managedFields"), list),
}
OWNER_FIELDS: dict[str, type] = {
    **dict.fromkeys(("apiVersion", "kind", "name", "uid"), str),
    **dict.fromkeys(("controller", "blockOwnerDeletion"), bool),
}
SERVER_OWNED = ("creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")


def check_shape(metadata: Any) -> list[str]:
    """Return the unknown fields of a metadata.

    Raises:
        Invalid: a field has a value of the wrong type.
    """
    if not isinstance(metadata, dict):
        raise Invalid("metadata is not an object")
    unknown = [f"metadata.{key}" for key in metadata if key not in KNOWN]
    for key, value in list(metadata.items()):
        wanted = KNOWN.get(key)
        if value is None:
            del metadata[key]  # null and absent are the same in metadata
        elif wanted is not None and (not isinstance(value, wanted) or isinstance(value, bool)):
            raise Invalid(f"metadata.{key}: wrong type: {value!r}")
    for key in ("labels", "annotations"):
        for name, value in (metadata.get(key) or {}).items():
            if not isinstance(value, str):
                raise Invalid(f"metadata.{key}.{name}: wrong type: {value!r}")
    if not all(isinstance(name, str) for name in metadata.get("finalizers") or ()):
        raise Invalid("metadata.finalizers: not a list of strings")
    for index, owner in enumerate(metadata.get("ownerReferences") or ()):
        unknown += _owner_shape(f"metadata.ownerReferences[{index}]", owner)
    for key in ("labels", "annotations", "finalizers", "ownerReferences"):
        if key in metadata and not metadata[key]:
            del metadata[key]  # stored as absent, as the API server does
    metadata.pop("managedFields", None)
    metadata.pop("selfLink", None)
    return unknown


def _owner_shape(path: str, owner: Any) -> list[str]:
    if not isinstance(owner, dict):
        raise Invalid(f"{path}: not an object")
    for key, value in owner.items():
        wanted = OWNER_FIELDS.get(key)
        if wanted is not None and not isinstance(value, wanted):
            raise Invalid(f"{path}.{key}: wrong type: {value!r}")
    return [f"{path}.{key}" for key in owner if key not in OWNER_FIELDS]


def problems(kind: Kind, metadata: dict[str, Any]) -> list[str]:
    """Return what is wrong with a metadata of the right shape, in the API server's way of saying it."""
    found = name_problems(kind, metadata.get("name", ""))
    for key, value in (metadata.get("labels") or {}).items():
        found += [f"metadata.labels: Invalid value: {key!r}: {why}" for why in _qualified(key)]
        if not is_label_value(value):
            found.append(
                f"metadata.labels: Invalid value: {value!r}: a valid label must be an empty string or "
                "consist of alphanumeric characters, '-', '_' or '.', at most 63, and must start and end "
                "with an alphanumeric character"
            )
    total = 0
    for key, value in (metadata.get("annotations") or {}).items():
        found += [f"metadata.annotations: Invalid value: {key!r}: {why}" for why in _qualified(key.lower())]
        total += len(key.encode("utf-8", "surrogatepass")) + len(value.encode("utf-8", "surrogatepass"))
    if total > MAX_ANNOTATIONS_BYTES:
        found.append(f"metadata.annotations: Too long: may not be more than {MAX_ANNOTATIONS_BYTES} bytes")
    for finalizer in metadata.get("finalizers") or ():
        found += [
            f"metadata.finalizers: Invalid value: {finalizer!r}: {why}" for why in _qualified(finalizer)
        ]
        if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS and not kind.group:
            found.append(f"metadata.finalizers: Invalid value: {finalizer!r}: should be fully qualified")
    return found + _owner_problems(metadata.get("ownerReferences") or ())


def _owner_problems(owners: Any) -> list[str]:
    found = []
    for owner in owners:
        for key in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(key):
                found.append(f"metadata.ownerReferences.{key}: Invalid value: '': must not be empty")
    if sum(1 for owner in owners if owner.get("controller")) > 1:
        found.append(
            "metadata.ownerReferences: Invalid value: Only one reference can have Controller set to true"
        )
    return found


def name_problems(kind: Kind, name: str) -> list[str]:
    """Return what is wrong with the name of an object."""
    if not name:
        return ["metadata.name: Required value: name or generateName is required"]
    label = kind.kind == "Namespace"
    limit, what = (63, "label") if label else (253, "subdomain")
    parts = [name] if label else name.split(".")
    good = all(part and LOWER.issuperset(part.replace("-", "")) for part in parts)
    if not good or any(part[0] == "-" or part[-1] == "-" for part in parts):
        return [
            f"metadata.name: Invalid value: {name!r}: a lowercase RFC 1123 {what} must consist of lower case "
            "alphanumeric characters or '-', and must start and end with an alphanumeric character"
        ]
    if len(name) > limit:
        return [f"metadata.name: Invalid value: {name!r}: must be no more than {limit} bytes"]
    return []


def is_label(name: str) -> bool:
    """Return whether a text is a lowercase RFC 1123 label."""
    return 0 < len(name) <= 63 and LOWER.issuperset(name.replace("-", "")) and name[0] != "-" != name[-1]


def is_label_value(value: str) -> bool:
    """Return whether a text can be the value of a label."""
    if not value:
        return True
    if len(value) > 63 or value[0] not in WORD or value[-1] not in WORD:
        return False
    return all(letter in WORD or letter in "-_." for letter in value)


def _qualified(key: str) -> list[str]:
    prefix, slash, name = key.rpartition("/")
    if slash:
        parts = prefix.split(".")
        good = all(part and LOWER.issuperset(part.replace("-", "")) for part in parts)
        if not good or len(prefix) > 253 or any(part[0] == "-" or part[-1] == "-" for part in parts):
            return ["prefix part must be a lowercase RFC 1123 subdomain"]
    if not name or not is_label_value(name):
        return ["name part must consist of alphanumeric characters, '-', '_' or '.', at most 63"]
    return []


def born(obj: K8sObject, *, namespace: str, uid: str, now: float, counted: bool) -> None:
    """Fill in what the API server fills in at creation."""
    metadata = obj["metadata"]
    for key in SERVER_OWNED:
        metadata.pop(key, None)
    if namespace:
        metadata["namespace"] = namespace
    metadata["uid"] = uid
    metadata["creationTimestamp"] = timestamps.text(now)
    if counted:
        metadata["generation"] = 1


def keep(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Bring a changed metadata into line with the old one; return what may not be changed.

    The server's own fields keep their values whatever the patch says.
    """
    found = []
    for key in ("name", "namespace", "uid"):
        if key in new and key in old and new[key] != old[key]:
            found.append(f"metadata.{key}: Invalid value: {new[key]!r}: field is immutable")
    for key in ("deletionTimestamp", "deletionGracePeriodSeconds"):
        if key in new and new[key] != old.get(key):
            found.append(f"metadata.{key}: Invalid value: {new[key]!r}: field is immutable")
    for key in ("name", "namespace", "uid", "generateName", "resourceVersion", *SERVER_OWNED):
        if key in old:
            new[key] = old[key]
        else:
            new.pop(key, None)
    if "deletionTimestamp" in old:
        added = set(new.get("finalizers") or ()) - set(old.get("finalizers") or ())
        if added:
            found.append(
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is "
                f"being deleted, found new finalizers {sorted(added)}"
            )
    return found

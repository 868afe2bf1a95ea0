"""Whether a written object is acceptable: the checks of one request in the API server's order.

First its shape (400), then what this request may change at all, then its values (422).  Pure.
"""

from __future__ import annotations

from gridcompat import jsons as json
from gridcompat.cluster.embedded import core, metadata, rules, structure
from gridcompat.cluster.embedded.kinds import WITH_STATUS, counts_generations, definition, resource, schema
from gridcompat.errors import Conflict, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Kind


def copied(obj: K8sObject) -> K8sObject:
    """Return a copy of an object that shares nothing with it, as if it had come over the wire.

    Raises:
        Invalid: it cannot be written as JSON in UTF-8.
    """
    try:
        text = json.dumps(obj, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except (TypeError, ValueError) as error:
        raise Invalid(f"the object cannot be written as JSON: {error}") from error
    found: K8sObject = json.loads(text)
    if not isinstance(found, dict):
        raise Invalid("the object is not a JSON object")
    return found


def merged(target: Any, patch: Any) -> Any:
    """Return a value with a JSON merge patch applied; changes `target`.

    Source: RFC 7386, section 2.
    """
    if not isinstance(patch, dict):
        return patch
    if not isinstance(target, dict):
        target = {}
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        else:
            target[key] = merged(target.get(key), value)
    return target


def named(kind: Kind, name: str, obj: K8sObject) -> None:
    """Raise Invalid when a patch has taken the object's name away, or its kind where that matters."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise Invalid(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided"
        )
    if definition(kind) is None:  # the type of a core object is known from its address
        obj.setdefault("kind", kind.kind)


def preconditions(kind: Kind, old: K8sObject, body: K8sObject, if_version: str | None) -> None:
    """Raise Conflict unless the object still is the one the request was made for."""
    meta = body.get("metadata")
    meta = meta if isinstance(meta, dict) else {}
    for version in (if_version, meta.get("resourceVersion")):
        if version and version != old["metadata"]["resourceVersion"]:
            raise Conflict(
                f'Operation cannot be fulfilled on {resource(kind)} "{old["metadata"]["name"]}": the object '
                "has been modified; please apply your changes to the latest version and try again"
            )


def shape(kind: Kind, obj: K8sObject) -> None:
    """Raise Invalid when an object has unknown fields or values of the wrong type."""
    obj.setdefault("metadata", {})
    unknown = metadata.check_shape(obj["metadata"])
    if obj.get("apiVersion") != kind.api_version or obj.get("kind") != kind.kind:
        raise Invalid(f"the object is not a {kind.kind} of {kind.api_version}")
    fields = schema(kind)
    meta, obj["metadata"] = obj["metadata"], {}
    unknown += structure.unknown_fields(fields, obj)
    if unknown:
        listed = ", ".join(f'unknown field "{path}"' for path in unknown)
        raise Invalid(f"strict decoding error: {listed}")
    custom = definition(kind) is not None
    structure.normalize(fields, obj, whole=custom)
    if not custom:
        # The API server reads these into typed structures; what does not fit is not even an object.
        wrong = structure.type_problems(fields, obj)
        if wrong:
            raise Invalid(f"{kind.kind} cannot be handled as a {kind.kind}: {wrong[0]}")
        if kind.kind == "Secret":
            core.join_string_data(obj)
        structure.drop_empty(fields, obj)
    obj["metadata"] = meta


def confine(kind: Kind, old: K8sObject, new: K8sObject, subresource: str | None) -> None:
    """Take back what a patch through this endpoint cannot change, and count the generation.

    Raises:
        Invalid: it changes metadata that never changes.
    """
    if subresource == "status":
        for key in {*old, *new} - {"status", "metadata"}:
            _restore(old, new, key)
        if kind.group:  # the status of a custom kind comes without its metadata, that of a pod with it
            new["metadata"] = json.loads(json.dumps(old["metadata"]))
    problems = metadata.keep(old["metadata"], new["metadata"])
    if problems:
        raise _invalid(kind, old["metadata"]["name"], problems)
    if subresource == "status":
        return
    if kind.kind in WITH_STATUS:
        _restore(old, new, "status")
    if counts_generations(kind) and any(
        old.get(key) != new.get(key) for key in {*old, *new} - {"status", "metadata"}
    ):
        new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1


def _restore(old: K8sObject, new: K8sObject, key: str) -> None:
    if key in old:
        new[key] = old[key]
    else:
        new.pop(key, None)


def values(kind: Kind, old: K8sObject | None, new: K8sObject) -> None:
    """Raise Invalid when an object of the right shape, or the change to it, breaks a rule."""
    found = metadata.problems(kind, new["metadata"])
    twin = definition(kind)
    if twin is not None:
        fields, body = twin["schema"], {**new, "metadata": {}}
        found += structure.type_problems(fields, body) or structure.value_problems(fields, body)
        # The rules are written for objects that their schema accepts.
        found = found or rules.problems(kind, old, new)
    else:
        found += core.problems(kind, old, new)
    if found:
        raise _invalid(kind, new["metadata"].get("name", ""), found)


def _invalid(kind: Kind, name: str, problems: list[str]) -> Invalid:
    what = f"{kind.kind}.{kind.group}" if kind.group else kind.kind
    text = problems[0] if len(problems) == 1 else "[" + ", ".join(problems) + "]"
    return Invalid(f'{what} "{name}" is invalid: {text}')

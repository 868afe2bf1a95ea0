"""Printer columns, selectable fields and labels, worked out when an object is written.

So that a table of thousands of jobs is read without looking into a single object, and a selector
asks an index.  Pure.
"""

from __future__ import annotations

from gridcompat import jsons as json
from gridcompat.cluster.embedded.kinds import definition, resource, selectable, value_at
from gridcompat.cluster.embedded.metadata import is_label_value
from gridcompat.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Kind, Selector


def names(kind: Kind) -> list[str]:
    """Return the names of the columns, as the API server's Table has them.

    Raises:
        Invalid: the kind has none here.
    """
    found = definition(kind)
    if found is None:
        raise Invalid(f"{resource(kind)} has no printer columns")
    return ["Name", *(column[0] for column in found["columns"])]


def cells(kind: Kind, obj: K8sObject) -> str:
    """Return the cells of an object as a JSON list."""
    found = definition(kind)
    if found is None:
        return ""
    row = [obj["metadata"]["name"]]
    for _, kind_of_value, path in found["columns"]:
        row.append(_cell(obj, kind_of_value, path))
    return json.dumps(row, separators=(",", ":"))


def _cell(obj: K8sObject, wanted: str, path: list[str | int]) -> Any:
    value: Any = obj
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and len(value) > step else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return None
    if wanted == "integer":
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if wanted == "boolean":
        return value if isinstance(value, bool) else None
    return value if isinstance(value, str) else json.dumps(value)


def marks(kind: Kind, obj: K8sObject) -> dict[str, str]:
    """Return everything a selector can ask: field paths, and labels as `label:KEY`."""
    metadata = obj["metadata"]
    found = {"metadata.name": metadata["name"]}
    if kind.namespaced:
        found["metadata.namespace"] = metadata["namespace"]
    for path in selectable(kind):
        found[path] = _text(value_at(obj, path))
    for key, value in (metadata.get("labels") or {}).items():
        found["label:" + key] = value
    return found


def wanted(kind: Kind, selector: Selector) -> dict[str, str]:
    """Return a selector in terms of `marks`.

    Raises:
        Invalid: the kind has no such selectable field.
    """
    found: dict[str, str] = {}
    for path, value in (selector.fields or {}).items():
        allowed = path in ("metadata.name", "metadata.namespace") or path in selectable(kind)
        if not allowed or (path == "metadata.namespace" and not kind.namespaced):
            raise Invalid(f"field label not supported: {path}")
        found[path] = value
    for key, value in (selector.labels or {}).items():
        if not is_label_value(value):
            raise Invalid(f"unable to parse requirement: values: Invalid value: {value!r}")
        found["label:" + key] = value
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)

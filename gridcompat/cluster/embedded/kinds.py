"""What the embedded cluster knows of each kind: its resource name, status rules and definition.

Only facts about kinds; no rules about objects, no storage.
"""

from __future__ import annotations

from gridcompat.cluster import base
from gridcompat.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Kind

_BY_NAME = {(kind.api_version, kind.kind): kind for kind in base.KINDS}

WITH_STATUS = frozenset(("GridJob", "GridAccount", "Pod", "Node", "Namespace"))
"""Kinds whose status is changed through a subresource of its own."""
_GENERATIONS = frozenset(("GridJob", "GridAccount", "GridSite", "Pod"))
"""Kinds whose metadata.generation the API server counts."""
_SELECTABLE = {
    "Pod": (
        *("spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
        *("status.phase", "status.podIP", "status.nominatedNodeName"),
    ),
    "Secret": ("type",),
    "Node": ("spec.unschedulable",),
    "Namespace": ("status.phase",),
    "Event": (
        *("involvedObject.kind", "involvedObject.name", "involvedObject.namespace", "involvedObject.uid"),
        *("reason", "type", "reportingComponent", "source"),
    ),
}

_definitions: dict[str, dict[str, Any]] = {}
_schemas: dict[str, dict[str, Any]] = {}


def resource(kind: Kind) -> str:
    """Return the name as errors have it: `pods`, `gridjobs.gridcompat.io`."""
    return f"{kind.plural}.{kind.group}" if kind.group else kind.plural


def kind_of(obj: K8sObject) -> Kind:
    """Return the kind of an object.

    Raises:
        Invalid: it names none.
        NotFound: the cluster does not serve it.
    """
    if not isinstance(obj, dict):
        raise Invalid("the object is not a JSON object")
    version, name = obj.get("apiVersion"), obj.get("kind")
    if not (isinstance(version, str) and isinstance(name, str) and version and name):
        raise Invalid("the object has no apiVersion or no kind")
    found = _BY_NAME.get((version, name))
    if found is None:
        raise NotFound("the server could not find the requested resource")
    return found


def definition(kind: Kind) -> dict[str, Any] | None:
    """Return the twin of the CustomResourceDefinition of a kind, None for a kind of the core."""
    if kind.group != base.GROUP:
        return None
    found = _definitions.get(kind.plural)
    if found is None:
        from gridcompat.cluster import definitions

        found = _definitions[kind.plural] = definitions.load(kind.plural)
    return found


def schema(kind: Kind) -> dict[str, Any]:
    """Return the structural schema of a kind; for the core only names and types of fields."""
    found = _schemas.get(kind.plural)
    if found is None:
        custom = definition(kind)
        if custom is None:
            from gridcompat.cluster import definitions

            custom = definitions.load(kind.plural)
        found = _schemas[kind.plural] = custom["schema"]
    return found


def counts_generations(kind: Kind) -> bool:
    """Return whether metadata.generation is counted."""
    return kind.kind in _GENERATIONS


def selectable(kind: Kind) -> tuple[str, ...]:
    """Return the field paths that a field selector may name, beside the object's name and namespace."""
    found = definition(kind)
    if found is not None:
        return tuple(found["selectable"])
    return _SELECTABLE.get(kind.kind, ())


def value_at(obj: K8sObject, path: str) -> Any:
    """Return the value at a dotted path, None when there is none."""
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value

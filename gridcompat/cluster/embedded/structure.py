"""Structural schemas: which fields an object may have, of which types and sizes.

Works on the schema part of a definition (a structural OpenAPI v3 schema).  Knows no kinds.

Source: Kubernetes 1.34, "Extend the Kubernetes API with CustomResourceDefinitions", structural schemas.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Schema = dict[str, Any]

MAX_PROBLEMS = 20
"""Enough for a user; a list of 75,000 wrong items need not be read out."""


def normalize(schema: Schema, value: Any, *, whole: bool) -> None:
    """Take null values out of an object, for no field may be null; with `whole` make 3.0 an integer's 3.

    The API server does the latter for custom kinds.  Only fields that the schema names.  Changes `value`.
    """
    for key, below in _named(schema, value):
        item = value[key]
        if item is None and isinstance(value, dict):
            del value[key]
        elif whole and below.get("type") == "integer" and isinstance(item, float) and item.is_integer():
            value[key] = int(item)
        else:
            normalize(below, item, whole=whole)


def drop_empty(schema: Schema, value: Any) -> None:
    """Take empty lists and maps out of an object of the core, as writing it from typed structures does.

    An object with fields of its own stays although it is empty: `emptyDir: {}`.  Changes `value`.
    """
    for key, below in _named(schema, value):
        item = value[key]
        drop_empty(below, item)
        if isinstance(value, dict) and (item == [] or (item == {} and "additionalProperties" in below)):
            del value[key]


def _named(schema: Schema, value: Any) -> list[tuple[Any, Schema]]:
    # (key or index, schema below it) of everything in a value that the schema says something about
    if isinstance(value, list):
        below = schema.get("items")
        return [] if below is None else [(index, below) for index in range(len(value))]
    if not isinstance(value, dict):
        return []
    properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    found = [(key, properties.get(key, extra)) for key in value]
    return [(key, below) for key, below in found if isinstance(below, dict)]


def unknown_fields(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Return the paths of fields that the schema does not name."""
    found: list[str] = []
    if isinstance(value, dict):
        properties, extra = schema.get("properties"), schema.get("additionalProperties")
        # What says nothing about its fields may have any; what is no object may have none.
        free = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("type", "object") == "object"
        if properties is not None:
            free = schema.get("x-kubernetes-preserve-unknown-fields", False)
        for key, item in value.items():
            below = (properties or {}).get(key, extra)
            where = f"{path}.{key}" if path else key
            if isinstance(below, dict):
                found += unknown_fields(below, item, where)
            elif not free:
                found.append(where)
    elif isinstance(value, list):
        # Numbers and texts have no fields: most lists need no look at each item.
        items = schema.get("items", {"type": schema.get("type", "object")})
        for index, item in enumerate(value):
            if isinstance(item, (dict, list)):
                found += unknown_fields(items, item, f"{path}[{index}]")
    return found[:MAX_PROBLEMS]


def type_problems(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Return where a value is not of the type the schema gives it."""
    wanted = schema.get("type")
    if wanted is not None and not _is_a(wanted, value):
        kind = "null" if value is None else type(value).__name__
        return [f'{path}: Invalid value: "{kind}": {path} in body must be of type {wanted}: "{kind}"']
    found: list[str] = []
    for key, below in _named(schema, value):
        where = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else key
        found += type_problems(below, value[key], where)
    return found[:MAX_PROBLEMS]


def _is_a(wanted: str, value: Any) -> bool:
    if wanted == "string":
        return isinstance(value, str)
    if wanted == "integer":
        return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63
    if wanted == "boolean":
        return isinstance(value, bool)
    if wanted == "object":
        return isinstance(value, dict)
    if wanted == "array":
        return isinstance(value, list)
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def value_problems(schema: Schema, value: Any, path: str = "") -> list[str]:
    """Return which limits of the schema a value of the right type breaks."""
    found: list[str] = []
    if "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(f'"{choice}"' for choice in schema["enum"])
        found.append(f"{path}: Unsupported value: {value!r}: supported values: {choices}")
    if isinstance(value, str):
        found += _string_problems(schema, value, path)
    elif isinstance(value, dict):
        found += _object_problems(schema, value, path)
    elif isinstance(value, list):
        found += _array_problems(schema, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if value < schema.get("minimum", value):
            found.append(
                f"{path}: Invalid value: {value}: should be greater than or equal to {schema['minimum']}"
            )
        if value > schema.get("maximum", value):
            found.append(
                f"{path}: Invalid value: {value}: should be less than or equal to {schema['maximum']}"
            )
    return found[:MAX_PROBLEMS]


def _string_problems(schema: Schema, value: str, path: str) -> list[str]:
    found = []
    if len(value) > schema.get("maxLength", len(value)):
        found.append(f"{path}: Too long: may not be more than {schema['maxLength']} bytes")
    if len(value) < schema.get("minLength", 0):
        found.append(f"{path}: Invalid value: {value!r}: should be at least {schema['minLength']} chars long")
    pattern = schema.get("pattern")
    if pattern is not None and not _matches(pattern, value):
        found.append(f"{path}: Invalid value: {value!r}: should match '{pattern}'")
    return found


def _matches(pattern: str, value: str) -> bool:
    if pattern == "^[0-9,:-]*$":  # of every task range list; spares the common path the compiler of re
        return frozenset("0123456789,:-").issuperset(value)
    import re

    # RE2's $ without flags is the very end, Python's also before a last newline.
    return re.search(pattern[:-1] + r"\Z" if pattern.endswith("$") else pattern, value) is not None


def _object_problems(schema: Schema, value: dict[str, Any], path: str) -> list[str]:
    found = []
    for key in schema.get("required", ()):
        if key not in value:
            found.append(f"{path}.{key}: Required value".lstrip("."))
    if len(value) > schema.get("maxProperties", len(value)):
        found.append(f"{path}: Too many: must have at most {schema['maxProperties']} items")
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    for key, item in value.items():
        below = properties.get(key, extra)
        if isinstance(below, dict):
            found += value_problems(below, item, f"{path}.{key}" if path else key)
    return found


def _array_problems(schema: Schema, value: list[Any], path: str) -> list[str]:
    found = []
    if len(value) > schema.get("maxItems", len(value)):
        return [f"{path}: Too many: {len(value)}: must have at most {schema['maxItems']} items"]
    keys = schema.get("x-kubernetes-list-map-keys")
    if keys:
        seen = set()
        for index, item in enumerate(value):
            key = tuple(item.get(name) for name in keys)
            if key in seen:
                found.append(f"{path}[{index}]: Duplicate value: {dict(zip(keys, key, strict=True))}")
            seen.add(key)
    below = schema.get("items")
    if below is not None:
        for index, item in enumerate(value):
            found += value_problems(below, item, f"{path}[{index}]")
            if len(found) > MAX_PROBLEMS:
                break
    return found

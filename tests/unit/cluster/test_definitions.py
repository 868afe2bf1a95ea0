"""The definitions, their twins, and the validator that reads the twins."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
import yaml

from gridcompat.cluster import base, definitions
from gridcompat.cluster.embedded import judge, kinds, structure


@pytest.mark.parametrize("plural", definitions.CUSTOM)
def test_the_twin_is_made_from_the_definition(plural: str) -> None:
    parsed = yaml.safe_load(definitions.yaml_text(plural))
    made = json.loads(json.dumps(definitions.twin(parsed)))
    assert definitions.load(plural) == made, "run: python -m gridcompat.cluster.definitions"


@pytest.mark.parametrize("plural", definitions.CUSTOM)
def test_the_kind_of_the_port_is_the_one_defined(plural: str) -> None:
    spec = yaml.safe_load(definitions.yaml_text(plural))["spec"]
    kind = next(kind for kind in base.KINDS if kind.plural == plural)
    assert (kind.kind, kind.group, kind.version) == (
        spec["names"]["kind"],
        spec["group"],
        spec["versions"][0]["name"],
    )
    assert kind.namespaced == (spec["scope"] == "Namespaced")
    twin = definitions.load(plural)
    assert twin["status"] == (kind.kind in kinds.WITH_STATUS)


def strings(schema: Any, path: str = "") -> list[tuple[str, Any]]:
    """Every (path, schema) below a schema."""
    found = [(path, schema)]
    for key, value in (schema.get("properties") or {}).items():
        found += strings(value, f"{path}.{key}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            found += strings(schema[key], path + "[]")
    return found


@pytest.mark.parametrize("plural", definitions.CUSTOM)
def test_every_field_has_a_size(plural: str) -> None:
    parts = definitions.load(plural)["schema"]["properties"]
    for part in ("spec", "status"):
        for path, schema in strings(parts.get(part, {}), part):
            if schema.get("type") == "string":
                assert "maxLength" in schema or "enum" in schema, path
            if schema.get("type") == "array":
                assert "maxItems" in schema, path
            if "additionalProperties" in schema:
                assert "maxProperties" in schema, path


def test_the_columns_are_the_ones_of_the_architecture() -> None:
    root = os.path.join(os.path.dirname(base.__file__), "..", "..")
    with open(os.path.join(root, "docs", "explanation", "architecture.md"), encoding="utf-8") as file:
        text = file.read()
    paragraph = text[text.index("Printer columns, in this order:") :].partition(" Selectable:")[0]
    named = paragraph.split("`")[1::2]
    assert named == [column[0] for column in definitions.load("gridjobs")["columns"]]


@pytest.mark.parametrize("kind", base.KINDS, ids=lambda kind: kind.kind)
def test_every_kind_has_a_schema(kind: base.Kind) -> None:
    assert kinds.schema(kind)["properties"]["metadata"] == {"type": "object"}


# RFC 7386, appendix A: (original, patch, result)
MERGES: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("original", "patch", "result"), MERGES)
def test_merge_patches_follow_the_rfc(original: Any, patch: Any, result: Any) -> None:
    assert judge.merged(original, patch) == result


SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["a"],
    "properties": {
        "a": {"type": "integer", "minimum": 1, "maximum": 3},
        "b": {"type": "string", "minLength": 1, "maxLength": 2, "pattern": "^(x|$)"},
        "c": {
            "type": "array",
            "maxItems": 2,
            "items": {"type": "object", "properties": {"d": {"type": "boolean"}}},
        },
        "e": {"type": "object", "maxProperties": 1, "additionalProperties": {"type": "string"}},
        "f": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "g": {"type": "string", "enum": ["one", "two"]},
    },
}
VALUES: dict[str, tuple[Any, str]] = {
    "all is well": (
        {"a": 1, "b": "xy", "c": [{"d": True}], "e": {"k": "v"}, "f": {"any": [{"thing": 1}]}, "g": "one"},
        "",
    ),
    "required": ({}, "a: Required value"),
    "too small": ({"a": 0}, "a: Invalid value: 0: should be greater than or equal to 1"),
    "too large": ({"a": 4}, "a: Invalid value: 4: should be less than or equal to 3"),
    "a boolean is no number": (
        {"a": True},
        'a: Invalid value: "bool": a in body must be of type integer: "bool"',
    ),
    "null is no number": ({"a": None}, 'a: Invalid value: "null": a in body must be of type integer: "null"'),
    "a text too short": ({"a": 1, "b": ""}, "b: Invalid value: '': should be at least 1 chars long"),
    "a text too long": ({"a": 1, "b": "xxx"}, "b: Too long: may not be more than 2 bytes"),
    "a pattern": ({"a": 1, "b": "y"}, "b: Invalid value: 'y': should match '^(x|$)'"),
    "too many": ({"a": 1, "c": [{}, {}, {}]}, "c: Too many: 3: must have at most 2 items"),
    "deep below": (
        {"a": 1, "c": [{}, {"d": 1}]},
        'c[1].d: Invalid value: "int": c[1].d in body must be of type boolean: "int"',
    ),
    "too many keys": ({"a": 1, "e": {"k": "v", "l": "w"}}, "e: Too many: must have at most 1 items"),
    "no member": ({"a": 1, "g": "three"}, 'g: Unsupported value: \'three\': supported values: "one", "two"'),
}


@pytest.mark.parametrize("case", VALUES)
def test_a_schema_says_what_is_wrong(case: str) -> None:
    value, said = VALUES[case]
    found = structure.type_problems(SCHEMA, value) or structure.value_problems(SCHEMA, value)
    assert found == ([said] if said else [])


def test_unknown_fields_are_found_at_any_depth() -> None:
    value = {"a": 1, "z": 1, "c": [{"d": True}, {"y": 1}], "e": {"free": "1"}, "f": {"free": 1}}
    assert structure.unknown_fields(SCHEMA, value) == ["z", "c[1].y"]


def test_a_long_list_of_mistakes_is_not_read_out() -> None:
    value = {"a": 1, **{f"x{index}": 1 for index in range(1000)}}
    assert len(structure.unknown_fields(SCHEMA, value)) == structure.MAX_PROBLEMS

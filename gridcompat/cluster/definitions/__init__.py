"""The CustomResourceDefinitions, and what the embedded cluster needs of them without reading YAML.

`NAME.yaml` are the definitions as they are applied to a real cluster.  `NAME.json` beside each is
its twin for the embedded cluster: schema, printer columns, selectable fields.  A test compares them.
`pods.json` and the others of the core hold only field names and types, as an API server publishes them.
"""

from __future__ import annotations

import os

from gridcompat import jsons as json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FOLDER = os.path.dirname(os.path.abspath(__file__))
CUSTOM = ("gridjobs", "gridaccounts", "gridsites")


def load(plural: str) -> dict[str, Any]:
    """Return the twin of a definition: `schema`, `columns` ([name, type, path]), `selectable`, `status`."""
    with open(f"{FOLDER}/{plural}.json", encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def yaml_text(plural: str) -> str:
    """Return the text of a definition as it is applied to a cluster."""
    with open(f"{FOLDER}/{plural}.yaml", encoding="utf-8") as file:
        return file.read()


def steps(path: str) -> list[str | int]:
    """Return the keys and indexes of a simple JSONPath: `.spec.predecessors[0]`."""
    found: list[str | int] = []
    for part in path.lstrip(".").split("."):
        name, _, index = part.partition("[")
        found.append(name)
        if index:
            found.append(int(index.rstrip("]")))
    return found


def twin(definition: dict[str, Any]) -> dict[str, Any]:
    """Return what `load` returns, made from a parsed CustomResourceDefinition."""
    version = definition["spec"]["versions"][0]
    return {
        "columns": [
            [column["name"], column["type"], steps(column["jsonPath"])]
            for column in version["additionalPrinterColumns"]
        ],
        "schema": _bare(version["schema"]["openAPIV3Schema"]),
        "selectable": [field["jsonPath"].lstrip(".") for field in version.get("selectableFields", ())],
        "status": "status" in version.get("subresources", {}),
    }


def _bare(schema: Any) -> Any:
    # The CEL rules have hand-written twins in embedded/rules.py; descriptions are for people.
    if isinstance(schema, dict):
        left_out = ("x-kubernetes-validations", "description")
        return {key: _bare(value) for key, value in schema.items() if key not in left_out}
    return schema

"""The schemas of the core kinds, as a real API server publishes them, cut down to what is checked.

`python -m conformance.core_schemas KUBECONFIG` (in tests/) rewrites them; a conformance test compares them
with the server it runs on.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from gridcompat.cluster import base, definitions, kubeconfig
from gridcompat.cluster.base import Kind
from gridcompat.cluster.http import Http

CORE = (base.POD, base.SECRET, base.CONFIG_MAP, base.NODE, base.EVENT, base.LEASE, base.NAMESPACE)

KEPT_VERSION = "1.34"
"""Of the server that the files were made from."""


def server_version(http: Http) -> str:
    """Return the version of a server as `1.34`."""
    found = http.request("GET", "/version", repeatable=True)
    return f"{found['major']}.{found['minor']}".rstrip("+")


def published(http: Http, kind: Kind) -> dict[str, Any]:
    """Return what the file of a kind should hold."""
    path = f"/openapi/v3/apis/{kind.group}/v1" if kind.group else "/openapi/v3/api/v1"
    schemas = http.request("GET", path, repeatable=True)["components"]["schemas"]
    for schema in schemas.values():
        for known in schema.get("x-kubernetes-group-version-kind", ()):
            if known == {"group": kind.group, "kind": kind.kind, "version": "v1"}:
                found: dict[str, Any] = _bare(schemas, schema)
                found["properties"]["metadata"] = {"type": "object"}
                return {"schema": found}
    raise LookupError(kind.kind)


def _bare(schemas: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "allOf" in schema and len(schema["allOf"]) == 1:
        schema = schema["allOf"][0]
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    found: dict[str, Any] = {}
    # A quantity or a port is a string or a number: no type.
    if "type" in schema and "oneOf" not in schema and schema.get("format") != "int-or-string":
        found["type"] = schema["type"]
    if "properties" in schema:
        found["properties"] = {key: _bare(schemas, value) for key, value in schema["properties"].items()}
    if isinstance(schema.get("additionalProperties"), dict):
        found["additionalProperties"] = _bare(schemas, schema["additionalProperties"])
    if "items" in schema:
        found["items"] = _bare(schemas, schema["items"])
    return found


def main(path: str) -> None:
    """Rewrite the files."""
    http = Http(kubeconfig.from_files(path), timeout_s=30)
    for kind in CORE:
        text = json.dumps(published(http, kind), separators=(",", ":"), sort_keys=True)
        with open(f"{definitions.FOLDER}/{kind.plural}.json", "w", encoding="utf-8") as file:
            file.write(text + "\n")
    http.close()


if __name__ == "__main__":
    main(sys.argv[1])

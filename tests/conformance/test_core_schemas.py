"""The field names and types of the core kinds are those of the API server that the suite runs on."""

from __future__ import annotations

from typing import Any

import pytest

from conformance import core_schemas
from gridcompat.cluster import base, definitions
from gridcompat.cluster.base import Cluster
from gridcompat.cluster.rest import RestCluster


@pytest.mark.parametrize("kind", core_schemas.CORE, ids=lambda kind: kind.kind)
def test_the_file_of_a_core_kind_is_what_the_server_publishes(cluster: Cluster, kind: base.Kind) -> None:
    kept = definitions.load(kind.plural)
    if not isinstance(cluster, RestCluster):
        # The embedded cluster publishes none: at least it must know the fields that every object has.
        assert {"apiVersion", "kind", "metadata"} <= set(kept["schema"]["properties"])
        return
    published = core_schemas.published(cluster._http, kind)
    assert not differences(kept, published)
    if core_schemas.server_version(cluster._http) == core_schemas.KEPT_VERSION:
        assert kept == published


def differences(kept: dict[str, Any], published: dict[str, Any], path: str = "") -> list[str]:
    """What we know that a server does not: a newer one may know more."""
    found = []
    for name, value in kept.items():
        there = published.get(name)
        if isinstance(value, dict) and isinstance(there, dict):
            found += differences(value, there, f"{path}.{name}")
        elif value != there:
            found.append(f"{path}.{name}: {value} is {there}")
    return found


@pytest.mark.parametrize(
    ("kept", "published", "found"),
    [
        ({"a": {"type": "string"}}, {"a": {"type": "string"}, "b": {"type": "number"}}, []),
        ({"a": {"type": "string"}}, {"a": {"type": "number"}}, [".a.type: string is number"]),
        ({"a": {"type": "string"}}, {}, [".a: {'type': 'string'} is None"]),
    ],
)
def test_a_newer_server_may_only_know_more(
    kept: dict[str, Any], published: dict[str, Any], found: list[str]
) -> None:
    assert differences(kept, published) == found

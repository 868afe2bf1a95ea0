"""The field names and types of the core kinds are those of the API server that the suite runs on."""

from __future__ import annotations

import pytest

from conformance import core_schemas
from gridcompat.cluster import base, definitions
from gridcompat.cluster.base import Cluster
from gridcompat.cluster.rest import RestCluster


@pytest.mark.parametrize("kind", core_schemas.CORE, ids=lambda kind: kind.kind)
def test_the_file_of_a_core_kind_is_what_the_server_publishes(cluster: Cluster, kind: base.Kind) -> None:
    kept = definitions.load(kind.plural)
    if isinstance(cluster, RestCluster):
        assert kept == core_schemas.published(cluster._http, kind)
    else:  # the embedded cluster publishes none: at least it must know the fields that every object has
        assert {"apiVersion", "kind", "metadata"} <= set(kept["schema"]["properties"])

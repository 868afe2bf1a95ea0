"""A real embedded cluster in a temporary directory, without a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.service.means import Means
from service.service_world import FakeTime, first_objects


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def means(fake_time: FakeTime) -> Means:
    return fake_time.means()


@pytest.fixture
def open_cluster(tmp_path: Path) -> Iterator[Callable[[], EmbeddedCluster]]:
    """Opens the same cluster again, as another process would."""
    opened: list[EmbeddedCluster] = []

    def open_one() -> EmbeddedCluster:
        opened.append(EmbeddedCluster(str(tmp_path), seed=first_objects))
        return opened[-1]

    yield open_one
    for cluster in opened:
        cluster.close()


@pytest.fixture
def cluster(open_cluster: Callable[[], EmbeddedCluster]) -> EmbeddedCluster:
    return open_cluster()

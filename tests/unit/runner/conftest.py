"""A running world for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.runner_world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An embedded cluster whose runner runs."""
    made = World(tmp_path)
    made.start()
    yield made
    made.close()

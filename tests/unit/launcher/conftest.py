"""A bench for each shell that the launcher is written for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.launcher_bench import SHELLS, Bench

_numbers = iter(range(1, 1_000_000))


@pytest.fixture(params=SHELLS)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """A bench for each shell; job numbers differ so that /tmp/N.T.QUEUE does."""
    if shutil.which(SHELLS[request.param][0]) is None:
        pytest.skip(f"{request.param} is not installed")
    number = os.getpid() * 1000 + next(_numbers)
    made = Bench(SHELLS[request.param], tmp_path / "pod", number)
    yield made
    left = [name for name in os.listdir("/tmp") if name.startswith(f"{number}.")]
    assert left == []

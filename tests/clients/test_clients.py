"""The programs of `tests/clients/programs`, each as one test, when asked for: they come from the network."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in (HERE / "programs").glob("*.py"))

pytestmark = pytest.mark.skipif(
    os.environ.get("GRIDCOMPAT_TEST_CLIENTS") != "1",
    reason="installs programs from PyPI; GRIDCOMPAT_TEST_CLIENTS=1 runs it",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_program_that_drives_grid_engine_runs_as_it_is(name: str) -> None:
    ended = subprocess.run(
        [HERE / "check", name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
    )
    assert ended.returncode == 0, ended.stdout

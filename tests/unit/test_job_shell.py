"""The shell programs of the repository are clean to shellcheck."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHELLCHECK = Path(sys.executable).parent / "shellcheck"


@pytest.mark.parametrize("program", ["gridcompat/launcher/launcher.sh", "tests/check", ".ci/run"])
def test_shellcheck_has_nothing_to_say(program: str) -> None:
    # 2317 and its younger form 2329: functions that only a trap calls.
    done = subprocess.run(
        [SHELLCHECK, "--exclude=SC2317,SC2329", ROOT / program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0

"""The generated reference is in step with the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from gridcompat.model import JobRequest
from gridcompat.options import table
from gridcompat.packaging import pages

ROOT = Path(__file__).resolve().parents[2]


def test_generated_blocks_are_in_step() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("command", sorted(table.COMMANDS))
def test_each_switch_has_a_verdict_help_and_source(command: str) -> None:
    for option in table.every(command):
        assert option.verdict in (table.OBEYED, table.APPROXIMATED, table.NO_EFFECT, table.REFUSED)
        assert option.help and option.source, option.switch


def test_the_mapping_names_each_field_of_a_request() -> None:
    text = (ROOT / "docs" / "reference" / "mapping.md").read_text()
    assert not [field for field in JobRequest.__annotations__ if f"`{field}`" not in text]


@pytest.mark.parametrize("page", ["exit-status.md", "json.md", "objects.md", "settings.md", "states.md"])
def test_each_row_of_a_generated_table_is_described(page: str) -> None:
    text = (ROOT / "docs" / "reference" / page).read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows and not [line for line in rows if line.endswith("|  |")]


def test_manual_pages_and_the_reference_have_the_same_exit_statuses() -> None:
    text = (ROOT / "docs" / "reference" / "exit-status.md").read_text().partition("## `gridcompat`")[0]
    told = set(re.findall(r"^\| (\d+) \|", text, re.MULTILINE))
    assert told == {status for status, _, _ in pages.STATUSES}

"""Manual pages: every command has one, with all its switches, and troff has nothing to complain about."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gridcompat.cli import COMMANDS
from gridcompat.cli.man import page
from gridcompat.options import table
from gridcompat.packaging import commands, pages

ROOT = Path(__file__).resolve().parents[3]
NEEDS_MAN = pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
NEEDS_MANDOC = pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")


@pytest.mark.parametrize("command", commands())
def test_a_page_has_the_sections_that_people_look_for(command: str) -> None:
    text = page(command)
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "FILES", "ENVIRONMENT", "SEE ALSO"):
        assert f"\n.SH {section}\n" in text


@pytest.mark.parametrize("command", sorted(set(commands()) & set(table.COMMANDS)))
def test_a_page_has_every_switch_with_what_it_does_and_its_verdict(command: str) -> None:
    text = page(command)
    for option in table.every(command):
        assert f"\\fB{pages._inline(option.switch)}\\fR" in text
    refused = [option for option in table.every(command) if option.verdict == table.REFUSED]
    assert text.count(pages._text(pages.VERDICTS[table.REFUSED])) == len(refused)


def test_the_page_of_gridcompat_has_a_section_for_each_of_its_commands() -> None:
    text = page("gridcompat")
    for name in COMMANDS:
        shown = f'\n.SS "gridcompat {pages._inline(name)}' in text
        assert shown == (not name.startswith("_"))


@NEEDS_MANDOC
def test_mandoc_finds_nothing_wrong(tmp_path: Path) -> None:
    names = [f"{name}.1" for name in commands()]
    for name in names:
        (tmp_path / name).write_text(page(name[:-2]))
    done = subprocess.run(
        ["mandoc", "-Tlint", "-Wwarning", *names], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout == ""


@NEEDS_MAN
@pytest.mark.parametrize("command", commands())
def test_man_shows_the_page_without_a_warning(command: str, tmp_path: Path) -> None:
    (tmp_path / f"{command}.1").write_text(page(command))
    environment = {"PATH": os.environ["PATH"], "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["man", "--warnings", "-l", f"{command}.1"],
        cwd=tmp_path, capture_output=True, text=True, env=environment, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.startswith(f"{command.upper()}(1)")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("-t n-m", "\\-t n\\-m"),
        (".jsubrc is read. Then more", "\\&.jsubrc is read.\nThen more"),
        ("a\\b 'c' ~/x", "a\\eb \\(aqc\\(aq \\(ti/x"),
        ("für", "f\\[u00FC]r"),
    ],
    ids=["dashes", "a leading dot", "troff's own letters", "letters beyond ASCII"],
)
def test_text_is_printed_to_the_letter(text: str, written: str) -> None:
    assert pages._text(text) == written


def test_the_statuses_are_those_of_the_reference() -> None:
    reference = (ROOT / "docs" / "reference" / "exit-status.md").read_text()
    assert not [status for status, _, _ in pages.STATUSES if f"| {status} |" not in reference]

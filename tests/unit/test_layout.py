"""The repository holds together: commands, entry points, stubs and documents name each other truly."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "MIGRATION.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def commands() -> set[str]:
    folder = ROOT / "gridcompat" / "commands"
    modules = {path.stem for path in folder.glob("*.py")}
    return {name for name in modules if not name.startswith("_") and name != "context"}


def test_each_command_has_a_module_a_stub_and_an_entry_point() -> None:
    stubs = {path.name for path in (ROOT / "bin").iterdir()}
    assert stubs == set(PROJECT["scripts"])
    assert stubs == commands() | {"gridcompat"}


def test_stubs_can_be_run() -> None:
    assert all(path.stat().st_mode & 0o111 for path in (ROOT / "bin").iterdir())


def test_each_command_is_mentioned_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "options.md").read_text()
    assert not [name for name in commands() if f"`{name}`" not in text]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("module", sorted((ROOT / "gridcompat").rglob("*.py")), ids=lambda path: path.stem)
def test_each_module_says_why_it_exists(module: Path) -> None:
    assert ast.get_docstring(ast.parse(module.read_text()))


EXCEPTION = re.compile(r"# (?:noqa: [A-Z0-9]+(?:, ?[A-Z0-9]+)*|type: ignore\[[a-z,-]+\])(.*)")


def test_each_exception_from_a_check_says_why() -> None:
    bare = []
    for path in (*(ROOT / "gridcompat").rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = EXCEPTION.search(line)
            if found and not re.match(r"  (?:# .+|\(.+\))$", found[1]):
                bare.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert not bare, "two blanks and a reason belong behind it"


SKIPS = {"skip", "skipif", "xfail"}


def test_each_test_that_is_left_out_says_why() -> None:
    bare = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in SKIPS
            ):
                named = any(word.arg == "reason" for word in node.keywords)
                if not named and not (node.func.attr == "skip" and node.args):
                    bare.append(f"{path.relative_to(ROOT)}:{node.lineno}")
            elif (
                isinstance(node, ast.Attribute)
                and node.attr == "skip"
                and ast.unparse(node) == "pytest.mark.skip"
            ):
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert not bare

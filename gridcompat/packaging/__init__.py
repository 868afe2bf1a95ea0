"""What is put on a machine beside the package: stubs, manual pages, completion, settings for scripts.

Texts are made here, from the option table and from settings; `tree` puts them in their places and
takes them away again.  Must not know clusters, nor what commands do.
"""

from __future__ import annotations

import ast
import os

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""The directory of the package that runs."""
DATE = "2026-11-24"
"""Of the manual pages: that of the release, not of the day they are made, so that two makings are equal."""
GRIDCOMPAT = "gridcompat"


def drop_ins() -> tuple[str, ...]:
    """Return the names of all drop-in commands, sorted."""
    modules = (name[:-3] for name in os.listdir(f"{PACKAGE}/commands") if name.endswith(".py"))
    return tuple(sorted(name for name in modules if not name.startswith("_") and name != "context"))


def commands() -> tuple[str, ...]:
    """Return the names of all commands: the drop-ins and `gridcompat`."""
    return (GRIDCOMPAT, *drop_ins())


def description(command: str) -> tuple[str, str]:
    """Return what a drop-in is for, in a few words and in sentences, as its module says it."""
    with open(f"{PACKAGE}/commands/{command}.py", encoding="utf-8") as file:
        text = ast.get_docstring(ast.parse(file.read())) or ""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    short = paragraph.removeprefix(f"{command}: ").split(". ")[0].rstrip(".")
    return short, paragraph.removeprefix(f"{command}: ")

"""A Site as TOML text that the settings loader takes. Pure."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.migration.grid import Site


def text(site: Site) -> str:
    """Return the file: what could not be carried over as comments, then the settings."""
    parts = ["# Made by gridcompat import-grid.\n"]
    if site.notes:
        parts += ["# Not carried over:\n", *(f"#   {note}\n" for note in site.notes)]
    parts += ["\n", _lines(site.values)]
    every = (("queue", site.queues), ("parallel_environment", site.environments), *site.tables)
    for title, tables in every:
        parts += [f"\n[[{title}]]\n{_lines(table)}" for table in tables]
    return "".join(parts)


def _lines(values: Sequence[tuple[str, object]]) -> str:
    return "".join(f"{name} = {_value(value)}\n" for name, value in values)


def _key(text: str) -> str:
    bare = text.isascii() and text.replace("_", "").replace("-", "").isalnum()
    return text if bare else json.dumps(text, ensure_ascii=False)


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_value(text)}" for key, text in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    # JSON's texts, numbers and truth are TOML's.
    return json.dumps(value, ensure_ascii=False)

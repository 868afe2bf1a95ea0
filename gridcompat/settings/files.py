"""Settings files: TOML to checked values, with the line of each for messages, and the cache of that.

Only imported when a file is not in the cache yet, so it may import what it likes.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from typing import Any

from gridcompat.errors import SettingsError
from gridcompat.settings import CACHE_VERSION, ParallelEnvironment, Queue, Settings, Volume, site

TABLES: dict[str, tuple[str, type]] = {
    "queue": ("queues", Queue),
    "parallel_environment": ("parallel_environments", ParallelEnvironment),
    "volume": ("volumes", Volume),
    **site.RECORDS,
}
"""Arrays of tables in the file: the field they fill, and the record of one."""
IN_TABLES = frozenset(field for field, _ in TABLES.values())
PAIRS = frozenset(
    (
        "release_images", "limits", "node_selector", "complex_values", "shown", "scheduler", "configuration",
        "values",
    )
)  # fmt: skip
"""Fields that are a table of name and text."""
CACHED_FILES = 8


def read(path: str) -> dict[str, dict[str, Any]]:
    """Return `{"values": {field: value}, "lines": {field: line}}` of a file, ready for JSON.

    Raises:
        SettingsError: the file cannot be read, is no TOML, has an unknown key or a value of a wrong kind.
    """
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(path, error) from error
    source = _Source(path, text)
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in table.items():
        field, of = TABLES.get(key, (key, None))
        lines[field] = source.line(key)
        if of is not None:
            values[field] = _tables(source, key, value, of)
        elif field in Settings.__annotations__ and key not in IN_TABLES:
            values[field] = _value(source, key, getattr(Settings, field), value, lines[field])
        else:
            raise source.fault(lines[field], key, "there is no such setting", _near(key))
    return {"values": values, "lines": lines}


def remember(cache: str, known: Mapping[str, Any], key: str, found: Mapping[str, Any]) -> None:
    """Write the cache with one more file in it, whole or not at all; failing to is no error."""
    path = key.rsplit(" ", 2)[0]
    files = {old: value for old, value in known.items() if old.rsplit(" ", 2)[0] != path}
    files = dict(list(files.items())[-CACHED_FILES:]) | {key: found}
    part = f"{cache}.{os.getpid()}"
    try:
        folder = os.path.dirname(cache)
        # Below an existing home only: a home that is not there (not mounted yet) is not ours to make.
        os.stat(os.path.dirname(os.path.dirname(folder)))
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            json.dump({"version": CACHE_VERSION, "files": files}, file)
        os.replace(part, cache)
    except OSError:
        return


class _Source:
    """One file's text, to tell on which line a key stands."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.lines = text.splitlines()

    def line(self, key: str, *, table: str = "", index: int = 0) -> int:
        """The line of `key` in the index-th `[[table]]`, or of the table `key` itself; 0 if not found."""
        inside, seen = "", -1
        for number, line in enumerate(self.lines, 1):
            line = line.strip()
            if line.startswith("["):
                inside = line.split("]")[0].strip("[ ")
                seen += inside == table
                if not table and inside == key:
                    return number
            name, equals, _ = line.partition("=")
            if equals and name.strip(" \"'").split(".")[0] == key and inside == table and seen <= index:
                if table and seen != index:
                    continue
                return number
        return 0

    def fault(self, line: int, field: str, text: str, hint: str = "") -> SettingsError:
        at = f"{self.path}:{line}" if line else self.path
        return SettingsError(f"{at}: {field}: {text}", hint=hint)


def _tables(source: _Source, key: str, tables: Any, of: type) -> list[dict[str, Any]]:
    """The `[[key]]` tables as keyword arguments of the record `of`."""
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise source.fault(source.line(key), key, "not a list of tables", f"write [[{key}]]")
    found: list[dict[str, Any]] = []
    for index, table in enumerate(tables):
        values: dict[str, Any] = {}
        for name, value in table.items():
            line = source.line(name, table=key, index=index) or source.line(key)
            where = f"{key}.{table.get('name', index + 1)}.{name}"
            if name not in of.__annotations__:
                raise source.fault(line, where, "there is no such setting", ", ".join(of.__annotations__))
            values[name] = _value(source, where, getattr(of, name, ""), value, line)
        if not values.get("name"):
            raise source.fault(source.line(key), f"{key}.{index + 1}", "has no name")
        if any(values["name"] == other["name"] for other in found):
            raise source.fault(source.line(key), f"{key}.{values['name']}", "is there twice")
        found.append(values)
    return found


def _value(source: _Source, where: str, default: object, value: Any, line: int) -> Any:
    """The value as a field with that default takes it, in the shapes of JSON."""
    name = where.rsplit(".", 1)[-1]
    if name == "tolerations":
        if not isinstance(value, list):
            raise source.fault(line, where, "not a list", "a list of tables, as in a pod")
        return json.dumps(value)
    if name == "source":
        if not isinstance(value, dict):
            raise source.fault(line, where, "not a table", 'source = { nfs = { server = "s", path = "/p" } }')
        return json.dumps(value)
    if name == "per_host":
        if not isinstance(value, dict):
            raise source.fault(line, where, "not a table", 'per_host = { "@big" = { slots = "8" } }')
        return [
            [place, _value(source, f"{where}.{place}.shown", (), fields, line)]
            for place, fields in value.items()
        ]
    if name in PAIRS:
        if not isinstance(value, dict) or not all(isinstance(text, (str, int)) for text in value.values()):
            raise source.fault(line, where, "not a table of names and texts", f'{name} = {{ name = "text" }}')
        return [[key, str(text)] for key, text in value.items()]
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(text, str) and text for text in value):
            raise source.fault(line, where, "not a list of texts", f'{name} = ["one", "two"]')
        return value
    kind = type(default)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}[
            kind
        ]
        raise source.fault(line, where, f"'{value}' is not {wanted}", wanted)
    if kind is str and name == "shell_start_mode" and value not in SHELL_START_MODES:
        raise source.fault(line, where, f"'{value}' is not a start mode", ", ".join(SHELL_START_MODES))
    return value


SHELL_START_MODES = ("unix_behavior", "posix_compliant", "script_from_stdin")


def _near(key: str) -> str:
    from difflib import get_close_matches

    fields = Settings.__annotations__.keys() - {field for field, _ in TABLES.values()}
    near = get_close_matches(key, [*sorted(fields), *TABLES], n=1)
    if not near:
        return ""
    return f"is [[{near[0]}]] meant?" if near[0] in TABLES else f"is {near[0]} meant?"


def _syntax_error(path: str, error: tomllib.TOMLDecodeError) -> SettingsError:
    text, _, at = str(error).partition(" (at line ")
    line = at.split(",")[0]
    where = f"{path}:{line}" if line.isdigit() else path
    return SettingsError(f"{where}: {text[:1].lower()}{text[1:]}")

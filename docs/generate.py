"""Write the parts of the reference that come from the code, or check that they are in step.

    python docs/generate.py            write them
    python docs/generate.py --check    say which are out of step, and fail

What stands between `<!-- generated -->` and `<!-- end -->` of a page is made here: the switches from
`options.table`, the settings from `settings`, the state letters from `states`, the fields of objects from
the definitions, the exit statuses of `gridcompat` from the --help of its commands, the fields of its JSON
from `cli._shapes`.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gridcompat import settings, states  # noqa: E402
from gridcompat.cli import USUAL, _shapes  # noqa: E402
from gridcompat.cli import main as main_command  # noqa: E402
from gridcompat.cluster import definitions  # noqa: E402
from gridcompat.options import table  # noqa: E402
from gridcompat.settings import files  # noqa: E402

MUST = "must be given"
BEGIN = "<!-- generated -->"
END = "<!-- end -->"
REFERENCE = ROOT / "docs" / "reference"


def cell(text: str) -> str:
    """Return text that a cell of a Markdown table can hold."""
    return " ".join(text.split()).replace("|", "\\|")


def options() -> str:
    """Return a table of switches for each command."""
    parts = []
    for command in sorted(table.COMMANDS):
        parts += [
            f"## `{command}`",
            "",
            "| switch | what it asks for | verdict | where | source |",
            "|---|---|---|---|---|",
        ]
        for option in table.every(command):
            switch = f"`{option.switch} {option.metavar}`" if option.metavar else f"`{option.switch}`"
            places = ", ".join(name for letter, name in table.PLACES.items() if letter in option.places)
            row = (cell(switch), cell(option.help), option.verdict, places, cell(option.source))
            parts.append(f"| {' | '.join(row)} |")
        parts.append("")
    return "\n".join(parts).rstrip()


def fields(of: type) -> list[tuple[str, str, str]]:
    """Return (field, default, description) of a record of the settings, from its source."""
    name = of.__name__
    tree = ast.parse(Path(str(sys.modules[of.__module__].__file__)).read_text())
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    found: list[tuple[str, str, str]] = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            default = as_toml(of, node) if node.value else MUST
            found.append((node.target.id, default, ""))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and found:
            field, default, _ = found[-1]
            found[-1] = (field, default, str(node.value.value))
    return found


def as_toml(of: type, node: ast.AnnAssign) -> str:
    """Return the default of a field as a settings file would have it."""
    name = getattr(node.target, "id", "")
    value = getattr(of, name, None)
    if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
        pairs = ast.unparse(node.annotation).startswith("tuple[tuple")
        return "{}" if pairs else json.dumps(list(value))
    return json.dumps(value, default=repr)


def all_settings() -> str:
    """Return a table of settings, then of what a queue and a parallel environment have."""
    parts = ["| setting | variable | default | |", "|---|---|---|---|"]
    in_tables = {field for field, _ in files.TABLES.values()}
    for field, default, text in fields(settings.Settings):
        if field in in_tables:
            continue
        # Lists and tables are read from files alone.
        variable = "" if default[0] in "[{" else f"`{settings.variable_name(field)}`"
        parts.append(f"| `{field}` | {variable} | `{cell(default)}` | {cell(text)} |")
    for title, (_, of) in files.TABLES.items():
        parts += ["", f"## `[[{title}]]`", "", "| field | default | |", "|---|---|---|"]
        for field, default, text in fields(of):
            shown = default if default == MUST else f"`{cell(default)}`"
            parts.append(f"| `{field}` | {shown} | {cell(text)} |")
    return "\n".join(parts)


def letters() -> str:
    """Return a table of the state letters, from the comments in `states`."""
    parts = ["| letter | meaning |", "|---|---|"]
    last = ""
    for node in ast.parse(Path(states.__file__).read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            last = str(node.value.value)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and last:
            parts.append(f"| `{last}` | {cell(str(node.value.value))} |")
            last = ""
    return "\n".join(parts)


def objects() -> str:
    """Return a table of fields and a list of rules for each kind, from the definitions."""
    parts = []
    for plural in definitions.CUSTOM:
        spec = yaml.safe_load(definitions.yaml_text(plural))["spec"]
        schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
        where = "one namespace" if spec["scope"] == "Namespaced" else "the whole cluster"
        parts += [f"## {spec['names']['kind']}", "", f"In {where}: `kubectl get {plural}`.", ""]
        parts += ["| field | type | |", "|---|---|---|"]
        for path, field in below(schema, ""):
            if path.partition(".")[0] in ("spec", "status"):
                parts.append(f"| `{path}` | {kind_of(field)} | {cell(field.get('description', ''))} |")
        parts += ["", "The API server refuses a change unless:", ""]
        parts += [f"- {cell(rule)}" for rule in rules(schema)]
        parts.append("")
    return "\n".join(parts).rstrip()


def below(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (path, schema) of each field, depth first."""
    for name, field in schema.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, field
        yield from below(field, here)
        yield from below(field.get("items", {}), f"{here}[]")


def kind_of(field: dict[str, Any]) -> str:
    """Return a field's type with its bounds, in words."""
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        items = field["items"]["type"]
        return f"at most {field['maxItems']:,} {'entries' if items == 'object' else items + 's'}"
    if "maxLength" in field:
        return f"string of at most {field['maxLength']:,}"
    if "maximum" in field:
        return f"integer, {field['minimum']:,} to {field['maximum']:,}"
    return str(field["type"])


def exit_statuses() -> str:
    """Return a table of the exit statuses of `gridcompat`'s commands, from what their --help ends with."""
    rows = ["| command | exit statuses |", "|---|---|"]
    for name, command in cli_commands():
        rows.append(f"| `gridcompat {name}` | {cell(statuses_of(command))} |")
    return "\n".join(rows)


def cli_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield the name and the command of everything that is no group and not hidden, in alphabetical order."""
    top = click.Context(main_command, info_name="gridcompat")
    for name in main_command.list_commands(top):
        command = main_command.get_command(top, name)
        assert command is not None
        if isinstance(command, click.Group):
            inner = {f"{name} {part}": command.commands[part] for part in sorted(command.commands)}
        else:
            inner = {name: command}
        yield from ((path, one) for path, one in inner.items() if not one.hidden)


def statuses_of(command: click.Command) -> str:
    """Return `0 shown; 1 unknown job`: its own words, or the usual ones."""
    _, _, own = (command.epilog or "").partition("Exit status: ")
    return own.partition(". ")[0].rstrip(".") or USUAL


def json_shapes() -> str:
    """Return a section for each `--json`, with a table of its fields."""
    parts = []
    for shape in _shapes.SHAPES:
        # The anchor of a heading without `--json` is the same on code hosts and on the site.
        title = " ".join(shape.command.split()[:2])
        parts += [
            f"## `{title}`",
            "",
            f"`{shape.command}`. {shape.about}",
            "",
            "| field | type | |",
            "|---|---|---|",
        ]
        for path, kind, meaning in shape.fields:
            there = " (not always there)" if path.endswith("?") else ""
            listed = kind.removeprefix(_shapes.ONE_OF)
            shown = kind if listed == kind else " ".join(f"`{word}`" for word in listed.split())
            parts.append(f"| `{path.rstrip('?')}` | {shown}{there} | {cell(meaning)} |")
        parts.append("")
    return "\n".join(parts).rstrip()


def rules(schema: Any) -> Iterator[str]:
    """Yield the messages of the validation rules, outermost first."""
    if isinstance(schema, dict):
        yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
        for value in schema.values():
            yield from rules(value)


PAGES = {
    "exit-status.md": exit_statuses,
    "json.md": json_shapes,
    "objects.md": objects,
    "options.md": options,
    "settings.md": all_settings,
    "states.md": letters,
}


def renewed(page: Path, block: str) -> str:
    """Return the page's text with a new block between its markers."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{block}\n{END}{after}"


def main() -> int:
    stale = []
    for name, make in PAGES.items():
        page = REFERENCE / name
        text = renewed(page, make())
        if text != page.read_text():
            stale.append(name)
            if "--check" not in sys.argv[1:]:
                page.write_text(text)
    if stale and "--check" in sys.argv[1:]:
        print(f"docs/generate.py: out of step with the code: {', '.join(stale)}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`gridcompat config`: each setting's value and where it came from."""

from __future__ import annotations

import json
import os
from typing import Any

import click

from gridcompat import settings as settings_module
from gridcompat.cli._printed import told
from gridcompat.errors import GridError
from gridcompat.settings import SITE_FILE, USER_FILE, Settings
from gridcompat.settings.shown import only_shown

BUILT_IN = "built-in"


@click.command(
    short_help="Show each setting and where its value came from.",
    epilog="Exit status: 0 shown, or FILE has no fault; 1 a fault in the settings, or no KEY; 2 bad use.",
)
@click.argument("key", required=False)
@click.option("--json", "as_json", is_flag=True, help="one JSON object.")
@click.option("--check", "checked", metavar="FILE", help="only say whether FILE is a good settings file.")
def config(key: str | None, as_json: bool, checked: str | None) -> None:
    """Show all settings, or the value of KEY.

    Values come from built-in defaults, the site's file, the user's file and the environment; later ones win.
    """
    if checked is not None:
        _check(checked)
        return
    home = os.environ.get("HOME") or "/"
    try:
        settings, origins = settings_module.load(os.environ, home=home, uid=os.getuid())
    except GridError as error:
        raise told(error) from error
    values = {name: plain(getattr(settings, name)) for name in Settings.__annotations__}
    if key is not None and key not in values:
        raise click.ClickException(f"{key}: there is no such setting")
    if as_json:
        rows = {
            name: {"value": value, "origin": origins.get(name, BUILT_IN)}
            for name, value in values.items()
            if key in (None, name)
        }
        shown = rows if key is None else rows[key]
        click.echo(json.dumps({"files": files(home), "settings": shown} if key is None else shown, indent=2))
    elif key is not None:
        value = values[key]
        click.echo(value if isinstance(value, str) else json.dumps(value))
    else:
        for path, there in files(home).items():
            click.echo(f"# {path}: {'read' if there else 'not there'}")
        width = max(map(len, values))
        for name, value in values.items():
            click.echo(f"{name:<{width}}  {json.dumps(value)}  ({origins.get(name, BUILT_IN)})")


def _check(path: str) -> None:
    """Raise unless the file can be used; the cache and the caller's own files are left out of it."""
    try:
        settings, _ = settings_module.load({"GRIDCOMPAT_CONFIG": path}, home=os.devnull, uid=os.getuid())
    except GridError as error:
        raise told(error) from error
    click.echo(f"{path}: no fault")
    for line in only_shown(settings):
        click.echo(f"shown, not enforced: {line}")


def files(home: str) -> dict[str, bool]:
    """Return the settings files in their order, and whether each can be read."""
    paths = (os.environ.get("GRIDCOMPAT_CONFIG") or SITE_FILE, os.path.join(home, USER_FILE))
    return {path: os.access(path, os.R_OK) for path in paths}


def plain(value: Any) -> Any:
    """Return a setting as JSON has it."""
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if hasattr(value, "__dict__"):
        return {name: plain(item) for name, item in vars(value).items()}
    return value

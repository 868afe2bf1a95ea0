"""Objects as YAML on standard output, for `kubectl apply -f -`, and errors as click shows them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from gridcompat import settings as settings_module
from gridcompat.errors import GridError, SettingsError

if TYPE_CHECKING:
    from gridcompat.cluster.rest import RestCluster
    from gridcompat.settings import Settings


def yaml_text(objects: Iterable[dict[str, Any]]) -> str:
    """Return the documents in their order, keys as they were made, texts of several lines as blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Never an alias: what is used twice is written twice."""

        def ignore_aliases(self, _data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return "".join(
        "---\n" + yaml.dump(obj, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)
        for obj in objects
    )


def told(error: GridError) -> click.ClickException:
    """Return the error as click prints it."""
    return click.ClickException(error.message + (f"\n{error.hint}" if error.hint else ""))


def load_settings(path: str = "") -> Settings:
    """Return the settings, of one file if it is named.

    Raises:
        ClickException: they cannot be used.
    """
    home = os.environ.get("HOME") or "/"
    environment = {**os.environ, **({"GRIDCOMPAT_CONFIG": path} if path else {})}
    try:
        return settings_module.load(environment, home=home, uid=os.getuid())[0]
    except GridError as error:
        raise told(error) from error


def connect(settings: Settings) -> RestCluster:
    """Return the real cluster of the kubeconfig, whatever cluster the settings choose for commands.

    Raises:
        ClickException: there is no kubeconfig that can be used.
    """
    from gridcompat.cluster import rest

    try:
        return rest.connect(settings)
    except SettingsError as error:
        raise told(error) from error

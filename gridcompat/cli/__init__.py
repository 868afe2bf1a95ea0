"""The `gridcompat` command: what the grid has no words for. Parts are imported when they are called."""

from __future__ import annotations

from importlib import import_module

import click

from gridcompat import __version__

COMMANDS = {
    "_complete": "gridcompat.cli.completion:words",
    "account": "gridcompat.cli.account:account",
    "backup": "gridcompat.cli.backup:backup",
    "check": "gridcompat.cli.check:check",
    "completion": "gridcompat.cli.completion:completion",
    "config": "gridcompat.cli.config:config",
    "daemon": "gridcompat.cli.daemon:daemon",
    "doctor": "gridcompat.cli.doctor:doctor",
    "explain": "gridcompat.cli.explain:explain",
    "import-grid": "gridcompat.cli.import_grid:import_grid",
    "install": "gridcompat.cli.install:install",
    "man": "gridcompat.cli.man:man",
    "local": "gridcompat.cli.local:local",
    "logs": "gridcompat.cli.logs:logs",
    "manifests": "gridcompat.cli.manifests:manifests",
    "restore": "gridcompat.cli.backup:restore",
    "top": "gridcompat.cli.top:top",
    "watch": "gridcompat.cli.watch:watch",
}
"""Name to MODULE:ATTRIBUTE of a click command or group."""


class Parts(click.Group):
    """A group whose commands are imported only when they are called or listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command


@click.command(cls=Parts, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Grid Engine's commands on Kubernetes, and on one machine without it."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"gridcompat {__version__}")

"""The `gridcompat` command: what the grid has no words for. Parts are imported when they are called."""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from gridcompat import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

USUAL = "0 done; 1 it cannot be done, and standard error says why; 2 bad use"
"""What the exit statuses of a command mean whose --help does not say it."""
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


@contextmanager
def _as_a_shell_would() -> Iterator[None]:
    """End like a program that a signal ended; click would say `Aborted!`, and return 1 for both."""
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        # Nothing may be flushed at exit into the pipe that broke.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(141) from None


class Parts(click.Group):
    """A group whose commands are imported only when they are called or listed."""

    def make_context(self, *args: Any, **fields: Any) -> click.Context:
        """Read the line; --help prints here."""
        with _as_a_shell_would():
            return super().make_context(*args, **fields)

    def invoke(self, ctx: click.Context) -> Any:
        """Do what the line asks for."""
        with _as_a_shell_would():
            return super().invoke(ctx)

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


@click.command(
    cls=Parts,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"Exit status, unless the command's own --help says otherwise: {USUAL}; 130 interrupted; "
    "141 nobody reads what it prints.",
)
def main() -> None:
    """Grid Engine's commands on Kubernetes, and on one machine without it."""


@main.command()
def version() -> None:
    """Print the version."""
    click.echo(f"gridcompat {__version__}")

"""`gridcompat completion`: what bash, zsh and fish read; and the words of `gridcompat` itself for them."""

from __future__ import annotations

import os
import shutil
import sys

import click

from gridcompat.packaging import GRIDCOMPAT, PACKAGE, shells

CODE = (
    "import sys; sys.path.insert(0, sys.argv[1]); from gridcompat.commands import _complete; "
    "sys.exit(_complete.main(sys.argv[2:]))"
)


@click.command(short_help='Print completion for a shell: eval "$(gridcompat completion bash)"')
@click.argument("shell", type=click.Choice(shells.SHELLS))
def completion(shell: str) -> None:
    """Print what the shell reads to complete the words of all commands."""
    program = sys.argv[0] if os.path.sep in sys.argv[0] else shutil.which(sys.argv[0]) or sys.argv[0]
    click.echo(shells.script(shell, os.path.abspath(program)), nl=False)


@click.command(hidden=True, context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def words(words: tuple[str, ...]) -> None:
    """Print what fits the last of the words: see `commands._complete`."""
    if words[:1] != (GRIDCOMPAT,):
        # An entry point of pip comes here; installed stubs answer without loading click.
        os.execv(sys.executable, [sys.executable, "-IS", "-c", CODE, os.path.dirname(PACKAGE), *words])
    for word, text in own(words[1:]):
        click.echo(f"{word}\t{text}")


def own(words: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return commands and switches of `gridcompat` that fit the last word."""
    from gridcompat.cli import main

    command: click.Command = main
    context = click.Context(main, info_name=GRIDCOMPAT)
    for word in words[:-1]:
        inner = command.get_command(context, word) if isinstance(command, click.Group) else None
        if inner is not None:
            command, context = inner, click.Context(inner, info_name=word, parent=context)
    part = words[-1] if words else ""
    found: list[tuple[str, str]] = []
    if isinstance(command, click.Group) and not part.startswith("-"):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                found.append((name, inner.get_short_help_str(60)))
    for parameter in command.params:
        if part.startswith("-") and isinstance(parameter, click.Option):
            found += [(switch, parameter.help or "") for switch in parameter.opts if switch.startswith("--")]
        elif isinstance(parameter.type, click.Choice) and not isinstance(parameter, click.Option):
            found += [(str(choice), "") for choice in parameter.type.choices]
    return [(word, text) for word, text in found if word.startswith(part)]

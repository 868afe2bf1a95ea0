"""`gridcompat man`: the manual pages, as troff on standard output or in a directory."""

from __future__ import annotations

import os

import click

from gridcompat.packaging import GRIDCOMPAT, commands, pages


def page(command: str) -> str:
    """Return the manual page of any command as troff."""
    from gridcompat.cli import main

    return pages.gridcompat_page(main) if command == GRIDCOMPAT else pages.page(command)


@click.command(short_help="Print manual pages: gridcompat man jsub | man -l -")
@click.option("--output", "folder", type=click.Path(file_okay=False), help="Write them into this directory.")
@click.argument("names", nargs=-1, type=click.Choice(commands()))
def man(folder: str | None, names: tuple[str, ...]) -> None:
    """Print the manual pages of the commands NAMES, or write them (all without NAMES) into a directory."""
    if folder is None:
        click.echo("".join(page(name) for name in names or (GRIDCOMPAT,)), nl=False)
        return
    try:
        os.makedirs(folder, exist_ok=True)
        for name in names or commands():
            with open(f"{folder}/{name}.1", "w", encoding="ascii") as file:
                file.write(page(name))
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error

"""`gridcompat import-grid`: a real grid's configuration as a site's settings file."""

from __future__ import annotations

import os

import click

from gridcompat.cli._printed import told
from gridcompat.errors import GridError


@click.command(
    "import-grid",
    short_help="Make a site's settings of a grid's configuration.",
    epilog="Exit status: 0 made, with or without lines about what could not be carried over; 1 DIRECTORY "
    "cannot be read, or the file is there or cannot be written; 2 bad use.",
)
@click.argument("directory", required=False)
@click.option("-o", "output", help="write to this file, which must not be there, not to stdout.")
@click.option("--dump-script", is_flag=True, help="print a sh script that dumps a grid into a directory.")
def import_grid(directory: str | None, output: str | None, dump_script: bool) -> None:
    """Print the settings of the grid whose configuration is in DIRECTORY.

    DIRECTORY is what the script of --dump-script wrote, or a cell ($SGE_ROOT/default).
    What could not be carried over is said on stderr and as comments.
    """
    import gridcompat.migration
    from gridcompat.migration import grid, toml

    if dump_script:
        with open(os.path.join(os.path.dirname(gridcompat.migration.__file__), "dump.sh"), "rb") as file:
            click.echo(file.read(), nl=False)
        return
    if not directory:
        raise click.UsageError("Missing argument 'DIRECTORY'.")
    try:
        site = grid.site(directory)
    except GridError as error:
        raise told(error) from error
    except ValueError as error:  # a NUL in the name
        raise click.ClickException(f"{directory!r}: {error}") from error
    text = toml.text(site)
    if output:
        try:
            with open(output, "x", encoding="utf-8") as made:
                made.write(text)
        except OSError as error:
            raise click.ClickException(f"{output}: {error.strerror}") from error
    else:
        click.echo(text, nl=False)
    for note in site.notes:
        click.echo(f"not carried over: {note}", err=True)
    for line in _only_shown(text):
        click.echo(f"shown, not enforced: {line}", err=True)


def _only_shown(text: str) -> list[str]:
    """What of the settings nothing obeys; a text that does not load is told of as a fault."""
    import tempfile

    from gridcompat import settings
    from gridcompat.settings.shown import only_shown

    with tempfile.NamedTemporaryFile("w", suffix=".toml", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        try:
            # No home: the cache and the caller's own settings are left out of it.
            found, _ = settings.load({"GRIDCOMPAT_CONFIG": file.name}, home=os.devnull, uid=os.getuid())
        except GridError as error:
            raise told(error) from error
    return only_shown(found)

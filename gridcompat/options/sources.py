"""Where qsub's switches come from: request files, the directives of the script, the command line.

Reads through `Context.reader` only, and says in the grid's words what is wrong in which source.  Must
not know what a switch does to a job, nor which source wins.
"""

from __future__ import annotations

import errno
import os

from gridcompat.errors import UsageError
from gridcompat.options import directives, scan, table, values
from gridcompat.output.messages import usage
from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gridcompat.options.context import Context
    from gridcompat.options.scan import Scanned


def request_files(context: Context) -> Scanned:
    """Scan the request files: the site's, the home's, the working directory's; missing ones are nothing.

    Raises:
        UsageError: a mistake in one; nobody's name stands before the message.

    Source: sge_request(5).
    """
    settings = context.settings
    home = context.environment.get("HOME") or context.home
    paths = [os.path.join(settings.sge_root, settings.sge_cell, "common", "sge_request")]
    paths += [os.path.join(place, ".sge_request") for place in dict.fromkeys((home, context.cwd)) if place]
    parts: list[Scanned] = []
    unread: list[str] = []
    for path in paths:
        try:
            text = context.reader.file(path)
        except IsADirectoryError as error:
            message = usage.FREAD_DIRECTORY % path + "\n" + usage.READING % path
            raise UsageError(message, exit_status=4) from error
        except OSError as error:
            if error.errno == errno.EACCES:
                unread.append(usage.UNREAD_FILE % (path, error.strerror))
            continue
        except ValueError:
            continue
        try:
            parts.append(_file(text, path, table.REQUEST_FILE, context))
        except scan.BadWord as bad:
            raise bad.framed("%s") from bad
        except scan.HelpHere as error:
            raise UsageError(f"qsub: {usage.HELP_NOT_HERE}", exit_status=5) from error
    return replace(_joined(parts), unread=tuple(unread))


def _joined(parts: Sequence[Scanned]) -> Scanned:
    return scan.Scanned(
        occurrences=tuple(occurrence for part in parts for occurrence in part.occurrences),
        strays=tuple(word for part in parts for word in part.strays),
        repeated=tuple(switch for part in parts for switch in part.repeated),
        complaints=tuple(line for part in parts for line in part.complaints),
    )


def _file(text: bytes, path: str, place: str, context: Context) -> Scanned:
    return directives.read(
        directives.lines(text), path=path, place=place, now=context.now, include=including(context, path)
    )


def including(context: Context, *reading: str) -> Any:
    """Return what reads the file of -@. One inside itself is not read again: the grid crashes there."""

    def include(path: str) -> Scanned:
        try:
            if path in reading:
                raise values.Lost(path)
            text = context.reader.file(path)
            return directives.read(
                directives.lines(text),
                path=path,
                place=table.OPTION_FILE,
                now=context.now,
                include=including(context, path, *reading),
            )
        except IsADirectoryError as error:
            raise values.Lost(path, complaint=usage.FREAD_DIRECTORY % path) from error
        except (OSError, ValueError, scan.BadWord, scan.HelpHere) as error:
            # The grid says nothing here: it stops reading, and mostly finds no script then.
            raise values.Lost(path) from error

    return include


def command_line(argv: Sequence[str], context: Context) -> Scanned:
    """Scan the command line.

    Raises:
        UsageError: a mistake in it.
    """
    try:
        return scan.words(
            argv,
            origin="command line",
            place=table.COMMAND_LINE,
            now=context.now,
            include=including(context),
        )
    except scan.BadWord as bad:
        raise bad.framed("qsub: %s") from bad


def directives_of(script: bytes, line: Scanned, path: str, context: Context) -> Scanned:
    """Scan the directives of a script; the prefix is that of the command line's -C.

    Raises:
        UsageError: a mistake in one.
    """
    prefix = str(next(iter(scan.every(line.occurrences, "-C")), directives.DEFAULT_PREFIX))
    try:
        return directives.read(
            directives.directives(script, prefix),
            path=path,
            place=table.SCRIPT,
            now=context.now,
            include=including(context),
        )
    except scan.BadWord as bad:
        raise bad.framed(usage.SCRIPT_PREFIX) from bad
    except scan.HelpHere as error:
        raise UsageError(f"qsub: {usage.HELP_NOT_HERE}", exit_status=5) from error


def standard_input(context: Context) -> bytes:
    """Return the script on standard input.

    Raises:
        UsageError: there is none.
    """
    script = context.reader.stdin()
    if not script:
        raise UsageError(usage.SCRIPT_PREFIX % usage.NO_STDIN, exit_status=4)
    return script


def script(path: str, context: Context) -> bytes:
    """Return the script of that path.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return context.reader.file(path)
    except IsADirectoryError as error:
        message = usage.FREAD_DIRECTORY % path + "\n" + usage.SCRIPT_PREFIX % (usage.READING % path)
        raise UsageError(message, exit_status=4) from error
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        raise UsageError(usage.SCRIPT_PREFIX % (usage.OPENING % (path, reason)), exit_status=14) from error

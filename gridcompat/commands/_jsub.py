"""jsub, jstart and qcronsub: files first, then messages into the .err file, then what qsub would do.

The order of events is the original's: parse, make the output files, look at the program, look for a job
of that name, submit.  Must not know switches; `options.jsub` made a plan of them.
"""

from __future__ import annotations

import os
import time

from gridcompat.commands._main import parsing_context, text_of
from gridcompat.commands._submission import carry_out
from gridcompat.errors import GridError, UsageError
from gridcompat.options import jsub
from gridcompat.options.context import WarnedRefusal
from gridcompat.output.messages import jsub as messages
from gridcompat.record import replace
from gridcompat.service.ids import AlreadyActive, check_free

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from gridcompat.commands.context import Context
    from gridcompat.options.jsub import Plan

NO_FIFO_READER = 6
"""ENXIO: a FIFO that nobody reads is there, and opening it must not wait."""


def run(context: Context, argv: list[str], *, command: str) -> int:
    """Run a command of the family and return its exit status."""
    parsing = parsing_context(context)
    try:
        plan = jsub.plan(argv, command=command, context=parsing)
    except UsageError:
        raise
    except GridError as error:
        context.err(f"{error.message}\n")
        return error.exit_status
    if plan.help:
        context.out(plan.help)
        return 0
    if not _touch(context, plan):
        return 1
    inside = replace(context, err=_messages(context, plan), out=_ignored if plan.quiet else context.out)
    if not plan.executable:
        inside.err(messages.stamped(time.time(), messages.not_executable(plan.program)))
        return 1
    try:
        if plan.once:
            check_free(context.cluster(), plan.name, namespace=context.namespace)
        return carry_out(inside, jsub.submission(plan, context=parsing))
    except AlreadyActive:
        inside.err(messages.stamped(time.time(), messages.already_active(plan.name)))
        return 1
    except GridError as error:
        for warning in error.warnings if isinstance(error, WarnedRefusal) else ():
            inside.out(f"{warning}\n")
        inside.err(text_of(error))
        return error.exit_status


def _ignored(_text: str) -> None:
    """-quiet: nothing on standard output."""


def _touch(context: Context, plan: Plan) -> bool:
    """Make the output files that are not there, with the modes of the plan; say so if that fails."""
    old = os.umask(0)  # the modes have their umask taken off already
    try:
        for path, mode in plan.touch:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            try:
                os.close(os.open(os.path.join(context.cwd, path), flags, mode))
            except ValueError:  # a NUL in the path
                context.err(messages.stamped(time.time(), f"Failed to touch '{path}': embedded null byte"))
                return False
            except OSError as error:
                if error.errno != NO_FIFO_READER:
                    context.err(messages.stamped(time.time(), messages.failed_to_touch(path, error)))
                    return False
    finally:
        os.umask(old)
    return True


def _messages(context: Context, plan: Plan) -> Callable[[str], None]:
    """Where messages go from now on: appended to the .err file, or to standard error."""
    if not plan.messages_to:
        return context.err
    path = os.path.join(context.cwd, plan.messages_to)

    def append(text: str) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags)
        except OSError:
            context.err(text)
            return
        try:
            os.write(descriptor, text.encode("utf-8", "surrogateescape"))
        except OSError:
            context.err(text)
        finally:
            os.close(descriptor)

    return append

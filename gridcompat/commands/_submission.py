"""From a parsed command line to the end of qsub: the part that qsub, jsub and their relatives share.

Must not know switches; prints through the context it is given, which jsub points at its .err file.
"""

from __future__ import annotations

from gridcompat.commands._main import means
from gridcompat.errors import Refused
from gridcompat.output.messages import jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context
    from gridcompat.options.context import Parsed
    from gridcompat.service.submit import Submitted


def carry_out(context: Context, parsed: Parsed) -> int:
    """Do what a command line asks for and return the exit status."""
    for warning in parsed.warnings:
        context.out(f"{warning}\n")
    for note in parsed.notes:
        context.err(f"{note}\n")
    if parsed.help:
        context.out(parsed.help)
        return 0
    if parsed.verify:
        from gridcompat.commands._verify import text

        context.out(text(context, parsed))
        return 0
    if parsed.w in ("v", "p"):
        return _only_verify(context, parsed)
    return _submit(context, parsed)


def _only_verify(context: Context, parsed: Parsed) -> int:
    """-w v and -w p: say whether a queue could run it. The grid takes a number for it when none can."""
    if not parsed.unsuitable:
        context.out(jobs.SUITABLE)
        return 0
    from gridcompat.service.submit import reserve

    number = reserve(context.cluster(), namespace=context.namespace, means=means(context))
    raise Refused(jobs.unsuitable(number, parsed.unsuitable.split("\n")))


def _submit(context: Context, parsed: Parsed) -> int:
    from gridcompat.service.submit import submit

    done = submit(
        context.cluster(),
        context.settings,
        parsed.submission,
        namespace=context.namespace,
        means=means(context),
        withdrawn=parsed.now,
    )
    context.wrote()
    tell = jobs.terse(done.id, done.tasks) if parsed.terse else jobs.submitted(done.id, done.name, done.tasks)
    context.out(tell)
    if parsed.now:
        # The recorded grid never started such a job at once, even with free slots.
        context.err(jobs.NOT_NOW)
        return 1
    if not parsed.sync:
        return 0
    try:
        context.flush()
        return _follow(context, done, terse=parsed.terse)
    except KeyboardInterrupt:
        _delete(context, done)
        raise


def _follow(context: Context, done: Submitted, *, terse: bool) -> int:
    """-sync y: wait for the end and return the job's own status."""
    from gridcompat.service.wait import follow

    cluster = context.cluster()
    statuses: list[int] = []
    for end in follow(
        cluster,
        done.grid_job,
        accounting=context.accounting(),
        means=means(context),
    ):
        task = end.task if done.tasks is not None else None
        if end.deleted:
            context.err(jobs.unable(done.id, task))
            statuses.append(0)
        elif end.signal:
            context.err(jobs.killed(done.id, task, end.signal))
            statuses.append(1)
        elif end.exit_status:
            context.err(jobs.exited(done.id, task, end.exit_status))
            statuses.append(end.exit_status)
        else:
            if not terse:
                context.out(jobs.exited(done.id, task, 0))
                context.flush()
            statuses.append(0)
    if done.tasks is not None:
        return 1 if any(statuses) else 0
    return statuses[-1] if statuses else 0


def _delete(context: Context, done: Submitted) -> None:
    """Ctrl-C while waiting deletes the job.

    Source: qsub(1), -sync.
    """
    from gridcompat.service import orders

    caller = orders.Caller(user=context.user, host=context.host, now=context.now, namespace=context.namespace)
    orders.delete(context.cluster(), done.id, caller=caller, means=means(context))
    context.wrote()

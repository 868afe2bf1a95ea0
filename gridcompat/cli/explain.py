"""`gridcompat explain`: what a command line means, switch by switch, without doing any of it.

Reads files as the command itself would (scripts, request files, .jsubrc) and prints where each switch
stood, how far it is obeyed and what became of it.  Executes nothing and submits nothing.
"""

from __future__ import annotations

import os
import pwd
import time

import click

from gridcompat import settings as settings_module
from gridcompat.errors import GridError, Refused
from gridcompat.model import Account, Submission
from gridcompat.options import build, jsub, scan, table
from gridcompat.options.context import Context, WarnedRefusal
from gridcompat.options.disk import DiskReader
from gridcompat.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gridcompat.cluster.base import K8sObject
    from gridcompat.model import JobRequest
    from gridcompat.options.scan import Occurrence
    from gridcompat.settings import Settings

JSUB_FAMILY = ("jsub", "jstart", "qcronsub")
PLACEHOLDER_ID = 1


@record
class Reading:
    """What a command line turned out to mean."""

    occurrences: tuple[Occurrence, ...]
    submission: Submission | None = None
    operands: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Say what a command line means, without doing it.",
)
@click.option(
    "-o", "output", type=click.Choice(["text", "yaml"]), default="text", help="text, or the objects."
)
@click.argument("command", type=click.Choice(table.COMMANDS))
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def explain(output: str, command: str, words: tuple[str, ...]) -> None:
    """Say what COMMAND WORDS... means, without doing it.

    Prints each switch, where it stood, its verdict and what became of it. The exit status is the one
    that reading the command line would give.
    """
    try:
        context = surroundings()
        reading = read(command, words, context)
        text = objects(reading, context) if output == "yaml" else lines(command, reading)
    except GridError as error:
        raise SystemExit(tell(error)) from error
    for warning in reading.warnings:
        click.echo(warning)
    click.echo(text, nl=False)


def tell(error: GridError) -> int:
    """Print an error as the command would and return its status."""
    warnings = error.warnings if isinstance(error, WarnedRefusal) else ()
    for warning in warnings:
        click.echo(warning)
    message = f"Unable to run job: {error.message}\nExiting." if isinstance(error, Refused) else error.message
    click.echo(f"{message}\n{error.hint}" if error.hint else message, err=True)
    return error.exit_status


def surroundings() -> Context:
    """Return this process's surroundings for the parser."""
    uid = os.getuid()
    try:
        entry = pwd.getpwuid(uid)
        user, home = entry.pw_name, entry.pw_dir
    except KeyError:
        user, home = str(uid), "/"
    environment = dict(os.environ)
    home = environment.get("HOME") or home
    settings, _ = settings_module.load(environment, home=home, uid=uid)
    try:
        cwd = os.getcwd()
    except OSError:
        cwd = ""
    return Context(
        environment=environment,
        cwd=cwd,
        host=os.uname().nodename or "localhost",
        user=settings.owner or user,
        home=home,
        uid=uid,
        settings=settings,
        now=time.time(),
        reader=DiskReader(),
    )


def read(command: str, words: Sequence[str], context: Context) -> Reading:
    """Read a command line as the command does.

    Raises:
        GridError: what the command would say, with its status.
    """
    if command in JSUB_FAMILY:
        plan = jsub.plan(words, command=command, context=context)
        if plan.help:
            return Reading(occurrences=())
        parsed = jsub.submission(plan, context=context)
        return Reading(occurrences=plan.occurrences, submission=parsed.submission, warnings=parsed.warnings)
    if command == "qsub":
        parsed = build.qsub(words, context=context)
        submission = None if parsed.help else parsed.submission
        return Reading(occurrences=parsed.occurrences, submission=submission, warnings=parsed.warnings)
    if command == "jstop":
        return Reading(occurrences=(), operands=tuple(words))
    scanned = scan.scan(command, words, now=context.now)
    return Reading(occurrences=scanned.occurrences, operands=scanned.operands)


# -- text -----------------------------------------------------------------------------------------


def lines(command: str, reading: Reading) -> str:
    """Return one aligned line for each switch, and then what is left: the job or the operands."""
    rows = [
        (_typed(occurrence), occurrence.origin, *_fate(command, occurrence, at, reading))
        for at, occurrence in enumerate(reading.occurrences)
    ]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    text = "".join(
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3])).rstrip()
        + "\n"
        for row in rows
    )
    if reading.submission is not None:
        request = reading.submission.request
        words = " ".join((request.script_file, *request.arguments))
        text += f"job {request.name!r}: {words}\n"
    if reading.operands:
        text += f"operands: {' '.join(reading.operands)}\n"
    return text


def _typed(occurrence: Occurrence) -> str:
    return " ".join((occurrence.switch, *occurrence.words))


def _fate(command: str, occurrence: Occurrence, at: int, reading: Reading) -> tuple[str, str]:
    """Return the verdict on a switch and what became of it."""
    option = table.find(command, occurrence.switch) or table.find("qsub", occurrence.switch)
    if option is None:
        return table.NO_EFFECT, ""
    later = reading.occurrences[at + 1 :]
    cleared = next((other for other in later if other.switch == "-clear"), None)
    if cleared is not None:
        return option.verdict, f"cleared by -clear ({cleared.origin})"
    if option.merge == "replace":
        other = next((other for other in reversed(later) if other.switch == occurrence.switch), None)
        if other is not None:
            return option.verdict, f"overridden ({other.origin})"
    if option.verdict != table.OBEYED:
        return option.verdict, option.help
    if reading.submission is None or not option.target:
        return option.verdict, option.help
    return option.verdict, _field(option.target, occurrence, reading.submission.request)


def _field(target: str, occurrence: Occurrence, request: JobRequest) -> str:
    """Return the field of the request that a switch went into, with its value."""
    if occurrence.soft and target.startswith("hard_"):
        target = target.replace("hard_", "soft_")
    value = getattr(request, target, None)
    return f"{target} = {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(_pair(item) for item in value)
    return str(value)


def _pair(item: Any) -> str:
    if isinstance(item, tuple):
        return "=".join(str(part) for part in item if part != "")
    return str(item)


# -- objects --------------------------------------------------------------------------------------


def objects(reading: Reading, context: Context) -> str:
    """Return the GridJob, its Secret and the pod of its first attempt as YAML.

    The number is a placeholder; the pod is what the controller would make for the account of this
    process.
    """
    import yaml

    if reading.submission is None:
        raise GridError("gridcompat: only a submission makes objects", exit_status=2)
    made = _objects(reading.submission, context)
    return "---\n".join(yaml.safe_dump(obj, sort_keys=False, allow_unicode=True) for obj in made)


def _objects(submission: Submission, context: Context) -> list[K8sObject]:
    from gridcompat.translate import grid_job as translate
    from gridcompat.translate.pod import attempt_pod

    settings = context.settings
    request = replace(submission.request, predecessors=(), array_predecessors=())
    namespace = settings.namespace or "default"
    with_secret = submission.script is not None or bool(submission.environment)
    job = translate.grid_job(
        request, id=PLACEHOLDER_ID, nonce="NONCE", namespace=namespace, ready=not with_secret
    )
    job["metadata"].setdefault("uid", "UID")
    made = [job]
    if with_secret:
        made.append(translate.secret(job, submission.script, submission.environment))
    task = request.tasks[0] if request.tasks is not None else 1
    made.append(
        attempt_pod(
            job,
            request,
            task,
            1,
            0,
            _queue(request, settings),
            account=_account(context, namespace),
            settings=settings,
        )
    )
    return made


def _queue(request: JobRequest, settings: Settings) -> str:
    """Return the first queue that the request fits, or the default one."""
    from gridcompat.options import match

    for entry in request.hard_queues:
        for name in match.queues(entry.partition("@")[0], settings, ()):
            return name
    return settings.default_queue


def _account(context: Context, namespace: str) -> Account:
    return Account(
        namespace=namespace,
        owner=context.user,
        uid=context.uid,
        gid=os.getgid(),
        groups=tuple(os.getgroups()),
        home=context.home,
    )

"""`gridcompat explain`: what a command line means, switch by switch, without doing any of it.

Reads files as the command itself would (scripts, request files, .jsubrc, .sge_qstat) and prints where each
switch stood, how far it is obeyed and what became of it.  Executes nothing, submits nothing, writes nothing
and starts no daemon.
"""

from __future__ import annotations

import os
import pwd
import sys
import time

import click

from gridcompat import settings as settings_module
from gridcompat.cli._explained import as_json, as_text
from gridcompat.cli._terminal import color_option, paint, safe, width, write
from gridcompat.cli._verdicts import Reading, exit_status, verdicts
from gridcompat.errors import GridError, Refused
from gridcompat.model import Account, Submission
from gridcompat.options import build, directives, jsub, scan, sources, table
from gridcompat.options.context import Context, WarnedRefusal
from gridcompat.options.disk import DiskReader
from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.cluster.base import K8sObject
    from gridcompat.model import JobRequest
    from gridcompat.options.scan import Occurrence
    from gridcompat.settings import Settings

JSUB_FAMILY = ("jsub", "jstart", "qcronsub")
PLACEHOLDER_ID = 1
REQUEST_FILE_OF_QSTAT = ".sge_qstat"


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Say what a command line means, without doing it.",
    epilog="Exit status: 0 all is obeyed, approximated or without effect; 1 a switch is refused; 2 bad use; "
    "where the command would not take the line, the status that the command would end with.",
)
@click.option(
    "-o",
    "output",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    help="text, JSON, or the objects as YAML.",
)
@click.option("--json", "json_", is_flag=True, help="The same as -o json.")
@color_option
@click.argument("command")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def explain(output: str, json_: bool, color: str, command: str, words: tuple[str, ...]) -> None:
    """Say what COMMAND WORDS... means, without doing it.

    Prints each switch, where it stood, its verdict and what became of it. Runs nothing, writes nothing.
    A whole line may be given as one word, in quotes.
    """
    command, words = _taken_apart(command, words)
    _check_command(command)
    try:
        context = surroundings()
    except GridError as error:
        raise SystemExit(tell(error)) from error
    reading = read_all(command, words, context)
    if output == "yaml":
        if reading.error is not None:
            raise SystemExit(tell(reading.error))
        _say_warnings(reading)
        try:
            write(objects(reading, context))
        except GridError as error:
            raise SystemExit(tell(error)) from error
        return
    rows = verdicts(command, reading)
    status = exit_status(rows, reading)
    if json_ or output == "json":
        write(as_json(command, words, reading, rows, status))
        raise SystemExit(status)
    _say_warnings(reading)
    write(as_text(reading, rows, paint=paint(color), width=width()))
    if reading.error is not None:
        tell(reading.error, hint=_hint(command, words, reading.error))
    raise SystemExit(status)


def _taken_apart(command: str, words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Return the command's own name and its words; a line in one word is parted as a shell does, no more."""
    if not words and len(command.split()) > 1:
        import shlex

        try:
            command, *rest = shlex.split(command)
        except ValueError as error:
            raise click.UsageError(f"the line cannot be taken apart: {str(error).lower()}") from error
        words = tuple(rest)
    return os.path.basename(command), words


def _check_command(command: str) -> None:
    if command in table.COMMANDS:
        return
    from difflib import get_close_matches

    near = get_close_matches(command, table.COMMANDS, n=1, cutoff=0.5)
    hint = f"; did you mean '{near[0]}'?" if near else f"; one of {', '.join(sorted(table.COMMANDS))}"
    raise click.UsageError(f"'{safe(command)}' is no command of the grid{hint}")


def _hint(command: str, words: Sequence[str], error: GridError) -> str:
    """Return a switch that a wrong one may have been meant for."""
    from difflib import get_close_matches

    known = [option.switch for option in table.every(command)]
    for word in words:
        # The message names the wrong word, in quotes or at its end.
        named = f'"{word}"' in error.message or error.message.endswith(f" {word}")
        if word[:1] == "-" and word not in known and named:
            near = get_close_matches(word, known, n=1, cutoff=0.75)
            return f"gridcompat: did you mean '{near[0]}'?" if near else ""
    return ""


def _say_warnings(reading: Reading) -> None:
    for warning in reading.warnings:
        write(f"{safe(warning)}\n")


def tell(error: GridError, *, hint: str = "") -> int:
    """Print an error as the command would and return its status."""
    message = f"Unable to run job: {error.message}\nExiting." if isinstance(error, Refused) else error.message
    lines = [message, *(text for text in (error.hint, hint) if text)]
    write(safe("\n".join(lines), lines=True) + "\n", err=True)
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
    settings, _ = settings_module.load(environment, home=home, uid=uid, remember=False)
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
        reader=_Reader(),
    )


class _Reader(DiskReader):
    """Says on a terminal what it waits for."""

    def stdin(self) -> bytes:
        if os.isatty(0):
            sys.stderr.write("gridcompat: reading the script from standard input, up to Ctrl-D\n")
        return super().stdin()


# -- reading --------------------------------------------------------------------------------------


def read(command: str, words: Sequence[str], context: Context) -> Reading:
    """Read a command line as the command does.

    Raises:
        GridError: what the command would say, with its status.
    """
    reading = _read(command, words, context)
    if reading.error is not None:
        raise reading.error
    return reading


def read_all(command: str, words: Sequence[str], context: Context) -> Reading:
    """Read a command line as the command does; what it would say no to with is in the reading."""
    try:
        return _read(command, words, context)
    except GridError as error:
        warnings = error.warnings if isinstance(error, WarnedRefusal) else ()
        found = _as_far_as_it_can_be_read(command, words, context)
        return Reading(occurrences=found, warnings=warnings, error=error)


def _read(command: str, words: Sequence[str], context: Context) -> Reading:
    if command in JSUB_FAMILY:
        plan = jsub.plan(words, command=command, context=context)
        if plan.help:
            return Reading(occurrences=plan.occurrences, help=plan.help)
        parsed = jsub.submission(plan, context=context)
        return Reading(occurrences=plan.occurrences, submission=parsed.submission, warnings=parsed.warnings)
    if command == "qsub":
        parsed = build.qsub(words, context=context)
        return Reading(
            occurrences=parsed.occurrences,
            submission=None if parsed.help else parsed.submission,
            warnings=(*parsed.warnings, *parsed.notes),
            help=parsed.help,
        )
    if command == "jstop":
        return Reading(occurrences=(), operands=tuple(words))
    before = _from_request_file(context) if command == "qstat" else ()
    scanned = scan.scan(command, words, now=context.now)
    helps = any(occurrence.switch == "-help" for occurrence in scanned.occurrences)
    return Reading(
        occurrences=(*before, *scanned.occurrences),
        operands=scanned.operands,
        help="-help" if helps else "",
    )


def _from_request_file(context: Context) -> tuple[Occurrence, ...]:
    """Return the switches of qstat's own request file. Source: sge_qstat(5)."""
    path = os.path.join(context.home, REQUEST_FILE_OF_QSTAT)
    try:
        text = context.reader.file(path, limit=1 << 16)
    except (OSError, ValueError):
        return ()
    found: list[Occurrence] = []
    for number, line in directives.lines(text):
        if line.lstrip().startswith("#") or not line.split():
            continue
        scanned = scan.scan("qstat", line.split(), now=context.now)
        place = {"origin": f"{path}:{number}", "place": table.REQUEST_FILE}
        found += [replace(occurrence, **place) for occurrence in scanned.occurrences]
    return tuple(found)


def _as_far_as_it_can_be_read(command: str, words: Sequence[str], context: Context) -> tuple[Occurrence, ...]:
    """Return the switches of a line that the command would not take, none if their reading fails."""
    try:
        if command in JSUB_FAMILY:
            return jsub.plan(words, command=command, context=context).occurrences
        if command != "qsub":
            return ()
        files = sources.request_files(context)
        line = sources.command_line(words, context)
        found = (*files.occurrences, *line.occurrences)
        if line.operands and not line.separator and not scan.last(found, "-b", False):
            name = line.operands[0]
            inside = sources.directives_of(sources.script(name, context), line, name, context)
            found = (*files.occurrences, *inside.occurrences, *line.occurrences)
        return found
    except GridError:
        return ()


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

"""Occurrences of switches to a Submission: the order of the sources and how repeats merge.

Must not know how a submission is stored, nor print anything.
"""

from __future__ import annotations

import errno
import os

from gridcompat.errors import Refused, UnsupportedOption, UsageError
from gridcompat.model import JobRequest, Submission, SubmitContext
from gridcompat.options import checks, directives, merge, scan, table, values
from gridcompat.options.context import Parsed, WarnedRefusal
from gridcompat.output.messages import submit, usage
from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gridcompat.options.context import Context
    from gridcompat.options.scan import Occurrence, Scanned

_RANK = {table.REQUEST_FILE: 0, table.SCRIPT: 1, table.COMMAND_LINE: 2, table.OPTION_FILE: 2}
"""Sources in rising order of weight. What -@ reads counts as where the -@ stands."""


def qsub(argv: Sequence[str], *, context: Context) -> Parsed:
    """Read a whole qsub command line (without the program's name) and return what it asks for.

    Reads, in rising order of weight: `.sge_request` of the home and of the working directory, the
    directives of the script, the command line.  The script comes from the reader: a file, or
    standard input when no script was named.  Resources, queues and names are checked against the
    settings as the grid's master checks them.

    The caller prints `warnings` on stdout and `notes` on stderr, then: `help` → print it, status 0;
    `verify` → print the request, status 0; `w` v or p → say `unsuitable`, submit nothing;
    otherwise resolve `-hold_jid` (`predecessors_requested`) and submit.

    Raises:
        UsageError: the command line or a directive is wrong; `message` whole as qsub prints it on
            stderr, `exit_status` 2, 3, 4, 5, 7 or 14.
        Refused: what the grid's master refuses; `message` is the text inside the frame
            `Unable to run job: MESSAGE` / `Exiting.`, status 1. A WarnedRefusal also has lines for
            stdout, to be printed before it.
        UnsupportedOption: a switch that cannot be had here and for which the grid has no words.
    """
    files = request_files(context)
    line = _command_line(argv, context)
    if any(occurrence.switch == "-help" for occurrence in line.occurrences):
        from gridcompat.options.help import text

        return Parsed(submission=Submission(request=JobRequest()), help=text("qsub"))
    return parse(line, files, context=context, command="qsub")


def parse(line: Scanned, files: Scanned, *, context: Context, command: str) -> Parsed:
    """Read the script that a scanned command line names and return what all of it asks for.

    Raises: as `qsub`.
    """
    binary = _first_binary(line, files)
    name = "" if line.separator or not line.operands else line.operands[0]
    arguments = line.operands if line.separator else line.operands[1:]
    from_stdin = line.separator or not line.operands
    if binary and from_stdin:
        raise UsageError(f"qsub: {usage.COMMAND_REQUIRED}", exit_status=2)
    script = None
    inside = scan.Scanned()
    if not binary:
        script = _standard_input(context) if from_stdin else _script(name, context)
        inside = _directives(script, line, name or "STDIN", context)
    script_file = "STDIN" if from_stdin else name
    found = _kept(files, inside, line)
    _refuse_strangers((files, inside, line), found, context)
    request, environment = _request(found, context, command, script_file, arguments)
    if request.binary:
        script = None
    elif script is None:
        script = b""
    submission = Submission(request=_with_script(request, script), script=script, environment=environment)
    warnings = [usage.ALREADY_SET % switch for switch in (*files.repeated, *inside.repeated)]
    warnings += [f"qsub: {usage.ALREADY_SET % switch}" for switch in line.repeated]
    everything = (*files.occurrences, *inside.occurrences, *line.occurrences)
    return replace(_finish(submission, found, context=context, warnings=warnings), occurrences=everything)


def _finish(
    submission: Submission, found: Sequence[Occurrence], *, context: Context, warnings: list[str]
) -> Parsed:
    """Check a submission as the grid's master does, unless it is only to be shown."""
    request = submission.request
    level = str(_last(found, "-w", "n"))
    verify = bool(_last(found, "-verify", False))
    unsuitable = ""
    notes: tuple[str, ...] = ()
    if not verify:
        try:
            checks.refuse(submission, found, context=context)
        except Refused as refused:
            raise WarnedRefusal(refused.message, warnings=tuple(warnings)) from refused
        if level != "n":
            from gridcompat.options.suitable import reasons

            unsuitable = "\n".join(reasons(request, context=context))
        if unsuitable and level == "e":
            raise WarnedRefusal(submit.NO_SUITABLE_QUEUES, warnings=tuple(warnings))
        if unsuitable and level == "w":
            warnings.append(submit.WARNING_NO_SUITABLE_QUEUES)
        notes = _notes(request, found, context)
    return Parsed(
        submission=submission,
        warnings=tuple(warnings),
        notes=notes,
        sync=bool(_last(found, "-sync", False)),
        terse=bool(_last(found, "-terse", False)),
        verify=verify,
        w=level,
        unsuitable=unsuitable,
        now=request.now,
    )


# -- the sources ----------------------------------------------------------------------------------


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
    for path in paths:
        try:
            text = context.reader.file(path)
        except (OSError, ValueError):
            continue
        try:
            parts.append(_file(text, path, table.REQUEST_FILE, context))
        except scan.BadWord as bad:
            raise bad.framed("%s") from bad
        except scan.HelpHere as error:
            raise UsageError(f"qsub: {usage.HELP_NOT_HERE}", exit_status=5) from error
    return _joined(parts)


def _joined(parts: Sequence[Scanned]) -> Scanned:
    return scan.Scanned(
        occurrences=tuple(occurrence for part in parts for occurrence in part.occurrences),
        strays=tuple(word for part in parts for word in part.strays),
        repeated=tuple(switch for part in parts for switch in part.repeated),
    )


def _file(text: bytes, path: str, place: str, context: Context) -> Scanned:
    return directives.read(
        directives.lines(text), path=path, place=place, now=context.now, include=_including(context, path)
    )


def _including(context: Context, *reading: str) -> Any:
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
                include=_including(context, path, *reading),
            )
        except (OSError, ValueError, scan.BadWord, scan.HelpHere) as error:
            # The grid says nothing here: it stops reading, and mostly finds no script then.
            raise values.Lost(path) from error

    return include


def _command_line(argv: Sequence[str], context: Context) -> Scanned:
    try:
        return scan.words(
            argv,
            origin="command line",
            place=table.COMMAND_LINE,
            now=context.now,
            include=_including(context),
        )
    except scan.BadWord as bad:
        raise bad.framed("qsub: %s") from bad


def _directives(script: bytes, line: Scanned, path: str, context: Context) -> Scanned:
    prefix = str(_last(line.occurrences, "-C", directives.DEFAULT_PREFIX))
    try:
        return directives.read(
            directives.directives(script, prefix),
            path=path,
            place=table.SCRIPT,
            now=context.now,
            include=_including(context),
        )
    except scan.BadWord as bad:
        raise bad.framed(usage.SCRIPT_PREFIX) from bad
    except scan.HelpHere as error:
        raise UsageError(f"qsub: {usage.HELP_NOT_HERE}", exit_status=5) from error


def _first_binary(line: Scanned, files: Scanned) -> bool:
    """Say whether the script is left unread. The first -b decides that, the last one the kind of job."""
    for source in (line, files):
        for occurrence in source.occurrences:
            if occurrence.switch == "-b":
                return bool(occurrence.value)
    return False


def _standard_input(context: Context) -> bytes:
    script = context.reader.stdin()
    if not script:
        raise UsageError(usage.SCRIPT_PREFIX % usage.NO_STDIN, exit_status=4)
    return script


def _script(path: str, context: Context) -> bytes:
    try:
        return context.reader.file(path)
    except IsADirectoryError as error:
        message = usage.FREAD_DIRECTORY % path + "\n" + usage.SCRIPT_PREFIX % (usage.READING % path)
        raise UsageError(message, exit_status=4) from error
    except OSError as error:
        reason = os.strerror(error.errno or errno.EIO)
        raise UsageError(usage.SCRIPT_PREFIX % (usage.OPENING % (path, reason)), exit_status=14) from error


def _kept(files: Scanned, inside: Scanned, line: Scanned) -> list[Occurrence]:
    """Return all occurrences in rising order of weight, without what a -clear dropped."""
    found = [*files.occurrences, *inside.occurrences, *line.occurrences]
    cleared = [at for at, occurrence in enumerate(found) if occurrence.switch == "-clear"]
    return found[cleared[-1] + 1 :] if cleared else found


def _refuse_strangers(sources: Sequence[Scanned], found: Sequence[Occurrence], context: Context) -> None:
    """Refuse what qsub can read but not use: switches of interactive commands, bare words in files."""
    unknown = []
    for occurrence in found:
        if occurrence.switch in ("-display", "-inherit", "-noshell", "-nostdin", "-verbose", "-ot"):
            unknown.append(" ".join((occurrence.switch, *occurrence.words)))
        elif occurrence.switch == "-jsv":
            url = occurrence.words[0]
            if context.reader.kind(url.rpartition(":")[2]) != "executable":
                raise UsageError(f"qsub: {usage.JSV_NO_FILE % url}", exit_status=3)
            raise UnsupportedOption("qsub: -jsv: there are no job submission verifiers here", exit_status=3)
    # the grid names a stray switch but not a stray word
    unknown += [word if word == "--" else "" for source in sources for word in source.strays]
    if unknown:
        raise UsageError("\n".join(f"qsub: {usage.UNKNOWN_OPTION % word}" for word in unknown), exit_status=5)


# -- merging --------------------------------------------------------------------------------------


def _last(found: Sequence[Occurrence], switch: str, default: Any) -> Any:
    """Return the value of the last occurrence of a switch."""
    for occurrence in reversed(found):
        if occurrence.switch == switch:
            return occurrence.value
    return default


def _all(found: Sequence[Occurrence], switch: str) -> list[Any]:
    return [occurrence.value for occurrence in found if occurrence.switch == switch]


def _request(
    found: Sequence[Occurrence],
    context: Context,
    command: str,
    script_file: str,
    arguments: Sequence[str],
) -> tuple[JobRequest, tuple[tuple[str, str], ...]]:
    """Merge occurrences into a request, and the values of its variables."""
    fields = fields_of(found, context)
    environment = variables_of(found, context)
    base = script_file.rpartition("/")[2]
    request = JobRequest(
        **{
            "command": command,
            "name": base,
            "script_file": script_file,
            "arguments": tuple(arguments),
            "variables": tuple(name for name, _ in environment if name != "TERM"),
            "submit": submit_context(context),
            **fields,
        }
    )
    return request, environment


def fields_of(found: Sequence[Occurrence], context: Context) -> dict[str, Any]:
    """Return the JobRequest fields that occurrences set, and no others; `found` in rising order of weight."""
    fields: dict[str, Any] = {}
    for occurrence in found:
        target = _SIMPLE.get(occurrence.switch)
        if target is not None:
            fields[target] = occurrence.value
    _cwd(found, context, fields)
    for switch, target in (
        ("-o", "stdout_paths"),
        ("-e", "stderr_paths"),
        ("-i", "stdin_paths"),
        ("-S", "shell_paths"),
    ):
        if lists := _all(found, switch):
            fields[target] = merge.hosts(
                [[(checks.host_name(host, context), path) for host, path in paths] for paths in lists]
            )
    for switch, target in (
        ("-hold_jid", "predecessors_requested"),
        ("-hold_jid_ad", "array_predecessors_requested"),
        ("-masterq", "master_queues"),
    ):
        if lists := _all(found, switch):
            fields[target] = tuple(word for words in lists for word in words)
    if lists := _all(found, "-m"):
        fields["mail_options"] = merge.letters(lists)
    if lists := _all(found, "-M"):
        fields["mail_list"] = merge.addresses(lists)
    if slots := _all(found, "-pe"):
        fields["parallel_environment"], fields["slot_ranges"] = slots[-1]
    _requests(found, context, fields)
    if changes := [(o.switch, o.value) for o in found if o.switch in ("-ac", "-dc", "-sc")]:
        fields["context"] = merge.context(changes)
    return fields


_SIMPLE = {
    "-a": "start_time",
    "-A": "account",
    "-b": "binary",
    "-binding": "binding",
    "-ckpt": "checkpoint",
    "-dl": "deadline",
    "-h": "user_hold",
    "-j": "merge",
    "-js": "job_share",
    "-N": "name",
    "-notify": "notify",
    "-now": "now",
    "-p": "priority",
    "-P": "project",
    "-R": "reserve",
    "-shell": "shell",
    "-t": "tasks",
    "-tc": "max_running_tasks",
    "-V": "export_all",
}
"""Switches whose last value is the field."""


def _cwd(found: Sequence[Occurrence], context: Context, fields: dict[str, Any]) -> None:
    for occurrence in found:
        if occurrence.switch == "-cwd":
            if not context.cwd:
                # Not in the home instead: a job in the wrong place is worse than none.
                raise UsageError(usage.NO_CWD, exit_status=14)
            fields["cwd"] = context.cwd
        elif occurrence.switch == "-wd":
            fields["cwd"] = occurrence.value or None
        elif occurrence.switch == "-r":
            fields["restart"] = "y" if occurrence.value else "n"
        elif occurrence.switch == "-A" and not occurrence.value:
            fields["account"] = "sge"


def _requests(found: Sequence[Occurrence], context: Context, fields: dict[str, Any]) -> None:
    """-l and -q, hard and soft."""
    asked = [occurrence for occurrence in found if occurrence.switch == "-l"]
    if asked:
        for soft, target in ((False, "hard_resources"), (True, "soft_resources")):
            lists = [merge.named(occurrence.value) for occurrence in asked if occurrence.soft == soft]
            if lists:
                fields[target] = tuple(
                    (name, checks.host_name(value, context) if name == "hostname" else value)
                    for name, value in merge.resources(lists)
                )
    if queues := [occurrence for occurrence in found if occurrence.switch == "-q"]:
        for soft, target in ((False, "hard_queues"), (True, "soft_queues")):
            entries = merge.queues(queues, _RANK, soft=soft)
            fields[target] = tuple(checks.queue_name(entry, context) for entry in entries)


_CLIENT_OF_A_CLUSTER = "KUBE"
"""Variables that begin so stay out of -V: they lead to credentials of the submit host."""


def variables_of(found: Sequence[Occurrence], context: Context) -> tuple[tuple[str, str], ...]:
    """Return the variables of -v and -V with their values, in the order that qstat -j shows."""
    values_of: dict[str, str] = {}
    for pairs in _all(found, "-v"):
        for name, value in pairs:
            values_of[name] = context.environment.get(name, "") if value is None else value
    if _last(found, "-V", False):
        for name, value in context.environment.items():
            if not name.startswith(_CLIENT_OF_A_CLUSTER):
                values_of.setdefault(name, value)
    return tuple(values_of.items())


def submit_context(context: Context) -> SubmitContext:
    """Return what the job's SGE_O_* variables tell of the submitting shell."""
    environment = context.environment
    return SubmitContext(
        home=environment.get("HOME", ""),
        host=context.host,
        log_name=environment.get("LOGNAME", ""),
        mail=environment.get("MAIL", ""),
        path=environment.get("PATH", ""),
        shell=environment.get("SHELL", ""),
        tz=environment.get("TZ", ""),
        workdir=context.cwd,
    )


def _with_script(request: JobRequest, script: bytes | None) -> JobRequest:
    if request.has_script == (script is not None):
        return request
    return replace(request, has_script=script is not None)


def _notes(request: JobRequest, found: Sequence[Occurrence], context: Context) -> tuple[str, ...]:
    """Say what is only approximated. On one machine nothing is."""
    settings = context.settings
    if settings.cluster == "embedded" or settings.approximations == "quiet":
        return ()
    notes = []
    rules = {pe.name: pe.allocation_rule for pe in settings.parallel_environments}
    if rules.get(request.parallel_environment, "$pe_slots") != "$pe_slots":
        notes.append(f"-pe {request.parallel_environment}: all slots are on one host")
    if request.soft_resources or request.soft_queues:
        notes.append("-soft: wishes are not met on a cluster, conditions are")
    if notes and settings.approximations == "refuse":
        raise UnsupportedOption(f"qsub: {notes[0]}")
    return tuple(f"qsub: warning: {note}" for note in notes)

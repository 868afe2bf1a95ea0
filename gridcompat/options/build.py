"""A whole qsub command line to a Submission: the order of the sources, and what all of it asks for.

Must not know how a submission is stored, nor print anything.
"""

from __future__ import annotations

from gridcompat.errors import Refused, UnsupportedOption, UsageError
from gridcompat.model import JobRequest, Submission
from gridcompat.options import checks, scan, sources
from gridcompat.options.context import Parsed, WarnedRefusal
from gridcompat.options.fields import fields_of, submit_context, variables_of
from gridcompat.output.messages import submit, usage
from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.options.context import Context
    from gridcompat.options.scan import Occurrence, Scanned


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
    files = sources.request_files(context)
    line = sources.command_line(argv, context)
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
        try:
            script = sources.standard_input(context) if from_stdin else sources.script(name, context)
        except UsageError as error:
            lines = (*files.complaints, *line.complaints, error.message)
            raise UsageError("\n".join(lines), exit_status=error.exit_status) from error
        inside = sources.directives_of(script, line, name or "STDIN", context)
    script_file = "STDIN" if from_stdin else name
    found = _kept(files, inside, line)
    _refuse_strangers((files, inside, line), found, context)
    request, environment = _request(found, context, command, script_file, arguments)
    if request.binary:
        script = None
    elif script is None:
        script = b""
    submission = Submission(request=_with_script(request, script), script=script, environment=environment)
    warnings = [
        *files.unread,
        *(usage.ALREADY_SET % switch for switch in (*files.repeated, *inside.repeated)),
    ]
    warnings += [f"qsub: {usage.ALREADY_SET % switch}" for switch in line.repeated]
    everything = (*files.occurrences, *inside.occurrences, *line.occurrences)
    parsed = _finish(submission, found, context=context, warnings=warnings)
    notes = (*files.complaints, *line.complaints, *inside.complaints, *parsed.notes)
    return replace(parsed, occurrences=everything, notes=notes)


def _finish(
    submission: Submission, found: Sequence[Occurrence], *, context: Context, warnings: list[str]
) -> Parsed:
    """Check a submission as the grid's master does, unless it is only to be shown."""
    request = submission.request
    level = str(scan.last(found, "-w", "n"))
    verify = bool(scan.last(found, "-verify", False))
    unsuitable = ""
    notes: tuple[str, ...] = ()
    if not verify:
        try:
            checks.refuse(submission, found, context=context)
        except Refused as refused:
            raise WarnedRefusal(refused.message, warnings=tuple(warnings)) from refused
        if level != "n":
            from gridcompat.options.suitable import reasons

            unsuitable = "\n".join(reasons(request, context=context, as_it_is=level == "p"))
        if unsuitable and level == "e":
            raise WarnedRefusal(submit.NO_SUITABLE_QUEUES, warnings=tuple(warnings))
        if unsuitable and level == "w":
            warnings.append(submit.WARNING_NO_SUITABLE_QUEUES)
        notes = _notes(request, found, context)
    return Parsed(
        submission=submission,
        warnings=tuple(warnings),
        notes=notes,
        sync=bool(scan.last(found, "-sync", False)),
        terse=bool(scan.last(found, "-terse", False)),
        verify=verify,
        w=level,
        unsuitable=unsuitable,
        now=request.now,
    )


def _first_binary(line: Scanned, files: Scanned) -> bool:
    """Say whether the script is left unread. The first -b decides that, the last one the kind of job."""
    for source in (line, files):
        for occurrence in source.occurrences:
            if occurrence.switch == "-b":
                return bool(occurrence.value)
    return False


def _kept(files: Scanned, inside: Scanned, line: Scanned) -> list[Occurrence]:
    """Return all occurrences in rising order of weight, without what a -clear dropped."""
    found = [*files.occurrences, *inside.occurrences, *line.occurrences]
    cleared = [at for at, occurrence in enumerate(found) if occurrence.switch == "-clear"]
    return found[cleared[-1] + 1 :] if cleared else found


def _refuse_strangers(parts: Sequence[Scanned], found: Sequence[Occurrence], context: Context) -> None:
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
    unknown += [word if word[:1] == "-" else "" for part in parts for word in part.strays]
    if unknown:
        raise UsageError("\n".join(f"qsub: {usage.UNKNOWN_OPTION % word}" for word in unknown), exit_status=5)


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
            "variables": tuple(name for name, _ in environment),
            "submit": submit_context(context),
            **fields,
        }
    )
    return request, environment


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
    # $fill_up and $round_robin allow one host, too, and wishes promise nothing: there is nothing to say.
    rules = {pe.name: pe.allocation_rule for pe in settings.parallel_environments}
    rule = rules.get(request.parallel_environment, "")
    if rule.isdigit() and any(most > int(rule) for _, most, _ in request.slot_ranges):
        notes.append(f"-pe {request.parallel_environment}: all slots are on one host")
    if notes and settings.approximations == "refuse":
        raise UnsupportedOption(f"qsub: {notes[0]}")
    return tuple(f"qsub: warning: {note}" for note in notes)

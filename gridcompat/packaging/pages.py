"""Manual pages as troff, made from the option table; of `gridcompat` from its own help.

Must not know where pages are put.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from gridcompat import __version__
from gridcompat.options import table
from gridcompat.packaging import DATE, GRIDCOMPAT, description, drop_ins

if TYPE_CHECKING:
    import click

SUBMIT = ("qsub", "qresub", "qrsh", "qsh", "qlogin")
JSUB = ("jsub", "jstart", "qcronsub")
OPERANDS = {
    "qsub": "[command|script|- [arguments]]",
    "jsub": "program [arguments]",
    "jstart": "program [arguments]",
    "qcronsub": "program [arguments]",
    "qdel": "[job_task_list]",
    "qalter": "job_task_list [- arguments]",
    "qhold": "job_task_list",
    "qrls": "job_task_list",
    "qresub": "job_id_list",
    "job": "jobname",
    "jstop": "jobname",
}
VERDICTS = {
    table.OBEYED: "It does here what it does on a grid.",
    table.APPROXIMATED: "It does nearly that; a warning says so.",
    table.NO_EFFECT: "It is taken and has no effect.",
    table.REFUSED: "It is refused in one line.",
}
STATUSES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("0", (), "Done."),
    ("0", ("job",), "There is no such job."),
    ("1", ("job",), "The job runs."),
    ("2", ("job",), "The job is pending, or the command line is wrong."),
    ("1", (), "Refused, unknown job, or no right."),
    ("2", (), "A switch that does not exist or lacks its argument."),
    ("3", ("qhold", "qrls"), "Unknown job."),
    ("4", ("qsub", "qresub"), "No script to read; an unknown job."),
    ("5", ("qsub",), "A bare word in a #$ line."),
    ("7", ("qsub", "qalter", *JSUB), "A value that cannot be read."),
    ("10", ("qhold", "qrls"), "An operator's or manager's hold."),
    ("14", ("qsub",), "A script that cannot be opened."),
    ("18", ("qhold", "qrls"), "Another user's job."),
    ("25", (), "Not now: the cluster did not answer in time. Try again later."),
    ("130", (), "Interrupted."),
    ("141", (), "Nobody reads what it prints any more."),
)
"""(status, commands or () for all, meaning) of the drop-ins; the same as in docs/reference/exit-status.md."""
FILES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("/etc/gridcompat/site.toml", (), "The site's settings."),
    ("~/.config/gridcompat/config.toml", (), "The user's settings."),
    ("$SGE_ROOT/$SGE_CELL/common/sge_request", SUBMIT, "Options of the site, read first."),
    ("~/.sge_request, ./.sge_request", SUBMIT, "Options of the user and of the directory."),
    ("~/.jsubrc", JSUB, "Options of the user."),
    ("$SGE_ROOT/$SGE_CELL/common/accounting", ("qacct",), "The records, in the format of accounting(5)."),
)
VARIABLES: tuple[tuple[str, str], ...] = (
    ("GRIDCOMPAT_CONFIG", "The site's settings file, in place of /etc/gridcompat/site.toml."),
    ("GRIDCOMPAT_STATE", "The state directory of the embedded cluster."),
    ("GRIDCOMPAT_DEBUG", "With 1, errors come with a traceback."),
    ("KUBECONFIG", "How a Kubernetes cluster is reached, if the settings choose one."),
)
RELATED = (
    ("jsub", "jstart", "qcronsub", "job", "jstop", "qsub", "qstat", "qdel"),
    (
        "qsub",
        "qalter",
        "qhold",
        "qrls",
        "qdel",
        "qresub",
        "qmod",
        "qstat",
        "qacct",
        "qhost",
        "qselect",
        "qconf",
    ),
)


def page(command: str) -> str:
    """Return the manual page of a drop-in command."""
    short, long = description(command)
    options = table.every(command) if command in table.COMMANDS else ()
    switches = " [switches]" if options else ""
    operands = OPERANDS.get(command, "")
    lines = [*_head(command, short), ".SH SYNOPSIS", f".B {_text(command)}"]
    if switches or operands:
        lines.append(_text(f"{switches} {operands}".strip()))
    lines += [".SH DESCRIPTION", _text(_sentence(long))]
    if command.startswith("q") and command != "qcronsub":
        lines += [".PP", _text("What it prints and returns is what Grid Engine's command of this name did.")]
    if options:
        lines += [".SH OPTIONS", *_options(options)]
    lines += [*_statuses(command), *_settings_sections(command)]
    lines += [".SH SEE ALSO", _see_also(command)]
    return _page(lines)


def _options(options: tuple[table.Option, ...]) -> Iterator[str]:
    """One paragraph for each switch: what it asks for, what becomes of it, and where it may stand."""
    for option in options:
        argument = f" \\fI{_inline(option.metavar)}\\fR" if option.metavar else ""
        yield ".TP"
        yield f"\\fB{_inline(option.switch)}\\fR{argument}"
        yield _text(_sentence(option.help))
        if option.verdict != table.OBEYED:
            yield _text(VERDICTS[option.verdict])
        places = [name for letter, name in table.PLACES.items() if letter in option.places]
        if len(places) > 1:
            yield _text(f"May stand in: {', '.join(places)}.")


def _statuses(command: str) -> Iterator[str]:
    yield ".SH EXIT STATUS"
    own = {status for status, names, _ in STATUSES if command in names}
    for status, names, meaning in STATUSES:
        if command in names or (not names and status not in own):
            yield from (".TP", f".B {status}", _text(meaning))
    if command in ("qsub", *JSUB):
        yield from (".PP", _text("With -sync y the status is the job's own."))


def _settings_sections(command: str) -> Iterator[str]:
    yield ".SH FILES"
    for path, names, meaning in FILES:
        if not names or command in names:
            yield from (".TP", f".I {_text(path)}", _text(meaning))
    yield ".SH ENVIRONMENT"
    for name, meaning in VARIABLES:
        yield from (".TP", f".B {_text(name)}", _text(meaning))


def _see_also(command: str) -> str:
    names = {GRIDCOMPAT}
    for group in RELATED:
        names.update(group if command in group else ())
    known = sorted((names & {GRIDCOMPAT, *drop_ins()}) - {command})
    return _references(known)


def gridcompat_page(main: click.Command) -> str:
    """Return the manual page of `gridcompat`, with a section for each of its commands."""
    import click

    context = click.Context(main, info_name=GRIDCOMPAT)
    short = (main.help or "").strip().rstrip(".")
    lines = [*_head(GRIDCOMPAT, short), ".SH SYNOPSIS"]
    lines += [f".B {GRIDCOMPAT}", _text("command [options] [arguments]")]
    lines += [".SH DESCRIPTION", _text("What the grid had no words for. Each command has --help.")]
    lines += [".SH COMMANDS", *_click_commands(main, context)]
    lines += [".SH EXIT STATUS", _text(main.epilog or "")]
    lines += _settings_sections(GRIDCOMPAT)
    lines += [".SH SEE ALSO", _references(drop_ins())]
    return _page(lines)


def _references(names: Sequence[str]) -> str:
    return "\n".join(f".BR {name} (1)" + ("," if name != names[-1] else "") for name in names)


def _click_commands(command: click.Command, context: click.Context) -> Iterator[str]:
    """A section for each command that is not hidden; of a group, for each in it."""
    import click

    if not isinstance(command, click.Group):
        yield from _click_section(command, context)
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None and not inner.hidden:
            yield from _click_commands(inner, click.Context(inner, info_name=name, parent=context))


def _click_section(command: click.Command, context: click.Context) -> Iterator[str]:
    import click

    usage = " ".join(piece for piece in command.collect_usage_pieces(context) if piece != "[OPTIONS]")
    yield f'.SS "{_inline(f"{context.command_path} {usage}".strip())}"'
    paragraphs = [part for part in (command.help or "").replace("\b", "").split("\n\n") if part.strip()]
    for number, paragraph in enumerate(paragraphs):
        yield from ((".PP",) if number else ())
        yield _text(" ".join(paragraph.split()))
    for parameter in command.params:
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None:
            yield from (".TP", f"\\fB{_inline(record[0])}\\fR", _text(_sentence(record[1] or record[0])))
    if command.epilog:
        yield from (".PP", _text(command.epilog))


# -- troff ----------------------------------------------------------------------------------------


def _head(command: str, short: str) -> list[str]:
    title = f'.TH {_inline(command.upper())} 1 {DATE} "gridcompat {__version__}" "User Commands"'
    # Ragged on the right: long switches and objects cannot be spread over a line.
    return [title, ".ad l", ".SH NAME", f"{_inline(command)} \\- {_inline(short)}"]


def _page(lines: list[str]) -> str:
    return "\n".join(line for line in lines if line) + "\n"


def _sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    text = " ".join(text.split())
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", ":", "!", "?")) else ".")


def _inline(text: str) -> str:
    """Text as troff prints it to the letter: a dash stays a dash that can be copied."""
    for mark, written in (("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("`", "\\(ga"), ("^", "\\(ha"),
                          ("~", "\\(ti"), ('"', "\\(dq")):  # fmt: skip
        text = text.replace(mark, written)
    return "".join(letter if letter.isascii() else f"\\[u{ord(letter):04X}]" for letter in text)


def _text(text: str) -> str:
    """A line of text that troff does not take for a request; each sentence on a line of its own."""
    lines = _inline(" ".join(text.split())).replace(". ", ".\n").split("\n")
    return "\n".join(f"\\&{line}" if line.startswith(".") else line for line in lines)

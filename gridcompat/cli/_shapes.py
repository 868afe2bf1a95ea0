"""What each `--json` prints: every field, its type and its meaning.  The reference is made of this.

Nothing here is read when a command runs; a test holds real answers against it.  Must not know how the
documents are made.
"""

from __future__ import annotations

from gridcompat.cli._checked import OUTCOMES
from gridcompat.cli._finding import OK, PROBLEM, UNSEEN, WARNING
from gridcompat.cli._judged import NOTE
from gridcompat.cli._judged import OUTCOMES as OF_CALLS
from gridcompat.cli._top_view import COUNTS
from gridcompat.cli._verdicts import VERDICTS
from gridcompat.options.table import PLACES
from gridcompat.record import record

STRING, INTEGER, NUMBER, BOOLEAN = "string", "integer", "number", "boolean"
OBJECT, ANY = "object", "any"
OR_NULL = " or null"
ONE_OF = "one of "
VERSION = ("version", INTEGER, "1. A field that goes or changes its meaning raises it, a new field does not")
EXIT_STATUS = ("exit_status", INTEGER, "of this command")


@record
class Shape:
    """The answer of one command."""

    command: str
    """As it is typed."""
    about: str
    """What of it is promised beside the fields, in Markdown."""
    fields: tuple[tuple[str, str, str], ...]
    """(path, type, meaning).  In a path `[]` stands for each of a list, `NAME` for any key of an object; a
    `?` at the end says that the field may be missing."""


def _one_of(words: tuple[str, ...]) -> str:
    return ONE_OF + " ".join(word.replace(" ", "_") for word in words)


def _reasons(path: str, meaning: str) -> tuple[tuple[str, str, str], ...]:
    return (
        (f"{path}[]", OBJECT, meaning),
        (f"{path}[].outcome", _one_of((*OUTCOMES[1:], NOTE)), f"`{NOTE}` changes no outcome"),
        (f"{path}[].switch", STRING + OR_NULL, "that it is about, with its words"),
        (f"{path}[].origin", STRING + OR_NULL, "`command line`, or FILE:LINE"),
        (f"{path}[].text", STRING, "for people"),
    )


def _position(path: str) -> tuple[tuple[str, str, str], ...]:
    return (
        (f"{path}.file", STRING + OR_NULL, "null on the command line"),
        (f"{path}.line", INTEGER + OR_NULL, "from 1"),
    )


_MEANT = {
    "running": "tasks with a run, suspended ones included",
    "waiting": "tasks that wait for room, a predecessor or a time",
    "held": "tasks held by somebody",
    "error": "tasks in `Eqw`",
    "slots": "of the runs",
    "cpu": "millicores that the runs request",
    "mem": "bytes that the runs request",
    "h_vmem": "bytes of address space that the runs asked for",
}


def _counts(path: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((f"{path}.{name}", INTEGER, _MEANT[name]) for name in COUNTS)


CHECK = Shape(
    command="gridcompat check --json FILE...",
    about="[Check](../how-to/check.md) explains the outcomes. A summary has the number of lines of each.",
    fields=(
        VERSION,
        ("files[]", OBJECT, "in the order of the command line"),
        ("files[].path", STRING, "as given; `-` is standard input"),
        ("files[].kind", "one of crontab system_crontab script", "as it was read"),
        ("files[].notes[]", STRING, "about the file as a whole, for people"),
        ("files[].summary", OBJECT, "of this file"),
        *((f"files[].summary.{outcome}", INTEGER, "lines") for outcome in OUTCOMES),
        (
            "files[].lines[]",
            OBJECT,
            "of a crontab each with a command; of a script each with options or calls",
        ),
        ("files[].lines[].line", INTEGER, "from 1"),
        ("files[].lines[].text", STRING, "as it stands; bytes that are no UTF-8 as lone surrogates"),
        ("files[].lines[].user", STRING + OR_NULL, "of a line of a system crontab"),
        (
            "files[].lines[].outcome",
            _one_of(OUTCOMES),
            "the worst of its calls and reasons; from the least on",
        ),
        *_reasons("files[].lines[].reasons", "that belong to no call"),
        ("files[].lines[].calls[]", OBJECT, "calls of the grid's commands"),
        ("files[].lines[].calls[].command", STRING, "`qsub`"),
        ("files[].lines[].calls[].typed", STRING, "`/usr/bin/qsub`"),
        ("files[].lines[].calls[].words[]", STRING, "behind it; what only the shell knows as typed: `$X`"),
        ("files[].lines[].calls[].line", INTEGER, "from 1"),
        ("files[].lines[].calls[].outcome", _one_of(OF_CALLS), "from the least to the worst"),
        ("files[].lines[].calls[].job", STRING + OR_NULL, "its name; `x` for what is not known of it"),
        (
            "files[].lines[].calls[].unread",
            STRING + OR_NULL,
            "a script whose options count and that is not read",
        ),
        *_reasons("files[].lines[].calls[].reasons", "why, or something to know"),
        ("summary", OBJECT, "of all files"),
        *((f"summary.{outcome}", INTEGER, "lines") for outcome in OUTCOMES),
        EXIT_STATUS,
    ),
)
CONFIG = Shape(
    command="gridcompat config --json",
    about="With a KEY, one object `value` and `origin`. The names of the settings, and their types, are in "
    "[settings](settings.md).",
    fields=(
        ("files", OBJECT, "settings files in the order in which they are read"),
        ("files.NAME", BOOLEAN, "whether the file of this path can be read"),
        ("settings", OBJECT, "all of them"),
        ("settings.NAME", OBJECT, "the setting of this name"),
        ("settings.NAME.value", ANY, "as in TOML"),
        ("settings.NAME.origin", STRING, "`built-in`, FILE:LINE, or the variable's name"),
    ),
)
DOCTOR = Shape(
    command="gridcompat doctor --json",
    about="A list without a version. New checks may come, and one check may have several entries.",
    fields=(
        ("[]", OBJECT, "what one check found, in the order of the checks; with `-q` warnings and problems"),
        ("[].check", STRING, "its name, which stays"),
        ("[].level", _one_of((OK, WARNING, PROBLEM, UNSEEN)), "`unseen`: the caller may not look"),
        ("[].what", STRING, "for people"),
        ("[].repair", STRING, "a command that repairs it, or a sentence; empty if nothing is to be done"),
    ),
)
EXPLAIN = Shape(
    command="gridcompat explain --json COMMAND WORD...",
    about="[Looking at jobs](../how-to/looking-at-jobs.md) says what it is for.",
    fields=(
        VERSION,
        ("command", STRING, "`qsub`"),
        ("words[]", STRING, "behind it"),
        ("switches[]", OBJECT, "in rising order of weight"),
        ("switches[].switch", STRING, "`-l`"),
        ("switches[].words[]", STRING, "its arguments"),
        ("switches[].origin", OBJECT, "where it stood"),
        ("switches[].origin.place", STRING, "one of " + ", ".join(f"`{place}`" for place in PLACES.values())),
        *_position("switches[].origin"),
        ("switches[].verdict", _one_of(VERDICTS), "how far it is obeyed"),
        ("switches[].reason", STRING, "for people"),
        ("switches[].fate", "one of used overridden cleared", "what became of it"),
        ("switches[].by", OBJECT + OR_NULL, "where the switch stood that overrode or cleared it"),
        *_position("switches[].by"),
        ("switches[].field", STRING + OR_NULL, "of [the request](mapping.md) that it went into"),
        ("switches[].value", STRING + OR_NULL, "what that field holds, for people"),
        ("job", OBJECT + OR_NULL, "what would be submitted; null if nothing would"),
        ("job.name", STRING, "`-N`, or what the command makes of the script's name"),
        ("job.script", STRING, "`STDIN` for standard input; with `-b y` the program"),
        ("job.arguments[]", STRING, "of the script or program"),
        ("operands[]", STRING, "words behind the switches of a command that submits nothing"),
        ("help", BOOLEAN, "the line only asks for help"),
        ("warnings[]", STRING, "that the command would print"),
        ("summary", OBJECT, "number of switches by verdict"),
        *((f"summary.{verdict.replace(' ', '_')}", INTEGER, "switches") for verdict in VERDICTS),
        ("error", OBJECT + OR_NULL, "why the command would not take the line"),
        ("error.message", STRING, "in the command's words"),
        ("error.exit_status", INTEGER, "of the command"),
        EXIT_STATUS,
    ),
)
TOP = Shape(
    command="gridcompat top --json",
    about="`queues` and `owners` are there unless `--by` chooses another table, `jobs` only with `--by job`. "
    "What may not be read is null.",
    fields=(
        VERSION,
        ("at", INTEGER, "epoch seconds of the caller's clock"),
        ("daemon", OBJECT, "how it does"),
        ("daemon.works", BOOLEAN + OR_NULL, "whether one works now"),
        ("daemon.leader", STRING + OR_NULL, "the pod that leads, or `process PID`"),
        ("daemon.version", STRING + OR_NULL, "of the leader"),
        ("daemon.heartbeat_s", INTEGER + OR_NULL, "seconds since its last heartbeat; null on one machine"),
        ("daemon.mails_waiting", INTEGER + OR_NULL, "mails to be sent"),
        ("daemon.mails_failed", INTEGER + OR_NULL, "mails given up"),
        ("daemon.starts", INTEGER + OR_NULL, "runs begun since it leads; null on one machine"),
        ("daemon.dispatch_delay_s", NUMBER + OR_NULL, "mean delay of these starts; null on one machine"),
        ("total", OBJECT, "of all jobs that are not over"),
        ("total.jobs", INTEGER, "how many"),
        *_counts("total"),
        ("queues[]?", OBJECT, "of the settings, then others in which something runs"),
        ("queues[].queue", STRING, "its name"),
        ("queues[].used", INTEGER, "slots"),
        ("queues[].total", INTEGER + OR_NULL, "slots of all hosts; null if they may not be read"),
        ("queues[].running", INTEGER, "tasks"),
        ("owners[]?", OBJECT, "of jobs; `(NAMESPACE)` until the daemon has seen the job"),
        ("owners[].owner", STRING, "their name"),
        *_counts("owners[]"),
        ("owners[].oldest", OBJECT + OR_NULL, "what has waited longest; null if nothing waits"),
        ("owners[].oldest.id", INTEGER, "of the job"),
        ("owners[].oldest.since", INTEGER, "epoch seconds"),
        ("owners[].oldest.reason", STRING, "for people"),
        ("jobs[]?", OBJECT, "all that are not over"),
        ("jobs[].id", INTEGER, "its number"),
        ("jobs[].name", STRING, "whole"),
        ("jobs[].owner", STRING, "as above"),
        *_counts("jobs[]"),
        ("jobs[].since", INTEGER + OR_NULL, "epoch seconds since which it waits; null if it does not"),
        ("jobs[].reason", STRING, "why it waits, for people; may be empty"),
    ),
)
WATCH = Shape(
    command="gridcompat watch --json",
    about="One object a line, for each change; the first lines say what is there.",
    fields=(
        VERSION,
        ("at", INTEGER, "epoch seconds of the caller's clock"),
        ("id", INTEGER, "of the job"),
        ("name", STRING, "of the job, whole"),
        ("tasks", STRING + OR_NULL, "range list `1-3:1`; null if the job is no array"),
        ("old", STRING + OR_NULL, "[state letters](states.md) before; null if there was none"),
        ("new", STRING + OR_NULL, "state letters now; null when it has ended"),
    ),
)
SHAPES = (CHECK, CONFIG, DOCTOR, EXPLAIN, TOP, WATCH)

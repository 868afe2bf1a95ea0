"""What a shell offers when somebody presses Tab: `gridcompat _complete COMMAND WORD… PART`.

One line for each word: the word, a tab, what it is. Lines that begin with a colon ask the shell for
something of its own: `:files`, `:directories`, `:users`, `:programs`, and `:nospace`. As fast as a
drop-in; never starts a daemon and makes no files. Must not know shells.
"""

from __future__ import annotations

import os

from gridcompat.errors import GridError
from gridcompat.options import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gridcompat.cluster.base import Cluster
    from gridcompat.settings import Settings

PATIENCE_S = 2.0
"""Nobody waits longer for a Tab."""
SUBMIT = ("qsub", "jsub", "jstart", "qcronsub")
TAKE_JOBS = ("qdel", "qalter", "qhold", "qrls", "qresub")
TAKE_NAMES = ("job", "jstop")
KINDS = {
    "queues": ("wc_queue_list", "queue", "queue_list"),
    "pes": ("wc_pe_name slot_range", "pe_list", "pe_name"),
    "complexes": ("resource_list", "resource_attributes", "attr=val,..."),
    "jobs": ("job_identifier_list", "job_list", "job_wc_queue_list", "job_id|job_name|pattern"),
    "hosts": ("hostname", "hostlist", "host", "host_list"),
    "projects": ("project_name", "project"),
    ":users": ("user_list", "owner"),
    ":files": ("file", "path", "path_list", "file_list", "acctfile"),
    ":directories": ("working_directory",),
}
CHOICES = {
    "y[es]|n[o]": ("y", "n"),
    "e|w|n|p|v": ("e", "w", "n", "p", "v"),
    "{c|d|t}": ("c", "d", "t"),
    "a|c|A|E": ("a", "c", "A", "E"),
    "{p|r|s|z|hu|ho|hs|hd|hj|ha|h|a}": ("p", "r", "s", "z", "hu", "ho", "hs", "hd", "hj", "ha", "h", "a"),
    "mail_options": ("b", "e", "a", "s", "n"),
}


def main(words: Sequence[str]) -> int:
    """Print what fits the last word and return 0; nothing, and 1, if it cannot be told."""
    try:
        lines = complete(words)
    except (GridError, OSError, ValueError):
        return 1
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    try:
        os.write(1, data)
    except OSError:
        return 1
    return 0


def complete(words: Sequence[str]) -> list[str]:
    """Return the lines for a command and its words, the last of which is not finished."""
    command, *before = words[:-1] or ("",)
    part = words[-1] if words else ""
    wanted, operands = _expected(command, before)
    if wanted is not None:
        return _values(wanted, part)
    if part.startswith("-"):
        options = table.every(command) if command in table.COMMANDS else ()
        return [f"{option.switch}\t{option.help}" for option in options if option.switch.startswith(part)]
    if command in SUBMIT:
        # What follows the program are its own words, of which nothing is known but that many are files.
        return (
            [":files"] if operands or (command == "qsub" and "-b" not in before) else [":programs", ":files"]
        )
    if command in TAKE_JOBS:
        return _of_list("jobs", part)
    return _of_list("names", part) if command in TAKE_NAMES and not operands else []


def _expected(command: str, before: Sequence[str]) -> tuple[str | None, int]:
    """Return the arguments that the last switch still waits for (None: a new word), and how many operands."""
    operands, left, metavar = 0, 0, ""
    optional = False
    for word in before:
        is_switch = word.startswith("-") and len(word) > 1
        if left and not (is_switch and (optional or left == table.MANY)):
            left -= left > 0
            continue
        left = 0
        option = table.find(command, word) if is_switch and not (operands and command in SUBMIT) else None
        if option is not None:
            left, metavar, optional = option.words, option.metavar, option.optional
        elif not is_switch:
            operands += 1
    return (metavar if left else None), operands


def _values(metavar: str, part: str) -> list[str]:
    name = metavar if metavar in CHOICES else metavar.strip("[]")
    if name in CHOICES:
        return [choice for choice in CHOICES[name] if choice.startswith(part)]
    kind = next((kind for kind, names in KINDS.items() if name in names), "")
    if kind.startswith(":"):
        return [kind]
    return _of_list(kind, part) if kind else []


def _of_list(kind: str, part: str) -> list[str]:
    """Words for the last element of a list with commas."""
    done, comma, last = part.rpartition(",")
    end = "=" if kind == "complexes" else ""
    found = [
        f"{done}{comma}{word}{end}\t{text}" for word, text in _known(kind) if f"{word}{end}".startswith(last)
    ]
    return [*found, ":nospace"] if end and found else found


def _known(kind: str) -> Iterable[tuple[str, str]]:
    """Words of a kind, with what they are."""
    from gridcompat import settings as settings_module

    if kind == "complexes":
        from gridcompat import complexes

        return [(one.name, one.type) for one in complexes.every() if one.requestable]
    home = os.environ.get("HOME") or "/"
    settings, _ = settings_module.load(os.environ, home=home, uid=os.getuid())
    if kind == "queues":
        return [(queue.name, "queue") for queue in settings.queues]
    if kind == "pes":
        return [(one.name, one.allocation_rule) for one in settings.parallel_environments]
    if kind == "projects":
        return [(name, "project") for name in settings.projects]
    if kind == "hosts":
        return [(os.uname().nodename, "host")] if settings.cluster == "embedded" else []
    return _jobs(settings, names=kind == "names")


def _jobs(settings: Settings, *, names: bool) -> list[tuple[str, str]]:
    """The caller's unfinished jobs: by number, or by name."""
    from gridcompat.commands._main import _Streams, make_context
    from gridcompat.record import replace
    from gridcompat.service import select

    if settings.cluster == "embedded" and not _database_exists(settings):
        return []
    opened: list[Cluster] = []
    try:
        context = make_context("gridcompat", os.environ, _Streams(), opened)
        if settings.cluster != "embedded":
            from gridcompat.cluster.rest import connect

            opened.append(connect(replace(settings, request_timeout_s=PATIENCE_S)))
        cluster = opened[-1] if opened else context.cluster()
        rows = select.own_rows(cluster, namespace=context.namespace)
    finally:
        for one in opened:
            one.close()
    if names:
        return sorted({row.name: (row.name, f"job {row.job_id}") for row in rows}.values())
    return list({row.job_id: (str(row.job_id), f"{row.name} {row.state}") for row in rows}.values())


def _database_exists(settings: Settings) -> bool:
    """Whether there is an embedded cluster: to ask for its directory would make it."""
    from gridcompat.cluster.embedded import paths

    base = os.environ.get("XDG_STATE_HOME", "")
    usual = f"{base if base.startswith('/') else os.path.expanduser('~/.local/state')}/gridcompat"
    places = [settings.state_dir] if settings.state_dir else [usual, f"/var/tmp/gridcompat-{os.getuid()}"]
    return any(os.path.exists(f"{os.path.expanduser(place)}/{paths.DATABASE}") for place in places)

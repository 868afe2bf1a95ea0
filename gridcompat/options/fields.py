"""From occurrences of switches to the fields of a request: the last one wins, or they add up.

Must not know where the occurrences stood, but by their order; nor read anything.
"""

from __future__ import annotations

from gridcompat.errors import UsageError
from gridcompat.model import SubmitContext
from gridcompat.options import checks, merge, scan, table
from gridcompat.output.messages import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gridcompat.options.context import Context
    from gridcompat.options.scan import Occurrence

_RANK = {table.REQUEST_FILE: 0, table.SCRIPT: 1, table.COMMAND_LINE: 2, table.OPTION_FILE: 2}
"""Sources in rising order of weight. What -@ reads counts as where the -@ stands."""


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
        if lists := scan.every(found, switch):
            fields[target] = merge.hosts(
                [[(checks.host_name(host, context), path) for host, path in paths] for paths in lists]
            )
    for switch, target in (
        ("-hold_jid", "predecessors_requested"),
        ("-hold_jid_ad", "array_predecessors_requested"),
        ("-masterq", "master_queues"),
    ):
        if lists := scan.every(found, switch):
            fields[target] = tuple(word for words in lists for word in words)
    if lists := scan.every(found, "-m"):
        fields["mail_options"] = merge.letters(lists)
    if lists := scan.every(found, "-M"):
        fields["mail_list"] = merge.addresses(lists)
    if slots := scan.every(found, "-pe"):
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
            lists = [
                merge.named(occurrence.value, context.settings)
                for occurrence in asked
                if occurrence.soft == soft
            ]
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
    """Return the variables of -v and -V with their values, in the order that qstat -j shows.

    What -V brings stands above -v, wherever the two stand (tried).
    """
    values_of: dict[str, str] = {}
    for pairs in scan.every(found, "-v"):
        for name, value in pairs:
            values_of[name] = context.environment.get(name, "") if value is None else value
    if scan.last(found, "-V", False):
        for name, value in context.environment.items():
            if not name.startswith(_CLIENT_OF_A_CLUSTER):
                values_of[name] = value
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

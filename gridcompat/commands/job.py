"""job: the number and state of a job by its name, as Toolforge's jobutils told it."""

from __future__ import annotations

import time

from gridcompat.commands._listing import attend, has_account
from gridcompat.commands._named import find, is_running
from gridcompat.errors import UsageError
from gridcompat.options import table
from gridcompat.output.messages import jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context


def run(context: Context, argv: list[str]) -> int:
    """Run `job ARGV`: 0 no such job, 1 it runs, 2 it waits."""
    flags, name = parse(argv)
    if "help" in flags:
        context.out(jobs.JOB_HELP)
        return 0
    row = find(context, name)
    if row is None:
        has_account(context)
        if "verbose" in flags:
            context.out(jobs.no_such_name(name))
        return 0
    attend(context)
    running = is_running(row)
    if "verbose" in flags:
        started = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(row.time))
        context.out(
            jobs.running_since(name, started, row.job_id) if running else jobs.pending(name, row.job_id)
        )
    elif "quiet" not in flags:
        context.out(f"{row.job_id}\n")
    return 1 if running else 2


def parse(argv: list[str]) -> tuple[set[str], str]:
    """Return what the switches given stand for in the table, and the name.

    Python's argparse cuts long switches short and runs short ones together, which no other command does.

    Raises:
        UsageError: wrong use, in the words of Python's argparse, which the original was made with.
    """
    flags: set[str] = set()
    names: list[str] = []
    unknown: list[str] = []
    only_names = False
    for word in argv:
        if only_names or not word.startswith("-") or word == "-" or " " in word:
            names.append(word)
        elif word == "--":
            only_names = True
        else:
            meant = _meant(word)
            if not meant:
                unknown.append(word)
            for flag in meant:
                if flag == "help":
                    return {flag}, ""
                if _NOT_WITH[flag] in flags:
                    switch, other = (f"-{name[0]}/--{name}" for name in (flag, _NOT_WITH[flag]))
                    raise _error(f"argument {switch}: not allowed with argument {other}")
                flags.add(flag)
    if not names:
        raise _error("the following arguments are required: JOBNAME")
    unknown += names[1:]
    if unknown:
        raise _error(f"unrecognized arguments: {' '.join(unknown)}")
    return flags, names[0]


_NOT_WITH = {"quiet": "verbose", "verbose": "quiet"}


def _meant(word: str) -> list[str]:
    """What a word of switches stands for; nothing if it is none."""
    known = {option.switch: option.target for option in table.every("job")}
    if word.startswith("--"):
        found = [flag for switch, flag in known.items() if switch.startswith(word)]
        return found if len(found) == 1 else []
    switches = [f"-{letter}" for letter in word[1:]]
    return [known[switch] for switch in switches] if all(switch in known for switch in switches) else []


def _error(text: str) -> UsageError:
    return UsageError(f"{jobs.JOB_USAGE}job: error: {text}", exit_status=2)

"""job: the number and state of a job by its name, as Toolforge's jobutils told it."""

from __future__ import annotations

import time

from gridcompat.commands._named import find, is_running
from gridcompat.errors import UsageError
from gridcompat.output.messages import jobs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context

LONG = {"--help": "h", "--verbose": "v", "--quiet": "q"}


def run(context: Context, argv: list[str]) -> int:
    """Run `job ARGV`: 0 no such job, 1 it runs, 2 it waits."""
    flags, name = parse(argv)
    if "h" in flags:
        context.out(jobs.JOB_HELP)
        return 0
    row = find(context, name)
    if row is None:
        if "v" in flags:
            context.out(jobs.no_such_name(name))
        return 0
    running = is_running(row)
    if "v" in flags:
        started = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(row.time))
        context.out(
            jobs.running_since(name, started, row.job_id) if running else jobs.pending(name, row.job_id)
        )
    elif "q" not in flags:
        context.out(f"{row.job_id}\n")
    return 1 if running else 2


def parse(argv: list[str]) -> tuple[str, str]:
    """Return the flags given and the name.

    Raises:
        UsageError: wrong use, in the words of Python's argparse, which the original was made with.
    """
    flags, names, unknown = "", [], []
    only_names = False
    for word in argv:
        if only_names or not word.startswith("-") or word == "-" or " " in word:
            names.append(word)
        elif word == "--":
            only_names = True
        else:
            letters = _flags(word)
            if not letters:
                unknown.append(word)
            for letter in letters:
                if letter == "h":
                    return "h", ""
                if letter in "vq" and ("v" if letter == "q" else "q") in flags:
                    raise _error(_NOT_BOTH[letter])
                flags += letter
    if not names:
        raise _error("the following arguments are required: JOBNAME")
    unknown += names[1:]
    if unknown:
        raise _error(f"unrecognized arguments: {' '.join(unknown)}")
    return flags, names[0]


_NOT_BOTH = {
    "q": "argument -q/--quiet: not allowed with argument -v/--verbose",
    "v": "argument -v/--verbose: not allowed with argument -q/--quiet",
}


def _flags(word: str) -> str:
    """The letters that an option stands for; "" if it is none. Long options may be cut short."""
    if word.startswith("--"):
        found = [letter for long, letter in LONG.items() if long.startswith(word)]
        return found[0] if len(found) == 1 else ""
    letters = word[1:]
    return letters if letters and not letters.strip("hvq") else ""


def _error(text: str) -> UsageError:
    return UsageError(f"{jobs.JOB_USAGE}job: error: {text}", exit_status=2)

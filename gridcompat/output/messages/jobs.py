"""What qsub and its relatives say about a job of theirs: submitted, ended, given up; and `job` and `jstop`.

Texts that scripts match; each with its source.  `FACTS` below is a recording of Son of Grid Engine 8.1.9 and
Toolforge's jobutils.  Every function returns whole lines, each with its newline.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.model import TaskRange


def submitted(number: int, name: str, tasks: TaskRange | None) -> str:
    """Source: FACTS, qsub of a job and of an array; the range as typed, always with its step."""
    if tasks is None:
        return f'Your job {number} ("{name}") has been submitted\n'
    return f'Your job-array {numbered(number, tasks)} ("{name}") has been submitted\n'


def terse(number: int, tasks: TaskRange | None) -> str:
    """Source: FACTS, qsub -terse."""
    return f"{number if tasks is None else numbered(number, tasks)}\n"


def numbered(number: int, tasks: TaskRange) -> str:
    """`N.A-B:S`"""
    first, last, step = tasks
    return f"{number}.{first}-{last}:{step}"


def exited(number: int, task: int | None, status: int) -> str:
    """Source: FACTS, qsub -sync y."""
    return f"Job {_which(number, task)} exited with exit code {status}.\n"


def killed(number: int, task: int | None, signal: str) -> str:
    """Source: FACTS, qsub -sync y of a job that died of a signal; `signal` is SIGKILL, SIGTERM ..."""
    return f"Job {_which(number, task)} exited because of signal {signal}\n"


def unable(number: int, task: int | None) -> str:
    """Source: a live 8.1.9, qsub -sync y of a job that was deleted; no full stop."""
    return f"Unable to run job {_which(number, task)}\n"


def _which(number: int, task: int | None) -> str:
    return str(number) if task is None else f"{number}.{task}"


SUITABLE = "verification: found suitable queue(s)\n"
"""Source: FACTS, qsub -w v and -w p."""
UNSUITABLE = "verification: no suitable queues"
"""Source: FACTS, qsub -w v; the line after the reason, inside the frame of a refusal."""
NOT_NOW = (
    "Waiting for immediate job to be scheduled.\n"
    "\n"
    "Your qsub request could not be scheduled; try again later.\n"
)
"""Source: FACTS, qsub -now y."""


def unsuitable(number: int, reasons: list[str]) -> str:
    """Source: FACTS, qsub -w v; the text of a refusal, without its frame and newline."""
    return "".join(f"Job {number} {reason}\n" for reason in reasons) + UNSUITABLE


def running_since(name: str, started: str, number: int) -> str:
    """Source: FACTS, job -v; the time as YYYY-MM-DDTHH:MM:SS, local."""
    return f"Job '{name}' has been running since {started} as id {number}\n"


def pending(name: str, number: int) -> str:
    """Source: FACTS, job -v."""
    return f"Job '{name}' is pending as id {number}\n"


def no_such_name(name: str) -> str:
    """Source: FACTS, job -v."""
    return f"No job '{name}' is currently queued or running.\n"


def nothing_to_stop(name: str) -> str:
    """Source: FACTS, jstop; like `no_such_name` but without a full stop."""
    return f"No job '{name}' is currently queued or running\n"


JOB_USAGE = "usage: job [-h] [-v | -q] JOBNAME\n"
JOB_HELP = (
    JOB_USAGE
    + """
Grid job information

positional arguments:
  JOBNAME        job name

options:
  -h, --help     show this help message and exit
  -v, --verbose  outputs verbose (human readable) information
  -q, --quiet    quietly checks for the job status

If there are multiple jobs with the same name, it is not specified which one
will have its information returned (though running jobs take precedence)
Returns 0 if no job by that name is present, 1 if it is currently running or
suspended, and 2 if the job is queued but not running.
"""
)
"""Source: recording of `job -h`, Toolforge's jobutils."""

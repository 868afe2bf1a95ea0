"""qstat -j: everything about one job, as `key: value` lines, and why jobs wait.

Must not know where a job comes from.

Source: qstat(1), -j; order of keys and texts from recordings and a live 8.1.9.
"""

from __future__ import annotations

from gridcompat.output.consumed import usage
from gridcompat.output.qstat import plain, ranges_of, shown, stamp
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from gridcompat.model import HostPath, JobRequest, Resource
    from gridcompat.output.consumed import Consumed

RULE = "=" * 62 + "\n"
WIDTH = 28
"""Of the keys."""


@record
class Problem:
    """Why a task is in error."""

    task: int
    at: int
    """Epoch seconds."""
    reason: str


@record
class Waiting:
    """One of the scheduler's messages: its number, the text of -j for one job, the title for many."""

    number: int
    text: str
    title: str


NO_HOST = Waiting(
    number=0, text="", title="Jobs can not run because no host can satisfy the resource requirements"
)
ERROR = Waiting(number=32, text="Job is in error state", title="Jobs dropped because of error state")
HOLD = Waiting(number=33, text="Job is in hold state", title="Jobs dropped because of hold state")
TIME = Waiting(
    number=31,
    text="execution time not reached",
    title="Jobs can not run because execution time not reached",
)
DEPENDENCIES = Waiting(
    number=35,
    text="job dropped because of job dependencies",
    title="Job dropped because of job dependencies",
)
INSTANCES = Waiting(
    number=45,
    text="not all array tasks may be started due to 'max_aj_instances'",
    title="Not all array tasks may be started due to 'max_aj_instances'",
)
FOUND = (
    (
        " cannot run globally ",
        20,
        "Jobs can not run globally because the resource requirements can not be satisfied",
    ),
    (
        "cannot run in PE ",
        24,
        "Jobs can not run because available slots combined under PE are not in range of job",
    ),
    (" no access to PE ", 25, "Jobs can not run because they have no access to PE"),
    (
        " not contained in its hard queue list ",
        6,
        "Jobs can not run because queue instance is not contained in its hard queue list",
    ),
    (" cannot run in queue ", 17, "Jobs can not run because the resource requirements can not be satisfied"),
    ("not request 'forced' ", 14, "Jobs can not run because they do not request 'forced' resource"),
    ("not request globally 'forced' ", 14, "Jobs can not run because they do not request 'forced' resource"),
    (" exceeds limit ", 50, "Jobs dropped because of exceeding limit in rule"),
    (" dropped because it is disabled", 39, "Queue instances dropped because they are disabled"),
    (
        " dropped because it is temporarily not available",
        40,
        "Queue instances dropped because they are temporarily not available",
    ),
)
"""What the controller finds: what stands in its text, number and title. Source: a live 8.1.9."""
KINDS = (
    NO_HOST,
    *{number: Waiting(number=number, text="", title=title) for _, number, title in FOUND}.values(),
    ERROR,
    HOLD,
    TIME,
    DEPENDENCIES,
    INSTANCES,
)
"""In the order of qstat -j without an argument."""


def found(line: str) -> Waiting:
    """Return what the controller found as one of the scheduler's messages."""
    for mark, number, title in FOUND:
        if mark in f" {line} ":
            return Waiting(number=number, text=line, title=title)
    return Waiting(number=NO_HOST.number, text=line, title=NO_HOST.title)


@record
class Detail:
    """What -j shows of a job."""

    number: int
    submitted: int
    """Epoch seconds."""
    owner: str
    uid: int
    group: str
    gid: int
    name: str
    """As it is now; the request has the one at submission."""
    priority: int
    start_time: int
    """-a, epoch seconds; 0 for none."""
    max_running: int
    request: JobRequest
    environment: tuple[tuple[str, str | None], ...]
    """Exported variables; None for a value that may not be read."""
    running: tuple[tuple[int, int, int], ...] = ()
    """(task, epoch seconds of the start, slots)"""
    starting: tuple[int, ...] = ()
    """Those of them that are handed to a host and not yet seen running: state t."""
    consumed: Mapping[int, Consumed] = {}
    """What tasks that run use, as far as that is known."""
    problems: tuple[Problem, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    predecessors: tuple[int, ...] = ()
    array_predecessors: tuple[int, ...] = ()
    successors: tuple[int, ...] = ()
    array_successors: tuple[int, ...] = ()
    binding: bool = True
    """False with -ncb."""


def text(detail: Detail) -> str:
    """Return the lines of a job, the rule above them first."""
    out = [RULE]
    for key, value in _keys(detail):
        if value not in (None, ""):
            text_of = _lines if key in ("env_list", "job_args") else plain
            out.append(f"{key + ':':<{WIDTH}}{text_of(str(value))}\n")
    out += _after(detail)
    return "".join(out)


def _lines(value: str) -> str:
    """Return values of users, whose line ends the grid prints as they are."""
    return "\n".join(map(plain, value.split("\n")))


def _keys(detail: Detail) -> Iterator[tuple[str, object]]:
    """Keys and values in order, down to script_file; those without a value are not shown."""
    request, submit = detail.request, detail.request.submit
    yield "job_number", detail.number
    yield "exec_file", f"job_scripts/{detail.number}"
    yield "submission_time", ctime(detail.submitted)
    yield "deadline", ctime(request.deadline) if request.deadline else None
    yield "owner", detail.owner
    yield "uid", detail.uid
    yield "group", detail.group
    yield "gid", detail.gid
    yield "sge_o_home", submit.home
    yield "sge_o_log_name", submit.log_name
    yield "sge_o_path", submit.path
    yield "sge_o_shell", submit.shell
    yield "sge_o_tz", submit.tz
    yield "sge_o_workdir", submit.workdir
    yield "sge_o_host", submit.host
    yield "execution_time", ctime(detail.start_time) if detail.start_time else None
    yield "account", request.account
    yield "checkpoint_object", request.checkpoint
    yield "cwd", request.cwd
    yield "stderr_path_list", paths(request.stderr_paths)
    yield "reserve", "y" if request.reserve else None
    yield "merge", "y" if request.merge else None
    yield "hard resource_list", resources(request.hard_resources)
    yield "soft resource_list", resources(request.soft_resources)
    yield "mail_options", request.mail_options
    yield "mail_list", ",".join(address if "@" in address else f"{address}@NONE" for address in mails(detail))
    yield "notify", "TRUE" if request.notify else "FALSE"
    yield "job_name", detail.name
    yield "stdout_path_list", paths(request.stdout_paths)
    yield "stdin_path_list", paths(request.stdin_paths)
    yield "priority", detail.priority or None
    yield "jobshare", request.job_share - (1 << 32 if request.job_share >= 1 << 31 else 0)
    yield "hard_queue_list", ",".join(request.hard_queues)
    yield "soft_queue_list", ",".join(request.soft_queues)
    yield "restart", request.restart
    yield "shell_list", ",".join(f"{host or 'NONE'}:{path or 'NONE'}" for host, path in request.shell_paths)
    yield "env_list", ",".join(_variable(name, value) for name, value in exported(detail))
    yield "job_args", ",".join(arguments(request))
    yield "master hard queue_list", ",".join(request.master_queues)
    yield "script_file", request.script_file


def _after(detail: Detail) -> list[str]:
    """The lines from parallel environment on; some have their own form."""
    request = detail.request
    out: list[str] = []

    def line(key: str, value: object) -> None:
        if value not in (None, ""):
            out.append(f"{key + ':':<{WIDTH}}{plain(str(value))}\n")

    if request.parallel_environment:
        out.append(
            f"parallel environment:  {plain(request.parallel_environment)} range: {ranges_of(request)}\n"
        )
    line("jid_predecessor_list (req)", ",".join(request.predecessors_requested))
    line("jid_predecessor_list", _numbers(detail.predecessors))
    line("jid_successor_list", _numbers(detail.successors))
    line("ja_ad_predecessor_list", _numbers(detail.array_predecessors))
    line("ja_ad_successor_list", _numbers(detail.array_successors))
    line("version", request.changed or None)
    line("project", request.project)
    line("department", request.department)
    if request.tasks is not None:
        first, last, step = request.tasks
        line("job-array tasks", f"{first}-{last}:{step}")
    line("maximum concurrency", detail.max_running or None)
    line("context", ",".join(_variable(name, value) for name, value in request.context))
    if detail.binding:
        line("binding", request.binding or "NONE")
    line("job_type", job_type(request))
    for task, _, _ in detail.running:
        line(f"usage{task:>10}", usage(detail.consumed.get(task)))
    if detail.binding:
        for task, _, _ in detail.running:
            line(f"binding{task:>8}", "NONE")
    for problem in detail.problems:
        out.append(f"error reason{problem.task:>11}:      {plain(reason_text(detail, problem))}\n")
    key = "scheduling info:"
    for waiting in detail.waiting:
        out.append(f"{key:<{WIDTH}}{plain(waiting.text)}\n")
        key = ""
    return out


def _numbers(numbers: Sequence[int]) -> str:
    return ",".join(str(number) for number in numbers)


def _variable(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value or 'NONE'}"


def exported(detail: Detail) -> list[tuple[str, str | None]]:
    """Return the variables of -v and -V, TERM first: it is always among them, without -V empty."""
    if detail.request.without_term:
        return list(detail.environment)
    return term_first(detail.environment)


def term_first(environment: Collection[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """Return variables with TERM before all others, without a value if it has none of its own."""
    others = [pair for pair in environment if pair[0] != "TERM"]
    own = [pair for pair in environment if pair[0] == "TERM"]
    return [*(own or [("TERM", "")]), *others]


def mails(detail: Detail) -> tuple[str, ...]:
    """Return the addresses of -M; without it the owner on the host of submission."""
    return detail.request.mail_list or (f"{detail.owner}@{detail.request.submit.host or 'localhost'}",)


def reason_text(detail: Detail, problem: Problem) -> str:
    """Return why a task is in error, with when and who; the launcher is process 1 of its container."""
    if problem.reason.startswith("["):
        return f"{stamp(problem.at)} {problem.reason}"
    return f"{stamp(problem.at)} [{detail.uid}:1]: {problem.reason}"


def arguments(request: JobRequest) -> tuple[str, ...]:
    """Return what the script was given: nothing for a continuous job, whose script holds its command."""
    return () if request.continuous else request.arguments


def job_type(request: JobRequest) -> str:
    """Return NONE, `binary` or `binary,noshell`. A continuous job is a script of jsub's making."""
    if not request.binary or request.continuous:
        return "NONE"
    return "binary" if request.shell else "binary,noshell"


def paths(values: Sequence[HostPath]) -> str:
    """Return the first of -o, -e and -i as stored: `NONE:NONE:path`, `host:NONE:path`; -xml shows all."""
    return ",".join(f"{host or 'NONE'}:NONE:{path}" for host, path in values[:1])


def resources(values: Sequence[Resource]) -> str:
    """Return a -l list as shown: times in seconds."""
    return ",".join(f"{name}={shown(name, value)}" for name, value in values)


def ctime(seconds: int) -> str:
    """Return an instant as ctime(3) in local time."""
    import time

    try:
        return time.ctime(seconds)
    except (OverflowError, ValueError, OSError):
        return time.ctime(0)


def unknown(words: Sequence[str]) -> str:
    """Return the message for jobs that do not exist."""
    return f"Following jobs do not exist: \n{', '.join(map(plain, words))}\n"


PER_LINE = 8
"""Job numbers on a line of -j without an argument."""


def reasons(groups: Sequence[tuple[Waiting, Sequence[int]]]) -> str:
    """Return -j without an argument: why jobs wait, the jobs of each reason below it."""
    parts = []
    for waiting, numbers in groups:
        lines = [
            ",".join(f"\t{number}" for number in numbers[at : at + PER_LINE])
            for at in range(0, len(numbers), PER_LINE)
        ]
        parts.append(f"{waiting.title}\n" + ",\n".join(lines) + "\n")
    return "\n".join(parts)

"""What qdel, qhold, qrls, qalter, qmod and qresub say about what they changed or could not change.

Texts that scripts match.  Source of all: recordings of Son of Grid Engine 8.1.9.  Those marked [R] were
taken from a small grid of Debian's packages (`tests/bench/grid.py`), those marked [S] were not seen and are
texts that its binaries hold.  Every function returns one line without its newline.
"""

from __future__ import annotations

from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.translate.ranges import Ranges


def _thing(number: int, task: int | None) -> str:
    """A job, or a task of an array."""
    return f"job {number}" if task is None else f"job-array task {number}.{task}"


# ---------------------------------------------------------------- qdel


def registered(user: str, number: int, task: int | None) -> str:
    """A running job or task will be killed."""
    thing = f"the job {number}" if task is None else f"the job-array task {number}.{task}"
    return f"{user} has registered {thing} for deletion"


def deleted(user: str, number: int) -> str:
    """A pending job, or what is pending of an array."""
    return f"{user} has deleted job {number}"


def deleted_tasks(user: str, number: int, tasks: Ranges) -> str:
    """Pending tasks that were named; also task 1 of a plain job."""
    if ranges.count(tasks) == 1:
        return f"{user} has deleted job-array task {number}.{tasks[0][0]}"
    return f"{user} has deleted job-array tasks {ranges.text(tasks)} of job {number}"


def already_in_deletion(number: int) -> str:
    """A running job was deleted before."""
    return f"job {number} is already in deletion"


def no_such_job(word: str) -> str:
    """An unknown or finished number."""
    return f'denied: job "{word}" does not exist'


def no_such_task(number: int, tasks: str) -> str:
    """A task that the job does not have, or no longer."""
    return f'job "{number}" task "{tasks}" does not exist'


def no_tasks_in_range(number: int, tasks: str) -> str:
    """A range of which the job has no task. [R]"""
    return f'job "{number}" task id range "{tasks}" comprises no tasks'


def no_such_name(word: str, user: str) -> str:
    """An unknown name, a pattern without a match, an unknown option."""
    return f"The job {word} of user(s) {user} does not exist"


def may_not_delete(user: str, number: int) -> str:
    """Another user's job."""
    return f'{user} - you do not have the necessary privileges to delete the job "{number}"'


def no_jobs_of(users: str) -> str:
    """qdel -u of a user without jobs."""
    return f"There is no job registered for the following users: {users}"


def must_be_manager_of_all(user: str) -> str:
    """qdel -u '*'."""
    return f'denied: "{user}" must be manager to modify all jobs'


# ---------------------------------------------------------------- qhold, qrls, qalter


def modified_hold(number: int, task: int | None) -> str:
    """qhold, qrls, qalter -h."""
    return f"modified hold of {_thing(number, task)}"


def modified(what: str, number: int) -> str:
    """qalter; `what` is one of the words of CHANGED."""
    return f"modified {what} of job {number}"


def priority(user: str, host: str, number: int, value: int) -> str:
    """qalter -p."""
    return f"{user}@{host} sets scheduling priority of job {number} to {value}"


def job_share(user: str, host: str, number: int, value: int) -> str:
    """qalter -js. [S]"""
    return f"{user}@{host} sets job share of job {number} to {value}"


def hold_list(number: int, *, array: bool, blocking: str, exited: str) -> str:
    """qalter -hold_jid and -hold_jid_ad ([S]); three lines."""
    kind = "job id hold array list" if array else "job id hold list"
    return (
        f"modified {kind} of job {number}\n"
        f"   blocking jobs: {blocking or 'NONE'}\n"
        f"   exited jobs:   {exited or 'NONE'}"
    )


def must_be_owner(user: str, number: int) -> str:
    """Another user's job."""
    return f'denied: "{user}" must be at least owner of job {number} to change job attributes'


def must_be_operator(user: str, to: str) -> str:
    """-h o (`set operator hold`), -p upwards (`increase job priority`)."""
    return f'denied: "{user}" must be operator to {to}'


def must_be_manager(user: str, to: str) -> str:
    """-h s (`set manager hold`)."""
    return f'denied: "{user}" must be manager to {to}'


def consumable_of_running(name: str) -> str:
    """qalter -l of a running job asks for a consumable that it did not have."""
    return (
        f'denied: resource request on consumable "{name}" of running job '
        "was not contained in former resource request"
    )


def consumable_missing(name: str) -> str:
    """qalter -l of a running job leaves out a consumable that it has. [S]"""
    former = f'denied: former resource request on consumable "{name}" of running job'
    return f"{former} missing in new resource request"


def consumable_changed(name: str) -> str:
    """qalter -l of a running job changes a consumable. [S]"""
    return f'denied: can\'t change consumable resource request "{name}" of running job'


def not_an_array() -> str:
    """qalter -tc of a job without -t. [R]"""
    return 'invalid option argument "task concurrency"'


NOT_AN_ARRAY_DEPENDENCY = 'Can only specify "-hold_jid_ad" option with an array job (using "-t" option)'
"""qalter -hold_jid_ad of a job without -t. [R]"""

CHANGED = {
    "start_time": "start time",
    "deadline": "deadline time",
    "account": "account",
    "cwd": "working directory",
    "checkpoint": "checkpointing environment",
    "stderr_paths": "stderr path list",
    "stdin_paths": "stdin path list",
    "reserve": "reservation behaviour",
    "merge": "output merge behaviour",
    "hard_resources": "hard resource list",
    "soft_resources": "soft resource list",
    "mail_options": "mail options",
    "mail_list": "mail list",
    "name": "job name",
    "notify": "notify behaviour",
    "stdout_paths": "stdout path list",
    "project": "project",
    "parallel_environment": "parallel environment",
    "slot_ranges": "slot range",
    "binding": "binding",
    "hard_queues": "hard queue list",
    "soft_queues": "soft queue list",
    "master_queues": "master hard queue list",
    "restart": "restart behaviour",
    "shell_paths": "shell list",
    "variables": "environment",
    "arguments": "script arguments",
    "context": "context",
    "max_running_tasks": "task concurrency",
}
"""JobRequest field → the word for it, in the order in which qalter tells of changes.

The order is recorded where FACTS has it (stderr before stdout, mail options before mail list). [S]
"""

# ---------------------------------------------------------------- qmod


def suspended(user: str, number: int, task: int | None) -> str:
    """qmod -sj."""
    return f"{user} - suspended {_thing(number, task)}"


def unsuspended(user: str, number: int, task: int | None) -> str:
    """qmod -usj."""
    return f"{user} - unsuspended {_thing(number, task)}"


def already_suspended(user: str, number: int, task: int | None) -> str:
    """qmod -sj twice."""
    return f"{user} - {_thing(number, task)} is already suspended"


def forced_suspension(user: str, number: int, task: int | None) -> str:
    """qmod -f -sj of what is suspended."""
    return f"{user} - forced suspension of {_thing(number, task)}"


def forced_unsuspension(user: str, host: str, number: int, task: int | None) -> str:
    """qmod -f -usj; without a host of what runs."""
    if host:
        return f"{user}@{host} forced unsuspension of {_thing(number, task)}"
    return f"{user} - forced enabling of {_thing(number, task)}"


def already_unsuspended(user: str, number: int, task: int | None) -> str:
    """qmod -usj of what runs."""
    return f"{user} - {_thing(number, task)} is already unsuspended"


def cleared(user: str, host: str, number: int, task: int | None) -> str:
    """qmod -cj."""
    return f"{user}@{host} cleared error state of {_thing(number, task)}"


def not_in_error(number: int, task: int | None) -> str:
    """qmod -cj of what is not in error. [R]"""
    thing = _thing(number, task)
    return f"{thing[0].upper()}{thing[1:]} is not in error state"


def is_pending(number: int, task: int) -> str:
    """qmod of a task that does not run; a plain job has task 1."""
    return f"Modify operation can not be applied on job-array task {number}.{task} in pending/hold state"


def job_is_pending(number: int) -> str:
    """qmod of an array of which tasks wait, when no tasks were named. [R]"""
    return f"Modify operation can not be applied on job {number} in pending/hold state"


def rescheduled(number: int, task: int | None, host: str, *, forced: bool) -> str:
    """qmod -rj, and with -f. [R]"""
    return f"{'Forced' if forced else 'Pushed'} rescheduling of {_thing(number, task)} on host {host}"


def not_restartable(number: int, task: int | None) -> str:
    """qmod -rj of a job with -r n."""
    return f"The {_thing(number, task)} is not restartable"


def queue_not_rerunnable(number: int, task: int | None) -> str:
    """qmod -rj of a job without -r, in a queue that reruns no jobs; the queue is called "none". [R]"""
    return f"The {_thing(number, task)} is running in queue none where jobs are not rerunable."


def no_such_queue_or_job(word: str) -> str:
    """qmod of an unknown word."""
    return f'invalid queue or job "{word}"'


def no_such_queue(word: str) -> str:
    """qmod -cq, -d ... of an unknown queue. [R]"""
    return f'invalid queue "{word}"'


def may_not_modify_job(user: str, number: int) -> str:
    """qmod of another user's job."""
    return f'{user} - you have no permission to modify job "{number}"'


def may_not_modify_queue(user: str, queue: str) -> str:
    """qmod of a queue."""
    return f'{user} - you have no permission to modify queue "{queue}"'


def nothing_to_resubmit(number: str) -> str:
    """qresub of an unknown job."""
    return f'job "{number}" does not exist'

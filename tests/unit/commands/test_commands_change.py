"""qdel, qhold, qrls, qmod, qresub, job and jstop: streams, statuses and words as a real grid's."""

from __future__ import annotations

import time

import pytest

from commands.command_world import HOST, USER, World
from gridcompat.output.usage import usage

QDEL_USAGE = usage("qdel")
QMOD_USAGE = usage("qmod")


def no_job(number: object) -> str:
    return f'denied: job "{number}" does not exist\n'


def test_qdel_of_pending_and_running_jobs(world: World) -> None:
    first, second, third = world.submit(), world.submit(), world.submit(name="victim")
    world.running(second)
    assert world.run("qdel", f"{first},", str(second)) == (
        0,
        f"{USER} has deleted job {first}\n{USER} has registered the job {second} for deletion\n",
        "",
    )
    assert world.wrote == 1
    assert world.run("qdel", str(second)) == (0, f"job {second} is already in deletion\n", "")
    assert world.run("qdel", str(first)) == (1, no_job(first), "")
    assert world.run("qdel", "vic*") == (0, f"{USER} has deleted job {third}\n", "")


def test_qdel_of_tasks(world: World) -> None:
    array = world.submit(tasks=(1, 6, 1))
    plain = world.submit()
    told = f"{USER} has deleted job-array"
    for words, text in (
        ([str(array), "-t", "2-3"], f"{told} tasks 2,3 of job {array}\n"),
        ([str(array), "-t", "1-6:5"], f"{told} tasks 1,6 of job {array}\n"),
        ([f"{array}.4"], f"{told} task {array}.4\n"),
        ([str(plain), "-t", "1"], f"{told} task {plain}.1\n"),
    ):
        assert world.run("qdel", *words) == (0, text, "")
    assert world.states(array) == ["qw 5"]
    assert world.run("qdel", f"{array}.9") == (1, f'job "{array}" task "9" does not exist\n', "")
    assert world.run("qdel", str(array), "-t", "0") == (1, f'job "{array}" task "0" does not exist\n', "")
    assert world.run("qdel", str(array), "-t", "7-9") == (
        1,
        f'job "{array}" task id range "7-9:1" comprises no tasks\n',
        "",
    )
    assert world.run("qdel", f"{array}.5")[0] == 0
    assert world.run("qdel", f"{array}.5") == (1, no_job(array), "")


def test_qdel_of_an_array_that_runs_in_part(world: World) -> None:
    array = world.submit(tasks=(1, 4, 1))
    world.running(array, 1, 2, pending="3-4:1")
    registered = f"{USER} has registered the job-array task {array}"
    assert world.run("qdel", f"{array}.1") == (0, f"{registered}.1 for deletion\n", "")
    assert world.run("qdel", str(array)) == (
        0,
        f"{registered}.2 for deletion\n{USER} has deleted job {array}\n",
        "",
    )


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        (
            ["-t", "2", "5"],
            "",
            "error: found lonely '-t 2' option (The -t option needs a leading job name).\n",
        ),
        (["0"], "", 'error: ERROR! "0" is an invalid job-task identifier\n'),
        (["99999999999"], "", 'error: ERROR! "99999999999" is an invalid job-task identifier\n'),
        (["1.x"], "", 'error: ERROR! "1.x" is an invalid job-task identifier\n'),
        (["1."], "", 'error: ERROR! "1." is an invalid job-task identifier\n'),
        (["1 2"], "", 'error: ERROR! "1 2" is an invalid job-task identifier\n'),
        (["-1"], f"The job -1 of user(s) {USER} does not exist\n", ""),
        (["--help"], f"The job --help of user(s) {USER} does not exist\n", ""),
        (["abc.1"], f"The job abc.1 of user(s) {USER} does not exist\n", ""),
        (["1.5"], no_job(1), ""),
        (["1,,2"], no_job(1) + no_job(2), ""),
        (["-x", "1"], f"The job -x of user(s) {USER} does not exist\n{no_job(1)}", ""),
        ([], "ERROR! no option argument\n", QDEL_USAGE),
        ([""], "ERROR! no option argument\n", QDEL_USAGE),
        ([","], "ERROR! no option argument\n", QDEL_USAGE),
        (["-u"], "ERROR! no option argument\n", QDEL_USAGE),
        (["-f"], "ERROR! no option argument\n", QDEL_USAGE),
        (["1", "-t"], "", f"{QDEL_USAGE}error: -t option must have a list of task id ranges\n"),
        (
            ["1", "-t", "x"],
            "",
            f"{QDEL_USAGE}error: Numerical value invalid!\n"
            'The initial portion of string "x" contains no decimal number\n',
        ),
        (["-u", "nobody"], "There is no job registered for the following users: nobody\n", ""),
        (["-u", "*"], f'denied: "{USER}" must be manager to modify all jobs\n', ""),
    ],
    ids=lambda value: " ".join(value)[:20] if isinstance(value, list) else "",
)
def test_qdel_used_wrongly(world: World, words: list[str], out: str, err: str) -> None:
    assert world.run("qdel", *words) == (1, out, err)


def test_qdel_by_user(world: World) -> None:
    a, b = world.submit(name="a"), world.submit(name="b")
    world.other_users_job(7)
    privilege = f'{USER} - you do not have the necessary privileges to delete the job "7"\n'
    assert world.run("qdel", "7") == (1, privilege, "")
    assert world.run("qdel", "-u", "tools.other") == (1, privilege, "")
    assert world.run("qdel", "-u", USER, "a") == (0, f"{USER} has deleted job {a}\n", "")
    assert world.run("qdel", "-u", f"{USER},root") == (0, f"{USER} has deleted job {b}\n", "")
    assert world.run("qdel", "-help") == (0, QDEL_USAGE, "")


def test_qdel_by_force(world: World) -> None:
    number = world.submit()
    world.running(number)
    assert world.run("qdel", "-f", str(number)) == (
        0,
        f"{USER} has registered the job {number} for deletion\n",
        "",
    )
    assert world.job(number)["spec"]["orders"][0]["force"] is True


def test_qhold_and_qrls(world: World) -> None:
    plain, array = world.submit(name="hn"), world.submit(tasks=(1, 4, 1))
    modified = f"modified hold of job {plain}\n"
    assert world.run("qhold", str(plain)) == (0, modified, "")
    assert world.run("qhold", str(plain)) == (0, "", "")
    assert world.run("qrls", f"{plain}.1") == (0, modified, "")
    assert world.run("qhold", "h*") == (0, modified, "")
    assert world.states(plain) == ["hqw"]
    lines = [f"modified hold of job-array task {array}.{task}\n" for task in range(1, 5)]
    assert world.run("qhold", str(array), "-t", "3-9") == (0, "".join(lines[2:]), "")
    assert world.run("qhold", f"{array}.0") == (0, "".join(lines[:2]), "")
    assert world.run("qrls", f"{array}.2") == (0, lines[1], "")
    assert world.run("qhold", f"{array}.9") == (0, "", "")


def test_tasks_that_never_ran_are_told_of_first(world: World) -> None:
    array = world.submit(tasks=(1, 3, 1))
    world.running(array, 1, 2, pending="3")
    assert world.run("qhold", str(array))[1] == "".join(
        f"modified hold of job-array task {array}.{task}\n" for task in (3, 1, 2)
    )


@pytest.mark.parametrize(
    ("words", "status", "out", "err"),
    [
        (["999"], 3, no_job(999), ""),
        (["nosuch"], 3, no_job("nosuch"), ""),
        (["7"], 18, f'denied: "{USER}" must be at least owner of job 7 to change job attributes\n', ""),
        (["-h", "o", "7"], 10, f'denied: "{USER}" must be operator to set operator hold\n', ""),
        (["-h", "us", "7"], 10, f'denied: "{USER}" must be manager to set manager hold\n', ""),
        (["-h", "x", "7"], 7, "", 'qalter: Unknown hold list "x" specified to -h option\n'),
        (["-h", "u,o", "7"], 7, "", 'qalter: Unknown hold list "u,o" specified to -h option\n'),
        (["-h", "n", "7"], 7, "", 'qalter: Unknown hold list "n" specified to -h option\n'),
        (["-zz", "7"], 2, "", 'qalter: invalid option argument "-zz"\n'),
        (["0"], 2, "", 'ERROR! "0" is an invalid job-task identifier\n'),
        (["-t", "2", "7"], 2, "", "found lonely '-t 2' option (The -t option needs a leading job name).\n"),
        ([], 1, "", usage("qhold") + "ERROR! no option argument\n"),
        (["-help"], 0, usage("qhold"), ""),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_qhold_used_wrongly(world: World, words: list[str], status: int, out: str, err: str) -> None:
    world.other_users_job(7)
    assert world.run("qhold", *words) == (status, out, err)


def test_qrls_of_a_hold_that_is_not_set_is_silent(world: World) -> None:
    number = world.submit()
    assert world.run("qrls", "-h", "o", str(number)) == (0, "", "")
    assert world.run("qrls", str(number)) == (0, "", "")


def test_qmod_suspends_and_continues(world: World) -> None:
    plain, array, held = world.submit(), world.submit(tasks=(1, 3, 1)), world.submit(user_hold=True)
    world.running(plain)
    world.running(array, 1, 2, pending="3")
    for words, text in (
        (["-sj", str(plain)], f"{USER} - suspended job {plain}\n"),
        (["-sj", str(plain)], f"{USER} - job {plain} is already suspended\n"),
        (["-usj", str(plain)], f"{USER} - unsuspended job {plain}\n"),
        (["-us", str(plain)], f"{USER} - job {plain} is already unsuspended\n"),
        (["-sj", f"{array}.1"], f"{USER} - suspended job-array task {array}.1\n"),
        (
            ["-s", str(array)],
            f"{USER} - job-array task {array}.1 is already suspended\n"
            f"{USER} - suspended job-array task {array}.2\n",
        ),
        (["-sj", f"{array}.3"], pending(f"job-array task {array}.3")),
        (["-sj", str(held)], pending(f"job-array task {held}.1")),
    ):
        assert world.run("qmod", *words) == (0, text, "")


def pending(thing: str) -> str:
    return f"Modify operation can not be applied on {thing} in pending/hold state\n"


def test_qmod_clears_errors_and_returns_1_although_it_worked(world: World) -> None:
    plain, array, waiting = world.submit(), world.submit(tasks=(1, 3, 1)), world.submit(tasks=(1, 3, 1))
    error = {"attempt": 1, "reason": "no folder"}
    world.status(plain, phase="Pending", errors=[{"tasks": "1", **error}])
    world.status(array, phase="Pending", pending="3", errors=[{"tasks": "1,2", **error}])
    assert world.run("qmod", "-cj", str(plain)) == (
        1,
        f"{USER}@{HOST} cleared error state of job {plain}\n",
        "",
    )
    assert world.run("qmod", "-cj", str(array)) == (
        1,
        "".join(f"{USER}@{HOST} cleared error state of job-array task {array}.{task}\n" for task in (1, 2)),
        "",
    )
    assert world.run("qmod", "-cj", str(waiting)) == (0, pending(f"job {waiting}"), "")
    assert world.run("qmod", "-cj", f"{waiting}.2") == (0, pending(f"job-array task {waiting}.2"), "")
    world.running(waiting, 1)
    assert world.run("qmod", "-cj", str(waiting)) == (
        1,
        f"Job-array task {waiting}.1 is not in error state\n",
        "",
    )


@pytest.mark.parametrize(
    ("restart", "queue", "text"),
    [
        ("y", "task", "Pushed rescheduling of job {} on host gridmaster\n"),
        ("", "continuous", "Pushed rescheduling of job {} on host gridmaster\n"),
        ("n", "continuous", "The job {} is not restartable\n"),
        ("", "task", "The job {} is running in queue none where jobs are not rerunable.\n"),
    ],
)
def test_qmod_reschedules_what_may_run_again(world: World, restart: str, queue: str, text: str) -> None:
    number = world.submit(restart=restart)
    world.running(number, queue=queue)
    assert world.run("qmod", "-rj", str(number)) == (0, text.format(number), "")
    assert (
        world.run("qmod", "-f", "-rj", str(number))[1]
        == f"Forced rescheduling of job {number} on host {HOST}\n"
    )


@pytest.mark.parametrize(
    ("words", "out", "err"),
    [
        (["-cj", "9999999"], 'invalid queue or job "9999999"\n', ""),
        (["-sj", "nosuch*"], 'invalid queue or job "nosuch*"\n', ""),
        (["-sj", "7"], f'{USER} - you have no permission to modify job "7"\n', ""),
        (["-d", "task"], f'{USER} - you have no permission to modify queue "task@{HOST}"\n', ""),
        (["-c", "task"], f'{USER} - you have no permission to modify queue "task@{HOST}"\n', ""),
        (["-cq", "nosuch"], 'invalid queue "nosuch"\n', ""),
        (["-sj", "1,2"], "", 'ERROR! "1,2" is an invalid job-task identifier\n'),
        (["-sj"], "", "-sj option must have argument\n"),
        (["-sj", "5", "-t"], "", f"{QMOD_USAGE}-t option must have a list of task id ranges\n"),
        (
            ["-sj", "5", "-t", "x"],
            "",
            f"{QMOD_USAGE}Numerical value invalid!\n"
            'The initial portion of string "x" contains no decimal number\n',
        ),
        (["-sj", "5", "-t", "2"], 'invalid queue or job "5"\n', ""),
        (["-zz"], "", f'{QMOD_USAGE}invalid option argument "-zz"\n'),
        (["5"], "", f'{QMOD_USAGE}invalid option argument "5"\n'),
        ([], "", f"{QMOD_USAGE}ERROR! no option argument\n"),
        (["-cj", ""], "", f'{QMOD_USAGE}-cj option must have argument\ninvalid option argument ""\n'),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_qmod_used_wrongly(world: World, words: list[str], out: str, err: str) -> None:
    world.other_users_job(7)
    assert world.run("qmod", *words) == (1, out, err)


def test_qmod_of_a_task_that_is_not_there(world: World) -> None:
    array = world.submit(tasks=(1, 3, 1))
    assert world.run("qmod", "-sj", f"{array}.7") == (1, f'invalid queue or job "{array}"\n', "")


def test_qresub_submits_the_last_one_first(world: World) -> None:
    plain, array = world.submit(name="zz", user_hold=True), world.submit(tasks=(1, 3, 1))
    assert world.run("qresub", str(plain), str(array)) == (
        0,
        f'Your job-array {array + 1}.1-3:1 ("job.sh") has been submitted\n'
        f'Your job {array + 2} ("zz") has been submitted\n',
        "",
    )
    assert world.states(array + 2) == ["qw"]
    assert world.run("qresub", "999") == (4, 'job "999" does not exist\n', "")
    assert world.run("qresub", "nosuch") == (4, 'job "0" does not exist\n', "")
    assert world.run("qresub", f"{array}.1") == (
        4,
        "",
        "denied: the selected option works only on jobs and not on tasks\n",
    )
    assert world.run("qresub", "-zz") == (2, "", 'qalter: invalid option argument "-zz"\n')
    assert world.run("qresub") == (1, "", usage("qresub") + "ERROR! no option argument\n")
    assert world.run("qresub", "-help") == (0, usage("qresub"), "")


def test_job_finds_the_running_one_first(world: World) -> None:
    assert world.run("job", "bot") == (0, "", "")
    assert world.run("job", "-v", "bot") == (0, "No job 'bot' is currently queued or running.\n", "")
    waiting = world.submit(name="bot", user_hold=True)
    assert world.run("job", "bot") == (2, f"{waiting}\n", "")
    assert world.run("job", "--verb", "bot") == (2, f"Job 'bot' is pending as id {waiting}\n", "")
    runs = world.submit(name="bot")
    world.running(runs, state="s")
    started = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(1_764_000_000))
    assert world.run("job", "-v", "bot") == (
        1,
        f"Job 'bot' has been running since {started} as id {runs}\n",
        "",
    )
    assert world.run("job", "-q", "bot") == (1, "", "")
    assert world.run("job", "--", "-v") == (0, "", "")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "the following arguments are required: JOBNAME"),
        (["-v", "-q", "bot"], "argument -q/--quiet: not allowed with argument -v/--verbose"),
        (["-qv", "bot"], "argument -v/--verbose: not allowed with argument -q/--quiet"),
        (["-x", "bot"], "unrecognized arguments: -x"),
        (["a", "b"], "unrecognized arguments: b"),
    ],
)
def test_job_used_wrongly(world: World, words: list[str], text: str) -> None:
    assert world.run("job", *words) == (2, "", f"usage: job [-h] [-v | -q] JOBNAME\njob: error: {text}\n")


def test_jstop_deletes_one_job(world: World) -> None:
    first, second = world.submit(name="bot"), world.submit(name="bot")
    assert world.run("jstop", "bot") == (0, f"{USER} has deleted job {first}\n", "")
    assert world.run("jstop", "bot") == (0, f"{USER} has deleted job {second}\n", "")
    assert world.run("jstop", "bot") == (1, "", "No job 'bot' is currently queued or running\n")
    assert world.run("jstop") == (1, "", "No job '' is currently queued or running\n")


def test_qresub_holds_the_new_job_and_names_the_old_one(world: World) -> None:
    plain, array = world.submit(name="zz"), world.submit(name="arr", tasks=(1, 2, 1))
    told = f'modified hold of job {plain}\nYour job {array + 1} ("zz") has been submitted\n'
    assert world.run("qresub", "-h", "u", str(plain)) == (0, told, "")
    assert (world.states(plain), world.states(array + 1)) == (["qw"], ["hqw"])
    assert world.run("qresub", "-h", "U", str(array + 1)) == (
        0,
        f'Your job {array + 2} ("zz") has been submitted\n',
        "",
    )
    assert world.states(array + 2) == ["qw"]
    assert world.run("qresub", "-h", "u", str(array))[1].splitlines()[:2] == [
        f"modified hold of job-array task {array}.{task}" for task in (1, 2)
    ]
    denied = f'denied: "{USER}" must be operator to set operator hold\n'
    assert world.run("qresub", "-h", "o", str(plain)) == (10, denied, "")

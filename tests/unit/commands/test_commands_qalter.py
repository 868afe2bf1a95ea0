"""qalter: what it says, in which order, and what the job is like afterwards."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from commands.command_world import HOST, USER, World
from gridcompat.cluster.base import SECRET
from gridcompat.model import JobRequest
from gridcompat.output.usage import usage
from gridcompat.translate.grid_job import read_request


def request(world: World, number: int) -> JobRequest:
    return read_request(world.job(number)["spec"]["request"])


def alter(world: World, *words: object) -> tuple[int, str, str]:
    return world.run("qalter", *(str(word) for word in words))


@pytest.mark.parametrize(
    ("words", "what", "field", "value"),
    [
        (["-N", "newname"], "job name", "name", "newname"),
        (["-l", "h_rt=60"], "hard resource list", "hard_resources", (("h_rt", "60"),)),
        (["-soft", "-l", "h_rt=50"], "soft resource list", "soft_resources", (("h_rt", "50"),)),
        (["-A", "acc"], "account", "account", "acc"),
        (["-i", "/dev/null"], "stdin path list", "stdin_paths", (("", "/dev/null"),)),
        (["-S", "/bin/bash"], "shell list", "shell_paths", (("", "/bin/bash"),)),
        (["-notify"], "notify behaviour", "notify", True),
        (["-R", "y"], "reservation behaviour", "reserve", True),
        (["-q", "continuous"], "hard queue list", "hard_queues", ("continuous",)),
        (["-soft", "-q", "task"], "soft queue list", "soft_queues", ("task",)),
        (["-r", "y"], "restart behaviour", "restart", "y"),
        (["-j", "y"], "output merge behaviour", "merge", True),
        (["-wd", "/tmp"], "working directory", "cwd", "/tmp"),
        (["-cwd"], "working directory", "cwd", None),
        (["-m", "ea"], "mail options", "mail_options", "ae"),
        (["-M", "a@b.org"], "mail list", "mail_list", ("a@b.org",)),
        (["-ac", "a=1,b=2"], "context", "context", (("a", "1"), ("b", "2"))),
        (["-a", "203001011200"], "start time", "start_time", None),
        (["-v", "A=1"], "environment", "variables", ("A",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_switch_says_what_it_modified(
    world: World, words: list[str], what: str, field: str, value: Any
) -> None:
    number = world.submit(user_hold=True)
    assert alter(world, *words, number) == (0, f"modified {what} of job {number}\n", "")
    found = getattr(request(world, number), field)
    if field == "start_time":
        assert found == world.job(number)["spec"]["startTime"] > 1_890_000_000
    else:
        assert found == value


def test_changes_are_told_in_the_masters_order(world: World) -> None:
    number, first = world.submit(user_hold=True, priority=-9), world.submit(user_hold=True)
    words = (
        "-e x -o y -i /dev/null -j y -m abe -M a -N nn -S /bin/sh -a 202001011200 -wd /tmp -l h_rt=30 "
        f"-q task -r y -v A=1 -A ff -notify -p -14 -R y -js 0 -ac x=1 -h U -hold_jid {first}"
    )
    status, out, err = alter(world, *words.split(), number)
    assert (status, err) == (0, "")
    of = f" of job {number}"
    expected = [
        f"modified hold{of}",
        f"{USER}@{HOST} sets scheduling priority{of} to -14",
        f"{USER}@{HOST} sets job share{of} to 0",
        *(
            f"modified {what}{of}"
            for what in (
                "start time", "account", "working directory", "stderr path list", "stdin path list",
                "reservation behaviour", "output merge behaviour", "hard resource list", "mail options",
                "mail list",
            )
        ),
    ]  # fmt: skip
    assert out.splitlines()[: len(expected)] == expected


def test_what_stands_beside_the_request_changes_with_it(world: World) -> None:
    array = world.submit(user_hold=True, tasks=(1, 4, 1))
    first = world.submit(name="first")
    alter(world, "-N", "zz", "-p", "-7", "-tc", "2", "-a", "203001011200", "-hold_jid", "first", array)
    spec = world.job(array)["spec"]
    assert (spec["jobName"], spec["priority"], spec["maxRunning"], spec["predecessors"]) == (
        "zz",
        -7,
        2,
        [first],
    )
    assert request(world, array).predecessors == (first,)


def test_dependencies_tell_which_jobs_block(world: World) -> None:
    number, other = world.submit(), world.submit(name="arr", tasks=(1, 4, 1))
    array = world.submit(tasks=(1, 4, 2))
    head = f"modified job id hold list of job {number}\n   blocking jobs: "
    assert (
        alter(world, "-hold_jid", f"{other},99999,nosuch", number)[1]
        == f"{head}{other}\n   exited jobs:   99999\n"
    )
    assert alter(world, "-hold_jid", "9999999", number)[1] == f"{head}NONE\n   exited jobs:   9999999\n"
    assert alter(world, "-hold_jid_ad", "arr", array)[1] == (
        f"modified job id hold array list of job {array}\n   blocking jobs: {other}\n   exited jobs:   NONE\n"
    )
    assert alter(world, "-hold_jid", number, number) == (
        1,
        f'denied: job "{number}" may not be its own jobnet predecessor\n',
        "",
    )


def test_holds(world: World) -> None:
    plain, array = world.submit(), world.submit(user_hold=True, tasks=(1, 4, 1))
    modified = f"modified hold of job {plain}\n"
    assert alter(world, "-h", "u", plain) == (0, modified, "")
    assert alter(world, "-h", "U", plain) == (0, modified, "")
    assert alter(world, "-h", "n", plain) == (0, "", "")
    assert alter(world, "-h", "o", plain) == (
        1,
        f'denied: "{USER}" must be operator to set operator hold\n',
        "",
    )
    assert alter(world, "-h", "U", array, "-t", "2") == (
        0,
        f"modified hold of job-array task {array}.2\n",
        "",
    )


def test_a_running_job_goes_on_but_for_consumables(world: World) -> None:
    number = world.submit(hard_resources=(("release", "buster"),))
    world.running(number)
    assert alter(world, "-N", "renamed", number)[0] == 0
    assert alter(world, "-l", "h_rt=100", number)[0] == 0
    denied = (
        'denied: resource request on consumable "h_vmem" of running job was not contained in former '
        "resource request\n"
    )
    assert alter(world, "-l", "h_vmem=2G", number) == (1, denied, "")
    assert dict(request(world, number).hard_resources) == {"h_rt": "100"}


def test_variables_replace_those_of_the_secret(world: World) -> None:
    number = world.submit()
    assert alter(world, "-v", "A=it's", number)[0] == 0
    data = world.cluster.get(SECRET, f"gridjob-{number}", namespace="default")["data"]
    assert base64.b64decode(data["script"]) == b"x\n"
    assert base64.b64decode(data["environment"]) == b"""set -- "$@" 'A=it'"'"'s'\n"""


@pytest.mark.parametrize(
    ("words", "status", "out", "err"),
    [
        (["-N", "x", "9999999"], 1, 'denied: job "9999999" does not exist\n', ""),
        (["-N", "x", "nosuch"], 1, 'denied: job "nosuch" does not exist\n', ""),
        (["-N", "x"], 0, "", ""),
        (["J"], 0, "", ""),
        (["-l", "nosuch=1", "J"], 1, 'unknown resource "nosuch"\n', ""),
        (["-l", "h_rt=x", "J"], 1, 'attribute "h_rt" is not a time value\n', ""),
        (["-q", "nosuch", "J"], 1, 'Job was rejected because job requests unknown queue "nosuch"\n', ""),
        (["-P", "nosuch", "J"], 1, 'job rejected: the requested project "nosuch" does not exist\n', ""),
        (["-p", "10", "J"], 1, f'denied: "{USER}" must be operator to increase job priority\n', ""),
        (["-N", "1x", "J"], 1, 'denied: "1x" is not a valid object name (cannot start with a digit)\n', ""),
        (["-tc", "3", "J"], 1, 'invalid option argument "task concurrency"\n', ""),
        (
            ["-hold_jid_ad", "J", "J"],
            1,
            'Can only specify "-hold_jid_ad" option with an array job (using "-t" option)\n',
            "",
        ),
        (["-N", "y", "J.1"], 4, "", "denied: the selected option works only on jobs and not on tasks\n"),
        (
            ["-N", "y", "7"],
            1,
            f'denied: "{USER}" must be at least owner of job 7 to change job attributes\n',
            "",
        ),
        (["-zz", "1"], 2, "", 'qalter: invalid option argument "-zz"\n'),
        (["-p", "x", "J"], 7, "", 'qalter: invalid priority "x".  Must be an integer from -1023 to 1024\n'),
        (["-clear", "J"], 5, "", "Unknown option -clear\n\n"),
        (
            ["-t", "1-9", "J"],
            2,
            "",
            "found lonely '-t 1-9' option (The -t option needs a leading job name).\n",
        ),
        (["-u", "nobody", "-N", "q"], 1, "The job * of user(s) nobody does not exist\n", ""),
        ([], 1, "", usage("qalter") + "ERROR! no option argument\n"),
        (["-help"], 0, usage("qalter"), ""),
        (["-verify", "J"], 2, "", "qalter: -verify cannot be had here; nothing was changed\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_refusals(world: World, words: list[str], status: int, out: str, err: str) -> None:
    world.other_users_job(7)
    number = str(world.submit(user_hold=True))
    before = world.job(int(number))
    assert alter(world, *(word.replace("J", number) for word in words)) == (status, out, err)
    assert world.job(int(number)) == before


def test_a_repeated_switch_is_warned_about_on_stdout(world: World) -> None:
    number = world.submit()
    warning = 'qalter: warning: "-N" option has already been set, overriding previous setting\n'
    assert alter(world, "-N", "a", "-N", "b", number) == (
        0,
        f"{warning}modified job name of job {number}\n",
        "",
    )


def test_all_jobs_of_a_user_or_pattern(world: World) -> None:
    numbers = [world.submit(name=name) for name in ("aa", "ab")]
    lines = "".join(f"modified job name of job {number}\n" for number in numbers)
    assert alter(world, "-N", "c", "a*") == (0, lines, "")
    assert alter(world, "-u", USER, "-N", "d") == (0, lines, "")


def test_no_hold_at_all_is_for_managers_once_there_is_one(world: World) -> None:
    denied = f'denied: "{USER}" must be manager to remove manager hold\n'
    plain, array = world.submit(user_hold=True), world.submit(user_hold=True, tasks=(1, 4, 1))
    assert alter(world, "-h", "n", plain) == (1, denied, "")
    assert alter(world, "-h", "n", f"{array}.2-3") == (1, denied * 2, "")
    assert world.states(plain) == ["hqw"]


def test_occasions_of_checkpoints_change_nothing(world: World) -> None:
    number = world.submit()
    assert alter(world, "-c", "m", number) == (0, "", "")
    assert alter(world, "-c", "s", "-N", "new", number) == (0, f"modified job name of job {number}\n", "")


def test_options_come_from_a_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world.home)
    number = world.submit()
    Path(world.home, "opts").write_text("-N inside -p -5\n# a comment\n-h\n")
    status, out, _ = world.run("qalter", "-@", "opts", str(number))
    assert status == 0
    assert out.splitlines() == [
        f"modified hold of job {number}",
        f"{USER}@{HOST} sets scheduling priority of job {number} to -5",
        f"modified job name of job {number}",
    ]
    assert world.job(number)["spec"]["jobName"] == "inside"
    status, out, _ = world.run("qalter", "-@", "opts", "-N", "after", str(number))
    assert out.startswith('qalter: warning: "-N" option has already been set, overriding previous setting\n')
    assert world.job(number)["spec"]["jobName"] == "after"


def test_a_file_of_options_that_cannot_be_read_loses_the_jobs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world.home)
    number = str(world.submit())
    Path(world.home, "fold").mkdir()
    nothing = f"{usage('qalter')}ERROR! no option argument\n"
    complaint = 'error: fread("fold") failed: Is a directory\n'
    assert world.run("qalter", "-@", "nosuch", number) == (1, "", nothing)
    assert world.run("qalter", "-@", "fold", number) == (1, "", complaint + nothing)
    assert world.run("qalter", "-@") == (2, "", "qalter: -@ option must have file argument\n")


def test_a_job_waits_for_others_of_its_name_only(world: World) -> None:
    number, other = world.submit(name="same"), world.submit(name="same")
    told = f"modified job id hold list of job {number}\n   blocking jobs: {other}\n   exited jobs:   NONE\n"
    assert alter(world, "-hold_jid", "same", number) == (0, told, "")
    assert request(world, number).predecessors == (other,)


def test_cwd_takes_the_working_directory_away(world: World) -> None:
    number = world.submit(cwd="/tmp")
    told = f"modified working directory of job {number}\n"
    assert alter(world, "-cwd", number) == (0, told, "")
    assert request(world, number).cwd is None
    assert alter(world, "-wd", "/usr", number) == (0, told, "")
    assert request(world, number).cwd == "/usr"

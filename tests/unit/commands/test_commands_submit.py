"""qsub, jsub and their relatives from the command line to the GridJob: streams, statuses, files."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from commands.command_world import USER, World
from gridcompat.accounting import Entry, line
from gridcompat.cluster.base import GRID_JOB
from gridcompat.timestamps import epoch
from gridcompat.translate.grid_job import read_request


@pytest.fixture
def home(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home, as working directory too, with a script and a program."""
    path = Path(world.home)
    (path / "job.sh").write_text("#!/bin/sh\necho hi\n")
    (path / "bot.sh").write_text("#!/bin/sh\necho bot\n")
    (path / "bot.sh").chmod(0o755)
    (path / "noexec.sh").write_text("x")
    (path / "noexec.sh").chmod(0o644)
    monkeypatch.chdir(path)
    return path


def submitted(number: int, name: str) -> str:
    return f'Your job {number} ("{name}") has been submitted\n'


def test_qsub_says_what_it_submitted(world: World, home: Path) -> None:
    assert world.run("qsub", "job.sh", "a") == (0, submitted(1000, "job.sh"), "")
    assert world.run("qsub", "-terse", "-t", "1-10:4", "job.sh") == (0, "1001.1-10:4\n", "")
    assert world.run("qsub", "-t", "5", "-N", "x", "job.sh")[1] == (
        'Your job-array 1002.5-5:1 ("x") has been submitted\n'
    )
    assert world.wrote == 3
    assert read_request(world.job(1000)["spec"]["request"]).arguments == ("a",)


def test_qsub_refusals_have_the_frame_and_make_nothing(world: World, home: Path) -> None:
    assert world.run("qsub", "-l", "nosuch=1", "job.sh") == (
        1,
        "",
        'Unable to run job: unknown resource "nosuch"\nExiting.\n',
    )
    assert world.run("qsub", "-foo") == (2, "", 'qsub: invalid option argument "-foo"\n')
    assert not world.cluster.list(GRID_JOB, namespace="default").items


def test_verification_submits_nothing(world: World, home: Path) -> None:
    assert world.run("qsub", "-w", "p", "job.sh") == (0, "verification: found suitable queue(s)\n", "")
    status, out, err = world.run("qsub", "-w", "v", "-l", "h_vmem=900G", "job.sh")
    assert (status, out) == (1, "")
    assert err.startswith("Unable to run job: Job 1000 (-l h_vmem=900G) cannot run at host")
    assert err.endswith("\nverification: no suitable queues\nExiting.\n")
    assert not world.cluster.list(GRID_JOB, namespace="default").items
    assert world.run("qsub", "job.sh")[1] == submitted(1001, "job.sh"), "the number is spent"
    status, out, err = world.run("qsub", "-verify", "-N", "v", "job.sh")
    assert (status, err) == (0, "")
    assert out.startswith("job_number:                 unassigned\nowner:                      \n")
    script = (home / "job.sh").read_text()
    assert f"\nscript_size:                {len(script)}\n" in out
    assert f"\nscript_ptr:            \n{script}\n" in out


def test_now_cannot_be_had(world: World, home: Path) -> None:
    assert world.run("qsub", "-now", "y", "job.sh") == (
        1,
        submitted(1000, "job.sh"),
        "Waiting for immediate job to be scheduled.\n\n"
        "Your qsub request could not be scheduled; try again later.\n",
    )
    assert world.states(1000) == []


def test_a_warning_stands_before_the_line_that_scripts_parse(world: World, home: Path) -> None:
    status, out, _ = world.run("qsub", "-N", "a", "-N", "b", "job.sh")
    warning = 'qsub: warning: "-N" option has already been set, overriding previous setting\n'
    assert (status, out) == (0, warning + submitted(1000, "b"))


# -- -sync y ----------------------------------------------------------------------------------------


def end(world: World, number: int, *ends: tuple[int, int, int], **status: Any) -> None:
    """Record ends (task, failed, exit status) and finish the job, as the controller would."""
    path = Path(world.state, "common/accounting")
    path.parent.mkdir(exist_ok=True)
    at = epoch(world.job(number)["metadata"]["creationTimestamp"])
    with path.open("ab") as file:
        for task, failed, exit_status in ends:
            entry = Entry(
                owner=USER, job_name="j", job_number=number, task_number=task, failed=failed,
                exit_status=exit_status, submission_time=at,
            )  # fmt: skip
            file.write(line(entry))
    world.status(number, phase="Finished", **status)


@pytest.mark.parametrize(
    ("ends", "status", "out", "err"),
    [
        ([(0, 0, 0)], 0, "Job 1000 exited with exit code 0.\n", ""),
        ([(0, 0, 3)], 3, "", "Job 1000 exited with exit code 3.\n"),
        ([(0, 0, 255)], 255, "", "Job 1000 exited with exit code 255.\n"),
        ([(0, 100, 137)], 1, "", "Job 1000 exited because of signal SIGKILL\n"),
        ([(0, 100, 143)], 1, "", "Job 1000 exited because of signal SIGTERM\n"),
        ([(0, 25, 99), (0, 0, 0)], 0, "Job 1000 exited with exit code 0.\n", ""),
        ([(0, 30, 100), (0, 0, 4)], 4, "", "Job 1000 exited with exit code 4.\n"),
    ],
)
def test_sync_returns_the_jobs_own_status(
    world: World, home: Path, ends: Any, status: int, out: str, err: str
) -> None:
    world.on_wrote = lambda: end(world, 1000, *ends, exitStatus=ends[-1][2])
    assert world.run("qsub", "-sync", "y", "job.sh") == (status, submitted(1000, "job.sh") + out, err)


def test_sync_of_an_array_tells_each_task_and_is_1_if_one_failed(world: World, home: Path) -> None:
    world.on_wrote = lambda: end(world, 1000, (1, 0, 0), (3, 0, 2), (2, 0, 0), finished=3, failed=1)
    status, out, err = world.run("qsub", "-sync", "y", "-t", "1-3", "-N", "f", "job.sh")
    assert status == 1
    assert out.splitlines()[1:] == [
        "Job 1000.1 exited with exit code 0.",
        "Job 1000.2 exited with exit code 0.",
    ]
    assert err == "Job 1000.3 exited with exit code 2.\n"


@pytest.mark.parametrize("killed", [False, True], ids=["pending", "running"])
def test_sync_of_a_deleted_job_is_0(world: World, home: Path, killed: bool) -> None:
    def happens() -> None:
        world.on_wrote = None
        if killed:
            world.running(1000)
        patch = {"spec": {"deleted": "1"}}
        world.cluster.patch(GRID_JOB, "1000", patch, namespace="default")
        end(world, 1000, *([(0, 100, 137)] if killed else []))

    world.on_wrote = happens
    assert world.run("qsub", "-sync", "y", "job.sh") == (
        0,
        submitted(1000, "job.sh"),
        "Unable to run job 1000\n",
    )


def test_sync_without_records_takes_the_status_of_the_object(world: World, home: Path) -> None:
    world.on_wrote = lambda: world.status(1000, phase="Finished", exitStatus=7, finished=1, failed=1)
    assert world.run("qsub", "-sync", "y", "job.sh")[0] == 7


def test_terse_and_sync_print_only_the_number_when_it_ends_well(world: World, home: Path) -> None:
    world.on_wrote = lambda: end(world, 1000, (0, 0, 0))
    assert world.run("qsub", "-terse", "-sync", "y", "job.sh") == (0, "1000\n", "")


def test_sync_sees_the_end_of_a_job_that_is_renamed_and_runs_for_a_while(world: World, home: Path) -> None:
    import threading

    def later() -> None:
        world.cluster.patch(GRID_JOB, "1000", {"spec": {"jobName": "other"}}, namespace="default")
        end(world, 1000, (0, 0, 5))

    timer = threading.Timer(0.3, later)
    calls: list[int] = []

    def controller() -> None:
        calls.append(world.wrote)
        if len(calls) == 1:
            timer.start()

    world.on_wrote = controller
    assert world.run("qsub", "-sync", "y", "job.sh")[0] == 5
    timer.join()
    # Looked after again each time the watch ended: the daemon may have been killed meanwhile.
    assert len(calls) > 1


# -- jsub -------------------------------------------------------------------------------------------


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_jsub_makes_its_files_and_submits(world: World, home: Path) -> None:
    assert world.run("jsub", "bot.sh", "x") == (0, submitted(1000, "bot"), "")
    assert [mode(home / name) for name in ("bot.out", "bot.err")] == [0o600, 0o600]
    request = read_request(world.job(1000)["spec"]["request"])
    assert (request.command, request.binary, request.arguments) == ("jsub", True, ("x",))
    assert request.script_file == str(home / "bot.sh")


@pytest.mark.parametrize(("umask", "expected"), [("022", 0o644), ("077", 0o600), ("0", 0o666)])
def test_jsub_umask_counts_for_new_files_only(world: World, home: Path, umask: str, expected: int) -> None:
    (home / "bot.out").write_text("old\n")
    (home / "bot.out").chmod(0o604)
    before = os.umask(0o027)
    world.run("jsub", "-umask", umask, "bot.sh")
    assert os.umask(before) == 0o027, "the process keeps its own"
    assert (mode(home / "bot.out"), mode(home / "bot.err")) == (0o604, expected)
    assert (home / "bot.out").read_text() == "old\n"


def test_jsub_joined_makes_no_err_file(world: World, home: Path) -> None:
    world.run("jsub", "-j", "y", "bot.sh")
    assert (home / "bot.out").exists() and not (home / "bot.err").exists()


def test_jsub_errors_go_to_the_err_file(world: World, home: Path) -> None:
    assert world.run("jsub", "-l", "nosuch=1", "bot.sh") == (1, "", "")
    assert (home / "bot.err").read_text() == 'Unable to run job: unknown resource "nosuch"\nExiting.\n'
    assert world.run("jsub", "-stderr", "-l", "nosuch=1", "bot.sh") == (
        1,
        "",
        'Unable to run job: unknown resource "nosuch"\nExiting.\n',
    )


def test_jsub_of_what_is_no_program(world: World, home: Path) -> None:
    assert world.run("jsub", "noexec.sh") == (1, "", "")
    text = (home / "noexec.err").read_text()
    assert text.startswith("[") and text.endswith(f"] {home}/noexec.sh: not an executable file\n")
    assert world.run("jsub", "nosuch") == (
        2,
        "",
        "usage: jsub [options...] program [args...]\n"
        "jsub: error: argument program: Program 'nosuch' not found.\n",
    )


@pytest.mark.parametrize("command", ["qcronsub", "jstart"])
def test_a_second_job_of_the_name_is_refused_into_the_err_file(
    world: World, home: Path, command: str
) -> None:
    assert world.run(command, "-N", "b", "bot.sh")[0] == 0
    assert world.run(command, "-quiet", "-N", "b", "bot.sh") == (1, "", "")
    assert (home / "b.err").read_text().endswith("] there is a job named 'b' already active\n")
    assert world.run("jsub", "-once", "-stderr", "-N", "b", "bot.sh")[2].endswith(
        "] there is a job named 'b' already active\n"
    )
    assert world.run("jsub", "-N", "b", "bot.sh")[0] == 0, "without -once it may"


def test_jsub_quiet_prints_nothing(world: World, home: Path) -> None:
    assert world.run("jsub", "-quiet", "bot.sh") == (0, "", "")


def test_jsub_sync_hands_on_the_status_and_tells_the_err_file(world: World, home: Path) -> None:
    world.on_wrote = lambda: end(world, 1000, (0, 0, 4))
    assert world.run("jsub", "-sync", "y", "bot.sh") == (4, submitted(1000, "bot"), "")
    assert (home / "bot.err").read_text() == "Job 1000 exited with exit code 4.\n"


def test_jstart_runs_until_0(world: World, home: Path) -> None:
    assert world.run("jstart", "-N", "b", "bot.sh", "a b")[0] == 0
    spec = world.job(1000)["spec"]
    request = read_request(spec["request"])
    assert (spec["once"], request.continuous, request.arguments) == (True, True, (f"{home}/bot.sh", "a b"))
    assert request.hard_queues == ("continuous",)


def test_jsub_that_cannot_make_its_files(world: World, home: Path) -> None:
    status, out, err = world.run("jsub", "-o", "/nodir/x", "bot.sh")
    assert (status, out) == (1, "")
    assert err.endswith("] Failed to touch '/nodir/x': [Errno 2] No such file or directory: '/nodir/x'\n")
    assert not world.cluster.list(GRID_JOB, namespace="default").items


def test_jsub_with_a_bad_rc_file(world: World, home: Path) -> None:
    (home / ".jsubrc").write_text("-pe smp\n")
    status, out, err = world.run("jsub", "bot.sh")
    assert (status, out) == (1, "")
    assert err.endswith(f"] Error parsing {home}/.jsubrc: unrecognized arguments: -pe smp\n")


def test_jsub_into_a_folder_or_a_fifo(world: World, home: Path) -> None:
    (home / "logs").mkdir()
    os.mkfifo(home / "pipe")
    assert world.run("jsub", "-o", f"{home}/logs", "-e", f"{home}/pipe", "bot.sh")[0] == 0
    assert list((home / "logs").iterdir()) == []


def test_jsub_help(world: World, home: Path) -> None:
    status, out, _ = world.run("jsub", "-h")
    assert status == 0 and out.startswith("usage: jsub [options...] program [args...]\n")


def test_a_folder_of_options_is_complained_of(home: Path, world: World) -> None:
    (home / "fold").mkdir()
    (home / "opts").write_text("-N inside\n-@ fold\n")
    complaint = 'error: fread("fold") failed: Is a directory\n'
    nothing = "Unable to read script file because of error: no input read from stdin\n"
    assert world.run("qsub", "-@", "fold", "job.sh", cwd=str(home)) == (4, "", complaint + nothing)
    (home / "job.sh").write_text("#$ -@ fold\n#$ -N behind\n")
    assert world.run("qsub", "job.sh") == (0, submitted(1000, "behind"), complaint)
    (home / "job.sh").write_text("#$ -@ opts\n")
    assert world.run("qsub", "job.sh") == (0, submitted(1001, "inside"), complaint)

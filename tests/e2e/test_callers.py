"""Who calls does not matter: cron, a shell with odd limits, a program with open files and ignored signals.

The first command starts the daemon, so whatever its caller had could reach the daemon and all jobs after
it.  Each test calls from odd surroundings and compares with a plain call.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache

import pytest
from world import BIN, World, finish

JOB = """#!/bin/sh
exec 2>&1
grep -E '^(Sig(Blk|Ign)|Umask)' /proc/self/status
ls -l /proc/self/fd | sed -n 's/.* \\([0-9]* ->\\).*/\\1/p'
cat /proc/self/limits
read -r _ _ _ _ group session tty _ </proc/$$/stat
[ "$group $session $tty" = "$$ $$ 0" ] && echo leads a session without a terminal
env | cut -d= -f1 | sort
"""
"""Shows what a job has of whoever came before it."""
OURS = ("HOME", "LOGNAME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "PATH")


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def facts(world: World, before: str, environment: Mapping[str, str | None] | None = None) -> tuple[str, ...]:
    """Submit as the first command after some shell text; return what the job and the daemon have."""
    script = world.write("job.sh", JOB)
    start = f'{before}\nexec {BIN}/qsub -N job -j y "$1"'
    done = world.shell(start, script, environment=environment)
    assert done.err == "", before
    daemon = of_daemon(world)
    world.finished(done.id)
    return (world.read(f"job.o{done.id}").decode(), *daemon)


def of_daemon(world: World) -> tuple[str, ...]:
    """What the daemon has: signals, umask, limits, directory, session, names of variables, stray files."""
    pid = world.daemon()
    assert pid is not None
    place = f"/proc/{pid}"
    with open(f"{place}/status", encoding="utf-8") as file:
        status = [line for line in file if line.startswith(("SigBlk", "SigIgn", "Umask"))]
    with open(f"{place}/limits", encoding="ascii") as file:
        limits = file.read()
    with open(f"{place}/environ", "rb") as file:
        names = [os.fsdecode(one.partition(b"=")[0]) for one in file.read().split(b"\0") if one]
    with open(f"{place}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    stray = []
    for number in os.listdir(f"{place}/fd"):
        try:
            target = os.readlink(f"{place}/fd/{number}")
        except FileNotFoundError:
            continue  # closed meanwhile
        # In /proc it looks for the processes of jobs, for a moment each.
        if target.startswith("/") and not target.startswith((world.state, "/dev/null", "/proc/")):
            stray.append(target)
    others = [name for name in names if name not in OURS and not name.startswith("GRIDCOMPAT_")]
    return (*status, limits, os.readlink(f"{place}/cwd"), str(int(fields[3]) == pid), *others, *stray)


@cache
def plain() -> tuple[str, ...]:
    """The same from a caller without oddities."""
    with World() as world:
        return facts(world, ":")


def test_a_plain_caller_shows_what_the_others_are_compared_with() -> None:
    job, *daemon = plain()
    lines = job.splitlines()
    assert {"Umask:\t0022", "SigBlk:\t0000000000000000", "leads a session without a terminal"} <= set(lines)
    # ls itself has the fourth: the directory that it lists.
    assert [line for line in lines if line.endswith("->")] == ["0 ->", "1 ->", "2 ->", "3 ->"]
    ignored = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn"))
    assert ignored & 0x7FFFFFFF == 0, "but for the two that the C library keeps for itself"
    assert "Umask:\t0022\n" in daemon and "SigBlk:\t0000000000000000\n" in daemon
    assert daemon[-2:] == ["/", "True"]


@pytest.mark.parametrize(
    "before",
    [
        "umask 0777",
        "umask 0",
        "ulimit -S -n 20",
        "ulimit -S -c 0; ulimit -S -s 300; ulimit -S -t 5; ulimit -S -v 300000; ulimit -S -d 200000",
        "trap '' INT QUIT PIPE TERM HUP CHLD USR1 USR2 ALRM TSTP",
        'for n in 3 4 5 6 7 8 9; do eval "exec $n</etc/hostname"; done',
        "cd /",
    ],
)
def test_nothing_of_the_caller_reaches_daemon_or_job(world: World, before: str) -> None:
    assert facts(world, before) == plain()


NONSENSE: dict[str, str | None] = {
    **dict.fromkeys(("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONPLATLIBDIR"), "/nonsense"),
    **dict.fromkeys(("PYTHONMALLOC", "PYTHONUTF8", "PYTHONHASHSEED", "PYTHONIOENCODING"), "nonsense"),
    **dict.fromkeys(("ENV", "BASH_ENV", "CDPATH", "TMPDIR", "SHELL", "IFS"), "/nonsense"),
    **dict.fromkeys(("GC_MODE", "GC_ENCODED", "COLUMNS", "POSIXLY_CORRECT"), "1"),
}


@pytest.mark.parametrize(
    "variables",
    [NONSENSE, {"LANG": "C"}, {"LANG": None}, {"LC_ALL": "nonsense"}, {"LC_ALL": "tr_TR.UTF-8"}],
    ids=["nonsense", "LANG=C", "no LANG", "a locale that is not there", "Turkish"],
)
def test_no_variable_of_the_caller_reaches_daemon_or_job(
    world: World, variables: dict[str, str | None]
) -> None:
    expected = list(plain())
    job = facts(world, ":", variables)
    # The submitting shell's name is handed on, as on the grid.
    assert set(job[0].splitlines()) - set(expected[0].splitlines()) <= {"SGE_O_SHELL"}
    assert list(job[1:]) == expected[1:]
    done = world.run(
        "qsub", "-shell", "n", "-b", "y", "-N", "say", "/bin/echo", "ünï ☃ ı", environment=variables
    )
    world.finished(done.id)
    assert world.read(f"say.o{done.id}").decode() == "ünï ☃ ı\n"


def test_a_nice_caller_only_makes_nice_what_cannot_be_undone(world: World) -> None:
    script = world.write("niceness", "#!/bin/sh\nnice\n")
    done = world.run("nice", "-n", "19", f"{BIN}/qsub", "-N", "n", script)
    world.finished(done.id)
    root = world.uid is None and os.getuid() == 0
    # Only root may be less nice again.
    assert world.read(f"n.o{done.id}") == (b"0\n" if root else b"19\n")
    world.wait_for("the daemon ends", lambda: world.daemon() is None)
    again = world.run("qsub", "-N", "n", script).id
    world.finished(again)
    assert world.read(f"n.o{again}") == b"%d\n" % (0 if root else os.nice(0))


@pytest.mark.parametrize(("limit", "option"), [("-n 20", "-n"), ("-v 200000", "-v"), ("-d 100000", "-d")])
def test_under_hard_limits_the_job_is_taken_and_left_to_another_call(
    world: World, limit: str, option: str
) -> None:
    world.write("job.sh", JOB)
    done = world.shell(f"ulimit {limit}; exec {BIN}/qsub -N job -j y job.sh")
    assert done.out == f'Your job {done.id} ("job") has been submitted\n'
    assert done.err == (
        f"gridcompat: the daemon cannot be started: the limit set by 'ulimit {option}' is too low for it "
        "and for jobs; it is tried again by the next command\n"
    )
    assert world.daemon() is None
    world.run("qsub", "-h", "-b", "y", "true")
    world.finished(done.id)
    assert world.read(f"job.o{done.id}").decode() == plain()[0]


def test_a_caller_that_may_write_no_file_is_told(world: World) -> None:
    before = world.run("qsub", "-h", "-b", "y", "true").id
    done = world.shell(f"ulimit -f 1; exec {BIN}/qsub -b y true")
    told = f"gridcompat: {world.state}/cluster.db: the disk reports an input/output error\n"
    assert done.all == (25, "", told)
    assert [before] == sorted(world.jobs())


SUBMITTED = 'Your job {} ("true") has been submitted\n'
FULL = "gridcompat: standard output: No space left on device\n"


@pytest.mark.parametrize(
    ("streams", "good", "bad"),
    [
        ("", (0, SUBMITTED, ""), (2, "", 'qsub: invalid option argument "-foo"\n')),
        ("<&-", (0, SUBMITTED, ""), (2, "", 'qsub: invalid option argument "-foo"\n')),
        (">&-", (0, "", ""), (2, "", 'qsub: invalid option argument "-foo"\n')),
        ("2>&-", (0, SUBMITTED, ""), (2, "", "")),
        ("<&- >&- 2>&-", (0, "", ""), (2, "", "")),
        (">/dev/full", (1, "", FULL), (2, "", 'qsub: invalid option argument "-foo"\n')),
        ("2>/dev/full", (0, SUBMITTED, ""), (2, "", "")),
        (">/dev/full 2>&1", (1, "", ""), (2, "", "")),
    ],
)
def test_standard_streams_that_are_closed_or_full(
    world: World, streams: str, good: tuple[int, str, str], bad: tuple[int, str, str]
) -> None:
    status, out, err = good
    assert world.shell(f"qsub -b y true {streams}").all == (status, out.format(1000), err)
    assert world.shell(f"qsub -foo -b y true {streams}").all == bad
    assert world.shell(f"qsub -N x {streams}").status == 4, "no script on standard input"
    world.finished(1000)
    assert list(world.jobs()) == [1000]
    assert "Traceback" not in world.log()


def test_whoever_waits_for_the_end_of_a_pipe_waits_for_the_command_alone(world: World) -> None:
    ours, theirs = os.pipe()
    process = world.start(f"{BIN}/jsub", "-N", "x", "sleep", "300", pass_fds=(theirs,))
    os.close(theirs)
    assert finish(process).status == 0  # standard output and error have ended, too
    with open(ours, "rb") as pipe:
        assert pipe.read() == b""
    world.wait_for("it runs", lambda: " r " in world.run("qstat").out)
    number = max(world.jobs())
    assert world.run("jstop", "x").out == f"tester has registered the job {number} for deletion\n"


def test_cron_calls_with_next_to_nothing(world: World) -> None:
    done = world.run(
        "/usr/bin/env", "-i", f"HOME={world.home}", f"GRIDCOMPAT_STATE={world.state}", "/bin/sh", "-c",
        f"PATH=/usr/bin:/bin; export PATH; {BIN}/jsub -N x echo hello", stdin=subprocess.DEVNULL,
    )  # fmt: skip
    world.finished(done.id)
    assert world.read("x.out") == b"hello\n"

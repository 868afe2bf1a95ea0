"""Limits, signals, claims, and the evidence of how it ended."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import time
from pathlib import Path

import pytest

from launcher.launcher_bench import Bench, await_true


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


# ---------------------------------------------------------------- exit statuses and evidence


@pytest.mark.parametrize("code", [0, 1, 2, 42, 99, 100, 126, 127, 128, 129, 137, 143, 255])
def test_an_exit_status_is_kept_and_no_signal(bench: Bench, code: int) -> None:
    bench.script(f"exit {code}\n")
    before = time.time()
    result = bench.run()
    found = result.evidence
    assert result.status == code
    assert set(found) == {
        "v",
        "start",
        "end",
        "exit",
        "signal",
        "utime",
        "stime",
        "maxrss",
        "failed",
        "told",
        "reason",
    }
    assert (found["v"], found["exit"], found["signal"], found["failed"], found["reason"]) == (
        1,
        code,
        0,
        0,
        "",
    )
    assert before <= found["start"] <= found["end"] <= time.time()


SIGNALS = [
    number
    for number in signal.Signals
    if number not in (signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH)
    and number not in (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
    and number < signal.SIGRTMIN
]


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_death_by_signal_is_told_from_an_exit_status(bench: Bench, number: signal.Signals) -> None:
    bench.script(f"ulimit -c 0; kill -{int(number)} $$; exit 3\n")
    result = bench.run()
    if bench.shell[0] == "busybox" and result.status == 3:
        pytest.skip("busybox env leaves it ignored")
    assert result.status == 128 + number
    assert (result.evidence["exit"], result.evidence["signal"]) == (128 + number, number)
    assert result.evidence["failed"] == 100
    assert result.evidence["reason"] == f"died through signal {int(number)}"


def test_the_evidence_is_also_beside_the_claim(bench: Bench) -> None:
    bench.script("exit 7\n")
    result = bench.run()
    assert sorted(path.name for path in bench.run_dir.iterdir()) == ["job-t1-a1", "job-t1-a1.json"]
    assert json.loads((bench.run_dir / "job-t1-a1.json").read_text()) == result.evidence


def test_processor_time_is_that_of_the_program(bench: Bench) -> None:
    bench.script("i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done\n")
    found = bench.run().evidence
    assert 0.03 < found["utime"] < 10
    assert 0 <= found["stime"] < 10


def test_evidence_holds_any_text(bench: Bench) -> None:
    text = 'q" b\\ n\nt\t é 日 \x01'
    result = bench.run("x", GC_MODE="raw", GC_CWD=f"/no/{text}")
    shown = text.replace("\n", " ").replace("\t", " ").replace("\x01", " ")
    assert result.evidence["reason"] == f"error: can't chdir to /no/{shown}: No such file or directory"


def test_a_launcher_lists_what_it_makes_and_leaves_its_own_directory_on_the_list(bench: Bench) -> None:
    leftovers = bench.root / "leftovers"
    bench.script(f"cat {leftovers}\n")
    assert bench.run(GC_LEFTOVERS=str(leftovers)).status == 0
    host = f"{bench.root}/spool/node1.example.org"
    assert bench.output().splitlines() == [
        f"{host}/active_jobs/{bench.job_id}.1",
        f"{host}/job_scripts/{bench.job_id}",
        f"/tmp/{bench.job_id}.1.task",
    ]
    # Its runner, which finds what the job left behind by that name, removes it when nothing is left.
    assert leftovers.read_text() == f"{host}/active_jobs/{bench.job_id}.1\n"


def test_an_unwritable_termination_log_does_not_keep_the_program_from_running(bench: Bench) -> None:
    bench.script("exit 5\n")
    process = bench.start(GC_TERMINATION_LOG="/nosuch/dir/log")
    process.communicate(timeout=20)
    assert process.returncode == 5
    assert json.loads((bench.run_dir / "job-t1-a1.json").read_text())["exit"] == 5


def test_the_time_of_what_is_killed_below_the_program_is_counted(bench: Bench) -> None:
    busy = "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done; echo busy; sleep 60"
    bench.script(f"sh -c '{busy}' & sh -c '{busy}' & wait\n")
    process = bench.start()
    out = bench.home / f"nm.o{bench.job_id}"
    await_true(lambda: out.exists() and out.read_text().count("busy") == 2)
    process.terminate()
    process.communicate(timeout=20)
    spent = float(bench.evidence()["utime"])
    assert 0.04 < spent < 20, "two loops, of which nobody has waited for"


def test_the_time_of_what_was_waited_for_is_counted_once(bench: Bench) -> None:
    busy = "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done"
    bench.script(f"sh -c '{busy}'; times; echo done; sleep 60\n")
    process = bench.start()
    bench.await_text(bench.home / f"nm.o{bench.job_id}", "done")
    process.terminate()
    process.communicate(timeout=20)
    minutes, _, seconds = bench.output().splitlines()[1].split()[0].rstrip("s").partition("m")
    spent = float(bench.evidence()["utime"])
    assert spent < 60 * float(minutes) + float(seconds) + 0.5


# ---------------------------------------------------------------- limits


def test_limits_are_set_in_their_units(bench: Bench) -> None:
    bench.script("ulimit -v; ulimit -t; ulimit -f; ulimit -c; ulimit -s; ulimit -d\n")
    bench.run(
        GC_H_VMEM="536870912",
        GC_H_CPU="100",
        GC_H_FSIZE="10485760",
        GC_H_CORE="0",
        GC_H_STACK="1048576",
        GC_H_DATA="268435456",
    )
    assert bench.output().split() == ["524288", "100", "20480", "0", "1024", "262144"]


def test_soft_limits_leave_the_hard_ones(bench: Bench) -> None:
    bench.script("#!/bin/bash\nfor l in t v; do ulimit -S$l; ulimit -H$l; done\n")
    bench.run(GC_S_CPU="50", GC_H_CPU="60", GC_S_VMEM="536870912")
    assert bench.output().split() == ["50", "60", "524288", "unlimited"]


def test_no_limit_is_set_that_was_not_asked_for(bench: Bench) -> None:
    bench.script("ulimit -v; ulimit -t; ulimit -f\n")
    bench.run()
    assert bench.output().split() == ["unlimited"] * 3


def test_soft_limits_of_the_container_are_raised_to_its_hard_ones(bench: Bench) -> None:
    bench.script("#!/bin/bash\nfor l in c d f s; do ulimit -S$l; ulimit -H$l; done; ulimit -Sn\n")
    kinds = (resource.RLIMIT_CORE, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_STACK)
    before = [(kind, resource.getrlimit(kind)) for kind in (*kinds, resource.RLIMIT_NOFILE)]
    try:
        for (kind, (_, hard)), soft in zip(before, (0, 2**30, 2**30, 2**20, 512), strict=True):
            resource.setrlimit(kind, (soft, hard))
        bench.run()
    finally:
        for kind, both in before:
            resource.setrlimit(kind, both)
    *limits, files = bench.output().split()
    assert limits[::2] == limits[1::2]
    assert files == "512"


def test_a_program_that_uses_up_its_processor_time_is_killed(bench: Bench) -> None:
    bench.script("while :; do :; done\n")
    found = bench.run(GC_H_CPU="1").evidence
    assert (found["exit"], found["signal"], found["failed"]) == (137, 9, 37)


def test_h_rt_kills_the_job(bench: Bench) -> None:
    bench.script("trap '' TERM USR1 USR2; echo start; sleep 60 & wait; sleep 60\n")
    found = bench.run(GC_H_RT="1").evidence
    assert (found["exit"], found["signal"], found["failed"]) == (137, 9, 37)
    assert 1 <= found["end"] - found["start"] < 5
    assert bench.output() == "start\n"


def test_s_rt_warns_all_processes_of_the_job(bench: Bench) -> None:
    child = bench.root / "child.sh"
    child.write_text("trap 'echo child; exit 0' USR1; sleep 60 & wait\n")
    bench.script(f"trap 'echo parent; wait; exit 5' USR1; sh {child} & wait\n")
    result = bench.run(GC_S_RT="1", GC_H_RT="15")
    assert result.status == 5
    assert sorted(bench.output().split()) == ["child", "parent"]


def test_a_program_that_ends_in_time_leaves_no_timer(bench: Bench) -> None:
    bench.script("exit 0\n")
    process = bench.start(GC_H_RT="4321", GC_S_RT="4322")
    assert bench.finish(process).status == 0
    sleeping = [
        line
        for pid in os.listdir("/proc")
        if pid.isdigit() and (line := _command(pid)) in (b"sleep\x004321\x00", b"sleep\x004322\x00")
    ]
    assert sleeping == []


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


# ---------------------------------------------------------------- deletion


def test_without_notify_a_job_is_killed_at_once(bench: Bench) -> None:
    bench.script("trap 'echo warned' TERM USR1 USR2; echo go; sleep 60 & wait; wait; wait; sleep 60\n")
    process = bench.start()
    bench.await_text(bench.home / f"nm.o{bench.job_id}", "go")
    began = time.monotonic()
    process.terminate()
    result = bench.finish(process)
    assert time.monotonic() - began < 2
    assert (result.status, result.evidence["signal"], result.evidence["failed"]) == (137, 9, 100)
    assert bench.output() == "go\n"


def test_with_notify_all_processes_are_warned_first(bench: Bench) -> None:
    child = bench.root / "child.sh"
    child.write_text("trap 'echo child' USR2; while :; do sleep 60 & wait; done\n")
    bench.script(f"trap 'echo parent' USR2; sh {child} & echo go; while :; do wait; done\n")
    process = bench.start(GC_NOTIFY="1")
    bench.await_text(bench.home / f"nm.o{bench.job_id}", "go")
    time.sleep(0.1)  # the child sets its trap
    began = time.monotonic()
    process.terminate()
    process.terminate()
    result = bench.finish(process)
    assert 0.9 < time.monotonic() - began < 4
    assert (result.status, result.evidence["signal"]) == (137, 9)
    assert set(bench.output().split()) == {"go", "parent", "child"}


def test_a_warned_job_may_end_by_itself(bench: Bench) -> None:
    bench.script("trap 'echo saved; exit 4' USR2; echo go; while :; do sleep 60 & wait; done\n")
    process = bench.start(GC_NOTIFY="15")
    bench.await_text(bench.home / f"nm.o{bench.job_id}", "go")
    process.terminate()
    result = bench.finish(process)
    assert (result.status, result.evidence["signal"], result.evidence["failed"]) == (4, 0, 0)


@pytest.mark.parametrize(
    ("program", "settings", "told"),
    [
        ("echo go; exec sleep 60", {}, 1),
        ("trap 'exit 4' USR2; echo go; while :; do sleep 60 & wait; done", {"GC_NOTIFY": "15"}, 1),
        ("echo go; sleep 0.5; exit 3", {}, 0),
    ],
    ids=["killed", "ends when warned", "ends by itself"],
)
def test_the_evidence_says_whether_it_was_told_to_end(
    bench: Bench, program: str, settings: dict[str, str], told: int
) -> None:
    bench.script(program + "\n")
    process = bench.start(**settings)
    bench.await_text(bench.home / f"nm.o{bench.job_id}", "go")
    if told:
        process.terminate()
    assert bench.finish(process).evidence["told"] == told


def test_a_time_limit_is_no_order_to_end(bench: Bench) -> None:
    bench.script("sleep 60\n")
    found = bench.run(GC_H_RT="1").evidence
    assert (found["failed"], found["told"]) == (37, 0)


def test_a_suspended_job_can_be_ended(bench: Bench) -> None:
    bench.script('echo $$ >"$HOME/pid"; sleep 60\n')
    process = bench.start(GC_NOTIFY="1")
    await_true(lambda: (bench.home / "pid").exists() and (bench.home / "pid").read_text() != "")
    os.killpg(int((bench.home / "pid").read_text()), signal.SIGSTOP)
    process.terminate()
    result = bench.finish(process)
    # The warning kills a script without a trap for it.
    assert result.evidence["signal"] in (9, 12)


def test_deletion_at_the_very_start_ends_it(bench: Bench) -> None:
    bench.script("sleep 60\n")
    for number in range(12):
        process = bench.start(GC_CLAIM=f"early-{number}")
        time.sleep(number * 0.002)
        process.terminate()
        process.communicate(timeout=20)
        assert process.returncode in (-15, 1, 137)
        if process.returncode == -15:
            for path in Path("/tmp").glob(f"{bench.job_id}.*"):
                path.rmdir()


def test_processes_left_behind_end_with_the_job(bench: Bench) -> None:
    bench.script(
        "#!/bin/bash\nset -m\n"
        "for n in 1 2 3; do (trap '' HUP TERM; sleep 300 & echo $!; wait) & done; sleep 0.3\n"
    )
    assert bench.run().status == 0
    pids = [int(word) for word in bench.output().split()]
    assert len(pids) == 3
    assert not any(alive(pid) for pid in pids)


def test_nothing_of_the_launcher_stays(bench: Bench) -> None:
    bench.script("exit 0\n")
    process = bench.start(GC_H_RT="300")
    bench.finish(process)
    await_true(lambda: not _session(process.pid))


def _session(session: int) -> list[str]:
    found = []
    for pid in os.listdir("/proc"):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (OSError, IndexError):
            continue
        if fields[3] == str(session) and fields[0] != "Z":
            found.append(pid)
    return found


def test_the_lock_lives_as_long_as_the_launcher_and_not_longer(bench: Bench) -> None:
    path = bench.root / "lock"
    bench.script('ls -l /proc/self/fd >"$HOME/fds"; echo go; sleep 60\n')
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        bench.lock = file.fileno()
        process = bench.start(GC_H_RT="50", GC_S_RT="51")
    bench.await_text(bench.home / f"nm.o{bench.job_id}", "go")
    assert str(path) not in (bench.home / "fds").read_text()
    with path.open() as file:
        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        children = _session(process.pid)
        process.kill()
        process.communicate()

        def free() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        await_true(free)
    for pid in children:
        if alive(int(pid)):
            os.kill(int(pid), signal.SIGKILL)
    for pid in os.listdir("/proc"):
        if _command(pid) == b"sleep\x0060\x00" and bench.job_id.encode() in _environ(pid):
            os.killpg(os.getsid(int(pid)), signal.SIGKILL)
    tmp = Path(f"/tmp/{bench.job_id}.1.task")
    tmp.rmdir()


def _environ(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


# ---------------------------------------------------------------- the claim


def test_who_loses_the_claim_exits_unrun(bench: Bench) -> None:
    bench.script('echo ran >>"$HOME/ran"\n')
    assert bench.run().status == 0
    again = bench.run(GC_POD_UID="pod-2")
    assert again.status == 111
    assert (again.evidence["start"], again.evidence["failed"]) == (0, 0)
    assert again.evidence["reason"] == "the attempt is claimed by pod pod-1"
    assert (bench.home / "ran").read_text() == "ran\n"
    # The winner's evidence is untouched.
    assert json.loads((bench.run_dir / "job-t1-a1.json").read_text())["exit"] == 0


def test_an_earlier_attempt_that_began_unseen_keeps_the_next_from_beginning(bench: Bench) -> None:
    bench.script('echo ran >>"$HOME/ran"\n')
    assert bench.run().status == 0
    began = int((bench.run_dir / "job-t1-a1").stat().st_mtime)
    again = bench.run(GC_POD_UID="pod-2", GC_CLAIM="job-t1-a2", GC_UNSEEN="1")
    assert again.status == 111
    told = {name: again.evidence[name] for name in ("start", "failed", "elsewhere", "since", "reason")}
    assert told == {
        "start": 0,
        "failed": 0,
        "elsewhere": 1,
        "since": began,
        "reason": "attempt 1 was begun by pod pod-1",
    }
    assert (bench.home / "ran").read_text() == "ran\n"


def test_an_earlier_attempt_that_did_not_begin_never_will(bench: Bench) -> None:
    bench.script('echo ran >>"$HOME/ran"\n')
    assert bench.run(GC_POD_UID="pod-3", GC_CLAIM="job-t1-a3", GC_UNSEEN="1 2").status == 0
    for earlier in ("1", "2"):
        late = bench.run(GC_POD_UID=f"pod-{earlier}", GC_CLAIM=f"job-t1-a{earlier}")
        assert (late.status, late.evidence["elsewhere"]) == (111, int(earlier))
    assert (bench.home / "ran").read_text() == "ran\n"
    assert sorted(path.name for path in bench.run_dir.iterdir()) == [
        *("job-t1-a1", "job-t1-a2", "job-t1-a3", "job-t1-a3.json"),
    ]


def test_a_second_launcher_of_the_same_pod_does_not_run_either(bench: Bench) -> None:
    bench.script("exit 0\n")
    assert bench.run().status == 0
    assert bench.run().status == 111


def test_of_many_racing_launchers_one_runs(bench: Bench) -> None:
    bench.script('echo ran >>"$HOME/ran"\n')
    processes = [
        bench.start(GC_POD_UID=f"pod-{n}", GC_TERMINATION_LOG=f"{bench.root}/t{n}") for n in range(8)
    ]
    for process in processes:
        process.communicate(timeout=20)
    assert sorted(process.returncode for process in processes) == [0] + [111] * 7
    assert (bench.home / "ran").read_text() == "ran\n"
    assert sorted(path.name for path in bench.run_dir.iterdir()) == ["job-t1-a1", "job-t1-a1.json"]


def test_claims_of_two_days_ago_are_swept_and_nothing_else_is(bench: Bench) -> None:
    bench.script("exit 0\n")
    bench.run_dir.mkdir(exist_ok=True)
    old = "4b571aac-6f7e-4bf3-b108-d832461faef7-t1-a1"
    for name in (old, f"{old}.json", "5b571aac-6f7e-4bf3-b108-d832461faef7-t1-a1", "thesis.tex"):
        (bench.run_dir / name).write_text("x\n")
    two_days_ago = time.time() - 2 * 86400 - 60
    for name in (old, f"{old}.json", "thesis.tex"):
        os.utime(bench.run_dir / name, (two_days_ago, two_days_ago))
    assert bench.run().status == 0
    assert sorted(path.name for path in bench.run_dir.iterdir()) == [
        "5b571aac-6f7e-4bf3-b108-d832461faef7-t1-a1",
        "job-t1-a1",
        "job-t1-a1.json",
        "thesis.tex",
    ]


def test_without_a_place_for_the_claim_nothing_runs(bench: Bench) -> None:
    (bench.root / "file").touch()
    bench.script('echo ran >>"$HOME/ran"\n')
    result = bench.run(GC_RUN_DIR=f"{bench.root}/file/run")
    assert (result.status, result.evidence["start"], result.evidence["failed"]) == (1, 0, 1)
    assert result.evidence["reason"] == (f"can't claim the attempt in {bench.root}/file/run: Not a directory")
    assert bench.files() == {}

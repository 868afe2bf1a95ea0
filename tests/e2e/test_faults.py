"""What breaks around the commands has one clear outcome: a line and a status, or a job's state and reason.

Nothing is half done, nobody waits for ever, and when the fault is over all goes on.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import socket
import socketserver
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from glob import glob

import pytest
from world import BIN, LIMIT_S, ROOT, World, finish

from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB
from gridcompat.cluster.embedded import spawn
from gridcompat.cluster.embedded.store import EmbeddedCluster

sys.path.insert(0, f"{ROOT}/tests/unit/mailer")
from smtp_server import Server  # beside the tests of the mailer


@pytest.fixture
def world() -> Iterator[World]:
    with World() as made:
        yield made


def delete(path: str) -> None:
    """Delete a directory in which others work, all of it at once."""
    os.rename(path, f"{path}.deleted")
    shutil.rmtree(f"{path}.deleted", ignore_errors=True)


@contextmanager
def small_disk(world: World, path: str, size: str) -> Iterator[None]:
    """A file system of its own, of so many bytes."""
    libc = ctypes.CDLL(None, use_errno=True)
    os.makedirs(path, exist_ok=True)
    owner = os.getuid() if world.uid is None else world.uid
    options = f"size={size},mode=0700,uid={owner},gid={owner}"
    if libc.mount(b"none", os.fsencode(path), b"tmpfs", 0, options.encode()) != 0:
        pytest.skip(f"needs the right to mount a small disk: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        world.stop()
        assert libc.umount2(os.fsencode(path), 2) == 0  # 2: MNT_DETACH


def fill(path: str) -> str:
    """Leave no byte free; return the file that takes them."""
    name = f"{path}/all-the-rest"
    with open(name, "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(bytes(4096))
    return name


# ------------------------------------------------------------ disks


def test_a_full_disk_under_the_state_is_said_at_once_and_got_over(world: World) -> None:
    with small_disk(world, world.state, "4m"):
        program = world.write("job", "#!/bin/sh\necho on; until [ -e end ]; do sleep 0.05; done; echo off\n")
        running = world.run("jsub", "-N", "a", program).id
        world.wait_for("it runs", lambda: world.read("a.out") == b"on\n")
        rest = fill(world.state)
        full = f"gridcompat: {world.state}/cluster.db: no space left on the disk\n"
        for words in (("qsub", "-b", "y", "true"), ("qdel", str(running))):
            assert world.run(*words).all == (25, "", full)
        assert world.run("jsub", "-N", "b", "true").all == (25, "", "")
        assert world.read("b.err").decode() == full
        assert f" {running} " in world.run("qstat").out
        world.write("end", "")
        world.wait_for("it ends", lambda: world.read("a.out") == b"on\noff\n")
        os.unlink(rest)
        after = world.run("jsub", "-N", "c", "true").id
        world.finished(running, after)
        assert [(one.job_name, one.failed, one.exit_status) for one in world.records()] in (
            [("a", 0, 0), ("c", 0, 0)],
            [("c", 0, 0), ("a", 0, 0)],
        )
        assert sorted(world.jobs()) == [running, after]


def test_a_state_that_does_not_fit_on_the_disk_leaves_nothing_half_made(world: World) -> None:
    with small_disk(world, world.state, "64k"):
        full = (25, "", f"gridcompat: {world.state}/cluster.db: no space left on the disk\n")
        assert world.run("qsub", "-b", "y", "true").all == full
        assert world.run("qstat").all == full


def test_a_full_home_is_the_programs_own_error_or_the_grids(world: World) -> None:
    with small_disk(world, world.home, "1m"):
        program = world.write("much", "#!/bin/sh\nexec cat /dev/zero\n")
        number = world.run("jsub", "-N", "x", program).id
        world.finished(number)
        assert [(one.failed, one.exit_status) for one in world.records()] == [(0, 1)]
        # Files that hold nothing, and output elsewhere, need no room.
        elsewhere = ["-j", "y", "-o", f"{world.state}/out"]
        other = world.run("qsub", *elsewhere, "-b", "y", "echo", "hello").id
        world.finished(other)
        with open(f"{world.state}/out", encoding="ascii") as file:
            assert file.read() == "hello\n"


def test_a_home_that_cannot_be_written_is_told_of_by_jsub_and_by_the_jobs_state(world: World) -> None:
    if world.uid is None and os.getuid() == 0:
        pytest.skip("root may write everywhere")
    script = world.write("job.sh", "#!/bin/sh\npwd\n")
    os.chmod(world.home, 0o555)
    path = f"{world.home}/x.out"
    done = world.run("jsub", "-N", "x", "true")
    assert (done.status, done.out) == (1, "")
    assert (
        done.err.partition("] ")[2] == f"Failed to touch '{path}': [Errno 13] Permission denied: '{path}'\n"
    )
    number = world.run("qsub", "-N", "y", script).id
    world.wait_for("it is in error", lambda: world.error(number))
    assert world.error(number) == (
        f'error: can\'t open output file "{world.home}/y.o{number}": Permission denied'
    )
    out = f"{world.state}/out"
    world.finished(world.run("qsub", "-j", "y", "-o", out, script).id)
    with open(out, encoding="utf-8") as file:
        assert file.read() == f"{world.home}\n"
    os.chmod(world.home, 0o755)
    world.run("qmod", "-cj", str(number))
    world.wait_for("it runs", lambda: world.read(f"y.o{number}").decode() == f"{world.home}\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["-o", "nosuch/x"], 'error: can\'t open output file "{home}/nosuch/x": No such file or directory'),
        (["-e", "job.sh/x"], 'error: can\'t open output file "{home}/job.sh/x": Not a directory'),
        (["-wd", "/nosuch/x"], "error: can't chdir to /nosuch/x: No such file or directory"),
        (["-i", "nosuch"], "error: can't open {home}/nosuch as dummy input file"),
    ],
    ids=str,
)
def test_a_missing_directory_is_the_jobs_error_state(world: World, words: list[str], reason: str) -> None:
    world.write("job.sh", "#!/bin/sh\ntouch ran\n")
    number = world.run("qsub", *words, "job.sh").id
    world.wait_for("it is in error", lambda: world.error(number))
    assert world.error(number) == reason.format(home=world.home)
    assert " Eqw " in world.run("qstat").out
    assert world.run("qdel", str(number)).out == f"tester has deleted job {number}\n"
    assert not os.path.exists(f"{world.home}/ran")


def test_a_directory_that_is_deleted_while_the_job_waits(world: World) -> None:
    held = world.shell("mkdir gone && cd gone && qsub -cwd -h -b y pwd").id
    os.rmdir(f"{world.home}/gone")
    assert world.run("qrls", str(held)).out == f"modified hold of job {held}\n"
    world.wait_for("it is in error", lambda: world.error(held))
    assert world.error(held) == f"error: can't chdir to {world.home}/gone: No such file or directory"


def test_a_command_in_a_deleted_directory(world: World) -> None:
    start = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    assert world.shell(start, "qsub", "-cwd", "-b", "y", "pwd").all == (14, "", "getcwd() failed\n")
    number = world.shell(start, "qsub", "-b", "y", "pwd").id
    world.finished(number)
    assert world.read(f"pwd.o{number}").decode() == f"{world.home}\n"
    assert world.shell(start, "qstat").all == (0, "", "")
    assert world.shell(start, "job", "x").all == (0, "", "")
    refused = world.shell(start, "jsub", "-o", "here", "true")
    assert (refused.status, refused.err.partition("] ")[2]) == (
        1,
        "Failed to touch 'here': [Errno 2] No such file or directory: 'here'\n",
    )


# ------------------------------------------------------------ the account


@pytest.mark.parametrize("home", [None, "", "relative"], ids=["unset", "empty", "relative"])
def test_without_a_home_the_passwd_entry_or_the_root_directory_counts(world: World, home: str | None) -> None:
    # As root there is a passwd entry; else the uid has none, and / cannot be written.
    number = world.run("qsub", "-o", "/dev/null", "-j", "y", "-b", "y", "true", environment={"HOME": home}).id
    world.finished(number)
    assert world.run("qstat", environment={"HOME": home}).all == (0, "", "")
    if world.uid is not None:
        done = world.run("jsub", "-N", "x", "true", environment={"HOME": home})
        assert (done.status, done.out) == (1, "")
        at = f"{home or ''}/x.out"
        assert f"Failed to touch '{at}'" in done.err and done.err.count("\n") == 1


def test_a_uid_without_a_passwd_entry_goes_by_its_number(world: World) -> None:
    if world.uid is None:
        pytest.skip("needs root to become such a uid")
    del world.environment["GRIDCOMPAT_OWNER"], world.environment["LOGNAME"]
    number = world.run("qsub", "-N", "x", "-b", "y", "echo", '"$USER $LOGNAME $HOME"').id
    world.finished(number)
    assert world.read(f"x.o{number}").decode() == f"{world.uid} {world.uid} {world.home}\n"
    assert world.run("qdel", "nosuch").all == (
        1,
        f"The job nosuch of user(s) {world.uid} does not exist\n",
        "",
    )


@pytest.mark.parametrize(
    "name",
    [
        "with blank",
        "it's",
        'a "word"',
        "new\nline",
        "ünï ☃",
        "a;b&c",
        "$(touch pwned)`touch pwned`",
        "back\\",
        "*",
    ],
    ids=ascii,
)
def test_a_home_of_any_name(name: str) -> None:
    with World(home=name) as world:
        script = world.write("job.sh", '#!/bin/sh\npwd\nprintf "%s\\n" "$HOME"\n')
        plain = world.run("qsub", "-cwd", "-o", f"{world.home}/p.out", "job.sh").id
        looping = world.run("jstart", "-N", "loop", script).id
        world.finished(plain, looping)
        both = os.fsencode(f"{world.home}\n{world.home}\n")
        assert (world.read("p.out"), world.read("loop.out")) == (both, both)
        assert sorted(os.listdir(world.directory)) == sorted([name, "state"])
        assert sorted(os.listdir(world.home)) == sorted(
            ["job.sh", f"job.sh.e{plain}", "loop.err", "loop.out", "p.out"]
        )


# ------------------------------------------------------------ mail


def test_mail_waits_for_a_server_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with World(GRIDCOMPAT_SMTP=f"127.0.0.1:{port}") as world:
        number = world.run("qsub", "-N", "x", "-m", "e", "-M", "a@example.org", "-b", "y", "true").id
        world.finished(number)
        world.wait_for("the daemon has tried", lambda: "1 mail waits in the spool" in world.log())
        make = socketserver.ThreadingTCPServer.__init__
        monkeypatch.setattr(
            socketserver.ThreadingTCPServer,
            "__init__",
            lambda self, _address, handler: make(self, ("127.0.0.1", port), handler),
        )
        with Server() as server:
            world.wait_for("it is sent", lambda: server.received)
            # The daemon ends when there is nothing left, so a second one would have come by then.
            world.wait_for("the daemon ends", lambda: world.daemon() is None)
            assert [one.recipient for one in server.received] == ["a@example.org"]
            assert f"Subject: Job {number} (x) Complete\r\n".encode() in server.received[0].data


# ------------------------------------------------------------ the clock


@pytest.mark.parametrize("step", ["-7200", "+3600"])
def test_a_clock_that_is_stepped_holds_nothing_up(world: World, step: str) -> None:
    library = next(iter(glob("/usr/lib/*/faketime/libfaketimeMT.so.1")), "")
    if not library:
        pytest.skip("needs libfaketime")
    offset = world.write("offset", "+0")
    world.environment |= {"LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": offset}
    world.environment |= {"FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    os.mkdir(world.state, 0o700)
    world.give(world.state)
    # By hand: a command would not let it have this library.
    words = [world.python, "-I", "-S", "-c", spawn.CODE, ROOT, "--state", world.state]
    daemon = world.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        world.wait_for("there is a daemon", world.daemon)
        job = world.write("job", "#!/bin/sh\necho on; until [ -e end ]; do sleep 0.05; done\n")
        before = world.run("qsub", "-N", "before", "-o", f"{world.home}/out", job).id
        world.wait_for("it runs", lambda: world.read("out") == b"on\n")
        world.write("offset", step)
        after = world.run("qsub", "-N", "after", "-b", "y", "true").id
        world.finished(after)
        held = world.run("qsub", "-N", "held", "-hold_jid", "before", "-b", "y", "true").id
        world.write("end", "")
        world.finished(before, held)
        assert [(one.failed, one.exit_status) for one in world.records()] == [(0, 0)] * 3
        assert all(one.end_time >= one.start_time and one.ru_wallclock >= 0 for one in world.records())
        assert daemon.wait(LIMIT_S) == 0, "it ended for want of work"
    finally:
        daemon.kill()
        daemon.wait()


# ------------------------------------------------------------ the state


def test_a_state_that_is_deleted_with_jobs_running_begins_anew(world: World) -> None:
    program = world.write("long", "#!/bin/sh\necho started\nsleep 300\n")
    running = world.run("jsub", "-N", "x", program).id
    world.run("jsub", "-N", "y", "-a", "203001010000", "true")
    world.wait_for("it runs", lambda: world.read("x.out") == b"started\n")
    old = world.daemon()
    delete(world.state)
    assert world.run("qstat").all == (0, "", "")
    after = world.run("jsub", "-N", "z", "echo", "new").id
    assert after == running, "numbers begin anew with a new state"
    world.finished(after)
    assert world.read("z.out") == b"new\n"
    assert world.daemon() != old
    world.wait_for("the old daemon is gone", lambda: not os.path.exists(f"/proc/{old}/exe"))


def test_a_state_of_a_newer_version_is_left_alone(world: World) -> None:
    held = world.run("qsub", "-h", "-b", "y", "true").id
    world.stop()
    with sqlite3.connect(f"{world.state}/cluster.db") as database:
        database.execute("PRAGMA user_version=99")
    database.close()
    told = (
        f"gridcompat: {world.state}/cluster.db: written by a newer version of gridcompat "
        "(schema 99; this one knows up to 1)\n"
    )
    for line in ("qsub -b y true", "qstat", f"qdel {held}", "qrls 1", "qalter -N x 1", "job x", "jstop x"):
        assert world.run(*line.split()).all == (1, "", told), line
    assert world.run("jsub", "-N", "x", "true").all == (1, "", "")
    assert world.read("x.err").decode() == told
    assert world.daemon() is None


def test_a_job_of_a_newer_version_is_its_own_error_and_nobody_elses(world: World) -> None:
    held = world.run("qsub", "-h", "-b", "y", "true").id
    cluster = EmbeddedCluster(world.state)
    job = cluster.get(GRID_JOB, str(held), namespace="default")
    newer = held + 1
    request = json.loads(job["spec"]["request"]) | {"schema": 99, "unheard_of": [1]}
    spec = job["spec"] | {"id": newer, "nonce": "f" * 32, "holds": {}, "request": json.dumps(request)}
    cluster.patch(
        GRID_ACCOUNT, "account", {"status": {"nextId": newer + 1}}, namespace="default", subresource="status"
    )
    cluster.create({**job, "metadata": {"name": str(newer), "namespace": "default"}, "spec": spec})
    cluster.close()
    other = world.run("qsub", "-b", "y", "true").id
    world.finished(other)
    told = "the job was submitted by a newer gridcompat (request schema 99, this one reads 1)"
    assert world.error(newer) == told
    assert world.run("qalter", "-N", "x", str(newer)).all == (1, "", f"gridcompat: {told}\n")
    assert world.run("qdel", str(newer)).all == (0, f"tester has deleted job {newer}\n", "")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda path: open(path, "w").close(), "gridcompat: state_dir: '{}' is not a directory\n"),
        (lambda path: os.symlink("/nosuch/place", path), "gridcompat: state_dir: '{}' cannot be used"),
        (lambda path: os.mkdir(path, 0o755), "gridcompat: state_dir: '{}' belongs to another user\n"),
    ],
    ids=["a file", "a link to nowhere", "of another user"],
)
def test_a_state_directory_that_cannot_be_one(world: World, make: object, told: str) -> None:
    assert callable(make)
    if "another" in told and world.uid is None:
        pytest.skip("needs another user")
    make(world.state)
    for words in (("qsub", "-b", "y", "true"), ("qstat",), ("qdel", "1")):
        done = world.run(*words)
        assert (done.status, done.out, done.err.count("\n")) == (1, "", 1)
        assert done.err.startswith(told.format(world.state))


def test_a_damaged_database_is_told_of(world: World) -> None:
    os.mkdir(world.state, 0o700)
    world.give(world.state)
    path = f"{world.state}/cluster.db"
    with open(path, "wb") as file:
        file.write(b"no database " * 1000)
    world.give(path)
    told = f"gridcompat: {path}: is not a database of gridcompat, or is damaged\n"
    for words in (("qsub", "-b", "y", "true"), ("qstat",), ("qdel", "1")):
        assert world.run(*words).all == (1, "", told)


# ------------------------------------------------------------ the daemon


@pytest.mark.parametrize(
    "fault",
    [
        lambda path: os.chmod(path, 0),
        lambda path: os.unlink(path),
        lambda path: rewrite(path, "import nosuchmodule\n"),
        lambda path: rewrite(path, "import os; os.kill(os.getpid(), 9)\n"),
    ],
    ids=["unreadable", "not there", "a module is missing", "killed at once"],
)
def test_a_job_is_taken_although_the_daemon_cannot_start(world: World, fault: object) -> None:
    assert callable(fault)
    if world.uid is None and os.getuid() == 0:
        pytest.skip("root may read everything")
    copy = f"{world.directory}/copy"
    shutil.copytree(f"{ROOT}/gridcompat", f"{copy}/gridcompat", ignore=shutil.ignore_patterns("daemon.*.pyc"))
    shutil.copytree(BIN, f"{copy}/bin")
    fault(f"{copy}/gridcompat/daemon.py")
    done = world.run(f"{copy}/bin/qsub", "-b", "y", "echo", "late")
    assert done.out == f'Your job {done.id} ("echo") has been submitted\n'
    assert done.err.startswith("gridcompat: the daemon cannot be started: ") and done.err.count("\n") == 1
    listed = world.run(f"{copy}/bin/qstat")
    assert (listed.status, listed.err) == (0, done.err) and " qw " in listed.out
    deleted = world.run(f"{copy}/bin/qsub", "-b", "y", "true").id
    assert world.run(f"{copy}/bin/qdel", str(deleted)).out == f"tester has deleted job {deleted}\n"
    after = world.run("qsub", "-b", "y", "true").id
    world.finished(done.id, after)
    assert world.read(f"echo.o{done.id}") == b"late\n"
    assert deleted not in {one.job_number for one in world.records()}


@pytest.fixture
def copy(world: World) -> str:
    """Another installation, with a launcher of its own."""
    path = f"{world.directory}/copy"
    shutil.copytree(f"{ROOT}/gridcompat", f"{path}/gridcompat")
    shutil.copytree(BIN, f"{path}/bin")
    with open(f"{path}/gridcompat/launcher/launcher.sh", "a", encoding="ascii") as file:
        file.write("\n# another version\n")
    return path


def test_two_versions_share_a_daemon_until_one_is_removed(world: World, copy: str) -> None:
    held = world.run(f"{copy}/bin/qsub", "-h", "-b", "y", "echo", "old").id
    pid = world.daemon()
    world.finished(world.run("qsub", "-b", "y", "true").id)
    assert world.daemon() == pid, "the other version's serves"
    delete(copy)
    world.wait_for("it has ended", lambda: "ended: the program was removed" in world.log())
    assert world.run("qrls", str(held)).out == f"modified hold of job {held}\n"
    world.finished(held)
    assert world.read(f"echo.o{held}") == b"old\n"


def test_an_upgrade_under_a_living_daemon_starts_it_again(world: World, copy: str) -> None:
    letters = world.write("letters", "", mode=0o666)
    world.environment["GRIDCOMPAT_SENDMAIL"] = world.write("mail", f"#!/bin/sh\nexec cat >>{letters}\n")
    job = world.write("job", "#!/bin/sh\necho on; until [ -e end ]; do sleep 0.05; done\n")
    running = world.run(f"{copy}/bin/qsub", "-N", "x", "-o", f"{world.home}/out", job).id
    world.wait_for("it runs", lambda: world.read("out") == b"on\n")
    for name in ("daemon.py", "launcher/launcher.sh"):
        os.replace(shutil.copy(f"{ROOT}/gridcompat/{name}", f"{copy}/new"), f"{copy}/gridcompat/{name}")
    waiting = world.run(f"{copy}/bin/qsub", "-hold_jid", "x", "-m", "e", "-M", "a@x", "-b", "y", "true").id
    world.wait_for("it has started again", lambda: "ended: the program was replaced" in world.log())
    world.write("end", "")
    # No other command is needed.
    world.finished(running, waiting)
    world.wait_for("mail is sent", lambda: b"Complete" in world.read("letters"))
    assert [(one.failed, one.exit_status) for one in world.records()] == [(0, 0)] * 2


def rewrite(path: str, text: str) -> None:
    """Replace a file's content, keeping its place."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def test_sync_ends_when_the_state_is_deleted(world: World) -> None:
    waiting = world.start(f"{BIN}/qsub", "-sync", "y", "-h", "-b", "y", "true")
    assert waiting.stdout is not None
    assert b"has been submitted" in waiting.stdout.readline()
    delete(world.state)
    done = finish(waiting)
    assert done.all == (25, "", f"gridcompat: {world.state}/cluster.db: was deleted while in use\n")

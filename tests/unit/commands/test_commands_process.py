"""The drop-ins as processes: what they import, and what becomes of broken surroundings."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from heavy import FOR_ARRAYS, HEAVY

from gridcompat.errors import SettingsError

ROOT = Path(__file__).resolve().parents[3]
BIN = ROOT / "bin"
DROP_INS = sorted(path.name for path in BIN.iterdir() if path.name != "gridcompat")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "job.sh").write_text("#!/bin/sh\nsleep 1\n")
    return tmp_path


@pytest.fixture
def run(home: Path) -> Iterator[Run]:
    """Runs a stub in nearly no environment; with a daemon's lock held, so that none is started."""
    import fcntl

    state = home / "state"
    state.mkdir(mode=0o700)
    lock = os.open(state / "daemon.lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def call(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(home), "PATH": f"{BIN}:/usr/bin:/bin", "GRIDCOMPAT_STATE": str(state)}
        environment |= more.pop("env", {})
        options: dict[str, Any] = {
            "cwd": home,
            "capture_output": True,
            "text": True,
            "check": False,
            "timeout": 60,
        } | more
        command = [sys.executable, "-I", "-S", str(BIN / words[0]), *words[1:]]
        done: subprocess.CompletedProcess[str] = subprocess.run(command, env=environment, **options)
        return done

    yield call
    os.close(lock)


PROBE = """
import sys
import _signal as signal  # `signal` brings `enum`
sys.path.insert(0, sys.argv[1])
sys.argv = sys.argv[2:]
from gridcompat.commands._main import main
# As Ctrl-C, for a command that waits.
signal.signal(signal.SIGALRM, signal.default_int_handler)
if "-sync" in sys.argv:
    signal.setitimer(signal.ITIMER_REAL, 0.5)
status = main(sys.argv[0], sys.argv)
print("MODULES", status, *sorted(sys.modules))
"""


@pytest.mark.parametrize(
    "line",
    [
        "qsub -h job.sh a b",
        "qsub -h -b y -v A=1 -hold_jid x /bin/true",
        "qsub -sync y -t 1-3 -l h_rt=1:0:0 -a 01010000 -m e -M x@y job.sh",
        "qsub -w v job.sh",
        "qsub -verify job.sh",
        "qsub -help",
        "jsub -mem 1g -sync y job.sh",
        "qcronsub job.sh",
        "jsub -once -N x /bin/true",
        "jstart -N y /bin/true",
        "job x",
        "jstop x",
        "qstat",
        "qstat -r",
        "qstat -xml",
        "qstat -j 1000",
        "qstat -j 1000 -xml",
        "qstat -f -s z",
        "qstat -g c",
        "qacct",
        "qacct -j 1000",
        "qhost -q -j",
        "qhost -xml",
        "qselect -q task",
        "qconf -sql",
        "qdel 1000",
        "qhold 1000",
        "qrls nosuch",
        "qalter -N x -l h_rt=5 1000",
        "qmod -cj 1000",
        "qresub 1000",
    ],
)
def test_a_drop_in_imports_nothing_heavy(run: Run, home: Path, line: str) -> None:
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GRIDCOMPAT_STATE": str(home / "state")}
    assert run("qsub", "-h", "-N", "x", "job.sh").stdout.startswith("Your job 1000 ")
    words = [sys.executable, "-I", "-S", "-c", PROBE, str(ROOT), *line.split()]
    done = subprocess.run(words, env=environment, cwd=home, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.rpartition("MODULES ")[2].split()[1:])
    assert "gridcompat.commands._main" in loaded, "the probe works"
    assert (loaded & HEAVY) - (FOR_ARRAYS if " -t " in line else set()) == set()


def test_the_package_of_the_commands_costs_nothing_itself() -> None:
    code = "import sys; sys.path.insert(0, sys.argv[1]); import gridcompat.commands; print(*sys.modules)"
    words = [sys.executable, "-I", "-S", "-c", code, str(ROOT)]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in loaded if name.startswith("gridcompat")] == ["gridcompat", "gridcompat.commands"]


@pytest.mark.parametrize("name", DROP_INS)
def test_each_stub_finds_its_command_through_symlinks_and_runs_it(
    run: Run, tmp_path: Path, name: str
) -> None:
    link = tmp_path / "elsewhere" / name
    link.parent.mkdir()
    (tmp_path / "second").symlink_to(BIN / name)
    link.symlink_to(tmp_path / "second")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "GRIDCOMPAT_STATE": str(tmp_path / "state"),
    }
    words = [sys.executable, "-I", "-S", str(link), "-help"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr and "internal error" not in done.stderr
    assert done.stdout + done.stderr


def test_a_submission_from_a_bare_environment(run: Run) -> None:
    done = run("qsub", "-h", "job.sh")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        'Your job 1000 ("job.sh") has been submitted\n',
        "",
    )
    assert run("qdel", "1000").stdout.endswith(" has deleted job 1000\n")


@pytest.mark.parametrize(
    ("redirection", "status"),
    [(">&-", 0), ("2>&-", 0), (">&- 2>&- <&-", 0), ("> /dev/full", 1)],
)
def test_closed_and_full_streams(home: Path, run: Run, redirection: str, status: int) -> None:
    line = f"{sys.executable} -I -S {BIN}/qsub -h job.sh {redirection}"
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GRIDCOMPAT_STATE": str(home / "state")}
    done = subprocess.run(
        ["sh", "-c", line], env=environment, cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == status
    assert "Traceback" not in done.stderr
    assert run("qstat").stdout.count("job.sh") == 1
    assert (home / "state" / "cluster.db").read_bytes()[:6] == b"SQLite", "no text went into a file of ours"


def test_a_reader_that_went_away_ends_it_quietly(home: Path, run: Run) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run("qstat", "-help", capture_output=False, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    "surroundings",
    [
        {"HOME": ""},
        {"HOME": "relative"},
        {"HOME": "/nonexistent"},
        {"LC_ALL": "C", "PYTHONPATH": "/nonexistent", "PYTHONIOENCODING": "nosuch"},
        {"TZ": "Nowhere/Nowhere"},
        {"GRIDCOMPAT_DEBUG": "1"},
    ],
    ids=str,
)
def test_odd_surroundings(run: Run, surroundings: dict[str, str]) -> None:
    done = run("qsub", "-h", "-b", "y", "/bin/true", env=surroundings)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_deleted_working_directory(home: Path, run: Run, tmp_path: Path) -> None:
    line = (
        f"mkdir gone && cd gone && rmdir ../gone && exec {sys.executable} -I -S {BIN}/qsub -h -b y /bin/true"
    )
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GRIDCOMPAT_STATE": str(home / "state")}
    done = subprocess.run(
        ["sh", "-c", line], env=environment, cwd=home, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_bytes_that_are_no_text_pass_through(home: Path, run: Run) -> None:
    done = run("qdel", os.fsdecode(b"a\xff"), capture_output=False, stdout=subprocess.PIPE, text=False)
    assert b"The job a\xff of user(s)" in done.stdout  # type: ignore[operator]  # bytes, for text=False


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to become a uid without a passwd entry")
def test_an_account_without_a_passwd_entry() -> None:
    python = "/usr/bin/python3"
    if not os.path.exists(python):
        pytest.skip("needs an interpreter that others may run")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        os.chown(folder, 54321, 54321)
        words = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", python, "-I", "-S"]
        environment = {"HOME": folder, "PATH": "/usr/bin:/bin", "GRIDCOMPAT_STATE": f"{folder}/state"}
        options: dict[str, Any] = {"env": environment, "cwd": "/", "capture_output": True, "text": True}
        if subprocess.run([*words, str(BIN / "qdel"), "-help"], check=False, **options).returncode:
            pytest.skip("the checkout cannot be read by others")
        done = subprocess.run([*words, str(BIN / "qdel"), "nosuch"], check=False, **options)
    assert (done.returncode, done.stdout) == (1, "The job nosuch of user(s) 54321 does not exist\n"), (
        done.stderr
    )


def test_an_interrupted_wait_ends_with_130_and_deletes_the_job(home: Path, run: Run) -> None:
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GRIDCOMPAT_STATE": str(home / "state")}
    words = [sys.executable, "-I", "-S", str(BIN / "qsub"), "-sync", "y", "-h", "job.sh"]
    with subprocess.Popen(words, env=environment, cwd=home, stdout=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert "has been submitted" in waiting.stdout.readline()
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(30) == 130
    assert run("qstat").stdout == ""


def test_a_settings_fault_is_one_line(home: Path, run: Run) -> None:
    (home / "site.toml").write_text("nosuch = 1\n")
    done = run("qstat", env={"GRIDCOMPAT_CONFIG": str(home / "site.toml")})
    assert done.returncode == 1
    assert done.stderr == f"gridcompat: {home}/site.toml:1: nosuch: there is no such setting\n"


def test_a_defect_shows_its_traceback_only_when_asked(home: Path, run: Run) -> None:
    (home / "state" / "cluster.db").mkdir()
    quiet = run("qstat")
    assert (
        quiet.returncode != 0 and "Traceback" not in quiet.stderr and quiet.stderr.startswith("gridcompat: ")
    )
    assert "Traceback" in run("qstat", env={"GRIDCOMPAT_DEBUG": "1"}).stderr


KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: c
clusters: [{name: k, cluster: {server: "http://127.0.0.1:9"}}]
contexts: [{name: c, context: {cluster: k, user: u, namespace: tool-dem}}]
users: [{name: u, user: {token: t}}]
"""


def test_a_real_clusters_namespace_is_that_of_the_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gridcompat.commands import _main

    (tmp_path / "config").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    opened: list[Any] = []
    environ = {"GRIDCOMPAT_CLUSTER": "kubernetes", "HOME": str(tmp_path)}
    context = _main.make_context("qsub", environ, _main._Streams(), opened)
    assert context.namespace == "tool-dem"
    assert context.cluster() is opened[0]
    opened[0].close()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "nosuch"))
    opened.clear()
    context = _main.make_context("qsub", environ, _main._Streams(), opened)
    with pytest.raises(SettingsError):
        context.cluster()

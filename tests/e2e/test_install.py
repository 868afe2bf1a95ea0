"""`gridcompat install` as people use it: into a prefix, from cron, by another account, and away again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GRIDCOMPAT = [sys.executable, "-I", str(ROOT / "bin" / "gridcompat")]


Done = subprocess.CompletedProcess[str]


def run(*words: object, home: Path, **variables: str) -> Done:
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", **variables}
    return subprocess.run(
        [str(word) for word in words],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def install(home: Path, *words: object) -> Done:
    return run(*GRIDCOMPAT, "install", *words, home=home)


def everything(place: Path) -> dict[str, tuple[bytes, float]]:
    return {
        str(path): (path.read_bytes(), path.stat().st_mtime) for path in place.rglob("*") if path.is_file()
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    return path


def test_a_job_runs_from_crons_bare_environment_with_a_hostile_python_path(
    home: Path, tmp_path: Path
) -> None:
    assert install(home, "--prefix", tmp_path / "p").returncode == 0
    (home / "json.py").write_text("raise SystemExit('wrong json')")
    done = run(
        tmp_path / "p/bin/jsub", "-sync", "y", "-N", "hello", "echo", "hello",
        home=home, PYTHONPATH=str(home),
        PYTHONHOME="/nonexistent", GRIDCOMPAT_DAEMON_IDLE_S="0.2",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (home / "hello.out").read_text() == "hello\n"
    assert run(tmp_path / "p/bin/gridcompat", "version", home=home).returncode == 0


def test_everything_is_compiled_and_a_second_time_changes_nothing(home: Path, tmp_path: Path) -> None:
    install(home, "--prefix", tmp_path / "p", "--sge-root", tmp_path / "sge")
    before = everything(tmp_path)
    again = install(home, "--prefix", tmp_path / "p")
    assert (again.returncode, again.stdout) == (0, "nothing to change\n")
    assert everything(tmp_path) == before
    sources = list((tmp_path / "p/lib").rglob("*.py"))
    assert len(list((tmp_path / "p/lib").rglob("*.pyc"))) == len(sources) > 100


def test_uninstall_leaves_what_was_there_before_and_nothing_else(home: Path, tmp_path: Path) -> None:
    (tmp_path / "p/bin").mkdir(parents=True)
    (tmp_path / "p/bin/other").write_text("other")
    install(home, "--prefix", tmp_path / "p", "--sge-root", tmp_path / "sge")
    done = install(home, "--prefix", tmp_path / "p", "--uninstall")
    assert (done.returncode, done.stderr) == (0, "")
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if home not in path.parents)
    assert left == ["home", "p", "p/bin", "p/bin/other"]


def test_what_is_not_ours_is_told_of_line_by_line_and_nothing_is_done(home: Path, tmp_path: Path) -> None:
    place = tmp_path / "p/bin"
    place.mkdir(parents=True)
    (place / "qsub").write_text("the grid's")
    (place / "qstat").symlink_to("/bin/true")
    before = everything(tmp_path)
    done = install(home, "--prefix", tmp_path / "p")
    assert done.returncode == 1
    assert sorted(done.stderr.splitlines()) == [
        f"gridcompat: {place}/{name}: is there and was not installed by gridcompat"
        for name in ("qstat", "qsub")
    ]
    assert everything(tmp_path) == before


def test_some_commands_come_and_go_alone(home: Path, tmp_path: Path) -> None:
    for words in (("--only", "jsub"), ("--only", "qsub,qdel")):
        assert install(home, "--prefix", tmp_path / "p", *words).returncode == 0
    assert sorted(os.listdir(tmp_path / "p/bin")) == ["jsub", "qdel", "qsub"]
    assert install(home, "--prefix", tmp_path / "p", "--uninstall", "--only", "qdel,jsub").returncode == 0
    assert sorted(os.listdir(tmp_path / "p/bin")) == ["qsub"]
    assert run(tmp_path / "p/bin/qsub", "-help", home=home).returncode == 0
    assert install(home, "--prefix", tmp_path / "p", "--only", "nonsense").returncode == 1


def test_a_changed_stub_is_left_and_said(home: Path, tmp_path: Path) -> None:
    install(home, "--prefix", tmp_path / "p")
    stub = tmp_path / "p/bin/qsub"
    stub.write_text("mine")
    done = install(home, "--prefix", tmp_path / "p", "--uninstall")
    assert done.returncode == 1
    assert done.stderr.startswith(f"gridcompat: {stub}: was changed since it was installed, and stays\n")
    assert [str(path) for path in (tmp_path / "p").rglob("*") if path.is_file()] == [str(stub)]


def test_dry_run_says_all_and_does_nothing(home: Path, tmp_path: Path) -> None:
    done = install(home, "--prefix", tmp_path / "p", "--dry-run")
    assert f"would write {tmp_path}/p/bin/jsub" in done.stdout.splitlines()
    assert not (tmp_path / "p").exists()


def test_a_staged_tree_works_where_it_is_put_later(home: Path, tmp_path: Path) -> None:
    final = tmp_path / "final"
    done = install(home, "--prefix", final, "--destdir", tmp_path / "stage")
    assert done.returncode == 0
    shutil.copytree(f"{tmp_path}/stage{final}", final, copy_function=shutil.copy)  # with new dates
    shutil.rmtree(tmp_path / "stage")
    assert run(final / "bin/qsub", "-help", home=home).returncode == 0


@pytest.mark.parametrize("shell", ["sh -eu", "bash -eu", "csh -f"])
def test_scripts_that_source_the_grids_settings_find_its_commands(
    shell: str, home: Path, tmp_path: Path
) -> None:
    program, *flags = shell.split()
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    root = tmp_path / "sge"
    assert install(home, "--sge-root", root).returncode == 0
    name = "settings.csh" if program == "csh" else "settings.sh"
    dot = "source" if program == "csh" else "."
    read = f"{dot} {root}/default/common/{name}"
    text = f"{read}; {read}; echo $PATH; qsub -help; $SGE_ROOT/util/arch"
    done = run(program, *flags, "-c", text, home=home)
    lines = done.stdout.splitlines()
    assert (done.returncode, done.stderr, lines[-1]) == (0, "", "lx-amd64")
    assert lines[0] == f"{root}/bin/lx-amd64:/usr/bin:/bin"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_account_uses_what_root_installed(home: Path, tmp_path: Path) -> None:
    place = Path("/var/tmp") / f"gridcompat-test-{os.getpid()}"
    place.mkdir()
    place.chmod(0o755)
    try:
        assert install(home, "--prefix", place / "p").returncode == 0
        theirs = place / "home"
        theirs.mkdir()
        os.chown(theirs, 65534, 65534)
        done = run(
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            place / "p/bin/jsub", "-sync", "y", "-N", "theirs", "id", "-u",
            home=theirs, GRIDCOMPAT_DAEMON_IDLE_S="0.2",
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert (theirs / "theirs.out").read_text() == "65534\n"
    finally:
        deadline = time.monotonic() + 30
        while place.exists() and time.monotonic() < deadline:
            shutil.rmtree(place, ignore_errors=True)  # their daemon is about to end, and writes until then
    assert not place.exists()


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_the_debian_package_has_everything_in_its_place(home: Path, tmp_path: Path) -> None:
    built = run(ROOT / "gridcompat/packaging/build-deb", tmp_path, home=home, PYTHON=sys.executable)
    assert built.returncode == 0, built.stderr
    listed = run("dpkg-deb", "-c", built.stdout.strip(), home=home).stdout.splitlines()
    by_path = {line.split()[5]: line.split()[:2] for line in listed}
    for path in ("bin/jsub", "bin/qsub", "bin/gridcompat"):
        assert by_path[f"./usr/{path}"] == ["-rwxr-xr-x", "root/root"]
    for path in (
        "man/man1/qsub.1.gz",
        "bash-completion/completions/qsub",
        "zsh/vendor-completions/_gridcompat",
        "fish/vendor_completions.d/qsub.fish",
        "gridcompat/gridcompat/launcher/launcher.sh",
    ):
        assert by_path[f"./usr/share/{path}"] == ["-rw-r--r--", "root/root"]
    assert not [path for path in by_path if path.endswith((".pyc", "installed.json"))]
    stub = subprocess.run(
        f"dpkg-deb --fsys-tarfile {built.stdout.strip()} | tar -xO ./usr/bin/jsub",
        shell=True, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert stub.startswith("#!/usr/bin/python3 -IS\n")
    assert str(ROOT) not in stub
    assert "sys.path.append('/usr/lib/python3/dist-packages')" in stub


@pytest.mark.skipif(
    not os.environ.get("GRIDCOMPAT_TEST_CHROOT"),
    reason="GRIDCOMPAT_TEST_CHROOT=1 as root makes a Debian with debootstrap, which takes minutes",
)
def test_the_debian_package_is_installed_runs_a_job_and_goes_again(home: Path, tmp_path: Path) -> None:
    built = run(ROOT / "gridcompat/packaging/build-deb", tmp_path, home=home, PYTHON=sys.executable)
    there = tmp_path / "debian"
    packages = "python3,python3-click,python3-psutil,python3-yaml"
    command = ["debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(there)]
    subprocess.run(command, check=True, capture_output=True, timeout=1200)
    shutil.copy(built.stdout.strip(), there / "root/gridcompat.deb")
    subprocess.run(["mount", "-t", "proc", "proc", str(there / "proc")], check=True)
    try:
        text = "useradd -m tool && dpkg -i /root/gridcompat.deb"
        subprocess.run(["chroot", str(there), "sh", "-c", text], check=True, capture_output=True, timeout=120)
        line = (
            "cd; env -i HOME=/home/tool PATH=/usr/bin:/bin GRIDCOMPAT_DAEMON_IDLE_S=0.2"
            " jsub -sync y -N packed id -un"
        )
        command = ["chroot", str(there), "su", "-s", "/bin/sh", "tool", "-c", line]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        assert (there / "home/tool/packed.out").read_text() == "tool\n"
        command = ["chroot", str(there), "dpkg", "-r", "gridcompat"]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        assert not (there / "usr/share/gridcompat").exists()
    finally:
        subprocess.run(["umount", "-l", str(there / "proc")], check=True)

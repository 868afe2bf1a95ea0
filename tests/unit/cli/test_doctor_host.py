"""`gridcompat doctor` on one machine: each thing is broken, and found with a way to repair it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gridcompat.cli import _doctor_host as doctor
from gridcompat.cli import main
from gridcompat.cli._finding import Finding, examine
from gridcompat.settings import Queue, Settings

CHECKS = {**dict(doctor.EVERYWHERE), **dict(doctor.EMBEDDED)}


def ours(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n# gridcompat\nexit 0\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture
def host(tmp_path: Path) -> Callable[..., doctor.Host]:
    """Make a host where all is well, with changes."""
    home = tmp_path / "home"
    home.mkdir()
    bin_ = ours(tmp_path / "bin", *doctor.COMMANDS)
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    sendmail = ours(tmp_path / "sbin", "sendmail") / "sendmail"

    def make(**changes: Any) -> doctor.Host:
        settings = Settings(
            **{"state_dir": str(state), "sendmail": str(sendmail), **changes.pop("settings", {})}
        )
        fields = {
            "settings": settings,
            "environ": {"PATH": str(bin_)},
            "home": str(home),
            "python": (3, 11, 2),
            "now": time.time(),
            "cron_path": f"{bin_}:/usr/bin:/bin",
            "mounts": "/dev/null",
        }
        return doctor.Host(**{**fields, **changes})

    return make


def look(name: str, host: doctor.Host) -> list[Finding]:
    return examine([(name, CHECKS[name])], host)


@pytest.mark.parametrize("name", CHECKS)
def test_a_machine_where_all_is_well(name: str, host: Callable[..., doctor.Host]) -> None:
    (found,) = look(name, host())
    assert (found.level, found.repair, found.check) == ("ok", "", name)


def broken(name: str, level: str, what: str, repair: str, **changes: Any) -> Any:
    return pytest.param(name, level, what, repair, changes, id=what)


@pytest.mark.parametrize(
    ("name", "level", "what", "repair", "changes"),
    [
        broken("python", "problem", "3.9.2 is too old", "apt-get install python3", python=(3, 9, 2)),
        broken("home", "problem", "/nonexistent/me is not there", "install -d", home="/nonexistent/me"),
        broken("home", "problem", "cannot be written", "chown", home="/proc/1"),
        broken("clock", "problem", "the clock says 1970-01-01", "timedatectl", now=5.0),
        broken("clock", "problem", "s behind what was written", "timedatectl", now=doctor.OLDEST + 1.0),
        broken("path", "problem", "qsub is not in PATH", "export PATH=", environ={"PATH": "/nonexistent"}),
        broken("path", "problem", "which is not gridcompat's", "export PATH=", environ={"PATH": "{grid}"}),
        broken(
            *("cron", "warning", "cron does not find qsub", "first line of the crontab"),
            cron_path="/none",
        ),
        broken(
            *("cron", "warning", "which is not gridcompat's", "first line of the crontab"),
            cron_path="{grid}",
        ),
        broken("cron", "problem", "fails in cron's environment: no python", "crontab", cron_path="{ill}"),
        broken(
            *("shells", "problem", "the shell /bin/none of queue q", "shell = "),
            settings={"shell": "/bin/none"},
        ),
        broken("shells", "warning", "SHELL is /bin/none", "chsh", environ={"SHELL": "/bin/none"}),
        broken("mail", "warning", "no mail can be sent", "smtp = ", settings={"sendmail": "/none"}),
        broken(
            *("mail", "problem", "does not answer", "correct smtp"),
            settings={"smtp": "127.0.0.1:{closed}"},
        ),
        broken("mail", "problem", "not host:port", "", settings={"smtp": "x:y"}),
        broken(
            *("mail", "problem", "the password of me cannot be read", "chmod 0600 /none"),
            settings={"smtp": "localhost", "smtp_user": "me", "smtp_password_file": "/none"},
        ),
        broken("state", "problem", "is on a network file system", "GRIDCOMPAT_STATE=", mounts="{mounts}"),
        broken("state", "problem", "is not a directory", "", settings={"state_dir": "{file}"}),
        broken(
            *("database", "problem", "the jobs cannot be read", "local stop"),
            settings={"state_dir": "{torn}"},
        ),
        broken(
            *("daemon", "warning", "no daemon works, and 1 jobs", "local start"),
            settings={"state_dir": "{left}"},
        ),
        broken(
            *("daemon", "problem", "is held, but not by the daemon", "fuser"),
            settings={"state_dir": "{held}"},
        ),
        broken(
            *("accounting", "problem", "is not there", "install -d"),
            settings={"accounting_file": "/nonexistent/accounting"},
        ),
        broken(
            *("accounting", "problem", "/var/none", "mount"),
            settings={"cluster": "kubernetes", "sge_root": "/var/none"},
        ),
    ],
)
def test_what_is_broken_is_found(
    name: str,
    level: str,
    what: str,
    repair: str,
    changes: dict[str, Any],
    host: Callable[..., doctor.Host],
    tmp_path: Path,
) -> None:
    places = Places(tmp_path)
    changes = places.filled(changes)
    shell = changes.get("settings", {}).pop("shell", None)
    if shell:
        changes["settings"] |= {"queues": (Queue(name="q", shell=shell),), "default_queue": "q"}
    try:
        found = look(name, host(**changes))
    finally:
        places.close()
    hits = [one for one in found if what in one.what]
    assert hits, found
    assert hits[0].level == level
    assert repair in hits[0].repair
    assert hits[0].repair


class Places:
    """Broken places, made when a case names them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.grid = folder / "grid"
        self._open: list[int] = []

    def filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.filled(one) for key, one in value.items()}
        if not isinstance(value, str) or "{" not in value:
            return value
        name = value.partition("{")[2].partition("}")[0]
        return value.replace("{" + name + "}", str(getattr(self, f"make_{name}")()))

    def make_grid(self) -> Path:
        self.grid.mkdir()
        for name in doctor.COMMANDS:
            (self.grid / name).write_text("#!/bin/sh\necho GE 8.1.9\n")
            (self.grid / name).chmod(0o755)
        return self.grid

    def make_ill(self) -> Path:
        ill = ours(self.folder / "ill", "qsub")
        (ill / "qsub").write_text("#!/bin/sh\n# gridcompat\necho no python >&2; exit 127\n")
        return ill

    def make_closed(self) -> int:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port: int = taken.getsockname()[1]
        return port

    def make_mounts(self) -> Path:
        (self.folder / "mounts").write_text(
            f"36 35 0:31 / {os.path.realpath(self.folder)} rw - nfs4 server:/home rw\n"
        )
        return self.folder / "mounts"

    def make_file(self) -> Path:
        (self.folder / "file").write_text("")
        return self.folder / "file"

    def make_torn(self) -> Path:
        (self.folder / "torn").mkdir(mode=0o700)
        (self.folder / "torn" / "cluster.db").write_bytes(b"torn" * 4000)
        return self.folder / "torn"

    def make_held(self) -> Path:
        """The lock is held by somebody who is not who is written in it, as after a fork."""
        state = self.folder / "held"
        state.mkdir(mode=0o700)
        (state / "daemon.lock").write_text("4194305\n")
        self._open.append(os.open(state / "daemon.lock", os.O_RDWR))
        fcntl.flock(self._open[0], fcntl.LOCK_EX)
        return state

    def make_left(self) -> Path:
        from gridcompat.cluster.embedded.store import EmbeddedCluster
        from gridcompat.model import JobRequest
        from gridcompat.translate.account import seed
        from gridcompat.translate.grid_job import grid_job

        state = self.folder / "left"
        state.mkdir(mode=0o700)
        objects = seed(Settings(), owner="me", uid=1, gid=1, group="me", groups=(), home="/")
        cluster = EmbeddedCluster(str(state), seed=lambda: objects)
        cluster.create(grid_job(JobRequest(name="x"), id=1000, nonce="n", namespace="default", ready=True))
        cluster.close()
        return state

    def close(self) -> None:
        for descriptor in self._open:
            os.close(descriptor)


def test_a_full_disk_is_found(host: Callable[..., doctor.Host], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE", 1 << 62)
    assert "is full" in look("state", host())[0].what
    assert "is full" in look("home", host())[0].what


def test_a_daemon_of_another_installation_is_found(
    host: Callable[..., doctor.Host], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    (state / "daemon.lock").write_text(f"{os.getpid()}\n")
    held = os.open(state / "daemon.lock", os.O_RDWR)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert look("daemon", host())[0].level == "ok"
        monkeypatch.setattr(doctor, "_program_of", lambda pid: "/opt/old")
        (found,) = look("daemon", host())
    finally:
        os.close(held)
    assert found.level == "warning"
    assert "runs from /opt/old" in found.what


def run(*words: str, **environment: str) -> tuple[int, str]:
    done = CliRunner(env=environment).invoke(main, ["doctor", *words])
    return done.exit_code, done.output


def test_the_command_prints_what_and_how_and_says_so_by_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_ = ours(tmp_path / "bin", *doctor.COMMANDS)
    environment = {
        "HOME": str(tmp_path), "PATH": str(bin_), "GRIDCOMPAT_STATE": str(tmp_path / "state"),
        "GRIDCOMPAT_CONFIG": "", "GRIDCOMPAT_CLUSTER": "embedded",
    }  # fmt: skip
    assert run(**environment)[0] == 0
    status, out = run("--json", "--quiet", **environment, GRIDCOMPAT_SMTP="127.0.0.1:1")
    assert status == 1
    found = [one for one in json.loads(out) if one["level"] == "problem"]
    assert [(one["check"], sorted(one)) for one in found] == [("mail", ["check", "level", "repair", "what"])]
    status, out = run("--quiet", **environment, GRIDCOMPAT_SMTP="127.0.0.1:1")
    assert "problem  mail         the mail server 127.0.0.1:1 does not answer: Connection refused\n" in out
    assert "repair: correct smtp in the settings" in out


def test_a_settings_file_with_a_mistake_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('image = "x"\nsmpt = "y"\n')
    status, out = run(
        "--json",
        HOME=str(tmp_path),
        GRIDCOMPAT_CONFIG=str(tmp_path / "site.toml"),
        GRIDCOMPAT_STATE=str(tmp_path / "state"),
        GRIDCOMPAT_CLUSTER="",
    )
    assert status == 1
    first = json.loads(out)[0]
    assert first["check"] == "settings"
    assert f"{tmp_path}/site.toml:2: smpt: there is no such setting" in first["what"]
    assert first["repair"] == "is smtp meant?"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "does not exist"),
        ("{}", "has no current-context"),
        ("}{", "not YAML"),
        (
            '{"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k"}}], '
            '"clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:1"}}]}',
            "the API server does not answer",
        ),
    ],
    ids=["missing", "empty", "broken", "nobody there"],
)
def test_a_kubeconfig_that_leads_nowhere_is_found(tmp_path: Path, text: str | None, what: str) -> None:
    if text is not None:
        (tmp_path / "kubeconfig").write_text(text)
    status, out = run(
        "--json",
        HOME=str(tmp_path),
        KUBECONFIG=str(tmp_path / "kubeconfig"),
        GRIDCOMPAT_CLUSTER="kubernetes",
        GRIDCOMPAT_CONFIG="",
        GRIDCOMPAT_REQUEST_TIMEOUT_S="0.3",
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )
    assert status == 1
    last = json.loads(out)[-1]
    assert what in last["what"]
    assert last["repair"]


def test_this_interpreter_is_new_enough() -> None:
    version = (sys.version_info[0], sys.version_info[1], sys.version_info[2])
    made = doctor.Host(settings=Settings(), environ={}, home="/", python=version, now=time.time())
    assert doctor.python(made).level == "ok"

"""A bench on which the launcher runs as a process, under each of the shells it is written for."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gridcompat import launcher
from gridcompat.record import record
from gridcompat.translate.grid_job import environment_text

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}
LIMIT_S = 20.0


@record
class Result:
    """What a launcher left."""

    status: int
    evidence: dict[str, Any]
    stderr: str


class Bench:
    """One attempt at one task: directories, variables, and the launcher's process."""

    def __init__(self, shell: list[str], root: Path, number: int) -> None:
        self.shell = shell
        self.root = root
        self.home = root / "home"
        self.run_dir = root / "run"
        for name in ("job", "spool", "home"):
            (root / name).mkdir(parents=True)
        self.job_id = str(number)
        self.term = root / "termination"
        self.lock: int | None = None
        self.variables = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "GRIDCOMPAT_POD_UID": "pod-1",
            "GC_ROOT": str(root),
            "GC_SPOOL": str(root / "spool"),
            "GC_TERMINATION_LOG": str(self.term),
            "GC_POD_UID": "pod-1",
            "GC_HOST": "node1.example.org",
            "GC_RUN_DIR": str(self.run_dir),
            "GC_CLAIM": "job-t1-a1",
            "GC_MODE": "script",
            "GC_START_MODE": "unix_behavior",
            "GC_JOB_ID": self.job_id,
            "GC_JOB_NAME": "nm",
            "GC_TASK": "1",
            "GC_QUEUE": "task",
            "GC_RESTARTED": "0",
            "GC_SLOTS": "1",
            "GC_USER": "tool",
            "GC_HOME": str(self.home),
            "GC_ACCOUNT": "sge",
            "GC_QUEUE_SHELL": "/bin/sh",
            "GC_ARCH": "lx-amd64",
            "GC_BINARY_PATH": "/usr/sbin/lx-amd64",
            "GC_CELL": "default",
            "GC_SGE_ROOT": "/var/lib/gridengine",
        }

    def script(self, text: str | bytes) -> None:
        """Give the job a script."""
        path = self.root / "job" / "script"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o755)

    def environment(self, *pairs: tuple[str, str]) -> None:
        """Give the job variables of -v."""
        (self.root / "job" / "environment").write_bytes(environment_text(pairs))

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start the launcher in a session of its own; it gets the lock as descriptor 9."""
        command = [*self.shell, launcher.FILE, *arguments]
        lock = self.lock
        if lock is not None:
            command = ["/bin/bash", "-c", f'exec "$@" 9>&{lock} {lock}>&-', "bash", *command]
        return subprocess.Popen(
            command,
            env=self.variables | variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="surrogateescape",
            start_new_session=True,
            pass_fds=() if lock is None else (lock,),
        )

    def finish(self, process: subprocess.Popen[str]) -> Result:
        """Wait for a launcher and read its evidence."""
        try:
            _, stderr = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
            process.wait()
        return Result(status=process.returncode, evidence=self.evidence(), stderr=stderr)

    def run(self, *arguments: str, **variables: str) -> Result:
        """Start the launcher and wait for it."""
        return self.finish(self.start(*arguments, **variables))

    def evidence(self) -> dict[str, Any]:
        """The JSON object of the termination message."""
        text = self.term.read_text(errors="surrogateescape")
        assert text.endswith("\n")
        assert text.count("\n") == 1
        found: dict[str, Any] = json.loads(text)
        return found

    def files(self) -> dict[str, str]:
        """What lies in the home, by name."""
        return {
            str(path.relative_to(self.home)): path.read_text(errors="surrogateescape")
            for path in sorted(self.home.rglob("*"))
            if path.is_file()
        }

    def output(self) -> str:
        """The standard output of the job."""
        return (self.home / f"nm.o{self.job_id}").read_text(errors="surrogateescape")

    def await_text(self, path: Path, text: str) -> None:
        """Wait until a file holds a text."""
        await_true(lambda: path.exists() and text in path.read_text())


def await_true(condition: Callable[[], bool]) -> None:
    """Wait until something is so, LIMIT_S at most."""
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)

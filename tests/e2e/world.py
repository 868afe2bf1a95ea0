"""A home and a state directory for commands that run as processes: for faults and hostile input.

Root may do everything, which hides faults; so when the tests run as root the commands run as a uid that
has no passwd entry, no groups and no right to anybody's files.  The daemon that a command started is
stopped by the number in its lock file, jobs by the mark in their environment.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from gridcompat.accounting import Entry, read
from gridcompat.cluster.base import GRID_JOB
from gridcompat.cluster.embedded import paths, spawn
from gridcompat.cluster.embedded.store import EmbeddedCluster

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gridcompat.cluster.base import K8sObject

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = f"{ROOT}/bin"
NOBODY = 54329
"""A uid that no account has."""
LIMIT_S = 60.0
"""For everything that a test waits for; a busy machine needs a part of it."""


class Done:
    """What a command left: its status, and what it wrote, bytes that are no UTF-8 as surrogates."""

    def __init__(self, status: int, out: bytes, err: bytes) -> None:
        self.status = status
        self.out = os.fsdecode(out)
        self.err = os.fsdecode(err)

    def __repr__(self) -> str:
        return f"status {self.status}, out {self.out!r}, err {self.err!r}"

    @property
    def all(self) -> tuple[int, str, str]:
        """All three, for comparisons."""
        return self.status, self.out, self.err

    @property
    def id(self) -> int:
        """The job's number, from what a command says after a submission."""
        assert self.status == 0, self
        found = re.search(r"^Your job(?:-array)? (\d+)", self.out, re.MULTILINE)
        assert found, self
        return int(found[1])


class World:
    """One account's home and grid, in a directory of its own."""

    def __init__(self, *, home: str = "home", **variables: str) -> None:
        self.directory = os.path.realpath(tempfile.mkdtemp(prefix="gridcompat-e2e-"))
        self.home = f"{self.directory}/{home}"
        self.state = f"{self.directory}/state"
        self.uid, self.python = account()
        for path in (self.directory, self.home):
            os.makedirs(path, mode=0o755, exist_ok=True)
            self.give(path)
        self.environment = {
            "HOME": self.home,
            "PATH": f"{BIN}:{os.path.dirname(self.python)}:/usr/bin:/bin",
            "LOGNAME": "tester",
            "GRIDCOMPAT_STATE": self.state,
            "GRIDCOMPAT_OWNER": "tester",
            "GRIDCOMPAT_DAEMON_IDLE_S": "2.0",
            **variables,
        }

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ------------------------------------------------------------ files

    def give(self, path: str) -> None:
        """Make a file or directory the account's own."""
        if self.uid is not None:
            os.chown(path, self.uid, self.uid)

    def write(self, name: str, content: str | bytes, *, mode: int = 0o755) -> str:
        """Make a file in the home and return its path."""
        path = os.path.join(self.home, name)
        with open(path, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        os.chmod(path, mode)
        self.give(path)
        return path

    def read(self, name: str) -> bytes:
        """Return what a file in the home holds, nothing if there is none."""
        try:
            with open(os.path.join(self.home, name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    # ------------------------------------------------------------ commands

    def start(
        self,
        *words: str | bytes,
        environment: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        **options: Any,
    ) -> subprocess.Popen[bytes]:
        """Start a program as the account; a variable that is None is taken away."""
        changed = {**self.environment, **(environment or {})}
        variables = {name: value for name, value in changed.items() if value is not None}
        if self.uid is not None:
            options |= {"user": self.uid, "group": self.uid, "extra_groups": []}
        defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # By its path: the search for a program's name is the parent's.
        program = os.fsdecode(words[0])
        found = shutil.which(program, path=self.environment["PATH"]) or program
        return subprocess.Popen(
            [found, *words[1:]], env=variables, cwd=cwd or self.home, **{**defaults, **options}
        )

    def run(self, *words: str | bytes, **options: Any) -> Done:
        """Run a program as the account and return what it left."""
        return finish(self.start(*words, **options))

    def shell(self, text: str, *words: str, **options: Any) -> Done:
        """Run a line of sh as the account; `words` are its parameters."""
        return self.run("/bin/sh", "-c", text, "sh", *words, **options)

    # ------------------------------------------------------------ what is

    def jobs(self) -> dict[int, K8sObject]:
        """All GridJobs by number."""
        cluster = EmbeddedCluster(self.state)
        try:
            found = cluster.list(GRID_JOB, namespace=None).items
        finally:
            cluster.close()
        return {int(job["metadata"]["name"]): job for job in found}

    def phase(self, number: int) -> str:
        """Return the phase of a job, "" before the daemon has seen it."""
        return str((self.jobs()[number].get("status") or {}).get("phase", ""))

    def error(self, number: int) -> str:
        """Return why a job is in the error state, "" when it is not."""
        errors = (self.jobs()[number].get("status") or {}).get("errors") or [{}]
        return str(errors[0].get("reason", ""))

    def records(self) -> list[Entry]:
        """Return the accounting records."""
        try:
            return list(read(f"{self.state}/{paths.ACCOUNTING}"))
        except FileNotFoundError:
            return []

    def daemon(self) -> int | None:
        """Return the number of the daemon's process."""
        return spawn.daemon_pid(self.state)

    def log(self) -> str:
        """Return the daemon's log."""
        try:
            with open(f"{self.state}/{paths.DAEMON_LOG}", encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError as error:
            return f"({error.strerror})"

    # ------------------------------------------------------------ waiting and ending

    def wait_for(self, what: str, is_so: Callable[[], object], limit_s: float = LIMIT_S) -> None:
        """Look until something is so; fail with the daemon's log when it is not in time."""
        deadline = time.monotonic() + limit_s
        while not is_so():
            assert time.monotonic() < deadline, f"not within {limit_s} s: {what}\n{self.log()}"
            time.sleep(0.02)

    def finished(self, *numbers: int) -> None:
        """Wait until jobs are over and recorded."""
        wanted = set(numbers)
        self.wait_for(
            f"jobs {sorted(wanted)} are recorded",
            lambda: wanted <= {one.job_number for one in self.records()},
        )

    def stop(self) -> None:
        """Kill the daemon, which it must always bear, then what is left of jobs."""
        pid = self.daemon()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self.wait_for("the daemon is gone", lambda: not os.path.exists(f"/proc/{pid}/exe"))
        self.wait_for("nothing is left of jobs", lambda: not self._kill_the_rest())

    def _kill_the_rest(self) -> bool:
        """Kill every process that has our directory in its environment; return whether there was one."""
        found = False
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    ours = os.fsencode(self.directory) in file.read()
                if ours and int(entry) != os.getpid():
                    os.kill(int(entry), signal.SIGKILL)
                    found = True
            except OSError:
                continue  # gone meanwhile, or not ours to look at
        return found


def finish(process: subprocess.Popen[bytes]) -> Done:
    """Wait for a command and return what it left."""
    try:
        out, err = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Done(process.returncode, out or b"", err or b"")


def finish_all(started: Sequence[subprocess.Popen[bytes]]) -> list[Done]:
    """Wait for commands, in their order."""
    return [finish(process) for process in started]


@cache
def account() -> tuple[int | None, str]:
    """Return the uid that commands run as (None is our own) and the interpreter they find first."""
    if os.getuid() != 0:
        return None, sys.executable
    probe = "import os, sys; os.chdir(sys.argv[1]); os.listdir('.'); sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            words = [python, "-I", "-S", "-c", probe, BIN]
            done = subprocess.run(
                words, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", capture_output=True, check=False
            )
        except OSError:
            continue
        if done.returncode == 0:
            # Such an account cannot keep what it compiled.
            words = [python, "-m", "compileall", "-q", f"{ROOT}/gridcompat"]
            subprocess.run(words, check=True, capture_output=True)
            return NOBODY, python
    return None, sys.executable  # the checkout is closed to others: then as root

"""A grid of one's own for a test: a state directory, a home, commands, and ways to hurt the daemon."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from gridcompat.accounting import Entry, read
from gridcompat.cluster.base import GRID_JOB
from gridcompat.cluster.embedded import paths, processes, spawn
from gridcompat.cluster.embedded.container import cookies
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.model import JobRequest, Submission, SubmitContext
from gridcompat.service.means import Means
from gridcompat.service.submit import submit
from gridcompat.settings import Settings, load
from gridcompat.translate.account import seed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gridcompat.cluster.base import K8sObject

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SENDMAIL = """#!/bin/sh
# Keeps the Message-ID of each letter.
sed -n 's/^Message-ID: *//p' > "$(mktemp {directory}/mail.XXXXXXXX)"
"""


class Grid:
    """One account's grid; everything is below one directory."""

    def __init__(self, directory: Path, **variables: str) -> None:
        self.home = str(directory / "home")
        self.state = str(directory / "state")
        self.mail = str(directory / "mail")
        self.runs = f"{self.home}/runs"
        for path in (self.home, self.runs, self.mail):
            os.makedirs(path, exist_ok=True)
        os.makedirs(self.state, 0o700, exist_ok=True)
        program = str(directory / "sendmail")
        with open(program, "w", encoding="ascii") as file:
            file.write(SENDMAIL.format(directory=self.mail))
        os.chmod(program, 0o755)
        self.environment = {
            "HOME": self.home,
            "PATH": f"{ROOT}/bin:{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
            "USER": "tester",
            "LOGNAME": "tester",
            "GRIDCOMPAT_STATE": self.state,
            "GRIDCOMPAT_SENDMAIL": program,
            "GRIDCOMPAT_DAEMON_IDLE_S": "2.0",
            **variables,
        }
        self.settings: Settings = load(self.environment, home=self.home, uid=os.getuid())[0]
        self._environ = threading.Lock()
        self.cluster = EmbeddedCluster(self.state, seed=self._seed)

    def _seed(self) -> list[K8sObject]:
        gid = os.getgid()
        return seed(
            self.settings, owner="tester", uid=os.getuid(), gid=gid, group="", groups=[gid], home=self.home
        )

    def close(self) -> None:
        """End everything that was started, and nothing else."""
        pid = spawn.daemon_pid(self.state)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        self.power_off()
        self.cluster.close()

    # ------------------------------------------------------------ users

    def script(self, *lines: str) -> bytes:
        """A script that leaves a line in runs/ID.TASK for each of its runs."""
        mark = 'echo "$RESTARTED" >> "$HOME/runs/$JOB_ID.${SGE_TASK_ID#undefined}"'
        return "\n".join(["#!/bin/sh", mark, *lines, ""]).encode()

    def submit(self, script: bytes, **request: Any) -> int:
        """Submit a job as the commands do, and see to the daemon as they do."""
        context = SubmitContext(
            home=self.home, host="here", log_name="tester", shell="/bin/sh", workdir=self.home
        )
        fields = {"name": "job", "script_file": "job.sh", "submit": context, "merge": True, **request}
        made = submit(
            self.cluster,
            self.settings,
            Submission(request=JobRequest(**fields), script=script),
            namespace="default",
            means=Means(lock_path=f"{self.state}/submit.lock"),
        )
        self.ensure_daemon()
        return made.id

    def command(self, line: str, *, check: bool = True) -> str:
        """Run one of bin/* and return what it printed."""
        done = subprocess.run(
            shlex.split(line), env=self.environment, cwd=self.home, capture_output=True, text=True, timeout=60
        )
        if check:
            assert done.returncode == 0, (line, done.stdout, done.stderr)
        return done.stdout

    def ensure_daemon(self) -> None:
        """What every command does after it wrote something."""
        with self._environ:  # one environment for all threads
            before = dict(os.environ)
            os.environ.update(self.environment)
            try:
                spawn.ensure_daemon(self.state, self.settings)
            finally:
                os.environ.clear()
                os.environ.update(before)

    # ------------------------------------------------------------ what is

    def jobs(self) -> dict[int, K8sObject]:
        found = self.cluster.list(GRID_JOB, namespace=None).items
        return {int(job["metadata"]["name"]): job for job in found}

    def phases(self) -> Counter[str]:
        return Counter((job.get("status") or {}).get("phase", "new") for job in self.jobs().values())

    def runs_of(self, number: int, task: int | None = None) -> list[str]:
        """RESTARTED of each run of a task, in order."""
        try:
            with open(f"{self.runs}/{number}.{task or ''}", encoding="ascii") as file:
                return file.read().split()
        except FileNotFoundError:
            return []

    def records(self) -> list[Entry]:
        try:
            return list(read(f"{self.state}/{paths.ACCOUNTING}"))
        except FileNotFoundError:
            return []

    def message_ids(self) -> Counter[str]:
        """How often each mail was sent."""
        found: Counter[str] = Counter()
        for name in os.listdir(self.mail):
            with open(f"{self.mail}/{name}", encoding="ascii") as file:
                found[file.read().strip()] += 1
        return found

    def log(self) -> str:
        with open(f"{self.state}/{paths.DAEMON_LOG}", encoding="utf-8") as file:
            return file.read()

    def wait(self, what: str, is_so: Callable[[], bool], limit_s: float = 60.0) -> None:
        """Wait for something, with a limit."""
        deadline = time.monotonic() + limit_s
        while not is_so():
            assert time.monotonic() < deadline, (
                f"not within {limit_s} s: {what}; {self.phases()}; {self.log()}"
            )
            time.sleep(0.02)

    def wait_until_finished(self, count: int) -> None:
        """Wait until there are so many jobs and all are over."""
        self.wait("all are over", lambda: self.phases() == Counter(Finished=count))

    # ------------------------------------------------------------ violence

    def kill_daemon(self) -> bool:
        """SIGKILL to the daemon; False if there is none."""
        pid = spawn.daemon_pid(self.state)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        self.wait("the daemon is dead", lambda: spawn.daemon_pid(self.state) != pid)
        return True

    def pods(self) -> list[str]:
        """Uids of the pods that have a directory."""
        try:
            return os.listdir(f"{self.state}/{paths.PODS}")
        except FileNotFoundError:
            return []

    def kill_launcher(self, uid: str) -> bool:
        """SIGKILL to a launcher alone."""
        pid = self._launcher(uid)
        if not pid:
            return False
        os.kill(pid, signal.SIGKILL)
        return True

    def launcher_lives(self, uid: str) -> bool:
        return bool(self._launcher(uid))

    def _launcher(self, uid: str) -> int:
        """The process id of a pod's launcher, 0 if it is over."""
        pid = processes.begun_pid(f"{self.state}/{paths.PODS}/{uid}/begun")
        if not pid or pid not in processes.members(cookies(f"{self.state}/{paths.PODS}/{uid}", uid)):
            return 0
        return pid

    def power_off(self) -> None:
        """Every process of every pod is gone at once."""
        for uid in self.pods():
            processes.end_all(cookies(f"{self.state}/{paths.PODS}/{uid}", uid))

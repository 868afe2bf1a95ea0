"""A throw-away real Grid Engine on this machine, to measure beside: Debian's packages, its own directory.

Needs root, `gridengine-master`, `gridengine-exec` and `gridengine-client`, and a host name that
resolves.  Nothing outside the directory is touched, no service of the packages is started, and the
ports are free ones, so several may run at a time.

    python -m tests.bench.grid COMMAND ...     runs a command with such a grid around it
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = "/var/lib/gridengine"
SHARE = "/usr/share/gridengine"
BINARIES = "/usr/lib/gridengine"
ADMIN = "sgeadmin"
QUEUE = "task"
WITHIN_S = 30.0

NEEDED = (
    f"{BINARIES}/qsub",
    f"{BINARIES}/spoolinit",
    "/usr/sbin/sge_qmaster",
    "/usr/sbin/sge_execd",
    f"{SHARE}/scripts/init_cluster",
)


class NoGrid(Exception):
    """Why there is no real grid to be had here."""


class Grid:
    """A master, an execution daemon and one queue, between `start` and `stop`."""

    def __init__(self, *, slots: int = 100, mailer: str = "/bin/true") -> None:
        self.slots = slots
        self.mailer = mailer
        self.directory = ""
        self.environment: dict[str, str] = {}
        self.host = socket.gethostname()

    def __enter__(self) -> Grid:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Set the grid up and wait until its queue takes jobs.

        Raises:
            NoGrid: with the reason.
        """
        missing = [path for path in NEEDED if not os.access(path, os.X_OK)]
        if missing:
            raise NoGrid(f"Debian's gridengine packages are not all installed: no {missing[0]}")
        if os.getuid() != 0:
            raise NoGrid("a real grid can be set up only by root")
        self.directory = tempfile.mkdtemp(prefix="gridcompat-grid-")
        try:
            self._lay_out()
            self._start_master()
            self._configure()
            self._run("/usr/sbin/sge_execd")
            self._wait("the queue to take jobs", self._takes_jobs)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End its jobs and daemons and remove its directory. May be called twice."""
        if not self.directory:
            return
        if os.path.exists(self._path("qmaster/qmaster.pid")):
            self._run("qdel", "-u", "*", check=False)
            self._run("qconf", "-kej", check=False)
            self._run("qconf", "-km", check=False)
        for pid in self._daemons():
            _end(pid)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory = ""

    def master(self) -> int:
        """Return the process number of the master."""
        with open(self._path("qmaster/qmaster.pid"), encoding="ascii") as file:
            return int(file.read())

    def _path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def _lay_out(self) -> None:
        os.chmod(self.directory, 0o755)
        for folder in ("root/default/common", "qmaster/job_scripts", "spooldb", "execd", "conf"):
            os.makedirs(self._path(folder))
        for name in ("bin", "lib", "util", "utilbin"):
            os.symlink(os.path.join(ROOT, name), self._path(f"root/{name}"))
        common = self._path("root/default/common")
        _write(f"{common}/act_qmaster", f"{self.host}\n")
        # The loopback address may have several names; the grid insists on one.
        names = {"localhost", socket.gethostbyaddr("127.0.0.1")[0], *socket.gethostbyaddr("127.0.0.1")[1]}
        _write(f"{common}/host_aliases", f"{self.host} {' '.join(sorted(names - {self.host}))}\n")
        with open(f"{SHARE}/default-bootstrap", encoding="ascii") as file:
            bootstrap = file.read()
        _write(f"{common}/bootstrap", bootstrap.replace("/var/spool/gridengine", self.directory))
        admin = pwd.getpwnam(ADMIN)
        for path, folders, files in os.walk(self.directory):
            for name in (".", *folders, *files):
                os.lchown(os.path.join(path, name), admin.pw_uid, admin.pw_gid)
        self.environment = {
            "PATH": f"{BINARIES}:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": os.path.expanduser("~"),
            "SGE_ROOT": self._path("root"),
            "SGE_CELL": "default",
            "SGE_ARCH": "lx-amd64",
            "SGE_QMASTER_PORT": str(_free_port()),
            "SGE_EXECD_PORT": str(_free_port()),
        }

    def _start_master(self) -> None:
        spool, root = self._path("spooldb"), self._path("root")
        self._run(f"{SHARE}/scripts/init_cluster", root, "default", spool, ADMIN, user=ADMIN)
        self._run("/usr/sbin/sge_qmaster")
        # A client that comes too early gets answers that only look like errors of its own.
        self._wait("the master", lambda: self._run("qconf", "-sm", check=False).returncode == 0)

    def _configure(self) -> None:
        self._run("qconf", "-am", "root", user=ADMIN, check=False)  # some versions have it already
        self._run("qconf", "-ah", self.host, check=False)
        self._run("qconf", "-as", self.host)
        self._change("-sconf", "global", "-Mconf", {
            "execd_spool_dir": self._path("execd"),
            "mailer": self.mailer,
            "min_uid": "0",
            "min_gid": "0",
            "gid_range": "31000-31200",
        })  # fmt: skip
        # As quick as the grid can be: it looks for work a second after each submission and end.
        self._change("-ssconf", "sched", "-Msconf", {
            "schedule_interval": "0:0:2",
            "flush_submit_sec": "1",
            "flush_finish_sec": "1",
        })  # fmt: skip
        self._change("-sq", QUEUE, "-Aq", {
            "qname": QUEUE,
            "hostlist": self.host,
            "slots": str(self.slots),
            "shell": "/bin/sh",
            "shell_start_mode": "unix_behavior",
            "load_thresholds": "NONE",
            "pe_list": "NONE",
            "ckpt_list": "NONE",
        })  # fmt: skip

    def _change(self, show: str, name: str, load: str, changes: dict[str, str]) -> None:
        """Take what the grid shows, change some lines, and give it back."""
        shown = self._run("qconf", show)  # -sq without a name shows a template
        lines = []
        for line in shown.stdout.replace("\\\n", " ").splitlines():
            field = line.split(None, 1)[0] if line.split() else ""
            lines.append(f"{field} {changes.pop(field)}" if field in changes else line)
        path = self._path(f"conf/{name}")
        _write(path, "\n".join(lines + [f"{field} {value}" for field, value in changes.items()]) + "\n")
        self._run("qconf", load, path)

    def _takes_jobs(self) -> bool:
        """Tell whether the queue instance is in no alarm or unknown state."""
        lines = self._run("qstat", "-f", check=False).stdout.splitlines()
        rows = [line.split() for line in lines if line.startswith(f"{QUEUE}@")]
        return bool(rows) and len(rows[0]) == 5 and "-NA-" not in rows[0]

    def _run(
        self, *command: str, user: str | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env=self.environment,
            cwd="/",
            user=user,
            group=user,
            extra_groups=[] if user else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WITHIN_S,
            check=False,
        )
        if check and done.returncode:
            raise NoGrid(f"{' '.join(command)}: status {done.returncode}: {done.stdout.strip()}")
        return done

    @staticmethod
    def _wait(what: str, come: object) -> None:
        assert callable(come)
        until = time.monotonic() + WITHIN_S
        while not come():
            if time.monotonic() > until:
                raise NoGrid(f"waited {WITHIN_S:.0f} s in vain for {what}")
            time.sleep(0.2)

    def _daemons(self) -> list[int]:
        """Return the processes of this grid and no other: those with its SGE_ROOT."""
        mark = f"SGE_ROOT={self._path('root')}".encode()
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/environ", "rb") as file:
                    if mark in file.read().split(b"\0"):
                        found.append(int(name))
            except OSError:
                continue
        return [pid for pid in found if pid != os.getpid()]


def resident_kib(pid: int) -> int:
    """Return a process's resident memory, from /proc."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def _end(pid: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        for _ in range(50):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main() -> int:
    """Run a command with a grid around it and return its status."""
    with Grid() as grid:
        environment = {**os.environ, **grid.environment, "GRID_DIRECTORY": grid.directory}
        return subprocess.run(sys.argv[1:] or ["/bin/bash"], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

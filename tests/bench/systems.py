"""The things that are measured, as a user meets them: a folder of commands and a process behind them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from .grid import BINARIES, Grid, resident_kib

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LATER = "203001010000"
"""A date for -a: such jobs stay pending."""
WITHIN_S = 120.0


class System(Protocol):
    """Something with qsub, qstat and qdel."""

    name: str
    commands: str
    """Folder of the commands."""
    environment: Mapping[str, str]

    def has(self, command: str) -> bool:
        """Tell whether there is such a command."""
        ...

    def process(self) -> int | None:
        """The process that does the work, if it is up."""
        ...

    def close(self) -> None:
        """End it and remove what it left."""
        ...


class Ours:
    """This checkout's commands, as an installation has them: an absolute interpreter, no site packages."""

    def __init__(self) -> None:
        self.name = "gridcompat"
        self.directory = tempfile.mkdtemp(prefix="gridcompat-bench-")
        self.commands = os.path.join(self.directory, "bin")
        self.state = os.path.join(self.directory, "state")
        os.mkdir(self.commands)
        for command in os.listdir(os.path.join(CHECKOUT, "bin")):
            self._install(command)
        self.environment: Mapping[str, str] = {
            "PATH": f"{self.commands}:/usr/bin:/bin",
            "HOME": self.directory,
            "GRIDCOMPAT_STATE": self.state,
        }

    def _install(self, command: str) -> None:
        with open(os.path.join(CHECKOUT, "bin", command), encoding="utf-8") as file:
            lines = file.read().splitlines()
        lines[0] = f"#!{os.path.realpath(sys.executable)} -IS"
        text = "\n".join(lines).replace(
            "os.path.dirname(os.path.dirname(os.path.realpath(__file__)))", repr(CHECKOUT)
        )
        path = os.path.join(self.commands, command)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        os.chmod(path, 0o755)

    def has(self, command: str) -> bool:
        """See System."""
        return os.path.exists(os.path.join(CHECKOUT, "gridcompat", "commands", f"{command}.py"))

    def process(self) -> int | None:
        """The daemon; it writes its number into the file that it locks."""
        try:
            with open(os.path.join(self.state, "daemon.lock"), encoding="ascii") as file:
                return int(file.read())
        except (OSError, ValueError):
            return None

    def end_daemon(self) -> None:
        """End the daemon and wait until it is gone; the next command starts one."""
        pid = self.process()
        if pid is None:
            return
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        until(lambda: not os.path.exists(f"/proc/{pid}"), 20)

    def close(self) -> None:
        """End the daemon and remove the state."""
        run(self, ["qdel", "-u", "*"], check=False)
        settle(self, within_s=20)
        self.end_daemon()
        shutil.rmtree(self.directory, ignore_errors=True)


class Real:
    """The real grid; `wrapped` is what Debian puts into PATH: a shell script around each binary."""

    def __init__(self, grid: Grid, *, wrapped: bool) -> None:
        self.name = "grid (Debian's wrapper)" if wrapped else "grid (bare binary)"
        self.grid = grid
        self.commands = "/usr/bin" if wrapped else BINARIES
        self.environment: Mapping[str, str] = grid.environment

    def has(self, command: str) -> bool:
        """See System."""
        return os.path.exists(os.path.join(BINARIES, command))

    def process(self) -> int | None:
        """The master."""
        return self.grid.master()

    def close(self) -> None:
        """The grid is closed by whoever opened it."""


def run(system: System, words: Sequence[str], *, check: bool = True) -> str:
    """Run a command and return its standard output; its wall time does not matter."""
    done = subprocess.run(
        [os.path.join(system.commands, words[0]), *words[1:]],
        env=dict(system.environment),
        cwd=system.environment["HOME"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    if check and done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise RuntimeError(f"{system.name}: {' '.join(words)[:200]}: status {done.returncode}: {said[:500]}")
    return done.stdout


def timed(system: System, words: Sequence[str], *, status: int = 0) -> float:
    """Return the wall time in seconds of one command, from before its start to after its end.

    Raises:
        RuntimeError: another exit status than `status`: that was no measurement.
    """
    path = os.path.join(system.commands, words[0])
    environment, home = dict(system.environment), system.environment["HOME"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [path, *words[1:]],
        env=environment,
        cwd=home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    _, said = process.communicate(timeout=WITHIN_S)
    took = time.perf_counter() - start
    if process.returncode != status:
        raise RuntimeError(f"{system.name}: {' '.join(words)}: status {process.returncode}: {said[-500:]!r}")
    return took


def jobs(system: System) -> list[str]:
    """The ids of the jobs that qstat shows."""
    rows = run(system, ["qstat"]).splitlines()[2:]
    return list(dict.fromkeys(row.split()[0] for row in rows))


def fill(system: System, wanted: int) -> None:
    """Bring the number of pending jobs to `wanted`, each a job of its own, with the grid's own commands."""
    while (have := jobs(system)) and len(have) < wanted:
        run(system, ["qresub", *have[: min(wanted - len(have), 1000)]])
    if not have and wanted:
        submit(system)
        fill(system, wanted)
    for first in range(wanted, len(have), 1000):
        run(system, ["qdel", *have[first : first + 1000]])
    settle(system)


def submit(system: System, *options: str) -> str:
    """Submit a job that stays pending and return its id."""
    return run(system, ["qsub", *pending(*options)]).split()[2].partition(".")[0]


def pending(*options: str) -> list[str]:
    """The words of a submission that stays pending."""
    return ["-a", LATER, "-o", "/dev/null", "-j", "y", "-N", "bench", *options, "-b", "y", "/bin/true"]


def settle(system: System, *, within_s: float = WITHIN_S) -> None:
    """Wait until the process behind the commands has nothing to do, so that it is not measured with them."""
    pid = system.process()
    if pid is None:
        return
    end = time.monotonic() + within_s
    quiet = 0
    before = cpu_ticks(pid)
    while quiet < 3 and time.monotonic() < end:
        time.sleep(0.15)
        now = cpu_ticks(pid)
        quiet = quiet + 1 if now - before <= 1 else 0
        before = now


def cpu_ticks(pid: int) -> int:
    """Return the processor time that a process has spent, in clock ticks; 0 when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            fields = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[11]) + int(fields[12])


def memory_mib(system: System) -> float | None:
    """Return the resident memory of the process behind the commands."""
    pid = system.process()
    return None if pid is None else resident_kib(pid) / 1024


def until(come: object, within_s: float = WITHIN_S) -> None:
    """Wait for something, with a limit."""
    assert callable(come)
    end = time.monotonic() + within_s
    while not come():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {within_s:.0f} s in vain")
        time.sleep(0.01)

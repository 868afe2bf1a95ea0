"""Processes of pods on this machine: start one with a lock that outlives us, find it again, end it.

A launcher holds an exclusive flock on a file of its pod for as long as it lives, whoever else dies; so
a new daemon knows without asking which pods still run.  The program of the pod does not have the
lock.  What belongs to a pod is found by what only its processes have in their environment (cookies), and
by session.  Must not know objects.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    Cookies: TypeAlias = Sequence[bytes]
    """`NAME=value` as it stands in an environment."""

LOCK_FD = 9
"""Where the launcher finds its lock; a single digit, since sh cannot close others."""
COOKIE = "GRIDCOMPAT_POD_UID"
ALL_SIGNALS = sorted(set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP})
# Notes its own pid before anything else, so that `begun` is there exactly if something may have run.
_FIRST = 'printf "%s\\n" "$$" >"$0" && cd "$1" && shift && exec "$@"'


def try_lock(path: str) -> int | None:
    """Return a descriptor that holds the lock, or None if a living launcher has it. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def start(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    lock: int,
    begun: str,
    directory: str,
    log: str,
) -> int:
    """Start a process in a session of its own and return its pid; it takes over the lock.

    Signals, mask and descriptors are clean. `begun` is the file in which it first writes its pid.
    Raises OSError.
    """
    mode = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # What this process itself was given by whoever started it; its own are all close-on-exec.
    strays = [fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 2 and _inheritable(fd)]
    return os.posix_spawn(
        "/bin/sh",
        [os.fsencode(word) for word in ("/bin/sh", "-c", _FIRST, begun, directory, *argv)],
        {os.fsencode(name): os.fsencode(value) for name, value in environment.items()},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            *((os.POSIX_SPAWN_CLOSE, fd) for fd in strays),
            (os.POSIX_SPAWN_OPEN, 1, log, mode, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            (os.POSIX_SPAWN_DUP2, lock, LOCK_FD),
        ],
        setsid=True,
        setsigmask=[],
        setsigdef=ALL_SIGNALS,
    )


def _inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:
        return False  # closed meanwhile


def begun_pid(path: str) -> int | None:
    """Return the pid that a launcher noted, or None if none ever began."""
    try:
        with open(path, encoding="ascii") as file:
            text = file.read().strip()
    except (OSError, ValueError):
        return None
    # An empty file: it was about to write, so it began.
    return int(text) if text.isdigit() else 0


def members(cookies: Cookies, *, besides: int = 0) -> list[int]:
    """Return the living processes of a pod: those with a cookie in the environment, and their sessions.

    `besides`: a session that is left out.
    """
    sessions: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            session = _session(name)
            if session is not None:
                sessions[int(name)] = session
    marked = {pid for pid in sessions if _marked(pid, cookies)}
    wanted = {sessions[pid] for pid in marked} - {0, os.getsid(0)}
    mine = os.getpid()
    return [
        pid
        for pid, session in sessions.items()
        if (pid in marked or session in wanted) and session != besides and pid not in (mine, besides)
    ]


def _session(pid: str) -> int | None:
    """The session of a process; None if it is gone or a zombie."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else int(fields[3])
    except (OSError, IndexError, ValueError):
        return None


def _marked(pid: int, cookies: Cookies) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environment = b"\0" + file.read()
    except OSError:
        return False
    return any(b"\0" + cookie + b"\0" in environment for cookie in cookies)


def end_all(cookies: Cookies, *, limit_s: float = 5.0) -> bool:
    """KILL every process of a pod until none is left; return whether that was reached in time."""
    until = time.monotonic() + limit_s
    while True:
        left = members(cookies)
        if not left:
            return True
        for pid in left:
            send(pid, signal.SIGKILL)
        if time.monotonic() > until:
            return False
        # Killed processes are still listed for a moment.
        time.sleep(0.002)


def stop_all(cookies: Cookies, launcher: int) -> bool:
    """STOP the processes of a pod but its launcher; return whether there were any."""
    seen: set[int] = set()
    while True:
        fresh = [pid for pid in members(cookies, besides=launcher) if pid not in seen]
        if not fresh:
            return bool(seen)
        for pid in fresh:
            send(pid, signal.SIGSTOP)
        seen.update(fresh)  # another look, for what was being forked


def continue_all(cookies: Cookies, launcher: int) -> None:
    """CONT the processes of a pod but its launcher."""
    for pid in members(cookies, besides=launcher):
        send(pid, signal.SIGCONT)


def send(pid: int, number: int) -> None:
    """Send a signal; a process that is gone or not ours is no error."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def watch_pid(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None if that cannot be had."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def has_ended(pid: int, descriptor: int | None) -> bool:
    """Return whether a process, not necessarily a child, is over; by its descriptor if there is one."""
    if descriptor is None:
        return _session(str(pid)) is None
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def reap(pid: int) -> int | None:
    """Return the exit status (128 + signal) of a child that ended; None if it is not our child.

    Raises BlockingIOError if it has not ended yet.
    """
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return None
    if found == 0:
        raise BlockingIOError
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code

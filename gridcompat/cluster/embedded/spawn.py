"""Sees to it that a daemon works on the state directory: a cheap test, and a start when there is none.

The daemon holds `daemon.lock` exclusively for as long as it lives, so testing the lock tells whether there
is one, whatever died how.  Starters take turns through `spawn.lock`; the daemon inherits it and gives it
back when it holds its own, so there are never two starts at once.  Must not know what the daemon does.
"""

from __future__ import annotations

import os
import sys
import time

from gridcompat.cluster.embedded import paths
from gridcompat.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.settings import Settings

SPAWN_LOCK = "spawn.lock"
PATIENCE_S = 20.0
"""A busy machine may take seconds to start an interpreter."""
LOOK_S = 0.005
TRIES = 3
"""Something may kill the daemon just then."""
KEPT_VARIABLES = ("HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
CLEAN_PATH = "/usr/local/bin:/usr/bin:/bin"
LEAST_LIMITS = (
    ("AS", "-v", 256 << 20),
    ("DATA", "-d", 256 << 20),
    ("FSIZE", "-f", 64 << 20),
    ("NOFILE", "-n", 64),
)
"""(limit, option of ulimit, least hard limit): it would break under less, and its jobs inherit it."""
SIGNALS = tuple(number for number in range(1, 65) if number not in (9, 19, 32, 33))
"""All that can be reset (32 and 33 are the C library's own)."""
READY_FD, LOCK_FD = 3, 4
"""Descriptors the daemon is started with: a pipe for its "ready", and the held `spawn.lock`."""
CODE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from gridcompat.daemon import main; sys.exit(main())"


def ensure_daemon(state_dir: str, settings: Settings) -> None:
    """Start a daemon for a state directory unless one is there; return when it is.

    Costs two system calls when there is one.

    Raises:
        Unavailable: it cannot be started; the message names its log.
    """
    if daemon_lives(state_dir):
        return
    deadline = time.monotonic() + PATIENCE_S
    lock = _take_turn(state_dir, deadline)
    try:
        for _ in range(TRIES):
            if daemon_lives(state_dir) or _start(state_dir, settings, lock, deadline):
                return
        raise _failed(state_dir, "it was killed at once")
    finally:
        os.close(lock)


def daemon_lives(state_dir: str) -> bool:
    """Return whether a daemon holds the state directory's lock."""
    import fcntl

    try:
        lock = os.open(f"{state_dir}/{paths.DAEMON_LOCK}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # Shared, so that hundreds of commands do not meet each other; a starting daemon retries.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def daemon_pid(state_dir: str) -> int | None:
    """Return the process id that the living daemon wrote into its lock file, None without one."""
    if not daemon_lives(state_dir):
        return None
    try:
        with open(f"{state_dir}/{paths.DAEMON_LOCK}", encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def _take_turn(state_dir: str, deadline: float) -> int:
    """Wait until nobody else is starting a daemon; return the held lock file."""
    import fcntl

    try:
        lock = os.open(f"{state_dir}/{SPAWN_LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _failed(state_dir, error.strerror or str(error)) from error
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except OSError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise _failed(state_dir, "another process has been starting it for too long") from None
            time.sleep(LOOK_S)


def _start(state_dir: str, settings: Settings, lock: int, deadline: float) -> bool:
    """Start the daemon and wait until it says that it is ready; False if somebody killed it before."""
    import select

    _check_limits(state_dir)
    ready, theirs = os.pipe()
    try:
        # High enough not to be overwritten by each other on their way to 3 and 4.
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, f"{state_dir}/{paths.DAEMON_LOG}", _LOG_FLAGS, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        pipe, held = _above(theirs), _above(lock)
        actions += [(os.POSIX_SPAWN_DUP2, pipe, READY_FD), (os.POSIX_SPAWN_DUP2, held, LOCK_FD)]
        try:
            pid = os.posix_spawn(
                sys.executable,
                [*command(state_dir), "--ready-fd", str(READY_FD), "--lock-fd", str(LOCK_FD)],
                _environment(settings),
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=SIGNALS,
            )
        except OSError as error:
            raise _failed(state_dir, error.strerror or str(error)) from error
        finally:
            os.close(pipe)
            os.close(held)
    finally:
        os.close(theirs)
    try:
        while time.monotonic() < deadline:
            if select.select([ready], [], [], 0.5)[0]:
                if os.read(ready, 1):
                    return True
                # With 0 it has found another one, started by hand, at work.
                status = _status(pid)
                if status > 0:
                    raise _failed(state_dir, "it ended at once")
                return status == 0
        raise _failed(state_dir, "it did not get ready in time")
    finally:
        os.close(ready)


def _check_limits(state_dir: str) -> None:
    """Leave the start to a later command if the limits of this one are too low; nobody can raise them."""
    import resource

    for name, option, least in LEAST_LIMITS:
        hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]
        if hard != resource.RLIM_INFINITY and hard < least:
            raise _failed(state_dir, f"the limit set by 'ulimit {option}' is too low for it and for jobs")


_LOG_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def _above(descriptor: int) -> int:
    """A duplicate out of the way of the numbers that the daemon is given."""
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 16)


def command(state_dir: str) -> list[str]:
    """Return the words that run the daemon of a state directory."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    # Isolated: no PYTHON* variable of whoever came first decides how it runs. With the interpreter's own
    # site-packages, for psutil; nothing fails without them.
    return [
        sys.executable,
        "-I",
        "-c",
        CODE,
        os.path.dirname(package),
        "--state",
        state_dir,
    ]


def _environment(settings: Settings) -> dict[str, str]:
    """A clean environment: the daemon outlives the shell that happened to start it."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    kept |= {name: value for name, value in os.environ.items() if name.startswith("GRIDCOMPAT_")}
    return kept | {"PATH": CLEAN_PATH}


def _status(pid: int) -> int:
    """The exit status of a child that has ended or is about to; negative if a signal ended it."""
    try:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except OSError:  # somebody else waited for it
        return -1


def _failed(state_dir: str, why: str) -> Unavailable:
    return Unavailable(
        f"the daemon cannot be started: {why}", hint=f"its log is {state_dir}/{paths.DAEMON_LOG}"
    )

"""What can be missing on this machine: for the commands themselves, and for the embedded cluster.

Looks, and changes nothing but what it removes again. Must not know the API server.
"""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from gridcompat.cli._finding import ok, problem, warning
from gridcompat.migration.files import is_ours
from gridcompat.packaging import PACKAGE
from gridcompat.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gridcompat.cli._finding import Finding, Found
    from gridcompat.settings import Settings

COMMANDS = ("qsub", "qstat", "qdel", "jsub")
CRON_PATH = "/usr/bin:/bin"
"""Source: crontab(5), Debian."""
LEAST_FREE = 64 << 20
"""Bytes that a state directory may need for a burst of jobs with large scripts."""
CONNECT_S = 3.0
AHEAD_S = 300.0
OLDEST = 1735689600
"""1 January 2025: a clock before this was never set."""
JOB_PATH = "/usr/local/bin:/usr/bin:/bin"


@record
class Host:
    """The machine as a command sees it."""

    settings: Settings
    environ: Mapping[str, str]
    home: str
    python: tuple[int, int, int] = (0, 0, 0)
    now: float = 0.0
    cron_path: str = CRON_PATH
    mounts: str = "/proc/self/mountinfo"


def python(host: Host) -> Finding:
    """The interpreter is new enough."""
    text = ".".join(map(str, host.python))
    if host.python < (3, 11):
        return problem(f"Python {text} is too old; 3.11 is needed", "apt-get install python3.11")
    return ok(f"Python {text} ({sys.executable})")


def home(host: Host) -> Finding:
    """Output files, .jsubrc and caches are in the home."""
    if not os.path.isdir(host.home):
        return problem(f"the home {host.home} is not there", f"mount it, or: install -d -m 0755 {host.home}")
    if not os.access(host.home, os.W_OK | os.X_OK):
        return problem(
            f"the home {host.home} cannot be written, so no output file can be made there",
            f"chown {os.getuid()} {host.home}",
        )
    if _free(host.home) < LEAST_FREE:
        return problem(f"the disk of the home {host.home} is full", f"du -xh {host.home} | sort -h | tail")
    return ok(f"the home {host.home} can be written")


def clock(host: Host) -> Finding:
    """A clock that is far off gives wrong times in records and holds -a back."""
    if host.now < OLDEST:
        return problem(
            f"the clock says {time.strftime('%Y-%m-%d', time.gmtime(host.now))}", "timedatectl set-ntp true"
        )
    newest = max((_changed(path) for path in _written(host)), default=0.0)
    if newest - host.now > AHEAD_S:
        return problem(
            f"the clock is {newest - host.now:.0f} s behind what was written here before",
            "timedatectl set-ntp true",
        )
    return ok("the clock is plausible")


def _written(host: Host) -> list[str]:
    return [path for path in (host.settings.state_dir, host.settings.accounting_file, host.home) if path]


def _changed(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def search_path(host: Host) -> Found:
    """`qsub` is ours, not a real grid's."""
    found = []
    for name in COMMANDS:
        where = shutil.which(name, path=host.environ.get("PATH", os.defpath))
        if where is None:
            found.append(problem(f"{name} is not in PATH", f'export PATH="{_commands()}:$PATH"'))
        elif not is_ours(where):
            found.append(
                problem(f"{name} is {where}, which is not gridcompat's", f'export PATH="{_commands()}:$PATH"')
            )
    return found or ok(f"{', '.join(COMMANDS)} are gridcompat's")


def _commands() -> str:
    here = (os.path.join(_package_parent(), "bin"), os.path.dirname(sys.executable))
    return next((path for path in here if os.access(os.path.join(path, "qsub"), os.X_OK)), here[0])


def cron(host: Host) -> Finding:
    """Cron knows neither the PATH nor the variables of a login shell."""
    where = shutil.which("qsub", path=host.cron_path)
    repair = f"write this as the first line of the crontab: PATH={_commands()}:{host.cron_path}"
    if where is None:
        return warning(f"cron does not find qsub in {host.cron_path}", repair)
    if not is_ours(where):
        return warning(f"cron finds {where}, which is not gridcompat's", repair)
    environment = {"HOME": host.home, "PATH": host.cron_path, "SHELL": "/bin/sh", "LOGNAME": "nobody"}
    try:
        done = subprocess.run(
            [where, "-help"], env=environment, capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return problem(f"{where} does not start in cron's environment: {error}", repair)
    if done.returncode:
        first = (done.stderr or done.stdout).strip().partition("\n")[0]
        return problem(f"{where} fails in cron's environment: {first}", repair)
    return ok(f"cron finds {where}, and it starts there")


def shells(host: Host) -> Found:
    """What the launcher needs, and the shells that queues name."""
    found = []
    wanted = {"setsid": "util-linux", "env": "coreutils", "ps": "procps"}
    for name, package in wanted.items():
        if shutil.which(name, path=JOB_PATH) is None:
            found.append(problem(f"{name} is missing, which each job needs", f"apt-get install {package}"))
    for queue in host.settings.queues:
        if not os.access(queue.shell, os.X_OK):
            found.append(
                problem(
                    f"the shell {queue.shell} of queue {queue.name} is no program",
                    f'set shell = "/bin/sh" in the [[queue]] {queue.name} of the settings',
                )
            )
    if not os.access("/bin/sh", os.X_OK):
        found.append(problem("/bin/sh is no program", "apt-get install dash"))
    login = host.environ.get("SHELL", "")
    if login and not os.access(login, os.X_OK):
        found.append(warning(f"SHELL is {login}, which is no program", "chsh -s /bin/bash"))
    return found or ok("the shells and programs that jobs need are there")


def mail(host: Host) -> Finding:
    """The way of mail answers; nothing is sent."""
    from gridcompat.mailer.reasons import Unreachable
    from gridcompat.mailer.transport import server_address

    settings = host.settings
    if not settings.smtp:
        if settings.sendmail and os.access(settings.sendmail, os.X_OK):
            return ok(f"mail goes through {settings.sendmail}")
        return warning(
            f"no mail can be sent: {settings.sendmail or 'sendmail'} is no program and smtp is not set",
            'set smtp = "mail.example.org:25" in the settings, or: apt-get install msmtp-mta',
        )
    password = settings.smtp_password_file
    if settings.smtp_user and not (password and os.access(password, os.R_OK)):
        return problem(
            f"the password of {settings.smtp_user} cannot be read from '{password}'",
            f"chmod 0600 {password or 'FILE'} and chown it to whoever runs the daemon",
        )
    try:
        name, port = server_address(settings.smtp, settings.smtp_tls)
        with socket.create_connection((name, port), timeout=CONNECT_S):
            return ok(f"the mail server {name}:{port} answers")
    except (OSError, ValueError, Unreachable) as error:
        why = getattr(error, "strerror", None) or str(error)
        return problem(
            f"the mail server {settings.smtp} does not answer: {why}",
            "correct smtp in the settings, or start that server; mails wait for 5 days",
        )


def state(host: Host) -> Found:
    """The embedded cluster's directory: local, ours, writable, with room."""
    from gridcompat.cluster.embedded import paths

    path = paths.state_dir(host.settings)
    elsewhere = f"export GRIDCOMPAT_STATE=/var/tmp/gridcompat-{os.getuid()}"
    found = []
    if paths.on_network_file_system(path, mounts=host.mounts):
        found.append(
            problem(f"the state directory {path} is on a network file system, where SQLite fails", elsewhere)
        )
    if not os.access(path, os.W_OK | os.X_OK):
        found.append(problem(f"the state directory {path} cannot be written", f"chmod u+rwx {path}"))
    elif _free(path) < LEAST_FREE:
        found.append(problem(f"the disk of the state directory {path} is full", f"df -h {path}"))
    return found or ok(f"the state directory is {path}")


def _free(path: str) -> int:
    """Bytes that this user may still write; 0 without an inode left."""
    there = os.statvfs(path)
    return there.f_bavail * there.f_frsize if there.f_favail or not there.f_files else 0


def database(host: Host) -> Finding:
    """The objects can be read."""
    from gridcompat.cluster.base import GRID_JOB
    from gridcompat.cluster.embedded import paths
    from gridcompat.cluster.embedded.store import EmbeddedCluster
    from gridcompat.errors import GridError

    path = paths.state_dir(host.settings)
    if not os.path.exists(f"{path}/{paths.DATABASE}"):
        return ok("no job was submitted here yet")
    try:
        cluster = EmbeddedCluster(path)
        try:
            rows = cluster.table(GRID_JOB, namespace=None).rows
        finally:
            cluster.close()
    except GridError as error:
        return problem(
            f"the jobs cannot be read: {error.message}",
            f"gridcompat local stop; mv {path} {path}.broken; "
            f"mkdir -m 0700 -p {path}/common; cp {path}.broken/common/accounting {path}/common/",
        )
    return ok(f"{len(rows)} jobs can be read")


def daemon(host: Host) -> Finding:
    """One daemon works, with this program, or none is needed."""
    from gridcompat.cluster.embedded import paths, spawn

    path = paths.state_dir(host.settings)
    pid = spawn.daemon_pid(path)
    if spawn.daemon_lives(path):
        if pid is None or not os.path.exists(f"/proc/{pid}"):
            return problem(
                f"{path}/{paths.DAEMON_LOCK} is held, but not by the daemon that is written there",
                f"fuser -v {path}/{paths.DAEMON_LOCK}  # and end what holds it",
            )
        other = _program_of(pid)
        if other and os.path.realpath(other) != _package_parent():
            return warning(
                f"the daemon (process {pid}) runs from {other}, these commands from {_package_parent()}",
                "gridcompat local stop && gridcompat local start",
            )
        return ok(f"the daemon works (process {pid})")
    left = _unfinished(path)
    if left:
        return warning(f"no daemon works, and {left} jobs are not finished", "gridcompat local start")
    return ok("no daemon works, for there is nothing to do")


def _package_parent() -> str:
    return os.path.dirname(os.path.realpath(PACKAGE))


def _program_of(pid: int) -> str:
    """The directory that a daemon imports gridcompat from, "" if that cannot be seen."""
    from gridcompat.cluster.embedded.spawn import CODE

    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().decode("utf-8", "surrogateescape").split("\0")
        return words[words.index(CODE) + 1]
    except (OSError, ValueError, IndexError):
        return ""


def _unfinished(state_dir: str) -> int:
    from gridcompat.cluster.base import GRID_JOB
    from gridcompat.cluster.embedded import paths
    from gridcompat.cluster.embedded.store import EmbeddedCluster
    from gridcompat.errors import GridError
    from gridcompat.translate.grid_job import unfinished

    if not os.path.exists(f"{state_dir}/{paths.DATABASE}"):
        return 0
    try:
        cluster = EmbeddedCluster(state_dir)
        try:
            jobs = cluster.table(GRID_JOB, namespace=None)
        finally:
            cluster.close()
    except GridError:
        return 0  # `database` says so
    return unfinished(jobs)


def accounting(host: Host) -> Finding:
    """`qacct` reads the records, from a file that only the daemon writes."""
    if not host.settings.accounting_file and host.settings.cluster != "kubernetes":
        return ok("records are in the state directory")
    path = host.settings.shared_accounting()
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return problem(
            f"the directory of the accounting file, {folder}, is not there",
            f"mount the volume that the daemon writes to, or: install -d -m 0755 {folder}",
        )
    if not os.path.exists(path):
        return ok(f"{path} is made with the first record")
    if not os.access(path, os.R_OK):
        return problem(f"{path} cannot be read, so qacct shows nothing", f"chmod a+r {path}")
    if host.settings.cluster == "kubernetes" and os.getuid() != 0 and os.access(path, os.W_OK):
        mode = stat.S_IMODE(os.stat(path).st_mode)
        return warning(f"{path} can be written by this user (mode {mode:04o})", f"chmod 0644 {path}")
    return ok(f"{path} can be read")


EVERYWHERE: tuple[tuple[str, Callable[[Host], Found]], ...] = (
    ("python", python),
    ("home", home),
    ("clock", clock),
    ("path", search_path),
    ("cron", cron),
    ("accounting", accounting),
)
EMBEDDED: tuple[tuple[str, Callable[[Host], Found]], ...] = (
    ("shells", shells),
    ("mail", mail),
    ("state", state),
    ("database", database),
    ("daemon", daemon),
)

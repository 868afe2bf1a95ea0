"""The process that makes things happen on the embedded cluster: controller, pods, mail.

Started by the first command that needs it (`cluster.embedded.spawn`), one for each state directory, ends
when nothing is left to do.  It may be killed at any moment: the objects are the truth, and the next
command starts another.  Must not know switches.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import stat
import sys
import threading
import time

from gridcompat.cluster.embedded import paths
from gridcompat.cluster.embedded.program import Program
from gridcompat.cluster.embedded.spawn import command
from gridcompat.controller.stopping import Threads, set_at_signals
from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.loop import Controller
    from gridcompat.settings import Settings

LOCK_PATIENCE_S = 1.0
"""Commands test the lock for a moment each; one that is still held after this is a daemon's."""
LOOK_S = 0.25
FIRST_LOOK_S = 0.5
"""For the first look at all jobs, before the command that started the daemon goes on."""
STOP_S = 10.0
"""For threads to end; what they do then is cut off, which loses nothing."""
LOG_BYTES = 1024 * 1024
REPLACED = "the program was replaced"
USAGE = "usage: python -m gridcompat.daemon --state DIR | --cluster\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the daemon of a state directory; return an exit status: 0 when another one is at work."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words == ["--cluster"]:
        from gridcompat.replica.process import main as replica

        return replica()
    options = dict(zip(words[::2], words[1::2], strict=False))
    known = {"--state", "--ready-fd", "--lock-fd"}
    if not options.get("--state") or len(words) % 2 or not options.keys() <= known:
        sys.stderr.write(USAGE)
        return 2
    state_dir = os.path.abspath(options["--state"])
    ready, turn = (int(options.get(name, "-1")) for name in ("--ready-fd", "--lock-fd"))
    lock = _lock(state_dir, LOCK_PATIENCE_S)
    if lock is None:
        return 0
    _be_a_daemon(keep={ready, turn, lock})
    log = Log(f"{state_dir}/{paths.DAEMON_LOG}")
    daemon = Daemon(state_dir, log)
    set_at_signals(daemon.stop)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        return _serve(daemon, lock, ready, turn)
    except Exception as error:  # noqa: BLE001  (the log is all that anybody sees of it)
        import traceback

        log.write("ended by an error: " + "".join(traceback.format_exception(error)))
        return 1


def _serve(daemon: Daemon, lock: int, ready: int, turn: int) -> int:
    """Work until nothing is left, then let go of the lock and look once more.

    Whoever wrote something before the lock was given up saw a daemon and went away: so the objects are
    looked at after that, and if there is work the lock is taken again, unless a new daemon has it.
    """

    def tell() -> None:
        nonlocal ready, turn
        if ready >= 0:
            os.write(ready, b"\n")
        for descriptor in (ready, turn):
            if descriptor >= 0:
                os.close(descriptor)
        ready = turn = -1

    while True:
        ended = daemon.run(tell)
        os.close(lock)
        if ended != "idle" or daemon.stop.is_set() or not daemon.has_work():
            daemon.log.write(f"ended: {ended}")
            if ended == REPLACED:
                # Nothing but the standard streams is handed on; whoever takes the lock first is the daemon.
                os.execv(sys.executable, command(daemon.state_dir))
            return 0 if ended != "error" else 1
        again = _lock(daemon.state_dir, LOCK_PATIENCE_S)
        if again is None:
            return 0
        daemon.log.write("there is work again")
        lock = again


def _lock(state_dir: str, patience_s: float) -> int | None:
    """Take the daemon's lock and write our number into it; None when another daemon has it."""
    deadline = time.monotonic() + patience_s
    try:
        lock = os.open(f"{state_dir}/{paths.DAEMON_LOCK}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        sys.stderr.write(f"gridcompat: {state_dir}: {error.strerror}\n")
        return None
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if time.monotonic() > deadline:
                os.close(lock)
                return None
            time.sleep(0.005)
    os.ftruncate(lock, 0)
    os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    return lock


def _be_a_daemon(*, keep: set[int]) -> None:
    """Nothing of whoever started us stays: session, directory, umask, limits, open files."""
    import resource

    try:
        os.setsid()
    except OSError:
        pass  # the leader of a session already
    os.chdir("/")
    os.umask(0o022)
    try:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
    except OSError:
        pass  # only root may be less nice again
    for name in ("AS", "CORE", "CPU", "DATA", "FSIZE", "NOFILE", "NPROC", "RSS", "STACK"):
        number = getattr(resource, f"RLIMIT_{name}", None)
        if number is None:
            continue
        try:
            hard = resource.getrlimit(number)[1]
            resource.setrlimit(number, (hard, hard))
        except (OSError, ValueError):
            pass  # no right to it: then it stays
    for entry in os.listdir("/proc/self/fd"):
        if int(entry) > 2 and int(entry) not in keep:
            try:
                os.close(int(entry))
            except OSError:
                pass  # the one that listed them


class Log:
    """STATE/daemon.log: a time and a line, also what anybody writes to standard error; kept small."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._open()

    def _open(self) -> None:
        try:
            if os.path.exists(self._path) and os.path.getsize(self._path) > LOG_BYTES:
                os.replace(self._path, self._path + ".1")
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError:
            return  # the disk is full or the directory gone: go on with what is open
        os.dup2(file, 1)
        os.dup2(file, 2)
        os.close(file)

    def write(self, text: str) -> None:
        """Add a line (or a traceback)."""
        stamp = time.strftime("%Y-%m-%d %H:%M:%S")
        with self._lock:
            try:
                os.write(2, f"{stamp} [{os.getpid()}] {text.rstrip()}\n".encode("utf-8", "replace"))
                if os.fstat(2).st_size > LOG_BYTES:
                    self._open()
            except OSError:
                pass


class Waker:
    """Lets watches wait for the next commit of any process: reads the FIFO that commits write into."""

    def __init__(self, path: str) -> None:
        _make_fifo(path)
        # Also for writing, so that it is never at its end when the last writer closes.
        self._fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._changed = threading.Condition()
        self._count = 0
        self._seen = threading.local()

    def run(self, stop: threading.Event) -> None:
        """Read until `stop`."""
        while not stop.is_set():
            if not select.select([self._fifo], [], [], LOOK_S)[0]:
                continue
            try:
                os.read(self._fifo, 65536)
            except BlockingIOError:
                continue
            with self._changed:
                self._count += 1
                self._changed.notify_all()
        os.close(self._fifo)

    def wait(self, timeout: float) -> None:
        """Return at the next commit, at once if there was one since this thread's last wait, or in time."""
        with self._changed:
            if getattr(self._seen, "count", -1) == self._count:
                self._changed.wait(timeout)
            self._seen.count = self._count


def _make_fifo(path: str) -> None:
    """Make the FIFO if there is none: its maker died too early, or the state was copied without it."""
    try:
        if stat.S_ISFIFO(os.lstat(path).st_mode):
            return
        os.unlink(path)
    except FileNotFoundError:
        pass
    try:
        os.mkfifo(path, 0o600)
    except FileExistsError:
        pass  # a command was faster


JOB_PATH = ("/usr/local/bin", "/bin", "/usr/bin")
"""Of jobs, behind their TMPDIR. Source: the recorded environment of a job."""


def commands_directory() -> str:
    """Return the directory of the drop-ins that a job would not find by itself; "" if it does."""
    package = os.path.dirname(os.path.realpath(__file__))
    here = (os.path.join(os.path.dirname(package), "bin"), os.path.dirname(sys.executable))
    for directory in here:
        if os.access(os.path.join(directory, "qsub"), os.X_OK):
            break
    else:
        return ""
    mine = os.path.realpath(os.path.join(directory, "qsub"))
    found = next((path for path in JOB_PATH if os.access(os.path.join(path, "qsub"), os.X_OK)), "")
    return "" if found and os.path.realpath(os.path.join(found, "qsub")) == mine else directory


class Daemon:
    """Controller, runner and mailer of one state directory."""

    def __init__(self, state_dir: str, log: Log) -> None:
        from gridcompat import settings

        self.state_dir = state_dir
        self.log = log
        self.stop = threading.Event()
        self.home = os.environ.get("HOME") or "/"
        environment = {**os.environ, "GRIDCOMPAT_STATE": state_dir}
        self.settings: Settings = settings.load(environment, home=self.home, uid=os.getuid())[0]
        if self.settings.run_dir == settings.Settings.run_dir:
            # On one machine the state directory serves, and homes stay as they are.
            self.settings = replace(self.settings, run_dir=f"{state_dir}/run")
        self._inode = os.stat(state_dir).st_ino

    def _variables(self) -> dict[str, str]:
        """What jobs are told beside what their pods say: how their own commands find back here."""
        variables = {"GC_STATE": self.state_dir}
        commands = commands_directory()
        if commands:
            variables["GC_COMMANDS"] = commands
        return variables

    def run(self, ready: Callable[[], None]) -> str:
        """Work; return why it ended: `idle`, `stopped`, `error`, or that the directory is gone."""
        from gridcompat.accounting import AccountingFile
        from gridcompat.cluster.embedded.runner import Runner
        from gridcompat.cluster.embedded.store import EmbeddedCluster
        from gridcompat.controller.loop import Controller
        from gridcompat.mailer.send import Sender

        opened = EmbeddedCluster(self.state_dir, seed=self._seed)
        opened.close()
        waker = Waker(f"{self.state_dir}/{paths.WAKE}")
        cluster = EmbeddedCluster(self.state_dir, waker=waker)
        accounting = self.settings.accounting_file or f"{self.state_dir}/{paths.ACCOUNTING}"
        controller = Controller(
            cluster,
            self.settings,
            accounting=AccountingFile(accounting),
            spool=f"{self.state_dir}/{paths.SPOOL}",
            log=self.note,
        )
        self._collect_logging()
        runner = Runner(cluster, self.state_dir, clock=time.time, variables=self._variables())
        sender = Sender(f"{self.state_dir}/{paths.SPOOL}", self.settings)
        threads = Threads(
            {
                "waker": waker.run,
                "controller": controller.run,
                "runner": runner.run,
                "mailer": sender.run,
            },
            self.note,
        )
        try:
            threads.start()
            # Whoever started us may ask next what became of what they submitted.
            controller.settled.wait(FIRST_LOOK_S)
            ready()
            return self._supervise(controller, threads)
        finally:
            threads.end(STOP_S)
            # The cluster is not closed: watches that nobody waits for still use it, until the process ends.

    def _supervise(self, controller: Controller, threads: Threads) -> str:
        """Return why it is time to end."""
        from gridcompat.outbox.spool import pending

        idle_since: float | None = None
        program = Program(time.monotonic)
        while not self.stop.wait(LOOK_S):
            if not self._is_there():
                return "the state directory was deleted"
            if changed := program.changed():
                # Jobs run on; this or the next command's daemon finds them.
                return f"the program was {changed}"
            if threads.failed.is_set():
                return "error"
            now = time.monotonic()
            if not controller.idle or pending(f"{self.state_dir}/{paths.SPOOL}"):
                idle_since = None
            elif idle_since is None:
                idle_since = now
            elif now - idle_since >= self.settings.daemon_idle_s:
                return "idle"
        return "stopped"

    def note(self, text: str) -> None:
        """Log something, unless the reason is that the state directory is gone: that is said once."""
        if self._is_there():
            self.log.write(text)

    def _collect_logging(self) -> None:
        """Bring what runner and mailer log into the same file, in the same form."""
        import logging

        note = self.note

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                note(self.format(record))

        logging.basicConfig(handlers=[Handler()], format="%(message)s", level=logging.INFO, force=True)

    def _is_there(self) -> bool:
        try:
            return os.stat(self.state_dir).st_ino == self._inode
        except OSError:
            return False

    def has_work(self) -> bool:
        """Whether anything is left to do; looked at when the lock was just given up."""
        from gridcompat.cluster.base import GRID_JOB
        from gridcompat.cluster.embedded.store import EmbeddedCluster
        from gridcompat.controller.draft import gone
        from gridcompat.errors import ClusterError
        from gridcompat.outbox.spool import pending
        from gridcompat.translate.grid_job import is_over

        try:
            cluster = EmbeddedCluster(self.state_dir)
            try:
                jobs = cluster.list(GRID_JOB, namespace=None).items
            finally:
                cluster.close()
        except (ClusterError, OSError):
            return False
        left = any(not is_over(job) or gone(job) for job in jobs)
        return left or pending(f"{self.state_dir}/{paths.SPOOL}")

    def _seed(self) -> list[K8sObject]:
        """The first objects of a new cluster: it belongs to whoever runs the daemon."""
        import grp
        import pwd

        from gridcompat.translate.account import seed

        uid, gid = os.getuid(), os.getgid()
        try:
            owner = pwd.getpwuid(uid).pw_name
        except KeyError:
            owner = str(uid)
        try:
            group = grp.getgrgid(gid).gr_name
        except KeyError:
            group = str(gid)
        owner = self.settings.owner or owner
        return seed(
            self.settings, owner=owner, uid=uid, gid=gid, group=group, groups=os.getgroups(), home=self.home
        )


if __name__ == "__main__":
    sys.exit(main())

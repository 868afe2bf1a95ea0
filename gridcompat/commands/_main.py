"""The process around a drop-in command: who calls, from where, and what is printed when it fails.

The only place that turns errors into text and exit statuses, and never shows a traceback unless
GRIDCOMPAT_DEBUG says so.  Writes to file descriptors, not to `sys.stdout`: an encoding of the caller's
locale must not decide whether a command works.  Must not know switches.
"""

from __future__ import annotations

import errno
import os
import sys
import time

from gridcompat import settings as settings_module
from gridcompat.commands.context import Context
from gridcompat.errors import GridError, Refused, SettingsError, Unavailable, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.options.context import Context as ParsingContext
    from gridcompat.service.means import Means
    from gridcompat.settings import Settings

INTERRUPTED = 130
"""As a shell reports a command that died of SIGINT."""
BROKEN_PIPE = 141
"""As a shell reports a command that died of SIGPIPE, which Python ignores."""


def main(command: str, argv: Sequence[str]) -> int:
    """Run one command and return its exit status.

    Args:
        command: the module in `commands/`.
        argv: as `sys.argv`: the program as called, then its words.
    """
    _fill_standard_descriptors()
    # All that commands make by themselves is private, and must be usable by the next one.
    os.umask(0o077)
    streams = _Streams()
    opened: list[Cluster] = []
    environ = os.environ
    debug = environ.get("GRIDCOMPAT_DEBUG", "").lower() in ("1", "true", "yes")
    try:
        status = _run(command, argv, environ, streams, opened)
        streams.flush()
    except BrokenPipeError:
        return BROKEN_PIPE
    except KeyboardInterrupt:
        status = INTERRUPTED
    except GridError as error:
        status = _told(error, streams, debug)
    except Exception as error:  # noqa: BLE001  (whatever it is, the user gets one line)
        status = _told(_unexpected(error), streams, debug, error)
    finally:
        for cluster in opened:
            cluster.close()
    return streams.status or status


def _run(
    command: str, argv: Sequence[str], environ: Mapping[str, str], streams: _Streams, opened: list[Cluster]
) -> int:
    from importlib import import_module

    module = import_module(f"gridcompat.commands.{command}")
    context = make_context(os.path.basename(argv[0]) or command, environ, streams, opened)
    status: int = module.run(context, list(argv[1:]))
    return status


def make_context(
    command: str, environ: Mapping[str, str], streams: _Streams, opened: list[Cluster]
) -> Context:
    """Return the surroundings of this process; clusters that are opened through it are added to `opened`."""
    uid = os.getuid()
    user, passwd_home = _passwd(uid)
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        home = passwd_home or "/"
    settings, _ = settings_module.load(environ, home=home, uid=uid)
    user = settings.owner or user
    namespace = settings.namespace or _namespace(settings, opened)
    wrote: Callable[[], None] = _nothing
    told: list[bool] = []

    def cluster() -> Cluster:
        if not opened:
            opened.append(_open(settings, user=user, uid=uid, home=home))
        return opened[0]

    def accounting() -> str:
        if settings.accounting_file or settings.cluster != "embedded":
            return settings.shared_accounting()
        from gridcompat.cluster.embedded import paths

        return os.path.join(paths.state_dir(settings), paths.ACCOUNTING)

    if settings.cluster == "embedded":

        def wrote() -> None:
            from gridcompat.cluster.embedded.paths import state_dir
            from gridcompat.cluster.embedded.spawn import ensure_daemon

            try:
                ensure_daemon(state_dir(settings), settings)
            except Unavailable as error:
                # What was asked for is stored, and will be done: not to be done again by a script.
                if not told:
                    streams.err(text_of(GridError(f"{error.message}; it is tried again by the next command")))
                told.append(True)

    return (Context if settings.owner or settings.cluster == "embedded" else _Elsewhere)(
        command=command,
        settings=settings,
        namespace=namespace,
        user=user,
        uid=uid,
        home=home,
        host=os.uname().nodename or "localhost",
        cwd=_cwd(),
        environ=environ,
        now=time.time(),
        cluster=cluster,
        wrote=wrote,
        accounting=accounting,
        stdin=_stdin,
        out=streams.out,
        err=streams.err,
        flush=streams.flush,
    )


class _Elsewhere(Context):
    """Surroundings in which the name of the account is that of its GridAccount, asked for when needed."""

    @property
    def user(self) -> str:
        found = self.__dict__.get("owner")
        if found is None:
            from gridcompat.service.ids import read_account

            account = read_account(self.cluster(), self.namespace)
            found = self.__dict__["owner"] = account["spec"]["owner"]
        return str(found)


def parsing_context(context: Context) -> ParsingContext:
    """Return what `options` reads a command line in."""
    from gridcompat.options.context import Context as ParsingContext
    from gridcompat.options.disk import DiskReader

    return ParsingContext(
        environment=context.environ,
        cwd=context.cwd,
        host=context.host,
        user=context.__dict__["user"],  # as this host knows it: -help needs no cluster
        home=context.home,
        uid=context.uid,
        settings=context.settings,
        now=context.now,
        hosts=() if context.settings.cluster == "embedded" else _Hosts(context),
        reader=DiskReader(),
        taken=lambda: _taken(context),
    )


def _taken(context: Context) -> Mapping[tuple[str, ...], float]:
    """What runs take of what the site gives out."""
    from gridcompat.commands._used import taken

    return taken(context)


class _Hosts:
    """The nodes of a real cluster, asked for when somebody looks at them: few command lines name a host."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._found: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[str]:
        if not self._found:
            from gridcompat.commands._hosts import names

            self._found = names(self._context) or (self._context.host,)
        return iter(self._found)

    def __contains__(self, name: object) -> bool:
        return name in tuple(self)

    def __len__(self) -> int:
        return 1  # at least; nobody counts them


def means(context: Context) -> Means:
    """Return the clock, chance and lock file of this host for `service`."""
    from gridcompat.service.means import Means

    if context.settings.cluster != "embedded":
        return Means(lock_path=f"/var/tmp/gridcompat-{context.uid}.lock")
    from gridcompat.cluster.embedded.paths import state_dir

    return Means(lock_path=os.path.join(state_dir(context.settings), "submit.lock"), poke=context.wrote)


def _nothing() -> None:
    """A cluster elsewhere has its own daemon."""


def _namespace(settings: Settings, opened: list[Cluster]) -> str:
    """The namespace of the kubeconfig's context; `default` on the embedded cluster.

    A kubeconfig that cannot be used is told of when the cluster is asked for something: -help needs none.
    """
    if settings.cluster == "embedded":
        return "default"
    from gridcompat.cluster.rest import connect

    try:
        cluster = connect(settings)
    except SettingsError:
        return "default"
    opened.append(cluster)
    return cluster.namespace


def _open(settings: Settings, *, user: str, uid: int, home: str) -> Cluster:
    if settings.cluster != "embedded":
        from gridcompat.cluster.rest import connect

        return connect(settings)
    from gridcompat.cluster.embedded.paths import state_dir
    from gridcompat.cluster.embedded.store import EmbeddedCluster

    def seed() -> list[K8sObject]:
        from gridcompat.translate.account import seed as objects

        gid = os.getgid()
        return objects(
            settings, owner=user, uid=uid, gid=gid, group=_group(gid), groups=os.getgroups(), home=home
        )

    return EmbeddedCluster(state_dir(settings), seed=seed)


def _passwd(uid: int) -> tuple[str, str]:
    """Name and home of the passwd entry; the uid as text and "" without one."""
    import pwd

    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return str(uid), ""
    return entry.pw_name, entry.pw_dir


def _group(gid: int) -> str:
    import grp

    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return ""


def _stdin() -> bytes:
    parts = []
    try:
        while part := os.read(0, 1 << 16):
            parts.append(part)
    except OSError as error:
        if error.errno not in (errno.EBADF, errno.EIO, errno.EISDIR):
            raise
    return b"".join(parts)


def _told(error: GridError, streams: _Streams, debug: bool, cause: BaseException | None = None) -> int:
    """Print an error and return its status."""
    try:
        streams.flush()
        if debug:
            import traceback

            streams.err("".join(traceback.format_exception(cause or error)))
        streams.err(text_of(error))
    except BrokenPipeError:
        return BROKEN_PIPE
    return error.exit_status


def text_of(error: GridError) -> str:
    """Return what stderr gets: the grid's own words as they are, ours with the program's name."""
    if isinstance(error, Refused):
        return f"Unable to run job: {error.message}\nExiting.\n"
    if isinstance(error, UsageError):
        return f"{error.message}\n"
    lines = error.message.split("\n") + ([error.hint] if error.hint else [])
    return "".join(f"gridcompat: {line}\n" for line in lines)


def _unexpected(error: Exception) -> GridError:
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return GridError(f"{where}{error.strerror or error}")
    if isinstance(error, MemoryError):
        return GridError("not enough memory")
    what = f"{type(error).__name__}: {error}"
    return GridError(f"internal error: {what}", hint="GRIDCOMPAT_DEBUG=1 shows where")


def _fill_standard_descriptors() -> None:
    """Put /dev/null where a standard stream is closed, so that no file of ours gets its number."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is the one that was found closed.
            os.open(os.devnull, os.O_RDWR)


class _Streams:
    """Standard output, buffered, and standard error, in the order of writing."""

    def __init__(self) -> None:
        self._held: list[str] = []
        self.status = 0
        """Not 0 when output was lost."""

    def out(self, text: str) -> None:
        self._held.append(text)

    def err(self, text: str) -> None:
        self.flush()
        self._write(2, text)

    def flush(self) -> None:
        text, self._held = "".join(self._held), []
        if text:
            self._write(1, text)

    def _write(self, descriptor: int, text: str) -> None:
        data = memoryview(text.encode("utf-8", "surrogateescape"))
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            # A closed stream loses text silently, as with any program; a full disk should be known.
            if error.errno != errno.EBADF and descriptor == 1:
                self.status = 1
                self._write(2, f"gridcompat: standard output: {error.strerror}\n")


def _entry(command: str) -> Callable[[], int]:
    def run() -> int:
        return main(command, sys.argv)

    return run


# Entry points of an installed package ([project.scripts]).
jsub = _entry("jsub")
jstart = _entry("jstart")
qcronsub = _entry("qcronsub")
jstop = _entry("jstop")
job = _entry("job")
qsub = _entry("qsub")
qstat = _entry("qstat")
qdel = _entry("qdel")
qhold = _entry("qhold")
qrls = _entry("qrls")
qalter = _entry("qalter")
qresub = _entry("qresub")
qacct = _entry("qacct")
qmod = _entry("qmod")
qhost = _entry("qhost")
qselect = _entry("qselect")
qconf = _entry("qconf")
qping = _entry("qping")
qquota = _entry("qquota")
qrdel = _entry("qrdel")
qrsub = _entry("qrsub")
qrstat = _entry("qrstat")
qlogin = _entry("qlogin")
qrsh = _entry("qrsh")
qsh = _entry("qsh")
qmake = _entry("qmake")
qmon = _entry("qmon")
qtcsh = _entry("qtcsh")

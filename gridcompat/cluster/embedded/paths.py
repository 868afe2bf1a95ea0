"""Where the embedded cluster keeps its files: one private directory on a local disk.

SQLite's write-ahead log needs shared memory, so the directory must not lie on a network file
system; homes on a grid's submit hosts often do.  Knows the names of the files, not what is in them.
"""

from __future__ import annotations

import os
import stat

from gridcompat.errors import SettingsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.settings import Settings

DATABASE = "cluster.db"
WAKE = "wake"
"""FIFO that gets one byte after each commit."""
DAEMON_LOCK = "daemon.lock"
DAEMON_LOG = "daemon.log"
PODS = "pods"
ACCOUNTING = "common/accounting"
SPOOL = "spool"

NETWORK_FILE_SYSTEMS = frozenset(
    (
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "9p",
            "afs",
            "ceph",
            "lustre",
            "gpfs",
            "beegfs",
            "glusterfs",
        ),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "ncpfs", "orangefs", "pvfs2", "panfs"),
    )
)


def state_dir(settings: Settings) -> str:
    """Return the absolute path of the state directory, made with mode 0700 if it was not there.

    The setting `state_dir` wins and is taken as it is.  Without it: `~/.local/state/gridcompat`
    (or `$XDG_STATE_HOME/gridcompat`) if that is on a local file system, else `/var/tmp/gridcompat-UID`.

    Raises:
        SettingsError: it cannot be made, is not a directory, or belongs to or is open to another user.
    """
    chosen = settings.state_dir
    if chosen:
        path = os.path.abspath(os.path.expanduser(chosen))
        make_private(path)
        return path
    base = os.environ.get("XDG_STATE_HOME", "")
    if not base.startswith("/"):
        base = os.path.expanduser("~/.local/state")
    path = base + "/gridcompat"
    fallback = _fallback()
    # Where the fallback is in use it stays in use: a home that was not mounted yesterday is today.
    # A directory with a database in it was chosen before; the answer may not change then.
    used = os.path.exists(f"{path}/{DATABASE}")
    fit = path.startswith("/") and not os.path.isdir(fallback)
    if fit and (used or not on_network_file_system(path)):
        try:
            make_private(path)
        except SettingsError:
            if os.path.lexists(path):
                raise
        else:
            return path
    if os.path.islink(fallback):
        raise SettingsError(f"state_dir: '{fallback}' is a symbolic link")
    make_private(fallback)
    return fallback


def _fallback() -> str:
    return f"/var/tmp/gridcompat-{os.getuid()}"


def make_private(path: str) -> None:
    """Make a directory of mode 0700, and its parents, or check that it is ours and private.

    Raises:
        SettingsError: see `state_dir`.
    """
    try:
        os.makedirs(path, mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        raise SettingsError(f"state_dir: '{path}' cannot be made: {error.strerror}") from error
    try:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode):
            found = os.stat(path)
    except OSError as error:
        raise SettingsError(f"state_dir: '{path}' cannot be used: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode):
        raise SettingsError(f"state_dir: '{path}' is not a directory")
    if found.st_uid != os.getuid():
        raise SettingsError(f"state_dir: '{path}' belongs to another user")
    if found.st_mode & 0o077:
        try:
            os.chmod(path, 0o700)
        except OSError as error:
            raise SettingsError(f"state_dir: '{path}' is open to other users: {error.strerror}") from error


def on_network_file_system(path: str, *, mounts: str = "/proc/self/mountinfo") -> bool:
    """Return whether a path, or the nearest parent that exists, lies on a network file system.

    Source: proc(5), /proc/self/mountinfo. False where that file cannot be read.
    """
    path = os.path.realpath(path)
    best, found = "", ""
    try:
        with open(mounts, encoding="utf-8", errors="surrogateescape") as lines:
            for line in lines:
                fields = line.split(" ")
                point = _unescaped(fields[4])
                inside = path == point or path.startswith(point.rstrip("/") + "/")
                # >= because a later mount on the same point hides the earlier one.
                if inside and len(point) >= len(best):
                    best, found = point, fields[fields.index("-") + 1]
    except (OSError, ValueError, IndexError):
        return False
    return found in NETWORK_FILE_SYSTEMS


def _unescaped(text: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text

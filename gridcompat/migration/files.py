"""Files that are read to be judged, never waited for: the only module here that touches the disk.

What others wrote names these files, so only plain files of a bounded size are opened, nothing in the
kernel's own file systems, and no name is asked of a resolver.
"""

from __future__ import annotations

import errno
import os
import stat

LARGEST = 16 << 20
"""Bytes of a file that is read; scripts have thousands, crontabs tens of thousands."""
_KERNEL = ("/proc", "/sys", "/dev")
"""Reading there can wait, or take away what others wanted to read."""
_KEPT = 512
"""Files that are remembered: a thousand lines name the same few."""
_KEPT_BYTES = 64 << 20
"""Of them together; the interpreters that crontabs name are some megabytes each."""


def plain(path: str) -> bytes:
    """Return the content of a plain file.

    Raises:
        OSError: it cannot be read; EINVAL if it is no plain file, EFBIG if it is too large.
    """
    if "\0" in path:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    real = os.path.realpath(path)
    if any(real == place or real.startswith(place + "/") for place in _KERNEL):
        raise OSError(errno.EINVAL, "not a plain file", path)
    _check(os.stat(path), path)
    # Somebody may put something else there meanwhile: not to wait is the point of O_NONBLOCK.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        _check(os.fstat(descriptor), path)
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    return content


def is_ours(path: str) -> bool:
    """Return whether a program is one of gridcompat's: every way of installing names the package in it."""
    try:
        return speaks_of_us(plain(path))
    except OSError:
        return False


def speaks_of_us(content: bytes) -> bool:
    """Return whether a stub, or a settings.sh, with this content is gridcompat's."""
    return b"gridcompat" in content[:4096]


def _check(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a plain file", path)
    if status.st_size > LARGEST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)


class Disk:
    """What is known of the files of this host, each looked at once."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes | OSError] = {}
        self._kinds: dict[str, str] = {}
        self._room = _KEPT_BYTES

    def put(self, path: str, content: bytes) -> None:
        """Take a program of that content for the one at a path, whatever is there."""
        self._contents[path], self._kinds[path] = content, "executable"

    def content(self, path: str) -> bytes:
        """Return what `plain` returns, from memory if it was asked for before. Raises OSError."""
        found = self._contents.get(path)
        if found is None:
            try:
                found = plain(path)
            except OSError as error:
                found = error
            size = 0 if isinstance(found, OSError) else len(found)
            if len(self._contents) < _KEPT and size <= self._room:
                self._contents[path] = found
                self._room -= size
        if isinstance(found, OSError):
            raise OSError(found.errno, found.strerror, path)
        return found

    def kind(self, path: str) -> str:
        """Return "file", "executable", "dir", "other" or ""."""
        found = self._kinds.get(path)
        if found is None:
            found = _kind(path)
            if len(self._kinds) < 8 * _KEPT:
                self._kinds[path] = found
        return found


def _kind(path: str) -> str:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISDIR(mode):
        return "dir"
    if not stat.S_ISREG(mode):
        return "other"
    return "executable" if os.access(path, os.X_OK) else "file"

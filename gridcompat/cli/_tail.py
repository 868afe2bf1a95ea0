"""The end of a file that a job writes, and what comes after it: for `gridcompat logs`.

The file is somebody's: it may be missing, a directory, a pipe, huge, without line ends, cut short or
replaced while it is read.  Must not know jobs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from gridcompat.record import record

BLOCK = 1 << 16
MOST_BYTES = 16 << 20
"""Of the end that is shown: lines may have any length."""


class CannotShow(Exception):
    """A file that cannot be shown; the text says why."""


@record
class Place:
    """How far a file was read."""

    device: int = 0
    inode: int = 0
    offset: int = 0


def open_file(path: str) -> int:
    """Return an open regular file.

    Raises:
        CannotShow: it is none, or may not be read.
    """
    try:
        # Not waiting for the other end, should it be a pipe.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except ValueError as error:
        raise CannotShow("no such file") from error
    except OSError as error:
        raise CannotShow((error.strerror or str(error)).lower()) from error
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    raise CannotShow("is a directory" if stat.S_ISDIR(mode) else "is not a regular file")


@contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = open_file(path)
    try:
        yield descriptor
    except OSError as error:
        raise CannotShow((error.strerror or str(error)).lower()) from error
    finally:
        os.close(descriptor)


def tail(path: str, lines: int) -> tuple[bytes, Place]:
    """Return the last lines of a file, and the place after them.

    Raises:
        CannotShow: it cannot be read.
    """
    with _opened(path) as descriptor:
        found = os.fstat(descriptor)
        start = end = found.st_size
        data = b""
        # One line end more than lines: the last byte is one as well.
        while start > 0 and data.count(b"\n") <= lines and end - start < MOST_BYTES:
            size = min(BLOCK, start)
            start -= size
            data = os.pread(descriptor, size, start) + data
    kept = data.split(b"\n")
    whole = kept[-1] == b""
    wanted = lines + 1 if whole else lines
    text = b"\n".join(kept[-wanted:]) if lines else b""
    return text, Place(device=found.st_dev, inode=found.st_ino, offset=end)


def more(path: str, place: Place) -> tuple[bytes, Place]:
    """Return what was added since, at most MOST_BYTES of it; of a replaced or shortened file all of it.

    Raises:
        CannotShow: it cannot be read.
    """
    with _opened(path) as descriptor:
        found = os.fstat(descriptor)
        same = (found.st_dev, found.st_ino) == (place.device, place.inode)
        offset = place.offset if same and found.st_size >= place.offset else 0
        data = os.pread(descriptor, MOST_BYTES, offset)
    return data, Place(device=found.st_dev, inode=found.st_ino, offset=offset + len(data))


def is_binary(data: bytes) -> bool:
    """Return whether these bytes are no text: a NUL is in them, or most of them are control characters."""
    if b"\0" in data:
        return True
    sample = data[:4096]
    odd = sum(byte < 32 and byte not in (7, 8, 9, 10, 12, 13, 27) for byte in sample)
    return odd * 10 > len(sample) * 3

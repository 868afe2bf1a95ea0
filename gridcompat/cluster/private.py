"""Files in the user's cache folder that nobody else may read or have written.

What is kept there spares work only: whatever cannot be read or written is done without.  Must not know
what is kept.
"""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def path_of(name: str) -> str:
    """Return the path of a file in this user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):
        base = os.path.expanduser("~/.cache")
    return f"{base}/gridcompat/{name}"


def read(path: str) -> Any:
    """Return what `keep` wrote, None if there is nothing or somebody else could have had a hand in it."""
    from stat import S_ISREG

    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with open(handle, encoding="utf-8") as file:
        status = os.fstat(handle)
        if not S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return None
        try:
            return json.load(file)
        except (OSError, ValueError, RecursionError):
            return None  # torn by a full disk, or of another version


def keep(path: str, value: Any) -> None:
    """Write a value whole or not at all, readable by its owner only from the first moment on."""
    temporary = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(temporary, flags, 0o600)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                json.dump(value, file)
            os.rename(temporary, path)
        except OSError:
            os.unlink(temporary)
    except OSError:
        pass  # a cache that cannot be written is done without


def forget(prefix: str, unwanted: Callable[[Any], bool]) -> None:
    """Remove files whose names begin so and whose values are not wanted any more.

    Args:
        unwanted: is given None for what `read` does not give.
    """
    folder = path_of("")
    try:
        found = [name for name in os.listdir(folder) if name.startswith(prefix) and name.endswith(".json")]
        for name in found:
            if unwanted(read(folder + name)):
                os.unlink(folder + name)
    except OSError:
        pass  # another command is at it, too

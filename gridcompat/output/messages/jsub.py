"""What jsub and its family say once their line was understood; most of it goes to the job's .err file.

Source of all: recordings of Toolforge's jobutils on a real grid.  Every function returns a whole line.
"""

from __future__ import annotations

import time


def stamped(now: float, text: str) -> str:
    """`[CTIME] TEXT`, local time."""
    return f"[{time.ctime(now)}] {text}\n"


def not_executable(path: str) -> str:
    """The program is no file that may be run."""
    return f"{path}: not an executable file"


def already_active(name: str) -> str:
    """-once, -continuous."""
    return f"there is a job named '{name}' already active"


def failed_to_touch(path: str, error: OSError) -> str:
    """An output file could not be made."""
    return f"Failed to touch '{path}': [Errno {error.errno}] {error.strerror}: '{path}'"

"""A command that kills itself at its n-th write: `dying_submitter.py N before|after COMMAND ARGUMENTS`.

A write is a commit of the cluster's file.  `before`: the commit does not happen; `after`: it does, and
nothing else.  No daemon is started, so that a test decides what happens next.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, ROOT)

from gridcompat.cluster.embedded import database, spawn  # noqa: E402  (the path is set first)


class Dying(database.Transaction):
    """Counts the commits of what was begun to write."""

    count = 0
    at = int(sys.argv[1])
    when = sys.argv[2]

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        written = error is None and self._begin != "BEGIN"
        Dying.count += written
        mine = written and Dying.count == self.at
        if mine and self.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        super().__exit__(kind, error, trace)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    database.Transaction = Dying  # type: ignore[misc]  # dies at one of its commits
    spawn.ensure_daemon = lambda *_: None
    from gridcompat.commands._main import main

    sys.exit(main(sys.argv[3], sys.argv[3:]))

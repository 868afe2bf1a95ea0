"""The letters of qstat's state column, each with what it means here.

A state is some of these letters in a fixed order, as `dr` or `Ehqw`.  Source of all: qstat(1),
"Full Format" and `-s`, and what a recorded grid showed.  Must not know objects: `translate.rows` puts
the letters together.
"""

from __future__ import annotations

PENDING = "qw"
"""Waits for a run; also for a release time (-a), which has no letter of its own."""
HELD = "h"
"""Before `qw`: held by -h, qhold or a predecessor. Before `r`: it will not be started a second time."""
REQUEUED = "R"
"""Ran before and was put back: `Rq` waits again, `Rr` runs again."""
PENDING_AGAIN = "Rq"
"""Waits again after that; without a `w`."""
ERROR = "E"
"""`Eqw`: could not be started or said exit 100; waits for `qmod -cj`. A hold shows as `Ehqw`."""
TRANSFERRING = "t"
"""Handed to a host: its pod is intended or made, the program has not been seen running."""
RUNNING = "r"
SUSPENDED = "s"
"""By `qmod -sj`; the processes are stopped, not ended."""
DELETED = "d"
"""Before `t`, `r` or `s`: deletion was ordered, the run has not ended yet."""
FINISHED = "z"
"""Over; only `qstat -s z` shows it."""

"""qtoolkit with SGEIO: a job is submitted and found, by its number, while it runs."""

import time
from pathlib import Path

from qtoolkit.core.data_objects import QState
from qtoolkit.host.local import LocalHost
from qtoolkit.io.sge import SGEIO
from qtoolkit.manager import QueueManager

grid = QueueManager(SGEIO(), LocalHost())
job = grid.submit(["sleep 60"], options={"job_name": "seen"}, work_dir=Path.cwd()).job_id
deadline = time.monotonic() + 30
while (found := grid.get_job(job)) is None or found.state != QState.RUNNING:
    if time.monotonic() > deadline:
        raise SystemExit(f"not seen to run: {found}")
    time.sleep(0.2)
assert found.name == "seen", found

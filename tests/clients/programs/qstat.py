"""qstat, the reader of `qstat -xml`: a job that runs and one that is held."""

import subprocess
import time

from qstat import qstat

subprocess.run(["qsub", "-N", "seen", "-b", "y", "sleep", "60"], check=True)
subprocess.run(["qsub", "-h", "-N", "held", "-b", "y", "true"], check=True)
deadline = time.monotonic() + 30
while time.monotonic() < deadline:
    running, waiting = qstat()
    names = [one["JB_name"] for one in running], [one["JB_name"] for one in waiting]
    if names == (["seen"], ["held"]):
        break
    time.sleep(0.2)
else:
    raise SystemExit(f"not seen as expected: {names}")
subprocess.run(["qdel", "*"], check=True)

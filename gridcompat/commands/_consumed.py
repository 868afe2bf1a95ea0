"""What runs use at the moment: on one machine from /proc, for whoever asks; nobody knows it elsewhere.

Must not know how it is shown.
"""

from __future__ import annotations

from gridcompat.cluster.base import POD, Selector
from gridcompat.errors import ClusterError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gridcompat.commands.context import Context
    from gridcompat.output.consumed import Consumed

JOB_LABEL = "gridcompat.io/job"
TASK_LABEL = "gridcompat.io/task"
REPORTED_S = 40
"""Until a run is so old nothing is known of it, as on the grid. Source: sge_conf(5), load_report_time."""
FEW = 10
"""Jobs up to which the pods of each are asked for."""


def of_runs(context: Context, started: Iterable[tuple[int, int]]) -> Mapping[tuple[int, int], Consumed]:
    """Return what the caller's runs of these jobs use, by job and task, as far as that is known.

    Args:
        started: job and start of each run, in epoch seconds.
    """
    wanted = {str(number) for number, start in started if context.now - start >= REPORTED_S}
    if context.settings.cluster != "embedded" or not wanted:
        return {}
    from gridcompat.cluster.embedded.consumption import measure
    from gridcompat.cluster.embedded.paths import state_dir
    from gridcompat.output.consumed import Consumed

    runs: dict[str, tuple[int, int]] = {}
    selectors = [Selector(labels={JOB_LABEL: one}) for one in wanted] if len(wanted) <= FEW else [Selector()]
    for selector in selectors:
        try:
            pods = context.cluster().list(POD, namespace=context.namespace, selector=selector).items
        except ClusterError:
            continue
        for pod in pods:
            labels = pod["metadata"].get("labels") or {}
            if labels.get(JOB_LABEL) in wanted and (pod.get("status") or {}).get("phase") == "Running":
                task = labels.get(TASK_LABEL) or "1"
                runs[pod["metadata"]["uid"]] = int(labels[JOB_LABEL]), int(task)
    return {
        runs[uid]: Consumed(cpu_s=one.cpu_s, io=one.io, vmem=one.vmem, peak=one.peak)
        for uid, one in measure(state_dir(context.settings), runs).items()
    }

"""What the daemon counts, as Prometheus text. Pure: figures in, text out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gridcompat.translate import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.tally import Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text(
    *, jobs: Iterable[K8sObject], tally: Tally, mail: Mapping[str, int], leads: bool, answered_s: float
) -> str:
    """Return the metrics page.

    Args:
        jobs: GridJobs as the controller knows them; none on a replica that does not lead.
        mail: number of mails by place: `waiting`, `failed`.
        answered_s: seconds since the API server last answered.
    """
    tasks, phases = Counter[tuple[str, str]](), Counter[str]()
    for job in jobs:
        status = job.get("status") or {}
        phases[str(status.get("phase") or "New")] += 1
        for row in status.get("running") or ():
            tasks[str(row.get("state") or ""), str(row.get("queue") or "")] += 1
        for group in status.get("errors") or ():
            tasks["Eqw", ""] += _count(group["tasks"])
        waiting = [status.get("pending") or "", *(group["tasks"] for group in status.get("again") or ())]
        if status.get("phase") in ("Pending", "Active") and any(waiting):
            held = "hqw" if "h" in str(status.get("state") or "") else "qw"
            tasks[held, ""] += sum(map(_count, waiting))
    lines: list[str] = []
    _family(lines, "gridcompat_leader", "gauge", "1 on the replica that leads.", {"": int(leads)})
    _family(
        lines,
        "gridcompat_api_answered_seconds",
        "gauge",
        "Seconds since the API server last answered.",
        {"": round(answered_s, 3)},
    )
    _family(
        lines,
        "gridcompat_jobs",
        "gauge",
        "GridJobs by phase.",
        {_labels(phase=phase): count for phase, count in sorted(phases.items())},
    )
    _family(
        lines,
        "gridcompat_tasks",
        "gauge",
        "Tasks by state (qw, hqw, Eqw; with an attempt t, r, s) and, with an attempt, queue.",
        {_labels(state=state, queue=queue): count for (state, queue), count in sorted(tasks.items())},
    )
    _family(
        lines,
        "gridcompat_mails",
        "gauge",
        "Mails in the spool: waiting to be sent, given up.",
        {_labels(place=place): count for place, count in sorted(mail.items())},
    )
    _family(
        lines,
        "gridcompat_reconcile_errors_total",
        "counter",
        "Looks at a job that failed and are tried again.",
        {"": tally.errors},
    )
    _family(lines, "gridcompat_attempts_total", "counter", "Attempts intended.", {"": tally.started})
    _histogram(
        lines, "gridcompat_dispatch_delay_seconds", "From a job's being ready to run to its attempt.", tally
    )
    return "\n".join(lines) + "\n"


def _count(tasks: str) -> int:
    return ranges.count(ranges.parse(tasks))


def _family(lines: list[str], name: str, kind: str, what: str, samples: Mapping[str, int | float]) -> None:
    lines += [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{labels} {value}" for labels, value in samples.items()]


def _histogram(lines: list[str], name: str, what: str, tally: Tally) -> None:
    lines += [f"# HELP {name} {what}", f"# TYPE {name} histogram"]
    below = 0
    for bound, count in zip(tally.bounds, tally.delays, strict=False):
        below += count
        lines.append(f'{name}_bucket{{le="{bound:g}"}} {below}')
    lines.append(f'{name}_bucket{{le="+Inf"}} {sum(tally.delays)}')
    lines.append(f"{name}_sum {tally.delay_sum:.6f}")
    lines.append(f"{name}_count {sum(tally.delays)}")


def _labels(**values: str) -> str:
    pairs = []
    for name, value in values.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        pairs.append(f'{name}="{escaped}"')
    return "{" + ",".join(pairs) + "}"

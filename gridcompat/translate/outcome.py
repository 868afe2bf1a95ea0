"""From a Pod's status to what became of the attempt.

The launcher's evidence (its one JSON object in the termination message) says most; without it the
container's status has to do.  Whoever runs in the container can write the message, so it is believed
only as far as it fits what the kubelet says, within bounds.  Pure; must not know the cluster.
"""

from __future__ import annotations

import json

from gridcompat import timestamps
from gridcompat.model import Outcome
from gridcompat.record import replace
from gridcompat.translate.pod import JOB_LABEL, TASK_LABEL, is_void

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject

LAUNCHER_FAILED = frozenset((0, 1, 26, 27, 28, 37, 100))
"""Codes of accounting(5) that the launcher gives."""
REASON_LENGTH = 1024
MOST_SECONDS = 10.0 * 366 * 86400
"""Of processor time; a forged message must not break a column."""
MOST_KIB = 1 << 42
MOST_ATTEMPTS = 1 << 31
CLOCK_SLACK_S = 2.0
"""The kubelet's times are whole seconds."""
NODE_GONE = frozenset(
    (
        "NodeLost",
        "Evicted",
        "NodeShutdown",
        "Terminated",
        "Preempting",
        "Shutdown",
        "ContainerStatusUnknown",
        "UnexpectedAdmissionError",
    )
)
"""Reasons (of pod or container) for which the program ended by no fault of its own."""
UNSEEN = 255
"""What a runtime says that was not there at the end; then only the launcher knows.

Source: containerd 1.6 on a node that lost its power (reason Unknown).
"""
NEVER_STARTED = frozenset(
    ("StartError", "ContainerCannotRun", "CreateContainerError", "CreateContainerConfigError")
)
SIGNAL_NAMES = (
    "",
    *("HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE"),
    *("KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT"),
    *("CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU"),
    *("XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"),
)
"""Of Linux on most processors. Source: signal(7)."""


def outcome(pod: K8sObject) -> Outcome | None:
    """Return what became of the attempt, or None while it may still run.

    `ran` False with `failed` 0 means that nothing went wrong with the job: the attempt was withdrawn,
    refused by the kubelet, or claimed by another launcher.
    """
    status = pod.get("status") or {}
    host = str((pod.get("spec") or {}).get("nodeName") or "")
    if is_void(pod):
        return Outcome(ran=False, reason="the attempt was withdrawn", host=host)
    state = _container(status).get("state") or {}
    if "terminated" in state:
        if pod["metadata"].get("deletionTimestamp") and _never_was(status):
            return Outcome(ran=False, reason=_text(state["terminated"].get("message")), lost=True, host=host)
        return _named(pod, _terminated(state["terminated"] or {}, status, host))
    if status.get("phase") in ("Failed", "Succeeded"):
        return _without_status(status, bool(state.get("running")), host)
    if pod["metadata"].get("deletionTimestamp") and not host:
        # It cannot be bound any more, so no kubelet will ever see it.
        return Outcome(ran=False, reason="the attempt was withdrawn", host=host)
    return None


def started_at(pod: K8sObject) -> float | None:
    """Return since when the container runs (or ran), in epoch seconds; None if it never did."""
    state = _container(pod.get("status") or {}).get("state") or {}
    for kind in ("running", "terminated"):
        if kind in state:
            return epoch((state[kind] or {}).get("startedAt"))
    return None


def pending_reason(pod: K8sObject) -> str | None:
    """Return why the pod does not run yet, in the cluster's words; None if it runs or nothing is wrong."""
    status = pod.get("status") or {}
    waiting = (_container(status).get("state") or {}).get("waiting") or {}
    if waiting.get("reason") not in (None, "", "ContainerCreating", "PodInitializing"):
        return _joined(waiting.get("reason"), waiting.get("message"))
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return _joined(condition.get("reason"), condition.get("message"))
    return None


def is_unplaced(pod: K8sObject) -> bool:
    """Return whether the scheduler has looked for a node for the pod and found none."""
    if (pod.get("spec") or {}).get("nodeName"):
        return False
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "PodScheduled" and one.get("status") == "False" for one in conditions)


def epoch(text: object) -> float | None:
    """Return a Kubernetes time in epoch seconds, None for anything else and for times before 1970."""
    seconds = timestamps.epoch(text) if isinstance(text, str) else 0
    return float(seconds) if seconds > 0 else None


def _container(status: dict[str, Any]) -> dict[str, Any]:
    statuses = status.get("containerStatuses") or ()
    return statuses[0] if statuses else {}


def _never_was(status: dict[str, Any]) -> bool:
    """Whether the kubelet says of a deleted pod that it has no container, and never had one that ran.

    Of one that ran it keeps when it started, or that as `lastState`.
    """
    one = _container(status)
    end = (one.get("state") or {}).get("terminated") or {}
    never = not end.get("startedAt") and not (one.get("lastState") or {}).get("terminated")
    return never and end.get("reason") == "ContainerStatusUnknown" and not one.get("restartCount")


def _terminated(state: dict[str, Any], status: dict[str, Any], host: str) -> Outcome:
    code = state.get("exitCode", 0) & 0xFF if isinstance(state.get("exitCode"), int) else 0
    start, end = epoch(state.get("startedAt")) or 0.0, epoch(state.get("finishedAt")) or 0.0
    cause = _text(status.get("reason") or state.get("reason"))
    if state.get("reason") in NEVER_STARTED:
        why = _joined(state.get("reason"), state.get("message"))
        return Outcome(ran=False, exit_status=code, failed=1, reason=why, host=host)
    seen = _evidence(state.get("message"), None if code == UNSEEN else code, start, end, host)
    lost = bool({status.get("reason"), state.get("reason")} & NODE_GONE)
    if seen is None:
        signal = code - 128 if code > 128 else int(state.get("signal") or 0)
        signal = signal if 0 < signal < 65 else 0
        seen = Outcome(
            ran=bool(start),
            start=start,
            end=max(start, end),
            exit_status=code,
            signal=signal,
            failed=100 if signal or lost else 0,
            reason=cause if lost else "",
            host=host,
        )
    fields = dict(seen.__dict__)
    if status.get("reason") == "DeadlineExceeded" and seen.ran and seen.signal:
        fields["failed"] = 37
    # The runtime says so also of a program that saw a child of its own die and went on.
    if state.get("reason") == "OOMKilled" and seen.ran and code == 137:
        fields |= {"failed": seen.failed or 100, "signal": seen.signal or 9}
        fields["reason"] = "out of memory"
    if lost and (seen.ran or not seen.failed):
        fields["lost"] = True
    return Outcome(**fields)


def _without_status(status: dict[str, Any], running: bool, host: str) -> Outcome:
    """The phase is final and no container has ended: refused by the kubelet, or its node is gone."""
    why = _joined(status.get("reason"), status.get("message"))
    start = epoch(((_container(status).get("state") or {}).get("running") or {}).get("startedAt")) or 0.0
    if running:
        end = max((_times(status)), default=start)
        return Outcome(
            ran=True,
            start=start,
            end=max(start, end),
            failed=100,
            reason=why or "the node is gone",
            lost=True,
            host=host,
        )
    return Outcome(ran=False, reason=why, lost=status.get("reason") == "NodeLost", host=host)


def _times(status: dict[str, Any]) -> list[float]:
    found = (epoch(item.get("lastTransitionTime")) for item in status.get("conditions") or ())
    return [time for time in found if time is not None]


def _evidence(message: object, code: int | None, start: float, end: float, host: str) -> Outcome | None:
    """The launcher's JSON, if it is one and fits the container's exit status (if known) and times."""
    if not isinstance(message, str):
        return None
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.get("v") != 1:
        return None
    failed, signal, own = found.get("failed"), found.get("signal"), found.get("exit")
    if type(failed) is not int or type(signal) is not int or type(own) is not int:
        return None
    if not 0 <= own < 256 or (code is not None and own != code):
        return None
    if failed not in LAUNCHER_FAILED or not 0 <= signal < 65:
        return None
    began = _number(found.get("start"), 0.0, end + CLOCK_SLACK_S if end else float(1 << 33))
    ended = _number(found.get("end"), began, end + CLOCK_SLACK_S if end else float(1 << 33))
    if began and start:
        began = max(began, start - CLOCK_SLACK_S)
    return Outcome(
        ran=began > 0,
        start=began,
        end=max(began, ended),
        exit_status=own if began else 0,  # the launcher's is not the program's
        signal=signal,
        user_time_s=_number(found.get("utime"), 0.0, MOST_SECONDS),
        system_time_s=_number(found.get("stime"), 0.0, MOST_SECONDS),
        max_rss_kib=int(_number(found.get("maxrss"), 0.0, float(MOST_KIB))),
        failed=failed,
        reason=_text(found.get("reason")),
        told=bool(began) and found.get("told") == 1,
        elsewhere=0 if began else int(_number(found.get("elsewhere"), 0.0, float(MOST_ATTEMPTS))),
        since=_number(found.get("since"), 0.0, end + CLOCK_SLACK_S if end else float(1 << 33)),
        host=host,
    )


def _named(pod: K8sObject, seen: Outcome) -> Outcome:
    """Add the grid's codes and words for how a program ended."""
    if not seen.ran or seen.lost:
        return seen
    if seen.signal:
        labels = pod["metadata"].get("labels") or {}
        name = SIGNAL_NAMES[seen.signal] if seen.signal < len(SIGNAL_NAMES) else f"RT{seen.signal}"
        text = f"job {labels.get(JOB_LABEL, '')}.{labels.get(TASK_LABEL, '1')} died through signal "
        text += f"{name} ({seen.signal})"
        if seen.reason == "out of memory":
            text += ": out of memory"
        return replace(seen, failed=seen.failed or 100, reason=text)
    codes = {99: 25, 100: 30}
    if not seen.failed and seen.exit_status in codes:
        text = f"exit_status of job start = {seen.exit_status}"
        return replace(seen, failed=codes[seen.exit_status], reason=text)
    return seen


def _number(value: object, low: float, high: float) -> float:
    """A number within bounds; `low` for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return low
    try:
        number = float(value)
    except OverflowError:
        return low
    return min(max(number, low), max(low, high)) if number == number else low  # NaN is not itself


def _text(value: object) -> str:
    """One line of printable text, of bounded length."""
    if not isinstance(value, str):
        return ""
    clean = "".join(c if c.isprintable() else " " for c in value[: 4 * REASON_LENGTH])
    return clean.strip()[:REASON_LENGTH]


def _joined(reason: object, message: object) -> str:
    return ": ".join(part for part in (_text(reason), _text(message)) if part)[:REASON_LENGTH]

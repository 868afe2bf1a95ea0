"""The status of a pod in the words of a kubelet and a scheduler, as merge patches.

Pure.  Must not know processes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gridcompat import timestamps

if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject

    Status = dict[str, Any]

MESSAGE_BYTES = 4096
"""Of a termination message. Source: Container.terminationMessagePath, API reference of v1."""
UNKNOWN_EXIT = 137
"""What a kubelet says of a container whose end nobody saw."""


def is_over(pod: K8sObject) -> bool:
    """Return whether the pod's phase is final."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def unschedulable(message: str, now: float) -> Status:
    """Return the status of a pod that fits nowhere."""
    return {
        "phase": "Pending",
        "conditions": [_condition("PodScheduled", False, now, "Unschedulable", message)],
    }


def waiting(pod: K8sObject, reason: str, message: str, now: float) -> Status:
    """Return the status of a bound pod whose container cannot be made yet."""
    state: Status = {"reason": reason}
    if message:
        state["message"] = message
    return {
        "phase": "Pending",
        "startTime": (pod.get("status") or {}).get("startTime") or timestamps.text(now),
        "conditions": [_condition("PodScheduled", True, now)],
        "containerStatuses": [_container(pod, {"waiting": state})],
    }


def running(pod: K8sObject, started: float) -> Status:
    """Return the status of a pod whose container runs since `started` (epoch seconds)."""
    return {
        "phase": "Running",
        "startTime": (pod.get("status") or {}).get("startTime") or timestamps.text(started),
        "conditions": [_condition("PodScheduled", True, started), _condition("Ready", True, started)],
        "containerStatuses": [_container(pod, {"running": {"startedAt": timestamps.text(started)}})],
    }


def terminated(
    pod: K8sObject,
    *,
    code: int,
    message: str,
    started: float,
    now: float,
    reason: str = "",
    pod_reason: str = "",
) -> Status:
    """Return the status of a pod whose container is over.

    Args:
        code: exit status, 128 + signal for a death by one.
        message: the termination message.
        started: epoch seconds; 0 if it never did.
        reason: of the container; "" is Completed or Error.
        pod_reason: of the pod (DeadlineExceeded, NodeLost).
    """
    state: Status = {
        "exitCode": code,
        "reason": reason or ("Error" if code else "Completed"),
        "startedAt": timestamps.text(started) if started else None,
        "finishedAt": timestamps.text(now),
    }
    if message:
        state["message"] = message
    if not started:
        del state["startedAt"]
    status: Status = {
        "phase": "Failed" if code or pod_reason else "Succeeded",
        "startTime": (pod.get("status") or {}).get("startTime") or timestamps.text(started or now),
        "conditions": [_condition("PodScheduled", True, now), _condition("Ready", False, now, "PodFailed")],
        "containerStatuses": [_container(pod, {"terminated": state})],
    }
    if pod_reason:
        status["reason"] = pod_reason
    return status


def never_started(reason: str, message: str, now: float) -> Status:
    """Return the status of a pod that will not run, nothing having been started."""
    return {
        "phase": "Failed",
        "reason": reason,
        "message": message,
        "conditions": [_condition("PodScheduled", True, now)],
    }


def own_exit_code(message: str) -> int | None:
    """Return the exit status that a container noted itself, for when nobody could wait for it."""
    try:
        found = json.loads(message)
        code = found["exit"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return code if type(code) is int and 0 <= code <= 255 else None


def clean_message(data: bytes) -> str:
    """Return the bytes of a termination message as the API can hold them."""
    return data[:MESSAGE_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")


def _container(pod: K8sObject, state: Status) -> Status:
    container = pod["spec"]["containers"][0]
    alive = "running" in state
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": alive,
        "started": alive,
        "restartCount": 0,
        "state": state,
        "lastState": {},
    }


def _condition(kind: str, true: bool, now: float, reason: str = "", message: str = "") -> Status:
    found: Status = {
        "type": kind,
        "status": "True" if true else "False",
        "lastTransitionTime": timestamps.text(now),
    }
    if reason:
        found["reason"] = reason
    if message:
        found["message"] = message
    return found

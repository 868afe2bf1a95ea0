"""The API server's rules about pods, Secrets, ConfigMaps and namespaces, as far as gridcompat meets them.

One difference is wanted: whoever runs pods here binds one by a patch of `spec.nodeName`, where the
API server has a subresource `binding`.  Pure.
"""

from __future__ import annotations

import binascii
import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Kind

DEFAULT_GRACE_S = 30


def fill_in(kind: Kind, obj: K8sObject) -> None:
    """Give a new object the defaults of its kind that somebody here looks at."""
    if kind.kind == "Pod":
        spec = obj.get("spec")
        if isinstance(spec, dict):
            spec.setdefault("restartPolicy", "Always")
            spec.setdefault("terminationGracePeriodSeconds", DEFAULT_GRACE_S)
            spec.setdefault("schedulerName", "default-scheduler")
        obj["status"] = {"phase": "Pending"}
        if isinstance(spec, dict) and spec.get("schedulingGates"):
            obj["status"]["conditions"] = [
                {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
            ]
    elif kind.kind == "Secret":
        obj.setdefault("type", "Opaque")
    elif kind.kind == "Namespace":
        obj["status"] = {"phase": "Active"}


def join_string_data(obj: K8sObject) -> None:
    """Move a Secret's `stringData` into `data`, as the API server does on every write."""
    text = obj.pop("stringData", None)
    if isinstance(text, dict):
        data = obj.setdefault("data", {})
        for key, value in text.items():
            if isinstance(value, str):
                data[key] = binascii.b2a_base64(value.encode("utf-8"), newline=False).decode("ascii")


def problems(kind: Kind, old: K8sObject | None, new: K8sObject) -> list[str]:
    """Return what the API server would not accept in a new object (`old` None) or a change."""
    if kind.kind == "Pod":
        return _new_pod(new) if old is None else _changed_pod(old, new)
    if kind.kind in ("Secret", "ConfigMap"):
        found = _data(kind, new)
        return found if old is None else found + _changed_data(kind, old, new)
    return []


def _new_pod(pod: K8sObject) -> list[str]:
    spec = pod.get("spec")
    if not isinstance(spec, dict):
        return ["spec: Required value"]
    found = []
    containers = spec.get("containers")
    if not isinstance(containers, list) or not containers:
        found.append("spec.containers: Required value")
        containers = []
    for index, container in enumerate(containers):
        for key in ("name", "image"):
            if not container.get(key):
                found.append(f"spec.containers[{index}].{key}: Required value")
    if spec.get("restartPolicy") not in ("Always", "OnFailure", "Never"):
        found.append(f"spec.restartPolicy: Unsupported value: {spec.get('restartPolicy')!r}")
    if spec.get("nodeName") and spec.get("schedulingGates"):
        found.append("spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared")
    return found


def _changed_pod(old: K8sObject, new: K8sObject) -> list[str]:
    before, after = old["spec"], new.get("spec")
    if not isinstance(after, dict):
        return ["spec: Required value"]
    if before == after:
        return []
    found = []
    gates_before = [gate["name"] for gate in before.get("schedulingGates") or ()]
    gates = [gate.get("name") for gate in after.get("schedulingGates") or ()]
    if not set(gates) <= set(gates_before):
        found.append("spec.schedulingGates: Forbidden: only deletion is allowed")
    if after.get("nodeName") and not before.get("nodeName") and gates:
        found.append("spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared")
    deadline_before, deadline = before.get("activeDeadlineSeconds"), after.get("activeDeadlineSeconds")
    if deadline_before is not None and (deadline is None or deadline > deadline_before):
        found.append(
            "spec.activeDeadlineSeconds: Invalid value: must be less than or equal to previous value"
        )
    tolerations = after.get("tolerations") or []
    if any(toleration not in tolerations for toleration in before.get("tolerations") or ()):
        found.append(
            "spec.tolerations: Forbidden: existing toleration can not be modified "
            "except its tolerationSeconds"
        )
    if not found and _fixed(before, before) != _fixed(after, before):
        found.append(
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
            "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
            "(only additions to existing tolerations)"
        )
    return found


def _fixed(spec: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    # What is left of a pod's spec when everything that may change is taken away.
    rest: dict[str, Any] = json.loads(json.dumps(spec))
    for key in ("schedulingGates", "activeDeadlineSeconds", "tolerations"):
        rest.pop(key, None)
    if not before.get("nodeName"):
        rest.pop("nodeName", None)
    for key in ("containers", "initContainers"):
        for container in rest.get(key) or ():
            if isinstance(container, dict):
                container.pop("image", None)
    return rest


def _data(kind: Kind, obj: K8sObject) -> list[str]:
    found = []
    total = 0
    for field in ("data", "binaryData"):
        values = obj.get(field)
        if values is None:
            continue
        if not isinstance(values, dict):
            return [f"{field}: Invalid value: not an object"]
        encoded = kind.kind == "Secret" or field == "binaryData"
        for key, value in values.items():
            if not key or len(key) > 253 or key.strip(_KEY) or key in (".", "..") or key.startswith(".."):
                found.append(
                    f"{field}[{key}]: Invalid value: {key!r}: a valid config key must consist of "
                    "alphanumeric characters, '-', '_' or '.'"
                )
            if not isinstance(value, str):
                found.append(f"{field}[{key}]: Invalid value: not a string")
                continue
            try:
                total += len(binascii.a2b_base64(value, strict_mode=True)) if encoded else len(value.encode())
            except ValueError:
                found.append(f"{field}[{key}]: Invalid value: not base64")
    if total > 1024 * 1024:
        found.append("data: Too long: may not be more than 1048576 bytes")
    return found


_KEY = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."


def _changed_data(kind: Kind, old: K8sObject, new: K8sObject) -> list[str]:
    found = []
    if kind.kind == "Secret" and old.get("type") != new.get("type"):
        found.append(f"type: Invalid value: {new.get('type')!r}: field is immutable")
    if old.get("immutable"):
        if not new.get("immutable"):
            found.append("immutable: Forbidden: field is immutable when `immutable` is set")
        for field in ("data", "binaryData"):
            if (old.get(field) or {}) != (new.get(field) or {}):
                found.append(f"{field}: Forbidden: field is immutable when `immutable` is set")
    return found


def grace_s(pod: K8sObject, asked: int | None) -> int:
    """Return the seconds a pod gets between the wish to delete it and its end.

    0 for a pod that no node has, or that is over: nobody has to confirm its end.
    """
    spec = pod.get("spec", {})
    if not spec.get("nodeName") or pod.get("status", {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    grace = asked if asked is not None else spec.get("terminationGracePeriodSeconds", DEFAULT_GRACE_S)
    return max(int(grace), 0) if asked == 0 else max(int(grace), 1)

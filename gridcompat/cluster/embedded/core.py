"""The API server's rules about pods, Secrets, ConfigMaps and namespaces, as far as gridcompat meets them.

One difference is wanted: whoever runs pods here binds one by a patch of `spec.nodeName`, where the
API server has a subresource `binding`.  Pure.
"""

from __future__ import annotations

import binascii

from gridcompat import jsons as json
from gridcompat.cluster.embedded.metadata import is_label

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
        obj["type"] = obj.get("type") or "Opaque"
    elif kind.kind == "Namespace":
        obj["status"] = {"phase": "Active"}


def join_string_data(obj: K8sObject) -> None:
    """Move a Secret's `stringData` into `data`, as the API server does on every write."""
    text = obj.pop("stringData", None)
    if text:
        data = obj.setdefault("data", {})
        for key, value in text.items():
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
    if spec is None:
        return ["spec: Required value"]
    found = [] if spec.get("containers") else ["spec.containers: Required value"]
    volumes = [volume.get("name", "") for volume in spec.get("volumes", ())]
    found += [f"spec.volumes: Invalid value: {name!r}" for name in volumes if not is_label(name)]
    for key in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(key, ())):
            found += _container(f"spec.{key}[{index}]", container, volumes)
    if spec.get("restartPolicy") not in ("Always", "OnFailure", "Never"):
        found.append(f"spec.restartPolicy: Unsupported value: {spec.get('restartPolicy')!r}")
    found += _deadline(spec)
    if spec.get("hostname") and not is_label(spec["hostname"]):
        found.append(
            f"spec.hostname: Invalid value: {spec['hostname']!r}: must be a lowercase RFC 1123 label"
        )
    if spec.get("nodeName") and spec.get("schedulingGates"):
        found.append("spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared")
    return found


def _deadline(spec: dict[str, Any]) -> list[str]:
    if 1 <= spec.get("activeDeadlineSeconds", 1) < 1 << 31:
        return []
    return ["spec.activeDeadlineSeconds: Invalid value: must be between 1 and 2147483647, inclusive"]


def _container(path: str, container: dict[str, Any], volumes: list[str]) -> list[str]:
    found = []
    if not is_label(container.get("name", "")):
        found.append(
            f"{path}.name: Invalid value: {container.get('name', '')!r}: must be a lowercase RFC 1123 label"
        )
    if not container.get("image"):
        found.append(f"{path}.image: Required value")
    for variable in container.get("env", ()):
        if not variable.get("name") or "=" in variable["name"]:
            found.append(f"{path}.env: Invalid value: {variable.get('name', '')!r}: not a name")
    for mount in container.get("volumeMounts", ()):
        if mount.get("name") not in volumes:
            found.append(f"{path}.volumeMounts: Not found: {mount.get('name', '')!r}")
        if not mount.get("mountPath"):
            found.append(f"{path}.volumeMounts.mountPath: Required value")
    for kind in ("limits", "requests"):
        for name, amount in container.get("resources", {}).get(kind, {}).items():
            if not _is_quantity(str(amount)):
                found.append(f"{path}.resources.{kind}[{name}]: Invalid value: {amount!r}: not a quantity")
    return found


def _is_quantity(text: str) -> bool:
    # Source: apimachinery resource.Quantity: a number, and a suffix or an exponent.
    for suffix in ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "n", "u", "m", "k", "M", "G", "T", "P", "E"):
        if text.endswith(suffix):
            text = text.removesuffix(suffix)
            break
    try:
        return float(text) >= 0 and "n" not in text  # nan, inf
    except ValueError:
        return False


def _changed_pod(old: K8sObject, new: K8sObject) -> list[str]:
    before, after = old["spec"], new.get("spec")
    if not isinstance(after, dict):
        return ["spec: Required value"]
    if before == after:
        return []
    found = _deadline(after)
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
        values = obj.get(field, {})
        encoded = kind.kind == "Secret" or field == "binaryData"
        for key, value in values.items():
            if not key or len(key) > 253 or key.strip(_KEY) or key in (".", "..") or key.startswith(".."):
                found.append(
                    f"{field}[{key}]: Invalid value: {key!r}: a valid config key must consist of "
                    "alphanumeric characters, '-', '_' or '.'"
                )
            try:
                total += (
                    len(binascii.a2b_base64("".join(value.split()), strict_mode=True))
                    if encoded
                    else len(value.encode())
                )
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

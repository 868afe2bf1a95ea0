"""This machine as a node of the embedded cluster: what it is called, what it has, what fits.

Reads `/proc` and, if it is installed, psutil; must work without.  Must not know jobs.
"""

from __future__ import annotations

import os
import platform
import socket
from typing import TYPE_CHECKING

from gridcompat import timestamps
from gridcompat.cluster.base import NODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from gridcompat.cluster.base import K8sObject

MOST_PODS = 1000
"""Slots of queues limit earlier; this only keeps the process table sane."""
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
}


def node_name() -> str:
    """Return what the node is called: the host name, as far as an object may be called so."""
    name = "".join(
        c if c.isascii() and (c.isalnum() or c in "-.") else "-" for c in socket.gethostname().lower()
    )
    return name.strip("-.") or "localhost"


def cpu_count() -> int:
    """Return the processors that this process may use."""
    return len(os.sched_getaffinity(0)) or 1


def memory_bytes() -> int:
    """Return the memory of this machine, or of the control group that holds it, in bytes."""
    total = 0
    try:
        import psutil

        total = int(psutil.virtual_memory().total)
    except ImportError:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            with open(path, encoding="ascii") as file:
                text = file.read().strip()
        except OSError:
            continue
        if text.isdigit():
            total = min(total, int(text))
    return total


def node(name: str, *, now: float) -> K8sObject:
    """Return the Node object of this machine, status included."""
    system = os.uname()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(system.machine, system.machine)
    amounts = {"cpu": str(cpu_count()), "memory": str(memory_bytes()), "pods": str(MOST_PODS)}
    return {
        "apiVersion": NODE.api_version,
        "kind": NODE.kind,
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/arch": architecture,
                "kubernetes.io/os": "linux",
            },
        },
        "spec": {},
        "status": {
            "capacity": amounts,
            "allocatable": dict(amounts),
            "conditions": [
                {
                    "type": "Ready",
                    "status": "True",
                    "reason": "KubeletReady",
                    "message": "the daemon runs",
                    "lastTransitionTime": timestamps.text(now),
                }
            ],
            "addresses": [{"type": "Hostname", "address": name}],
            "nodeInfo": {
                "architecture": architecture,
                "bootID": _line("/proc/sys/kernel/random/boot_id"),
                "containerRuntimeVersion": "process://1",
                "kernelVersion": system.release,
                "kubeProxyVersion": "",
                "kubeletVersion": "",
                "machineID": _line("/etc/machine-id"),
                "operatingSystem": "linux",
                "osImage": platform.platform(terse=True),
                "systemUUID": "",
            },
        },
    }


def quantity(text: object) -> float:
    """Return a Kubernetes quantity (`10m`, `1Gi`, `2`) as a number. Raises ValueError.

    Source: apimachinery, resource.Quantity.
    """
    word = str(text)
    if any(c.isspace() for c in word):
        raise ValueError(f"could not convert {word!r}: blanks are not allowed")
    if word[-2:] in _BINARY:
        return float(word[:-2]) * _BINARY[word[-2:]]
    if word[-1:] in _DECIMAL and word[-1:].isalpha():
        return float(word[:-1]) * _DECIMAL[word[-1:]]
    return float(word)


class Room:
    """What pods asked for and what is left, in cpus and bytes."""

    def __init__(self, allocatable: Mapping[str, str], labels: Mapping[str, str]) -> None:
        self._all = {name: quantity(amount) for name, amount in allocatable.items()}
        self._labels = dict(labels)
        self._taken: dict[str, dict[str, float]] = {}

    def take(self, pod: K8sObject) -> None:
        """Count a pod that is bound here; counting it again changes nothing."""
        self._taken[pod["metadata"]["uid"]] = requests(pod)

    def give_back(self, uid: str) -> bool:
        """Forget a pod; return whether that made room."""
        return self._taken.pop(uid, None) is not None

    def misfit(self, pod: K8sObject) -> str:
        """Return why the pod cannot be bound here, in the scheduler's words; "" if it can."""
        selector = pod["spec"].get("nodeSelector") or {}
        if any(self._labels.get(name) != value for name, value in selector.items()):
            return "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
        try:
            wanted = requests(pod)
        except ValueError:
            return "0/1 nodes are available: the requests of the pod cannot be read."
        lacking = [
            "Too many pods" if name == "pods" else f"Insufficient {name}"
            for name, amount in sorted(wanted.items())
            if self._used(name) + amount > self._all.get(name, 0.0) + 1e-9
        ]
        if not lacking:
            return ""
        return "0/1 nodes are available: " + ", ".join(f"1 {reason}" for reason in lacking) + "."

    def _used(self, name: str) -> float:
        return sum(taken.get(name, 0.0) for taken in self._taken.values())


def requests(pod: K8sObject) -> dict[str, float]:
    """Return what a pod reserves, `pods` included. Raises ValueError for what is no quantity."""
    found = {"pods": 1.0}
    for container in pod["spec"]["containers"]:
        resources = container.get("resources") or {}
        # A limit without a request is a request, as the API server has it.
        asked: dict[str, Any] = (resources.get("limits") or {}) | (resources.get("requests") or {})
        for name, amount in asked.items():
            found[name] = found.get(name, 0.0) + quantity(amount)
    return {name: amount for name, amount in found.items() if amount or name == "pods"}


def _line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.readline().strip()
    except (OSError, ValueError):
        return ""


def uids(pods: Iterable[K8sObject]) -> set[str]:
    """Return the uids of objects."""
    return {pod["metadata"]["uid"] for pod in pods}

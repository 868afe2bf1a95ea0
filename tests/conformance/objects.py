"""Small valid objects for the tests, each call's keywords going into spec."""

from __future__ import annotations

from typing import Any, TypeAlias

K8sObject: TypeAlias = dict[str, Any]

PAUSE = "kubelab.test/pause:1"


def grid_job(namespace: str, number: int = 1000, *, metadata: Any = None, **spec: Any) -> K8sObject:
    """A GridJob; a keyword of None leaves the field out."""
    fields = {"id": number, "nonce": f"n{number}", "ready": True, "jobName": "sleep", "request": "{}", **spec}
    return {
        "apiVersion": "gridcompat.io/v1",
        "kind": "GridJob",
        "metadata": {"name": str(number), "namespace": namespace, **(metadata or {})},
        "spec": {key: value for key, value in fields.items() if value is not None},
    }


def grid_account(namespace: str, **spec: Any) -> K8sObject:
    """The GridAccount, with two blocks of ten ids."""
    blocks = [{"first": 1000, "last": 1009}, {"first": 2000, "last": 2009}]
    return {
        "apiVersion": "gridcompat.io/v1",
        "kind": "GridAccount",
        "metadata": {"name": "account", "namespace": namespace},
        "spec": {"owner": "tool-demo", "uid": 1234, "gid": 1234, "blocks": blocks, **spec},
    }


def pod(namespace: str, name: str = "sleep-1000-a1", *, metadata: Any = None, **spec: Any) -> K8sObject:
    """A pod that nobody schedules, unless a keyword says otherwise."""
    fields = {
        "restartPolicy": "Never",
        "schedulerName": "nobody",
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "job", "image": PAUSE, "imagePullPolicy": "IfNotPresent"}],
        **spec,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, **(metadata or {})},
        "spec": {key: value for key, value in fields.items() if value is not None},
    }


def config_map(namespace: str, name: str = "launcher", **fields: Any) -> K8sObject:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace},
        "data": {"launcher.sh": "exit 0\n"},
        **fields,
    }


def secret(namespace: str, name: str = "gridjob-1000", *, metadata: Any = None, **fields: Any) -> K8sObject:
    """A Secret of the project's own type."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, **(metadata or {})},
        "type": "gridcompat.io/job",
        "data": {"script": "ZXhpdCAwCg=="},
        **fields,
    }


def owner(obj: K8sObject, *, controller: bool = True, block: bool = False) -> K8sObject:
    """An owner reference to an object."""
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": obj["metadata"]["name"],
        "uid": obj["metadata"]["uid"],
        "controller": controller,
        "blockOwnerDeletion": block,
    }

"""Attempts of one user on others of a real cluster, as data, and the hands to make them.

What must be seen of each is in test_kubernetes_isolation.py.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from pathlib import Path
from typing import Any

from real_cluster import NAMESPACE, Account, RealCluster

from gridcompat.model import JobRequest
from gridcompat.translate.grid_job import grid_job

GROUP = "/apis/gridcompat.io/v1"


class Api:
    """Requests as they are, with one user's credentials, on one connection."""

    def __init__(self, site: RealCluster, kubeconfig: Path, folder: Path) -> None:
        words = ("--kubeconfig", str(kubeconfig), "config", "view", "--raw", "--flatten", "-o", "json")
        keys = json.loads(site.kubectl(*words))["users"][0]["user"]
        for kind in ("certificate", "key"):
            (folder / kind).write_bytes(base64.b64decode(keys[f"client-{kind}-data"]))
        context = ssl.create_default_context(cafile=str(site.state / "pki" / "ca.crt"))
        context.load_cert_chain(folder / "certificate", folder / "key")
        self.connection = http.client.HTTPSConnection("127.0.0.1", site.port, context=context, timeout=60)

    def ask(
        self, method: str, path: str, body: Any = None, kind: str = "merge-patch+json", *, again: bool = False
    ) -> tuple[int, Any]:
        """Return the status and what comes back.

        Args:
            again: on the connection of the last request; the server closes it after too large a one.
        """
        if not again:
            self.connection.close()
        head = {"Content-Type": f"application/{kind if method == 'PATCH' else 'json'}"}
        self.connection.request(method, path, None if body is None else json.dumps(body), head)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if text.startswith("{") else text


def free_id(user: Account) -> int:
    """A number of the account's that commands will not come to: the highest that has no GridJob."""
    account = user.cluster.get("gridaccount", "account", "-n", user.namespace)
    taken = {one["metadata"]["name"] for one in user.cluster.get("gridjobs", "-n", user.namespace)["items"]}
    found = account["spec"]["blocks"][-1]["last"]
    while str(found) in taken:
        found -= 1
    return int(found)


def body_of(user: Account, request: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    """A GridJob as a submitter makes it; it runs `id` unless it is told otherwise."""
    words: dict[str, Any] = {
        "name": "raw",
        "binary": True,
        "shell": False,
        "has_script": False,
        "script_file": "sh",
        "arguments": ("-c", "echo $(id -u) $(id -g) $HOME $(id -G)"),
    }
    asked = JobRequest(**(words | (request or {})))
    body = grid_job(asked, id=free_id(user), nonce="raw", namespace=user.namespace, ready=True)
    body["spec"] |= spec
    return body


def create(
    api: Api, user: Account, body: dict[str, Any], *, query: str = "", again: bool = False
) -> tuple[int, Any]:
    return api.ask("POST", f"{GROUP}/namespaces/{user.namespace}/gridjobs{query}", body, again=again)


POD: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "mine"},
    "spec": {
        "containers": [{"name": "c", "image": "x", "volumeMounts": [{"name": "root", "mountPath": "/host"}]}],
        "securityContext": {"runAsUser": 0},
        "volumes": [{"name": "root", "hostPath": {"path": "/"}}],
    },
}

TOKEN = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}

BINDING = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {"name": "mine"},
    "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "games"}],
}

NOTE = {"metadata": {"annotations": {"x": "y"}}}

Request = tuple[str, str, Any]

IN_ANY_NAMESPACE: list[Request] = [
    ("DELETE", "{grid}/gridjobs/{job}", None),
    ("DELETE", "{grid}/gridjobs", None),
    ("PUT", "{grid}/gridjobs/{job}", {}),
    ("PATCH", "{grid}/gridjobs/{job}/status", {"status": {"state": "z", "phase": "Finished"}}),
    ("PUT", "{grid}/gridjobs/{job}/status", {}),
    ("POST", "{grid}/gridaccounts", {}),
    ("PATCH", "{grid}/gridaccounts/account", {"spec": {"uid": 0, "home": "/root"}}),
    ("DELETE", "{grid}/gridaccounts/account", None),
    ("GET", "{core}/pods", None),
    ("POST", "{core}/pods", POD),
    ("DELETE", "{core}/pods", None),
    ("GET", "{core}/pods/{pod}", None),
    ("PATCH", "{core}/pods/{pod}", NOTE),
    ("DELETE", "{core}/pods/{pod}", None),
    ("GET", "{core}/pods/{pod}/log", None),
    ("GET", "{core}/pods/{pod}/exec?command=id&stdout=1", None),
    ("POST", "{core}/pods/{pod}/exec?command=id&stdout=1", None),
    ("POST", "{core}/pods/{pod}/attach?stdout=1", None),
    ("POST", "{core}/pods/{pod}/portforward", None),
    ("POST", "{core}/pods/{pod}/eviction", {}),
    ("PATCH", "{core}/pods/{pod}/ephemeralcontainers", {"spec": {}}),
    ("PATCH", "{core}/pods/{pod}/status", {"status": {"phase": "Failed"}}),
    ("GET", "{core}/secrets", None),
    ("GET", "{core}/secrets?watch=1", None),
    ("DELETE", "{core}/secrets/gridjob-{job}", None),
    ("GET", "{core}/configmaps", None),
    ("POST", "{core}/configmaps", {}),
    ("GET", "{core}/events", None),
    ("POST", "{core}/serviceaccounts/default/token", TOKEN),
    ("POST", "{core}/serviceaccounts/gridcompat-job/token", TOKEN),
    ("POST", "{rights}/rolebindings", BINDING),
    ("PATCH", "{rights}/rolebindings/gridcompat-user", {"subjects": BINDING["subjects"]}),
    ("POST", "/apis/batch/v1/namespaces/{namespace}/jobs", {}),
    ("PATCH", "{core}/resourcequotas/gridcompat", {"spec": {"hard": {}}}),
]

IN_ANOTHERS: list[Request] = [
    ("GET", "{grid}/gridjobs", None),
    ("GET", "{grid}/gridjobs?watch=1", None),
    ("GET", "{grid}/gridjobs/{job}", None),
    ("POST", "{grid}/gridjobs", {"metadata": {"name": "{job}"}}),
    ("PATCH", "{grid}/gridjobs/{job}", {"spec": {"holds": {"user": "1"}, "deleted": "1"}}),
    ("GET", "{grid}/gridaccounts/account", None),
    ("PATCH", "{grid}/gridaccounts/account/status", {"status": {"nextId": 1}}),
    ("GET", "{core}/secrets/gridjob-{job}", None),
    ("POST", "{core}/secrets", {}),
    ("PATCH", "{core}/secrets/gridjob-{job}", {"data": {"script": "eA=="}}),
]

IN_THE_SITE: list[Request] = [
    ("GET", f"{GROUP}/gridjobs", None),
    ("GET", f"{GROUP}/gridaccounts", None),
    ("PATCH", f"{GROUP}/gridsites/site", {"spec": {"nextId": 9999999}}),
    ("POST", f"{GROUP}/gridsites", {}),
    ("GET", "/api/v1/secrets", None),
    ("GET", "/api/v1/pods", None),
    ("PATCH", "/api/v1/nodes/node1", NOTE),
    ("GET", "/api/v1/nodes/node1/proxy/runningpods/", None),
    ("PATCH", f"/api/v1/namespaces/{NAMESPACE}/configmaps/gridcompat-settings", {"data": {}}),
    ("GET", f"/api/v1/namespaces/{NAMESPACE}/configmaps", None),
    ("POST", f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/gridcompat-daemon/token", TOKEN),
    ("PATCH", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/gridcompat-daemon-0", NOTE),
    ("GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases", None),
    ("PATCH", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/gridcompat-daemon", NOTE),
    ("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gridjobs.gridcompat.io", None),
    (
        "DELETE",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/gridcompat-gridjobs",
        None,
    ),
    ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", BINDING),
]

MESSAGES = {
    "huge numbers": json.dumps({"v": 1, "start": 1, "end": 9e99, "exit": 0, "signal": 0, "failed": 0})[:-1]
    + ', "utime": 1e308, "stime": 1e999, "maxrss": 1e300, "reason": "x"}',
    "another's words": '{"v":1,"start":1,"end":2,"exit":0,"signal":0,"failed":100,"owner":"root",'
    '"reason":"a:b\\nroot:x:0:0\\r\\nBcc: all@grid.test"}',
    "no JSON": "a:b:c\n" + ":".join(["task", "node1", "root", "root", *["0"] * 41]) + "\n",
    "not a number": '{"v":1,"start":NaN,"end":Infinity,"exit":0,"signal":0,"failed":0}',
    "a megabyte": "x" * 1_000_000,
}


def forged_metadata(what: str) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {
        "labels": {"labels": {f"a{n}": "x" * 60 for n in range(8000)}},
        "annotations": {"annotations": {f"a{n}": "x" * 30_000 for n in range(16)}},
        "a few long annotations": {"annotations": {f"a{n}": "x" * 60_000 for n in range(4)}},
        "finalizers": {"finalizers": ["gridcompat.io/job", *(f"x.test/{n}" for n in range(20_000))]},
    }
    return found[what]


CHANGES = {
    "its finalizer taken away": {"metadata": {"finalizers": None}},
    "another finalizer": {"metadata": {"finalizers": ["gridcompat.io/job", "x.test/mine"]}},
    "an owner": {
        "metadata": {
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "no-such-uid"}]
        }
    },
    "another number": {"spec": {"id": 1}},
    "another nonce": {"spec": {"nonce": "other"}},
    "a first place": {"spec": {"priority": 1024}},
    "an operator's hold": {"spec": {"holds": {"operator": "1"}}},
    "a system hold": {"spec": {"holds": {"system": "1"}}},
    "a megabyte of request": {"spec": {"request": "x" * 1_000_000}},
    "a megabyte of orders": {
        "spec": {"orders": [{"seq": n, "kind": "clear", "by": "x" * 10_000} for n in range(1, 101)]}
    },
}

HOSTILE: dict[str, dict[str, Any]] = {
    "a name with escapes": {"jobName": "\x1b]0;x\x07\x1b[2J\r\nevil", "holds": {"user": "1"}},
    "no request": {"request": "[" * 100_000},
    "the end of time": {"startTime": 2**63 - 1},
    "lists that are none": {"holds": {"user": "5-3,,", "operator": ""}, "deleted": "0-0:0"},
    "millions of tasks": {"tasks": "1-9999999:1", "holds": {"user": "2-9999999:3"}},
    "tens of thousands of holes": {
        "tasks": "1-75000:1",
        "maxRunning": 1,
        "holds": {"user": "1-75000:1"},
        "deleted": ",".join(map(str, range(1, 75000, 4)))[:299_000].rpartition(",")[0],
    },
    "negations": {"request": json.dumps({"schema": 1, "name": "x", "hard_queues": ["!" * 190_000]})},
    "predecessors": {"predecessors": list(range(10**8, 10**8 + 5000)), "arrayPredecessors": [4999] * 5000},
    "a megabyte": {
        "request": json.dumps({"schema": 1, "name": "x", "context": [["x", "y" * 190_000]]}),
        "holds": {"user": "1," * 140_000 + "1"},
        "deleted": "9," * 140_000 + "9",
        "tasks": "1-4:1",
    },
}

READING = [
    "qstat -u *", "qstat -f -u *", "qstat -ext -u *", "qstat -xml -u *", "qstat -j", "qstat -s z -u *",
    "qhost -j", "qselect", "job x",
]  # fmt: skip

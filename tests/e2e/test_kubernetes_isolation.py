"""What one user of a real cluster can do to another, with the rights that an account gives: nothing.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_isolation.py

`user` attacks `other`, mostly with requests that no command makes.  Needs what test_kubernetes.py needs.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from real_cluster import NAMESPACE, Account, RealCluster
from test_kubernetes import entries, number, other, script, site, user

from gridcompat.model import JobRequest
from gridcompat.translate.grid_job import grid_job, request_json

__all__ = ["other", "site", "user"]  # fixtures

GROUP = "/apis/gridcompat.io/v1"
STORM = 2000
"""GridJobs of one account at once, each of another shape, none of which can start."""
PATIENCE_S = 30.0
"""In this time another user's job must run, on a machine with two busy cores (alone it takes 2 s)."""


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
        self, method: str, path: str, body: Any = None, kind: str = "merge-patch+json"
    ) -> tuple[int, Any]:
        """Return the status and what comes back."""
        self.connection.close()  # the server may have closed it after the last one, too large a one
        head = {"Content-Type": f"application/{kind if method == 'PATCH' else 'json'}"}
        self.connection.request(method, path, None if body is None else json.dumps(body), head)
        answer = self.connection.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if text.startswith("{") else text


@pytest.fixture(scope="module")
def api(site: RealCluster, user: Account, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    made = Api(site, user.home / "kubeconfig", tmp_path_factory.mktemp("api"))
    yield made
    made.connection.close()


@pytest.fixture(scope="module")
def running(site: RealCluster, other: Account) -> str:
    """A job of the other's with a script and a variable, which runs all the time."""
    name = script(other, "private.sh", "# private words", "exec sleep 3000")
    job = number(other.ok("qsub", "-N", "private", "-v", "PASSWORD=private", name))
    site.wait(lambda: " r " in other.ok("qstat"), "it does not run")
    return job


@pytest.fixture
def unharmed(site: RealCluster, other: Account, running: str) -> Iterator[None]:
    """After an attempt the daemon lives as before, and nothing of the other's has changed."""

    def theirs() -> set[str]:
        items = site.get("gridjob,secret,pod", "-n", other.namespace)["items"]
        return {one["metadata"]["uid"] for one in items if running in one["metadata"]["name"]}

    before = theirs()
    spec = site.get("gridjob", running, "-n", other.namespace)["spec"]
    restarts = restarts_of(site)
    yield
    assert site.get("gridjob", running, "-n", other.namespace)["spec"] == spec
    assert theirs() == before
    assert restarts_of(site) == restarts, "the daemon has died"


watched = pytest.mark.usefixtures("unharmed")


def restarts_of(site: RealCluster) -> dict[str, int]:
    pods = site.get("pods", "-n", NAMESPACE)["items"]
    return {
        pod["metadata"]["name"]: sum(one["restartCount"] for one in pod["status"]["containerStatuses"])
        for pod in pods
    }


def runs_soon(other: Account, limit_s: float = PATIENCE_S) -> float:
    """Submit a job as the other, wait until it has left its record; return the seconds that took."""
    begun = time.monotonic()
    job = number(other.ok("qsub", "-b", "y", "-N", "prompt", "-o", "/dev/null", "-j", "y", "true"))
    other.cluster.wait(lambda: len(entries(other, job)) == 1, "the other's job does not run", limit_s)
    return time.monotonic() - begun


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


def create(api: Api, user: Account, body: dict[str, Any], *, query: str = "") -> tuple[int, Any]:
    return api.ask("POST", f"{GROUP}/namespaces/{user.namespace}/gridjobs{query}", body)


# ------------------------------------------------------------ requests

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
IN_ANY_NAMESPACE = [
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
IN_ANOTHERS = [
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
IN_THE_SITE = [
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


def _ids(value: Any) -> str | None:
    return value.replace("/", " ").replace("{", "").replace("}", "") if isinstance(value, str) else ""


@pytest.mark.parametrize(("method", "path", "body"), [*IN_ANOTHERS, *IN_ANY_NAMESPACE], ids=_ids)
def test_a_request_into_anothers_namespace(
    api: Api, other: Account, running: str, method: str, path: str, body: Any
) -> None:
    assert refused(api, other, running, method, path, body) == 403


@pytest.mark.parametrize(("method", "path", "body"), IN_ANY_NAMESPACE, ids=_ids)
def test_a_request_into_ones_own_namespace(
    api: Api, user: Account, own: str, method: str, path: str, body: Any
) -> None:
    assert refused(api, user, own, method, path, body) == 403


@pytest.mark.parametrize(("method", "path", "body"), IN_THE_SITE, ids=_ids)
def test_a_request_for_what_is_the_sites(
    api: Api, other: Account, running: str, method: str, path: str, body: Any
) -> None:
    assert refused(api, other, running, method, path, body) == 403


@pytest.fixture(scope="module")
def own(site: RealCluster, user: Account) -> str:
    """A job of the attacker's own that runs."""
    job = number(user.ok("qsub", "-b", "y", "-N", "own", "sleep", "3000"))
    site.wait(lambda: " r " in user.ok("qstat"), "it does not run")
    return job


def refused(api: Api, who: Account, job: str, method: str, path: str, body: Any) -> int:
    """The status of a request about a job in somebody's namespace."""
    (pod,) = (
        one["metadata"]["name"]
        for one in who.cluster.get("pods", "-n", who.namespace, "-l", f"gridcompat.io/job={job}")["items"]
    )
    places = {
        "grid": f"{GROUP}/namespaces/{who.namespace}",
        "core": f"/api/v1/namespaces/{who.namespace}",
        "rights": f"/apis/rbac.authorization.k8s.io/v1/namespaces/{who.namespace}",
        "namespace": who.namespace,
        "job": job,
        "pod": pod,
    }
    for name, value in places.items():
        path = path.replace("{" + name + "}", value)
    return api.ask(method, path, body)[0]


@watched
def test_after_all_these_requests_nothing_has_changed(other: Account, running: str) -> None:
    assert [running, "1.00000", "private", other.owner, "r"] in [row.split()[:5] for row in rows_of(other)]


# ------------------------------------------------------------ who a job is


def result(user: Account, body: dict[str, Any]) -> list[str]:
    """What the program of a raw GridJob printed: uid, gid, home, groups."""
    job = body["metadata"]["name"]
    user.cluster.wait(lambda: len(entries(user, job)) == 1, f"{job} does not run: {user.ok('qstat')}")
    return user.file(f"raw.o{job}").split()


@watched
def test_a_job_for_anothers_namespace_is_not_taken_in_ones_own(
    api: Api, user: Account, other: Account
) -> None:
    body = body_of(user)
    body["metadata"]["namespace"] = other.namespace
    assert create(api, user, body)[0] == 400


def as_told(user: Account, other: Account, what: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Changes to the metadata and the spec of a GridJob that name another."""
    volume = {"name": "v", "hostPath": {"path": str(other.home)}}
    notes = {
        "gridcompat.io/uid": "0",
        "gridcompat.io/owner": other.owner,
        "gridcompat.io/home": str(other.home),
        "gridcompat.io/volumes": json.dumps([volume]),
        "gridcompat.io/ended-by": "{}",
        "gridcompat.io/void": "true",
    }
    labels = {"gridcompat.io/job": "1", "gridcompat.io/account": other.owner}
    return {
        "fields": ({}, {"owner": other.owner, "uid": 0, "gid": 0, "home": str(other.home), "groups": [0]}),
        "a pod": ({}, {"securityContext": {"runAsUser": 0}, "volumes": [volume], "account": "account"}),
        "annotations": ({"annotations": notes}, {}),
        "labels": ({"labels": labels}, {}),
    }[what]


@watched
@pytest.mark.parametrize("what", ["fields", "a pod", "annotations", "labels"])
def test_nothing_in_a_job_makes_it_anothers(api: Api, user: Account, other: Account, what: str) -> None:
    metadata, spec = as_told(user, other, what)
    body = body_of(user, **spec)
    body["metadata"] |= metadata
    body["status"] = {"owner": other.owner, "uid": other.uid, "phase": "Finished", "state": "z"}
    status, answer = create(api, user, body, query="?fieldValidation=Strict")
    assert (status == 400) is bool(spec), answer
    if spec:
        # Nobody has to ask for that; then what is not known is left out.
        status, answer = create(api, user, body)
    assert status == 201, answer
    assert "status" not in answer
    assert result(user, body) == [str(user.uid), str(user.gid), str(user.home), str(user.gid)]


@watched
def test_a_request_that_names_another_says_nothing_about_who_it_runs_as(
    api: Api, user: Account, other: Account
) -> None:
    body = body_of(user)
    asked = json.loads(body["spec"]["request"])
    asked["submit"] = {"home": str(other.home), "log_name": other.owner, "host": "elsewhere"}
    body["spec"]["request"] = json.dumps(asked)
    assert create(api, user, body)[0] == 201
    assert result(user, body)[:3] == [str(user.uid), str(user.gid), str(user.home)]
    (entry,) = entries(user, body["metadata"]["name"])
    assert entry.owner == user.owner


@watched
@pytest.mark.parametrize("how", ["straight", "dots", "link", "directory", "run directory"])
def test_a_path_into_anothers_home_is_refused_by_the_node(user: Account, other: Account, how: str) -> None:
    link = user.home / "link"
    if not link.is_symlink():
        link.symlink_to(other.home)
    before = sorted(os.listdir(other.home))
    words = {
        "straight": ("-o", f"{other.home}/taken"),
        "dots": ("-o", f"{user.home}/../{other.home.name}/taken"),
        "link": ("-o", f"{link}/taken"),
        "directory": ("-wd", str(link)),
        "run directory": (),
    }[how]
    claims, moved = user.home / ".gridcompat", user.home / "moved"
    if how == "run directory":
        claims.rename(moved)
        claims.symlink_to(other.home)
    try:
        job = number(user.ok("qsub", "-N", "taken", *words, "-j", "y", "-b", "y", "touch", "taken"))
        user.cluster.wait(
            lambda: any(row.split()[0] == job and "E" in row.split()[4] for row in rows_of(user)),
            f"it is not in error: {user.ok('qstat')}",
        )
        assert sorted(os.listdir(other.home)) == before
    finally:
        if how == "run directory":
            claims.unlink()
            moved.rename(claims)
    user.ok("qdel", job)


def rows_of(user: Account) -> list[str]:
    return user.ok("qstat").splitlines()[2:]


# ------------------------------------------------------------ what a pod says


MESSAGES = {
    "huge numbers": json.dumps({"v": 1, "start": 1, "end": 9e99, "exit": 0, "signal": 0, "failed": 0})[:-1]
    + ', "utime": 1e308, "stime": 1e999, "maxrss": 1e300, "reason": "x"}',
    "another's words": '{"v":1,"start":1,"end":2,"exit":0,"signal":0,"failed":100,"owner":"root",'
    '"reason":"a:b\\nroot:x:0:0\\r\\nBcc: all@grid.test"}',
    "no JSON": "a:b:c\n" + ":".join(["task", "node1", "root", "root", *["0"] * 41]) + "\n",
    "not a number": '{"v":1,"start":NaN,"end":Infinity,"exit":0,"signal":0,"failed":0}',
    "a megabyte": "x" * 1_000_000,
}


@watched
@pytest.mark.parametrize("what", MESSAGES)
def test_a_forged_message_of_a_pod_breaks_no_record(site: RealCluster, user: Account, what: str) -> None:
    (user.home / "message").write_text(MESSAGES[what])
    # Of another session than the job, so that it goes on while the launcher writes.
    again = "while :; do cat message > /dev/termination-log; done"
    name = script(user, "forge.sh", f"setsid sh -c '{again}' >/dev/null 2>&1 &", "sleep 1", "exit 0")
    mine = {"-m": "e", "-M": f"{user.owner}@grid.test"}
    before = whole_records(site)
    words = [word for pair in mine.items() for word in pair]
    jobs = {number(user.ok("qsub", "-N", "forge", *words, name)) for _ in range(3)}
    site.wait(lambda: all(len(entries(user, job)) == 1 for job in jobs), "no records")
    made = whole_records(site)[len(before) :]
    assert {fields[5] for fields in made} == jobs
    assert {(len(fields), fields[3], fields[4]) for fields in made} == {(45, user.owner, "forge")}
    now = time.time()
    for entry in (one for job in jobs for one in entries(user, job)):
        assert entry.end_time <= now + 60
        assert entry.cpu <= 1e9
        assert entry.ru_maxrss <= 2**43


def whole_records(site: RealCluster) -> list[list[str]]:
    """The lines of the accounting file that are no comments, as awk sees them."""
    lines = site.accounting.read_text().split("\n")
    assert lines[-1] == ""
    return [line.split(":") for line in lines[:-1] if not line.startswith("#")]


@watched
def test_names_and_addresses_make_no_headers_and_no_lines(site: RealCluster, api: Api, user: Account) -> None:
    mails = site.folder / "mails"
    before = len(mails.read_text().splitlines()) if mails.exists() else 0
    evil = "x:y\nroot:z\r\nBcc: all@grid.test\r\n\r\nDear all"
    asked = {
        "name": evil,
        "account": evil,
        "project": evil,
        "mail_options": "be",
        "mail_list": ("me@grid.test\r\nBcc: all@grid.test", "all@grid.test> BODY=8BITMIME\r\nRCPT TO:<a@b"),
        "stdout_paths": (("", "/dev/null"),),
        "merge": True,
    }
    body = body_of(user, asked)
    assert create(api, user, body)[0] == 201
    job = body["metadata"]["name"]
    site.wait(lambda: len(entries(user, job)) == 1, "no record")
    (fields,) = [fields for fields in whole_records(site) if fields[5] == job]
    assert len(fields) == 45
    time.sleep(5)
    found = [json.loads(line) for line in mails.read_text().splitlines()[before:]] if mails.exists() else []
    for mail in found:
        assert "\n" not in mail["argv"][1]
        assert mail["argv"][2] not in ("all@grid.test", "a@b"), mail


# ------------------------------------------------------------ what is too much


def forged_metadata(what: str) -> dict[str, Any]:
    return {
        "labels": {"labels": {f"a{n}": "x" * 60 for n in range(8000)}},
        "annotations": {"annotations": {f"a{n}": "x" * 30_000 for n in range(16)}},
        "a few long annotations": {"annotations": {f"a{n}": "x" * 60_000 for n in range(4)}},
        "finalizers": {"finalizers": ["gridcompat.io/job", *(f"x.test/{n}" for n in range(20_000))]},
    }[what]


@watched
@pytest.mark.parametrize("what", ["labels", "annotations", "a few long annotations", "finalizers"])
def test_half_a_megabyte_beside_the_job_is_refused(api: Api, user: Account, own: str, what: str) -> None:
    body = body_of(user)
    body["metadata"] |= forged_metadata(what)
    assert create(api, user, body)[0] == 422
    path = f"{GROUP}/namespaces/{user.namespace}/gridjobs/{own}"
    assert api.ask("PATCH", path, {"metadata": forged_metadata(what)})[0] == 422


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


@watched
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_that_no_command_makes_is_refused(api: Api, user: Account, own: str, what: str) -> None:
    path = f"{GROUP}/namespaces/{user.namespace}/gridjobs/{own}"
    status, answer = api.ask("PATCH", path, CHANGES[what])
    assert status == 422, answer


@watched
def test_holds_of_operators_stay(site: RealCluster, api: Api, user: Account) -> None:
    job = number(user.ok("qsub", "-h", "-b", "y", "true"))
    held = {"spec": {"holds": {"operator": "1"}, "priority": 100}}
    site.kubectl("patch", "gridjob", job, "-n", user.namespace, "--type=merge", "-p", json.dumps(held))
    path = f"{GROUP}/namespaces/{user.namespace}/gridjobs/{job}"
    assert api.ask("PATCH", path, {"spec": {"holds": {"operator": None}}})[0] == 422
    assert api.ask("PATCH", path, {"spec": {"holds": None}})[0] == 422
    assert api.ask("PATCH", path, {"spec": {"priority": 101}})[0] == 422
    assert api.ask("PATCH", path, {"spec": {"holds": {"user": None}, "priority": 0}})[0] == 200
    user.ok("qdel", job)


# ------------------------------------------------------------ numbers


@watched
@pytest.mark.parametrize("what", ["back", "forward", "the maximum", "none", "another's", "names"])
def test_the_next_number_moves_by_one(
    site: RealCluster, api: Api, user: Account, other: Account, own: str, running: str, what: str
) -> None:
    path = f"{GROUP}/namespaces/{user.namespace}/gridaccounts/account/status"
    mine, theirs = (
        site.get("gridaccount", "account", "-n", one.namespace)["status"] for one in (user, other)
    )
    entry = {"name": "x", "id": 1, "nonce": "n"}
    status: dict[str, Any] = {
        "back": {"nextId": mine["nextId"] - 1},
        "forward": {"nextId": mine["nextId"] + 2},
        "the maximum": {"nextId": 9_999_999_999},
        "none": {"nextId": None},
        "another's": {"nextId": theirs["nextId"]},
        "names": {"once": [entry] * 257},
    }[what]
    assert api.ask("PATCH", path, {"status": status})[0] == 422
    body = {"spec": {"blocks": [{"first": 1, "last": 9_999_999_999}], "owner": other.owner}}
    answer = api.ask("PATCH", path, {**body, "status": {"nextId": mine["nextId"]}})
    assert answer[0] == 200, "the status may be written"
    spec = site.get("gridaccount", "account", "-n", user.namespace)["spec"]
    assert spec["owner"] == user.owner
    assert spec["blocks"][0]["first"] != 1


@watched
def test_anothers_number_is_not_taken(
    site: RealCluster, api: Api, user: Account, other: Account, own: str
) -> None:
    account = site.get("gridaccount", "account", "-n", other.namespace)
    body = body_of(user, id=account["status"]["nextId"])
    body["metadata"]["name"] = str(body["spec"]["id"])
    status, answer = create(api, user, body)
    assert (status, "not within the account's blocks" in answer["message"]) == (422, True)
    # An entry of -once is no way to have the controller take it.
    path = f"{GROUP}/namespaces/{user.namespace}/gridaccounts/account/status"
    entry = {"name": "x", "id": body["spec"]["id"], "nonce": "n"}
    assert api.ask("PATCH", path, {"status": {"once": [entry]}})[0] == 200
    words = ("gridaccount", "account", "-n", user.namespace)
    site.wait(lambda: not site.get(*words)["status"].get("once"), "the entry is kept")
    runs_soon(other)


# ------------------------------------------------------------ with rights that a site may give


@watched
def test_a_job_made_again_under_its_number_has_records_of_its_own(
    site: RealCluster, api: Api, user: Account
) -> None:
    body = body_of(user, {"arguments": ("-c", "exec sleep 3000")})
    job = body["metadata"]["name"]
    assert create(api, user, body)[0] == 201
    site.wait(lambda: any(row.split()[0] == job and " r " in row for row in rows_of(user)), "it does not run")
    words = ("gridjob", job, "-n", user.namespace)
    site.kubectl("patch", *words, "--type=merge", "-p", json.dumps({"metadata": {"finalizers": None}}))
    site.kubectl("delete", *words, "--cascade=orphan")
    again = body_of(user) | {"metadata": body["metadata"]}
    again["spec"] |= {"id": body["spec"]["id"], "nonce": "again"}
    assert create(api, user, again)[0] == 201
    site.wait(lambda: len(entries(user, job)) == 2, f"records: {entries(user, job)}")
    assert sorted(entry.exit_status for entry in entries(user, job)) == [0, 137]
    pods = ("pods", "-n", user.namespace, "-l", f"gridcompat.io/job={job}")
    site.wait(lambda: not site.get(*pods)["items"], "pods are left")


@watched
@pytest.mark.parametrize("whose", ["nobody's", "another's"])
def test_a_forged_pod_leaves_no_record_of_anothers(
    site: RealCluster, user: Account, other: Account, running: str, whose: str
) -> None:
    job = running if whose == "another's" else "4"
    before = len(entries(other, running))
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"private-{job}-a1",
            "namespace": user.namespace,
            "labels": {
                "gridcompat.io/job": job,
                "gridcompat.io/task": "1",
                "gridcompat.io/attempt": "1",
            },
            "annotations": {"gridcompat.io/record": json.dumps({"owner": other.owner, "job_name": "a:b\nc"})},
            "finalizers": ["gridcompat.io/evidence"],
        },
        "spec": {
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "c",
                    "image": "kubelab.test/busybox:1",
                    "imagePullPolicy": "Never",
                    "command": ["sh", "-c", "exit 3"],
                }
            ],
        },
    }
    site.apply([pod])
    words = ("pods", "-n", user.namespace, "-l", f"gridcompat.io/job={job}")
    site.wait(lambda: not site.get(*words)["items"], "the pod is kept")
    assert len(entries(other, running)) == before
    assert {entry.owner for entry in entries(user, "4")} <= {user.owner}


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


@pytest.fixture
def viewer(site: RealCluster, user: Account, other: Account) -> Iterator[Account]:
    """The other, who may see everybody's jobs for a while."""
    words = ("clusterrolebinding", "iso-viewer")
    site.kubectl("create", *words, "--clusterrole=gridcompat-viewer", f"--user={other.owner}")
    site.wait(lambda: "own" in other.ok("qstat", "-u", user.owner), "the role is not in force")
    yield other
    site.kubectl("delete", *words)


@watched
@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_job_stops_neither_daemon_nor_readers(
    api: Api, user: Account, viewer: Account, own: str, what: str
) -> None:
    body = body_of(user)
    body["spec"] |= HOSTILE[what]
    status, answer = create(api, user, body)
    assert status == 201, answer
    runs_soon(viewer)
    for line in [*READING, f"qstat -j {body['metadata']['name']}"]:
        begun = time.monotonic()
        done = viewer.run(*line.split())
        assert done.returncode in (0, 1), (line, done.stderr)
        assert "Traceback" not in done.stderr, line
        assert "\x1b" not in done.stdout + done.stderr, line
        assert time.monotonic() - begun < PATIENCE_S, line
    user.kubectl(
        "patch",
        "gridjob",
        body["metadata"]["name"],
        "--type=merge",
        "-p",
        '{"spec":{"deleted":"1-9999999:1"}}',
    )


def test_a_viewer_sees_jobs_and_nothing_in_them(
    api: Api, user: Account, viewer: Account, site: RealCluster
) -> None:
    name = script(user, "secret.sh", "# script of mine")
    job = number(user.ok("qsub", "-h", "-N", "mine", "-v", "PASSWORD=of-mine", name))
    assert f" {job} " in viewer.ok("qstat", "-u", "*")
    shown = viewer.ok("qstat", "-j", job)
    assert "mine" in shown
    assert "script of mine" not in shown + viewer.ok("qstat", "-xml", "-j", job)
    assert "of-mine" not in shown + viewer.ok("qstat", "-xml", "-j", job)
    refusals = {
        words: viewer.run(*words, job)
        for words in (("qdel",), ("qhold",), ("qalter", "-p", "-5"), ("qmod", "-sj"))
    }
    for words, done in refusals.items():
        assert (done.returncode != 0, len((done.stdout + done.stderr).splitlines())) == (True, 1), (
            words,
            done,
        )
    secret = ("get", "secret", f"gridjob-{job}", "-n", user.namespace)
    assert "forbidden" in viewer.kubectl(*secret).stderr
    user.ok("qdel", job)


# ------------------------------------------------------------ very many


def test_thousands_of_jobs_hold_nobody_up(site: RealCluster, api: Api, user: Account, other: Account) -> None:
    words = ("-n", user.namespace, "--type=merge", "-p")
    first = 8_000_000
    spec = site.get("gridaccount", "account", "-n", user.namespace)["spec"]
    blocks = [*spec["blocks"], {"first": first, "last": first + STORM}]
    site.kubectl("patch", "gridaccount", "account", *words, json.dumps({"spec": {"blocks": blocks}}))
    body = body_of(user)
    made: dict[int, int] = {}
    slowest = 0.0
    begun = time.monotonic()
    for at in range(STORM):
        request = JobRequest(name="storm", hard_resources=(("h_vmem", f"{at + 1}P"),), hard_queues=("task",))
        body["metadata"]["name"] = str(first + at)
        body["spec"] |= {"id": first + at, "request": request_json(request)}
        status, _ = create(api, user, body)
        made[status] = made.get(status, 0) + 1
        if at % 500 == 250:
            slowest = max(slowest, runs_soon(other))
    assert made == {201: STORM}
    sys.stderr.write(f"{STORM} jobs in {time.monotonic() - begun:.0f} s; another's took {slowest:.1f} s\n")
    runs_soon(other)
    # And the quota of an account ends it.
    count = len(site.get("gridjobs", "-n", user.namespace)["items"])
    hard = {"spec": {"hard": {"count/gridjobs.gridcompat.io": str(count)}}}
    site.kubectl("patch", "resourcequota", "gridcompat", *words, json.dumps(hard))
    time.sleep(3)
    body["metadata"]["name"] = str(first + STORM)
    body["spec"]["id"] = first + STORM
    status, answer = create(api, user, body)
    assert (status, "exceeded quota" in str(answer)) == (403, True)

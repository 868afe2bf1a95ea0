"""`gridcompat doctor` on Kubernetes: what a test cluster cannot be made to be, from a server's answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gridcompat import __version__
from gridcompat.cli import _doctor_daemon as on_daemon
from gridcompat.cli import _doctor_site as on_site
from gridcompat.cli._finding import Finding, examine
from gridcompat.cluster.http import Http
from gridcompat.cluster.kubeconfig import Access
from gridcompat.errors import Forbidden, NotFound, Unavailable
from gridcompat.record import replace
from gridcompat.settings import Queue, Settings
from gridcompat.translate import manifests

CHECKS = dict(on_daemon.CHECKS)
COLLECTED_AT = time.time()
"""The tables below are made now, and the tests run later."""
API = "/apis/gridcompat.io/v1"
JOBS = f"{API}/namespaces/ns/gridjobs?dryRun=All&fieldValidation=Strict"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/gridcompat/leases/gridcompat-daemon"
LABEL = "labelSelector=app.kubernetes.io%2Fname%3Dgridcompat"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/gridcompat/deployments?{LABEL}"
PODS = f"/api/v1/namespaces/gridcompat/pods?{LABEL}"
QUOTAS = "/api/v1/namespaces/ns/resourcequotas"
ACCOUNT = f"{API}/namespaces/ns/gridaccounts/account"
POLICY = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/gridcompat-gridjobs"
BINDING = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings/gridcompat-gridjobs"


def stamp(ago_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() - ago_s))


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_daemon, "time", SimpleNamespace(time=lambda: COLLECTED_AT))


def lease(ago_s: float = 1.0, version: str = __version__, holder: str = "pod-a_1") -> dict[str, Any]:
    notes = {"gridcompat.io/version": version}
    return {"metadata": {"annotations": notes}, "spec": {"holderIdentity": holder, "renewTime": stamp(ago_s)}}


def account(**spec: Any) -> dict[str, Any]:
    blocks = [{"first": 1000, "last": 1999}]
    fields = {"owner": "me", "uid": 1, "gid": 1, "home": "/", "blocks": blocks, **spec}
    return {"metadata": {"namespace": "ns"}, "spec": fields, "status": {"nextId": 1500}}


def quota(name: str, most: str, used: str) -> dict[str, Any]:
    status = {"hard": {"count/gridjobs.gridcompat.io": most}, "used": {"count/gridjobs.gridcompat.io": used}}
    return {"items": [{"metadata": {"name": name}, "status": status}]}


def replicas(wanted: int, ready: int) -> dict[str, Any]:
    return {"items": [{"spec": {"replicas": wanted}, "status": {"readyReplicas": ready}}]}


WELL: dict[str, Any] = {
    "/version": {"gitVersion": "v1.34.4", "major": "1", "minor": "34+"},
    "/apis/authentication.k8s.io/v1/selfsubjectreviews": {
        "status": {"userInfo": {"username": "ann@example.org"}}
    },
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews": {"status": {"allowed": True}},
    f"{API}/gridsites/site": {"spec": {"nextId": 2000}},
    ACCOUNT: account(),
    QUOTAS: quota("gridcompat", "5k", "10"),
    DEPLOYMENTS: replicas(2, 2),
    PODS: {"items": []},
    LEASE: lease(),
    POLICY: manifests.policy()[0],
    BINDING: manifests.policy()[1],
    f"{BINDING}-updates": manifests.policy()[2],
    JOBS: {},
}


class Answers:
    """Where `Http` asks; an error among the answers is raised."""

    def __init__(self, **changes: Any) -> None:
        self.answers = {**WELL, **changes}
        self.server_date = formatdate(usegmt=True)

    def request(self, method: str, path: str, body: Any = None, *, repeatable: bool) -> Any:
        found = self.answers.get(path, NotFound(path))
        if isinstance(found, Exception):
            raise found
        return found


def look(name: str, answers: Answers, **settings: Any) -> list[Finding]:
    access = Access(server="https://api", namespace="ns")
    chosen = replace(Settings(cluster="kubernetes", image="i"), **settings)
    site = on_site.Site(cast("Http", answers), access, chosen, daemon_namespace="gridcompat")
    return examine([(name, CHECKS[name])], site)


@pytest.mark.parametrize(
    "name", [name for name in CHECKS if name not in ("definitions", "pods", "policy")]
)  # fmt: skip
def test_a_site_where_all_is_well(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1)
    assert [one.level for one in look(name, Answers())] == ["ok"]


@pytest.mark.parametrize(
    ("name", "path", "answer", "level", "what", "repair"),
    [
        ("server", "/version", {"gitVersion": "v1.28.1", "major": "1", "minor": "28"},
         "problem", "v1.28.1 is too old", "1.30"),
        ("server", "/version", Unavailable("https://api: no answer in time"),
         "problem", "no answer in time", "kubectl cluster-info"),
        ("server", "/version", Forbidden("does not accept these credentials (expired?)"),
         "problem", "expired", "new kubeconfig"),
        ("definitions", "", None, "problem", "gridjobs.gridcompat.io is not installed", "kubectl apply"),
        ("rights", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"status": {"allowed": False}},
         "problem", "gridcompat-user is not bound",
         "kubectl -n ns create rolebinding gridcompat-user-ann-example-org --clusterrole=gridcompat-user "
         "--user=ann@example.org"),
        ("account", ACCOUNT, account(blocks=[{"first": 1, "last": 9}]), "problem", "are used up", "leads"),
        ("account", ACCOUNT, account(blocks=[]), "problem", "were never given", "leads"),
        ("account", ACCOUNT, account(home=""), "warning", "has no home", "patch gridaccount"),
        ("account", ACCOUNT, Forbidden("x"), "unseen", "the GridAccount of namespace ns", "administrator"),
        ("quota", QUOTAS, quota("gridcompat", "5k", "4700"), "warning", "nearly used up: 94%", "edit"),
        ("quota", QUOTAS, quota("gridcompat", "5k", "5000"), "problem", "is used up", "edit"),
        ("quota", QUOTAS, {"items": []}, "warning", "has no quota", "account add"),
        ("deployment", DEPLOYMENTS, {"items": []}, "problem", "no daemon is installed", "kubectl apply"),
        ("deployment", DEPLOYMENTS, replicas(2, 1), "warning", "1 of 2 replicas", "logs"),
        ("deployment", DEPLOYMENTS, replicas(1, 1), "warning", "1 of 2 replicas", "kubectl apply"),
        ("deployment", DEPLOYMENTS, replicas(2, 0), "problem", "none of 2 replicas", "logs"),
        ("lease", LEASE, NotFound("x"), "problem", "no replica of the daemon has ever led", "logs"),
        ("lease", LEASE, lease(ago_s=300), "problem", "has led for 30", "logs"),
        ("lease", LEASE, lease(holder=""), "problem", "no replica of the daemon has led", "logs"),
        ("lease", LEASE, lease(version="0.0.9"), "warning", "is of version 0.0.9", "kubectl apply"),
        ("ids", f"{API}/gridsites/site", NotFound("x"), "problem", "there is no GridSite", "logs"),
        ("submission", JOBS, Unavailable("status unknown for quota"), "problem",
         "status unknown", "5 minutes"),
        ("submission", JOBS, Forbidden("webhook says: not on a Tuesday"), "problem", "Tuesday", "kubectl"),
    ],
)  # fmt: skip
def test_what_is_broken_is_found(
    name: str, path: str, answer: Any, level: str, what: str, repair: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.getuid", lambda: 1)
    hits = [one for one in look(name, Answers(**({path: answer} if path else {}))) if what in one.what]
    assert [(one.level, repair in one.repair) for one in hits[:1]] == [(level, True)]


@pytest.mark.parametrize(
    ("off_s", "level"), [(1, "ok"), (20, "warning"), (-20, "warning"), (3600, "problem")]
)
def test_clocks_that_differ_are_found(off_s: int, level: str) -> None:
    answers = Answers()
    answers.server_date = formatdate(time.time() + off_s, usegmt=True)
    assert [one.level for one in look("server clock", answers)] == [level]


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({"image": ""}, "problem"),
        ({"image": "", "queues": (Queue(name="task", image="r"),)}, "ok"),
    ],
)
def test_a_site_without_an_image_is_found(settings: dict[str, Any], level: str) -> None:
    assert [one.level for one in look("image", Answers(), **settings)] == [level]


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    policy = manifests.policy()[0]
    change(policy["spec"])
    return policy


@pytest.mark.parametrize(
    ("path", "answer", "what"),
    [
        (POLICY, NotFound("x"), "is not installed"),
        (f"{BINDING}-updates", NotFound("x"), "is not installed"),
        (f"{BINDING}-updates", {"spec": {"validationActions": ["Audit"]}}, "is not enforced"),
        (BINDING, NotFound("x"), "is not installed"),
        (BINDING, {"spec": {"validationActions": ["Audit"]}}, "is not enforced"),
        (POLICY, changed(lambda spec: spec.update(failurePolicy="Ignore")), "of another version"),
        (POLICY, changed(lambda spec: spec["validations"].pop()), "of another version"),
    ],
)
def test_a_policy_that_does_not_hold_is_found(path: str, answer: Any, what: str) -> None:
    (found,) = look("policy", Answers(**{path: answer}))
    assert (found.level, what in found.what) == ("problem", True)


def test_a_policy_that_holds_is_found_to() -> None:
    assert [one.level for one in look("policy", Answers())] == ["ok"]

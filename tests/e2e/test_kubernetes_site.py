"""What an administrator does on a real cluster, and what they are told: doctor, events, upgrading, pods.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_site.py

Needs what test_kubernetes.py needs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from real_cluster import NAMESPACE, ROOT, Account, RealCluster
from test_kubernetes import gone, number, other, site, user

__all__ = ["other", "site", "user"]  # fixtures


# ------------------------------------------------------------ gridcompat doctor


def doctor(who: RealCluster | Account, **environment: str) -> dict[str, list[dict[str, str]]]:
    """What `gridcompat doctor` finds, by check; asked by the administrator, or by a user."""
    # Users of this machine may not reach this interpreter, so only what it says of itself is theirs.
    uid, mine = os.getuid(), {}
    if isinstance(who, Account):
        uid, mine = who.uid, who.environment
    else:
        mine = {**who.environment, "GRIDCOMPAT_CONFIG": str(who.folder / "site.toml")}
    code = (
        f"import os; os.getuid = lambda: {uid}; from gridcompat.cli import main; main(['doctor', '--json'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**mine, "GRIDCOMPAT_REQUEST_TIMEOUT_S": "5", **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.stderr == "", done.stderr
    found: dict[str, list[dict[str, str]]] = {}
    for one in json.loads(done.stdout):
        found.setdefault(one["check"], []).append(one)
    levels = [one["level"] for several in found.values() for one in several]
    assert done.returncode == ("problem" in levels)
    return found


def of(user: Account) -> dict[str, str]:
    return {"GRIDCOMPAT_NAMESPACE": user.namespace}


CLUSTER_CHECKS = [
    *("server", "server clock", "definitions", "rights", "account", "ids", "quota"),
    *("deployment", "lease", "policy", "image", "pods", "submission"),
]


def test_doctor_finds_nothing_where_nothing_is_missing(site: RealCluster, user: Account) -> None:
    found = doctor(site, **of(user))
    levels = {name: [one["level"] for one in found[name]] for name in CLUSTER_CHECKS}
    assert levels == {name: ["ok"] for name in CLUSTER_CHECKS}, found


def test_doctor_tells_a_user_what_users_may_know(user: Account) -> None:
    found = doctor(user)
    levels = {name: found[name][0]["level"] for name in CLUSTER_CHECKS}
    hidden = {name for name, level in levels.items() if level == "unseen"}
    assert hidden == {"quota", "deployment", "lease", "pods"}, found
    assert {level for name, level in levels.items() if name not in hidden} == {"ok"}, found
    assert found["policy"][0]["what"] == "the admission policy refuses what it should"


@contextmanager
def without(site: RealCluster, *words: str) -> Iterator[None]:
    """Take an object away, and put it back."""
    obj = site.get(*words)
    for name in ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"):
        obj["metadata"].pop(name, None)
    obj.pop("status", None)
    site.kubectl("delete", *words)
    try:
        yield
    finally:
        site.apply([obj])


@contextmanager
def patched(site: RealCluster, change: dict[str, Any], back: dict[str, Any], *words: str) -> Iterator[None]:
    """Change an object, and change it back."""
    site.kubectl("patch", *words, "--type=merge", "-p", json.dumps(change))
    try:
        yield
    finally:
        site.kubectl("patch", *words, "--type=merge", "-p", json.dumps(back))


def policy_binding(site: RealCluster, user: Account) -> Any:
    return without(site, "validatingadmissionpolicybinding", "gridcompat-gridjobs")


def policy_off(site: RealCluster, user: Account) -> Any:
    deny, audit = ({"spec": {"validationActions": [word]}} for word in ("Deny", "Audit"))
    return patched(site, audit, deny, "validatingadmissionpolicybinding", "gridcompat-gridjobs")


def old_policy(site: RealCluster, user: Account) -> Any:
    new, old = ({"spec": {"failurePolicy": word}} for word in ("Fail", "Ignore"))
    return patched(site, old, new, "validatingadmissionpolicy", "gridcompat-gridjobs")


def no_grid_site(site: RealCluster, user: Account) -> Any:
    return without(site, "gridsite", "site")


def old_definition(site: RealCluster, user: Account) -> Any:
    there = site.get("crd", "gridjobs.gridcompat.io")
    versions = there["spec"]["versions"]
    older = json.loads(json.dumps(versions))
    older[0]["additionalPrinterColumns"].pop()
    return patched(
        site,
        {"spec": {"versions": older}},
        {"spec": {"versions": versions}},
        "crd",
        "gridjobs.gridcompat.io",
    )


def no_role(site: RealCluster, user: Account) -> Any:
    return without(site, "rolebinding", "gridcompat-user", "-n", user.namespace)


def no_quota(site: RealCluster, user: Account) -> Any:
    return without(site, "resourcequota", "gridcompat", "-n", user.namespace)


@contextmanager
def full_quota(site: RealCluster, user: Account) -> Iterator[None]:
    """Jobs are counted against none at all."""
    full = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": user.namespace},
    }
    site.apply([{**full, "spec": {"hard": {"count/gridjobs.gridcompat.io": "0"}}}])

    def counted() -> bool:
        status = site.get("resourcequota", "full", "-n", user.namespace)["status"]
        return "count/gridjobs.gridcompat.io" in status.get("used", {})

    try:
        site.wait(counted, "the quota is not looked at")
        yield
    finally:
        site.kubectl("delete", "resourcequota", "full", "-n", user.namespace)


def other_uid(site: RealCluster, user: Account) -> Any:
    wrong, right = ({"spec": {"uid": uid}} for uid in (4711, user.uid))
    return patched(site, wrong, right, "gridaccount", "account", "-n", user.namespace)


def no_home(site: RealCluster, user: Account) -> Any:
    wrong, right = ({"spec": {"home": home}} for home in ("/nonexistent/home", str(user.home)))
    return patched(site, wrong, right, "gridaccount", "account", "-n", user.namespace)


def no_account(site: RealCluster, user: Account) -> Any:
    return without(site, "gridaccount", "account", "-n", user.namespace)


def daemon_patch(image: str) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": [{"name": "daemon", "image": image}]}}}}


@contextmanager
def no_image(site: RealCluster, user: Account) -> Iterator[None]:
    """One replica's image is not to be had."""
    words = ("deployment", "gridcompat-daemon-1", "-n", NAMESPACE, "-p")
    right = site.get("deployment", "gridcompat-daemon-1", "-n", NAMESPACE)
    image = right["spec"]["template"]["spec"]["containers"][0]["image"]
    site.kubectl("patch", *words, json.dumps(daemon_patch("gridcompat.test/none:1")))
    try:
        site.wait(lambda: any("Image" in text for text in reasons(site)), "the image is there")
        yield
    finally:
        site.kubectl("patch", *words, json.dumps(daemon_patch(image)))
        site.kubectl("rollout", "status", "deployment/gridcompat-daemon-1", "-n", NAMESPACE, "--timeout=90s")


def reasons(site: RealCluster) -> list[str]:
    """Why containers of the daemon wait."""
    statuses = [
        one
        for pod in site.get("pods", "-n", NAMESPACE)["items"]
        for one in pod["status"].get("containerStatuses") or ()
    ]
    return [(one["state"].get("waiting") or {}).get("reason") or "" for one in statuses]


@contextmanager
def no_daemon(site: RealCluster, user: Account) -> Iterator[None]:
    """Both replicas are scaled away, and the Lease has run out."""
    words = ("deployments", "--all", "-n", NAMESPACE)
    site.kubectl("scale", "--replicas=0", *words)
    try:
        site.wait(lambda: not site.get("pods", "-n", NAMESPACE)["items"], "the daemon is still there")
        yield
    finally:
        site.kubectl("scale", "--replicas=1", *words)
        site.wait(lambda: bool(site.leader()), "nobody leads")


def no_lease(site: RealCluster, user: Account) -> Any:
    taken = {"spec": {"holderIdentity": "uninstall", "leaseDurationSeconds": 600}}
    free = {"spec": {"holderIdentity": "", "leaseDurationSeconds": 1}}
    return patched(site, taken, free, "lease", "gridcompat-daemon", "-n", NAMESPACE)


@pytest.mark.parametrize(
    ("breaks", "asked_by", "check", "level", "what", "repair"),
    [
        (policy_binding, "admin", "policy", "problem", "is not installed", "kubectl apply"),
        (policy_binding, "user", "policy", "problem", "a forged GridJob is not refused", "kubectl apply"),
        (policy_off, "admin", "policy", "problem", "is not enforced", "kubectl apply"),
        (old_policy, "admin", "policy", "problem", "is of another version", "kubectl apply"),
        (no_grid_site, "admin", "ids", "problem", "there is no GridSite", "logs deployment/"),
        (old_definition, "admin", "definitions", "problem", "gridjobs.gridcompat.io is of", "kubectl apply"),
        (no_role, "user", "rights", "problem", "the role gridcompat-user is not bound", "create rolebinding"),
        (no_quota, "admin", "quota", "warning", "has no quota gridcompat", "account add"),
        (full_quota, "admin", "quota", "problem", "the quota full is used up", "edit resourcequota full"),
        (full_quota, "user", "submission", "problem", "exceeded quota: full", "edit resourcequota"),
        (other_uid, "user", "account", "warning", "jobs run as uid 4711", "edit gridaccount"),
        (no_home, "user", "account", "warning", "/nonexistent/home is not on this host", "mount"),
        (no_account, "user", "account", "problem", "has no GridAccount", "gridcompat account add"),
        (no_image, "admin", "deployment", "problem", "gridcompat.test/none:1 of", "registry"),
        (no_daemon, "admin", "deployment", "problem", "none of 0 replicas", "logs"),
        (no_lease, "admin", "lease", "problem", "was taken by --uninstall", "delete lease"),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)  # fmt: skip
def test_doctor_finds_what_is_broken(
    site: RealCluster,
    user: Account,
    breaks: Callable[[RealCluster, Account], Any],
    asked_by: str,
    check: str,
    level: str,
    what: str,
    repair: str,
) -> None:
    def found() -> list[dict[str, str]]:
        seen = doctor(user) if asked_by == "user" else doctor(site, **of(user))
        return [one for one in seen.get(check, ()) if what in one["what"] and repair in one["repair"]]

    with breaks(site, user):
        # Policies and rights take a moment to be in force.
        site.wait(lambda: bool(found()), f"not found by {check}", 30)
        assert {one["level"] for one in found()} == {level}
    site.wait(lambda: not found(), "found although it is repaired", 30)


def test_doctor_finds_a_server_that_does_not_answer(user: Account) -> None:
    elsewhere = user.home / "elsewhere"
    elsewhere.write_text((user.home / "kubeconfig").read_text().replace(f":{user.cluster.port}", ":1"))
    os.chown(elsewhere, user.uid, user.gid)
    found = doctor(user, KUBECONFIG=str(elsewhere))
    assert found["server"][0]["level"] == "problem"
    assert "Connection refused" in found["server"][0]["what"]


def test_doctor_finds_a_pod_that_waits_for_its_home(site: RealCluster, user: Account) -> None:
    body = {"path": "/lost", "source": {"hostPath": {"path": "/nonexistent/x", "type": "Directory"}}}
    words = ("gridaccount", "account", "-n", user.namespace)
    with patched(site, {"spec": {"volumes": [body]}}, {"spec": {"volumes": None}}, *words):
        time.sleep(1)
        job = number(user.ok("qsub", "-b", "y", "-N", "lost", "true"))
        site.wait(
            lambda: "hostPath type check failed" in doctor(site, **of(user))["pods"][0]["what"], "not found"
        )
        user.ok("qdel", job)
        gone(user)

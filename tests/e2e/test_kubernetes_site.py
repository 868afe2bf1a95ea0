"""What an administrator does on a real cluster, and what they are told: doctor, events, upgrading, pods.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_site.py

Needs what test_kubernetes.py needs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from real_cluster import IMAGE, NAMESPACE, ROOT, Account, RealCluster, image_root
from test_kubernetes import entries, gone, number, other, script, site, user

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
        # As somebody else than `kubectl apply`, for what was read has more fields than what is applied.
        put_back = ("apply", "--server-side", "--field-manager=put-back", "--force-conflicts", "-f", "-")
        site.kubectl(*put_back, stdin=json.dumps(obj))


def policy_binding(site: RealCluster, user: Account) -> Any:
    return without(site, "validatingadmissionpolicybinding", "gridcompat-gridjobs")


def policy_off(site: RealCluster, user: Account) -> Any:
    deny, audit = ({"spec": {"validationActions": [word]}} for word in ("Deny", "Audit"))
    return site.patched(audit, deny, "validatingadmissionpolicybinding", "gridcompat-gridjobs")


def old_policy(site: RealCluster, user: Account) -> Any:
    new, old = ({"spec": {"failurePolicy": word}} for word in ("Fail", "Ignore"))
    return site.patched(old, new, "validatingadmissionpolicy", "gridcompat-gridjobs")


def no_grid_site(site: RealCluster, user: Account) -> Any:
    return without(site, "gridsite", "site")


def old_definition(site: RealCluster, user: Account) -> Any:
    there = site.get("crd", "gridjobs.gridcompat.io")
    versions = there["spec"]["versions"]
    older = json.loads(json.dumps(versions))
    older[0]["additionalPrinterColumns"].pop()
    return site.patched(
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
    return site.patched(wrong, right, "gridaccount", "account", "-n", user.namespace)


def no_home(site: RealCluster, user: Account) -> Any:
    wrong, right = ({"spec": {"home": home}} for home in ("/nonexistent/home", str(user.home)))
    return site.patched(wrong, right, "gridaccount", "account", "-n", user.namespace)


def no_account(site: RealCluster, user: Account) -> Any:
    return without(site, "gridaccount", "account", "-n", user.namespace)


@contextmanager
def no_image(site: RealCluster, user: Account) -> Iterator[None]:
    """One replica's image is not to be had."""

    def second(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for one in objects if one["metadata"]["name"] == "gridcompat-daemon-1"]

    site.apply(second(site.installed(image="gridcompat.test/none:1")))
    try:
        site.wait(lambda: any("Image" in text for text in reasons(site)), "the image is there")
        yield
    finally:
        site.apply(second(site.installed()))
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
    return site.patched(taken, free, "lease", "gridcompat-daemon", "-n", NAMESPACE)


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
    with site.patched({"spec": {"volumes": [body]}}, {"spec": {"volumes": None}}, *words):
        time.sleep(1)
        job = number(user.ok("qsub", "-b", "y", "-N", "lost", "true"))
        site.wait(
            lambda: "hostPath type check failed" in doctor(site, **of(user))["pods"][0]["what"], "not found"
        )
        user.ok("qdel", job)
        gone(user)


# ------------------------------------------------------------ events


def told_of(site: RealCluster, user: Account, job: str) -> dict[str, dict[str, Any]]:
    """The Events of a GridJob by reason."""
    found = site.get(
        *("events", "-n", user.namespace, "--field-selector"),
        f"involvedObject.kind=GridJob,involvedObject.name={job}",
    )
    return {one["reason"]: one for one in found["items"]}


def test_describe_shows_what_happened_to_a_job(site: RealCluster, user: Account) -> None:
    job = number(user.ok("qsub", "-N", "seen", script(user, "seen.sh", "exit 3")))
    gone(user)
    site.wait(
        lambda: {"Attempt", "Started", "Ended", "Recorded"} <= set(told_of(site, user, job)), "no Events"
    )
    text = site.kubectl("describe", "gridjob", job, "-n", user.namespace).partition("Events:")[2]
    assert f"seen-{job}-a1 in queue task" in text
    assert "ended with status 3" in text
    assert "in the accounting file: exit_status 3, failed 0" in text


def test_an_array_has_few_events_with_counts(site: RealCluster, user: Account) -> None:
    job = number(user.ok("qsub", "-t", "1-12", "-b", "y", "-o", "/dev/null", "-j", "y", "true"))
    gone(user)
    site.wait(
        lambda: told_of(site, user, job).get("Recorded", {}).get("count") == 12, "they are not counted", 30
    )
    assert len(told_of(site, user, job)) <= 5


def test_what_a_quota_refuses_and_what_is_an_error_is_told(site: RealCluster, user: Account) -> None:
    none = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none", "namespace": user.namespace},
    }
    site.apply([{**none, "spec": {"hard": {"pods": "0"}}}])
    words = ("resourcequota", "none", "-n", user.namespace)
    site.wait(lambda: bool(site.get(*words).get("status", {}).get("hard")), "the quota is not looked at")
    job = number(user.ok("qsub", "-b", "y", "true"))
    try:
        site.wait(lambda: "Refused" in told_of(site, user, job), "the refusal is not told")
        assert "exceeded quota: none" in told_of(site, user, job)["Refused"]["message"]
    finally:
        site.kubectl("delete", *words)
    gone(user)
    job = number(user.ok("qsub", "-o", "/nonexistent/x", "-b", "y", "true"))
    site.wait(lambda: "Error" in told_of(site, user, job), "the error is not told")
    assert told_of(site, user, job)["Error"]["type"] == "Warning"
    user.ok("qdel", job)
    site.wait(lambda: user.ok("qstat") == "", "it is not gone")


# ------------------------------------------------------------ installing


def test_the_deployment_applied_twice_is_one_generation(site: RealCluster) -> None:
    text = site.gridcompat("manifests", "--settings", str(site.folder / "site.toml"), "--namespace", "twice")
    objects = [one for one in yaml.safe_load_all(text) if one["metadata"].get("namespace") == "twice"]
    objects.insert(0, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "twice"}})
    assert "Deployment" in {one["kind"] for one in objects}
    for one in objects:
        if one["kind"] == "Deployment":
            one["spec"]["replicas"] = 0  # it would lead nothing, but try to
    try:
        site.apply(objects)
        first = site.get("deployment", "gridcompat-daemon", "-n", "twice")["metadata"]
        assert site.kubectl("diff", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(objects)) == ""
        site.apply(objects)
        second = site.get("deployment", "gridcompat-daemon", "-n", "twice")["metadata"]
        assert (first["generation"], first["labels"]) == (second["generation"], second["labels"])
    finally:
        site.kubectl("delete", "namespace", "twice", "--wait=false")


def test_the_daemon_as_a_module_leads_too(site: RealCluster, user: Account) -> None:
    deployment = site.get("deployment", "gridcompat-daemon-0", "-n", NAMESPACE)
    spec = deployment["spec"]["template"]["spec"]
    container = spec["containers"][0]
    container["command"] = ["python3", "-m", "gridcompat.daemon", "--cluster"]
    container["env"].append({"name": "PYTHONPATH", "value": "/opt/gridcompat"})
    for probe in ("livenessProbe", "readinessProbe", "ports"):
        container.pop(probe, None)
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "module", "namespace": NAMESPACE},
        "spec": spec,
    }

    def holder() -> str:
        return str(site.get("lease", "gridcompat-daemon", "-n", NAMESPACE)["spec"].get("holderIdentity"))

    with no_daemon(site, user):
        site.kubectl("create", "-f", "-", stdin=json.dumps(pod))
        try:
            # Its name is that of its host: nobody gave it POD_NAME's on the command line.
            site.wait(lambda: "_" in holder(), "it does not lead")
            job = number(user.ok("qsub", "-b", "y", "true"))
            gone(user)
            assert len(entries(user, job)) == 1
        finally:
            site.kubectl("delete", "pod", "module", "-n", NAMESPACE)


def test_an_upgrade_keeps_what_runs_and_what_waits(site: RealCluster, user: Account) -> None:
    before = older(site)
    if not before:
        pytest.skip("the history of the checkout is not there")
    # What the version before does not know yet comes with the new one.
    settings = site.folder / "before.toml"
    settings.write_text((site.folder / "site.toml").read_text().partition("release_images")[0])
    text = subprocess.run(
        [sys.executable, f"{before}/bin/gridcompat", "manifests", "--settings", str(settings)],
        env={**site.environment, "PYTHONPATH": before},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.replace(f"image: {IMAGE}", f"image: {OLD_IMAGE}")
    assert OLD_IMAGE in text
    # A case above has patched a definition; no site's administrator would have to.
    objects = [one for obj in yaml.safe_load_all(text) for one in site.on_this_machine(obj)]
    site.apply(objects, "--force-conflicts")
    site.wait(lambda: {image(pod) for pod in daemons(site)} == {OLD_IMAGE}, "the old one does not run")
    site.wait(lambda: bool(site.leader()), "the old one does not lead")
    wait = script(user, "until.sh", "while [ ! -e go ]; do sleep 0.2; done; echo went")
    # Submit hosts come after the daemon: what they write then is not newer than what it reads.
    qsub = ("env", f"GRIDCOMPAT_CONFIG={settings}", f"{before}/bin/qsub")
    runs = number(user.ok(*qsub, "-N", "runs", wait))
    waits = number(user.ok(*qsub, "-hold_jid", runs, "-N", "waits", "-b", "y", "echo after"))
    site.wait(lambda: " r " in user.ok("qstat"), "it does not run")
    site.restart()
    site.wait(lambda: {image(pod) for pod in daemons(site)} == {IMAGE}, "the new one does not run")
    site.wait(lambda: bool(site.leader()), "the new one does not lead")
    states = {row.split()[0]: row.split()[4] for row in user.ok("qstat").splitlines()[2:]}
    assert states == {runs: "r", waits: "hqw"}
    (user.home / "go").write_text("")
    gone(user)
    (user.home / "go").unlink()
    assert user.file(f"runs.o{runs}") == "went\n"
    assert user.file(f"waits.o{waits}") == "after\n"
    assert [len(entries(user, one)) for one in (runs, waits)] == [1, 1]


OLD_IMAGE = "gridcompat.test/gridcompat:0"
GENERATION = 60
"""Commits before this one: some change of the daemon lies between."""


def older(site: RealCluster) -> str:
    """A checkout of before, loaded as an image; "" without a history."""
    git = ["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT)]
    done = subprocess.run(
        [*git, "rev-list", "-n", "1", "--skip", str(GENERATION), "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    commit = done.stdout.strip()
    if not commit:
        return ""
    folder = site.folder / "before"
    folder.mkdir(exist_ok=True)
    packed = subprocess.run([*git, "archive", commit, "gridcompat", "bin"], capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    with image_root() as root:  # whoever uses it next puts its own checkout in
        inside = root / "opt" / "gridcompat"
        for part in ("gridcompat", "bin"):
            shutil.rmtree(inside / part)
            shutil.copytree(folder / part, inside / part)
        site.kubelab("image", OLD_IMAGE, str(root))
    return str(folder)


def daemons(site: RealCluster) -> list[dict[str, Any]]:
    """Pods of the daemon that are ready."""
    pods = site.get("pods", "-n", NAMESPACE)["items"]
    return [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]


def image(pod: dict[str, Any]) -> str:
    """The image of a pod."""
    return str(pod["spec"]["containers"][0]["image"])


def test_what_runs_when_an_account_is_removed_runs_to_its_end(site: RealCluster, other: Account) -> None:
    job = number(other.ok("qsub", "-N", "last", script(other, "last.sh", "sleep 6; echo done")))
    site.wait(lambda: " r " in other.ok("qstat"), "it does not run")
    listed = site.gridcompat("account", "list")
    shown = site.gridcompat("account", "show", other.namespace)
    assert other.namespace in listed
    assert "1 unfinished" in shown
    site.kubectl("delete", "-f", "-", stdin=site.gridcompat("account", "remove", other.namespace))
    refused = other.run("qsub", "-b", "y", "true")
    assert refused.returncode == 1
    assert "forbidden" in refused.stderr
    site.wait(lambda: len(entries(other, job)) == 1, "its end is not recorded")
    assert other.file(f"last.o{job}") == "done\n"
    assert other.namespace not in site.gridcompat("account", "list")
    site.apply(list(yaml.safe_load_all(site.gridcompat(*added(other)))))
    site.wait(lambda: other.run("qstat").returncode == 0, "the account is not back")


def test_a_backup_is_put_back_into_an_empty_cluster(site: RealCluster, user: Account) -> None:
    runs = number(
        user.ok("qsub", "-N", "brun", script(user, "brun.sh", "echo run >> brun.txt", "sleep ${1:-0}"), "9")
    )
    site.wait(lambda: user.file("brun.txt") == "run\n", "it does not run")
    waits = number(
        user.ok("qsub", "-hold_jid", runs, "-v", "WORD=kept", "-N", "bwait", "-b", "y", "echo $WORD")
    )
    over = entries(user, runs)
    document = site.gridcompat("backup")
    settings = str(site.folder / "site.toml")
    kept = site.folder / "backup.json"
    kept.write_text(document)
    assert "WORD" in json.dumps(json.loads(document)["jobs"]) or json.loads(document)["secrets"]
    refused = subprocess.run(
        [sys.executable, str(ROOT / "bin" / "gridcompat"), "restore", str(kept)],
        env=site.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (refused.returncode, "the daemon works" in refused.stderr) == (1, True)
    # The cluster is lost; the accounting file, on its own volume, is not.
    text = site.gridcompat("manifests", "--settings", settings, "--uninstall")
    site.kubectl("delete", "deployments", "--all", "-n", NAMESPACE)
    site.kubectl("delete", "--ignore-not-found", "--timeout=90s", "-f", "-", stdin=text)
    site.wait(lambda: not site.get("pods", "-n", user.namespace)["items"], "pods are left")
    nothing_of_ours(site)
    new = site.installed()
    later = [one for one in new if one["kind"] == "Deployment"]
    site.apply([one for one in new if one["kind"] != "Deployment"])
    site.wait(lambda: "gridjobs" in site.kubectl("api-resources", "--api-group=gridcompat.io"), "no kinds")
    assert site.gridcompat("restore", str(kept)).startswith("2 of 2 jobs were put back")
    site.apply(list(yaml.safe_load_all(site.gridcompat(*added(user)))))
    site.apply(later)
    site.wait(lambda: bool(site.leader()), "nobody leads")
    gone(user)
    assert user.file("brun.txt") == "run\nrun\n", "what ran when the backup was made ran again"
    assert user.file(f"bwait.o{waits}") == "kept\n"
    assert len(entries(user, runs)) == len(over) + 1
    after = number(user.ok("qsub", "-b", "y", "true"))
    assert int(after) > int(waits), "no number is given twice"
    gone(user)


def nothing_of_ours(site: RealCluster) -> None:
    """No object of the installation, of an account or of a job is there."""
    kinds = site.kubectl("api-resources", "-o", "name", "--verbs=list").split()
    assert not [kind for kind in kinds if "gridcompat" in kind]
    skip = ("events", "events.events.k8s.io")
    listed = site.kubectl("get", ",".join(kind for kind in kinds if kind not in skip), "-A", "-o", "name")
    left = [name for name in listed.split() if "grid" in name.partition("/")[2]]
    assert left == []


def added(user: Account) -> tuple[str, ...]:
    """The words that make an account again."""
    return (
        *("account", "add", user.owner, "--namespace", user.namespace, "--home", str(user.home)),
        *("--uid", str(user.uid), "--gid", str(user.gid), "--group", user.owner, "--in-job"),
    )

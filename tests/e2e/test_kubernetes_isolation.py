"""What one user of a real cluster can do to another, with the rights that an account gives: nothing.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_isolation.py

`user` attacks `other`, mostly with requests that no command makes.  Needs what test_kubernetes.py needs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from attempts import (
    CHANGES,
    GROUP,
    HOSTILE,
    IN_ANOTHERS,
    IN_ANY_NAMESPACE,
    IN_THE_SITE,
    MESSAGES,
    READING,
    Api,
    body_of,
    create,
    forged_metadata,
)
from real_cluster import NAMESPACE, Account, RealCluster
from test_kubernetes import entries, number, other, script, site, user

from gridcompat.model import JobRequest
from gridcompat.translate.grid_job import request_json

__all__ = ["other", "site", "user"]  # fixtures

STORM = int(os.environ.get("GRIDCOMPAT_STORM", "2000"))
"""GridJobs of one account at once, each of another shape, none of which can start; by hand 10000."""
PATIENCE_S = 30.0
"""In this time another user's job must run, on a machine with two busy cores (alone it takes 2 s)."""


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


# ------------------------------------------------------------ requests


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
    found: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "fields": ({}, {"owner": other.owner, "uid": 0, "gid": 0, "home": str(other.home), "groups": [0]}),
        "a pod": ({}, {"securityContext": {"runAsUser": 0}, "volumes": [volume], "account": "account"}),
        "annotations": ({"annotations": notes}, {}),
        "labels": ({"labels": labels}, {}),
    }
    return found[what]


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


@watched
@pytest.mark.parametrize("what", ["labels", "annotations", "a few long annotations", "finalizers"])
def test_half_a_megabyte_beside_the_job_is_refused(api: Api, user: Account, own: str, what: str) -> None:
    body = body_of(user)
    body["metadata"] |= forged_metadata(what)
    assert create(api, user, body)[0] == 422
    path = f"{GROUP}/namespaces/{user.namespace}/gridjobs/{own}"
    assert api.ask("PATCH", path, {"metadata": forged_metadata(what)})[0] == 422


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
    hard = {"spec": {"hard": {"count/gridjobs.gridcompat.io": str(2 * STORM)}}}
    site.kubectl("patch", "resourcequota", "gridcompat", *words, json.dumps(hard))
    body = body_of(user)
    made: dict[int, int] = {}
    slowest = 0.0
    begun = time.monotonic()
    for at in range(STORM):
        nowhere = (("hostname", f"nowhere{at}"),)
        request = JobRequest(name="storm", hard_resources=nowhere, hard_queues=("task",))
        body["metadata"]["name"] = str(first + at)
        body["spec"] |= {"id": first + at, "request": request_json(request)}
        status, _ = create(api, user, body, again=at > 0)
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

"""The whole way on a real cluster, as an ordinary user.

    pytest --cluster=kubelab tests/e2e/test_kubernetes.py

Needs root, Debian's containerd and debootstrap (`tests/cluster/kubelab/kubelab install`).
"""

from __future__ import annotations

import base64
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from real_cluster import BIN, NAMESPACE, SINK, Account, RealCluster

from gridcompat.accounting import Entry, read


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    """A kubelab of two nodes with gridcompat installed; skipped unless it was asked for."""
    with started(request) as cluster:
        yield cluster


@contextmanager
def started(request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    """See `site`."""
    if "kubelab" not in (request.config.getoption("--cluster") or ()):
        pytest.skip("a real cluster: --cluster=kubelab")
    # Not pytest's own: any other pytest that starts closes the way there to other users.
    folder = Path(tempfile.mkdtemp(prefix="gridcompat-site-"))
    folder.chmod(0o755)
    port = int(os.environ.get("KUBELAB_PORT", "6443")) + 1025
    with subprocess.Popen([sys.executable, str(SINK), str(port), str(folder / "mails")]) as sink:
        cluster = RealCluster(folder, smtp=f"127.0.0.1:{port}")
        try:
            cluster.up()
            yield cluster
        finally:
            cluster.down()
            sink.terminate()
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def user(site: RealCluster) -> Account:
    """An ordinary user in a namespace of their own."""
    return site.account("games", site.folder / "home" / "games")


@pytest.fixture(scope="module")
def other(site: RealCluster) -> Account:
    """Another one."""
    return site.account("news", site.folder / "home" / "news")


def number(text: str) -> str:
    """The job number of `Your job 5000 ("x") has been submitted`."""
    return text.split()[2].split(".")[0] if "job-array" in text else text.split()[2]


def script(user: Account, name: str, *lines: str) -> str:
    """Write a script into the home."""
    path = user.home / name
    path.write_text("\n".join(["#!/bin/bash", *lines, ""]))
    path.chmod(0o755)
    return name


def gone(user: Account) -> None:
    """Wait until qstat prints nothing."""
    user.cluster.wait(lambda: user.ok("qstat") == "", "jobs are still there")


def entries(user: Account, job: str) -> list[Entry]:
    """The records of a job."""
    path = str(user.cluster.accounting)
    return list(read(path, job=int(job))) if os.path.exists(path) else []


def pod_of(site: RealCluster, user: Account, job: str) -> dict[str, Any]:
    """The pod of a job that runs."""
    pods = site.get("pods", "-n", user.namespace, "-l", f"gridcompat.io/job={job}")["items"]
    return dict(pods[0]) if pods else {}


# ------------------------------------------------------------ one job


def test_a_script_runs_as_its_user_on_a_node(site: RealCluster, user: Account) -> None:
    lines = (
        "id -u; id -g; whoami; python3 -c 'import getpass; print(getpass.getuser())'",
        'echo "$HOSTNAME $JOB_ID $HOME $PWD"; test -w "$TMPDIR" && echo "$TMPDIR"',
        "echo to-stderr >&2; exit 3",
    )
    job = number(user.ok("qsub", "-N", "who", script(user, "who.sh", *lines)))
    gone(user)
    out = user.file(f"who.o{job}").splitlines()
    entry = pwd.getpwnam(user.owner)
    assert out[:4] == [str(entry.pw_uid), str(entry.pw_gid), user.owner, user.owner]
    host, *rest = out[4].split()
    assert host in ("node1", "node2")
    assert rest == [job, str(user.home), str(user.home)]
    assert out[5] == f"/tmp/{job}.1.task"
    assert user.file(f"who.e{job}") == "to-stderr\n"
    stat = (user.home / f"who.o{job}").stat()
    assert (stat.st_uid, stat.st_gid, stat.st_mode & 0o777) == (entry.pw_uid, entry.pw_gid, 0o644)
    (record,) = entries(user, job)
    assert (record.owner, record.hostname, record.exit_status, record.failed) == (user.owner, host, 3, 0)
    assert f"jobnumber    {job}" in " ".join(user.ok("qacct", "-j", job).split("\n")).replace("  ", "  ")


def test_jsub_and_jstart_work_as_on_the_bastion(user: Account) -> None:
    assert user.ok("jsub", "-N", "hello", "echo", "hello").endswith("has been submitted\n")
    gone(user)
    assert user.file("hello.out") == "hello\n"
    count = script(user, "loop.sh", "echo again >> loop.txt; exit $(( $(wc -l < loop.txt) < 2 ))")
    user.ok("jstart", "-N", "looper", "-once", str(user.home / count))
    gone(user)
    assert user.file("loop.txt") == "again\nagain\n"


def test_an_array_and_its_limits(user: Account) -> None:
    job = number(
        user.ok("qsub", "-t", "1-5", "-tc", "2", "-b", "y", "-N", "arr", "echo", "task $SGE_TASK_ID")
    )
    gone(user)
    assert [user.file(f"arr.o{job}.{task}") for task in range(1, 6)] == [f"task {n}\n" for n in range(1, 6)]
    assert sorted(one.task_number for one in entries(user, job)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("size", "expected"),
    [("256M", (0, "some\n")), ("64M", (1, "MemoryError\n"))],
    ids=["enough", "too little"],
)
def test_h_vmem_bounds_the_address_space(user: Account, size: str, expected: tuple[int, str]) -> None:
    lines = (
        "python3 - <<'END'",
        "try: x = bytearray(100 << 20); print('some')",
        "except MemoryError: print('MemoryError'); raise SystemExit(1)",
        "END",
    )
    job = number(user.ok("qsub", "-N", "mem", "-l", f"h_vmem={size}", script(user, "mem.sh", *lines)))
    gone(user)
    (record,) = entries(user, job)
    assert (record.exit_status, user.file(f"mem.o{job}")) == expected


def test_a_running_job_is_deleted(user: Account) -> None:
    job = number(user.ok("qsub", "-b", "y", "-N", "long", "sleep", "1000"))
    user.cluster.wait(lambda: " r " in user.ok("qstat"), "it does not run")
    rows = user.ok("qstat").splitlines()
    assert rows[2].split()[:5] == [job, "1.00000", "long", user.owner, "r"]
    assert rows[2].split()[7] in ("task@node1", "task@node2")
    assert user.ok("qdel", job) == f"{user.owner} has registered the job {job} for deletion\n"
    gone(user)
    (record,) = entries(user, job)
    assert record.failed == 100
    user.cluster.wait(
        lambda: not user.cluster.get("pods", "-n", user.namespace)["items"], "its pod is still there"
    )


def test_a_suspended_job_stops_and_goes_on(user: Account) -> None:
    job = number(user.ok("qsub", script(user, "tick.sh", "while :; do echo >> ticks; sleep 0.2; done")))
    user.cluster.wait(lambda: " r " in user.ok("qstat"), "it does not run")
    user.ok("qmod", "-sj", job)

    def stands() -> bool:
        before = user.file("ticks")
        time.sleep(1)
        return user.file("ticks") == before

    user.cluster.wait(stands, "it goes on")
    assert user.ok("qstat").splitlines()[2].split()[4] == "s"
    user.ok("qmod", "-usj", job)
    user.cluster.wait(lambda: not stands(), "it does not go on")
    user.ok("qdel", job)
    gone(user)


def test_mail_of_begin_and_end_arrives(site: RealCluster, user: Account) -> None:
    job = number(user.ok("qsub", "-m", "be", "-M", "me@grid.test", "-b", "y", "-N", "mailed", "true"))
    gone(user)

    def subjects() -> list[str]:
        path = site.folder / "mails"
        lines = path.read_text().splitlines() if path.exists() else []
        return sorted(json.loads(line)["argv"][1] for line in lines)

    wanted = [f"Job {job} (mailed) Complete", f"Job {job} (mailed) Started"]
    site.wait(lambda: subjects() == wanted, f"no mail: {subjects()}", 30)


def test_hold_release_and_once(user: Account) -> None:
    job = number(user.ok("qsub", "-h", "-b", "y", "-N", "held", "true"))
    assert user.ok("qstat").splitlines()[2].split()[4] == "hqw"
    done = user.run("jsub", "-once", "-N", "held", "true")
    assert done.returncode == 1
    assert "there is a job named 'held' already active" in user.file("held.err")
    user.ok("qrls", job)
    gone(user)
    assert len(entries(user, job)) == 1


def test_a_job_submits_its_successor(user: Account) -> None:
    lines = (
        "n=${1:-1}",
        'echo "$n" >> chain.txt',
        'if [ "$n" -lt 3 ]; then qsub -q task@node2 -o /dev/null -j y chain.sh $((n + 1)); fi',
        'echo "$(qstat | grep -c chain) of mine, $(qstat -j "$JOB_ID" | grep ^owner)"',
    )
    job = number(user.ok("qsub", "-q", "task@node2", "-j", "y", script(user, "chain.sh", *lines), "1"))
    user.cluster.wait(lambda: user.file("chain.txt") == "1\n2\n3\n", "no successors")
    gone(user)
    assert f"owner:                      {user.owner}" in user.file(f"chain.sh.o{job}")


# ------------------------------------------------------------ rights


def test_nobody_sees_into_another_namespace(user: Account, other: Account) -> None:
    secret = number(user.ok("qsub", "-h", "-N", "private", script(user, "s.sh", "echo secret")))
    for words in (["qstat"], ["qdel", secret], ["qsub", "-b", "y", "true"], ["qalter", "-N", "x", secret]):
        done = other.run(*words, GRIDCOMPAT_NAMESPACE=user.namespace)
        assert done.returncode == 1, (words, done.stdout, done.stderr)
        assert "forbidden" in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
    user.ok("qdel", secret)


def expired(site: RealCluster, user: Account) -> str:
    """A kubeconfig of this user with a certificate that has run out."""
    pki = site.state / "pki"
    key, request, made = (str(site.folder / f"expired.{kind}") for kind in ("key", "csr", "crt"))
    subject = ("-subj", f"/CN={user.owner}")
    for words in (
        ("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, *subject),
        (
            "x509",
            "-req",
            "-in",
            request,
            "-CA",
            f"{pki}/ca.crt",
            "-CAkey",
            f"{pki}/ca.key",
            "-days",
            "0",
            "-out",
            made,
        ),
    ):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    text = yaml.safe_load((user.home / "kubeconfig").read_text())
    text["users"][0]["user"] = {
        f"client-{kind}-data": base64.b64encode(Path(path).read_bytes()).decode()
        for kind, path in (("certificate", made), ("key", key))
    }
    path = user.home / "expired"
    path.write_text(json.dumps(text))
    os.chown(path, user.uid, user.gid)
    time.sleep(2)
    return str(path)


@pytest.mark.parametrize("words", [("qstat",), ("qsub", "-b", "y", "true"), ("qdel", "5000"), ("job", "x")])
@pytest.mark.parametrize(
    ("mistake", "status", "message"),
    [
        ("unreachable", 25, "Connection refused"),
        ("expired", 1, "the API server does not accept these credentials (expired?)"),
        ("namespace", 1, "is forbidden"),
        ("no account", 1, "has no GridAccount"),
        ("no kubeconfig", 1, "does not exist"),
    ],
)
def test_each_mistake_is_told_in_a_line(
    site: RealCluster, user: Account, words: tuple[str, ...], mistake: str, status: int, message: str
) -> None:
    environment = {**user.environment, "GRIDCOMPAT_REQUEST_TIMEOUT_S": "2"}
    if mistake == "unreachable":
        text = (user.home / "kubeconfig").read_text().replace(f":{site.port}", ":1")
        (user.home / "elsewhere").write_text(text)
        environment["KUBECONFIG"] = str(user.home / "elsewhere")
    elif mistake == "expired":
        environment["KUBECONFIG"] = expired(site, user)
    elif mistake == "namespace":
        environment["GRIDCOMPAT_NAMESPACE"] = "kube-system"
    elif mistake == "no account":
        environment |= {"GRIDCOMPAT_NAMESPACE": "default", "KUBECONFIG": str(user.home / "admin")}
        (user.home / "admin").write_text((site.state / "admin.kubeconfig").read_text())
    else:
        environment["KUBECONFIG"] = "/nonexistent"
    before = site.get("gridjobs", "-A")["items"]
    done = subprocess.run(
        words,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        cwd=user.home,
    )
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert message in done.stderr.splitlines()[0]
    assert len(done.stderr.splitlines()) <= 2, done.stderr
    assert len(site.get("gridjobs", "-A")["items"]) == len(before)


def forged(user: Account, **changes: Any) -> dict[str, Any]:
    """A GridJob as a submitter would make it, with changes to its metadata or spec."""
    account = user.cluster.get("gridaccount", "account", "-n", user.namespace)
    free = account["spec"]["blocks"][0]["last"]
    body: dict[str, Any] = {
        "apiVersion": "gridcompat.io/v1",
        "kind": "GridJob",
        "metadata": {"name": str(free), "namespace": user.namespace, "finalizers": ["gridcompat.io/job"]},
        "spec": {"id": free, "nonce": "x", "jobName": "x", "request": "{}", "holds": {"user": "1"}},
    }
    body["metadata"] |= changes.pop("metadata", {})
    if "id" in changes:
        body["metadata"]["name"] = str(changes["id"])
    body["spec"] |= changes
    return body


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": 4}, "the id is not within the account's blocks"),
        ({"metadata": {"finalizers": []}}, "has the finalizer"),
        ({"metadata": {"finalizers": ["gridcompat.io/job", "example.com/mine"]}}, "has the finalizer"),
        ({"metadata": {"annotations": {f"a{n}": "x" for n in range(9)}}}, "at most 8 annotations"),
        ({"metadata": {"labels": {f"a{n}": "x" for n in range(9)}}}, "at most 8 labels"),
        ({"metadata": {"annotations": {"a": "x" * 5000}}}, "at most 8 annotations of 4 KiB"),
        (
            {"metadata": {"ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}]}},
            "a GridJob has no owner",
        ),
    ],
)
def test_the_policy_refuses_forged_jobs(user: Account, changes: dict[str, Any], words: str) -> None:
    done = user.kubectl("create", "-f", "-", stdin=json.dumps(forged(user, **changes)))
    assert done.returncode == 1
    assert words in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("get", "secrets"),
        ("delete", "secret", "gridjob-5000"),
        ("get", "pods"),
        ("delete", "gridjob", "5000"),
        ("patch", "gridaccount", "account", "--type=merge", "-p", '{"spec":{"uid":0}}'),
        (
            "patch",
            "gridaccount",
            "account",
            "--subresource=status",
            "--type=merge",
            "-p",
            '{"status":{"nextId":9}}',
        ),
    ],
    ids=lambda words: " ".join(words[:3]),
)
def test_a_user_has_no_more_rights_than_needed(user: Account, words: tuple[str, ...]) -> None:
    done = user.kubectl("-n", user.namespace, *words)
    assert done.returncode == 1
    assert "orbidden" in done.stderr or "nextId" in done.stderr, done.stderr


# ------------------------------------------------------------ why nothing starts


def told(user: Account, job: str, words: str) -> None:
    """Wait until qstat shows the job waiting, and `qstat -j` says why."""
    user.cluster.wait(
        lambda: words in user.ok("qstat", "-j", job),
        lambda: f"qstat -j does not say {words}: {user.ok('qstat', '-j', job)[-600:]}",
        60,
    )
    rows = [row.split() for row in user.ok("qstat").splitlines()[2:]]
    assert [row[4] for row in rows if row[0] == job] == ["qw"]


def test_what_no_node_has_room_for_waits_and_says_so(user: Account) -> None:
    job = number(user.ok("qsub", "-l", "mem_free=900G", "-b", "y", "true"))
    told(user, job, 'cannot run at host "node1" because it offers only hl:mem_free')
    user.ok("qdel", job)
    gone(user)
    assert entries(user, job) == [], "a job that never ran leaves no record"


def test_what_the_scheduler_cannot_place_waits_and_says_so(site: RealCluster, user: Account) -> None:
    site.kubectl("taint", "nodes", "--all", "e2e=full:NoSchedule")
    try:
        job = number(user.ok("qsub", "-b", "y", "true"))
        told(user, job, "Unschedulable: 0/2 nodes are available: 2 node(s) had untolerated taint")
    finally:
        site.kubectl("taint", "nodes", "--all", "e2e-")
    gone(user)
    assert len(entries(user, job)) == 1


def test_a_policy_that_denies_pods_is_told(site: RealCluster, user: Account) -> None:
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": "deny-e2e"}}
    rules = [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}]
    site.apply(
        [
            {
                **head,
                "kind": "ValidatingAdmissionPolicy",
                "spec": {
                    "matchConstraints": {"resourceRules": rules},
                    "validations": [
                        {
                            "expression": f"object.metadata.namespace != '{user.namespace}'",
                            "message": "not on a Tuesday",
                        }
                    ],
                },
            },
            {
                **head,
                "kind": "ValidatingAdmissionPolicyBinding",
                "spec": {"policyName": "deny-e2e", "validationActions": ["Deny"]},
            },
        ]
    )
    time.sleep(3)  # nothing tells when a policy is in force
    try:
        job = number(user.ok("qsub", "-b", "y", "true"))
        told(user, job, "not on a Tuesday")
    finally:
        site.kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", "deny-e2e")
    gone(user)
    assert len(entries(user, job)) == 1


def test_a_volume_that_is_not_there_is_told(site: RealCluster, other: Account) -> None:
    lost = [{"path": "/lost", "source": {"hostPath": {"path": "/nonexistent/x", "type": "Directory"}}}]

    def volumes(value: Any) -> None:
        body = json.dumps({"spec": {"volumes": value}})
        site.kubectl("patch", "gridaccount", "account", "-n", other.namespace, "--type=merge", "-p", body)

    volumes(lost)
    try:
        time.sleep(1)
        job = number(other.ok("qsub", "-b", "y", "true"))
        site.wait(lambda: "hostPath type check failed" in other.ok("qstat", "-j", job), "not told", 60)
        other.ok("qdel", job)
        gone(other)
    finally:
        volumes(None)


# ------------------------------------------------------------ installation


def test_applying_twice_changes_nothing(site: RealCluster) -> None:
    objects = [
        "crd,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding",
        "-l",
        "app.kubernetes.io/name=gridcompat",
    ]

    def versions() -> dict[str, str]:
        found = site.get(*objects)["items"] + site.get("cm,sa,role,rolebinding,pdb", "-n", NAMESPACE)["items"]
        return {
            f"{one['kind']}/{one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in found
        }

    before = versions()
    text = site.gridcompat("manifests", "--settings", str(site.folder / "site.toml"))
    again = site.kubectl(
        "diff", "--server-side", "-l", "app.kubernetes.io/component!=x", "-f", "-", stdin=_others(text)
    )
    assert again == ""
    site.kubectl("apply", "--server-side", "-f", "-", stdin=_others(text))
    assert versions() == before


def _others(text: str) -> str:
    """Without the Deployment, which this machine has in two parts."""
    return "---\n".join(part for part in text.split("---\n") if "kind: Deployment" not in part)


def test_accounts_are_listed_shown_and_removed(site: RealCluster, user: Account, other: Account) -> None:
    lines = [line.split() for line in site.gridcompat("account", "list").splitlines()]
    assert lines[0] == ["NAMESPACE", "OWNER", "UID", "GID", "NEXT", "HOME"]
    for one in (user, other):
        assert [one.namespace, one.owner, str(one.uid), str(one.gid)] in [line[:4] for line in lines]
    shown = site.gridcompat("account", "show", user.namespace)
    assert f"owner       {user.owner}\n" in shown
    assert "0 unfinished" in shown
    removed = yaml.safe_load_all(site.gridcompat("account", "remove", other.namespace))
    assert [obj["kind"] for obj in removed] == ["ResourceQuota", "RoleBinding", "GridAccount"]
    with pytest.raises(AssertionError, match="not found"):
        site.gridcompat("account", "show", "default")


def test_pages_of_leader_and_follower(site: RealCluster) -> None:
    pages = [site.page(port, "metrics") for port in site.ports]
    assert sorted("gridcompat_leader 1\n" in page for page in pages) == [False, True]
    leading = next(page for page in pages if "gridcompat_leader 1\n" in page)
    assert 'gridcompat_jobs{phase="Finished"}' in leading
    assert "gridcompat_reconcile_errors_total" in leading


def test_top_reads_the_figures_of_whoever_leads(site: RealCluster, user: Account) -> None:
    user.ok("qsub", "-b", "y", "true")
    gone(user)
    done = subprocess.run(
        [sys.executable, str(BIN / "gridcompat"), "top", "--json"],
        env={**site.environment, "GRIDCOMPAT_CONFIG": str(site.folder / "site.toml")},
        capture_output=True,
        check=True,
    )
    daemon = json.loads(done.stdout)["daemon"]
    assert (daemon["works"], daemon["leader"]) == (True, site.leader())
    page = site.page(site.ports[int(site.leader().split("-")[2])], "metrics")
    assert f"gridcompat_attempts_total {daemon['starts']}\n" in page
    assert daemon["starts"] >= 1
    assert daemon["mails_failed"] == 0


# ------------------------------------------------------------ the end


def test_uninstalling_leaves_nothing(site: RealCluster, user: Account) -> None:
    user.ok("qsub", "-b", "y", "sleep", "1000")
    user.ok("qsub", "-h", "-b", "y", "sleep", "1000")
    site.wait(lambda: " r " in user.ok("qstat"), "it does not run")
    text = site.gridcompat("manifests", "--settings", str(site.folder / "site.toml"), "--uninstall")
    site.kubectl("delete", "deployments", "--all", "-n", NAMESPACE)
    site.kubectl("delete", "--ignore-not-found", "--timeout=90s", "-f", "-", stdin=text)
    left = site.get("pods", "-A")["items"]
    site.wait(lambda: not site.get("pods", "-n", user.namespace)["items"], f"pods are left: {left}")
    kinds = site.kubectl("api-resources", "-o", "name")
    assert "gridcompat.io" not in kinds
    maps = site.get("configmaps", "-n", user.namespace)["items"]
    assert [one["metadata"]["name"] for one in maps] == ["kube-root-ca.crt"]

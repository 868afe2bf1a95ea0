"""What breaks in a cluster while jobs go through it: no run twice, one record for each, nothing left.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_faults.py

Needs what test_kubernetes.py needs.
"""

from __future__ import annotations

import os
import time

import pytest
from real_cluster import Account, RealCluster
from test_kubernetes import entries, number, ran_once, script, site, submit_some, user

__all__ = ["site", "user"]  # fixtures


def runs(user: Account, job: str) -> int:
    """How often the program of a job was started: each time it leaves a line."""
    return len(user.file(f"runs/{job}").splitlines())


def long_job(user: Account, *words: str, seconds: int = 1000) -> str:
    """A job that leaves a line and then sleeps; it runs when this returns."""
    (user.home / "runs").mkdir(exist_ok=True)
    os.chown(user.home / "runs", user.uid, user.gid)
    name = script(user, f"long{seconds}.sh", 'echo run >> "runs/$JOB_ID"', f"exec sleep {seconds}")
    job = number(user.ok("qsub", *words, name))
    user.cluster.wait(lambda: runs(user, job) == 1 and running(user, job), "it does not run")
    return job


def running(user: Account, job: str) -> bool:
    """Whether qstat says that it runs."""
    rows = [row.split() for row in user.ok("qstat").splitlines()[2:]]
    return [row[4] for row in rows if row[0] == job] == ["r"]


def pod_of(user: Account, job: str) -> str:
    """The name of the one pod of a job."""
    items = user.cluster.get("pods", "-n", user.namespace, "-l", f"gridcompat.io/job={job}")["items"]
    (name,) = [item["metadata"]["name"] for item in items]
    return str(name)


def names(user: Account, kinds: str) -> set[str]:
    """What there is in the user's namespace."""
    items = user.cluster.get(kinds, "-n", user.namespace)["items"]
    return {f"{item['kind']}/{item['metadata']['name']}" for item in items}


def nothing_left(user: Account) -> None:
    """No pod stays; once the finished jobs are removed, no other object of theirs either."""
    site = user.cluster
    site.wait(lambda: not names(user, "pods"), "pods are left")
    site.kubectl("delete", "gridjobs", "--all", "-n", user.namespace, "--timeout=60s")
    site.wait(lambda: not names(user, "gridjobs,secrets,pods"), "objects are left")


def each_run_has_one_record(user: Account, *jobs: str) -> None:
    """As many records as times that the program was started."""
    told = {job: len(entries(user, job)) for job in jobs}
    assert told == {job: runs(user, job) for job in jobs}


# ------------------------------------------------------------ the control plane


def test_etcd_is_killed(site: RealCluster, user: Account) -> None:
    jobs = submit_some(user, 4)
    site.kubelab("kill", "etcd")
    try:
        # Nobody is told a number for which there is no job.
        done = user.run("qsub", "once.sh", GRIDCOMPAT_REQUEST_TIMEOUT_S="3")
        assert (done.returncode, done.stdout) == (25, ""), done.stderr
        assert len(done.stderr.splitlines()) <= 2, done.stderr
    finally:
        site.kubelab("start", "etcd")
    jobs += submit_some(user, 4)
    ran_once(user, jobs)
    nothing_left(user)


@pytest.mark.parametrize("component", ["scheduler", "controller-manager"])
def test_a_component_is_killed(site: RealCluster, user: Account, component: str) -> None:
    jobs = submit_some(user, 3)
    site.kubelab("kill", component)
    try:
        jobs += submit_some(user, 3)
        time.sleep(3)
    finally:
        site.kubelab("start", component)
    jobs += submit_some(user, 2)
    ran_once(user, jobs)
    nothing_left(user)


# ------------------------------------------------------------ objects deleted by hand

FORCE = ("--force", "--grace-period=0")


@pytest.mark.parametrize("how", [(), FORCE], ids=["plain", "by force"])
def test_the_pod_of_a_run_is_deleted(site: RealCluster, user: Account, how: tuple[str, ...]) -> None:
    others = submit_some(user, 2)
    job = long_job(user, "-r", "n")
    site.kubectl("delete", "pod", pod_of(user, job), "-n", user.namespace, "--wait=false", *how)
    ran_once(user, others)
    each_run_has_one_record(user, job)
    assert all(entry.failed or entry.exit_status for entry in entries(user, job))
    nothing_left(user)


@pytest.mark.parametrize("how", ["background", "foreground"])
def test_a_job_object_is_deleted_while_it_runs(site: RealCluster, user: Account, how: str) -> None:
    others = submit_some(user, 2)
    job = long_job(user)
    site.kubectl("delete", "gridjob", job, "-n", user.namespace, f"--cascade={how}", "--wait=false")
    site.wait(lambda: f"GridJob/{job}" not in names(user, "gridjobs"), "the object stays")
    site.wait(lambda: len(entries(user, job)) == 1, "no record")
    ran_once(user, others)
    each_run_has_one_record(user, job)
    nothing_left(user)

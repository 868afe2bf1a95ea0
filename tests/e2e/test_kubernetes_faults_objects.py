"""Somebody deletes our objects with kubectl: no run twice, one record for each, nothing left.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_faults_objects.py

Needs what test_kubernetes.py needs.
"""

from __future__ import annotations

import pytest
from jobs_in_faults import (
    FORCE,
    Jobs,
    cleaned,
    each_run_has_one_record,
    long_job,
    names,
    nothing_left,
    other,
    pod_of,
    prepare,
    runs,
    runs_again,
    site,
    user,
)
from real_cluster import Account, RealCluster
from test_kubernetes import entries, gone, number

__all__ = ["cleaned", "other", "site", "user"]  # fixtures


@pytest.mark.parametrize("how", [(), FORCE], ids=["plain", "by force"])
@pytest.mark.parametrize("again", [True, False], ids=["may run again", "may not"])
def test_the_pods_of_runs_are_deleted(
    site: RealCluster, user: Account, how: tuple[str, ...], again: bool
) -> None:
    jobs = Jobs(user)
    if again:
        hit = [long_job(user, "-r", "y"), long_job(user, "-N", "forever", command="jstart")]
    else:
        hit = [long_job(user, "-r", "n"), long_job(user)]
    pods = [pod_of(user, job) for job in hit]
    site.kubectl("delete", "pod", *pods, "-n", user.namespace, "--wait=false", *how)
    for job in hit:
        if again:
            runs_again(user, job)
        else:
            site.wait(lambda job=job: len(entries(user, job)) == 1, "no record")  # type: ignore[misc]  # the default binds the name of the loop
            assert [(entry.failed, entry.exit_status) for entry in entries(user, job)] == [(100, 137)]
    each_run_has_one_record(user, *hit)
    jobs.went_through()


def test_all_pods_of_an_account_are_deleted_at_any_moment(site: RealCluster, user: Account) -> None:
    jobs = Jobs(user)
    for _ in range(4):
        site.kubectl("delete", "pods", "--all", "-n", user.namespace, "--wait=false")
    jobs.went_through(disturbed=True)


@pytest.mark.parametrize("how", ["background", "foreground", "orphan"])
def test_a_job_object_is_deleted(site: RealCluster, user: Account, how: str) -> None:
    jobs = Jobs(user)
    ran = [long_job(user), long_job(user, "-r", "y")]
    waited = number(user.ok("qsub", "-h", "long.sh"))
    site.kubectl("delete", "gridjob", *ran, waited, "-n", user.namespace, f"--cascade={how}", "--wait=false")
    for job in ran:
        site.wait(lambda job=job: len(entries(user, job)) == 1, "no record")  # type: ignore[misc]  # the default binds the name of the loop
    gone_objects = {f"GridJob/{job}" for job in (*ran, waited)}
    gone_objects |= {f"Secret/gridjob-{job}" for job in (*ran, waited)}
    site.wait(lambda: not gone_objects & names(user, "gridjobs,secrets"), "objects stay")
    selector = ("-l", f"gridcompat.io/job in ({','.join(ran)})")
    site.wait(lambda: not site.get("pods", "-n", user.namespace, *selector)["items"], "pods stay")
    each_run_has_one_record(user, *ran)
    assert entries(user, waited) == [], "what never ran leaves no record"
    jobs.went_through()


def test_a_job_object_is_deleted_while_nobody_leads(site: RealCluster, user: Account) -> None:
    ran = long_job(user)
    site.kubectl("scale", "deployments", "--all", "--replicas=0", "-n", "gridcompat")
    try:
        site.wait(lambda: not site.get("pods", "-n", "gridcompat")["items"], "replicas stay")
        site.kubectl("delete", "gridjob", ran, "-n", user.namespace, "--cascade=orphan", "--wait=false")
        pod = pod_of(user, ran)
        site.wait(
            lambda: not site.get("pod", pod, "-n", user.namespace)["metadata"].get("ownerReferences"),
            "it keeps its owner",
        )
    finally:
        site.kubectl("scale", "deployments", "--all", "--replicas=1", "-n", "gridcompat")
    site.wait(lambda: bool(site.leader()), "nobody leads")
    site.wait(lambda: len(entries(user, ran)) == 1, "no record")
    each_run_has_one_record(user, ran)
    nothing_left(user)


def test_a_namespace_is_deleted(site: RealCluster, user: Account, other: Account) -> None:
    mine = Jobs(user)
    prepare(other)
    ran = [
        long_job(other, "-r", "n"),
        long_job(other, "-r", "y"),
        long_job(other, "-N", "forever", command="jstart"),
        long_job(other, "-notify"),
    ]
    array = number(other.ok("qsub", "-t", "1-4", "-tc", "2", "long.sh"))
    held = number(other.ok("qsub", "-h", "long.sh"))
    successor = number(other.ok("qsub", "-hold_jid", ran[0], "long.sh"))
    site.wait(lambda: runs(other, array) == 2, "the array does not run")
    site.kubectl("delete", "namespace", other.namespace, "--timeout=90s")
    each_run_has_one_record(other, *ran, array)
    for job in (held, successor):
        assert (runs(other, job), entries(other, job)) == (0, []), "what never ran leaves no record"
    # Made again, it is as good as new.
    again = site.account(other.owner, other.home)
    job = number(again.ok("qsub", "quick.sh"))
    gone(again)
    assert (runs(again, job), len(entries(again, job))) == (1, 1)
    nothing_left(again)
    mine.went_through()

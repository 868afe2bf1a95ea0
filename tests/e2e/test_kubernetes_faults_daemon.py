"""The daemon, its API server or a node's power go while jobs go through: no run twice, one record for each.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_faults_daemon.py

Needs what test_kubernetes.py needs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from typing import Any

import pytest
from jobs_in_faults import (
    DOZENS,
    Jobs,
    cleaned,
    each_run_has_one_record,
    long_job,
    prepare,
    runs,
    site,
    state,
    user,
)
from real_cluster import NAMESPACE, Account, RealCluster
from test_kubernetes import entries, number, script, told

__all__ = ["cleaned", "site", "user"]  # fixtures

AT_ONCE = ("--force", "--grace-period=0")
LINES = 100
"""Of the burst: so many crontab lines may be due in the same minute."""


# ------------------------------------------------------------ the daemon


@pytest.mark.parametrize("both", [False, True], ids=["the leader", "both replicas"])
def test_the_daemon_is_killed_again_and_again(site: RealCluster, user: Account, both: bool) -> None:
    killed = {""}

    def kill() -> None:
        # Whoever leads now is amid what the one before has left.
        site.wait(lambda: site.leader() not in killed, "nobody leads")
        leader = site.leader()
        site.kubectl("delete", "pods", *(["--all"] if both else [leader]), "-n", NAMESPACE, *AT_ONCE)
        killed.add(leader)

    before = Jobs(user)
    kill()
    amid = Jobs(user, dozens=1)
    kill()
    kill()
    site.wait(lambda: site.leader() not in killed, "nobody leads")
    before.went_through(keep=True)
    amid.went_through()


@pytest.mark.parametrize("for_s", [22, 0], ids=["and goes on", "for good"])
def test_the_leader_stands_still(site: RealCluster, user: Account, for_s: int) -> None:
    before = Jobs(user)
    leader = site.leader()
    port = site.ports[int(leader.split("-")[2])]
    found = subprocess.run(
        ["pgrep", "-f", f"gridcompat daemon --port {port}"], capture_output=True, text=True, check=True
    )
    for pid in found.stdout.split():
        os.kill(int(pid), signal.SIGSTOP)
    amid = Jobs(user, dozens=1)
    if for_s:
        # Longer than the Lease: another has it now, and waits for the accounting file.
        time.sleep(for_s)
        for pid in found.stdout.split():
            os.kill(int(pid), signal.SIGCONT)
    # For good: the liveness probe ends it, and with it the lock.
    before.went_through(keep=True)
    amid.went_through()
    assert site.leader() not in ("", leader) or for_s == 0


# ------------------------------------------------------------ the API server


def test_the_api_server_restarts_during_a_burst(site: RealCluster, user: Account) -> None:
    jobs = Jobs(user)
    name = script(user, "burst.sh", 'echo run >> "runs/$JOB_ID"')
    burst = [
        user.start("sh", "-c", f"jsub -mem 64m -N burst{line} ./{name}")  # as cron runs a line
        for line in range(LINES)
    ]
    time.sleep(1)
    site.kubelab("kill", "apiserver")
    time.sleep(2)
    site.kubelab("start", "apiserver")
    accepted = []
    for line, one in enumerate(burst):
        out, err = one.communicate(timeout=180)
        # Whoever was told a number has a job; whoever was not was told why (by jsub in the .err file), with
        # a status to try again.
        told_why = user.file(f"burst{line}.err")
        assert (one.returncode, bool(out)) in ((0, True), (25, False)), (one.returncode, out, err, told_why)
        assert one.returncode == 0 or told_why
        if one.returncode == 0:
            accepted.append(number(out))
    assert len(set(accepted)) == len(accepted)
    assert len(accepted) >= LINES // 2
    site.wait(lambda: not any(state(user, job) for job in accepted), "jobs are still there", 180)
    assert {job: (runs(user, job), len(entries(user, job))) for job in accepted} == dict.fromkeys(
        accepted, (1, 1)
    )
    jobs.went_through()


# ------------------------------------------------------------ nodes and quotas


def test_a_node_loses_power_and_comes_back(site: RealCluster, user: Account) -> None:
    deleted = long_job(user, "-r", "n", "-q", "task@node2")
    again = number(user.ok("qsub", "-r", "y", "-q", "task@node2", "slow.sh"))
    site.wait(lambda: user.ok("qstat").count("task@node2") == 2, "the second does not run on node2")
    jobs = Jobs(user)
    site.kubelab("kill", "node2")
    user.ok("qdel", deleted)
    site.wait(lambda: state(user, deleted) == "dr", lambda: f"the order is not shown: {user.ok('qstat')}")
    time.sleep(12)
    assert state(user, deleted) == "dr", "nobody can know that it has ended"
    site.kubelab("start", "node2")
    site.wait(lambda: not state(user, deleted), "the deletion does not end", 120)
    site.wait(lambda: not state(user, again), "the other does not end")
    each_run_has_one_record(user, deleted, again)
    ends = [(entry.failed, entry.exit_status) for entry in entries(user, again)]
    assert ends[-1] == (0, 0), ends
    jobs.went_through(disturbed=True)


def test_a_quota_is_exhausted_and_raised(site: RealCluster, user: Account) -> None:
    quota: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "few", "namespace": user.namespace},
        "spec": {"hard": {"pods": "0"}},
    }
    site.apply([quota])
    site.wait(
        lambda: site.get("quota", "few", "-n", user.namespace)["status"].get("hard") == {"pods": "0"},
        "no quota",
    )
    try:
        prepare(user)
        first = number(user.ok("qsub", "quick.sh"))
        told(user, first, "exceeded quota: few")
        jobs = Jobs(user)
        quota["spec"]["hard"]["pods"] = str(3 * DOZENS)
        site.apply([quota])
        site.wait(lambda: not state(user, first), "it does not run with the quota raised")
        jobs.went_through(keep=True)
    finally:
        site.kubectl("delete", "quota", "few", "-n", user.namespace)
    each_run_has_one_record(user, first)
    Jobs(user, dozens=1).went_through()

"""Parts of the cluster itself end while jobs go through: no run twice, one record for each, nothing left.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_faults_control_plane.py

Needs what test_kubernetes.py needs, where the API server and the daemon's replicas end.
"""

from __future__ import annotations

import time

import pytest
from jobs_in_faults import Jobs, cleaned, site, user
from real_cluster import Account, RealCluster

__all__ = ["cleaned", "site", "user"]  # fixtures


def test_etcd_is_killed(site: RealCluster, user: Account) -> None:
    jobs = Jobs(user)
    site.kubelab("kill", "etcd")
    try:
        # Nobody is told a number for which there is no job.
        done = user.run("qsub", "quick.sh", GRIDCOMPAT_REQUEST_TIMEOUT_S="3")
        assert (done.returncode, done.stdout) == (25, ""), done.stderr
        assert len(done.stderr.splitlines()) <= 2, done.stderr
    finally:
        site.kubelab("start", "etcd")
    jobs.went_through()


@pytest.mark.parametrize("component", ["scheduler", "controller-manager"])
def test_a_component_is_killed(site: RealCluster, user: Account, component: str) -> None:
    before = Jobs(user)
    site.kubelab("kill", component)
    try:
        amid = Jobs(user, dozens=1)
        time.sleep(3)
    finally:
        site.kubelab("start", component)
    before.went_through(keep=True)
    amid.went_through()

"""Nodes, images, memory: what jobs stand on is taken away; no run twice, one record for each, nothing left.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_faults_nodes.py

Needs what test_kubernetes.py needs, where a node's plug is pulled.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jobs_in_faults import (
    Jobs,
    cleaned,
    each_run_has_one_record,
    long_job,
    names,
    pod_of,
    runs,
    runs_again,
    site,
    state,
    user,
)
from real_cluster import IMAGE, Account, RealCluster
from test_kubernetes import entries, number, script

__all__ = ["cleaned", "site", "user"]  # fixtures


# ------------------------------------------------------------ nodes


def test_a_node_object_is_deleted(site: RealCluster, user: Account) -> None:
    ends = long_job(user, "-r", "n", "-q", "task@node2")
    again = long_job(user, "-r", "y", "-l", "hostname=node2")
    jobs = Jobs(user)
    site.kubelab("kill", "node2")
    site.kubectl("delete", "node", "node2")
    try:
        # Nobody will ever see how the runs ended: the node's removal says that they have.
        site.wait(lambda: len(entries(user, ends)) == 1, "no record", 180)
        assert [entry.failed for entry in entries(user, ends)] == [100]
        site.wait(lambda: len(entries(user, again)) == 1, "no record of the other", 60)
        assert state(user, again) in ("Rq", "Rt"), "it waits for its host"
    finally:
        site.kubelab("start", "node2")
    site.wait(lambda: "Node/node2" in names(user, "nodes"), "the node does not come back")
    site.wait(lambda: runs(user, again) == 2 and "r" in state(user, again), "it does not run again", 120)
    user.ok("qdel", again)
    site.wait(lambda: not state(user, again), "it does not end")
    each_run_has_one_record(user, ends, again)
    jobs.went_through(disturbed=True)


def test_a_node_is_drained(site: RealCluster, user: Account) -> None:
    ends = long_job(user, "-r", "n", "-q", "task@node2")
    again = long_job(user, "-r", "y", "-q", "task@node2,task@node1")
    jobs = Jobs(user)
    budget: dict[str, Any] = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "one", "namespace": user.namespace},
        "spec": {"minAvailable": "100%", "selector": {"matchLabels": {"gridcompat.io/job": ends}}},
    }
    site.apply([budget])
    drain = ("drain", "node2", "--ignore-daemonsets", "--delete-emptydir-data")
    selector = f"gridcompat.io/job in ({ends},{again})"
    try:
        with pytest.raises(AssertionError, match="disruption budget"):
            site.kubectl(*drain, "--timeout=15s", f"--pod-selector={selector}")
        assert entries(user, ends) == [], "what a budget protects runs on"
        assert state(user, ends) == "r"
        site.kubectl("delete", "pdb", "one", "-n", user.namespace)
        site.kubectl(*drain, "--timeout=120s", "--pod-selector=gridcompat.io/job")
        site.wait(lambda: len(entries(user, ends)) == 1, "no record")
        assert [entry.failed for entry in entries(user, ends)] == [100]
        if runs(user, again) == 1 and not entries(user, again):
            assert host_of(site, user, again) == "node1", "it was there from the beginning"
        else:
            site.wait(lambda: runs(user, again) == 2 and "r" in state(user, again), "not run elsewhere")
            assert host_of(site, user, again) == "node1"
        user.ok("qdel", again)
        site.wait(lambda: not state(user, again), "it does not end")
    finally:
        site.kubectl("delete", "pdb", "one", "-n", user.namespace, "--ignore-not-found")
        site.kubectl("uncordon", "node2")
    each_run_has_one_record(user, ends, again)
    jobs.went_through(disturbed=True)


def host_of(site: RealCluster, user: Account, job: str) -> str:
    """The node of the one pod of a job."""
    return str(site.get("pod", pod_of(user, job), "-n", user.namespace)["spec"]["nodeName"])


# ------------------------------------------------------------ images


def ctr(site: RealCluster, *words: str) -> None:
    """Do something with the images of every node."""
    for place in range(site.nodes):
        socket = site.state / f"node{place + 1}" / "containerd.sock"
        command = ["ctr", "-a", str(socket), "-n", "k8s.io", "images", *words]
        subprocess.run(command, check=True, capture_output=True)


def test_an_image_is_missing_and_then_there(site: RealCluster, user: Account) -> None:
    ctr(site, "rm", "--sync", IMAGE)
    try:
        jobs = Jobs(user)
        job = jobs.ids["plain"]
        site.wait(lambda: "mage" in user.ok("qstat", "-j", job), "qstat -j does not say it", 60)
        assert state(user, job) in ("qw", "t", "Eqw")
    finally:
        archive = IMAGE.replace("/", "_").replace(":", "_") + ".tar"
        ctr(site, "import", str(site.state / "images" / archive))
    # What waited too long is in error, which is cleared as on the grid.
    for one in jobs.ids.values():
        if state(user, one) == "Eqw":
            user.ok("qmod", "-cj", one)
    jobs.went_through(limit_s=300)


# ------------------------------------------------------------ memory


def launcher_of(site: RealCluster, user: Account, job: str) -> Path:
    """The directory in /proc of the first process of a job's container."""
    uid = site.get("pod", pod_of(user, job), "-n", user.namespace)["metadata"]["uid"]
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            inside = next(
                line.split()[-1]
                for line in (proc / "status").read_text().splitlines()
                if line.startswith("NSpid:")
            )
            if inside == "1" and f"GC_POD_UID={uid}\0".encode() in (proc / "environ").read_bytes():
                return proc
        except (OSError, StopIteration):
            continue
    raise AssertionError("there is no such process")


@pytest.mark.parametrize("again", ["y", "n"])
def test_a_program_hits_the_memory_limit(site: RealCluster, user: Account, again: str) -> None:
    jobs = Jobs(user)
    # Each within h_vmem, together more than the container may have.
    one = "python3 -c 'import time; kept = bytearray(b\"x\") * (90 << 20); time.sleep(100)'"
    lines = ('echo run >> "runs/$JOB_ID"', *([f"{one} &"] * 5), f"exec {one}")
    name = script(user, "hungry.sh", *lines)
    job = number(user.ok("qsub", "-r", again, "-l", "h_vmem=128M", name))
    site.wait(lambda: not state(user, job), "it does not end", 150)
    each_run_has_one_record(user, job)
    (entry,) = entries(user, job)
    # One of the six, whichever the kernel chose: the job itself, or one that it does not wait for.
    assert (entry.failed, entry.exit_status) in ((100, 137), (0, 0))
    jobs.went_through()


@pytest.mark.parametrize("again", ["y", "n"])
def test_the_launcher_hits_the_memory_limit(site: RealCluster, user: Account, again: str) -> None:
    jobs = Jobs(user)
    (user.home / "eat").unlink(missing_ok=True)
    # The kernel takes the process with most points: one for each page, and some that are given. So those
    # that eat are many and small.
    script(user, "eat.sh", 'kept=$(head -c 500000 /dev/zero | tr "\\0" x)', "sleep 100")
    lines = (
        'echo run >> "runs/$JOB_ID"',
        'until [ -e "$HOME/eat" ]; do sleep 0.2; done',
        "for _ in $(seq 600); do dash ./eat.sh & done",
        "wait",
    )
    name = script(user, "hungry.sh", *lines)
    job = number(user.ok("qsub", "-r", again, "-l", "h_vmem=128M", name))
    site.wait(lambda: runs(user, job) == 1 and state(user, job) == "r", "it does not run")
    (launcher_of(site, user, job) / "oom_score_adj").write_text("1000")
    (user.home / "eat").touch()
    site.wait(lambda: not state(user, job), "it does not end", 150)
    each_run_has_one_record(user, job)
    assert len(entries(user, job)) == 1, "it would only run out of memory again"
    (entry,) = entries(user, job)
    assert (entry.failed, entry.exit_status) == (100, 137)
    jobs.went_through()


def test_the_launcher_is_killed(site: RealCluster, user: Account) -> None:
    jobs = Jobs(user)
    ends, again = long_job(user, "-r", "n"), long_job(user, "-r", "y")
    for job in (ends, again):
        os.kill(int(launcher_of(site, user, job).name), signal.SIGKILL)
    site.wait(lambda: len(entries(user, ends)) == 1, "no record")
    assert [(entry.failed, entry.exit_status) for entry in entries(user, ends)] == [(100, 137)]
    runs_again(user, again)
    each_run_has_one_record(user, ends)
    jobs.went_through()

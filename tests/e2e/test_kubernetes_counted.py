"""What a site counts bounds what starts on a real cluster: licences, quotas, cards of a node, closing hours.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_counted.py

Needs what test_kubernetes.py needs.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from real_cluster import Account, RealCluster
from test_kubernetes import entries, gone, number, pod_of, site, told, user

__all__ = ["site", "user"]  # fixtures

NODE = "node1"
COUNTED = """
complexes = ["lic lic INT <= YES YES 0 0", "gpu gpu INT <= YES YES 0 0"]
[[queue]]
name = "task"
[[queue]]
name = "continuous"
[[queue]]
name = "late"
calendar = "opens"
[[calendar]]
name = "opens"
week = "0:00:00-OPENS=off"
[[host]]
name = "global"
complex_values = { lic = 3 }
[[host]]
name = "node1"
complex_values = { gpu = 1 }
[[host]]
name = "node2"
complex_values = { gpu = 1 }
[[resource_quota]]
name = "few"
rules = ["users {games} queues continuous to slots=2"]
"""
OPENS_AFTER_S = 90


@pytest.fixture(scope="module")
def counted(site: RealCluster) -> Iterator[tuple[RealCluster, float]]:
    """The site with licences, a graphics card in each node, a quota and a calendar; and when that opens."""
    now = int(time.time())
    if now // 86400 != (now + OPENS_AFTER_S) // 86400:
        time.sleep(OPENS_AFTER_S)  # the calendar knows days, and the daemon UTC
        now = int(time.time())
    opens = now + OPENS_AFTER_S
    with site.configured(COUNTED.replace("OPENS", time.strftime("%H:%M:%S", time.gmtime(opens)))):
        yield site, opens


@pytest.fixture(autouse=True)
def cleaned(user: Account) -> Iterator[None]:
    """What a case that failed leaves is taken away before the next."""
    yield
    if user.ok("qstat"):
        user.run("qdel", "-u", user.owner)
        gone(user)


def submitted(user: Account, *words: str) -> str:
    """A job that goes on until it is deleted."""
    return number(user.ok("qsub", "-N", "counted", "-b", "y", *words, "sleep", "1000"))


def running(user: Account, *jobs: str) -> list[str]:
    """Those of some jobs that run."""
    rows = [row.split() for row in user.ok("qstat").splitlines()[2:]]
    return [row[0] for row in rows if row[4] == "r" and row[0] in jobs]


def test_a_calendar_opens_a_queue(counted: tuple[RealCluster, float], user: Account) -> None:
    site, opens = counted
    job = number(user.ok("qsub", "-q", "late", "-b", "y", "true"))
    told(user, job, "dropped because it is disabled")
    site.wait(lambda: user.ok("qstat") == "", "it does not run when the queue is open", 60 + OPENS_AFTER_S)
    (entry,) = entries(user, job)
    assert entry.start_time >= opens - 1


def test_licences_are_counted_over_all_nodes(counted: tuple[RealCluster, float], user: Account) -> None:
    site, _ = counted
    two, one = submitted(user, "-l", "lic=2"), submitted(user, "-l", "lic=1")
    site.wait(lambda: len(running(user, two, one)) == 2, "there are three licences")
    waits = number(user.ok("qsub", "-l", "lic=1", "-b", "y", "true"))
    told(user, waits, "(-l lic=1) cannot run globally because it offers only gc:lic=0.000000")
    assert "gc:lic=0" in user.ok("qhost", "-F", "lic")
    user.ok("qdel", one)
    site.wait(lambda: user.ok("qstat").count("\n") == 3, "it does not run with a licence back")
    user.ok("qdel", two)
    gone(user)
    assert [entry.exit_status for entry in entries(user, waits)] == [0]


def test_a_quota_set_bounds_what_a_user_runs(counted: tuple[RealCluster, float], user: Account) -> None:
    site, _ = counted
    jobs = [submitted(user, "-q", "continuous") for _ in range(3)]
    told(user, jobs[2], 'cannot run because it exceeds limit "games/////" in rule "few/1"')
    site.wait(lambda: running(user, *jobs) == jobs[:2], "the others do not run")
    assert "2/2" in user.ok("qquota", "-u", user.owner)
    user.ok("qdel", jobs[0])
    site.wait(lambda: running(user, *jobs) == jobs[1:], "it does not run with a slot back")
    user.ok("qdel", *jobs[1:])
    gone(user)


def test_what_nodes_have_is_given_out_on_them(counted: tuple[RealCluster, float], user: Account) -> None:
    site, _ = counted
    jobs = [submitted(user, "-l", "gpu=1") for _ in range(2)]
    site.wait(lambda: len(running(user, *jobs)) == 2, "there are two cards")
    assert {pod_of(site, user, job)["spec"]["nodeName"] for job in jobs} == {"node1", "node2"}
    waits = submitted(user, "-l", "gpu=1")
    told(user, waits, 'cannot run at host "node1" because it offers only hc:gpu=0.000000')
    (there,) = [job for job in jobs if pod_of(site, user, job)["spec"]["nodeName"] == "node2"]
    user.ok("qdel", there)
    site.wait(lambda: waits in running(user, waits), "it does not run with a card back")
    assert pod_of(site, user, waits)["spec"]["nodeName"] == "node2"
    user.ok("qdel", waits, *[job for job in jobs if job != there])
    gone(user)


def test_a_run_that_waits_for_its_node_moves_when_that_is_cordoned(
    counted: tuple[RealCluster, float], user: Account
) -> None:
    site, _ = counted
    site.kubectl("taint", "node", NODE, "e2e=full:NoSchedule")
    try:
        # The first takes the other node's card, whichever comes first: only the closed one's is left.
        jobs = [submitted(user, "-l", "gpu=1") for _ in range(2)]
        site.wait(lambda: len(running(user, *jobs)) == 1, "the other node has room")
        (waits,) = set(jobs) - set(running(user, *jobs))
        told(user, waits, "Unschedulable")
        user.ok("qdel", *running(user, *jobs))
        site.wait(lambda: user.ok("qstat").count("\n") == 3, "it does not end")
        site.kubectl("cordon", NODE)
        site.wait(lambda: running(user, waits) == [waits], "it waits for a node that takes nothing")
        assert "task@node2" in user.ok("qstat")
        user.ok("qdel", waits)
        gone(user)
        assert len(entries(user, waits)) == 1
    finally:
        site.kubectl("uncordon", NODE)
        site.kubectl("taint", "node", NODE, "e2e-")

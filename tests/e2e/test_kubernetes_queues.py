"""Pods as settings and accounts of a real cluster say: queues, images, volumes, homes, memory.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_queues.py

Needs what test_kubernetes.py needs.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator

import pytest
from real_cluster import Account, RealCluster
from test_kubernetes import entries, gone, number, other, pod_of, script, site, user

__all__ = ["other", "site", "user"]  # fixtures

NODE = "node1"
ZONE = "Asia/Kathmandu"


QUEUES = """
release_images = { buster = "kubelab.test/busybox:1" }
[[queue]]
name = "task"
[[queue]]
name = "continuous"
slots = 50
rerun = true
[[queue]]
name = "big"
node_selector = { size = "big" }
tolerations = [{ key = "big", operator = "Exists", effect = "NoSchedule" }]
priority_class = "e2e-batch"
limits = { h_rt = "40" }
[[queue]]
name = "small"
image = "kubelab.test/busybox:1"
[[volume]]
name = "shared"
path = "/shared"
source = { hostPath = { path = "SITE/shared", type = "Directory" } }
[[volume]]
name = "zone"
path = "/etc/localtime"
source = { hostPath = { path = "SITE/zone", type = "File" } }
read_only = true
"""


@pytest.fixture(scope="module")
def queues(site: RealCluster) -> Iterator[RealCluster]:
    """The site with queues, images, volumes and environments of its own."""
    (site.folder / "shared").mkdir(exist_ok=True)
    shutil.copy(f"/usr/share/zoneinfo/{ZONE}", site.folder / "zone")
    priority = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 100}
    site.apply([{**priority, "metadata": {"name": "e2e-batch"}}])
    site.kubectl("label", "node", NODE, "size=big", "--overwrite")
    site.kubectl("taint", "node", NODE, "big=y:NoSchedule", "--overwrite")
    try:
        with site.configured(QUEUES.replace("SITE", str(site.folder))):
            yield site
    finally:
        site.kubectl("label", "node", NODE, "size-")
        site.kubectl("taint", "node", NODE, "big-")


def ran(user: Account, *words: str) -> list[str]:
    """The lines that a job prints."""
    job = number(user.ok("qsub", "-N", "pod", "-j", "y", *words))
    gone(user)
    return user.file(f"pod.o{job}").splitlines()


def test_a_queue_is_a_kind_of_node(queues: RealCluster, user: Account) -> None:
    job = number(
        user.ok("qsub", "-q", "big", "-pe", "smp", "3", "-b", "y", "-N", "big", "echo $NSLOTS; sleep 8")
    )
    queues.wait(lambda: " r " in user.ok("qstat"), "it does not run")
    pod = pod_of(queues, user, job)
    assert pod["spec"]["nodeName"] == NODE
    assert pod["spec"]["priority"] == 100
    assert pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "30m"
    assert f"big@{NODE}" in user.ok("qstat")
    gone(user)
    assert user.file(f"big.o{job}") == "3\n"
    away = number(user.ok("qsub", "-q", "task", "-b", "y", "-N", "away", "sleep", "3"))
    queues.wait(lambda: "nodeName" in pod_of(queues, user, away).get("spec", {}), "it does not start")
    assert pod_of(queues, user, away)["spec"]["nodeName"] != NODE, "the taint keeps other queues off"
    gone(user)


def test_the_limit_of_a_queue_ends_a_job(queues: RealCluster, user: Account) -> None:
    job = number(user.ok("qsub", "-q", "big", "-l", "h_rt=2", "-b", "y", "sleep", "1000"))
    gone(user)
    (record,) = entries(user, job)
    assert record.exit_status == 137


@pytest.mark.parametrize("words", [("-l", "release=buster"), ("-q", "small")], ids=["release", "queue"])
def test_the_image_is_chosen_by_release_and_queue(
    queues: RealCluster, user: Account, words: tuple[str, ...]
) -> None:
    assert ran(user, *words, "-b", "y", "test -e /opt/gridcompat || test -L /bin/ls && echo busybox") == [
        "busybox"
    ]


def test_volumes_of_the_site_are_in_each_job(queues: RealCluster, user: Account) -> None:
    os.chown(queues.folder / "shared", user.uid, user.gid)
    assert ran(user, "-b", "y", "echo here > /shared/file; date +%Z; touch /etc/localtime 2>&1 | wc -l") == [
        "+0545",
        "1",
    ]
    assert (queues.folder / "shared" / "file").read_text() == "here\n"


def test_the_users_groups_and_entries_are_in_the_container(site: RealCluster, user: Account) -> None:
    words = ("gridaccount", "account", "-n", user.namespace)
    with site.patched({"spec": {"groups": [4242, 4343]}}, {"spec": {"groups": None}}, *words):
        time.sleep(1)
        lines = ran(
            user,
            script(
                user,
                "who.sh",
                "id -G; id -un; id -gn",
                "python3 -c 'import pwd, os; print(pwd.getpwuid(os.getuid()).pw_dir)'",
                "python3 -c 'import os.path; print(os.path.expanduser(\"~\"))'",
                "echo $HOSTNAME; echo $TMPDIR; df --output=target /tmp | tail -1; touch $TMPDIR/x && echo y",
            ),
        )
    assert lines[:5] == [
        f"{user.gid} 4242 4343",
        user.owner,
        user.owner,
        str(user.home),
        str(user.home),
    ]
    assert lines[5].startswith("node")
    assert lines[6].startswith("/tmp/")
    assert lines[7:] == ["/tmp", "y"]


def test_a_home_on_a_claim(site: RealCluster, other: Account) -> None:
    backing = site.folder / "claimed"
    backing.mkdir(exist_ok=True)
    os.chown(backing, other.uid, other.gid)
    size = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteMany"], "storageClassName": ""}
    claim = {"accessModes": ["ReadWriteMany"], "storageClassName": "", "volumeName": "e2e-home"}
    site.apply(
        [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": "e2e-home"},
                "spec": {
                    **size,
                    "hostPath": {"path": str(backing)},
                    "persistentVolumeReclaimPolicy": "Retain",
                },
            },
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "home", "namespace": other.namespace},
                "spec": {**claim, "resources": {"requests": {"storage": "1Gi"}}},
            },
        ]
    )
    volume = {"path": str(other.home), "source": {"persistentVolumeClaim": {"claimName": "home"}}}
    words = ("gridaccount", "account", "-n", other.namespace)
    try:
        with site.patched({"spec": {"volumes": [volume]}}, {"spec": {"volumes": None}}, *words):
            time.sleep(1)
            job = number(other.ok("qsub", "-N", "claim", "-b", "y", "echo on the claim"))
            gone(other)
        assert (backing / f"claim.o{job}").read_text() == "on the claim\n"
        assert not (other.home / f"claim.o{job}").exists()
    finally:
        site.kubectl("delete", "pvc", "home", "-n", other.namespace)
        site.kubectl("delete", "pv", "e2e-home")


def test_memory_is_bounded_twice(site: RealCluster, user: Account) -> None:
    job = number(
        user.ok("qsub", "-l", "h_vmem=300M", "-b", "y", "-N", "ulim", "-j", "y", "ulimit -v; sleep 60")
    )
    site.wait(lambda: " r " in user.ok("qstat"), "it does not run")
    limit = pod_of(site, user, job)["spec"]["containers"][0]["resources"]["limits"]["memory"]
    assert int(limit) == (300 + 64) << 20
    user.ok("qdel", job)
    gone(user)
    assert user.file(f"ulim.o{job}") == f"{300 << 10}\n"

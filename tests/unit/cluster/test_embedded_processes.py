"""Many processes on one database, and processes that are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from gridcompat.cluster import base
from gridcompat.cluster.embedded.store import EmbeddedCluster

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(base.__file__))))
LIMIT_S = 60

TAKE_IDS = """
import sys
sys.path.insert(0, sys.argv[1])
from gridcompat.cluster import base
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.errors import Conflict
cluster = EmbeddedCluster(sys.argv[2], seed=lambda: SEED)
for _ in range(int(sys.argv[3])):
    while True:
        account = cluster.get(base.GRID_ACCOUNT, "account", namespace="default")
        number = account.get("status", {}).get("nextId", 1000)
        try:
            cluster.patch(base.GRID_ACCOUNT, "account", {"status": {"nextId": number + 1}},
                          namespace="default", subresource="status",
                          if_version=account["metadata"]["resourceVersion"])
            break
        except Conflict:
            pass
    cluster.create({"apiVersion": "gridcompat.io/v1", "kind": "GridJob", "metadata": {"name": str(number)},
                    "spec": {"id": number, "nonce": sys.argv[4], "jobName": "a", "request": "{}"}})
    print(number, flush=True)
cluster.close()
"""

SEED: list[dict[str, Any]] = [
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}},
    {
        "apiVersion": "gridcompat.io/v1",
        "kind": "GridAccount",
        "metadata": {"name": "account"},
        "spec": {"owner": "me", "uid": 1, "gid": 1, "blocks": [{"first": 1000, "last": 9999}]},
    },
]


def start(state: str, count: int, name: str) -> subprocess.Popen[str]:
    code = TAKE_IDS.replace("SEED", repr(SEED))
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code, ROOT, state, str(count), name],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_eight_processes_never_take_the_same_id_and_a_watch_sees_each_once(tmp_path: Any) -> None:
    state = str(tmp_path)
    # The first of them makes the database; nobody knows which.
    processes = [start(state, 10, f"p{number}") for number in range(8)]
    cluster = EmbeddedCluster(state, seed=lambda: SEED)
    seen: list[tuple[str, str]] = []
    for event in cluster.watch(base.GRID_JOB, namespace=None, since="2", timeout_s=LIMIT_S):
        if event.type != "BOOKMARK":
            seen.append((event.type, event.object["metadata"]["name"]))
        if len(seen) == 80:
            break
    taken: list[int] = []
    for process in processes:
        output, _ = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0
        taken += [int(line) for line in output.split()]
    assert sorted(taken) == list(range(1000, 1080))
    assert sorted(seen) == [("ADDED", str(number)) for number in range(1000, 1080)]
    names = [row[0] for row in cluster.table(base.GRID_JOB, namespace="default").rows]
    assert names == [str(number) for number in range(1000, 1080)]
    cluster.close()


@pytest.mark.parametrize("after", [1, 5, 11])
def test_what_a_killed_process_was_told_is_kept(tmp_path: Any, after: int) -> None:
    state = str(tmp_path)
    process = start(state, 100_000, "killed")
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(after)]
    os.kill(process.pid, signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait(LIMIT_S)
    process.stdout.close()
    cluster = EmbeddedCluster(state)
    jobs = {item["metadata"]["name"] for item in cluster.list(base.GRID_JOB, namespace=None).items}
    complete = {line.strip() for line in told if line.endswith("\n")}
    assert complete <= jobs and len(jobs - complete) <= 1
    # And it goes on from there.
    following = start(state, 3, "next")
    output, _ = following.communicate(timeout=LIMIT_S)
    assert following.returncode == 0 and not jobs.intersection(output.split())
    with cluster._database.reading() as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    cluster.close()

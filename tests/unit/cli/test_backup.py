"""Backup and restore, from one cluster into another that knows nothing of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gridcompat.cli import main
from gridcompat.cli.backup import put_back, resumed, saved
from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, GRID_SITE, SECRET
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.model import JobRequest
from gridcompat.settings import Settings
from gridcompat.translate.account import seed
from gridcompat.translate.grid_job import grid_job

RUNNING = {"task": 3, "attempt": 2, "restarted": 1, "state": "r", "pod": "x-1001-t3-a2", "host": "node1"}
OWNER = {"owner": "me", "group": "me", "uid": 1, "gid": 1}


@pytest.fixture
def old(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    objects = seed(Settings(), owner="me", uid=1, gid=1, group="me", groups=(), home="/home/me")
    (tmp_path / "old").mkdir(mode=0o700)
    cluster = EmbeddedCluster(str(tmp_path / "old"), seed=lambda: objects)
    yield cluster
    cluster.close()


@pytest.fixture
def new(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    (tmp_path / "new").mkdir(mode=0o700)
    cluster = EmbeddedCluster(str(tmp_path / "new"))
    yield cluster
    cluster.close()


def submit(cluster: EmbeddedCluster, number: int, *, tasks: bool = False, **status: Any) -> dict[str, Any]:
    request = JobRequest(name="x", tasks=(1, 9, 1) if tasks else None)
    made = cluster.create(grid_job(request, id=number, nonce="n", namespace="default", ready=True))
    if status:
        status = {**OWNER, **status}
        made = cluster.patch(
            GRID_JOB, str(number), {"status": status}, namespace="default", subresource="status"
        )
    return made


def test_what_waits_and_runs_comes_back_and_what_is_over_does_not(
    old: EmbeddedCluster, new: EmbeddedCluster
) -> None:
    submit(old, 1000, phase="Finished")
    job = submit(
        old, 1001, tasks=True, phase="Active", pending="4-9", running=[RUNNING], finished=2, failed=0
    )
    submit(old, 1002)
    owner = {
        "apiVersion": "gridcompat.io/v1",
        "kind": "GridJob",
        "name": "1001",
        "uid": job["metadata"]["uid"],
    }
    meta = {"name": "gridjob-1001", "namespace": "default", "ownerReferences": [owner]}
    data = {"script": "ZWNobw=="}
    old.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "gridcompat.io/job", "data": data}
    )
    document = json.loads(json.dumps(saved(old)))
    assert put_back(new, document) == 2
    there = {job["metadata"]["name"]: job for job in new.list(GRID_JOB, namespace=None).items}
    assert set(there) == {"1001", "1002"}
    assert there["1001"]["spec"] == job["spec"]
    status = there["1001"]["status"]
    assert status["again"] == [{"tasks": "3", "attempt": 2, "restarted": 1}]
    assert (status["pending"], status["finished"], status.get("running")) == ("4-9", 2, None)
    assert "status" not in there["1002"] or "phase" not in there["1002"]["status"]
    secret = new.get(SECRET, "gridjob-1001", namespace="default")
    assert secret["data"] == data
    assert secret["metadata"]["ownerReferences"][0]["uid"] == there["1001"]["metadata"]["uid"]
    assert put_back(new, document) == 0, "again changes nothing"


def test_no_number_is_given_twice(old: EmbeddedCluster, new: EmbeddedCluster) -> None:
    document = saved(old)
    put_back(new, document)
    assert new.get(GRID_SITE, "site", namespace=None)["spec"]["nextId"] == 2000
    account = new.get(GRID_ACCOUNT, "account", namespace="default")
    assert "blocks" not in account["spec"]
    assert account["spec"]["home"] == "/home/me"
    put_back(new, {**document, "nextId": 7000})
    assert new.get(GRID_SITE, "site", namespace=None)["spec"]["nextId"] == 7000
    put_back(new, document)
    assert new.get(GRID_SITE, "site", namespace=None)["spec"]["nextId"] == 7000


def test_tasks_of_one_attempt_come_back_together() -> None:
    rows = [{"task": task, "attempt": 1, "restarted": 0} for task in (1, 2, 5)]
    before = [{"tasks": "9", "attempt": 1, "restarted": 0}, {"tasks": "7", "attempt": 4, "restarted": 2}]
    found = resumed({"phase": "Active", "running": rows, "again": before, "rows": "x", "state": "r"})
    assert found == {
        "phase": "Active",
        "again": [
            {"tasks": "1,2,5,9", "attempt": 1, "restarted": 0},
            {"tasks": "7", "attempt": 4, "restarted": 2},
        ],
    }


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"gridcompat-backup": 2}', "\x00"])
def test_what_is_no_backup_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text)
    done = CliRunner(env={"HOME": str(tmp_path)}).invoke(main, ["restore", str(tmp_path / "file")])
    assert done.exit_code == 1
    assert f"Error: {tmp_path}/file: " in done.output
    assert "Traceback" not in done.output

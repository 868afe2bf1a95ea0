"""The database file: made once, opened by every command, lost, damaged, too new."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from heavy import HEAVY

from gridcompat.cluster import base
from gridcompat.cluster.base import Selector
from gridcompat.cluster.embedded import database, paths, rows
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.errors import ClusterError, Conflict, Expired, Invalid, Unavailable

K8sObject = dict[str, Any]
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}


def config_map(name: str, size: int = 10, **metadata: Any) -> K8sObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **metadata},
        "data": {"text": "x" * size},
    }


@pytest.fixture
def state(tmp_path: Any) -> str:
    return str(tmp_path)


@pytest.fixture
def cluster(state: str) -> Iterator[EmbeddedCluster]:
    found = EmbeddedCluster(state, seed=lambda: [NAMESPACE])
    yield found
    found.close()


def opened(state: str) -> EmbeddedCluster:
    found = EmbeddedCluster(state)
    found.close()
    return found


def test_the_seed_is_sown_once(cluster: EmbeddedCluster, state: str) -> None:
    def never() -> list[K8sObject]:
        raise AssertionError("sown twice")

    again = EmbeddedCluster(state, seed=never)
    assert [item["metadata"]["name"] for item in again.list(base.NAMESPACE, namespace=None).items] == [
        "default"
    ]
    again.close()


def test_a_seed_that_fails_leaves_nothing_behind(state: str) -> None:
    with pytest.raises(Invalid):
        EmbeddedCluster(state, seed=lambda: [NAMESPACE, config_map("Wrong Name")])
    second = EmbeddedCluster(state, seed=lambda: [NAMESPACE])
    assert second.list(base.CONFIG_MAP, namespace=None).items == []
    assert len(second.list(base.NAMESPACE, namespace=None).items) == 1
    second.close()


def test_the_files_are_of_their_owner_alone(cluster: EmbeddedCluster, state: str) -> None:
    cluster.create(config_map("a"))
    assert os.path.exists(f"{state}/{paths.DATABASE}")
    with sqlite3.connect(f"{state}/{paths.DATABASE}") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_newer_schema_is_refused_in_one_line(cluster: EmbeddedCluster, state: str) -> None:
    cluster.close()
    connection = sqlite3.connect(f"{state}/{paths.DATABASE}")
    connection.execute(f"PRAGMA user_version={database.SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(ClusterError) as caught:
        EmbeddedCluster(state)
    assert "newer version of gridcompat" in caught.value.message and "\n" not in caught.value.message


def damage(state: str, offset: int, data: bytes) -> None:
    with open(f"{state}/{paths.DATABASE}", "r+b") as file:
        file.seek(offset)
        file.write(data)


def test_a_file_that_is_no_database_is_said_so(cluster: EmbeddedCluster, state: str) -> None:
    cluster.close()
    damage(state, 0, b"not a database at all, but a text" * 10)
    with pytest.raises(ClusterError, match="not a database of gridcompat, or is damaged"):
        EmbeddedCluster(state)


def test_a_damaged_file_is_said_so(cluster: EmbeddedCluster, state: str) -> None:
    for index in range(20):
        cluster.create(config_map(f"a{index}", 20_000))
    cluster.close()
    damage(state, 4096, b"\xff" * 200_000)
    second = EmbeddedCluster(state)
    with pytest.raises(ClusterError, match="is damaged"):
        second.list(base.CONFIG_MAP, namespace=None)
    with pytest.raises(ClusterError):
        second.create(config_map("b"))
    second.close()


def test_a_database_of_something_else_is_not_touched(state: str) -> None:
    connection = sqlite3.connect(f"{state}/{paths.DATABASE}")
    connection.execute("CREATE TABLE objects (mine TEXT)")
    connection.execute(f"PRAGMA user_version={database.SCHEMA_VERSION}")
    connection.close()
    found = EmbeddedCluster(state)
    with pytest.raises(ClusterError, match="not a database of gridcompat"):
        found.list(base.POD, namespace=None)
    found.close()


def test_a_deleted_directory_is_noticed(cluster: EmbeddedCluster, state: str) -> None:
    cluster.create(config_map("a"))
    shutil.rmtree(state)
    calls: list[Any] = [
        lambda: cluster.get(base.CONFIG_MAP, "a", namespace="default"),
        lambda: cluster.create(config_map("b")),
        lambda: list(cluster.watch(base.CONFIG_MAP, namespace=None, since="1", timeout_s=0)),
    ]
    for call in calls:
        with pytest.raises(ClusterError, match="was deleted while in use"):
            call()
    with pytest.raises(ClusterError):
        EmbeddedCluster(state)


def test_a_replaced_file_is_noticed(cluster: EmbeddedCluster, state: str) -> None:
    os.rename(f"{state}/{paths.DATABASE}", f"{state}/kept.db")
    EmbeddedCluster(state, seed=lambda: [NAMESPACE]).close()
    with pytest.raises(ClusterError, match="was replaced while in use"):
        cluster.create(config_map("a"))


def test_a_database_that_somebody_holds_is_busy(cluster: EmbeddedCluster, state: str) -> None:
    holder = sqlite3.connect(f"{state}/{paths.DATABASE}", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    impatient = EmbeddedCluster(state, timeout_s=0.05)
    assert impatient.list(base.CONFIG_MAP, namespace=None).items == [], "readers do not wait"
    with pytest.raises(Unavailable, match="busy for too long"):
        impatient.create(config_map("a"))
    holder.execute("ROLLBACK")
    holder.close()
    impatient.create(config_map("a"))
    impatient.close()


@pytest.mark.parametrize(
    ("error", "kind", "status", "words"),
    [
        (sqlite3.OperationalError("database is locked"), Unavailable, 25, "busy for too long"),
        # No use in trying these again at once: commands must not go on for a minute.
        (sqlite3.OperationalError("database or disk is full"), ClusterError, 25, "no space left on the disk"),
        (sqlite3.OperationalError("disk I/O error"), ClusterError, 25, "input/output error"),
        (sqlite3.OperationalError("attempt to write a readonly database"), ClusterError, 25, "is read-only"),
        (sqlite3.OperationalError("unable to open database file"), ClusterError, 25, "cannot be opened"),
        (sqlite3.DatabaseError("database disk image is malformed"), ClusterError, 1, "is damaged"),
        (sqlite3.DatabaseError("something new"), ClusterError, 1, "something new"),
        (PermissionError(13, "Permission denied"), Unavailable, 25, "Permission denied"),
    ],
    ids=str,
)
def test_failures_are_said_in_plain_words(
    cluster: EmbeddedCluster, error: Exception, kind: type[ClusterError], status: int, words: str
) -> None:
    meaning = cluster._database.meaning(error)
    assert (type(meaning), meaning.exit_status) == (kind, status) and words in meaning.message


def test_a_commit_wakes_whoever_listens(cluster: EmbeddedCluster, state: str) -> None:
    cluster.create(config_map("unheard"))  # nobody listens: nothing happens
    listener = os.open(f"{state}/{paths.WAKE}", os.O_RDONLY | os.O_NONBLOCK)
    cluster.create(config_map("a"))
    assert os.read(listener, 100) == b"\n"
    cluster.get(base.CONFIG_MAP, "a", namespace="default")
    with pytest.raises(Conflict):
        cluster.create(config_map("a"))
    assert os.read(listener, 100) == b"", "reading and failing commit nothing"
    os.close(listener)
    os.unlink(f"{state}/{paths.WAKE}")
    cluster.create(config_map("b"))  # nor does it matter that the FIFO is gone
    EmbeddedCluster(state).close()


def test_a_file_in_place_of_the_fifo_is_not_written(cluster: EmbeddedCluster, state: str) -> None:
    os.unlink(f"{state}/{paths.WAKE}")
    with open(f"{state}/{paths.WAKE}", "w", encoding="utf-8") as file:
        file.write("precious")
    cluster.create(config_map("a"))
    with open(f"{state}/{paths.WAKE}", encoding="utf-8") as file:
        assert file.read() == "precious"


def test_a_refused_write_changes_nothing(cluster: EmbeddedCluster) -> None:
    cluster.create(config_map("a"))
    before = cluster.list(base.CONFIG_MAP, namespace=None)
    long = "1," * 150_000
    spec = {
        "id": 1,
        "nonce": "n",
        "jobName": "a",
        "request": "x" * 196_608,
        "deleted": long,
        "holds": {"user": long, "operator": long, "system": long},
        "orders": [{"seq": seq, "kind": "delete", "tasks": "1," * 5000} for seq in range(1, 21)],
    }
    job = {"apiVersion": "gridcompat.io/v1", "kind": "GridJob", "metadata": {"name": "1"}, "spec": spec}
    with pytest.raises(Invalid, match="too large"):
        cluster.create(job)
    after = cluster.list(base.CONFIG_MAP, namespace=None)
    assert (after.items, after.version) == (before.items, before.version)


def test_each_thread_may_use_it(cluster: EmbeddedCluster) -> None:
    failures: list[str] = []

    def work(number: int) -> None:
        try:
            for index in range(20):
                cluster.create(config_map(f"t{number}-{index}"))
        except ClusterError as error:
            failures.append(error.message)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    versions = [
        item["metadata"]["resourceVersion"] for item in cluster.list(base.CONFIG_MAP, namespace=None).items
    ]
    assert len(versions) == len(set(versions)) == 80


def test_the_change_log_stays_short(cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "TRIM_EVERY", 10)
    monkeypatch.setattr(rows, "KEPT_CHANGES", 30)
    first = cluster.create(config_map("a"))["metadata"]["resourceVersion"]
    for index in range(100):
        cluster.patch(base.CONFIG_MAP, "a", {"data": {"n": str(index)}}, namespace="default")
    with pytest.raises(Expired):
        list(cluster.watch(base.CONFIG_MAP, namespace=None, since=first, timeout_s=0))
    version = int(cluster.list(base.CONFIG_MAP, namespace=None).version)
    recent = list(cluster.watch(base.CONFIG_MAP, namespace=None, since=str(version - 25), timeout_s=0))
    assert [event.object["data"]["n"] for event in recent] == [str(index) for index in range(75, 100)]
    with cluster._database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM changes").fetchone()[0] <= 40


def test_large_objects_shorten_the_log_more(
    cluster: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "TRIM_EVERY", 10)
    monkeypatch.setattr(rows, "KEPT_BYTES", 100_000)
    cluster.create(config_map("a", 20_000))
    for index in range(40):
        cluster.patch(base.CONFIG_MAP, "a", {"data": {"n": str(index)}}, namespace="default")
    with cluster._database.reading() as connection:
        assert connection.execute("SELECT sum(length(body)) FROM changes").fetchone()[0] <= 320_000


def test_the_file_does_not_grow_with_the_number_of_changes(
    cluster: EmbeddedCluster, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "TRIM_EVERY", 10)
    monkeypatch.setattr(rows, "KEPT_CHANGES", 20)

    def turn_over() -> int:
        for index in range(100):
            cluster.create(config_map(f"a{index}", 2000))
            cluster.delete(base.CONFIG_MAP, f"a{index}", namespace="default")
        with cluster._database.reading() as connection:
            return int(connection.execute("PRAGMA page_count").fetchone()[0])

    first = turn_over()
    turn_over()
    assert turn_over() <= first + 5


def test_a_version_from_the_future_is_expired(cluster: EmbeddedCluster) -> None:
    with pytest.raises(Expired):
        list(cluster.watch(base.POD, namespace=None, since="1000000", timeout_s=0))


def test_a_waker_is_what_a_watch_waits_for(state: str) -> None:
    class Waker:
        waits = 0

        def wait(self, timeout: float) -> None:
            assert timeout <= 1
            Waker.waits += 1
            writer.create(config_map(f"w{Waker.waits}"))

    writer = EmbeddedCluster(state, seed=lambda: [NAMESPACE])
    reader = EmbeddedCluster(state, waker=Waker())
    found = []
    for event in reader.watch(
        base.CONFIG_MAP, namespace=None, since=writer.list(base.POD, namespace=None).version
    ):
        found.append(event.object["metadata"]["name"])
        if len(found) == 3:
            break
    assert found == ["w1", "w2", "w3"] and Waker.waits == 3
    reader.close()
    writer.close()


def test_a_selector_does_not_slow_a_watch_of_another_kind_down(cluster: EmbeddedCluster) -> None:
    since = cluster.list(base.POD, namespace=None).version
    for index in range(5):
        cluster.create(config_map(f"a{index}"))
    events = list(
        cluster.watch(
            base.POD, namespace=None, since=since, selector=Selector(labels={"a": "b"}), timeout_s=0
        )
    )
    assert [event.type for event in events] == ["BOOKMARK"]
    assert events[0].object["metadata"]["resourceVersion"] == cluster.list(base.POD, namespace=None).version


def test_opening_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import sqlite3, json; before = set(sys.modules); "
        "import gridcompat.cluster.embedded.store, gridcompat.cluster.embedded.paths; "
        "print(*(set(sys.modules) - before))"
    )
    root = os.path.dirname(os.path.dirname(os.path.abspath(base.__file__)))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, os.path.dirname(root)],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded.isdisjoint(HEAVY)

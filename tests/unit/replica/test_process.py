"""A replica over a real store: it leads and works, gives way, and ends at once when the lead is lost."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gridcompat.accounting import AccountingFile
from gridcompat.cluster.base import LEASE
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.errors import SettingsError
from gridcompat.replica import http, process
from gridcompat.replica.election import Election
from gridcompat.replica.process import Log, Place, Replica
from gridcompat.settings import Settings
from gridcompat.translate.account import seed


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "RETRY_S", 0.05)
    monkeypatch.setattr(process, "LOOK_S", 0.02)


class Site:
    """A store, an accounting file, and replicas in threads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(accounting_file=str(folder / "common" / "accounting"))
        owner = seed(self.settings, owner="x", uid=1, gid=1, group="x", groups=(), home="/x")
        self.state = str(folder / "state")
        (folder / "state").mkdir()
        self.store = EmbeddedCluster(self.state, seed=lambda: owner)
        self.lines: list[dict[str, str]] = []
        self.ended: list[int] = []
        self.running: list[tuple[Replica, threading.Thread, list[int]]] = []
        self.opened: list[EmbeddedCluster] = []

    def start(self, name: str) -> Replica:
        cluster = EmbeddedCluster(self.state)
        self.opened.append(cluster)
        election = Election(cluster, namespace="default", name="lease", identity=name)
        log = Log(name, lambda text: self.lines.append(json.loads(text)))
        replica = Replica(
            self.settings,
            Place(namespace="default", identity=name, listen="127.0.0.1", port=0),
            cluster=cluster,
            election=election,
            log=log,
            end=self.ended.append,
        )
        statuses: list[int] = []
        thread = threading.Thread(target=lambda: statuses.append(replica.run()))
        thread.start()
        self.running.append((replica, thread, statuses))
        return replica

    def close(self) -> None:
        for replica, thread, _ in self.running:
            replica.stop.set()
            thread.join(20)
        for cluster in (*self.opened, self.store):
            cluster.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def eventually(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_one_works_and_the_other_follows_at_once_when_it_ends_in_order(site: Site) -> None:
    one = site.start("one")
    eventually(lambda: one.readyz()[2] == "leads\n")
    two = site.start("two")
    eventually(lambda: two.readyz()[2] == "waits\n")
    eventually(lambda: not AccountingFile(site.settings.accounting_file).lock())
    one.stop.set()
    eventually(lambda: two.readyz()[2] == "leads\n")
    assert site.running[0][2] == [0] or not site.running[0][2]
    assert not site.ended


def test_who_loses_the_lead_ends_at_once(site: Site) -> None:
    one = site.start("one")
    eventually(lambda: one.readyz()[2] == "leads\n")
    site.store.patch(LEASE, "lease", {"spec": {"holderIdentity": "other"}}, namespace="default")
    eventually(lambda: site.ended == [process.LOST])
    assert site.store.get(LEASE, "lease", namespace="default")["spec"]["holderIdentity"] == "other"
    assert {"level": "warning", "message": "lost the lead, ends", "replica": "one"}.items() <= next(
        line for line in site.lines if "lost" in line["message"]
    ).items()


def test_an_accounting_file_that_cannot_be_written_ends_it(site: Site) -> None:
    (site.folder / "common").write_text("a file, no folder")
    site.start("one")
    eventually(lambda: site.running[0][2] == [1])
    assert any("controller" in line["message"] and line["level"] == "error" for line in site.lines)


def test_metrics_of_a_replica_that_waits_and_of_one_that_leads(site: Site) -> None:
    one = site.start("one")
    eventually(lambda: "gridcompat_leader 1\n" in one.metrics()[2])
    two = site.start("two")
    assert "gridcompat_leader 0\n" in two.metrics()[2]


def test_a_stuck_election_is_unhealthy_and_a_silent_server_unready(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = site.start("one")
    eventually(lambda: one.readyz()[0] == 200)
    assert one.healthz()[0] == 200
    monkeypatch.setattr(process, "WEDGED_S", -1.0)
    monkeypatch.setattr(process, "SILENT_S", -1.0)
    assert one.healthz()[0] == 500
    assert one.readyz()[0] == 503


def test_pages_are_served_and_others_are_not_there() -> None:
    server = http.serve("127.0.0.1", 0, {"/a": lambda: (200, "text/plain", "é\n")})
    try:
        base = f"http://127.0.0.1:{server.server_address[1]}"
        with urllib.request.urlopen(f"{base}/a?x=1", timeout=5) as answer:
            assert answer.read() == "é\n".encode()
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{base}/b", timeout=5)
        assert caught.value.code == 404
        caught.value.close()
    finally:
        server.shutdown()
        server.server_close()


def test_settings_of_the_embedded_cluster_are_refused() -> None:
    with pytest.raises(SettingsError):
        process.load_settings({"HOME": "/nonexistent", "GRIDCOMPAT_CLUSTER": "embedded"})
    assert process.load_settings({"HOME": "/nonexistent"}).cluster == "kubernetes"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], {"waiting": 0, "failed": 0}),
        (["a.mail", "b.mail", ".new-1", "failed/c.mail", "sent/d.mail"], {"waiting": 2, "failed": 1}),
    ],
)
def test_mails_are_counted(tmp_path: Path, names: list[str], expected: dict[str, int]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert process.mail_counts(str(tmp_path)) == expected

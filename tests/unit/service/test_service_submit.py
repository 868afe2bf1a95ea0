"""Submission against a real embedded cluster: ids, races, deaths between writes, lost answers."""

from __future__ import annotations

import base64
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, SECRET
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.errors import Conflict, Forbidden, GridError, NotFound, Unavailable, Unreachable
from gridcompat.service.ids import check_free
from gridcompat.service.means import Means
from gridcompat.service.submit import AlreadyActive, submit
from gridcompat.translate import grid_job as objects
from gridcompat.translate import rows
from service.service_world import (
    NAMESPACE,
    SETTINGS,
    FakeTime,
    account,
    first_objects,
    job,
    set_status,
    submission,
)
from service.submitting import Faulty, Killed, OpenCluster, send


def test_a_script_job_has_its_secret_and_is_ready(cluster: EmbeddedCluster, means: Means) -> None:
    done = send(cluster, means, name="a", environment=(("A", "it's"), ("B", "x\ny")))
    there = job(cluster, done.id)
    assert (done.id, done.name, done.tasks) == (1000, "a", None)
    assert there["spec"]["ready"] is True
    assert there["metadata"]["finalizers"] == ["gridcompat.io/job"]
    secret = cluster.get(SECRET, "gridjob-1000", namespace=NAMESPACE)
    assert base64.b64decode(secret["data"]["script"]) == b"echo hi\n"
    assert secret["type"] == "gridcompat.io/job"
    assert secret["metadata"]["ownerReferences"][0]["uid"] == there["metadata"]["uid"]
    read_back = base64.b64decode(secret["data"]["environment"]) + b"printf '[%s]' \"$@\"\n"
    assert (
        subprocess.run(["sh"], input=read_back, capture_output=True, check=True).stdout == b"[A=it's][B=x\ny]"
    )


def test_a_binary_job_is_ready_at_once_and_has_no_secret(cluster: EmbeddedCluster, means: Means) -> None:
    done = send(cluster, means, script=None, binary=True, has_script=False)
    assert done.grid_job["spec"]["ready"] is True
    assert done.grid_job["metadata"]["generation"] == 1
    with pytest.raises(NotFound):
        cluster.get(SECRET, f"gridjob-{done.id}", namespace=NAMESPACE)


def test_ids_rise_by_one_and_go_on_in_the_next_block(cluster: EmbeddedCluster, fake_time: FakeTime) -> None:
    first, after = SETTINGS.first_job_id, SETTINGS.first_job_id + SETTINGS.id_block
    blocks = [{"first": first, "last": first + 1}, {"first": after, "last": after + 9}]
    cluster.patch(GRID_ACCOUNT, "account", {"spec": {"blocks": blocks}}, namespace=NAMESPACE)
    ids = [send(cluster, fake_time.means()).id for _ in range(4)]
    assert ids == [first, first + 1, after, after + 1]


def test_without_ids_it_pokes_the_controller_and_goes_on_with_a_new_block(
    cluster: EmbeddedCluster, fake_time: FakeTime
) -> None:
    cluster.patch(
        GRID_ACCOUNT, "account", {"spec": {"blocks": [{"first": 7, "last": 7}]}}, namespace=NAMESPACE
    )
    assert send(cluster, fake_time.means()).id == 7
    pokes = []

    def poke() -> None:
        pokes.append(fake_time.now)
        if len(pokes) == 3:
            blocks = [{"first": 7, "last": 7}, {"first": 20, "last": 29}]
            cluster.patch(GRID_ACCOUNT, "account", {"spec": {"blocks": blocks}}, namespace=NAMESPACE)

    assert send(cluster, fake_time.means(poke=poke)).id == 20
    assert len(pokes) == 3


def test_without_ids_it_gives_up_after_a_minute_with_status_25(
    cluster: EmbeddedCluster, fake_time: FakeTime
) -> None:
    cluster.patch(GRID_ACCOUNT, "account", {"spec": {"blocks": []}}, namespace=NAMESPACE)
    with pytest.raises(Unavailable) as caught:
        send(cluster, fake_time.means())
    assert caught.value.exit_status == 25
    assert 59 <= fake_time.now <= 62


def test_a_namespace_without_account_is_a_clear_line(cluster: EmbeddedCluster, means: Means) -> None:
    with pytest.raises(GridError, match="the namespace elsewhere has no GridAccount"):
        submit(cluster, SETTINGS, submission(), namespace="elsewhere", means=means)


def test_two_hundred_submissions_at_once_have_two_hundred_ids(open_cluster: OpenCluster) -> None:
    local = threading.local()
    lock = threading.Lock()

    def one(number: int) -> int:
        if not hasattr(local, "cluster"):
            with lock:
                local.cluster = open_cluster()
        return send(local.cluster, Means(), name=f"j{number}").id

    open_cluster()
    with ThreadPoolExecutor(20) as pool:
        ids = list(pool.map(one, range(200)))
    assert sorted(ids) == list(range(1000, 1200))
    listing = local_cluster_list(open_cluster())
    assert sorted(item["spec"]["jobName"] for item in listing) == sorted(f"j{n}" for n in range(200))
    assert all(item["spec"]["ready"] for item in listing)


def local_cluster_list(cluster: EmbeddedCluster) -> list[dict[str, Any]]:
    return list(cluster.list(GRID_JOB, namespace=NAMESPACE).items)


def test_of_fifty_racing_once_submissions_one_wins(open_cluster: OpenCluster) -> None:
    clusters = [open_cluster() for _ in range(10)]

    def one(number: int) -> int | None:
        try:
            return send(clusters[number % 10], Means(), name="x", once=True).id
        except AlreadyActive as refused:
            assert refused.message == "there is a job named 'x' already active"
            return None

    with ThreadPoolExecutor(50) as pool:
        won = [number for number in pool.map(one, range(50)) if number is not None]
    assert len(won) == 1
    assert [item["spec"]["id"] for item in local_cluster_list(clusters[0]) if rows.active(item)] == won


@pytest.mark.parametrize(
    ("status", "free"),
    [
        (None, False),
        ({"phase": "Active", "running": [{"task": 1, "attempt": 1, "state": "r"}]}, False),
        ({"phase": "Pending", "errors": [{"tasks": "1", "attempt": 1}]}, False),
        ({"phase": "Finished"}, True),
    ],
    ids=["submitted", "running", "in error", "finished"],
)
def test_once_counts_any_job_of_that_name_that_is_not_over(
    cluster: EmbeddedCluster, means: Means, status: dict[str, Any] | None, free: bool
) -> None:
    first = send(cluster, means, name="x")
    if status is not None:
        set_status(cluster, first.id, **status)
    if free:
        assert send(cluster, means, name="x", once=True).id == first.id + 1
    else:
        with pytest.raises(AlreadyActive):
            send(cluster, means, name="x", once=True)
    assert send(cluster, means, name="other", once=True).id == first.id + 1 + free


def test_an_entry_whose_owner_died_is_voided_after_ten_seconds(
    cluster: EmbeddedCluster, fake_time: FakeTime
) -> None:
    with pytest.raises(Killed):
        send(Faulty(cluster, 2, Killed()), fake_time.means(), name="x", once=True)
    assert account(cluster)["status"]["once"][0]["id"] == 1000
    assert send(cluster, fake_time.means(), name="x", once=True).id == 1001
    assert 10 <= fake_time.now < 15
    assert job(cluster, 1000)["spec"]["void"] is True
    assert account(cluster)["status"]["once"] == [
        {"name": "x", "id": 1001, "nonce": job(cluster, 1001)["spec"]["nonce"]}
    ]


@pytest.mark.parametrize("at", [3, 4], ids=["before its Secret", "before it was ready"])
def test_a_job_whose_submitter_died_is_taken_back_after_ten_seconds(
    cluster: EmbeddedCluster, fake_time: FakeTime, at: int
) -> None:
    with pytest.raises(Killed):
        send(Faulty(cluster, at, Killed()), fake_time.means(), name="x", once=True)
    assert job(cluster, 1000)["spec"]["ready"] is False
    check_free(cluster, "x", namespace=NAMESPACE)
    assert send(cluster, fake_time.means(), name="x", once=True).id == 1001
    assert 10 <= fake_time.now < 15
    assert not rows.active(job(cluster, 1000)) and rows.active(job(cluster, 1001))


def test_a_submitter_that_is_not_done_yet_is_waited_for(
    cluster: EmbeddedCluster, fake_time: FakeTime
) -> None:
    with pytest.raises(Killed):
        send(Faulty(cluster, 4, Killed()), fake_time.means(), name="x", once=True)

    def owner_goes_on(seconds: float) -> None:
        fake_time.sleep(seconds)
        if fake_time.now > 5:
            cluster.patch(GRID_JOB, "1000", {"spec": {"ready": True}}, namespace=NAMESPACE)

    means = Means(monotonic=fake_time.monotonic, sleep=owner_goes_on)
    with pytest.raises(AlreadyActive):
        send(cluster, means, name="x", once=True)
    assert 5 < fake_time.now < 8
    assert rows.active(job(cluster, 1000))


def test_a_late_owner_whose_job_was_taken_back_says_that_it_did_not_submit(
    cluster: EmbeddedCluster, fake_time: FakeTime
) -> None:
    class Slow(Faulty):
        def patch(self, kind: Any, name: str, body: Any, **rest: Any) -> Any:
            if body == {"spec": {"ready": True}}:
                assert send(self._cluster, fake_time.means(), name="x", once=True).id == 1001
            return super().patch(kind, name, body, **rest)

    with pytest.raises(Unavailable, match="1000"):
        send(Slow(cluster, 0, Killed()), fake_time.means(), name="x", once=True)
    assert not rows.active(job(cluster, 1000)) and rows.active(job(cluster, 1001))


def test_a_late_owner_whose_id_was_voided_starts_again(cluster: EmbeddedCluster, fake_time: FakeTime) -> None:
    stolen: list[int] = []

    class Slow(Faulty):
        def create(self, obj: Any) -> Any:
            if not stolen:
                stolen.append(obj["spec"]["id"])
                void = objects.grid_job(
                    submission().request,
                    id=stolen[0],
                    nonce="thief",
                    namespace=NAMESPACE,
                    ready=False,
                    void=True,
                )
                self._cluster.create(void)
            return super().create(obj)

    done = send(Slow(cluster, 0, Killed()), fake_time.means(), name="x", once=True)
    assert (stolen, done.id) == ([1000], 1001)
    assert rows.active(job(cluster, 1001)) and not rows.active(job(cluster, 1000))


@pytest.mark.parametrize("once", [False, True], ids=["plain", "once"])
@pytest.mark.parametrize("with_script", [False, True], ids=["bare", "script"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_who_dies_at_any_write_leaves_a_whole_job_or_none(
    open_cluster: OpenCluster, fake_time: FakeTime, once: bool, with_script: bool, after: bool
) -> None:
    cluster = open_cluster()
    counting = Faulty(cluster, 0, Killed())
    fields = {"script": b"x" if with_script else None, "once": once}
    send(counting, fake_time.means(), name="counted", **fields)
    for at in range(1, counting.writes + 1):
        name = f"n{at}"
        with pytest.raises(Killed):
            send(Faulty(cluster, at, Killed(), after=after), fake_time.means(), name=name, **fields)
        left = [item for item in local_cluster_list(cluster) if item["spec"]["jobName"] == name]
        assert len(left) <= 1
        for item in left:
            if with_script and item["spec"]["ready"]:
                assert cluster.get(SECRET, objects.secret_name(item), namespace=NAMESPACE)["data"]["script"]
            assert item["spec"]["ready"] or with_script
        following = send(cluster, fake_time.means(), name="following")
        assert job(cluster, following.id)["spec"]["ready"]


@pytest.mark.parametrize("after", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("once", [False, True], ids=["plain", "once"])
def test_a_lost_answer_at_any_write_gives_one_job(
    cluster: EmbeddedCluster, fake_time: FakeTime, at: int, after: bool, once: bool
) -> None:
    done = send(Faulty(cluster, at, Unavailable("lost"), after=after), fake_time.means(), name="x", once=once)
    active = [item for item in local_cluster_list(cluster) if rows.active(item)]
    assert [item["spec"]["id"] for item in active] == [done.id]
    assert active[0]["spec"]["ready"]
    assert fake_time.now < 5


def test_a_cluster_that_stops_answering_ends_it_with_the_number(
    cluster: EmbeddedCluster, fake_time: FakeTime
) -> None:
    class Dead(Faulty):
        def create(self, obj: Any) -> Any:
            raise Unavailable("no answer")

    with pytest.raises(Unavailable) as caught:
        send(Dead(cluster, 0, Killed()), fake_time.means())
    assert "1000" in caught.value.message and caught.value.exit_status == 25
    assert not local_cluster_list(cluster)


def test_where_nobody_is_to_be_found_nothing_is_begun(cluster: EmbeddedCluster, fake_time: FakeTime) -> None:
    class Gone(Faulty):
        def get(self, *_what: Any, **_how: Any) -> Any:
            raise Unreachable("https://gone: Connection refused")

    with pytest.raises(Unreachable) as caught:
        send(Gone(cluster, 0, Killed()), fake_time.means())
    assert caught.value.message == "the job was not submitted: https://gone: Connection refused"
    assert (caught.value.exit_status, fake_time.now < 1) == (25, True)


def test_a_job_that_is_begun_is_tried_until_the_end_of_its_minute(
    cluster: EmbeddedCluster, fake_time: FakeTime
) -> None:
    class Restarting(Faulty):
        def create(self, obj: Any) -> Any:
            if fake_time.now < 40:
                fake_time.now += 10
                raise Unreachable("https://gone: Connection refused")
            return cluster.create(obj)

    assert job(cluster, send(Restarting(cluster, 0, Killed()), fake_time.means()).id)["spec"]["ready"]


@pytest.mark.parametrize(
    "error", [Forbidden("exceeded quota"), Conflict("taken")], ids=["quota", "foreign Secret"]
)
def test_a_job_whose_secret_is_refused_is_taken_back(
    cluster: EmbeddedCluster, means: Means, error: Exception
) -> None:
    if isinstance(error, Conflict):
        body = objects.secret(
            {"metadata": {"name": "1000", "namespace": NAMESPACE, "uid": "someone-else"}}, b"theirs", ()
        )
        del body["metadata"]["ownerReferences"]
        cluster.create(body)
        faulty = Faulty(cluster, 0, error)
    else:
        faulty = Faulty(cluster, 3, error)
    with pytest.raises(type(error)):
        send(faulty, means)
    assert job(cluster, 1000)["spec"]["deleted"] == "1"
    assert not rows.active(job(cluster, 1000))


def test_the_lock_file_is_taken_in_turns_and_never_waited_for_long(
    cluster: EmbeddedCluster, fake_time: FakeTime, tmp_path: Any
) -> None:
    import fcntl

    path = tmp_path / "submit.lock"
    with path.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert send(cluster, fake_time.means(lock_path=str(path))).id == 1000
    assert 2 <= fake_time.now < 3
    assert send(cluster, fake_time.means(lock_path=str(path))).id == 1001
    assert fake_time.now < 3
    assert send(cluster, fake_time.means(lock_path="/nonexistent/lock")).id == 1002


def test_the_first_objects_are_valid(cluster: EmbeddedCluster) -> None:
    assert [obj["kind"] for obj in first_objects()] == ["Namespace", "GridSite", "GridAccount"]
    assert account(cluster)["spec"]["owner"] == "tools.dem"

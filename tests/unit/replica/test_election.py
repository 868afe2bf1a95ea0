"""Leader election over a real store, with clocks that go as they like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from gridcompat.cluster.base import CONFIG_MAP, LEASE, Cluster
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.errors import Conflict, Unavailable
from gridcompat.replica.election import LEASE_S, RENEW_S, RETRY_S, Election
from gridcompat.replica.fence import Fence

K8sObject: TypeAlias = dict[str, Any]
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "grid"}}


class Time:
    """A monotonic clock that tests move, and a wall clock that is wrong by as much as they like."""

    def __init__(self, *, wall: float = 1.8e9) -> None:
        self.now, self.wall = 100.0, wall

    def monotonic(self) -> float:
        return self.now

    def clock(self) -> float:
        return self.wall + self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    cluster = EmbeddedCluster(str(tmp_path))
    cluster.create(NAMESPACE)
    yield cluster
    cluster.close()


def election(cluster: Cluster, time: Time, name: str) -> Election:
    return Election(
        cluster, namespace="grid", name="daemon", identity=name, clock=time.clock, monotonic=time.monotonic
    )


def lease(cluster: Cluster) -> K8sObject:
    return cluster.get(LEASE, "daemon", namespace="grid")


def test_the_first_leads_and_the_second_waits(store: EmbeddedCluster) -> None:
    time = Time()
    one, two = election(store, time, "one"), election(store, time, "two")
    assert one.turn()
    assert not two.turn()
    assert (one.leads(), two.leads(), two.holder) == (True, False, "one")
    spec = lease(store)["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("one", 15, 1)
    assert spec["renewTime"] == spec["acquireTime"]


@pytest.mark.parametrize("wall", [0.0, 1.8e9, 4e9], ids=["1970", "now", "2096"])
def test_whatever_the_clocks_say_a_holder_that_renews_keeps_the_lead(
    store: EmbeddedCluster, wall: float
) -> None:
    time, wrong = Time(), Time(wall=wall)
    one, two = election(store, time, "one"), election(store, wrong, "two")
    for _ in range(30):
        assert one.turn()
        assert not two.turn()
        time.now += RETRY_S
        wrong.now += RETRY_S


def test_a_dead_holder_is_followed_after_its_time_and_not_before(store: EmbeddedCluster) -> None:
    time = Time()
    one, two = election(store, time, "one"), election(store, time, "two")
    one.turn()
    time.now += 1000.0  # nobody looked meanwhile, so nobody knows how old the Lease is
    assert not two.turn()
    time.now += LEASE_S - 1.0
    assert not two.turn()
    time.now += 2.0
    assert two.turn()
    assert lease(store)["spec"]["leaseTransitions"] == 2
    assert not one.turn(), "it must see that another leads"
    assert not one.leads()


def test_a_holder_stops_before_others_may_follow(store: EmbeddedCluster) -> None:
    time = Time()
    one = election(store, time, "one")
    one.turn()
    time.now += RENEW_S - 0.1
    assert one.leads()
    time.now += 0.2
    assert not one.leads()
    assert RENEW_S + RETRY_S < LEASE_S


class Away:
    """A cluster that takes its time and then does not answer."""

    def __init__(self, inner: Cluster, time: Time, *, takes_s: float) -> None:
        self.inner, self.time, self.takes_s = inner, time, takes_s

    def get(self, *words: object, **more: object) -> K8sObject:
        self.time.now += self.takes_s
        raise Unavailable("no answer in time")


def test_a_silent_server_costs_the_lead_when_its_time_is_over(store: EmbeddedCluster) -> None:
    time = Time()
    one = election(store, time, "one")
    one.turn()
    one._cluster = Away(store, time, takes_s=4.0)  # type: ignore[assignment]  # the two calls that an election makes
    assert [one.turn() for _ in range(3)] == [True, True, False]


class Slow:
    """A cluster whose answers to writes come late."""

    def __init__(self, inner: Cluster, time: Time, *, takes_s: float) -> None:
        self.inner, self.time, self.takes_s = inner, time, takes_s

    def get(self, *words: object, **more: object) -> K8sObject:
        return self.inner.get(*words, **more)  # type: ignore[arg-type]  # handed on as they come

    def patch(self, *words: object, **more: object) -> K8sObject:
        done = self.inner.patch(*words, **more)  # type: ignore[arg-type]  # handed on as they come
        self.time.now += self.takes_s
        return done


def test_the_time_counts_from_before_the_renewal_was_sent(store: EmbeddedCluster) -> None:
    time = Time()
    one = election(store, time, "one")
    one.turn()
    one._cluster = Slow(store, time, takes_s=RENEW_S + 1.0)  # type: ignore[assignment]  # the two calls that an election makes
    assert not one.turn()


def test_a_released_lease_is_free_at_once(store: EmbeddedCluster) -> None:
    time = Time()
    one, two = election(store, time, "one"), election(store, time, "two")
    one.turn()
    assert not two.turn()
    one.release()
    assert not one.leads()
    assert two.turn()


def test_who_does_not_lead_releases_nothing(store: EmbeddedCluster) -> None:
    time = Time()
    one, two = election(store, time, "one"), election(store, time, "two")
    one.turn()
    two.turn()
    two.release()
    assert lease(store)["spec"]["holderIdentity"] == "one"


def test_of_two_that_take_it_at_once_one_wins(store: EmbeddedCluster) -> None:
    time = Time()
    one, two = election(store, time, "one"), election(store, time, "two")

    class Race:
        """Lets the other be faster between the look and the write."""

        def get(self, *words: object, **more: object) -> K8sObject:
            found = store.get(*words, **more)  # type: ignore[arg-type]  # handed on as they come
            two.turn()
            return found

        def patch(self, *words: object, **more: object) -> K8sObject:
            return store.patch(*words, **more)  # type: ignore[arg-type]  # handed on as they come

    election(store, time, "third").turn()
    election(store, time, "third").release()
    store.patch(LEASE, "daemon", {"spec": {"holderIdentity": ""}}, namespace="grid")
    one._cluster = Race()  # type: ignore[assignment]  # the two calls that an election makes
    assert not one.turn()
    assert two.leads()


def test_the_fence_lets_through_what_a_leader_writes_and_nothing_after(store: EmbeddedCluster) -> None:
    leads = True
    fence = Fence(store, lambda: leads)
    made = fence.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "grid"}}
    )
    leads = False
    kind = CONFIG_MAP
    with pytest.raises(Unavailable):
        fence.create({**made, "metadata": {"name": "b", "namespace": "grid"}})
    with pytest.raises(Unavailable):
        fence.patch(kind, "a", {"data": {"x": "y"}}, namespace="grid")
    with pytest.raises(Unavailable):
        fence.delete(kind, "a", namespace="grid")
    assert fence.get(kind, "a", namespace="grid") == made
    assert [one["metadata"]["name"] for one in fence.list(kind, namespace="grid").items] == ["a"]
    with pytest.raises(Conflict):
        store.create(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "grid"}}
        )

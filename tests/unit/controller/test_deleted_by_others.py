"""What becomes of jobs whose objects somebody deletes with kubectl, orphaned or with their namespace."""

from __future__ import annotations

from typing import Any

import pytest

from controller.controller_world import World
from gridcompat.cluster.base import CONFIG_MAP, GRID_ACCOUNT, GRID_JOB, NAMESPACE, POD, SECRET, Cluster
from gridcompat.errors import Forbidden, NotFound
from gridcompat.translate.pod import is_void


def with_secret(world: World, number: int, **fields: Any) -> None:
    """Submit a job that has a Secret of its own."""
    world.submit(number, **fields)
    owner = {
        "apiVersion": GRID_JOB.api_version,
        "kind": GRID_JOB.kind,
        "name": str(number),
        "uid": world.job(number)["metadata"]["uid"],
    }
    meta = {"name": f"gridjob-{number}", "namespace": "default", "ownerReferences": [owner]}
    world.cluster.create(
        {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "gridcompat.io/job"}
    )


def secrets(world: World) -> list[str]:
    return [one["metadata"]["name"] for one in world.cluster.list(SECRET, namespace="default").items]


# ------------------------------------------------------------ kubectl delete gridjob --cascade=...


@pytest.mark.parametrize("how", ["Background", "Orphan"])
@pytest.mark.parametrize("fields", [{}, {"restart": "y"}, {"user_hold": True}, {"tasks": (1, 3, 1)}])
def test_nothing_of_a_deleted_job_is_left_and_each_run_has_one_record(
    world: World, fields: dict[str, Any], how: Any
) -> None:
    with_secret(world, 1000, **fields)
    with_secret(world, 1001, user_hold=True)
    world.settle()
    ran = len(world.runs)
    world.cluster.delete(GRID_JOB, "1000", namespace="default", propagation=how)
    world.settle()
    assert not world.exists(1000)
    assert (world.pods(), secrets(world)) == ({}, ["gridjob-1001"])
    assert [(one.job_number, one.failed) for one in world.records()] == [(1000, 100)] * ran
    assert len(world.runs) == ran


def test_a_pod_that_only_takes_a_name_is_no_orphan_for_long(world: World) -> None:
    world.submit(1000)
    world.work()
    clear(world, "job1000-1000-a1")
    world.order(1000, "delete")
    world.settle()
    assert [is_void(pod) for pod in world.pods().values()] == [True]
    world.cluster.delete(GRID_JOB, "1000", namespace="default", propagation="Orphan")
    world.settle()
    assert (world.exists(1000), world.pods()) == (False, {})


def clear(world: World, name: str) -> None:
    """Somebody takes our finalizer off a pod and deletes it, so that it is gone at once."""
    world.cluster.patch(POD, name, {"metadata": {"finalizers": None}}, namespace="default")
    world.cluster.delete(POD, name, namespace="default", grace_s=0)


def test_what_is_retired_costs_no_look_for_its_secret(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    known = world.cluster.delete

    def delete(kind: Any, name: str, **rest: Any) -> Any:
        asked.append(f"{kind.kind}/{name}")
        return known(kind, name, **rest)

    world.ends[1000, 1] = [0]
    with_secret(world, 1000)
    world.settle()
    monkeypatch.setattr(world.cluster, "delete", delete)
    world.reconciler.housekeeping._delete("default", "1000")  # an hour and a hundred jobs later
    world.settle()
    assert not world.exists(1000)
    assert asked == ["GridJob/1000"]
    assert secrets(world) == []


def test_roles_of_an_older_version_do_not_keep_a_deleted_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_secret(world, 1000)
    world.settle()
    known = world.cluster.delete

    def delete(kind: Any, name: str, **rest: Any) -> Any:
        if kind is SECRET:
            raise Forbidden(f'secrets "{name}" is forbidden')
        return known(kind, name, **rest)

    monkeypatch.setattr(world.cluster, "delete", delete)
    world.cluster.delete(GRID_JOB, "1000", namespace="default", propagation="Orphan")
    world.settle()
    assert (world.exists(1000), len(world.records())) == (False, 1)
    assert world.log == ['default/1000: secrets "gridjob-1000" is forbidden']


# ------------------------------------------------------------ kubectl delete namespace


def test_a_namespace_goes_with_all_that_runs_and_waits_in_it(world: World) -> None:
    world.ends[1003, 1] = [0]
    world.submit(1000, restart="n")
    world.submit(1001, restart="y")
    world.submit(1002, user_hold=True)
    world.submit(1003)
    world.settle()
    world.cluster.delete(NAMESPACE, "default", namespace=None)
    world.settle()
    world.later(5.0)
    with pytest.raises(NotFound):
        world.cluster.get(NAMESPACE, "default", namespace=None)
    assert sorted((one.job_number, one.failed) for one in world.records()) == [
        (1000, 100),
        (1001, 100),
        (1003, 0),
    ]
    assert len(world.runs) == 3


def test_a_pod_that_cannot_be_made_any_more_does_not_keep_the_namespace(world: World) -> None:
    world.submit(1000)
    world.submit(1001)
    world.settle()
    clear(world, "job1000-1000-a1")
    world.cluster.delete(NAMESPACE, "default", namespace=None)
    world.settle()
    world.later(5.0)
    with pytest.raises(NotFound):
        world.cluster.get(NAMESPACE, "default", namespace=None)
    assert sorted(one.job_number for one in world.records()) == [1000, 1001]


def test_a_job_is_deleted_although_its_account_is_gone(world: World) -> None:
    world.submit(1000)
    world.work()
    clear(world, "job1000-1000-a1")
    world.cluster.delete(GRID_ACCOUNT, "account", namespace="default")
    world.order(1000, "delete")
    world.settle()
    assert world.status(1000)["phase"] == "Finished"
    assert (world.records(), world.runs) == ([], [])
    assert [is_void(pod) for pod in world.pods().values()] == [True]


def test_what_pods_need_is_made_again_after_a_minute(world: World) -> None:
    def maps(cluster: Cluster) -> int:
        found = cluster.list(CONFIG_MAP, namespace="default").items
        for one in found:
            cluster.delete(CONFIG_MAP, one["metadata"]["name"], namespace="default")
        return len(found)

    world.submit(1000)
    world.settle()
    assert maps(world.cluster) == 1
    world.submit(1001)
    world.settle()
    assert maps(world.cluster) == 0
    world.now += 61
    world.submit(1002)
    world.settle()
    assert maps(world.cluster) == 1


def test_what_pods_need_is_made_again_with_the_account(world: World) -> None:
    world.submit(1000)
    world.settle()
    account = world.cluster.get(GRID_ACCOUNT, "account", namespace="default")
    world.cluster.delete(GRID_ACCOUNT, "account", namespace="default")
    [config] = world.cluster.list(CONFIG_MAP, namespace="default").items
    world.cluster.delete(CONFIG_MAP, config["metadata"]["name"], namespace="default")
    world.settle()
    kept = ("apiVersion", "kind", "spec")
    meta = {"name": "account", "namespace": "default"}
    world.cluster.create({**{name: account[name] for name in kept}, "metadata": meta})
    world.submit(1001)
    world.settle()
    assert [one["metadata"]["name"] for one in world.cluster.list(CONFIG_MAP, namespace="default").items] == [
        config["metadata"]["name"]
    ]

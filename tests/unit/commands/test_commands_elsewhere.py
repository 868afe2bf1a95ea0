"""Commands on a cluster that is elsewhere: whose account it is, and which hosts there are, is asked there."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, cast

import pytest

from commands.command_world import USER, World
from gridcompat.cluster.base import Cluster, Kind
from gridcompat.commands import _listing, _main
from gridcompat.commands.context import Context
from gridcompat.errors import Forbidden, GridError, Unavailable
from gridcompat.record import replace


def elsewhere(world: World, *, cluster: Callable[[], Cluster] | None = None) -> Context:
    """The surroundings on a host where the account has another name."""
    here = world.context("qsub")
    settings = replace(here.settings, cluster="kubernetes", owner="")
    fields = {**here.__dict__, "settings": settings, "user": "login-name"}
    return _main._Elsewhere(**fields | ({"cluster": cluster} if cluster else {}))


def unreachable() -> Cluster:
    raise Unavailable("https://k8s: Connection refused")


def test_the_owner_of_the_account_is_who_submits(world: World) -> None:
    context = elsewhere(world)
    assert context.user == USER
    world.close()
    assert context.user == USER, "it is asked for once"


def test_a_namespace_without_an_account_is_told(world: World) -> None:
    context = replace(elsewhere(world), namespace="kube-system")
    with pytest.raises(GridError, match="kube-system has no GridAccount"):
        assert context.user


def test_reading_a_command_line_needs_no_cluster(world: World) -> None:
    context = elsewhere(world, cluster=unreachable)
    parsing = _main.parsing_context(context)
    assert parsing.user == "login-name"
    with pytest.raises(Unavailable):
        assert context.user


def test_nodes_are_asked_for_when_a_host_is_named(world: World) -> None:
    asked = []

    def cluster() -> Cluster:
        asked.append(1)
        return world.cluster

    for name in ("node1", "node2"):
        world.cluster.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    hosts = _main.parsing_context(elsewhere(world, cluster=cluster)).hosts
    assert hosts and not asked
    assert list(hosts) == ["node1", "node2"]
    assert ("node2" in hosts, "node3" in hosts) == (True, False)
    assert len(asked) == 1


def test_without_nodes_there_is_this_host(world: World) -> None:
    context = elsewhere(world)
    assert list(_main.parsing_context(context).hosts) == [context.host]


@pytest.mark.parametrize(
    ("command", "words"), [("qstat", ()), ("qstat", ("-u", "*")), ("qdel", ("5",)), ("job", ("x",))]
)
def test_a_namespace_without_an_account_is_told_by_every_command(
    world: World, command: str, words: tuple[str, ...]
) -> None:
    context = replace(elsewhere(world), namespace="kube-system")
    run = importlib.import_module(f"gridcompat.commands.{command}").run
    with pytest.raises(GridError, match="kube-system has no GridAccount"):
        run(context, words)


class OnlyJobs:
    """A cluster that a viewer of jobs has."""

    def __init__(self, cluster: Cluster) -> None:
        self.table = cluster.table

    def get(self, kind: Kind, name: str, **rest: Any) -> Any:
        raise Forbidden(f"{kind.plural} {name} is forbidden")


def test_who_may_only_look_at_jobs_sees_that_there_are_none(world: World) -> None:
    here = elsewhere(world)
    context = replace(here, cluster=lambda: cast("Cluster", OnlyJobs(world.cluster)), namespace="kube-system")
    _listing.has_account(context)

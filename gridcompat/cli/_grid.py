"""The way of `gridcompat logs`, `watch` and `top` to the objects: which cluster, whose jobs, which files.

Looks only; the one thing that it may start is the daemon of the embedded cluster, so that whoever watches
unfinished jobs does not wait for ever.  Must not print.
"""

from __future__ import annotations

import os
import pwd
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from gridcompat.cli._printed import load_settings, told
from gridcompat.cluster.base import GRID_JOB
from gridcompat.cluster.embedded import paths, spawn
from gridcompat.errors import Forbidden, GridError, NotFound, Unavailable
from gridcompat.record import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.settings import Settings


@record
class Grid:
    """An opened cluster and where things are."""

    settings: Settings
    cluster: Cluster
    namespace: str
    """Of the caller's own objects."""
    user: str
    uid: int
    accounting: str
    """Path of the accounting file, which need not exist."""
    state_dir: str
    """Of the embedded cluster; "" on a real one."""

    @property
    def embedded(self) -> bool:
        """Whether the cluster is this machine's own."""
        return bool(self.state_dir)

    def attend(self) -> str:
        """See to it that a daemon works on unfinished jobs; return why none does, "" if one does."""
        if not self.embedded:
            return ""
        try:
            spawn.ensure_daemon(self.state_dir, self.settings)
        except Unavailable as error:
            return error.message
        return ""

    def job(self, number: int) -> K8sObject | None:
        """Return the GridJob of a number: the caller's own, or anybody's that may be read; None for none."""
        for namespace in (self.namespace, None):
            try:
                if namespace is not None:
                    return self.cluster.get(GRID_JOB, str(number), namespace=namespace)
                for obj in self.cluster.list(GRID_JOB, namespace=None).items:
                    if obj["metadata"]["name"] == str(number):
                        return obj
            except (NotFound, Forbidden):
                continue
        return None

    def account(self, namespace: str) -> dict[str, object]:
        """Return what the GridAccount of a namespace says, {} where it cannot be read."""
        from gridcompat.cluster.base import GRID_ACCOUNT
        from gridcompat.errors import ClusterError
        from gridcompat.translate.account import ACCOUNT_NAME

        try:
            return dict(self.cluster.get(GRID_ACCOUNT, ACCOUNT_NAME, namespace=namespace).get("spec") or {})
        except ClusterError:
            return {}


def connect() -> Grid:
    """Open the cluster that the settings choose, without making one.

    Raises:
        ClickException: there is none, or it cannot be used.
    """
    settings = load_settings()
    uid = os.getuid()
    try:
        user = settings.owner or pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        if settings.cluster == "embedded":
            return _embedded(settings, user, uid)
        from gridcompat.cluster.rest import connect as rest

        cluster = rest(settings)
    except GridError as error:
        raise told(error) from error
    found = settings.shared_accounting()
    namespace = settings.namespace or cluster.namespace
    return Grid(
        settings=settings,
        cluster=cluster,
        namespace=namespace,
        user=user,
        uid=uid,
        accounting=found,
        state_dir="",
    )


def _embedded(settings: Settings, user: str, uid: int) -> Grid:
    from gridcompat.cluster.embedded.store import EmbeddedCluster

    state_dir = paths.state_dir(settings)
    if not os.path.exists(f"{state_dir}/{paths.DATABASE}"):
        raise click.ClickException("no job was ever submitted here")
    return Grid(
        settings=settings,
        cluster=EmbeddedCluster(state_dir),
        namespace=settings.namespace or "default",
        user=user,
        uid=uid,
        accounting=settings.accounting_file or os.path.join(state_dir, paths.ACCOUNTING),
        state_dir=state_dir,
    )


@contextmanager
def opened() -> Iterator[Grid]:
    """Yield the cluster for the length of a `with`; what it says no to is told as click does."""
    grid = connect()
    try:
        yield grid
    except GridError as error:
        raise told(error) from error
    finally:
        grid.cluster.close()

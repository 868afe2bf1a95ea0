"""A small grid to print: GridJobs made by hand in an embedded cluster of its own, and a fixed clock."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcompat.cluster.base import GRID_JOB, NODE
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.commands.context import Context
from gridcompat.errors import GridError
from gridcompat.model import JobRequest, SubmitContext
from gridcompat.record import record, replace
from gridcompat.settings import Settings
from gridcompat.translate.account import seed
from gridcompat.translate.grid_job import grid_job, secret
from gridcompat.translate.rows import encode_rows, state_word

if TYPE_CHECKING:
    from gridcompat.cluster.base import K8sObject

NOW = 1795500000.0
"""Tue Nov 24 06:00:00 2026 UTC."""
SUBMIT = SubmitContext(
    home="/home/alice",
    host="node1",
    log_name="alice",
    mail="/var/mail/alice",
    path="/usr/bin:/bin",
    shell="/bin/bash",
    workdir="/home/alice",
)


@record
class Result:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str


class World:
    """Jobs of alice (and others in namespaces of their own) as the commands see them."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.folder = folder
        self.settings = settings or Settings(site_name="test")
        self.home = folder / "home"
        self.home.mkdir()
        self.accounting = folder / "accounting"

        def objects() -> list[K8sObject]:
            return seed(
                self.settings,
                owner="alice",
                uid=1000,
                gid=1000,
                group="tools",
                groups=[1000],
                home="/home/alice",
            )

        state = folder / "state"
        state.mkdir(mode=0o700)
        self.cluster = EmbeddedCluster(str(state), seed=objects)
        self.cluster.create({"apiVersion": "v1", "kind": NODE.kind, "metadata": {"name": "node1"}})

    def add(
        self,
        number: int,
        request: JobRequest | None = None,
        /,
        *,
        status: Mapping[str, Any] | None = None,
        environment: tuple[tuple[str, str], ...] = (),
        namespace: str = "default",
        owner: str = "alice",
        **spec: Any,
    ) -> K8sObject:
        """Create a GridJob; `status` None leaves it as the controller has not seen it."""
        request = replace(request or JobRequest(name="job.sh", script_file="job.sh"))
        if request.submit == SubmitContext():
            request = replace(request, submit=SUBMIT)
        slots = spec.pop("slots", 1)
        obj = grid_job(
            request, id=number, nonce=f"{number:032x}", namespace=namespace, ready=True, slots=slots
        )
        obj["spec"] |= spec
        created = self.cluster.create(obj)
        if environment:
            self.cluster.create(secret(created, b"", environment))
        if status is not None:
            full = {"owner": owner, "uid": 1000, "gid": 1000, "group": "tools", "phase": "Active"} | dict(
                status
            )
            held = str(full.pop("held_by_task", ""))
            full["rows"] = encode_rows(full, held_by_task=held)
            full["state"] = state_word(obj | {"metadata": created["metadata"], "status": full})
            body = {"status": full}
            self.cluster.patch(GRID_JOB, str(number), body, namespace=namespace, subresource="status")
        return created

    def run(self, command: str, *argv: str, **changes: Any) -> Result:
        """Run a command in this world and return what it printed."""
        out: list[str] = []
        err: list[str] = []
        context = self.context(command, out.append, err.append, **changes)
        module = import_module(f"gridcompat.commands.{command}")
        try:
            status = module.run(context, list(argv))
        except GridError as error:
            err.append(error.message + "\n")
            status = error.exit_status
        return Result(status=status, out="".join(out), err="".join(err))

    def context(
        self, command: str, out: Callable[[str], None], err: Callable[[str], None], **changes: Any
    ) -> Context:
        """Return the surroundings of a command of alice's."""
        fields: dict[str, Any] = {
            "command": command,
            "settings": self.settings,
            "namespace": "default",
            "user": "alice",
            "uid": 1000,
            "home": str(self.home),
            "host": "node1",
            "cwd": str(self.folder),
            "environ": {},
            "now": NOW,
            "cluster": lambda: self.cluster,
            "wrote": lambda: None,
            "accounting": lambda: str(self.accounting),
            "stdin": lambda: b"",
            "out": out,
            "err": err,
            "flush": lambda: None,
        }
        return Context(**(fields | changes))


def running(task: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a row of `status.running`."""
    return {
        "task": task,
        "attempt": 1,
        "restarted": 0,
        "state": "r",
        "pod": f"p-{task}",
        "host": "node1",
        "queue": "task",
        "startedAt": int(NOW) - 60,
        "slots": 1,
    } | changes


def create_namespace(world: World, name: str) -> None:
    """Make another account's namespace."""
    world.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def proc(folder: Path, files: Mapping[str, str]) -> str:
    """Write a small /proc and return its path."""
    os.makedirs(folder, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return str(folder)


def words(lines: Sequence[str]) -> list[list[str]]:
    """Split lines into words."""
    return [line.split() for line in lines]

"""A context for commands: a cluster in a temporary directory, and lists that catch what is written."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from gridcompat.cluster.base import GRID_JOB, Cluster
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.commands.context import Context
from gridcompat.errors import GridError
from gridcompat.settings import Settings
from gridcompat.translate import rows
from gridcompat.translate.account import seed

USER = "tools.dem"
HOST = "gridmaster"


class World:
    """One account's home, cluster and commands."""

    def __init__(self, directory: str) -> None:
        self.home = os.path.join(directory, "home")
        self.state = os.path.join(directory, "state")
        os.makedirs(self.home)
        self.settings = Settings(state_dir=self.state, owner=USER)
        os.makedirs(self.state, mode=0o700)
        self.cluster = EmbeddedCluster(self.state, seed=self._first_objects)
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self.wrote = 0
        self.on_wrote: Callable[[], object] | None = None
        """Plays the controller when a command has written."""

    def _first_objects(self) -> list[dict[str, Any]]:
        return seed(self.settings, owner=USER, uid=1000, gid=1000, group="g", groups=[1000], home=self.home)

    def close(self) -> None:
        self.cluster.close()

    def context(self, command: str, *, stdin: bytes = b"", cwd: str = "", **environ: str) -> Context:
        def wrote() -> None:
            self.wrote += 1
            if self.on_wrote is not None:
                self.on_wrote()

        return Context(
            command=command,
            settings=self.settings,
            namespace="default",
            user=USER,
            uid=1000,
            home=self.home,
            host=HOST,
            cwd=cwd or self.home,
            environ={"HOME": self.home, "PATH": "/usr/bin:/bin", "LOGNAME": USER, **environ},
            now=1_764_000_000.0,
            cluster=self._opened,
            wrote=wrote,
            accounting=lambda: os.path.join(self.state, "common/accounting"),
            stdin=lambda: stdin,
            out=self.stdout.append,
            err=self.stderr.append,
            flush=lambda: None,
        )

    def _opened(self) -> Cluster:
        return self.cluster

    def run(
        self, command: str, *argv: str, stdin: bytes = b"", cwd: str = "", **environ: str
    ) -> tuple[int, str, str]:
        """Run a command and return its status, standard output and standard error."""
        from importlib import import_module

        from gridcompat.commands._main import text_of

        module = import_module(f"gridcompat.commands.{command}")
        context = self.context(command, stdin=stdin, cwd=cwd, **environ)
        self.stdout.clear()
        self.stderr.clear()
        try:
            status = module.run(context, list(argv))
        except GridError as error:
            self.stderr.append(text_of(error))
            status = error.exit_status
        return status, "".join(self.stdout), "".join(self.stderr)

    def submit(self, name: str = "job.sh", **fields: Any) -> int:
        """Submit past the command line."""
        from gridcompat.model import JobRequest, Submission
        from gridcompat.service.means import Means
        from gridcompat.service.submit import submit

        request = JobRequest(name=name, script_file=name, **fields)
        made = Submission(request=request, script=b"x\n")
        return submit(self.cluster, self.settings, made, namespace="default", means=Means()).id

    def job(self, number: int) -> dict[str, Any]:
        return self.cluster.get(GRID_JOB, str(number), namespace="default")

    def states(self, number: int) -> list[str]:
        return [f"{row.state} {row.tasks}".rstrip() for row in rows.rows(self.job(number))]

    def status(self, number: int, **status: Any) -> None:
        """What the controller would write."""
        status["rows"] = rows.encode_rows(status)
        self.cluster.patch(
            GRID_JOB, str(number), {"status": status}, namespace="default", subresource="status"
        )

    def running(
        self, number: int, *tasks: int, state: str = "r", queue: str = "task", pending: str = ""
    ) -> None:
        """Let tasks run, as the controller would say."""
        runs = [
            {
                "task": task,
                "attempt": 1,
                "state": state,
                "queue": queue,
                "host": HOST,
                "startedAt": 1_764_000_000,
            }
            for task in tasks or (1,)
        ]
        self.status(number, phase="Active", running=runs, pending=pending)

    def other_users_job(self, number: int) -> None:
        """A job in another namespace."""
        from gridcompat.model import JobRequest
        from gridcompat.translate.grid_job import grid_job

        self.cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
        self.cluster.create(
            grid_job(JobRequest(name="theirs"), id=number, nonce="n", namespace="other", ready=True)
        )
        status = {"owner": "tools.other", "phase": "Pending", "pending": "1"}
        self.cluster.patch(GRID_JOB, str(number), {"status": status}, namespace="other", subresource="status")

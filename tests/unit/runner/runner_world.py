"""An embedded cluster with its runner in a thread, and the pods that tests run on it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gridcompat.cluster.base import POD
from gridcompat.cluster.embedded.runner import Runner
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.errors import NotFound

LIMIT_S = 20.0
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}


class World:
    """A state directory; `start` and `stop` are the daemon's life."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"
        self.state.mkdir(mode=0o700)
        self.cluster = EmbeddedCluster(str(self.state), seed=lambda: [NAMESPACE])
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start a runner."""
        self._stop = threading.Event()
        runner = Runner(EmbeddedCluster(str(self.state)), str(self.state))
        self._thread = threading.Thread(target=runner.run, args=(self._stop,))
        self._thread.start()

    def stop(self) -> None:
        """Stop the runner; pods run on."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(LIMIT_S)
            assert not self._thread.is_alive()
            self._thread = None

    def close(self) -> None:
        """End everything."""
        self.stop()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.cluster.close()

    def processes(self) -> list[int]:
        """Living processes of pods of this world, by the state directory in their environment."""
        found = []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and str(self.state).encode() in Path(f"/proc/{name}/environ").read_bytes():
                    found.append(int(name))
            except OSError:
                continue
        return [pid for pid in found if pid != os.getpid()]

    def create(
        self, name: str, script: str = "true", *, meta: dict[str, Any] | None = None, **spec: Any
    ) -> str:
        """Create a pod that runs an sh script, and return its uid."""
        # The kubelet's expansion gives the script back.
        container = {"name": "job", "image": "x", "command": ["/bin/sh", "-c", script.replace("$", "$$")]}
        container |= spec.pop("container", {})
        made = self.cluster.create(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "default"} | (meta or {}),
                "spec": {"restartPolicy": "Never", "containers": [container]} | spec,
            }
        )
        uid: str = made["metadata"]["uid"]
        return uid

    def pod(self, name: str) -> dict[str, Any]:
        """The pod as it is now."""
        return self.cluster.get(POD, name, namespace="default")

    def status(self, name: str) -> dict[str, Any]:
        """Its status."""
        found: dict[str, Any] = self.pod(name).get("status") or {}
        return found

    def gone(self, name: str) -> bool:
        """Whether there is no such pod (any more)."""
        try:
            self.pod(name)
        except NotFound:
            return True
        return False

    def ended(self, name: str) -> dict[str, Any]:
        """Wait until the pod is over; return the `terminated` of its container."""
        self.phase(name, "Succeeded", "Failed")
        found: dict[str, Any] = self.status(name)["containerStatuses"][0]["state"]["terminated"]
        return found

    def phase(self, name: str, *phases: str) -> None:
        """Wait until the pod is in one of the phases."""
        await_true(lambda: self.status(name).get("phase") in phases)

    def note(self, name: str, annotation: str, value: str | None) -> None:
        """Set or remove an annotation."""
        body = {"metadata": {"annotations": {annotation: value}}}
        self.cluster.patch(POD, name, body, namespace="default")

    def delete(self, name: str, grace_s: int | None = None) -> None:
        """Delete a pod."""
        self.cluster.delete(POD, name, namespace="default", grace_s=grace_s)


def await_true(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Wait until something is so."""
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.005)


def alive(pid: int) -> bool:
    """Whether a process runs (zombies do not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

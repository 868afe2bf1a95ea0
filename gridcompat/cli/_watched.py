"""GridJobs as they change, seen by a thread that watches the cluster and wakes whoever waits.

Lists once, then watches from there, and lists again when the cluster says that it must.  Must not know what
is done with them.
"""

from __future__ import annotations

import os
import threading
import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from gridcompat.cluster.base import GRID_JOB
from gridcompat.errors import Expired, Forbidden, GridError
from gridcompat.record import record
from gridcompat.translate.grid_job import is_over

if TYPE_CHECKING:
    from gridcompat.cli._grid import Grid
    from gridcompat.cluster.base import K8sObject

SLICE_S = 0.1
"""Of a watch on the embedded cluster: so long may its end take."""
LONG_SLICE_S = 60.0
ATTEND_S = 2.0
"""Between two looks after the daemon."""
JOIN_S = 30.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 15.0


@record
class News:
    """What the thread has to say. One of the fields is filled."""

    all: tuple[K8sObject, ...] | None = None
    """Every GridJob there is."""
    changed: K8sObject | None = None
    gone: K8sObject | None = None
    trouble: str | None = None
    """Why nothing is heard now; "" when it is over."""
    note: str = ""
    """Something that stays true, such as that other users' jobs may not be read."""


class Watched:
    """A thread that watches; `fileno` can be waited for, `news` says what came."""

    def __init__(self, grid: Grid, *, everybody: bool) -> None:
        self._grid = grid
        self._everybody = everybody
        self._queue: SimpleQueue[News] = SimpleQueue()
        self._over = threading.Event()
        self._unfinished: set[str] = set()
        self._why = ""
        """Why nothing works on the jobs."""
        self._attend_at = 0.0
        self._reader, self._writer = os.pipe()
        for descriptor in (self._reader, self._writer):
            os.set_blocking(descriptor, False)
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Return a descriptor that can be read when there are news."""
        return self._reader

    def news(self) -> list[News]:
        """Return what came since the last call."""
        try:
            while os.read(self._reader, 4096):
                pass
        except OSError:
            pass
        found = []
        try:
            while True:
                found.append(self._queue.get_nowait())
        except Empty:
            return found

    def stop(self) -> None:
        """Let the thread end; on a real cluster its request may go on, and nobody waits for that."""
        self._over.set()
        if self._grid.embedded:
            # Whoever closes the database while a thread reads from it brings the process down.
            self._thread.join(JOIN_S)

    def _say(self, news: News) -> None:
        self._queue.put(news)
        try:
            os.write(self._writer, b"\n")
        except OSError:
            pass  # full: the reader will wake all the same

    def _run(self) -> None:
        pause, silent = FIRST_PAUSE_S, False
        version = ""
        while not self._over.is_set():
            try:
                if not version:
                    version = self._list()
                if silent:
                    silent = False
                    self._say(News(trouble=""))
                version = self._watch(version)
                pause = FIRST_PAUSE_S
                continue
            except Expired:
                version = ""
                continue
            except Forbidden as error:
                if self._everybody:
                    self._everybody = False
                    self._say(News(note="only your own jobs may be read"))
                    version = ""
                    continue
                reason = error.message
            except GridError as error:
                reason = error.message
            except Exception as error:  # noqa: BLE001  (a thread has nobody else to tell)
                if self._over.is_set():
                    return
                reason = f"{type(error).__name__}: {error}"
            version, silent = "", True
            self._say(News(trouble=reason or "the cluster does not answer"))
            self._over.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    def _namespace(self) -> str | None:
        return None if self._everybody else self._grid.namespace

    def _list(self) -> str:
        found = self._grid.cluster.list(GRID_JOB, namespace=self._namespace())
        self._unfinished = {job["metadata"]["uid"] for job in found.items if not is_over(job)}
        self._say(News(all=tuple(found.items)))
        return found.version

    def _watch(self, version: str) -> str:
        if time.monotonic() >= self._attend_at:
            self._attend_at = time.monotonic() + ATTEND_S
            why = self._grid.attend() if self._unfinished else ""
            if why != self._why:
                self._why = why
                self._say(News(trouble=why))
        slice_s = SLICE_S if self._grid.embedded else LONG_SLICE_S
        began = time.monotonic()
        for event in self._grid.cluster.watch(
            GRID_JOB, namespace=self._namespace(), since=version, timeout_s=slice_s
        ):
            version = event.object["metadata"]["resourceVersion"]
            if event.type != "BOOKMARK":
                self._heard(event.object, gone=event.type == "DELETED")
            if self._over.is_set():
                break
        if not self._grid.embedded and time.monotonic() - began < 1:
            self._over.wait(1)  # a server that ends each watch at once is not asked as fast as can be
        return version

    def _heard(self, job: K8sObject, *, gone: bool) -> None:
        uid = job["metadata"]["uid"]
        if gone or is_over(job):
            self._unfinished.discard(uid)
        else:
            self._unfinished.add(uid)
        self._say(News(gone=job) if gone else News(changed=job))

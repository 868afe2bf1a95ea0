"""The controller as it runs: a thread for each watch, and one that looks at jobs.

Watches fill an inbox; one thread owns the cache, the queue and every decision, so nothing here needs a
lock.  On a real cluster a crew sends requests for it, whose answers come into the inbox, too.  An expired
watch begins with a new list.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

from gridcompat.controller.cache import WATCHED
from gridcompat.controller.crew import Crew
from gridcompat.controller.reconcile import Reconciler
from gridcompat.errors import ClusterError, Expired

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from gridcompat.accounting import AccountingFile
    from gridcompat.cluster.base import Cluster, Event, Kind
    from gridcompat.settings import Settings

    Letter: TypeAlias = tuple[Kind, Event | None] | Callable[[], None]
    """What a watch reports (no event: list that kind again), or what the crew has an answer for."""

WATCH_S = 50.0
"""Load balancers drop connections that say nothing for 240 s; a watch of a stopped controller ends by it."""
PAUSE_S = 1.0
"""Before a watch that broke is begun again."""
LONGEST_WAIT_S = 0.5
JOIN_S = 0.5
"""For all watches to end; one that does not touches nothing that matters."""
LETTERS_AT_A_TIME = 200


class Controller:
    """Makes what people ask for happen, until it is told to stop."""

    def __init__(
        self,
        cluster: Cluster,
        settings: Settings,
        *,
        accounting: AccountingFile,
        spool: str,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        log: Callable[[str], None] = lambda line: print(line, file=sys.stderr),  # noqa: T201  (the log is standard error)
    ) -> None:
        """Prepare; nothing is read or written before `run`.

        Args:
            accounting: its lock is taken by `run` and kept.
            spool: directory of the outbox.
            clock: epoch seconds, for times in objects and records; durations use `monotonic`.
            log: takes one line, or a traceback.
        """
        self._cluster = cluster
        self._accounting = accounting
        self._log = log
        self._monotonic = monotonic
        self._inbox: queue.SimpleQueue[Letter] = queue.SimpleQueue()
        self._since: dict[str, str] = {}
        self._idle = threading.Event()
        self.settled = threading.Event()
        """Set once everything that was there at the beginning has been looked at, hosts included."""
        # On one machine a request is a commit, which nobody can do beside another.
        self._crew = Crew(self._inbox.put) if settings.cluster == "kubernetes" else None
        self.reconciler = Reconciler(
            cluster,
            settings,
            accounting=accounting,
            spool=spool,
            clock=clock,
            monotonic=monotonic,
            log=log,
            crew=self._crew,
        )

    @property
    def idle(self) -> bool:
        """Whether all that is known is done: no job is unfinished. False until the first list is in."""
        return self._idle.is_set()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`. Waits for the lock on the accounting file first.

        Raises:
            OSError: the accounting file's folder cannot be written.
        """
        while not self._accounting.lock():
            if stop.wait(PAUSE_S):
                return
        try:
            if not self._begin(stop):
                return
            watchers = [
                threading.Thread(
                    target=self._watch, args=(kind, stop), name=f"watch-{kind.plural}", daemon=True
                )
                for kind in WATCHED
            ]
            events = self.reconciler.events
            if events is not None:
                watchers.append(threading.Thread(target=events.run, args=(stop,), name="events", daemon=True))
            for thread in watchers:
                thread.start()
            while not stop.is_set():
                self._turn()
            # They look at `stop` between events only; whoever waits for our end must not wait for each.
            deadline = time.monotonic() + JOIN_S
            for thread in watchers:
                thread.join(max(deadline - time.monotonic(), 0.0))
        finally:
            self._idle.clear()
            if self._crew is not None:
                self._crew.dismiss()
            self._accounting.close()

    def _begin(self, stop: threading.Event) -> bool:
        while not stop.is_set():
            try:
                self._since = self.reconciler.begin()
                return True
            except ClusterError as error:
                self._log(f"cannot list: {error}")
                stop.wait(PAUSE_S)
        return False

    def _turn(self) -> None:
        """Take in what has happened, then do one thing, or wait for something to happen."""
        try:
            for _ in range(LETTERS_AT_A_TIME):
                self._open(self._inbox.get_nowait())
        except queue.Empty:
            pass
        if len(self.reconciler.queue):
            self._idle.clear()
        if self.reconciler.step():
            self._idle.clear()
            return
        if self.reconciler.has_hosts:
            self.settled.set()
        if self.reconciler.is_idle():
            self._idle.set()
        else:
            self._idle.clear()
        wait_s = LONGEST_WAIT_S
        due = self.reconciler.timers.next()
        if due is not None:
            wait_s = min(max(due - self._monotonic(), 0.0), LONGEST_WAIT_S)
        try:
            self._open(self._inbox.get(timeout=wait_s))
        except queue.Empty:
            pass

    def _open(self, letter: Letter) -> None:
        if callable(letter):
            letter()
            return
        kind, event = letter
        if event is not None:
            self.reconciler.take_event(kind, event)
            return
        try:
            self._since[kind.kind] = self.reconciler.take_listing(kind)
        except ClusterError as error:
            self._log(f"cannot list {kind.plural}: {error}")
            self._since[kind.kind] = ""

    def _watch(self, kind: Kind, stop: threading.Event) -> None:
        """Follow one kind for ever; runs in a thread of its own and touches nothing but the inbox."""
        since = self._since[kind.kind]
        while not stop.is_set():
            try:
                for event in self._cluster.watch(kind, namespace=None, since=since, timeout_s=WATCH_S):
                    since = event.object["metadata"]["resourceVersion"]
                    self._inbox.put((kind, event))
                    if stop.is_set():
                        return
            except Expired:
                since = self._list_again(kind, stop)
            except ClusterError as error:
                if not stop.is_set():
                    self._log(f"watch of {kind.plural}: {error}")
                stop.wait(PAUSE_S)
            except Exception as error:  # noqa: BLE001  (a watch must never end unnoticed)
                self._log("".join(traceback.format_exception(error)))
                stop.wait(PAUSE_S)

    def _list_again(self, kind: Kind, stop: threading.Event) -> str:
        """Have the working thread list a kind; return the version to go on from."""
        while not stop.is_set():
            self._since.pop(kind.kind, None)
            self._inbox.put((kind, None))
            while kind.kind not in self._since and not stop.wait(0.02):
                pass
            since = self._since.get(kind.kind)
            if since:
                return since
            stop.wait(PAUSE_S)
        return "0"

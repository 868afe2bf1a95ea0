"""The process of one replica: wait for the lead, work while it lasts, end at once when it is lost.

A replica that loses the lead ends: whatever its threads were doing is cut off, which is as harmless as a
death, and the next one starts from the objects.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING

from gridcompat.errors import GridError, SettingsError
from gridcompat.record import record, replace
from gridcompat.replica import http, metrics
from gridcompat.replica.election import RETRY_S, Election
from gridcompat.replica.fence import Fence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gridcompat.cluster.base import Cluster
    from gridcompat.controller.loop import Controller
    from gridcompat.replica.http import Page
    from gridcompat.settings import Settings

LEASE_NAME = "gridcompat-daemon"
LOOK_S = 0.2
"""Between looks at whether this replica still leads."""
STOP_S = 8.0
"""For threads to end after SIGTERM; Kubernetes kills after 30 s."""
SILENT_S = 60.0
"""An API server that has not answered for so long makes a replica not ready; no reason to restart it."""
WEDGED_S = 90.0
"""The election thread turns every few seconds, whatever the API server does."""
ELECTION_TIMEOUT_S = 4.0
LOST = 3
"""Exit status when the lead was lost."""


@record
class Place:
    """Where a replica stands."""

    namespace: str
    """Of the Lease."""
    identity: str
    listen: str = "0.0.0.0"
    port: int = 8080
    """0 for none that is known before."""
    mail: bool = True
    lease: str = LEASE_NAME


def spool_of(settings: Settings) -> str:
    """Return the directory of mails that wait: beside the accounting file."""
    return os.path.join(os.path.dirname(settings.shared_accounting()), "mail")


class Log:
    """One JSON object a line, on standard error."""

    def __init__(self, identity: str, write: Callable[[str], object] | None = None) -> None:
        self._identity = identity
        self._write = write or _to_standard_error

    def __call__(self, text: str, *, level: str = "info") -> None:
        """Write a line."""
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        line = {"time": stamp, "level": level, "replica": self._identity, "message": text.rstrip()}
        self._write(json.dumps(line, ensure_ascii=False) + "\n")

    def warn(self, text: str) -> None:
        """Write what somebody may want to look at."""
        self(text, level="error" if "Traceback" in text else "warning")


class Replica:
    """One replica of the daemon."""

    def __init__(
        self,
        settings: Settings,
        place: Place,
        *,
        cluster: Cluster,
        election: Election,
        log: Log,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        """Args: `end` ends the process at once, without anything that threads could wait for."""
        self.settings, self.place, self.log = settings, place, log
        self.stop = threading.Event()
        self._cluster = cluster
        self._election = election
        self._end = end
        self._turned = time.monotonic()
        self._controller: Controller | None = None

    def run(self) -> int:
        """Wait for the lead, work, and return an exit status."""
        pages = {"/healthz": self.healthz, "/readyz": self.readyz, "/metrics": self.metrics}
        server = http.serve(self.place.listen, self.place.port, pages)
        elector = threading.Thread(target=self._elect, name="election", daemon=True)
        elector.start()
        self.log(f"waits for the lead; pages on port {server.server_address[1]}")
        try:
            while not self.stop.wait(LOOK_S):
                if self._election.leads():
                    return self._lead()
            return 0
        finally:
            self.stop.set()
            elector.join(ELECTION_TIMEOUT_S + RETRY_S)
            self._election.release()
            server.shutdown()
            server.server_close()

    def _elect(self) -> None:
        while not self.stop.is_set():
            try:
                self._election.turn()
            except Exception as error:  # noqa: BLE001  (without this thread nobody would lead)
                self.log.warn("".join(traceback.format_exception(error)))
            self._turned = time.monotonic()
            self.stop.wait(RETRY_S)

    def _lead(self) -> int:
        from gridcompat.accounting import AccountingFile
        from gridcompat.controller.loop import Controller
        from gridcompat.controller.stopping import Threads
        from gridcompat.mailer.send import Sender

        self.log("leads")
        controller = self._controller = Controller(
            Fence(self._cluster, self._election.leads),
            self.settings,
            accounting=AccountingFile(self.settings.shared_accounting()),
            spool=spool_of(self.settings),
            log=self.log.warn,
        )
        works: dict[str, Callable[[threading.Event], None]] = {"controller": controller.run}
        if self.place.mail:
            sender = Sender(spool_of(self.settings), self.settings, log=self.log.warn)
            works["mailer"] = sender.run
        threads = Threads(works, self.log.warn)
        threads.start()
        try:
            while not self.stop.wait(LOOK_S):
                if not self._election.leads():
                    self.log("lost the lead, ends", level="warning")
                    self._end(LOST)
                    return LOST
                if threads.failed.is_set():
                    return 1
            return 0
        finally:
            threads.end(STOP_S)

    # ------------------------------------------------------------ pages

    def healthz(self) -> Page:
        """Whether a restart could help: the election thread has stopped turning."""
        stuck = time.monotonic() - self._turned
        if stuck > WEDGED_S:
            return 500, "text/plain", f"the election has not turned for {stuck:.0f} s\n"
        return 200, "text/plain", "ok\n"

    def readyz(self) -> Page:
        """Whether this replica could lead, or does: the API server answers it."""
        silent = time.monotonic() - self._election.answered_at
        if silent > SILENT_S:
            return 503, "text/plain", "the API server does not answer\n"
        return 200, "text/plain", "leads\n" if self._election.leads() else "waits\n"

    def metrics(self) -> Page:
        """The counters."""
        from gridcompat.cluster.base import GRID_JOB
        from gridcompat.controller.tally import Tally

        controller = self._controller
        page = metrics.text(
            jobs=list(controller.reconciler.cache.of(GRID_JOB).values()) if controller else (),
            tally=controller.reconciler.tally if controller else Tally(),
            mail=mail_counts(spool_of(self.settings)),
            leads=self._election.leads(),
            answered_s=time.monotonic() - self._election.answered_at,
        )
        return 200, metrics.CONTENT_TYPE, page


def mail_counts(spool: str) -> dict[str, int]:
    """Return how many mails wait in a spool and how many were given up."""
    found = {}
    for place, folder in (("waiting", spool), ("failed", os.path.join(spool, "failed"))):
        try:
            found[place] = sum(name.endswith(".mail") for name in os.listdir(folder))
        except OSError:
            found[place] = 0
    return found


def load_settings(environ: Mapping[str, str]) -> Settings:
    """Return the settings for a replica.

    Raises:
        SettingsError: see `settings.load`.
    """
    from gridcompat import settings

    home = environ.get("HOME", "")
    home = home if home.startswith("/") else "/"
    loaded, _ = settings.load({"GRIDCOMPAT_CLUSTER": "kubernetes", **environ}, home=home, uid=os.getuid())
    if loaded.cluster != "kubernetes":
        raise SettingsError("the setting cluster is 'embedded', whose daemon starts by itself")
    return loaded


def main(
    *, namespace: str = "", identity: str = "", listen: str = "0.0.0.0", port: int = 8080, mail: bool = True
) -> int:
    """Run a replica with the settings of this process; return an exit status."""
    from gridcompat.cluster import kubeconfig
    from gridcompat.cluster.base import POD
    from gridcompat.cluster.rest import RestCluster
    from gridcompat.controller.stopping import set_at_signals
    from gridcompat.translate.pod import JOB_LABEL

    log = Log(identity or os.uname().nodename)
    try:
        settings = load_settings(os.environ)
        access = kubeconfig.access(settings)
        cluster = RestCluster(
            access, timeout_s=settings.request_timeout_s, only_labelled={POD.kind: JOB_LABEL}
        )
        place = Place(
            namespace=namespace or access.namespace,
            # The name of a pod is its own for ever; that of a host may come twice.
            identity=f"{identity or os.uname().nodename}_{os.urandom(4).hex()}",
            listen=listen,
            port=port,
            mail=mail,
        )
        election = Election(
            RestCluster(access, timeout_s=ELECTION_TIMEOUT_S),
            namespace=place.namespace,
            name=place.lease,
            identity=place.identity,
        )
        daemon = Replica(replace(settings, namespace=""), place, cluster=cluster, election=election, log=log)
        set_at_signals(daemon.stop)
        status = daemon.run()
    except (GridError, OSError) as error:
        log(_told(error), level="error")
        return 1
    log(f"ended with status {status}")
    return status


def _told(error: GridError | OSError) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or ''}: {error.strerror}".removeprefix(": ")
    return error.message + (f" ({error.hint})" if error.hint else "")


def _to_standard_error(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        pass  # nobody reads it

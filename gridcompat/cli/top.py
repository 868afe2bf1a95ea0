"""`gridcompat top`: the load of the whole site, for administrators, as it changes.

Like `watch`, it is woken by what the cluster tells; a job is reduced to a few numbers when it changes, so
that drawing costs little however large it is.
"""

from __future__ import annotations

import json
import select
import time
from typing import TYPE_CHECKING

import click

from gridcompat.cli._grid import opened
from gridcompat.cli._screen import Drawn, Screen, can_draw, keep
from gridcompat.cli._terminal import color_option, paint, safe, size, write
from gridcompat.cli._top_daemon import Looked, Site, look
from gridcompat.cli._top_view import (
    JOB,
    KEYS,
    OWNER,
    QUEUE,
    View,
    as_json,
    by_queue,
    fitted,
    load,
    text,
    together,
)
from gridcompat.cli._watched import Watched
from gridcompat.cluster.base import GRID_JOB
from gridcompat.errors import Forbidden

if TYPE_CHECKING:
    from gridcompat.cli._grid import Grid
    from gridcompat.cli._terminal import Paint
    from gridcompat.cli._top_view import Load
    from gridcompat.cluster.base import K8sObject

NO_RIGHT = (
    "the jobs of all namespaces may not be read\n"
    "kubectl create clusterrolebinding NAME --clusterrole=gridcompat-viewer --user=USER"
    "  # or use gridcompat watch for your own"
)
VIEWS = {"o": OWNER, "u": QUEUE, "j": JOB, "a": ""}
"""Keys of the terminal and the tables they show."""


@click.command(
    short_help="Show the load of the whole site as it changes.",
    epilog="Exit status: 0 printed, or ended by q or Ctrl-C; 1 no cluster, or no right to read the jobs of "
    "all namespaces (the role gridcompat-viewer gives it); 2 bad use.",
)
@click.option("--by", type=click.Choice((OWNER, QUEUE, JOB)), help="Only this table; else queues and owners.")
@click.option(
    "--sort",
    metavar="KEY",
    help="Of owners and jobs: owner, running, waiting, held, error, slots, cpu, mem, h_vmem, oldest; of jobs "
    "also job and name; of queues: queue, used, total, running.",
)
@click.option("--once", is_flag=True, help="Print the tables once and end, as is done without a terminal.")
@click.option("--json", "as_document", is_flag=True, help="One JSON object, once.")
@click.option(
    "--daemon-namespace", default="gridcompat", show_default=True, help="Of the daemon on Kubernetes."
)
@color_option
def top(
    by: str | None, sort: str | None, once: bool, as_document: bool, daemon_namespace: str, color: str
) -> None:
    """Show how many tasks of whom run, wait and failed, what they take, and how the daemon does.

    On a terminal the tables are kept up to date until q or Ctrl-C; o, u, j and a choose owners, queues, jobs
    and all. cpu and mem are what the runs request, in cores and bytes; h_vmem is what they may use.
    """
    if sort is not None and sort not in KEYS[by or OWNER]:
        raise click.UsageError(f"--sort {safe(sort)}: not one of {', '.join(KEYS[by or OWNER])}")
    with opened() as grid:
        shown = Shown(grid, by=by or "", sort=sort or "")
        if once or as_document or not can_draw():
            _once(grid, shown, daemon_namespace, paint(color), as_document=as_document)
            return
        status = _Live(grid, shown, daemon_namespace, paint(color)).run()
    raise SystemExit(status)


class Shown:
    """The loads of all jobs, and which table is wanted."""

    def __init__(self, grid: Grid, *, by: str, sort: str) -> None:
        self._grid = grid
        self.by, self.sort = by, sort
        self._loads: dict[str, Load] = {}

    def all(self, jobs: list[K8sObject]) -> None:
        """Forget what was; these are the jobs."""
        self._loads.clear()
        for job in jobs:
            self.changed(job)

    def changed(self, job: K8sObject, *, gone: bool = False) -> None:
        """Take in one job."""
        meta = job["metadata"]
        # Until the controller has admitted it only its namespace tells whose it is.
        owner = self._grid.user if self._grid.embedded else f"({meta.get('namespace')})"
        one = None if gone else load(job, self._grid.settings, owner=owner)
        if one is None:
            self._loads.pop(meta["uid"], None)
        else:
            self._loads[meta["uid"]] = one

    def view(self, site: Site, now: float) -> View:
        """Return what is to be shown."""
        loads = tuple(self._loads.values())
        queues = by_queue(together(loads), self._grid.settings, hosts=site.hosts)
        return View(now=now, loads=loads, queues=tuple(queues), daemon=site.line, sort=self.sort, by=self.by)


def _once(grid: Grid, shown: Shown, namespace: str, colors: Paint, *, as_document: bool) -> None:
    try:
        shown.all(list(grid.cluster.list(GRID_JOB, namespace=None).items))
    except Forbidden:
        raise click.ClickException(NO_RIGHT) from None
    site = look(grid, namespace=namespace)
    view = shown.view(site, time.time())
    if as_document:
        write(json.dumps(as_json(view, site.daemon), indent=1) + "\n")
    else:
        write("".join(f"{line}\n" for line in text(view, paint=colors)))


class _Live(Drawn):
    """Keeps the tables on the terminal up to date."""

    pause_s = 0.5
    longest_s = 2.0

    def __init__(self, grid: Grid, shown: Shown, namespace: str, colors: Paint) -> None:
        self._grid, self._shown, self._namespace, self._paint = grid, shown, namespace, colors
        self._watched = Watched(grid, everybody=True)
        self._looked: Looked | None = None
        self._listed = False
        self._trouble = ""

    def run(self) -> int:
        """Draw until the end; return the exit status."""
        try:
            while not self._listed:
                select.select([self._watched], [], [])
                self.hear()
            self._looked = Looked(self._grid, namespace=self._namespace)
            with Screen() as screen:
                return keep(screen, self, self._watched) or 0
        except KeyboardInterrupt:
            return 0
        finally:
            self._watched.stop()
            if self._looked is not None:
                self._looked.stop()

    def hear(self) -> None:
        """Take in the news.

        Raises:
            ClickException: there never was an answer, or only one's own jobs may be read.
        """
        for news in self._watched.news():
            if news.note:
                raise click.ClickException(NO_RIGHT)
            if news.all is not None:
                self._listed = True
                self._shown.all(list(news.all))
            if news.changed is not None:
                self._shown.changed(news.changed)
            if news.gone is not None:
                self._shown.changed(news.gone, gone=True)
            if news.trouble is not None:
                self._trouble = news.trouble
            if self._trouble and not self._listed:
                raise click.ClickException(safe(self._trouble))

    def key(self, key: str) -> None:
        """Show another table."""
        if key in VIEWS:
            self._shown.by = VIEWS[key]
            if self._shown.sort not in KEYS[self._shown.by or OWNER]:
                self._shown.sort = ""

    def draw(self, screen: Screen) -> None:
        """Draw the tables."""
        assert self._looked is not None
        columns, lines = size()
        view = self._shown.view(self._looked.latest, time.time())
        screen.draw(fitted(view, width=columns, height=lines, paint=self._paint, note=self._trouble))

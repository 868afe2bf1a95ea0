"""`gridcompat doctor`: find each thing that is missing, and say how to repair it."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING

import click

from gridcompat import settings as settings_module
from gridcompat.cli import _doctor_host as on_host
from gridcompat.cli._finding import PROBLEM, WARNING, Finding, examine, problem
from gridcompat.errors import GridError
from gridcompat.record import replace

if TYPE_CHECKING:
    from gridcompat.settings import Settings

COLOURS = {"ok": "green", "warning": "yellow", "problem": "red"}


@click.command(
    help="Look for what is missing, here or on the cluster of the settings, and say how to repair it.",
    epilog="Exit status: 0 no problem, whatever the warnings; 1 a problem; 2 bad use. Nothing is changed.",
)
@click.option("--json", "as_json", is_flag=True, help="A list of {check, level, what, repair}.")
@click.option(
    "--daemon-namespace", default="gridcompat", show_default=True, help="Of the daemon's Deployment."
)
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and problems.")
def doctor(as_json: bool, daemon_namespace: str, quiet: bool) -> None:
    """Make all checks and print what they found."""
    found = look(daemon_namespace=daemon_namespace)
    shown = [one for one in found if not quiet or one.level in (WARNING, PROBLEM)]
    if as_json:
        fields = ("check", "level", "what", "repair")
        click.echo(json.dumps([{name: getattr(one, name) for name in fields} for one in shown], indent=1))
    else:
        for one in shown:
            click.echo(f"{click.style(f'{one.level:8}', COLOURS.get(one.level))} {one.check:12} {one.what}")
            if one.repair:
                click.echo(f"{'':21} repair: {one.repair}")
    raise SystemExit(any(one.level == PROBLEM for one in found))


def look(*, daemon_namespace: str = "gridcompat") -> list[Finding]:
    """Return what all checks find on this machine, with the settings of this process."""
    home = os.environ.get("HOME") or "/"
    found = []
    settings = settings_module.Settings()
    try:
        settings, origins = settings_module.load(os.environ, home=home, uid=os.getuid())
        told = f"{len(origins)} settings differ from their defaults"
        found.append(Finding(level="ok", what=told, check="settings"))
    except GridError as error:
        repair = error.hint or "correct that line, then look again"
        found.append(replace(problem(error.message, repair), check="settings"))
        # The rest may be looked at with the defaults, but not on which cluster: that is not known.
        settings = settings_module.Settings(cluster=os.environ.get("GRIDCOMPAT_CLUSTER") or "embedded")
    host = on_host.Host(
        settings=settings, environ=os.environ, home=home, python=sys.version_info[:3], now=time.time()
    )
    found += examine(on_host.EVERYWHERE, host)
    if settings.cluster == "kubernetes":
        return found + _on_cluster(settings, daemon_namespace)
    return found + examine(on_host.EMBEDDED, host)


def _on_cluster(settings: Settings, daemon_namespace: str) -> list[Finding]:
    from gridcompat.cli._doctor_daemon import CHECKS
    from gridcompat.cli._doctor_site import Site
    from gridcompat.cluster import kubeconfig
    from gridcompat.cluster.http import Http

    try:
        access = kubeconfig.access(settings)
    except GridError as error:
        repair = error.hint or "kubectl config view  # or ask for a new kubeconfig"
        return [replace(problem(error.message, repair), check="kubeconfig")]
    http = Http(access, timeout_s=min(settings.request_timeout_s, 10.0))
    try:
        site = Site(http, access, settings, daemon_namespace=daemon_namespace)
        first, rest = CHECKS[:1], CHECKS[1:]
        found = examine(first, site)
        if any(one.level == PROBLEM for one in found):
            return found  # every other check would say the same
        return found + examine(rest, site)
    finally:
        http.close()

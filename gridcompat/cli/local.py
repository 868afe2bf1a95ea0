"""`gridcompat local`: the daemon of the embedded cluster, by hand.

Commands start it by themselves; this shows it, and starts it after a reboot or stops it.
"""

from __future__ import annotations

import os
import signal
import time

import click

from gridcompat import settings as settings_module
from gridcompat.cluster.embedded import paths, spawn
from gridcompat.errors import GridError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.settings import Settings

STOP_S = 15.0


@click.group(help="The daemon of the embedded cluster: what runs jobs on this machine.")
def local() -> None:
    """Group the commands."""


def _state() -> tuple[Settings, str]:
    home = os.environ.get("HOME") or "/"
    try:
        settings, _ = settings_module.load(os.environ, home=home, uid=os.getuid())
        return settings, paths.state_dir(settings)
    except GridError as error:
        raise _told(error) from error


def _told(error: GridError) -> click.ClickException:
    text = error.message + (f"\n{error.hint}" if error.hint else "")
    return click.ClickException(text)


@local.command(
    help="Show whether the daemon runs, and what is in the state directory.",
    # 3 as init scripts have it.
    epilog="Exit status: 0 the daemon runs; 1 the settings or the state directory cannot be used; 2 bad use; "
    "3 the daemon does not run.",
)
def status() -> None:
    """Print four lines."""
    from gridcompat.cluster.base import GRID_JOB
    from gridcompat.cluster.embedded.store import EmbeddedCluster
    from gridcompat.translate.grid_job import unfinished

    _, state_dir = _state()
    pid = spawn.daemon_pid(state_dir)
    click.echo(f"state directory  {state_dir}")
    click.echo(f"daemon           {'runs' if spawn.daemon_lives(state_dir) else 'does not run'}", nl=False)
    click.echo(f" (process {pid})" if pid else "")
    click.echo(f"log              {state_dir}/{paths.DAEMON_LOG}")
    if os.path.exists(f"{state_dir}/{paths.DATABASE}"):
        try:
            cluster = EmbeddedCluster(state_dir)
            try:
                jobs = cluster.table(GRID_JOB, namespace=None)
            finally:
                cluster.close()
        except GridError as error:
            raise _told(error) from error
        left = unfinished(jobs)
        click.echo(f"jobs             {left} unfinished, {len(jobs.rows) - left} finished")
    if not spawn.daemon_lives(state_dir):
        raise SystemExit(3)


@local.command(help="Start the daemon, unless it runs.")
def start() -> None:
    """After a reboot this brings back what is to be run again."""
    settings, state_dir = _state()
    if spawn.daemon_lives(state_dir):
        click.echo("the daemon runs already")
        return
    try:
        spawn.ensure_daemon(state_dir, settings)
    except GridError as error:
        raise _told(error) from error
    click.echo("the daemon was started")


@local.command(help="Stop the daemon. Jobs run on; the next command starts it again.")
def stop() -> None:
    """Wait until it has gone."""
    _, state_dir = _state()
    pid = spawn.daemon_pid(state_dir)
    if pid is None:
        click.echo("the daemon does not run")
        return
    try:
        os.kill(pid, signal.SIGTERM)
    except OSError as error:
        raise click.ClickException(f"process {pid} cannot be stopped: {error.strerror}") from error
    deadline = time.monotonic() + STOP_S
    while spawn.daemon_pid(state_dir) == pid:
        if time.monotonic() > deadline:
            raise click.ClickException(f"process {pid} has not ended after {STOP_S:.0f} s")
        time.sleep(0.02)
    click.echo("the daemon was stopped")

"""`gridcompat manifests`: everything for `kubectl apply -f -`, and its removal without a trace."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from gridcompat.cli._printed import connect, load_settings, told, yaml_text
from gridcompat.errors import GridError, NotFound

if TYPE_CHECKING:
    from gridcompat.cluster.base import Kind
    from gridcompat.cluster.rest import RestCluster
    from gridcompat.translate.manifests import Daemon

IMAGE = "gridcompat:latest"
IN_JOB = "gridcompat-job"
"""ServiceAccount of jobs, if the settings name no other."""


@click.command(
    help="Print what a site applies: gridcompat manifests | kubectl apply --server-side -f -",
    epilog="--uninstall first takes the work out of the cluster, then prints what "
    "`kubectl delete --ignore-not-found -f -` removes.",
)
@click.option("--namespace", default="gridcompat", show_default=True, help="Of the daemon.")
@click.option(
    "--settings",
    "settings_file",
    type=click.Path(exists=True, dir_okay=False),
    help="The site's TOML file; goes into a ConfigMap as it is.",
)
@click.option("--image", default="", help="Of the daemon (default: the setting image).")
@click.option("--volume", default="", help='Source of the volume for accounting and mail, JSON: {"nfs": ...}')
@click.option(
    "--run-as", default=10001, show_default=True, type=click.IntRange(1), help="The daemon's uid, gid."
)
@click.option("--uninstall", is_flag=True, help="Stop everything in the cluster, then print what to delete.")
def manifests(
    namespace: str, settings_file: str | None, image: str, volume: str, run_as: int, uninstall: bool
) -> None:
    """Print YAML documents."""
    import yaml

    from gridcompat.cluster import definitions
    from gridcompat.translate import manifests as objects

    daemon = _daemon(namespace, settings_file, image, volume, run_as)
    custom = [yaml.safe_load(definitions.yaml_text(plural)) for plural in definitions.CUSTOM]
    found = objects.site(daemon, custom)
    if uninstall:
        of_accounts = _take_out(namespace, settings_file)
        found = [*of_accounts, *reversed(found)]
    click.echo(yaml_text(found), nl=False)


def _daemon(namespace: str, settings_file: str | None, image: str, volume: str, run_as: int) -> Daemon:
    from gridcompat.translate.manifests import Daemon

    settings = load_settings(os.path.abspath(settings_file) if settings_file else "")
    text = 'cluster = "kubernetes"\n'
    if settings_file:
        with open(settings_file, encoding="utf-8") as file:
            text = file.read()
    accounting = settings.shared_accounting()
    return Daemon(
        namespace=namespace,
        image=image or settings.image or IMAGE,
        settings=text,
        accounting_folder=os.path.dirname(accounting),
        volume=_source(volume),
        uid=run_as,
        gid=run_as,
        pull_policy=settings.image_pull_policy,
    )


def _source(text: str) -> dict[str, Any] | None:
    if not text:
        return None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.BadParameter(f"not JSON: {error}", param_hint="--volume") from error
    if not isinstance(found, dict):
        raise click.BadParameter("not a JSON object", param_hint="--volume")
    return found


def _take_out(namespace: str, settings_file: str | None) -> list[dict[str, Any]]:
    """Take the work out of the cluster; return what `account add` made, in the order of its deletion."""
    from gridcompat.cluster.base import GRID_ACCOUNT
    from gridcompat.replica.uninstall import take_out
    from gridcompat.translate import manifests as objects

    settings = load_settings(os.path.abspath(settings_file) if settings_file else "")
    cluster = connect(settings)
    try:
        accounts = _there(cluster, GRID_ACCOUNT)
        count = take_out(cluster, namespace=namespace)
    except GridError as error:
        raise told(error) from error
    finally:
        cluster.close()
    click.echo(f"{count} jobs, their pods and the launcher are on their way out", err=True)
    found = []
    for one in accounts:
        spec = one["spec"]
        made = objects.NewAccount(
            namespace=one["metadata"]["namespace"],
            owner=spec["owner"],
            uid=spec["uid"],
            gid=spec["gid"],
            in_job=settings.job_service_account or IN_JOB,
        )
        found += objects.account(made)[::-1]
    return found


def _there(cluster: RestCluster, kind: Kind) -> list[dict[str, Any]]:
    """The objects of a kind; none where the kind was deleted already."""
    try:
        return list(cluster.list(kind, namespace=None).items)
    except NotFound:
        return []

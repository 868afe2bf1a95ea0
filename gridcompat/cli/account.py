"""`gridcompat account`: who may submit to which namespace, and who the jobs there are."""

from __future__ import annotations

import json
from typing import Any

import click

from gridcompat.cli._printed import connect, load_settings, told, yaml_text
from gridcompat.cli.manifests import IN_JOB
from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB
from gridcompat.errors import GridError
from gridcompat.translate import manifests
from gridcompat.translate.account import ACCOUNT_NAME, blocks_of, next_id
from gridcompat.translate.grid_job import unfinished

SUBJECTS = ("user", "group", "serviceaccount")


@click.group(help="The accounts of the site: one for each namespace.")
def account() -> None:
    """Group the commands."""


@account.command(
    help="Print the objects of an account: gridcompat account add ... | kubectl apply --server-side -f -"
)
@click.argument("owner")
@click.option("--namespace", required=True)
@click.option("--uid", required=True, type=click.IntRange(1, 4294967294))
@click.option("--gid", required=True, type=click.IntRange(1, 4294967294))
@click.option("--group", default="", help="Name of the gid, as records show it.")
@click.option("--groups", default="", help="Supplementary groups, numbers separated by commas.")
@click.option("--home", default="", help="Absolute path; the same on all nodes.")
@click.option(
    "--volume", "volumes", multiple=True, help='PATH=JSON, as /data={"nfs": {...}}; again for more.'
)
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    help="Who may submit: user:NAME (default: the owner), group:NAME, serviceaccount:NAME; again for more.",
)
@click.option("--jobs", default=5000, show_default=True, type=click.IntRange(1), help="GridJobs at a time.")
@click.option("--in-job", is_flag=True, help="Jobs may submit, too; needs the setting job_service_account.")
@click.option("--create-namespace", is_flag=True, help="Print the Namespace, too.")
def add(
    owner: str,
    namespace: str,
    uid: int,
    gid: int,
    group: str,
    groups: str,
    home: str,
    volumes: tuple[str, ...],
    subjects: tuple[str, ...],
    jobs: int,
    in_job: bool,
    create_namespace: bool,
) -> None:
    """Print YAML documents."""
    if home and not home.startswith("/"):
        raise click.BadParameter("not an absolute path", param_hint="--home")
    new = manifests.NewAccount(
        namespace=namespace,
        owner=owner,
        uid=uid,
        gid=gid,
        group=group,
        groups=_numbers(groups),
        home=home,
        volumes=tuple(_volume(text) for text in volumes),
        subjects=tuple(_subject(text) for text in subjects) or (("User", owner),),
        in_job=(load_settings().job_service_account or IN_JOB) if in_job else "",
        most_jobs=jobs,
    )
    found = manifests.account(new)
    if create_namespace:
        found.insert(0, manifests.namespace(namespace))
    click.echo(yaml_text(found), nl=False)


@account.command("list", help="List the accounts of the cluster.")
def list_() -> None:
    """A line each: namespace, owner, uid, gid, next id, home."""
    rows = [("NAMESPACE", "OWNER", "UID", "GID", "NEXT", "HOME")]
    for obj in _accounts():
        spec = obj["spec"]
        rows.append(
            (
                obj["metadata"]["namespace"],
                str(spec["owner"]),
                str(spec["uid"]),
                str(spec["gid"]),
                str(next_id(obj) or "-"),
                str(spec.get("home") or "-"),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        click.echo("  ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)).rstrip())


@account.command(help="Show one account.")
@click.argument("namespace")
def show(namespace: str) -> None:
    """Its fields, ids and jobs."""
    cluster = connect(load_settings())
    try:
        obj = cluster.get(GRID_ACCOUNT, ACCOUNT_NAME, namespace=namespace)
        jobs = cluster.table(GRID_JOB, namespace=namespace)
    except GridError as error:
        raise told(error) from error
    finally:
        cluster.close()
    for name in ("owner", "uid", "gid", "group", "groups", "home", "volumes"):
        if (value := obj["spec"].get(name)) not in (None, "", []):
            click.echo(f"{name:10}  {value if isinstance(value, (str, int)) else json.dumps(value)}")
    click.echo(
        f"{'ids':10}  " + (", ".join(f"{first}-{last}" for first, last in blocks_of(obj)) or "none yet")
    )
    click.echo(f"{'next id':10}  {next_id(obj) or 'none yet'}")
    left = unfinished(jobs)
    click.echo(f"{'jobs':10}  {left} unfinished, {len(jobs.rows) - left} finished")


@account.command(help="Print what to delete: gridcompat account remove NAMESPACE | kubectl delete -f -")
@click.argument("namespace")
def remove(namespace: str) -> None:
    """The jobs of the namespace stay until they are over; nobody can submit any more."""
    cluster = connect(load_settings())
    try:
        obj = cluster.get(GRID_ACCOUNT, ACCOUNT_NAME, namespace=namespace)
    except GridError as error:
        raise told(error) from error
    finally:
        cluster.close()
    spec = obj["spec"]
    gone = manifests.NewAccount(namespace=namespace, owner=spec["owner"], uid=spec["uid"], gid=spec["gid"])
    # The rights first: while the account is there, what was submitted is still run to its end.
    click.echo(yaml_text(manifests.account(gone)[::-1]), nl=False)


def _accounts() -> list[dict[str, Any]]:
    cluster = connect(load_settings())
    try:
        return list(cluster.list(GRID_ACCOUNT, namespace=None).items)
    except GridError as error:
        raise told(error) from error
    finally:
        cluster.close()


def _numbers(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isascii() and word.isdigit() for word in words):
        raise click.BadParameter(f"'{text}' is not numbers separated by commas", param_hint="--groups")
    return tuple(int(word) for word in words)


def _volume(text: str) -> tuple[str, dict[str, Any]]:
    path, _, source = text.partition("=")
    try:
        found = json.loads(source)
    except ValueError as error:
        raise click.BadParameter(f"'{source}' is not JSON", param_hint="--volume") from error
    if not path.startswith("/") or not isinstance(found, dict):
        raise click.BadParameter("not PATH=JSON", param_hint="--volume")
    return path, found


def _subject(text: str) -> tuple[str, str]:
    kind, colon, name = text.partition(":")
    if kind not in SUBJECTS or not colon or not name:
        raise click.BadParameter(
            f"'{text}' is not one of {':NAME '.join(SUBJECTS)}:NAME", param_hint="--subject"
        )
    return {"user": "User", "group": "Group", "serviceaccount": "ServiceAccount"}[kind], name

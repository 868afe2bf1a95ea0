"""The GridAccount as the domain sees it, and the first objects of a new embedded cluster.

Who a run may be comes from here and never from what a user wrote.  Must not know users or files: the
caller looks up the passwd entry.
"""

from __future__ import annotations

from gridcompat import jsons as json
from gridcompat.cluster.base import GRID_ACCOUNT, GRID_SITE, NAMESPACE
from gridcompat.errors import GridError
from gridcompat.model import Account

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Kind
    from gridcompat.settings import Settings

ACCOUNT_NAME = "account"
SITE_NAME = "site"
DEFAULT_NAMESPACE = "default"


def account_of(grid_account: K8sObject) -> Account:
    """Return whose namespace it is.

    Raises:
        GridError: the object lacks the owner or the uid (an administrator's mistake).
    """
    namespace = grid_account["metadata"]["namespace"]
    spec = grid_account.get("spec", {})
    try:
        return Account(
            namespace=namespace,
            owner=str(spec["owner"]),
            uid=int(spec["uid"]),
            gid=int(spec["gid"]),
            group=str(spec.get("group", "")),
            groups=tuple(int(gid) for gid in spec.get("groups", ())),
            home=str(spec.get("home", "")),
            volumes=tuple(
                (str(volume["path"]), json.dumps(volume["source"], separators=(",", ":")))
                for volume in spec.get("volumes", ())
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GridError(f"the GridAccount of namespace {namespace} cannot be used: {error}") from error


def blocks_of(grid_account: K8sObject) -> list[tuple[int, int]]:
    """Return the account's blocks of job ids, (first, last) each, ascending."""
    return sorted((block["first"], block["last"]) for block in grid_account.get("spec", {}).get("blocks", ()))


def next_id(grid_account: K8sObject) -> int | None:
    """Return the id that the next submission takes, or None if the blocks are used up.

    `status.nextId` may lie between two blocks: then the next block's first id counts.
    """
    after: int = grid_account.get("status", {}).get("nextId", 0)
    for first, last in blocks_of(grid_account):
        if after <= last:
            return max(first, after)
    return None


def seed(
    settings: Settings, *, owner: str, uid: int, gid: int, group: str, groups: Sequence[int], home: str
) -> list[K8sObject]:
    """Return the objects that a new embedded cluster begins with, in the order of their creation.

    One namespace, the site, and the account of whoever owns the cluster with its first block of ids.
    """
    first, after = settings.first_job_id, settings.first_job_id + settings.id_block
    return [
        _object(NAMESPACE, DEFAULT_NAMESPACE, None, {}),
        _object(GRID_SITE, SITE_NAME, None, {"spec": {"nextId": after}}),
        _object(
            GRID_ACCOUNT,
            ACCOUNT_NAME,
            DEFAULT_NAMESPACE,
            {
                "spec": {
                    "owner": owner,
                    "uid": uid,
                    "gid": gid,
                    "group": group,
                    "groups": list(groups),
                    "home": home,
                    "blocks": [{"first": first, "last": after - 1}],
                }
            },
        ),
    ]


def _object(kind: Kind, name: str, namespace: str | None, rest: dict[str, Any]) -> K8sObject:
    meta = {"name": name} if namespace is None else {"name": name, "namespace": namespace}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **rest}

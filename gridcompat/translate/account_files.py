"""The account's files in its containers: who the user is, and the way to the API server.

A ConfigMap named by its content, which pods of a real cluster mount.  Must not know jobs.
"""

from __future__ import annotations

import json
from hashlib import sha256

from gridcompat.cluster.base import CONFIG_MAP
from gridcompat.translate.launch import CLIENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.cluster.base import K8sObject
    from gridcompat.model import Account
    from gridcompat.settings import Settings

ACCOUNT_FILES = "gridcompat-account-"
"""What the names of ConfigMaps with passwd and group files begin with."""


def account_config_map(account: Account, settings: Settings) -> K8sObject:
    """Return the account's files in its containers, immutable and named by content.

    `passwd` and `group`: programs that ask who they are (ssh, git, Python's getpass) need an entry, and
    the image has none.  `kubeconfig`, where jobs have a way to the API server: its token is mounted
    beside it.
    """
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {"name": account_files_name(account, settings), "namespace": account.namespace},
        "immutable": True,
        "data": _account_files(account, settings),
    }


def account_files_name(account: Account, settings: Settings) -> str:
    text = "\0".join(_account_files(account, settings).values())
    return ACCOUNT_FILES + sha256(text.encode()).hexdigest()[:10]


def _account_files(account: Account, settings: Settings) -> dict[str, str]:
    users = ["root:x:0:0:root:/root:/bin/sh", "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin"]
    groups = ["root:x:0:", "tty:x:5:", "nogroup:x:65534:"]
    entry = (
        account.owner,
        "x",
        str(account.uid),
        str(account.gid),
        account.owner,
        account.home or "/",
        "/bin/sh",
    )
    group = (account.group, "x", str(account.gid), "")
    for lines, words in ((users, entry), (groups, group)):
        # An entry that cannot be written is left out: it must not become another one.
        if words[0] and not any(set(word) & {":", "\n"} for word in words):
            lines.append(":".join(words))
    files = {name: "\n".join([*lines, ""]) for name, lines in (("group", groups), ("passwd", users))}
    if settings.job_service_account:
        files["kubeconfig"] = _kubeconfig(account, settings)
    return files


def _kubeconfig(account: Account, settings: Settings) -> str:
    here = {"name": "here", "context": {"cluster": "here", "user": "here", "namespace": account.namespace}}
    cluster = {"server": settings.job_api_server, "certificate-authority": f"{CLIENT}/ca.crt"}
    if not settings.job_api_server.startswith("https://kubernetes.default.svc"):
        cluster["tls-server-name"] = "kubernetes.default.svc"  # the one name that every certificate has
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "here", "cluster": cluster}],
            "users": [{"name": "here", "user": {"tokenFile": f"{CLIENT}/token"}}],
            "contexts": [here],
            "current-context": "here",
        }
    )


def client_volume(account: Account, settings: Settings) -> dict[str, Any]:
    """The volume with which commands inside a job reach the API server, with the user's rights only."""
    token = {"path": "token", "expirationSeconds": 3600}
    return {
        "projected": {
            "defaultMode": 0o444,
            "sources": [
                {"serviceAccountToken": token},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {
                    "configMap": {
                        "name": account_files_name(account, settings),
                        "items": [{"key": "kubeconfig", "path": "kubeconfig"}],
                    }
                },
            ],
        }
    }

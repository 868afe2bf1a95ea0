"""Where the API server is and who we are to it: kubeconfig files, or the service account of a pod.

Read without the `kubernetes` package, which takes half a second to import.  Credentials that need a
program or a protocol of their own (exec plugins, OIDC) are only named here: `credentials` gets them.
YAML is parsed once and kept as JSON (0600), because cron starts hundreds of commands a second.

Source: Kubernetes documentation, "Organizing Cluster Access Using kubeconfig Files".
"""

from __future__ import annotations

import json
import os

from gridcompat.cluster import private
from gridcompat.errors import SettingsError
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.settings import Settings

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@record
class Plugin:
    """Who gives credentials: an exec plugin or an auth provider of a kubeconfig."""

    listed: str
    """The list of kubeconfig files."""
    context: str
    user: str
    """The user's entry as JSON; under the key "" the folder that its relative paths begin at."""
    cluster: str
    """The cluster's entry in the same form."""


@record
class Access:
    """How to reach one API server as one user. Certificates and keys are file paths or PEM texts."""

    server: str
    """URL, `https://host:port/prefix`."""
    namespace: str = "default"
    ca: str = ""
    """PEM text or a path; "" is the system's authorities."""
    insecure: bool = False
    tls_server_name: str = ""
    proxy: str = ""
    client_certificate: str = ""
    client_key: str = ""
    token: str = ""
    token_file: str = ""
    basic: str = ""
    """`user:password`"""
    plugin: Plugin | None = None
    """Set when `credentials.granted` has to ask for credentials."""


def access(settings: Settings) -> Access:
    """Return how to reach the cluster that the settings name.

    The setting `kubeconfig`, then $KUBECONFIG, then ~/.kube/config, then the pod's service account.

    Raises:
        SettingsError: there is none, or it cannot be used.
    """
    named = settings.kubeconfig or os.environ.get("KUBECONFIG", "")
    listed = named or os.path.expanduser("~/.kube/config")
    if not named and not os.path.exists(listed):
        found = in_cluster()
        if found is None:
            raise SettingsError(
                f"kubeconfig: '{listed}' does not exist",
                hint="set KUBECONFIG, or the setting kubeconfig",
            )
    else:
        found = from_files(listed, context=settings.context)
    if settings.namespace:
        from gridcompat.record import replace

        found = replace(found, namespace=settings.namespace)
    return found


def in_cluster(folder: str = SERVICE_ACCOUNT) -> Access | None:
    """Return the access of a pod's service account, None outside a pod."""
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not os.path.exists(f"{folder}/token"):
        return None
    namespace = "default"
    try:
        with open(f"{folder}/namespace", encoding="utf-8") as file:
            namespace = file.read().strip() or namespace
    except OSError:
        pass  # an old kubelet mounts none
    bracketed = f"[{host}]" if ":" in host else host
    return Access(
        server=f"https://{bracketed}:{port}",
        namespace=namespace,
        ca=f"{folder}/ca.crt",
        token_file=f"{folder}/token",
    )


def from_files(listed: str, *, context: str = "") -> Access:
    """Return the access that a colon-separated list of kubeconfig files describes.

    Of two entries of one name the first counts.  Files that do not exist are passed over.

    Raises:
        SettingsError: no file can be read, or what they say does not fit together.
    """
    current = ""
    tables: dict[str, dict[str, dict[str, Any]]] = {"clusters": {}, "users": {}, "contexts": {}}
    read = 0
    for path in listed.split(os.pathsep):
        if not path or not os.path.exists(path):
            continue
        document = _document(path)
        read += 1
        current = current or str(document.get("current-context") or "")
        for table, known in tables.items():
            for name, entry in _entries(path, document, table):
                known.setdefault(name, entry)
    if not read:
        raise SettingsError(f"kubeconfig: '{listed}' does not exist")
    chosen = context or current
    if not chosen:
        raise SettingsError(f"kubeconfig: '{listed}' has no current-context")
    if chosen not in tables["contexts"]:
        raise SettingsError(f"kubeconfig: '{listed}' has no context '{chosen}'")
    link = tables["contexts"][chosen]
    parts = {}
    for part in ("cluster", "user"):
        name = str(link.get(part) or "")
        if name not in tables[part + "s"] and (part == "cluster" or name):
            raise SettingsError(
                f"kubeconfig: context '{chosen}' names {part} '{name}', which '{listed}' has not"
            )
        parts[part] = tables[part + "s"].get(name, {})
    return _access(listed, chosen, link, parts["cluster"], parts["user"])


def _access(
    listed: str, context: str, link: dict[str, Any], cluster: dict[str, Any], user: dict[str, Any]
) -> Access:
    server = str(cluster.get("server") or "")
    if not server.startswith(("http://", "https://")):
        raise SettingsError(
            f"kubeconfig: '{listed}' has no usable server for context '{context}': '{server}'"
        )
    for who in ("as", "as-uid", "as-groups", "as-user-extra"):
        if user.get(who):
            raise SettingsError(
                f"kubeconfig: '{listed}' asks for impersonation ('{who}'), which is not supported"
            )
    basic = f"{user['username']}:{user.get('password', '')}" if user.get("username") else ""
    return Access(
        server=server.rstrip("/"),
        namespace=str(link.get("namespace") or "default"),
        ca=_pem(cluster, "certificate-authority"),
        insecure=bool(cluster.get("insecure-skip-tls-verify")),
        tls_server_name=str(cluster.get("tls-server-name") or ""),
        proxy=str(cluster.get("proxy-url") or ""),
        client_certificate=_pem(user, "client-certificate"),
        client_key=_pem(user, "client-key"),
        token="" if user.get("tokenFile") else str(user.get("token") or ""),
        token_file=_path(user, "tokenFile"),
        basic=basic,
        plugin=_plugin(listed, context, cluster, user),
    )


def _plugin(listed: str, context: str, cluster: dict[str, Any], user: dict[str, Any]) -> Plugin | None:
    if not user.get("exec") and not user.get("auth-provider"):
        return None
    texts = [json.dumps(entry, sort_keys=True) for entry in (user, cluster)]
    return Plugin(listed=listed, context=context, user=texts[0], cluster=texts[1])


def _entries(path: str, document: dict[str, Any], table: str) -> list[tuple[str, dict[str, Any]]]:
    entries = document.get(table) or []
    if not isinstance(entries, list):
        raise SettingsError(f"{path}: {table}: not a list")
    found = []
    for entry in entries:
        inner = entry.get(table.removesuffix("s")) if isinstance(entry, dict) else None
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise SettingsError(f"{path}: {table}: an entry has no name")
        # Paths in a kubeconfig are relative to the file they stand in.
        found.append(
            (entry["name"], {**(inner if isinstance(inner, dict) else {}), "": os.path.dirname(path)})
        )
    return found


def _path(entry: dict[str, Any], key: str) -> str:
    value = str(entry.get(key) or "")
    return os.path.join(os.path.abspath(entry.get("") or "."), value) if value else ""


def _pem(entry: dict[str, Any], key: str) -> str:
    data = entry.get(key + "-data")
    if not data:
        return _path(entry, key)
    import binascii

    try:
        return binascii.a2b_base64("".join(str(data).split()), strict_mode=True).decode("ascii")
    except ValueError as error:
        raise SettingsError(f"kubeconfig: {key}-data: not base64 of a PEM text") from error


def _document(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
            status = os.fstat(file.fileno())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"kubeconfig: '{path}' cannot be read: {why}") from error
    if text.lstrip().startswith("{"):
        try:
            return _mapping(path, json.loads(text))
        except ValueError:
            pass  # YAML's own flow style looks like JSON at first
    absolute = os.path.abspath(path)
    key = [absolute, status.st_mtime_ns, status.st_size, status.st_ino]
    cached = private.path_of(f"kubeconfig-{_checksum(absolute)}.json")
    kept = private.read(cached)
    if isinstance(kept, dict) and kept.get("key") == key and isinstance(kept.get("document"), dict):
        return _mapping(path, kept["document"])
    document = _parsed(path, text)
    private.keep(cached, {"key": key, "document": document})
    private.forget("kubeconfig-", _is_of_no_file)  # there are keys in them
    return document


def _is_of_no_file(kept: Any) -> bool:
    """Whether what is kept was read from a file that is not there any more."""
    key = kept.get("key") if isinstance(kept, dict) else None
    return not isinstance(key, list) or not key or not os.path.exists(str(key[0]))


def _parsed(path: str, text: str) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(text)
        # Dates and other values of YAML that JSON has not; a kubeconfig has no use for them.
        return _mapping(path, json.loads(json.dumps(found, default=str)))
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark is not None else ""
        raise SettingsError(f"{path}{where}: not YAML") from error


def _mapping(path: str, found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise SettingsError(f"{path}: not a kubeconfig")
    return found


def _checksum(text: str) -> str:
    import binascii

    return f"{binascii.crc32(os.fsencode(text)):08x}"

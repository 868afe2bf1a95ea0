"""Credentials that a program or a protocol gives: exec plugins, OIDC and other auth providers.

The `kubernetes` package speaks to them, and takes half a second to import, a plugin perhaps more: so a
credential that says until when it is good is kept until then (0600), and of many commands that need a new
one at a time one asks while the others wait.  Must not know requests.

Source: client.authentication.k8s.io/v1 (ExecCredential); Kubernetes documentation, "Authenticating",
sections "client-go credential plugins" and "OpenID Connect Tokens".
"""

from __future__ import annotations

import json
import os
import time

from gridcompat.cluster import private
from gridcompat.errors import Forbidden
from gridcompat.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gridcompat.cluster.kubeconfig import Access, Plugin

MARGIN_S = 30.0
"""A credential is not used in its last seconds: requests take time, and clocks differ."""
PLUGIN_S = 60
"""A plugin that nobody types answers for, or an identity provider, is given up after this."""


@record
class Credential:
    """What was given. Certificates and keys are PEM texts or paths."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    expires: float | None = None
    """Epoch seconds; None: it does not say, so it is not kept for the next process."""


def granted(access: Access, *, refused: Access | None = None, now: Callable[[], float] = time.time) -> Access:
    """Return the access with the credential that its plugin or provider has given, now or before.

    Args:
        access: as `kubeconfig.access` made it, or as this function did.
        refused: what the server did not accept (401): not to be given again without asking.
        now: the time in epoch seconds.

    Raises:
        Forbidden: there is none to be had.
    """
    plugin = access.plugin
    if plugin is None:
        return access
    path = private.path_of(f"credential-{_digest(access.server, plugin)}.json")

    def good(found: Credential | None) -> bool:
        return found is not None and not _same(found, refused) and _lasts(found, now())

    credential = _of_entry(plugin)
    if not good(credential):
        credential = _kept(path)
    if not good(credential):
        with _Turn(f"{path}.lock"):
            credential = _kept(path)
            if not good(credential):
                credential = _asked(plugin, now)
                if credential.expires is not None:
                    private.keep(path, _words(credential))
    assert credential is not None
    return replace(
        access,
        token=credential.token or access.token,
        client_certificate=credential.certificate or access.client_certificate,
        client_key=credential.key or access.client_key,
    )


def _same(credential: Credential, access: Access | None) -> bool:
    if access is None:
        return False
    if credential.certificate:
        return credential.certificate == access.client_certificate
    return credential.token == access.token


def _lasts(credential: Credential, now: float) -> bool:
    return credential.expires is not None and now < credential.expires - MARGIN_S


def _digest(server: str, plugin: Plugin) -> str:
    import hashlib

    text = json.dumps([server, plugin.user, plugin.cluster])
    return hashlib.sha256(text.encode()).hexdigest()[:40]


def _kept(path: str) -> Credential | None:
    found = private.read(path)
    try:
        token, certificate, key, expires = found
    except (TypeError, ValueError):
        return None  # none yet, or of another version
    if not (isinstance(token, str) and isinstance(certificate, str) and isinstance(key, str)):
        return None
    if not isinstance(expires, (int, float)) or not (token or certificate):
        return None
    return Credential(token=token, certificate=certificate, key=key, expires=expires)


def _words(credential: Credential) -> list[Any]:
    return [credential.token, credential.certificate, credential.key, credential.expires]


class _Turn:
    """One asks, the others wait and find what it was given; who cannot get the lock goes on without."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._handle = -1

    def __enter__(self) -> None:
        import fcntl

        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            self._handle = os.open(self._path, flags, 0o600)
        except OSError:
            return
        end = time.monotonic() + PLUGIN_S
        while time.monotonic() < end:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except OSError:
                time.sleep(0.02)

    def __exit__(self, *_what: object) -> None:
        if self._handle >= 0:
            os.close(self._handle)


def _of_entry(plugin: Plugin) -> Credential | None:
    """Return the token that an OIDC entry holds, as long as it is good: nothing has to be loaded for it."""
    if '"auth-provider"' not in plugin.user:
        return None
    user = json.loads(plugin.user)
    provider = user.get("auth-provider")
    if not isinstance(provider, dict) or provider.get("name") != "oidc" or user.get("exec"):
        return None
    config = provider.get("config")
    token = config.get("id-token") if isinstance(config, dict) else None
    return Credential(token=token, expires=_expiry_of(token)) if isinstance(token, str) else None


def _expiry_of(token: str) -> float | None:
    """Return when a JSON Web Token ends, None if it does not say or is something else (RFC 7519, exp)."""
    import binascii

    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        coded = parts[1].replace("-", "+").replace("_", "/")
        claims = json.loads(binascii.a2b_base64(coded + "=" * (-len(coded) % 4)))
        return float(claims["exp"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _asked(plugin: Plugin, now: Callable[[], float]) -> Credential:
    user = json.loads(plugin.user)
    try:
        import kubernetes  # noqa: F401  (so that its absence is told from what goes wrong in it)
    except ImportError as error:
        raise Forbidden(
            f"kubeconfig: context '{plugin.context}' needs the Python package kubernetes ({error})"
        ) from error
    if user.get("exec"):
        return _of_plugin(plugin, user)
    return _of_provider(plugin, user, now)


def _of_plugin(plugin: Plugin, user: dict[str, Any]) -> Credential:
    """Run an exec plugin."""
    entry = user["exec"]
    said = f"kubeconfig: context '{plugin.context}': the credential plugin"
    if not isinstance(entry, dict) or not isinstance(entry.get("command"), str) or not entry["command"]:
        raise Forbidden(f"{said} has no command")
    said += f" '{entry['command']}'"
    command = _program(entry, user.get("") or ".")
    if command is None:
        hint = entry.get("installHint")
        raise Forbidden(f"{said} is not there, or not executable", hint=hint if isinstance(hint, str) else "")
    try:
        status = _run(command, entry, json.loads(plugin.cluster))
    # The package raises whatever a program or a broken entry makes it raise.
    except (TypeError, UnicodeDecodeError) as error:  # it looks for keys in whatever was printed
        raise Forbidden(f"{said} printed no credential") from error
    except Exception as error:
        raise Forbidden(f"{said} {_why(error)}") from error
    if not isinstance(status, dict):
        raise Forbidden(f"{said} printed no credential")
    found = Credential(
        token=_text(status, "token"),
        certificate=_text(status, "clientCertificateData"),
        key=_text(status, "clientKeyData"),
        expires=_moment(status.get("expirationTimestamp")),
    )
    if not found.token and not (found.certificate and found.key):
        raise Forbidden(f"{said} printed no credential")
    return found


def _program(entry: dict[str, Any], folder: str) -> str | None:
    """Return the path of a plugin: relative ones begin at the kubeconfig's folder, names are looked up."""
    import shutil

    command = str(entry["command"])
    if "/" in command:
        command = os.path.join(os.path.abspath(folder), command)
    return shutil.which(command)


def _run(command: str, entry: dict[str, Any], cluster: dict[str, Any]) -> Any:
    from kubernetes.config import exec_provider, kube_config

    node: Any = kube_config.ConfigNode
    make: Any = exec_provider.ExecProvider
    alone = entry.get("interactiveMode") == "Never" or not os.isatty(0)
    words = [command, *(entry.get("args") or [])]
    if alone and os.path.exists("/usr/bin/timeout"):
        words = ["/usr/bin/timeout", "-k", "5", str(PLUGIN_S), *words]
    made = {**entry, "command": words[0], "args": words[1:], "env": entry.get("env") or []}
    folder = cluster.pop("", "")
    if cluster.get("certificate-authority") and not cluster.get("certificate-authority-data"):
        import base64

        with open(os.path.join(folder, cluster["certificate-authority"]), "rb") as file:
            cluster["certificate-authority-data"] = base64.b64encode(file.read()).decode()
    provider = make(node("exec", made), None, node("cluster", cluster))
    if not alone:
        return provider.run()
    # The script that a command reads, or a loop's list, is not the plugin's to read.
    saved, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(nothing, 0)
        return provider.run()
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(nothing)


def _why(error: Exception) -> str:
    """Return one line that says what went wrong with a plugin."""
    if isinstance(error, OSError):
        return f"cannot be run: {error.strerror or error}"
    lines = [line.strip() for line in str(error).removeprefix("exec: ").splitlines() if line.strip()]
    first = lines[0] if lines else ""
    if first.startswith("process returned "):
        status, _, rest = first.removeprefix("process returned ").partition(". ")
        if status == "124":
            return f"has not answered for {PLUGIN_S} s"
        last = lines[-1] if len(lines) > 1 else rest
        return f"failed with status {status}{': ' if last else ''}{last[:300]}"
    if isinstance(error, AttributeError):
        return "failed"  # what it said went to the terminal
    if "plugin api version" in first:
        return f"printed something else than was asked for: {first[:300]}"
    if first.startswith(("failed to decode", "malformed response")):
        return f"printed no credential: {first[:300]}"
    return f"cannot be asked: {first[:300]}"


def _text(status: dict[str, Any], key: str) -> str:
    value = status.get(key)
    return value.strip() if isinstance(value, str) else ""


def _moment(text: Any) -> float | None:
    """Return an RFC 3339 time in epoch seconds, None without one."""
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _of_provider(plugin: Plugin, user: dict[str, Any], now: Callable[[], float]) -> Credential:
    """Let the package renew a token; it is written into the kubeconfig, as kubectl does."""
    from kubernetes.client import Configuration
    from kubernetes.config import kube_config

    package: Any = kube_config

    provider = user["auth-provider"]
    name = provider.get("name") if isinstance(provider, dict) else None
    said = f"kubeconfig: context '{plugin.context}': the auth provider '{name}'"
    try:
        merger = package.KubeConfigMerger(plugin.listed)
        merger.save_config = lambda path: _rewritten(path, merger.config_files[path])
        loader = package.KubeConfigLoader(
            config_dict=merger.config,
            active_context=plugin.context,
            config_base_path=None,
            config_persister=merger.save_changes,
        )
        made = Configuration()
        with _Limit(PLUGIN_S):
            loader.load_and_set(made)
    # The package raises whatever a token endpoint or a broken entry makes it raise.
    except Exception as error:
        lines = str(error).splitlines() or [type(error).__name__]
        raise Forbidden(f"{said} gives no token: {lines[0][:300]}") from error
    token = str(getattr(loader, "token", None) or "").removeprefix("Bearer ").strip()
    expires = _expiry_of(token)
    if not token:
        raise Forbidden(f"{said} gives no token")
    if expires is not None and expires <= now():
        raise Forbidden(f"{said} has not renewed the token, which has expired")
    return Credential(token=token, expires=expires)


def _rewritten(path: str, document: Any) -> None:
    """Replace a kubeconfig whole, so that no other command reads half of it; leave it if we may not."""
    import yaml

    path = os.path.realpath(path)
    temporary = f"{path}.{os.getpid()}"
    try:
        mode = os.stat(path).st_mode & 0o777
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(document, file, default_flow_style=False)
        os.chmod(temporary, mode)
        os.rename(temporary, path)
    except OSError:
        pass  # a site's own file: the token is kept by us


class _Limit:
    """An end to what has none of its own, where signals can be had: in the main thread."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._before: Any = None

    def __enter__(self) -> None:
        import signal
        import threading

        def late(_number: int, _frame: object) -> None:
            raise TimeoutError(f"no answer for {self._seconds} s")

        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGALRM, late)
            signal.alarm(self._seconds)

    def __exit__(self, *_what: object) -> None:
        import signal

        if self._before is not None:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, self._before)

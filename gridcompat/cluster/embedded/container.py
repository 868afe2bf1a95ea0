"""What a kubelet makes of a container: its environment, its command line, its volumes.

There are no mount namespaces here.  A volume that would be mounted below one of the directories that
the variables in `MOVED` name goes below the pod's own directory, and those variables name it there; a
hostPath is what it is; /tmp is /tmp.  Must not know how pods are started.
"""

from __future__ import annotations

import base64
import os
import posixpath
import shutil
from typing import TYPE_CHECKING

from gridcompat.cluster.base import CONFIG_MAP, SECRET
from gridcompat.cluster.embedded.processes import COOKIE
from gridcompat.errors import GridError, NotFound
from gridcompat.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gridcompat.cluster.base import Cluster, K8sObject, Kind

MOVED = ("GC_ROOT", "GC_SPOOL")
"""Variables by which a container says where its volumes are."""
TERMINATION_LOG = "GC_TERMINATION_LOG"
LEFTOVERS = "GC_LEFTOVERS"
"""Names the file in which a container lists what it makes outside its volumes."""
ACTIVE = "GC_ACTIVE"
"""Names the file in which the container notes its spool directory; its programs know it as PROGRAM_COOKIE."""
PROGRAM_COOKIE = "SGE_JOB_SPOOL_DIR"
SHARED_SPOOL = "GC_SPOOL_SHARED"
"""Where the spool would be with a mount namespace: tried first, for scripts know that place."""
SANE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class NotReady(GridError):
    """The container cannot be made yet: `reason` is the kubelet's word for the waiting state."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class CannotStart(GridError):
    """The container can never be started."""


@record
class Made:
    """A container ready to be started."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str


def make(
    cluster: Cluster, pod: K8sObject, directory: str, *, machine: Mapping[str, str] | None = None
) -> Made:
    """Materialise the volumes of a pod below `directory` and return its container.

    `machine`: variables that containers of this machine have beside their own.

    Raises:
        NotReady: a Secret or ConfigMap is missing.
        CannotStart: another uid, an unknown volume or field.
        OSError: the disk.
    """
    container = pod["spec"]["containers"][0]
    _check_identity(pod, container)
    values = _variables(cluster, pod, container)
    moved = [values[name] for name in MOVED if values.get(name)]
    root = posixpath.join(directory, "root")
    volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    for mount in container.get("volumeMounts") or ():
        path = posixpath.normpath(mount["mountPath"])
        inside = any(path == base or path.startswith(base.rstrip("/") + "/") for base in moved)
        volume = volumes.get(mount["name"])
        if volume is None:
            raise CannotStart(f"no volume {mount['name']}")
        _materialise(cluster, pod, volume, root + path if inside else "")
    command = [expand(word, values) for word in container.get("command") or ()]
    command += [expand(word, values) for word in container.get("args") or ()]
    if not command:
        raise CannotStart("no command specified")
    if values.get("GC_SPOOL"):
        values[SHARED_SPOOL] = values["GC_SPOOL"]
    for name in MOVED:
        if values.get(name):
            values[name] = root + posixpath.normpath(values[name])
    own = {"PATH": os.environ.get("PATH") or SANE_PATH, "HOME": "/"}
    if "LANG" in os.environ:
        own["LANG"] = os.environ["LANG"]
    own |= values
    own |= machine or {}
    own |= {
        COOKIE: pod["metadata"]["uid"],
        TERMINATION_LOG: posixpath.join(directory, "termination"),
        LEFTOVERS: posixpath.join(directory, "leftovers"),
        ACTIVE: posixpath.join(directory, "active"),
    }
    if any("\0" in word for word in (*command, *own, *own.values())):
        raise CannotStart("a NUL cannot be in an argument or a variable")
    return Made(argv=tuple(command), environment=own, directory=container.get("workingDir") or "/")


def cookies(directory: str, uid: str) -> tuple[bytes, ...]:
    """Return what only the environments of a pod's processes hold: the launcher's, then the program's."""
    found = [f"{COOKIE}={uid}".encode()]
    try:
        with open(posixpath.join(directory, "active"), "rb") as file:
            active = file.read().rstrip(b"\n")
    except OSError:
        active = b""
    if active:
        found.append(PROGRAM_COOKIE.encode() + b"=" + active)
    return tuple(found)


def clear_leftovers(directory: str) -> None:
    """Remove what a container had listed: one that ended by itself lists only the program's own directory.

    Its processes must have been ended: the names are free for others from now on, so they are forgotten
    first. What cannot be removed stays: it must not keep the end of the pod from being told.
    """
    name = posixpath.join(directory, "leftovers")
    _unlink(posixpath.join(directory, "active"))
    try:
        with open(name, encoding="utf-8", errors="surrogateescape") as file:
            paths = file.read().splitlines()
    except OSError:
        return
    _unlink(name)
    for path in paths:
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            _unlink(path)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _check_identity(pod: K8sObject, container: dict[str, Any]) -> None:
    context = (pod["spec"].get("securityContext") or {}) | (container.get("securityContext") or {})
    for field, own in (("runAsUser", os.geteuid()), ("runAsGroup", os.getegid())):
        wanted = context.get(field)
        if wanted is not None and wanted != own:
            raise CannotStart(f"{field} {wanted} is not that of this process ({own})")


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by a variable's value and `$$` by `$`, as the kubelet does.

    An unknown name stays as it is. Source: Container.command, API reference of v1.
    """
    if "$" not in text:
        return text
    found: list[str] = []
    position = 0
    while True:
        dollar = text.find("$", position)
        if dollar < 0 or dollar + 1 >= len(text):
            found.append(text[position:])
            return "".join(found)
        found.append(text[position:dollar])
        follows = text[dollar + 1]
        close = text.find(")", dollar + 2) if follows == "(" else -1
        if follows == "$":
            found.append("$")
            position = dollar + 2
        elif close >= 0:
            name = text[dollar + 2 : close]
            found.append(values.get(name, f"$({name})"))
            position = close + 1
        else:
            found.append("$" + follows)
            position = dollar + 2


def _variables(cluster: Cluster, pod: K8sObject, container: dict[str, Any]) -> dict[str, str]:
    values: dict[str, str] = {}
    for variable in container.get("env") or ():
        source = variable.get("valueFrom")
        if source is None:
            values[variable["name"]] = expand(variable.get("value") or "", values)
            continue
        found = _from(cluster, pod, source)
        if found is not None:
            values[variable["name"]] = found
    return values


def _from(cluster: Cluster, pod: K8sObject, source: dict[str, Any]) -> str | None:
    if "fieldRef" in source:
        return _field(pod, source["fieldRef"]["fieldPath"])
    for key, kind in (("secretKeyRef", SECRET), ("configMapKeyRef", CONFIG_MAP)):
        if key not in source:
            continue
        selector = source[key]
        try:
            obj = cluster.get(kind, selector["name"], namespace=pod["metadata"]["namespace"])
            return _contents(obj)[selector["key"]].decode("utf-8", "surrogateescape")
        except (NotFound, KeyError) as error:
            if selector.get("optional"):
                return None
            raise NotReady("CreateContainerConfigError", f"{selector['name']}: {error}") from error
    raise CannotStart(f"valueFrom {', '.join(source)} is not supported")


def _field(pod: K8sObject, path: str) -> str:
    """A field of the downward API."""
    meta = pod["metadata"]
    for prefix in ("labels", "annotations"):
        if path.startswith(f"metadata.{prefix}['") and path.endswith("']"):
            return str((meta.get(prefix) or {}).get(path[len(prefix) + 11 : -2], ""))
    if path in ("metadata.name", "metadata.namespace", "metadata.uid"):
        return str(meta[path.partition(".")[2]])
    if path == "spec.nodeName":
        return str(pod["spec"].get("nodeName", ""))
    raise CannotStart(f"fieldRef {path} is not supported")


def _materialise(cluster: Cluster, pod: K8sObject, volume: dict[str, Any], target: str) -> None:
    """Make a volume; `target` is "" where the mount path itself is used."""
    if "hostPath" in volume:
        _host_path(volume["hostPath"])
    elif "emptyDir" in volume:
        if target:
            os.makedirs(target, mode=0o700, exist_ok=True)
    elif "secret" in volume or "configMap" in volume:
        field = "secret" if "secret" in volume else "configMap"
        if not target:
            raise CannotStart(f"a {field} can only be mounted below {' or '.join(MOVED)}")
        os.makedirs(target, mode=0o700, exist_ok=True)
        kind, name = (SECRET, "secretName") if field == "secret" else (CONFIG_MAP, "name")
        _files_of(cluster, pod, volume[field], kind=kind, name=volume[field][name], target=target)
    else:
        raise CannotStart(f"volume {volume['name']} is of a kind that is not supported")


def _host_path(source: dict[str, Any]) -> None:
    if source.get("type") == "DirectoryOrCreate":
        os.makedirs(source["path"], exist_ok=True)
    elif source.get("type") == "Directory" and not os.path.isdir(source["path"]):
        raise NotReady(
            "ContainerCreating", f"hostPath type check failed: {source['path']} is not a directory"
        )


def _files_of(
    cluster: Cluster, pod: K8sObject, source: dict[str, Any], *, kind: Kind, name: str, target: str
) -> None:
    """Write the files of a Secret or ConfigMap."""
    try:
        obj = cluster.get(kind, name, namespace=pod["metadata"]["namespace"])
    except NotFound as error:
        if source.get("optional"):
            return
        raise NotReady("ContainerCreating", f"MountVolume.SetUp failed: {error.message}") from error
    for key, content in _contents(obj).items():
        _write(posixpath.join(target, key), content, source.get("defaultMode", 0o644))


def _contents(obj: K8sObject) -> dict[str, bytes]:
    """The files of a Secret or ConfigMap; keys hold no slash, the API saw to that."""
    if obj["kind"] == "Secret":
        return {key: base64.b64decode(text) for key, text in (obj.get("data") or {}).items()}
    found = {key: text.encode() for key, text in (obj.get("data") or {}).items()}
    return found | {key: base64.b64decode(text) for key, text in (obj.get("binaryData") or {}).items()}


def _write(path: str, content: bytes, mode: int) -> None:
    try:
        os.unlink(path)  # left by an attempt that failed half-way, and perhaps not writable
    except FileNotFoundError:
        pass
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        # Group and others see nothing: the directories above are closed.
        os.fchmod(file.fileno(), mode)

"""What the launcher in a container is told: itself, its places, its arguments and its variables.

`launcher.sh` says what each variable means.  What a user wrote only ever becomes a value here.  Must not
know what else is in a pod, nor clocks, the cluster or the environment.
"""

from __future__ import annotations

import posixpath
from hashlib import sha256

from gridcompat import launcher
from gridcompat.cluster.base import CONFIG_MAP
from gridcompat.translate import octets
from gridcompat.translate.grid_job import is_array, job_id
from gridcompat.translate.limits import slots_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from gridcompat.cluster.base import K8sObject
    from gridcompat.model import Account, HostPath, JobRequest, SubmitContext
    from gridcompat.settings import Queue, Settings

ROOT = "/gridcompat"
CLIENT = f"{ROOT}/client"
"""Where commands inside a job find the way to the API server."""
SPOOL = "/var/spool/gridengine/execd"
"""Where Grid Engine keeps the copy of a script; scripts look at `$0` and JOB_SCRIPT."""

# Must not be argv[0] of the program: `sh` here is whatever the image has at that place.
COMMAND = ["/bin/sh", "-c", 'exec /bin/sh "$GC_ROOT/launcher/launcher.sh" "$@"', "sh"]


def launcher_config_map(namespace: str) -> K8sObject:
    """Return the launcher as an immutable ConfigMap named by its content."""
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {"name": launcher_name(), "namespace": namespace},
        "immutable": True,
        "data": {"launcher.sh": launcher.text()},
    }


def launcher_name() -> str:
    """Return the name of the ConfigMap that holds this version of the launcher."""
    return "gridcompat-launcher-" + sha256(launcher.text().encode()).hexdigest()[:10]


def escaped(text: str) -> str:
    """Return the text so that the kubelet's expansion of `$(NAME)` gives it back.

    `$$` becomes `$` there, and `$(NAME)` a value if the name is known; so every `$` is doubled.
    Source: Container.command in the API reference of v1.
    """
    return text.replace("$", "$$")


def run_directory(account: Account, settings: Settings) -> str:
    """Return the directory of claims and evidence."""
    return posixpath.join(account.home or "/", settings.run_dir)


def arguments(request: JobRequest) -> tuple[str, ...]:
    """What the launcher is given: the program first, unless a script is run."""
    if _mode(request) == "script" or (request.continuous and not request.binary):
        return request.arguments
    return (request.script_file, *request.arguments)


def carried(words: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments as an object can hold them; all are encoded if one must be."""
    return words if all(map(octets.is_text, words)) else tuple(map(octets.encoded, words))


def _mode(request: JobRequest) -> str:
    if request.continuous and not request.has_script:
        return "loop"
    if request.has_script:
        return "script"
    return "binary" if request.shell else "raw"


def environment(
    grid_job: K8sObject,
    request: JobRequest,
    task: int,
    attempt: int,
    restarted: int,
    queue: Queue,
    bounds: dict[str, int],
    account: Account,
    settings: Settings,
    unseen: Sequence[int] = (),
) -> list[dict[str, Any]]:
    """The launcher's variables; `launcher.sh` says what each means."""
    mode = _mode(request)
    slots = slots_of(grid_job)
    values: dict[str, str | int | None] = {
        "GC_ROOT": ROOT,
        "GC_SPOOL": SPOOL,
        "GC_RUN_DIR": run_directory(account, settings),
        "GC_CLAIM": f"{grid_job['metadata']['uid']}-t{task}-a{attempt}",
        "GC_UNSEEN": " ".join(map(str, unseen)) or None,
        "GC_MODE": mode,
        "GC_START_MODE": queue.shell_start_mode,
        "GC_JOB_ID": job_id(grid_job),
        "GC_JOB_NAME": request.name,
        "GC_TASK": task,
        "GC_QUEUE": queue.name,
        "GC_RESTARTED": min(restarted, 1),  # whether, not how often
        "GC_SLOTS": slots,
        "GC_USER": account.owner,
        "GC_HOME": account.home or "/",
        "GC_ACCOUNT": request.account,
        "GC_CWD": request.cwd,
        "GC_QUEUE_SHELL": queue.shell,
        "GC_COMMAND": None if mode in ("script", "loop") else request.script_file,
        "GC_MERGE": "y" if request.merge else None,
        "GC_NOTIFY": queue.notify_s if request.notify else None,
        "GC_PE": request.parallel_environment or None,
        "GC_ARCH": settings.arch,
        "GC_BINARY_PATH": settings.binary_path,
        "GC_CELL": settings.sge_cell,
        "GC_SGE_ROOT": settings.sge_root,
        "GC_STATE": CLIENT if settings.cluster == "kubernetes" and settings.job_service_account else None,
    }
    if is_array(grid_job) and request.tasks is not None:
        first, last, step = request.tasks
        # As asked for: of 1-10:4 it is 10, although the last task is 9.
        values |= {
            "GC_TASK_FIRST": first,
            "GC_TASK_LAST": last,
            "GC_TASK_STEP": step,
        }
    values |= {f"GC_{name}": value for name, value in bounds.items() if name != "MEM_FREE"}
    for kind, paths in (
        ("STDIN", request.stdin_paths),
        ("STDOUT", request.stdout_paths),
        ("STDERR", request.stderr_paths),
        ("SHELL", request.shell_paths),
    ):
        values |= _paths(kind, paths)
    values |= {f"GC_O_{name}": value or None for name, value in _origin(request.submit).items()}
    return _variables(values, request)


def _origin(submit: SubmitContext) -> dict[str, str]:
    """The submitting shell, by the names of the SGE_O_ variables."""
    return {
        "HOME": submit.home,
        "HOST": submit.host,
        "LOGNAME": submit.log_name,
        "MAIL": submit.mail,
        "PATH": submit.path,
        "SHELL": submit.shell,
        "TZ": submit.tz,
        "WORKDIR": submit.workdir,
    }


def _variables(values: dict[str, str | int | None], request: JobRequest) -> list[dict[str, Any]]:
    """The variables of the container; what is no text is encoded, and named in one of them."""
    stray = [name for name, value in values.items() if not octets.is_text(str(value))]
    values |= {name: octets.encoded(str(values[name])) for name in stray}
    if not all(map(octets.is_text, arguments(request))):
        stray.append(octets.ARGUMENTS)
    values[octets.ENCODED] = " ".join(stray) or None
    return [
        {"name": "GC_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        {"name": "GC_HOST", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
        *(
            {"name": name, "value": escaped(str(value))}
            for name, value in values.items()
            if value is not None
        ),
    ]


def _paths(kind: str, paths: Iterable[HostPath]) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, (host, path) in enumerate(entry for entry in paths if entry[1]):
        if host:
            found[f"GC_{kind}_HOST_{number}"] = host
        found[f"GC_{kind}_PATH_{number}"] = path
    return found

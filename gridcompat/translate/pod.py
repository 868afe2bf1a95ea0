"""From a GridJob to the Pod that is one attempt at one of its tasks.

Whole objects as plain dicts, in the order of the API reference, from pure functions.  What a pod may be
(uid, home, volumes, image) comes from the GridAccount and the site's settings; what a user wrote only
ever becomes a value that the launcher reads.  Must not know clocks, the cluster or the environment.
"""

from __future__ import annotations

import json
import posixpath
from hashlib import sha256

from gridcompat import launcher
from gridcompat.cluster.base import CONFIG_MAP, GRID_JOB, POD
from gridcompat.translate import octets
from gridcompat.translate.grid_job import is_array, job_id, secret_name
from gridcompat.translate.limits import limits, slots_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from gridcompat.cluster.base import K8sObject
    from gridcompat.model import Account, HostPath, JobRequest
    from gridcompat.settings import Queue, Settings

JOB_LABEL = "gridcompat.io/job"
TASK_LABEL = "gridcompat.io/task"
ATTEMPT_LABEL = "gridcompat.io/attempt"
EVIDENCE_FINALIZER = "gridcompat.io/evidence"
RECORD_ANNOTATION = "gridcompat.io/record"
VOID = "gridcompat.io/void"
"""Annotation and scheduling gate of a pod that only takes the name of an attempt."""
ACCOUNT_FILES = "gridcompat-account-"
"""What the names of ConfigMaps with passwd and group files begin with."""
CONTAINER = "job"
SLUG_LENGTH = 24
"""Of a pod's name; with two numbers of ten digits it stays below 63, which a host name may have."""
ROOT = "/gridcompat"
CLIENT = f"{ROOT}/client"
"""Where commands inside a job find the way to the API server."""
SPOOL = "/var/spool/gridengine/execd"
"""Where Grid Engine keeps the copy of a script; scripts look at `$0` and JOB_SCRIPT."""
PULL_MARGIN_S = 900
"""The deadline of a pod counts from its binding: room for pulling an image before h_rt begins."""
STOP_MARGIN_S = 30
"""Beyond the time of -notify, for the launcher to kill, tidy up and write its evidence."""
MEMORY_REQUEST = 16 * 1024 * 1024
"""Reserved for each job without -l mem_free: a grid gives out address space, not memory."""
LOST_NODE_IS_OURS_TO_JUDGE = (
    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
)
"""Without tolerationSeconds: for ever. The default is 300 s, then the pod is deleted behind our back."""

# Must not be argv[0] of the program: `sh` here is whatever the image has at that place.
COMMAND = ["/bin/sh", "-c", 'exec /bin/sh "$GC_ROOT/launcher/launcher.sh" "$@"', "sh"]


def pod_name(job_name: str, id: int, task: int | None, attempt: int) -> str:  # noqa: A002  (the object's own word)
    """Return `SLUG-ID[-tTASK]-aN`; two attempts never share it, whatever the job is called.

    `task` is None in a job that is no array. The slug is only for people: what a DNS label can hold of
    the job's name at submission.
    """
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in job_name[: 4 * SLUG_LENGTH].lower())
    slug = "-".join(part for part in kept.split("-") if part)[:SLUG_LENGTH].rstrip("-") or "job"
    of_task = "" if task is None else f"-t{task}"
    return f"{slug}-{id}{of_task}-a{attempt}"


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


def account_config_map(account: Account, settings: Settings) -> K8sObject:
    """Return the account's files in its containers, immutable and named by content.

    `passwd` and `group`: programs that ask who they are (ssh, git, Python's getpass) need an entry, and
    the image has none.  `kubeconfig`, where jobs have a way to the API server: its token is mounted
    beside it.
    """
    return {
        "apiVersion": CONFIG_MAP.api_version,
        "kind": CONFIG_MAP.kind,
        "metadata": {"name": _account_files_name(account, settings), "namespace": account.namespace},
        "immutable": True,
        "data": _account_files(account, settings),
    }


def _account_files_name(account: Account, settings: Settings) -> str:
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


def _client(account: Account, settings: Settings) -> dict[str, Any]:
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
                        "name": _account_files_name(account, settings),
                        "items": [{"key": "kubeconfig", "path": "kubeconfig"}],
                    }
                },
            ],
        }
    }


def attempt_pod(
    grid_job: K8sObject,
    request: JobRequest,
    task: int,
    attempt: int,
    restarted: int,
    queue: str,
    *,
    account: Account,
    settings: Settings,
) -> K8sObject:
    """Return the pod of one attempt.

    Args:
        task: 1 in a job that is no array.
        attempt: counts from 1.
        restarted: runs that ended by a requeue; the job's RESTARTED.
        queue: name of the cluster queue; one of the settings'.
    """
    where = _queue(settings, queue)
    bounds = limits(request, where, slots_of(grid_job))
    volumes, mounts = _volumes(grid_job, request, account, settings)
    deadline = bounds.get("H_RT")
    notify_s = where.notify_s if request.notify else 0
    spec: dict[str, Any] = {
        "activeDeadlineSeconds": None if deadline is None else max(1, deadline) + notify_s + PULL_MARGIN_S,
        "automountServiceAccountToken": False,  # would give the job a key to the API
        "containers": [
            _prune(
                {
                    "name": CONTAINER,
                    "image": _image(request, where, settings),
                    "imagePullPolicy": settings.image_pull_policy,
                    "command": list(COMMAND),
                    "args": [escaped(word) for word in _carried(_arguments(request))],
                    "workingDir": "/",
                    "env": _environment(
                        grid_job, request, task, attempt, restarted, where, bounds, account, settings
                    ),
                    "resources": _resources(request, bounds, slots_of(grid_job), settings),
                    "securityContext": {"allowPrivilegeEscalation": False},
                    "stdin": False,
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",  # a log's tail is never evidence
                    "tty": False,
                    "volumeMounts": mounts,
                }
            )
        ],
        "enableServiceLinks": False,  # would add variables for each Service
        "nodeSelector": _node_selector(request, where) or None,
        "priorityClassName": where.priority_class or None,
        "restartPolicy": "Never",  # would default to Always; another attempt is another pod
        "serviceAccountName": (settings.cluster == "kubernetes" and settings.job_service_account) or None,
        "securityContext": {
            "runAsUser": account.uid,
            "runAsGroup": account.gid,
            "supplementalGroups": list(account.groups),
        },
        "terminationGracePeriodSeconds": notify_s + STOP_MARGIN_S,
        "tolerations": [*LOST_NODE_IS_OURS_TO_JUDGE, *json.loads(where.tolerations or "[]")],
        "volumes": volumes,
    }
    return {
        "apiVersion": POD.api_version,
        "kind": POD.kind,
        "metadata": _metadata(
            grid_job,
            request,
            task,
            attempt,
            annotations={
                RECORD_ANNOTATION: record_text(
                    grid_job, request, task, attempt, restarted, queue, account=account
                )
            },
            finalizers=[EVIDENCE_FINALIZER],  # the status must outlive a deletion
        ),
        "spec": _prune(spec),
    }


def void_pod(
    grid_job: K8sObject,
    request: JobRequest,
    task: int,
    attempt: int,
    *,
    account: Account,
    settings: Settings,
) -> K8sObject:
    """Return a pod that never runs but takes the name of an attempt, so that a late creation fails."""
    return {
        "apiVersion": POD.api_version,
        "kind": POD.kind,
        "metadata": _metadata(grid_job, request, task, attempt, annotations={VOID: "true"}, finalizers=None),
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": CONTAINER,
                    "image": _image(request, None, settings),
                    "command": ["/bin/false"],
                    # Counted against the account's quota although it never runs: as little as can be.
                    "resources": {"requests": {"cpu": "0", "memory": "0"}},
                }
            ],
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "schedulingGates": [{"name": VOID}],
            "securityContext": {"runAsUser": account.uid, "runAsGroup": account.gid},
            "terminationGracePeriodSeconds": 0,
            "tolerations": list(LOST_NODE_IS_OURS_TO_JUDGE),
        },
    }


def is_void(pod: K8sObject) -> bool:
    """Return whether the pod only takes a name."""
    return bool(((pod.get("metadata") or {}).get("annotations") or {}).get(VOID) == "true")


def record_text(
    grid_job: K8sObject,
    request: JobRequest,
    task: int,
    attempt: int,
    restarted: int,
    queue: str,
    *,
    account: Account,
) -> str:
    """Return what an accounting line needs of the job, as JSON, for when the GridJob is gone.

    Keys: the fields of an accounting entry that are known before the run (`qname owner group job_name
    job_number account submission_time project department granted_pe slots task_number`), and
    `attempt restarted uid mail_options mail_list hard_resources hard_queues priority`.
    """
    meta = grid_job["metadata"]
    return json.dumps(
        {
            "qname": queue,
            "owner": account.owner,
            "group": account.group or str(account.gid),
            "job_name": request.name,
            "job_number": job_id(grid_job),
            "account": request.account,
            "created": meta.get("creationTimestamp", ""),
            "project": request.project or "NONE",
            "department": request.department or "defaultdepartment",
            "granted_pe": request.parallel_environment or "NONE",
            "slots": slots_of(grid_job),
            "task_number": task if is_array(grid_job) else 0,
            "attempt": attempt,
            "restarted": restarted,
            "uid": meta.get("uid", ""),
            "mail_options": request.mail_options,
            "mail_list": list(request.mail_list),
            "submit_host": request.submit.host,
            "hard_resources": [list(pair) for pair in request.hard_resources],
            "hard_queues": list(request.hard_queues),
        },
        separators=(",", ":"),
    )


def escaped(text: str) -> str:
    """Return the text so that the kubelet's expansion of `$(NAME)` gives it back.

    `$$` becomes `$` there, and `$(NAME)` a value if the name is known; so every `$` is doubled.
    Source: Container.command in the API reference of v1.
    """
    return text.replace("$", "$$")


def _metadata(
    grid_job: K8sObject,
    request: JobRequest,
    task: int,
    attempt: int,
    *,
    annotations: dict[str, str],
    finalizers: list[str] | None,
) -> dict[str, Any]:
    meta = grid_job["metadata"]
    number = job_id(grid_job)
    return _prune(
        {
            "name": pod_name(request.name, number, task if is_array(grid_job) else None, attempt),
            "namespace": meta["namespace"],
            "labels": {JOB_LABEL: str(number), TASK_LABEL: str(task), ATTEMPT_LABEL: str(attempt)},
            "annotations": annotations,
            "ownerReferences": [
                {
                    "apiVersion": GRID_JOB.api_version,
                    "kind": GRID_JOB.kind,
                    "name": meta["name"],
                    "uid": meta["uid"],
                    "controller": True,  # `kubectl drain` refuses pods without one
                    "blockOwnerDeletion": False,  # would need rights on the GridJob's finalizers
                }
            ],
            "finalizers": finalizers,
        }
    )


def _queue(settings: Settings, name: str) -> Queue:
    for queue in settings.queues:
        if queue.name == name:
            return queue
    raise ValueError(f"no queue {name!r} in the settings")


def _image(request: JobRequest, queue: Queue | None, settings: Settings) -> str:
    """-l release chooses an image, then the queue, then the site."""
    images = dict(settings.release_images)
    release = next((value for name, value in reversed(request.hard_resources) if name == "release"), "")
    return images.get(release) or (queue.image if queue else "") or settings.image or "gridcompat-local"


def _arguments(request: JobRequest) -> tuple[str, ...]:
    """What the launcher is given: the program first, unless a script is run."""
    if _mode(request) == "script" or (request.continuous and not request.binary):
        return request.arguments
    return (request.script_file, *request.arguments)


def _carried(words: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments as an object can hold them; all are encoded if one must be."""
    return words if all(map(octets.is_text, words)) else tuple(map(octets.encoded, words))


def _mode(request: JobRequest) -> str:
    if request.continuous and not request.has_script:
        return "loop"
    if request.has_script:
        return "script"
    return "binary" if request.shell else "raw"


def _node_selector(request: JobRequest, queue: Queue) -> dict[str, str]:
    selector = dict(queue.node_selector)
    for name, value in request.hard_resources:
        # Patterns of host names have no counterpart in a node selector; the controller chose by them.
        if name == "hostname" and not set(value) & set("*?[]|!&()"):
            selector["kubernetes.io/hostname"] = value if _is_label_value(value) else "no-such-host"
    return selector


def _is_label_value(text: str) -> bool:
    ends = text[:1] + text[-1:]
    inside = text.replace("-", "").replace("_", "").replace(".", "")
    return text.isascii() and inside.isalnum() and ends.isalnum() and len(text) <= 63


def _resources(
    request: JobRequest, bounds: dict[str, int], slots: int, settings: Settings
) -> dict[str, dict[str, str]]:
    # No CPU limit: a grid does not throttle.
    memory = bounds.get("MEM_FREE", MEMORY_REQUEST)
    resources = {"requests": {"cpu": f"{settings.cpu_per_slot_m * slots}m"}}
    if "H_VMEM" in bounds:
        most = bounds["H_VMEM"] + settings.memory_overhead
        memory = min(memory, most)
        resources["limits"] = {"memory": str(most)}
    resources["requests"]["memory"] = str(memory)
    return {name: resources[name] for name in ("limits", "requests") if name in resources}


def _volumes(
    grid_job: K8sObject, request: JobRequest, account: Account, settings: Settings
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Volumes and their mounts, in the same order."""
    found: list[tuple[str, str, bool, dict[str, Any]]] = [
        (
            "launcher",
            f"{ROOT}/launcher",
            True,
            {"configMap": {"name": launcher_name(), "defaultMode": 0o555}},
        ),
        # Absent when the job brings neither a script nor variables.  0755: the copy keeps the mode.
        (
            "job",
            f"{ROOT}/job",
            True,
            {"secret": {"secretName": secret_name(grid_job), "defaultMode": 0o755, "optional": True}},
        ),
        ("spool", SPOOL, False, {"emptyDir": {}}),
        ("tmp", "/tmp", False, {"emptyDir": {}}),
    ]
    if account.home:
        found.append(("home", account.home, False, {"hostPath": {"path": account.home, "type": "Directory"}}))
    run_dir = run_directory(account, settings)
    if not (run_dir + "/").startswith(account.home.rstrip("/") + "/") or not account.home:
        found.append(("run", run_dir, False, {"hostPath": {"path": run_dir, "type": "DirectoryOrCreate"}}))
    for number, (path, source) in enumerate(account.volumes):
        found.append((f"site-{number}", path, False, json.loads(source)))
    volumes = [{"name": name, **source} for name, _, _, source in found]
    mounts: list[dict[str, Any]] = [
        {"name": name, "readOnly": True, "mountPath": path} if fixed else {"name": name, "mountPath": path}
        for name, path, fixed, _ in found
    ]
    if settings.cluster == "kubernetes":
        volumes.append({"name": "account", "configMap": {"name": _account_files_name(account, settings)}})
        for file in ("passwd", "group"):
            mounts.append({"name": "account", "readOnly": True, "mountPath": f"/etc/{file}", "subPath": file})
        if settings.job_service_account:
            volumes.append({"name": "client", **_client(account, settings)})
            mounts.append({"name": "client", "readOnly": True, "mountPath": CLIENT})
    return volumes, mounts


def run_directory(account: Account, settings: Settings) -> str:
    """Return the directory of claims and evidence."""
    return posixpath.join(account.home or "/", settings.run_dir)


def _environment(
    grid_job: K8sObject,
    request: JobRequest,
    task: int,
    attempt: int,
    restarted: int,
    queue: Queue,
    bounds: dict[str, int],
    account: Account,
    settings: Settings,
) -> list[dict[str, Any]]:
    """The launcher's variables; `launcher.sh` says what each means."""
    mode = _mode(request)
    slots = slots_of(grid_job)
    values: dict[str, str | int | None] = {
        "GC_ROOT": ROOT,
        "GC_SPOOL": SPOOL,
        "GC_RUN_DIR": run_directory(account, settings),
        "GC_CLAIM": f"{grid_job['metadata']['uid']}-t{task}-a{attempt}",
        "GC_MODE": mode,
        "GC_START_MODE": queue.shell_start_mode,
        "GC_JOB_ID": job_id(grid_job),
        "GC_JOB_NAME": request.name,
        "GC_TASK": task,
        "GC_QUEUE": queue.name,
        "GC_RESTARTED": restarted,
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
        # The last task there is: of 1-10:4 it is 9.
        values |= {
            "GC_TASK_FIRST": first,
            "GC_TASK_LAST": last - (last - first) % step,
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
    submit = request.submit
    origin = {
        "HOME": submit.home,
        "HOST": submit.host,
        "LOGNAME": submit.log_name,
        "MAIL": submit.mail,
        "PATH": submit.path,
        "SHELL": submit.shell,
        "TZ": submit.tz,
        "WORKDIR": submit.workdir,
    }
    values |= {f"GC_O_{name}": value or None for name, value in origin.items()}
    stray = [name for name, value in values.items() if not octets.is_text(str(value))]
    values |= {name: octets.encoded(str(values[name])) for name in stray}
    if not all(map(octets.is_text, _arguments(request))):
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


def _prune(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without those that are None; 0, False and "" mean something."""
    return {name: value for name, value in fields.items() if value is not None}

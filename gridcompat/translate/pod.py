"""From a GridJob to the Pod that is one attempt at one of its tasks.

Whole objects as plain dicts, in the order of the API reference, from pure functions.  What a pod may be
(uid, home, volumes, image) comes from the GridAccount and the site's settings; what a user wrote only
ever becomes a value that the launcher reads (`launch`).  Must not know clocks, the cluster or the
environment.
"""

from __future__ import annotations

import json

from gridcompat.cluster.base import GRID_JOB, POD
from gridcompat.patterns import matches
from gridcompat.settings import places
from gridcompat.settings.supply import binds_host
from gridcompat.translate.account_files import account_files_name, client_volume
from gridcompat.translate.grid_job import is_array, job_id, secret_name
from gridcompat.translate.launch import (
    CLIENT,
    COMMAND,
    ROOT,
    SPOOL,
    arguments,
    carried,
    environment,
    escaped,
    launcher_name,
    run_directory,
)
from gridcompat.translate.limits import limits, slots_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from gridcompat.cluster.base import K8sObject
    from gridcompat.model import Account, JobRequest
    from gridcompat.settings import Queue, Settings

JOB_LABEL = "gridcompat.io/job"
TASK_LABEL = "gridcompat.io/task"
ATTEMPT_LABEL = "gridcompat.io/attempt"
EVIDENCE_FINALIZER = "gridcompat.io/evidence"
RECORD_ANNOTATION = "gridcompat.io/record"
VOID = "gridcompat.io/void"
"""Annotation and scheduling gate of a pod that only takes the name of an attempt."""
SUSPENDED = "gridcompat.io/suspended"
"""Annotation: "true" while the pod's processes are to be stopped."""
MARKS = f"{ROOT}/marks"
"""Where a container finds that as a file."""
CONTAINER = "job"
SLUG_LENGTH = 24
"""Of a pod's name; with two numbers of ten digits it stays below 63, which a host name may have."""
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


def pod_name(job_name: str, id: int, task: int | None, attempt: int) -> str:  # noqa: A002  (the object's own word)
    """Return `SLUG-ID[-tTASK]-aN`; two attempts never share it, whatever the job is called.

    `task` is None in a job that is no array. The slug is only for people: what a DNS label can hold of
    the job's name at submission.
    """
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in job_name[: 4 * SLUG_LENGTH].lower())
    slug = "-".join(part for part in kept.split("-") if part)[:SLUG_LENGTH].rstrip("-") or "job"
    of_task = "" if task is None else f"-t{task}"
    return f"{slug}-{id}{of_task}-a{attempt}"


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
    unseen: Sequence[int] = (),
    host: str = "",
) -> K8sObject:
    """Return the pod of one attempt.

    Args:
        task: 1 in a job that is no array.
        attempt: counts from 1.
        restarted: runs that ended by a requeue; the job's RESTARTED.
        queue: name of the cluster queue; one of the settings'.
        unseen: earlier attempts of which nobody knows whether they began.
        host: where it is planned to run; it must where the site counts something by host.
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
                    "args": [escaped(word) for word in carried(arguments(request))],
                    "workingDir": "/",
                    "env": [
                        *environment(
                            grid_job,
                            request,
                            task,
                            attempt,
                            restarted,
                            where,
                            bounds,
                            account,
                            settings,
                            unseen,
                        ),
                        *_suspended_where(settings),
                    ],
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
        "affinity": _affinity(request, where, settings, host) if settings.cluster == "kubernetes" else None,
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
    account: Account | None,
    settings: Settings,
) -> K8sObject:
    """Return a pod that never runs but takes the name of an attempt, so that a late creation fails.

    `account` is None when the GridAccount is gone already.
    """
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
            "securityContext": {"runAsUser": account.uid, "runAsGroup": account.gid} if account else {},
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
    """-l release chooses an image, then a wish for one (-soft), then the queue, then the site."""
    images = dict(settings.release_images)
    asked = (*request.soft_resources, *request.hard_resources)  # the last one counts
    release = next((value for name, value in reversed(asked) if name == "release"), "")
    return images.get(release) or (queue.image if queue else "") or settings.image or "gridcompat-local"


def _node_selector(request: JobRequest, queue: Queue) -> dict[str, str]:
    selector = dict(queue.node_selector)
    for name, value in request.hard_resources:
        # Patterns of host names have no counterpart in a node selector; the controller chose by them.
        if name == "hostname" and not set(value) & set("*?[]|!&()"):
            selector[HOSTNAME] = value if _is_label_value(value) else "no-such-host"
    return selector


HOSTNAME = "kubernetes.io/hostname"
"""Label of nodes."""


def _affinity(request: JobRequest, queue: Queue, settings: Settings, host: str) -> dict[str, Any] | None:
    """Only hosts that -q names for this queue, and none that the site says has not got it; None for any.

    Where hosts differ in what the scheduler knows nothing of, only the host planned.
    """
    expressions: list[dict[str, Any]] = []
    named = _named_hosts(request, queue)
    if named:
        expressions.append({"key": HOSTNAME, "operator": "In", "values": named})
    without = [name for name in places.excluded(queue, settings) if _is_label_value(name)]
    if without:
        expressions.append({"key": HOSTNAME, "operator": "NotIn", "values": without})
    term: dict[str, Any] = {"matchExpressions": expressions} if expressions else {}
    if host and binds_host(request.hard_resources, settings):
        # By the node's own name: its label may say something else.
        term["matchFields"] = [{"key": "metadata.name", "operator": "In", "values": [host]}]
    if not term:
        return None
    terms = {"nodeSelectorTerms": [term]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}


def bound_host(pod: K8sObject) -> str:
    """Return the one host on which a pod may run, "" if the scheduler chooses."""
    spec = pod.get("spec") or {}
    known = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (known.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    for term in terms:
        for field in term.get("matchFields") or ():
            return str(field["values"][0])
    return ""


def _named_hosts(request: JobRequest, queue: Queue) -> list[str]:
    """The hosts that every entry of -q for this queue names; none if one names none, or a pattern."""
    hosts = []
    for entry in request.hard_queues:
        name, at, host = entry.partition("@")
        if not matches(name, queue.name):
            continue
        if not at or not _is_label_value(host):
            return []  # the controller chose by patterns
        hosts.append(host)
    return hosts


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
    shared = [
        (f"shared-{number}", one.path, one.read_only, json.loads(one.source))
        for number, one in enumerate(settings.volumes)
        if settings.cluster == "kubernetes"
    ]
    own = [
        (f"site-{number}", path, False, json.loads(source))
        for number, (path, source) in enumerate(account.volumes)
    ]
    taken = {path for _, path, _, _ in own}
    more = [one for one in shared if one[1] not in taken] + own
    if account.home and not _is_below(account.home, more):
        found.append(("home", account.home, False, {"hostPath": {"path": account.home, "type": "Directory"}}))
    run_dir = run_directory(account, settings)
    if not _is_below(run_dir, [*found, *more]):
        found.append(("run", run_dir, False, {"hostPath": {"path": run_dir, "type": "DirectoryOrCreate"}}))
    found += more
    volumes = [{"name": name, **source} for name, _, _, source in found]
    mounts: list[dict[str, Any]] = [
        {"name": name, "readOnly": True, "mountPath": path} if fixed else {"name": name, "mountPath": path}
        for name, path, fixed, _ in found
    ]
    if settings.cluster == "kubernetes":
        volumes.append({"name": "account", "configMap": {"name": account_files_name(account, settings)}})
        for file in ("passwd", "group"):
            mounts.append({"name": "account", "readOnly": True, "mountPath": f"/etc/{file}", "subPath": file})
        # The annotation as a file: the kubelet knows nothing of suspending, so the launcher looks for it.
        marks = [{"path": "suspended", "fieldRef": {"fieldPath": f"metadata.annotations['{SUSPENDED}']"}}]
        volumes.append({"name": "marks", "downwardAPI": {"items": marks}})
        mounts.append({"name": "marks", "readOnly": True, "mountPath": MARKS})
        if settings.job_service_account:
            volumes.append({"name": "client", **client_volume(account, settings)})
            mounts.append({"name": "client", "readOnly": True, "mountPath": CLIENT})
    return volumes, mounts


def _is_below(path: str, mounts: Iterable[tuple[str, str, bool, dict[str, Any]]]) -> bool:
    """Whether a path lies at or below what is mounted."""
    return any((path + "/").startswith(at.rstrip("/") + "/") for _, at, _, _ in mounts)


def _suspended_where(settings: Settings) -> list[dict[str, Any]]:
    found = {"name": "GC_SUSPENDED", "value": f"{MARKS}/suspended"}
    return [found] if settings.cluster == "kubernetes" else []


def _prune(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without those that are None; 0, False and "" mean something."""
    return {name: value for name, value in fields.items() if value is not None}

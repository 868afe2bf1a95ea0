"""What can be missing of the daemon and its policy, and what jobs meet on their way in.

As `_doctor_site`, whose checks come first.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from gridcompat import __version__, timestamps
from gridcompat.cli import _doctor_site as site_checks
from gridcompat.cli._doctor_site import APPLY, SKEW_S, bind, contains
from gridcompat.cli._finding import ok, problem, unseen, warning
from gridcompat.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable
from gridcompat.replica.election import LEASE_S, VERSION_NOTE
from gridcompat.replica.process import LEASE_NAME
from gridcompat.translate import manifests
from gridcompat.translate.account import next_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from gridcompat.cli._doctor_site import Site
    from gridcompat.cli._finding import Finding, Found


def _logs(site: Site) -> str:
    return f"kubectl -n {site.daemon_namespace} logs -l app.kubernetes.io/component=daemon --tail=20"


def deployment(site: Site) -> Found:
    """The daemon's Deployment is there, ready, and its pods have their image."""
    of = f"namespaces/{site.daemon_namespace}"
    label = "labelSelector=app.kubernetes.io%2Fname%3Dgridcompat"
    logs = _logs(site)
    try:
        there = site.get(f"/apis/apps/v1/{of}/deployments?{label}")["items"]
        pods = site.get(f"/api/v1/{of}/pods?{label}")["items"]
    except Forbidden:
        return unseen(f"the daemon in namespace {site.daemon_namespace}")
    if not there:
        return problem(f"no daemon is installed in namespace {site.daemon_namespace}", APPLY)
    found = [
        problem(
            f"the image {one['image']} of {pod['metadata']['name']} cannot be had ({why})",
            f"push {one['image']} to its registry, or apply the manifests with --image",
        )
        for pod in pods
        for one in (pod.get("status") or {}).get("containerStatuses") or ()
        if "Image" in (why := ((one.get("state") or {}).get("waiting") or {}).get("reason") or "")
    ]
    wanted = sum(int(one["spec"].get("replicas") or 0) for one in there)
    ready = sum(int((one.get("status") or {}).get("readyReplicas") or 0) for one in there)
    if not ready:
        found.append(problem(f"none of {wanted} replicas of the daemon is ready", logs))
    elif ready < wanted or wanted < 2:
        repair = logs if ready < wanted else APPLY
        found.append(warning(f"{ready} of {max(wanted, 2)} replicas of the daemon are ready", repair))
    return found or ok(f"{ready} replicas of the daemon are ready")


def lease(site: Site) -> Finding:
    """Somebody leads, just now, with this version."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{site.daemon_namespace}/leases/{LEASE_NAME}"
    logs = _logs(site)
    try:
        there = site.get(path)
    except NotFound:
        return problem("no replica of the daemon has ever led", logs)
    except Forbidden:
        return unseen("the Lease of the daemon")
    spec = there.get("spec") or {}
    holder = str(spec.get("holderIdentity") or "")
    if holder == "uninstall":
        return problem(
            "the Lease was taken by --uninstall",
            f"kubectl -n {site.daemon_namespace} delete lease {LEASE_NAME}  # to use it again",
        )
    age = time.time() - timestamps.epoch(str(spec.get("renewTime") or ""))
    if not holder or age > 2 * LEASE_S + SKEW_S:
        since = f"{age:.0f} s" if age < 1e9 else "ever"
        return problem(f"no replica of the daemon has led for {since}", logs)
    version = str((there["metadata"].get("annotations") or {}).get(VERSION_NOTE) or "")
    if version != __version__:
        return warning(
            f"the daemon that leads is of version {version or 'unknown'}, this is {__version__}", APPLY
        )
    return ok(f"{holder.rpartition('_')[0]} leads, with version {version}")


def policy(site: Site) -> Finding:
    """The admission policy is there and denies."""
    group = "/apis/admissionregistration.k8s.io/v1"
    name = manifests.POLICY
    wanted, *bindings = manifests.policy()
    try:
        there = site.get(f"{group}/validatingadmissionpolicies/{name}")
        names = [one["metadata"]["name"] for one in bindings]
        bound = [site.get(f"{group}/validatingadmissionpolicybindings/{one}") for one in names]
    except NotFound:
        return problem(f"the admission policy {name} or its binding is not installed", APPLY)
    except Forbidden:
        return _refuses(site)
    if any(one["spec"].get("validationActions") != ["Deny"] for one in bound):
        return problem(f"the admission policy {name} is not enforced (no Deny)", APPLY)
    if there["spec"].get("failurePolicy") != "Fail" or not contains(there["spec"], wanted["spec"]):
        return problem(f"the admission policy {name} is of another version", APPLY)
    wrong = ((there.get("status") or {}).get("typeChecking") or {}).get("expressionWarnings")
    if wrong:
        return warning(f"the admission policy {name}: {wrong[0].get('warning')}", APPLY)
    return ok(f"the admission policy {name} is in force")


def _refuses(site: Site) -> Finding:
    """For whoever may not read policies: a GridJob without our finalizer must be refused."""
    try:
        number = next_id(site.account())
        site.dry_run(_job(site, number or 1, finalizers=[]))
    except (Invalid, Forbidden) as error:
        if manifests.POLICY in error.message:
            return ok("the admission policy refuses what it should")
        return unseen(f"the admission policy, for nothing can be submitted: {error.message}")
    except (NotFound, Conflict):
        return unseen("the admission policy, for nothing can be submitted")
    return problem("a forged GridJob is not refused: the admission policy is not in force", APPLY)


def submission(site: Site) -> Finding:
    """A whole job passes everything that looks at it on its way in."""
    try:
        number = next_id(site.account())
    except (NotFound, Forbidden):
        return unseen("whether a job is accepted, for there is no account")
    if number is None:
        return unseen("whether a job is accepted, for there are no ids")
    try:
        site.dry_run(_job(site, number))
    except Conflict:
        pass  # somebody was faster: it was accepted
    except Unavailable as error:
        return problem(
            f"jobs cannot be submitted now: {error.message}",
            "wait 5 minutes if the quota was just applied; otherwise see which webhook is away",
        )
    except (Forbidden, Invalid) as error:
        if "exceeded quota" in error.message:
            repair = f"kubectl -n {site.namespace} edit resourcequota {manifests.QUOTA}"
        elif "cannot create resource" in error.message:
            repair = bind(site)
        else:
            repair = APPLY
        return problem(f"a job would be refused: {error.message}", repair)
    return ok("a job would be accepted (tried without creating one)")


def _job(site: Site, number: int, *, finalizers: list[str] | None = None) -> dict[str, Any]:
    from gridcompat.model import JobRequest
    from gridcompat.translate.grid_job import grid_job

    request = JobRequest(name="doctor", script_file="true", binary=True)
    made = grid_job(request, id=number, nonce="doctor", namespace=site.namespace, ready=True)
    if finalizers is not None:
        made["metadata"]["finalizers"] = finalizers
    return made


def images(site: Site) -> Finding:
    """The settings name an image for jobs."""
    settings = site.settings
    if settings.image or all(queue.image for queue in settings.queues):
        return ok(f"jobs run in {settings.image or 'the images of their queues'}")
    return problem(
        "the setting image is not set: jobs have no image",
        "echo 'image = \"registry.example.org/gridcompat:1\"' >> /etc/gridcompat/site.toml",
    )


def pods(site: Site) -> Found:
    """What the jobs of the namespace wait for: images, volumes."""
    try:
        there = site.get(f"/api/v1/namespaces/{site.namespace}/pods?labelSelector=gridcompat.io%2Fjob")
        events = site.get(f"/api/v1/namespaces/{site.namespace}/events?fieldSelector=type%3DWarning")
    except Forbidden:
        return unseen(f"the pods of namespace {site.namespace}")
    waiting = {}
    for pod in there["items"]:
        if (pod.get("status") or {}).get("phase") == "Pending":
            waiting[pod["metadata"]["uid"]] = pod["metadata"]["name"]
    found: dict[str, Finding] = {}
    for event in events["items"]:
        name = waiting.get((event.get("involvedObject") or {}).get("uid"))
        text = " ".join(str(event.get("message") or "").split())[:200]
        reason = event.get("reason")
        if not name:
            continue
        if reason == "FailedMount":
            repair = "mount the homes and volumes of the GridAccount on every node"
        elif reason in ("Failed", "ErrImageNeverPull") and "mage" in text:
            repair = "push the image to its registry, or correct image in the settings"
        elif reason == "FailedScheduling":
            repair = "kubectl describe nodes  # taints, room, labels that the queue's node_selector names"
        else:
            continue
        found[f"{name} {reason}"] = problem(f"{name} does not start: {text}", repair)
    return list(found.values()) or ok("no pod waits for an image or a volume")


CHECKS: tuple[tuple[str, Callable[[Site], Found]], ...] = (
    ("server", site_checks.server),
    ("server clock", site_checks.clock),
    ("definitions", site_checks.definitions),
    ("rights", site_checks.rights),
    ("account", site_checks.account),
    ("ids", site_checks.grid_site),
    ("quota", site_checks.quota),
    ("deployment", deployment),
    ("lease", lease),
    ("policy", policy),
    ("image", images),
    ("pods", pods),
    ("submission", submission),
)

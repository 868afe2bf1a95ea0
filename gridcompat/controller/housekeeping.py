"""What is not about one living job: retention, accounts, and pods whose GridJob is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, GRID_SITE, POD, SECRET
from gridcompat.controller import accounts
from gridcompat.controller.actions import EndPod, LetGo
from gridcompat.controller.cache import job_key, owned_by, owner_uid
from gridcompat.controller.draft import attempt_key, gone
from gridcompat.controller.entries import orphan_entry
from gridcompat.controller.retain import to_retire
from gridcompat.errors import Conflict, Forbidden, NotFound
from gridcompat.model import JobRequest
from gridcompat.record import replace
from gridcompat.translate.account import ACCOUNT_NAME, SITE_NAME, blocks_of
from gridcompat.translate.grid_job import JOB_FINALIZER, grid_job, is_over, secret_name
from gridcompat.translate.outcome import outcome
from gridcompat.translate.pod import ATTEMPT_LABEL, EVIDENCE_FINALIZER, RECORD_ANNOTATION, TASK_LABEL, is_void

if TYPE_CHECKING:
    from gridcompat.accounting import Entry
    from gridcompat.cluster.base import K8sObject
    from gridcompat.controller.reconcile import Reconciler

    Key = tuple[str, str]

BATCH_S = 0.3
"""Entries of `-once` are removed together, for each removal disturbs submitters that compare and swap."""


class Housekeeping:
    """Works on the reconciler's cache, one account at a time."""

    def __init__(self, reconciler: Reconciler) -> None:
        self._all = reconciler
        self._unborn: dict[tuple[str, int, str], float] = {}
        """Entries of `-once` without a GridJob, and since when."""
        self._block_given: dict[str, float] = {}
        self._retired: set[str] = set()
        """uids of GridJobs that were deleted here, with everything that they own."""

    def look_at(self, namespace: str) -> None:
        """See to an account soon."""
        self._all.timers.set((namespace, ""), self._all.monotonic() + BATCH_S)

    def tend(self, namespace: str) -> None:
        """Do for an account what is due: its once entries, its ids, its old jobs."""
        account = self._all.cache.of(GRID_ACCOUNT).get((namespace, ACCOUNT_NAME))
        if account is not None:
            self._once(namespace, account)
            self._ids(namespace, account)
        self._retire(namespace)

    # ------------------------------------------------------------ -once

    def _once(self, namespace: str, account: K8sObject) -> None:
        all_ = self._all
        entries = (account.get("status") or {}).get("once") or []
        left = accounts.once_left(
            account, lambda number: all_.cache.job((namespace, str(number))) is not None
        )
        # Whoever writes a number that is not the account's cannot have us take it.
        own = blocks_of(account)
        left = [entry for entry in left if any(first <= int(entry["id"]) <= last for first, last in own)]
        if len(left) != len(entries):
            self._write_once(namespace, account, left)
        now, unborn = all_.monotonic(), {}
        for entry in left:
            mark = (namespace, int(entry["id"]), str(entry["nonce"]))
            since = unborn[mark] = self._unborn.get(mark, now)
            if now - since >= accounts.NEVER_CREATED_S:
                self._void(namespace, entry)
            else:
                all_.timers.set((namespace, ""), since + accounts.NEVER_CREATED_S)
        self._unborn = {mark: at for mark, at in self._unborn.items() if mark[0] != namespace} | unborn

    def _write_once(self, namespace: str, account: K8sObject, entries: list[dict[str, Any]]) -> None:
        """Write what is left of the entries; a submitter that was faster makes us look again."""
        all_ = self._all
        try:
            changed = all_.cluster.patch(
                GRID_ACCOUNT,
                ACCOUNT_NAME,
                {"status": {"once": entries}},
                namespace=namespace,
                subresource="status",
                if_version=account["metadata"]["resourceVersion"],
            )
        except Conflict:
            changed = all_.cluster.get(GRID_ACCOUNT, ACCOUNT_NAME, namespace=namespace)
            self.look_at(namespace)
        all_.cache.put(GRID_ACCOUNT, changed)

    def _void(self, namespace: str, entry: dict[str, Any]) -> None:
        """Take an id whose submitter died, so that a creation that is still under way fails."""
        request = JobRequest(name=str(entry["name"]))
        void = grid_job(
            request,
            id=int(entry["id"]),
            nonce=f"void-{entry['nonce']}"[:64],
            namespace=namespace,
            ready=True,
            void=True,
        )
        try:
            made = self._all.cluster.create(void)
        except Conflict:
            made = self._all.cluster.get(GRID_JOB, str(entry["id"]), namespace=namespace)
        self._all.cache.put(GRID_JOB, made)
        self._all.queue.add((namespace, str(entry["id"])))
        self.look_at(namespace)

    def forget_once(self, namespace: str, number: int) -> bool:
        """Remove the entry of an id; True when the account has none (any more)."""
        account = self._all.cache.of(GRID_ACCOUNT).get((namespace, ACCOUNT_NAME))
        if account is None:
            return True
        try:
            account = self._all.cluster.get(GRID_ACCOUNT, ACCOUNT_NAME, namespace=namespace)
        except NotFound:
            return True
        entries = (account.get("status") or {}).get("once") or []
        left = [entry for entry in entries if int(entry["id"]) != number]
        if len(left) == len(entries):
            return True
        self._write_once(namespace, account, left)
        return False

    # ------------------------------------------------------------ ids

    def _ids(self, namespace: str, account: K8sObject) -> None:
        all_, size = self._all, self._all.settings.id_block
        ids = (int(key[1]) for key in all_.cache.of(GRID_JOB) if key[0] == namespace)
        given_at = self._block_given.get(namespace)
        if not accounts.wants_block(account, ids, block=size, now=all_.monotonic(), given_at=given_at):
            return
        first = self._take_block(size)
        try:
            account = all_.cluster.get(GRID_ACCOUNT, ACCOUNT_NAME, namespace=namespace)
            changed = all_.cluster.patch(
                GRID_ACCOUNT,
                ACCOUNT_NAME,
                {"spec": {"blocks": accounts.with_block(account, first, first + size - 1)}},
                namespace=namespace,
                if_version=account["metadata"]["resourceVersion"],
            )
        except Conflict:
            # The block is lost, as after a death; ids are plenty.
            self.look_at(namespace)
            return
        self._block_given[namespace] = all_.monotonic()
        all_.cache.put(GRID_ACCOUNT, changed)

    def _take_block(self, size: int) -> int:
        """Take the site's next block by compare-and-swap; return its first id."""
        cluster = self._all.cluster
        while True:
            try:
                site = cluster.get(GRID_SITE, SITE_NAME, namespace=None)
            except NotFound:
                first = self._all.settings.first_job_id
                body = {
                    "apiVersion": GRID_SITE.api_version,
                    "kind": GRID_SITE.kind,
                    "metadata": {"name": SITE_NAME},
                    "spec": {"nextId": first},
                }
                try:
                    cluster.create(body)
                except Conflict:
                    pass
                continue
            first = int(site["spec"]["nextId"])
            try:
                cluster.patch(
                    GRID_SITE,
                    SITE_NAME,
                    {"spec": {"nextId": first + size}},
                    namespace=None,
                    if_version=site["metadata"]["resourceVersion"],
                )
            except Conflict:
                continue
            return first

    # ------------------------------------------------------------ what is over

    def _retire(self, namespace: str) -> None:
        all_ = self._all
        over = [
            job
            for key, job in all_.cache.of(GRID_JOB).items()
            if key[0] == namespace and is_over(job) and not gone(job)
        ]
        names, next_s = to_retire(over, now=all_.clock(), settings=all_.settings)
        for name in names:
            self._delete(namespace, name)
        if next_s is not None:
            all_.timers.set((namespace, ""), all_.monotonic() + max(next_s, 1.0))

    def _delete(self, namespace: str, name: str) -> None:
        job = self._all.cache.job((namespace, name))
        if job is None or not self.forget_once(namespace, int(name)):
            return
        try:
            self._all.cluster.delete(GRID_JOB, name, namespace=namespace, if_uid=job["metadata"]["uid"])
            self._retired.add(job["metadata"]["uid"])
            self._all.cache.put(GRID_JOB, self._all.cluster.get(GRID_JOB, name, namespace=namespace))
        except (NotFound, Conflict):
            return
        self._all.queue.add((namespace, name))

    def finished(self, key: Key, job: K8sObject) -> None:
        """A job is over: let it go if it is being deleted, otherwise remember to retire it."""
        all_ = self._all
        if not gone(job):
            keep_s = (job["status"].get("finishedAt") or 0) + all_.settings.finished_keep_s - all_.clock()
            all_.timers.set((key[0], ""), all_.monotonic() + max(keep_s, BATCH_S))
            return
        if JOB_FINALIZER not in (job["metadata"].get("finalizers") or ()):
            return
        if not self.forget_once(key[0], int(key[1])):
            all_.queue.add(key)
            return
        for pod in owned_by(all_.cache.pods_of(key).values(), job["metadata"]["uid"]).values():
            all_.executor.let_go(key[0], LetGo(pod=pod["metadata"]["name"], uid=pod["metadata"]["uid"]))
        self._remove_secret(key, job)
        left = [one for one in job["metadata"]["finalizers"] if one != JOB_FINALIZER]
        try:
            all_.cluster.patch(
                GRID_JOB,
                key[1],
                {"metadata": {"finalizers": left}},
                namespace=key[0],
                # The garbage collector takes finalizers of its own off at the same time.
                if_version=job["metadata"]["resourceVersion"],
            )
        except NotFound:
            pass
        self._retired.discard(job["metadata"]["uid"])
        all_.cache.drop(GRID_JOB, job)
        # Pods that only take names may have been orphaned.
        all_.queue.add(key)

    def _remove_secret(self, key: Key, job: K8sObject) -> None:
        """Remove the job's Secret, which a deletion by somebody else may have orphaned."""
        if job["metadata"]["uid"] in self._retired:
            return
        try:
            self._all.cluster.delete(SECRET, secret_name(job), namespace=key[0])
        except NotFound:
            pass
        except Forbidden as error:
            # The roles of an older version: that must not keep the job.
            self._all.log(f"{'/'.join(key)}: {error}")

    # ------------------------------------------------------------ orphans

    def orphans(self, key: Key, *, owner: str = "") -> None:
        """Pods with our labels whose GridJob is gone: recorded from their own annotations, and removed.

        Args:
            owner: uid of the GridJob that has the number now, if there is one: its pods are no orphans.
        """
        all_ = self._all
        pods = [pod for pod in all_.cache.pods_of(key).values() if _is_orphan(pod, owner)]
        if not pods:
            return
        try:
            job = all_.cluster.get(GRID_JOB, key[1], namespace=key[0])
            if job["metadata"]["uid"] != owner:
                all_.cache.put(GRID_JOB, job)
                all_.queue.add(key)
                return
        except NotFound:
            pass
        for pod in pods:
            self._orphan(key, pod)

    def has_orphans(self) -> bool:
        """Whether pods are left whose GridJob is gone."""
        cache = self._all.cache
        return any(_is_orphan(pod, self._uid_of(job_key(pod))) for pod in cache.of(POD).values())

    def _uid_of(self, key: Key) -> str:
        job = self._all.cache.job(key)
        return str(job["metadata"]["uid"]) if job else ""

    def _orphan(self, key: Key, pod: K8sObject) -> None:
        all_, meta, end = self._all, pod["metadata"], outcome(pod)
        if end is None and not is_void(pod):
            if not meta.get("deletionTimestamp"):
                all_.executor.end_pod(key[0], EndPod(pod=meta["name"], uid=meta["uid"], ended_by=""))
            return
        accounting_key = ""
        if (
            end is not None
            and (end.ran or end.failed)
            and EVIDENCE_FINALIZER in (meta.get("finalizers") or ())
        ):
            task, attempt = attempt_of(pod)
            accounting_key = attempt_key(key[0], key[1], task, attempt)
            entry = orphan_entry(key[1], (meta.get("annotations") or {}).get(RECORD_ANNOTATION) or "", end)
            if self._is_of_another(key):
                accounting_key = ""  # whoever made this pod may not tell of that job
            else:
                all_.accounting.append(accounting_key, self._owned(key[0], entry))
        all_.executor.let_go(key[0], LetGo(pod=meta["name"], uid=meta["uid"]))
        if accounting_key:
            all_.accounting.confirmed(accounting_key)

    def _is_of_another(self, key: Key) -> bool:
        """Whether a number belongs to the account of another namespace."""
        number = int(key[1]) if key[1].isdigit() else 0
        return any(
            first <= number <= last
            for (namespace, _), account in self._all.cache.of(GRID_ACCOUNT).items()
            if namespace != key[0]
            for first, last in blocks_of(account)
        )

    def _owned(self, namespace: str, entry: Entry) -> Entry:
        """A record with the owner that the namespace has, as long as it has one."""
        account = self._all.cache.of(GRID_ACCOUNT).get((namespace, ACCOUNT_NAME))
        return replace(entry, owner=str(account["spec"]["owner"])) if account is not None else entry


def attempt_of(pod: K8sObject) -> tuple[str, str]:
    """Return the (task, attempt) that a pod's labels name."""
    labels = pod["metadata"].get("labels") or {}
    return labels.get(TASK_LABEL) or "", labels.get(ATTEMPT_LABEL) or ""


def _is_orphan(pod: K8sObject, owner: str) -> bool:
    """Whether a pod is ours, and not of the GridJob with the uid `owner`."""
    if not owner:
        return _ours(pod)
    # Beside a living job only what another GridJob made: anything else of its name is somebody's own.
    return _ours(pod) and owner_uid(pod) not in ("", owner)


def _ours(pod: K8sObject) -> bool:
    meta = pod["metadata"]
    return EVIDENCE_FINALIZER in (meta.get("finalizers") or ()) or is_void(pod)

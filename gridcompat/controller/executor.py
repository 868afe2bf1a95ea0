"""Does what plans ask for, against the cluster, the accounting file and the spool. Decides nothing.

Whatever a write answers is put into the cache at once, so that the next plan sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridcompat import outbox
from gridcompat.cluster.base import GRID_JOB, POD
from gridcompat.controller.actions import (
    Append,
    Confirm,
    EndPod,
    LetGo,
    MakePod,
    MakeVoid,
    Post,
    Step,
    Suspend,
)
from gridcompat.controller.cache import owner_uid
from gridcompat.controller.draft import ENDED_BY
from gridcompat.errors import Conflict, Forbidden, NotFound
from gridcompat.translate.account_files import account_config_map
from gridcompat.translate.launch import launcher_config_map
from gridcompat.translate.pod import EVIDENCE_FINALIZER, SUSPENDED, attempt_pod, void_pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gridcompat.accounting import AccountingFile
    from gridcompat.cluster.base import Cluster, K8sObject
    from gridcompat.controller.actions import Action
    from gridcompat.controller.cache import Cache
    from gridcompat.controller.crew import Crew
    from gridcompat.controller.draft import Facts
    from gridcompat.controller.events import Events
    from gridcompat.settings import Settings


TERMINATING = "because it is being terminated"
"""What the API server says of a creation in a namespace that is being deleted: nobody can create anything
there any more, and it cannot be called off, so the name of an attempt is as good as taken."""
CONFIG_MAPS_KEPT_S = 60.0
"""How long a ConfigMap is believed to be there: a namespace may be deleted and made again."""


class Executor:
    """The thin part that writes."""

    def __init__(
        self,
        cluster: Cluster,
        cache: Cache,
        settings: Settings,
        *,
        accounting: AccountingFile,
        spool: str,
        clock: Callable[[], float],
        post: Callable[..., int] = outbox.post,
        events: Events | None = None,
        crew: Crew | None = None,
    ) -> None:
        """See the module.

        Args:
            crew: sends what nothing is decided by; without one each request is answered before the next.
        """
        self._cluster = cluster
        self._events = events
        self._cache = cache
        self._settings = settings
        self._accounting = accounting
        self._spool = spool
        self._clock = clock
        self._post = post
        self._crew = crew
        self._has_launcher: dict[tuple[str, str], float] = {}
        """(namespace, name) of ConfigMaps → when they were seen."""
        self.taken: set[tuple[str, str]] = set()
        """(namespace, name) of pods that are not ours although an attempt has that name."""

    def perform(self, grid_job: K8sObject, facts: Facts, step: Step) -> K8sObject:
        """Carry out a step for the version of a GridJob it was planned from; return the GridJob after it.

        Raises:
            Conflict: the GridJob has changed; plan again.
            ClusterError, OSError: try again later.
        """
        before = grid_job
        self._do(grid_job, facts, [one for one in step.before if not isinstance(one, Append)])
        records = [(one.key, one.entry) for one in step.before if isinstance(one, Append)]
        if records:
            self._accounting.append_all(records)
        changes = status_patch(grid_job.get("status") or {}, step.status)
        if changes:
            grid_job = self._cluster.patch(
                GRID_JOB,
                grid_job["metadata"]["name"],
                {"status": changes},
                namespace=grid_job["metadata"]["namespace"],
                subresource="status",
                if_version=grid_job["metadata"]["resourceVersion"],
            )
            self._cache.put(GRID_JOB, grid_job)
        if self._events is not None:
            self._events.add(before, facts, step)
        self._do(grid_job, facts, step.after)
        return grid_job

    def _do(self, grid_job: K8sObject, facts: Facts, actions: Iterable[Action]) -> None:
        namespace = grid_job["metadata"]["namespace"]
        for action in actions:
            if isinstance(action, Post):
                self._post(self._spool, action.happening, site=self._settings.site_name, now=self._clock())
            elif isinstance(action, Confirm):
                self._accounting.confirmed(action.key)
            elif isinstance(action, (MakePod, MakeVoid)):
                self._claim(grid_job, facts, action)
            elif isinstance(action, LetGo):
                self.let_go(namespace, action, job=grid_job["metadata"]["name"])
            elif isinstance(action, EndPod):
                self.end_pod(namespace, action)
            elif isinstance(action, Suspend):
                note = {SUSPENDED: "true" if action.suspended else None}
                self._annotate(namespace, action.pod, note)

    # ------------------------------------------------------------ pods

    def _claim(self, grid_job: K8sObject, facts: Facts, action: MakePod | MakeVoid) -> None:
        """Take the name of an attempt, with its pod or with a void one."""
        make = self._make_pod if isinstance(action, MakePod) else self._make_void
        try:
            make(grid_job, facts, action.row)
        except Forbidden as error:
            if TERMINATING not in error.message:
                raise
            self.taken.add((grid_job["metadata"]["namespace"], action.row["pod"]))

    def _make_pod(self, grid_job: K8sObject, facts: Facts, row: dict[str, Any]) -> None:
        namespace = grid_job["metadata"]["namespace"]
        if facts.account is None:
            return
        self._needed(launcher_config_map(namespace))
        if self._settings.cluster == "kubernetes":
            self._needed(account_config_map(facts.account, self._settings))
        pod = attempt_pod(
            grid_job,
            facts.request,
            row["task"],
            row["attempt"],
            int(row.get("restarted") or 0),
            row["queue"],
            account=facts.account,
            settings=self._settings,
            unseen=[int(one.partition("@")[0]) for one in row.get("unseen") or ()],
            host=row.get("host") or "",
        )
        self._create(grid_job, pod, row["pod"])

    def _make_void(self, grid_job: K8sObject, facts: Facts, row: dict[str, Any]) -> None:
        pod = void_pod(
            grid_job,
            facts.request,
            row["task"],
            row["attempt"],
            account=facts.account,
            settings=self._settings,
        )
        self._create(grid_job, pod, row["pod"])

    def _create(self, grid_job: K8sObject, pod: K8sObject, name: str) -> None:
        # The name is that of the intent, not one made anew: the job may have been renamed since.
        pod["metadata"]["name"] = name
        namespace, uid = grid_job["metadata"]["namespace"], grid_job["metadata"]["uid"]

        def take_in(made: K8sObject | None) -> None:
            if made is None:
                self.taken.add((namespace, name))
            else:
                self._cache.put(POD, made)

        self._send(grid_job["metadata"], lambda: self._claimed(pod, uid), take_in)

    def _claimed(self, pod: K8sObject, uid: str) -> K8sObject | None:
        """Create a pod and return it; None if somebody else has the name. May run in any thread."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        try:
            return self._cluster.create(pod)
        except Forbidden as error:
            if TERMINATING not in error.message:
                raise
            return None
        except Conflict as conflict:
            if conflict.reason != "AlreadyExists":
                raise
        made = self._cluster.get(POD, name, namespace=namespace)
        return made if owner_uid(made) == uid else None

    def _send(self, meta: dict[str, Any], request: Callable[[], Any], take_in: Callable[[Any], None]) -> None:
        """Send a request of a job, and take its answer in now or later."""
        if self._crew is None:
            take_in(request())
        else:
            self._crew.send((meta["namespace"], meta["name"]), request, take_in)

    def _needed(self, wanted: K8sObject) -> None:
        """See to it that a ConfigMap is there before a pod needs it.

        Its name is its content's: an upgrade of the package under a running daemon needs another one.
        """
        mark = (wanted["metadata"]["namespace"], wanted["metadata"]["name"])
        now = self._clock()
        if 0 <= now - self._has_launcher.get(mark, -CONFIG_MAPS_KEPT_S) < CONFIG_MAPS_KEPT_S:
            return
        try:
            self._cluster.create(wanted)
        except Conflict as conflict:
            if conflict.reason != "AlreadyExists":
                raise
        self._has_launcher[mark] = now

    def forget_namespace(self, namespace: str) -> None:
        """Believe nothing to be there any more: the account is gone, and maybe the namespace is."""
        self._has_launcher = {mark: at for mark, at in self._has_launcher.items() if mark[0] != namespace}

    def _annotate(self, namespace: str, name: str, notes: dict[str, str | None]) -> bool:
        """Write annotations; False if the pod is gone."""
        body = {"metadata": {"annotations": notes}}
        try:
            self._cache.put(POD, self._cluster.patch(POD, name, body, namespace=namespace))
        except NotFound:
            self._forget(namespace, name)
            return False
        return True

    def _forget(self, namespace: str, name: str) -> None:
        held = self._cache.of(POD).get((namespace, name))
        if held is not None:
            self._cache.drop(POD, held)

    def end_pod(self, namespace: str, action: EndPod) -> None:
        """Note why, then delete: the note must be there when the run's end is seen."""
        if action.ended_by and not self._annotate(namespace, action.pod, {ENDED_BY: action.ended_by}):
            return
        try:
            left = self._cluster.delete(POD, action.pod, namespace=namespace, if_uid=action.uid)
        except (NotFound, Conflict):
            left = None
        if left is None:
            self._forget(namespace, action.pod)
        else:
            self._cache.put(POD, left)

    def let_go(self, namespace: str, action: LetGo, *, job: str = "") -> None:
        """Delete a pod whose evidence is no longer needed, and take our finalizer off.

        Args:
            job: name of the GridJob that is not looked at before this is done; "" to do it at once.
        """

        def take_in(_nothing: None) -> None:
            self._forget(namespace, action.pod)

        if job:
            meta = {"namespace": namespace, "name": job}
            self._send(meta, lambda: self._let_go(namespace, action), take_in)
        else:
            self._let_go(namespace, action)
            take_in(None)

    def _let_go(self, namespace: str, action: LetGo) -> None:
        """See `let_go`. May run in any thread."""
        try:
            left = self._cluster.delete(
                POD,
                action.pod,
                namespace=namespace,
                if_uid=action.uid,
                # By force only where nobody is left who could confirm the end.
                grace_s=0 if action.force else None,
            )
            if left is None:
                return
            others = [one for one in left["metadata"].get("finalizers") or () if one != EVIDENCE_FINALIZER]
            self._cluster.patch(POD, action.pod, {"metadata": {"finalizers": others}}, namespace=namespace)
        except (NotFound, Conflict):
            pass


def status_patch(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the merge patch that makes one status of another; {} when they are equal."""
    patch = {name: value for name, value in new.items() if old.get(name, _ABSENT) != value}
    patch.update({name: None for name in old if name not in new})
    return patch


_ABSENT = object()

"""The port: what the rest of gridcompat asks of a cluster.

Plain dict objects as the Kubernetes API has them go in and come out.  Two real versions implement
it, `embedded.store.EmbeddedCluster` and `rest.RestCluster`; `tests/conformance` runs the same tests
over both.  Nothing above this package knows which one it has, and nothing in this package has heard
of Grid Engine's switches.
"""

from __future__ import annotations

from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, Literal, Protocol, TypeAlias

    K8sObject: TypeAlias = dict[str, Any]
    Propagation: TypeAlias = Literal["Background", "Foreground", "Orphan"]
    EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
else:
    Protocol = object


@record
class Kind:
    """A kind of object: how it is named in `kind:`, and where the API serves it."""

    kind: str
    plural: str
    group: str = ""
    """API group; empty for the core group."""
    version: str = "v1"
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The value of the `apiVersion` field."""
        return f"{self.group}/{self.version}" if self.group else self.version


GROUP = "gridcompat.io"
GRID_JOB = Kind(kind="GridJob", plural="gridjobs", group=GROUP)
GRID_ACCOUNT = Kind(kind="GridAccount", plural="gridaccounts", group=GROUP)
GRID_SITE = Kind(kind="GridSite", plural="gridsites", group=GROUP, namespaced=False)
POD = Kind(kind="Pod", plural="pods")
SECRET = Kind(kind="Secret", plural="secrets")
CONFIG_MAP = Kind(kind="ConfigMap", plural="configmaps")
NODE = Kind(kind="Node", plural="nodes", namespaced=False)
EVENT = Kind(kind="Event", plural="events")
LEASE = Kind(kind="Lease", plural="leases", group="coordination.k8s.io")
NAMESPACE = Kind(kind="Namespace", plural="namespaces", namespaced=False)
KINDS = (GRID_JOB, GRID_ACCOUNT, GRID_SITE, POD, SECRET, CONFIG_MAP, NODE, EVENT, LEASE, NAMESPACE)


@record
class Selector:
    """Which objects of a kind: equality on labels and on selectable fields, all of which must hold."""

    labels: Mapping[str, str] | None = None
    fields: Mapping[str, str] | None = None
    """Field path without a leading dot (`spec.jobName`), as in a field selector."""


ALL = Selector()


@record
class Listing:
    """The objects of one LIST and the resourceVersion to watch from."""

    items: Sequence[K8sObject]
    version: str


@record
class Table:
    """Printer columns only: `columns` are their names, each row has their cells in that order.

    The cells of a row are str, int or None, as the API server's Table has them (a `date` column of
    the API is an age; gridcompat's definitions use none).
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    version: str


@record
class Event:
    """One watch event. The object of a BOOKMARK holds only a resourceVersion."""

    type: EventType
    object: K8sObject


class Cluster(Protocol):
    """The port. Every method raises `errors.ClusterError` and its subclasses, nothing else.

    `namespace` is None for cluster-scoped kinds, and in `list`, `table` and `watch` for all
    namespaces.  Every request has a deadline; `Unavailable` when it passes.
    """

    def create(self, obj: K8sObject) -> K8sObject:
        """Create and return the stored object. `Conflict(reason="AlreadyExists")` when the name is taken."""

    def get(self, kind: Kind, name: str, *, namespace: str | None) -> K8sObject:
        """Return one object, as new as any answer given before. `NotFound`."""

    def list(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Listing:
        """Return the objects of a kind, as new as any answer given before, ordered by namespace and name."""

    def table(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Table:
        """Return the printer columns of a custom kind (wide ones too). Much cheaper than `list`."""

    def patch(
        self,
        kind: Kind,
        name: str,
        body: K8sObject,
        *,
        namespace: str | None,
        subresource: str | None = None,
        if_version: str | None = None,
    ) -> K8sObject:
        """Apply a JSON merge patch (RFC 7386) and return the new object.

        `subresource` "status" changes the status only, without it the status cannot be changed.
        `if_version`: `Conflict` unless the object still has that resourceVersion. A patch that
        changes nothing leaves the resourceVersion alone.
        """

    def delete(
        self,
        kind: Kind,
        name: str,
        *,
        namespace: str | None,
        propagation: Propagation = "Background",
        if_uid: str | None = None,
        grace_s: int | None = None,
    ) -> K8sObject | None:
        """Ask for deletion: at once without finalizers, else deletionTimestamp is set. `NotFound`.

        Return the object as it waits for its end, or None: it is gone.
        `grace_s` applies to pods (None: the pod's own terminationGracePeriodSeconds; 0: by force).
        `if_uid`: `Conflict` unless the object has that uid.
        """

    def watch(
        self,
        kind: Kind,
        *,
        namespace: str | None,
        since: str,
        selector: Selector = ALL,
        timeout_s: float = 240.0,
    ) -> Iterator[Event]:
        """Yield what changed after resourceVersion `since`, until `timeout_s` has passed.

        Ends quietly at the time-out or when the connection ends; the caller goes on from the last
        resourceVersion it saw. `Expired` when `since` is too old.
        """

    def close(self) -> None:
        """Give back connections and files. The object is not used afterwards."""

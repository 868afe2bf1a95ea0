"""The port over a real API server.

Plain requests with `http.client`, on one connection for each thread: a command makes three of them and
is gone.  Must not know what the objects mean.
"""

from __future__ import annotations

import json
import time
from urllib.parse import quote, urlencode

from gridcompat.cluster import base, kubeconfig
from gridcompat.cluster.base import ALL, Event, Listing, Table
from gridcompat.cluster.http import Http, meaning
from gridcompat.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from gridcompat.cluster.base import K8sObject, Kind, Propagation, Selector
    from gridcompat.cluster.kubeconfig import Access
    from gridcompat.settings import Settings

TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1"
MERGE_PATCH = "application/merge-patch+json"
SILENCE_S = 90.0
"""A watch on which not even a bookmark has come for this long is taken for lost (they come each minute)."""


def connect(settings: Settings) -> RestCluster:
    """Return the cluster that the settings name. No request is made yet.

    Raises:
        SettingsError: see `kubeconfig.access`.
    """
    return RestCluster(kubeconfig.access(settings), timeout_s=settings.request_timeout_s)


class RestCluster:
    """A real cluster. May be used by several threads at once."""

    def __init__(
        self, access: Access, *, timeout_s: float = 30.0, only_labelled: Mapping[str, str] | None = None
    ) -> None:
        """See `connect`.

        Args:
            timeout_s: for each request, tries again included.
            only_labelled: kind → label; of these kinds only objects that have the label are listed and
                watched. A cluster has thousands of pods that are nobody's jobs.
        """
        self._only_labelled = dict(only_labelled or {})
        self.namespace = access.namespace
        """The namespace of the settings or the kubeconfig's context."""
        self._http = Http(access, timeout_s=timeout_s)

    def create(self, obj: K8sObject) -> K8sObject:
        """See `Cluster.create`."""
        kind = _kind_of(obj)
        metadata = obj.get("metadata") or {}
        if metadata.get("resourceVersion"):  # the server calls it an internal error of its own (500)
            raise Invalid("resourceVersion should not be set on objects to be created")
        namespace = str(metadata.get("namespace") or "default")
        path = _path(kind, namespace) + "?fieldValidation=Strict"
        return self._object("POST", path, obj, repeatable=False)

    def get(self, kind: Kind, name: str, *, namespace: str | None) -> K8sObject:
        """See `Cluster.get`."""
        return self._object("GET", _path(kind, namespace or "", name), repeatable=True)

    def list(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Listing:
        """See `Cluster.list`."""
        query = self._query(kind, selector)
        answer = self._object("GET", _path(kind, namespace, query=query), repeatable=True)
        items = answer.get("items") or []
        for item in items:  # a list leaves out what all its items share
            item.setdefault("apiVersion", kind.api_version)
            item.setdefault("kind", kind.kind)
        return Listing(items=items, version=answer["metadata"]["resourceVersion"])

    def table(self, kind: Kind, *, namespace: str | None, selector: Selector = ALL) -> Table:
        """See `Cluster.table`."""
        query = {"includeObject": "None", **_query(selector)}
        answer = self._object("GET", _path(kind, namespace, query=query), accept=TABLE, repeatable=True)
        return Table(
            columns=[column["name"] for column in answer["columnDefinitions"]],
            rows=[row["cells"] for row in answer.get("rows") or ()],
            version=answer["metadata"]["resourceVersion"],
        )

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
        """See `Cluster.patch`."""
        if if_version is not None:
            body = {**body, "metadata": {**body.get("metadata", {}), "resourceVersion": if_version}}
        path = _path(kind, namespace or "", name, subresource or "", {"fieldValidation": "Strict"})
        conditional = "resourceVersion" in (body.get("metadata") or {})
        return self._object("PATCH", path, body, content_type=MERGE_PATCH, repeatable=not conditional)

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
        """See `Cluster.delete`."""
        body: K8sObject = {
            "kind": "DeleteOptions",
            "apiVersion": "v1",
            "propagationPolicy": propagation,
        }
        if if_uid is not None:
            body["preconditions"] = {"uid": if_uid}
        if grace_s is not None:
            body["gracePeriodSeconds"] = grace_s
        # Once is as good as twice only when it cannot hit a successor of the same name.
        answer = self._object(
            "DELETE", _path(kind, namespace or "", name), body, repeatable=if_uid is not None
        )
        # Of what is gone the server sends a Status, or (a pod) what it was.
        waits = answer.get("metadata") or {}
        left = waits.get("finalizers") or waits.get("deletionGracePeriodSeconds")
        return answer if answer.get("kind") == kind.kind and left else None

    def watch(
        self,
        kind: Kind,
        *,
        namespace: str | None,
        since: str,
        selector: Selector = ALL,
        timeout_s: float = 240.0,
    ) -> Iterator[Event]:
        """See `Cluster.watch`."""
        if not (since.isascii() and since.isdigit()):
            raise Invalid(f"invalid resource version {since!r}")
        query = {
            "watch": "true",
            "resourceVersion": since,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(max(1, int(timeout_s))),
            **self._query(kind, selector),
        }
        deadline = time.monotonic() + timeout_s
        line = self._http.stream(
            _path(kind, namespace, query=query), timeout_s=min(SILENCE_S, max(timeout_s, 1.0) + 5.0)
        )
        while time.monotonic() <= deadline + 5.0:
            text = line()
            if not text:
                return
            event = json.loads(text)
            if event["type"] == "ERROR":
                raise meaning(int(event["object"].get("code") or 500), json.dumps(event["object"]).encode())
            yield Event(type=event["type"], object=event["object"])

    def close(self) -> None:
        """See `Cluster.close`."""
        self._http.close()

    def _query(self, kind: Kind, selector: Selector) -> dict[str, str]:
        found = _query(selector)
        label = self._only_labelled.get(kind.kind)
        if label:
            found["labelSelector"] = ",".join(filter(None, (found.get("labelSelector"), label)))
        return found

    def _object(self, method: str, path: str, body: Any = None, **how: Any) -> K8sObject:
        answer = self._http.request(method, path, body, **how)
        return answer if isinstance(answer, dict) else {}


def _kind_of(obj: K8sObject) -> Kind:
    version, name = obj.get("apiVersion"), obj.get("kind")
    for kind in base.KINDS:
        if (kind.api_version, kind.kind) == (version, name):
            return kind
    raise Invalid(f"{version} {name} is not a kind that gridcompat knows")


def _path(
    kind: Kind,
    namespace: str | None,
    name: str = "",
    subresource: str = "",
    query: dict[str, str] | None = None,
) -> str:
    found = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    if kind.namespaced and namespace is not None:
        found += f"/namespaces/{quote(namespace, safe='')}"
    found += f"/{kind.plural}"
    if name:
        found += f"/{quote(name, safe='')}"
    if subresource:
        found += f"/{subresource}"
    return f"{found}?{urlencode(query)}" if query else found


def _query(selector: Selector) -> dict[str, str]:
    found = {}
    if selector.labels:
        found["labelSelector"] = ",".join(f"{key}={value}" for key, value in selector.labels.items())
    if selector.fields:
        found["fieldSelector"] = ",".join(
            f"{key}={_escaped(value)}" for key, value in selector.fields.items()
        )
    return found


def _escaped(value: str) -> str:
    # Source: k8s.io/apimachinery fields.EscapeValue.
    for letter in "\\,=":
        value = value.replace(letter, "\\" + letter)
    return value

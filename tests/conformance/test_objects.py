"""Creating, reading, changing: the parts of the API that every kind has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conformance.objects import config_map, grid_account, grid_job, pod, secret
from gridcompat.cluster import base
from gridcompat.cluster.base import Cluster, Selector
from gridcompat.errors import Conflict, Invalid, NotFound


def exists(cluster: Cluster, kind: base.Kind, name: str, namespace: str) -> bool:
    """Whether an object is there."""
    try:
        cluster.get(kind, name, namespace=namespace)
    except NotFound:
        return False
    return True


def test_what_was_created_is_read_back(cluster: Cluster, namespace: str) -> None:
    created = cluster.create(
        grid_job(namespace, metadata={"labels": {"a": "b"}, "finalizers": ["gridcompat.io/job"]})
    )
    read = cluster.get(base.GRID_JOB, "1000", namespace=namespace)
    assert read == created
    assert read["spec"] == grid_job(namespace)["spec"]
    assert read["apiVersion"] == "gridcompat.io/v1" and read["kind"] == "GridJob"
    metadata = read["metadata"]
    assert metadata["name"] == "1000" and metadata["namespace"] == namespace
    assert metadata["labels"] == {"a": "b"} and metadata["finalizers"] == ["gridcompat.io/job"]
    assert metadata["generation"] == 1
    assert len(metadata["uid"]) == 36 and metadata["uid"].count("-") == 4
    assert len(metadata["creationTimestamp"]) == 20 and metadata["creationTimestamp"][-1] == "Z"
    assert int(metadata["resourceVersion"]) > 0


def test_a_taken_name_is_a_conflict_of_its_own_kind(cluster: Cluster, namespace: str) -> None:
    cluster.create(grid_job(namespace))
    with pytest.raises(Conflict) as caught:
        cluster.create(grid_job(namespace, nonce="other"))
    assert caught.value.reason == "AlreadyExists"
    assert caught.value.message == 'gridjobs.gridcompat.io "1000" already exists'


def test_the_same_name_is_free_in_another_kind_and_after_deletion(cluster: Cluster, namespace: str) -> None:
    first = cluster.create(config_map(namespace, "x"))
    cluster.create(secret(namespace, "x"))
    cluster.delete(base.CONFIG_MAP, "x", namespace=namespace)
    second = cluster.create(config_map(namespace, "x"))
    assert first["metadata"]["uid"] != second["metadata"]["uid"]


@pytest.mark.parametrize("kind", [base.GRID_JOB, base.POD, base.SECRET], ids=lambda kind: kind.kind)
def test_what_is_not_there_is_not_found(cluster: Cluster, namespace: str, kind: base.Kind) -> None:
    resource = f"{kind.plural}.{kind.group}" if kind.group else kind.plural
    calls: list[Any] = [
        lambda: cluster.get(kind, "none", namespace=namespace),
        lambda: cluster.patch(kind, "none", {"metadata": {}}, namespace=namespace),
        lambda: cluster.delete(kind, "none", namespace=namespace),
    ]
    for call in calls:
        with pytest.raises(NotFound) as caught:
            call()
        assert caught.value.message == f'{resource} "none" not found'


def test_a_namespace_must_be_there(cluster: Cluster) -> None:
    with pytest.raises(NotFound, match='namespaces "gc-none" not found'):
        cluster.create(config_map("gc-none"))
    assert cluster.list(base.CONFIG_MAP, namespace="gc-none").items == []


def test_a_list_is_ordered_by_name_and_has_a_version(cluster: Cluster, namespace: str) -> None:
    for number in (1010, 1002, 999):
        cluster.create(grid_job(namespace, number))
    listing = cluster.list(base.GRID_JOB, namespace=namespace)
    assert [item["metadata"]["name"] for item in listing.items] == ["1002", "1010", "999"]
    assert all(
        item["kind"] == "GridJob" and item["apiVersion"] == "gridcompat.io/v1" for item in listing.items
    )
    assert int(listing.version) >= max(int(item["metadata"]["resourceVersion"]) for item in listing.items)
    everywhere = [
        item["metadata"]["name"]
        for item in cluster.list(base.GRID_JOB, namespace=None).items
        if item["metadata"]["namespace"] == namespace
    ]
    assert everywhere == ["1002", "1010", "999"]


def test_selectors_ask_for_labels_and_selectable_fields(cluster: Cluster, namespace: str) -> None:
    cluster.create(grid_job(namespace, 1, jobName="a,b=c\\d", metadata={"labels": {"x": "1", "y": "2"}}))
    cluster.create(grid_job(namespace, 2, jobName="other", metadata={"labels": {"x": "1"}}))
    cluster.patch(
        base.GRID_JOB, "2", {"status": {"phase": "Active"}}, namespace=namespace, subresource="status"
    )

    def names(**selector: Any) -> list[str]:
        listing = cluster.list(base.GRID_JOB, namespace=namespace, selector=Selector(**selector))
        table = cluster.table(base.GRID_JOB, namespace=namespace, selector=Selector(**selector))
        found = [item["metadata"]["name"] for item in listing.items]
        assert [row[0] for row in table.rows] == found
        return found

    assert names(labels={"x": "1"}) == ["1", "2"]
    assert names(labels={"x": "1", "y": "2"}) == ["1"]
    assert names(labels={"x": ""}) == []
    assert names(fields={"spec.jobName": "a,b=c\\d"}) == ["1"]
    assert names(fields={"status.phase": "Active"}) == ["2"]
    assert names(fields={"status.phase": ""}) == ["1"]
    assert names(fields={"metadata.name": "2"}, labels={"x": "1"}) == ["2"]
    assert names(fields={"status.phase": "Active", "spec.jobName": "sleep"}) == []
    with pytest.raises(Invalid):
        names(fields={"spec.nonce": "n1"})
    with pytest.raises(Invalid):
        names(labels={"x": "a b"})


def test_pods_are_found_by_label_and_node(cluster: Cluster, namespace: str) -> None:
    cluster.create(pod(namespace, "p1", metadata={"labels": {"gridcompat.io/job": "1"}}))
    cluster.create(pod(namespace, "p2"))
    by_label = Selector(labels={"gridcompat.io/job": "1"})
    assert [
        p["metadata"]["name"] for p in cluster.list(base.POD, namespace=namespace, selector=by_label).items
    ] == ["p1"]
    unbound = Selector(fields={"spec.nodeName": "", "status.phase": "Pending"})
    assert len(cluster.list(base.POD, namespace=namespace, selector=unbound).items) == 2


COLUMNS = [
    *(
        "Name",
        "Id",
        "Job",
        "Owner",
        "State",
        "Submitted",
        "Slots",
        "Priority",
        "Tasks",
        "Held",
        "OperatorHeld",
    ),
    *("SystemHeld", "Deleted", "Start", "Waits", "WaitsByTask", "Phase", "Rows", "Ready", "Void"),
]


def test_a_table_has_the_printer_columns(cluster: Cluster, namespace: str) -> None:
    plain = cluster.create(grid_job(namespace, 1, ready=None, void=True, jobName=None, request=None))
    full = cluster.create(
        grid_job(
            namespace,
            2,
            tasks="1-10:2",
            slots=3,
            priority=-5,
            startTime=1764000000,
            deleted="3",
            holds={"user": "1", "operator": "3-5:2", "system": ""},
            predecessors=[7, 8],
            arrayPredecessors=[],
        )
    )
    status = {"owner": "tool-demo", "state": "qw", "phase": "Pending", "rows": '[["1-9:2","qw"]]'}
    cluster.patch(base.GRID_JOB, "2", {"status": status}, namespace=namespace, subresource="status")
    table = cluster.table(base.GRID_JOB, namespace=namespace)
    assert list(table.columns) == COLUMNS
    created = plain["metadata"]["creationTimestamp"]
    assert list(table.rows[0]) == ["1", 1, None, None, None, created, *[None] * 13, True]
    assert list(table.rows[1]) == [
        *("2", 2, "sleep", "tool-demo", "qw", full["metadata"]["creationTimestamp"], 3, -5, "1-10:2"),
        *("1", "3-5:2", "", "3", 1764000000, 7, None, "Pending", '[["1-9:2","qw"]]', True, None),
    ]
    # Changes and deletions are seen at once.
    cluster.patch(base.GRID_JOB, "2", {"spec": {"slots": 4}}, namespace=namespace)
    cluster.delete(base.GRID_JOB, "1", namespace=namespace)
    table = cluster.table(base.GRID_JOB, namespace=namespace)
    assert [row[6] for row in table.rows] == [4]


def test_a_merge_patch_sets_replaces_and_removes(cluster: Cluster, namespace: str) -> None:
    job = cluster.create(grid_job(namespace, holds={"user": "1", "system": "1"}, predecessors=[1, 2]))
    patch = {
        "spec": {"holds": {"user": None, "operator": "1"}, "predecessors": [3]},
        "metadata": {"labels": {"a": "b"}},
    }
    changed = cluster.patch(base.GRID_JOB, "1000", patch, namespace=namespace)
    assert changed["spec"]["holds"] == {"system": "1", "operator": "1"}
    assert changed["spec"]["predecessors"] == [3]
    assert changed["metadata"]["labels"] == {"a": "b"}
    assert changed["metadata"]["generation"] == 2
    assert int(changed["metadata"]["resourceVersion"]) > int(job["metadata"]["resourceVersion"])
    assert cluster.get(base.GRID_JOB, "1000", namespace=namespace) == changed
    relabelled = cluster.patch(
        base.GRID_JOB, "1000", {"metadata": {"labels": {"a": None}}}, namespace=namespace
    )
    assert "labels" not in relabelled["metadata"] or relabelled["metadata"]["labels"] == {}
    assert relabelled["metadata"]["generation"] == 2


def test_a_patch_that_changes_nothing_leaves_the_version(cluster: Cluster, namespace: str) -> None:
    job = cluster.create(grid_job(namespace))
    for body in (
        {"spec": {"jobName": "sleep"}},
        {},
        {"spec": {"tasks": None}},
        {"metadata": {"labels": {"x": None}}},
    ):
        same = cluster.patch(base.GRID_JOB, "1000", body, namespace=namespace)
        assert same["metadata"]["resourceVersion"] == job["metadata"]["resourceVersion"]


def test_an_object_cannot_lose_its_name(cluster: Cluster, namespace: str) -> None:
    cluster.create(grid_job(namespace))
    cluster.create(config_map(namespace))
    for kind, name in ((base.GRID_JOB, "1000"), (base.CONFIG_MAP, "launcher")):
        for body in ({"metadata": {"name": None}}, {"metadata": None}, {"metadata": {"name": "other"}}):
            with pytest.raises(Invalid):
                cluster.patch(kind, name, body, namespace=namespace)
        with pytest.raises(Invalid):
            cluster.patch(kind, name, {"kind": "Spoon"}, namespace=namespace)
    # The kind of a core object is known from its address.
    cluster.patch(base.CONFIG_MAP, "launcher", {"kind": None}, namespace=namespace)
    assert cluster.get(base.CONFIG_MAP, "launcher", namespace=namespace)["kind"] == "ConfigMap"


def test_a_stale_version_is_a_conflict(cluster: Cluster, namespace: str) -> None:
    old = cluster.create(grid_job(namespace))["metadata"]["resourceVersion"]
    new = cluster.patch(base.GRID_JOB, "1000", {"spec": {"slots": 2}}, namespace=namespace, if_version=old)
    with pytest.raises(Conflict) as caught:
        cluster.patch(base.GRID_JOB, "1000", {"spec": {"slots": 3}}, namespace=namespace, if_version=old)
    assert caught.value.reason == "Conflict"
    with pytest.raises(Conflict):
        cluster.patch(
            *(base.GRID_JOB, "1000", {"status": {"phase": "Active"}}),
            namespace=namespace,
            subresource="status",
            if_version=old,
        )
    with pytest.raises(Conflict):
        cluster.patch(base.GRID_JOB, "1000", {"metadata": {"resourceVersion": old}}, namespace=namespace)
    assert cluster.get(base.GRID_JOB, "1000", namespace=namespace) == new


def test_a_foreign_uid_is_a_conflict(cluster: Cluster, namespace: str) -> None:
    cluster.create(grid_job(namespace))
    with pytest.raises(Conflict) as caught:
        cluster.delete(
            base.GRID_JOB, "1000", namespace=namespace, if_uid="00000000-0000-4000-8000-000000000000"
        )
    assert caught.value.reason == "Conflict"
    uid = cluster.get(base.GRID_JOB, "1000", namespace=namespace)["metadata"]["uid"]
    cluster.delete(base.GRID_JOB, "1000", namespace=namespace, if_uid=uid)
    assert not exists(cluster, base.GRID_JOB, "1000", namespace)


def test_the_status_endpoint_changes_the_status_only(cluster: Cluster, namespace: str) -> None:
    body = {"status": {"phase": "Active"}, "spec": {"slots": 9}, "metadata": {"labels": {"a": "b"}}}
    cluster.create({**grid_job(namespace, slots=1), "status": {"phase": "Finished"}})
    job = cluster.get(base.GRID_JOB, "1000", namespace=namespace)
    assert "status" not in job, "a status is not created"
    job = cluster.patch(base.GRID_JOB, "1000", body, namespace=namespace, subresource="status")
    assert (job["status"], job["spec"]["slots"]) == ({"phase": "Active"}, 1)
    assert "labels" not in job["metadata"] and job["metadata"]["generation"] == 1
    other = {"status": {"phase": "Finished"}, "spec": {"slots": 2}}
    job = cluster.patch(base.GRID_JOB, "1000", other, namespace=namespace)
    assert (job["status"], job["spec"]["slots"]) == ({"phase": "Active"}, 2)
    assert job["metadata"]["generation"] == 2


def test_kinds_without_a_status_have_no_such_endpoint(cluster: Cluster, namespace: str) -> None:
    cluster.create(config_map(namespace))
    with pytest.raises(NotFound):
        cluster.patch(base.CONFIG_MAP, "launcher", {"data": {}}, namespace=namespace, subresource="status")


def test_what_the_server_owns_cannot_be_set(cluster: Cluster, namespace: str) -> None:
    forged = {
        "uid": "11111111-1111-4111-8111-111111111111",
        "generation": 77,
        "creationTimestamp": "2001-01-01T00:00:00Z",
        "deletionTimestamp": "2001-01-01T00:00:00Z",
    }
    created = cluster.create(grid_job(namespace, metadata=forged))["metadata"]
    assert created["uid"] != forged["uid"] and created["generation"] == 1
    assert created["creationTimestamp"] > "2020" and "deletionTimestamp" not in created
    patch = {"metadata": {"generation": 99, "creationTimestamp": "2001-01-01T00:00:00Z"}}
    changed = cluster.patch(base.GRID_JOB, "1000", patch, namespace=namespace)["metadata"]
    assert changed["generation"] == 1 and changed["creationTimestamp"] == created["creationTimestamp"]
    forged_end = {"metadata": {"deletionTimestamp": "2001-01-01T00:00:00Z"}}
    with pytest.raises(Invalid, match="field is immutable"):
        cluster.patch(base.GRID_JOB, "1000", forged_end, namespace=namespace)
    with pytest.raises(Invalid):
        cluster.patch(base.GRID_JOB, "1000", {"metadata": {"name": "1001"}}, namespace=namespace)
    with pytest.raises(Invalid):
        cluster.patch(base.GRID_JOB, "1000", {"metadata": {"uid": forged["uid"]}}, namespace=namespace)
    with pytest.raises(Invalid):
        cluster.create(grid_job(namespace, 1001, metadata={"resourceVersion": "1"}))


UNKNOWN: dict[str, tuple[Callable[..., base.K8sObject], dict[str, Any]]] = {
    "in a GridJob's spec": (grid_job, {"colour": "red"}),
    "in an order": (grid_job, {"orders": [{"seq": 1, "kind": "delete", "colour": "red"}]}),
    "in metadata": (grid_job, {"metadata": {"colour": "red"}}),
    "in an owner reference": (
        grid_job,
        {
            "metadata": {
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": "b", "c": "d"}]
            }
        },
    ),
    "in a GridAccount": (grid_account, {"colour": "red"}),
    "in a pod": (pod, {"colour": "red"}),
    "in a container": (pod, {"containers": [{"name": "a", "image": "b", "colour": "red"}]}),
    "in a Secret": (secret, {"colour": "red"}),
    "in a ConfigMap": (config_map, {"colour": "red"}),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_fields_are_refused(cluster: Cluster, namespace: str, case: str) -> None:
    make, fields = UNKNOWN[case]
    with pytest.raises(Invalid, match="unknown field"):
        cluster.create(make(namespace, **fields))


def test_fields_below_a_number_are_unknown_too(cluster: Cluster, namespace: str) -> None:
    for wrong in ({"colour": 1}, [{"colour": 1}]):
        with pytest.raises(Invalid, match="unknown field"):
            cluster.create(grid_job(namespace, slots=wrong))


def test_unknown_fields_in_a_patch_are_refused(cluster: Cluster, namespace: str) -> None:
    cluster.create(grid_job(namespace))
    for body, subresource in (({"spec": {"colour": 1}}, None), ({"status": {"colour": 1}}, "status")):
        with pytest.raises(Invalid, match="unknown field"):
            cluster.patch(base.GRID_JOB, "1000", body, namespace=namespace, subresource=subresource)


BAD_METADATA: dict[str, dict[str, Any]] = {
    "a name with a capital": {"name": "Launcher"},
    "a name with a blank": {"name": "a b"},
    "a name that ends in a dash": {"name": "a-"},
    "a name with two dots": {"name": "a..b"},
    "a name of 254": {"name": "a" * 254},
    "no name": {"name": ""},
    "a label value with a blank": {"labels": {"a": "b c"}},
    "a label value of 64": {"labels": {"a": "b" * 64}},
    "a label value that is a number": {"labels": {"a": 1}},
    "a label key with a blank": {"labels": {"a b": "c"}},
    "a label key with a bad prefix": {"labels": {"A_/b": "c"}},
    "an empty label key": {"labels": {"": "c"}},
    "an annotation key with two slashes": {"annotations": {"a/b/c": "d"}},
    "annotations of 300 KiB": {"annotations": {"a": "b" * 300 * 1024}},
    "a finalizer with a blank": {"finalizers": ["example.com/a b"]},
    "a finalizer without a domain": {"finalizers": ["mine"]},
    "an owner without a uid": {
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "a", "uid": ""}]
    },
    "two controllers": {
        "ownerReferences": [
            {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": name, "controller": True}
            for name in "ab"
        ]
    },
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_bad_metadata_is_refused(cluster: Cluster, namespace: str, case: str) -> None:
    obj = config_map(namespace)
    obj["metadata"].update(BAD_METADATA[case])
    with pytest.raises(Invalid):
        cluster.create(obj)


GOOD_METADATA: dict[str, dict[str, Any]] = {
    "a name with dots and digits": {"name": "0a.1-b"},
    "a name of 253": {"name": "a" * 253},
    "an empty label value": {"labels": {"a": ""}},
    "a label with a prefix": {"labels": {"gridcompat.io/Task_1.x": "A-b_c.9"}},
    "any text as an annotation": {"annotations": {"gridcompat.io/record": 'line\nand "quotes" é \x01'}},
    "a capital in an annotation key": {"annotations": {"Example.com/A": "b"}},
}


@pytest.mark.parametrize("case", GOOD_METADATA)
def test_good_metadata_is_kept(cluster: Cluster, namespace: str, case: str) -> None:
    obj = config_map(namespace)
    obj["metadata"].update(GOOD_METADATA[case])
    created = cluster.create(obj)["metadata"]
    assert {key: created[key] for key in obj["metadata"]} == obj["metadata"]


def test_names_can_be_generated(cluster: Cluster, namespace: str) -> None:
    obj = config_map(namespace)
    obj["metadata"] = {"generateName": "launcher-", "namespace": namespace}
    names = {cluster.create(obj)["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5 and all(name.startswith("launcher-") and len(name) == 14 for name in names)


def test_an_object_that_is_too_large_is_refused(cluster: Cluster, namespace: str) -> None:
    data = {f"k{index}": "x" * 100_000 for index in range(17)}
    with pytest.raises(Invalid):
        cluster.create(config_map(namespace, data=data))
    assert (
        cluster.list(base.CONFIG_MAP, namespace=namespace, selector=Selector(labels={"a": "b"})).items == []
    )


def test_an_unknown_kind_is_refused(cluster: Cluster, namespace: str) -> None:
    with pytest.raises((NotFound, Invalid)):
        cluster.create(
            {"apiVersion": "v1", "kind": "Spoon", "metadata": {"name": "a", "namespace": namespace}}
        )
    with pytest.raises((NotFound, Invalid)):
        cluster.create({"kind": "Pod", "metadata": {"name": "a", "namespace": namespace}})


def test_text_that_is_not_unicode_is_refused(cluster: Cluster, namespace: str) -> None:
    with pytest.raises(Invalid):
        cluster.create(grid_job(namespace, jobName="caf\udce9"))


def test_a_job_name_keeps_every_character(cluster: Cluster, namespace: str) -> None:
    name = "a b\t\u00e9\u4e2d\U0001f600\"'\\$(x)"
    cluster.create(grid_job(namespace, jobName=name))
    assert cluster.get(base.GRID_JOB, "1000", namespace=namespace)["spec"]["jobName"] == name
    assert cluster.table(base.GRID_JOB, namespace=namespace).rows[0][2] == name


def test_secrets_and_config_maps_can_be_made_immutable(cluster: Cluster, namespace: str) -> None:
    cluster.create(config_map(namespace, immutable=True))
    cluster.create(secret(namespace, immutable=True))
    refused: list[tuple[base.Kind, str, dict[str, Any]]] = [
        (base.CONFIG_MAP, "launcher", {"data": {"launcher.sh": "exit 1\n"}}),
        (base.CONFIG_MAP, "launcher", {"immutable": False}),
        (base.CONFIG_MAP, "launcher", {"immutable": None}),
        (base.SECRET, "gridjob-1000", {"data": {"more": "AA=="}}),
        (base.SECRET, "gridjob-1000", {"type": "other"}),
    ]
    for kind, name, body in refused:
        with pytest.raises(Invalid):
            cluster.patch(kind, name, body, namespace=namespace)
    labelled = {"metadata": {"labels": {"a": "b"}}}
    changed = cluster.patch(base.CONFIG_MAP, "launcher", labelled, namespace=namespace)
    assert changed["metadata"]["labels"] == {"a": "b"}


BAD_DATA: dict[str, Any] = {
    "not base64": {"data": {"a": "%%%"}},
    "a key with a slash": {"data": {"a/b": ""}},
    "a key of dots": {"data": {"..": ""}},
    "a value that is a number": {"data": {"a": 1}},
    "more than a mebibyte": {"data": {"a": "AAAA" * 360_000}},
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_secret_data_is_refused(cluster: Cluster, namespace: str, case: str) -> None:
    with pytest.raises(Invalid):
        cluster.create(secret(namespace, **BAD_DATA[case]))


def test_a_secret_takes_text_and_keeps_base64(cluster: Cluster, namespace: str) -> None:
    created = cluster.create(secret(namespace, data=None, stringData={"script": "exit 0\n"}))
    assert created["data"] == {"script": "ZXhpdCAwCg=="} and "stringData" not in created
    untyped = cluster.create(secret(namespace, "untyped", type="", data={}))
    assert untyped["type"] == "Opaque" and "data" not in untyped

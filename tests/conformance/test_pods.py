"""Pods: what may change, scheduling gates, grace. On the real cluster no node ever takes these."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.conftest import Eventually
from conformance.objects import PAUSE, pod
from conformance.test_objects import exists
from gridcompat.cluster import base
from gridcompat.cluster.base import Cluster
from gridcompat.errors import Invalid

NAME = "sleep-1000-a1"
GATES = [{"name": "gridcompat.io/void"}, {"name": "gridcompat.io/other"}]


def patched(cluster: Cluster, namespace: str, spec: dict[str, Any]) -> base.K8sObject:
    """The pod after a patch of its spec."""
    return cluster.patch(base.POD, NAME, {"spec": spec}, namespace=namespace)


def test_a_new_pod_is_pending_whatever_it_says(cluster: Cluster, namespace: str) -> None:
    created = cluster.create({**pod(namespace), "status": {"phase": "Running"}})
    assert created["status"]["phase"] == "Pending"
    assert created["spec"]["terminationGracePeriodSeconds"] == 1


def test_defaults_that_differ_from_ours_are_filled_in(cluster: Cluster, namespace: str) -> None:
    created = cluster.create(pod(namespace, restartPolicy=None, terminationGracePeriodSeconds=None))
    assert created["spec"]["restartPolicy"] == "Always"
    assert created["spec"]["terminationGracePeriodSeconds"] == 30


def test_generations_count_the_wishes_about_a_pod(cluster: Cluster, namespace: str) -> None:
    created = cluster.create(pod(namespace, nodeName="no-such-node"))
    assert created["metadata"]["generation"] == 1
    assert patched(cluster, namespace, {"activeDeadlineSeconds": 100})["metadata"]["generation"] == 2
    status = {"status": {"phase": "Running"}}
    running = cluster.patch(base.POD, NAME, status, namespace=namespace, subresource="status")
    assert running["metadata"]["generation"] == 2
    cluster.delete(base.POD, NAME, namespace=namespace)
    assert cluster.get(base.POD, NAME, namespace=namespace)["metadata"]["generation"] == 3
    cluster.delete(base.POD, NAME, namespace=namespace, grace_s=0)


BAD: dict[str, dict[str, Any]] = {
    "no containers": {"containers": []},
    "a container without a name": {"containers": [{"image": PAUSE}]},
    "a container without an image": {"containers": [{"name": "a"}]},
    "a wrong restart policy": {"restartPolicy": "Sometimes"},
    "a number as text": {"activeDeadlineSeconds": "10"},
    "a text as a list": {"containers": "a"},
    "a deadline of 0": {"activeDeadlineSeconds": 0},
    "a variable without a name": {
        "containers": [{"name": "a", "image": PAUSE, "env": [{"name": "", "value": "b"}]}]
    },
    "an unknown volume": {
        "containers": [{"name": "a", "image": PAUSE, "volumeMounts": [{"name": "none", "mountPath": "/x"}]}]
    },
    "a volume without a name": {"volumes": [{"emptyDir": {}}]},
    "a container with a bad name": {"containers": [{"name": "A_", "image": PAUSE}]},
    "memory in a unit of its own": {
        "containers": [{"name": "a", "image": PAUSE, "resources": {"limits": {"memory": "1Zi"}}}]
    },
    "a host name with a capital": {"hostname": "Node"},
    "a number with a fraction": {"terminationGracePeriodSeconds": 1.0},
    "gates and a node": {"schedulingGates": GATES, "nodeName": "node1"},
}


@pytest.mark.parametrize("case", BAD)
def test_a_broken_pod_is_refused(cluster: Cluster, namespace: str, case: str) -> None:
    with pytest.raises(Invalid):
        cluster.create(pod(namespace, **BAD[case]))


def test_quantities_and_empty_volumes_are_kept(cluster: Cluster, namespace: str) -> None:
    container = {
        "name": "job",
        "image": PAUSE,
        "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}],
        "resources": {
            "limits": {"memory": "64Mi", "cpu": "10m"},
            "requests": {"cpu": "0.01", "memory": "1e3"},
        },
    }
    created = cluster.create(
        pod(namespace, containers=[container], volumes=[{"name": "scratch", "emptyDir": {}}])
    )
    assert created["spec"]["volumes"] == [{"name": "scratch", "emptyDir": {}}]
    assert created["spec"]["containers"][0]["resources"]["limits"]["memory"] == "64Mi"


REFUSED: dict[str, dict[str, Any]] = {
    "another command": {"containers": [{"name": "job", "image": PAUSE, "command": ["true"]}]},
    "one more container": {"containers": [{"name": "job", "image": PAUSE}, {"name": "b", "image": PAUSE}]},
    "another restart policy": {"restartPolicy": "Always"},
    "a node selector": {"nodeSelector": {"a": "b"}},
    "a user": {"securityContext": {"runAsUser": 0}},
    "a longer deadline": {"activeDeadlineSeconds": 200},
    "no deadline": {"activeDeadlineSeconds": None},
    "a deadline of 0": {"activeDeadlineSeconds": 0},
    "a new gate": {"schedulingGates": [{"name": "gridcompat.io/late"}]},
    "a toleration taken away": {"tolerations": []},
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_pod_does_not_change(cluster: Cluster, namespace: str, case: str) -> None:
    toleration = {"key": "a", "operator": "Exists", "effect": "NoExecute"}
    cluster.create(pod(namespace, activeDeadlineSeconds=100, tolerations=[toleration]))
    with pytest.raises(Invalid):
        patched(cluster, namespace, REFUSED[case])


def test_the_few_things_that_change(cluster: Cluster, namespace: str) -> None:
    created = cluster.create(pod(namespace))
    assert patched(cluster, namespace, {"activeDeadlineSeconds": 100})["spec"]["activeDeadlineSeconds"] == 100
    assert patched(cluster, namespace, {"activeDeadlineSeconds": 50})["spec"]["activeDeadlineSeconds"] == 50
    containers = [{**created["spec"]["containers"][0], "image": "kubelab.test/busybox:1"}]
    changed = patched(cluster, namespace, {"containers": containers})
    assert changed["spec"]["containers"][0]["image"] == "kubelab.test/busybox:1"
    more = [*created["spec"].get("tolerations", ()), {"key": "a", "operator": "Exists"}]
    assert patched(cluster, namespace, {"tolerations": more})["spec"]["tolerations"] == more
    labelled = {"metadata": {"labels": {"a": "b"}}}
    assert cluster.patch(base.POD, NAME, labelled, namespace=namespace)["metadata"]["labels"] == {"a": "b"}


def test_gates_are_only_taken_away(cluster: Cluster, namespace: str) -> None:
    cluster.create(pod(namespace, schedulingGates=GATES))
    assert patched(cluster, namespace, {"schedulingGates": GATES[1:]})["spec"]["schedulingGates"] == GATES[1:]
    with pytest.raises(Invalid):
        patched(cluster, namespace, {"schedulingGates": GATES})
    with pytest.raises(Invalid):
        patched(cluster, namespace, {"nodeName": "node1"})
    assert "schedulingGates" not in patched(cluster, namespace, {"schedulingGates": None})["spec"]


def test_the_status_of_a_pod_has_its_own_endpoint(cluster: Cluster, namespace: str) -> None:
    cluster.create(pod(namespace))
    cluster.patch(base.POD, NAME, {"status": {"phase": "Running"}}, namespace=namespace)
    assert cluster.get(base.POD, NAME, namespace=namespace)["status"]["phase"] == "Pending"
    ended = {
        "phase": "Succeeded",
        "containerStatuses": [
            {
                "name": "job",
                "image": PAUSE,
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"terminated": {"exitCode": 0, "message": '{"v":1}', "reason": "Completed"}},
            }
        ],
    }
    body = {"status": ended, "spec": {"activeDeadlineSeconds": 5}}
    changed = cluster.patch(base.POD, NAME, body, namespace=namespace, subresource="status")
    assert changed["status"]["phase"] == "Succeeded" and "activeDeadlineSeconds" not in changed["spec"]
    terminated = changed["status"]["containerStatuses"][0]["state"]["terminated"]
    assert terminated["message"] == '{"v":1}' and terminated["exitCode"] == 0


def test_an_unscheduled_pod_goes_at_once(cluster: Cluster, namespace: str) -> None:
    cluster.create(pod(namespace, terminationGracePeriodSeconds=30))
    assert cluster.delete(base.POD, NAME, namespace=namespace) is None
    assert not exists(cluster, base.POD, NAME, namespace)


def test_a_scheduled_pod_waits_for_its_node(cluster: Cluster, namespace: str) -> None:
    # Bound to a node that is not there, so that nobody confirms.
    cluster.create(pod(namespace, nodeName="no-such-node", terminationGracePeriodSeconds=60))
    answer = cluster.delete(base.POD, NAME, namespace=namespace)
    waiting = cluster.get(base.POD, NAME, namespace=namespace)["metadata"]
    assert answer is not None and answer["metadata"] == waiting
    assert waiting["deletionGracePeriodSeconds"] == 60
    assert waiting["deletionTimestamp"] > waiting["creationTimestamp"]
    cluster.delete(base.POD, NAME, namespace=namespace, grace_s=90)
    assert cluster.get(base.POD, NAME, namespace=namespace)["metadata"] == waiting
    cluster.delete(base.POD, NAME, namespace=namespace, grace_s=20)
    shorter = cluster.get(base.POD, NAME, namespace=namespace)["metadata"]
    assert shorter["deletionGracePeriodSeconds"] == 20
    assert shorter["deletionTimestamp"] < waiting["deletionTimestamp"]
    assert cluster.delete(base.POD, NAME, namespace=namespace, grace_s=0) is None
    assert not exists(cluster, base.POD, NAME, namespace)


def test_the_evidence_of_a_pod_outlives_a_forced_deletion(cluster: Cluster, namespace: str) -> None:
    held = {"finalizers": ["gridcompat.io/evidence"]}
    cluster.create(pod(namespace, nodeName="no-such-node", terminationGracePeriodSeconds=60, metadata=held))
    cluster.delete(base.POD, NAME, namespace=namespace)
    cluster.patch(base.POD, NAME, {"status": {"phase": "Failed"}}, namespace=namespace, subresource="status")
    answer = cluster.delete(base.POD, NAME, namespace=namespace, grace_s=0)
    left = cluster.get(base.POD, NAME, namespace=namespace)
    assert answer is not None and answer["metadata"] == left["metadata"]
    assert left["status"]["phase"] == "Failed" and left["metadata"]["deletionGracePeriodSeconds"] == 0
    cluster.patch(base.POD, NAME, {"metadata": {"finalizers": []}}, namespace=namespace)
    assert not exists(cluster, base.POD, NAME, namespace)


def test_without_its_finalizer_a_pod_still_waits_for_its_node(cluster: Cluster, namespace: str) -> None:
    held = {"finalizers": ["gridcompat.io/evidence"]}
    cluster.create(pod(namespace, nodeName="no-such-node", terminationGracePeriodSeconds=60, metadata=held))
    cluster.delete(base.POD, NAME, namespace=namespace)
    cluster.patch(base.POD, NAME, {"metadata": {"finalizers": []}}, namespace=namespace)
    assert exists(cluster, base.POD, NAME, namespace)
    cluster.delete(base.POD, NAME, namespace=namespace, grace_s=0)
    assert not exists(cluster, base.POD, NAME, namespace)


def test_a_pod_that_is_over_goes_without_its_node(
    cluster: Cluster, namespace: str, eventually: Eventually
) -> None:
    cluster.create(pod(namespace, nodeName="no-such-node"))
    cluster.patch(
        base.POD, NAME, {"status": {"phase": "Succeeded"}}, namespace=namespace, subresource="status"
    )
    cluster.delete(base.POD, NAME, namespace=namespace)
    eventually(lambda: not exists(cluster, base.POD, NAME, namespace))

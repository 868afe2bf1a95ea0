"""What a site applies: whole, valid, and with no more rights than are named here."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from gridcompat import __version__
from gridcompat.cluster import definitions
from gridcompat.translate import manifests
from gridcompat.translate.manifests import Daemon, NewAccount

CUSTOM = [yaml.safe_load(definitions.yaml_text(plural)) for plural in definitions.CUSTOM]
DAEMON = Daemon(
    namespace="grid",
    image="registry/gc:1",
    settings='cluster = "kubernetes"\n',
    accounting_folder="/data/common",
)
SITE = manifests.site(DAEMON, CUSTOM)
ACCOUNT = manifests.account(
    NewAccount(
        namespace="tool-x",
        owner="tools.x",
        uid=52001,
        gid=52002,
        groups=(500,),
        home="/data/project/x",
        volumes=(("/public", {"nfs": {"server": "s", "path": "/p"}}),),
        subjects=(("User", "tools.x"), ("ServiceAccount", "job")),
    )
)


def named(kind: str, name: str) -> dict[str, Any]:
    return next(obj for obj in SITE if (obj["kind"], obj["metadata"]["name"]) == (kind, name))


@pytest.mark.parametrize("obj", [*SITE, *ACCOUNT], ids=lambda obj: f"{obj['kind']}-{obj['metadata']['name']}")
def test_each_object_is_one_that_kubernetes_knows(obj: dict[str, Any]) -> None:
    if "gridcompat.io" in obj["apiVersion"]:
        assert set(obj) == {"apiVersion", "kind", "metadata", "spec"}
        return
    kubernetes_validate.validate(obj, "1.34", strict=True)


def test_nothing_is_there_twice() -> None:
    names = [(obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace")) for obj in SITE]
    assert len(names) == len(set(names))


def test_the_site_object_with_the_next_id_is_never_applied() -> None:
    assert not [obj for obj in SITE if obj["kind"] == "GridSite"]


def rights(role: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for rule in role["rules"]:
        for resource in rule["resources"]:
            found.setdefault(resource, set()).update(rule["verbs"])
    return found


def test_the_daemon_reads_no_secret_and_writes_no_node() -> None:
    assert rights(named("ClusterRole", "gridcompat-daemon")) == {
        "gridjobs": {"get", "list", "watch", "create", "patch", "delete"},
        "gridjobs/status": {"patch", "update"},
        "gridaccounts": {"get", "list", "watch", "patch"},
        "gridaccounts/status": {"patch"},
        "gridsites": {"get", "create", "patch"},
        "pods": {"get", "list", "watch", "create", "patch", "delete"},
        "configmaps": {"create"},
        "secrets": {"delete"},
        "nodes": {"get", "list", "watch"},
        "events": {"get", "list", "create", "patch"},
    }


def test_a_user_deletes_nothing_sees_no_pod_and_lists_no_secret() -> None:
    found = rights(named("ClusterRole", "gridcompat-user"))
    assert found["secrets"] == {"get", "create", "patch"}
    assert found["gridjobs"] == {"get", "list", "watch", "create", "patch"}
    assert found["gridaccounts"] == {"get", "list", "watch"}
    assert "pods" not in found
    assert not any("delete" in verbs or "*" in verbs for verbs in found.values())


def test_no_rule_of_any_role_has_a_star() -> None:
    for obj in SITE:
        for rule in obj.get("rules") or ():
            assert not any("*" in words for words in rule.values())


def test_the_daemon_has_two_probed_replicas_without_privileges() -> None:
    spec = named("Deployment", "gridcompat-daemon")["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert spec["replicas"] == 2
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    assert pod["securityContext"]["runAsNonRoot"]
    mounts = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"/etc/gridcompat", "/data/common", "/tmp"}
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() < labels.items()
    assert labels["app.kubernetes.io/version"] == __version__, "another version is a rollout"
    assert "app.kubernetes.io/version" not in spec["selector"]["matchLabels"], "which may never change"
    assert named("PodDisruptionBudget", "gridcompat-daemon")["spec"]["selector"] == spec["selector"]


def test_the_accounting_volume_is_the_sites_choice() -> None:
    claim = {"persistentVolumeClaim": {"claimName": "accounting"}}
    daemon = Daemon(namespace="g", image="i", settings="", accounting_folder="/c", volume=claim)
    volumes = manifests.deployment(daemon)["spec"]["template"]["spec"]["volumes"]
    assert {"name": "accounting", **claim} in volumes
    assert not any("hostPath" in volume for volume in volumes)


def test_the_policy_takes_the_account_of_the_jobs_own_namespace() -> None:
    binding = named("ValidatingAdmissionPolicyBinding", "gridcompat-gridjobs")["spec"]
    assert binding["paramRef"] == {"name": "account", "parameterNotFoundAction": "Deny"}
    assert binding["matchResources"]["resourceRules"][0]["operations"] == ["CREATE"]


def test_a_job_whose_account_is_gone_can_be_let_go_of() -> None:
    binding = named("ValidatingAdmissionPolicyBinding", "gridcompat-gridjobs-updates")["spec"]
    assert binding["policyName"] == "gridcompat-gridjobs"
    assert binding["paramRef"] == {"name": "account", "parameterNotFoundAction": "Allow"}
    assert binding["matchResources"]["resourceRules"][0]["operations"] == ["UPDATE"]
    assert binding["validationActions"] == ["Deny"]


def test_an_account_is_who_it_is_and_who_may_submit() -> None:
    account, binding, quota = ACCOUNT
    assert account["spec"] == {
        "owner": "tools.x",
        "uid": 52001,
        "gid": 52002,
        "groups": [500],
        "home": "/data/project/x",
        "volumes": [{"path": "/public", "source": {"nfs": {"server": "s", "path": "/p"}}}],
    }
    assert "blocks" not in account["spec"], "the controller gives them; applying must not take them away"
    assert binding["subjects"] == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tools.x"},
        {"kind": "ServiceAccount", "name": "job", "namespace": "tool-x"},
    ]
    assert quota["spec"]["hard"] == {"count/gridjobs.gridcompat.io": "5000", "count/secrets": "5100"}

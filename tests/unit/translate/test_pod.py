"""translate/pod.py: whole objects, valid on an API server, whatever a user wrote."""

from __future__ import annotations

import json
import re
from typing import Any

import kubernetes_validate
import pytest
from made_pods import ACCOUNT, FULL, QUEUES, SCRIPT, SETTINGS, VERSION, job, made, variables

from gridcompat import launcher
from gridcompat.cluster.embedded.container import expand
from gridcompat.model import JobRequest
from gridcompat.record import replace
from gridcompat.settings import Queue, Settings
from gridcompat.settings.site import ExecHost, ResourceQuota
from gridcompat.translate import launch
from gridcompat.translate import pod as pods
from gridcompat.translate.account_files import account_config_map
from gridcompat.translate.limits import limits


def test_the_whole_pod_of_a_plain_job() -> None:
    pod = made(SCRIPT)
    record = json.loads(pod["metadata"]["annotations"].pop("gridcompat.io/record"))
    environment = pod["spec"]["containers"][0].pop("env")
    config_map = launch.launcher_name()
    account_files = account_config_map(ACCOUNT, SETTINGS)["metadata"]["name"]
    assert pod == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "job-sh-1234-a1",
            "namespace": "tool-x",
            "labels": {"gridcompat.io/job": "1234", "gridcompat.io/task": "1", "gridcompat.io/attempt": "1"},
            "annotations": {},
            "ownerReferences": [
                {
                    "apiVersion": "gridcompat.io/v1",
                    "kind": "GridJob",
                    "name": "1234",
                    "uid": "uid-of-job",
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ],
            "finalizers": ["gridcompat.io/evidence"],
        },
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [
                {
                    "name": "job",
                    "image": "registry/site:1",
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["/bin/sh", "-c", 'exec /bin/sh "$GC_ROOT/launcher/launcher.sh" "$@"', "sh"],
                    "args": ["a", "b c"],
                    "workingDir": "/",
                    "resources": {"requests": {"cpu": "10m", "memory": "16777216"}},
                    "securityContext": {"allowPrivilegeEscalation": False},
                    "stdin": False,
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                    "tty": False,
                    "volumeMounts": [
                        {"name": "launcher", "readOnly": True, "mountPath": "/gridcompat/launcher"},
                        {"name": "job", "readOnly": True, "mountPath": "/gridcompat/job"},
                        {"name": "spool", "mountPath": "/var/spool/gridengine/execd"},
                        {"name": "tmp", "mountPath": "/tmp"},
                        {"name": "home", "mountPath": "/data/project/x"},
                        {"name": "site-0", "mountPath": "/public"},
                        {
                            "name": "account",
                            "readOnly": True,
                            "mountPath": "/etc/passwd",
                            "subPath": "passwd",
                        },
                        {"name": "account", "readOnly": True, "mountPath": "/etc/group", "subPath": "group"},
                        {"name": "marks", "readOnly": True, "mountPath": "/gridcompat/marks"},
                    ],
                }
            ],
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "securityContext": {"runAsUser": 52001, "runAsGroup": 52002, "supplementalGroups": [500, 501]},
            "terminationGracePeriodSeconds": 30,
            "tolerations": [
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
            ],
            "volumes": [
                {"name": "launcher", "configMap": {"name": config_map, "defaultMode": 0o555}},
                {
                    "name": "job",
                    "secret": {"secretName": "gridjob-1234", "defaultMode": 0o755, "optional": True},
                },
                {"name": "spool", "emptyDir": {}},
                {"name": "tmp", "emptyDir": {}},
                {"name": "home", "hostPath": {"path": "/data/project/x", "type": "Directory"}},
                {"name": "site-0", "nfs": {"server": "nfs1", "path": "/public"}},
                {"name": "account", "configMap": {"name": account_files}},
                {
                    "name": "marks",
                    "downwardAPI": {
                        "items": [
                            {
                                "path": "suspended",
                                "fieldRef": {"fieldPath": "metadata.annotations['gridcompat.io/suspended']"},
                            }
                        ]
                    },
                },
            ],
        },
    }
    assert environment[:2] == [
        {"name": "GC_POD_UID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        {"name": "GC_HOST", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
    ]
    assert {one["name"]: one["value"] for one in environment[2:]} == {
        "GC_ROOT": "/gridcompat",
        "GC_SPOOL": "/var/spool/gridengine/execd",
        "GC_RUN_DIR": "/data/project/x/.gridcompat/run",
        "GC_CLAIM": "uid-of-job-t1-a1",
        "GC_MODE": "script",
        "GC_START_MODE": "unix_behavior",
        "GC_JOB_ID": "1234",
        "GC_JOB_NAME": "job.sh",
        "GC_TASK": "1",
        "GC_QUEUE": "task",
        "GC_RESTARTED": "0",
        "GC_SLOTS": "1",
        "GC_USER": "tools.x",
        "GC_HOME": "/data/project/x",
        "GC_ACCOUNT": "sge",
        "GC_QUEUE_SHELL": "/bin/sh",
        "GC_ARCH": "lx-amd64",
        "GC_BINARY_PATH": "/usr/sbin/lx-amd64",
        "GC_CELL": "default",
        "GC_SGE_ROOT": "/var/lib/gridengine",
        "GC_SUSPENDED": "/gridcompat/marks/suspended",
    }
    assert record == {
        "qname": "task",
        "owner": "tools.x",
        "group": "tools.x",
        "job_name": "job.sh",
        "job_number": 1234,
        "account": "sge",
        "created": "2026-11-24T02:32:34Z",
        "project": "NONE",
        "department": "defaultdepartment",
        "granted_pe": "NONE",
        "slots": 1,
        "task_number": 0,
        "attempt": 1,
        "restarted": 0,
        "uid": "uid-of-job",
        "mail_options": "",
        "mail_list": [],
        "submit_host": "",
        "hard_resources": [],
        "hard_queues": [],
    }


def test_every_switch_has_its_field() -> None:
    pod = made(FULL, slots=2, settings=Settings(image="i", queues=QUEUES), task=5, attempt=3, restarted=2)
    assert pod["metadata"]["name"] == "sw-ep-x-1234-t5-a3"
    container = pod["spec"]["containers"][0]
    assert container["args"] == ["/bin/pro g", "$$(HOME)", "$$$$", "$${X}"]
    # h_vmem for two slots and the launcher; reserved is what mem_free asks for, but not above the limit.
    assert container["resources"] == {
        "limits": {"memory": str(2 * 2**30 + 64 * 2**20)},
        "requests": {"cpu": "20m", "memory": str(2 * 2**30 + 64 * 2**20)},
    }
    assert pod["spec"]["terminationGracePeriodSeconds"] == 90
    assert pod["spec"]["activeDeadlineSeconds"] == 600 + 60 + 900
    assert pod["spec"]["nodeSelector"] == {"kubernetes.io/hostname": "node1"}
    found = {name: expand(value, {}) for name, value in variables(pod).items()}
    assert (
        found.items()
        >= {
            "GC_MODE": "binary",
            "GC_COMMAND": "/bin/pro g",
            "GC_JOB_NAME": "swéep $(x)",
            "GC_TASK": "5",
            "GC_TASK_FIRST": "1",
            "GC_TASK_LAST": "10",
            "GC_TASK_STEP": "4",
            "GC_RESTARTED": "1",
            "GC_SLOTS": "2",
            "GC_CWD": "/data/project/x/$(y)",
            "GC_STDIN_PATH_0": "in",
            "GC_STDOUT_PATH_0": "o",
            "GC_STDOUT_HOST_1": "node1",
            "GC_STDOUT_PATH_1": "/p/$JOB_ID",
            "GC_STDERR_PATH_0": "e",
            "GC_SHELL_PATH_0": "/bin/bash",
            "GC_MERGE": "y",
            "GC_NOTIFY": "60",
            "GC_PE": "smp",
            "GC_H_RT": "600",
            "GC_S_RT": "50",
            "GC_H_CPU": "20",
            "GC_H_VMEM": str(2 * 2**30),
            "GC_S_VMEM": str(2**30),
            "GC_H_FSIZE": str(2**20),
            "GC_H_STACK": str(16 * 2**20),
            "GC_O_HOME": "/h",
            "GC_O_HOST": "sub",
            "GC_O_PATH": "/bin:$(z)",
        }.items()
    )
    assert {name for name in found if name.startswith("GC_O_")} == {"GC_O_HOME", "GC_O_HOST", "GC_O_PATH"}
    kubernetes_validate.validate(pod, VERSION, strict=True)


def test_a_queue_says_where_and_as_what_its_jobs_run() -> None:
    pod = made(SCRIPT, settings=Settings(image="i", queues=QUEUES), queue="gpu")
    spec = pod["spec"]
    assert spec["nodeSelector"] == {"gpu": "yes"}
    assert spec["priorityClassName"] == "low"
    assert spec["tolerations"][2:] == [{"key": "gpu", "operator": "Exists"}]
    assert spec["containers"][0]["image"] == "registry/gpu:3"
    assert (
        variables(pod).items() >= {"GC_QUEUE_SHELL": "/bin/csh", "GC_START_MODE": "posix_compliant"}.items()
    )


def test_a_queue_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="nosuch"):
        made(SCRIPT, queue="nosuch")


@pytest.mark.parametrize(
    ("request_", "image"),
    [
        (SCRIPT, "registry/site:1"),
        (JobRequest(hard_resources=(("release", "buster"),)), "registry/buster:2"),
        (JobRequest(hard_resources=(("release", "other"),)), "registry/site:1"),
        (JobRequest(soft_resources=(("release", "buster"),)), "registry/buster:2"),
        (JobRequest(soft_resources=(("release", "other"),)), "registry/site:1"),
        (
            JobRequest(hard_resources=(("release", "other"),), soft_resources=(("release", "buster"),)),
            "registry/site:1",
        ),
    ],
)
def test_a_release_is_an_image(request_: JobRequest, image: str) -> None:
    assert made(request_)["spec"]["containers"][0]["image"] == image


@pytest.mark.parametrize(
    ("value", "selector"),
    [
        ("node1.example.org", {"kubernetes.io/hostname": "node1.example.org"}),
        ("node*", None),
        ("a b", {"kubernetes.io/hostname": "no-such-host"}),
        ("-x", {"kubernetes.io/hostname": "no-such-host"}),
        ("", {"kubernetes.io/hostname": "no-such-host"}),
        ("x" * 64, {"kubernetes.io/hostname": "no-such-host"}),
    ],
)
def test_a_host_asked_for_is_a_node_selector(value: str, selector: dict[str, str] | None) -> None:
    pod = made(JobRequest(hard_resources=(("hostname", value),)))
    assert pod["spec"].get("nodeSelector") == selector


@pytest.mark.parametrize(
    ("request_", "mode", "arguments"),
    [
        (JobRequest(script_file="s", arguments=("a",)), "script", ["a"]),
        (JobRequest(script_file="p", arguments=("a",), binary=True, has_script=False), "binary", ["p", "a"]),
        (JobRequest(script_file="p", binary=True, shell=False, has_script=False), "raw", ["p"]),
        (
            JobRequest(script_file="STDIN", arguments=("/p", "a"), has_script=False, continuous=True),
            "loop",
            ["/p", "a"],
        ),
        (
            JobRequest(script_file="/p", arguments=("a",), binary=True, has_script=False, continuous=True),
            "loop",
            ["/p", "a"],
        ),
        (JobRequest(script_file="STDIN", continuous=True), "script", []),
    ],
)
def test_the_mode_says_what_is_run(request_: JobRequest, mode: str, arguments: list[str]) -> None:
    pod = made(request_)
    assert variables(pod)["GC_MODE"] == mode
    assert pod["spec"]["containers"][0]["args"] == arguments


def test_a_run_directory_outside_the_home_is_a_volume_of_its_own() -> None:
    pod = made(SCRIPT, settings=Settings(run_dir="/srv/run"))
    assert {"name": "run", "mountPath": "/srv/run"} in pod["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "run", "hostPath": {"path": "/srv/run", "type": "DirectoryOrCreate"}} in pod["spec"][
        "volumes"
    ]
    assert variables(pod)["GC_RUN_DIR"] == "/srv/run"


def test_a_void_pod_takes_the_same_name_and_never_runs() -> None:
    request = SCRIPT
    void = pods.void_pod(job(request), request, 1, 2, account=ACCOUNT, settings=SETTINGS)
    assert void["metadata"] == {
        "name": made(request, attempt=2)["metadata"]["name"],
        "namespace": "tool-x",
        "labels": {"gridcompat.io/job": "1234", "gridcompat.io/task": "1", "gridcompat.io/attempt": "2"},
        "annotations": {"gridcompat.io/void": "true"},
        "ownerReferences": made(request)["metadata"]["ownerReferences"],
    }
    assert void["spec"]["schedulingGates"] == [{"name": "gridcompat.io/void"}]
    assert pods.is_void(void)
    assert not pods.is_void(made(request))
    kubernetes_validate.validate(void, VERSION, strict=True)


def test_the_launcher_is_named_by_its_content() -> None:
    config_map = launch.launcher_config_map("tool-x")
    assert config_map["data"] == {"launcher.sh": launcher.text()}
    assert config_map["immutable"] is True
    assert re.fullmatch(r"gridcompat-launcher-[0-9a-f]{10}", config_map["metadata"]["name"])
    kubernetes_validate.validate(config_map, VERSION, strict=True)


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    ("resources", "queue", "slots", "expected"),
    [
        ((), (), 1, {}),
        ((("h_rt", "90"),), (("h_rt", "60"),), 1, {"H_RT": 60}),
        ((("h_rt", "30"),), (("h_rt", "60"),), 4, {"H_RT": 30}),
        ((("h_rt", "INFINITY"),), (("h_rt", "60"),), 1, {"H_RT": 60}),
        ((("h_rt", "10"), ("h_rt", "20")), (), 1, {"H_RT": 20}),
        ((("h_vmem", "100M"), ("h_cpu", "5")), (), 3, {"H_VMEM": 300 * 2**20, "H_CPU": 15}),
        ((("h_vmem", "1m"),), (), 1, {"H_VMEM": 10**6}),
        ((("mem_free", "1K"), ("virtual_free", "2K")), (), 2, {"MEM_FREE": 4096}),
        ((("arch", "lx-amd64"), ("h_fsize", "rubbish")), (), 1, {}),
        ((("h_core", "0"),), (), 1, {"H_CORE": 0}),
    ],
)
def test_limits(
    resources: tuple[tuple[str, str], ...],
    queue: tuple[tuple[str, str], ...],
    slots: int,
    expected: dict[str, int],
) -> None:
    request = JobRequest(hard_resources=resources)
    assert limits(request, Queue(name="q", limits=queue), slots) == expected


def test_soft_requests_limit_nothing() -> None:
    request = JobRequest(soft_resources=(("h_rt", "1"),))
    assert limits(request, Queue(name="q"), 1) == {}


@pytest.mark.parametrize(
    ("owner", "group", "passwd", "groups"),
    [
        ("demo", "tools", "demo:x:52001:52002:demo:/data/project/x:/bin/sh", "tools:x:52002:"),
        ("root:x:0:0", "tools", "", "tools:x:52002:"),
        ("a\nroot::0:0::/:", "b:c", "", ""),
    ],
)
def test_the_account_has_an_entry_unless_it_would_be_another_one(
    owner: str, group: str, passwd: str, groups: str
) -> None:
    made = account_config_map(replace(ACCOUNT, owner=owner, group=group), SETTINGS)
    lines = {
        name: text.splitlines()[n:] for (name, text), n in zip(made["data"].items(), (3, 2), strict=True)
    }
    assert lines == {"group": [groups] if groups else [], "passwd": [passwd] if passwd else []}
    assert made["metadata"]["name"] != account_config_map(ACCOUNT, SETTINGS)["metadata"]["name"]


def test_jobs_reach_the_api_server_only_where_the_site_gives_them_an_account() -> None:
    without = made(SCRIPT)["spec"]
    assert "serviceAccountName" not in without
    assert not [one for one in without["volumes"] if "projected" in one]
    settings = replace(SETTINGS, job_service_account="jobs", job_api_server="https://10.0.0.1:6443")
    pod = made(SCRIPT, settings=settings)
    spec = pod["spec"]
    assert spec["serviceAccountName"] == "jobs"
    assert spec["automountServiceAccountToken"] is False
    (client,) = [one["projected"]["sources"] for one in spec["volumes"] if "projected" in one]
    files = account_config_map(ACCOUNT, settings)
    assert client[2]["configMap"]["name"] == files["metadata"]["name"]
    (user,) = json.loads(files["data"]["kubeconfig"])["users"]
    assert user["user"] == {"tokenFile": "/gridcompat/client/token"}
    assert {"name": "client", "readOnly": True, "mountPath": "/gridcompat/client"} in (
        spec["containers"][0]["volumeMounts"]
    )
    assert variables(pod)["GC_STATE"] == "/gridcompat/client"
    kubernetes_validate.validate(pod, VERSION, strict=True)


@pytest.mark.parametrize(
    ("queues", "hosts"),
    [
        ((), None),
        (("task",), None),
        (("task@node2",), ["node2"]),
        (("task@node1", "continuous@node9", "t*@node2"), ["node1", "node2"]),
        (("task@node1", "task"), None),
        (("task@node*",), None),
        (("task@@allhosts",), None),
    ],
)
def test_a_queue_on_a_host_goes_to_that_host(queues: tuple[str, ...], hosts: list[str] | None) -> None:
    pod = made(replace(SCRIPT, hard_queues=queues))
    kubernetes_validate.validate(pod, VERSION, strict=True)
    affinity = pod["spec"].get("affinity")
    assert (affinity is None) == (hosts is None)
    if affinity is not None:
        needed = affinity["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        (term,) = needed["nodeSelectorTerms"]
        assert term["matchExpressions"] == [
            {"key": "kubernetes.io/hostname", "operator": "In", "values": hosts}
        ]
    at_home = made(replace(SCRIPT, hard_queues=queues), settings=replace(SETTINGS, cluster="embedded"))
    assert "affinity" not in at_home["spec"]


@pytest.mark.parametrize(
    ("resources", "changes", "bound"),
    [
        ((), {}, False),
        ((("gpu", "1"),), {}, True),
        ((("lic", "1"),), {}, False),
        ((), {"hosts": (ExecHost(name="n1", user_lists=("staff",)),)}, True),
        ((), {"hosts": (ExecHost(name="n1", complex_values=(("slots", "4"), ("h_vmem", "8G"))),)}, False),
        ((), {"resource_quotas": (ResourceQuota(name="q", rules=("hosts {*} to slots=4",)),)}, True),
        ((), {"resource_quotas": (ResourceQuota(name="q", rules=("users {*} to slots=4",)),)}, False),
        ((), {"queues": (Queue(name="task", per_host=(("n1", (("pe_list", "NONE"),)),)),)}, True),
        ((), {"queues": (Queue(name="task", per_host=(("n1", (("slots", "4"),)),)),)}, False),
    ],
    ids=[
        "nothing", "of-the-host", "of-the-site", "lists-of-a-host", "slots", "quota-of-hosts",
        "quota-of-users", "environments-of-a-host", "slots-of-a-queue",
    ],
)  # fmt: skip
def test_a_pod_runs_where_it_was_planned_if_hosts_differ(
    resources: tuple[tuple[str, str], ...], changes: dict[str, Any], bound: bool
) -> None:
    site: dict[str, Any] = {
        "cluster": "kubernetes",
        "complexes": ("gpu gpu INT <= YES YES 0 0", "lic lic INT <= YES YES 0 0"),
        "hosts": (
            ExecHost(name="global", complex_values=(("lic", "3"),)),
            ExecHost(name="n1", complex_values=(("gpu", "2"),)),
        ),
    }
    request = JobRequest(name="j", script_file="j", hard_resources=resources)
    pod = pods.attempt_pod(
        job(request),
        request,
        1,
        1,
        0,
        "task",
        account=ACCOUNT,
        settings=Settings(**(site | changes)),
        host="n1",
    )
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]}
    wanted = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    kubernetes_validate.validate(pod, VERSION, strict=True)
    assert pod["spec"].get("affinity") == ({"nodeAffinity": wanted} if bound else None)

"""translate/pod.py: whole objects, valid on an API server, whatever a user wrote."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat import launcher
from gridcompat.cluster.embedded.container import expand
from gridcompat.model import Account, JobRequest, SubmitContext
from gridcompat.record import replace
from gridcompat.settings import Queue, Settings
from gridcompat.translate import launch
from gridcompat.translate import pod as pods
from gridcompat.translate.account_files import account_config_map
from gridcompat.translate.grid_job import grid_job
from gridcompat.translate.limits import limits

ACCOUNT = Account(
    namespace="tool-x",
    owner="tools.x",
    uid=52001,
    gid=52002,
    groups=(500, 501),
    group="tools.x",
    home="/data/project/x",
    volumes=(("/public", '{"nfs": {"server": "nfs1", "path": "/public"}}'),),
)
SETTINGS = Settings(
    cluster="kubernetes", image="registry/site:1", release_images=(("buster", "registry/buster:2"),)
)
VERSION = "1.34"


def job(request: JobRequest, *, slots: int = 1) -> dict[str, Any]:
    made = grid_job(request, id=1234, nonce="n", namespace="tool-x", ready=True, slots=slots)
    made["metadata"]["uid"] = "uid-of-job"
    made["metadata"]["creationTimestamp"] = "2026-11-24T02:32:34Z"
    return made


def made(
    request: JobRequest,
    *,
    slots: int = 1,
    settings: Settings = SETTINGS,
    task: int = 1,
    attempt: int = 1,
    restarted: int = 0,
    queue: str = "task",
) -> dict[str, Any]:
    return pods.attempt_pod(
        job(request, slots=slots),
        request,
        task,
        attempt,
        restarted,
        queue,
        account=ACCOUNT,
        settings=settings,
    )


def variables(pod: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one.get("value", "") for one in pod["spec"]["containers"][0]["env"]}


SCRIPT = JobRequest(name="job.sh", script_file="job.sh", arguments=("a", "b c"))


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


FULL = JobRequest(
    name="swéep $(x)",
    script_file="/bin/pro g",
    arguments=("$(HOME)", "$$", "${X}"),
    binary=True,
    has_script=False,
    cwd="/data/project/x/$(y)",
    stdin_paths=(("", "in"),),
    stdout_paths=(("", "o"), ("node1", "/p/$JOB_ID")),
    stderr_paths=(("", "e"),),
    shell_paths=(("", "/bin/bash"),),
    merge=True,
    hard_resources=(
        *(("h_rt", "1:0:0"), ("s_rt", "50"), ("h_vmem", "1G"), ("h_cpu", "10"), ("h_fsize", "1M")),
        *(("mem_free", "2G"), ("hostname", "node1"), ("release", "buster"), ("s_vmem", "512M")),
    ),
    notify=True,
    parallel_environment="smp",
    tasks=(1, 10, 4),
    mail_options="be",
    submit=SubmitContext(home="/h", host="sub", path="/bin:$(z)"),
)
QUEUES = (
    Queue(name="task", notify_s=60, limits=(("h_rt", "600"), ("h_stack", "8M"))),
    Queue(
        name="gpu",
        node_selector=(("gpu", "yes"),),
        tolerations='[{"key": "gpu", "operator": "Exists"}]',
        priority_class="low",
        image="registry/gpu:3",
        shell="/bin/csh",
        shell_start_mode="posix_compliant",
    ),
)


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
            "GC_H_STACK": str(8 * 2**20),
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


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "task", "attempt", "expected"),
    [
        ("job.sh", None, 1, "job-sh-7-a1"),
        ("job.sh", 3, 12, "job-sh-7-t3-a12"),
        ("", None, 1, "job-7-a1"),
        ("日本", 1, 1, "job-7-t1-a1"),
        ("--A__b--", None, 1, "a-b-7-a1"),
        ("x" * 512, None, 1, "x" * 24 + "-7-a1"),
        ("aaaaaaaaaaaaaaaaaaaaaaa.b", None, 1, "aaaaaaaaaaaaaaaaaaaaaaa-7-a1"),
        ("-a1-t2", 3, 4, "a1-t2-7-t3-a4"),
    ],
)
def test_pod_names(name: str, task: int | None, attempt: int, expected: str) -> None:
    assert pods.pod_name(name, 7, task, attempt) == expected


DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
PLACES = st.tuples(st.integers(1, 10**10), st.none() | st.integers(1, 10**7), st.integers(1, 10**6))


@given(name=st.text(max_size=520), place=PLACES)
def test_any_job_name_gives_a_valid_pod_name(name: str, place: tuple[int, int | None, int]) -> None:
    made_name = pods.pod_name(name, *place)
    assert DNS_LABEL.fullmatch(made_name)
    assert len(made_name) <= 63


TRICKY = st.sampled_from(["a", "a-1", "a-1-t2", "a-t2", "1", "t1", "a1", "", "a-12-a1", "x-1-t1-a1"])


@given(TRICKY, TRICKY, st.tuples(*[st.integers(1, 13)] * 2, st.none() | st.integers(1, 13)))
def test_two_attempts_never_share_a_name(one: str, other: str, place: tuple[int, int, int | None]) -> None:
    number, attempt, task = place
    first = pods.pod_name(one, number, task, attempt)
    for other_place in (
        (number + 1, task, attempt),
        (number, task, attempt + 1),
        (number, (task or 0) + 1, attempt),
    ):
        assert first != pods.pod_name(other, *other_place)


# ---------------------------------------------------------------- whatever a user wrote

WORDS = st.text(max_size=40).filter(lambda text: "\0" not in text)


@given(WORDS, st.dictionaries(st.sampled_from(["HOME", "A", "GC_ROOT"]), WORDS))
def test_escaped_text_comes_out_of_the_kubelet_as_it_was(text: str, known: dict[str, str]) -> None:
    assert expand(launch.escaped(text), known) == text


@given(
    name=WORDS,
    arguments=st.lists(WORDS, max_size=4),
    path=WORDS,
    host=WORDS,
    value=st.sampled_from(["1", "1G", "0", "INFINITY", "1:2:3", "x", "", "99999999999999999999"]),
    resource=st.sampled_from(["h_rt", "h_vmem", "s_cpu", "hostname", "release", "mem_free", "h_core"]),
    binary=st.booleans(),
    notify=st.booleans(),
)
def test_any_request_gives_a_valid_pod(
    name: str,
    arguments: list[str],
    path: str,
    host: str,
    value: str,
    resource: str,
    binary: bool,
    notify: bool,
) -> None:
    request = JobRequest(
        name=name,
        script_file=path,
        arguments=tuple(arguments),
        binary=binary,
        has_script=not binary,
        cwd=path,
        stdout_paths=((host, path), ("", path)),
        hard_resources=((resource, value),),
        notify=notify,
        account=name,
    )
    pod = made(request)
    kubernetes_validate.validate(json.loads(json.dumps(pod)), VERSION, strict=True)
    # Nothing of it got into the command itself.
    assert pod["spec"]["containers"][0]["command"] == list(launch.COMMAND)


BYTES = st.binary(max_size=20).map(lambda word: os.fsdecode(word.replace(b"\0", b"")))


@given(st.lists(BYTES, min_size=1, max_size=4), BYTES)
def test_bytes_that_are_no_text_are_written_for_printf(words: list[str], path: str) -> None:
    pod = made(JobRequest(script_file="/p", arguments=tuple(words), has_script=False, shell=False, cwd=path))
    kubernetes_validate.validate(json.loads(json.dumps(pod).encode()), VERSION, strict=True)
    container = pod["spec"]["containers"][0]
    variables = {one["name"]: expand(one.get("value", ""), {}) for one in container["env"]}
    names = variables.get("GC_ENCODED", "").split()
    arguments = [expand(word, {}) for word in container["args"]]
    assert [printed(word) if "args" in names else word for word in arguments] == ["/p", *words]
    assert (printed(variables["GC_CWD"]) if "GC_CWD" in names else variables["GC_CWD"]) == path
    assert set(names) <= {"args", "GC_CWD"}


def printed(word: str) -> str:
    """What printf makes of it with %b, as far as we use that."""
    octal = re.sub(
        rb"\\(\\|0[0-7]{3})", lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1], 8)]), word.encode()
    )
    return os.fsdecode(octal)


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

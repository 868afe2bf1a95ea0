"""Where homes and shared directories of a job come from: host, NFS or claim, by account and settings."""

from __future__ import annotations

import json
from typing import Any

import kubernetes_validate
import pytest

from gridcompat.model import Account, JobRequest
from gridcompat.settings import Queue, Settings, Volume
from gridcompat.translate.grid_job import grid_job
from gridcompat.translate.pod import attempt_pod

HOME = "/data/project/x"
NFS = {"nfs": {"server": "nfs1", "path": "/project"}}
CLAIM = {"persistentVolumeClaim": {"claimName": "home"}}
OWN = ("launcher", "job", "spool", "tmp", "account", "marks")


def mounted(account: Account, settings: Settings) -> dict[str, Any]:
    """Mount path → volume source and whether it is read only, without what every pod has."""
    request = JobRequest(name="x", script_file="true", binary=True)
    job = grid_job(request, id=7, nonce="n", namespace="ns", ready=True)
    job["metadata"]["uid"] = "u"
    pod = attempt_pod(job, request, 1, 1, 0, "task", account=account, settings=settings)
    kubernetes_validate.validate(pod, "1.34", strict=True)
    sources = {one["name"]: {k: v for k, v in one.items() if k != "name"} for one in pod["spec"]["volumes"]}
    mounts = pod["spec"]["containers"][0]["volumeMounts"]
    assert len({one["mountPath"] for one in mounts}) == len(mounts), "a path is mounted twice"
    return {
        one["mountPath"]: (sources[one["name"]], one.get("readOnly", False))
        for one in mounts
        if one["name"] not in OWN
    }


def account(home: str = HOME, **volumes: dict[str, Any]) -> Account:
    listed = tuple((path.replace("_", "/"), json.dumps(source)) for path, source in volumes.items())
    return Account(namespace="ns", owner="x", uid=1, gid=1, home=home, volumes=listed)


def site(**volumes: dict[str, Any]) -> Settings:
    shared = tuple(
        Volume(name=path, path=path.replace("_", "/"), source=json.dumps(source))
        for path, source in volumes.items()
    )
    return Settings(cluster="kubernetes", image="i", volumes=shared)


HOST_HOME = {HOME: ({"hostPath": {"path": HOME, "type": "Directory"}}, False)}


@pytest.mark.parametrize(
    ("of", "settings", "expected"),
    [
        (account(), site(), HOST_HOME),
        (account(_data_project_x=CLAIM), site(), {HOME: (CLAIM, False)}),
        (account(), site(_data_project=NFS), {"/data/project": (NFS, False)}),
        (account(), site(_data_proj=NFS), {"/data/proj": (NFS, False)} | HOST_HOME),
        (account(_scratch=NFS), site(_scratch=CLAIM), {"/scratch": (NFS, False)} | HOST_HOME),
        (account(_scratch=NFS), site(_public=CLAIM),
         {"/scratch": (NFS, False), "/public": (CLAIM, False)} | HOST_HOME),
        (account(home=""), site(), {"/.gridcompat/run": (
            {"hostPath": {"path": "/.gridcompat/run", "type": "DirectoryOrCreate"}}, False)}),
    ],
    ids=["host", "claim", "site's NFS", "a like name", "the account's wins", "both", "no home"],
)  # fmt: skip
def test_homes_and_volumes(of: Account, settings: Settings, expected: dict[str, Any]) -> None:
    assert mounted(of, settings) == expected


def test_the_time_zone_of_the_node_is_a_file_of_it() -> None:
    zone = {"hostPath": {"path": "/etc/localtime", "type": "File"}}
    shared = Volume(name="zone", path="/etc/localtime", source=json.dumps(zone), read_only=True)
    settings = Settings(cluster="kubernetes", image="i", volumes=(shared,))
    assert mounted(account(), settings) == HOST_HOME | {"/etc/localtime": (zone, True)}


def test_the_embedded_cluster_mounts_nothing_of_the_site() -> None:
    settings = Settings(volumes=(Volume(name="v", path="/data/project", source=json.dumps(NFS)),))
    assert mounted(account(), settings) == HOST_HOME


def test_a_queue_decides_image_node_tolerations_and_priority() -> None:
    toleration = {"key": "big", "operator": "Exists", "effect": "NoSchedule"}
    queue = Queue(
        name="big",
        image="r/big:1",
        node_selector=(("size", "big"),),
        tolerations=json.dumps([toleration]),
        priority_class="batch",
        limits=(("h_rt", "60"), ("h_vmem", "256M")),
    )
    settings = Settings(cluster="kubernetes", image="i", queues=(Queue(name="task"), queue))
    request = JobRequest(name="x", script_file="true", binary=True)
    job = grid_job(request, id=7, nonce="n", namespace="ns", ready=True, slots=3)
    job["metadata"]["uid"] = "u"
    pod = attempt_pod(job, request, 1, 1, 0, "big", account=account(), settings=settings)
    kubernetes_validate.validate(pod, "1.34", strict=True)
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert container["image"] == "r/big:1"
    assert spec["nodeSelector"] == {"size": "big"}
    assert toleration in spec["tolerations"]
    assert spec["priorityClassName"] == "batch"
    assert container["resources"]["requests"]["cpu"] == "30m"
    variables = {one["name"]: one.get("value") for one in container["env"]}
    assert variables["GC_H_RT"] == "60"
    assert int(container["resources"]["limits"]["memory"]) > int(variables["GC_H_VMEM"] or 0) >= 256 << 20

"""Pods of requests, for tests of what is in them."""

from __future__ import annotations

from typing import Any

from gridcompat.model import Account, JobRequest, SubmitContext
from gridcompat.settings import Queue, Settings
from gridcompat.translate import pod as pods
from gridcompat.translate.grid_job import grid_job

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

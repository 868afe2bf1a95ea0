"""Command and files in; exact text and exact objects out: one case file each in `cases/`.

A case is read from the top: the command line after `$ `, then sections: `--- NAME` files in the working
directory, and `--- stdout`, `--- stderr`, `--- exit` and `--- objects` as expected (YAML: the GridJob,
the Secret with its data decoded, and the Pod of the first task's first attempt).  What a cluster makes up
(uids, times, versions) and the nonce are left out.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, SECRET
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.commands import _main
from gridcompat.errors import GridError
from gridcompat.record import replace
from gridcompat.settings import Settings
from gridcompat.translate.account import account_of, seed
from gridcompat.translate.grid_job import read_request, task_ranges
from gridcompat.translate.launch import launcher_name
from gridcompat.translate.pod import attempt_pod

CASES = sorted((Path(__file__).parent / "cases").glob("*.case"))
EXPECTED = ("stdout", "stderr", "exit", "objects")
HOST = "gridhost"
USER = "tool"
HOME = "/data/project/tool"
NOW = 1764000000.0
MADE_UP = ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields")


class Case:
    """One case file, taken apart."""

    def __init__(self, text: str) -> None:
        first, *rest = text.split("\n--- ")
        assert first.startswith("$ "), "a case begins with its command line"
        self.line = first[2:].rstrip("\n")
        sections = [part.partition("\n") for part in rest]
        self.files = {
            name: content.rstrip("\n") + "\n" for name, _, content in sections if name not in EXPECTED
        }
        self.expected = {name: content.rstrip("\n") for name, _, content in sections if name in EXPECTED}

    def text(self, got: dict[str, str]) -> str:
        """Return the case file that would expect what came out."""
        parts = [f"$ {self.line}"]
        parts += [f"{name}\n{content.rstrip(chr(10))}" for name, content in self.files.items()]
        parts += [f"{name}\n{got[name]}".rstrip("\n") for name in EXPECTED if got[name]]
        return "\n--- ".join(parts) + "\n"


class Written:
    """What a command printed."""

    def __init__(self) -> None:
        self.stdout = ""
        self.stderr = ""
        self.status = 0

    def out(self, text: str) -> None:
        self.stdout += text

    def err(self, text: str) -> None:
        self.stderr += text

    def flush(self) -> None:
        pass


def without_made_up(obj: dict[str, Any]) -> dict[str, Any]:
    meta = {name: value for name, value in obj["metadata"].items() if name not in MADE_UP}
    for reference in meta.get("ownerReferences", ()):
        reference["uid"] = "UID"
    spec = dict(obj.get("spec", {}))
    if "nonce" in spec:
        spec["nonce"] = "NONCE"
    if "request" in spec:
        spec["request"] = json.loads(spec["request"])
    obj = {**obj, "metadata": meta, **({"spec": spec} if spec else {})}
    if obj["kind"] == "Secret":
        obj["data"] = {name: base64.b64decode(text).decode() for name, text in obj["data"].items()}
    return obj


def objects(cluster: EmbeddedCluster, settings: Settings) -> Iterator[dict[str, Any]]:
    account = account_of(cluster.list(GRID_ACCOUNT, namespace="default").items[0])
    for job in cluster.list(GRID_JOB, namespace="default").items:
        request = read_request(job["spec"]["request"])
        queue = (*request.hard_queues, settings.default_queue)[0]
        task = task_ranges(job)[0][0]
        pod = attempt_pod(job, request, task, 1, 0, queue, account=account, settings=settings)
        kubernetes_validate.validate(pod, "1.34", strict=True)
        yield without_made_up(job)
        for secret in cluster.list(SECRET, namespace="default").items:
            if secret["metadata"]["ownerReferences"][0]["uid"] == job["metadata"]["uid"]:
                yield without_made_up(secret)
        yield without_uids(pod, job["metadata"]["uid"])


def without_uids(pod: dict[str, Any], uid: str) -> dict[str, Any]:
    """Without the GridJob's uid, the launcher's hash, and the time in the record annotation."""
    text = json.dumps(pod).replace(uid, "UID").replace(launcher_name(), "gridcompat-launcher-HASH")
    pod = json.loads(text)
    annotations = pod["metadata"]["annotations"]
    record = json.loads(annotations["gridcompat.io/record"])
    annotations["gridcompat.io/record"] = {**record, "created": "TIME"}
    return without_made_up(pod)


def run(case: Case, folder: Path) -> dict[str, str]:
    """Run the command as the drop-in would, in a home of its own without a daemon; return what came out."""
    home = folder / "home"
    for name, content in case.files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(content)
        (home / name).chmod(0o755)
    command, *argv = shlex.split(case.line)
    written = Written()
    environ = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "LOGNAME": USER,
        "GRIDCOMPAT_STATE": str(folder / "state"),
    }
    made = _main.make_context(command, environ, written, [])  # type: ignore[arg-type]  # stands in for the streams
    cluster = EmbeddedCluster(
        str(folder / "state"),
        seed=lambda: seed(
            made.settings, owner=USER, uid=1001, gid=1001, group=USER, groups=[1001], home=str(home)
        ),
    )
    context = replace(
        made,
        user=USER,
        uid=1001,
        host=HOST,
        cwd=str(home),
        now=NOW,
        cluster=lambda: cluster,
        wrote=lambda: None,
    )
    try:
        try:
            status = import_module(f"gridcompat.commands.{command}").run(context, argv)
        except GridError as error:
            written.err(_main.text_of(error))
            status = error.exit_status
        documents = list(objects(cluster, made.settings))
    finally:
        cluster.close()
    text = yaml.safe_dump_all(documents, sort_keys=False, width=100, allow_unicode=True) if documents else ""
    got = {
        "stdout": written.stdout.rstrip("\n"),
        "stderr": written.stderr.rstrip("\n"),
        "exit": str(status) if status else "",
        "objects": text.rstrip("\n"),
    }
    return {name: value.replace(str(home), HOME) for name, value in got.items()}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_comes_out_as_it_is_written(
    path: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case(path.read_text())
    os.makedirs(tmp_path / "state", mode=0o700)
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")  # files are read relative to the process
    got = run(case, tmp_path)
    if request.config.getoption("--update-golden"):
        path.write_text(case.text(got))
        return
    assert got == {name: case.expected.get(name, "") for name in EXPECTED}


def test_there_are_cases() -> None:
    assert len(CASES) >= 10

"""How fast the commands are on a real cluster: `python -m tests.bench.kubernetes`, as root, in the checkout.

One node of tests/cluster/kubelab with gridcompat installed as a site has it.  Beside ours, in turn: kubectl
doing the same to the same objects, and a real grid where Debian's packages are there.  Everything shares the
machine's processors, the API server and its store, too.  Keeps kubernetes-DATE.json.
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from gridcompat.cluster.base import GRID_JOB
from gridcompat.translate.manifests import QUOTA

from .__main__ import Results, in_turn, measure_start, revision, say, table, time_commands
from .grid import Grid, NoGrid
from .systems import CHECKOUT, LATER, Real, System, cpu_ticks, fill, run, settle, submit, timed, until

sys.path.insert(0, os.path.join(CHECKOUT, "tests", "e2e"))
from real_cluster import Account, RealCluster

JOB = {"apiVersion": GRID_JOB.api_version, "kind": GRID_JOB.kind}


class OnKubernetes:
    """This checkout's commands with an account of the cluster."""

    def __init__(self, account: Account, python: str) -> None:
        self.name = "gridcompat"
        self.account = account
        self.commands = str(account.cluster.folder / "opt" / "bin")
        for name in os.listdir(self.commands):
            path = os.path.join(self.commands, name)
            with open(path, encoding="utf-8") as file:
                lines = file.read().split("\n", 1)
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#!{python} -IS\n{lines[1]}")
        self.environment: Mapping[str, str] = account.environment

    def has(self, command: str) -> bool:
        """See System."""
        return os.path.exists(os.path.join(self.commands, command))

    def process(self) -> int | None:
        """The replica that works."""
        found = (int(name) for name in os.listdir("/proc") if name.isdigit())
        return max(found, key=_daemon_ticks, default=None)

    def close(self) -> None:
        """The cluster is ended by whoever started it."""


class Kubectl:
    """kubectl as the administrator, with the same objects: users may not delete GridJobs, qdel orders it."""

    def __init__(self, ours: OnKubernetes) -> None:
        self.name = "kubectl"
        self.commands = os.path.dirname(
            str(shutil.which("kubectl", path=ours.account.cluster.environment["PATH"]))
        )
        admin = ours.account.cluster.environment["KUBECONFIG"]
        self.environment: Mapping[str, str] = {**ours.environment, "KUBECONFIG": admin}
        self.namespace = ours.account.namespace

    def words(self, *words: str) -> list[str]:
        """Return a command line in the account's namespace."""
        return ["kubectl", "-n", self.namespace, *words]

    def has(self, command: str) -> bool:
        """See System."""
        return command == "kubectl"

    def process(self) -> int | None:
        """There is none."""
        return None

    def close(self) -> None:
        """See System."""


def _daemon_ticks(pid: int) -> int:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if b"daemon" not in words or b"--listen" not in words:
            return -1
    except OSError:
        return -1
    return cpu_ticks(pid)


def measure_commands(
    ours: OnKubernetes, kubectl: Kubectl, grids: list[System], results: Results, *, size: int, repeat: int
) -> None:
    """Wall time of each command with `size` jobs pending; kubectl creates, gets and deletes one of them."""
    for system in (ours, *grids):
        fill(system, size)
        submit(system, "-N", "warm")
    label = f"with {size:,} jobs"
    file = ours.account.cluster.folder / "job.json"

    def one(system: System) -> None:
        if system is kubectl:
            # One that qsub made is taken away and made again, so that it is the same object.
            name = submit(ours)
            model = json.loads(run(kubectl, [*kubectl.words("get", "gridjob", name), "-o", "json"]))
            run(kubectl, kubectl.words("delete", "gridjob", name))
            settle(ours)
            spec = {key: value for key, value in model["spec"].items() if key != "deleted"}
            file.write_text(json.dumps({**JOB, "metadata": {"name": name}, "spec": spec}))
            took = timed(system, kubectl.words("create", "-f", str(file)))
            results.add(f"qsub {label}", system, took)
            settle(ours)
            results.add(f"qstat {label}", system, timed(system, kubectl.words("get", "gridjobs")))
            took = timed(system, kubectl.words("delete", "gridjob", name))
            results.add(f"qdel {label}", system, took)
            settle(ours)
            return
        time_commands(system, results, label)

    in_turn([ours, kubectl, *grids], repeat, one)
    for system in (ours, *grids):
        run(system, ["qdel", "warm"], check=False)


def measure_burst(ours: OnKubernetes, kubectl: Kubectl, results: Results, *, total: int) -> None:
    """Wall time until `total` jsub, started at once, have all been accepted; kubectl with the same objects.

    Once with jobs whose pods start meanwhile, which takes processors of the same machine, and once with
    jobs that wait: only these are what kubectl can be compared with.
    """
    jsub = ["jsub", "-quiet", "-mem", "64m", "-N", "burst", "-o", "/dev/null", "-e", "/dev/null"]

    def at_once(label: str, system: System, lines: list[list[str]]) -> None:
        with ThreadPoolExecutor(len(lines)) as pool:
            start = time.perf_counter()
            list(pool.map(lambda words: timed(system, words), lines))
            results.add(f"{total} jsub at once, {label}", system, time.perf_counter() - start)

    at_once("pods start meanwhile", ours, [[*jsub, "true"]] * total)
    until(lambda: "burst" not in run(ours, ["qstat"]), 300)
    settle(ours)
    at_once("jobs that wait", ours, [[*jsub, "-a", LATER, "true"]] * total)
    text = run(kubectl, [*kubectl.words("get", "gridjobs", "-o", "json")])
    models = [one for one in json.loads(text)["items"] if (one.get("status") or {}).get("phase") == "Pending"]
    run(kubectl, kubectl.words("delete", "gridjobs", *(one["metadata"]["name"] for one in models)))
    settle(ours)
    lines = []
    for model in models:
        name = model["metadata"]["name"]
        file = ours.account.cluster.folder / f"burst-{name}.json"
        file.write_text(json.dumps({**JOB, "metadata": {"name": name}, "spec": model["spec"]}))
        lines.append(kubectl.words("create", "-f", str(file)))
    at_once("jobs that wait", kubectl, lines)
    run(kubectl, kubectl.words("delete", "gridjobs", *(one["metadata"]["name"] for one in models)))


def measure(cluster: RealCluster, grids: list[System], options: argparse.Namespace) -> Results:
    """Run it all."""
    results = Results()
    owner = options.owner
    account = cluster.account(owner, cluster.folder / "home" / owner)
    hard = {f"count/gridjobs.{GRID_JOB.group}": "30000", "count/secrets": "30000"}
    patch = json.dumps({"spec": {"hard": hard}})
    cluster.kubectl("patch", "resourcequota", QUOTA, "-n", account.namespace, "--type=merge", "-p", patch)
    ours = OnKubernetes(account, os.path.realpath(sys.executable))
    submit(ours)
    steps: list[Callable[[], None]] = [
        lambda: measure_start([ours, *grids], results, repeat=options.repeat),
        lambda: measure_burst(ours, Kubectl(ours), results, total=options.burst),
    ]
    for step in steps:
        step()
        settle(ours)
    for size in options.sizes:
        say(f"commands with {size} jobs")
        measure_commands(ours, Kubectl(ours), grids, results, size=size, repeat=options.repeat)
    return results


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.kubernetes", description=__doc__)
    parser.add_argument(
        "--sizes", type=lambda text: [int(word) for word in text.split(",")], default=[0, 1000, 5000]
    )
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--burst", type=int, default=100)
    parser.add_argument(
        "--owner", default="nobody", choices=[entry.pw_name for entry in pwd.getpwall()], metavar="USER"
    )
    parser.add_argument("--out", default=".")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gridcompat-bench-")))
        cluster = RealCluster(folder, nodes=1)
        grids: list[System] = []
        try:
            grid = stack.enter_context(Grid())
            grids += [Real(grid, wrapped=True), Real(grid, wrapped=False)]
        except NoGrid as error:
            print(f"no real grid beside: {error}", file=sys.stderr)
        stack.callback(cluster.down)
        cluster.up()
        rows = measure(cluster, grids, options).rows()
    print(table(rows))
    path = os.path.join(options.out, f"kubernetes-{time.strftime('%Y-%m-%d-%H%M%S')}.json")
    Path(path).write_text(json.dumps({"revision": revision(), "rows": rows}, indent=1) + "\n")
    print(f"kept in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How the daemon of a real cluster grows: `python -m tests.bench.scale`, from the checkout, as root.

A real API server, scheduler and controller manager (tests/cluster/kubelab), one simulated node
(`fake_kubelet`), the daemon as a process.  For each size: so many jobs pending, a tenth of them running;
then the daemon is stopped, a thousand short jobs are submitted, and it is started again.  Last a hundred
jsub at once, and an array with -tc 50.  Prints a table and keeps it as scale-DATE.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from .__main__ import say
from .grid import resident_kib
from .systems import CHECKOUT, LATER, cpu_ticks

KUBELAB = os.path.join(CHECKOUT, "tests", "cluster", "kubelab", "kubelab")
NAMESPACE = "tool-bench"
PORT = 8099
NODE = "simulated"
HERTZ = os.sysconf("SC_CLK_TCK")


class Scale:
    """A control plane with one simulated node and a daemon."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gridcompat-scale-"))
        self.environment = {**os.environ, "KUBELAB_DIR": str(self.folder / "kubelab")}
        self.accounting = self.folder / "common" / "accounting"
        self.counts = self.folder / "requests.json"
        self.daemon: subprocess.Popen[bytes] | None = None
        self.kubelet: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Start everything and wait until the daemon leads."""
        line = self._run(KUBELAB, "up", "--nodes", "0")
        kubeconfig = str(self.folder / "kubelab" / "admin.kubeconfig")
        path = line.split("PATH=")[1].split(":")[0] + ":" + os.environ["PATH"]
        self.environment |= {"KUBECONFIG": kubeconfig, "PATH": path}
        settings = self.folder / "site.toml"
        settings.write_text(
            'cluster = "kubernetes"\nimage = "simulated:1"\n'
            f'accounting_file = "{self.accounting}"\nh_vmem_capacity = "1000T"\n'
            '[[queue]]\nname = "task"\nslots = 100000\n'
            '[[queue]]\nname = "continuous"\nslots = 1000\n'
        )  # fmt: skip
        self.environment |= {"GRIDCOMPAT_CONFIG": str(settings)}
        self.accounting.parent.mkdir()
        text = self.gridcompat("manifests", "--settings", str(settings))
        self._apply([obj for obj in yaml.safe_load_all(text) if obj["kind"] != "Deployment"])
        self.kubelet = self._start([sys.executable, "-m", "tests.bench.fake_kubelet", NODE], subprocess.PIPE)
        words = ("--namespace", NAMESPACE, "--uid", "1000", "--gid", "1000", "--home", "/home/bench")
        text = self.gridcompat("account", "add", "bench", *words, "--jobs", "30000", "--create-namespace")
        objects = list(yaml.safe_load_all(text))
        # A quota on a kind that the controller has not met yet holds everything up for minutes.
        self._apply([obj for obj in objects if obj["kind"] != "ResourceQuota"])
        self.start_daemon()
        where = json.loads(self.kubectl("config", "view", "--raw", "-o", "json"))
        where["contexts"][0]["context"]["namespace"] = NAMESPACE
        own = self.folder / "bench.kubeconfig"
        own.write_text(json.dumps(where))
        self.user = {
            "PATH": f"{CHECKOUT}/bin:/usr/bin:/bin", "HOME": str(self.folder), "USER": "bench",
            "KUBECONFIG": str(own), "GRIDCOMPAT_CONFIG": str(settings),
        }  # fmt: skip
        self.wait(
            lambda: "blocks" in self.kubectl("get", "gridaccount", "account", "-n", NAMESPACE, "-o", "json")
        )

    def start_daemon(self) -> float:
        """Start the daemon; return when, as time.monotonic()."""
        start = time.monotonic()
        words = ["--namespace", "default", "--listen", "127.0.0.1", "--port", str(PORT), "--no-mail"]
        self.daemon = self._start(
            [sys.executable, "-m", "tests.bench.counted_daemon", str(self.counts), *words]
        )
        self.wait(lambda: self.page("readyz") == "leads\n")
        return start

    def stop_daemon(self) -> None:
        """End the daemon as Kubernetes does."""
        assert self.daemon is not None
        self.daemon.terminate()
        self.daemon.wait(30)

    def close(self) -> None:
        """End everything and remove it."""
        for process in (self.daemon, self.kubelet):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(30)
        self._run(KUBELAB, "down")
        shutil.rmtree(self.folder, ignore_errors=True)

    # ------------------------------------------------------------ hands

    def gridcompat(self, *words: str) -> str:
        """Run the gridcompat command as the administrator."""
        return self._run(sys.executable, os.path.join(CHECKOUT, "bin", "gridcompat"), *words)

    def kubectl(self, *words: str) -> str:
        """Run kubectl as the administrator."""
        return self._run("kubectl", *words)

    def drop_in(self, *words: str) -> str:
        """Run a drop-in as the account's user."""
        done = subprocess.run(
            words, env=self.user, cwd=self.folder, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)[:200]}: {done.stderr or done.stdout}")
        return done.stdout

    def submit(self, count: int, name: str, *options: str) -> None:
        """Submit so many jobs of this name, four clients at once."""
        words = ["qsub", "-terse", "-o", "/dev/null", "-j", "y", "-N", name, *options, "-b", "y", "/bin/true"]
        first = self.drop_in(*words).strip()
        rest, clients = count - 1, 4
        shares = [rest // clients + (number < rest % clients) for number in range(clients)]

        def share(several: int) -> None:
            for done in range(0, several, 500):
                self.drop_in("qresub", *[first] * min(500, several - done))

        with ThreadPoolExecutor(clients) as pool:
            list(pool.map(share, shares))

    def page(self, name: str) -> str:
        """Return a page of the daemon, "" if it cannot be had."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/{name}", timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def records(self) -> int:
        """Return how many accounting records there are."""
        try:
            return sum(1 for _ in self.accounting.open("rb"))
        except FileNotFoundError:
            return 0

    def requests(self) -> dict[str, int]:
        """Return how many requests the daemon has sent since its start."""
        time.sleep(1.1)
        found: dict[str, int] = json.loads(self.counts.read_text())
        return found

    def metric(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        lines = [
            line
            for line in self.page("metrics").splitlines()
            if line.startswith((name + "{", name + " ", name + ","))
        ]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    def cpu(self) -> dict[str, float]:
        """Return the processor seconds spent so far by the daemon and by the API server with its store."""
        pids = {
            name: (self.folder / "kubelab/run" / f"{name}.pid").read_text().split()[0]
            for name in ("apiserver", "etcd")
        }
        assert self.daemon is not None
        return {
            "daemon": cpu_ticks(self.daemon.pid) / HERTZ,
            "API server": sum(cpu_ticks(int(pid)) for pid in pids.values()) / HERTZ,
        }

    def memory_mib(self) -> float:
        """Return the daemon's resident memory."""
        assert self.daemon is not None
        return resident_kib(self.daemon.pid) / 1024

    def wait(self, come: Callable[[], bool], limit_s: float = 600) -> None:
        """Wait for something, with a limit."""
        end = time.monotonic() + limit_s
        while not come():
            if time.monotonic() > end:
                raise RuntimeError(f"waited {limit_s:.0f} s in vain")
            for process in (self.daemon, self.kubelet):
                if process is not None and process.poll() is not None:
                    raise RuntimeError(f"{process.args!r} ended with status {process.returncode}")
            time.sleep(0.05)

    def _apply(self, objects: list[Any]) -> None:
        subprocess.run(
            ["kubectl", "apply", "--server-side", "-f", "-"],
            env=self.environment,
            input=yaml.safe_dump_all(objects).encode(),
            check=True,
            stdout=subprocess.DEVNULL,
        )

    def _start(self, words: list[str], stdout: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        with open(self.folder / "log", "ab") as log:
            return subprocess.Popen(
                words,
                env={**self.environment, "PYTHONPATH": CHECKOUT},
                cwd=CHECKOUT,
                stdout=stdout,
                stderr=log,
            )

    def _run(self, *words: str) -> str:
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)[:200]}: {done.stderr or done.stdout}")
        return done.stdout


def measure(scale: Scale, size: int, short: int) -> dict[str, float]:
    """Bring the cluster to `size` pending jobs and a tenth of it running, and measure."""
    waiting = size - int(scale.metric('gridcompat_jobs{phase="Pending"}'))
    scale.submit(waiting, "pend", "-a", LATER)
    say(f"{size} pending")
    running = size // 10
    more = running - int(scale.metric('gridcompat_tasks{state="r"'))
    scale.submit(more, "long")
    scale.wait(lambda: scale.drop_in("qstat", "-s", "r").count(" r ") >= running)
    say(f"{running} running")
    found: dict[str, float] = {}
    before = scale.requests()
    time.sleep(20)
    found["requests a second when nothing happens"] = (
        sum(scale.requests().values()) - sum(before.values())
    ) / 21.1
    found["memory, nothing happening [MiB]"] = scale.memory_mib()
    scale.stop_daemon()
    scale.submit(short, "short")
    records = scale.records()
    start = scale.start_daemon()
    scale.wait(lambda: scale.metric("gridcompat_attempts_total") > 0)
    found["start of the daemon to the first attempt [s]"] = time.monotonic() - start
    scale.wait(lambda: scale.records() > records)
    found["start of the daemon to the first record [s]"] = time.monotonic() - start
    busy, begun, at = scale.cpu(), scale.records(), time.monotonic()
    scale.wait(lambda: scale.records() >= records + short)
    took = time.monotonic() - at
    found["runs a second"] = (records + short - begun) / took
    for name, seconds in scale.cpu().items():
        found[f"processors of the {name} meanwhile"] = (seconds - busy[name]) / took
    found["requests of the daemon for a job"] = sum(scale.requests().values()) / short
    found["memory after that [MiB]"] = scale.memory_mib()
    return found


def measure_burst(scale: Scale, lines: int) -> dict[str, float]:
    """Run so many jsub at once, whose pods begin on the simulated node while others still submit."""
    records, start = scale.records(), time.monotonic()
    words = ("jsub", "-quiet", "-N", "burst", "-o", "/dev/null", "-e", "/dev/null", "true")
    with ThreadPoolExecutor(lines) as pool:
        list(pool.map(lambda _: scale.drop_in(*words), range(lines)))
    accepted = time.monotonic() - start
    scale.wait(lambda: scale.records() >= records + lines)
    return {"all accepted [s]": accepted, "all recorded [s]": time.monotonic() - start}


def measure_array(scale: Scale, tasks: int) -> dict[str, float]:
    """Run an array of so many short tasks, fifty at a time."""
    records, before = scale.records(), scale.requests()
    start = time.monotonic()
    words = (
        "-o",
        "/dev/null",
        "-j",
        "y",
        "-N",
        "array",
        "-t",
        f"1-{tasks}",
        "-tc",
        "50",
        "-b",
        "y",
        "/bin/true",
    )
    scale.drop_in("qsub", *words)
    found = {"submission [s]": time.monotonic() - start}
    scale.wait(lambda: scale.records() >= records + tasks, 1800)
    found["tasks a second"] = tasks / (time.monotonic() - start)
    found["requests of the daemon for a task"] = (
        sum(scale.requests().values()) - sum(before.values())
    ) / tasks
    found["memory after that [MiB]"] = scale.memory_mib()
    return found


def main() -> int:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument(
        "--sizes", type=lambda text: [int(word) for word in text.split(",")], default=[500, 5000]
    )
    parser.add_argument("--short", type=int, default=1000, help="short jobs at each size")
    parser.add_argument("--burst", type=int, default=100, help="jsub at once")
    parser.add_argument("--tasks", type=int, default=10_000, help="of the array")
    parser.add_argument("--out", default=".", help="folder for scale-DATE.json")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    scale = Scale()
    results: dict[str, Any] = {}
    try:
        scale.up()
        for size in options.sizes:
            results[f"{size} pending, {size // 10} running"] = measure(scale, size, options.short)
            say(json.dumps(results))
        if options.burst:
            results[f"{options.burst} jsub at once"] = measure_burst(scale, options.burst)
        if options.tasks:
            results[f"array of {options.tasks}, -tc 50"] = measure_array(scale, options.tasks)
        if scale.kubelet is not None and scale.kubelet.stdout is not None:
            scale.kubelet.send_signal(signal.SIGTERM)
            results["pods"] = json.loads(scale.kubelet.communicate(timeout=30)[0])
    finally:
        scale.close()
    for title, figures in results.items():
        print(title)
        for name, figure in figures.items():
            print(f"  {name:48}{figure:12.2f}")
    path = os.path.join(options.out, f"scale-{time.strftime('%Y-%m-%d-%H%M%S')}.json")
    Path(path).write_text(json.dumps(results, indent=1) + "\n")
    print(f"kept in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

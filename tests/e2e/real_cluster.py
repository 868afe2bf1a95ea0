"""A site on a real cluster: kubelab, the image, what `gridcompat manifests` prints, accounts, mail.

kubelab has no service network, so the daemon's pods use the host's; two replicas on one machine then need
two ports, which is why the one Deployment becomes two of one replica each.  Everything else is as printed.

    python tests/e2e/real_cluster.py up|down      by hand; prints the environment of an account
    python tests/e2e/real_cluster.py gridlab ...  recorded cases with jobs in real pods: recorded_in_pods.py
"""

from __future__ import annotations

import copy
import fcntl
import json
import os
import pwd
import shutil
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "bin"
KUBELAB = ROOT / "tests" / "cluster" / "kubelab" / "kubelab"
SINK = ROOT / "tests" / "cluster" / "mail-sink"
BUILD = ROOT / "tests" / "cluster" / "image" / "build"
IMAGE = "gridcompat.test/gridcompat:1"
NAMESPACE = "gridcompat"
DAEMON_UID = 10001
LIMIT_S = 90.0


class RealCluster:
    """One kubelab with gridcompat installed. `kubelab` and `kubectl` are at hand for faults."""

    def __init__(self, folder: Path, *, nodes: int = 2, smtp: str = "") -> None:
        self.folder, self.nodes = folder, nodes
        self.state = Path(os.environ.get("KUBELAB_DIR", "/tmp/kubelab-e2e"))
        self.port = int(os.environ.get("KUBELAB_PORT", "6443"))
        self.environment = {**os.environ, "KUBELAB_DIR": str(self.state), "KUBELAB_PORT": str(self.port)}
        self.accounting = folder / "common" / "accounting"
        self.smtp = smtp
        self.forwarder: socketserver.ThreadingTCPServer | None = None
        self.ports = (self.port + 1001, self.port + 1002)
        self.network = f"10.{89 + (self.port - 6443) // 10 % 100}"  # as kubelab has it

    # ------------------------------------------------------------ life

    def up(self) -> None:
        """Start, install, wait for a leader."""
        self.forward()
        line = self.kubelab("up", "--nodes", str(self.nodes))
        self.environment["PATH"] = line.split("PATH=")[1].split(":")[0] + ":" + os.environ["PATH"]
        self.environment["KUBECONFIG"] = str(self.state / "admin.kubeconfig")
        with image_root() as root:
            self.kubelab("image", IMAGE, str(root))
        self.install()

    def forward(self) -> None:
        """Let pods reach the API server, which listens on the loopback address only."""
        port = self.port

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", port)) as server:
                    back = threading.Thread(target=_copy, args=(server, self.request), daemon=True)
                    back.start()
                    _copy(self.request, server)
                    back.join(5)

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        self.forwarder = socketserver.ThreadingTCPServer(("0.0.0.0", port + 1003), Handler)
        self.forwarder.daemon_threads = True
        threading.Thread(target=self.forwarder.serve_forever, daemon=True).start()

    def install(self) -> None:
        """Apply the manifests."""
        # Other users of this machine may not be able to look into the checkout.
        for part in ("bin", "gridcompat"):
            shutil.rmtree(self.folder / "opt" / part, ignore_errors=True)
            shutil.copytree(
                ROOT / part, self.folder / "opt" / part, ignore=shutil.ignore_patterns("__pycache__")
            )
        common = self.accounting.parent
        common.mkdir(parents=True, exist_ok=True)
        os.chown(common, DAEMON_UID, DAEMON_UID)
        self.folder.chmod(0o755)
        settings = self.folder / "site.toml"
        settings.write_text(
            'cluster = "kubernetes"\n'
            f'image = "{IMAGE}"\n'
            f'accounting_file = "{self.accounting}"\n'
            'job_service_account = "gridcompat-job"\n'
            # From a pod there is only the way to its own node: jobs with commands in them go to the last.
            f'job_api_server = "https://{self.network}.{self.nodes}.1:{self.port + 1003}"\n'
            "first_job_id = 5000\n" + (f'smtp = "{self.smtp}"\n' if self.smtp else "")
        )
        self.apply(self.installed())
        self.wait(lambda: bool(self.leader()), "nobody leads")
        # The quota controller looks for new kinds every 30 s; a quota on an unknown one waits 5 minutes.
        time.sleep(35)

    def installed(self, **how: str) -> list[dict[str, Any]]:
        """What an installation applies, as this machine has it."""
        words = [f"--{name}={value}" for name, value in how.items()]
        text = self.gridcompat("manifests", "--settings", str(self.folder / "site.toml"), *words)
        return [one for obj in yaml.safe_load_all(text) for one in self.on_this_machine(obj)]

    @contextmanager
    def configured(self, more: str) -> Iterator[None]:
        """Add lines to the settings, and have the daemon read them; afterwards as before."""
        settings = self.folder / "site.toml"
        before = settings.read_text()
        settings.write_text(before + more)
        try:
            self.restart()
            yield
        finally:
            settings.write_text(before)
            self.restart()

    def restart(self) -> None:
        """Apply the settings as they are, and have the daemon read them."""
        self.apply(self.installed())
        old = {pod["metadata"]["uid"] for pod in self.get("pods", "-n", NAMESPACE)["items"]}
        self.kubectl("rollout", "restart", "deployment", "-n", NAMESPACE)

        def renewed() -> bool:
            new = {pod["metadata"]["uid"] for pod in self.get("pods", "-n", NAMESPACE)["items"]}
            return bool(new) and not new & old and bool(self.leader())

        self.wait(renewed, "the daemon is not restarted")

    @contextmanager
    def patched(self, change: dict[str, Any], back: dict[str, Any], *words: str) -> Iterator[None]:
        """Change an object, and change it back."""
        self.kubectl("patch", *words, "--type=merge", "-p", json.dumps(change))
        try:
            yield
        finally:
            self.kubectl("patch", *words, "--type=merge", "-p", json.dumps(back))

    def on_this_machine(self, obj: dict[str, Any]) -> list[dict[str, Any]]:
        """The Deployment as two on the host's network, anything else as it is."""
        if obj["kind"] != "Deployment":
            return [obj]
        found = []
        for number, port in enumerate(self.ports):
            one = copy.deepcopy(obj)
            one["metadata"]["name"] += f"-{number}"
            one["spec"]["replicas"] = 1
            one["spec"]["strategy"] = {"type": "Recreate"}
            for labels in (
                one["spec"]["selector"]["matchLabels"],
                one["spec"]["template"]["metadata"]["labels"],
            ):
                labels["replica"] = str(number)
            pod = one["spec"]["template"]["spec"]
            pod["hostNetwork"] = True
            container = pod["containers"][0]
            container["command"] += ["--port", str(port)]
            container["env"] += [
                {"name": "KUBERNETES_SERVICE_HOST", "value": "127.0.0.1"},
                {"name": "KUBERNETES_SERVICE_PORT", "value": str(self.port)},
            ]
            container["ports"][0]["containerPort"] = port
            for probe in ("livenessProbe", "readinessProbe"):
                container[probe]["httpGet"] |= {"port": port, "host": "127.0.0.1"}
            found.append(one)
        return found

    def down(self) -> None:
        """Stop everything."""
        self.kubelab("down")
        if self.forwarder is not None:
            self.forwarder.shutdown()
            self.forwarder.server_close()

    # ------------------------------------------------------------ hands

    def kubelab(self, *words: str) -> str:
        """Run kubelab; return what it prints."""
        return _run([str(KUBELAB), *words], self.environment)

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """Run kubectl as the cluster's administrator."""
        return _run(["kubectl", *words], self.environment, stdin)

    def gridcompat(self, *words: str) -> str:
        """Run the gridcompat command as the cluster's administrator."""
        return _run([sys.executable, str(BIN / "gridcompat"), *words], self.environment)

    def apply(self, objects: Sequence[dict[str, Any]], *words: str) -> str:
        """Apply objects by the server's side."""
        return self.kubectl("apply", "--server-side", *words, "-f", "-", stdin=yaml.safe_dump_all(objects))

    def get(self, *words: str) -> Any:
        """Return what `kubectl get` finds, parsed."""
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def leader(self) -> str:
        """Return the name of the pod that leads, "" if nobody does."""
        for port in self.ports:
            if self.page(port, "readyz") == "leads\n":
                lease = self.get("lease", "gridcompat-daemon", "-n", NAMESPACE)
                return str(lease["spec"]["holderIdentity"]).rpartition("_")[0]
        return ""

    def page(self, port: int, name: str) -> str:
        """Return a page of a replica, "" if it cannot be had."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def wait(self, true: Callable[[], bool], what: str | Callable[[], str], limit_s: float = LIMIT_S) -> None:
        """Wait until something holds; `what` tells that it does not."""
        deadline = time.monotonic() + limit_s
        while not true():
            assert time.monotonic() < deadline, what if isinstance(what, str) else what()
            time.sleep(0.1)

    def account(self, owner: str, home: Path, *, groups: str = "") -> Account:
        """Make a namespace and an account for a user of this machine, and return the user's hands."""
        entry = pwd.getpwnam(owner)
        namespace = "tool-" + owner.replace(".", "-")
        path = self.kubelab("user", namespace, owner).strip()
        home.mkdir(parents=True, exist_ok=True)
        os.chown(home, entry.pw_uid, entry.pw_gid)
        kubeconfig = home / "kubeconfig"
        shutil.copy(path, kubeconfig)
        os.chown(kubeconfig, entry.pw_uid, entry.pw_gid)
        text = self.gridcompat(
            *("account", "add", owner, "--namespace", namespace, "--home", str(home)),
            *("--uid", str(entry.pw_uid), "--gid", str(entry.pw_gid), "--group", owner),
            "--in-job",
            *(("--groups", groups) if groups else ()),
        )
        self.kubectl("apply", "--server-side", "-f", "-", stdin=text)
        self.wait(
            lambda: bool(self.get("gridaccount", "account", "-n", namespace)["spec"].get("blocks")), "no ids"
        )
        return Account(owner, entry.pw_uid, entry.pw_gid, namespace, home, self)


class Account:
    """An ordinary user with a home, a kubeconfig and the drop-ins."""

    def __init__(
        self, owner: str, uid: int, gid: int, namespace: str, home: Path, cluster: RealCluster
    ) -> None:
        self.owner, self.uid, self.gid, self.namespace = owner, uid, gid, namespace
        self.home, self.cluster = home, cluster
        self.environment = {
            "HOME": str(home),
            "USER": owner,
            "LOGNAME": owner,
            "PATH": f"{cluster.folder}/opt/bin:/usr/bin:/bin",
            "SHELL": "/bin/bash",
            "KUBECONFIG": str(home / "kubeconfig"),
            "GRIDCOMPAT_CONFIG": str(cluster.folder / "site.toml"),
        }

    def run(
        self, *words: str, cwd: Path | None = None, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, with more or other variables."""
        return subprocess.run(
            words,
            cwd=cwd or self.home,
            env={**self.environment, **variables},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            user=self.uid,
            group=self.gid,
            extra_groups=[],
        )

    def ok(self, *words: str, **more: Any) -> str:
        """Run a command that must succeed; return what it prints."""
        done = self.run(*words, **more)
        assert done.returncode == 0, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def kubectl(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl with this user's rights in the cluster."""
        environment = {**self.cluster.environment, "KUBECONFIG": str(self.home / "kubeconfig")}
        return subprocess.run(
            ["kubectl", *words], env=environment, input=stdin, capture_output=True, text=True, check=False
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command in the home, with its output on pipes."""
        return subprocess.Popen(
            words,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            cwd=self.home,
        )

    def file(self, name: str) -> str:
        """Return a file of the home, "" if it is not there."""
        path = self.home / name
        return path.read_text() if path.exists() else ""


@contextmanager
def image_root() -> Iterator[Path]:
    """The root directory of the image, with this checkout in it; only one at a time may look after it."""
    root = Path(os.environ.get("GRIDCOMPAT_IMAGE_ROOT", Path.home() / ".cache" / "gridcompat" / "image-root"))
    root.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{root}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refresh = ["--refresh"] if (root / "usr" / "bin").is_dir() else []
        _run([str(BUILD), *refresh, str(root)], dict(os.environ))
        yield root


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # the other side has gone


def _run(words: Sequence[str], environment: dict[str, str], stdin: str = "") -> str:
    done = subprocess.run(words, env=environment, input=stdin, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}: {done.stderr or done.stdout}"
    return done.stdout


def main() -> None:
    if sys.argv[1:2] == ["gridlab"]:
        import recorded_in_pods  # which needs this module

        sys.exit(recorded_in_pods.main(sys.argv[2:]))
    cluster = RealCluster(Path(os.environ.get("SITE_DIR", "/tmp/gridcompat-site")))
    if sys.argv[1:] == ["down"]:
        cluster.down()
        return
    cluster.up()
    owner = os.environ.get("SITE_OWNER", "nobody")
    made = cluster.account(owner, cluster.folder / "home" / owner)
    sys.stdout.writelines(f"export {name}={value}\n" for name, value in made.environment.items())


if __name__ == "__main__":
    main()

"""Recorded cases of a real grid, played with jobs in real pods by ordinary users of one namespace each.

    python tests/e2e/real_cluster.py gridlab --group mail    words of tests/gridlab/run
    python tests/e2e/real_cluster.py gridlab --sample        some of each group; all must agree to the letter
    python tests/e2e/real_cluster.py gridlab --relative      all groups whose jobs run, counted beside
                                                             what the embedded cluster reaches
    python tests/e2e/real_cluster.py gridlab --relative --update   and written down

Every group takes minutes, all nine about half an hour on two cores, so `--relative` may name some:
`--relative mail qdel`.  It fails where a group stays below what is wanted of it.

The accounts are tools.demo, tools.demo2, tools.demo3, as many of them as there are, and tools.other.  The
machine is called node1 meanwhile, for on the recorded grid jobs ran on the host they came from.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from real_cluster import ROOT, SINK, RealCluster

GRIDLAB = ROOT / "tests" / "gridlab"
sys.path.insert(0, str(GRIDLAB))
import tally  # noqa: E402  (beside `run`, not a package)

ACCOUNTS = ("tools.demo", "tools.demo2", "tools.demo3")
OTHER = "tools.other"
SETTINGS = "/etc/gridcompat"
GROUPS = (
    *("embedded", "idioms", "job-env", "lifecycle", "mail"),
    *("output-paths", "qdel", "submit-output", "toolforge"),
)
"""What is played unless other groups are named: those of which pods decide most."""
WANTED = {"exact": 95.0, "shape": 98.0}
"""Per cent of the share that the embedded cluster reaches."""
MARK = GRIDLAB / "mark.json"
MEASURED = GRIDLAB / "pods.json"
SAMPLE = ROOT / "tests" / "cluster" / "gridlab-sample"
"""Ids of cases that take five minutes together, none of them known to vary."""


class Play:
    """A cluster of one node with the accounts on it. Use it in a `with` statement."""

    def __init__(self) -> None:
        # One of its own: a new cluster begins with the numbers that an old accounting file has.
        self.folder = Path(tempfile.mkdtemp(prefix="gridcompat-site-"))
        self.folder.chmod(0o755)
        self.port = int(os.environ.get("KUBELAB_PORT", "6443")) + 1025
        self.cluster = RealCluster(self.folder, nodes=1, smtp=f"127.0.0.1:{self.port}")
        self.users = [name for name in ACCOUNTS if _exists(name)]

    def __enter__(self) -> Play:
        self.sink = subprocess.Popen([sys.executable, str(SINK), str(self.port), str(self.folder / "mails")])
        try:
            self.cluster.up()
            # On the recorded grid everybody saw everybody's jobs.
            everybody = ("--clusterrole=gridcompat-viewer", "--group=system:authenticated")
            self.cluster.kubectl("create", "clusterrolebinding", "everybody-sees", *everybody)
            for owner in (*self.users, OTHER):
                self.account(owner)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.cluster.down()
        self.sink.terminate()
        self.sink.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def account(self, owner: str) -> None:
        """Make the account with its kubeconfig where commands look for it."""
        home = Path(pwd.getpwnam(owner).pw_dir)
        made = self.cluster.account(owner, home)
        (home / ".kube").mkdir(exist_ok=True)
        (home / "kubeconfig").rename(home / ".kube" / "config")
        for path in (home / ".kube", home / ".kube" / "config"):
            os.chown(path, made.uid, made.gid)

    def run(self, words: Sequence[str]) -> int:
        """Play cases with `tests/gridlab/run`; return its exit status."""
        inside = (
            f"hostname node1; mkdir -p {SETTINGS}; mount -t tmpfs none {SETTINGS}; "
            f'cp {self.folder}/site.toml {SETTINGS}/; exec "$@"'
        )
        # The installed copy: the checkout may change meanwhile, and others may not be able to look into it.
        command = [str(GRIDLAB / "run"), "--bin", str(self.folder / "opt" / "bin")]
        command += ["--users", ",".join(self.users), "--jobs", str(len(self.users)), "--other-user", OTHER]
        command += [
            "--smtp-var",
            "",
            "--mail-log",
            str(self.folder / "mails"),
            "--pass-env",
            "-",
            "--settled",
        ]
        call = ["unshare", "-u", "-m", "sh", "-c", inside, "sh", sys.executable, *command, *words]
        return subprocess.run(call, env=self.cluster.environment, check=False).returncode

    def results(self, words: Sequence[str]) -> tally.Results:
        """Play cases and return the result of each by its id."""
        report = self.folder / "report.json"
        self.run(["--json", str(report), *words])
        return {result["id"]: result for result in json.loads(report.read_text())["results"]}

    def settled(self, words: Sequence[str]) -> tally.Results:
        """Play cases, and what differs again and alone."""
        results = self.results([*words, "--quiet"])
        tally.settle(results, lambda words: self.results(["--jobs", "1", *words]))
        return results


def sample() -> int:
    """Play the sample; return how many cases do not agree."""
    names = SAMPLE.read_text().split()
    with Play() as play:
        results = play.settled([word for name in names for word in ("--id", name)])
    differing = [name for name in names if name not in results or not tally.agrees(results[name], "exact")]
    sys.stdout.write(
        f"{len(names) - len(differing)} of {len(names)} agree; not so: {' '.join(differing) or 'none'}\n"
    )
    return len(differing)


def relative(groups: Sequence[str], *, update: bool) -> int:
    """Play groups and print what they reach beside the embedded cluster; return how many stay below."""
    embedded: tally.Groups = json.loads(MARK.read_text())
    measured: tally.Groups = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    below = 0
    with Play() as play:
        for name in groups:
            measured[name] = have = tally.by_group(play.settled(["--group", name]))[name]
            of = {level: tally.relative(have, embedded[name], level) for level in tally.LEVELS}
            below += any(of[level] < WANTED[level] for level in tally.LEVELS)
            figures = ", ".join(f"{have[level]} {level} ({of[level]:.1f} %)" for level in tally.LEVELS)
            sys.stdout.write(
                f"{name}: {have['cases']} cases, {figures} of what the embedded cluster reaches\n"
            )
            sys.stdout.flush()
            if update:
                MEASURED.write_text(json.dumps(measured, indent=1, sort_keys=True) + "\n")
    return below


def main(words: Sequence[str]) -> int:
    """Do what the words say; return an exit status."""
    if words == ["--sample"]:
        return min(sample(), 1)
    if words[:1] != ["--relative"]:
        with Play() as play:
            return play.run(words)
    groups = [word for word in words[1:] if word != "--update"]
    known = sorted(json.loads(MARK.read_text()))
    if unknown := sorted(set(groups) - set(known)):
        sys.stderr.write(f"no such group: {', '.join(unknown)}; there are {', '.join(known)}\n")
        return 2
    return min(relative(groups or GROUPS, update="--update" in words), 1)


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True

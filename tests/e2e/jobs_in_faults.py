"""Jobs of every kind that go through a fault, and what must hold after it.

Every run of a program leaves a line, so that a run that happens twice is seen, and is to leave one record.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator

import pytest
from real_cluster import Account, RealCluster
from test_kubernetes import entries, number, script, started

from gridcompat.translate.pod import ATTEMPT_LABEL, is_void

FORCE = ("--force", "--grace-period=0")
MARK = 'echo run >> "runs/$JOB_ID"'
# A continuous job is started again until it exits 0: one line for each attempt, not for each start.
LOOP = ('if [ -e "$TMPDIR/again" ]; then exit 0; fi', MARK, 'touch "$TMPDIR/again"', "exit 1")
EVERY_KIND = {
    "plain": ("qsub", "quick.sh"),
    "mailed": ("qsub", "-m", "be", "-M", "me@grid.test", "quick.sh"),
    "array": ("qsub", "-t", "1-3", "quick.sh"),
    "limited array": ("qsub", "-t", "1-2", "-tc", "1", "-m", "e", "-M", "me@grid.test", "quick.sh"),
    "rerunnable": ("qsub", "-r", "y", "slow.sh"),
    "not rerunnable": ("qsub", "-r", "n", "slow.sh"),
    "warned": ("qsub", "-notify", "-r", "y", "slow.sh"),
    "continuous": ("jstart", "-N", "loop{number}", "./loop.sh"),
    "held": ("qsub", "-h", "quick.sh"),
    "binary": ("qsub", "-b", "y", MARK),
    "successor": ("qsub", "quick.sh"),
}
DOZENS = int(os.environ.get("GRIDCOMPAT_FAULT_DOZENS", "1"))
"""By hand 17: 200 jobs go through each fault."""
BRIEF_S = 2
_numbers = itertools.count()
TASKS = {"array": 3, "limited array": 2}


_one: dict[str, RealCluster] = {}
_accounts: dict[str, Account] = {}


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    """One cluster for all files of faults: each leaves it as it was."""
    if _one:
        yield _one["site"]
        return
    with started(request) as cluster:
        _one["site"] = cluster
        yield cluster
        _one.clear()
        _accounts.clear()


def _account(site: RealCluster, owner: str) -> Account:
    if owner not in _accounts:
        _accounts[owner] = site.account(owner, site.folder / "home" / owner)
    return _accounts[owner]


@pytest.fixture(scope="session")
def user(site: RealCluster) -> Account:
    """An ordinary user in a namespace of their own."""
    return _account(site, "games")


@pytest.fixture(scope="session")
def other(site: RealCluster) -> Account:
    """Another one."""
    return _account(site, "news")


@pytest.fixture(autouse=True)
def cleaned(user: Account) -> Iterator[None]:
    """What a case that failed leaves is taken away before the next."""
    yield
    if names(user, "gridjobs,pods"):
        user.run("qdel", "-f", "-u", user.owner)
        user.cluster.kubectl("delete", "gridjobs", "--all", "-n", user.namespace, "--timeout=100s")
        user.cluster.wait(lambda: not names(user, "gridjobs,pods"), "what was left does not go")


class Jobs:
    """A dozen jobs, one of each kind (or, by hand, several dozens), submitted when this is made."""

    def __init__(self, user: Account, *, dozens: int = DOZENS) -> None:
        self.user = user
        prepare(user)
        self.ids: dict[str, str] = {}
        for dozen in range(dozens):
            only_one = next(_numbers)  # of a name there is one continuous job at a time
            for kind, (command, *words) in EVERY_KIND.items():
                more = ("-hold_jid", self.ids["array"]) if kind == "successor" else ()
                named = f"{kind}, {dozen}" if dozen else kind
                line = [command, *more, *(word.format(number=only_one) for word in words)]
                self.ids[named] = number(user.ok(*line))
        self.sync = user.start("qsub", "-sync", "y", "slow.sh")
        assert self.sync.stdout is not None
        self.ids["sync"] = number(self.sync.stdout.readline())  # accepted before the fault begins

    def of(self, *kinds: str) -> list[str]:
        """The jobs of some kinds."""
        return [job for name, job in self.ids.items() if name.partition(", ")[0] in kinds]

    def went_through(
        self, *, disturbed: bool = False, keep: bool = False, limit_s: float = 150 + 30 * DOZENS
    ) -> None:
        """Each job ended well, ran once and has a record of each run; mails came once; nothing is left.

        Args:
            keep: do not look for what is left, there are others.
            disturbed: some runs may have been ended from outside; the rerunnable ones ran again then, and the
                others may have ended so.
        """
        user = self.user
        user.ok("qrls", *self.of("held"))
        out, error = self.sync.communicate(timeout=limit_s)
        assert disturbed or self.sync.returncode == 0, (out, error)
        user.cluster.wait(
            lambda: not any(state(user, job) for job in self.ids.values()), "jobs are still there", limit_s
        )
        if disturbed:
            each_run_has_one_record(user, *self.ids.values())
            again = self.of("rerunnable", "warned", "continuous")
            assert {entries(user, job)[-1].exit_status for job in again} == {0}
        else:
            wanted = {job: TASKS.get(name.partition(", ")[0], 1) for name, job in self.ids.items()}
            assert {job: runs(user, job) for job in wanted} == wanted
            assert {job: len(entries(user, job)) for job in wanted} == wanted
            assert {entry.exit_status for job in wanted for entry in entries(user, job)} == {0}
        tasks = [
            (job, entry.task_number, entry.start_time, entry.end_time)
            for job in self.ids.values()
            for entry in entries(user, job)
        ]
        assert len(set(tasks)) == len(tasks), "a run is recorded twice"
        self._mails()
        if not keep:
            nothing_left(user)

    def _mails(self) -> None:
        """Each mail that was asked for came, each Message-ID once."""
        site, jobs = self.user.cluster, self.of("mailed", "limited array")
        least = sum(len(entries(self.user, job)) for job in jobs)
        least += sum(len(entries(self.user, job)) for job in self.of("mailed"))  # its beginnings

        def ours() -> list[str]:
            return [one["id"] for one in mails(site) if any(f" {job}" in one["argv"][1] for job in jobs)]

        site.wait(lambda: len(ours()) >= least, f"{ours()} are not {least} mails", 60)
        seen = [one["id"] for one in mails(site)]
        assert len(set(seen)) == len(seen), "a mail came twice"


def mails(site: RealCluster) -> list[dict[str, str]]:
    """What the mail server got."""
    path = site.folder / "mails"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def prepare(user: Account) -> None:
    """Write the scripts into the home."""
    (user.home / "runs").mkdir(exist_ok=True)
    os.chown(user.home / "runs", user.uid, user.gid)
    script(user, "quick.sh", MARK)
    script(user, "slow.sh", MARK, "sleep 4")
    script(user, "long.sh", MARK, "exec sleep 1000")
    script(user, "loop.sh", *LOOP)


def runs(user: Account, job: str) -> int:
    """How often programs of a job were started: each time they leave a line."""
    return len(user.file(f"runs/{job}").splitlines())


def long_job(user: Account, *words: str, command: str = "qsub") -> str:
    """A job that leaves a line and then sleeps; it runs when this returns."""
    prepare(user)
    job = number(user.ok(command, *words, "./long.sh"))
    user.cluster.wait(lambda: runs(user, job) == 1 and state(user, job) == "r", "it does not run")
    return job


def state(user: Account, job: str) -> str:
    """The state of a job as qstat says it, "" if it is not there."""
    rows = [row.split() for row in user.ok("qstat").splitlines()[2:]]
    return next((row[4] for row in rows if row[0] == job), "")


def runs_again(user: Account, job: str) -> None:
    """Wait for another run of a job, of which the first has ended and is recorded; then end it."""
    site = user.cluster
    site.wait(lambda: runs(user, job) == 2 and "r" in state(user, job), f"not run again: {user.ok('qstat')}")
    (entry,) = entries(user, job)
    assert entry.failed == 25
    pod = site.get("pod", pod_of(user, job), "-n", user.namespace)
    variables = {one["name"]: one.get("value") for one in pod["spec"]["containers"][0]["env"]}
    assert variables["GC_RESTARTED"] == "1"
    ended(user, job)
    each_run_has_one_record(user, job)


def ended(user: Account, job: str) -> None:
    """Delete a job and wait until it is gone."""
    user.ok("qdel", job)
    user.cluster.wait(lambda: not state(user, job), "it does not end")


def pod_of(user: Account, job: str) -> str:
    """The name of the pod of a job's newest attempt."""
    items = user.cluster.get("pods", "-n", user.namespace, "-l", f"gridcompat.io/job={job}")["items"]
    last = max(items, key=lambda item: int(item["metadata"]["labels"][ATTEMPT_LABEL]))
    return str(last["metadata"]["name"])


def names(user: Account, kinds: str) -> set[str]:
    """What there is in the user's namespace."""
    items = user.cluster.get(kinds, "-n", user.namespace)["items"]
    return {f"{item['kind']}/{item['metadata']['name']}" for item in items}


def nothing_left(user: Account) -> None:
    """No pod stays; once the finished jobs are removed, no other object of theirs either."""
    site = user.cluster
    site.wait(lambda: not names(user, "pods") - unrun(user), f"pods are left: {names(user, 'pods')}")
    # At once: kubectl's own way, one after the other, takes minutes for hundreds.
    site.kubectl("delete", "--raw", f"/apis/gridcompat.io/v1/namespaces/{user.namespace}/gridjobs")
    site.wait(lambda: not names(user, "gridjobs,secrets,pods"), "objects are left")
    maps = {name.rpartition("-")[0] for name in names(user, "configmaps")}
    assert maps <= {"ConfigMap/kube-root", "ConfigMap/kube-root-ca.crt", "ConfigMap/gridcompat-launcher"} | {
        name for name in maps if name.startswith("ConfigMap/gridcompat-account")
    }, "what pods of an account share is all there is"


def unrun(user: Account) -> set[str]:
    """Pods that keep the name of an attempt that never ran, for as long as their GridJob is there."""
    items = user.cluster.get("pods", "-n", user.namespace)["items"]
    return {
        f"Pod/{one['metadata']['name']}"
        for one in items
        if is_void(one)
        or ('"startedAt": "' not in json.dumps(one["status"]) and one["metadata"].get("deletionTimestamp"))
    }


def each_run_has_one_record(user: Account, *jobs: str) -> None:
    """As many records as times that the program was started.

    One that is killed as it starts has a record, and no time to leave its line.
    """
    odd = {}
    for job in jobs:
        found, records = runs(user, job), entries(user, job)
        brief = sum(bool(entry.failed) and entry.end_time - entry.start_time <= BRIEF_S for entry in records)
        if not found <= len(records) <= found + brief:
            odd[job] = (found, len(records), brief)
    assert not odd, f"job: (runs, records, of which brief) are {odd}"

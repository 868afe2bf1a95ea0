"""Each exit status of `gridcompat` that the reference names comes out of the command.

The cases are written here by hand, the table of docs/reference/exit-status.md comes from the commands' own
--help; a status in the one that is not in the other fails.
"""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from grid_in_a_directory import ROOT, Grid

from gridcompat.cli import account, backup, main, manifests
from gridcompat.cluster.embedded.store import EmbeddedCluster

PAGE = Path(ROOT, "docs/reference/exit-status.md")
ROW = re.compile(r"^\| `gridcompat ([^`]+)` \| (.*) \|$", re.MULTILINE)
COMMAND = f"{ROOT}/bin/gridcompat"
LIMIT_S = 60.0
FILES = {
    "good.toml": 'site_name = "here"\n',
    "bad.toml": "nonsense = 1\n",
    "same": "0 1 * * * qsub -b y true\n",
    "other": "0 1 * * * qsub -l num_proc=4 -b y true\n",
    "refused": "0 1 * * * qrsh ls\n",
    "text": "this is no backup\n",
    "state/file": "this is no directory\n",
    "kubeconfig": "current-context: c\n"
    "contexts: [{name: c, context: {cluster: c, user: u}}]\n"
    "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:1'}}]\n"
    "users: [{name: u, user: {}}]\n",
}
DUMP = f"{ROOT}/tests/unit/output/site/dump"
BAD = "GRIDCOMPAT_CONFIG=bad.toml"
CASES = [
    ("account add", 0, "account add ann --namespace n --uid 5 --gid 5"),
    ("account add", 1, f"{BAD} account add ann --namespace n --uid 5 --gid 5 --in-job"),
    ("account add", 2, "account add ann"),
    ("account list", 1, "account list"),
    ("account list", 2, "account list nonsense"),
    ("account show", 2, "account show"),
    ("account remove", 1, "account remove default"),
    ("account remove", 2, "account remove"),
    ("backup", 1, "KUBECONFIG=kubeconfig backup"),
    ("backup", 2, "backup nonsense"),
    ("check", 0, "check same other"),
    ("check", 1, "check same refused"),
    ("check", 1, "check --strict other"),
    ("check", 1, f"{BAD} check same"),
    ("check", 2, "check same nowhere"),
    ("check", 2, "check"),
    ("completion", 0, "completion bash"),
    ("completion", 2, "completion csh"),
    ("config", 0, "config"),
    ("config", 0, "config --check good.toml"),
    ("config", 1, "config nonsense"),
    ("config", 1, "config --check bad.toml"),
    ("config", 1, f"{BAD} config"),
    ("config", 2, "config --nonsense"),
    ("daemon", 1, "KUBECONFIG=nowhere daemon"),
    ("daemon", 1, f"{BAD} daemon"),
    ("daemon", 2, "daemon --port x"),
    ("doctor", 0, "doctor"),
    ("doctor", 1, f"{BAD} doctor"),
    ("doctor", 2, "doctor nonsense"),
    ("explain", 0, "explain qsub -l h_rt=60 -b y true"),
    ("explain", 1, "explain qsub -now y -b y true"),
    ("explain", 2, "explain nonsense"),
    ("explain", 2, "explain qsub -nonsense"),
    ("explain", 7, "explain qsub -p x -b y true"),
    ("import-grid", 0, f"import-grid {DUMP}"),
    ("import-grid", 0, "import-grid --dump-script"),
    ("import-grid", 1, "import-grid nowhere"),
    ("import-grid", 1, f"import-grid {DUMP} -o good.toml"),
    ("import-grid", 2, "import-grid"),
    ("install", 0, "install --prefix $PWD/p --dry-run"),
    ("install", 1, "install --prefix $PWD/p --uninstall"),
    ("install", 2, "install nonsense"),
    ("local start", 0, "local start"),
    ("local start", 1, "GRIDCOMPAT_STATE=$PWD/state/file local start"),
    ("local start", 2, "local start nonsense"),
    ("local status", 0, "local status"),
    ("local status", 1, f"{BAD} local status"),
    ("local status", 2, "local status nonsense"),
    ("local status", 3, "GRIDCOMPAT_STATE=$PWD/unused local status"),
    ("local stop", 0, "GRIDCOMPAT_STATE=$PWD/unused local stop"),
    ("local stop", 1, f"{BAD} local stop"),
    ("local stop", 2, "local stop nonsense"),
    ("logs", 0, "logs waits"),
    ("logs", 0, "logs over"),
    ("logs", 1, "logs nosuch"),
    ("logs", 2, "logs"),
    ("man", 0, "man qsub"),
    ("man", 1, "man --output good.toml/x"),
    ("man", 2, "man nonsense"),
    ("manifests", 0, "manifests"),
    ("manifests", 1, "manifests --settings bad.toml"),
    ("manifests", 2, "manifests --volume x"),
    ("restore", 1, "restore text"),
    ("restore", 2, "restore nowhere"),
    ("top", 0, "top --once"),
    ("top", 1, "GRIDCOMPAT_STATE=$PWD/unused top --once"),
    ("top", 1, "GRIDCOMPAT_CLUSTER=kubernetes KUBECONFIG=kubeconfig GRIDCOMPAT_RETRY_S=0 top --once"),
    ("top", 2, "top --sort nonsense"),
    ("version", 0, "version"),
    ("version", 2, "version nonsense"),
    ("watch", 0, "watch --once"),
    ("watch", 0, "watch --until-done 1001"),
    ("watch", 1, "watch 4242"),
    ("watch", 1, "GRIDCOMPAT_STATE=$PWD/unused watch --once"),
    ("watch", 2, "watch nonsense"),
    ("watch", 2, "watch --once --json"),
]
INTERRUPTED = [
    ("check", 130, "check -", b"reading"),
    ("daemon", 0, "KUBECONFIG=kubeconfig daemon --listen 127.0.0.1 --port 0", b"waits for the lead"),
    ("logs", 130, "logs -f waits", b"waits"),
    ("watch", 130, "watch --until-done 1000", b"waits"),
    ("watch", 0, "watch", b"waits"),
]
ON_A_CLUSTER = [
    ("account list", 0, "account list"),
    ("account show", 0, "account show default"),
    ("account show", 1, "account show nowhere"),
    ("account remove", 0, "account remove default"),
    ("account remove", 1, "account remove nowhere"),
    ("backup", 0, "backup"),
    ("restore", 0, "restore BACKUP"),
    ("manifests", 0, "manifests --uninstall"),
]
ELSEWHERE = {("daemon", 3): ("tests/unit/replica/test_process.py", "test_who_loses_the_lead_ends_at_once")}
NONE_ELSE = {("completion", 1), ("version", 1)}
"""What only prints what is in the package has nothing that cannot be done."""


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grid]:
    grid = Grid(tmp_path_factory.mktemp("statuses"), GRIDCOMPAT_CONFIG="/dev/null", GRIDCOMPAT_OWNER="tester")
    for name, text in FILES.items():
        path = Path(grid.home, name)
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    grid.command("qsub -h -N waits -b y true")
    grid.command("qsub -sync y -N over -b y echo over")
    yield grid
    grid.close()


def shell(line: str) -> str:
    """The line with the command behind its variables."""
    words = line.split(" ")
    first = next(at for at, word in enumerate(words) if "=" not in word)
    return " ".join([*words[:first], COMMAND, *words[first:]])


@pytest.mark.parametrize(("command", "status", "line"), CASES, ids=lambda value: str(value))
def test_a_command_ends_with_its_status(command: str, status: int, line: str, grid: Grid) -> None:
    del command
    done = subprocess.run(
        shell(line),
        shell=True,
        env=grid.environment,
        cwd=grid.home,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    assert bool(done.stderr) >= (status == 2), "bad use is said"
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(("command", "status", "line", "ready"), INTERRUPTED, ids=lambda value: str(value))
def test_an_interrupted_command_ends_with_its_status(
    command: str, status: int, line: str, ready: bytes, grid: Grid
) -> None:
    del command
    main_, side = os.openpty()  # somebody who types nothing, for what reads standard input
    process = subprocess.Popen(
        ["/bin/sh", "-c", shell(line).replace(COMMAND, f"exec {COMMAND}")],
        env=grid.environment,
        cwd=grid.home,
        stdin=side,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        assert process.stdout
        seen = b""
        deadline = time.monotonic() + LIMIT_S
        while ready not in seen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([process.stdout], [], [], left)[0], seen
            part = os.read(process.stdout.fileno(), 65536)
            assert part, seen
            seen += part
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == status, seen + process.stdout.read()
        assert b"Traceback" not in seen + process.stdout.read()
    finally:
        process.kill()
        process.communicate()
        os.close(main_)
        os.close(side)


@pytest.mark.parametrize("line", ["--help", "version", "config", "check same", "local status --help"])
def test_a_command_that_nobody_reads_ends_with_141_and_says_nothing(line: str, grid: Grid) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as nobody:
        done = subprocess.run(
            [COMMAND, *line.split()],
            env=grid.environment,
            cwd=grid.home,
            stdout=nobody,
            stderr=subprocess.PIPE,
            timeout=LIMIT_S,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize(("command", "status", "line"), ON_A_CLUSTER, ids=lambda value: str(value))
def test_a_command_about_a_cluster_ends_with_its_status(
    command: str, status: int, line: str, grid: Grid, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del command
    (tmp_path / "state").mkdir(mode=0o700)

    def connect(_: object) -> EmbeddedCluster:
        return EmbeddedCluster(str(tmp_path / "state"), seed=grid._seed)

    for module in (account, backup, manifests):
        monkeypatch.setattr(module, "connect", connect)
    monkeypatch.setenv("HOME", grid.home)
    made = CliRunner().invoke(main, ["backup"])
    (tmp_path / "backup").write_text(made.stdout)
    words = [str(tmp_path / "backup") if word == "BACKUP" else word for word in line.split()]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == status, done.output


def documented() -> set[tuple[str, int]]:
    return {
        (command, int(part.split()[0]))
        for command, text in ROW.findall(PAGE.read_text())
        for part in text.split("; ")
        if part.split()[0].isdigit()
    }


def test_each_status_of_the_reference_has_a_case_and_each_case_is_in_it() -> None:
    told = documented()
    cases = {case[:2] for case in (*CASES, *INTERRUPTED, *ON_A_CLUSTER)} | ELSEWHERE.keys()
    assert told - cases == NONE_ELSE
    beyond = {("explain", 7), ("check", 130)}  # the explained command's own; for all of them
    assert cases - told == beyond
    for file, name in ELSEWHERE.values():
        assert f"def {name}(" in Path(ROOT, file).read_text()
    assert len({command for command, _ in told}) == len(leaves())


def leaves() -> list[str]:
    """Names of all commands that the page must have, from --help."""
    listed = subprocess.run([COMMAND, "--help"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^  ([a-z-]+)  +\S", listed.partition("Commands:")[2], re.MULTILINE)
    found = []
    for name in names:
        inner = subprocess.run([COMMAND, name, "--help"], capture_output=True, text=True, check=True).stdout
        parts = re.findall(r"^  ([a-z-]+)  +\S", inner.partition("Commands:")[2], re.MULTILINE)
        found += [f"{name} {part}" for part in parts] or [name]
    return found

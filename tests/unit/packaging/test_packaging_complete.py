"""Completion: which words fit, and what real shells make of them."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gridcompat.commands import _complete
from gridcompat.options import table
from gridcompat.packaging import shells, stubs

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("GRIDCOMPAT_STATE", str(tmp_path / "state"))
    return tmp_path


def words(*given: str) -> list[str]:
    return [line.partition("\t")[0] for line in _complete.complete(given)]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (("qsub", "-q", ""), ["task", "continuous"]),
        (("qsub", "-q", "task,co"), ["task,continuous"]),
        (("qsub", "-pe", "sm"), ["smp"]),
        (("qsub", "-l", "h_rt=1,h_v"), ["h_rt=1,h_vmem=", ":nospace"]),
        (("jsub", "-mem", ""), []),
        (("qsub", "-o", "x"), [":files"]),
        (("qsub", "-wd", "x"), [":directories"]),
        (("qstat", "-u", ""), [":users"]),
        (("qsub", "-j", ""), ["y", "n"]),
        (("qsub", "x"), [":files"]),
        (("qsub", "job.sh", "-q"), []),
        (("jsub", "py"), [":programs", ":files"]),
        (("jsub", "python3", "x"), [":files"]),
        (("qstat", "-j", "-u", ""), [":users"]),
        (("qdel", ""), []),
        (("nonsense", ""), []),
        ((), []),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_words_fit_what_stands_before(given: tuple[str, ...], found: list[str]) -> None:
    assert words(*given) == found or (given[-1:] == ("-q",) and not set(words(*given)) - {":files", "-q"})


@pytest.mark.parametrize("command", table.COMMANDS)
def test_all_switches_of_the_table_are_offered(command: str) -> None:
    assert words(command, "-") == [option.switch for option in table.every(command)]


def test_no_state_is_made_by_asking(home: Path) -> None:
    assert words("qdel", "") == []
    assert list(home.iterdir()) == []


def test_broken_settings_give_no_words_and_no_text(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / ".config/gridcompat").mkdir(parents=True)
    (home / ".config/gridcompat/config.toml").write_text("nonsense")
    assert _complete.main(["qsub", "-q", ""]) == 1
    assert _complete.main(["qsub", "-hold_jid_"]) == 0
    captured = capfd.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("-hold_jid_ad\t")


@pytest.fixture
def program(home: Path) -> Path:
    path = home / "bin" / "gridcompat"
    path.parent.mkdir()
    path.write_text(stubs.command("gridcompat", python=sys.executable, root=str(ROOT), packages=""))
    path.chmod(0o755)
    return path


def shell(name: str, home: Path, text: str) -> list[str]:
    program = shutil.which(name)
    if program is None:
        pytest.skip(f"{name} is not installed")
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["--no-config"]}[name]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "GRIDCOMPAT_STATE": f"{home}/state",
        "TERM": "dumb",
    }
    done = subprocess.run(
        [program, *flags, "-c", text],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.replace("\r", "").splitlines()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("qsub -q ", ["task", "continuous"]),
        ("/usr/bin/qsub -hold_", ["-hold_jid", "-hold_jid_ad"]),
        ("qsub -l h_rt=1,h_v", ["1,h_vmem="]),
        ("qstat -xm", ["-xml"]),
        ("jsub -o bi", ["bin"]),
    ],
)
def test_bash_offers_them(line: str, found: list[str], home: Path, program: Path) -> None:
    (home / "script").write_text(shells.script("bash", str(program)))
    text = (
        (
            ". ./script; compopt() { :; }; COMP_LINE=$0; COMP_POINT=${#0}; _gridcompat; "
            'printf "%s\\n" "${COMPREPLY[@]}"; complete -p qsub jsub qdel >/dev/null'
        )
        .replace("$0", "$LINE")
        .replace("${#0}", "${#LINE}")
    )
    assert shell("bash", home, f"LINE={line!r}; {text}") == found


def test_zsh_completes_a_word_at_a_terminal(home: Path, program: Path) -> None:
    zsh = shutil.which("zsh")
    if zsh is None:
        pytest.skip("zsh is not installed")
    (home / "_gridcompat").write_text(shells.script("zsh", str(program)))
    ours, theirs = os.openpty()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb"}
    shown = b""

    def until(text: bytes) -> None:
        nonlocal shown
        deadline = time.monotonic() + 30
        while text not in shown:
            assert time.monotonic() < deadline, shown
            if select.select([ours], [], [], 1)[0]:
                shown += os.read(ours, 4096)

    with subprocess.Popen(
        [zsh, "-f", "-i"], cwd=home, env=environment, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        try:
            os.write(ours, b"fpath=(~ $fpath); autoload -Uz compinit; compinit -D -u; print IS''READY\n")
            until(b"ISREADY")
            os.write(ours, b"qsub -q ta\t")
            until(b"-q task")
        finally:
            process.kill()
            os.close(ours)


@pytest.mark.parametrize(("line", "found"), [("qsub -q ta", "task"), ("qsub -hold_jid_", "-hold_jid_ad")])
def test_fish_offers_them(line: str, found: str, home: Path, program: Path) -> None:
    (home / "script").write_text(shells.script("fish", str(program)))
    offered = shell("fish", home, f"source ./script; complete -C {line!r}")
    assert [text.partition("\t")[0] for text in offered] == [found]

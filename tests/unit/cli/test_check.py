"""`gridcompat check`: what becomes of each line, as the commands' own code has it; nothing is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.cli import main
from gridcompat.migration import files, samples
from gridcompat.options import table


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that is the current directory, and little else in the environment."""
    for name in list(os.environ):
        if name.startswith(("GRIDCOMPAT_", "SGE_", "CLICOLOR", "FORCE_")):
            monkeypatch.delenv(name)
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(place)
    return place


def check(*words: str, text: str = "") -> Result:
    return CliRunner().invoke(main, ["check", *words], input=text)


def write(name: str, text: str, mode: int = 0o644) -> str:
    path = Path(name)
    path.write_text(text)
    path.chmod(mode)
    return name


def lines(text: str, *switches: str, kind: str = "--crontab") -> list[dict[str, Any]]:
    name = write("file", text)
    document = json.loads(check("--json", kind, *switches, name).stdout)
    found: list[dict[str, Any]] = document["files"][0]["lines"]
    return found


def line(command: str, *switches: str) -> tuple[str, list[str]]:
    """Return the outcome of one crontab line and its reasons."""
    (found,) = lines(f"0 1 * * * {command}\n", *switches)
    reasons = [*found["reasons"], *(reason for call in found["calls"] for reason in call["reasons"])]
    return found["outcome"], [
        f"{reason['switch']}: {reason['text']}" if reason["switch"] else reason["text"] for reason in reasons
    ]


HINT = "; the queues of the settings: task, continuous"
UNKNOWN_QUEUE = 'Job was rejected because job requests unknown queue "x"'


@pytest.mark.parametrize(
    ("command", "outcome", "reasons"),
    [
        ("true", "none", []),
        ("qsub -b y true", "same", []),
        ("qsub -N $X -l h_rt=$Y -p $P -t 1-$Z -tc $C -pe smp $N -a $(date) -b y true $A", "same", []),
        ("qsub -l h_vmem=$X -b y true", "same", []),
        ("qsub -q x -b y true", "refused", [f"-q x: {UNKNOWN_QUEUE}{HINT}"]),
        ("qsub -q $X -b y true", "depends", ["-q: depends on $X"]),
        ("qsub -q x,$X -b y true", "refused", ["-q: depends on $X", f"-q x: {UNKNOWN_QUEUE}{HINT}"]),
        ("jsub -q x true", "refused", [f"-q x: {UNKNOWN_QUEUE}{HINT}"]),
        ("qsub -pe $X 4 -b y true", "depends", ["-pe: depends on $X"]),
        ("qsub -l $X -b y true", "depends", ["-l: depends on $X"]),
        ("qsub -l nosuch=$X -b y true", "refused",
         ['-l nosuch=1: unknown resource "nosuch"; a complex that is not known here']),
        ("qsub -P $X -b y true", "depends", ["-P: depends on $X"]),
        ("qsub -@ $X -b y true", "depends", ["-@: depends on $X"]),
        ("qsub -N 1$X -b y true", "refused",
         ['denied: "1x" is not a valid object name (cannot start with a digit) (as on the grid)']),
        ("qsub -now n -c n -b y true", "same", []),
        ("qsub -js 5 -js 6 -b y true", "different",
         ["-js 6: no effect: weigh jobs of one user; kept and shown, there is no share tree"]),
        ("qsub -l num_proc=2 -b y true", "different",
         ["-l num_proc=2: kept and shown, but not compared with what a host has"]),
        ("jsub -l num_proc=2 true", "different",
         ["-l num_proc=2: kept and shown, but not compared with what a host has"]),
        ("jsub -b y true", "same", []),
        ("jsub -foo true", "refused", ["unrecognized arguments: -foo (as on the grid)"]),
        ("jsub -release lenny true", "refused", None),
        ("qlogin", "refused",
         ["a job has no terminal here; qsub -sync y -b y COMMAND waits for one that writes into a file"]),
        ("qmake all", "refused", ["there is none here"]),
        ("qdel -u $USER 5 $ID", "same", []),
        ('qstat "$@"', "depends", ["depends on $@"]),
        ("qstat -ext", "different",
         ["-ext: approximated: show more about shares; the numbers are neutral"]),
        ("qconf -aq x", "refused", ["only what shows the configuration is there, no changes"]),
        ("qconf -sql", "same", []),
        ("jstop a $X", "same", []),
        ("$QSTAT -u x", "depends", ["depends on $QSTAT, here taken for qstat"]),
        ("qsub -o host.example:/x -b y true", "depends", ["depends on a host called host.example"]),
        ("qsub nosuch.sh", "same", ["nosuch.sh is not read (No such file or directory); "
                                     "its #$ lines would count"]),
        ("/opt/bin/qstat", "same", ["needs these commands at /opt/bin/qstat (gridcompat install)"]),
    ],
)  # fmt: skip
def test_a_line_is_judged_by_what_the_command_would_do(
    command: str, outcome: str, reasons: list[str] | None
) -> None:
    got = line(command)
    assert got[0] == outcome
    if reasons is not None:
        assert got[1] == reasons


def test_what_the_options_in_a_script_ask_for_counts_as_well() -> None:
    write("job.sh", "#!/bin/sh\n#$ -q x\n#$ -R y\n")
    outcome, reasons = line("qsub job.sh")
    assert outcome == "refused"
    assert [reason.partition(":")[0] for reason in reasons] == ["-R y", "-q x"]
    assert line("qsub -q task job.sh")[0] == "different"
    # jsub reads fewer options in a program, and says so with the time of the day before it
    (reason,) = line("jsub ./job.sh")[1]
    assert reason.startswith("Error options embedded in /") and reason.endswith(": -R y (as on the grid)")
    write("prefixed.sh", "#PBS -q x\n")
    assert line("qsub -C '#PBS' prefixed.sh")[0] == "refused"
    assert line("qsub prefixed.sh")[0] == "same"


def test_request_files_count_as_for_the_command() -> None:
    write(".sge_request", "-q x\n")
    assert line("qsub -b y true")[0] == "refused"
    write(".jsubrc", "-mem lots\n")
    assert line("jsub true")[0] == "refused"


def test_scripts_on_standard_input_count_as_well() -> None:
    assert line("qsub%#$ -q x%true")[0] == "refused"
    assert line("echo '#$ -q x' | qsub")[0] == "refused"
    assert line("qsub%#$ -q task%true") == ("same", [])
    write("job.sh", "#$ -q x\n")
    assert line("qsub < job.sh")[0] == "refused"
    assert line("cat job.sh | qsub")[0] == "refused"


def test_settings_of_the_site_are_those_that_count(home: Path) -> None:
    write(
        "site.toml", '[[queue]]\nname = "task"\n\n[[queue]]\nname = "continuous"\n\n[[queue]]\nname = "x"\n'
    )
    os.environ["GRIDCOMPAT_CONFIG"] = str(home / "site.toml")
    try:
        assert line("qsub -q x -b y true") == ("same", [])
    finally:
        del os.environ["GRIDCOMPAT_CONFIG"]


def test_on_a_real_cluster_nodes_and_images_are_told_of(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GRIDCOMPAT_CLUSTER", "kubernetes")
    two_each = '[[parallel_environment]]\nname = "two"\nallocation_rule = "2"\n'
    (tmp_path / "site.toml").write_text(two_each + '[[parallel_environment]]\nname = "mpi"\n')
    monkeypatch.setenv("GRIDCOMPAT_CONFIG", str(tmp_path / "site.toml"))
    assert line("qsub -q task@node7 -b y true") == (
        "depends",
        ["-q: depends on the cluster having such a node"],
    )
    assert line("qsub -pe mpi 4 -b y true")[0] == "same"
    assert line("qsub -pe two 4 -b y true")[0] == "different", "two slots on each host, and all are on one"
    result = check("-", text="0 1 * * * jsub /opt/tool/run x\n")
    assert "note: /opt/tool/run must be in the image (line 1)\n" in result.stdout
    assert "note: a job that really uses more memory than h_vmem is killed" in result.stdout


# -- crontabs and scripts -------------------------------------------------------------------------


def test_crons_variables_decide() -> None:
    assert [
        one["outcome"]
        for one in lines("Q=x\n@daily qsub -q $Q -b y true\nQ=task\n@daily qsub -q $Q -b y true\n")
    ] == [
        "refused",
        "same",
    ]
    (found,) = lines("SHELL=/bin/tcsh\n@daily qsub -b y true\n")
    assert (found["outcome"], found["reasons"][0]["text"]) == (
        "unread",
        "SHELL is tcsh, which is not read here",
    )


def test_in_a_system_crontab_the_user_counts() -> None:
    (found,) = lines("0 1 * * * nobody qsub -b y true\n", kind="--system-crontab")
    assert (found["user"], found["outcome"]) == ("nobody", "same")
    result = check("-", text="0 1 * * * root qsub -b y true\n")
    assert result.stdout.startswith("- (system crontab)\n")


def test_a_script_is_judged_by_its_options_and_its_calls() -> None:
    found = lines("#!/bin/sh\n#$ -q x\n#$ -N a\nqsub -R y -b y true\necho\n", kind="--script")
    assert [(one["line"], one["outcome"]) for one in found] == [(2, "refused"), (3, "same"), (4, "different")]
    assert lines("#!/bin/sh\necho qsub\n", kind="--script") == []
    found = lines("#!/usr/bin/perl\nsystem('qsub x');\n", kind="--script")
    assert [(one["line"], one["outcome"]) for one in found] == [(2, "unread")]
    found = lines("#!/bin/sh\n#$ -mem 1g\n#$ -once\n", kind="--script")
    assert [one["outcome"] for one in found] == ["same", "same"]
    found = lines("#PBS -q x\n#$ -q y\n", "-C", "#PBS", kind="--script")
    assert [(one["line"], one["outcome"]) for one in found] == [(1, "refused")]


def test_a_script_that_no_shell_takes_is_told_if_it_is_about_the_grid() -> None:
    assert [one["outcome"] for one in lines("qsub -b y true\necho 'x\n", kind="--script")] == [
        "same",
        "unread",
    ]
    assert lines("echo 'x\n", kind="--script") == []


def test_files_as_cron_does_not_take_them_are_told_of() -> None:
    assert "note: there is no newline at the end" in check("-", text="@daily qstat").stdout
    assert "note: lines end with a carriage return" in check("-", text="@daily qstat\r\n").stdout
    outcome, reasons = line(f"qsub -b y true {'x' * 1000}")
    assert (outcome, reasons) == ("same", ["longer than Debian's cron takes (998 letters)"])


# -- the command ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "switches", "status"),
    [
        ("@daily qstat\n", [], 0),
        ("@daily true\n", ["--strict"], 0),
        ("", [], 0),
        ("@daily qstat -ext\n", [], 0),
        ("@daily qstat -ext\n", ["--strict"], 1),
        ("@daily qsub -q $X -b y true\n", [], 0),
        ("@daily qsub -q $X -b y true\n", ["--strict"], 1),
        ("@daily qrsh\n", [], 1),
        ("@dailyy qstat\n", ["--crontab"], 1),
    ],
)
def test_the_exit_status_is_for_programs(text: str, switches: list[str], status: int) -> None:
    assert check(*switches, "-", text=text).exit_code == status


def test_several_files_have_a_sum() -> None:
    write("a.crontab", "@daily qstat\n")
    write("b.sh", "#!/bin/sh\nqrsh\n")
    result = check("a.crontab", "b.sh")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1] == "2 files: 2 lines: 1 same, 1 refused"


def test_json_has_a_version_and_everything_of_the_text() -> None:
    write("a.crontab", "@daily qsub -R y -N $X -b y true\n")
    result = check("--json", "a.crontab")
    assert json.loads(result.stdout) == {
        "version": 1,
        "files": [
            {
                "path": "a.crontab",
                "kind": "crontab",
                "lines": [
                    {
                        "line": 1,
                        "text": "@daily qsub -R y -N $X -b y true",
                        "user": None,
                        "outcome": "different",
                        "calls": [
                            {
                                "command": "qsub",
                                "typed": "qsub",
                                "words": ["-R", "y", "-N", "$X", "-b", "y", "true"],
                                "line": 1,
                                "outcome": "different",
                                "job": "x",
                                "unread": None,
                                "reasons": [
                                    {
                                        "outcome": "different",
                                        "switch": "-R y",
                                        "origin": "command line",
                                        "text": "no effect: reserve resources ahead; kept and shown, "
                                        "nothing is reserved",
                                    }
                                ],
                            }
                        ],
                        "reasons": [],
                    }
                ],
                "notes": [],
                "summary": {"none": 0, "same": 0, "depends": 0, "different": 1, "unread": 0, "refused": 0},
            }
        ],
        "summary": {"none": 0, "same": 0, "depends": 0, "different": 1, "unread": 0, "refused": 0},
        "exit_status": 0,
    }


def test_what_is_on_this_host_is_looked_at_when_asked(home: Path) -> None:
    (home / "bin").mkdir()
    write("bin/qsub", "#!/bin/sh\nexec other\n", 0o755)
    write("bin/qstat", "#!/usr/bin/python3\nimport gridcompat\n", 0o755)
    text = f"PATH={home}/bin\n@daily qsub -b y true\n@daily qstat\n@daily qdel 1\n@daily jsub /no/such\n"
    found = lines(text, "--on-this-host")
    shown = [
        (one["outcome"], one["calls"][0]["reasons"][0]["text"] if one["calls"][0]["reasons"] else "")
        for one in found
    ]
    assert shown[:3] == [
        ("different", f"{home}/bin/qsub is not one of these commands"),
        ("same", ""),
        ("refused", f"there is no qdel in PATH={home}/bin on this host"),
    ]
    assert found[3]["outcome"] == "refused"


def test_settings_that_a_script_reads_are_looked_at_on_this_host(home: Path) -> None:
    write("settings.sh", "# Made by gridcompat\n")
    os.mkdir("grid")
    write("grid/settings.sh", "PATH=/usr/lib/gridengine:$PATH\n")
    text = f"#!/bin/sh\n. {home}/settings.sh\n. {home}/grid/settings.sh\n. /no/settings.sh\n"
    found = lines(text, "--on-this-host", kind="--script")
    assert [(one["line"], one["outcome"], one["reasons"][0]["text"]) for one in found] == [
        (3, "different", f"{home}/grid/settings.sh leads to other commands than these"),
        (4, "different", "/no/settings.sh cannot be read (No such file or directory)"),
    ]
    (note,) = lines(". $SGE_ROOT/settings.sh\n", "--on-this-host", kind="--script")
    assert note["outcome"] == "none"


# -- what others wrote ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", ["directory", "fifo", "loop", "device", "binary", "missing", "large", "proc"]
)
def test_what_is_no_plain_text_is_not_read(make: str) -> None:
    name, reason = "file", ""
    if make == "directory":
        os.mkdir(name)
        reason = "Is a directory"
    elif make == "fifo":
        os.mkfifo(name)
        reason = "not a plain file"
    elif make == "loop":
        os.symlink(name, name)
        reason = "Too many levels of symbolic links"
    elif make == "device":
        name, reason = "/dev/zero", "not a plain file"
    elif make == "proc":
        name, reason = "/proc/self/environ", "not a plain file"
    elif make == "binary":
        Path(name).write_bytes(b"\x7fELF\0\0qsub")
        reason = "this is no text"
    elif make == "large":
        with open(name, "wb") as file:
            file.truncate(files.LARGEST + 1)
        reason = "File too large"
    else:
        reason = "No such file or directory"
    write("good", "@daily qstat\n")
    result = check(name, "good")
    assert (result.exit_code, result.stderr) == (2, f"gridcompat: {name}: {reason}\n")
    assert "good: 1 line: 1 same" in result.stdout


@pytest.mark.parametrize("name", ["fifo", "/dev/zero", "dir", "loop", "/proc/kmsg", "~root/x"])
def test_scripts_that_lines_name_are_only_read_if_they_are_plain_files(name: str) -> None:
    os.mkfifo("fifo")
    os.mkdir("dir")
    os.symlink("loop", "loop")
    for command in (f"qsub {name}", f"qsub < {name}", f"jsub {name}", f"qsub -@ {name} -b y true"):
        assert line(command)[0] in ("same", "depends", "refused")


HOSTILE = """\
PATH=.:/usr/bin:/bin
@daily touch run1; $(touch run2) `touch run3` | jsub touch run4
@daily qsub -b y touch run5; qsub <<< 'touch run6'; eval 'touch run7'
@daily qsub -N "$(touch run8)" -o $(touch run9) -v A=`touch run10` ./evil.sh; . ./evil.sh; ./evil.sh
@daily qsub -o evil.invalid:/x -q task@evil.invalid -l hostname=evil.invalid -b y true; bash -c 'touch run11'
@daily jsub ./evil.sh; qdel -u '*'; qsub -@ evil.sh -b y x; qsub -jsv ./evil.sh -b y x; <(touch run12) qstat
"""


def test_nothing_that_is_read_is_run_nor_looked_up_nor_written(home: Path) -> None:
    """In a process of its own that may neither start another, nor speak to a host, nor write a file."""
    write("crontab", HOSTILE)
    write("evil.sh", "#!/bin/sh\n#$ -N evil\ntouch run13\n", 0o755)
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*")}
    program = (
        "import sys\n"
        "def hook(event, args):\n"
        "    if event.startswith(('subprocess', 'os.exec', 'os.fork', 'os.posix', 'os.system', 'socket.')):\n"
        "        sys.stderr.write(f'{event} {args}\\n')\n"
        "    if event == 'open' and isinstance(args[2], int) and args[2] & 3:\n"
        "        sys.stderr.write(f'{event} {args}\\n')\n"
        "    if event in ('os.mkdir', 'os.rename', 'os.remove', 'os.link', 'os.symlink', 'os.chmod'):\n"
        "        sys.stderr.write(f'{event} {args}\\n')\n"
        "from gridcompat.cli import main\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(hook)\n"
        "main(['check', '--crontab', 'crontab'])\n"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-B", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert done.stderr == ""
    assert done.stdout.endswith("no grid\n") or "crontab: 5 lines" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in home.rglob("*")} == before


def test_control_characters_do_not_reach_the_terminal() -> None:
    result = check("-", text="@daily qsub -N \x1b]0;x\x07 -b y true \x9b31m\n")
    assert "\x1b" not in result.stdout and "\x07" not in result.stdout
    assert "^[]0;x^G" in result.stdout


def test_ten_megabytes_are_read_in_a_bounded_time() -> None:
    write("big.crontab", "# nothing\n" * 1_000_000 + "@daily qstat\n")
    assert "big.crontab: 1 line: 1 same\n" in check("big.crontab").stdout


WORDS = [
    *("qsub", "jsub", "qdel", "qalter", "qstat", "qmod", "-l", "h_rt=$X", "-q", "task", "$Q", "-N", "a$X"),
    *('"$@"', "job.sh", "-b", "y", "-pe", "smp", "$N", "-t", "1-$N", "-hold_jid", "-@", "-C", "-v", "A=$B"),
    *("|", ";", "<<E\n#$ -N $X\nE\n", "*", "-help", "-sync", "%", "\\%", "'", "(", "-xml", "-j", "-f", "-cj"),
    *("xargs", "\udc80", "é"),
]


@given(st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join), st.sampled_from(["crontab", "script"]))
def test_any_text_has_a_report(text: str, kind: str) -> None:
    content = (f"@daily {text}\n" if kind == "crontab" else text).encode("utf-8", "surrogateescape")
    result = CliRunner().invoke(main, ["check", f"--{kind}", "-"], input=content, catch_exceptions=False)
    assert result.exit_code in (0, 1)
    assert result.stderr == ""


def test_every_reader_of_the_table_has_a_place_among_the_samples() -> None:
    """A new one must be thought about: does its value decide, or does anything do?"""
    known = {*samples.DECIDES, *samples.FILLED, *samples.WHOLE, "resources", "jsub_resources", "slots"}
    assert {option.parse for command in table.COMMANDS for option in table.every(command)} <= known

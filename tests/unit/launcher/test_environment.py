"""What the program finds: variables, arguments, directory, descriptors, signals."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from launcher.launcher_bench import Bench

PYTHON = sys.executable
# A program that writes down everything it finds, without a shell between.
WITNESS = f"""#!{PYTHON} -IS
import json, os, resource, signal, sys
fds = {{}}
for name in os.listdir("/proc/self/fd"):
    try:
        fds[name] = os.readlink("/proc/self/fd/" + name)
    except OSError:
        pass
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
umask = os.umask(0)
def text(word):
    return os.fsencode(word).decode("latin-1")
print(json.dumps({{
    "env": {{text(name): text(value) for name, value in os.environ.items()}},
    "argv": [text(word) for word in sys.argv],
    "cwd": os.getcwd(), "umask": umask, "sid": os.getsid(0), "pgid": os.getpgid(0), "pid": os.getpid(),
    "fds": fds, "blocked": int(status["SigBlk"], 16),
    "mode": oct(os.stat(sys.argv[0]).st_mode & 0o7777), "owner": os.stat(sys.argv[0]).st_uid,
    "tmp": [oct(os.stat(os.environ["TMPDIR"]).st_mode & 0o777), os.listdir(os.environ["TMPDIR"])],
}}))
"""


def witness(bench: Bench, *arguments: str, **variables: str) -> dict[str, object]:
    bench.script(WITNESS)
    result = bench.run(*arguments, **variables)
    assert result.status == 0, (result, bench.files())
    out = [path for path in bench.files() if ".o" in path]
    found: dict[str, object] = json.loads((bench.home / out[0]).read_text())
    return found


def expected(bench: Bench, **changes: str) -> dict[str, str]:
    """The complete environment of a plain script job."""
    spool = f"{bench.root}/spool/node1.example.org"
    tmp = f"/tmp/{bench.job_id}.1.task"
    return {
        "ARC": "lx-amd64",
        "ENVIRONMENT": "BATCH",
        "HOME": str(bench.home),
        "HOSTNAME": "node1.example.org",
        "JOB_ID": bench.job_id,
        "JOB_NAME": "nm",
        "JOB_SCRIPT": f"{spool}/job_scripts/{bench.job_id}",
        "LANG": "C.UTF-8",
        "LOGNAME": "tool",
        "NHOSTS": "1",
        "NQUEUES": "1",
        "NSLOTS": "1",
        "PATH": f"{tmp}:/usr/local/bin:/bin:/usr/bin",
        "PWD": str(bench.home),
        "QUEUE": "task",
        "REQNAME": "nm",
        "REQUEST": "nm",
        "RESTARTED": "0",
        "SGE_ACCOUNT": "sge",
        "SGE_ARCH": "lx-amd64",
        "SGE_BINARY_PATH": "/usr/sbin/lx-amd64",
        "SGE_CELL": "default",
        "SGE_CWD_PATH": str(bench.home),
        "SGE_JOB_SPOOL_DIR": f"{spool}/active_jobs/{bench.job_id}.1",
        "SGE_ROOT": "/var/lib/gridengine",
        "SGE_STDERR_PATH": f"{bench.home}/nm.e{bench.job_id}",
        "SGE_STDIN_PATH": "/dev/null",
        "SGE_STDOUT_PATH": f"{bench.home}/nm.o{bench.job_id}",
        "SGE_TASK_FIRST": "undefined",
        "SGE_TASK_ID": "undefined",
        "SGE_TASK_LAST": "undefined",
        "SGE_TASK_STEPSIZE": "undefined",
        "SHELL": "/bin/sh",
        "TERM": "",
        "TMP": tmp,
        "TMPDIR": tmp,
        "USER": "tool",
    } | changes


def test_the_environment_of_a_script_is_complete_and_nothing_else(bench: Bench) -> None:
    # bash, where it is the launcher, must not add its own (SHLVL, _) either.
    assert witness(bench, GC_O_NOT_KNOWN="x", STRAY="y")["env"] == expected(bench)


def test_variables_of_the_submitting_shell_are_there_if_they_were_set(bench: Bench) -> None:
    found = witness(bench, GC_O_HOME="/h", GC_O_HOST="sub", GC_O_TZ="UTC", GC_O_MAIL="", GC_O_PATH="/a b:/c")
    assert found["env"] == expected(
        bench, SGE_O_HOME="/h", SGE_O_HOST="sub", SGE_O_TZ="UTC", SGE_O_MAIL="", SGE_O_PATH="/a b:/c"
    )


def test_an_array_task_knows_its_place(bench: Bench) -> None:
    found = witness(bench, GC_TASK="4", GC_TASK_FIRST="2", GC_TASK_LAST="6", GC_TASK_STEP="2")
    spool = f"{bench.root}/spool/node1.example.org"
    tmp = f"/tmp/{bench.job_id}.4.task"
    assert found["env"] == expected(
        bench,
        SGE_TASK_ID="4",
        SGE_TASK_FIRST="2",
        SGE_TASK_LAST="6",
        SGE_TASK_STEPSIZE="2",
        SGE_JOB_SPOOL_DIR=f"{spool}/active_jobs/{bench.job_id}.4",
        SGE_STDOUT_PATH=f"{bench.home}/nm.o{bench.job_id}.4",
        SGE_STDERR_PATH=f"{bench.home}/nm.e{bench.job_id}.4",
        TMP=tmp,
        TMPDIR=tmp,
        PATH=f"{tmp}:/usr/local/bin:/bin:/usr/bin",
    )


HOSTILE = [
    "it's",
    'say "hi"',
    "$HOME",
    "$$",
    "$(date)",
    "`date`",
    "$((1))",
    "*",
    "[a-z]*",
    "~",
    "a;b",
    "a&b|c>d<e",
    "\\",
    "end\\",
    "\\n",
    "",
    "  lead and trail  ",
    "tab\tin",
    "héllo 日本 🦊",
    "-n",
    "--",
    "a=b",
    "%s%n",
    "!!",
    "#x",
    "{a,b}",
    "\x01\x7f",
    "\udcff\udc80 not utf-8",
    "x" * 122_880,
]
HOSTILE_IDS = [f"{number}-{text[:12]!a}" for number, text in enumerate(HOSTILE)]


def test_arguments_arrive_byte_for_byte(bench: Bench) -> None:
    found = witness(bench, *HOSTILE)
    argv = found["argv"]
    assert isinstance(argv, list)
    assert argv[1:] == [os.fsencode(text).decode("latin-1") for text in HOSTILE]
    assert argv[0] == expected(bench)["JOB_SCRIPT"]


def test_two_thousand_arguments_arrive(bench: Bench) -> None:
    many = [str(number) for number in range(2000)]
    bench.environment(("A", "b"))
    argv = witness(bench, *many)["argv"]
    assert isinstance(argv, list)
    assert argv[1:] == many


def test_a_newline_cuts_an_argument(bench: Bench) -> None:
    argv = witness(bench, "a\nb", "c\td", "\n", "e")["argv"]
    assert isinstance(argv, list)
    assert argv[1:] == ["a", "c\td", "", "e"]


def test_values_of_variables_arrive_byte_for_byte(bench: Bench) -> None:
    values = [*HOSTILE, "two\nlines\n", "\n"]
    pairs = [(f"V{number}", value) for number, value in enumerate(values)]
    bench.environment(*pairs)
    found = witness(bench)["env"]
    assert found == expected(bench) | {name: os.fsencode(value).decode("latin-1") for name, value in pairs}


def test_names_of_variables_need_not_be_identifiers(bench: Bench) -> None:
    names = ["BASH_FUNC_x%%", "a.b", "1", "with blank", "-i", "é", "$(id)", "IFS", "PS4", "LD_X"]
    bench.environment(*((name, "v") for name in names))
    found = witness(bench, "arg")["env"]
    assert found == expected(bench) | {os.fsencode(name).decode("latin-1"): "v" for name in names}


def test_a_user_cannot_change_what_the_job_is_told_of_itself(bench: Bench) -> None:
    own = expected(bench)
    bench.environment(*((name, "mine") for name in own if name not in ("PATH", "LANG", "TERM")))
    assert witness(bench)["env"] == own


def test_a_users_path_language_and_terminal_count(bench: Bench) -> None:
    bench.environment(("PATH", "/opt/x y:/bin"), ("LANG", "de_DE"), ("TERM", "vt100"))
    found = witness(bench)["env"]
    assert isinstance(found, dict)
    found.pop("LC_CTYPE", None)  # the witness's own, in a locale that is not installed
    assert found == expected(
        bench, PATH=f"/tmp/{bench.job_id}.1.task:/opt/x y:/bin", LANG="de_DE", TERM="vt100"
    )


def test_the_process_starts_clean(bench: Bench) -> None:
    found = witness(bench)
    assert found["umask"] == 0o022
    assert found["sid"] == found["pgid"] == found["pid"]
    assert found["blocked"] == 0
    fds = found["fds"]
    assert isinstance(fds, dict)
    own = expected(bench)
    assert {n: fds[n] for n in ("0", "1", "2")} == {
        "0": "/dev/null",
        "1": own["SGE_STDOUT_PATH"],
        "2": own["SGE_STDERR_PATH"],
    }
    assert set(fds) <= {"0", "1", "2", "3"}  # 3 is the witness's look at them


def test_no_signal_is_ignored(bench: Bench) -> None:
    # Python ignores PIPE and XFSZ by itself, so another witness.
    bench.script(
        "while read -r name mask; do case $name in SigIgn:) echo $mask ;; esac; done </proc/self/status"
    )
    process = bench.start()
    assert bench.finish(process).status == 0
    assert bench.output() == "0000000000000000\n"


def test_the_copy_of_the_script_is_the_users_and_executable(bench: Bench) -> None:
    found = witness(bench)
    assert found["mode"] == "0o755"
    assert found["owner"] == os.getuid()


def test_the_temporary_directory_is_fresh_and_goes(bench: Bench) -> None:
    assert witness(bench)["tmp"] == ["0o755", []]
    assert not Path(f"/tmp/{bench.job_id}.1.task").exists()


def test_a_temporary_directory_of_somebody_else_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    theirs = Path(f"/tmp/{bench.job_id}.1.task")
    theirs.mkdir()
    (theirs / "precious").write_text("x")
    found = witness(bench)["env"]
    assert isinstance(found, dict)
    assert found["TMPDIR"] == f"{found['SGE_JOB_SPOOL_DIR']}/tmp/{bench.job_id}.1.task"
    assert (theirs / "precious").read_text() == "x"
    (theirs / "precious").unlink()
    theirs.rmdir()


def test_files_in_the_temporary_directory_go_with_it(bench: Bench) -> None:
    bench.script('mkdir "$TMPDIR/a b" && touch "$TMPDIR/a b/c" "$TMPDIR/-x" && test -d "$TMPDIR"')
    assert bench.run().status == 0


def test_a_parallel_job_finds_its_hosts(bench: Bench) -> None:
    bench.script('cat "$PE_HOSTFILE"; echo "$PE $NSLOTS"')
    bench.run(GC_PE="smp", GC_SLOTS="3")
    assert bench.output() == "node1.example.org 3 task@node1.example.org UNDEFINED\nsmp 3\n"


@pytest.mark.parametrize(
    ("entries", "shell"),
    [
        ({}, "/bin/sh"),
        ({"GC_SHELL_PATH_0": "/bin/bash"}, "/bin/bash"),
        ({"GC_SHELL_PATH_0": "/any", "GC_SHELL_HOST_1": "node1", "GC_SHELL_PATH_1": "/here"}, "/here"),
        ({"GC_SHELL_HOST_0": "other", "GC_SHELL_PATH_0": "/there"}, "/bin/sh"),
        ({"GC_SHELL_PATH_0": "$HOME/sh"}, "HOME/sh"),
    ],
    ids=["queue", "given", "for this host", "for another host", "pseudo variable"],
)
def test_the_shell_variable_is_that_of_the_option_or_the_queue(
    bench: Bench, entries: dict[str, str], shell: str
) -> None:
    bench.script('echo "$SHELL"')
    bench.run(**entries)
    assert bench.output() == shell.replace("HOME", str(bench.home)) + "\n"


def test_the_working_directory_is_home_or_as_asked(bench: Bench) -> None:
    (bench.home / "sub dir").mkdir()
    bench.script('pwd; echo "$PWD"; echo "$SGE_CWD_PATH"')
    bench.run(GC_CWD=f"{bench.home}/sub dir")
    path = bench.home / "sub dir"
    assert (path / f"nm.o{bench.job_id}").read_text() == f"{path}\n" * 3

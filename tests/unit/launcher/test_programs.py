"""What is run, and how: start modes, login shells, programs without a shell, continuous jobs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from gridcompat.translate import octets
from launcher.launcher_bench import Bench

ARGS = '#!/bin/bash\nfor a in "$@"; do printf "[%s]\\n" "$a"; done\n'


def program(bench: Bench, name: str = "args.sh", text: str = ARGS, mode: int = 0o755) -> str:
    path = bench.root / name
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("script", "shell"),
    [
        ("readlink /proc/$$/exe\n", "dash"),
        ("#!/bin/bash\nreadlink /proc/$$/exe\n", "bash"),
        ("#! \t/bin/bash -e \nreadlink /proc/$$/exe\n", "bash"),
        (" #!/bin/bash\nreadlink /proc/$$/exe\n", "dash"),
        ("#!/bin/bash", ""),
        ("#!/usr/bin/env bash\nreadlink /proc/$$/exe\n", "bash"),
        ("#!/bin/sh\nreadlink /proc/$$/exe", "dash"),
        ("", ""),
    ],
)
def test_the_first_line_decides_about_the_interpreter(bench: Bench, script: str, shell: str) -> None:
    bench.script(script)
    result = bench.run(GC_SHELL_PATH_0="/nosuch/shell")
    assert result.status == 0, bench.files()
    assert Path(bench.output().strip()).name == shell


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("#!/bin/bash\r", "No such file or directory"),
        ("#!/nosuch/interpreter -x", "No such file or directory"),
        ("#!bash", "No such file or directory"),
        ("#!/tmp", "Permission denied"),
        ("#!/etc/passwd", "Permission denied"),
    ],
)
def test_a_missing_interpreter_fails_the_job(bench: Bench, line: str, error: str) -> None:
    bench.script(f"{line}\necho hi\n")
    result = bench.run("a b", 'q"')
    path = f"{bench.root}/spool/node1.example.org/job_scripts/{bench.job_id}"
    assert result.status == 1
    assert result.evidence["failed"] == 27
    assert result.evidence["reason"] == f'execvlp({path}, "{path}" "a b" "q"") failed: {error}'
    # The files were opened before.
    assert bench.files() == {f"nm.o{bench.job_id}": "", f"nm.e{bench.job_id}": ""}


def test_the_name_of_the_copy_is_the_job_number(bench: Bench) -> None:
    bench.script('echo "${0##*/}"; test "$0" = "$JOB_SCRIPT" && echo same')
    bench.run()
    assert bench.output() == f"{bench.job_id}\nsame\n"


def test_the_spool_directory_of_all_is_taken_if_it_is_free(bench: Bench) -> None:
    shared = bench.root / "shared"
    bench.script('echo "$0"; echo "$SGE_JOB_SPOOL_DIR"; test -d "$SGE_JOB_SPOOL_DIR"\n')
    assert bench.run(GC_SPOOL_SHARED=str(shared)).status == 0
    host = shared / "node1.example.org"
    assert bench.output().splitlines() == [
        f"{host}/job_scripts/{bench.job_id}",
        f"{host}/active_jobs/{bench.job_id}.1",
    ]
    # Nothing stays there.
    assert [path for path in host.rglob("*") if path.parent != host] == []


@pytest.mark.parametrize("taken", ["job_scripts/N", "active_jobs/N.1", "job_scripts"])
def test_what_another_job_has_in_the_spool_directory_is_left_alone(bench: Bench, taken: str) -> None:
    shared = bench.root / "shared"
    theirs = shared / "node1.example.org" / taken.replace("N", bench.job_id)
    if taken.startswith("active"):
        theirs.mkdir(parents=True)
    else:
        theirs.parent.mkdir(parents=True)
        theirs.write_text("theirs")
    before = sorted(shared.rglob("*"))
    bench.script('echo "$0"\n')
    assert bench.run(GC_SPOOL_SHARED=str(shared)).status == 0
    assert bench.output() == f"{bench.root}/spool/node1.example.org/job_scripts/{bench.job_id}\n"
    assert set(before) <= set(shared.rglob("*"))
    assert theirs.is_dir() or theirs.read_text() == "theirs"


def test_a_script_that_is_no_sh_fails_in_the_words_of_sh(bench: Bench) -> None:
    bench.script("import sys\n")
    result = bench.run(GC_SHELL_PATH_0="/usr/bin/python3")
    path = f"{bench.root}/spool/node1.example.org/job_scripts/{bench.job_id}"
    assert result.status == 127
    assert bench.files()[f"nm.e{bench.job_id}"] == f"{path}: 1: import: not found\n"


def test_posix_compliant_mode_runs_the_copy_with_the_shell(bench: Bench) -> None:
    bench.script('#!/bin/bash\nreadlink /proc/$$/exe; echo "${0##*/} $*"\n')
    bench.run("a", "b", GC_START_MODE="posix_compliant")
    assert bench.output().splitlines()[0].endswith("dash")
    assert bench.output().splitlines()[1] == f"{bench.job_id} a b"


def test_posix_compliant_mode_takes_the_shell_asked_for(bench: Bench) -> None:
    bench.script("readlink /proc/$$/exe\n")
    bench.run(GC_START_MODE="posix_compliant", GC_SHELL_PATH_0="/bin/bash")
    assert bench.output().strip().endswith("bash")


def test_script_from_stdin_mode_hands_the_shell_the_script_and_the_arguments(bench: Bench) -> None:
    bench.script('echo "$#" "$1"; readlink /proc/$$/fd/0\n')
    bench.run("-x y", "b", GC_START_MODE="script_from_stdin")
    copy = f"{bench.root}/spool/node1.example.org/job_scripts/{bench.job_id}"
    assert bench.output() == f"2 -x y\n{copy}\n"


@pytest.mark.parametrize("mode", ["posix_compliant", "script_from_stdin"])
def test_a_missing_shell_fails_the_job_where_the_shell_matters(bench: Bench, mode: str) -> None:
    bench.script("true\n")
    result = bench.run(GC_START_MODE=mode, GC_SHELL_PATH_0="/nosuch/sh")
    assert result.evidence["failed"] == 27
    assert result.evidence["reason"].startswith('execvlp(/nosuch/sh, "-sh" ')


def test_scripts_read_no_login_files(bench: Bench) -> None:
    for name in (".profile", ".bash_profile", ".bashrc"):
        (bench.home / name).write_text("echo read >&2; export FROM=1\n")
    bench.script('#!/bin/bash\necho "[$FROM]"\n')
    bench.run()
    assert bench.output() == "[]\n"


# ---------------------------------------------------------------- -b y


def binary(bench: Bench, *words: str, **variables: str) -> int:
    return bench.run(*words, GC_MODE="binary", GC_COMMAND=words[0], **variables).status


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (["a b", "", "c"], ["a", "b", "c"]),
        (["*.txt", "$HOME/x", "`echo hi`", "~"], ["one.txt", "two.txt", "HOME/x", "hi", "HOME"]),
        (["its", '"q q"', "a\\ b"], ["its", "q q", "a b"]),
        (["x;", "echo", "y"], ["x"]),
        (["cut\nhere", "z"], ["cut", "z"]),
    ],
    ids=["blanks", "globs", "quotes", "semicolon", "newline"],
)
def test_words_of_a_binary_job_pass_a_shell(bench: Bench, words: list[str], seen: list[str]) -> None:
    (bench.home / "one.txt").touch()
    (bench.home / "two.txt").touch()
    assert binary(bench, program(bench), *words) == 0
    expected = [f"[{word.replace('HOME', str(bench.home))}]" for word in seen]
    assert bench.output().splitlines()[: len(expected)] == expected


def test_a_binary_job_reads_the_profile(bench: Bench) -> None:
    (bench.home / ".profile").write_text("export FROM=profile\n")
    binary(bench, "echo", "$FROM", "$0", "$JOB_SCRIPT")
    assert bench.output() == "profile -sh echo\n"


@pytest.mark.parametrize(
    ("text", "mode", "status", "error"),
    [(None, 0, 127, "-sh: 1: PATH: not found\n"), (ARGS, 0o644, 126, "-sh: 1: PATH: Permission denied\n")],
    ids=["missing", "not executable"],
)
def test_a_binary_that_cannot_run_is_the_shells_affair(
    bench: Bench, text: str | None, mode: int, status: int, error: str
) -> None:
    path = program(bench, "prog", text, mode) if text else "nosuchcommand"
    assert binary(bench, path) == status
    assert bench.files()[f"nm.e{bench.job_id}"] == error.replace("PATH", path)
    assert bench.evidence()["failed"] == 0


def test_the_option_names_the_login_shell(bench: Bench) -> None:
    binary(bench, "echo", "$0", "$BASH", GC_SHELL_PATH_0="/bin/bash")
    assert bench.output().startswith("-bash /")


def test_a_missing_login_shell_fails_the_job(bench: Bench) -> None:
    binary(bench, "true", GC_SHELL_PATH_0="/nosuch/sh")
    assert bench.evidence()["failed"] == 27
    assert bench.evidence()["reason"] == (
        'execvlp(/nosuch/sh, "-sh" "-c" "true ") failed: No such file or directory'
    )


# ---------------------------------------------------------------- -shell n


def test_without_a_shell_arguments_arrive_intact(bench: Bench) -> None:
    words = ["*", "$HOME", "a b", ";", "", "it's", "cut\nhere"]
    assert bench.run(program(bench), *words, GC_MODE="raw", GC_COMMAND="x").status == 0
    assert bench.output() == "".join(f"[{word}]\n" for word in [*words[:-1], "cut"])


def test_bytes_that_are_no_text_arrive_where_the_pod_wrote_them_in_octal(bench: Bench) -> None:
    words = ["\udcff\udc807", "back\\0377 \\c", "%s%b", "-n", "end.\n", "é'\udcc3"]
    bench.environment()
    show = bench.home / "show"
    show.write_text(f"#!{sys.executable}\nimport os, sys\nprint(ascii(sys.argv[1:]), ascii(os.getcwd()))\n")
    show.chmod(0o755)
    where = bench.home / "d\udcff\\"
    where.mkdir()
    result = bench.run(
        *map(octets.encoded, [str(show), *words]),
        GC_MODE="raw",
        GC_CWD=octets.encoded(str(where)),
        GC_STDOUT_PATH_0=octets.encoded(f"{bench.home}/out\udcfe"),
        GC_ENCODED="GC_CWD GC_STDOUT_PATH_0 args",
    )
    assert result.status == 0
    # A newline cuts an argument off, as ever.
    seen = [*words[:4], "end.", words[5]]
    assert (bench.home / "out\udcfe").read_text() == f"{seen!a} {str(where)!a}\n"


@pytest.mark.parametrize("name", ["a=b.sh", "-x.sh", "with blank.sh"])
def test_odd_names_of_programs_are_run(bench: Bench, name: str) -> None:
    path = program(bench, name)
    assert bench.run(path, "1", GC_MODE="raw").status == 0
    assert bench.output() == "[1]\n"


def test_without_a_shell_the_program_is_searched_in_the_path_of_the_job(bench: Bench) -> None:
    path = program(bench, "only-here")
    bench.environment(("PATH", f"/nosuch:{Path(path).parent}"))
    assert bench.run("only-here", "1", GC_MODE="raw").status == 0
    assert bench.output() == "[1]\n"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("/nosuch/command", "No such file or directory"),
        ("nosuch-command", "No such file or directory"),
        ("/tmp", "Permission denied"),
        ("/etc/passwd", "Permission denied"),
    ],
)
def test_a_program_that_is_missing_fails_the_job(bench: Bench, name: str, error: str) -> None:
    result = bench.run(name, "a b", GC_MODE="raw")
    assert result.evidence["failed"] == 27
    assert result.evidence["reason"] == f'execvlp({name}, "{name}" "a b") failed: {error}'


# ---------------------------------------------------------------- continuous jobs


def test_a_continuous_job_ends_when_the_program_ends_well(bench: Bench) -> None:
    words = ["it's", "a b", "$HOME", "*", "", "two\nlines"]
    assert bench.run(program(bench), *words, GC_MODE="loop").status == 0
    assert bench.output() == "".join(f"[{word}]\n" for word in words)


def test_a_continuous_job_starts_the_program_again_after_five_seconds(bench: Bench) -> None:
    text = '#!/bin/sh\necho run "$2" >>"$1"; test $(wc -l <"$1") -ge 2 || exit 3\n'
    path = program(bench, "cra sh", text)
    runs = bench.root / "runs"
    result = bench.run(path, str(runs), "b c", GC_MODE="loop")
    assert result.status == 0
    assert runs.read_text() == "run b c\nrun b c\n"
    said = bench.files()[f"nm.e{bench.job_id}"]
    form = (
        r"\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\] " + re.escape(path) + r" exited with code 3\. Respawning\.\.\.\n"
    )
    assert re.fullmatch(form, said)
    assert 5 <= result.evidence["end"] - result.evidence["start"] < 8


def test_a_continuous_job_can_be_ended_while_it_waits(bench: Bench) -> None:
    process = bench.start("/bin/false", GC_MODE="loop")
    bench.await_text(bench.home / f"nm.e{bench.job_id}", "Respawning")
    process.terminate()
    result = bench.finish(process)
    assert (result.status, result.evidence["signal"]) == (137, 9)

"""Where output goes and input comes from, and what is said when that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridcompat.translate import streams
from launcher.launcher_bench import Bench

BOTH = "echo out; echo err >&2\n"
OUT, ERR = {"GC_STDOUT_PATH_0": "a.txt"}, {"GC_STDERR_PATH_0": "b.txt"}
JOIN = {"GC_MERGE": "y"}
ARRAY = {"GC_TASK": "3", "GC_TASK_FIRST": "1", "GC_TASK_LAST": "4", "GC_TASK_STEP": "1"}


@pytest.mark.parametrize(
    ("variables", "files"),
    [
        ({}, {"nm.oN": "out\n", "nm.eN": "err\n"}),
        (ARRAY, {"nm.oN.3": "out\n", "nm.eN.3": "err\n"}),
        (JOIN, {"nm.oN": "out\nerr\n"}),
        (OUT | ERR, {"a.txt": "out\n", "b.txt": "err\n"}),
        (OUT, {"a.txt": "out\n", "nm.eN": "err\n"}),
        (OUT | ERR | JOIN, {"a.txt": "out\nerr\n"}),
        (ERR | JOIN, {"nm.oN": "out\nerr\n"}),
        (OUT | {"GC_STDERR_PATH_0": "a.txt"}, {"a.txt": "out\nerr\n"}),
        (
            {"GC_STDOUT_PATH_0": "dir", "GC_STDERR_PATH_0": "dir/"},
            {"dir/nm.oN": "out\n", "dir/nm.eN": "err\n"},
        ),
        ({"GC_STDOUT_PATH_0": "."} | JOIN, {"nm.oN": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "~/dir/x"} | JOIN, {"dir/x": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "~"} | JOIN, {"nm.oN": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "~x"} | JOIN, {"~x": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "$HOME/$USER-$JOB_ID-$JOB_NAME"} | JOIN, {"tool-N-nm": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "$HOSTNAME.$TASK_ID"} | JOIN, {"node1.example.org.0": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "t$TASK_ID.txt"} | JOIN | ARRAY, {"t3.txt": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "$JOB_NAMEx.txt"} | JOIN, {"nmx.txt": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "x$SGE_TASK_ID.txt"} | JOIN, {"x$SGE_TASK_ID.txt": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "${JOB_ID}$"} | JOIN, {"${JOB_ID}$": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "$(id)`id`"} | JOIN, {"$(id)`id`": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "$JOB_NAME", "GC_JOB_NAME": "$HOSTNAME"} | JOIN, {"$HOSTNAME": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "*'\" \\;\té"} | JOIN, {"*'\" \\;\té": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "two\nlines\n"} | JOIN, {"two\nlines\n": "out\nerr\n"}),
        ({"GC_STDOUT_PATH_0": "-n"} | JOIN, {"-n": "out\nerr\n"}),
        ({"GC_JOB_NAME": "-n"} | JOIN, {"-n.oN": "out\nerr\n"}),
        (
            {"GC_STDOUT_PATH_0": "b", "GC_STDOUT_HOST_1": "node1.example.org", "GC_STDOUT_PATH_1": "a"}
            | JOIN,
            {"a": "out\nerr\n"},
        ),
        ({"GC_STDOUT_HOST_0": "node1", "GC_STDOUT_PATH_0": "a"} | JOIN, {"a": "out\nerr\n"}),
        ({"GC_STDOUT_HOST_0": "node2", "GC_STDOUT_PATH_0": "a"} | JOIN, {"nm.oN": "out\nerr\n"}),
        (
            {"GC_STDOUT_HOST_0": "node2", "GC_STDOUT_PATH_0": "a", "GC_STDOUT_PATH_1": "b"} | JOIN,
            {"b": "out\nerr\n"},
        ),
        ({"GC_STDOUT_PATH_0": "/dev/null"}, {"nm.eN": "err\n"}),
    ],
    ids=lambda value: None
    if "nm.oN" in value
    else "-".join(map(str, value)).encode("unicode_escape").decode(),
)
def test_output_goes_where_it_should(bench: Bench, variables: dict[str, str], files: dict[str, str]) -> None:
    (bench.home / "dir").mkdir()
    bench.script(BOTH)
    result = bench.run(**variables)
    assert result.status == 0, result
    assert set(told(bench, variables)) - {"/dev/null"} == {str(bench.home / name) for name in bench.files()}
    assert bench.files() == {
        name.replace("N", bench.job_id, 1) if ".oN" in name or ".eN" in name or "-N-" in name else name: text
        for name, text in files.items()
    }


def told(bench: Bench, variables: dict[str, str]) -> tuple[str, str]:
    """Where `gridcompat logs` would look, by the variables of the pod."""
    environment = [
        {"name": name, "value": value.replace("$", "$$")}
        for name, value in (bench.variables | variables).items()
    ]
    found = streams.of_pod(
        {"spec": {"nodeName": bench.variables["GC_HOST"], "containers": [{"env": environment}]}}
    )
    assert found is not None
    out, err = streams.files(found, os.path.isdir)
    return os.path.normpath(out), os.path.normpath(err)


def test_relative_paths_are_below_the_working_directory(bench: Bench) -> None:
    (bench.home / "sub").mkdir()
    bench.script(BOTH)
    bench.run(GC_CWD=f"{bench.home}/sub", GC_STDOUT_PATH_0="r.txt", GC_STDERR_PATH_0="../r2.txt")
    assert bench.files() == {"sub/r.txt": "out\n", "r2.txt": "err\n"}


def test_output_is_appended_and_keeps_its_mode(bench: Bench) -> None:
    path = bench.home / "a.txt"
    path.write_text("before\n")
    path.chmod(0o640)
    bench.script(BOTH)
    bench.run(**OUT, **JOIN)
    assert path.read_text() == "before\nout\nerr\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_empty_output_files_are_made_with_mode_0644(bench: Bench) -> None:
    bench.script(":")
    bench.run()
    assert [oct(path.stat().st_mode & 0o777) for path in sorted(bench.home.iterdir())] == ["0o644"] * 2


def test_two_jobs_append_to_one_file(bench: Bench) -> None:
    bench.script('for n in 1 2 3 4 5 6 7 8 9; do echo "$JOB_ID $n"; done')
    first = bench.start(GC_CLAIM="one", GC_TERMINATION_LOG=f"{bench.root}/t1", **OUT)
    second = bench.start(GC_CLAIM="two", GC_TASK="2", GC_SPOOL=f"{bench.root}/other", **OUT)
    bench.finish(second)
    first.communicate()
    lines = (bench.home / "a.txt").read_text().splitlines()
    assert sorted(lines) == sorted([f"{bench.job_id} {n}" for n in range(1, 10)] * 2)


def test_output_is_seen_while_the_job_runs(bench: Bench) -> None:
    bench.script("echo now; sleep 60")
    process = bench.start(**OUT)
    bench.await_text(bench.home / "a.txt", "now\n")
    process.terminate()
    assert bench.finish(process).status == 137


@pytest.mark.parametrize("name", ["in.txt", "$HOME/in.txt", "~/in.txt"])
def test_input_comes_from_the_file_asked_for(bench: Bench, name: str) -> None:
    (bench.home / "in.txt").write_text("one\ntwo\n")
    bench.script('cat; echo "$SGE_STDIN_PATH"')
    bench.run(GC_STDIN_PATH_0=name)
    assert bench.output() == f"one\ntwo\n{bench.home}/in.txt\n"


def reason(bench: Bench, failed: int, **variables: str) -> str:
    result = bench.run(**variables)
    assert result.status == 1
    found = result.evidence
    assert (found["failed"], found["start"], found["exit"], found["signal"]) == (failed, 0, 1, 0)
    text: str = found["reason"]
    return text.replace(str(bench.home), "HOME").replace(str(bench.root), "ROOT")


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("nodir/x", "No such file or directory"),
        ("nodir/", "No such file or directory"),
        ("file/x", "Not a directory"),
        ("dir/../nodir/deep/x", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("loop", "Too many levels of symbolic links"),
        ('no"dir\\/\tx', "No such file or directory"),
    ],
    ids=["missing", "missing folder", "below a file", "missing twice", "long", "loop", "quotes"],
)
@pytest.mark.parametrize("kind", ["STDOUT", "STDERR"])
def test_an_output_file_that_cannot_be_opened_fails_the_job(
    bench: Bench, kind: str, path: str, error: str
) -> None:
    (bench.home / "dir").mkdir()
    (bench.home / "file").touch()
    (bench.home / "loop").symlink_to("loop")
    bench.script("echo ran >$HOME/ran")
    text = reason(bench, 26, **{f"GC_{kind}_PATH_0": path})
    if path == "nodir/":
        # What the kernel says of a name with a slash at its end.
        assert text.startswith('error: can\'t open output file "HOME/nodir/": ')
    else:
        shown = path.replace("\t", " ")
        assert text == f'error: can\'t open output file "HOME/{shown}": {error}'
    # Standard output was opened first.
    made = {"file": "", f"nm.o{bench.job_id}": ""} if kind == "STDERR" else {"file": ""}
    assert bench.files() == made


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
def test_a_file_without_the_right_to_write_says_so(bench: Bench) -> None:
    (bench.home / "ro").touch(0o444)
    text = reason(bench, 26, GC_STDOUT_PATH_0="ro")
    assert text == 'error: can\'t open output file "HOME/ro": Permission denied'


def test_a_missing_input_file_fails_the_job_before_output_is_made(bench: Bench) -> None:
    bench.script(BOTH)
    text = reason(bench, 26, GC_STDIN_PATH_0="nosuch.txt")
    assert text == "error: can't open HOME/nosuch.txt as dummy input file"
    assert bench.files() == {}


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/nonexistent", "No such file or directory"),
        ("HOME/file", "Not a directory"),
        ("HOME/file/x", "Not a directory"),
        ("not/absolute", "No such file or directory"),
        ("-", "No such file or directory"),
    ],
)
def test_a_missing_working_directory_fails_the_job(bench: Bench, path: str, error: str) -> None:
    (bench.home / "file").touch()
    bench.script(BOTH)
    text = reason(bench, 28, GC_CWD=path.replace("HOME", str(bench.home)))
    assert text == f"error: can't chdir to {path}: {error}"
    assert bench.files() == {"file": ""}


def test_a_home_that_is_missing_fails_the_job(bench: Bench, tmp_path: Path) -> None:
    bench.script(BOTH)
    missing = tmp_path / "nohome"
    text = reason(bench, 28, GC_HOME=str(missing))
    assert text == f"error: can't chdir to {missing}: No such file or directory"


def test_reasons_are_cut_to_a_bounded_length(bench: Bench) -> None:
    bench.script(BOTH)
    text = reason(bench, 26, GC_STDOUT_PATH_0="/".join(["nodir" * 10] * 60))
    assert 900 < len(text) <= 1000

"""Real answers of each `--json` have the fields and types of the reference, all of them and no others.

`_shapes` is written by hand, apart from the code that makes the documents: a field that comes, goes or
changes its type fails here until the promise is changed as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gridcompat.cli import _shapes, main
from gridcompat.cli._shapes import CHECK, CONFIG, DOCTOR, EXPLAIN, SHAPES, TOP, WATCH, Shape
from gridcompat.cli._top_daemon import UNKNOWN
from gridcompat.cli._top_view import JOB, View, as_json, by_queue, load, together
from gridcompat.cli._watch_view import Change, change_json
from gridcompat.model import JobRequest
from gridcompat.settings import Settings
from gridcompat.translate.grid_job import grid_job

NOW = 1_764_000_000.0
TYPES: dict[str, Callable[[Any], bool]] = {
    _shapes.STRING: lambda value: isinstance(value, str),
    _shapes.INTEGER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    _shapes.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    _shapes.BOOLEAN: lambda value: isinstance(value, bool),
    _shapes.OBJECT: lambda value: isinstance(value, dict),
    _shapes.ANY: lambda _: True,
}
RUNS = {"task": 1, "attempt": 1, "restarted": 0, "state": "r", "pod": "p", "host": "node", "queue": "task"}
CRONTAB = """\
0 1 * * * qsub -b y true
0 2 * * * qsub -l num_proc=4 -q $Q job.sh
0 3 * * * qrsh ls
0 4 * * * qsub "
0 5 * * * find /tmp
"""


def fits(value: Any, kind: str) -> bool:
    """Whether a value is of a type of the reference."""
    if kind.endswith(_shapes.OR_NULL):
        return value is None or fits(value, kind.removesuffix(_shapes.OR_NULL))
    if kind.startswith(_shapes.ONE_OF):
        return value in kind.removeprefix(_shapes.ONE_OF).split()
    return TYPES[kind](value)


def differences(document: Any, shape: Shape, seen: set[str]) -> list[str]:
    """Return what of a document is not as the shape says; put the fields that were there into `seen`."""
    kinds = {path.rstrip("?"): kind for path, kind, _ in shape.fields}
    optional = {path.rstrip("?") for path, _, _ in shape.fields if path.endswith("?")}
    found: list[str] = []

    def look(value: Any, path: str) -> None:
        if kinds.get(path) == _shapes.ANY:
            seen.add(path)
            return
        if isinstance(value, list):
            if f"{path}[]" not in kinds:
                found.append(f"{path}: a list")
            for one in value:
                look(one, f"{path}[]")
            return
        kind = kinds.get(path, _shapes.OBJECT if not path else "")
        if not kind or not fits(value, kind):
            found.append(f"{path}: {value!r} is not {kind or 'named'}")
            return
        if value is not None:
            seen.add(path)
        if isinstance(value, dict):
            inside(value, path)

    def inside(value: dict[str, Any], path: str) -> None:
        before = f"{path}." if path else ""
        below = {name.removeprefix(before) for name in kinds if name.startswith(before) and name != path}
        fields = {name for name in below if "." not in name and name.rstrip("[]")}
        if "NAME" in fields:
            for one in value.values():
                if isinstance(one, list):
                    found.append(f"{path}: a list")
                else:
                    look(one, f"{before}NAME")
            return
        listed = {name for name, one in value.items() if isinstance(one, list) and before + name not in kinds}
        there = {f"{name}[]" if name in listed else name for name in value}
        missing = fields - there
        found.extend(f"{before}{name}: missing" for name in missing if f"{before}{name}" not in optional)
        for name, one in value.items():
            look(one, before + name)

    look(document, "")
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRIDCOMPAT_CONFIG", str(tmp_path / "site.toml"))
    monkeypatch.setenv("GRIDCOMPAT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("GRIDCOMPAT_FINISHED_JOBS", "7")
    monkeypatch.delenv("SGE_JOB_SPOOL_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.toml").write_text('site_name = "here"\n')
    (tmp_path / "job.sh").write_text("#!/bin/sh\n#$ -N inside -m n -l num_proc=4\n")
    (tmp_path / ".sge_request").write_text("-N early\n")
    (tmp_path / "crontab").write_text(CRONTAB)
    (tmp_path / "system").write_text("0 1 * * * root qsub -b y true\n")
    (tmp_path / "script").write_text("#!/bin/sh\nqsub missing.sh\n")
    return tmp_path


def run(*words: str) -> Any:
    done = CliRunner().invoke(main, words)
    assert not isinstance(done.exception, Exception), done.exception
    return json.loads(done.stdout)


def job(number: int, **status: Any) -> dict[str, Any]:
    request = JobRequest(name="job", hard_resources=(("h_vmem", "1G"),))
    made = grid_job(request, id=number, nonce="n", namespace="tool", ready=True)
    made["metadata"] |= {"creationTimestamp": "2025-11-24T15:59:00Z", "uid": str(number)}
    return {**made, "status": {"owner": "ada", **status}}


def tops(_: Path) -> Iterator[Any]:
    """Answers about a site where something runs and something waits, and about one that may not be read."""
    row = RUNS | {"startedAt": int(NOW), "slots": 1}
    jobs = [
        job(1, phase="Active", pending="", running=[row]),
        job(2, phase="Pending", pending="1", reasons=["there is no room"]),
    ]
    loads = tuple(one for one in (load(each, Settings()) for each in jobs) if one)
    known = UNKNOWN | {"works": True, "leader": "daemon-1", "version": "0.1", "heartbeat_s": 1}
    known |= {"mails_waiting": 1, "mails_failed": 0, "starts": 2, "dispatch_delay_s": 0.5}
    for by, hosts, daemon in (("", 1, known), (JOB, None, UNKNOWN)):
        queues = tuple(by_queue(together(loads), Settings(), hosts=hosts))
        yield as_json(View(now=NOW, loads=loads, queues=queues, daemon="", sort="", by=by), daemon)


def watches(_: Path) -> Iterator[Any]:
    for tasks, old, new in (("", "-", "qw"), ("1-3:1", "qw", "r"), ("2", "r", "ended")):
        yield json.loads(change_json(Change(job_id=7, name="x", tasks=tasks, old=old, new=new), NOW))


ANSWERS: dict[str, tuple[Shape, Callable[[Path], Iterator[Any]]]] = {
    "check": (
        CHECK,
        lambda _: (
            run("check", "--json", *words)
            for words in (("--crontab", "crontab"), ("--system-crontab", "system"), ("script", "job.sh"))
        ),
    ),
    "config": (CONFIG, lambda _: iter([run("config", "--json")])),
    "doctor": (DOCTOR, lambda _: iter([run("doctor", "--json"), run("doctor", "--json", "-q")])),
    "explain": (
        EXPLAIN,
        lambda _: (
            run("explain", "--json", *words)
            for words in (
                ("qsub", "-N", "one", "-N", "two", "job.sh", "word"),
                ("qsub", "job.sh"),
                ("qsub", "-N", "one", "-clear", "-b", "y", "true"),
                ("qsub", "-now", "y", "-R", "y", "-R", "y", "-b", "y", "true"),
                ("qsub", "-nonsense"),
                ("qsub", "-help"),
                ("qdel", "-f", "12"),
            )
        ),
    ),
    "top": (TOP, tops),
    "watch": (WATCH, watches),
}


@pytest.mark.parametrize(("shape", "answers"), ANSWERS.values(), ids=list(ANSWERS))
def test_answers_are_as_promised(shape: Shape, answers: Callable[[Path], Iterator[Any]], home: Path) -> None:
    seen: set[str] = set()
    for document in answers(home):
        assert differences(document, shape, seen) == []
    fields = {path.rstrip("?") for path, _, _ in shape.fields}
    assert fields - seen == set(), "the answers above do not show that these fields exist"


def test_one_setting_has_the_same_fields_as_in_the_list(home: Path) -> None:
    del home
    assert run("config", "--json", "site_name") == run("config", "--json")["settings"]["site_name"]


def test_every_command_with_json_has_a_shape() -> None:
    told = {shape.command.split()[1] for shape in SHAPES}
    having = set()
    with main.make_context("gridcompat", ["version"]) as context:
        for name in main.list_commands(context):
            command = main.get_command(context, name)
            assert command is not None
            if any("--json" in parameter.opts for parameter in command.params):
                having.add(name)
    assert told == having == set(ANSWERS)


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"a": 1}, []),
        ({"a": "1"}, ["a: '1' is not integer"]),
        ({"a": True}, ["a: True is not integer"]),
        ({}, ["a: missing"]),
        ({"a": 1, "b": None}, ["b: None is not one of x y"]),
        ({"a": 1, "b": "y", "c": 2}, ["c: 2 is not named"]),
        ({"a": 1, "d": [{"e": 1}, 2]}, ["d[]: 2 is not object"]),
        ({"a": 1, "d": [{}]}, ["d[].e: missing"]),
        ({"a": 1, "d": {"e": 1}}, ["d: {'e': 1} is not named"]),
    ],
    ids=lambda value: json.dumps(value),
)
def test_what_is_not_as_promised_is_found(document: Any, fault: list[str]) -> None:
    fields = (
        ("a", "integer", ""),
        ("b?", "one of x y", ""),
        ("d[]?", "object", ""),
        ("d[].e", "integer or null", ""),
    )
    assert differences(document, Shape(command="x", about="", fields=fields), set()) == fault

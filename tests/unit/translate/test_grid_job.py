"""A request survives its way through the GridJob; what is no request is told, not guessed."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.errors import GridError
from gridcompat.model import JobRequest, SubmitContext
from gridcompat.record import as_dict
from gridcompat.settings import Settings
from gridcompat.translate import grid_job as objects
from gridcompat.translate.account import account_of, next_id, seed

TEXT = st.text(st.characters(codec=None), max_size=20)
PAIRS = st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple)
TASKS = st.tuples(st.integers(1, 50), st.integers(50, 90), st.integers(1, 9))

requests = st.builds(
    JobRequest,
    name=TEXT,
    arguments=st.lists(TEXT, max_size=4).map(tuple),
    binary=st.booleans(),
    cwd=st.none() | TEXT,
    start_time=st.none() | st.integers(0, 2**40),
    stdout_paths=PAIRS,
    hard_resources=PAIRS,
    context=PAIRS,
    predecessors=st.lists(st.integers(1, 10**9)).map(tuple),
    slot_ranges=st.lists(TASKS, max_size=2).map(tuple),
    tasks=st.none() | TASKS,
    priority=st.integers(-1023, 1024),
    submit=st.builds(SubmitContext, path=TEXT, home=TEXT),
)


@given(requests)
def test_a_request_is_read_back_as_it_was(request: JobRequest) -> None:
    text = objects.request_json(request)
    assert objects.read_request(text) == request
    assert text.isascii() and json.dumps(json.loads(text), sort_keys=True, separators=(",", ":")) == text


def test_bytes_that_are_no_text_survive_an_api_server() -> None:
    request = JobRequest(arguments=(b"a\xff\x00".decode("utf-8", "surrogateescape"),))
    through_http = json.loads(json.dumps(objects.request_json(request)).encode())
    assert objects.read_request(through_http).arguments[0].encode("utf-8", "surrogateescape") == b"a\xff\x00"


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(objects.request_json(JobRequest())) | fields)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        '{"schema":"1"}',
        changed(nosuch=1),
        changed(priority="x"),
        changed(priority=True),
        changed(name=None),
        changed(arguments="ab"),
        changed(arguments=[1]),
        changed(hard_resources=[["a"]]),
        changed(tasks=[1, 2]),
        changed(tasks=[5, 2, 1]),
        changed(slot_ranges=[[1, 2, 0]]),
        changed(submit={"nosuch": "x"}),
        changed(submit="x"),
        changed(predecessors=["1"]),
    ],
    ids=lambda text: text[-40:],
)
def test_what_is_no_request_is_told(text: str) -> None:
    with pytest.raises(GridError, match=r"cannot be read|newer gridcompat"):
        objects.read_request(text)


def test_a_newer_request_is_refused_by_name() -> None:
    with pytest.raises(GridError, match="submitted by a newer gridcompat"):
        objects.read_request(changed(schema=2))


def test_a_request_with_fields_of_a_newer_one_names_them() -> None:
    with pytest.raises(GridError, match=r"by a newer gridcompat \(this one does not know colour, shape\)"):
        objects.read_request(changed(shape=1, colour="x"))


def test_what_says_nothing_is_not_written() -> None:
    assert objects.request_json(JobRequest()) == '{"schema":1}'
    assert objects.read_request('{"schema":1}') == JobRequest()
    asked = JobRequest(name="x", priority=-5, submit=SubmitContext(host="h"))
    assert objects.request_json(asked) == '{"name":"x","priority":-5,"schema":1,"submit":{"host":"h"}}'


@pytest.mark.parametrize("field", [name for name in as_dict(JobRequest()) if name != "schema"])
def test_any_one_field_is_written_when_it_says_something(field: str) -> None:
    samples: dict[str, Any] = {
        **dict.fromkeys(("slot_ranges",), ((3, 4, 1),)),
        **dict.fromkeys(("predecessors", "array_predecessors"), (5,)),
        **dict.fromkeys(
            ("start_time", "deadline", "priority", "max_running_tasks", "job_share", "changed"), 7
        ),
        "tasks": (1, 2, 1),
        "cwd": "/c",
        "submit": SubmitContext(tz="UTC"),
    }
    default = getattr(JobRequest, field)
    if field not in samples:
        pairs = field.endswith(("_paths", "_resources")) or field == "context"
        many = (("a", "b"),) if pairs else ("a",)
        samples[field] = many if default == () else (not default if isinstance(default, bool) else "other")
    asked = JobRequest(**{field: samples[field]})
    assert list(json.loads(objects.request_json(asked))) == sorted([field, "schema"])
    assert objects.read_request(objects.request_json(asked)) == asked


names = st.text(st.characters(exclude_characters="=\0", codec=None), min_size=1, max_size=8)
values = st.text(st.characters(exclude_characters="\0", codec=None), max_size=20)


@given(st.lists(st.tuples(names, values), max_size=4).map(tuple), st.none() | st.binary(max_size=50))
def test_script_and_variables_are_read_back_from_the_secret(
    environment: tuple[tuple[str, str], ...], script: bytes | None
) -> None:
    # Lone surrogates that stand for no byte cannot come from a process's environment.
    environment = tuple((encodable(name) or "N", encodable(value)) for name, value in environment)
    job = {"metadata": {"name": "7", "namespace": "n", "uid": "u"}}
    secret = objects.secret(job, script, environment)
    assert objects.secret_content(secret["data"]) == (script, environment)


def encodable(text: str) -> str:
    return text.encode("utf-8", "ignore").decode()


@pytest.mark.parametrize("value", ["", "it's", "'", "''", "\n", "a b", "$(x)`y`\\", "é", "*", "\udcff"])
def test_a_shell_takes_each_variable_byte_for_byte(value: str) -> None:
    text = objects.environment_text((("N", value),)) + b'printf %s "$1"\n'
    done = subprocess.run(["sh"], input=text, capture_output=True, check=True)
    assert done.stdout == b"N=" + value.encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("text", ["echo", 'set -- "$@" x', "set -- \"$@\" 'x'", 'set -- "$@" \'x'])
def test_a_secret_of_somebody_else_is_not_taken_for_ours(text: str) -> None:
    import base64

    with pytest.raises(GridError, match="cannot be read"):
        objects.secret_content({"environment": base64.b64encode(text.encode()).decode()})


def account(**fields: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "n", "name": "account"}, **fields}


@pytest.mark.parametrize(
    ("blocks", "after", "expected"),
    [
        ([], None, None),
        ([(10, 12)], None, 10),
        ([(10, 12)], 12, 12),
        ([(10, 12)], 13, None),
        ([(20, 22), (10, 12)], 13, 20),
        ([(20, 22), (10, 12)], 21, 21),
        ([(10, 12), (20, 22)], 23, None),
    ],
)
def test_the_next_id_is_within_the_blocks(blocks: Any, after: int | None, expected: int | None) -> None:
    obj = account(spec={"blocks": [{"first": a, "last": b} for a, b in blocks]})
    if after is not None:
        obj["status"] = {"nextId": after}
    assert next_id(obj) == expected


def test_an_account_is_read_whole() -> None:
    settings = Settings(first_job_id=50, id_block=10)
    namespace, site, grid_account = seed(
        settings, owner="o", uid=1, gid=2, group="g", groups=(2, 3), home="/h"
    )
    found = account_of(grid_account)
    assert (found.namespace, found.owner, found.uid, found.gid) == ("default", "o", 1, 2)
    assert (found.group, found.groups, found.home, found.volumes) == ("g", (2, 3), "/h", ())
    assert (next_id(grid_account), site["spec"]["nextId"], namespace["metadata"]["name"]) == (
        50,
        60,
        "default",
    )


def test_volumes_become_json() -> None:
    spec = {
        "owner": "o",
        "uid": 1,
        "gid": 2,
        "volumes": [{"path": "/d", "source": {"hostPath": {"path": "/d"}}}],
    }
    assert account_of(account(spec=spec)).volumes == (("/d", '{"hostPath":{"path":"/d"}}'),)


@pytest.mark.parametrize("spec", [{}, {"owner": "o"}, {"owner": "o", "uid": "x", "gid": 1}])
def test_an_account_without_owner_or_uid_is_told(spec: dict[str, Any]) -> None:
    with pytest.raises(GridError, match="the GridAccount of namespace n cannot be used"):
        account_of(account(spec=spec))

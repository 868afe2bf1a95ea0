"""translate/pod.py: names and words, whatever a user wrote."""

from __future__ import annotations

import json
import os
import re

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_pods import VERSION, made

from gridcompat.cluster.embedded.container import expand
from gridcompat.model import JobRequest
from gridcompat.translate import launch
from gridcompat.translate import pod as pods

# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "task", "attempt", "expected"),
    [
        ("job.sh", None, 1, "job-sh-7-a1"),
        ("job.sh", 3, 12, "job-sh-7-t3-a12"),
        ("", None, 1, "job-7-a1"),
        ("日本", 1, 1, "job-7-t1-a1"),
        ("--A__b--", None, 1, "a-b-7-a1"),
        ("x" * 512, None, 1, "x" * 24 + "-7-a1"),
        ("aaaaaaaaaaaaaaaaaaaaaaa.b", None, 1, "aaaaaaaaaaaaaaaaaaaaaaa-7-a1"),
        ("-a1-t2", 3, 4, "a1-t2-7-t3-a4"),
    ],
)
def test_pod_names(name: str, task: int | None, attempt: int, expected: str) -> None:
    assert pods.pod_name(name, 7, task, attempt) == expected


DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


PLACES = st.tuples(st.integers(1, 10**10), st.none() | st.integers(1, 10**7), st.integers(1, 10**6))


@given(name=st.text(max_size=520), place=PLACES)
def test_any_job_name_gives_a_valid_pod_name(name: str, place: tuple[int, int | None, int]) -> None:
    made_name = pods.pod_name(name, *place)
    assert DNS_LABEL.fullmatch(made_name)
    assert len(made_name) <= 63


TRICKY = st.sampled_from(["a", "a-1", "a-1-t2", "a-t2", "1", "t1", "a1", "", "a-12-a1", "x-1-t1-a1"])


@given(TRICKY, TRICKY, st.tuples(*[st.integers(1, 13)] * 2, st.none() | st.integers(1, 13)))
def test_two_attempts_never_share_a_name(one: str, other: str, place: tuple[int, int, int | None]) -> None:
    number, attempt, task = place
    first = pods.pod_name(one, number, task, attempt)
    for other_place in (
        (number + 1, task, attempt),
        (number, task, attempt + 1),
        (number, (task or 0) + 1, attempt),
    ):
        assert first != pods.pod_name(other, *other_place)


# ---------------------------------------------------------------- whatever a user wrote

WORDS = st.text(max_size=40).filter(lambda text: "\0" not in text)


@given(WORDS, st.dictionaries(st.sampled_from(["HOME", "A", "GC_ROOT"]), WORDS))
def test_escaped_text_comes_out_of_the_kubelet_as_it_was(text: str, known: dict[str, str]) -> None:
    assert expand(launch.escaped(text), known) == text


@given(
    name=WORDS,
    arguments=st.lists(WORDS, max_size=4),
    path=WORDS,
    host=WORDS,
    value=st.sampled_from(["1", "1G", "0", "INFINITY", "1:2:3", "x", "", "99999999999999999999"]),
    resource=st.sampled_from(["h_rt", "h_vmem", "s_cpu", "hostname", "release", "mem_free", "h_core"]),
    binary=st.booleans(),
    notify=st.booleans(),
)
def test_any_request_gives_a_valid_pod(
    name: str,
    arguments: list[str],
    path: str,
    host: str,
    value: str,
    resource: str,
    binary: bool,
    notify: bool,
) -> None:
    request = JobRequest(
        name=name,
        script_file=path,
        arguments=tuple(arguments),
        binary=binary,
        has_script=not binary,
        cwd=path,
        stdout_paths=((host, path), ("", path)),
        hard_resources=((resource, value),),
        notify=notify,
        account=name,
    )
    pod = made(request)
    kubernetes_validate.validate(json.loads(json.dumps(pod)), VERSION, strict=True)
    # Nothing of it got into the command itself.
    assert pod["spec"]["containers"][0]["command"] == list(launch.COMMAND)


BYTES = st.binary(max_size=20).map(lambda word: os.fsdecode(word.replace(b"\0", b"")))


@given(st.lists(BYTES, min_size=1, max_size=4), BYTES)
def test_bytes_that_are_no_text_are_written_for_printf(words: list[str], path: str) -> None:
    pod = made(JobRequest(script_file="/p", arguments=tuple(words), has_script=False, shell=False, cwd=path))
    kubernetes_validate.validate(json.loads(json.dumps(pod).encode()), VERSION, strict=True)
    container = pod["spec"]["containers"][0]
    variables = {one["name"]: expand(one.get("value", ""), {}) for one in container["env"]}
    names = variables.get("GC_ENCODED", "").split()
    arguments = [expand(word, {}) for word in container["args"]]
    assert [printed(word) if "args" in names else word for word in arguments] == ["/p", *words]
    assert (printed(variables["GC_CWD"]) if "GC_CWD" in names else variables["GC_CWD"]) == path
    assert set(names) <= {"args", "GC_CWD"}


def printed(word: str) -> str:
    """What printf makes of it with %b, as far as we use that."""
    octal = re.sub(
        rb"\\(\\|0[0-7]{3})", lambda m: b"\\" if m[1] == b"\\" else bytes([int(m[1], 8)]), word.encode()
    )
    return os.fsdecode(octal)

"""Pure parts: quantities, what fits, the kubelet's expansion, exit codes that nobody waited for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.cluster.embedded import machine, pod_status
from gridcompat.cluster.embedded.container import expand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("2", 2),
        ("10m", 0.01),
        ("1.5", 1.5),
        ("1Ki", 1024),
        ("2Gi", 2 * 2**30),
        ("1k", 1000),
        ("1M", 10**6),
        ("1e3", 1000),
        ("16777216", 16777216),
        (3, 3),
    ],
)
def test_quantities(text: object, expected: float) -> None:
    assert machine.quantity(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "x", "1X", "Gi", "m", "1 G", None])
def test_what_is_no_quantity(text: object) -> None:
    with pytest.raises(ValueError, match="could not convert"):
        machine.quantity(text)


def pod(uid: str, cpu: str = "0", memory: str = "0", **spec: Any) -> dict[str, Any]:
    resources = {"requests": {"cpu": cpu, "memory": memory}}
    return {"metadata": {"uid": uid}, "spec": {"containers": [{"resources": resources}], **spec}}


def room() -> machine.Room:
    return machine.Room({"cpu": "2", "memory": "1Gi", "pods": "3"}, {"kubernetes.io/hostname": "n"})


def test_room_is_taken_and_given_back() -> None:
    machine_room = room()
    machine_room.take(pod("a", "1500m", "512Mi"))
    machine_room.take(pod("a", "1500m", "512Mi"))
    assert machine_room.misfit(pod("b", "500m", "512Mi")) == ""
    assert machine_room.misfit(pod("b", "501m", "513Mi")) == (
        "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory."
    )
    assert machine_room.give_back("a")
    assert not machine_room.give_back("a")
    assert machine_room.misfit(pod("b", "2", "1Gi")) == ""


def test_only_so_many_pods_fit() -> None:
    machine_room = room()
    for uid in "abc":
        machine_room.take(pod(uid))
    assert machine_room.misfit(pod("d")) == "0/1 nodes are available: 1 Too many pods."


def test_a_resource_that_the_machine_lacks_does_not_fit() -> None:
    wanting = pod("a")
    wanting["spec"]["containers"][0]["resources"] = {"limits": {"nvidia.com/gpu": "1"}}
    assert room().misfit(wanting) == "0/1 nodes are available: 1 Insufficient nvidia.com/gpu."


def test_requests_that_cannot_be_read_do_not_fit() -> None:
    assert "cannot be read" in room().misfit(pod("a", "lots"))


@pytest.mark.parametrize(("selector", "fits"), [({"kubernetes.io/hostname": "n"}, True), ({"x": "y"}, False)])
def test_selectors(selector: dict[str, str], fits: bool) -> None:
    assert (room().misfit(pod("a", nodeSelector=selector)) == "") is fits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Source: the cases of Kubernetes' own documentation and rules for references.
        ("$(A)", "1"),
        ("$(A)$(B)", "1two"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$$$$(A)", "$$(A)"),
        ("$(C)", "$(C)"),
        ("$A", "$A"),
        ("${A}", "${A}"),
        ("$", "$"),
        ("a$", "a$"),
        ("$$", "$"),
        ("$(A", "$(A"),
        ("$(", "$("),
        ("$()", "$()"),
        ("$(A))", "1)"),
        ("$( A)", "$( A)"),
        ("$((1))", "$((1))"),
        ("\\$(A)", "\\1"),
    ],
)
def test_the_kubelets_expansion(text: str, expected: str) -> None:
    assert expand(text, {"A": "1", "B": "two"}) == expected


@given(st.text("$()AB\n", max_size=12))
def test_expansion_without_references_only_halves_dollars(text: str) -> None:
    assert expand(text, {}).replace("$", "") == text.replace("$", "")


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('{"exit":7,"v":1}', 7),
        ('{"exit":0}', 0),
        ('{"exit":256}', None),
        ('{"exit":-1}', None),
        ('{"exit":true}', None),
        ('{"exit":"7"}', None),
        ("7", None),
        ("", None),
        ("[" * 4000, None),
    ],
)
def test_the_exit_status_that_a_container_noted(message: str, code: int | None) -> None:
    assert pod_status.own_exit_code(message) == code


@pytest.mark.parametrize(
    ("data", "text"),
    [(b"x" * 5000, "x" * 4096), (b"a\xffb", "a\ufffdb"), (b"a\0b", "a\ufffdb"), ("é".encode(), "é")],
)
def test_a_termination_message_is_text_of_bounded_length(data: bytes, text: str) -> None:
    assert pod_status.clean_message(data) == text

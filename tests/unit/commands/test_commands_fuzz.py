"""Whatever is typed: no exception but the project's own, and nothing half made."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commands.command_world import World
from gridcompat.cluster.base import GRID_JOB
from gridcompat.commands import qping
from gridcompat.errors import Unavailable
from gridcompat.options import table

WORDS = st.one_of(
    st.sampled_from(
        [
            *(
                "-N",
                "-t",
                "-h",
                "-u",
                "-f",
                "-l",
                "-q",
                "-m",
                "-M",
                "-p",
                "-pe",
                "-o",
                "-e",
                "-j",
                "-v",
                "-V",
                "-a",
                "-b",
            ),
            *(
                "-tc",
                "-hold_jid",
                "-hold_jid_ad",
                "-sync",
                "-now",
                "-w",
                "-cj",
                "-sj",
                "-rj",
                "-usj",
                "-d",
                "-cq",
                "-A",
                "-@",
            ),
            *(
                "-ac",
                "-dc",
                "-sc",
                "-soft",
                "-hard",
                "-wd",
                "-cwd",
                "-terse",
                "-once",
                "-quiet",
                "-stderr",
                "-umask",
                "-mem",
            ),
            *(
                "y",
                "n",
                "u",
                "1000",
                "1001",
                "1000.1",
                "1000.2-3",
                "1-5:2",
                "0",
                "-1",
                "99999999999",
                "a",
                "*",
                "a*",
                "[",
                "",
            ),
            *(
                ",",
                "1,2",
                "x=1",
                "h_vmem=1G",
                "task",
                "smp",
                "job.sh",
                "/bin/true",
                "$(date)",
                "$$",
                "'",
                '"',
                "\n",
                "a b",
                ":",
            ),
        ]
    ),
    # What a process can be given: bytes without NUL, those that are no UTF-8 as surrogates.
    st.binary(max_size=8).map(lambda word: os.fsdecode(word.replace(b"\0", b""))),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
)
COMMANDS = (*table.COMMANDS,)


def stop(_seconds: int) -> None:
    raise Unavailable("qping asks for ever")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        made = World(folder)
        made.submit("a", user_hold=True)
        made.submit("b", tasks=(1, 5, 2))
        yield made
        made.close()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from(COMMANDS), words=st.lists(WORDS, max_size=6))
def test_no_words_make_a_command_break(
    world: World, monkeypatch: pytest.MonkeyPatch, command: str, words: list[str]
) -> None:
    monkeypatch.chdir(world.home)
    monkeypatch.setattr(qping, "pause", stop)
    # A wait for the end would never return without a controller.
    world.on_wrote = lambda: finish_all(world)
    status, out, err = world.run(command, *words)
    assert 0 <= status <= 255
    assert "Traceback" not in out + err
    assert len(out + err) < 100_000
    for item in world.cluster.list(GRID_JOB, namespace="default").items:
        assert item["spec"].get("ready") or item["spec"].get("void") or item["spec"].get("deleted")


def finish_all(world: World) -> None:
    for item in world.cluster.list(GRID_JOB, namespace="default").items:
        if item["spec"]["id"] > 1001 and item.get("status", {}).get("phase") != "Finished":
            world.status(item["spec"]["id"], phase="Finished", exitStatus=0)

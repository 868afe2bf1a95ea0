"""Whatever is typed behind `gridcompat`: a status and words, never a traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridcompat.cli import COMMANDS, main

STAYS_OR_CHANGES = ("daemon", "install", "local", "restore", "top", "watch")
"""Those that go on until they are stopped, or change the machine: only words that click refuses are tried."""
FIRST = {name: ["--no-such-switch"] for name in STAYS_OR_CHANGES} | {"_complete": ["gridcompat"]}
"""What stands before the words; words for the drop-ins are another program's, which completion runs."""
NOT_TRIED = ("-f", "--follow")
NOISE = st.one_of(
    st.sampled_from(
        ["", "-", "--", "-x", "--no-such", "1000", "*", "[", ",", "=", "/", "nosuch", "9" * 30, "\n"]
    ),
    st.binary(max_size=8).map(lambda word: os.fsdecode(word.replace(b"\0", b""))),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, and nothing of the caller's settings."""
    for name in list(os.environ):
        if name.startswith(("GRIDCOMPAT_", "SGE_", "KUBE")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRIDCOMPAT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", time.tzname[0])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command_of(name: str) -> click.Command:
    found = main.get_command(click.Context(main), name)
    assert isinstance(found, click.Command)
    return found


def words_of(command: click.Command) -> list[str]:
    """The switches of a command, and the names and switches of those below it."""
    found = [word for one in command.params if isinstance(one, click.Option) for word in one.opts]
    for name, below in getattr(command, "commands", {}).items():
        found += [name, *words_of(below)]
    return [word for word in found if word not in NOT_TRIED] or ["--help"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_words_break_a_subcommand(name: str, home: Path) -> None:
    command = command_of(name)

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.one_of(st.sampled_from(words_of(command)), NOISE), max_size=4))
    def check(words: list[str]) -> None:
        first = FIRST.get(name, [])
        result = CliRunner().invoke(main, [name, *first, *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), (words, result.exc_info)
        assert 0 <= result.exit_code <= 255
        assert "Traceback" not in result.output

    check()

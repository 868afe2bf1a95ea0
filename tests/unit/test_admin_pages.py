"""What pages for administrators say of settings, commands, metrics and Events is what the code has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from gridcompat.cli import main
from gridcompat.controller import events
from gridcompat.controller.tally import Tally
from gridcompat.replica import metrics
from gridcompat.settings import files

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to"
NAMES = ("kubernetes", "accounts", "queues-and-images", "metrics", "upgrading", "troubleshooting")
TEXTS = {name: (HOW_TO / f"{name}.md").read_text() for name in NAMES}


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


SETTINGS = [
    *(block for text in TEXTS.values() for block in blocks(text, "toml")),
    *(match for text in TEXTS.values() for match in re.findall(r"<<'END'\n(.*?)^END$", text, re.S | re.M)),
]


@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_settings_on_a_page_can_be_read(number: int, tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SETTINGS[number])
    assert files.read(str(tmp_path / "site.toml"))["values"]


def calls(text: str) -> list[list[str]]:
    """The words of each call of gridcompat in the shell blocks of a page."""
    found = []
    for block in blocks(text, "sh"):
        block = re.sub(r"<<'END'\n.*?^END$", "", block.replace("\\\n", " "), flags=re.S | re.M)
        for line in re.sub(r"\$\([^)]*\)", "X", block).splitlines():
            match = re.match(r"\s*(?:\w+=\S+ )*(gridcompat [^|>]*)", line)
            if match:
                found.append(shlex.split(match[1]))
    return found


CALLS = [(name, words) for name, text in TEXTS.items() for words in calls(text)]


@pytest.mark.parametrize(
    ("page", "words"), CALLS, ids=lambda value: value if isinstance(value, str) else None
)
def test_commands_on_a_page_are_there_with_their_options(page: str, words: list[str]) -> None:
    command: click.Command = main
    rest = words[1:]
    while isinstance(command, click.Group):
        context = click.Context(command)
        found = command.get_command(context, rest.pop(0))
        assert found is not None, words
        command = found
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in rest if word.startswith("--")} <= known, words


def test_there_are_commands_and_settings_on_the_pages() -> None:
    assert len(CALLS) > 12
    assert len(SETTINGS) >= 3


def test_the_metrics_of_the_page_are_those_of_the_daemon() -> None:
    page = metrics.text(jobs=(), tally=Tally(), mail={"waiting": 0, "failed": 0}, leads=True, answered_s=0)
    served = set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))
    rows = TEXTS["metrics"].partition("| query |")[0]
    assert {name.partition("{")[0] for name in re.findall(r"^\| `([^`]+)`", rows, re.MULTILINE)} == served
    asked = set(re.findall(r"gridcompat_\w+", TEXTS["metrics"]))
    assert {re.sub(r"_bucket$", "", name) for name in asked} == served


def test_the_events_of_the_page_are_those_of_the_controller() -> None:
    source = Path(events.__file__).read_text()
    noted = set(re.findall(r'reason="(\w+)"', source)) | {reason for reason, _, _ in events.ENDED.values()}
    table = TEXTS["metrics"].partition("## Events")[2].partition("## Logs")[0]
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", table, re.MULTILINE)
    assert {word for row in rows for word in re.findall(r"\w+", row)} == noted

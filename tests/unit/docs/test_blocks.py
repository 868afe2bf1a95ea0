"""Each block of the pages that people type from is run by a test, or says why it cannot be.

tests/e2e/test_tutorial.py runs those without a mark.  What a mark keeps from being run is read here: each
`gridcompat` in it has the options that it is given.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from documents import CONSOLE, INDENTED, OTHERS, PAGES, ROOT, TYPED, Block, blocks

from gridcompat import settings
from gridcompat.cli import main
from gridcompat.errors import GridError

REASONS = (
    "needs a cluster",
    "needs a grid",
    "needs root",
    "needs podman",
    "changes the machine",
    "takes minutes",
    "fills the screen",
)
EVERY = [(page, block) for page in PAGES for block in blocks(page.read_text())]


def named(value: object) -> str:
    """Return the part of a test's id for a page or a block."""
    if isinstance(value, Block | int):
        return f"line {value.line if isinstance(value, Block) else value}"
    return getattr(value, "name", "")


@pytest.mark.parametrize(("page", "block"), EVERY, ids=named)
def test_each_block_is_run_or_says_why_not(page: Path, block: Block) -> None:
    del page
    assert block.kind in (*TYPED, *OTHERS), (
        "a block of commands is console or sh, another one says what it is"
    )
    if block.mark:
        assert block.kind in TYPED, "only commands have to say why they are not run"
        assert block.mark.startswith(REASONS)
    if block.kind == CONSOLE:
        assert block.text.startswith("$ ")
    if block.kind in OTHERS:
        assert not re.search(r"^(\$ |(q(sub|stat|del)|gridcompat|kubectl) )", block.text, re.MULTILINE)


def typed(block: Block) -> list[list[str]]:
    """Return the words of each call of `gridcompat` in a block, up to the next command."""
    text = block.text.replace("\\\n", " ").replace("$(", " ").replace("`", " ")
    if block.kind == CONSOLE:
        text = "\n".join(line[2:] for line in text.splitlines() if line.startswith(("$ ", "> ")))
    found = []
    for line in text.splitlines():
        split = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        split.whitespace_split = True
        words = list(split)
        for at, word in enumerate(words):
            before = words[at - 1] if at else ";"
            begins = not before.strip("();<>|&") or before in ("do", "then", "env") or "=" in before
            if word == "gridcompat" and begins:
                rest = words[at + 1 :]
                ends = (n for n, one in enumerate(rest) if one and not one.strip("();<>|&"))
                found.append(rest[: next(ends, len(rest))])
    return found


MARKED = [(page, block) for page, block in EVERY if block.mark]


@pytest.mark.parametrize(("page", "block"), MARKED, ids=named)
def test_what_is_not_run_has_commands_and_options_that_are_there(page: Path, block: Block) -> None:
    del page
    for words in typed(block):
        command: click.Command = main
        with click.Context(main) as context:
            while isinstance(command, click.Group):
                inner = command.get_command(context, words.pop(0))
                assert inner is not None, block.text
                command = inner
            known = {switch for one in command.params for switch in one.opts} | {"--help"}
            assert not [word for word in words if re.match("--?[a-z]", word) and word not in known], words


HEREDOC = re.compile(r"> \S+\.toml <<'END'\n(.*?)^END$", re.DOTALL | re.MULTILINE)
SETTINGS = [(page, block.line, block.text) for page, block in EVERY if block.kind == "toml"] + [
    (page, block.line, text) for page, block in MARKED for text in HEREDOC.findall(block.text)
]


@pytest.mark.parametrize(("page", "line", "text"), SETTINGS, ids=named)
def test_settings_of_the_pages_can_be_used(page: Path, line: int, text: str, tmp_path: Path) -> None:
    del page, line
    (tmp_path / "site.toml").write_text(text)
    try:
        settings.load(
            {"GRIDCOMPAT_CONFIG": str(tmp_path / "site.toml")}, home=os.devnull, uid=1, remember=False
        )
    except GridError as error:
        pytest.fail(error.message)


CRONTABS = [(page, block) for page, block in EVERY if block.kind == "crontab"]


@pytest.mark.parametrize(("page", "block"), CRONTABS, ids=named)
def test_crontabs_of_the_pages_are_taken(
    page: Path, block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del page
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRIDCOMPAT_CONFIG", "/dev/null")
    (tmp_path / "crontab").write_text(block.text)
    done = CliRunner().invoke(main, ["check", "--json", "--crontab", str(tmp_path / "crontab")])
    assert done.exit_code == 0, done.output
    lines = json.loads(done.stdout)["files"][0]["lines"]
    assert lines and all(line["outcome"] in ("same", "none") for line in lines)


def test_blocks_are_found() -> None:
    text = (
        "# A\n\n```sh\na\n```\n\n<!-- not run: needs root -->\n```console\n$ b\n```\n\n"
        "- in a list:\n\n      c\n\n  ```\n  d\n  ```\n\nText:\n\n    e\n    f\n\nText\n"
    )
    assert list(blocks(text)) == [
        Block(3, "sh", "a\n"),
        Block(8, CONSOLE, "$ b\n", "needs root"),
        Block(16, "", "d\n"),
        Block(22, INDENTED, "e\nf\n"),
    ]
    told = Block(1, "sh", "X=1 gridcompat top --once | head && gridcompat \\\n  account add x --uid 5 > f\n")
    assert typed(told) == [["top", "--once"], ["account", "add", "x", "--uid", "5"]]


def test_marks_name_reasons_that_are_used() -> None:
    used = {reason for reason in REASONS for _, block in MARKED if block.mark.startswith(reason)}
    assert used == set(REASONS)
    assert len(SETTINGS) > 4 and len(CRONTABS) > 3
    assert (ROOT / "tests/e2e/test_tutorial.py").exists()

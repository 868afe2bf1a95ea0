"""The documents tell the truth: each command in them is run, and prints what the page says it prints.

A page's blocks are one session of `sh`, in a fresh home with a grid of its own; some pages begin in the
checkout.  In a `console` block `$ ` begins a command, `> ` goes on with it, the other lines are what it
prints.  Of an `sh` or indented block only the status counts, which must be 0.  A block with a mark is left
out (`documents`; tests/unit/docs/test_blocks.py sees to it that each has the one or the other).
Pages call the account `tool`, its home `/home/tool`, the machine `bastion` and the checkout
`/home/tool/gridcompat`; a time stands for any time,
`...` in a line for any text, and `...` alone for any lines.  Blanks are compared as one, for tables are
padded.  A command that only looks is run again until it prints what is expected, for jobs take their time.
"""

from __future__ import annotations

import os
import pwd
import re
import selectors
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from documents import CONSOLE, PAGES, ROOT, TYPED, Block, blocks, commands

IN_THE_CHECKOUT = ("README.md", "first-job.md", "contributing.md", "install.md")
LOOKS = ("qstat", "qacct", "job", "cat", "ls", "grep", "sort", "head", "tail", "qhost")
LIMIT_S = 30.0
AGAIN_S = 0.1
TIMES = re.compile(
    r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}"
)


def to_run(page: Path) -> list[Block]:
    """Return the blocks of a page that are run."""
    return [one for one in blocks(page.read_text()) if one.kind in TYPED and not one.mark]


TO_RUN = [page for page in PAGES if to_run(page)]


class Session:
    """A shell that is told one command after the other."""

    def __init__(self, home: Path, directory: Path) -> None:
        config = home / ".config" / "gridcompat" / "config.toml"
        config.parent.mkdir(parents=True)
        # Not by a variable: a command that is given no environment must find the same grid.
        config.write_text(f'state_dir = "{home}/.local/state/gridcompat"\n')
        self.account = pwd.getpwuid(os.getuid()).pw_name
        self.home = str(home)
        self.shell = subprocess.Popen(
            ["/bin/sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=directory,
            env={
                "HOME": self.home,
                "LOGNAME": self.account,
                "USER": self.account,
                "SHELL": "/bin/sh",
                "PATH": f"{ROOT}/bin:{os.path.dirname(sys.executable)}:/usr/local/bin:/usr/bin:/bin",
            },
        )

    def run(self, command: str) -> str:
        """Return what a command prints on both streams."""
        assert self.shell.stdin and self.shell.stdout
        self.shell.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\001'\n".encode())
        self.shell.stdin.flush()
        got = b""
        deadline = time.monotonic() + 2 * LIMIT_S
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.shell.stdout, selectors.EVENT_READ)
            while not got.endswith(b"\1"):
                assert waiting.select(max(deadline - time.monotonic(), 0)), f"no end of {command!r}: {got!r}"
                part = os.read(self.shell.stdout.fileno(), 65536)
                assert part, f"the shell ended at {command!r}: {got!r}"
                got += part
        return got[:-1].decode()

    def told(self, printed: str) -> str:
        """Return what was printed as a page would have it."""
        text = printed.replace(str(ROOT), "/home/tool/gridcompat").replace(self.home, "/home/tool")
        text = re.sub(rf"\b{re.escape(os.uname().nodename)}\b", "bastion", text)
        return re.sub(rf"\b{re.escape(self.account)}\b", "tool", text)

    def close(self) -> None:
        self.run("qdel '*'; gridcompat local stop")
        assert self.shell.stdin and self.shell.stdout
        self.shell.stdin.close()
        self.shell.wait(LIMIT_S)
        self.shell.stdout.close()


def plain(text: str) -> str:
    """Return a text with one blank for many, and any time as TIME."""
    lines = (" ".join(line.split()) for line in TIMES.sub("TIME", text).splitlines())
    return "".join(line + "\n" for line in lines)


def pattern(expected: str) -> str:
    """Return the regular expression of what a page says."""
    parts = [
        r"(?:.*\n)*?" if line == "..." else re.escape(line).replace(r"\.\.\.", ".+?") + r"\n"
        for line in plain(expected).splitlines()
    ]
    return "".join(parts)


def agree(expected: str, got: str) -> bool:
    return re.fullmatch(pattern(expected), plain(got)) is not None


@pytest.fixture
def session(tmp_path: Path, page: Path) -> Iterator[Session]:
    home = tmp_path / "home"
    home.mkdir()
    session = Session(home, ROOT if page.name in IN_THE_CHECKOUT else home)
    yield session
    session.close()


@pytest.mark.parametrize("page", TO_RUN, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_do_what_the_page_says(page: Path, session: Session) -> None:
    for block in to_run(page):
        if block.kind == CONSOLE:
            for command, expected in commands(block.text):
                see(session, command, expected)
        else:
            # By bash, for people's shells know more than sh; of its output the page says nothing.
            got = session.run(f'bash -ec {shlex.quote(block.text)}; echo "status $?"')
            assert got.endswith("status 0\n"), f"{page.name}:{block.line}: {got}"


def see(session: Session, command: str, expected: str) -> None:
    """Run a command, one that only looks until it prints what is expected."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        got = session.told(session.run(command))
        if agree(expected, got):
            return
        looks = shlex.split(command, comments=True)[:1] in ([word] for word in LOOKS)
        assert looks and time.monotonic() < deadline, f"$ {command}\n{got}--- expected\n{expected}"
        time.sleep(AGAIN_S)


def test_a_page_that_lies_is_caught() -> None:
    assert agree("a ... b\n...\nend\n", "a  x y b\nmore\nand more\nend\n")
    assert agree("at 11/24/2026 07:51:51\n", "at 01/02/2027 00:00:00\n")
    assert not agree("a\n", "a\nb\n")
    assert not agree("a\n...\n", "b\n")
    assert list(commands("$ a\n> b\n1\n2\n$ c\n")) == [("a\nb", "1\n2\n"), ("c", "")]

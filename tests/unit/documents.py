"""The pages that people type from, taken apart into blocks; shared by tests of what they say.

A block of commands is fenced as `console` (what is typed, behind `$ `, and what it prints) or `sh`, or
indented by four blanks.  `<!-- not run: REASON -->` on the line before says why no test runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "MIGRATION.md",
    *sorted((ROOT / "docs" / "tutorial").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
]
CONSOLE, SH, INDENTED = "console", "sh", "indented"
TYPED = (CONSOLE, SH, INDENTED)
"""Kinds of blocks that hold commands."""
OTHERS = ("crontab", "toml", "text")
_MARK = re.compile(r"<!-- not run: (.+) -->$")


@dataclass(frozen=True)
class Block:
    """A block of a page."""

    line: int
    kind: str
    """The word behind the fence, "" for none, or `indented`."""
    text: str
    mark: str = ""
    """Why it is not run."""


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a page in their order; in lists, what is indented is no block."""
    lines = [*text.splitlines(), ""]
    at, mark, in_list = 0, "", False
    while at < len(lines):
        line, first = lines[at], at + 1
        fence = re.match(r"( *)```(\w*)", line)
        if fence:
            end = next(n for n in range(first, len(lines)) if lines[n].strip() == "```")
            inside = "".join(one.removeprefix(fence[1]) + "\n" for one in lines[first:end])
            yield Block(first, fence[2], inside, mark)
            at, mark = end + 1, ""
            continue
        if line.startswith("    ") and not in_list:
            end = next(n for n in range(first, len(lines)) if not lines[n].startswith("    "))
            yield Block(first, INDENTED, "".join(one[4:] + "\n" for one in lines[at:end]), mark)
            at, mark = end, ""
            continue
        if line.strip():
            found = _MARK.match(line.strip())
            mark = found[1] if found else ""
            in_list = bool(re.match(r"[-*] |\d+\. ", line)) or (in_list and line.startswith(" "))
        at += 1


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a console block and what it prints."""
    command, printed = "", ""
    for line in block.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, printed
            command, printed = line[2:], ""
        elif line.startswith("> ") and not printed:
            command += "\n" + line[2:]
        else:
            assert command, f"output before any command: {line}"
            printed += line + "\n"
    if command:
        yield command, printed

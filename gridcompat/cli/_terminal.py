"""What the commands of `gridcompat` know of the terminal: colours, its width, text that is safe on it.

Job names, paths and outputs are other people's bytes: nothing of them reaches a terminal before `safe` has
made every control character visible.  Must not know what is printed.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

NARROWEST = 40
"""Below that a table cannot be read anyway."""
_STYLES = {
    "red": "31;1",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "cyan": "36",
    "dim": "2",
    "bold": "1",
    "reverse": "7",
}
_SHOWN = {code: f"^{chr(code ^ 64)}" for code in (*range(32), 127)}
_SHOWN |= {code: f"\\x{code:02x}" for code in range(128, 160)}
_SHOWN |= {code: f"\\x{code - 0xDC00:02x}" for code in range(0xDC80, 0xDD00)}
# Marks of direction, and separators that some terminals take for line ends.
_SHOWN |= {code: f"\\u{code:04x}" for code in (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F))}
_SHOWN |= {code: f"\\u{code:04x}" for code in (*range(0x2066, 0x206A), 0xFEFF)}
_SHOWN |= {code: f"\\u{code:04x}" for code in (*range(0xD800, 0xDC80), *range(0xDD00, 0xE000))}
_SHOWN_IN_LINES = {code: text for code, text in _SHOWN.items() if code not in (9, 10)}

color_option = click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Colours; auto asks the terminal, NO_COLOR, TERM, FORCE_COLOR and CLICOLOR_FORCE.",
)


def safe(text: str, *, lines: bool = False) -> str:
    """Return text in which control characters, marks of direction and stray bytes can be seen: `^[`, `\\x9b`.

    Args:
        lines: line ends and tabs stay as they are.
    """
    return text.translate(_SHOWN_IN_LINES if lines else _SHOWN)


def wants_color(choice: str, environ: Mapping[str, str], *, terminal: bool) -> bool:
    """Return whether to use colours.

    Source: no-color.org and force-color.org: a variable counts when it is not empty; a switch is stronger.
    """
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        if environ.get(name, "0") not in ("", "0"):
            return True
    return terminal and environ.get("TERM", "dumb") not in ("", "dumb")


class Paint:
    """Puts text into colours, or leaves it alone."""

    def __init__(self, on: bool) -> None:
        self.on = on

    def __call__(self, text: str, style: str) -> str:
        """Return the text in a style of this module; "" is none."""
        return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if self.on and style and text else text


def paint(choice: str) -> Paint:
    """Return the colours of this process' standard output."""
    return Paint(wants_color(choice, os.environ, terminal=is_terminal()))


def is_terminal() -> bool:
    """Return whether standard output is a terminal."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):
        return False


def width() -> int | None:
    """Return the columns of the terminal on standard output, None when it is none."""
    if not is_terminal():
        return None
    return max(NARROWEST, size()[0])


def size() -> tuple[int, int]:
    """Return columns and lines of the terminal on standard output; 80 by 24 where nobody knows."""
    try:
        columns, rows = os.get_terminal_size(1)
    except OSError:
        columns = rows = 0
    return columns or 80, rows or 24


def cut(text: str, columns: int) -> str:
    """Return text that takes at most so many columns, with an ellipsis where some is missing."""
    if cells(text) <= columns:
        return text
    kept, used = [], 0
    for character in text:
        used += cells(character)
        if used > columns - 1:
            break
        kept.append(character)
    return "".join(kept) + ("…" if columns > 0 else "")


def pad(text: str, columns: int) -> str:
    """Return text that takes exactly so many columns."""
    text = cut(text, columns)
    return text + " " * (columns - cells(text))


def cells(text: str) -> int:
    """Return how many columns a text takes: two for wide characters, none for those put above others."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)


def write(text: str, *, err: bool = False) -> None:
    """Write text, whatever the locale can hold; a reader that has gone ends the command quietly."""
    data = text.encode("utf-8", "surrogateescape")
    stream = sys.stderr if err else sys.stdout
    try:
        binary = getattr(stream, "buffer", None)
        if binary is None:
            stream.write(data.decode("utf-8", "replace"))
        else:
            stream.flush()
            binary.write(data)
        stream.flush()
    except BrokenPipeError:
        # Nothing may be flushed at exit into the pipe that broke.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise SystemExit(141) from None

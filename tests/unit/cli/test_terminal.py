"""What reaches a terminal: colours only where they are wanted, and nobody else's control characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.cli._terminal import Paint, cells, cut, pad, safe, wants_color


@pytest.mark.parametrize(
    ("choice", "environ", "terminal", "colored"),
    [
        ("auto", {"TERM": "xterm"}, True, True),
        ("auto", {"TERM": "xterm"}, False, False),
        ("auto", {"TERM": "dumb"}, True, False),
        ("auto", {}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": "1"}, True, False),
        ("auto", {"TERM": "xterm", "NO_COLOR": ""}, True, True),
        ("auto", {"FORCE_COLOR": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "0"}, False, False),
        ("auto", {"CLICOLOR_FORCE": "1"}, False, True),
        ("auto", {"FORCE_COLOR": "1", "NO_COLOR": "1"}, True, False),
        ("always", {"NO_COLOR": "1", "TERM": "dumb"}, False, True),
        ("never", {"FORCE_COLOR": "1", "TERM": "xterm"}, True, False),
    ],
)
def test_colours_are_chosen_by_switch_then_variables_then_terminal(
    choice: str, environ: dict[str, str], terminal: bool, colored: bool
) -> None:
    assert wants_color(choice, environ, terminal=terminal) is colored


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[2J", "^[[2J"),
        ("a\nb\tc\rd", "a^Jb^Ic^Md"),
        ("\x9b31m", "\\x9b31m"),
        ("caf\udce9", "caf\\xe9"),
        ("\u202egpj", "\\u202egpj"),
        ("\x7f\0", "^?^@"),
        ("größe 名", "größe 名"),
    ],
)
def test_control_characters_can_be_seen(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_line_ends_and_tabs_stay_where_lines_are_shown() -> None:
    assert safe("a\tb\n\x1b[1mc\n", lines=True) == "a\tb\n^[[1mc\n"


@given(st.text())
def test_nothing_that_could_command_a_terminal_is_left(text: str) -> None:
    shown = safe(text)
    assert not any(ord(one) < 32 or 127 <= ord(one) < 160 for one in shown)
    shown.encode()  # no stray bytes either


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_a_padded_text_has_its_columns(text: str, columns: int) -> None:
    assert cells(pad(safe(text), columns)) == columns
    assert cells(cut(safe(text), columns)) <= columns


def test_colours_end_where_they_began() -> None:
    assert Paint(True)("x", "red") == "\x1b[31;1mx\x1b[0m"
    assert Paint(True)("x", "") == Paint(False)("x", "red") == "x"

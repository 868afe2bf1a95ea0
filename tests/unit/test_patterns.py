"""Patterns over names, against a table and against Python's own fnmatch."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.patterns import matches


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("a*", "ab", True),
        ("*", "", True),
        ("*b*d", "abcd", True),
        ("*b*d", "abcdx", False),
        ("a?c", "abc", True),
        ("?", "", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[^a-c]x", "dx", True),
        ("[]]", "]", True),
        ("[a", "[a", True),
        ("[", "[", True),
        ("[!", "[!", True),
        ("*[0-9]", "job7", True),
        ("a.c", "abc", False),
        ("*a*a*a*a*b", "a" * 200, False),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        ("a\\", "a\\", True),
    ],
)
def test_patterns_match_whole_names(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


@given(pattern=st.text(alphabet="ab*?[]!", max_size=8), name=st.text(alphabet="ab-]!", max_size=6))
def test_patterns_match_as_pythons_do(pattern: str, name: str) -> None:
    assert matches(pattern, name) == fnmatchcase(name, pattern)

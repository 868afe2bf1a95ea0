"""Patterns over names: `*`, `?`, `[..]` and backslashes, as the grid's commands and masters match them.

Written by hand because `fnmatch` brings `re`, which no command has the time for.  Must not know what
the names are names of; expressions over patterns are in `options.match`.

Source: sge_types(1), pattern; fnmatch(3).
"""

from __future__ import annotations


def matches(pattern: str, name: str) -> bool:
    """Return whether a whole name fits a pattern."""
    if not any(letter in pattern for letter in "*?[\\"):
        return pattern == name
    pieces = _pieces(pattern)
    # the place to come back to: behind the last star, and where in the name it was tried
    at = piece = 0
    star = mark = -1
    while at < len(name):
        if piece < len(pieces) and pieces[piece] == "*":
            star, mark = piece, at
            piece += 1
        elif piece < len(pieces) and _fits(name[at], pieces[piece]):
            at += 1
            piece += 1
        elif star >= 0:
            mark += 1
            at, piece = mark, star + 1
        else:
            return False
    return all(rest == "*" for rest in pieces[piece:])


def _pieces(pattern: str) -> list[str]:
    """Take a pattern apart: "*", "?", "[...]", and letters (of an escaped one only the letter, as "\\x")."""
    found: list[str] = []
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        # a "]" that stands first in its brackets is one of the letters
        end = pattern.find("]", at + 2 + (pattern[at + 1 : at + 2] in ("!", "^"))) if letter == "[" else -1
        if end < 0:
            end = at + 1 if letter == "\\" and at + 1 < len(pattern) else at
        found.append(pattern[at : end + 1])
        at = end + 1
    return found


def _fits(letter: str, piece: str) -> bool:
    if len(piece) == 1:
        return piece in ("?", letter)
    if piece[0] == "\\":
        return letter == piece[1]
    if piece[1] in "!^":
        return not _among(letter, piece[2:-1])
    return _among(letter, piece[1:-1])


def _among(letter: str, inside: str) -> bool:
    """Say whether brackets hold a letter, by itself or in a range."""
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            if inside[at] <= letter <= inside[at + 2]:
                return True
            at += 3
            continue
        if inside[at] == letter:
            return True
        at += 1
    return False

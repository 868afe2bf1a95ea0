"""The end of a file that a job writes, whatever the file is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridcompat.cli._tail import CannotShow, is_binary, more, tail


@pytest.mark.parametrize(
    ("data", "lines", "end"),
    [
        (b"a\nb\nc\n", 2, b"b\nc\n"),
        (b"a\nb\nc", 2, b"b\nc"),
        (b"a\n", 10, b"a\n"),
        (b"", 10, b""),
        (b"a\nb\n", 0, b""),
        (b"x" * 200_000 + b"\nlast\n", 1, b"last\n"),
    ],
)
def test_the_last_lines_are_found(tmp_path: Path, data: bytes, lines: int, end: bytes) -> None:
    (tmp_path / "f").write_bytes(data)
    assert tail(str(tmp_path / "f"), lines)[0] == end


def test_what_is_added_is_told_once_and_a_shortened_file_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"one\n")
    _, place = tail(str(path), 10)
    path.write_bytes(b"one\ntwo\n")
    data, place = more(str(path), place)
    assert data == b"two\n"
    assert more(str(path), place)[0] == b""
    path.write_bytes(b"new\n")
    assert more(str(path), place)[0] == b"new\n"


def test_what_is_no_file_is_told_in_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, why in (
        ("none", "no such file or directory"),
        ("", "is a directory"),
        ("pipe", "is not a regular"),
    ):
        with pytest.raises(CannotShow, match=why):
            tail(str(tmp_path / name), 1)


def test_binaries_are_known() -> None:
    assert is_binary(b"\0\1") and is_binary(b"\1\2\3")
    assert not is_binary(b"\x1b[31mred\r\n") and not is_binary("größe".encode())

"""files.py: each file is looked at once, as long as there is room to remember it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridcompat.migration import files


def test_a_large_program_is_read_once_for_all_lines_that_name_it(tmp_path: Path) -> None:
    program, disk = tmp_path / "python3", files.Disk()
    program.write_bytes(b"x" * (1 << 20))
    assert len(disk.content(str(program))) == 1 << 20
    program.write_bytes(b"another")
    assert len(disk.content(str(program))) == 1 << 20


def test_what_is_remembered_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_KEPT_BYTES", 10)
    disk, first, second = files.Disk(), tmp_path / "first", tmp_path / "second"
    for path in (first, second):
        path.write_bytes(b"123456")
        assert disk.content(str(path)) == b"123456"
        path.write_bytes(b"new")
    assert (disk.content(str(first)), disk.content(str(second))) == (b"123456", b"new")

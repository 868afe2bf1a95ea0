"""Files are put and taken as a whole or not at all, and never over somebody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridcompat.packaging import tree
from gridcompat.packaging.tree import File, NotDone, Tree

WANTED = {"/usr/bin/a": File(b"a", 0o755, "a"), "/usr/lib/x/m.py": File(b"m", 0o644)}
LIST = "/usr/lib/x/installed.json"


def opened(place: Path) -> Tree:
    return Tree(str(place), LIST, tree.read_manifest(f"{place}{LIST}"))


def put(place: Path, wanted: dict[str, File] = WANTED) -> list[str]:
    one = opened(place)
    write = one.to_write(wanted)
    one.apply(wanted, write, [], {})
    return write


def everything(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_files_are_written_with_their_modes_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        put(tmp_path)
    finally:
        os.umask(old)
    assert (tmp_path / "usr/bin/a").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "usr/lib/x").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "usr/lib/x/m.py").stat().st_mode & 0o777 == 0o644


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    put(tmp_path)
    before = everything(tmp_path)
    assert put(tmp_path) == []
    assert everything(tmp_path) == before


def test_what_is_ours_is_replaced_with_its_bytecode(tmp_path: Path) -> None:
    put(tmp_path)
    cache = tmp_path / "usr/lib/x/__pycache__"
    cache.mkdir()
    (cache / "m.cpython-311.pyc").write_bytes(b"old")
    assert put(tmp_path, {**WANTED, "/usr/lib/x/m.py": File(b"new", 0o644)}) == ["/usr/lib/x/m.py"]
    assert (tmp_path / "usr/lib/x/m.py").read_bytes() == b"new"
    assert not list(cache.iterdir())


def foreign_file(place: Path) -> None:
    place.write_text("not ours")


def foreign_link(place: Path) -> None:
    place.symlink_to("/etc/passwd")


def foreign_directory(place: Path) -> None:
    place.mkdir()


@pytest.mark.parametrize("make", [foreign_file, foreign_link, foreign_directory])
def test_what_is_not_ours_stops_all_of_it(make: object, tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    assert callable(make)
    make(tmp_path / "usr/bin/a")
    with pytest.raises(NotDone, match="was not installed by gridcompat"):
        put(tmp_path)
    assert not (tmp_path / "usr/lib").exists()


def test_a_file_changed_since_is_not_overwritten(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "usr/bin/a").write_text("mine")
    with pytest.raises(NotDone, match="was changed since it was installed"):
        put(tmp_path, {**WANTED, "/usr/bin/a": File(b"new", 0o755, "a")})


def test_a_failure_on_the_way_is_taken_back(tmp_path: Path) -> None:
    put(tmp_path)
    before = everything(tmp_path)
    one = opened(tmp_path)
    wanted = {**WANTED, "/usr/bin/a": File(b"new", 0o755, "a"), "/usr/bin/b": File(b"b", 0o755, "b")}
    write = one.to_write(wanted)
    (tmp_path / "usr/bin/b.new").mkdir()
    with pytest.raises(NotDone, match="nothing was changed"):
        one.apply(wanted, write, [], {})
    (tmp_path / "usr/bin/b.new").rmdir()
    assert everything(tmp_path) == before


def test_everything_goes_and_directories_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    put(tmp_path)
    one = opened(tmp_path)
    remove, kept = one.to_remove(list(WANTED))
    one.apply({}, [], remove, {}, forget=list(WANTED))
    assert kept == []
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["usr", "usr/bin"]


def test_a_changed_file_stays_and_is_told_of(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "usr/bin/a").write_text("mine")
    remove, kept = opened(tmp_path).to_remove(list(WANTED))
    assert remove == ["/usr/lib/x/m.py"]
    assert kept == [f"{tmp_path}/usr/bin/a: was changed since it was installed, and stays"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": {"a": 1}}'])
def test_a_broken_list_of_files_is_told_of(text: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(text)
    with pytest.raises(NotDone, match="is no list of installed files"):
        tree.read_manifest(f"{tmp_path}/list")

"""accounting.py: a record is one line for ever, and there is exactly one for each attempt."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridcompat import accounting
from gridcompat.accounting import AccountingFile, Entry, line, parse, read
from gridcompat.record import as_dict, replace

ENTRY = Entry(
    qname="task",
    hostname="node1",
    group="tools",
    owner="alice",
    job_name="job.sh",
    job_number=1234,
    submission_time=1764000000,
    start_time=1764000001,
    end_time=1764000011,
    exit_status=7,
    ru_wallclock=10,
    ru_utime=0.003,
    ru_stime=0.006,
    ru_maxrss=4752,
    slots=2,
    granted_pe="smp",
    cpu=0.009,
    category="-l h_rt=60 -pe smp 2",
)
LINE = (
    b"task:node1:tools:alice:job.sh:1234:sge:0:1764000000:1764000001:1764000011:0:7:10:0.003:0.006:4752:0:0:"
    b"0:0:0:0:0:0:0:0:0:0:0:0:NONE:defaultdepartment:smp:2:0:0.009:0:0:-l h_rt=60 -pe smp 2:0:NONE:0:0:0\n"
)
BEFORE = b"task:h:g:bob:old:7:sge\nbroken\n"


def test_a_line_has_the_45_fields_in_the_order_of_the_manual_page() -> None:
    assert line(ENTRY) == LINE
    assert parse(LINE) == ENTRY
    assert len(accounting.FIELD) == 45


def test_odd_characters_in_names_are_written_as_in_a_url() -> None:
    odd = line(replace(ENTRY, job_name="a:b\nc\td\0", owner=""))
    assert b":a%3Ab%0Ac%09d%00:1234:" in odd
    assert odd.split(b":")[3] == b"NONE"
    assert len(odd.split(b":")) == 45


@given(name=st.text(), category=st.text())
def test_whatever_the_names_hold_a_line_stays_one_line(name: str, category: str) -> None:
    name, category = (
        text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") for text in (name, category)
    )
    text = line(replace(ENTRY, job_name=name, category=category))
    assert text.count(b"\n") == 1 and text.endswith(b"\n") and b"\r" not in text
    back = parse(text)
    assert replace(back, job_name="", category="") == replace(ENTRY, job_name="", category="")
    assert line(back) == text


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(noise: bytes) -> None:
    try:
        parse(noise)
    except ValueError:
        pass


def test_reading_passes_over_foreign_and_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / "accounting"
    bad_number = LINE.replace(b":1764000000:", b":soon:")
    colon_too_many = LINE.replace(b":job.sh:", b":job:sh:")
    older = b":".join(LINE.rstrip(b"\n").split(b":")[:43]) + b"\n"
    rows = [
        b"# comment\n",
        b"\n",
        b"x\n",
        BEFORE,
        bad_number,
        colon_too_many,
        b"\xff\xfe\0:\n",
        LINE,
        older,
        LINE[:90],
    ]
    path.write_bytes(b"".join(rows))
    assert list(read(str(path))) == [ENTRY, ENTRY]
    assert list(read(str(path), job=1234)) == [ENTRY, ENTRY]
    assert list(read(str(path), job=1764000001)) == []
    assert list(read(str(path), name="job.sh")) == [ENTRY, ENTRY]
    assert list(read(str(path), name="job")) == []


@pytest.mark.parametrize("size", [1, 7, 100, 101, 5000])
def test_lines_that_cross_the_pieces_read_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(accounting, "CHUNK_BYTES", size)
    path = tmp_path / "accounting"
    path.write_bytes(b"".join(line(replace(ENTRY, job_number=n)) for n in range(20)))
    assert [entry.job_number for entry in read(str(path))] == list(range(20))
    assert [entry.job_number for entry in read(str(path), job=13)] == [13]


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read(str(tmp_path / "none")))


def opened(folder: Path) -> AccountingFile:
    file = AccountingFile(str(folder / "accounting"))
    assert file.lock()
    return file


def test_the_lock_has_one_holder_and_goes_with_it(tmp_path: Path) -> None:
    first, second = opened(tmp_path), AccountingFile(str(tmp_path / "accounting"))
    assert first.lock()
    assert not second.lock()
    first.close()
    assert second.lock(wait=True)
    second.close()


def test_the_file_can_be_read_by_everybody_and_its_folder_is_made(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        file = opened(tmp_path / "cell" / "common")
        file.append("1234.1.1", ENTRY)
        file.close()
    finally:
        os.umask(old)
    assert stat.S_IMODE(os.stat(file.path).st_mode) == 0o644
    assert Path(file.path).read_bytes() == LINE


def test_one_key_is_appended_once_until_it_is_confirmed(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.append("1234.1.1", ENTRY)
    file.append("1234.1.1", ENTRY)
    assert Path(file.path).read_bytes() == LINE
    assert os.path.exists(file.path + ".journal")
    file.confirmed("1234.1.1")
    file.confirmed("unknown")
    assert not os.path.exists(file.path + ".journal")
    file.append("1234.1.2", ENTRY)
    assert Path(file.path).read_bytes() == LINE * 2
    file.close()


def never(_key: str) -> bool:
    return False


def always(_key: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("marked", "left"), [(never, ["1234.1.1"]), (always, [])], ids=["unmarked", "marked"]
)
def test_whatever_part_of_the_line_was_written_one_whole_line_is_there_afterwards(
    tmp_path: Path, marked: Callable[[str], bool], left: list[str]
) -> None:
    for cut in range(len(LINE) + 1):
        folder = tmp_path / str(cut)
        folder.mkdir()
        (folder / "accounting").write_bytes(BEFORE)
        file = opened(folder)
        file.append("1234.1.1", ENTRY)
        file.close()
        os.truncate(file.path, len(BEFORE) + cut)
        again = opened(folder)
        assert again.recover(marked) == left
        again.append("1234.1.2", ENTRY)
        again.close()
        # A marked attempt had its line synced before the mark: here its loss is only played.
        whole = cut == len(LINE) or marked is never
        assert Path(file.path).read_bytes() == BEFORE + LINE * (1 + whole)


def test_a_batch_that_was_torn_anywhere_is_completed(tmp_path: Path) -> None:
    entries = [(f"{n}.1.1", replace(ENTRY, job_number=n)) for n in (11, 12, 13)]
    text = b"".join(line(entry) for _, entry in entries)
    for cut in range(0, len(text) + 1, 5):
        folder = tmp_path / str(cut)
        folder.mkdir()
        file = opened(folder)
        file.append_all(entries)
        file.close()
        os.truncate(file.path, cut)
        again = opened(folder)
        assert sorted(again.recover(never)) == ["11.1.1", "12.1.1", "13.1.1"]
        for key, entry in entries:
            again.append(key, entry)
            again.confirmed(key)
        again.close()
        assert Path(file.path).read_bytes() == text
        assert not os.path.exists(file.path + ".journal")


def test_a_crash_before_the_journal_is_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "accounting").write_bytes(BEFORE)
    (tmp_path / "accounting.journal.new").write_bytes(b'{"v":1,"reco')
    file = opened(tmp_path)
    assert file.recover(never) == []
    file.append("1234.1.1", ENTRY)
    file.close()
    assert Path(file.path).read_bytes() == BEFORE + LINE


def test_a_line_torn_by_somebody_else_does_not_swallow_the_next(tmp_path: Path) -> None:
    (tmp_path / "accounting").write_bytes(BEFORE + b"task:h:g")
    file = opened(tmp_path)
    file.append("1234.1.1", ENTRY)
    file.close()
    assert Path(file.path).read_bytes() == BEFORE + b"task:h:g\n" + LINE


def test_recovery_finds_the_line_in_the_file_that_was_rotated_away(tmp_path: Path) -> None:
    file = opened(tmp_path)
    file.append("1234.1.1", ENTRY)
    file.close()
    os.rename(file.path, file.path + ".1")
    again = opened(tmp_path)
    assert again.recover(never) == ["1234.1.1"]
    again.append("1234.1.1", ENTRY)
    again.append("1234.1.2", ENTRY)
    again.close()
    assert Path(file.path).read_bytes() == LINE
    assert Path(file.path + ".1").read_bytes() == LINE


def test_a_full_disk_leaves_the_file_whole_and_the_record_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(tmp_path)
    file.append("1234.1.1", ENTRY)
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if data.startswith(b"task:"):
            real(descriptor, data[:9])
            raise OSError(28, "No space left on device")
        return real(descriptor, data)

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            file.append("1234.1.2", ENTRY)
    assert Path(file.path).read_bytes() == LINE
    file.append("1234.1.2", ENTRY)
    file.close()
    assert Path(file.path).read_bytes() == LINE * 2


def crash_at(step: int, folder: Path, marks: set[str]) -> bool:
    """Record attempts 1 to 3 as the controller does, dying at a step; return whether it came to the end."""
    count = 0

    def point() -> bool:
        nonlocal count
        count += 1
        return count == step

    file = opened(folder)
    try:
        if point():
            return False
        for key in file.recover(lambda key: key in marks):
            if point():
                return False
            marks.add(key)
            file.confirmed(key)
        for attempt in (1, 2, 3):
            key = f"1234.1.{attempt}"
            if key in marks:
                continue
            file.append(key, ENTRY)
            if point():
                return False
            marks.add(key)
            if point():
                return False
            file.confirmed(key)
        return True
    finally:
        file.close()


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.integers(1, 9), max_size=4))
def test_equal_lines_of_several_attempts_are_all_there_once_whenever_the_writer_dies(
    steps: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, marks = tmp_path_factory.mktemp("once"), set[str]()
    for step in steps:
        crash_at(step, folder, marks)
    assert crash_at(0, folder, marks)
    assert (folder / "accounting").read_bytes() == LINE * 3


def test_an_entry_has_a_default_for_all_but_who_and_what() -> None:
    entry = Entry(owner="a", job_name="b", job_number=1)
    assert as_dict(parse(line(entry))) == as_dict(entry)

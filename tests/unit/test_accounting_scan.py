"""accounting_scan.py, accounting_sums.py: however fast, what they say is what `accounting.raw` says."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridcompat import accounting, accounting_scan, accounting_sums
from gridcompat.accounting import FIELDS_AT_LEAST, raw
from gridcompat.accounting_scan import Span, found, passing
from gridcompat.accounting_sums import sums

NOW = 1_764_000_000
FIGURES = (13, 14, 15, 36, 37, 38, 40)
NUMBERS = (b"0", b"1.5", b"0.1", b"1e3", b"1_0", b" 7 ", b"inf", b"-0.0", b"", b"word", b"\xd9\xa3")
TIMES = (b"0", b"%d" % NOW, b"%d" % (NOW - 1), b"1764000001.5", b"999999999", b"10000000000",
         b"0000000000", b"17640000x0", b"-5", b"1e10", b"1_76400000", b"nan", b"inf", b"")  # fmt: skip
WORDS = (b"ann", b"bob", b"", b"\xff", "é".encode(), b"a\0b", b"7", b"sge")


@st.composite
def record(draw: st.DrawFn) -> bytes:
    """A record, mostly as the grid writes it; any field may be of another kind."""
    width = draw(st.sampled_from((45, 45, 45, 45, 43, 46, 21, 42)))
    plain = draw(st.booleans())
    fields = [b"0"] * 46
    for at in (0, 1, 2, 3, 4, 6, 31):
        fields[at] = draw(st.sampled_from(WORDS[:2] if plain else WORDS))
    fields[5] = draw(st.sampled_from((b"7", b"12") if plain else (b"7", b"12", b"", b"x", b"007")))
    for at in (8, 9, 10):
        fields[at] = draw(st.sampled_from(TIMES[:3] if plain else TIMES))
    for at in FIGURES:
        fields[at] = draw(st.sampled_from(NUMBERS[:3] if plain else NUMBERS))
    return b":".join(fields[:width])


HOSTILE = st.sampled_from((b"", b"#", b"# a comment" + b":1" * 44, b":" * 44, b"\r", b"\0", b"broken"))
FILES = st.tuples(st.lists(st.one_of(record(), record(), HOSTILE), max_size=25), st.booleans())
SPANS = st.builds(
    Span,
    at=st.sampled_from((9, 10)),
    begin=st.sampled_from((0, 1, NOW - 1, NOW, 10**10, -1)),
    end=st.sampled_from((None, 0, NOW - 1, NOW, 10**10, -3)),
)


def write(lines: Sequence[bytes], ended: bool) -> str:
    """Write a file and return its path; `ended`: with a last newline."""
    descriptor, path = tempfile.mkstemp(prefix="accounting-")
    with open(descriptor, "wb") as file:
        file.write(b"\n".join(lines) + (b"\n" if ended else b""))
    return path


def one_by_one(records: Iterator[list[str]], keys: Sequence[int]) -> dict[tuple[str, ...], list[float]]:
    """The sums, as anybody would make them."""
    found: dict[tuple[str, ...], list[float]] = {}
    for words in records:
        try:
            figures = [float(words[at]) for at in FIGURES]
        except ValueError:
            continue
        known = found.setdefault(tuple(words[at] for at in keys), [0.0] * len(FIGURES))
        for at, figure in enumerate(figures):
            known[at] += figure
    return found


def make_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every file as one of a gigabyte is read."""
    monkeypatch.setattr(accounting_scan, "STRSTR_FROM_BYTES", 0)
    monkeypatch.setattr(accounting_scan, "PATTERNS_FROM_BYTES", 0)
    monkeypatch.setattr(accounting_sums, "PATTERNS_FROM_BYTES", 0)


@pytest.fixture(params=[64, 1000, 1 << 18], ids="pieces of {} bytes".format)
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in pieces of this size, so that lines cross them; and every file is large."""
    monkeypatch.setattr(accounting, "CHUNK_BYTES", request.param)
    make_large(monkeypatch)
    monkeypatch.setattr(accounting_sums, "TWO_FROM_BYTES", 0 if request.param == 1000 else 1 << 40)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})


READ_ALL = settings(max_examples=150, deadline=None)


@pytest.mark.usefixtures("pieces")
@READ_ALL
@given(file=FILES, keys=st.sampled_from(((), (3,), (0, 1), (3, 6, 0))), span=st.none() | SPANS)
def test_sums_are_to_the_last_digit_those_of_the_records_one_by_one(
    file: tuple[list[bytes], bool], keys: tuple[int, ...], span: Span | None
) -> None:
    path = write(*file)
    wanted = one_by_one((words for words in raw(path) if span is None or span.has(words)), keys)
    assert repr(sums(path, keys, FIGURES, span=span)) == repr(wanted)
    os.unlink(path)


@pytest.mark.usefixtures("pieces")
@settings(max_examples=40, deadline=None)
@given(file=FILES, needle=st.sampled_from((b":7:", b":ann:", b":\xff:", b"-x", b":a\0b:", b":7\n")))
def test_records_that_hold_something_are_those_that_a_look_at_each_line_finds(
    file: tuple[list[bytes], bool], needle: bytes
) -> None:
    path = write(*file)
    encoded = (":".join(words).encode("utf-8", "surrogateescape") for words in raw(path))
    wanted = [line.decode("utf-8", "surrogateescape").split(":") for line in encoded if needle in line]
    assert list(found(path, needle)) == wanted
    os.unlink(path)


@pytest.mark.usefixtures("pieces")
@settings(max_examples=60, deadline=None)
@given(file=FILES, at=st.sampled_from((0, 4, 8, 31)), value=st.sampled_from(("ann", "", "\udcff", "7", "0")))
def test_records_whose_field_passes_are_those_that_a_look_at_each_record_finds(
    file: tuple[list[bytes], bool], at: int, value: str
) -> None:
    path = write(*file)
    wanted = [words for words in raw(path) if words[at] == value]
    assert list(passing(path, at, value.__eq__)) == wanted
    os.unlink(path)


@pytest.mark.usefixtures("pieces")
@settings(max_examples=60, deadline=None)
@given(file=FILES, keys=st.sampled_from(((), (3, 0))), span=st.none() | SPANS)
def test_sums_are_of_the_records_whose_fields_pass_each_test(
    file: tuple[list[bytes], bool], keys: tuple[int, ...], span: Span | None
) -> None:
    path = write(*file)
    asked = ((3, "ann".__eq__), (0, lambda value: value != "bob"))
    records = (words for words in raw(path) if all(passes(words[at]) for at, passes in asked))
    wanted = one_by_one((words for words in records if span is None or span.has(words)), keys)
    assert repr(sums(path, keys, FIGURES, tests=asked, span=span)) == repr(wanted)
    os.unlink(path)


@settings(max_examples=300, deadline=None)
@given(
    begin=st.sampled_from((0, 1, 5, 999_999_999, 10**9, NOW, NOW + 1, 1_799_999_999, 10**10 - 1, 10**10)),
    end=st.sampled_from((None, -1, 0, 7, 999_999_999, 10**9, NOW, 1_799_999_999, 10**10 - 1, 10**11)),
    time=st.integers(0, 10**11) | st.integers(NOW - 3, NOW + 3) | st.integers(0, 9),
    zeros=st.sampled_from((0, 10, 12)),
)
def test_no_record_of_a_time_is_overlooked(begin: int, end: int | None, time: int, zeros: int) -> None:
    span = Span(at=9, begin=begin, end=end)
    words = [str(NOW)] * 9 + [f"{time:0{zeros}}"] + ["1"] * 35
    looked_for = accounting_sums._may_be_in(span)
    assert not span.has(words) or looked_for.search(b"\n" + ":".join(words).encode())
    if 10**9 <= time < 10**10 and zeros < 12:
        assert span.has(words) == bool(looked_for.search(b"\n" + ":".join(words).encode()))


@pytest.mark.usefixtures("pieces")
@settings(max_examples=40, deadline=None)
@given(file=FILES, at=st.sampled_from((3, 6)), dense=st.booleans())
def test_sums_of_what_is_looked_for_are_among_those_of_everything(
    file: tuple[list[bytes], bool], at: int, dense: bool
) -> None:
    path = write(*file)
    if dense:
        with open(path, "r+b") as opened:
            text = opened.read()
            opened.seek(0)
            opened.write(b":ann:\n" * 99 + text)
    everything, some = sums(path, (at,), FIGURES), sums(path, (at,), FIGURES, needle=b":ann:")
    assert repr(some.get(("ann",))) == repr(everything.get(("ann",)))
    os.unlink(path)


def large(folder: Path, lines: int = 4000) -> Path:
    """A file of records, each of job 7 or 8."""
    path = folder / "accounting"
    path.write_bytes(b"".join(b"q:h:g:o:n%d:%d" % (n, 7 + n % 2) + b":1" * 39 + b"\n" for n in range(lines)))
    return path


def refused(*_arguments: object, **_named: object) -> None:
    raise MemoryError


@pytest.mark.parametrize("library", [None, refused, lambda _name: object()])
def test_without_the_librarys_search_the_same_records_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: object
) -> None:
    path = str(large(tmp_path))
    make_large(monkeypatch)
    wanted = [words for words in raw(path) if words[5] == "7"]
    assert list(found(path, b":7:")) == wanted
    if library is None:
        monkeypatch.setitem(sys.modules, "ctypes", None)  # as in an interpreter that was built without
    else:
        monkeypatch.setattr(ctypes, "CDLL", library)
    assert list(found(path, b":7:")) == wanted
    assert len(wanted) == 2000


@pytest.mark.parametrize("fault", ["", "no process", "dies", "no memory"])
def test_a_second_process_makes_half_of_the_sums_or_the_first_makes_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    path, own = str(large(tmp_path)), os.getpid()
    forked: list[int] = []
    fork, columns = os.fork, accounting_sums._Lines.columns

    def counted() -> int:
        forked.append(own)
        if fault == "no process":
            raise BlockingIOError
        return fork()

    def failing(lines: accounting_sums._Lines, block: bytes) -> list[Sequence[bytes]] | None:
        if os.getpid() != own and fault:
            if fault == "no memory":
                raise MemoryError
            os.kill(os.getpid(), 9)
        return columns(lines, block)

    span = Span(at=9, begin=1)
    wanted = sums(path, (4,), FIGURES, span=span)
    monkeypatch.setattr(os, "fork", counted)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    monkeypatch.setattr(accounting_sums._Lines, "columns", failing)
    make_large(monkeypatch)
    monkeypatch.setattr(accounting_sums, "TWO_FROM_BYTES", 0)
    assert list(sums(path, (4,), FIGURES, span=span).items()) == list(wanted.items())
    assert len(wanted) == 4000
    assert len(forked) == 1


def test_short_lines_that_add_up_to_a_record_are_none(tmp_path: Path) -> None:
    good = b"q:h:g:o:n:7" + b":1" * (FIELDS_AT_LEAST - 6)
    half = b":".join([b"7"] * 21)
    path = tmp_path / "accounting"
    path.write_bytes(b"\n".join((good, half, half, good)) + b"\n")
    assert sums(str(path), (), (13,)) == {(): [2.0]}


@pytest.mark.parametrize("needle", [b"", b":7:"])
def test_a_missing_file_is_an_os_error(tmp_path: Path, needle: bytes) -> None:
    with pytest.raises(FileNotFoundError):
        sums(str(tmp_path / "none"), (), (13,), needle=needle)
    assert sums(os.devnull, (), (13,), needle=needle) == {}

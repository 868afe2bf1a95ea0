"""An installation that is replaced or removed under a daemon is noticed once it has settled."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridcompat.cluster.embedded.program import FILES, SETTLED_S, Program


class Installed:
    """Two files and a clock."""

    def __init__(self, directory: Path) -> None:
        self.files = (directory / "a", directory / "b")
        for path in self.files:
            path.write_text("1")
        self.now = 100.0
        self.program = Program(lambda: self.now, tuple(map(str, self.files)))

    def after(self, seconds: float) -> str:
        """What is said so much later."""
        self.now += seconds
        return self.program.changed()


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


def test_what_stays_as_it_is_is_not_changed(installed: Installed) -> None:
    assert [installed.after(seconds) for seconds in (0, 1, 1000)] == [""] * 3


def test_a_replaced_file_is_told_once_nothing_changes_any_more(installed: Installed) -> None:
    installed.files[1].write_text("22")
    assert installed.after(0.1) == ""
    installed.files[0].write_text("333")
    assert installed.after(SETTLED_S) == "", "still at it"
    assert installed.after(SETTLED_S) == "replaced"


def test_an_equal_file_that_was_written_anew_counts(installed: Installed) -> None:
    os.utime(installed.files[0], (1, 1))
    assert [installed.after(0), installed.after(SETTLED_S)] == ["", "replaced"]


def test_a_removed_file_is_told_and_may_come_back(installed: Installed) -> None:
    installed.files[0].unlink()
    assert [installed.after(0), installed.after(SETTLED_S)] == ["", "removed"]
    installed.files[0].write_text("2")
    os.utime(installed.files[0], (5, 5))
    assert [installed.after(0), installed.after(SETTLED_S)] == ["", "replaced"]


def test_the_files_are_those_of_this_package() -> None:
    assert all(os.path.isfile(path) for path in FILES)

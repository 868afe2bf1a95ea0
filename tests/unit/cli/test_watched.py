"""The thread that watches for `gridcompat watch` and `top` has ended before anybody closes its cluster."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcompat.cli._grid import Grid
from gridcompat.cli._top_daemon import Looked
from gridcompat.cli._watched import Watched
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.settings import Settings


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[Grid]:
    tmp_path.chmod(0o700)
    cluster = EmbeddedCluster(str(tmp_path))
    yield Grid(
        settings=Settings(),
        cluster=cluster,
        namespace="default",
        user="me",
        uid=os.getuid(),
        accounting=str(tmp_path / "accounting"),
        state_dir=str(tmp_path),
    )
    cluster.close()


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate()}


def test_a_watch_that_was_stopped_reads_no_more(grid: Grid) -> None:
    watched = Watched(grid, everybody=False)
    assert select.select([watched], [], [], 30)[0], "the list of jobs comes first"
    assert [news.all for news in watched.news()] == [()]
    assert "watch" in threads()
    watched.stop()
    assert "watch" not in threads()


def test_a_look_that_was_stopped_reads_no_more(grid: Grid) -> None:
    looked = Looked(grid, namespace="gridcompat")
    assert looked.latest.daemon["works"] is False
    assert "look" in threads()
    looked.stop()
    assert "look" not in threads()

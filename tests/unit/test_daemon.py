"""The daemon's own small parts, without a daemon."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from gridcompat.daemon import Waker


@pytest.mark.parametrize("there", ["nothing", "a file", "a pipe"])
def test_a_state_without_its_pipe_gets_one(tmp_path: Path, there: str) -> None:
    path = tmp_path / "wake"
    if there == "a file":
        path.write_bytes(b"copied")
    elif there == "a pipe":
        os.mkfifo(path)
    waker = Waker(str(path))
    assert stat.S_ISFIFO(os.stat(path).st_mode)
    stop = threading.Event()
    stop.set()
    waker.run(stop)  # closes it

"""Where the output of a task goes, as the launcher works it out."""

from __future__ import annotations

import pytest

from gridcompat.record import replace
from gridcompat.translate.streams import Streams, files, host_matters

PLAIN = Streams(id=7, name="n", task=1, array=False, user="u", home="/h", cwd="/w", host="node1.example")
ARRAY = replace(PLAIN, task=3, array=True)


@pytest.mark.parametrize(
    ("streams", "out", "err"),
    [
        (PLAIN, "/w/n.o7", "/w/n.e7"),
        (ARRAY, "/w/n.o7.3", "/w/n.e7.3"),
        (replace(PLAIN, merge=True), "/w/n.o7", "/w/n.o7"),
        (replace(PLAIN, stdout=(("", "log"),)), "/w/log", "/w/n.e7"),
        (replace(PLAIN, stdout=(("", "/folder"),)), "/folder/n.o7", "/w/n.e7"),
        (replace(ARRAY, stdout=(("", "~/$JOB_NAME.$JOB_ID.$TASK_ID"),)), "/h/n.7.3", "/w/n.e7.3"),
        (replace(PLAIN, stdout=(("", "$HOME/$USER$X.$TASK_ID"),)), "/h/u$X.0", "/w/n.e7"),
        (replace(PLAIN, stdout=(("", "/a"), ("node1", "/b"))), "/b", "/w/n.e7"),
        (replace(PLAIN, stdout=(("other", "/b"),)), "/w/n.o7", "/w/n.e7"),
        (replace(PLAIN, cwd="w", stdout=(("", "$HOSTNAME"),)), "/w/node1.example", "/w/n.e7"),
    ],
)
def test_paths_are_those_that_the_launcher_opens(streams: Streams, out: str, err: str) -> None:
    assert files(streams, lambda path: path == "/folder") == (out, err)


def test_a_path_with_the_host_in_it_is_not_certain_before_there_is_one() -> None:
    waiting = replace(PLAIN, host="", stdout=(("", "$HOSTNAME.log"),))
    assert host_matters(waiting)
    assert not host_matters(replace(waiting, host="node1"))
    assert not host_matters(replace(PLAIN, host=""))

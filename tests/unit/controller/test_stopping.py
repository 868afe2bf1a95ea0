"""A signal ends what works, also one that comes while the event that is waited for is locked."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator

import pytest

from gridcompat.controller.stopping import Threads, set_at_signals

NUMBERS = (signal.SIGTERM, signal.SIGINT)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = [signal.getsignal(number) for number in NUMBERS]
    yield
    for number, handler in zip(NUMBERS, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_a_signal_amid_the_wait_sets_the_event(number: signal.Signals) -> None:
    stop = threading.Event()
    set_at_signals(stop)
    with stop._cond:  # type: ignore[attr-defined]  # what `wait` holds as it begins and as it returns
        signal.raise_signal(number)
        assert not stop._flag  # type: ignore[attr-defined]  # nobody can set it yet
    assert stop.wait(30)


def works(stop: threading.Event) -> None:
    stop.wait(30)


def ends(_stop: threading.Event) -> None:
    """Nothing is left to do, it thinks."""


def breaks(_stop: threading.Event) -> None:
    raise ValueError("no way on")


def test_threads_work_until_they_are_told_to_end() -> None:
    said: list[str] = []
    threads = Threads({"one": works, "two": works}, said.append)
    threads.start()
    assert not threads.failed.is_set()
    threads.end(30)
    assert not any(thread.name in ("one", "two") for thread in threading.enumerate())
    assert not threads.failed.is_set()
    assert said == []


@pytest.mark.parametrize(("work", "words"), [(ends, ""), (breaks, "two: Traceback")])
def test_one_that_cannot_go_on_is_noticed_and_said(
    work: Callable[[threading.Event], None], words: str
) -> None:
    said: list[str] = []
    threads = Threads({"one": works, "two": work}, said.append)
    threads.start()
    assert threads.failed.wait(30)
    threads.end(30)
    assert [text.startswith(words) for text in said] == ([True] if words else [])


def test_one_that_does_not_end_is_left_behind() -> None:
    free = threading.Event()

    def deaf(_stop: threading.Event) -> None:
        free.wait(30)

    threads = Threads({"deaf": deaf}, print)
    threads.start()
    threads.end(0.0)
    assert any(thread.name == "deaf" for thread in threading.enumerate())
    free.set()

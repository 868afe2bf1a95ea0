"""A signal ends what works, also one that comes while the event that is waited for is locked."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from gridcompat.controller.stopping import set_at_signals

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

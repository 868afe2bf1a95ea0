"""Times of objects: there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat import timestamps
from gridcompat.timestamps import epoch


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2000-02-29T12:00:00Z", 951825600),
        ("2026-11-24T02:32:34Z", 1795487554),
        ("2026-11-24T02:32:34.123456Z", 1795487554),
        ("2100-03-01T00:00:01Z", 4107542401),
        ("", 0),
        ("yesterday", 0),
    ],
)
def test_timestamps_become_epoch_seconds(text: str, seconds: int) -> None:
    assert epoch(text) == seconds


@given(seconds=st.integers(0, 10**10))
def test_a_time_comes_back(seconds: int) -> None:
    assert epoch(timestamps.text(seconds)) == seconds

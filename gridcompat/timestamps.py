"""Times of Kubernetes objects: text as the API writes it, and epoch seconds.

By counting days, for `datetime` and `calendar` cost milliseconds that each command would pay.  Must not
know what happened at a time, nor what time it is.

Source: RFC 3339 as metav1.Time has it, always in UTC.
"""

from __future__ import annotations

import time

_MINUTES: dict[str, int] = {}
"""Epoch seconds of "YYYY-MM-DDTHH:MM": jobs of a listing share few minutes."""


def text(seconds: float) -> str:
    """Return epoch seconds as the API writes times, `2026-11-24T02:21:28Z`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def epoch(timestamp: str) -> int:
    """Return the epoch seconds of a time, without its fraction; 0 if the text is none."""
    minute = timestamp[:16]
    known = _MINUTES.get(minute)
    try:
        if known is None:
            known = _MINUTES[minute] = _minute(minute)
        return known + int(timestamp[17:19])
    except ValueError:
        return 0


def _minute(minute: str) -> int:
    """Epoch seconds of a minute."""
    year, month, day = int(minute[:4]), int(minute[5:7]), int(minute[8:10])
    # Years that begin in March end with the leap day, so the days before a month follow one formula.
    shifted = year - (month <= 2)
    days = 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400
    days += (153 * ((month + 9) % 12) + 2) // 5 + day - 1 - 719468
    return days * 86400 + int(minute[11:13]) * 3600 + int(minute[14:16]) * 60

"""Kubernetes quantities as numbers.  Grid Engine's memory words are another language (`units`)."""

from __future__ import annotations

_FACTORS = {
    **{f"{letter}i": 1024.0**power for power, letter in enumerate("KMGTPE", 1)},
    **{letter: 1000.0**power for power, letter in enumerate("kMGTPE", 1)},
    "m": 1e-3,
    "u": 1e-6,
    "n": 1e-9,
}


def quantity(text: object) -> float | None:
    """Return a quantity (`10m`, `1Gi`, `2`) as a number, or None if it is none.

    Source: apimachinery, resource.Quantity.
    """
    word = str(text)
    suffix = word[-2:] if word[-2:] in _FACTORS else word[-1:] if word[-1:] in _FACTORS else ""
    digits = word[: len(word) - len(suffix)]
    if not digits.isascii() or not digits or any(c.isspace() or c == "_" for c in digits):
        return None
    try:
        return float(digits) * _FACTORS.get(suffix, 1.0)
    except ValueError:
        return None

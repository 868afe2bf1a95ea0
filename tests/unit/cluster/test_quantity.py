"""Kubernetes quantities."""

from __future__ import annotations

import pytest

from gridcompat.cluster.quantity import quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", 2),
        ("10m", 0.01),
        ("1Gi", 2**30),
        ("24637300Ki", 24637300 * 1024),
        ("1G", 10**9),
        ("1.5Mi", 1.5 * 2**20),
        ("1e3", 1000),
        ("3n", 3e-9),
        ("", None),
        ("Gi", None),
        ("1 Gi", None),
        ("1_0", None),
        ("lots", None),
        ("١", None),
        (None, None),
    ],
)
def test_a_quantity_is_a_number_or_none(text: object, number: float | None) -> None:
    assert quantity(text) == (None if number is None else pytest.approx(number))

"""record: the light stand-in for frozen dataclasses."""

from __future__ import annotations

import pytest

from gridcompat.record import as_dict, record, replace


@record
class Base:
    name: str
    size: int = 3


@record
class Derived(Base):
    colour: str = "red"


def test_fields_are_given_by_keyword_and_defaults_fill_in() -> None:
    assert as_dict(Base(name="a")) == {"name": "a", "size": 3}
    assert as_dict(Derived(name="a", size=4)) == {"name": "a", "size": 4, "colour": "red"}


@pytest.mark.parametrize(
    ("fields", "text"),
    [({}, "name"), ({"name": "a", "nose": 1}, "nose")],
    ids=["missing", "unknown"],
)
def test_missing_and_unknown_fields_are_named(fields: dict[str, object], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Base(**fields)  # type: ignore[arg-type]  # the point of the test


def test_a_record_cannot_be_changed() -> None:
    value = Base(name="a")
    with pytest.raises(AttributeError):
        value.size = 4  # type: ignore[misc]  # the point of the test
    with pytest.raises(AttributeError):
        del value.name
    assert replace(value, size=4) == Base(name="a", size=4)
    assert value == Base(name="a")


def test_equality_and_hash_follow_class_and_fields() -> None:
    assert Base(name="a") != Derived(name="a")
    assert len({Base(name="a"), Base(name="a"), Base(name="b")}) == 2


def test_repr_names_the_fields() -> None:
    assert repr(Derived(name="a")) == "Derived(name='a', size=3, colour='red')"

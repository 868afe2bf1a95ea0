"""Frozen value classes for the path of the drop-in commands.

`dataclasses` costs 9 ms to import and half a millisecond for each class, which is a fifth of the
time a whole `qsub` may take.  `record` gives the part of it that the project uses: keyword
construction, defaults, immutability, equality, a readable repr and `replace`.  mypy checks records
as it checks frozen dataclasses.  This module knows nothing of grids or clusters.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar, dataclass_transform

    T = TypeVar("T")
else:

    def dataclass_transform(**_options: object) -> object:
        return lambda decorator: decorator


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=True)
def record(cls: type[T]) -> type[T]:
    """Make a class of annotated fields an immutable value class, and return it.

    Fields are given by keyword only.  A default must be immutable, for it is shared.
    """
    names: list[str] = []
    for base in reversed(cls.__mro__):
        names += [name for name in base.__dict__.get("__annotations__", ()) if name not in names]
    fields = tuple(names)
    known = frozenset(fields)
    defaults = {name: getattr(cls, name) for name in fields if hasattr(cls, name)}
    required = frozenset(name for name in fields if name not in defaults)

    def __init__(self: Any, **values: Any) -> None:
        own = self.__dict__
        own.update(defaults)
        own.update(values)
        if own.keys() != known:
            wrong = sorted(values.keys() - known) or sorted(required - values.keys())
            raise TypeError(f"{cls.__name__}: unknown or missing fields: {', '.join(wrong)}")

    def __setattr__(self: Any, name: str, value: Any) -> None:
        raise AttributeError(f"{cls.__name__} is immutable")

    def __delattr__(self: Any, name: str) -> None:
        raise AttributeError(f"{cls.__name__} is immutable")

    def __eq__(self: Any, other: object) -> bool:
        return self.__class__ is other.__class__ and self.__dict__ == other.__dict__

    def __hash__(self: Any) -> int:
        return hash((cls.__name__, *(self.__dict__[name] for name in fields)))

    def __repr__(self: Any) -> str:
        inside = ", ".join(f"{name}={self.__dict__[name]!r}" for name in fields)
        return f"{cls.__name__}({inside})"

    for method in (__init__, __setattr__, __delattr__, __eq__, __hash__, __repr__):
        setattr(cls, method.__name__, method)
    setattr(cls, "__fields__", fields)  # noqa: B010  (mypy knows no such attribute of type[T])
    return cls


def replace(value: T, **changes: Any) -> T:
    """Return a copy of a record with some fields changed."""
    return value.__class__(**{**value.__dict__, **changes})


def as_dict(value: object) -> dict[str, Any]:
    """Return the fields of a record by name, in the order of their declaration."""
    fields: tuple[str, ...] = value.__class__.__fields__  # type: ignore[attr-defined]  # set by record
    return {name: value.__dict__[name] for name in fields}

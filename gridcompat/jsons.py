"""JSON for the path of the commands, without the package `json`, whose import costs each of them 6 ms.

That package brings `re` and `enum` with it.  Its scanner and its encoder in C, which do the work, need
neither.  What is no JSON is left to `json` itself, so that errors are always those; so is everything where
an interpreter has no such C module.  Has the names of `json` that are used here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO, Any, TypeAlias

    _Scan: TypeAlias = Callable[[str, int], tuple[Any, int]]

BLANKS = " \t\n\r"


class _Reading:
    """What `json.JSONDecoder` tells its scanner when nothing is asked of it."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}.__getitem__


def _scanner() -> _Scan | None:
    try:
        from _json import make_scanner

        scan: _Scan = make_scanner(_Reading)  # type: ignore[arg-type]  # it reads attributes, of anything
    except (ImportError, AttributeError, TypeError):
        return None  # an interpreter that has none, or another one
    return scan


_SCAN = _scanner()


def loads(text: str | bytes) -> Any:
    """Return what a JSON text says. Raises ValueError if it is none."""
    if _SCAN is not None and isinstance(text, str):
        try:
            found, end = _SCAN(text, len(text) - len(text.lstrip(BLANKS)))
        except StopIteration:
            pass
        else:
            if not text[end:].strip(BLANKS):
                return found
    import json

    return json.loads(text)


def load(file: IO[str]) -> Any:
    """Return what the JSON text of a file says. Raises ValueError if it is none."""
    return loads(file.read())


def dumps(
    value: object,
    *,
    ensure_ascii: bool = True,
    allow_nan: bool = True,
    sort_keys: bool = False,
    separators: tuple[str, str] = (", ", ": "),
) -> str:
    """Return a value as JSON, as `json.dumps` does.

    Raises:
        TypeError: something in it has no JSON.
        ValueError: it holds itself, or a number that is none and may not be written.
    """
    try:
        from _json import encode_basestring, encode_basestring_ascii, make_encoder

        between, behind_key = separators
        text = encode_basestring_ascii if ensure_ascii else encode_basestring
        encode = make_encoder({}, _no_json, text, None, behind_key, between, sort_keys, False, allow_nan)
    except (ImportError, TypeError):
        import json

        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            allow_nan=allow_nan,
            sort_keys=sort_keys,
            separators=separators,
        )
    return "".join(encode(value, 0))


def _no_json(value: object) -> object:
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")

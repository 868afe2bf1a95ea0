"""jsons: says what `json` says, and a command is there before `json` is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat import jsons

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(value=VALUES, ascii_only=st.booleans(), ordered=st.booleans(), tight=st.booleans())
def test_what_is_written_is_what_json_writes_and_is_read_as_json_reads_it(
    value: object, ascii_only: bool, ordered: bool, tight: bool
) -> None:
    separators = (",", ":") if tight else (", ", ": ")
    text = jsons.dumps(value, ensure_ascii=ascii_only, sort_keys=ordered, separators=separators)
    assert text == json.dumps(value, ensure_ascii=ascii_only, sort_keys=ordered, separators=separators)
    assert repr(jsons.loads(text)) == repr(json.loads(text))


@given(text=st.text() | st.text(alphabet='[]{}:,"\\\\1e-. \n\rtrunlfas'))
def test_any_text_is_read_or_refused_as_json_does(text: str) -> None:
    try:
        wanted = repr(json.loads(text))
    except (ValueError, RecursionError) as error:
        with pytest.raises(type(error)) as refused:
            jsons.loads(text)
        assert str(refused.value) == str(error)
    else:
        assert repr(jsons.loads(text)) == wanted


@pytest.mark.parametrize("text", [' {"a": [1, 2]}\n', b'{"a": 1}', "\ufeff1", "", "[1] 2", "\u00a01"])
def test_text_with_something_around_it_is_read_or_refused_as_json_does(text: str | bytes) -> None:
    try:
        wanted = json.loads(text)
    except ValueError as error:
        with pytest.raises(ValueError, match="line 1"):
            jsons.loads(text)
        assert "line 1" in str(error)
    else:
        assert jsons.loads(text) == wanted


def test_what_has_no_json_is_refused() -> None:
    circle: list[object] = []
    circle.append(circle)
    for value, error in (({1, 2}, TypeError), (b"x", TypeError), (circle, ValueError)):
        with pytest.raises(error):
            jsons.dumps(value)
    with pytest.raises(ValueError, match="JSON compliant"):
        jsons.dumps(float("nan"), allow_nan=False)


def test_an_interpreter_without_the_c_module_reads_and_writes_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = {"b": [1, 2.5, None, "é"], "a": True}
    monkeypatch.setitem(sys.modules, "_json", None)
    monkeypatch.setattr(jsons, "_SCAN", jsons._scanner())
    assert jsons._SCAN is None
    assert jsons.loads(jsons.dumps(value)) == value
    assert jsons.dumps(value, sort_keys=True) == json.dumps(value, sort_keys=True)


def test_reading_and_writing_import_neither_json_nor_re() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from gridcompat import jsons;"
        "assert jsons.loads(jsons.dumps([1])) == [1]; print(*{'json', 're', 'enum'} & set(sys.modules))"
    )
    checkout = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-IS", "-c", program, checkout], capture_output=True, check=True)
    assert done.stdout.strip() == b""

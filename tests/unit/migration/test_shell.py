"""Shell text taken apart: which commands there are, what is around them, and what no shell takes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.migration.program import Broken, Word
from gridcompat.migration.shell import parse


def typed(word: Word) -> str:
    return "".join(part.text if part.kind == "text" else part.source for part in word.parts)


def words(text: str) -> list[str]:
    return [" ".join(typed(word) for word in one.words) for one in parse(text).commands if one.words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b  c", ["a b c"]),
        ("a && b || c; d & e | f", ["a", "b", "c", "d", "e", "f"]),
        ("a \\\n b # not this\nc#d", ["a b", "c#d"]),
        ("a 'b c' \"d $e\" f\\ g", ["a b c d $e f g"]),
        ("A=1 B='x y' a b", ["a b"]),
        ("a > x 2>&1 < y b", ["a b"]),
        (">x a; 2>/dev/null b", ["a", "b"]),
        ("(a; b) > c", ["a", "b"]),
        ("{ a; b; }", ["a", "b"]),
        ("if a; then b; elif c; then d; else e; fi", ["a", "b", "c", "d", "e"]),
        ("for x in 1 2; do a $x; done", ["read x", "a $x"]),
        ("for x\ndo a\ndone", ["read x", "a"]),
        ("for ((i = 0; i < 3; i++)); do a; done", ["a"]),
        ("while ! a; do b; done < c", ["a", "b"]),
        ("case $x in a|b) c;; (d) e;; *) f; esac; g", ["c", "e", "f", "g"]),
        ("f() { a; }; function g { b; }; h() ( c )", ["a", "b", "c"]),
        ("[[ a && b < (c) ]] && d", ["d"]),
        ("(( a < b )) || c", ["c"]),
        ("((a); b)", ["a", "b"]),
        ("x=$(a b) c", ["a b", "c"]),
        ("a `b \\`c\\``", ["c", "b `c`", "a `b \\`c\\``"]),
        ('a "$(b "$(c)")"', ["c", "b $(c)", 'a $(b "$(c)")']),
        ("a ${x:-$(b)} ${y%.*}", ["b", "a ${x:-$(b)} ${y%.*}"]),
        ("a $((1 + (2))) b", ["a $((1 + (2))) b"]),
        ("diff <(a) <(b)", ["a", "b", "diff <(a) <(b)"]),
        ("a=(b c\nd) e", ["e"]),
        ("a $'b\\tc'", ["a b\tc"]),
        ("a ~/x ~root/y", ["a ~/x ~root/y"]),
        ("$(case x in a) b;; esac)", ["b", "$(case x in a) b;; esac)"]),
        ("fi_ done_ thenx", ["fi_ done_ thenx"]),
        ("echo if then fi", ["echo if then fi"]),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_the_commands_of_a_text_are_found_in_their_order(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("a <<E\nx $y\nE\nb", "x $y\n"),
        ("a <<'E'\nx $y\nE\nb", "x $y\n"),
        ("a <<-E\n\tx\n\tE\nb", "x\n"),
        ("a <<E | c\nx\nE\nb", "x\n"),
        ("a <<E\nx\\$y\nE\nb", "x$y\n"),
        ("a <<E\nno end", "no end"),
        ("a <<< 'x y'", "x y"),
    ],
)
def test_a_here_document_goes_to_its_command(text: str, body: str) -> None:
    first = parse(text).commands[0]
    assert first.input is not None
    assert "".join(part.text if part.kind == "text" else part.source for part in first.input.text) == body


def test_two_here_documents_are_read_in_their_order() -> None:
    first, second = parse("a <<A; b <<B\n1\nA\n2\nB\n").commands
    assert first.input is not None and second.input is not None
    assert (first.input.text[0].text, second.input.text[0].text) == ("1\n", "2\n")
    assert (first.input.line, second.input.line) == (2, 4)


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("a", True),
        ("a && b", False),
        ("a | b", False),
        ("if x; then b; fi", False),
        ("(b)", False),
        ("a; b", True),
        ("a &&\nb", False),
        ("a || b\nb", True),
    ],
)
def test_only_what_always_runs_is_sure(text: str, sure: bool) -> None:
    assert [one for one in parse(text).commands if one.words][-1].sure is sure


def test_lines_are_counted_through_everything() -> None:
    text = "a \\\n b\n'c\nd'\ne <<E\n1\nE\nf $(\ng)\nh"
    found = {typed(one.words[0]).partition("\n")[0]: one.line for one in parse(text).commands}
    assert found == {"a": 1, "c": 3, "e": 5, "g": 9, "f": 8, "h": 10}


@pytest.mark.parametrize(
    ("text", "fault", "line"),
    [
        ("a\nb 'c", "a quote ' is not closed", 2),
        ('a "b', 'a quote " is not closed', 1),
        ("a `b", "a backquote is not closed", 1),
        ("(a", "a ( is not closed", 1),
        ("a)", "a ) too many", 1),
        ("if a; then b", "if is not ended", 1),
        ("a\ndone", "done without its beginning", 2),
        ("${a", "${ is not closed", 1),
        ("$((a", "$(( is not closed", 1),
        ("a >", "> without a file", 1),
        ("case a b", "case without in", 1),
        ("$(" * 100, "it is nested too deeply to be read here", 1),
        ("{ " * 100, "it is nested too deeply to be read here", 1),
        ("${a:-" * 100, "it is nested too deeply to be read here", 1),
    ],
)
def test_what_no_shell_takes_is_told_with_its_line(text: str, fault: str, line: int) -> None:
    with pytest.raises(Broken) as caught:
        parse(text)
    assert (caught.value.text, caught.value.line) == (fault, line)


def test_what_stood_before_the_fault_is_kept() -> None:
    with pytest.raises(Broken) as caught:
        parse("a b\nc 'd")
    assert [typed(one.words[0]) for one in caught.value.commands] == ["a"]


PIECES = st.sampled_from(
    [
        *"abc \n\t;&|()<>{}$`'\"\\#=*?[]~!0123",
        *("$(", "${", "$((", "))", "<<E", "\nE\n", "if ", "then ", "fi", "case ", " in ", "esac", ";;"),
        *("for ", "do ", "done", "[[ ", " ]]", "f() {", "qsub ", "\ud800", "\udc80"),
    ]
)


@given(st.lists(PIECES, max_size=60).map("".join))
def test_any_text_is_taken_apart_or_refused(text: str) -> None:
    try:
        commands = parse(text).commands
    except Broken as broken:
        commands = broken.commands
        assert broken.text
    assert all(1 <= one.line <= one.last_line <= text.count("\n") + 1 for one in commands)


TANGLES = ("(", "((", "$(", "$((", "`", "'", '"', '"$(', "${a:-", "<<A\n", "case ", "((a) ", "a=(", "[[ ")


@pytest.mark.parametrize("piece", [*TANGLES, "\\", "$((a) "])
def test_time_is_linear_in_the_text_whatever_it_is(piece: str) -> None:
    began = time.perf_counter()
    try:
        parse(f"qsub {piece}" * 20000)
    except Broken:
        pass
    assert time.perf_counter() - began < 10

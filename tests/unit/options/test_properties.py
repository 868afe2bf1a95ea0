"""Whatever is typed: only the project's own errors come out, and the same input gives the same result."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from surroundings import HOME, context

from gridcompat import patterns
from gridcompat.errors import GridError
from gridcompat.options import build, directives, jsub, match, scan, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_SWITCHES = [str(row[0]) for row in table.ROWS]
_VALUES = [
    *("y", "no", "maybe", "1-10:2", "5-", "-4", "0", "1,3,5", "99999999999", "abc", "", "-"),
    *(
        "--",
        "a=b",
        "=",
        ",",
        "h_rt=1:0:0",
        "h_vmem=1G",
        "h_vmem=",
        "slots=2",
        "nosuch=1",
        "task@vm",
        "*@@*",
        "smp",
        "202701010000",
    ),
    *("be", "n", "a@b,c", "host:/x,/y", ":/z", "opts", "job.sh", "u", "$(date)"),
    *(
        "a\nb",
        "é",
        "\udcff",
        "#x",
        '"q',
        "linear:1",
        "env",
        "explicit:0,0",
        "1" * 60,
        "a" * 600,
        "((((",
        "!&|",
        "[",
        "a\\",
        "5.1",
        "none",
        "1a",
    ),
]
_WORDS = st.one_of(st.sampled_from(_SWITCHES), st.sampled_from(_VALUES), st.text(max_size=8))
_ARGV = st.lists(_WORDS, max_size=10)
_LINE = st.lists(_WORDS, max_size=5).map(" ".join)
_SCRIPT = st.lists(st.one_of(_LINE.map("#$ {}".format), _LINE), max_size=5).map("\n".join)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape" if not _lonely(text) else "surrogatepass")


def _lonely(text: str) -> bool:
    return any("\ud800" <= letter <= "\udfff" and not "\udc80" <= letter <= "\udcff" for letter in text)


def outcome(run: Callable[[], object]) -> object:
    """Return the result, or the error as far as users see it; anything but a GridError gets through."""
    try:
        return run()
    except GridError as error:
        assert error.message
        assert 1 <= error.exit_status <= 25
        return type(error).__name__, error.message, error.exit_status


@given(argv=_ARGV, script=_SCRIPT, request_file=_SCRIPT, option_file=_LINE, stdin=_SCRIPT)
@example(argv=["-t", "", "job.sh"], script="", request_file="", option_file="", stdin="")
@example(argv=["-@", "opts", "job.sh"], script="", request_file="", option_file="-@ opts", stdin="")
@example(argv=["job.sh"], script="#$ -@ a\x00b", request_file="", option_file="", stdin="")
@settings(max_examples=400, deadline=None)
def test_any_qsub_line_is_read_or_refused_and_always_in_the_same_way(
    argv: list[str], script: str, request_file: str, option_file: str, stdin: str
) -> None:
    surroundings = context(
        {
            "job.sh": _bytes(script),
            f"{HOME}/.sge_request": _bytes(request_file),
            "opts": _bytes(option_file),
        },
        stdin=_bytes(stdin),
    )
    first = outcome(lambda: build.qsub(argv, context=surroundings))
    assert outcome(lambda: build.qsub(list(argv), context=surroundings)) == first


@given(argv=_ARGV, header=_SCRIPT, rc=st.lists(_LINE, max_size=4).map("\n".join))
@settings(max_examples=300, deadline=None)
def test_any_jsub_line_is_read_or_refused_and_always_in_the_same_way(
    argv: list[str], header: str, rc: str
) -> None:
    surroundings = context({"job.sh": _bytes(header), f"{HOME}/.jsubrc": _bytes(rc)})

    def run(command: str) -> object:
        plan = jsub.plan([*argv, "job.sh"], command=command, context=surroundings)
        return plan, outcome(lambda: jsub.submission(plan, context=surroundings) if plan.program else None)

    for command in ("jsub", "jstart", "qcronsub"):
        first = outcome(lambda name=command: run(name))  # type: ignore[misc]  # the default binds the loop's name
        assert outcome(lambda name=command: run(name)) == first  # type: ignore[misc]  # as above


@pytest.mark.parametrize("command", [command for command in table.COMMANDS if command != "jstop"])
@given(argv=_ARGV)
@settings(max_examples=60, deadline=None)
def test_any_line_of_another_command_is_scanned_or_refused(command: str, argv: list[str]) -> None:
    if command in ("jsub", "jstart", "qcronsub", "qsub"):
        return
    first = outcome(lambda: scan.scan(command, argv, now=0.0))
    assert outcome(lambda: scan.scan(command, argv, now=0.0)) == first


@given(line=st.text(max_size=60))
def test_words_of_a_directive_hold_no_quotes_and_no_comment(line: str) -> None:
    for word in directives.split(line):
        assert "#" not in word
        assert "'" not in word
        assert '"' not in word


@given(name=st.text(max_size=12), wanted=st.text(alphabet="ab*?[]!&|()\\-", max_size=14))
def test_any_expression_has_an_answer(name: str, wanted: str) -> None:
    assert match.expression(name, wanted) in (True, False)
    assert patterns.matches("*", name)
    assert match.expression(name, "*|" + wanted) or set("(|") & set(wanted)


@pytest.mark.parametrize("part", ["!", "(", "a|", "!(a&", "*a", "[", "|", "()"])
def test_no_expression_takes_long(part: str) -> None:
    begun = time.perf_counter()
    for wanted in (part * 190_000, part * (match.MOST_LETTERS // len(part))):
        match.expression("task" * 10, wanted)
    assert time.perf_counter() - begun < 1


@given(value=st.sampled_from(["x", "-h", "--help", "-N", "job.sh", "-"]))
def test_a_switch_takes_the_next_word_whatever_it_looks_like(value: str) -> None:
    found = scan.words(["-A", value], origin="command line", place=table.COMMAND_LINE, now=0.0)
    assert [occurrence.words for occurrence in found.occurrences] == [(value,)]
    assert not found.operands

"""The grid's commands in shell text, and what is known about how they would be called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.migration import calls
from gridcompat.migration.calls import Call, Finding
from gridcompat.migration.expand import Unknowns, expand, is_known, splits, without_marks
from gridcompat.migration.shell import parse

HOME = "/home/tool"


def everything(text: str, **changes: str | None) -> list[tuple[Call, str] | Finding]:
    unknowns = Unknowns()
    found = calls.find(
        text,
        line=1,
        environment={"HOME": HOME, "LIST": "a b"},
        cwd=HOME,
        stdin=changes.get("stdin"),
        unknowns=unknowns,
    )
    return [
        (one, unknowns.shown(" ".join((one.command, *one.words)))) if isinstance(one, Call) else one
        for one in found
    ]


def shown(text: str) -> list[str]:
    return [one[1] for one in everything(text) if not isinstance(one, Finding)]


def call(text: str, **changes: str | None) -> Call:
    (found,) = everything(text, **changes)
    assert not isinstance(found, Finding)
    return found[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("qsub a", ["qsub a"]),
        ("/usr/bin/jsub ~/a $HOME/b", [f"jsub {HOME}/a {HOME}/b"]),
        ("echo qsub a; man qsub; which qsub; command -v qsub; cat qsub", []),
        ("nice -n 5 ionice -c 3 nohup qsub a", ["qsub a"]),
        ("env -u X A=b qsub a", ["qsub a"]),
        ("A=b qsub a", ["qsub a"]),
        ("timeout -k 5 10 qsub a", ["qsub a"]),
        ("time qsub a", ["qsub a"]),
        ("exec qsub a", ["qsub a"]),
        ("flock -n /tmp/lock qsub a", ["qsub a"]),
        ("flock /tmp/lock -c 'qsub a'", ["qsub a"]),
        ("sh -c 'cd x; qsub a'", ["qsub a"]),
        ("bash -lc 'qsub a' && sh -ec 'qdel 1'", ["qsub a", "qdel 1"]),
        ("ssh -i k tool@host qsub a '$X'", ["qsub a $X"]),
        ("su - tool -c 'qsub a'", ["qsub a"]),
        ("sudo -u tool A=b qsub a", ["qsub a"]),
        ('eval "qsub $X"', ["qsub $X"]),
        ("trap 'qdel 5' EXIT", ["qdel 5"]),
        ("bash <<E\nqsub a\nE\n", ["qsub a"]),
        ("bash -s x <<E\nqsub a\nE\n", ["qsub a"]),
        ("ls | xargs -n 1 qsub -N a", ["qsub -N a"]),
        ("find . -exec qsub {} \\;", ["qsub {}"]),
        ("watch -n 5 qstat", ["qstat"]),
        ("x=$(qsub -terse a); y=`qstat`", ["qsub -terse a", "qstat"]),
        ("if ! qstat | grep -q x; then jsub y; fi", ["qstat", "jsub y"]),
        ("for i in 1 2; do qsub -N a$i b; done", ["qsub -N a$i b"]),
        ("$SGE_BIN/qsub a", ["qsub a"]),
        ('qsub $LIST "$LIST"', ["qsub a b a b"]),
        ("Q='qsub -N x'; $Q a", ["qsub -N x a"]),
        ("qsub *.sh", ["qsub *.sh"]),
        ("job -v a", ["job -v a"]),
    ],
)
def test_calls_are_found_behind_whatever_stands_before(text: str, expected: list[str]) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("A=1; qsub $A", "qsub 1"),
        ("A=1; A=2; qsub $A", "qsub 2"),
        ("if x; then A=1; fi; qsub $A", "qsub $A"),
        ("A=1; x && A=2; qsub $A", "qsub $A"),
        ("A=1; read A; qsub $A", "qsub $A"),
        ("export A=1; qsub $A", "qsub 1"),
        ("(A=1); qsub $A", "qsub $A"),
        ("A=$(date); qsub ${A}x", "qsub $(date)x"),
        ("f() { qsub $A; }; A=1; A=2; f", "qsub $A"),
        ("A+=x; qsub $A", "qsub $A"),
        ("A=(1 2); qsub $A", "qsub ${A[@]}"),
        ("qsub $1 $UNSET", "qsub $1 $UNSET"),
    ],
)
def test_only_values_that_are_certain_are_put_in(text: str, value: str) -> None:
    assert shown(text) == [value]


@pytest.mark.parametrize(
    ("text", "cwd"),
    [
        ("qsub a", HOME),
        ("cd /x && qsub a", "/x"),
        ("cd /x; cd y/..; qsub a", "/x"),
        ("(cd /x); qsub a", HOME),
        ("(cd /x && qsub a)", "/x"),
        ("cd $X; qsub a", None),
        ("cd $X; cd /y; qsub a", "/y"),
        ("if b; then cd /x; fi; qsub a", None),
        ("f() { qsub a; }", None),
        ("ssh h 'qsub a'", None),
        ("sh -c 'cd /x; qsub a'", "/x"),
        ("cd; qsub a", HOME),
    ],
)
def test_the_directory_is_followed(text: str, cwd: str | None) -> None:
    assert call(text).cwd == cwd


@pytest.mark.parametrize(
    ("text", "known", "file", "source"),
    [
        ("qsub <<E\na\nE\n", "a\n", "", ""),
        ("echo 'sleep 1' | qsub", "sleep 1\n", "", ""),
        ("cat a.sh | qsub", None, "a.sh", ""),
        ("qsub < a.sh", None, "a.sh", ""),
        ("make_it | qsub", None, "", "a pipe from make_it"),
        ("qsub < $X", None, "", "$X"),
        ("qsub", None, "", ""),
    ],
)
def test_what_comes_to_standard_input_is_known_or_named(
    text: str, known: str | None, file: str, source: str
) -> None:
    found = call(text)
    assert (found.stdin, found.stdin_file, found.stdin_source) == (known, file, source)


def test_crons_standard_input_goes_to_the_first_that_reads_it() -> None:
    assert call("qsub -N a", stdin="#$ -q x\n").stdin == "#$ -q x\n"
    assert call("x | qsub", stdin="y").stdin is None


def test_other_hosts_and_commands_in_variables_are_told() -> None:
    assert call("ssh me@host qsub a").elsewhere == "on me@host"
    assert call("sudo -u x qsub a").elsewhere == "as x"
    assert call("$QSUB a").guessed == "$QSUB"
    assert call("${QSTAT:-qstat} -u x").guessed == "${QSTAT:-qstat}"
    assert call("xargs qsub").open_ended


def test_what_cannot_be_read_is_told_after_what_can() -> None:
    first, second = everything("qsub a\nqsub 'b")
    assert not isinstance(first, Finding)
    assert second == Finding(kind="unread", text="the shell cannot read it: a quote ' is not closed", line=2)
    (found,) = everything(". /opt/sge/default/common/settings.sh")
    assert found == Finding(kind="settings", text="/opt/sge/default/common/settings.sh", line=1)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("os.system('qsub a')", "qsub"),
        ("my_qsub", ""),
        ("qsub.py", "qsub"),
        ("x.qsub", ""),
        ("a job", ""),
        ("", ""),
    ],
)
def test_commands_are_recognised_as_words_of_their_own(text: str, name: str) -> None:
    assert calls.mentions(text) == name


def test_words_keep_what_is_unknown_as_marks() -> None:
    unknowns = Unknowns()
    (command,) = [one for one in parse('qsub a$X "$Y" $Z').commands if one.words]
    found = [piece for word in command.words[1:] for piece in expand(word, {"Z": ""}, unknowns)]
    assert [unknowns.shown(word) for word in found] == ["a$X", "$Y"]
    assert [is_known(word) for word in found] == [False, False]
    assert [splits(word) for word in found] == [True, False]
    assert without_marks(found[0], "-") == "a-"
    assert unknowns.sources("".join(found)) == ("$X", "$Y")


def test_more_unknown_values_than_marks_are_told_alike() -> None:
    unknowns = Unknowns()
    marks = [unknowns.mark(f"$V{number}", splits=False) for number in range(2000)]
    assert unknowns.shown(marks[0]) == "$V0"
    assert unknowns.sources(marks[-1]) == ("a variable",)


PIECES = [
    *("qsub", "$X", "-N", "-q", "x.sh", "env", "A=", "cd", "ssh", "xargs", "eval", "trap", "flock", "su"),
    *(
        "${Y}",
        "sudo",
        "timeout",
        "find -exec",
        "sh -c '",
        "'",
        '"',
        ";",
        "\n",
        "|",
        "<<E\n",
        "\nE\n",
        "(",
        ")",
    ),
    *("\ud800", " "),
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join))
def test_any_text_yields_calls_and_no_mistake(text: str) -> None:
    for one in everything(text):
        assert isinstance(one, Finding) or one[0].command in calls.NAMES

"""Crontabs as cron reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.migration import crontab
from gridcompat.migration.crontab import Entry, Faulty, Variable


def only(line: str, *, system: bool = False) -> Variable | Entry | Faulty:
    (found,) = crontab.read(line + "\n", system=system)
    return found


@pytest.mark.parametrize(
    ("line", "times", "command"),
    [
        ("* * * * * a b", "* * * * *", "a b"),
        ("  */5\t0-6/2 1,15 jan-mar mon,Fri  a", "*/5 0-6/2 1,15 jan-mar mon,Fri", "a"),
        ("@reboot a", "@reboot", "a"),
        ("@daily\ta", "@daily", "a"),
        ("-5 4 * * * a", "5 4 * * *", "a"),
        ("0~30 4 * * 7 a=b c", "0~30 4 * * 7", "a=b c"),
        ("* * * * * A=1 a", "* * * * *", "A=1 a"),
    ],
)
def test_times_are_parted_from_the_command(line: str, times: str, command: str) -> None:
    found = only(line)
    assert isinstance(found, Entry)
    assert (found.times, found.command, found.user) == (times, command, "")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("* * * * a", "'a' is no day of week"),
        ("60 * * * * a", "'60' is no minute"),
        ("* 24 * * * a", "'24' is no hour"),
        ("* * 0 * * a", "'0' is no day of month"),
        ("* * * foo * a", "'foo' is no month"),
        ("*/0 * * * * a", "'*/0' is no minute"),
        ("1,, * * * * a", "'1,,' is no minute"),
        ("@often a", "'@often' is no time that cron knows"),
        ("* * *", "five fields of time are needed"),
        ("* * * * *", "there is no command"),
        ("jsub a", "'jsub' is no minute"),
        ("²  * * * * a", "'²' is no minute"),
        ('A="b" c', "'A=\"b\"' is no minute"),
    ],
)
def test_a_line_that_cron_cannot_read_is_told(line: str, fault: str) -> None:
    found = only(line)
    assert isinstance(found, Faulty)
    assert found.fault == fault


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("A=b", "A", "b"),
        ("A = b c  ", "A", "b c"),
        ("A=", "A", ""),
        ('A=""', "A", ""),
        ("A='b c '", "A", "b c "),
        ('"A B"="c"', "A B", "c"),
        ("A=b # c", "A", "b # c"),
        ("A=$HOME/x", "A", "$HOME/x"),
        ("A=b=c", "A", "b=c"),
        ("CRON_TZ=Europe/Berlin", "CRON_TZ", "Europe/Berlin"),
    ],
)
def test_variables_are_set_with_crons_rules(line: str, name: str, value: str) -> None:
    assert only(line) == Variable(line=1, name=name, value=value)


@pytest.mark.parametrize(
    ("text", "command", "stdin"),
    [
        ("a b", "a b", None),
        (r"a \%F", "a %F", None),
        ("a%b", "a", "b\n"),
        (r"a %b%c\%d", "a ", "b\nc%d\n"),
        ("a%", "a", "\n"),
    ],
)
def test_a_percent_sign_ends_the_command(text: str, command: str, stdin: str | None) -> None:
    assert crontab.split_percent(text) == (command, stdin)


def test_variables_hold_for_the_lines_below() -> None:
    *_, first, _, last = crontab.read("A=1\nB=2\n@daily a\nA=3\n@daily b\n", system=False)
    assert isinstance(first, Entry) and isinstance(last, Entry)
    assert (first.environment, last.environment) == ((("A", "1"), ("B", "2")), (("A", "3"), ("B", "2")))
    assert (first.line, last.line) == (3, 5)


def test_in_a_system_crontab_a_user_stands_before_the_command() -> None:
    found = only("0 1 * * * tool jsub a", system=True)
    assert isinstance(found, Entry)
    assert (found.user, found.command) == ("tool", "jsub a")
    assert isinstance(only("0 1 * * * tool", system=True), Faulty)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("# c\nA=b\n* * * * * a\n", "crontab"),
        ("* * * * * root a\n@daily tool b\n", "system"),
        ("* * * * * root a\n@daily b c\n", "crontab"),
        ("#!/bin/sh\n* * * * * a\n", ""),
        ("#$ -N a\n* * * * * a\n", ""),
        ("echo a\nqsub b\n* * * * * a\n", ""),
        ("A=b\n", ""),
        ("", ""),
    ],
)
def test_the_kind_of_a_file_is_guessed(text: str, kind: str) -> None:
    assert crontab.looks_like(text, {"root", "tool"}.__contains__) == kind


@given(st.text(alphabet=st.sampled_from("*/-,~@ \t\n=\"'#%\\0159azjmon\udc80"), max_size=80), st.booleans())
def test_every_line_is_something(text: str, system: bool) -> None:
    found = list(crontab.read(text, system=system))
    wanted = [
        n
        for n, line in enumerate(text.split("\n"), 1)
        if line.strip(" \t\r") and line.lstrip(" \t")[0] != "#"
    ]
    assert [one.line for one in found] == wanted

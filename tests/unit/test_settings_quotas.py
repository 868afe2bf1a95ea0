"""Rules of resource quota sets: read, chosen, and whose share a run counts in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridcompat.settings import Settings, load, quotas
from gridcompat.settings.quotas import Consumer, effective, limit, parse, sets

SITE = """
[[user_list]]
name = "staff"
entries = ["ann", "@crew"]
[[host_group]]
name = "@big"
hostlist = ["big1"]
[[host]]
name = "big1"
[[resource_quota]]
name = "q"
rules = RULES
[[resource_quota]]
name = "off"
enabled = false
rules = ["to slots=0"]
"""


def loaded(folder: Path, *rules: str) -> Settings:
    path = folder / "site.toml"
    path.write_text(SITE.replace("RULES", str(list(rules))))
    return load({"GRIDCOMPAT_CONFIG": str(path)}, home=os.devnull, uid=os.getuid())[0]


@pytest.mark.parametrize(
    ("text", "name", "filters", "limits"),
    [
        (
            "users {*} queues task to slots=3",
            "q/1",
            (("users", "{*}"), ("queues", "task")),
            (("slots", "3"),),
        ),
        ("name a users {b, c} to lic=1, mem=2G", "q/a", (("users", "{b,c}"),), (("lic", "1"), ("mem", "2G"))),
        ("to slots=$num_proc*2", "q/1", (), (("slots", "$num_proc*2"),)),
        (
            "hosts @big projects !* to slots=1",
            "q/1",
            (("projects", "!*"), ("hosts", "@big")),
            (("slots", "1"),),
        ),
    ],
)
def test_a_rule_is_read(
    text: str, name: str, filters: tuple[tuple[str, str], ...], limits: tuple[tuple[str, str], ...]
) -> None:
    rule = parse("q", 1, text)
    assert rule.name == name
    assert tuple((kind, one.text) for kind, one in rule.filters) == filters
    assert rule.limits == limits


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "does not say what it limits"),
        ("users {*}", "does not say what it limits"),
        ("slots=3", "'slots=3' is none of"),
        ("users a users b to slots=1", "'users' is there twice"),
        ("users {a to slots=1", "'{a' is no list"),
        ("users a to slots", "'slots' is no list of limits"),
    ],
)
def test_a_rule_that_is_none_is_told(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("{", "\\{")):
        parse("q", 1, text)


@pytest.mark.parametrize(
    ("rules", "consumer", "found"),
    [
        (("users {*} to slots=1",), Consumer(user="ann"), ("1", "ann////")),
        (("users * to slots=1",), Consumer(user="ann"), ("1", "////")),
        (("users bob to slots=1", "to slots=2"), Consumer(user="ann"), ("2", "////")),
        (("users !ann to slots=1",), Consumer(user="ann"), None),
        (("users !ann to slots=1",), Consumer(user="bob"), ("1", "////")),
        (("users @staff to slots=1",), Consumer(user="ann"), ("1", "////")),
        (("users {@staff} to slots=1",), Consumer(user="eve", group="crew"), ("1", "eve////")),
        (("users @staff to slots=1",), Consumer(user="eve", group="users"), None),
        (("projects * to slots=1",), Consumer(user="ann"), None),
        (("projects !* to slots=1",), Consumer(user="ann"), ("1", "////")),
        (("projects !* to slots=1",), Consumer(user="ann", project="bio"), None),
        (("pes {*} to slots=1",), Consumer(environment="smp"), ("1", "//smp//")),
        (("queues {t*} hosts {*} to slots=1",), Consumer(queue="task", host="h"), ("1", "///task/h")),
        (("hosts {@big} to slots=1",), Consumer(host="big1"), ("1", "////big1")),
        (("hosts !@big to slots=1",), Consumer(host="big1"), None),
    ],
    ids=lambda value: str(value) if isinstance(value, tuple) else None,
)
def test_the_first_rule_that_fits_counts(
    rules: tuple[str, ...], consumer: Consumer, found: tuple[str, str] | None, tmp_path: Path
) -> None:
    settings = loaded(tmp_path, *rules)
    every = [(rule.label, "/".join(share)) for rule, share in effective(sets(settings), consumer, settings)]
    assert every == ([found] if found else [])


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", 3.0),
        ("2.5", 2.5),
        ("3G", 3.0 * 1024**3),
        ("0:1:0", 60.0),
        ("INFINITY", float("inf")),
        ("$num_proc*3", 12.0),
        ("$num_proc*3-2", 10.0),
        ("2*$num_proc+$slots", 18.0),
        ("$load_avg*2", float("inf")),
    ],
)
def test_a_limit_is_a_number_or_worked_out(text: str, number: float) -> None:
    assert limit(text, {"num_proc": 4.0, "slots": 10.0}) == number


def test_a_site_without_quotas_has_no_rules() -> None:
    assert quotas.sets(Settings()) == ()

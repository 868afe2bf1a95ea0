"""Settings that refer to each other: what is wrong is told in one line, what is only shown is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gridcompat import complexes
from gridcompat.errors import SettingsError
from gridcompat.settings import Settings, load, places
from gridcompat.settings.shown import only_shown

QUEUE = 'default_queue = "a"\n[[queue]]\nname = "a"\n'


def loaded(text: str, folder: Path) -> Settings:
    path = folder / "site.toml"
    path.write_text(text)
    return load({"GRIDCOMPAT_CONFIG": str(path)}, home=os.devnull, uid=os.getuid())[0]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (QUEUE + 'hostlist = ["@no"]', "a.hostlist: there is no '@no'"),
        (QUEUE + 'user_lists = ["no"]', "a.user_lists: there is no 'no'"),
        (QUEUE + 'projects = ["no"]', "a.projects: there is no 'no'"),
        (QUEUE + 'calendar = "no"', "a.calendar: there is no 'no'"),
        (
            '[[calendar]]\nname = "c"\nweek = "mon-fri=25-26"',
            '"25" outside of range 0-24 of hour specification',
        ),
        ('[[calendar]]\nname = "c"\nweek = "never"', "c.week: 'never' is not a weekday"),
        ('[[resource_quota]]\nname = "q"\nrules = ["users {*} slots=4"]', "q.rules: 'users {*} slots=4'"),
        (QUEUE + 'shown = { slots = "1" }', "a.shown: there is no 'slots'"),
        (QUEUE + 'qtype = "FAST"', "a.qtype: 'FAST' is none"),
        (QUEUE + 'per_host = { n1 = { slots = "x" } }', "a.per_host.n1.slots: 'x' is not a number"),
        (QUEUE + 'per_host = { n1 = { h_rt = "x" } }', "'x' is not a limit"),
        (QUEUE + 'per_host = { n1 = { name = "x" } }', "'name' cannot be set by host"),
        (QUEUE + 'per_host = ["n1"]', "not a table"),
        ('[[host_group]]\nname = "big"', "'big' does not begin with an @"),
        ('[[host_group]]\nname = "@big"\nhostlist = ["@no"]', "@big.hostlist: there is no '@no'"),
        ('[[project]]\nname = "p"\nacl = ["no"]', "p.acl: there is no 'no'"),
        ('complexes = ["gpu gpu INT"]', "3 words and not eight"),
        ('complexes = ["gpu gpu INT <= YES MAYBE 0 0"]', "'MAYBE' is none of"),
    ],
)
def test_a_slip_is_told_in_one_line(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as raised:
        loaded(text, tmp_path)
    assert told in raised.value.message
    assert "\n" not in raised.value.message


def test_groups_that_hold_each_other_end(tmp_path: Path) -> None:
    settings = loaded(
        '[[host_group]]\nname = "@a"\nhostlist = ["@b", "n1"]\n'
        '[[host_group]]\nname = "@b"\nhostlist = ["@a", "n2"]\n',
        tmp_path,
    )
    assert places.members(("@a",), settings) == ("n1", "n2")


def test_a_value_for_the_host_comes_before_one_for_its_group(tmp_path: Path) -> None:
    settings = loaded(
        QUEUE + 'per_host = { n1 = { slots = "2" }, "@g" = { slots = "8", h_rt = "60", rerun = "TRUE" } }\n'
        '[[host_group]]\nname = "@g"\nhostlist = ["n1", "n2"]\n',
        tmp_path,
    )
    on = {name: places.on_host(settings.queues[0], name, settings) for name in ("n1", "n2", "n3")}
    assert [on[name].slots for name in on] == [2, 8, 100]
    assert [on[name].rerun for name in on] == [True, True, False]
    assert dict(on["n1"].limits) == {"h_rt": "60"}


def test_own_complexes_come_before_the_usual_and_absent_ones_are_gone(tmp_path: Path) -> None:
    text = 'complexes = ["gpu g INT <= FORCED JOB 0 0"]\ncomplexes_absent = ["release"]\n'
    settings = loaded(text, tmp_path)
    found = complexes.find("g", settings)
    assert found is not None
    assert (found.name, found.forced, found.per_job, found.consumable) == ("gpu", True, True, True)
    assert complexes.find("release", settings) is None
    assert complexes.find("gpu") is None
    assert [one.name for one in complexes.every(settings)] == sorted(
        {one.name for one in complexes.every()} - {"release"} | {"gpu"}
    )


def test_what_nothing_obeys_is_named(tmp_path: Path) -> None:
    settings = loaded(
        QUEUE + 'calendar = "night"\nshown = { prolog = "/bin/true", tmpdir = "/scratch" }\n'
        '[[host]]\nname = "n1"\ncomplex_values = { slots = 4, gpu = 2 }\nuser_lists = ["l"]\n'
        '[[user_list]]\nname = "l"\n[[calendar]]\nname = "night"\nweek = "20-6=suspended"\n'
        '[[resource_quota]]\nname = "q"\nrules = ["users {*} to slots=4,lic=1"]\n',
        tmp_path,
    )
    assert only_shown(settings) == [
        "queue a: prolog",
        "host n1: gpu (there is no such complex)",
        "resource quota set q: lic (there is no such complex)",
        "calendar night: closes queues; what runs in them is not suspended",
    ]
    assert only_shown(Settings()) == []

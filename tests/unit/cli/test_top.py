"""What `gridcompat top` adds up, shows and says, and that no line makes it fall over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridcompat.cli import main, top
from gridcompat.cli._grid import Grid
from gridcompat.cli._terminal import Paint, cells, safe
from gridcompat.cli._top_daemon import Site, figures, told
from gridcompat.cli._top_view import (
    KEYS,
    Load,
    View,
    age,
    as_json,
    by_owner,
    by_queue,
    fitted,
    heartbeat,
    in_order,
    load,
    text,
    together,
)
from gridcompat.cluster.embedded.store import EmbeddedCluster
from gridcompat.errors import Forbidden
from gridcompat.model import JobRequest
from gridcompat.settings import Settings
from gridcompat.translate.account import seed
from gridcompat.translate.grid_job import grid_job

NOW = 1_764_000_000.0
SETTINGS = Settings()
MIB = 1 << 20
DAEMON = {"works": True, "leader": "daemon-1", "heartbeat_s": 2, "mails_waiting": 3, "mails_failed": 0}


def job(number: int, status: dict[str, Any] | None = None, **request: Any) -> dict[str, Any]:
    spec = request.pop("spec", {})
    made = grid_job(
        JobRequest(name=request.pop("name", "job"), **request),
        id=number,
        nonce="n",
        namespace="tool",
        ready=True,
        slots=spec.pop("slots", 1),
    )
    made["metadata"] |= {"creationTimestamp": "2025-11-24T15:59:00Z", "uid": str(number)}
    made["spec"] |= spec
    if status is not None:
        made["status"] = {"owner": "ada", "phase": "Pending", **status}
    return made


def running(
    number: int, *, slots: int = 1, owner: str = "ada", tasks: int = 1, **request: Any
) -> dict[str, Any]:
    rows = [
        {"task": task, "attempt": 1, "restarted": 0, "state": "r", "pod": "p", "host": "node"}
        | {"queue": "task", "startedAt": int(NOW), "slots": slots}
        for task in range(1, tasks + 1)
    ]
    return job(number, {"owner": owner, "phase": "Active", "pending": "", "running": rows}, **request)


def of(made: dict[str, Any], owner: str = "") -> Load:
    found = load(made, SETTINGS, owner=owner)
    assert found is not None
    return found


def view(*loads: Load, **fields: Any) -> View:
    queues = by_queue(together(loads), SETTINGS, hosts=2)
    return View(now=NOW, loads=loads, queues=tuple(queues), daemon=told({**UNKNOWN, **DAEMON}), **fields)


UNKNOWN: dict[str, Any] = {"works": None, "dispatch_delay_s": None}
WAITS = of(job(1, {"pending": "1", "reasons": ["no host"]}))
HELD = of(job(2, {"pending": "1", "reasons": ["held"]}, spec={"holds": {"user": "1"}}))
ERROR = of(
    job(3, {"pending": "", "errors": [{"tasks": "1", "attempt": 1, "restarted": 0, "reason": "no home"}]})
)
RUNS = of(
    running(
        4, slots=2, owner="bob", hard_resources=(("h_vmem", "1G"), ("mem_free", "100M")), spec={"slots": 2}
    )
)


# ---------------------------------------------------------------- adding up


@pytest.mark.parametrize(
    ("one", "counts", "reason"),
    [
        (WAITS, (0, 1, 0, 0), "no host"),
        (HELD, (0, 0, 1, 0), "held"),
        (ERROR, (0, 0, 0, 1), "no home"),
        (RUNS, (1, 0, 0, 0), ""),
        (of(job(5)), (0, 1, 0, 0), "the daemon has not looked at it yet"),
        (of(job(6, {"pending": "1-10"}, tasks=(1, 10, 1))), (0, 10, 0, 0), ""),
    ],
    ids=["waits", "is held", "is in error", "runs", "nobody has seen it", "an array"],
)
def test_each_task_is_counted_once_and_why_it_waits_is_said(
    one: Load, counts: tuple[int, ...], reason: str
) -> None:
    assert (one.running, one.waiting, one.held, one.error) == counts
    assert one.reason == reason


def test_a_run_takes_slots_cpu_memory_and_a_queue() -> None:
    assert (RUNS.slots, RUNS.cpu, RUNS.mem, RUNS.h_vmem) == (2, 20, 200 * MIB, 2048 * MIB)
    assert RUNS.queues == {"task": (1, 2)}


def test_a_job_that_is_over_is_no_load_and_one_that_cannot_be_read_still_counts() -> None:
    assert load(job(1, {"phase": "Finished"}), SETTINGS) is None
    broken = running(1)
    broken["spec"]["request"] = '{"schema": 99}'
    assert (of(broken).running, of(broken).h_vmem) == (1, 0)


def test_an_owner_that_is_not_admitted_is_named_by_what_the_caller_knows() -> None:
    assert of(job(1), owner="(tool)").owner == "(tool)"


def test_owners_are_added_up_and_the_longest_wait_is_kept_but_not_a_held_one() -> None:
    ada, bob = by_owner([HELD, ERROR, WAITS, RUNS])
    assert (ada.owner, ada.waiting, ada.held, ada.error) == ("ada", 1, 1, 1)
    assert (ada.oldest_job, ada.reason) == (1, "no host")
    assert (bob.owner, bob.running, bob.oldest) == ("bob", 1, 0)
    assert together([WAITS, RUNS]).queues == {"task": (1, 2)}


@pytest.mark.parametrize(("hosts", "total"), [(2, 200), (None, None), (0, 0)])
def test_a_queue_has_its_slots_on_each_host(hosts: int | None, total: int | None) -> None:
    (task, *_) = by_queue(RUNS, SETTINGS, hosts=hosts)
    assert (task.queue, task.used, task.total, task.running) == ("task", 2, total, 1)


def test_a_queue_that_the_settings_do_not_have_is_shown_when_something_runs_in_it() -> None:
    other = Load(owner="eve")
    other.queues = {"old": (1, 3)}
    assert [(one.queue, one.used, one.total) for one in by_queue(other, SETTINGS, hosts=1)][-1] == (
        "old",
        3,
        None,
    )


@pytest.mark.parametrize(
    ("key", "order"),
    [("slots", [4, 1, 2, 3]), ("job", [1, 2, 3, 4]), ("oldest", [1, 3, 2, 4]), ("owner", [1, 2, 3, 4])],
)
def test_numbers_begin_with_the_largest_words_with_a_and_waits_with_the_longest(
    key: str, order: list[int]
) -> None:
    assert [one.job for one in in_order([WAITS, HELD, ERROR, RUNS], key)] == order


@pytest.mark.parametrize(
    ("seconds", "shown"), [(-3, "0s"), (59.9, "59s"), (60, "1m"), (7200, "2h"), (200_000, "2d")]
)
def test_ages_have_one_unit(seconds: float, shown: str) -> None:
    assert age(seconds) == shown


# ---------------------------------------------------------------- the tables


def test_without_a_choice_the_sum_the_daemon_the_queues_and_the_owners_are_shown() -> None:
    lines = text(view(WAITS, RUNS), paint=Paint(False))
    assert "2 jobs of 2 owners; tasks: 1 running, 1 waiting, 0 held, 0 error; 2 slots" in lines[0]
    assert lines[1] == "daemon: daemon-1 works; heartbeat 2 s ago; mails: 3 waiting, 0 given up"
    assert lines[3].split() == ["queue", "used", "total", "running"]
    assert lines[4].split() == ["task", "2", "200", "1"]
    assert lines[7].split()[0] == "owner"
    assert [line.split()[0] for line in lines[8:]] == ["bob", "ada"]
    assert lines[9].endswith("1m 1 no host")


def test_jobs_are_shown_one_by_one() -> None:
    *_, head, first, second = text(view(RUNS, WAITS, by="job"), paint=Paint(False))
    assert head.split()[:3] == ["job-ID", "name", "owner"]
    assert first.split()[:4] == ["1", "job", "ada", "0"] and second.split()[:4] == ["4", "job", "bob", "1"]


def test_colours_mark_a_full_queue_and_an_error() -> None:
    lines = text(view(ERROR), paint=Paint(True))
    assert any("ada" in line and line.startswith("\x1b[31;1m") for line in lines)


@given(
    st.text(max_size=30),
    st.text(max_size=30),
    st.integers(1, 120),
    st.integers(1, 20),
    st.sampled_from(["", "owner", "queue", "job"]),
)
def test_whatever_the_names_no_line_is_wider_and_no_table_higher(
    name: str, reason: str, width: int, height: int, by: str
) -> None:
    loads = [WAITS, HELD, of(job(7, {"owner": name, "pending": "1", "reasons": [reason]}))]
    lines = fitted(view(*loads, by=by), width=width, height=height, paint=Paint(False), note=reason)
    assert len(lines) <= height
    for line in lines:
        assert safe(line) == line
        assert cells(line) <= width or line.startswith("and ")


# ---------------------------------------------------------------- the daemon


def test_the_page_of_metrics_is_read_and_what_it_lacks_is_left_out() -> None:
    page = [
        "# HELP x y",
        'gridcompat_mails{place="waiting"} 7',
        'gridcompat_mails{place="failed"} 1',
        "gridcompat_attempts_total 4",
        "gridcompat_dispatch_delay_seconds_sum 2.000000",
        "gridcompat_dispatch_delay_seconds_count 4",
        "rubbish",
    ]
    assert figures(page) == {"mails_waiting": 7, "mails_failed": 1, "starts": 4, "dispatch_delay_s": 0.5}
    assert figures([]) == {}
    assert figures(["gridcompat_dispatch_delay_seconds_count 0"]) == {}


def test_a_lease_says_who_leads_and_since_when_nothing_was_heard() -> None:
    spec = {"holderIdentity": "pod-a_1f2e", "renewTime": "2025-11-24T15:59:58.000000Z"}
    lease = {"metadata": {"annotations": {"gridcompat.io/version": "1.2"}}, "spec": spec}
    assert heartbeat(lease, NOW) == {"leader": "pod-a", "heartbeat_s": 2, "version": "1.2"}
    assert heartbeat({"metadata": {}}, NOW) == {"leader": None, "heartbeat_s": None, "version": None}


@pytest.mark.parametrize(
    ("daemon", "line"),
    [
        ({"works": None}, "daemon: not known, its Lease may not be read"),
        ({"works": False, "heartbeat_s": 99}, "daemon: nobody leads, last heartbeat 99 s ago"),
        ({"works": False}, "daemon: no daemon works"),
        (
            {"works": True, "leader": "p", "dispatch_delay_s": 0.5},
            "daemon: p works; jobs that could start waited 0.500 s on average",
        ),
    ],
)
def test_the_daemon_has_one_line(daemon: dict[str, Any], line: str) -> None:
    empty = {"leader": None, "heartbeat_s": None, "mails_waiting": None, "dispatch_delay_s": None}
    assert told({**empty, **daemon}) == line


# ---------------------------------------------------------------- the command


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster with one held job, for which no daemon is needed."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRIDCOMPAT_STATE", str(directory))
    monkeypatch.setenv("GRIDCOMPAT_OWNER", "tester")
    monkeypatch.delenv("GRIDCOMPAT_CONFIG", raising=False)
    cluster = EmbeddedCluster(
        str(directory),
        seed=lambda: seed(SETTINGS, owner="tester", uid=1, gid=1, group="", groups=[1], home="/"),
    )
    made = grid_job(JobRequest(name="x"), id=1, nonce="n", namespace="default", ready=True)
    made["spec"]["holds"] = {"user": "1"}
    cluster.create(made)
    cluster.close()
    return directory


def test_without_a_terminal_the_tables_are_printed_once(state: Path) -> None:
    done = CliRunner().invoke(main, ["top"])
    assert done.exit_code == 0, done.output
    assert "1 job of 1 owner; tasks: 0 running, 0 waiting, 1 held" in done.output
    assert "no daemon works" in done.output and "tester" in done.output


@pytest.mark.parametrize(
    ("by", "lists"),
    [("", {"queues", "owners"}), ("owner", {"owners"}), ("queue", {"queues"}), ("job", {"jobs"})],
)
def test_json_has_the_tables_that_were_asked_for(state: Path, by: str, lists: set[str]) -> None:
    done = CliRunner().invoke(main, ["top", "--json", *(["--by", by] if by else [])])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found.keys() == {"version", "at", "daemon", "total", *lists}
    assert found["total"]["held"] == 1


@pytest.mark.parametrize(
    "words", [["--by", "host"], ["--sort", "queue"], ["--by", "queue", "--sort", "mem"], ["x"]]
)
def test_bad_use_is_told_with_status_2(state: Path, words: list[str]) -> None:
    done = CliRunner().invoke(main, ["top", *words])
    assert done.exit_code == 2 and "Error: " in done.output


@pytest.mark.parametrize("by", sorted(KEYS))
def test_every_key_sorts(state: Path, by: str) -> None:
    for key in KEYS[by]:
        done = CliRunner().invoke(main, ["top", "--by", by, "--sort", key])
        assert done.exit_code == 0, done.output


def test_without_the_right_to_everybodys_jobs_one_line_says_which_role_gives_it(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise Forbidden("gridjobs is forbidden")

    monkeypatch.setattr(EmbeddedCluster, "list", refuses)
    done = CliRunner().invoke(main, ["top"])
    assert done.exit_code == 1
    assert done.output.splitlines()[0] == "Error: the jobs of all namespaces may not be read"
    assert "gridcompat-viewer" in done.output


def test_news_change_what_is_shown(state: Path) -> None:
    grid = Grid(
        settings=SETTINGS,
        cluster=EmbeddedCluster(str(state)),
        namespace="default",
        user="tester",
        uid=1,
        accounting="",
        state_dir=str(state),
    )
    shown = top.Shown(grid, by="", sort="")
    site = Site(daemon={**UNKNOWN}, hosts=1)
    shown.all([job(1), job(2)])
    assert len(shown.view(site, NOW).loads) == 2
    shown.changed(job(2, {"phase": "Finished"}))
    shown.changed(job(1), gone=True)
    assert shown.view(site, NOW).loads == ()
    grid.cluster.close()


@given(st.lists(st.text(max_size=8), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
def test_no_words_make_it_fall_over(words: list[str]) -> None:
    done = CliRunner().invoke(main, ["top", *words])
    assert done.exit_code in (0, 1, 2) and not isinstance(done.exception, (ValueError, TypeError, KeyError))


def test_json_of_jobs_says_since_when_and_why() -> None:
    found = as_json(view(WAITS, HELD, by="job"), {})
    assert [one["since"] is None for one in found["jobs"]] == [False, True]
    assert [one["reason"] for one in found["jobs"]] == ["no host", "held"]

"""What `gridcompat watch` shows of rows, and that no line makes it fall over."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridcompat.cli import main
from gridcompat.cli._terminal import Paint, cells
from gridcompat.cli._watch_view import change_line, changes, summary, table
from gridcompat.cluster.embedded import paths
from gridcompat.translate.rows import Row

NOW = 1_764_000_000.0
PLAIN = Paint(False)


def row(
    number: int = 1,
    state: str = "qw",
    *,
    name: str = "job",
    tasks: str = "",
    array: bool = False,
    queue: str = "",
) -> Row:
    made = Row()
    made.job_id, made.name, made.owner, made.state, made.tasks = number, name, "ada", state, tasks
    made.array = array or bool(tasks)
    made.priority = made.start_after = 0
    made.submitted = made.time = int(NOW) - 60
    made.slots = 1
    made.queue = queue
    made.rest = made.blocked = made.blocked_by_task = False
    made.held = ""
    return made


def shown(rows: list[Row], width: int = 120, height: int = 24, note: str = "") -> list[str]:
    return table(rows, NOW, width=width, height=height, paint=PLAIN, note=note)


# ---------------------------------------------------------------- the table


def test_a_row_has_qstats_columns_under_a_line_that_sums_up() -> None:
    title, head, line = shown([row(12, "r", queue="task@here")])
    assert "1 job: 1 r" in title and "(q ends)" in title
    assert " ".join(head.split()) == "job-ID prior name user state submit/start at queue slots ja-task-ID"
    assert line.split()[:5] == ["12", "1.00000", "job", "ada", "r"]
    assert line.split()[-2:] == ["task@here", "1"]


def test_without_jobs_only_that_is_said() -> None:
    (only,) = shown([])
    assert "no jobs" in only


@pytest.mark.parametrize(
    ("height", "last", "lines"),
    [(12, "10", 12), (11, "and 2 more", 11), (5, "and 8 more", 5), (3, "and 10 more", 3), (2, "job-ID", 2)],
)
def test_rows_that_have_no_line_are_counted(height: int, last: str, lines: int) -> None:
    found = shown([row(number) for number in range(1, 11)], height=height)
    assert len(found) == lines
    assert found[-1].split()[: len(last.split())] == last.split()


def test_a_name_has_more_room_on_a_wide_terminal() -> None:
    name = "a-name-of-twenty-six-chars"
    assert name in shown([row(name=name)], width=140)[2]
    assert name not in shown([row(name=name)], width=80)[2]


def test_what_is_wrong_stands_in_the_first_line_and_commands_nothing() -> None:
    assert "no route ^[[2J" in shown([row()], note="no route \x1b[2J")[0]


def test_colours_do_not_change_what_fits() -> None:
    colored = table([row(1, "Eqw")], NOW, width=60, height=9, paint=Paint(True))
    assert colored[2].startswith("\x1b[31;1m") and colored[2].endswith("\x1b[0m")


@given(
    st.lists(st.text(max_size=60), max_size=12),
    st.integers(min_value=1, max_value=200),
    st.integers(min_value=0, max_value=14),
    st.text(max_size=30),
)
def test_whatever_the_names_are_the_table_fits_and_holds_no_controls(
    names: list[str], width: int, height: int, note: str
) -> None:
    lines = shown([row(number, name=name) for number, name in enumerate(names)], width, height, note)
    assert len(lines) <= height
    for line in lines:
        assert cells(line) <= width
        assert not any(ord(one) < 32 or 127 <= ord(one) < 160 for one in line)
        line.encode()


def test_the_sum_counts_jobs_and_rows_by_state() -> None:
    assert summary([row(1, "r", tasks="1"), row(1, "r", tasks="2"), row(2)]) == "2 jobs: 1 qw, 2 r"


# ---------------------------------------------------------------- changes


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [row()], [("", "-", "qw")]),
        ([row()], [row(state="r", queue="task@h")], [("", "qw", "r")]),
        ([row(state="r", queue="task@h")], [], [("", "r", "ended")]),
        ([row()], [row()], []),
        ([], [], []),
        (
            [row(tasks="1-10:1")],
            [
                row(state="r", tasks="1", queue="q@h"),
                row(state="r", tasks="2", queue="q@h"),
                row(tasks="3-10:1"),
            ],
            [("1,2", "qw", "r")],
        ),
        (
            [row(state="r", tasks="1", queue="q@h"), row(tasks="2", array=True)],
            [row(state="r", tasks="2", queue="q@h")],
            [("1", "r", "ended"), ("2", "qw", "r")],
        ),
    ],
)
def test_a_change_is_told_once_for_all_tasks_of_the_same(
    before: list[Row], after: list[Row], told: list[tuple[str, str, str]]
) -> None:
    found = [
        (one.tasks.replace("-", ",").replace(":1", ""), one.old, one.new) for one in changes(before, after)
    ]
    assert sorted(found) == sorted(told)


def test_the_line_of_a_change_cannot_be_broken_by_a_name() -> None:
    (change,) = changes([], [row(7, name="a\nb\x1b[2J", tasks="1-3:1")])
    line = change_line(change, NOW)
    assert line.partition(" ")[2] == "7.1-3:1 a^Jb^[[2J - → qw"
    assert line[4] == "-" and line[10] == "T"


# ---------------------------------------------------------------- the line


@pytest.mark.parametrize(
    ("argv", "status", "says"),
    [
        (["--once", "--until-done"], 2, "--once"),
        (["-u", "ada", "7"], 2, "an ID is one job"),
        (["0"], 2, "0"),
        (["job"], 2, "job"),
        ([], 1, "no job was ever submitted here"),
        (["--until-done"], 1, "no job was ever submitted here"),
    ],
)
def test_a_line_that_cannot_work_is_told_in_a_word(
    argv: list[str], status: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDCOMPAT_STATE", str(tmp_path / "none"))
    done = CliRunner().invoke(main, ["watch", *argv])
    assert done.exit_code == status
    assert says in done.output


@pytest.mark.parametrize("argv", [[], ["--once"], ["--until-done"], ["5"], ["-u", "*"]])
def test_a_cluster_that_cannot_be_used_is_one_line(
    argv: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / paths.DATABASE).write_bytes(b"no database" * 1000)
    monkeypatch.setenv("GRIDCOMPAT_STATE", str(tmp_path))
    done = CliRunner().invoke(main, ["watch", *argv])
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1


WORDS = st.sampled_from(["-u", "--all-users", "--once", "--until-done", "--color", "never", "*", "1", "--"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(WORDS | st.text(max_size=8), max_size=5))
def test_no_line_ends_in_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str]
) -> None:
    monkeypatch.setenv("GRIDCOMPAT_STATE", str(tmp_path / "none"))
    done = CliRunner().invoke(main, ["watch", *argv])
    assert done.exit_code in (0, 1, 2)
    assert done.exception is None or isinstance(done.exception, SystemExit)

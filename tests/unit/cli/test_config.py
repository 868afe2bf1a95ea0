"""gridcompat config: values, their origins, and the check of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gridcompat.cli import main


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "site.toml"
    path.write_text('# a site\nsite_name = "here"\nprojects = ["one"]\n')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRIDCOMPAT_CONFIG", str(path))
    monkeypatch.setenv("GRIDCOMPAT_FINISHED_JOBS", "7")
    monkeypatch.delenv("SGE_JOB_SPOOL_DIR", raising=False)
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["config", *words])


def test_each_value_has_its_origin(site: Path) -> None:
    found = json.loads(run("--json").output)
    rows = found["settings"]
    assert rows["site_name"] == {"value": "here", "origin": f"{site}:2"}
    assert rows["finished_jobs"] == {"value": 7, "origin": "GRIDCOMPAT_FINISHED_JOBS"}
    assert rows["arch"] == {"value": "lx-amd64", "origin": "built-in"}
    assert rows["queues"]["value"][0]["name"] == "task"
    assert found["files"] == {str(site): True, f"{site.parent}/.config/gridcompat/config.toml": False}


def test_text_shows_files_values_and_origins(site: Path) -> None:
    lines = run().output.splitlines()
    assert lines[0] == f"# {site}: read"
    assert lines[1].endswith("config.toml: not there")
    assert any(line.split() == ["site_name", '"here"', f"({site}:2)"] for line in lines)


@pytest.mark.parametrize(
    ("key", "status", "told"),
    [("site_name", 0, "here\n"), ("projects", 0, '["one"]\n'), ("nonsense", 1, "there is no such setting")],
)
def test_one_key(site: Path, key: str, status: int, told: str) -> None:
    done = run(key)
    assert (done.exit_code, told in done.output) == (status, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('\nsite_nam = "x"\n', ":2: site_nam: there is no such setting"),
        ("\n\nfinished_jobs = 'x'\n", ":3: finished_jobs: 'x' is not a whole number"),
        ("[[queue]]\nname = 'a'\n", "the default queue 'task' is not one of the queues"),
        ("= 3\n", ":1: "),
    ],
    ids=["unknown-key", "bad-type", "default-queue", "no-toml"],
)
def test_a_bad_file_is_told_with_its_line(site: Path, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "other.toml"
    path.write_text(text)
    done = run("--check", str(path))
    assert done.exit_code == 1
    assert told in done.output


def test_a_good_file_and_a_missing_one(site: Path) -> None:
    assert run("--check", str(site)).exit_code == 0
    assert run("--check", "/nonexistent").exit_code == 1

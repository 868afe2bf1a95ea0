"""The report of `gridcompat check` on the example crontabs, and on files that have everything in them.

`checks/NAME.report` is the whole text for `checks/NAME` or for a crontab of tests/gridlab; each line of each
was read and found true.  Rewritten by `--update-golden`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from gridcompat.cli import main

HERE = Path(__file__).parent / "checks"
CRONTABS = Path(__file__).resolve().parents[1] / "gridlab" / "crontabs"
FILES = sorted([*CRONTABS.glob("*.crontab"), *(path for path in HERE.iterdir() if path.suffix != ".report")])
HOME = "/data/project/tool"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_report_comes_out_as_it_is_written(
    path: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("GRIDCOMPAT_", "SGE_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(path, home / path.name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.chdir(home)
    result = CliRunner().invoke(main, ["check", path.name])
    got = result.output.replace(str(home), HOME) + f"exit status {result.exit_code}\n"
    expected = HERE / f"{path.name}.report"
    if request.config.getoption("--update-golden"):
        expected.write_text(got)
        return
    assert got == expected.read_text()


def test_every_report_has_its_file() -> None:
    assert {f"{path.name}.report" for path in FILES} == {path.name for path in HERE.glob("*.report")}

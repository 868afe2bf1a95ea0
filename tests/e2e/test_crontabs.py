"""The example crontabs, line by line, as cron would run them: taken or refused as on the grid.

What the grid did: `jsub` prints `Your job N ("NAME") has been submitted` unless `-quiet`, and every line of
these files is accepted (gridlab/FACTS.md section 10).  Programs that the lines name are put there first.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / "bin"
CRONTABS = ROOT / "tests" / "gridlab" / "crontabs"
OURS = ("jsub", "jstart", "qcronsub", "jstop", "job", "qsub", "qstat", "qdel")
MENTION = re.compile(rf"(^|[\s;&|(!/])({'|'.join(OURS)})\s")
STARS = re.compile(r"(@\w+|\S+\s+\S+\s+\S+\s+\S+\s+\S+)\s+(.*)")


class Line:
    """One command of a crontab, as cron hands it to the shell."""

    def __init__(self, where: str, environment: dict[str, str], text: str) -> None:
        self.where = where
        self.environment = environment
        parts = re.split(r"(?<!\\)%", text)
        self.command = parts[0].replace("\\%", "%")
        self.stdin = "\n".join(part.replace("\\%", "%") for part in parts[1:])


def lines(path: Path) -> Iterator[Line]:
    environment: dict[str, str] = {}
    for number, raw in enumerate(path.read_text().splitlines(), 1):
        text = raw.strip()
        if not text or text.startswith("#"):
            continue
        setting = re.match(r"(\w+)\s*=\s*(.*)$", text)
        if setting:
            value = setting[2]
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
            environment[setting[1]] = value
            continue
        entry = STARS.match(text)
        assert entry, f"{path.name}:{number}: no crontab line"
        if MENTION.search(entry[2]) and not entry[2].startswith("echo "):
            yield Line(f"{path.name}:{number}", dict(environment), entry[2])


LINES = [line for path in sorted(CRONTABS.glob("*.crontab")) for line in lines(path)]

SUBMITTED = r'Your job \d+ \("{}"\) has been submitted\n'
PRINTED = {
    "chains.crontab:2": SUBMITTED.format("publish"),
    "chains.crontab:3": SUBMITTED.format("worker"),
    "chains.crontab:5": SUBMITTED.format("irc-bot"),
    "chains.crontab:8": SUBMITTED.format("b"),
    "environment.crontab:11": SUBMITTED.format("pwb-archive"),
    "percent.crontab:3": SUBMITTED.format("piped"),
    "simple.crontab:4": SUBMITTED.format("nightly"),
    "simple.crontab:6": SUBMITTED.format("cleanup"),
    "simple.crontab:7": SUBMITTED.format("irc-bot"),
    "simple.crontab:8": SUBMITTED.format("weekly"),
    "simple.crontab:9": SUBMITTED.format("monthly"),
}
"""What a line prints when it is taken; nothing for the others (-quiet, or into a file)."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A tool's home with every program the crontabs name, and cron's view of the commands."""
    home = tmp_path / "project" / "tool"
    for name in ("bin", "irc", "logs", "www", "pywikibot"):
        (home / name).mkdir(parents=True)
    programs = "run.sh www/prepare.sh www/publish.sh worker.sh watch.sh irc/run.sh step1.sh step2.sh stats.sh"
    programs += (
        " a.sh b.sh refresh.sh weekday.sh weekend.sh poll.sh dump.sh real.sh rotate.sh bot.sh hourly.sh"
    )
    programs += " nightly.sh report.py bin/cleanup.sh weekly.sh monthly.sh pywikibot/pwb.py"
    for name in programs.split():
        (home / name).write_text("#!/bin/sh\nexit 0\n")
        (home / name).chmod(0o755)
    fake = tmp_path / "fake"
    fake.mkdir()
    (fake / "sleep").write_text("#!/bin/sh\nexit 0\n")
    (fake / "sleep").chmod(0o755)
    yield home
    subprocess.run(
        [str(BIN / "gridcompat"), "local", "stop"],
        env={**os.environ, "GRIDCOMPAT_STATE": str(tmp_path / "state")},
        capture_output=True,
        check=False,
        timeout=60,
    )


def translated(text: str, home: Path) -> str:
    """The invented absolute names become those of this test."""
    text = re.sub(r"/data/project/\w+", str(home), text)
    return text.replace("/usr/bin/jsub", str(BIN / "jsub"))


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.where)
def test_each_line_is_taken_as_on_the_grid(line: Line, home: Path, tmp_path: Path) -> None:
    environment = {
        "HOME": str(home),
        "LOGNAME": "tool",
        "SHELL": "/bin/sh",
        "PATH": "/usr/bin:/bin",
        **{name: translated(value, home) for name, value in line.environment.items()},
    }
    environment["PATH"] = f"{tmp_path / 'fake'}:{BIN}:/usr/bin:/bin"
    environment["GRIDCOMPAT_STATE"] = str(tmp_path / "state")
    done = subprocess.run(
        [environment["SHELL"], "-c", translated(line.command, home)],
        env=environment,
        input=translated(line.stdin, home),
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    printed = PRINTED.get(line.where, "")
    assert re.fullmatch(printed, done.stdout), done.stdout
    expected = "No job 'irc-bot' is currently queued or running\n" if "jstop" in line.command else ""
    assert done.stderr == expected
    assert done.returncode == 0
    written = [path for path in home.rglob("*.err") if path.stat().st_size]
    assert not written, [path.read_text() for path in written]


def test_every_crontab_has_lines_of_ours_but_the_one_without() -> None:
    assert {line.where.split(":")[0] for line in LINES} == {
        "chains.crontab",
        "environment.crontab",
        "percent.crontab",
        "simple.crontab",
    }
    assert len(LINES) == 24

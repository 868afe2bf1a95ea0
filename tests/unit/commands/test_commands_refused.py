"""Commands without their counterpart here: mistakes in the grid's words, else one line with what to do."""

from __future__ import annotations

import pytest

from commands.command_world import HOST, USER, World
from gridcompat.commands import qping
from gridcompat.errors import Unavailable
from gridcompat.options import help as option_help

INSTEAD = "a job has no terminal here; instead: qsub -sync y -b y"
FILE = "which leaves its output in a file\n"
DENIED = f'denied: "{USER}" must be manager or in userset "arusers"\n'
UNKNOWN = 'error: invalid option argument "-zz"\n'


def ended_by(command: str, fault: str) -> str:
    return option_help.text(command) + fault + "\n"


@pytest.mark.parametrize(
    ("command", "words", "status", "out", "err"),
    [
        ("qrsh", ["hostname"], 1, "", f"qrsh: {INSTEAD} hostname, {FILE}"),
        (
            "qrsh",
            ["-now", "n", "-N", "x", "ls", "-l", "a b"],
            1,
            "",
            f"qrsh: {INSTEAD} -N x ls -l 'a b', {FILE}",
        ),
        ("qrsh", [], 1, "", f"qrsh: {INSTEAD} COMMAND, {FILE}"),
        ("qrsh", ["-t", "1-3", "ls"], 1, "", "error: Unknown option -t\n"),
        ("qrsh", ["-N"], 1, "", "error: -N option must have argument\n"),
        ("qrsh", ["-b", "maybe", "ls"], 1, "", 'error: invalid option argument "-b maybe"\n'),
        (
            "qrsh",
            ["-inherit", "h", "ls"],
            1,
            "",
            'error: "qrsh" called with option "-inherit", but "JOB_ID" not set in environment\n',
        ),
        ("qrsh", ["-zz"], 1, "", UNKNOWN),
        ("qlogin", [], 1, "", f"qlogin: {INSTEAD} COMMAND, {FILE}"),
        ("qlogin", ["word"], 1, "", "error: Unknown option script\n"),
        ("qlogin", ["-zz"], 1, "", UNKNOWN),
        ("qsh", [], 1, "", "error: no DISPLAY variable found with interactive job \n"),
        ("qsh", ["-display", "x:0"], 1, "", f"qsh: {INSTEAD} COMMAND, {FILE}"),
        ("qquota", [], 0, "", ""),
        ("qquota", ["-u", "*", "-l", "h_vmem"], 0, "", ""),
        ("qquota", ["word"], 1, "", ended_by("qquota", 'error: invalid option argument "word"')),
        ("qrstat", [], 0, "", ""),
        ("qrstat", ["-ar", "3,4"], 1, "Following advance reservations do not exist:\n3, 4\n", ""),
        ("qrstat", ["-ar"], 1, "", "error: -ar option must have argument\n"),
        ("qrstat", ["-zz"], 1, "", UNKNOWN),
        ("qrstat", ["word"], 1, option_help.text("qrstat"), "error: too many options\n"),
        ("qrsub", ["-d", "3600"], 1, DENIED, ""),
        ("qrsub", ["-d", "x"], 1, "", 'qrsub: Wrong time format "x" specified to -d option\n'),
        ("qrsub", ["-d", "60", "-e"], 1, "", "qrsub: -e option must have argument\n"),
        ("qrsub", ["-pe", "smp"], 1, "", "qrsub: -pe option must have range as 2nd argument\n"),
        ("qrdel", ["3"], 1, DENIED, ""),
        ("qrdel", ["-u", USER], 1, DENIED, ""),
        ("qrdel", ["-u"], 1, "", ended_by("qrdel", "ERROR! no option argument")),
        ("qping", ["-i"], 1, "", "no interval parameter value\n"),
        ("qping", ["-i", "x", "h"], 1, "", "interval parameter must be larger than 0\n"),
        ("qping", [HOST, "1", "qmaster"], 1, "", ended_by("qping", "ERROR! no option argument")),
        ("qping", [HOST, "1", "qmaster", "x"], 1, "", "please enter a component id larger than 0\n"),
        (
            "qping",
            ["-info", HOST, "1", "qmaster", "1"],
            1,
            f"endpoint {HOST}/qmaster/1 at port 1: can't find connection\n",
            "",
        ),
    ],
)
def test_words_and_statuses(
    world: World, command: str, words: list[str], status: int, out: str, err: str
) -> None:
    assert world.run(command, *words) == (status, out, err)


@pytest.mark.parametrize("command", ["qmake", "qmon", "qtcsh"])
def test_programs_around_the_grid_name_what_does_their_work(world: World, command: str) -> None:
    status, out, err = world.run(command, "-inherit", "all")
    assert status and not out
    assert err.count("\n") == 1 and "; instead: " in err
    assert world.run(command, "-help")[0] == 0


@pytest.mark.parametrize("command", ["qrsh", "qlogin", "qsh", "qquota", "qrstat", "qrsub", "qrdel", "qping"])
def test_help_lists_the_switches(world: World, command: str) -> None:
    status, out, err = world.run(command, "-help")
    assert (status, err) == (0, "")
    assert "[-help]" in out


def test_reservations_as_xml(world: World) -> None:
    status, out, _ = world.run("qrstat", "-xml", "-ar", "3")
    assert status == 1
    assert "   <ar_unknown>\n      <id>3</id>\n   </ar_unknown>\n" in out


def test_qping_of_a_living_master(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qping, "_started", lambda _context: 1_764_000_000.0)
    status, out, _ = world.run("qping", "-info", "localhost", "6444", "qmaster", "1")
    assert status == 0
    assert "(1764000000)\n" in out and "status:                   0\n" in out
    assert world.wrote == 1


def test_qping_asks_again_until_it_is_interrupted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []

    def pause(seconds: int) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            raise Unavailable("enough")

    monkeypatch.setattr(qping, "_started", lambda _context: 1_764_000_000.0)
    monkeypatch.setattr(qping, "pause", pause)
    _, out, _ = world.run("qping", "-i", "5", HOST, "6444", "qmaster", "1")
    assert out.count(f"endpoint {HOST}/qmaster/1 at port 6444 is up for") == 2
    assert waits == [5, 5]

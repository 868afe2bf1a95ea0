"""The table of switches: whole, consistent, exact, cheap."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from heavy import HEAVY
from surroundings import context

from gridcompat.errors import UsageError
from gridcompat.options import build, help, scan, table, values  # noqa: A004  (the module's own name)

LISTED = (
    "-@ -A -Ap -C -M -N -P -S -V -a -ac -astnode -at -b -binding -c -cwd -dc -dul -e -h -hard -he -help "
    "-hold_jid -hold_jid_ad -i -j -js -jsv -l -m -masterq -mattr -notify -now -o -ot -p -pe -q -r -sc "
    "-shell -soft -srqs -sync -t -v -verify -wd"
)
"""The switches in brackets of the real `qsub -help`, sorted."""


@pytest.mark.parametrize("command", table.COMMANDS)
def test_no_command_knows_a_switch_twice(command: str) -> None:
    switches = [option.switch for option in table.every(command)]
    assert len(switches) == len(set(switches))


@pytest.mark.parametrize("row", table.ROWS, ids=lambda row: f"{row[4][0]} {row[0]}")
def test_every_row_is_whole(row: tuple[object, ...]) -> None:
    option = table.option(row)
    assert option.switch.startswith("-")
    assert option.parse in values.READERS or option.parse.startswith("jsub_")
    assert option.verdict in (table.OBEYED, table.APPROXIMATED, table.NO_EFFECT, table.REFUSED)
    assert option.help
    assert not option.help.endswith(".")
    assert option.source.endswith(option.switch) or "jobutils" in option.source
    assert set(option.commands) <= set(table.COMMANDS)
    assert set(option.places) <= set(table.PLACES)
    assert bool(option.words) == bool(option.metavar)


@pytest.mark.parametrize(
    "switch",
    [
        *("-hold", "-ter", "-N=x", "--help", "-", "-Nx", "-hold_jid_a", "-q,", "-SYNC", "-n"),
        "-hold_jid_ad_",
    ],
)
def test_switches_are_matched_whole(switch: str) -> None:
    with pytest.raises(UsageError) as caught:
        build.qsub([switch, "x"], context=context())
    assert caught.value.message == f'qsub: invalid option argument "{switch}"'
    assert caught.value.exit_status == 2


def test_the_help_of_qsub_lists_what_the_grids_lists() -> None:
    lines = help.text("qsub").split("\n")
    assert lines[:2] == ["SGE 8.1.9", "usage: qsub [options]"]
    assert lines[2] == "   [-a date_time]                           request a start time"
    listed = sorted(line[4:].split("]")[0].split(" ")[0] for line in lines if line.startswith("   [-"))
    assert listed == LISTED.split()


def test_help_comes_before_everything_but_a_mistake() -> None:
    assert build.qsub(["-N", "a", "-help", "nosuch.sh"], context=context()).help == help.text("qsub")
    with pytest.raises(UsageError, match="-foo"):
        build.qsub(["-help", "-foo"], context=context())


@pytest.mark.parametrize(
    ("command", "words", "switches", "operands"),
    [
        ("qdel", "1,2 -t 3-4 -f", ["-f"], ("1,2", "-t", "3-4")),
        ("qdel", "--help -u a,b", ["-u"], ("--help",)),
        ("qalter", "-N x 5 -l h_rt=5 6", ["-N", "-l"], ("5", "6")),
        ("qhold", "-h u 5 -t 1-2", ["-h"], ("5", "-t", "1-2")),
        ("qstat", "-F -u * -g c -g d", ["-F", "-u", "-g", "-g"], ()),
        ("qstat", "-F h_vmem,release -j", ["-F", "-j"], ()),
        ("qacct", "-j bot -o", ["-j", "-o"], ()),
        ("qmod", "-cj 5 6 -t 1 -f", ["-cj", "-f"], ("-t", "1")),
        ("qdel", "-t 1 -help", ["-help"], ("-t", "1")),
        ("qhost", "-q -h a,b", ["-q", "-h"], ()),
    ],
)
def test_other_commands_are_scanned_into_switches_and_operands(
    command: str, words: str, switches: list[str], operands: tuple[str, ...]
) -> None:
    found = scan.scan(command, words.split())
    assert [occurrence.switch for occurrence in found.occurrences] == switches
    assert found.operands == operands


@pytest.mark.parametrize(
    ("words", "message", "status"),
    [
        ("qalter -foo 5", 'qalter: invalid option argument "-foo"', 2),
        ("qalter -N", "qalter: -N option must have argument", 2),
        ("qalter -h x 5", 'qalter: Unknown hold list "x" specified to -h option', 7),
        ("qalter -p x 5", 'qalter: invalid priority "x".  Must be an integer from -1023 to 1024', 7),
        ("qalter -b y 5", 'qalter: invalid option argument "-b"', 2),
        ("qalter -terse -C x 5", "Unknown option -terse\n\nUnknown option -C x\n", 5),
        ("qalter -sync maybe 5", 'qalter: invalid option argument "-sync maybe"', 7),
        ("qhold --help", 'qalter: invalid option argument "--help"', 2),
        ("qhold -C x 5", "Unknown option -C x\n", 5),
        ("qhold -u", "qalter: -u option must have a list usernames", 2),
        ("qhold 5 -t x", None, None),
        ("qresub -p 5 5", "Unknown option -p 5\n", 5),
        ("qdel -t 2 5", "error: found lonely '-t 2' option (The -t option needs a leading job name).", 1),
        ("qdel 5 -t", "error: -t option must have a list of task id ranges", 1),
        ("qhold -help -qv", 'qalter: invalid option argument "-qv"', 2),
        ("qhold -t 2 5", "found lonely '-t 2' option (The -t option needs a leading job name).", 2),
        ("qmod -sj", "-sj option must have argument", 1),
        ("qmod -sj 5 -f 6", 'invalid option argument "6"', 1),
        (
            "qmod -t 2",
            "found lonely '-t 2' option (The -t option needs a leading job name).\ntoo many options",
            1,
        ),
        ("qstat -zz", 'error: invalid option argument "-zz"', 1),
        ("qhost -l", "error: -l option must have argument", 1),
    ],
)
def test_mistakes_of_other_commands_have_the_grids_words(
    words: str, message: str | None, status: int | None
) -> None:
    command, *argv = words.split()
    if message is None:
        assert scan.scan(command, argv).operands == tuple(argv)  # task ranges are read by the command
        return
    with pytest.raises(UsageError) as caught:
        scan.scan(command, argv)
    assert (caught.value.message, caught.value.exit_status) == (message, status)


def test_reading_a_qsub_line_imports_nothing_heavy() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "import gridcompat.options.build, gridcompat.options.jsub, gridcompat.options.disk\n"
        f"print([name for name in {sorted((*HEAVY, 'json', 're'))!r} if name in set(sys.modules) - before])"
    )
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    run = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=root,
        env={"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout == "[]\n"

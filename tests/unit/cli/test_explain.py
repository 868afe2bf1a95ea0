"""`gridcompat explain`: each switch, where it stood, its verdict and what became of it."""

from __future__ import annotations

import json
import os
import textwrap

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridcompat import __version__
from gridcompat.cli import main
from gridcompat.cli._explained import as_text
from gridcompat.cli._terminal import Paint
from gridcompat.cli._verdicts import Reading, verdicts
from gridcompat.options import table
from gridcompat.options.scan import Occurrence


@pytest.fixture
def home(tmp_path: os.PathLike[str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A home with a script, as the current directory and the only environment."""
    for name in list(os.environ):
        if name.startswith("GRIDCOMPAT_"):
            monkeypatch.delenv(name)
    place = os.fspath(tmp_path)
    monkeypatch.setenv("HOME", place)
    monkeypatch.chdir(place)
    write("job.sh", "#!/bin/sh\n#$ -N script -l h_rt=1:0:0\n#$ -q task\n")
    os.chmod("job.sh", 0o755)
    return place


def write(name: str, text: str) -> None:
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)


def explain(*words: str) -> Result:
    return CliRunner().invoke(main, ["explain", *words])


@pytest.mark.usefixtures("home")
def test_each_switch_has_its_origin_verdict_and_fate() -> None:
    result = explain("qsub", "-N", "line", "-R", "y", "-soft", "-l", "rel=buster", "job.sh", "a", "b")
    assert result.exit_code == 0
    assert result.stdout == textwrap.dedent(
        """\
        -N script      job.sh:2      obeyed     overridden (command line)
        -l h_rt=1:0:0  job.sh:2      obeyed     hard_resources = h_rt=3600
        -q task        job.sh:3      obeyed     hard_queues = task
        -N line        command line  obeyed     name = line
        -R y           command line  no effect  reserve resources ahead; kept and shown, nothing is reserved
        -soft          command line  obeyed     make the following -l and -q wishes
        -l rel=buster  command line  obeyed     soft_resources = release=buster
        job 'line': job.sh a b
        7 switches: 6 obeyed, 1 no effect
        """
    )


@pytest.mark.usefixtures("home")
def test_what_clear_dropped_is_shown_as_cleared() -> None:
    result = explain("qsub", "-clear", "-p", "-3", "job.sh")
    assert "-N script      job.sh:2      obeyed  cleared by -clear (command line)\n" in result.stdout


def test_files_are_named_where_a_switch_came_from(home: str) -> None:
    write(".sge_request", "# mine\n-A acc\n")
    write("opts", "-p -5\n")
    result = explain("qsub", "-@", "opts", "-b", "y", "true")
    assert f"-A acc  {home}/.sge_request:2  obeyed  account = acc\n" in result.stdout
    assert "opts:1" in result.stdout


def test_jsub_lines_are_explained(home: str) -> None:
    write(".jsubrc", "-mem 1g\n")
    result = explain("jsub", "-once", "./job.sh")
    assert result.exit_code == 0
    origins = {line.split("  ")[0]: line for line in result.stdout.splitlines()}
    assert f"{home}/.jsubrc:1" in origins["-mem 1g"]
    assert "h_vmem=1048576k,release=buster" in origins["-mem 1g"]
    assert f"{home}/job.sh:2" in origins["-N script"]
    assert origins["-once"].split() == ["-once", "command", "line", "obeyed", "once", "=", "True"]


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("qsub -foo", 2, 'qsub: invalid option argument "-foo"\n'),
        ("qsub nosuch.sh", 14, "Unable to read script file because of error: error opening nosuch.sh: "
         "No such file or directory\n"),
        ("qsub -l nosuch=1 job.sh", 1, 'Unable to run job: unknown resource "nosuch"\nExiting.\n'),
        ("jsub -foo true", 2, "usage: jsub [options...] program [args...]\njsub: error: "
         "unrecognized arguments: -foo\n"),
        ("qalter -zz 5", 2, 'qalter: invalid option argument "-zz"\n'),
        ("qdel -t 1 5", 1, "error: found lonely '-t 1' option (The -t option needs a leading job name).\n"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_as_the_command_would(words: str, status: int, message: str) -> None:
    result = explain(*words.split())
    assert result.exit_code == status
    assert result.stderr == message


@pytest.mark.usefixtures("home")
def test_the_objects_are_shown_as_yaml() -> None:
    result = explain("-o", "yaml", "qsub", "-v", "A=1", "-t", "2-4", "job.sh", "x")
    job, secret, pod = yaml.safe_load_all(result.stdout)
    assert (job["kind"], secret["kind"], pod["kind"]) == ("GridJob", "Secret", "Pod")
    assert (job["spec"]["jobName"], job["spec"]["tasks"]) == ("script", "2-4:1")
    assert sorted(secret["data"]) == ["environment", "script"]
    assert pod["metadata"]["labels"]["gridcompat.io/task"] == "2"


@pytest.mark.usefixtures("home")
def test_only_submissions_have_objects() -> None:
    result = explain("-o", "yaml", "qdel", "5")
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.usefixtures("home")
def test_other_commands_show_their_operands() -> None:
    assert explain("qdel", "5", "-t", "1-3").stdout == "operands: 5 -t 1-3\nno switches\n"
    assert explain("qstat", "-u", "*").stdout == (
        "-u *  command line  obeyed  only jobs of these users\n1 switch: 1 obeyed\n"
    )


def test_the_parts_of_the_command_are_listed_and_found() -> None:
    result = CliRunner().invoke(main, ["--help"])
    for name in ("explain", "local", "version"):
        assert f"  {name} " in result.stdout
    assert CliRunner().invoke(main, ["version"]).stdout == f"gridcompat {__version__}\n"
    assert CliRunner().invoke(main, ["nosuch"]).exit_code == 2


# -- verdicts, statuses, shapes ---------------------------------------------------------------------

EVERY = [(command, option) for command in table.COMMANDS for option in table.every(command)]


@pytest.mark.parametrize("command", table.COMMANDS)
def test_every_switch_of_every_command_has_a_verdict_and_a_reason(command: str) -> None:
    for option in table.every(command):
        words = ("x",) * max(option.words, 0)
        found = Occurrence(
            switch=option.switch, words=words, value=None, origin="command line", place=table.COMMAND_LINE
        )
        (row,) = verdicts(command, Reading(occurrences=(found,)))
        assert row.verdict == option.verdict
        assert row.reason and row.reason[-1] != ".", option.switch
        if row.verdict in (table.REFUSED, table.NO_EFFECT, table.APPROXIMATED):
            assert row.reason == option.help


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "status", "summary"),
    [
        ("qsub job.sh", 0, "3 switches: 3 obeyed"),
        ("qsub -R y -now n job.sh", 0, "5 switches: 4 obeyed, 1 no effect"),
        ("qstat -ext", 0, "1 switch: 1 approximated"),
        ("qsub -now y job.sh", 1, "4 switches: 3 obeyed, 1 refused"),
        ("qsub -now y -now n job.sh", 0, "5 switches: 4 obeyed, 1 refused"),
        ("qmod -cq task", 1, "1 switch: 1 refused"),
        ("qsub -ckpt nosuch job.sh", 1, "4 switches: 3 obeyed, 1 refused"),
        ("qsub -c s job.sh", 1, "4 switches: 3 obeyed, 1 refused"),
        ("qdel", 0, "no switches"),
    ],
)  # fmt: skip
def test_the_last_line_sums_up_and_the_status_tells_of_a_refusal(
    words: str, status: int, summary: str
) -> None:
    result = explain(*words.split())
    assert result.exit_code == status
    assert result.stdout.splitlines()[-1] == summary


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("qsbu job.sh", "did you mean 'qsub'?"),
        ("jsbu x", "did you mean 'jsub'?"),
        ("qstatt", "did you mean 'qstat'?"),
        ("zzzzzz", "one of "),
        ("qsub -hodl_jid 4 job.sh", "did you mean '-hold_jid'?"),
        ("jsub -ones job.sh", "did you mean '-once'?"),
    ],
)
def test_a_wrong_word_gives_a_suggestion_and_status_2(words: str, message: str) -> None:
    result = explain(*words.split())
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.usefixtures("home")
def test_the_json_has_its_version_origins_and_sum() -> None:
    result = explain("--json", "qsub", "-N", "line", "job.sh")
    found = json.loads(result.stdout)
    assert result.exit_code == found["exit_status"] == 0
    assert (found["version"], found["command"], found["words"]) == (1, "qsub", ["-N", "line", "job.sh"])
    assert found["switches"][0] == {
        "switch": "-N",
        "words": ["script"],
        "origin": {"place": "script", "file": "job.sh", "line": 2},
        "verdict": "obeyed",
        "reason": "overridden (command line)",
        "fate": "overridden",
        "by": {"file": None, "line": None},
        "field": None,
        "value": None,
    }
    assert found["job"] == {"name": "line", "script": "job.sh", "arguments": []}
    assert found["summary"] == {"obeyed": 4, "approximated": 0, "no_effect": 0, "refused": 0}


@pytest.mark.usefixtures("home")
def test_what_the_command_would_not_do_is_told_in_the_json_too() -> None:
    result = explain("--json", "qsub", "-c", "s", "job.sh")
    found = json.loads(result.stdout)
    assert result.exit_code == found["exit_status"] == 1
    assert found["error"] == {"message": "checkpointing denied", "exit_status": 1}
    assert [one["verdict"] for one in found["switches"]] == ["obeyed", "obeyed", "obeyed", "refused"]


def test_the_request_file_of_qstat_is_read(home: str) -> None:
    write(".sge_qstat", "# mine\n-u *\n")
    result = explain("qstat", "-f")
    assert f"-u *  {home}/.sge_qstat:2  obeyed" in result.stdout


@pytest.mark.usefixtures("home")
def test_a_whole_line_may_be_one_word() -> None:
    assert explain("/usr/bin/qsub -N 'a b' job.sh").stdout == explain("qsub", "-N", "a b", "job.sh").stdout
    assert explain("qsub -N 'a").exit_code == 2


@pytest.mark.usefixtures("home")
def test_control_characters_are_shown_and_not_sent() -> None:
    result = explain("--color", "never", "qdel", "\x1b]0;owned\x07", "caf\udce9")
    assert "operands: ^[]0;owned^G caf\\xe9\n" in result.stdout


def snapshot(place: str) -> dict[str, bytes]:
    found = {}
    for folder, _, names in os.walk(place):
        found[folder] = b""
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[file.name] = file.read()
    return found


def test_nothing_is_run_written_or_started(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    os.makedirs(f"{home}/.config/gridcompat")
    write(".config/gridcompat/config.toml", 'default_queue = "continuous"\n')
    write("run.sh", "#!/bin/sh\n#$ -N ran\ntouch $HOME/ran\n")
    os.chmod("run.sh", 0o755)
    monkeypatch.setenv("GRIDCOMPAT_STATE", f"{home}/state")
    before = snapshot(home)
    for command in table.COMMANDS:
        explain(command, "./run.sh")
        explain("--json", command, "./run.sh")
    explain("jsub", "-once", "./run.sh")
    explain("qsub", "-sync", "y", "run.sh")
    assert snapshot(home) == before


def test_rows_are_cut_to_the_width_of_the_terminal() -> None:
    occurrence = Occurrence(
        switch="-N", words=("n" * 200,), value=None, origin="/very/" + "long/" * 30 + "job.sh:12", place="s"
    )
    reading = Reading(occurrences=(occurrence,))
    rows = verdicts("qsub", reading)
    for width in (40, 60, 80, 132):
        text = as_text(reading, rows, paint=Paint(False), width=width)
        assert max(len(line) for line in text.splitlines()) <= width
        assert "job.sh:12" in text
        assert "name the job" in text
    assert "n" * 200 in as_text(reading, rows, paint=Paint(False), width=None)


@pytest.mark.usefixtures("home")
@given(
    command=st.sampled_from(table.COMMANDS),
    words=st.lists(
        st.one_of(
            st.sampled_from([option.switch for _, option in EVERY]),
            st.sampled_from(["job.sh", "./job.sh", "5", "1-3", "y", "n", "h_vmem=1G", "task", "--", "-"]),
            st.text(alphabet=st.characters(exclude_characters="\0"), max_size=12),
        ),
        max_size=6,
    ),
    json_=st.booleans(),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_line_makes_it_fail(command: str, words: list[str], json_: bool) -> None:
    result = explain(*(["--json"] if json_ else []), command, *words)
    assert result.exception is None or isinstance(result.exception, SystemExit), (command, words)
    assert "Traceback" not in result.stderr
    if json_ and result.stdout:
        assert json.loads(result.stdout)["version"] == 1

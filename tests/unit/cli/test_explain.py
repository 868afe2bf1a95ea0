"""`gridcompat explain`: each switch, where it stood, its verdict and what became of it."""

from __future__ import annotations

import os
import textwrap

import pytest
import yaml
from click.testing import CliRunner, Result

from gridcompat import __version__
from gridcompat.cli import main


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
    assert (result.exit_code, result.stderr) == (status, message)


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
    assert explain("qdel", "5", "-t", "1-3").stdout == "operands: 5 -t 1-3\n"
    assert explain("qstat", "-u", "*").stdout == "-u *  command line  obeyed  only jobs of these users\n"


def test_the_parts_of_the_command_are_listed_and_found() -> None:
    result = CliRunner().invoke(main, ["--help"])
    for name in ("explain", "local", "version"):
        assert f"  {name} " in result.stdout
    assert CliRunner().invoke(main, ["version"]).stdout == f"gridcompat {__version__}\n"
    assert CliRunner().invoke(main, ["nosuch"]).exit_code == 2

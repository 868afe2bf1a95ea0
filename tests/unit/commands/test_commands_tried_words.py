"""More small matters in which commands follow a real grid, each tried on one: words, lists, odd files."""

from __future__ import annotations

import os

import pytest

from commands.command_world import HOST, USER, World
from gridcompat import complexes
from gridcompat.output import qconf
from gridcompat.record import replace
from gridcompat.settings import Settings

UNKNOWN = "Unknown option \n\n"


@pytest.mark.parametrize("word", ["{0}x", "{0} 4", "{0}.1x", "{0}.2-4:2"])
def test_what_stands_behind_a_number_of_qstat_j_is_nothing(world: World, word: str) -> None:
    job = world.submit(user_hold=True)
    status, out, _ = world.run("qstat", "-j", word.format(job))
    assert status == 0 and f"job_number:                 {job}\n" in out


def test_a_list_without_members_is_qstat_j_alone(world: World) -> None:
    job = world.submit(user_hold=True)
    told = (0, f"Jobs dropped because of hold state\n\t{job}\n", "")
    assert world.run("qstat", "-j", ",") == told == world.run("qstat", "-j")


def test_predecessors_are_shown_word_by_word(world: World) -> None:
    a, b = (world.submit(name, user_hold=True) for name in ("na", "nb"))
    for requested, shown in (
        ((str(b), "n*"), f"{b},{a},{b}"),
        (("na|nb",), f"{a},{b}"),
        (("n*&!na",), f"{b}"),
        ((f"{a}x",), f"{a}"),
        (("n[!a]",), ""),
        (("na||nb",), ""),
    ):
        waits = world.submit("w", predecessors_requested=requested)
        out = world.run("qstat", "-j", str(waits))[1]
        assert (f"\njid_predecessor_list:       {shown}\n" in out) == bool(shown), requested
        world.run("qdel", str(waits))


def test_values_of_variables_and_arguments_keep_their_line_ends(world: World) -> None:
    job = world.submit(arguments=("a\nb", "c\x1b"), user_hold=True)
    out = world.run("qstat", "-j", str(job))[1]
    assert "job_args:                   a\nb,c?\n" in out


def test_a_wish_for_cores_is_shown(world: World) -> None:
    job = world.submit(binding="set linear:2:0,1", user_hold=True)
    assert "       Binding:          set linear:2:0,1\n" in world.run("qstat", "-r")[1]
    out = world.run("qstat", "-j", str(job), "-xml")[1]
    for line in ("<BN_strategy>linear<", "<BN_type>3<", "_n>2<", "_core_offset>1<", "_step_size>0<"):
        assert line in out
    assert "explicit" not in out


@pytest.mark.parametrize("letters", ["h", "hu"])
def test_running_jobs_with_a_hold_are_held_jobs(world: World, letters: str) -> None:
    job = world.submit("held", user_hold=True)
    other = world.submit("free")
    world.running(job)
    world.running(other)
    out = world.run("qstat", "-s", letters)[1]
    assert " held " in out and " free " not in out


def test_a_file_of_qstat_that_may_not_be_read_is_told_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.path.join(world.home, ".sge_qstat")

    def refuse(name: object, *rest: object, **more: object) -> object:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr("builtins.open", refuse)
    told = f'error: fopen("{path}") failed: Permission denied\nerror reading from file {path}\n'
    assert world.run("qstat") == (1, "", told)


def test_qselect_reads_expressions_and_resources_without_a_value(world: World) -> None:
    both = f"continuous@{HOST}\ntask@{HOST}\n"
    assert world.run("qselect", "-q", "task|continuous") == (0, both, "")
    assert world.run("qselect", "-q", "!task") == (0, f"continuous@{HOST}\n", "")
    assert world.run("qselect", "-q", "task@!x") == (0, f"task@{HOST}\n", "")
    assert world.run("qselect", "-l", "release") == (1, "", "")  # TRUE is no release
    assert world.run("qselect", "-l", "rerun") == (0, f"continuous@{HOST}\n", "")
    assert world.run("qselect", "-l", "h_rt") == (0, both, "")


@pytest.mark.parametrize("command", ["qhold", "qrls"])
def test_files_of_options_are_nothing_for_qhold_and_qrls(world: World, command: str) -> None:
    job = str(world.submit())
    path = os.path.join(world.home, "options")
    with open(path, "w", encoding="ascii") as file:
        file.write("-h u\n")
    assert world.run(command, "-@", path, job) == (5, "", UNKNOWN)
    assert world.run(command, "-@", f"{path}.none", job) == (0, "", "")
    assert world.run(command, "-@") == (2, "", "qalter: -@ option must have file argument\n")
    assert world.states(int(job)) == ["qw"]


def test_qhold_without_kinds_does_nothing_and_users_may_be_patterns(world: World) -> None:
    job = world.submit()
    assert world.run("qhold", "-h", "", str(job)) == (0, "", "")
    assert world.run("qhold", "-u", "tools*") == (0, f"modified hold of job {job}\n", "")
    assert world.run("qrls", "-u", "*") == (0, f"modified hold of job {job}\n", "")


def test_qdel_takes_one_list_of_tasks_for_a_job_and_names_with_all_users(world: World) -> None:
    job = world.submit("arr", tasks=(1, 4, 1))
    lonely = "error: found lonely '-t 3' option (The -t option needs a leading job name).\n"
    assert world.run("qdel", str(job), "-t", "2", "-t", "3") == (1, "", lonely)
    assert world.states(job) == ["qw 1-4:1"]
    assert world.run("qdel", "-u", "*", "arr") == (0, f"{USER} has deleted job {job}\n", "")


def test_qmod_acts_on_several_switches_in_an_order_of_its_own(world: World) -> None:
    job = world.submit()
    world.running(job)
    told = (
        f"Job {job} is not in error state\n{USER} - suspended job {job}\n"
        f"{USER} - job {job} is already unsuspended\n"
    )
    status, out, _ = world.run("qmod", "-usj", str(job), "-sj", str(job), "-cj", str(job))
    assert status == 1
    assert out.splitlines()[:2] == told.splitlines()[:2]
    assert "unsuspended" in out.splitlines()[2]


def test_qmod_by_force_says_so(world: World) -> None:
    job = world.submit()
    world.running(job, state="s")
    for switch, said in (
        ("-sj", f"{USER} - forced suspension of job {job}\n"),
        ("-usj", f"{USER}@{HOST} forced unsuspension of job {job}\n"),
    ):
        assert world.run("qmod", "-f", switch, str(job)) == (0, said, "")
    world.running(job)
    said = f"{USER} - forced enabling of job {job}\n"
    other = world.submit()
    world.running(other)
    assert world.run("qmod", "-f", "-usj", str(other)) == (0, said.replace(str(job), str(other)), "")


def test_qalter_of_tickets_is_for_operators(world: World) -> None:
    job = world.submit()
    said = f'denied: "{USER}" must be operator to change amount of override tickets\n'
    assert world.run("qalter", "-ot", "3", str(job)) == (1, said, "")


def test_qconf_shows_the_caller_as_a_user(world: World) -> None:
    status, out, err = world.run("qconf", "-suser", f"{USER},nosuch")
    assert (status, err) == (0, "nosuch is not known as a user\n")
    assert out == (f"name {USER}\noticket 0\nfshare 0\ndelete_time 1764086400\ndefault_project NONE\n")


def test_qacct_of_an_empty_name_finds_nothing(world: World) -> None:
    assert world.run("qacct", "-j", "") == (1, "", "error: job name  not found\n")


def test_a_request_file_that_is_a_folder_ends_the_submission(world: World) -> None:
    path = os.path.join(world.home, ".sge_request")
    os.mkdir(path)
    said = f'error: fread("{path}") failed: Is a directory\nerror reading from file {path}\n'
    assert world.run("qsub", "-b", "y", "true") == (4, "", said)
    assert world.run("qsub", "-clear", "-b", "y", "true") == (4, "", said)


@pytest.mark.parametrize(
    ("words", "status", "err"),
    [
        (("-bonsai",), 0, "No sharetree\n"),
        (("-mstnode", "/a=1"), 0, "No sharetree\n"),
        (("-dstnode", "/a"), 1, "No sharetree\n"),
        (("-astnode", "/a=1"), 1, f'setting \n/a=1\ndenied: "{USER}" must be manager for this operation\n'),
        (("-ke",), 1, 'Need a hostname or the keyword "all"\n'),
        (("-ke", "all"), 1, "shutting down execd requires manager privileges\n"),
    ],
)
def test_qconf_speaks_of_share_trees_and_hosts_before_it_asks_who_may(
    world: World, words: tuple[str, ...], status: int, err: str
) -> None:
    assert world.run("qconf", *words) == (status, "", err)


def test_qconf_goes_on_behind_a_queue_that_is_not_there(world: World) -> None:
    missing = 'No cluster queue or queue instance matches the phrase "nosuch"\n'
    status, out, err = world.run("qconf", "-sq", "nosuch,task")
    assert (status, err) == (0, f"error: {missing}") and out.startswith("qname                 task\n")
    status, out, err = world.run("qconf", "-sq", "task,nosuch")
    assert (status, err) == (1, missing) and out.startswith("qname                 task\n")


def test_a_pattern_of_qhost_names_no_host(world: World) -> None:
    status, out, _ = world.run("qhost", "-h", "*")
    assert status == 0 and [line.split()[0] for line in out.splitlines()[2:]] == ["global"]


def test_qdel_takes_a_full_stop_between_tasks(world: World) -> None:
    job = world.submit(tasks=(1, 4, 1))
    said = f"{USER} has deleted job-array tasks 1,2 of job {job}\n"
    assert world.run("qdel", f"{job}.1.2") == (0, said, "")


def test_a_large_share_is_shown_as_the_grid_prints_it(world: World) -> None:
    job = world.submit(job_share=4294967295)
    assert "jobshare:                   -1\n" in world.run("qstat", "-j", str(job))[1]


def test_tasks_that_nothing_can_hold_are_refused_at_submission(world: World) -> None:
    said = "Unable to run job: job rejected: there are no tasks above 9999999 here\nExiting.\n"
    assert world.run("qsub", "-t", "2147483647", "-b", "y", "true") == (1, "", said)
    assert world.run("qstat") == (0, "", "")


def test_the_columns_of_complexes_are_as_wide_as_their_values() -> None:
    short = complexes.find("release", Settings())
    assert short is not None
    for type_, width in (("STRING", 10), ("RESTRING", 12)):
        title, rule, row, _ = qconf.complexes([replace(short, type=type_)]).splitlines()
        assert title.index("relop") - title.index("type") == width
        assert row.startswith(f"release    rel      {type_:<{width}}==    YES")
        assert len(rule) == len(title)


def test_changes_are_counted_as_the_version_of_a_job(world: World) -> None:
    job = str(world.submit("counted"))

    def version() -> str:
        out = world.run("qstat", "-j", job)[1]
        lines = [line.split()[1] for line in out.splitlines() if line.startswith("version:")]
        xml = world.run("qstat", "-j", job, "-xml")[1]
        assert f"<JB_version>{lines[0] if lines else 0}</JB_version>" in xml
        return "".join(lines)

    assert version() == ""
    for words, counted in (
        (("qalter", "-p", "-5", job), ""),
        (("qhold", job), "1"),
        (("qalter", "-N", "x", "-p", "-6", "-m", "e", job), "2"),
        (("qalter", "-A", "a", "-o", "x", "-m", "b", "-ac", "c=1", "-v", "D=2", job), "2"),
        (("qrls", job), "3"),
        (("qalter", "-p", "10", "-N", "y", job), "3"),
        (("qalter", "-h", "u", job), "4"),
        (("qresub", job), "4"),
    ):
        world.run(*words)
        assert version() == counted, words
    other = max(int(name) for name in (line.split()[0] for line in world.run("qstat")[1].splitlines()[2:]))
    assert "version:" not in world.run("qstat", "-j", str(other))[1]

"""Small matters in which commands follow a real grid to the letter; each was tried on one."""

from __future__ import annotations

from pathlib import Path

import pytest

from commands.command_world import HOST, USER, World
from gridcompat.output.usage import usage

MANAGER = f'denied: "{USER}" must be manager for this operation\n'


@pytest.mark.parametrize(
    ("letters", "status"),
    [
        ("huhd", 0),
        ("hdhu", 1),
        ("hdhd", 1),
        ("hdhs", 0),
        ("hdha", 0),
        ("hsho", 0),
        ("hshu", 1),
        ("huphu", 0),
        ("hhu", 0),
        ("had", 1),
        ("huhohshdhjha", 0),
    ],
)
def test_qstat_reads_several_kinds_of_holds_in_one_order_only(
    world: World, letters: str, status: int
) -> None:
    assert world.run("qstat", "-s", letters)[0] == status


@pytest.mark.parametrize("name", ["", "a b", "é"])
def test_qalter_takes_an_unreadable_name_for_none(world: World, name: str) -> None:
    job = world.submit()
    assert world.run("qalter", "-N", name, str(job)) == (0, "", "")
    assert world.job(job)["spec"]["jobName"] == "job.sh"


def test_qalter_sets_a_master_queue_of_any_job(world: World) -> None:
    job = world.submit()
    told = f"modified master hard queue list of job {job}\n"
    assert world.run("qalter", "-masterq", "task", str(job)) == (0, told, "")
    status, out, _ = world.run("qalter", "-masterq", "nosuch", str(job))
    assert status == 1 and 'unknown queue "nosuch"' in out


def test_qsub_reads_xml_and_refuses_it_at_the_end(world: World, tmp_path: Path) -> None:
    script = tmp_path / "job.sh"
    script.write_text("echo\n")
    assert world.run("qsub", "-xml", str(script)) == (5, "", "qsub: Unknown option -xml\n\n")


@pytest.mark.parametrize(
    ("words", "status", "out", "err"),
    [
        (["-sst"], 0, "", "No sharetree\n"),
        (["-sstnode", "/"], 0, "", "No sharetree\n"),
        (["-sss"], 0, f"{HOST}\n", ""),
        (["-au", "x", "arusers"], 1, "", MANAGER.replace("manager", "operator")),
        (["-ap"], 1, "", MANAGER),
        (["-dq"], 1, "", f'error: no option argument provided to "-dq"\n{usage("qconf")}'),
        (["-aq", "x"], 1, "", MANAGER),
        (["-cq", "task"], 1, "", f'{USER} - you have no permission to modify queue "task@{HOST}"\n'),
    ],
)
def test_qconf_answers(world: World, words: list[str], status: int, out: str, err: str) -> None:
    assert world.run("qconf", *words) == (status, out, err)


def test_qconf_shows_several_queues_and_user_lists(world: World) -> None:
    _, out, _ = world.run("qconf", "-sq", "task", "continuous")
    assert [line.split()[1] for line in out.splitlines() if line.startswith("qname")] == [
        "task",
        "continuous",
    ]
    _, out, _ = world.run("qconf", "-su", "arusers,deadlineusers")
    assert out.count("\n\nname") == 1


def test_qconf_lists_event_clients(world: World) -> None:
    _, out, _ = world.run("qconf", "-secl")
    assert out.splitlines()[2].split() == ["1", "scheduler", HOST]


@pytest.mark.parametrize("words", [["-t"], ["-g", "t"], ["-f", "-t"]])
def test_xml_of_tasks_has_an_empty_master_for_pending_jobs(world: World, words: list[str]) -> None:
    world.running(world.submit())
    world.submit(user_hold=True)
    _, out, _ = world.run("qstat", "-xml", *words)
    assert out.count("<master>MASTER</master>") == out.count("<master></master>") == 1


@pytest.mark.parametrize(
    ("words", "shown"),
    [(["-r"], 0), (["-r", "-g", "d"], 1), (["-f", "-r"], 1), (["-r", "-t"], 0), (["-f", "-r", "-g", "d"], 1)],
)
def test_the_default_of_a_consumable_is_below_running_jobs_of_some_lists(
    world: World, words: list[str], shown: int
) -> None:
    world.running(world.submit())
    assert world.run("qstat", *words)[1].count("h_vmem=1G (default)") == shown
    assert world.run("qstat", "-xml", *words)[1].count('<def_hard_request name="h_vmem">') == shown


@pytest.mark.parametrize("words", [["-q", "task"], ["-urg"], ["-g", "t"], ["-pe", "smp"], ["-U", USER]])
def test_the_default_of_a_consumable_is_shown_wherever_queues_matter(world: World, words: list[str]) -> None:
    world.running(world.submit())
    assert world.run("qstat", "-r", *words)[1].count("h_vmem=1G (default)") == 1


def test_slaves_stand_too_far_to_the_right_beside_priorities(world: World) -> None:
    number = world.submit(parallel_environment="smp", slot_ranges=((2, 2, 1),))
    run = {"task": 1, "attempt": 1, "state": "r", "queue": "task", "host": HOST, "startedAt": 1, "slots": 2}
    world.status(number, phase="Active", running=[run])
    for words, further in (([], 0), (["-pri"], 12), (["-urg"], 0), (["-ext"], 0)):
        master, slave = world.run("qstat", "-g", "t", *words)[1].splitlines()[2:4]
        assert slave.index("SLAVE") - master.index("MASTER") == further


@pytest.mark.parametrize("command", ["qstat", "qselect"])
def test_pe_of_qstat_is_a_name(world: World, command: str) -> None:
    assert world.run(command, "-pe", "s*") == (1, "", "error: no such parallel environment\n")
    assert world.run(command, "-pe", "s*,smp")[0] == 0


def test_access_of_users_leaves_out_what_could_not_run(world: World) -> None:
    world.submit(hard_resources=(("h_vmem", "900G"),), name="big")
    assert "big" in world.run("qstat", "-s", "p")[1]
    assert "big" not in world.run("qstat", "-s", "p", "-U", USER)[1]


@pytest.mark.parametrize("tasks", ["", ".2", ".2-4", ".1-4:2"])
def test_qstat_j_takes_tasks_behind_a_number(world: World, tasks: str) -> None:
    number = world.submit(tasks=(1, 4, 1))
    assert f"job_number:                 {number}\n" in world.run("qstat", "-j", f"{number}{tasks}")[1]


@pytest.mark.parametrize(
    ("word", "kind"), [("h_vmem=x", "memory"), ("h_rt=x", "time"), ("num_proc=x", "integer")]
)
def test_values_of_another_kind_are_refused(world: World, word: str, kind: str) -> None:
    told = f'error: attribute "{word.partition("=")[0]}" is not a {kind} value\n'
    assert world.run("qhost", "-l", word) == (1, "", told)
    assert world.run("qselect", "-l", word) == (1, "", "")
    assert world.run("qstat", "-f", "-l", word) == (1, "", "")


@pytest.mark.parametrize("command", ["qhost", "qselect"])
def test_a_resource_without_a_name_is_told_of_and_not_asked_for(world: World, command: str) -> None:
    _, everything, _ = world.run(command)
    assert world.run(command, "-l", "=5") == (0, everything, 'error: unknown resource ""\n')


@pytest.mark.parametrize(
    ("word", "names"),
    [
        ("*", ["task", "continuous"]),
        ("t*", ["task"]),
        ("task@*", ["task"]),
        (f"*@{HOST}", ["task", "continuous"]),
    ],
)
def test_patterns_of_queues_are_refused_by_instance(world: World, word: str, names: list[str]) -> None:
    told = [f'{USER} - you have no permission to modify queue "{name}@{HOST}"\n' for name in names]
    assert world.run("qmod", "-d", word) == (1, "".join(told), "")


def test_a_queue_on_no_such_host_is_invalid(world: World) -> None:
    assert world.run("qmod", "-e", "task@nosuch") == (1, 'invalid queue "task@nosuch"\n', "")


@pytest.mark.parametrize("command", ["qhold", "qrls"])
def test_users_without_jobs_are_told(world: World, command: str) -> None:
    assert world.run(command, "-u", "nosuch") == (3, "The job * of user(s) nosuch does not exist\n", "")


def test_holds_of_managers_are_refused_before_those_of_operators(world: World) -> None:
    told = f'denied: "{USER}" must be manager to set manager hold\n'
    assert world.run("qhold", "-h", "uos", str(world.submit())) == (10, told, "")


def lacks(what: str) -> str:
    return f'error: no option argument provided to "{what}"\n{usage("qconf")}'


UNREADABLE = 'error: error opening file "{}" for reading: {}\n'


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (["-Ahgrp"], "no file argument given\n"),
        (["-Mu"], "no file argument given\n"),
        (["-Ap"], lacks("-Ap")),
        (["-dul"], lacks("-dul")),
        (["-dul", "x"], MANAGER.replace("manager", "operator")),
        (
            ["-Aprj", "nosuch"],
            UNREADABLE.format("nosuch", "No such file or directory") + "error reading in file\n",
        ),
        (["-Mcal", "fold"], UNREADABLE.format("fold", "Success") + "error reading in file\n"),
        (["-Ae", "empty"], 'error: error reading file: "empty"\ninvalid format\n'),
        (["-Mc", "empty"], 'Complex attribute file "empty" is not correct\n'),
        (["-Aq", "nosuch"], MANAGER),
        (["-Msconf", "nosuch"], MANAGER),
        (["-Ap", "full"], MANAGER),
        (["-Mconf", "global"], MANAGER),
        (
            ["-Mconf", "no.such.invalid"],
            "can't resolve hostname \"no.such.invalid\": can't resolve host name\n"
            "configuration no.such.invalid does not exist\n",
        ),
        (["-aattr", "queue"], lacks("queue")),
        (["-mattr", "queue", "slots"], lacks("slots")),
        (["-rattr", "queue", "slots", "5"], "qconf: missing object list\n"),
        (["-rattr", "queue", "slots", "5", "task"], MANAGER),
        (["-purge"], lacks("-purge")),
        (["-purge", "queue", "slots"], lacks("slots")),
        (["-purge", "exechost", "a", "b"], 'error: Modification of object "exechost" not supported\n'),
        (["-purge", "queue", "slots", "task"], 'error: Given object_instance "task" is incomplete\n'),
        (["-purge", "queue", "*", "no@x"], 'error: Cluster queue entry "no" does not exist\n'),
        (["-du", "root"], f'error: no list_name provided to "-du root"\n{usage("qconf")}'),
        (
            ["-du", "root", "nosuch,arusers"],
            'access list "nosuch" doesn\'t exist\nuser "root" is not in access list "arusers"\n',
        ),
        (["-cq", "x"], 'invalid queue or job "x"\n'),
        (
            ["-cq", "task,cont*"],
            f'{USER} - you have no permission to modify queue "task@{HOST}"\n'
            f'{USER} - you have no permission to modify queue "continuous@{HOST}"\n',
        ),
        (["-ksched"], f'error: "-ksched" is not a valid option 2\n{usage("qconf")}'),
        (["-sobjl"], lacks("-sobjl")),
        (["-sobjl", "queue", "qname"], lacks("qname")),
    ],
)
def test_qconf_looks_at_some_arguments_before_it_asks_who_may(
    world: World, monkeypatch: pytest.MonkeyPatch, words: list[str], err: str
) -> None:
    monkeypatch.chdir(world.home)
    Path("fold").mkdir(exist_ok=True)
    Path("empty").write_text("")
    Path("full").write_text("pe_name x\n")
    assert world.run("qconf", *words) == (1, "", err)


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["queue", "qname", "*"], ["continuous", "task"]),
        (["queue", "slots", "50"], ["continuous"]),
        (["queue", "slots", "7"], []),
        (["queue", "nosuch", "*"], []),
        (["exechost", "hostname", "*"], ["template", "global", HOST]),
        (["exechost", "complex_values", "*buster*"], [HOST]),
        (["pe", "pe_name", "*"], []),
    ],
)
def test_qconf_lists_objects_by_a_value(world: World, words: list[str], names: list[str]) -> None:
    assert world.run("qconf", "-sobjl", *words) == (0, "".join(f"{name}\n" for name in names), "")


@pytest.fixture
def over(world: World) -> World:
    """A plain job and an array that are over."""
    world.status(world.submit(name="one"), phase="Finished", finished=1)
    world.status(world.submit(name="many", tasks=(1, 3, 1)), phase="Finished", finished=3)
    return world


def test_jobs_that_are_over_are_zombies_in_xml(over: World) -> None:
    _, out, _ = over.run("qstat", "-s", "z", "-xml")
    assert out.count('<job_list state="zombie">') == out.count("<state>z</state>") == 2
    assert "tickets" not in over.run("qstat", "-s", "z", "-xml", "-ext")[1]


def test_jobs_that_are_over_have_no_tickets(over: World) -> None:
    row = over.run("qstat", "-s", "z", "-ext")[1].splitlines()[2]
    assert row[row.index(" z ") :].rstrip() == " z" + " " * 35 + "    ".join(["NA"] * 6) + " " * 36 + "1"


def test_jobs_that_are_over_stand_apart_below_queues(over: World) -> None:
    over.submit(name="waits", user_hold=True)
    _, out, _ = over.run("qstat", "-f", "-s", "pz")
    title = " --  FINISHED JOBS  -  FINISHED JOBS  -  FINISHED JOBS  -  FINISHED JOBS  --  "
    pending, finished = out.split(f"\n{'#' * 76}\n{title}\n{'#' * 76}\n")
    assert "waits" in pending and "one" not in pending
    assert [line.split()[2] for line in finished.splitlines()] == ["one", "many"]
    assert "PENDING" not in over.run("qstat", "-f", "-s", "z")[1]


def test_an_array_that_is_over_is_one_row_also_by_task(over: World) -> None:
    assert over.run("qstat", "-s", "z", "-g", "d")[1].splitlines()[3].split()[-1] == "1-3:1"


@pytest.mark.parametrize(
    ("word", "head"),
    [
        ("1x", "SLOTS"),
        ("1,2", "SLOTS"),
        ("007", "SLOTS"),
        ("0", "Total System Usage"),
        ("x", "Total System Usage"),
    ],
)
def test_qacct_reads_slots_up_to_the_first_letter(world: World, word: str, head: str) -> None:
    _, out, _ = world.run("qacct", "-slots", word)
    assert out.startswith(head)


@pytest.mark.parametrize("word", ["0", "1", "+1", " 1", "1x", "1.5", "0x10", "1e3", "-1", "-5", "9" * 30])
def test_qacct_reads_days_up_to_the_first_letter(world: World, word: str) -> None:
    status, out, _ = world.run("qacct", "-d", word)
    assert (status, out.split("\n")[0]) == (0, "Total System Usage")


@pytest.mark.parametrize("word", ["", "x1", "-x", "-", "--1", "one"])
def test_days_without_a_number_are_bad_use(world: World, word: str) -> None:
    status, _, err = world.run("qacct", "-d", word)
    assert (status, "usage: qacct" in err) == (1, True)


DATE = "\nInvalid format of date/hour-minute field.\n"
TASKS = "-t option must have a list of task id ranges\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("-b", "-1"), DATE),
        (("-e", "-o"), DATE),
        (("-t",), TASKS),
        (("-t", "-1", "-j", "1"), TASKS),
        (("-t", "x"), "invalid list of task id ranges: x\n"),
        (("-t", "1-3"), "error: -t option requires -j option with an argument\n"),
        (("-f", "-x"), "-x: No such file or directory\n"),
        (("-d", "1", "2"), "SGE 8.1.9\n"),
        (("-d",), "SGE 8.1.9\n"),
    ],
)
def test_a_switch_of_qacct_takes_the_next_word(world: World, line: tuple[str, ...], said: str) -> None:
    status, _, err = world.run("qacct", *line)
    assert (status, err[: len(said)]) == (1, said)


def test_tasks_that_begin_with_0_are_none(world: World) -> None:
    status, out, _ = world.run("qacct", "-t", "0")
    assert (status, out.split("\n")[0]) == (0, "Total System Usage")


def test_without_a_record_no_blank_stands_behind_the_slots(world: World) -> None:
    _, out, _ = world.run("qacct", "-slots", "-A")
    assert out.startswith("SLOTSACCOUNT     WALLCLOCK ")


def test_term_stands_before_all_other_variables(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(world.home)
    Path("job.sh").write_text("echo\n")

    def variables(*argv: str) -> str:
        _, out, _ = world.run(argv[0], *argv[1:], A="1", TERM="dumb")
        return next(line[28:] for line in out.splitlines() if line.startswith("env_list:"))

    assert world.run("qsub", "-h", "-V", "job.sh", A="1", TERM="dumb")[0] == 0
    assert variables("qstat", "-j", "1000").startswith("TERM=dumb,")
    assert variables("qstat", "-j", "1000").count("TERM=") == 1
    _, xml, _ = world.run("qstat", "-j", "1000", "-xml")
    assert xml.index("<VA_variable>TERM<") < xml.index("<VA_variable>A<")
    assert variables("qsub", "-verify", "-V", "job.sh").startswith("TERM=dumb,")
    assert variables("qsub", "-verify", "-v", "A=1", "job.sh") == "TERM,A=1"


def test_the_context_stands_below_what_arrays_have(world: World) -> None:
    number = world.submit(tasks=(1, 9, 1), max_running_tasks=2, context=(("k", "v"),))
    shown = [line.partition(":")[0] for line in world.run("qstat", "-j", str(number))[1].splitlines()]
    at = shown.index("job-array tasks")
    assert shown[at : at + 4] == ["job-array tasks", "maximum concurrency", "context", "binding"]

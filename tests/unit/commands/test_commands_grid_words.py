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

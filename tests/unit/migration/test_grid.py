"""A recorded dump of a real grid becomes settings that load; broken dumps get one clear line."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from gridcompat.cli import main
from gridcompat.errors import SettingsError
from gridcompat.migration import grid, toml
from gridcompat.settings import Settings, load

DUMP = str(Path(__file__).parent / "grid")


def loaded(directory: str, tmp_path: Path) -> Settings:
    path = tmp_path / "site.toml"
    path.write_text(toml.text(grid.site(directory)), encoding="utf-8")
    return load({"GRIDCOMPAT_CONFIG": str(path)}, home=os.devnull, uid=os.getuid())[0]


def test_a_real_grid_becomes_settings(tmp_path: Path) -> None:
    settings = loaded(DUMP, tmp_path)
    assert [
        (
            queue.name,
            queue.slots,
            queue.rerun,
            queue.notify_s,
            queue.shell,
            queue.shell_start_mode,
            queue.limits,
        )
        for queue in settings.queues
    ] == [
        ("long.q", 16, False, 60, "/bin/bash", "unix_behavior", (("h_vmem", "8G"),)),
        ("short", 4, True, 30, "/bin/sh", "posix_compliant", (("s_rt", "0:59:00"), ("h_rt", "1:00:00"))),
    ]
    assert [(pe.name, pe.slots, pe.allocation_rule) for pe in settings.parallel_environments] == [
        ("mpi", 128, "$round_robin"),
        ("smp", 64, "$pe_slots"),
    ]
    assert (settings.default_queue, settings.continuous_queue) == ("short", "short")
    assert (settings.projects, settings.calendars, settings.checkpoints) == (
        ("biology",),
        ("night",),
        ("blcr",),
    )
    assert settings.host_groups == ("@allhosts", "@big")
    assert (settings.max_array_tasks, settings.finished_jobs, settings.reschedule_unknown_s) == (
        20000,
        50,
        600,
    )
    assert settings.h_vmem_default == "2G"


def test_what_is_left_behind_is_named() -> None:
    notes = grid.site(DUMP).notes
    assert notes == ("sge_request: keep the file; it is read from $SGE_ROOT/$SGE_CELL/common",)


def test_what_the_dump_does_not_have_is_left_out_and_told(tmp_path: Path) -> None:
    directory = tmp_path / "dump"
    shutil.copytree(DUMP, directory)
    (directory / "cqueues" / "odd").write_text(
        "qname odd\nhostlist @gone vm\nuser_lists nobodys\nprojects lost\n"
        "slots 2,[@gone=4],[vm=x]\nfuture 1\n"
    )
    (directory / "sharetree").write_text("id=0\n")
    notes = grid.site(str(directory)).notes
    for wanted in (
        "queue odd: hostlist @gone: the dump has no such host group",
        "queue odd: user_lists nobodys: the dump has no such user list",
        "queue odd: projects lost: the dump has no such project",
        "queue odd: slots @gone: the dump has no such host group",
        "queue odd: slots [vm=x] cannot be set by host",
        "queue odd: future 1: there is no setting for it",
        "share tree: jobs are started in the order of priority and submission",
    ):
        assert wanted in notes
    assert [queue.hostlist for queue in loaded(str(directory), tmp_path).queues if queue.name == "odd"] == [
        ("vm",)
    ]


def test_a_database_alone_asks_for_a_dump(tmp_path: Path) -> None:
    shutil.copytree(f"{DUMP}/cell", tmp_path / "default" / "common")
    notes = grid.site(str(tmp_path / "default")).notes
    assert any("the spool is berkeleydb" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cqueues/x", b"qname \xff\xfe\nslots x\nnotify soon\nshell_start_mode odd\nh_rt \\\n"),
        ('cqueues/"; x = [', b'shell "\n[[queue]]\n'),
        ("cqueues/y", b"slots -1,[=]\nnotify -3\nrerun\n"),
        ("centry", b"h_vmem h_vmem MEMORY <= YES YES 9Q 0\n\\\n"),
        ("jobseqnum", b"99999999999999999999\n"),
        ("configurations/global", b"max_aj_tasks 0\nreschedule_unknown INFINITY\n"),
        ("pe/a\nb", b"slots x\nallocation_rule \x1b[31m\x7f\n"),
    ],
    ids=["no-numbers", "quotes-in-names", "negative", "complex", "huge-id", "infinity", "controls"],
)
def test_odd_files_still_make_settings_that_load(tmp_path: Path, name: str, content: bytes) -> None:
    directory = tmp_path / "dump"
    shutil.copytree(DUMP, directory)
    (directory / name).write_bytes(content)
    loaded(str(directory), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [("cqueues/x", b"\0", "not a text"), ("cqueues/x", b"x" * (1 << 21), "larger than")],
    ids=["binary", "huge"],
)
def test_a_file_that_is_none_of_a_grid_is_refused(
    tmp_path: Path, name: str, content: bytes, told: str
) -> None:
    directory = tmp_path / "dump"
    shutil.copytree(DUMP, directory)
    (directory / name).write_bytes(content)
    with pytest.raises(SettingsError, match=told):
        grid.site(str(directory))


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cqueues").mkdir()
    os.mkfifo(tmp_path / "cqueues" / "pipe")
    with pytest.raises(SettingsError, match="not a plain file"):
        grid.site(str(tmp_path))


def test_an_empty_directory_and_none_are_told_in_one_line(tmp_path: Path) -> None:
    for path, told in ((str(tmp_path), "no configuration of a grid"), ("/nonexistent", "no such directory")):
        done = CliRunner().invoke(main, ["import-grid", path])
        assert done.exit_code == 1
        assert told in done.output
        assert "Traceback" not in done.output


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text("mine")
    assert CliRunner().invoke(main, ["import-grid", DUMP, "-o", str(path)]).exit_code == 1
    assert path.read_text() == "mine"


def test_the_dump_script_is_printed() -> None:
    done = CliRunner().invoke(main, ["import-grid", "--dump-script"])
    assert done.exit_code == 0
    assert done.output.startswith("#!/bin/sh\n")


def test_a_classic_spool_says_the_same_as_qconf(tmp_path: Path) -> None:
    """Values as the files of a live 8.1.9 with spooling_method classic hold them."""
    cell = tmp_path / "default"
    files = {
        "common/bootstrap": "spooling_method         classic\n",
        "common/sched_configuration": (
            "algorithm                         default\nqueue_sort_method                 0\n"
            "usage_weight_list                 cpu=1.000000 mem=0.000000 io=0.000000\n"
            "weight_tickets_override           0\nmaxujobs                          7\n"
        ),
        "common/configuration": "conf_name   global\nconf_version   2\nmailer   /bin/m\n",
        "spool/qmaster/jobseqnum": "210000\n",
        "spool/qmaster/cqueues/task": "qname task\nhostlist NONE\nslots 4\n",
    }
    for name, text in files.items():
        path = cell / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
    settings = loaded(str(cell), tmp_path)
    assert settings.scheduler == (("maxujobs", "7"),)
    assert settings.configuration == (("mailer", "/bin/m"),)
    assert settings.first_job_id == 210001
    assert [(queue.name, queue.slots) for queue in settings.queues] == [("task", 4)]

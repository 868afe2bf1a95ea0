"""Where settings come from, what is refused and how, and what the cache may and may not do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from gridcompat import settings
from gridcompat.errors import SettingsError
from gridcompat.settings import ParallelEnvironment, Queue, Settings, load

UID = os.getuid()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".config/gridcompat").mkdir(parents=True)
    return tmp_path


def site(home: Path, text: str) -> dict[str, str]:
    path = home / "site.toml"
    path.write_text(text)
    return {"GRIDCOMPAT_CONFIG": str(path)}


def test_without_files_and_variables_everything_is_at_its_default(home: Path) -> None:
    assert load({}, home=str(home), uid=UID) == (Settings(), {})
    assert not (home / ".cache").exists()


def test_later_sources_win_and_each_value_tells_its_origin(home: Path) -> None:
    environ = site(home, 'smtp = "site:25"\nsite_name = "old"\njsub_mem = "256m"\n')
    (home / ".config/gridcompat/config.toml").write_text('\nsite_name = "mine"\n')
    found, origins = load(environ | {"GRIDCOMPAT_SMTP": "127.0.0.1:2525"}, home=str(home), uid=UID)
    assert (found.smtp, found.site_name, found.jsub_mem) == ("127.0.0.1:2525", "mine", "256m")
    assert origins == {
        "smtp": "GRIDCOMPAT_SMTP",
        "site_name": f"{home}/.config/gridcompat/config.toml:2",
        "jsub_mem": f"{home}/site.toml:3",
    }


def test_tables_become_records(home: Path) -> None:
    text = """
projects = ["p1", "p2"]
release_images = { buster = "img:1" }
[[queue]]
name = "task"
slots = 3
limits = { h_rt = "3600" }
tolerations = [{ key = "a" }]
[[queue]]
name = "night"
rerun = true
[[parallel_environment]]
name = "smp"
slots = 8
"""
    environ = site(home, text)
    first = load(environ, home=str(home), uid=UID)[0]
    assert first.queues == (
        Queue(name="task", slots=3, limits=(("h_rt", "3600"),), tolerations='[{"key": "a"}]'),
        Queue(name="night", rerun=True),
    )
    assert first.parallel_environments == (ParallelEnvironment(name="smp", slots=8),)
    assert (first.projects, first.release_images) == (("p1", "p2"), (("buster", "img:1"),))
    assert load(environ, home=str(home), uid=UID)[0] == first, "the cache gives the same"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("smpt = 1", ":1: smpt: there is no such setting"),
        ("\n\nfirst_job_id = 0", ":3: first_job_id: '0' is too small"),
        ('first_job_id = "x"', ":1: first_job_id: 'x' is not a whole number"),
        ("debug = 1", ":1: debug: '1' is not true or false"),
        ('cluster = "slurm"', ":1: cluster: 'slurm' is not one of its values"),
        (
            '[[queue]]\nname="task"\n[[queue]]\nname="a"\nslots="4Q"',
            ":5: queue.a.slots: '4Q' is not a whole number",
        ),
        ('[[queue]]\nname="task"\nnosuch=1', ":3: queue.task.nosuch: there is no such setting"),
        ('[[volume]]\nname="v"\npath="rel"', ":1: volumes: 'rel' is not an absolute path"),
        ('[[volume]]\nname="v"\nsource="x"', ":3: volume.v.source: not a table"),
        ("[[queue]]\nslots=1", ":1: queue.1: has no name"),
        ('[[queue]]\nname="q"\n[[queue]]\nname="q"', ":1: queue.q: is there twice"),
        ('[[queue]]\nname="other"', ":1: queues: the default queue 'task' is not one of the queues"),
        ('queue = "task"', ":1: queue: not a list of tables"),
        ('projects = "p"', ":1: projects: not a list of texts"),
        ("a = = 1", ":1: invalid value"),
        ('smtp = "a\\nb"', ":1: smtp: a newline or NUL cannot be in a setting"),
        (
            '[[queue]]\nname="task"\nshell_start_mode="x"',
            ":3: queue.task.shell_start_mode: 'x' is not a start mode",
        ),
    ],
)
def test_a_fault_in_a_file_names_file_line_and_field(home: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(site(home, text), home=str(home), uid=UID)
    assert caught.value.message == f"{home}/site.toml{message}"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("GRIDCOMPAT_DEBUG", "maybe", "GRIDCOMPAT_DEBUG: 'maybe' is neither yes nor no"),
        ("GRIDCOMPAT_FIRST_JOB_ID", "x", "GRIDCOMPAT_FIRST_JOB_ID: 'x' is not a number"),
        ("GRIDCOMPAT_FIRST_JOB_ID", "-1", "GRIDCOMPAT_FIRST_JOB_ID: '-1' is too small"),
        ("GRIDCOMPAT_CLUSTER", "x", "GRIDCOMPAT_CLUSTER: 'x' is not one of its values"),
        ("GRIDCOMPAT_CONFIG", "/nonexistent/a.toml", "/nonexistent/a.toml: no such file"),
    ],
)
def test_a_fault_in_a_variable_names_it(home: Path, name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({name: value}, home=str(home), uid=UID)
    assert caught.value.message == message


def test_variables_have_the_fields_name_and_the_state_its_own(home: Path) -> None:
    environ = {
        "GRIDCOMPAT_STATE": "/s",
        "GRIDCOMPAT_DEBUG": "1",
        "GRIDCOMPAT_REQUEST_TIMEOUT_S": "2.5",
        "GRIDCOMPAT_SMTP": "",
    }
    found = load(environ, home=str(home), uid=UID)[0]
    assert (found.state_dir, found.debug, found.request_timeout_s, found.smtp) == ("/s", True, 2.5, "")


def test_a_file_is_parsed_once_and_again_when_it_changes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ = site(home, "id_block = 7\n")
    assert load(environ, home=str(home), uid=UID)[0].id_block == 7
    cache = home / settings.CACHE_FILE
    assert cache.stat().st_mode & 0o777 == 0o600
    monkeypatch.delitem(sys.modules, "gridcompat.settings.files")
    assert load(environ, home=str(home), uid=UID)[0].id_block == 7
    assert "gridcompat.settings.files" not in sys.modules
    site(home, "id_block = 12345\n")
    assert load(environ, home=str(home), uid=UID)[0].id_block == 12345


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 1}', '{"version": 99, "files": {}}', "null"])
def test_a_broken_cache_is_no_error(home: Path, content: str) -> None:
    cache = home / settings.CACHE_FILE
    cache.parent.mkdir(parents=True)
    cache.write_text(content)
    cache.chmod(0o600)
    assert load(site(home, "id_block = 7\n"), home=str(home), uid=UID)[0].id_block == 7


def test_a_cache_that_others_can_write_is_not_read(home: Path) -> None:
    environ = site(home, "id_block = 7\n")
    load(environ, home=str(home), uid=UID)
    cache = home / settings.CACHE_FILE
    cache.write_text(cache.read_text().replace("7", "8"))
    cache.chmod(0o666)
    assert load(environ, home=str(home), uid=UID)[0].id_block == 7


def test_a_cache_that_cannot_be_written_is_no_error(home: Path) -> None:
    (home / ".cache").write_text("not a folder")
    assert load(site(home, "id_block = 7\n"), home=str(home), uid=UID)[0].id_block == 7


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('mail_domain = "example.org"\n')
    home = tmp_path / "home"
    found, _ = load({"GRIDCOMPAT_CONFIG": str(site)}, home=str(home), uid=UID)
    assert found.mail_domain == "example.org"
    assert not home.exists()

"""What no recording shows: -V, verifiers, a cluster's approximations, the submitting shell, the real disk."""

from __future__ import annotations

import errno
import os

import pytest
from surroundings import CWD, HOME, Files, context

from gridcompat.errors import Refused, UnsupportedOption, UsageError
from gridcompat.model import SubmitContext
from gridcompat.options import build
from gridcompat.options.disk import DiskReader
from gridcompat.record import replace
from gridcompat.settings import ParallelEnvironment, Queue, Settings

SCRIPT: dict[str, bytes | None] = {"job.sh": b"echo\n"}


def test_all_variables_go_along_but_those_of_the_clusters_client() -> None:
    environment = {"A": "1", "KUBECONFIG": "/secret", "KUBERNETES_SERVICE_HOST": "x", "B": "2\n\udcff"}
    parsed = build.qsub(["-v", "C=3,A=9", "-V", "job.sh"], context=context(SCRIPT, environment=environment))
    assert parsed.submission.environment == (("C", "3"), ("A", "1"), ("B", "2\n\udcff"))
    assert parsed.submission.request.variables == ("C", "A", "B")
    assert parsed.submission.request.export_all


def test_a_client_variable_that_is_named_goes_along() -> None:
    parsed = build.qsub(
        ["-v", "KUBECONFIG", "job.sh"], context=context(SCRIPT, environment={"KUBECONFIG": "/mine"})
    )
    assert parsed.submission.environment == (("KUBECONFIG", "/mine"),)


def test_the_submitting_shell_is_remembered_as_far_as_it_is_known() -> None:
    parsed = build.qsub(["job.sh"], context=context(SCRIPT, environment={"HOME": "/h", "TZ": "CET"}))
    assert parsed.submission.request.submit == SubmitContext(home="/h", host="vm", tz="CET", workdir=CWD)


def test_the_current_directory_is_refused_when_there_is_none() -> None:
    nowhere = replace(context(SCRIPT), cwd="")
    with pytest.raises(UsageError, match=r"^getcwd\(\) failed$") as refusal:
        build.qsub(["-cwd", "job.sh"], context=nowhere)
    assert refusal.value.exit_status == 14
    assert build.qsub(["-b", "y", "true"], context=nowhere).submission.request.cwd is None


def test_the_script_travels_byte_for_byte() -> None:
    script = b"#!/bin/sh\r\n#$ -N x\r\n\xff\xfe echo 'a  b'\n\n"
    parsed = build.qsub(["job.sh", "a b", ""], context=context({"job.sh": script}))
    assert parsed.submission.script == script
    assert parsed.submission.request.arguments == ("a b", "")
    assert parsed.submission.request.name == "x"


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("/nowhere", UsageError, 'qsub: JSV "/nowhere" is either not a file or not executable'),
        ("job.sh", UnsupportedOption, "qsub: -jsv: there are no job submission verifiers here"),
        ("script:job.sh", UnsupportedOption, "qsub: -jsv: there are no job submission verifiers here"),
    ],
)
def test_verifiers_are_refused(url: str, error: type[UsageError], message: str) -> None:
    with pytest.raises(error) as caught:
        build.qsub(["-jsv", url, "job.sh"], context=context(SCRIPT))
    assert (caught.value.message, caught.value.exit_status) == (message, 3)


def several_hosts(approximations: str = "warn", cluster: str = "kubernetes") -> Settings:
    """Return settings with an environment of two slots on each host."""
    pairs = ParallelEnvironment(name="pairs", allocation_rule="2")
    environments = (*Settings().parallel_environments, pairs)
    return Settings(cluster=cluster, approximations=approximations, parallel_environments=environments)


@pytest.mark.parametrize("slots", ["3", "1-4", "2-"])
def test_a_cluster_approximates_and_says_so_as_the_site_wishes(slots: str) -> None:
    def parse(settings: Settings) -> tuple[str, ...]:
        words = ["-pe", "pairs", slots, "job.sh"]
        return build.qsub(words, context=context(SCRIPT, settings=settings)).notes

    assert parse(several_hosts(cluster="embedded")) == ()
    assert parse(several_hosts("quiet")) == ()
    assert parse(several_hosts()) == ("qsub: warning: -pe pairs: all slots are on one host",)
    with pytest.raises(UnsupportedOption):
        parse(several_hosts("refuse"))


@pytest.mark.parametrize(
    "words",
    [
        ["-pe", "pairs", "2"],
        ["-pe", "mpi", "2"],
        ["-pe", "smp", "8"],
        ["-soft", "-l", "h_rt=5"],
        ["-soft", "-q", "task"],
    ],
)
def test_what_one_host_and_no_wish_contradict_is_not_worth_a_word(words: list[str]) -> None:
    surroundings = context(SCRIPT, settings=several_hosts("refuse"))
    assert build.qsub([*words, "job.sh"], context=surroundings).notes == ()


def test_names_are_checked_against_the_sites_settings() -> None:
    settings = Settings(queues=(Queue(name="long"),), default_queue="long", projects=("web",))
    surroundings = context(SCRIPT, settings=settings)
    request = build.qsub(["-q", "lo*", "-P", "web", "job.sh"], context=surroundings).submission.request
    assert (request.hard_queues, request.project) == (("lo*",), "web")
    with pytest.raises(Refused, match='unknown queue "task"'):
        build.qsub(["-q", "task", "job.sh"], context=surroundings)


def test_a_limit_above_the_queues_own_is_unsuitable() -> None:
    settings = Settings(queues=(Queue(name="task", limits=(("h_rt", "1:0:0"),)),))
    surroundings = context(SCRIPT, settings=settings)
    assert build.qsub(["-w", "v", "-l", "h_rt=3600", "job.sh"], context=surroundings).unsuitable == ""
    reason = '(-l h_rt=3601) cannot run in queue "task@vm" because it offers only qf:h_rt=1:0:0'
    assert build.qsub(["-w", "v", "-l", "h_rt=3601", "job.sh"], context=surroundings).unsuitable == reason


def test_the_real_reader_reads_files_and_tells_what_is_there(tmp_path: os.PathLike[str]) -> None:
    reader = DiskReader()
    path = os.path.join(tmp_path, "file")
    with open(path, "wb") as file:
        file.write(b"a\0b\n")
    assert reader.file(path) == b"a\0b\n"
    assert reader.file(path, limit=2) == b"a\0"
    assert (reader.kind(path), reader.kind(os.fspath(tmp_path)), reader.kind(path + "x")) == (
        "file",
        "dir",
        "",
    )
    os.chmod(path, 0o700)
    assert reader.kind(path) == "executable"
    assert reader.kind("a\0b") == ""
    with pytest.raises(FileNotFoundError):
        reader.file(path + "x")


def test_a_bare_environment_is_enough() -> None:
    request = build.qsub(["job.sh"], context=context(SCRIPT, environment={})).submission.request
    assert request.submit == SubmitContext(host="vm", workdir=CWD)


def test_a_request_file_that_cannot_be_read_is_told_of_and_left_out() -> None:
    class Unreadable(Files):
        def file(self, path: str, limit: int = -1) -> bytes:
            if path.endswith(".sge_request"):
                raise PermissionError(errno.EACCES, "Permission denied", path)
            return super().file(path, limit)

    parsed = build.qsub(["job.sh"], context=context(reader=Unreadable(SCRIPT, b"")))
    assert parsed.warnings[0] == f"warning: error opening {HOME}/.sge_request: Permission denied"

"""Whatever is typed and whatever jobs are called: no traceback, no broken line, no broken XML."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

import printed_jobs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from printed_world import NOW, World, create_namespace, proc, running

from gridcompat.cluster.base import GRID_JOB, NODE, Kind
from gridcompat.commands import _hosts
from gridcompat.commands._qstat_job import environment_values
from gridcompat.errors import Forbidden
from gridcompat.model import JobRequest, SubmitContext
from gridcompat.options import table
from gridcompat.output import qstat, qstat_xml
from gridcompat.output.hosts import Host, size, topology
from gridcompat.output.xml import escaped
from gridcompat.translate.grid_job import environment_text
from gridcompat.translate.rows import Row

QUICK = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ANY = st.text(st.characters(codec="utf-8"))
NAMES = st.one_of(ANY, st.text(st.characters(categories=["Cc", "Cs", "Zl", "Zp", "Cn"])))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The grid of `printed_jobs`."""
    found = World(tmp_path_factory.mktemp("any"), printed_jobs.SETTINGS)
    printed_jobs.fill(found)
    found.accounting.write_bytes(b"broken\n" * 3)
    yield found
    found.cluster.close()


def argv(command: str) -> st.SearchStrategy[list[str]]:
    """Command lines of real switches, real arguments and noise."""
    switches = [option.switch for option in table.every(command)] or [
        "-sq",
        "-sp",
        "-sc",
        "-se",
        "-shgrp",
        "-mq",
    ]
    words = [
        "1003",
        "runner",
        "task",
        "c*",
        "h_vmem=1G",
        "release=x",
        "prsz",
        "hu",
        "smp",
        "node1",
        "alice",
        "*",
    ]
    noise = st.one_of(st.sampled_from(["", "-", "--", ",", "[", "@", "=", "0", "-1", "9" * 30, "1-"]), ANY)
    return st.lists(st.one_of(st.sampled_from(switches), st.sampled_from(words), noise), max_size=6)


@pytest.mark.parametrize("command", ["qstat", "qhost", "qselect", "qacct", "qconf"])
def test_no_command_line_gives_a_traceback(command: str, world: World) -> None:
    @QUICK
    @given(argv(command))
    def check(words: list[str]) -> None:
        result = world.run(command, *words)
        assert 0 <= result.status <= 1
        if command in ("qstat", "qhost") and "-xml" in words and result.out.startswith("<?xml"):
            ElementTree.fromstring(result.out)

    check()


def row(name: str, owner: str = "alice", **changes: Any) -> Row:
    """A running task with such a name."""
    made = Row()
    fields: dict[str, Any] = dict.fromkeys(("tasks", "held", "state", "queue"), "")
    fields |= {
        "job_id": 1234,
        "name": name,
        "owner": owner,
        "priority": 0,
        "submitted": 1,
        "time": 1,
        "slots": 2,
    }
    fields |= {"start_after": 0, "array": False, "rest": False, "blocked": False, "blocked_by_task": False}
    fields |= {"state": "r", "queue": "task@node1"}
    for key, value in (fields | changes).items():
        setattr(made, key, value)
    return made


VIEWS = [
    qstat.PLAIN,
    qstat.View(extended=True, priorities=True, urgencies=True, subtasks=True),
    qstat.View(full=True, masters=True),
]


@QUICK
@given(name=NAMES, owner=NAMES)
def test_names_with_any_characters_stay_within_their_line(name: str, owner: str) -> None:
    one = row(name, owner)
    assert len(qstat.listing([one], NOW).splitlines()) == 3
    for view in VIEWS:
        lines = 2 if view.masters or view.subtasks else 1
        assert len(qstat.lines(one, view, NOW).splitlines()) == lines
    request = JobRequest(name=name, hard_queues=(name,), hard_resources=((name, owner),), checkpoint=name)
    below = qstat.requests(one, request, printed_jobs.SETTINGS, view=qstat.PLAIN, granted="", binding=True)
    assert len(below.splitlines()) == 6 + bool(name)


@QUICK
@given(name=NAMES, owner=NAMES)
def test_names_with_any_characters_leave_xml_whole(name: str, owner: str) -> None:
    one = row(name, owner)
    request = JobRequest(name=name, hard_queues=(name,), soft_resources=((name, owner),))
    for view in VIEWS:
        below = qstat_xml.requests(one, request, printed_jobs.SETTINGS, view=view, granted=name, binding=True)
        text = qstat_xml.document(qstat_xml.job_lists(one, view, NOW, below=below), "")
        found = ElementTree.fromstring(text.encode("utf-8", "surrogatepass"))
        if name.isprintable():
            assert (found.findtext(".//JB_name") or "") == name


@QUICK
@given(st.text())
def test_escaped_text_comes_back_if_xml_can_hold_it(text: str) -> None:
    back = ElementTree.fromstring(f"<a>{escaped(text)}</a>").text or ""
    assert len(back) == len(text)
    assert all(a == b or b == "?" for a, b in zip(text, back, strict=True))


@pytest.mark.parametrize("value", ["a\nb", "<&>", "'\"'", "set -- \"$@\" 'X=1'", "\u2028", ""])
def test_requests_with_odd_values_are_shown_and_stay_xml(value: str, tmp_path: Any) -> None:
    world = World(tmp_path)
    request = JobRequest(
        name="odd",
        script_file=value,
        arguments=(value, value),
        account=value,
        cwd=value,
        context=((value, value),),
        mail_list=(value,),
        hard_resources=((value, value),),
        variables=("A",),
        submit=SubmitContext(home=value, host=value, tz=value, log_name="a"),
    )
    failed = {"tasks": "1", "attempt": 1, "restarted": 0, "at": 0, "reason": value}
    world.add(1500, request, status={"errors": [failed]}, environment=(("A", value),))
    text = world.run("qstat", "-j", "1500")
    assert text.status == 0
    keys = [line.partition(":")[0] for line in text.out.splitlines()[1:]]
    assert all(keys) and "error reason          1" in keys and keys[-1] == "scheduling info"
    document = ElementTree.fromstring(world.run("qstat", "-xml", "-j", "1500").out)
    assert document.findtext(".//JB_owner") == "alice"
    world.cluster.close()


@QUICK
@given(st.lists(st.tuples(st.text(st.characters(codec="ascii", exclude_characters="=\0"), min_size=1), ANY)))
def test_the_environment_in_a_secret_is_read_back(pairs: list[tuple[str, str]]) -> None:
    script = environment_text(tuple(pairs)).decode("utf-8", "surrogateescape")
    assert environment_values(script) == pairs
    assert environment_values(script[:-3]) == pairs[:-1]


def test_without_the_right_to_read_secrets_only_names_are_shown(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    world.add(1500, JobRequest(name="a", variables=("A", "B")), environment=(("A", "1"), ("B", "2")))
    assert "env_list:                   TERM=NONE,A=1,B=2\n" in world.run("qstat", "-j", "1500").out
    get = world.cluster.get

    def refusing(kind: Kind, name: str, *, namespace: str | None) -> Any:
        if kind.kind == "Secret":
            raise Forbidden("secrets")
        return get(kind, name, namespace=namespace)

    monkeypatch.setattr(world.cluster, "get", refusing)
    assert "env_list:                   TERM=NONE,A,B\n" in world.run("qstat", "-j", "1500").out
    world.cluster.close()


def test_other_users_are_shown_when_asked_for_and_readable(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    create_namespace(world, "tool-bob")
    world.add(1500, JobRequest(name="mine"))
    world.add(
        1501, JobRequest(name="his"), status={"running": [running()]}, namespace="tool-bob", owner="bob"
    )

    def names(*words: str) -> list[str]:
        return [line.split()[2] for line in world.run("qstat", *words).out.splitlines()[2:]]

    assert names() == ["mine"]
    assert names("-u", "bob") == ["his"]
    assert names("-u", "*") == ["his", "mine"]
    assert names("-u", "b*,$user") == ["his", "mine"]
    assert "job_name:                   his\n" in world.run("qstat", "-j", "1501").out
    assert "job_name:                   his\n" in world.run("qstat", "-j", "h*").out
    assert "0/1/100" in world.run("qstat", "-f").out

    def own_only(method: Any) -> Any:
        def call(kind: Kind, *, namespace: str | None, **more: Any) -> Any:
            if namespace is None:
                raise Forbidden("not all namespaces")
            return method(kind, namespace=namespace, **more)

        return call

    for method in ("list", "table"):
        monkeypatch.setattr(world.cluster, method, own_only(getattr(world.cluster, method)))
    assert names("-u", "*") == ["mine"]
    assert names("-u", "bob") == []
    assert world.run("qstat", "-j", "1501").status == 1
    assert world.run("qstat", "-j").status == 0
    assert world.run("qhost", "-F").status == 0
    world.cluster.close()


def test_options_of_the_request_file_come_before_those_typed(tmp_path: Any) -> None:
    world = World(tmp_path)
    printed_jobs.fill(world)
    (world.home / ".sge_qstat").write_text("# mine\n-s r\n  -pri\n")
    assert world.run("qstat").out == world.run("qstat", "-s", "r", "-pri").out
    assert world.run("qstat", "-s", "hu").out == world.run("qstat", "-pri", "-s", "hu").out
    world.cluster.close()


def test_hosts_come_from_nodes_and_from_what_runs(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hosts, "PROC", str(tmp_path / "nothing"))
    world = World(tmp_path)
    status = {"status": {"capacity": {"cpu": "8", "memory": "1048576Ki"}}}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node2"}}
    world.cluster.create(node)
    world.cluster.patch(NODE, "node2", status, namespace=None, subresource="status")
    world.add(1500, JobRequest(name="a"), status={"running": [running(host="node3")]})
    lines = world.run("qhost").out.splitlines()[3:]
    assert [line.split() for line in lines] == [
        ["node1", "lx-amd64", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
        ["node2", "lx-amd64", "8", "1", "8", "8", "-", "1.0G", "-", "-", "-"],
        ["node3", "lx-amd64", "-", "-", "-", "-", "-", "-", "-", "-", "-"],
    ]
    assert "task@node2                     BP    0/0/100        -NA-" in world.run("qstat", "-f").out
    assert "-NA-" in world.run("qstat", "-g", "c").out
    assert world.run("qstat", "-f", "-xml").status == 0
    world.cluster.close()


@pytest.mark.parametrize(
    ("text", "value"), [("8", 8), ("1Ki", 1024), ("2G", 2 * 10**9), ("x", None), ("", None), ("1500m", None)]
)
def test_capacities_of_nodes(text: str, value: int | None) -> None:
    assert _hosts._quantity(text) == value


def test_proc_files_that_cannot_be_understood_are_left_out(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _hosts, "PROC", proc(tmp_path / "proc", {"loadavg": "x\n", "meminfo": "MemTotal: x\n"})
    )
    assert _hosts._load() == (None, None, None)
    assert _hosts._memory() == {}
    assert _hosts._processors() == (0, 0, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0, "0.0"), (1023, "1023.0"), (1 << 20, "1.0M"), (5 << 40, "5120.0G")],
)
def test_sizes_are_shown_with_a_letter(value: int | None, text: str) -> None:
    assert size(value) == text


def test_the_topology_names_sockets_cores_and_threads() -> None:
    assert topology(Host(name="a", sockets=2, cores=4, threads=8)) == "SCTTCTTSCTTCTT"
    assert topology(Host(name="a", sockets=1, cores=2, threads=2)) == "SCC"
    assert topology(Host(name="a")) is None


def test_instants_without_a_calendar_are_no_error() -> None:
    far = row("a", time=10**17)
    assert "01/01/1970" in qstat.lines(far, qstat.PLAIN, NOW)
    assert "1970-01-01" in qstat_xml.job_lists(far, qstat.PLAIN, NOW)


def test_a_request_that_cannot_be_read_still_shows_the_job(tmp_path: Any) -> None:
    world = World(tmp_path)
    world.add(1500, JobRequest(name="a"), request='{"schema":99}')
    assert "job_name:                   a\n" in world.run("qstat", "-j", "1500").out
    assert "Full jobname:     a\n" in world.run("qstat", "-r").out
    assert world.cluster.get(GRID_JOB, "1500", namespace="default")["spec"]["request"] == '{"schema":99}'
    world.cluster.close()


def test_a_continuous_job_shows_the_script_that_its_loop_is(tmp_path: Any) -> None:
    world = World(tmp_path)
    request = JobRequest(
        name="bot", script_file="STDIN", arguments=("/bin/bot", "x"), binary=True, continuous=True
    )
    world.add(1500, request)
    text = world.run("qstat", "-j", "1500").out
    assert "job_args" not in text and text.endswith(
        "binding:                    NONE\njob_type:                   NONE\n"
    )
    document = ElementTree.fromstring(world.run("qstat", "-xml", "-j", "1500").out)
    assert document.find(".//JB_job_args") is None
    assert document.findtext(".//JB_type") == "0"
    world.cluster.close()


@pytest.mark.parametrize("jobs", [1, 12])
def test_a_waiting_parallel_job_shows_the_least_slots_it_asks_for(jobs: int, tmp_path: Any) -> None:
    world = World(tmp_path)
    request = JobRequest(name="par", parallel_environment="smp", slot_ranges=((2, 4, 1), (8, 8, 1)))
    for number in range(1500, 1500 + jobs):
        world.add(number, request, slots=8)
    world.add(1400, request, slots=8, status={"running": [running(slots=8)]})
    slots = [line.split()[-1] for line in world.run("qstat").out.splitlines()[2:]]
    assert slots == ["8"] + ["2"] * jobs
    world.cluster.close()

"""Requests: trying again, deadlines, and what answers mean. Over a server on the loopback interface."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gridcompat.cluster import base
from gridcompat.cluster.base import Selector
from gridcompat.cluster.http import UNREACHABLE_PAUSE_S, Connection, Http, meaning
from gridcompat.cluster.kubeconfig import Access
from gridcompat.cluster.rest import RestCluster
from gridcompat.errors import (
    ClusterError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    ServerFault,
    Unavailable,
    Unreachable,
)

Answer = tuple[int, dict[str, str], Any]


class Server:
    """Gives the answers it was told to, one after the other, and keeps what was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer | None] = []
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.connections = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                outer.connections += 1
                super().setup()

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                outer.asked.append(
                    (self.command, self.path, dict(self.headers.items()), json.loads(body) if body else None)
                )
                told = outer.answers.pop(0) if outer.answers else (200, {}, {})
                if told is None:  # hang up
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, content = told
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815  (names of the base class)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name of the base)
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    found: list[float] = []
    monkeypatch.setattr("gridcompat.cluster.http.time.sleep", found.append)
    return found


@pytest.fixture
def rest(server: Server, pauses: list[float]) -> Iterator[RestCluster]:
    found = RestCluster(Access(server=server.url, token="t0ken"), timeout_s=5)
    yield found
    found.close()


JOB = {"apiVersion": "gridcompat.io/v1", "kind": "GridJob", "metadata": {"name": "1", "namespace": "ns"}}


def get(rest: RestCluster) -> Any:
    return rest.get(base.GRID_JOB, "1", namespace="ns")


def create(rest: RestCluster) -> Any:
    return rest.create(JOB)


def patch(rest: RestCluster) -> Any:
    return rest.patch(base.GRID_JOB, "1", {"spec": {"slots": 1}}, namespace="ns")


def swap(rest: RestCluster) -> Any:
    return rest.patch(base.GRID_JOB, "1", {"spec": {"slots": 1}}, namespace="ns", if_version="7")


def status(code: int, reason: str = "", message: str = "words") -> Answer:
    return code, {}, {"kind": "Status", "code": code, "reason": reason, "message": message}


OK: Answer = (200, {}, JOB)


def test_requests_have_the_form_the_api_wants(server: Server, rest: RestCluster) -> None:
    create(rest)
    rest.patch(base.POD, "a b/c", {"x": 1}, namespace="ns", subresource="status", if_version="7")
    rest.delete(base.NODE, "n", namespace=None, propagation="Orphan", if_uid="u", grace_s=0)
    server.answers = [
        (200, {}, {"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "a"}}]})
    ]
    fields = Selector(labels={"a": "b", "c": "d"}, fields={"spec.jobName": "x,y=z\\"})
    listing = rest.list(base.GRID_JOB, namespace=None, selector=fields)
    assert [(method, path, body) for method, path, _, body in server.asked] == [
        ("POST", "/apis/gridcompat.io/v1/namespaces/ns/gridjobs?fieldValidation=Strict", JOB),
        (
            *("PATCH", "/api/v1/namespaces/ns/pods/a%20b%2Fc/status?fieldValidation=Strict"),
            {"x": 1, "metadata": {"resourceVersion": "7"}},
        ),
        (
            *("DELETE", "/api/v1/nodes/n"),
            {
                "kind": "DeleteOptions",
                "apiVersion": "v1",
                "propagationPolicy": "Orphan",
                "preconditions": {"uid": "u"},
                "gracePeriodSeconds": 0,
            },
        ),
        (
            "GET",
            "/apis/gridcompat.io/v1/gridjobs?labelSelector=a%3Db%2Cc%3Dd"
            "&fieldSelector=spec.jobName%3Dx%5C%2Cy%5C%3Dz%5C%5C",
            None,
        ),
    ]
    assert server.asked[0][2]["Authorization"] == "Bearer t0ken"
    assert server.asked[1][2]["Content-Type"] == "application/merge-patch+json"
    assert listing.items == [{"apiVersion": "gridcompat.io/v1", "kind": "GridJob", "metadata": {"name": "a"}}]
    assert server.connections == 1


def test_of_some_kinds_only_what_has_a_label_is_asked_for(server: Server) -> None:
    access = Access(server=server.url)
    cluster = RestCluster(access, timeout_s=5, only_labelled={"Pod": "gridcompat.io/job"})
    empty: Answer = (200, {}, {"metadata": {"resourceVersion": "9"}, "items": []})
    server.answers = [empty, empty, empty, status(403)]
    cluster.list(base.POD, namespace=None)
    cluster.list(base.POD, namespace=None, selector=Selector(labels={"a": "b"}))
    cluster.list(base.NODE, namespace=None)
    with pytest.raises(Forbidden):
        next(iter(cluster.watch(base.POD, namespace=None, since="1", timeout_s=1)))
    cluster.close()
    paths = [path for _, path, _, _ in server.asked]
    assert paths[:3] == [
        "/api/v1/pods?labelSelector=gridcompat.io%2Fjob",
        "/api/v1/pods?labelSelector=a%3Db%2Cgridcompat.io%2Fjob",
        "/api/v1/nodes",
    ]
    assert "labelSelector=gridcompat.io%2Fjob" in paths[3]


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        *((status(404, "NotFound"), NotFound, None), (status(410, "Expired"), Expired, None)),
        *(
            (status(409, "AlreadyExists"), Conflict, "AlreadyExists"),
            (status(409, "Conflict"), Conflict, "Conflict"),
        ),
        *(
            (status(400), Invalid, None),
            (status(422, "Invalid"), Invalid, None),
            (status(413), Invalid, None),
        ),
        *((status(401), Forbidden, None), (status(403, "Forbidden"), Forbidden, None)),
        *((status(500), ServerFault, None), (status(418), ClusterError, None)),
        (status(500, message="etcdserver: request is too large"), Invalid, None),
        *(((403, {}, b"a proxy's words"), Forbidden, None), ((404, {}, b""), NotFound, None)),
    ],
    ids=str,
)
def test_answers_become_the_errors_of_the_port(
    server: Server, rest: RestCluster, answer: Answer, kind: type[ClusterError], reason: str | None
) -> None:
    server.answers = [answer]
    with pytest.raises(ClusterError) as caught:
        create(rest)
    assert type(caught.value) is kind
    assert getattr(caught.value, "reason", None) == reason
    assert caught.value.message and len(server.asked) == 1


@pytest.mark.parametrize("call", [get, create, patch, swap])
@pytest.mark.parametrize("code", [429, 503])
def test_a_server_that_says_later_is_asked_later(
    server: Server, rest: RestCluster, pauses: list[float], call: Callable[[RestCluster], Any], code: int
) -> None:
    server.answers = [status(code), status(code), OK]
    assert call(rest) == JOB
    assert len(server.asked) == 3 and len(pauses) == 2 and all(0 <= pause <= 1 for pause in pauses)


def test_it_waits_as_long_as_the_server_asks(server: Server, rest: RestCluster, pauses: list[float]) -> None:
    server.answers = [(429, {"Retry-After": "2"}, {}), OK]
    assert get(rest) == JOB
    assert 2 <= pauses[0] < 3


def test_a_refusal_of_a_server_that_was_just_away_is_not_believed(
    server: Server, rest: RestCluster, pauses: list[float]
) -> None:
    server.answers = [None, status(403, "Forbidden"), status(403, "Forbidden"), (200, {}, {"kind": "Node"})]
    assert rest.get(base.NODE, "n", namespace=None) == {"kind": "Node"}
    assert len(server.asked) == 4


NO_RIGHT = 'gridjobs "1" is forbidden: User "games" cannot get resource "gridjobs"'


@pytest.mark.parametrize(
    "unready", [status(403, message=NO_RIGHT), (500, {}, b"not yet")], ids=["403", "500"]
)
def test_rights_that_a_server_does_not_know_yet_are_asked_for_again(
    server: Server, rest: RestCluster, pauses: list[float], unready: Answer
) -> None:
    no = status(403, "Forbidden", message=NO_RIGHT)
    server.answers = [no, unready, no, (200, {}, JOB)]
    assert get(rest) == JOB
    assert len(pauses) == 2


def test_a_server_that_is_ready_means_what_it_refuses(
    server: Server, rest: RestCluster, pauses: list[float]
) -> None:
    server.answers = [status(403, "Forbidden", message=NO_RIGHT), (200, {}, b"ok")]
    with pytest.raises(Forbidden, match="cannot get"):
        get(rest)
    assert pauses == []


@pytest.mark.parametrize(
    "message",
    [
        "gridjobs 'x' is forbidden: status unknown for quota: gridcompat",
        "ValidatingAdmissionPolicy 'p' with binding 'p' denied request: failed to configure policy: "
        "failed to find resource referenced by paramKind: 'gridcompat.io/v1, Kind=GridAccount'",
    ],
    ids=["quota", "policy"],
)
@pytest.mark.parametrize(("code", "reason"), [(403, "Forbidden"), (422, "Invalid")])
def test_a_server_that_does_not_know_all_yet_is_asked_again(
    server: Server, rest: RestCluster, pauses: list[float], message: str, code: int, reason: str
) -> None:
    server.answers = [status(code, reason, message=message), OK]
    assert create(rest) == JOB
    assert len(server.asked) == 2 and len(pauses) == 1
    assert isinstance(meaning(code, json.dumps({"message": message}).encode()), Unavailable)


def test_what_is_really_invalid_is_not_sent_again(
    server: Server, rest: RestCluster, pauses: list[float]
) -> None:
    server.answers = [status(422, "Invalid", message="spec.slots: must be at least 1"), OK]
    with pytest.raises(Invalid):
        create(rest)
    assert len(server.asked) == 1 and pauses == []


def test_but_not_longer_than_its_own_time(server: Server, rest: RestCluster, pauses: list[float]) -> None:
    server.answers = [(429, {"Retry-After": "60"}, {"message": "busy"})]
    with pytest.raises(Unavailable, match="busy"):
        get(rest)
    assert pauses == [] and len(server.asked) == 1


@pytest.mark.parametrize(("call", "again"), [(get, True), (patch, True), (create, False), (swap, False)])
@pytest.mark.parametrize("answer", [None, status(500), status(504)], ids=["hung up", "500", "504"])
def test_only_what_may_happen_twice_is_sent_twice(
    server: Server, rest: RestCluster, call: Callable[[RestCluster], Any], again: bool, answer: Answer | None
) -> None:
    server.answers = [answer, OK]
    if again:
        assert call(rest) == JOB
        assert len(server.asked) == 2
    else:
        with pytest.raises(Unavailable):
            call(rest)
        assert len(server.asked) == 1


def test_a_connection_that_was_closed_meanwhile_is_made_anew(server: Server, rest: RestCluster) -> None:
    server.answers = [(200, {"Connection": "close"}, JOB)]
    get(rest)
    assert create(rest) == {}
    found = next(iter(rest._http._connections.values()))
    found.sock.shutdown(socket.SHUT_RDWR)  # as if the server had gone
    assert create(rest) == {}
    assert server.connections == 3 and len(server.asked) == 3


def test_a_silent_server_is_given_up(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        rest = RestCluster(Access(server=f"http://127.0.0.1:{silent.getsockname()[1]}"), timeout_s=0.3)
        start = time.monotonic()
        with pytest.raises(Unavailable, match="no answer in time"):
            create(rest)
        assert time.monotonic() - start < 2
        rest.close()


def test_a_server_that_is_not_there_is_tried_again_and_given_up(pauses: list[float]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    rest = RestCluster(Access(server=f"http://127.0.0.1:{port}"), timeout_s=0.5)
    with pytest.raises(Unavailable, match="Connection refused"):
        create(rest)
    assert pauses != []
    rest.close()


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return int(closed.getsockname()[1])


@pytest.mark.parametrize("call", [get, create])
def test_where_nobody_listens_the_wait_is_short(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch, call: Callable[[RestCluster], Any]
) -> None:
    monkeypatch.setattr("gridcompat.cluster.http.UNREACHABLE_S", 1.5)
    rest = RestCluster(Access(server=f"http://127.0.0.1:{closed_port()}"), timeout_s=60)
    start = time.monotonic()
    with pytest.raises(Unreachable, match="Connection refused"):
        call(rest)
    assert time.monotonic() - start < 20
    assert len(pauses) > 3 and max(pauses) <= UNREACHABLE_PAUSE_S
    rest.close()


def test_a_server_that_listens_again_is_waited_for_as_ever(
    server: Server, rest: RestCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, tries = closed_port(), []
    monkeypatch.setattr("gridcompat.cluster.http.UNREACHABLE_S", 5.0)
    real = Connection.connect

    def connect(self: Connection) -> None:
        tries.append(self.port)
        if len(tries) < 4:
            self.port = port
        real(self)

    monkeypatch.setattr(Connection, "connect", connect)
    server.answers = [None, OK]
    assert get(rest) == JOB
    assert len(tries) == 5, "three refused, one that hangs up, one that answers"


@pytest.mark.parametrize(
    ("number", "again"), [(socket.EAI_NONAME, False), (socket.EAI_AGAIN, True)], ids=["unknown", "not now"]
)
def test_a_name_that_nobody_knows_is_told_at_once(
    pauses: list[float], monkeypatch: pytest.MonkeyPatch, number: int, again: bool
) -> None:
    def getaddrinfo(*_what: Any, **_how: Any) -> Any:
        raise socket.gaierror(number, "words")

    monkeypatch.setattr("socket.getaddrinfo", getaddrinfo)
    monkeypatch.setattr("gridcompat.cluster.http.UNREACHABLE_S", 1.5)
    rest = RestCluster(Access(server="http://no-such-host:1"), timeout_s=60)
    with pytest.raises(Unreachable, match="http://no-such-host:1: unknown host"):
        create(rest)
    assert bool(pauses) is again
    rest.close()


def test_certificates_that_cannot_be_used_are_said_so() -> None:
    for access in (
        Access(server="https://127.0.0.1:1", ca="/none/ca.crt"),
        Access(server="https://127.0.0.1:1", client_certificate="-----BEGIN NOTHING", client_key="-----"),
    ):
        rest = RestCluster(access, timeout_s=1)
        with pytest.raises(ClusterError, match="certificates"):
            get(rest)
        rest.close()


def test_a_token_file_is_read_each_time(server: Server, pauses: list[float], tmp_path: Any) -> None:
    path = f"{tmp_path}/token"
    rest = RestCluster(Access(server=server.url, token_file=path), timeout_s=1)
    for token in ("one", "two"):
        with open(path, "w", encoding="ascii") as file:
            file.write(token + "\n")
        get(rest)
        assert server.asked[-1][2]["Authorization"] == f"Bearer {token}"
    rest.close()


def test_an_answer_that_is_not_json_is_an_error(server: Server, rest: RestCluster) -> None:
    server.answers = [(200, {}, b"<html>")]
    with pytest.raises(ClusterError, match="not JSON"):
        get(rest)


def line(kind: str, version: str) -> bytes:
    return json.dumps({"type": kind, "object": {"metadata": {"resourceVersion": version}}}).encode() + b"\n"


def watch(rest: RestCluster) -> list[tuple[str, str]]:
    events = rest.watch(base.GRID_JOB, namespace="ns", since="5", timeout_s=10)
    return [(event.type, event.object["metadata"]["resourceVersion"]) for event in events]


def test_a_watch_yields_lines_and_ends_with_the_answer(server: Server, rest: RestCluster) -> None:
    server.answers = [(200, {}, line("ADDED", "6") + line("BOOKMARK", "9"))]
    assert watch(rest) == [("ADDED", "6"), ("BOOKMARK", "9")]
    assert server.asked[0][1] == (
        "/apis/gridcompat.io/v1/namespaces/ns/gridjobs"
        "?watch=true&resourceVersion=5&allowWatchBookmarks=true&timeoutSeconds=10"
    )


def test_a_torn_line_is_not_an_event(server: Server, rest: RestCluster) -> None:
    server.answers = [(200, {}, line("ADDED", "6") + b'{"type":"ADD')]
    assert watch(rest) == [("ADDED", "6")]


@pytest.mark.parametrize("inside", [True, False], ids=["as an event", "as the answer"])
def test_a_version_that_is_too_old_is_expired(server: Server, rest: RestCluster, inside: bool) -> None:
    gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
    event = json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n"
    server.answers = [(200, {}, event) if inside else (410, {}, gone)]
    with pytest.raises(Expired, match="too old"):
        watch(rest)


def test_a_watch_that_is_refused_says_why(server: Server, rest: RestCluster) -> None:
    server.answers = [status(403, message="not yours")]
    with pytest.raises(Forbidden, match="not yours"):
        watch(rest)


def test_strict_decoding_errors_come_without_the_object() -> None:
    long = 'GridJob "1" is invalid: patch: "{...}": strict decoding error: unknown field "spec.a"'
    found = meaning(422, json.dumps({"message": long}).encode())
    assert found.message == 'strict decoding error: unknown field "spec.a"'


def test_a_watch_on_which_nothing_comes_is_taken_for_lost() -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        http_ = Http(Access(server=f"http://127.0.0.1:{quiet.getsockname()[1]}"), timeout_s=5)
        over = threading.Event()

        def answer() -> None:
            connection, _ = quiet.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + line("ADDED", "6"))
            over.wait(30)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        read = http_.stream("/", timeout_s=0.2)
        assert read() == line("ADDED", "6")
        assert read() == b""
        assert thread.is_alive(), "the other side still holds the connection"
        over.set()
        thread.join()
        http_.close()


def test_closing_ends_a_watch(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as quiet:
        http_ = Http(Access(server=f"http://127.0.0.1:{quiet.getsockname()[1]}"), timeout_s=5)
        begun = threading.Event()

        def answer() -> None:
            connection, _ = quiet.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            begun.wait(5)
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        read = http_.stream("/", timeout_s=5)
        http_.close()
        begun.set()
        assert read() == b""
        thread.join()

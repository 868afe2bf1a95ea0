"""mailer/send.py: logins, encryption, programs and digests."""

from __future__ import annotations

import email
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from happenings import ENDED, NOW
from mail_desk import Desk, subjects
from smtp_server import Server

from gridcompat.mailer import transport
from gridcompat.mailer.send import DIGEST_WAIT_S
from gridcompat.mailer.transport import server_address
from gridcompat.record import replace


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "spool")
    yield made
    made.sender.close()


@pytest.fixture
def server(desk: Desk) -> Iterator[Server]:
    with Server() as made:
        desk.use(smtp=made.address)
        yield made


# ---- login and encryption


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("geheim\n")
    return str(path)


def test_a_login_is_made_with_the_password_of_the_file(desk: Desk, password_file: str) -> None:
    with Server(password="geheim") as server:
        desk.use(smtp=server.address, smtp_user="grid", smtp_password_file=password_file)
        desk.post(1)
        desk.work()
        assert [mail.user for mail in server.received] == ["grid"]


def test_a_wrong_password_delays_mails_and_is_not_shown(desk: Desk, password_file: str) -> None:
    with Server(password="another") as server:
        desk.use(smtp=server.address, smtp_user="grid", smtp_password_file=password_file)
        desk.post(1)
        desk.work()
        assert desk.count() == (1, 0, 0)
    assert desk.said("535")
    assert not desk.said("geheim")


def test_a_missing_password_file_delays_mails(desk: Desk) -> None:
    with Server(password="geheim") as server:
        desk.use(smtp=server.address, smtp_user="grid", smtp_password_file="/nonexistent/password")
        desk.post(1)
        desk.work()
        assert desk.count() == (1, 0, 0)
    assert desk.said("/nonexistent/password")


def test_a_login_that_the_server_does_not_know_delays_mails(
    desk: Desk, server: Server, password_file: str
) -> None:
    desk.use(smtp_user="grid", smtp_password_file=password_file)
    desk.post(1)
    desk.work()
    assert desk.count() == (1, 0, 0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    folder = tmp_path_factory.mktemp("certificate")
    key, pem = str(folder / "key"), str(folder / "pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
               "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", pem]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context, pem


@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_mails_are_encrypted_when_the_settings_say_so(
    desk: Desk, certificate: tuple[ssl.SSLContext, str], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, pem = certificate
    monkeypatch.setenv("SSL_CERT_FILE", pem)
    with Server(tls=context, tls_at_once=how == "tls") as server:
        desk.use(smtp=server.address, smtp_tls=how)
        desk.post(1)
        desk.work()
        assert [mail.tls for mail in server.received] == [True]


@pytest.mark.parametrize("how", ["starttls", "tls"])
def test_a_server_with_an_unknown_certificate_gets_nothing(
    desk: Desk, certificate: tuple[ssl.SSLContext, str], how: str
) -> None:
    with Server(tls=certificate[0], tls_at_once=how == "tls") as server:
        desk.use(smtp=server.address, smtp_tls=how)
        desk.post(1)
        desk.work()
        assert server.received == []
    assert desk.count() == (1, 0, 0)
    assert desk.said("certificate")


def test_nothing_is_sent_in_the_clear_where_encryption_is_wanted(desk: Desk, server: Server) -> None:
    desk.use(smtp_tls="starttls")
    desk.post(1)
    desk.work()
    assert server.received == []
    assert desk.count() == (1, 0, 0)


ADDRESSES = {
    ("mail.example.org:2525", "no"): ("mail.example.org", 2525),
    ("mail.example.org", "no"): ("mail.example.org", 25),
    ("mail.example.org", "starttls"): ("mail.example.org", 587),
    ("mail.example.org", "tls"): ("mail.example.org", 465),
    ("[::1]:25", "no"): ("::1", 25),
    ("[::1]", "tls"): ("::1", 465),
    ("::1", "no"): ("::1", 25),
}


@pytest.mark.parametrize(("given", "address"), ADDRESSES.items())
def test_the_server_is_named_with_or_without_a_port(given: tuple[str, str], address: tuple[str, int]) -> None:
    assert server_address(*given) == address


@pytest.mark.parametrize("text", [":25", "host:", "host:smtp", "host:0", "host:99999", "host:٣"])
def test_a_server_that_is_no_address_delays_mails(desk: Desk, text: str) -> None:
    desk.use(smtp=text)
    desk.post(1)
    desk.work()
    assert desk.count() == (1, 0, 0)
    assert desk.said("not host:port")


# ---- a program


PROGRAM = """#!/bin/sh
printf '%s\\n' "$@" > "$0.arguments"
cat > "$0.input"
echo "some words" >&2
exit {status}
"""


@pytest.fixture
def program(tmp_path: Path, desk: Desk) -> Callable[[int], Path]:
    def make(status: int) -> Path:
        path = tmp_path / "sendmail"
        path.write_text(PROGRAM.format(status=status))
        path.chmod(0o755)
        desk.use(sendmail=str(path))
        return path

    return make


def test_a_program_gets_the_message_and_the_recipient(desk: Desk, program: Callable[[int], Path]) -> None:
    path = program(0)
    desk.post(1)
    desk.work()
    assert Path(f"{path}.arguments").read_text() == "-i\n-fme@bastion\n--\nme@bastion\n"
    text = Path(f"{path}.input").read_bytes()
    assert b"\r" not in text
    assert email.message_from_bytes(text)["Subject"] == "Job 1 (job.sh) Complete"
    assert desk.count() == (0, 1, 0)


@pytest.mark.parametrize(
    ("status", "count"),
    [(67, (0, 0, 1)), (68, (0, 0, 1)), (65, (0, 0, 1)), (75, (1, 0, 0)), (1, (1, 0, 0)), (64, (1, 0, 0))],
)
def test_a_program_tells_by_its_status_whether_to_try_again(
    desk: Desk,
    program: Callable[[int], Path],
    status: int,
    count: tuple[int, int, int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    program(status)
    desk.post(1)
    desk.work()
    assert desk.count() == count
    assert desk.said("some words")


def test_a_program_that_does_not_end_is_ended(
    desk: Desk, program: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "PROGRAM_WITHIN_S", 0.1)
    program(0).write_text("#!/bin/sh\nexec sleep 60\n")
    desk.post(1)
    desk.work()
    assert desk.count() == (1, 0, 0)


def test_a_program_that_leaves_a_child_behind_is_not_waited_for(
    desk: Desk, program: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "PROGRAM_WITHIN_S", 5.0)
    path = program(0)
    path.write_text('#!/bin/sh\nsleep 60 & echo $! > "$0.child"\n')
    desk.post(1)
    start = time.monotonic()
    desk.work()
    os.kill(int(Path(f"{path}.child").read_text()), 9)
    assert desk.count() == (0, 1, 0)
    assert time.monotonic() - start < 4


def test_a_program_that_reads_nothing_is_no_trouble(desk: Desk, program: Callable[[int], Path]) -> None:
    program(0).write_text("#!/bin/sh\nexit 0\n")
    desk.post(1, happening=replace(ENDED, job_name="x" * 200_000))
    desk.work()
    assert desk.count() == (0, 1, 0)


def test_a_program_that_cannot_be_run_delays_mails(desk: Desk, program: Callable[[int], Path]) -> None:
    program(0).write_text("#!/nonexistent/interpreter\n")
    desk.post(1)
    desk.work()
    assert desk.count() == (1, 0, 0)


# ---- digests


def test_the_mails_of_an_array_are_put_into_one_for_each_recipient(desk: Desk, server: Server) -> None:
    desk.use(mail_digest=True)
    for task in range(1, 6):
        desk.post(7, happening=replace(ENDED, task=task, mail_list=("a@x", "b@x")))
        desk.now += 1
    desk.post(8)
    desk.work()
    assert subjects(server) == ["Job 8 (job.sh) Complete"]
    desk.now = NOW + DIGEST_WAIT_S
    desk.work()
    assert sorted(subjects(server)[1:]) == ["Job-array 7 (job.sh): 5 mails"] * 2
    assert {mail.recipient for mail in server.received[1:]} == {"a@x", "b@x"}
    assert server.received[1].data.count(b" Complete\r\n User ") == 5
    assert desk.count() == (0, 11, 0)


def test_a_digest_is_refused_or_tried_again_as_a_whole(desk: Desk, server: Server) -> None:
    desk.use(mail_digest=True)
    server.script["end"] = ["451 later", "554 never"]
    for task in (1, 2):
        desk.post(7, happening=replace(ENDED, task=task))
    desk.now += DIGEST_WAIT_S
    desk.work()
    assert desk.count() == (2, 0, 0)
    desk.now += 3600
    desk.work()
    assert desk.count() == (0, 0, 2)

"""The sender against a server and a program that do everything wrong; no mail is lost, none is sent twice
but from the one window that is documented."""

from __future__ import annotations

import email
import itertools
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from happenings import ENDED, NOW
from smtp_server import DROP, HANG, TAKE_AND_DROP, Server

from gridcompat.mailer import transport
from gridcompat.mailer.message import Letter
from gridcompat.mailer.reasons import Unreachable
from gridcompat.mailer.send import DIGEST_WAIT_S, Sender, delay_s
from gridcompat.mailer.transport import Session, server_address
from gridcompat.outbox import Happening, Spool, pending, post
from gridcompat.outbox.spool import LONGEST_DELAY_S
from gridcompat.record import replace
from gridcompat.settings import Settings

ROOT = str(Path(__file__).resolve().parents[3])


class Desk:
    """A spool, a clock and the sender between them."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.spool_dir = str(directory)
        self.spool = Spool(self.spool_dir)
        self.now = NOW
        self.log: list[str] = []
        self.settings = Settings(sendmail="")
        self.sender = self.new_sender()

    def new_sender(self) -> Sender:
        return Sender(
            self.spool_dir, self.settings, clock=lambda: self.now, jitter=lambda: 0.5, log=self.log.append
        )

    def use(self, **changes: object) -> None:
        self.settings = replace(self.settings, **changes)
        self.restart()

    def restart(self) -> None:
        self.sender.close()
        self.sender = self.new_sender()

    def post(self, *jobs: int, happening: Happening = ENDED) -> None:
        for job in jobs:
            assert post(self.spool_dir, replace(happening, job_id=job), site="grid", now=self.now) > 0

    def work(self, rounds: int = 20) -> None:
        """Let the sender do what it can at this moment."""
        for _ in range(rounds):
            if self.sender.round():
                return
        raise AssertionError(f"still busy after {rounds} rounds")

    def said(self, text: str) -> bool:
        """Whether the log has this."""
        return any(text in line for line in self.log)

    def names(self, folder: str) -> list[str]:
        return sorted(
            name for name in os.listdir(os.path.join(self.spool_dir, folder)) if name.endswith(".mail")
        )

    def count(self) -> tuple[int, int, int]:
        """How many mails wait, were sent, were given up."""
        return len(self.names("")), len(self.names("sent")), len(self.names("failed"))


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


def subjects(server: Server) -> list[str]:
    return [email.message_from_bytes(mail.data)["Subject"] for mail in server.received]


def ids(server: Server) -> list[str]:
    return [email.message_from_bytes(mail.data)["Message-ID"] for mail in server.received]


def test_waiting_mails_are_sent_over_one_connection(desk: Desk, server: Server) -> None:
    desk.post(1, 2, 3)
    desk.work()
    assert subjects(server) == [f"Job {job} (job.sh) Complete" for job in (1, 2, 3)]
    assert {(mail.sender, mail.recipient) for mail in server.received} == {("me@bastion", "me@bastion")}
    assert server.connections == 1
    assert desk.count() == (0, 3, 0)
    assert not pending(desk.spool_dir)


def test_a_line_with_a_single_dot_does_not_end_a_mail(desk: Desk, server: Server) -> None:
    desk.post(1, happening=replace(ENDED, job_name=".\n.\n"))
    desk.work()
    assert b"Exit Status" in server.received[0].data


ABOUT_THE_MAIL = {
    "no such user": {"RCPT": ["550 no such user"]},
    "policy": {"RCPT": ["554 5.7.1 not here"]},
    "content": {"end": ["554 I do not like it"]},
    "data": {"DATA": ["503 no"]},
}


@pytest.mark.parametrize("script", ABOUT_THE_MAIL.values(), ids=ABOUT_THE_MAIL)
def test_a_mail_that_is_refused_for_good_is_given_up_and_the_others_go_on(
    desk: Desk, server: Server, script: dict[str, list[str]]
) -> None:
    server.script.update({stage: list(actions) for stage, actions in script.items()})
    desk.post(1, 2)
    desk.work()
    assert subjects(server) == ["Job 2 (job.sh) Complete"]
    assert desk.count() == (0, 1, 1)
    assert desk.said("mail given up: ended.1.1.1.grid")
    assert desk.names("failed")[0].startswith("ended.1.1.1.grid")


FOR_A_WHILE = {
    "greeting 4xx": {"greeting": ["421 too busy"]},
    "greeting 5xx": {"greeting": ["554 no service"]},
    "no greeting": {"greeting": [DROP]},
    "nonsense for a greeting": {"greeting": ["hello"]},
    "EHLO dropped": {"EHLO": [DROP]},
    "sender 4xx": {"MAIL": ["451 later"]},
    "sender 5xx": {"MAIL": ["550 who is that"]},
    "sender dropped": {"MAIL": [DROP]},
    "recipient 4xx": {"RCPT": ["450 greylisted"]},
    "recipient 421": {"RCPT": ["421 closing"]},
    "recipient dropped": {"RCPT": [DROP]},
    "data 4xx": {"DATA": ["451 disk full"]},
    "data dropped": {"DATA": [DROP]},
    "content 4xx": {"end": ["452 disk full"]},
    "content dropped": {"end": [DROP]},
}


@pytest.mark.parametrize("script", FOR_A_WHILE.values(), ids=FOR_A_WHILE)
def test_a_trouble_that_passes_delays_a_mail_and_no_more(
    desk: Desk, server: Server, script: dict[str, list[str]]
) -> None:
    server.script.update({stage: list(actions) for stage, actions in script.items()})
    desk.post(1)
    desk.work()
    assert desk.count() == (1, 0, 0)
    desk.now += 1.9
    desk.work()
    assert server.received == []
    desk.now += 0.2
    desk.work()
    assert subjects(server) == ["Job 1 (job.sh) Complete"]
    assert desk.count() == (0, 1, 0)


def test_a_lost_acceptance_makes_a_second_copy_with_the_same_message_id(desk: Desk, server: Server) -> None:
    server.script["end"] = [TAKE_AND_DROP]
    desk.post(1)
    desk.work()
    assert desk.count() == (1, 0, 0)
    desk.now += 10
    desk.work()
    assert len(ids(server)) == 2
    assert len(set(ids(server))) == 1
    assert desk.count() == (0, 1, 0)


def test_a_mail_that_ends_every_connection_does_not_stop_the_others(desk: Desk, server: Server) -> None:
    server.script["end"] = [DROP, "", "", DROP]
    desk.post(1, 2, 3)
    desk.work()
    assert subjects(server) == ["Job 2 (job.sh) Complete", "Job 3 (job.sh) Complete"]
    assert server.connections == 2
    desk.now += 5
    desk.work()
    assert desk.count() == (1, 2, 0)


def test_a_server_that_says_nothing_is_left_in_time(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "REPLY_WITHIN_S", 0.1)
    for stage in ("greeting", "MAIL", "end"):
        server.script[stage] = [HANG]
        desk.post(1)
        desk.work()
        assert desk.count()[0] == 1
        desk.now += 10
        desk.work()
        assert desk.count() == (0, 1, 0)
        desk.spool.sweep(desk.now + 10**6)
    assert len(server.received) == 3


def test_a_server_that_is_down_is_asked_again_with_growing_pauses(desk: Desk) -> None:
    desk.use(smtp="127.0.0.1:1")
    desk.post(1, 2)
    tries = []
    while desk.now < NOW + 24 * 3600:
        due, later = desk.spool.due(desk.now)
        if due:
            tries.append(desk.now - NOW)
            desk.work()
        desk.now = desk.spool.due(desk.now)[1] or later or 0.0
    pauses = [after - before for before, after in itertools.pairwise(tries)]
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(2.0)
    assert pauses[-1] == pytest.approx(LONGEST_DELAY_S)
    assert len(tries) < 60
    assert desk.count() == (2, 0, 0)
    assert desk.log[0].startswith("2 mails wait in the spool: 127.0.0.1:1: ")
    assert len(desk.log) <= 25


def test_the_pause_outlives_the_process(desk: Desk) -> None:
    desk.use(smtp="127.0.0.1:1")
    desk.post(1)
    desk.work()
    with Server() as server:
        desk.use(smtp=server.address)
        desk.work()
        assert server.connections == 0
        desk.now += 3
        desk.restart()
        desk.work()
        assert len(server.received) == 1


def test_pauses_are_spread() -> None:
    assert delay_s(0, 0.0) == 1.5
    assert delay_s(0, 1.0) == 2.5
    assert delay_s(-1000, 0.5) == 2.0
    assert delay_s(100, 0.5) == 50.0
    assert delay_s(10**9, 0.5) == LONGEST_DELAY_S


def test_an_old_mail_is_tried_before_it_is_given_up(desk: Desk) -> None:
    desk.post(1)
    desk.now += desk.settings.mail_give_up_s + 3600
    with Server() as server:
        desk.use(smtp=server.address)
        desk.work()
        assert len(server.received) == 1
    desk.use(smtp="127.0.0.1:1")
    desk.post(2)
    desk.now += desk.settings.mail_give_up_s
    desk.work()
    assert desk.count() == (0, 0, 1)
    assert desk.said("mail given up: ended.1.1.2.grid")
    assert desk.said("not sent in 432000 s: 127.0.0.1:1")
    assert post(desk.spool_dir, replace(ENDED, job_id=2), site="grid", now=desk.now) == 0


def test_a_mail_that_was_given_up_is_tried_again_when_it_is_moved_back(desk: Desk, server: Server) -> None:
    server.script["RCPT"] = ["550 no such user"]
    desk.post(1)
    desk.work()
    (name,) = desk.names("failed")
    os.rename(os.path.join(desk.spool_dir, "failed", name), os.path.join(desk.spool_dir, name))
    desk.work()
    assert desk.count() == (0, 1, 0)
    assert len(server.received) == 1


def test_without_any_way_to_send_mails_are_kept_and_the_log_says_so_once(desk: Desk) -> None:
    desk.use(sendmail="/nonexistent/sendmail")
    for job in (1, 2, 3):
        desk.post(job)
        desk.work()
    assert desk.count() == (3, 0, 0)
    assert pending(desk.spool_dir)
    assert desk.log == [
        "1 mail waits in the spool: no way to send mail: the setting `smtp` is empty"
        " and `sendmail` (/nonexistent/sendmail) is no program"
    ]


def test_a_recipient_that_cannot_be_one_is_given_up_and_told(desk: Desk, server: Server) -> None:
    desk.post(1, happening=replace(ENDED, mail_list=("a@x\r\nRCPT TO:<victim@y>", "good@x")))
    desk.work()
    assert [mail.recipient for mail in server.received] == ["good@x"]
    assert desk.count() == (0, 1, 1)
    assert desk.said(r"'a@x\r\nRCPT TO:<victim@y>' cannot be a mail address")


@pytest.mark.parametrize(("utf8", "count"), [(True, (0, 1, 0)), (False, (0, 0, 1))])
def test_an_address_outside_ascii_needs_a_server_that_takes_it(
    desk: Desk, utf8: bool, count: tuple[int, int, int]
) -> None:
    with Server(utf8=utf8) as server:
        desk.use(smtp=server.address)
        desk.post(1, happening=replace(ENDED, mail_list=("ü@example.org",)))
        desk.work()
        assert [mail.recipient for mail in server.received] == ["ü@example.org"] * utf8
    assert desk.count() == count


def test_a_second_sender_waits_until_the_first_is_gone(desk: Desk, server: Server) -> None:
    desk.post(1)
    desk.work()
    other = desk.new_sender()
    desk.post(2)
    assert other.round()
    assert len(server.received) == 1
    desk.sender.close()
    other.round()
    other.close()
    assert len(server.received) == 2


def test_a_mail_linked_again_after_it_was_sent_is_not_sent_again(desk: Desk, server: Server) -> None:
    desk.post(1)
    (name,) = desk.names("")
    again = os.path.join(desk.spool_dir, "again")
    os.link(os.path.join(desk.spool_dir, name), again)
    desk.work()
    os.rename(again, os.path.join(desk.spool_dir, name))  # a poster that looked before and links now
    desk.work()
    assert len(server.received) == 1
    assert desk.count() == (0, 1, 0)


def test_a_damaged_file_is_put_aside(desk: Desk, server: Server) -> None:
    Path(desk.spool_dir, "x.mail").write_bytes(b'{"version": 1, "po')
    desk.post(1)
    desk.work()
    assert desk.count() == (0, 1, 1)
    assert desk.said("mail given up: x.mail: is not a mail")
    assert len(server.received) == 1


def test_a_spool_that_was_removed_is_no_error_and_not_made_again(desk: Desk, server: Server) -> None:
    desk.work()
    for folder in ("sent", "failed"):
        os.rmdir(os.path.join(desk.spool_dir, folder))
    os.unlink(os.path.join(desk.spool_dir, "lock"))
    os.rmdir(desk.spool_dir)
    desk.sender = Sender(os.path.join(desk.spool_dir, "below"), desk.settings)
    desk.work()
    assert not os.path.exists(desk.spool_dir)


def test_the_lock_is_taken_anew_when_the_spool_was_replaced(desk: Desk, server: Server) -> None:
    desk.work()
    os.rename(desk.spool_dir, desk.spool_dir + ".old")
    os.unlink(desk.spool_dir + ".old/lock")
    os.mkdir(desk.spool_dir)
    desk.post(1)
    desk.work()
    assert len(server.received) == 1
    assert Spool(desk.spool_dir).lock() is None


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


# ---- the thread


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


class Running:
    """A sender in its thread."""

    def __init__(self, sender: Sender, wake: Callable[[float], object] | None = None) -> None:
        self.stop = threading.Event()
        self.thread = threading.Thread(target=sender.run, args=(self.stop, wake))

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_exception: object) -> None:
        self.stop.set()
        self.thread.join(10)
        assert not self.thread.is_alive()


def test_new_mail_is_noticed_by_looking(desk: Desk, server: Server) -> None:
    with Running(desk.sender):
        until(lambda: os.path.exists(os.path.join(desk.spool_dir, "lock")))
        desk.post(1)
        until(lambda: desk.count() == (0, 1, 0))
    lock = desk.spool.lock()
    assert lock is not None
    os.close(lock)


def test_new_mail_is_noticed_when_woken(desk: Desk, server: Server) -> None:
    news = threading.Semaphore(0)
    asked: list[float] = []

    def wake(timeout: float) -> None:
        asked.append(timeout)
        news.acquire(timeout=5)

    with Running(desk.sender, wake):
        until(lambda: bool(asked))
        desk.post(1)
        news.release()
        until(lambda: desk.count() == (0, 1, 0))
        news.release(100)


def test_the_thread_survives_what_nobody_thought_of(
    desk: Desk, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridcompat.mailer.send.AFTER_ERROR_S", 0.01)

    def full(text: str) -> None:
        desk.log.append(text)
        raise OSError(28, "No space left on device")

    faults: list[BaseException] = [
        RuntimeError("boom"),
        MemoryError(),
        OSError(28, "No space left on device"),
    ]

    def connect(settings: Settings) -> Session:
        if faults:
            raise faults.pop()
        return transport.open_session(settings)

    sender = Sender(desk.spool_dir, desk.settings, clock=lambda: NOW, connect=connect, log=full)
    desk.post(1)
    with Running(sender):
        until(lambda: desk.count() == (0, 1, 0))
    assert len(desk.log) == 3
    assert all("the mailer goes on after an error: Traceback" in line for line in desk.log)
    assert desk.said("boom")


def test_a_stop_ends_a_batch_between_two_mails(desk: Desk) -> None:
    stop = threading.Event()
    sent: list[str] = []

    class Stopping:
        def send(self, letter: Letter) -> None:
            sent.append(letter.recipient)
            stop.set()

        def close(self) -> None:
            sent.append("closed")

    sender = Sender(desk.spool_dir, desk.settings, clock=lambda: NOW, connect=lambda _settings: Stopping())
    desk.post(1, 2)
    sender.run(stop)
    assert sent == ["me@bastion", "closed"]
    assert desk.count() == (1, 1, 0)


def test_a_thousand_mails_meet_a_server_that_is_down_once_each_round(desk: Desk) -> None:
    attempts = 0

    def connect(_settings: Settings) -> Session:
        nonlocal attempts
        attempts += 1
        raise Unreachable("down")

    desk.post(*range(1, 301))
    sender = Sender(desk.spool_dir, desk.settings, clock=lambda: desk.now, connect=connect)
    assert sender.round()
    assert sender.round()
    sender.close()
    assert attempts == 1


def test_a_json_of_the_spool_holds_no_more_than_the_mail(desk: Desk) -> None:
    desk.post(1)
    fields = json.loads(Path(desk.spool_dir, desk.names("")[0]).read_text())
    assert set(fields) == {"version", "posted", "message_id", "recipient", "subject", "body", "owner", "host",
                           "array_job", "job_name"}  # fmt: skip


def test_without_a_log_lines_go_to_standard_error(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    sender = Sender(desk.spool_dir, Settings(smtp="127.0.0.1:1"))
    post(desk.spool_dir, ENDED, site="grid", now=time.time())
    assert sender.round()
    sender.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("gridcompat mailer: 1 mail waits in the spool: 127.0.0.1:1: ")


def test_a_daemon_that_sends_nothing_imports_nothing_heavy() -> None:
    code = "import sys, gridcompat.mailer.send; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {ROOT!r}); {code}"]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert "gridcompat.mailer.send" in loaded
    assert not {"smtplib", "ssl", "email", "subprocess", "logging", "hashlib", "socket"} & set(loaded)

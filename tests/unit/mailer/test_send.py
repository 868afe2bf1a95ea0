"""The sender against a server and a program that do everything wrong; no mail is lost, none is sent twice
but from the one window that is documented."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from happenings import ENDED, NOW
from mail_desk import Desk, ids, subjects
from smtp_server import DROP, HANG, TAKE_AND_DROP, Server

from gridcompat.mailer import transport
from gridcompat.mailer.send import Sender, delay_s
from gridcompat.outbox import Spool, pending, post
from gridcompat.outbox.spool import LONGEST_DELAY_S
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

"""Mails are in the spool whole or not at all, once, and stay recognised."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import happenings
import pytest
from happenings import NOW

from gridcompat.outbox import Happening, Spool, pending, post
from gridcompat.outbox.spool import FAILED_KEPT_S, LONGEST_DELAY_S, SENT_KEPT_S, Damaged
from gridcompat.record import replace

ENDED = replace(happenings.ENDED, job_id=1234)


@pytest.fixture
def folder(tmp_path: Path) -> str:
    return str(tmp_path / "spool")


def put(folder: str, happening: Happening = ENDED, now: float = NOW) -> int:
    return post(folder, happening, site="grid", now=now)


def only(folder: str) -> str:
    (name,) = Spool(folder).due(float("inf"))[0]
    return name


def test_a_happening_without_mails_touches_no_disk(folder: str) -> None:
    assert put(folder, replace(ENDED, mail_options="")) == 0
    assert not os.path.exists(folder)
    assert not pending(folder)


def test_a_posted_mail_waits_and_reads_back_as_it_was(folder: str) -> None:
    happening = replace(ENDED, job_name="na\udcffme \u2028 ü", mail_list=("a@x", "b@y"))
    assert put(folder, happening) == 2
    assert pending(folder)
    spool = Spool(folder)
    entries = [spool.read(name) for name in spool.due(NOW)[0]]
    assert {entry.mail.recipient for entry in entries} == {"a@x", "b@y"}
    assert all(entry.mail.job_name == "na?me   ü" and entry.posted == NOW for entry in entries)
    assert [entry.name for entry in entries] == [entry.mail.message_id + ".mail" for entry in entries]


def test_nothing_in_the_spool_is_for_other_eyes(folder: str) -> None:
    put(folder)
    assert os.stat(folder).st_mode & 0o077 == 0
    assert os.stat(os.path.join(folder, only(folder))).st_mode & 0o077 == 0


def test_posting_again_changes_nothing(folder: str) -> None:
    put(folder)
    name = only(folder)
    Spool(folder).postpone(name, NOW + 50)
    assert put(folder, now=NOW + 10) == 0
    assert Spool(folder).read(name).posted == NOW
    assert Spool(folder).due(NOW + 10) == ([], NOW + 50)


@pytest.mark.parametrize("settle", ["sent", "give_up"])
def test_a_mail_that_was_settled_is_not_posted_again(folder: str, settle: str) -> None:
    put(folder)
    getattr(Spool(folder), settle)(only(folder), NOW)
    assert put(folder) == 0
    assert not pending(folder)


def test_many_posters_at_once_make_one_mail(folder: str) -> None:
    os.mkdir(folder)
    start = threading.Barrier(8)
    new: list[int] = []

    def poster() -> None:
        start.wait(5)
        new.append(put(folder))

    threads = [threading.Thread(target=poster) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert sorted(new) == [0] * 7 + [1]
    assert sorted(os.listdir(folder)) == sorted([only(folder), "sent", "failed"])


def test_a_full_disk_is_told_and_leaves_no_half_mail(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            put(folder)
    assert sorted(os.listdir(folder)) == ["failed", "sent"]
    assert put(folder) == 1


def test_a_removed_state_directory_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        put(str(tmp_path / "gone" / "spool"))
    assert not (tmp_path / "gone").exists()


def test_the_oldest_mail_is_due_first(folder: str) -> None:
    for number, age in ((1, 5), (2, 20), (3, 10)):
        put(folder, replace(ENDED, job_id=number), now=NOW - age)
    jobs = [Spool(folder).read(name).mail.subject for name in Spool(folder).due(NOW)[0]]
    assert jobs == ["Job 2 (job.sh) Complete", "Job 3 (job.sh) Complete", "Job 1 (job.sh) Complete"]


def test_a_postponed_mail_is_due_when_its_time_comes(folder: str) -> None:
    put(folder)
    name = only(folder)
    Spool(folder).postpone(name, NOW + 100)
    assert Spool(folder).due(NOW + 99) == ([], NOW + 100)
    assert Spool(folder).due(NOW + 100) == ([name], None)


def test_a_clock_that_was_set_back_does_not_hold_mails_up(folder: str) -> None:
    put(folder)
    Spool(folder).postpone(only(folder), NOW + 30)
    assert Spool(folder).due(NOW + 30 - 2 * LONGEST_DELAY_S - 1)[0] == [only(folder)]


DAMAGED = {
    "empty": b"",
    "half": b'{"version": 1, "posted": 17640',
    "no object": b"[1, 2]",
    "not text": b"\xff\xfe\x00",
    "missing field": b'{"version": 1, "posted": 1.0}',
    "newer": b'{"version": 2, "posted": 1.0}',
    "no version": b"{}",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_mail_is_told_from_a_missing_one(folder: str, content: bytes) -> None:
    put(folder)
    name = only(folder)
    Path(folder, name).write_bytes(content)
    with pytest.raises(Damaged, match="1234"):
        Spool(folder).read(name)
    Spool(folder).discard(name)
    Spool(folder).discard(name)
    with pytest.raises(FileNotFoundError):
        Spool(folder).read(name)


def test_mails_that_another_process_moved_are_no_error(folder: str) -> None:
    put(folder)
    name = only(folder)
    Spool(folder).sent(name, NOW)
    Spool(folder).sent(name, NOW)
    Spool(folder).postpone(name, NOW + 5)
    assert os.listdir(os.path.join(folder, "sent")) == [name]


def test_sweeping_removes_what_was_kept_long_enough(folder: str) -> None:
    spool = Spool(folder)
    for number in (1, 2, 3):
        put(folder, replace(ENDED, job_id=number))
    first, second, third = spool.due(NOW)[0]
    spool.sent(first, NOW)
    spool.give_up(second, NOW)
    orphan = Path(folder, ".new-1-0")
    orphan.touch()
    os.utime(orphan, (NOW, NOW))

    def left() -> set[str]:
        return {name for _, _, files in os.walk(folder) for name in files}

    spool.sweep(NOW + SENT_KEPT_S - 1)
    assert left() == {first, second, third, orphan.name}
    spool.sweep(NOW + SENT_KEPT_S + 1)
    assert left() == {second, third}
    spool.sweep(NOW + FAILED_KEPT_S + 1)
    assert left() == {third}


def test_what_waits_again_stays_known_as_sent(folder: str) -> None:
    put(folder)
    name = only(folder)
    os.link(os.path.join(folder, name), os.path.join(folder, "again"))
    Spool(folder).sent(name, NOW)
    os.rename(os.path.join(folder, "again"), os.path.join(folder, name))
    Spool(folder).sweep(NOW + 10 * SENT_KEPT_S)
    assert Spool(folder).settled(name)
    Spool(folder).discard(name)
    Spool(folder).sweep(NOW + 10 * SENT_KEPT_S)
    assert not Spool(folder).settled(name)


def test_one_process_holds_the_lock_at_a_time(folder: str) -> None:
    os.mkdir(folder)
    lock = Spool(folder).lock()
    assert lock is not None
    assert Spool(folder).lock() is None
    os.close(lock)
    again = Spool(folder).lock()
    assert again is not None
    os.close(again)


def test_a_mail_on_disk_is_readable_by_people(folder: str) -> None:
    put(folder)
    text = json.loads(Path(folder, only(folder)).read_text())
    assert text["recipient"] == "me@bastion"
    assert text["subject"] == "Job 1234 (job.sh) Complete"

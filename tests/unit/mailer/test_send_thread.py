"""mailer/send.py: the thread that looks for mail and sends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from happenings import ENDED, NOW
from mail_desk import Desk
from smtp_server import Server

from gridcompat.mailer import transport
from gridcompat.mailer.message import Letter
from gridcompat.mailer.reasons import Unreachable
from gridcompat.mailer.send import Sender
from gridcompat.mailer.transport import Session
from gridcompat.outbox import post
from gridcompat.settings import Settings

ROOT = str(Path(__file__).resolve().parents[3])


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

"""Senders and posters that are killed at any moment: all mails arrive, at most one twice for each death."""

from __future__ import annotations

import email
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from smtp_server import Server

from gridcompat.outbox import pending

ROOT = str(Path(__file__).resolve().parents[3])
MAILS = 150

SENDER = """
import sys, threading
sys.path.insert(0, sys.argv[1])
from gridcompat.mailer.send import Sender
from gridcompat.settings import Settings
print("ready", flush=True)
Sender(sys.argv[2], Settings(smtp=sys.argv[3])).run(threading.Event())
"""

POSTER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from gridcompat.outbox import Happening, post
print("ready", flush=True)
for job in range(1, int(sys.argv[3]) + 1):
    one = Happening(kind="started", job_id=job, task=None, attempt=1, at=1.0, job_name="x", owner="me",
                    queue="task", host="h", submit_host="h", mail_options="b")
    post(sys.argv[2], one, site="grid", now=time.time())
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-I", "-c", code, ROOT, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_whatever_dies_when_every_mail_arrives(tmp_path: Path) -> None:
    chance = random.Random(1)
    spool = str(tmp_path / "spool")
    deaths = 0
    for _ in range(6):
        poster = start(POSTER, spool, str(MAILS))
        time.sleep(chance.uniform(0.0, 0.1))  # the death is the test
        kill(poster)
    last = start(POSTER, spool, str(MAILS))
    with Server() as server:
        end = time.monotonic() + 60
        while last.poll() is None or pending(spool):
            assert time.monotonic() < end
            sender = start(SENDER, spool, server.address)
            time.sleep(chance.uniform(0.02, 0.2))
            kill(sender)
            deaths += 1
        last.communicate()
    seen = Counter(email.message_from_bytes(mail.data)["Message-ID"] for mail in server.received)
    assert len(seen) == MAILS
    assert deaths > 1
    assert sum(seen.values()) - MAILS <= deaths
    assert not pending(spool)

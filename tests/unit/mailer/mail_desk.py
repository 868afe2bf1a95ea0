"""A spool, a clock and a sender, for tests of sending."""

from __future__ import annotations

import email
import os
from pathlib import Path

from happenings import ENDED, NOW
from smtp_server import Server

from gridcompat.mailer.send import Sender
from gridcompat.outbox import Happening, Spool, post
from gridcompat.record import replace
from gridcompat.settings import Settings


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


def subjects(server: Server) -> list[str]:
    return [email.message_from_bytes(mail.data)["Subject"] for mail in server.received]


def ids(server: Server) -> list[str]:
    return [email.message_from_bytes(mail.data)["Message-ID"] for mail in server.received]

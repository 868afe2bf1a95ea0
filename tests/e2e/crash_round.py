"""A round of jobs of every kind, what must come of them, and the check of it."""

from __future__ import annotations

import email
import os
import random
import sys
import threading
import time
from collections import Counter, defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

from grid_in_a_directory import ROOT, Grid

sys.path.insert(0, f"{ROOT}/tests/unit/mailer")
from smtp_server import Received, Server  # beside the tests of the mailer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUNS = 300
"""Runs that a round expects at least."""
ROUND_LIMIT_S = 240.0
BY_COMMAND = 0.4
"""The part of submissions that real processes of bin/* do; the others call the service, for speed."""
MARK = (
    "read unique < /proc/sys/kernel/random/uuid",
    'echo "$JOB_ID ${SGE_TASK_ID#undefined} - $RESTARTED $unique" | tr -s " " >> "$HOME/every-run"',
)
"""One line for each run, appended whole; the task is "-" alone for a plain job."""
EVERY_KIND = (
    ["plain"] * 4
    + ["failing", "requeued", "array", "limited array", "held", "deferred", "mailing", "dependent"]
    + ["continuous", "deleted"]
)


class Round:
    """One grid, what was asked of it, and what must have come of it."""

    def __init__(self, directory: Path, seed: int, server: Server, **variables: str) -> None:
        self.grid = Grid(directory, GRIDCOMPAT_SMTP=server.address, **variables)
        self.server = server
        self.chance = random.Random(seed)
        self.runs: dict[tuple[int, int], list[int]] = {}
        """RESTARTED of each run of (job, task), in order."""
        self.records: Counter[tuple[int, int, int]] = Counter()
        """How often (job, task, exit status) is to be recorded."""
        self.mails: Counter[int] = Counter()
        """How many mails are to come about a job."""
        self.kinds: Counter[str] = Counter()
        self.by_command = 0
        self.to_delete: list[int] = []
        self.kills: list[tuple[float, float]] = []
        """Just before the signal, and when the daemon was seen dead."""
        self.stop = threading.Event()
        self.killer = threading.Thread(target=self._kill, args=(random.Random(seed + 1),))

    # ------------------------------------------------------------ what is asked

    def script(self, *lines: str) -> bytes:
        return "\n".join(["#!/bin/sh", *MARK, *lines, ""]).encode()

    def expect(self, number: int, *statuses: int, task: int = 0, runs: int = 0, mails: int = 0) -> None:
        """Expect a record for each of these exit statuses, and a run for each if `runs` is not given."""
        self.runs[number, task] = [0] * runs or list(range(len(statuses)))
        for status in statuses:
            self.records[number, task, status] += 1
        if mails:
            self.mails[number] += mails

    def one_of(self, kind: str) -> None:
        """Submit one job (for `dependent` two) of a kind."""
        self.kinds[kind] += 1
        make: Callable[[], None] = getattr(self, "_" + kind.replace(" ", "_"), self._plain)
        make()

    def submit(self, script: bytes, words: str = "", command: str = "qsub", **request: object) -> int:
        """Submit by a command with these words, or by the service with this request."""
        if command == "qsub" and self.chance.random() >= BY_COMMAND:
            return self.grid.submit(script, **request)
        self.by_command += 1
        path = f"{self.grid.home}/script{self.by_command}.sh"
        with open(path, "wb") as file:
            file.write(script)
        os.chmod(path, 0o755)
        if command == "qsub" and not words:
            command = self.chance.choice(["qsub", "jsub"])
        told = self.grid.command(f"{command} -N job{self.by_command} {words} {path}")
        return int(next(word for word in told.split() if word[:1].isdigit()).partition(".")[0])

    def _plain(self) -> None:
        self.expect(self.submit(self.script("exit 0")), 0)

    def _failing(self) -> None:
        self.expect(self.submit(self.script("exit 3")), 3)

    def _requeued(self) -> None:
        script = self.script('[ "$RESTARTED" = 0 ] && exit 99', "exit 0")
        self.expect(self.submit(script, "-r n -m a", restart="n", mail_options="a"), 99, 0, mails=1)

    def _array(self) -> None:
        number = self.submit(self.script("exit 0"), "-t 1-20", tasks=(1, 20, 1))
        for task in range(1, 21):
            self.expect(number, 0, task=task)

    def _limited_array(self) -> None:
        number = self.submit(self.script("exit 0"), "-t 1-20 -tc 3", tasks=(1, 20, 1), max_running_tasks=3)
        for task in range(1, 21):
            self.expect(number, 0, task=task)

    def _held(self) -> None:
        number = self.submit(self.script("exit 0"), "-h", user_hold=True)
        self.expect(number, 0)
        self.grid.command(f"qrls {number}")

    def _deferred(self) -> None:
        at = int(time.time()) + 3
        words = time.strftime("-a %Y%m%d%H%M.%S", time.localtime(at))
        self.expect(self.submit(self.script("exit 0"), words, start_time=at), 0)

    def _mailing(self) -> None:
        words = "-m abe -M somebody@example.org"
        self.expect(self.submit(self.script("exit 0"), words, mail_options="abe"), 0, mails=2)

    def _dependent(self) -> None:
        first = self.submit(self.script("exit 3"))
        self.expect(first, 3)
        self.expect(self.submit(self.script("exit 0"), f"-hold_jid {first}", predecessors=(first,)), 0)

    def _continuous(self) -> None:
        """It fails once, is started again by its launcher, and that is one attempt with one record."""
        again = 'mkdir "$HOME/was-$JOB_ID" 2> /dev/null && exit 1'
        number = self.submit(self.script(again, "exit 0"), command="jstart")
        self.expect(number, 0, runs=2)

    def _deleted(self) -> None:
        number = self.submit(self.script("exec sleep 600"), "-m a", mail_options="a")
        self.expect(number, 137, mails=2)  # the grid tells twice: Killed, and Aborted
        self.to_delete.append(number)

    def delete_what_runs(self) -> None:
        """qdel for those whose program was seen to run."""
        for key in [(number, 0) for number in self.to_delete]:
            if self.seen().get(key):
                self.to_delete.remove(key[0])
                self.grid.command(f"qdel {key[0]}")

    # ------------------------------------------------------------ what happens

    def _kill(self, chance: random.Random) -> None:
        """Kill the daemon again and again; the next command starts it, or this thread."""
        while not self.stop.wait(chance.uniform(0.02, 1.2)):
            before = time.monotonic()
            if self.grid.kill_daemon():
                self.kills.append((before, time.monotonic()))
            self.stop.wait(chance.uniform(0.0, 0.2))
            self.grid.ensure_daemon()

    def go(self) -> None:
        """Submit everything, and wait until all is over."""
        for kind in dict.fromkeys(EVERY_KIND):
            self.one_of(kind)
        while sum(len(one) for one in self.runs.values()) < RUNS:
            self.one_of(self.chance.choice(EVERY_KIND))
            self.delete_what_runs()
        numbers = {number for number, _ in self.runs}
        self.grid.wait("deletion of what runs", self._all_deleted, limit_s=ROUND_LIMIT_S)
        self.grid.wait(
            "all jobs are over",
            lambda: self.grid.phases() == Counter(Finished=len(numbers)),
            limit_s=ROUND_LIMIT_S,
        )
        self.end_killing()
        self.grid.ensure_daemon()
        self.grid.wait("all mail is sent", lambda: len(self.copies()) >= sum(self.mails.values()))

    def _all_deleted(self) -> bool:
        self.delete_what_runs()
        return not self.to_delete

    def end_killing(self) -> None:
        self.stop.set()
        if self.killer.ident is not None:
            self.killer.join()

    # ------------------------------------------------------------ what came of it

    def seen(self) -> dict[tuple[int, int], list[int]]:
        """RESTARTED of the runs of each (job, task), in the order in which they began."""
        found: dict[tuple[int, int], list[int]] = defaultdict(list)
        for line in self.lines():
            number, *task, _, restarted, _ = line.split()
            found[int(number), int(task[0]) if task else 0].append(int(restarted))
        return dict(found)

    def lines(self) -> list[str]:
        try:
            with open(f"{self.grid.home}/every-run", encoding="ascii") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def copies(self) -> dict[str, list[Received]]:
        """The copies of each mail that the server took, by Message-ID."""
        found: dict[str, list[Received]] = defaultdict(list)
        for mail in list(self.server.received):
            found[email.message_from_bytes(mail.data)["Message-ID"]].append(mail)
        return dict(found)

    def check(self) -> None:
        """Every run once, one record for each attempt, every mail."""
        assert len(self.lines()) == len(set(self.lines()))
        assert self.seen() == self.runs
        kept = Counter((one.job_number, one.task_number, one.exit_status) for one in self.grid.records())
        assert kept == self.records
        about = Counter(
            int(email.message_from_bytes(mails[0].data)["Subject"].split()[1].partition(".")[0])
            for mails in self.copies().values()
        )
        assert about == self.mails
        for name, mails in self.copies().items():
            for first, second in pairwise(mails):
                died = [at for at, dead in self.kills if dead >= first.at and at <= second.at]
                assert died, f"{name} was sent again although nothing died after it had been taken"

    def report(self, seed: int) -> str:
        runs = len(self.lines())
        again = sum(len(mails) - 1 for mails in self.copies().values())
        return (
            f"round {seed}: {len(self.kills)} kills, "
            f"{len(self.grid.jobs())} jobs ({self.by_command} by commands), "
            f"{runs} runs, {sum(self.records.values())} records, {sum(self.mails.values())} mails, "
            f"{again} sent twice; {dict(sorted(self.kinds.items()))}"
        )

"""What people look at: listings with many jobs, a large accounting file, a long crontab.

Part of `python -m tests.bench`; knows no figures, only what is run.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from .systems import CHECKOUT, Ours, System, fill, jobs, settle, timed

BEGUN = 1_700_000_000
SECONDS_APART = 30
SELECTIONS = {
    "qacct": (),
    "qacct -o NAME": ("-o", "user07"),
    "qacct -o": ("-o",),
    "qacct -j ID": ("-j", "{middle}"),
    "qacct -b DATE": ("-b", "{late}"),
    "qacct -d 3": ("-d", "3"),
    "qacct -q QUEUE": ("-q", "task"),
    "qacct -A ACCOUNT": ("-A", "sge"),
    "qacct -j PATTERN": ("-j", "job-7?.sh", "-h", "node07.example.org"),
}
"""What is asked of the accounting file."""
ENTRIES = (
    "*/5 * * * * jsub -once -N tick{n} -mem 512m /home/bench/bin/tick.sh {n}",
    "{m} 3 * * * qsub -l h_rt=3600,h_vmem=1G -N night{n} -o /home/bench/out -j y /home/bench/bin/night.sh",
    "{m} * * * 1-5 cd /home/bench && jsub -quiet -continuous -N bot{n} python3 bot.py --page {n}",
    "@daily [ -f /home/bench/on ] && qsub -t 1-10 -N many{n} /home/bench/bin/many.sh",
    "MAILTO=bench{n}@example.org",
)


class Adds(Protocol):
    """Keeps a figure."""

    def add(self, what: str, system: System, value: float) -> None:
        """See tests.bench.Results."""
        ...


InTurn = Callable[[Sequence[System], int, Callable[[System], None]], None]


def measure_listings(
    systems: Sequence[System], results: Adds, in_turn: InTurn, *, size: int, repeat: int
) -> None:
    """Wall time of each form of looking, with `size` jobs pending."""
    for system in systems:
        fill(system, size)

    def one(system: System) -> None:
        newest = max(jobs(system), key=int)
        for words in (["qstat"], ["qstat", "-xml"], ["qstat", "-j", newest], ["qstat", "-f"], ["qhost"]):
            shown = " ".join(words).replace(newest, "ID")
            settle(system)
            results.add(f"{shown} with {size:,} jobs", system, timed(system, words))

    in_turn(systems, repeat, one)


def measure_qacct(
    systems: Sequence[System], results: Adds, in_turn: InTurn, *, folder: str, records: int, repeat: int
) -> None:
    """Wall time of selections from one file of `records` lines."""
    path = os.path.join(folder, "accounting")
    write_accounting(path, records)
    late = BEGUN + records * SECONDS_APART * 99 // 100
    fields = {"middle": str(records // 2), "late": _date(late)}
    try:
        for what, words in SELECTIONS.items():
            asked = [word.format(**fields) for word in words]

            def one(system: System, what: str = what, asked: Sequence[str] = asked) -> None:
                took = timed(system, ["qacct", *asked, "-f", path])
                results.add(f"{what}, {records:,} records", system, took)

            in_turn(systems, repeat, one)
    finally:
        os.unlink(path)


def _date(seconds: int) -> str:
    import time

    return time.strftime("%Y%m%d%H%M", time.localtime(seconds))


def write_accounting(path: str, records: int) -> None:
    """Write a file as a grid's master writes it, each time the same."""
    chance = random.Random(7)
    with open(path, "w", encoding="ascii") as file:
        for number in range(1, records + 1):
            file.write(_line(chance, number))


def _line(chance: random.Random, number: int) -> str:
    submitted = BEGUN + number * SECONDS_APART
    started = submitted + chance.randrange(1, 900)
    wallclock = chance.randrange(1, 90_000)
    cpu = wallclock * chance.random()
    fields = (
        chance.choice(("task", "continuous")), f"node{chance.randrange(40):02}.example.org", "users",
        f"user{chance.randrange(50):02}", f"job-{chance.randrange(400)}.sh", number, "sge", 0,
        submitted, started, started + wallclock, 0, chance.choice((0, 0, 0, 1, 137)), wallclock,
        f"{cpu:.6f}", f"{cpu / 9:.6f}", f"{chance.randrange(4000, 900_000)}.000000", 0, 0, 0, 0,
        chance.randrange(900_000), chance.randrange(99), 0, f"{chance.randrange(9999)}.000000",
        chance.randrange(9999), 0, 0, 0, chance.randrange(9999), chance.randrange(9999),
        "NONE", "defaultdepartment", "NONE", 1, chance.choice((0, 0, 0, 1, 2)),
        f"{cpu * 1.1:.6f}", f"{cpu * 0.3:.6f}", f"{chance.random() * 3:.6f}",
        "-q task -l h_vmem=524288k,h_rt=1800", f"{chance.random():.6f}", "NONE",
        f"{chance.randrange(10**6, 10**9)}.000000", 0, 0,
    )  # fmt: skip
    return ":".join(map(str, fields)) + "\n"


def measure_check(system: Ours, results: Adds, *, lines: int, repeat: int) -> None:
    """Wall time of `gridcompat check` of a crontab; no grid has such a command."""
    path = os.path.join(system.directory, "crontab")
    with open(path, "w", encoding="ascii") as file:
        file.writelines(crontab(lines))
    words = [sys.executable, os.path.join(CHECKOUT, "bin", "gridcompat"), "check", path]
    status = next(code for code in (0, 1) if _ends(system, words, code))
    for _ in range(repeat):
        results.add(f"gridcompat check, {lines:,} lines", system, timed(system, words, status=status))


def _ends(system: System, words: Sequence[str], status: int) -> bool:
    try:
        timed(system, words, status=status)
    except RuntimeError:
        return False
    return True


def crontab(lines: int) -> list[str]:
    """The lines of a crontab, of each kind in turn."""
    return [ENTRIES[n % len(ENTRIES)].format(n=n, m=n % 60) + "\n" for n in range(lines)]

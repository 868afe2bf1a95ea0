"""Every interleaving of writing three accounting records, with deaths, full disks, torn lines and rotation.

The lines are equal byte for byte, as those of two runs of one task can be, so nothing can be learnt
from looking at the file alone.  What is modelled, and where it is implemented in `accounting`:

* `AccountingFile.lock` and its loss with the process;
* `AccountingFile.recover`: what each journalled record's place in its file holds, cutting a torn line;
* `AccountingFile.append_all` and `_write`: the journal whole, then the lines, which a death can tear
  and a full disk can refuse;
* the status write that marks an attempt (`controller.executor`), and `AccountingFile.confirmed`;
* a site that rotates the file at any moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from mc import Result, explore

Step = tuple[str, "State"]
Line = tuple[int, bool]
"""(attempt that wrote it, whole). The protocol sees only whether it is whole."""
Place = tuple[int, int, int]
"""(attempt, number of the file, index in it): one journalled record."""

ATTEMPTS = (1, 2, 3)
BEFORE = {2: 1}
"""Attempt 2 comes after 1 is marked; 3 is another task's."""


class Daemon(NamedTuple):
    """Who holds the lock: what it does next, and what it remembers."""

    does: str = "recover"
    """recover, work, journal, append"""
    new: tuple[Place, ...] = ()
    """being written, into the file that was open when the journal was written"""
    pending: tuple[Place, ...] = ()
    """written, not confirmed"""


class State(NamedTuple):
    """All that is in the world."""

    files: tuple[tuple[Line, ...], ...] = ((),)
    """The last one has the name; the others were rotated away."""
    journal: tuple[Place, ...] = ()
    marked: frozenset[int] = frozenset()
    daemons: tuple[Daemon | None, ...] = (None,)
    deaths: int = 2
    refusals: int = 1
    rotations: int = 1


@dataclass(frozen=True)
class Protocol:
    """The protocol, and what becomes of it when a part is left out."""

    journal: bool = True
    """False: after a death look for an equal line in the file."""
    clear_late: bool = True
    """False: the journal is cleared before the attempt is marked."""
    daemons: int = 1
    """2: nobody asks for the lock."""
    accidents: int = 1
    """How often the disk is full and the file rotated; one death more."""

    def start(self) -> State:
        some = self.accidents
        deaths = some and some + 1
        return State(daemons=(None,) * self.daemons, deaths=deaths, refusals=some, rotations=some)

    def steps(self, state: State) -> Iterator[Step]:
        """Everything that can happen next."""
        for number, daemon in enumerate(state.daemons):
            if daemon is None:
                yield f"{number} takes the lock", place(state, number, Daemon())
                continue
            yield from ((f"{number} {label}", after) for label, after in self.work(state, number, daemon))
            if state.deaths:
                for label, after in self.die(state, daemon):
                    yield f"{number} {label}", place(after._replace(deaths=state.deaths - 1), number, None)
        if state.rotations and state.files[-1]:
            yield "the file is rotated", state._replace(rotations=0, files=(*state.files, ()))

    def work(self, state: State, number: int, daemon: Daemon) -> Iterator[Step]:
        """What a living daemon does."""
        if daemon.does == "recover":
            yield self.recover(state, number)
        elif daemon.does == "journal":
            new = self.places(state, [attempt for attempt, _, _ in daemon.new])
            after = state._replace(journal=daemon.pending + new) if self.journal else state
            yield f"journals {new}", place(after, number, daemon._replace(does="append", new=new))
        elif daemon.does == "append":
            after = self.extend(state, daemon.new, torn=False)
            yield "appends", place(after, number, Daemon("work", (), daemon.pending + daemon.new))
            if state.refusals:
                after = state._replace(refusals=state.refusals - 1)
                yield "finds the disk full", place(after, number, Daemon("work", (), daemon.pending))
        else:
            yield from self.choose(state, number, daemon)

    def choose(self, state: State, number: int, daemon: Daemon) -> Iterator[Step]:
        """Mark, confirm, or write what has ended."""
        written = {attempt for attempt, _, _ in daemon.pending}
        for one in daemon.pending:
            if one[0] not in state.marked:
                early = state._replace(journal=()) if not self.clear_late else state
                after = early._replace(marked=state.marked | {one[0]})
                if not self.clear_late:
                    yield "clears the journal", place(early, number, daemon)
                yield f"marks {one[0]}", place(after, number, daemon)
            else:
                left = tuple(other for other in daemon.pending if other != one)
                journal = state.journal if left else ()
                after = state._replace(journal=journal)
                yield f"confirms {one[0]}", place(after, number, daemon._replace(pending=left))
        ended = [
            attempt
            for attempt in ATTEMPTS
            if attempt not in state.marked | written
            and (BEFORE.get(attempt) or attempt) in {attempt, *state.marked}
        ]
        for new in {tuple(ended), *((attempt,) for attempt in ended)} - {()}:
            places = self.places(state, list(new))
            yield f"plans {new}", place(state, number, daemon._replace(does="journal", new=places))

    def recover(self, state: State, number: int) -> Step:
        """Settle what the journal holds, or without one what can be seen in the file."""
        if not self.journal:
            return self.guess(state, number)
        pending: tuple[Place, ...] = ()
        missing: list[int] = []
        files = state.files
        for attempt, file, index in state.journal:
            there = files[file][index : index + 1]
            if there and there[0][1]:
                pending += () if attempt in state.marked else ((attempt, file, index),)
                continue
            if there and file == len(files) - 1 and index == len(files[file]) - 1:
                files = (*files[:file], files[file][:index])
            if attempt not in state.marked:
                missing.append(attempt)
        journal = state.journal if missing or pending else ()
        after = state._replace(files=files, journal=journal)
        daemon = Daemon("journal" if missing else "work", self.places(after, missing), pending)
        return f"recovers {missing}", place(after, number, daemon)

    def guess(self, state: State, number: int) -> Step:
        """The way without a journal: cut a torn line; an equal line counts as the record of the next."""
        last = state.files[-1]
        if last and not last[-1][1]:
            last = last[:-1]
        nexts = [attempt for attempt in ATTEMPTS if attempt not in state.marked]
        found = ((nexts[0], len(state.files) - 1, 0),) if nexts and any(whole for _, whole in last) else ()
        after = state._replace(files=(*state.files[:-1], last))
        return "looks for an equal line", place(after, number, Daemon("work", (), found))

    def die(self, state: State, daemon: Daemon) -> Iterator[Step]:
        """Death at any place, and within an append after any part of it."""
        yield "dies", state
        if daemon.does == "append":
            for whole in range(len(daemon.new)):
                yield f"dies after {whole} lines", self.extend(state, daemon.new[:whole], torn=False)
                yield f"dies within line {whole + 1}", self.extend(state, daemon.new[: whole + 1], torn=True)

    @staticmethod
    def places(state: State, new: list[int]) -> tuple[Place, ...]:
        """Where records appended now will be."""
        file = len(state.files) - 1
        return tuple((attempt, file, len(state.files[file]) + number) for number, attempt in enumerate(new))

    @staticmethod
    def extend(state: State, new: tuple[Place, ...], *, torn: bool) -> State:
        """Write lines; `torn`: of the last one only a part."""
        files = list(state.files)
        for attempt, file, _ in new:
            files[file] += ((attempt, not torn or attempt != new[-1][0]),)
        return state._replace(files=tuple(files))


def place(state: State, number: int, daemon: Daemon | None) -> State:
    daemons = list(state.daemons)
    daemons[number] = daemon
    return state._replace(daemons=tuple(daemons))


def wrong(state: State) -> str | None:
    """One record for each run, and never a mark without one."""
    records = [attempt for file in state.files for attempt, whole in file if whole]
    if len(records) != len(set(records)):
        return "two records of one run"
    if not state.marked <= set(records):
        return "a mark without a record"
    return None


def run(protocol: Protocol) -> Result[State]:
    return explore(protocol.start(), protocol.steps, wrong)


def test_each_run_gets_one_record_whatever_happens() -> None:
    result = run(Protocol())
    assert not result.violations, result.story()
    assert result.stuck(lambda state: state.marked == set(ATTEMPTS)) == []
    assert result.states > 1000


def test_looking_for_an_equal_line_loses_records() -> None:
    assert "a mark without a record" in run(Protocol(journal=False)).violations


def test_clearing_the_journal_before_the_mark_doubles_records() -> None:
    assert "two records of one run" in run(Protocol(clear_late=False)).violations


def test_two_writers_without_the_lock_double_records() -> None:
    assert "two records of one run" in run(Protocol(daemons=2, accidents=0)).violations

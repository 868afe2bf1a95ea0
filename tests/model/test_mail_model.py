"""Every interleaving of posting and sending one mail, with deaths, lost acceptances and sweeps.

What is modelled, and where it is implemented:

* a controller plans (`controller.plan`), looks into `sent/` and links (`outbox.spool.Spool.add`), and
  then marks the attempt (`controller.executor`); the GridJob can go once it is marked;
* a sender takes the lock (`Spool.lock`), looks into `sent/` again and discards what is there
  (`mailer.send.Sender._read`), sends, and renames (`Spool.sent`);
* `Spool.sweep` forgets what was sent; a day is longer than any poster takes.

Both run in each of two daemons, which die as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from mc import Result, explore

Step = tuple[str, "State"]


class Daemon(NamedTuple):
    """What the two threads of one daemon are about to do."""

    poster: str = "idle"
    """idle, look, link, mark"""
    sender: str = "idle"
    """idle; look and send hold the lock; file: the server has said yes"""


class State(NamedTuple):
    """All that is in the world for one mail of one attempt."""

    daemons: tuple[Daemon, ...]
    job: bool = True
    marked: bool = False
    waiting: bool = False
    settled: bool = False
    arrived: int = 0
    excused: int = 0
    """Copies that the documented window explains."""
    deaths: int = 2
    losses: int = 1


@dataclass(frozen=True)
class Protocol:
    """The protocol, and what becomes of it when a part is left out."""

    lock: bool = True
    look_again: bool = True
    post_first: bool = True
    sweep_late: bool = True
    keep_waiting: bool = True
    """What waits again stays known as sent, however late it is."""

    def steps(self, state: State) -> Iterator[Step]:
        """Everything that can happen next."""
        for number, daemon in enumerate(state.daemons):
            for label, poster, after in self.post(state, daemon.poster):
                yield f"{number} {label}", place(after, number, daemon._replace(poster=poster))
            for label, sender, after in self.send(state, daemon.sender):
                yield f"{number} {label}", place(after, number, daemon._replace(sender=sender))
            if state.deaths and daemon != Daemon():
                window = daemon.sender == "file"
                after = state._replace(deaths=state.deaths - 1, excused=state.excused + window)
                yield f"{number} dies", place(after, number, Daemon())
        if state.job and state.marked:
            yield "the GridJob goes", state._replace(job=False)
        posting = any(daemon.poster != "idle" for daemon in state.daemons)
        early = posting or not state.marked
        if (
            state.settled
            and (not self.sweep_late or not early)
            and (not self.keep_waiting or not state.waiting)
        ):
            yield "a day has passed", state._replace(settled=False)

    def post(self, state: State, phase: str) -> Iterator[tuple[str, str, State]]:
        """Yield (label, next phase, next state) of a controller."""
        if phase == "idle" and state.job and not state.marked:
            yield "sees that the run ended", "look" if self.post_first else "mark", state
        elif phase == "look" and state.settled:
            yield "finds it sent", "mark", state
        elif phase == "look":
            yield "finds nothing sent", "link", state
        elif phase == "link":
            then = "mark" if self.post_first else "idle"
            yield "links", then, state._replace(waiting=True)
        elif phase == "mark":
            then = "idle" if self.post_first else "look"
            yield "marks", then, state._replace(marked=state.marked or state.job)

    def send(self, state: State, phase: str) -> Iterator[tuple[str, str, State]]:
        """Yield (label, next phase, next state) of a sender."""
        locked = self.lock and any(daemon.sender != "idle" for daemon in state.daemons)
        if phase == "idle" and state.waiting and not locked:
            yield "takes the lock", "look", state
        elif phase == "look" and not state.waiting:
            yield "finds it gone", "idle", state
        elif phase == "look" and state.settled and self.look_again:
            yield "discards what was sent", "idle", state._replace(waiting=False)
        elif phase == "look":
            yield "reads it", "send", state
        elif phase == "send":
            yield "sends, is told so", "file", state._replace(arrived=state.arrived + 1)
            if state.losses:
                after = state._replace(losses=state.losses - 1, arrived=state.arrived + 1)
                yield "sends, is not told so", "idle", after._replace(excused=state.excused + 1)
        elif phase == "file":
            settled = state.settled or state.waiting
            yield "renames it", "idle", state._replace(waiting=False, settled=settled)


def place(state: State, number: int, daemon: Daemon) -> State:
    daemons = list(state.daemons)
    daemons[number] = daemon
    return state._replace(daemons=tuple(daemons))


def wrong(state: State) -> str | None:
    """A second copy needs its excuse; a GridJob that is gone must have left its mail somewhere."""
    return "a mail twice" if state.arrived - 1 > state.excused else None


def run(protocol: Protocol) -> Result[State]:
    return explore(State(daemons=(Daemon(), Daemon())), protocol.steps, wrong)


def test_a_mail_arrives_and_arrives_twice_only_in_the_documented_window() -> None:
    result = run(Protocol())
    assert not result.violations, result.story()
    assert result.stuck(lambda state: state.arrived > 0) == []
    assert result.states > 500


@pytest.mark.parametrize("part", ["lock", "look_again", "sweep_late", "keep_waiting"])
def test_without_any_part_of_the_protocol_a_mail_can_arrive_twice(part: str) -> None:
    assert "a mail twice" in run(Protocol(**{part: False})).violations


def test_marking_before_posting_loses_mails() -> None:
    result = run(Protocol(post_first=False))
    assert result.stuck(lambda state: state.arrived > 0)

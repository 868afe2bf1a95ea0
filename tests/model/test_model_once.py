"""Every interleaving of `-once` submissions of one name: crashes, lost answers, take-overs, retirement.

Implemented by `service.ids.Ids._attempt` (read, list, look, swap), `service.ids.Ids._wait_for` (take-over),
`service.ids.Ids._wait_until_ready` (a GridJob that is not ready is taken back), `service.submit._create`
(create, settled by the nonce), `service.submit._complete` (ready, and a look at whether it was taken
back), and the controller's removal of entries and retirement of GridJobs (`controller`).
Time is left out: a take-over may come at any moment, and
retirement only when nobody can still create or look at that id, which the hour against the minute stands for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from mc import Result, explore

NOBODY = -1
VOIDER = -2


class Sub(NamedTuple):
    """One submitter: where it is, and what it remembers of its read."""

    at: str = "start"
    """start, read, list, look, swap, create, ready; then done, refused, dead."""
    fresh: bool = False
    """The account has not changed since it was read: the swap would succeed."""
    entry: tuple[int, int] = (0, NOBODY)
    """(id, owner) of the name's entry as read; id 0 is none."""
    id: int = 0


class State(NamedTuple):
    """The account, the GridJobs and the submitters."""

    next: int
    entry: tuple[int, int]
    jobs: tuple[tuple[str, int], ...]
    """By id: ("", _) not there, ("begun", owner) not ready, ("active", owner), ("over", owner), ("void", _).

    What was taken back is void here: a deleted job is no more active than a void one."""
    created: tuple[int, ...]
    """By id: how often one was created."""
    subs: tuple[Sub, ...]
    lost: int
    """Answers that may still be lost."""
    crashes: int


class Protocol(NamedTuple):
    """The protocol with its choices; the defaults are what is built."""

    submitters: int = 2
    ids: int = 4
    lost: int = 1
    crashes: int = 1
    list_first: bool = False
    """List before the account is read: unsafe."""
    entries_cleared: bool = True
    """By the controller, once the GridJob is there."""
    look_back: bool = True
    """A deletion outlasts a late "ready", which finds out by its answer."""
    retire_safely: bool = True
    """Not while somebody may still create, or look at, that id."""

    def start(self) -> State:
        jobs = (("", NOBODY),) * self.ids
        return State(
            1, (0, NOBODY), jobs, (0,) * self.ids, (Sub(),) * self.submitters, self.lost, self.crashes
        )

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        for who, sub in enumerate(state.subs):
            if sub.at in ("done", "refused", "dead"):
                continue
            if state.crashes:
                yield (
                    f"{who} dies at {sub.at}",
                    moved(state, who, Sub(at="dead"))._replace(crashes=state.crashes - 1),
                )
            yield from getattr(self, f"_{sub.at}")(state, who, sub)
        yield from self._controller(state)

    def _start(self, state: State, who: int, sub: Sub) -> Iterator[tuple[str, State]]:
        if self.list_first:
            yield from self._list(state, who, sub)
        else:
            yield from self._read(state, who, sub)

    def _read(self, state: State, who: int, _sub: Sub) -> Iterator[tuple[str, State]]:
        then = "look" if self.list_first else "list"
        yield f"{who} reads the account", moved(state, who, Sub(at=then, fresh=True, entry=state.entry))

    def _list(self, state: State, who: int, sub: Sub) -> Iterator[tuple[str, State]]:
        if any(kind == "active" for kind, _ in state.jobs):
            yield f"{who} lists an active job", moved(state, who, Sub(at="refused"))
        elif number := next((n for n, (kind, _) in enumerate(state.jobs, 1) if kind == "begun"), 0):
            yield from self._unready(state, who, number)
        elif self.list_first:
            yield f"{who} lists none", moved(state, who, Sub(at="read"))
        else:
            yield f"{who} lists none", moved(state, who, sub._replace(at="look"))

    def _look(self, state: State, who: int, sub: Sub) -> Iterator[tuple[str, State]]:
        number, owner = sub.entry
        if not number:
            yield f"{who} sees no entry", moved(state, who, sub._replace(at="swap"))
            return
        kind = state.jobs[number - 1][0]
        if kind == "active":
            yield f"{who} sees {number} active", moved(state, who, Sub(at="refused"))
        elif kind == "begun":
            yield from self._unready(state, who, number)
        elif kind:
            yield f"{who} sees {number} {kind}", moved(state, who, sub._replace(at="swap"))
        elif owner == who:
            yield f"{who} sees its own entry", moved(state, who, Sub(at="create", id=number))
        else:
            yield f"{who} waits", moved(state, who, Sub())
            yield f"{who} voids {number}", moved(made(state, number, "void", VOIDER), who, Sub())

    def _unready(self, state: State, who: int, number: int) -> Iterator[tuple[str, State]]:
        yield f"{who} waits for {number}", moved(state, who, Sub())
        yield f"{who} takes {number} back", moved(put(state, number, ("void", VOIDER)), who, Sub())

    def _ready(self, state: State, who: int, sub: Sub) -> Iterator[tuple[str, State]]:
        kind, owner = state.jobs[sub.id - 1]
        if kind == "begun":
            after = put(state, sub.id, ("active", who))
            yield f"{who} makes {sub.id} ready", moved(after, who, Sub(at="done"))
            if state.lost:
                yield f"{who} makes {sub.id} ready, answer lost", after._replace(lost=state.lost - 1)
        elif owner == who:
            yield f"{who} finds {sub.id} ready", moved(state, who, Sub(at="done"))
        elif self.look_back:
            yield f"{who} finds {sub.id} taken back", moved(state, who, Sub(at="refused"))
        else:
            yield (
                f"{who} brings {sub.id} back",
                moved(put(state, sub.id, ("active", who)), who, Sub(at="done")),
            )

    def _swap(self, state: State, who: int, sub: Sub) -> Iterator[tuple[str, State]]:
        if not sub.fresh:
            yield f"{who} swaps in vain", moved(state, who, Sub())
        elif state.next <= self.ids:
            number = state.next
            after = stale(state)._replace(next=number + 1, entry=(number, who))
            yield f"{who} takes {number}", moved(after, who, Sub(at="create", id=number))
            if state.lost:
                after = after._replace(lost=state.lost - 1)
                yield f"{who} takes {number}, answer lost", moved(after, who, Sub())

    def _create(self, state: State, who: int, sub: Sub) -> Iterator[tuple[str, State]]:
        kind, owner = state.jobs[sub.id - 1]
        if not kind:
            after = made(state, sub.id, "begun", who)
            yield f"{who} creates {sub.id}", moved(after, who, Sub(at="ready", id=sub.id))
            if state.lost:
                yield f"{who} creates {sub.id}, answer lost", after._replace(lost=state.lost - 1)
        elif owner == who:
            yield f"{who} finds its {sub.id}", moved(state, who, Sub(at="ready", id=sub.id))
        else:
            yield f"{who} lost {sub.id}", moved(state, who, Sub())

    def _controller(self, state: State) -> Iterator[tuple[str, State]]:
        for number, (kind, owner) in enumerate(state.jobs, 1):
            if kind == "active":
                yield f"{number} ends", put(state, number, ("over", owner))
            if kind and state.entry[0] == number and self.entries_cleared:
                yield f"entry {number} removed", stale(state)._replace(entry=(0, NOBODY))
            if kind in ("over", "void") and self._may_retire(state, number):
                yield f"{number} retired", put(state, number, ("", NOBODY))

    def _may_retire(self, state: State, number: int) -> bool:
        if not self.retire_safely:
            return True
        if self.entries_cleared and state.entry[0] == number:
            return False
        return all(sub.id != number and sub.entry[0] != number for sub in state.subs)


def moved(state: State, who: int, sub: Sub) -> State:
    return state._replace(subs=(*state.subs[:who], sub, *state.subs[who + 1 :]))


def stale(state: State) -> State:
    """After a change of the account nobody's read is fresh any more."""
    return state._replace(subs=tuple(sub._replace(fresh=False) for sub in state.subs))


def put(state: State, number: int, job: tuple[str, int]) -> State:
    return state._replace(jobs=(*state.jobs[: number - 1], job, *state.jobs[number:]))


def made(state: State, number: int, kind: str, owner: int) -> State:
    created = list(state.created)
    created[number - 1] += 1
    return put(state, number, (kind, owner))._replace(created=tuple(created))


def wrong(state: State) -> str | None:
    if sum(kind == "active" for kind, _ in state.jobs) > 1:
        return "two active jobs of one name"
    if max(state.created) > 1:
        return "an id created twice"
    return None


def run(protocol: Protocol) -> Result[State]:
    return explore(protocol.start(), protocol.successors, wrong)


def ended(protocol: Protocol, state: State) -> bool:
    return state.next > protocol.ids or all(sub.at in ("done", "refused", "dead") for sub in state.subs)


@pytest.mark.parametrize(
    "protocol",
    [Protocol(lost=2, crashes=2), Protocol(submitters=3, ids=2, lost=0, crashes=1)],
    ids=["two, with losses", "three"],
)
def test_at_most_one_wins_and_nobody_is_locked_out(protocol: Protocol) -> None:
    result = run(protocol)
    assert not result.violations, result.story()
    assert not result.stuck(lambda state: ended(protocol, state))
    assert result.states > 3000, "the model still explores something"


@pytest.mark.parametrize(
    ("protocol", "fault"),
    [
        (Protocol(list_first=True), "two active jobs of one name"),
        (Protocol(look_back=False), "two active jobs of one name"),
        (Protocol(entries_cleared=False), "an id created twice"),
        (Protocol(retire_safely=False), "an id created twice"),
    ],
    ids=[
        "list before read",
        "ready after it was taken back",
        "entries that nobody clears",
        "retirement at any time",
    ],
)
def test_other_orders_are_unsafe(protocol: Protocol, fault: str) -> None:
    assert fault in run(protocol).violations

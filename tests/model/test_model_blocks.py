"""Every interleaving of two leaders that hand out blocks of job ids to two accounts, with crashes.

Implemented by the controller's hand-out (compare-and-swap on GridSite first, then the block into
`GridAccount.spec`); `translate.account.next_id` takes ids from the blocks.  A crash between the two writes
leaks a block, which is harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from mc import Result, explore

ACCOUNTS = 2
BLOCKS = 4


class Leader(NamedTuple):
    """What a leader is about to do."""

    at: str = "idle"
    """idle, swap (the site was read), read (the account), write (the account was read)."""
    account: int = 0
    version: int = 0
    """Of what was read last."""
    block: int = 0


class State(NamedTuple):
    """The site, the accounts and the leaders; versions count writes."""

    site: tuple[int, int] = (0, 1)
    """(version, next block)"""
    accounts: tuple[tuple[int, tuple[int, ...]] | None, ...] = ((0, ()),) * ACCOUNTS
    """(version, blocks); None when an administrator removed it."""
    leaders: tuple[Leader, ...] = (Leader(), Leader())
    given: tuple[int, ...] = ()
    """Every block that was ever written into an account."""


class Handout(NamedTuple):
    """The protocol; the default is what is built."""

    by_site: bool = True
    """One object counts the blocks; otherwise the highest block of all accounts does: unsafe."""
    removal: bool = False
    """Administrators remove accounts."""

    def successors(self, state: State) -> Iterator[tuple[str, State]]:
        for who, leader in enumerate(state.leaders):
            if leader.at != "idle":
                yield f"{who} dies", moved(state, who, Leader())
            yield from getattr(self, f"_{leader.at}")(state, who, leader)
        if self.removal:
            for number, account in enumerate(state.accounts):
                if account is not None:
                    yield f"account {number} removed", put(state, number, None)

    def _idle(self, state: State, who: int, _leader: Leader) -> Iterator[tuple[str, State]]:
        for number, account in enumerate(state.accounts):
            if account is None or len(account[1]) >= BLOCKS // ACCOUNTS:
                continue
            if self.by_site:
                version, block = state.site
                yield f"{who} reads the site", moved(state, who, Leader("swap", number, version, block))
            else:
                block = 1 + max((b for other in state.accounts if other for b in other[1]), default=0)
                leader = Leader("write", number, account[0], block)
                yield f"{who} lists the accounts, {block} is free", moved(state, who, leader)

    def _swap(self, state: State, who: int, leader: Leader) -> Iterator[tuple[str, State]]:
        if state.site[0] != leader.version:
            yield f"{who} swaps in vain", moved(state, who, Leader())
        elif leader.block <= BLOCKS:
            after = state._replace(site=(leader.version + 1, leader.block + 1))
            yield f"{who} takes block {leader.block}", moved(after, who, leader._replace(at="read"))

    def _read(self, state: State, who: int, leader: Leader) -> Iterator[tuple[str, State]]:
        account = state.accounts[leader.account]
        if account is not None:
            yield (
                f"{who} reads account {leader.account}",
                moved(state, who, leader._replace(at="write", version=account[0])),
            )

    def _write(self, state: State, who: int, leader: Leader) -> Iterator[tuple[str, State]]:
        account = state.accounts[leader.account]
        if account is None or account[0] != leader.version:
            again = leader._replace(at="read") if self.by_site else Leader()
            yield f"{who} writes in vain", moved(state, who, again)
        elif leader.block <= BLOCKS:
            after = put(state, leader.account, (account[0] + 1, (*account[1], leader.block)))
            after = after._replace(given=tuple(sorted((*state.given, leader.block))))
            yield f"{who} gives block {leader.block} to {leader.account}", moved(after, who, Leader())


def moved(state: State, who: int, leader: Leader) -> State:
    return state._replace(leaders=(*state.leaders[:who], leader, *state.leaders[who + 1 :]))


def put(state: State, number: int, account: tuple[int, tuple[int, ...]] | None) -> State:
    return state._replace(accounts=(*state.accounts[:number], account, *state.accounts[number + 1 :]))


def wrong(state: State) -> str | None:
    return "a block given twice" if len(set(state.given)) < len(state.given) else None


def run(handout: Handout) -> Result[State]:
    return explore(State(), handout.successors, wrong)


@pytest.mark.parametrize("removal", [False, True], ids=["", "with removal"])
def test_no_block_is_given_twice(removal: bool) -> None:
    result = run(Handout(removal=removal))
    assert not result.violations, result.story()
    assert result.states > 1000


@pytest.mark.parametrize("removal", [False, True], ids=["", "with removal"])
def test_the_highest_block_of_all_accounts_is_unsafe(removal: bool) -> None:
    assert "a block given twice" in run(Handout(by_site=False, removal=removal)).violations

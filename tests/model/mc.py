"""A small explicit-state model checker: breadth first, every interleaving, shortest traces.

A model is a start state and a function from a state to its (label, next state) pairs.  States are
hashable tuples.  Safety is a predicate on states; "can always still end" is `stuck`, which lists the
states from which no goal can be reached.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)


@dataclass
class Result(Generic[S]):
    """What an exploration saw."""

    start: S
    came_from: dict[S, tuple[S, str] | None] = field(default_factory=dict)
    edges: dict[S, list[S]] = field(default_factory=dict)
    violations: dict[str, S] = field(default_factory=dict)
    """First state of each kind of violation; nothing is explored beyond one."""

    @property
    def states(self) -> int:
        """How many states were reached."""
        return len(self.came_from)

    def trace(self, state: S) -> list[str]:
        """The labels of the steps of a shortest way to a state."""
        labels = []
        while (step := self.came_from[state]) is not None:
            state, label = step
            labels.append(label)
        return labels[::-1]

    def story(self) -> str:
        """The violations with their traces, for a failing test's message."""
        return "\n".join(
            f"{what}:\n  " + "\n  ".join(self.trace(state)) for what, state in self.violations.items()
        )

    def stuck(self, goal: Callable[[S], bool]) -> list[S]:
        """The states from which no state that satisfies `goal` can be reached."""
        before: dict[S, list[S]] = {}
        for state, nexts in self.edges.items():
            for after in nexts:
                before.setdefault(after, []).append(state)
        alive = {state for state in self.came_from if goal(state)}
        todo = list(alive)
        while todo:
            for state in before.get(todo.pop(), ()):
                if state not in alive:
                    alive.add(state)
                    todo.append(state)
        return [state for state in self.came_from if state not in alive]


def explore(
    start: S,
    successors: Callable[[S], Iterable[tuple[str, S]]],
    wrong: Callable[[S], str | None],
    *,
    limit: int = 2_000_000,
) -> Result[S]:
    """Visit every state that can be reached.

    Args:
        successors: the steps that are possible in a state.
        wrong: names what is violated in a state, or None.
        limit: states after which the model is too large for a test.

    Raises:
        RuntimeError: more states than `limit`; the model proves nothing then.
    """
    result = Result(start=start)
    result.came_from[start] = None
    todo = deque([start])
    while todo:
        state = todo.popleft()
        nexts = result.edges[state] = []
        for label, after in successors(state):
            nexts.append(after)
            if after in result.came_from:
                continue
            result.came_from[after] = (state, label)
            fault = wrong(after)
            if fault is not None:
                result.violations.setdefault(fault, after)
            else:
                todo.append(after)
        if len(result.came_from) > limit:
            raise RuntimeError(f"more than {limit} states")
    return result

"""The controller dies at each of its writes in turn; the next one finishes the work.

Whatever the moment: no run begins twice, each run leaves one record, each mail is in the spool once, and
every job comes to the same end as without a death.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from controller.controller_world import Died, Fuse, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def plain(world: World) -> None:
    world.submit(1000, mail_options="abe")
    world.ends[1000, 1] = [3]


def requeued(world: World) -> None:
    world.submit(1000, mail_options="abe", restart="n")
    world.ends[1000, 1] = [99, 0]


def array(world: World) -> None:
    world.submit(1000, tasks=(1, 3, 1), max_running_tasks=2, mail_options="a")
    world.ends |= {(1000, task): [99, 1] if task == 2 else [0] for task in range(1, 4)}


def chained(world: World) -> None:
    world.submit(1000)
    world.submit(1001, predecessors=(1000,))
    world.ends |= {(1000, 1): [0], (1001, 1): [0]}


def deleted_while_running(world: World) -> None:
    world.submit(1000, mail_options="abe")
    world.submit(1001, tasks=(1, 3, 1), max_running_tasks=1, mail_options="a")


def deleted_when_intended(world: World) -> None:
    world.submit(1000)


def in_error(world: World) -> None:
    world.submit(1000, mail_options="a")
    world.ends[1000, 1] = [100, 0]


def delete_all(world: World) -> None:
    world.order(1000, "delete")
    world.order(1001, "delete")


def delete_one(world: World) -> None:
    world.order(1000, "delete")


def clear(world: World) -> None:
    world.order(1000, "clear")


def reschedule(world: World) -> None:
    world.order(1000, "reschedule")
    world.ends[1000, 1] = []


def nothing(world: World) -> None:
    """No order."""


def retire(world: World) -> None:
    world.now += 4000


Story = tuple["Callable[[World], None]", "Callable[[World], None]"]
STORIES: dict[str, Story] = {
    "a job with all its mails": (plain, nothing),
    "a job that is put back": (requeued, nothing),
    "an array with -tc": (array, nothing),
    "a job that waits for another": (chained, nothing),
    "jobs deleted while they run": (deleted_while_running, delete_all),
    "a job deleted before it runs": (deleted_when_intended, delete_one),
    "a job in error, cleared": (in_error, clear),
    "a rescheduled job": (deleted_while_running, reschedule),
    "a finished job that is retired": (plain, retire),
}


def play(world: World, story: Story) -> None:
    """Submit, let everything happen, give the orders, let everything happen."""
    submit, order = story
    submit(world)
    if submit is deleted_when_intended:
        world.work()
    else:
        world.settle()
    order(world)
    world.later(1.0)


def result(world: World) -> dict[str, object]:
    """What must be the same however often the controller died."""
    jobs = {}
    for number in (1000, 1001):
        status = world.status(number) if world.exists(number) else {}
        jobs[number] = {
            name: status.get(name)
            for name in ("phase", "finished", "failed", "exitStatus", "pending", "errors", "again", "state")
        }
        jobs[number]["running"] = [
            (row["task"], row["attempt"], row["restarted"], row["state"])
            for row in status.get("running") or ()
        ]
    return {
        "jobs": jobs,
        "records": sorted(
            (one.job_number, one.task_number, one.failed, one.exit_status) for one in world.records()
        ),
        "mails": world.mails(),
        "runs": sorted(world.runs),
        "pods": sorted(world.pods()),
    }


def with_deaths(directory: str, story: Story, *, at: int, crew: bool) -> tuple[World, bool]:
    """Play a story whose controller dies at its n-th write, the answer lost; return whether it did."""
    world = World(directory, finished_jobs=0)
    world.with_crew = crew
    world.new_controller(Fuse(at))
    submit, order = story
    died = False

    def on(act: Callable[[], None]) -> None:
        nonlocal died
        try:
            act()
        except Died:
            died = True
            world.new_controller()
            act()

    submit(world)
    on(world.work if submit is deleted_when_intended else world.settle)
    order(world)
    on(lambda: world.later(1.0))
    world.later(1.0)
    return world, died


@pytest.mark.parametrize("crew", [False, True], ids=["one after the other", "several at a time"])
@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_death_at_any_write_changes_nothing(tmp_path: Path, story: Story, crew: bool) -> None:
    undisturbed = World(str(tmp_path / "undisturbed"), finished_jobs=0)
    play(undisturbed, story)
    expected = result(undisturbed)
    undisturbed.close()
    # Dying before a write is dying after the one before it.
    at, died = 1, True
    while died:
        world, died = with_deaths(str(tmp_path / f"w{at}"), story, at=at, crew=crew)
        assert result(world) == expected, f"died at write {at}"
        assert world.log == []
        world.close()
        at += 1
    assert at > 5

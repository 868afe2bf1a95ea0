"""Which of a site's settings are only shown: what commands answer from and nothing obeys. Pure."""

from __future__ import annotations

from gridcompat import complexes
from gridcompat.settings import quotas

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridcompat.settings import Settings

QUIET = frozenset(("tmpdir", "owner_list", "min_cpu_interval", "nsuspend", "suspend_interval"))
"""Lines of queues whose loss nobody would notice."""


def only_shown(settings: Settings) -> list[str]:
    """Return a line for each setting that is shown and not obeyed."""
    return list(_lines(settings))


def _lines(settings: Settings) -> Iterator[str]:
    for queue in settings.queues:
        names = [name for name, _ in queue.shown if name not in QUIET]
        if names:
            yield f"queue {queue.name}: {', '.join(sorted(names))}"
    for environment in settings.parallel_environments:
        names = [
            name for name in ("start_proc_args", "stop_proc_args") if getattr(environment, name) != "NONE"
        ]
        if names:
            yield f"parallel environment {environment.name}: {', '.join(names)}"
    yield from _unknown(settings)
    for calendar in settings.calendar_details:
        if "suspended" in f"{calendar.year} {calendar.week}":
            yield f"calendar {calendar.name}: closes queues; what runs in them is not suspended"
    for field in ("scheduler", "configuration"):
        if names := [name for name, _ in getattr(settings, field)]:
            yield f"{field}: {', '.join(names)}"
    for configuration in settings.host_configurations:
        yield f"host configuration {configuration.name}"


def _unknown(settings: Settings) -> Iterator[str]:
    """What is given out or limited under the name of no complex."""
    places = (
        *((f"queue {one.name}", [name for name, _ in one.complex_values]) for one in settings.queues),
        *((f"host {one.name}", [name for name, _ in one.complex_values]) for one in settings.hosts),
        *(
            (f"resource quota set {of_set[0].quota}", [name for rule in of_set for name, _ in rule.limits])
            for of_set in quotas.sets(settings)
            if of_set
        ),
    )
    for place, names in places:
        for name in dict.fromkeys(names):
            if complexes.find(name, settings) is None:
                yield f"{place}: {name} (there is no such complex)"

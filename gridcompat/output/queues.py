"""qstat's text about queues: the lines of -f, the resources of -F, the summary of -g c.

Must not know which queues and jobs were chosen, nor why.
"""

from __future__ import annotations

from gridcompat.output.qstat import (
    FINISHED_TITLE,
    FULL_EXTENDED_RULE,
    FULL_RULE,
    PENDING_EXTENDED_RULE,
    PENDING_RULE,
    PENDING_TITLE,
    View,
)
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.output.hosts import Instance, Offer

STATES = "sASCuadDcoE"
"""Letters of queue states, in the order of -g c -ext."""


@record
class Summary:
    """A cluster queue on all its hosts, for -g c."""

    name: str
    load: float | None
    """Per processor."""
    instances: tuple[Instance, ...]

    @property
    def used(self) -> int:
        """Slots in use."""
        return sum(one.used for one in self.instances)

    @property
    def total(self) -> int:
        """Slots in all."""
        return sum(one.queue.slots for one in self.instances)

    @property
    def out(self) -> int:
        """Slots of instances that need somebody (states c, d, s, u, E)."""
        return sum(one.queue.slots for one in self.instances if set(one.state) & set("cdsuE"))

    @property
    def disturbed(self) -> int:
        """Slots of instances that may come back by themselves (states a, o, A, C, D, S)."""
        inside = [one for one in self.instances if not set(one.state) & set("cdsuE")]
        return sum(one.queue.slots for one in inside if set(one.state) & set("aoACDS"))

    @property
    def available(self) -> int:
        """Free slots of instances without a state."""
        return sum(one.queue.slots - one.used for one in self.instances if not one.state)

    def in_state(self, letter: str) -> int:
        """Return the slots of the instances in a state."""
        return sum(one.queue.slots for one in self.instances if letter in one.state)


HEADER = "queuename                      qtype resv/used/tot. load_avg arch          states\n"


def rule(view: View) -> str:
    """Return the dashes above each queue."""
    return (FULL_EXTENDED_RULE if view.extended else FULL_RULE) + "\n"


def queue_line(instance: Instance, arch: str, offers: Sequence[Offer]) -> str:
    """Return the line of a queue instance and its resources below, each with a newline."""
    load = "-NA-" if instance.host.load is None else f"{instance.host.load:.2f}"
    slots = f"0/{instance.used}/{instance.queue.slots}"
    arch = "-NA-" if instance.host.unknown else arch
    kinds = f"{instance.kinds:<5} {slots:<14} {load:<8} {arch:<13.13} {instance.state}"
    line = f"{instance.name:<30.30} {kinds}\n"
    return line + "".join(f"\t{where}:{name}={value}\n" for where, name, value in offers)


def finished_title(view: View) -> str:
    """Return the lines above the jobs that are over, the empty one first."""
    rule = PENDING_EXTENDED_RULE if view.extended else PENDING_RULE
    return f"\n{rule}\n{FINISHED_TITLE}\n{rule}\n"


def pending_title(view: View) -> str:
    """Return what stands above the pending jobs of -f."""
    rule = PENDING_EXTENDED_RULE if view.extended else PENDING_RULE
    return f"\n{rule}\n{PENDING_TITLE}\n{rule}\n"


def summary(queues: Sequence[Summary], *, extended: bool) -> str:
    """Return -g c, a line for each queue name."""
    title = "CLUSTER QUEUE                   CQLOAD   USED    RES  AVAIL  TOTAL aoACDS  cdsuE  "
    if extended:
        title += "".join(f"    {letter} " for letter in STATES).rstrip()
    parts = [f"{title}\n{'-' * (len(title) - (1 if extended else 2))}\n"]
    for one in queues:
        shown = "-NA-" if one.load is None else f"{one.load:.2f}"
        numbers = (one.used, 0, one.available, one.total, one.disturbed, one.out)
        line = f"{one.name:<30.30} {shown:>7} " + "".join(f"{number:>6} " for number in numbers)
        if extended:
            line += "".join(f"{one.in_state(letter):>5} " for letter in STATES)
        parts.append(line + "\n")
    return "".join(parts)

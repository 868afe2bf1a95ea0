"""qstat's text about queues: the lines of -f, the resources of -F, the summary of -g c.

Must not know which queues and jobs were chosen, nor why.
"""

from __future__ import annotations

from gridcompat.output.qstat import (
    FULL_EXTENDED_RULE,
    FULL_RULE,
    PENDING_EXTENDED_RULE,
    PENDING_RULE,
    PENDING_TITLE,
    View,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.output.hosts import Instance, Offer

HEADER = "queuename                      qtype resv/used/tot. load_avg arch          states\n"


def rule(view: View) -> str:
    """Return the dashes above each queue."""
    return (FULL_EXTENDED_RULE if view.extended else FULL_RULE) + "\n"


def queue_line(instance: Instance, arch: str, offers: Sequence[Offer]) -> str:
    """Return the line of a queue instance and its resources below, each with a newline."""
    load = "-NA-" if instance.host.load is None else f"{instance.host.load:.2f}"
    slots = f"0/{instance.used}/{instance.queue.slots}"
    line = f"{instance.name:<30.30} {'BP':<5} {slots:<14} {load:<8} {arch:<13.13} \n"
    return line + "".join(f"\t{where}:{name}={value}\n" for where, name, value in offers)


def pending_title(view: View) -> str:
    """Return what stands above the pending jobs of -f."""
    rule = PENDING_EXTENDED_RULE if view.extended else PENDING_RULE
    return f"\n{rule}\n{PENDING_TITLE}\n{rule}\n"


def summary(queues: Sequence[tuple[str, float | None, int, int]], *, extended: bool) -> str:
    """Return -g c: for each queue name, load per processor, slots used and in all."""
    title = "CLUSTER QUEUE                   CQLOAD   USED    RES  AVAIL  TOTAL aoACDS  cdsuE  "
    if extended:
        title += "".join(f"    {letter} " for letter in "sASCuadDcoE").rstrip()
    parts = [f"{title}\n{'-' * (len(title) - (1 if extended else 2))}\n"]
    for name, load, used, total in queues:
        shown = "-NA-" if load is None else f"{load:.2f}"
        line = f"{name:<30.30} {shown:>7} {used:>6} {0:>6} {total - used:>6} {total:>6} {0:>6} {0:>6} "
        parts.append(line + (f"{0:>5} " * 11 if extended else "") + "\n")
    return "".join(parts)

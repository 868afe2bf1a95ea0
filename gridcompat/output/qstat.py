"""The text of qstat's job listings: headers, rows, and what -r adds below a row.

Widths, order of columns and trailing blanks are Grid Engine's, for scripts cut by columns.  A
listing of thousands of jobs passes through `line` once a row, so it formats once and looks nothing
up twice.  Must not know clusters, clocks or switches: callers say what to show by a View.

Source: qstat(1), OUTPUT FORMATS; trailing blanks and unnamed columns from a live 8.1.9.
"""

from __future__ import annotations

from gridcompat.record import record
from gridcompat.states import FINISHED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gridcompat.model import JobRequest
    from gridcompat.output.consumed import Consumed
    from gridcompat.settings import Settings
    from gridcompat.translate.rows import Row


@record
class View:
    """Which columns a listing has."""

    extended: bool = False
    """-ext"""
    priorities: bool = False
    """-pri"""
    urgencies: bool = False
    """-urg"""
    masters: bool = False
    """-g t: MASTER and SLAVE instead of the number of slots."""
    subtasks: bool = False
    """-t"""
    each_task: bool = False
    """-g d"""
    full: bool = False
    """-f and what implies it: rows below queue lines, without a queue column."""
    defaults: bool = False
    """What a running job counts as without asking is shown: the grid looks it up where queues matter."""

    @property
    def times(self) -> bool:
        """The column of submission or start: -ext alone leaves it out."""
        return not self.extended or self.subtasks or self.urgencies or self.priorities


PLAIN = View()
NO_TASK = " " * 7
"""The last column of a job that is no array."""
PRIORITIES_EXTRA = 12
"""How far the grid puts SLAVE lines too much to the right with -pri."""
FULL_RULE = "-" * 81
PENDING_RULE = "#" * 76
PENDING_TITLE = " - PENDING JOBS" * 5
FINISHED_TITLE = " -" + "-  FINISHED JOBS  " * 4 + "--  "
FULL_EXTENDED_RULE = "-" * 189
PENDING_EXTENDED_RULE = "#" * 186


# ---------------------------------------------------------------- priorities


def prior(row: Row, now: float) -> float:
    """Return the priority that orders pending jobs: 0 while the scheduler does not consider it.

    It does not consider what is held, what is to start later, and the rest of an array that runs.

    Source: sge_priority(5) with equal tickets: 0.5 for those and npprior.
    """
    if not row.queue and (
        row.held
        or row.blocked
        or row.blocked_by_task
        or row.start_after > now
        or row.rest
        or row.state == "z"
    ):
        return 0.0
    return 0.5 + normal_priority(row)


def normal_priority(row: Row) -> float:
    """Return -p brought from -1023..1024 into 0..1."""
    return 0.5 + row.priority / 2048


def ordered(rows: Iterable[Row], now: float) -> list[Row]:
    """Return rows in qstat's order: running by number, then pending by falling priority and number."""
    return sorted(
        rows,
        key=lambda row: (
            (0, 0.0, row.job_id)
            if row.queue
            else (1, -prior(row, now) if row.state != "z" else 1.0, row.job_id)
        ),
    )


# ---------------------------------------------------------------- text


def plain(text: str) -> str:
    """Return text that cannot break a line or move the cursor."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


_MINUTES: dict[int, str] = {}
"""Local text of a minute; jobs of a listing share few."""


def stamp(seconds: int) -> str:
    """Return an instant as `MM/DD/YYYY HH:MM:SS` in local time."""
    minute, second = divmod(seconds, 60)
    text = _MINUTES.get(minute)
    if text is None:
        text = _MINUTES[minute] = _local(minute * 60, "%m/%d/%Y %H:%M:")
    return f"{text}{second:02d}"


def _local(seconds: int, form: str) -> str:
    import time

    try:
        return time.strftime(form, time.localtime(seconds))
    except (OverflowError, ValueError, OSError):  # a time no calendar has
        return time.strftime(form, time.gmtime(0))


def header(view: View = PLAIN) -> str:
    """Return the two lines above the rows of a listing, each with its newline."""
    title = (
        "job-ID  prior  "
        + (" nurg   " if view.priorities or view.urgencies else "")
        + (" npprior" if view.priorities else "")
        + (" ntckts " if view.priorities or view.extended else "")
        + (" urg      rrcontr  wtcontr  dlcontr " if view.urgencies else "")
        + ("  ppri" if view.priorities else "")
        + " name       user         "
        + ("project          department " if view.extended else "")
        + "state "
        + ("submit/start at     " if view.times else "")
        + (" deadline           " if view.urgencies else "")
        + ("cpu        mem     io      tckts ovrts otckt ftckt stckt share " if view.extended else "")
        + "queue                          "
        + ("master" if view.masters or view.subtasks else "slots")
        + " ja-task-ID "
        + ("task-ID state cpu        mem     io      stat failed " if view.subtasks else "")
    )
    # The grid counts the rule by itself, not by the title.
    width = 113 + 79 * view.extended + 35 * view.priorities + 64 * view.urgencies
    width += 54 if view.subtasks else 1 if view.masters else 0
    return f"{title}\n{'-' * width}\n"


def listing(rows: Sequence[Row], now: float) -> str:
    """Return the plain listing of rows that are already in order; nothing at all for none."""
    if not rows:
        return ""
    parts = [header()]
    add = parts.append
    for row in rows:
        name, owner = row.name, row.owner
        name = name if name.isprintable() else plain(name)
        owner = owner if owner.isprintable() else plain(owner)
        add(
            f"{row.job_id:>7} {prior(row, now):7.5f} {name:<10.10} {owner:<12.12} {row.state:<5.5} "
            f"{stamp(row.time)} {row.queue:<30.30} {row.slots:>5} {row.tasks or NO_TASK}\n"
        )
    return "".join(parts)


def lines(row: Row, view: View, now: float, consumed: Consumed | None = None) -> str:
    """Return the lines of one row as the view wants them, with newlines: several with MASTER and SLAVE.

    Args:
        consumed: what the run uses, if that is known.
    """
    head = (
        f"{row.job_id:>7d} {_priorities(row, view, now)}{plain(row.name):<10.10s} {plain(row.owner):<12.12s} "
    )
    if view.extended:
        head += f"{'NA':<16s} {'defaultdep':<10s} "
    head += f"{row.state:<5.5s} "
    if view.times:
        head += stamp(row.time) + " "
    if view.urgencies:
        head += " " * 20
    blank = " " * (len(head) + (PRIORITIES_EXTRA if view.priorities else 0))
    tail = row.tasks or NO_TASK
    middle = _usage(row, consumed) if view.extended else ""
    where = "" if view.full else f"{row.queue:<30.30s} "
    if not (view.masters or view.subtasks):
        return f"{head}{middle}{where}{row.slots:>5d} {tail}\n"
    if not row.queue:
        return f"{head}{middle}{where}{'':6s} {tail}\n"
    text = f"{head}{middle}{where}MASTER {tail}\n"
    return text + f"{blank}{middle}{where}SLAVE  {tail}\n" * (row.slots - 1)


def _priorities(row: Row, view: View, now: float) -> str:
    """The columns from prior to ppri."""
    value = prior(row, now)
    considered = value > 0
    text = f"{value:7.5f} "
    if view.priorities or view.urgencies:
        text += "0.00000 "
    if view.priorities:
        text += f"{normal_priority(row) if considered else 0:7.5f} "
    if view.priorities or view.extended:
        text += f"{0.5 if considered else 0:7.5f} "
    if view.urgencies:
        urgency = URGENCY_OF_A_SLOT * row.slots if considered else 0
        text += f"{urgency:>8d} {urgency:>8d} {0:>8d} {0:>8d} "
    if view.priorities:
        text += f"{row.priority:>5d} "
    return text


URGENCY_OF_A_SLOT = 1000
"""Source: complex(5), the urgency of `slots`."""


def _usage(row: Row, consumed: Consumed | None) -> str:
    """The columns from cpu to share."""
    from gridcompat.output.consumed import columns

    if row.state == FINISHED:
        return " " * 27 + "   NA " * 6
    if not row.queue:
        used = " " * 27
    elif row.slots > 1 and consumed is None:
        used = "NA         NA      NA      "
    else:
        used = columns(consumed)
    return used + "    0 " * 5 + "0.00  "


# ---------------------------------------------------------------- -r


def requests(
    row: Row, request: JobRequest, settings: Settings, *, view: View, granted: str, binding: bool
) -> str:
    """Return the lines that -r adds below a row, with newlines.

    Args:
        granted: the parallel environment that a pattern of -pe means.
        binding: False with -ncb.
    """
    out = [f"       Full jobname:     {plain(row.name)}\n"]
    if row.queue:
        out.append(f"       Master Queue:     {row.queue}\n")
    if request.parallel_environment:
        out.append(f"       Requested PE:     {request.parallel_environment} {ranges_of(request)}\n")
        if row.queue:
            out.append(f"       Granted PE:       {granted} {row.slots}\n")
    if request.checkpoint:
        out.append(f"       Checkpoint Env.:  {plain(request.checkpoint)}\n")
    hard = [f"{name}={shown(name, value)} (0.000000)" for name, value in request.hard_resources]
    out.append("       Hard Resources:   " + "\n                         ".join(map(plain, hard)) + "\n")
    if view.defaults and row.queue and not any(name == "h_vmem" for name, _ in request.hard_resources):
        out.append(f"       h_vmem={settings.h_vmem_default} (default)\n")
    soft = [f"{name}={shown(name, value)}" for name, value in request.soft_resources]
    out.append("       Soft Resources:   " + "\n                         ".join(map(plain, soft)) + "\n")
    for title, names in (
        ("Hard requested queues", request.hard_queues),
        ("Soft requested queues", request.soft_queues),
        ("Master task hard requested queues", request.master_queues),
        ("Predecessor Jobs (request)", request.predecessors_requested),
        ("Predecessor Jobs", tuple(str(number) for number in request.predecessors)),
        ("Predecessor Array Jobs (request)", request.array_predecessors_requested),
        ("Predecessor Array Jobs", tuple(str(number) for number in request.array_predecessors)),
    ):
        if names:
            out.append(f"       {title}: {plain(', '.join(names))}\n")
    if binding:
        out.append(f"       Binding:          {plain(request.binding) or 'NONE'}\n")
    return "".join(out)


def ranges_of(request: JobRequest) -> str:
    """Return the slots of -pe as qstat shows them: `2`, `2-4`, and `2,3` for two neighbours."""
    return ",".join(_slots(first, last, step) for first, last, step in request.slot_ranges)


def _slots(first: int, last: int, step: int) -> str:
    if first == last:
        return str(first)
    if first + step == last:
        return f"{first},{last}"
    return f"{first}-{last}" + (f":{step}" if step > 1 else "")


SECONDS = frozenset(("h_rt", "s_rt", "h_cpu", "s_cpu"))
"""Resources that are shown in seconds however they were typed."""


def shown(name: str, value: str) -> str:
    """Return a requested value as qstat shows it: a time in seconds, one without a value as TRUE."""
    if not value:
        return "TRUE"
    if name not in SECONDS or ":" not in value:
        return value
    total = 0
    for part in value.split(":"):
        if part and not (part.isascii() and part.isdigit()):
            return value
        total = total * 60 + int(part or "0")
    return str(total)

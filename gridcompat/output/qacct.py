"""qacct's text: whole records and sums.

Must not know the accounting file.

Source: qacct(1); forms from recordings and a live 8.1.9.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gridcompat.accounting import Entry

RULE = "=" * 62 + "\n"

FAILED = {
    1: "assumedly before job",
    2: "on executing shepherd",
    3: "before writing config",
    4: "before writing pid",
    5: "on reading config file",
    6: "setting processor set",
    7: "before prolog",
    8: "in prolog",
    9: "before pestart",
    10: "in pestart",
    11: "before job",
    12: "before pestop",
    13: "in pestop",
    14: "before epilog",
    15: "in epilog",
    16: "releasing processor set",
    17: "through signal",
    18: "shepherd returned error",
    19: "before writing exit_status",
    20: "found unexpected error file",
    21: "in recognizing job",
    22: "removed manually",
    24: "migrating",
    25: "rescheduling",
    26: "opening input/output file",
    27: "searching requested shell",
    28: "changing into working directory",
    29: "AFS setup",
    30: "application error returned",
    31: "accessing sgepasswd file",
    32: "entry is missing in sgepasswd file",
    33: "wrong password",
    34: "communicating with Grid Engine Helper Service",
    35: "before job in Grid Engine Helper Service",
    36: "checking configured daemons",
    37: "qmaster enforced h_rt, h_cpu, or h_vmem limit",
    38: "adding supplementary group",
    100: "assumedly after job",
}
"""Texts of accounting(5) `failed`. Source: sge_status(5)."""
UNKNOWN_FAILURE = "invalid execution state"


def record(entry: Entry) -> str:
    """Return all fields of an entry, the rule above them first."""
    out = [RULE]

    def field(name: str, value: object) -> None:
        out.append(f"{name:<13}{printable(str(value)):<20}\n")

    def bare(name: str, value: str) -> None:
        out.append(f"{name:<13}{printable(value)}\n")

    for name, value in (
        ("qname", entry.qname),
        ("hostname", entry.hostname),
        ("group", entry.group),
        ("owner", entry.owner),
        ("project", entry.project),
        ("department", entry.department),
        ("jobname", entry.job_name),
        ("jobnumber", entry.job_number),
    ):
        field(name, value)
    if entry.task_number:
        field("taskid", entry.task_number)
    else:
        bare("taskid", "undefined")
    field("account", entry.account)
    field("priority", entry.priority)
    for name, seconds in (
        ("qsub_time", entry.submission_time),
        ("start_time", entry.start_time),
        ("end_time", entry.end_time),
    ):
        bare(name, instant(seconds))
    field("granted_pe", entry.granted_pe)
    field("slots", entry.slots)
    bare("failed", failure(entry.failed))
    out.append(f"{'exit_status':<13}{exit_status(entry.exit_status)}\n")
    _usage(entry, field, bare)
    return "".join(out)


def _usage(entry: Entry, field: _Field, bare: _Bare) -> None:
    """The fields from ru_wallclock on."""
    bare("ru_wallclock", f"{entry.ru_wallclock:.0f}s")
    bare("ru_utime", f"{entry.ru_utime:.3f}s")
    bare("ru_stime", f"{entry.ru_stime:.3f}s")
    # KiB, yet the grid shows it as if it were bytes.
    bare("ru_maxrss", size(entry.ru_maxrss) + "B")
    for name in ("ru_ixrss", "ru_ismrss", "ru_idrss", "ru_isrss"):
        bare(name, size(getattr(entry, name)) + "B")
    for name in (
        "ru_minflt",
        "ru_majflt",
        "ru_nswap",
        "ru_inblock",
        "ru_oublock",
        "ru_msgsnd",
        "ru_msgrcv",
        "ru_nsignals",
        "ru_nvcsw",
        "ru_nivcsw",
    ):
        field(name, f"{getattr(entry, name):.0f}")
    bare("cpu", f"{entry.cpu:.3f}s")
    bare("mem", size(entry.mem * (1 << 30)) + "Bs")
    bare("io", size(entry.io * (1 << 30)) + "B")
    bare("iow", f"{entry.iow:.3f}s")
    bare("maxvmem", size(entry.maxvmem) + "B")
    if entry.arid:
        field("arid", entry.arid)
        bare("ar_sub_time", instant(entry.ar_sub_time))
    else:
        bare("arid", "undefined")
        bare("ar_sub_time", "undefined")
    bare("category", entry.category)


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    _Field: TypeAlias = Callable[[str, object], None]
    _Bare: TypeAlias = Callable[[str, str], None]


def printable(text: str) -> str:
    """Return text that cannot break a line."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def instant(seconds: int) -> str:
    """Return an instant as ctime(3) in local time, `-/-` if there was none."""
    import time

    try:
        return time.ctime(seconds) if seconds else "-/-"
    except (OverflowError, ValueError, OSError):
        return "-/-"


def failure(code: int) -> str:
    """Return a `failed` code with its meaning."""
    if code == 0:
        return "0    "
    return f"{code:<3} : {FAILED.get(code, UNKNOWN_FAILURE)}"


def exit_status(status: int) -> str:
    """Return an exit status, with the name of the signal if it tells of one."""
    if status < 128:
        return f"{status:<20}"
    return f"{status:<20} ({signal_text(status - 128)})"


def signal_text(number: int) -> str:
    """Return what strsignal(3) says."""
    from _signal import strsignal  # type: ignore[import-not-found]  # `signal` would import enum

    try:
        text = strsignal(number)
    except ValueError:
        text = None
    return text or f"Unknown signal {number}"


def size(value: float) -> str:
    """Return bytes as `4.641K`, without the unit."""
    for unit in ("", "K", "M", "G", "T"):
        if abs(value) < 1024 or unit == "T":
            return f"{value:.3f}{unit}"
        value /= 1024
    raise AssertionError("unreachable")


# ---------------------------------------------------------------- sums

FIGURES = ("WALLCLOCK", "UTIME", "STIME", "CPU", "MEMORY", "IO", "IOW")
WIDTHS = (13, 13, 13, 13, 18, 18, 18)
NUMBERS = frozenset(("SLOTS", "AR"))
"""Keys that are numbers: right-aligned, five wide."""


def summary(keys: Sequence[tuple[str, str | None]], sums: Mapping[tuple[str, ...], Sequence[float]]) -> str:
    """Return the table of sums.

    Args:
        keys: (title, the value asked for or None) of each column before the figures; none for the
            total of everything.
        sums: the figures of each combination of values.
    """
    rows = sorted(
        sums, key=lambda values: [_sortable(key, value) for (key, _), value in zip(keys, values, strict=True)]
    )
    widths = [
        5 if key in NUMBERS else max(len(key), len(asked or ""), *(len(row[at]) for row in rows), 0)
        for at, (key, asked) in enumerate(keys)
    ]
    # With one number asked for and no other column, or with no record, the grid forgets the blank after it.
    forgets = not rows or (len(keys) == 1 and keys[0][1] is not None)
    gaps = ["" if forgets and key in NUMBERS else " " for key, _ in keys]
    before = "".join(f"{key:<{width}}{gap}" for (key, _), width, gap in zip(keys, widths, gaps, strict=True))
    title = before + " ".join(f"{name:>{width}}" for name, width in zip(FIGURES, WIDTHS, strict=True))
    out = ["" if keys else "Total System Usage\n", title + "\n", "=" * len(title) + "\n"]
    for row in rows:
        for (key, _), value, width, gap in zip(keys, row, widths, gaps, strict=True):
            out.append((f"{value:>{width}}" if key in NUMBERS else f"{printable(value):<{width}}") + gap)
        figures = sums[row]
        out.append(f"{figures[0]:>13.0f}")
        out += [f" {figure:>{width}.3f}" for figure, width in zip(figures[1:], WIDTHS[1:], strict=True)]
        out.append("\n")
    return "".join(out)


def _sortable(key: str, value: str) -> tuple[int, str]:
    return (int(value), "") if key in NUMBERS and value.isascii() and value.isdigit() else (0, value)

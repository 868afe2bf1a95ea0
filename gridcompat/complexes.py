"""The complexes (named resources) of a default grid, and of the site that this package stands in for.

Facts as `qconf -sc` shows them: what a user may request with -l, under which names, and as what kind
of value.  Must not know settings, jobs or clusters.
"""

from __future__ import annotations

from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Site(Protocol):
        """What the settings say of complexes."""

        @property
        def complexes(self) -> tuple[str, ...]:
            """Lines of `qconf -sc`."""

        @property
        def complexes_absent(self) -> tuple[str, ...]:
            """Names."""


@record
class Complex:
    """One resource attribute. Source: complex(5)."""

    name: str
    shortcut: str
    type: str
    """STRING, HOST, MEMORY, TIME, INT, DOUBLE or BOOL."""
    relop: str
    requestable: bool = True
    consumable: bool = False
    forced: bool = False
    """A queue that has it takes only jobs that ask for it."""
    per_job: bool = False
    """Consumed once for a job, however many slots it has."""
    default: str = "0"
    urgency: str = "0"


# name, shortcut, type, relation; what follows is only said where it is not YES NO 0 0
_ROWS: tuple[tuple[str, ...], ...] = (
    ("arch", "a", "STRING", "==", "YES", "NO", "NONE"),
    ("calendar", "c", "STRING", "==", "YES", "NO", "NONE"),
    ("cpu", "cpu", "DOUBLE", ">="),
    ("display_win_gui", "dwg", "BOOL", "=="),
    ("h_core", "h_core", "MEMORY", "<="),
    ("h_cpu", "h_cpu", "TIME", "<=", "YES", "NO", "0:0:0"),
    ("h_data", "h_data", "MEMORY", "<="),
    ("h_fsize", "h_fsize", "MEMORY", "<="),
    ("h_rss", "h_rss", "MEMORY", "<="),
    ("h_rt", "h_rt", "TIME", "<=", "YES", "NO", "0:0:0"),
    ("h_stack", "h_stack", "MEMORY", "<="),
    ("h_vmem", "h_vmem", "MEMORY", "<=", "YES", "YES", "1G"),
    ("hostname", "h", "HOST", "==", "YES", "NO", "NONE"),
    ("load_avg", "la", "DOUBLE", ">=", "NO"),
    ("load_long", "ll", "DOUBLE", ">=", "NO"),
    ("load_medium", "lm", "DOUBLE", ">=", "NO"),
    ("load_short", "ls", "DOUBLE", ">=", "NO"),
    ("m_core", "core", "INT", "<="),
    ("m_socket", "socket", "INT", "<="),
    ("m_thread", "thread", "INT", "<="),
    ("m_topology", "topo", "STRING", "==", "YES", "NO", "NONE"),
    ("m_topology_inuse", "utopo", "STRING", "==", "YES", "NO", "NONE"),
    ("mem_free", "mf", "MEMORY", "<="),
    ("mem_total", "mt", "MEMORY", "<="),
    ("mem_used", "mu", "MEMORY", ">="),
    ("min_cpu_interval", "mci", "TIME", "<=", "NO", "NO", "0:0:0"),
    ("np_load_avg", "nla", "DOUBLE", ">=", "NO"),
    ("np_load_long", "nll", "DOUBLE", ">=", "NO"),
    ("np_load_medium", "nlm", "DOUBLE", ">=", "NO"),
    ("np_load_short", "nls", "DOUBLE", ">=", "NO"),
    ("num_proc", "p", "INT", "=="),
    ("qname", "q", "STRING", "==", "YES", "NO", "NONE"),
    ("release", "rel", "STRING", "==", "YES", "NO", "NONE"),
    ("rerun", "re", "BOOL", "==", "NO"),
    ("s_core", "s_core", "MEMORY", "<="),
    ("s_cpu", "s_cpu", "TIME", "<=", "YES", "NO", "0:0:0"),
    ("s_data", "s_data", "MEMORY", "<="),
    ("s_fsize", "s_fsize", "MEMORY", "<="),
    ("s_rss", "s_rss", "MEMORY", "<="),
    ("s_rt", "s_rt", "TIME", "<=", "YES", "NO", "0:0:0"),
    ("s_stack", "s_stack", "MEMORY", "<="),
    ("s_vmem", "s_vmem", "MEMORY", "<="),
    ("seq_no", "seq", "INT", "==", "NO"),
    ("slots", "s", "INT", "<=", "YES", "YES", "1", "1000"),
    ("swap_free", "sf", "MEMORY", "<="),
    ("swap_rate", "sr", "MEMORY", ">="),
    ("swap_rsvd", "srsv", "MEMORY", ">="),
    ("swap_total", "st", "MEMORY", "<="),
    ("swap_used", "su", "MEMORY", ">="),
    ("tmpdir", "tmp", "STRING", "==", "NO", "NO", "NONE"),
    ("virtual_free", "vf", "MEMORY", "<="),
    ("virtual_total", "vt", "MEMORY", "<="),
    ("virtual_used", "vu", "MEMORY", ">="),
)


RELATIONS = ("==", ">=", ">", "<=", "<", "!=", "EXCL")
TYPES = ("INT", "DOUBLE", "MEMORY", "TIME", "STRING", "CSTRING", "RESTRING", "HOST", "BOOL")


def complaint(line: str) -> str:
    """Return what is wrong with a line of `qconf -sc`, "" if nothing is. Source: complex(5)."""
    words = line.split()
    if len(words) != 8:
        return f"{len(words)} words and not eight"
    _, _, kind, relop, requestable, consumable, _, _ = words
    for word, known in (
        (kind, TYPES),
        (relop, RELATIONS),
        (requestable, ("YES", "Y", "NO", "N", "FORCED", "F")),
        (consumable, ("YES", "Y", "NO", "N", "JOB", "J")),
    ):
        if word.upper() not in known:
            return f"'{word}' is none of {' '.join(known)}"
    return ""


def find(name: str, site: Site | None = None) -> Complex | None:
    """Return the complex with this name or shortcut (case counts), None if there is none.

    Args:
        site: its complexes come first, and those that it has not are not found.
    """
    rows = _ROWS if site is None else _rows(site)
    for column in (0, 1):
        for row in rows:
            if row[column] == name:
                return _complex(row)
    return None


def every(site: Site | None = None) -> tuple[Complex, ...]:
    """Return all complexes in the order of their names, as `qconf -sc` lists them."""
    return tuple(_complex(row) for row in (_ROWS if site is None else _rows(site)))


def _rows(site: Site) -> tuple[tuple[str, ...], ...]:
    if not site.complexes and not site.complexes_absent:
        return _ROWS
    found = {row[0]: row for row in _ROWS if row[0] not in site.complexes_absent}
    found |= {row[0]: row for row in (tuple(line.split()) for line in site.complexes)}
    return tuple(found[name] for name in sorted(found))


def _complex(row: tuple[str, ...]) -> Complex:
    name, shortcut, kind, relop, requestable, consumable, default, urgency = (
        row + ("", "", "", "", "YES", "NO", "0", "0")[len(row) :]
    )
    return Complex(
        name=name,
        shortcut=shortcut,
        type=kind.upper(),
        relop=relop,
        requestable=requestable.upper()[0] in "YF",
        consumable=consumable.upper()[0] in "YJ",
        forced=requestable.upper()[0] == "F",
        per_job=consumable.upper()[0] == "J",
        default=default,
        urgency=urgency,
    )

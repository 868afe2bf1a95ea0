"""qquota's text and XML.

Must not know how what is used was found out.

Source: qquota(1); widths from a live 8.1.9.
"""

from __future__ import annotations

from gridcompat.output.xml import escaped
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HEADER = f"resource quota rule limit                filter\n{'-' * 80}\n"
ROOT = (
    "<?xml version='1.0'?>\n<qquota_result xmlns=\"http://arc.liv.ac.uk/repos/darcs/sge/source/source/dist/util/"
    'resources/schemas/qquota/qquota.xsd">\n'
)


@record
class Line:
    """A limit of a rule, and what is used of it."""

    rule: str
    """`maxu/2`"""
    name: str
    """The complex."""
    used: str
    limit: str
    filters: tuple[tuple[str, tuple[str, ...]], ...]
    """(users, projects, pes, queues or hosts; their names)"""


def table(lines: Sequence[Line]) -> str:
    """Return the lines with a header; nothing if there are none."""
    return HEADER + "".join(map(_line, lines)) if lines else ""


def _line(line: Line) -> str:
    who = " ".join(f"{kind} {','.join(names)}" for kind, names in line.filters)
    return f"{line.rule:<18} {f'{line.name}={line.used}/{line.limit}':<20} {who or '-'}\n"


def document(lines: Sequence[Line]) -> str:
    """Return them as XML."""
    return ROOT + "".join(map(_element, lines)) + "</qquota_result>\n"


def _element(line: Line) -> str:
    who = "".join(f"   <{kind}>{escaped(name)}</{kind}>\n" for kind, names in line.filters for name in names)
    limit = f"   <limit resource='{line.name}' limit='{line.limit}' value='{line.used}'/>\n"
    return f" <qquota_rule name='{escaped(line.rule)}'>\n{who}{limit} </qquota_rule>\n"

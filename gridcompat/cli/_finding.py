"""What `gridcompat doctor` finds: one line of what is, and one of how to repair it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridcompat.errors import GridError
from gridcompat.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import TypeAlias, TypeVar

    Subject = TypeVar("Subject")
    Found: TypeAlias = "Finding | Iterable[Finding]"

OK, WARNING, PROBLEM, UNSEEN = "ok", "warning", "problem", "unseen"
"""`unseen`: whoever asks has no right to look, which is no fault."""


@record
class Finding:
    """What one check found."""

    level: str
    what: str
    repair: str = ""
    """A command to be copied, or one sentence where none can do it."""
    check: str = ""
    """Name of the check; filled in by `examine`."""


def ok(what: str) -> Finding:
    """Nothing is to be done."""
    return Finding(level=OK, what=what)


def warning(what: str, repair: str) -> Finding:
    """Something works only by luck, or not for everybody."""
    return Finding(level=WARNING, what=what, repair=repair)


def problem(what: str, repair: str) -> Finding:
    """Something does not work."""
    return Finding(level=PROBLEM, what=what, repair=repair)


def unseen(what: str) -> Finding:
    """Not ours to look at."""
    return Finding(level=UNSEEN, what=what, repair="ask an administrator to run gridcompat doctor")


def examine(checks: Iterable[tuple[str, Callable[[Subject], Found]]], subject: Subject) -> list[Finding]:
    """Make all checks; one that fails itself is a problem, and the others are still made."""
    from gridcompat.record import replace

    found: list[Finding] = []
    for name, check in checks:
        try:
            several = check(subject)
            list_ = [several] if isinstance(several, Finding) else list(several)
        except GridError as error:
            list_ = [
                problem(error.message, error.hint or "repair what the line above names, then look again")
            ]
        except OSError as error:
            list_ = [problem(f"{error.filename or name}: {error.strerror}", "make it readable for this user")]
        found += [replace(one, check=name) for one in list_]
    return found

"""qhold and qrls: set or remove holds, by the rules and words of qalter -h.

Must not know which of the two it serves beyond their letters.
"""

from __future__ import annotations

from gridcompat.commands import _targets
from gridcompat.commands._jobs import Jobs
from gridcompat.options import scan
from gridcompat.output.messages import change
from gridcompat.output.messages.usage import NO_ARGUMENT
from gridcompat.patterns import matches
from gridcompat.service import orders
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from gridcompat.commands._targets import Target
    from gridcompat.commands.context import Context

UNKNOWN_STATUS = 3
FOREIGN_STATUS = 18
NO_RIGHT_STATUS = 10
"""Of qhold and qrls; qalter returns 1 for the same refusals.

Source: FACTS, section 7.
"""


def run(context: Context, argv: list[str], *, command: str, release: bool) -> int:
    """Run qhold or qrls and return its exit status."""
    from gridcompat.output.usage import usage

    found = scan.scan(command, argv)
    if any(occurrence.switch == "-help" for occurrence in found.occurrences):
        context.out(usage(command))
        return 0
    if found.lost:
        return 0
    targets = _targets.read(found.operands)
    users = [name for one in found.occurrences if one.switch == "-u" for name in one.value]
    letters = next((one.value for one in reversed(found.occurrences) if one.switch == "-h"), "u")
    if not targets and not users:
        context.err(f"{usage(command)}{NO_ARGUMENT}\n")
        return 1
    if not release:
        refusal = no_right(context.user, letters)
        if refusal:
            context.out(refusal + "\n")
            return NO_RIGHT_STATUS
    jobs = Jobs(context)
    status, wrote = 0, False
    if users and not targets:
        own = any(matches(name, context.user) for name in users)
        targets = _targets.of_users(jobs.rows() if own else ())
        if not targets:
            context.out(change.no_such_name("*", ",".join(users)) + "\n")
            return UNKNOWN_STATUS
    for target, number in _numbers(jobs, targets):
        done = None
        if number is not None:
            done = orders.hold(
                context.cluster(),
                number,
                caller=jobs.caller,
                means=jobs.means,
                set_letters="" if release else letters,
                clear_letters=letters if release else "",
                tasks=tasks_of(target),
            )
        if done is not None and number is not None:
            wrote = True
            context.out(told(number, done))
        elif number is not None and jobs.is_foreign(number):
            context.out(change.must_be_owner(context.user, number) + "\n")
            status = FOREIGN_STATUS
        else:
            context.out(change.no_such_job(target.word) + "\n")
            status = UNKNOWN_STATUS
    if wrote:
        context.wrote()
    return status


def no_right(user: str, letters: str) -> str:
    """The refusal of operator and manager holds, which nobody has the right to set here; "" for user holds.

    Source: FACTS, qhold -h o and -h s.
    """
    if "s" in letters:
        return change.must_be_manager(user, "set manager hold")
    return change.must_be_operator(user, "set operator hold") if "o" in letters else ""


def tasks_of(target: Target) -> ranges.Ranges | None:
    """The tasks of a target; `N.0` means all, as on the grid."""
    if target.typed is not None and all(last == 0 for _, last, _ in target.typed):
        return None
    return target.tasks


def told(number: int, done: orders.Changed) -> str:
    """A line for the job, or one for each task of an array whose holds changed: those waiting come first."""
    if not done.tasks:
        return ""
    if not done.array:
        return change.modified_hold(number, None) + "\n"
    waiting = ranges.intersect(done.tasks, done.pending)
    others = ranges.minus(done.tasks, done.pending)
    return "".join(
        change.modified_hold(number, task) + "\n"
        for part in (waiting, others)
        for task in ranges.members(part)
    )


def _numbers(jobs: Jobs, targets: list[Target]) -> Iterator[tuple[Target, int | None]]:
    """Each job that is meant, with None for a name that no job has."""
    for target in targets:
        numbers = jobs.numbers(target)
        if not numbers:
            yield target, None
        for number in numbers:
            yield target, number

"""qresub: submit jobs again as they were submitted, from the stored request; holds are not copied."""

from __future__ import annotations

from gridcompat.commands import _hold, _targets
from gridcompat.commands._jobs import Jobs
from gridcompat.options import scan
from gridcompat.output.messages import change, jobs
from gridcompat.output.messages.usage import NO_ARGUMENT
from gridcompat.service import resubmit
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context

UNKNOWN_STATUS = 4
"""Source: FACTS, section 7."""


def run(context: Context, argv: list[str]) -> int:
    """Run `qresub ARGV` and return its exit status."""
    from gridcompat.output.usage import usage

    found = scan.scan("qresub", argv)
    if any(occurrence.switch == "-help" for occurrence in found.occurrences):
        context.out(usage("qresub"))
        return 0
    targets = _targets.read(found.operands)
    letters = next((one.value for one in reversed(found.occurrences) if one.switch == "-h"), "")
    if not targets:
        context.err(f"{usage('qresub')}{NO_ARGUMENT}\n")
        return 1
    if any(target.typed is not None for target in targets):
        context.err("denied: the selected option works only on jobs and not on tasks\n")
        return UNKNOWN_STATUS
    refusal = _hold.no_right(context.user, letters)
    if refusal:
        context.out(refusal + "\n")
        return _hold.NO_RIGHT_STATUS
    given = Jobs(context)
    status, wrote = 0, False
    for target in reversed(targets):  # recorded: the last one is submitted first
        done = None
        if target.number is not None:
            done = resubmit.resubmit(
                context.cluster(),
                context.settings,
                target.number,
                namespace=context.namespace,
                means=given.means,
                user_hold="u" in letters,
            )
        if done is None:
            context.out(change.nothing_to_resubmit(str(target.number or 0)) + "\n")
            status = UNKNOWN_STATUS
        else:
            if "u" in letters and target.number is not None:
                context.out(_held(target.number, done.tasks))
            context.out(jobs.submitted(done.id, done.name, done.tasks))
            wrote = True
    if wrote:
        context.wrote()
    return status


def _held(number: int, tasks: tuple[int, int, int] | None) -> str:
    """What -h u says: the number is that of the job that was copied, the hold is the new one's (recorded)."""
    every = ranges.members((tasks,)) if tasks else (None,)
    return "".join(change.modified_hold(number, task) + "\n" for task in every)

"""qresub: submit jobs again as they were submitted, from the stored request; holds are not copied."""

from __future__ import annotations

from gridcompat.commands import _hold, _targets
from gridcompat.commands._jobs import Jobs
from gridcompat.options import scan
from gridcompat.output.messages import change, jobs
from gridcompat.output.messages.usage import NO_ARGUMENT
from gridcompat.service import orders, resubmit

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
    given = Jobs(context)
    status, wrote = 0, False
    for target in reversed(targets):  # recorded: the last one is submitted first
        done = None
        if target.number is not None:
            _set_holds(context, given, target.number, letters)
            done = resubmit.resubmit(
                context.cluster(),
                context.settings,
                target.number,
                namespace=context.namespace,
                means=given.means,
            )
        if done is None:
            context.out(change.nothing_to_resubmit(str(target.number or 0)) + "\n")
            status = UNKNOWN_STATUS
        else:
            context.out(jobs.submitted(done.id, done.name, done.tasks))
            wrote = True
    if wrote:
        context.wrote()
    return status


def _set_holds(context: Context, given: Jobs, number: int, letters: str) -> None:
    """-h changes the holds of the job that is copied (recorded)."""
    if not letters:
        return
    done = orders.hold(
        context.cluster(),
        number,
        caller=given.caller,
        means=given.means,
        set_letters="u" if "u" in letters else "",
        clear_letters="u" if "U" in letters else "",
    )
    if done is not None:
        context.out(_hold.told(number, done))

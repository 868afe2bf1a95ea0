"""qmod: clear errors, reschedule, suspend and unsuspend jobs; queues belong to the managers."""

from __future__ import annotations

from gridcompat.commands import _hosts, _targets
from gridcompat.commands._jobs import Change
from gridcompat.errors import UsageError
from gridcompat.options import scan, table
from gridcompat.output.messages import change
from gridcompat.output.messages import usage as usage_texts
from gridcompat.patterns import matches
from gridcompat.service import orders, select
from gridcompat.translate import grid_job as objects
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.cluster.base import K8sObject
    from gridcompat.commands._targets import Target
    from gridcompat.commands.context import Context
    from gridcompat.options.scan import Scanned
    from gridcompat.options.table import Option
    from gridcompat.settings import Settings


def run(context: Context, argv: list[str]) -> int:
    """Run `qmod ARGV` and return its exit status."""
    from gridcompat.output.usage import usage

    try:
        found = scan.scan("qmod", argv)
        given = {occurrence.switch for occurrence in found.occurrences}
        if "-help" in given:
            context.out(usage("qmod"))
            return 0
        status = 0
        for option, words in _orders(found):
            if option.target == "queue":
                status = max(status, _queues(context, words))
            else:
                status = max(status, _Order(context, option, words, force="-f" in given).give())
        return status
    except (scan.Bare, _targets.BadIdentifier) as error:
        context.err(f"{error.message}\n")
    except UsageError as error:
        context.err(f"{usage('qmod')}{error.message}\n")
    return 1


_IN_TURN = ("clear", "queue", "reschedule", "suspend", "unsuspend")
"""Targets of several switches in the order in which the grid acts on them. Source: tried."""


def _orders(found: Scanned) -> list[tuple[Option, list[str]]]:
    """The switches that say what to do, each with its words and -t among the last one's."""
    orders = [occurrence for occurrence in found.occurrences if occurrence.words]
    for order in orders:
        if not any(order.words):
            must_have = usage_texts.MUST_HAVE_ARGUMENT % order.switch
            raise UsageError(f"{must_have}\n{usage_texts.INVALID_OPTION % ''}")
    given = []
    for order in orders:
        option = table.find("qmod", order.switch)
        if option is not None:
            given.append((option, [*order.words, *(found.operands if order is orders[-1] else ())]))
    if not given:
        raise UsageError(usage_texts.NO_ARGUMENT)
    return sorted(given, key=lambda one: _IN_TURN.index(one[0].target))


def _queues(context: Context, words: list[str]) -> int:
    """Nobody is a manager of queues here."""
    every = _hosts.instances(context, _hosts.hosts(context, ()))
    for word in words:
        for part in _targets.split(word):
            named = [one.name for one in every if _hosts.names_queue(part, one, context.settings)]
            for name in named:
                context.out(change.may_not_modify_queue(context.user, name) + "\n")
            if not named:
                context.out(change.no_such_queue(part) + "\n")
    return 1


class _Order(Change):
    """One order for a list of jobs."""

    def __init__(self, context: Context, option: Option, words: list[str], *, force: bool) -> None:
        super().__init__(context)
        self._force = force
        self._kind = option.target
        self._may_be_queue = "queue" in option.metavar
        self._words = words

    def give(self) -> int:
        """Give it to all, and return the exit status."""
        for target in self._targets():
            # What may be a queue is a job only by its number.
            named = self._may_be_queue and target.number is None
            numbers = () if named else self._jobs.numbers(target)
            if not numbers and self._may_be_queue and self._is_queue(target.word):
                self._status = _queues(self._context, [target.word])
                continue
            done = [self._to(number, target) for number in numbers]
            self._wrote = self._wrote or any(done)
            if not numbers:
                queue_first = self._may_be_queue and self._kind in ("clear", "reschedule")
                unknown = change.no_such_queue if queue_first else change.no_such_queue_or_job
                self._refuse(unknown(target.word))
        return self._ended()

    def _targets(self) -> list[Target]:
        targets: list[Target] = []
        words = iter(self._words)
        for word in words:
            if word != "-t":
                # Unlike qdel, a list of numbers by commas is not understood (recorded).
                targets.append(_targets.target(word))
            elif targets:
                targets[-1] = _targets.with_tasks(targets[-1], next(words, ""))
        return targets

    def _is_queue(self, word: str) -> bool:
        queue = word.partition("@")[0]
        return any(matches(queue, known.name) for known in self._context.settings.queues)

    def _to(self, number: int, target: Target) -> bool:
        """Give the order to one job; True if there is such a job."""
        settings = self._context.settings
        done = orders.act(
            self._context.cluster(),
            number,
            self._kind,
            caller=self._jobs.caller,
            means=self._jobs.means,
            tasks=target.tasks,
            rerunnable=lambda job, queue: self._force or rerunnable(settings, job, queue),
        )
        if done is None or not (done.tasks or done.already or done.pending or done.unfit or done.silent):
            foreign = done is None and self._jobs.is_foreign(number)
            user = self._context.user
            line = (
                change.may_not_modify_job(user, number)
                if foreign
                else change.no_such_queue_or_job(target.word)
            )
            self._refuse(line)
            return False
        for line in self._lines(number, target, done):
            self._context.out(line + "\n")
        return True

    def _lines(self, number: int, target: Target, done: orders.Changed) -> list[str]:
        """What is said, task by task."""
        context, hosts = self._context, dict(done.hosts)
        lines = []
        for task in ranges.members(ranges.union(ranges.union(done.tasks, done.already), done.unfit)):
            shown = task if done.array else None
            changed = ranges.contains(done.tasks, task)
            if self._kind == "clear":
                self._status = 1  # also when it worked (recorded)
                lines.append(
                    change.cleared(context.user, context.host, number, shown)
                    if changed
                    else change.not_in_error(number, shown)
                )
            elif self._kind == "reschedule":
                host = hosts.get(task) or context.host
                lines.append(
                    change.rescheduled(number, shown, host, forced=self._force)
                    if changed
                    else self._why_not(number, shown)
                )
            else:
                lines.append(self._suspension(number, shown, changed=changed))
        if lines or done.silent:
            return lines  # of an array that has begun, the tasks that wait are not spoken of (recorded)
        if done.array and target.typed is None:
            lines.append(change.job_is_pending(number))
        else:
            lines += [change.is_pending(number, task) for task in ranges.members(done.pending)]
        return lines

    def _suspension(self, number: int, task: int | None, *, changed: bool) -> str:
        user = self._context.user
        if self._force and self._kind == "suspend" and not changed:
            return change.forced_suspension(user, number, task)
        if self._force and self._kind == "unsuspend":
            host = self._context.host
            return change.forced_unsuspension(user, host if changed else "", number, task)
        return _SUSPENSION[self._kind, changed](user, number, task)

    def _why_not(self, number: int, task: int | None) -> str:
        job = select.find(self._context.cluster(), number, namespace=self._context.namespace)
        refused = job is not None and objects.read_request(job["spec"]["request"]).restart == "n"
        return change.not_restartable(number, task) if refused else change.queue_not_rerunnable(number, task)


_SUSPENSION = {
    ("suspend", True): change.suspended,
    ("suspend", False): change.already_suspended,
    ("unsuspend", True): change.unsuspended,
    ("unsuspend", False): change.already_unsuspended,
}


def rerunnable(settings: Settings, job: K8sObject, queue: str) -> bool:
    """Return whether a run of the job in that queue may be repeated: -r decides, else the queue."""
    choice = objects.read_request(job["spec"]["request"]).restart
    if choice:
        return choice == "y"
    return any(known.rerun for known in settings.queues if known.name == queue)

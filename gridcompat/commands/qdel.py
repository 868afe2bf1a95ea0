"""qdel: delete jobs and tasks. Every message but those of wrong use goes to standard output."""

from __future__ import annotations

from gridcompat.commands import _targets
from gridcompat.commands._jobs import Change
from gridcompat.commands._targets import Target
from gridcompat.errors import UsageError
from gridcompat.options import scan
from gridcompat.output.messages import change
from gridcompat.output.messages.usage import NO_ARGUMENT
from gridcompat.patterns import matches
from gridcompat.record import record
from gridcompat.service import orders, select
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context


@record
class Wanted:
    """What a command line of qdel asks for."""

    targets: tuple[Target, ...] = ()
    users: tuple[str, ...] = ()
    force: bool = False
    help: bool = False


def run(context: Context, argv: list[str]) -> int:
    """Run `qdel ARGV` and return its exit status."""
    try:
        wanted = parse(argv)
    except (scan.Bare, _targets.BadIdentifier) as error:
        context.err(f"{_blamed(error)}\n")
        return 1
    except UsageError as error:
        context.err(f"{_usage()}{_blamed(error)}\n")
        return 1
    if wanted.help:
        context.out(_usage())
        return 0
    if not wanted.targets and not wanted.users:
        context.out(NO_ARGUMENT + "\n")
        context.err(_usage())
        return 1
    return _Deletion(context, wanted).all()


def parse(argv: list[str]) -> Wanted:
    """Read the words; what looks like an unknown option is the name of a job.

    Raises:
        UsageError: a job number or a task list that is none, a task list that is missing.
    """
    found = scan.scan("qdel", argv)
    given = {occurrence.switch for occurrence in found.occurrences}
    if "-help" in given:
        return Wanted(help=True)
    users = [occurrence.value or () for occurrence in found.occurrences if occurrence.switch == "-u"]
    if not all(users):
        return Wanted()
    return Wanted(
        targets=tuple(_targets.read(found.operands)),
        users=tuple(name for names in users for name in names),
        force="-f" in given,
    )


def _blamed(error: UsageError) -> str:
    """What is said about a mistake; the scanner has put the word in front already."""
    return error.message if error.message.startswith("error: ") else f"error: {error.message}"


def _usage() -> str:
    from gridcompat.output.usage import usage

    return usage("qdel")


class _Deletion(Change):
    """One run of qdel."""

    def __init__(self, context: Context, wanted: Wanted) -> None:
        super().__init__(context)
        self._wanted = wanted

    def all(self) -> int:
        """Delete everything that is wanted."""
        wanted = self._wanted
        if any("*" in name for name in wanted.users) and not wanted.targets:
            self._refuse(change.must_be_manager_of_all(self._context.user))
        elif wanted.users and not wanted.targets:
            self._by_user()
        else:
            for target in wanted.targets:
                self._one(target)
        return self._ended()

    def _by_user(self) -> None:
        """All jobs of the users named."""
        user, found = self._context.user, False
        for name in self._wanted.users:
            if name == user:
                for number in sorted({row.job_id for row in self._jobs.rows()}):
                    found = True
                    self._delete(number, Target(word=str(number), number=number))
                continue
            for number in select.jobs_of(self._context.cluster(), name, namespace=self._context.namespace):
                found = True
                self._refuse(change.may_not_delete(user, number))
        if not found:
            self._refuse(change.no_jobs_of(",".join(self._wanted.users)))

    def _one(self, target: Target) -> None:
        user = self._context.user
        numbers = self._jobs.numbers(target)
        if self._wanted.users and not any(matches(name, user) for name in self._wanted.users):
            numbers = []
        if not numbers:
            self._refuse(change.no_such_name(target.word, ",".join(self._wanted.users) or user))
        for number in numbers:
            self._delete(number, target)

    def _delete(self, number: int, target: Target) -> None:
        jobs = self._jobs
        done = orders.delete(
            self._context.cluster(),
            number,
            caller=jobs.caller,
            means=jobs.means,
            tasks=target.tasks,
            force=self._wanted.force,
        )
        if done is not None:
            self._wrote = True
            self._tell(number, target, done)
        elif jobs.is_foreign(number):
            self._refuse(change.may_not_delete(self._context.user, number))
        else:
            self._refuse(change.no_such_job(str(number)))

    def _tell(self, number: int, target: Target, done: orders.Deleted) -> None:
        """Say what became of the tasks asked for."""
        user, by_task = self._context.user, target.typed is not None
        for task in done.killed:
            self._say(change.registered(user, number, task if done.array or by_task else None))
        if done.removed and by_task:
            self._say(change.deleted_tasks(user, number, done.removed))
        elif done.removed:
            self._say(change.deleted(user, number))
        if done.already and not done.killed and not done.removed:
            self._say(change.already_in_deletion(number))
        if not (done.killed or done.removed or done.already):
            self._no_tasks(number, target, done)

    def _no_tasks(self, number: int, target: Target, done: orders.Deleted) -> None:
        """None of the tasks asked for is there."""
        typed = target.typed or ()
        if len(typed) == 1 and typed[0][0] != typed[0][1]:
            self._refuse(change.no_tasks_in_range(number, target.named_tasks))
        elif typed:
            for first, last, step in typed:
                name = ranges.text(((first, last, step),)) if first else str(first)
                self._refuse(change.no_such_task(number, name))

"""qalter: change the requests of jobs that are there."""

from __future__ import annotations

from gridcompat.commands import _hold, _targets
from gridcompat.commands._jobs import Change
from gridcompat.commands._main import parsing_context
from gridcompat.errors import Refused, UnsupportedOption, UsageError
from gridcompat.model import JobRequest, Submission
from gridcompat.options import checks, scan, sources
from gridcompat.options.fields import fields_of, variables_of
from gridcompat.output.messages import change
from gridcompat.output.messages import usage as usage_texts
from gridcompat.output.messages.submit import UNREADABLE
from gridcompat.patterns import matches
from gridcompat.record import replace
from gridcompat.service import alter
from gridcompat.translate import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gridcompat.commands._targets import Target
    from gridcompat.commands.context import Context
    from gridcompat.options.scan import Occurrence, Scanned

TASKS_STATUS = 4
"""Source: recorded, qalter -N of a task."""


def run(context: Context, argv: list[str]) -> int:
    """Run `qalter ARGV` and return its exit status."""
    from gridcompat.output.usage import usage

    if not argv:
        context.err(f"{usage('qalter')}{usage_texts.NO_ARGUMENT}\n")
        return 1
    if "-clear" in argv:
        raise UsageError("Unknown option -clear\n", exit_status=5)
    found = scan.scan("qalter", argv, now=context.now, include=sources.including(parsing_context(context)))
    if found.lost and not found.operands:
        context.err("".join(f"{line}\n" for line in found.complaints))
        context.err(f"{usage('qalter')}{usage_texts.NO_ARGUMENT}\n")
        return 1
    if any(occurrence.switch == "-help" for occurrence in found.occurrences):
        context.out(usage("qalter"))
        return 0
    if any(occurrence.switch == "-verify" for occurrence in found.occurrences):
        raise UnsupportedOption("qalter: -verify cannot be had here; nothing was changed")
    for switch in found.repeated:
        context.out(f"qalter: {usage_texts.ALREADY_SET % switch}\n")
    targets = _targets.read(found.operands)
    asked = _Asked(context, found)
    if any(target.typed is not None for target in targets) and asked.changes.fields:
        context.err("denied: the selected option works only on jobs and not on tasks\n")
        return TASKS_STATUS
    return _Alteration(context, asked).all(targets)


class _Asked:
    """What the switches ask for, read once for all jobs."""

    def __init__(self, context: Context, found: Scanned) -> None:
        occurrences = _softened(found.occurrences)
        parsing = parsing_context(context)
        fields = fields_of(occurrences, parsing)
        hold = next((o.value for o in reversed(found.occurrences) if o.switch == "-h"), "")
        if not fields.get("name", "x") or checks.job_name(fields.get("name", "x")) == UNREADABLE:
            # The grid's client sends such a name in a way that its master takes for none.
            del fields["name"]
        fields.pop("user_hold", None)
        fields.pop("context", None)
        environment = None
        given = {occurrence.switch for occurrence in found.occurrences}
        if given & {"-v", "-V"}:
            environment = variables_of(found.occurrences, parsing)
        self.users = tuple(user for o in found.occurrences if o.switch == "-u" for user in o.value)
        self.verify = any(o.switch == "-w" and o.value != "n" for o in found.occurrences)
        self.refusal = _refusal(fields, occurrences, parsing)
        if "-ot" in given and not self.refusal:
            self.refusal = change.must_be_operator(context.user, "change amount of override tickets")
        self.says_cwd = "-cwd" in given and "-wd" not in given
        self.changes = alter.Changes(
            fields=tuple(_in_order(fields, given).items()),
            context_changes=tuple(
                (o.switch, o.value) for o in found.occurrences if o.switch in ("-ac", "-dc", "-sc")
            ),
            environment=environment,
            set_holds="".join(letter for letter in "uos" if letter in hold),
            clear_holds="uos"
            if "n" in hold
            else "".join(letter for letter in "uos" if letter.upper() in hold),
            all_holds="n" in hold,
        )


def _softened(occurrences: tuple[Occurrence, ...]) -> tuple[Occurrence, ...]:
    """Each with whether it stood behind -soft."""
    soft = False
    marked = []
    for occurrence in occurrences:
        if occurrence.switch in ("-soft", "-hard"):
            soft = occurrence.switch == "-soft"
        marked.append(replace(occurrence, soft=soft))
    return tuple(marked)


def _in_order(fields: dict[str, Any], given: set[str]) -> dict[str, Any]:
    """Only what the switches name: -soft -q does not touch the hard queues, and -cwd takes a directory away.

    The grid says that it modified the working directory; the job has none then and runs in its home (tried).
    """
    if "-wd" not in given:
        fields.pop("cwd", None)
        if "-cwd" in given:
            fields["cwd"] = None
    if "-q" in given:
        fields = {
            name: value
            for name, value in fields.items()
            if value or name not in ("hard_queues", "soft_queues")
        }
    return fields


def _refusal(fields: dict[str, Any], occurrences: tuple[Occurrence, ...], parsing: Any) -> str:
    """What a master says against the values, whatever the job; "" for nothing."""
    # Priority, dependencies and concurrency are judged against the job by `service.alter`.
    values = {
        name: value for name, value in fields.items() if name not in ("priority", "tasks", "export_all")
    }
    request = JobRequest(**{"name": "name", "script_file": "script", **values, "tasks": (1, 2, 1)})
    if request.master_queues and not request.parallel_environment:
        # Only a submission must have -pe with -masterq; the queues count the same.
        request = replace(
            request, master_queues=(), hard_queues=(*request.hard_queues, *request.master_queues)
        )
    try:
        # -c is taken, and changes nothing as long as the job has no checkpointing environment.
        judged = tuple(occurrence for occurrence in occurrences if occurrence.switch != "-c")
        checks.refuse(Submission(request=request, script=b"x"), judged, context=parsing)
    except Refused as error:
        return error.message.replace("job rejected: the requested ", "denied: ").replace(
            "denied: project", "job rejected: the requested project"
        )
    return ""


class _Alteration(Change):
    """One run over all targets."""

    def __init__(self, context: Context, asked: _Asked) -> None:
        super().__init__(context)
        self._asked = asked

    def all(self, targets: list[Target]) -> int:
        """Change every job that is meant."""
        if self._asked.users and not targets:
            means_us = any(matches(name, self._context.user) for name in self._asked.users)
            own = self._jobs.rows() if means_us else ()
            targets = _targets.of_users(own)
            if not targets:
                self._refuse(change.no_such_name("*", ",".join(self._asked.users)))
        for target in targets:
            numbers = self._jobs.numbers(target)
            if not numbers:
                self._refuse(change.no_such_job(target.word))
            for number in numbers:
                self._one(number, target)
        return self._ended()

    def _one(self, number: int, target: Target) -> None:
        context, asked = self._context, self._asked
        no_right = _hold.no_right(context.user, asked.changes.set_holds)
        changes = asked.changes
        if no_right or asked.refusal:
            changes = alter.Changes()  # only to see whether the job is there
        done = alter.alter(
            context.cluster(),
            context.settings,
            number,
            changes,
            caller=self._jobs.caller,
            means=self._jobs.means,
            tasks=_hold.tasks_of(target),
        )
        if done is None:
            foreign = self._jobs.is_foreign(number)
            user = context.user
            self._refuse(change.must_be_owner(user, number) if foreign else change.no_such_job(str(number)))
        elif no_right or asked.refusal:
            self._refuse(no_right or asked.refusal)
        elif done.refusal == "holds":
            for _ in range(ranges.count(done.held)):
                self._refuse(change.must_be_manager(context.user, "remove manager hold"))
        elif done.refusal:
            self._refuse(_words(done.refusal, context.user))
        else:
            self._wrote = True
            self._tell(number, done)

    def _tell(self, number: int, done: alter.Altered) -> None:
        """One line for each change, in the master's order."""
        context, request = self._context, done.request
        assert request is not None
        held = orders_told(number, done)
        if held:
            context.out(held)
        names = {*done.fields, *(["cwd"] if self._asked.says_cwd else [])}
        if "priority" in names:
            self._say(change.priority(context.user, context.host, number, request.priority))
        if "job_share" in names:
            self._say(change.job_share(context.user, context.host, number, request.job_share))
        for field, what in change.CHANGED.items():
            if field in names:
                self._say(change.modified(what, number))
            if field == "mail_list":
                self._tell_dependencies(number, done, names)
        if self._asked.verify:
            self._say("verification: job is already running or is held")

    def _tell_dependencies(self, number: int, done: alter.Altered, names: set[str]) -> None:
        request = done.request
        assert request is not None
        for field, words, found, array in (
            ("predecessors_requested", request.predecessors_requested, request.predecessors, False),
            (
                "array_predecessors_requested",
                request.array_predecessors_requested,
                request.array_predecessors,
                True,
            ),
        ):
            if field in names:
                exited = [word for word in words if word.isdigit() and int(word) not in found]
                blocking = ",".join(str(one) for one in found)
                self._say(change.hold_list(number, array=array, blocking=blocking, exited=",".join(exited)))


def _words(refusal: str, user: str) -> str:
    kind, _, name = refusal.partition(" ")
    consumables = {
        "consumable": change.consumable_of_running,
        "consumable-missing": change.consumable_missing,
        "consumable-changed": change.consumable_changed,
    }
    if kind in consumables:
        return consumables[kind](name)
    if refusal == "priority":
        return change.must_be_operator(user, "increase job priority")
    fixed = {"not an array": change.not_an_array(), "array dependency": change.NOT_AN_ARRAY_DEPENDENCY}
    return fixed.get(refusal, refusal)


def orders_told(number: int, done: alter.Altered) -> str:
    """The lines about holds."""
    from gridcompat.service.orders import Changed

    return _hold.told(
        number, Changed(array=done.array, tasks=done.held, pending=ranges.intersect(done.fresh, done.held))
    )

"""What the grid's master refuses: names, resources, queues, environments, projects, task numbers.

A submission is checked against the settings in the master's order and refused in its words.  Must not
know files, clusters or clocks; whether a queue could ever run the job is in `options.suitable`.
"""

from __future__ import annotations

from gridcompat import complexes, units
from gridcompat.errors import Refused
from gridcompat.options import match
from gridcompat.output.messages import submit
from gridcompat.patterns import matches
from gridcompat.settings import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from gridcompat.model import HostPath, JobRequest, Resource, Submission
    from gridcompat.options.context import Context
    from gridcompat.options.scan import Occurrence
    from gridcompat.settings import Queue, Settings

NAME_LIMIT = 512
_IN_NAMES = "\n\t\r/:@\\*?"
"""What the name of a job and an account may not hold, in the order in which the master looks for it."""
_IN_KEYS = "\n\t\r /:'\\[]{}|()@%,\""
_IN_PATTERNS = "\n\t\r /:'\\{}|()@%,\""
_KEYWORDS = ("NONE", "ALL", "TEMPLATE")


def refuse(submission: Submission, found: Sequence[Occurrence], *, context: Context) -> None:
    """Refuse a submission that a master would refuse.

    The master looks at the request alone first (one complaint, of which some end it) and then at what
    it asks for (one complaint); both stand in one message.

    Raises:
        Refused: with the text inside the frame.
    """
    request = submission.request
    if fatal := next(_broken(request), None):
        raise Refused(fatal)
    complaints = [
        complaint
        for complaint in (
            next(_wrong(submission, found, context), None),
            next(_unobtainable(request, found, context), None),
        )
        if complaint
    ]
    if complaints:
        raise Refused("\n".join(complaints))


# -- names ----------------------------------------------------------------------------------------


def object_name(text: str, forbidden: str, *, first: str = "") -> str:
    """Return the complaint about a name, "" if there is none."""
    if len(text) > NAME_LIMIT:
        return submit.TOO_LONG
    if text[:1] and text[:1] in first:
        return submit.NOT_FIRST % submit.FIRST_CHARACTERS[text[0]]
    for letter in forbidden:
        if letter in text:
            return submit.NOT_ALLOWED % submit.CHARACTERS[letter]
    if text.upper() in _KEYWORDS:
        return submit.KEYWORD % text.upper()
    if any(not "!" <= letter <= "~" for letter in text):
        # A blank or a letter beyond ASCII: the grid breaks down there and refuses in these words.
        return submit.UNREADABLE
    return ""


def job_name(text: str) -> str:
    """Return the complaint about the name of a job, "" if there is none."""
    if len(text.encode("utf-8", "surrogateescape")) >= NAME_LIMIT:
        return submit.NAME_TOO_LONG
    if text[:1].isdigit() and text[0].isascii():
        return submit.DIGIT_FIRST % text
    return object_name(text, _IN_NAMES)


def _broken(request: JobRequest) -> Iterator[str]:
    """Complaints that end the check."""
    if request.max_running_tasks and request.tasks is None:
        yield submit.BAD_CONCURRENCY
    if not request.name:
        yield submit.NO_NAME
    for text, forbidden, first in (
        (request.account, _IN_NAMES, ""),
        (request.project, _IN_KEYS, ".#"),
        (request.parallel_environment, _IN_PATTERNS, ".#"),
        (request.checkpoint, _IN_KEYS, ".#"),
    ):
        if text and (complaint := object_name(text, forbidden, first=first)):
            yield complaint


def _wrong(submission: Submission, found: Sequence[Occurrence], context: Context) -> Iterator[str]:
    """Complaints about the request alone."""
    request = submission.request
    script = submission.script
    if request.tasks is not None:
        first, last, step = request.tasks
        if first == 0:
            yield submit.TASK_ZERO
        if last > 0x7FFFFFFF:
            yield submit.BAD_TASKS
        if (last - first) // step + 1 > context.settings.max_array_tasks:
            yield submit.TOO_MANY_TASKS % context.settings.max_array_tasks
    if script is not None and not script:
        yield submit.NO_SCRIPT
    if script is not None and b"\0" in script:
        yield submit.SCRIPT_WITH_NUL
    for occurrence in found:
        if occurrence.switch in ("-o", "-e", "-i", "-S"):
            yield from path_complaints(occurrence.value, context, empty=occurrence.switch == "-S")
    if request.master_queues and not request.parallel_environment:
        yield submit.MASTER_QUEUE_ALONE
    if complaint := job_name(request.name):
        yield complaint


def path_complaints(paths: Sequence[HostPath], context: Context, *, empty: bool = False) -> Iterator[str]:
    """Yield what is wrong with one list of `[[host]:]path`; only -S may have empty paths."""
    for host, path in paths:
        if not path and not empty:
            yield submit.EMPTY_PATH
        if host and not known_host(host, context):
            yield submit.NO_HOST % host
    if len({host_name(host, context) for host, _ in paths}) < len(paths):
        yield submit.SAME_HOST_TWICE


# -- what it asks for -----------------------------------------------------------------------------


def _unobtainable(request: JobRequest, found: Sequence[Occurrence], context: Context) -> Iterator[str]:
    """Complaints about what cannot be had, in the master's order."""
    for resources in (request.hard_resources, request.soft_resources):
        yield from resource_complaints(resources, context)
    for name, _ in request.soft_resources:
        resource = complexes.find(name, context.settings)
        if resource is not None and resource.consumable and name != "slots":
            yield submit.SOFT_CONSUMABLE % name
    for resources in (request.hard_resources, request.soft_resources):
        if any(name == "slots" for name, _ in resources):
            yield submit.SLOTS_BY_PE
    yield from queue_complaints((*request.hard_queues, *request.soft_queues, *request.master_queues), context)
    yield from _not_of_this_site(request, found, context)
    yield from _not_for_users(request, found, context)
    for job in request.predecessors_requested:
        number, dot, task = job.partition(".")
        if dot and number.isdigit() and task.isdigit():
            yield submit.NO_SUCH_JOB % job
    if request.array_predecessors_requested and request.tasks is None:
        yield submit.ARRAY_ONLY


def _not_of_this_site(request: JobRequest, found: Sequence[Occurrence], context: Context) -> Iterator[str]:
    """Complaints about parallel environments, checkpoints and projects."""
    settings = context.settings
    if request.parallel_environment:
        if not environments(request.parallel_environment, settings):
            yield submit.NO_PE % request.parallel_environment
        if any(first == 0 for first, _, _ in request.slot_ranges):
            yield submit.PE_RANGE_ZERO
    if request.checkpoint and request.checkpoint not in settings.checkpoints:
        yield submit.NO_CHECKPOINT % request.checkpoint
    if any(occurrence.switch == "-c" and occurrence.value != "n" for occurrence in found):
        yield submit.CHECKPOINTING_DENIED
    if request.project and request.project not in settings.projects:
        yield submit.NO_PROJECT % request.project
    elif request.project and not may_use_project(request.project, context):
        yield submit.NO_PROJECT_ACCESS % (request.project, context.user)


def may_use_project(name: str, context: Context) -> bool:
    """Say whether the lists of a project let the user in; one with groups in it is for others to judge."""
    settings = context.settings
    found = next((one for one in settings.project_details if one.name == name), None)
    if found is None or _has_groups((*found.acl, *found.xacl), settings):
        return True
    return places.lets_in(found.acl, found.xacl, context.user, (), settings)


def may_use_queue(queue: Queue, context: Context) -> bool:
    """Say whether the lists of a queue let the user in; one with groups in it is for others to judge."""
    lists = (*queue.user_lists, *queue.xuser_lists)
    if not lists or _has_groups(lists, context.settings):
        return True
    return places.lets_in(queue.user_lists, queue.xuser_lists, context.user, (), context.settings)


def no_environment_access(request: JobRequest, context: Context) -> str:
    """Return the environment that -pe means if its lists shut the user out, else "".

    Lists with groups are for others to judge.
    """
    settings = context.settings
    meant = [one for one in settings.parallel_environments if matches(request.parallel_environment, one.name)]
    for one in meant:
        if _has_groups((*one.user_lists, *one.xuser_lists), settings) or places.lets_in(
            one.user_lists, one.xuser_lists, context.user, (), settings
        ):
            return ""
    return meant[0].name if meant else ""


def _has_groups(lists: Collection[str], settings: Settings) -> bool:
    entries = (entry for one in settings.user_lists if one.name in lists for entry in one.entries)
    return any(entry[:1] == "@" for entry in entries)


def _not_for_users(request: JobRequest, found: Sequence[Occurrence], context: Context) -> Iterator[str]:
    """Complaints about what only others may ask for, or nobody."""
    if request.deadline is not None:
        yield submit.NO_DEADLINE_USER % context.user
    if request.priority > 0:
        yield submit.PRIORITY_ABOVE_ZERO
    reservations = [occurrence.value for occurrence in found if occurrence.switch == "-ar"]
    if reservations and reservations[-1]:
        yield submit.BAD_RESERVATION % reservations[-1]
    _, kind, amount, *_ = (*request.binding.replace(" ", ":").split(":"), "", "", "")
    if amount == "0" and kind in submit.BAD_BINDING:
        yield submit.BAD_BINDING[kind]


def resource_complaints(resources: Sequence[Resource], context: Context) -> Iterator[str]:
    """Yield what is wrong with the resources of one list, in their order."""
    for name, value in resources:
        resource = complexes.find(name, context.settings)
        if resource is None:
            yield submit.UNKNOWN_RESOURCE % name
            return
        if not resource.requestable:
            yield submit.NOT_REQUESTABLE % name
        if not value:
            yield submit.MISSING_VALUE % name
        if resource.type == "HOST" and not match.is_expression(value) and not known_host(value, context):
            yield submit.NO_HOST % value
        if complaint := value_complaint(resource, value):
            yield complaint


def value_complaint(resource: complexes.Complex, value: str) -> str:
    """Return the complaint about the value of a resource, "" if there is none."""
    word = submit.VALUE_WORDS.get(resource.type)
    if word is None or value.upper() == "TRUE":
        return ""
    if resource.type == "BOOL":
        return (
            "" if value.upper() in ("TRUE", "FALSE", "1", "0") else submit.NOT_A_VALUE % (resource.name, word)
        )
    if units.is_infinity(value):
        return submit.NOT_INFINITE % resource.name if resource.consumable else ""
    number = units.time_seconds(value) if resource.type == "TIME" else units.quantity(value)
    if number is None:
        return submit.NOT_A_VALUE % (resource.name, word)
    if resource.consumable and number < 0:
        return submit.NEGATIVE % resource.name
    return ""


def queue_complaints(queues: Sequence[str], context: Context) -> Iterator[str]:
    """Yield a complaint about each entry of -q that no queue fits."""
    for queue in queues:
        if not match.queues(queue, context.settings, hosts_of(context)):
            no_host = submit.NO_QUEUE_MATCHES % queue + "\n" if queue[-1:] == "@" else ""
            yield no_host + submit.UNKNOWN_QUEUE % queue


def environments(name: str, settings: Settings) -> tuple[str, ...]:
    """Return the parallel environments that a name or pattern of -pe fits."""
    return tuple(pe.name for pe in settings.parallel_environments if matches(name, pe.name))


# -- hosts ----------------------------------------------------------------------------------------


def hosts_of(context: Context) -> Collection[str]:
    """Return the execution hosts that a request may name."""
    return context.hosts or (context.host,)


def host_name(host: str, context: Context) -> str:
    """Return the grid's own name for a host as typed: case does not matter, `localhost` is this one."""
    lowered = host.lower()
    if lowered in ("localhost", "127.0.0.1"):
        return context.host
    for known in (*hosts_of(context), context.host):
        if lowered in (known.lower(), known.partition(".")[0].lower()):
            return known
    return host


def queue_name(entry: str, context: Context) -> str:
    """Return an entry of -q with the grid's own name of its host."""
    queue, at, place = entry.partition("@")
    if not at or place[:1] == "@" or match.is_expression(place):
        return entry
    return f"{queue}@{host_name(place, context)}"


def known_host(host: str, context: Context) -> bool:
    """Say whether a host of this name exists, in the grid or elsewhere."""
    name = host_name(host, context)
    return name in (*hosts_of(context), context.host) or context.reader.resolves(host)

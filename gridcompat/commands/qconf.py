"""qconf: shows the site's settings in the grid's words; changing them is a matter of the settings file.

Switches are acted on from left to right, as the grid's does, up to the first that fails.
"""

from __future__ import annotations

from gridcompat.commands import _hosts, _qconf_changes
from gridcompat.errors import UsageError
from gridcompat.output import qconf as text
from gridcompat.output.usage import usage
from gridcompat.patterns import matches
from gridcompat.record import replace
from gridcompat.settings import Queue, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gridcompat.commands.context import Context

STOPS = {
    "-ke": "shutting down execd requires manager privileges",
    "-kej": "shutting down execd requires manager privileges",
    "-km": "shutting down qmaster requires manager privileges",
    "-ks": "shutdown requires manager privileges",
    "-kec": "shutdown requires manager privileges",
    "-kt": "shutdown requires manager privileges",
    "-at": "shutdown requires manager privileges",
}


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qconf and return its exit status."""
    words = list(argv)
    if not words:
        raise UsageError(f"{usage('qconf')}ERROR! no option argument", exit_status=1)
    status = 0
    while words:
        switch = words.pop(0)
        if switch == "-help":
            context.out(usage("qconf"))
            return 0
        if switch in ("-bonsai", "-mstnode", "-dstnode") and (switch == "-bonsai" or words):
            context.err("No sharetree\n")
            if switch == "-dstnode":
                return 1
            del words[: switch != "-bonsai"]
            continue
        if switch in _qconf_changes.CHANGES.split():
            raise _qconf_changes.refusal(context, switch, words)
        if switch == "-sobjl":
            from gridcompat.commands import _qconf_objects

            status = _qconf_objects.run(context, words) or status
            continue
        if switch == "-ksched":
            said = f'error: "-ksched" is not a valid option 2\n{usage("qconf")}'
            raise UsageError(said.rstrip("\n"), exit_status=1)
        if switch in ("-ke", "-kej") and (not words or words[0][:1] == "-"):
            raise UsageError('Need a hostname or the keyword "all"', exit_status=1)
        if switch == "-tsm":
            context.err("starting scheduler monitoring requires manager privileges\n")
            return 0
        if switch in STOPS:
            raise UsageError(STOPS[switch], exit_status=1)
        if switch in PLAIN:
            status = PLAIN[switch](context) or status
        elif switch in NAMED:
            optional, show = NAMED[switch]
            argument = ""
            if words and not words[0].startswith("-"):
                argument = words.pop(0)
            elif not optional:
                raise _qconf_changes.no_argument(switch)
            if switch == "-sq":
                while words and words[0][:1] not in ("-", ""):
                    argument += "," + words.pop(0)
            status = show(context, argument) or status
        else:
            raise UsageError(f'error: invalid option argument "{switch}"\nUsage: qconf -help', exit_status=1)
    return status


def _list(context: Context, names: Sequence[str], nothing: str) -> int:
    """Print names a line each; if there are none, say so on stderr and return 1."""
    for name in names:
        context.out(f"{name}\n")
    if not names:
        context.err(f"{nothing}\n")
    return 0 if names else 1


def _host_names(context: Context) -> list[str]:
    return [host.name for host in _hosts.hosts(context, ())]


def _queues(context: Context) -> int:
    return _list(context, sorted(queue.name for queue in context.settings.queues), "no cqueue list defined")


def _environments(context: Context) -> int:
    names = sorted(environment.name for environment in context.settings.parallel_environments)
    return _list(context, names, "no parallel environment defined")


def _groups(context: Context) -> int:
    return _list(context, sorted(context.settings.host_groups), "no host group list defined")


def _projects(context: Context) -> int:
    return _list(context, sorted(context.settings.projects), "no project list defined")


def _calendars(context: Context) -> int:
    return _list(context, sorted(context.settings.calendars), "no calendar defined")


def _checkpoints(context: Context) -> int:
    return _list(context, sorted(context.settings.checkpoints), "no ckpt interface definition defined")


def _exec_hosts(context: Context) -> int:
    return _list(context, _host_names(context), "no execution host defined")


def _admin_hosts(context: Context) -> int:
    return _list(context, sorted(context.settings.admin_hosts) or _host_names(context), "")


def _submit_hosts(context: Context) -> int:
    return _list(context, sorted(context.settings.submit_hosts) or _host_names(context), "")


def _managers(context: Context) -> int:
    return _list(context, sorted(context.settings.managers), "no manager defined")


def _operators(context: Context) -> int:
    return _list(context, sorted(context.settings.operators), "no operator defined")


def _user_lists(context: Context) -> int:
    own = (one.name for one in context.settings.user_lists)
    return _list(context, sorted({*text.USER_LISTS, *own}), "")


def _quotas(context: Context) -> int:
    names = sorted(one.name for one in context.settings.resource_quotas)
    return _list(context, names, "no resource quota set list defined")


def _configurations(context: Context) -> int:
    names = sorted(one.name for one in context.settings.host_configurations)
    return _list(context, names, "no config defined")


def _complexes(context: Context) -> int:
    from gridcompat.complexes import every

    context.out(text.complexes(every(context.settings)))
    return 0


def _scheduler(context: Context) -> int:
    context.out(text.scheduler(context.settings))
    return 0


def _names(names: Sequence[str], nothing: str) -> Callable[[Context], int]:
    return lambda context: _list(context, names, nothing)


def _names_without_failing(nothing: str) -> Callable[[Context], int]:
    def show(context: Context) -> int:
        context.err(f"{nothing}\n")
        return 0

    return show


def _event_clients(context: Context) -> int:
    context.out(f"{'ID':>8} {'NAME':<15} {'HOST':<25}\n{'-' * 50}\n")
    context.out(f"{1:>8} {'scheduler':<15} {context.host:<25}\n")
    return 0


def _scheduler_host(context: Context) -> int:
    context.out(f"{context.host}\n")
    return 0


PLAIN: dict[str, Callable[[Context], int]] = {
    "-sql": _queues,
    "-spl": _environments,
    "-shgrpl": _groups,
    "-sel": _exec_hosts,
    "-sh": _admin_hosts,
    "-ss": _submit_hosts,
    "-sm": _managers,
    "-so": _operators,
    "-sul": _user_lists,
    "-sprjl": _projects,
    "-scall": _calendars,
    "-sckptl": _checkpoints,
    "-sc": _complexes,
    "-ssconf": _scheduler,
    "-sconfl": _configurations,
    "-srqsl": _quotas,
    "-suserl": lambda context: _list(context, [context.user], ""),
    "-sstree": _names((), "no sharetree element"),
    "-sds": lambda context: 0,
    "-sst": _names_without_failing("No sharetree"),
    "-secl": _event_clients,
    "-sss": _scheduler_host,
}


# ---------------------------------------------------------------- with a name

TEMPLATE = Queue(name="template", slots=1, notify_s=60)
"""What -sq shows without a name: the beginnings of a new queue."""


def _queue(context: Context, argument: str) -> int:
    """Print cluster queues or queue instances that fit."""
    settings = context.settings
    if not argument:
        context.out(text.queue(TEMPLATE, replace(settings, host_groups=()), ""))
        return 0
    shown: list[str] = []
    words = argument.split(",")
    for at_word, word in enumerate(words, start=1):
        name, at, host = word.partition("@")
        found = []
        for queue in sorted(settings.queues, key=lambda queue: queue.name):
            if not matches(name, queue.name):
                continue
            hosts = _of_queue(context, queue, host) if at else [""]
            found += [text.queue(queue, settings, one) for one in hosts]
        if not found:
            missing = f'No cluster queue or queue instance matches the phrase "{word}"\n'
            if at_word < len(words):
                context.err(f"error: {missing}")
                continue
            context.out("".join(shown))
            context.err(missing)
            return 1
        shown.append("\n".join(found))  # the grid parts what one word fits, not what two do
    context.out("".join(shown))
    return 0


def _of_queue(context: Context, queue: Queue, place: str) -> list[str]:
    """The hosts of a queue that fit a name, a pattern or a @group."""
    settings = context.settings
    names = [name for name in _host_names(context) if places.has_queue(queue, name, settings)]
    if place[:1] == "@":
        groups = [group for group in settings.host_groups if matches(place, group)]
        return [name for name in names if any(places.in_group(name, group, settings) for group in groups)]
    return [name for name in names if matches(place, name)]


def _environment(context: Context, argument: str) -> int:
    for environment in context.settings.parallel_environments:
        if environment.name == argument:
            context.out(text.parallel_environment(environment))
            return 0
    context.err(f"{argument} is not a parallel environment\n")
    return 1


def _group(form: str) -> Callable[[Context, str], int]:
    """Show a host group: as it is, as a tree, or its hosts."""

    def show(context: Context, argument: str) -> int:
        if argument not in context.settings.host_groups:
            context.err(f'Host group "{argument}" does not exist\n')
            return 1
        settings = context.settings
        own = next((one for one in settings.host_group_details if one.name == argument), None)
        hosts = _host_names(context)
        if form == "tree":
            context.out(text.group_tree(argument, settings, hosts))
        elif form == "resolved":
            context.out(" ".join(hosts if own is None else places.members((argument,), settings)) + "\n")
        else:
            context.out(text.host_group(argument, hosts if own is None else own.hostlist))
        return 0

    return show


def _exec_host(context: Context, argument: str) -> int:
    for name in argument.split(","):
        found = [host for host in _hosts.hosts(context, ()) if host.name == name]
        if not found and name != "global":
            context.err(f'can\'t resolve hostname "{name}"\n')
            return 1
        context.out(text.exec_host(name, found[0] if found else None, context.settings))
    return 0


def _user_list(context: Context, argument: str) -> int:
    settings = context.settings
    for at, name in enumerate(argument.split(",")):
        if name not in text.USER_LISTS and all(one.name != name for one in settings.user_lists):
            context.err(f'denied: access list "{name}" does not exist\n')
            return 1
        context.out(("\n" if at else "") + text.user_list(name, settings))
    return 0


def _configuration(context: Context, argument: str) -> int:
    if argument in ("", "global"):
        context.out(text.configuration(context.settings))
        return 0
    own = next((one for one in context.settings.host_configurations if one.name == argument), None)
    if own is not None:
        context.out(text.host_configuration(own))
        return 0
    if argument in _host_names(context):
        context.err(f"configuration {argument} not defined\n")
    else:
        context.err(f"can't resolve hostname \"{argument}\": can't resolve host name\n")
    return 1


def _unknown(form: str, status: int = 1) -> Callable[[Context, str], int]:
    """Show what gridcompat never has."""

    def show(context: Context, argument: str) -> int:
        context.err(form.format(argument) + "\n")
        return status

    return show


def _detail(kind: str, unknown: str) -> Callable[[Context, str], int]:
    """Show a project, a calendar or a checkpointing interface; one without a table has the usual values."""

    def show(context: Context, argument: str) -> int:
        from gridcompat.settings import site

        details = getattr(context.settings, f"{kind}_details")
        found = next((one for one in details if one.name == argument), None)
        if found is None and argument in getattr(context.settings, f"{kind}s"):
            found = site.RECORDS[kind][1](name=argument)
        if found is None:
            context.err(unknown.format(argument) + "\n")
            return 1
        context.out(getattr(text, kind)(found))
        return 0

    return show


def _quota(context: Context, argument: str) -> int:
    """Show the resource quota sets named, or all."""
    every = context.settings.resource_quotas
    found = [one for name in argument.split(",") for one in every if one.name == name]
    if not argument:
        found = list(every)
    if not found:
        context.err("No resource quota set found\n")
        return 1
    context.out("".join(text.resource_quota(one) for one in found))
    return 0


AUTO_USER_S = 86400
"""How long the grid keeps a user whom nobody entered. Source: sge_conf(5), auto_user_delete_time."""


def _user(context: Context, argument: str) -> int:
    """Show users: here only the caller is one, entered by the submission of a job."""
    for name in argument.split(","):
        if name == context.user:
            context.out(text.user(name, int(context.now) + AUTO_USER_S))
        else:
            context.err(f"{name} is not known as a user\n")
    return 0


NAMED: dict[str, tuple[bool, Callable[[Context, str], int]]] = {
    "-sq": (True, _queue),
    "-sp": (False, _environment),
    "-shgrp": (False, _group("")),
    "-shgrp_tree": (False, _group("tree")),
    "-shgrp_resolved": (False, _group("resolved")),
    "-se": (False, _exec_host),
    "-su": (False, _user_list),
    "-sconf": (True, _configuration),
    "-sprj": (False, _detail("project", "{} is not known as a project")),
    "-scal": (False, _detail("calendar", "{} is not a calendar")),
    "-sckpt": (False, _detail("checkpoint", "{} is not a checkpointing interface definition")),
    "-srqs": (True, _quota),
    "-sstnode": (False, _unknown("No sharetree", 0)),
    "-rsstnode": (False, _unknown("No sharetree", 0)),
    "-suser": (False, _user),
}
"""Switch → (whether its argument may be missing, what shows it)."""

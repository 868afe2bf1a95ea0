"""What qconf says to changes: the same to everybody, but some arguments are looked at before rights.

Source: tried, switch by switch, on an 8.1.9 as a user who is no manager. Must not know how anything is shown.
"""

from __future__ import annotations

import os

from gridcompat.commands import _hosts
from gridcompat.errors import UsageError
from gridcompat.options.disk import DiskReader
from gridcompat.output import qconf as text
from gridcompat.output.usage import usage
from gridcompat.patterns import matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context
    from gridcompat.settings import Settings

CHANGES = (
    "-aattr -Aattr -acal -Acal -ackpt -Ackpt -aconf -Aconf -ae -Ae -ah -ahgrp -Ahgrp -am -ao -ap -Ap "
    "-aprj -Aprj -aq -Aq -arqs -Arqs -as -astnode -astree -Astree -au -Au -auser -Auser -clearusage "
    "-cq -dattr -Dattr -dcal -dckpt -dconf -de -dh -dhgrp -dm -do -dp -dprj -dq -drqs -ds -dstnode "
    "-dstree -du -dul -duser -mattr -Mattr -mc -Mc -mcal -Mcal -mckpt -Mckpt -mconf -Mconf -me -Me "
    "-mhgrp -Mhgrp -mp -Mp -mprj -Mprj -mq -Mq -mrqs -Mrqs -msconf -Msconf -mstnode -mstree -Mstree "
    "-mu -Mu -muser -Muser -purge -rattr -Rattr"
)
MAY_BE_ALONE = (
    "-acal -ackpt -aconf -ae -ahgrp -ap -aprj -aq -Aq -arqs -mcal -mckpt -mconf -me -mp -mprj -Mq -mrqs "
    "-Mrqs -Msconf -mu -muser"
)
"""Of these the grid asks first who wants to change something, whatever -help shows."""
INSISTS = ("-Ap", "-dul")
"""These want an argument although -help does not say so, or not in so many words."""
WITHOUT_FILE = "-Aprj -Mprj -Auser -Muser -Au -Mu -Mc -Ahgrp -Mhgrp -Arqs"
_READ = "-Ap -Mp -Acal -Mcal -Ackpt -Mckpt -Aprj -Mprj -Auser -Muser -Au -Mu -Astree -Mstree"
READ_FIRST = {
    **dict.fromkeys(_READ.split(), "error reading in file"),
    "-Ae": "invalid format",
    "-Me": "invalid format",
    "-Mc": 'Complex attribute file "{}" is not correct',
}
"""Switches that read their file before anybody is asked who may, and what they say of one that is none."""
ATTRIBUTES = {"-aattr": 3, "-mattr": 3, "-rattr": 3, "-dattr": 3, "-purge": 3} | {
    "-Aattr": 2,
    "-Mattr": 2,
    "-Rattr": 2,
    "-Dattr": 2,
}
"""Words that these insist on."""


def refusal(context: Context, switch: str, words: Sequence[str]) -> UsageError:
    """Return what is said to a change; `words` is what stands behind the switch, further ones included."""
    arguments: list[str] = []
    for word in words:
        if word.startswith("-"):
            break
        arguments.append(word)
    missing = _missing(switch, arguments)
    if missing is not None:
        return missing
    argument = arguments[0] if arguments else ""
    if switch in READ_FIRST and (fault := _file_fault(switch, argument)):
        return UsageError(fault, exit_status=1)
    said = _by_switch(context, switch, arguments) if argument else ""
    return UsageError(said or _denied(context, switch), exit_status=1)


def _denied(context: Context, switch: str) -> str:
    who = "operator" if switch in ("-au", "-dul") else "manager"
    return f'denied: "{context.user}" must be {who} for this operation'


def no_argument(what: str) -> UsageError:
    """Return the refusal of a switch that lacks an argument."""
    return UsageError(
        f'error: no option argument provided to "{what}"\n{usage("qconf")}'.rstrip("\n"), exit_status=1
    )


def _missing(switch: str, arguments: Sequence[str]) -> UsageError | None:
    """Say which argument is missing; None if none is."""
    wanted = ATTRIBUTES.get(switch, 1 if _needs_argument(switch) else 0)
    if not arguments and switch in WITHOUT_FILE.split():
        return UsageError("no file argument given", exit_status=1)
    if len(arguments) < wanted:
        return no_argument(arguments[-1] if arguments else switch)
    if wanted > 1 and switch != "-purge" and len(arguments) == wanted:
        if wanted == 3:
            return UsageError("qconf: missing object list", exit_status=1)
        return None
    if switch == "-du" and len(arguments) == 1:
        said = f'error: no list_name provided to "-du {arguments[0]}"\n{usage("qconf")}'
        return UsageError(said.rstrip("\n"), exit_status=1)
    return None


def _needs_argument(switch: str) -> bool:
    """Return whether the grid insists on a word behind a switch: -help shows which."""
    if switch in MAY_BE_ALONE.split():
        return False
    if switch in INSISTS:
        return True
    found = usage("qconf").find(f"   [{switch} ")
    return found >= 0 and usage("qconf")[found + len(switch) + 5] not in "[]"


def _file_fault(switch: str, path: str) -> str:
    """What is wrong with a file before its content is understood; "" for nothing."""
    then = READ_FIRST[switch].format(path)
    try:
        with open(path, "rb") as file:
            empty = not file.read(1)
    except IsADirectoryError:
        return f'error: error opening file "{path}" for reading: Success\n{then}'
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        return f'error: error opening file "{path}" for reading: {reason}\n{then}'
    except ValueError:
        return then
    if empty:
        return then if switch == "-Mc" else f'error: error reading file: "{path}"\n{then}'
    return ""


def _by_switch(context: Context, switch: str, arguments: Sequence[str]) -> str:
    """What the grid says of an argument before it asks for rights; "" for nothing."""
    argument = arguments[0]
    if switch == "-cq":
        return _cleaned(context, argument)
    if switch in ("-ah", "-as") and not DiskReader().resolves(argument):
        return f'can\'t resolve hostname "{argument}"'
    if switch == "-astnode":
        return _nodes(context, argument)
    if switch == "-Mconf":
        return _configuration(argument.rpartition("/")[2])
    if switch == "-du":
        return "\n".join(_from_lists(argument.split(","), arguments[1].split(","), context.settings))
    if switch == "-purge":
        return _purged(context, arguments)
    return ""


def _nodes(context: Context, argument: str) -> str:
    """What -astnode says: it tells of nodes before it asks who may."""
    for node in argument.split(","):
        path, sign, shares = node.rpartition("=")
        if not (path and sign and shares.isascii() and shares.isdigit()):
            wrong = f"{argument} is not a valid argument, see node_shares_list format"
            return f"{wrong}\nno modifications to sharetree\n{usage('qconf')}".rstrip("\n")
    return f"setting \n{argument}\n{_denied(context, '-astnode')}"


def _cleaned(context: Context, argument: str) -> str:
    """The refusal to clean queues: every instance that fits is told."""
    said = []
    every = _hosts.instances(context, _hosts.hosts(context, ()))
    for word in argument.split(","):
        named = [one.name for one in every if _hosts.names_queue(word, one, context.settings)]
        said += [f'{context.user} - you have no permission to modify queue "{name}"' for name in named]
        if not named:
            said.append(f'invalid queue or job "{word}"')
    return "\n".join(said)


def _configuration(name: str) -> str:
    if name == "global":
        return ""
    lines = (
        [] if DiskReader().resolves(name) else [f"can't resolve hostname \"{name}\": can't resolve host name"]
    )
    return "\n".join([*lines, f"configuration {name} does not exist"])


def _from_lists(users: Sequence[str], names: Sequence[str], settings: Settings) -> list[str]:
    """What -du says of lists that are not there or lack the user; nothing for those that have one."""
    known = dict.fromkeys(text.USER_LISTS, ()) | {one.name: one.entries for one in settings.user_lists}
    found = []
    for name in names:
        if name not in known:
            found.append(f'access list "{name}" doesn\'t exist')
            continue
        found += [
            f'user "{user}" is not in access list "{name}"' for user in users if user not in known[name]
        ]
    return found


def _purged(context: Context, arguments: Sequence[str]) -> str:
    kind, _, instance = arguments[:3]
    if kind != "queue":
        return f'error: Modification of object "{kind}" not supported'
    queue, at, _ = instance.partition("@")
    if not (queue and at):
        return f'error: Given object_instance "{instance}" is incomplete'
    if not any(matches(queue, known.name) for known in context.settings.queues):
        return f'error: Cluster queue entry "{queue}" does not exist'
    return ""

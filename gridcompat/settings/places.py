"""Which hosts a queue is on, what it is like on each, and who is in a user list. Pure.

A node that is no `[[host]]` of the settings has every queue: a site whose machines have new names is not
one where nothing runs.  Must not know clusters; names of nodes are arguments.
"""

from __future__ import annotations

from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gridcompat.settings import Queue, Settings
    from gridcompat.settings.site import ExecHost

GLOBAL = "global"
LISTS = ("pe_list", "ckpt_list", "user_lists", "xuser_lists", "projects", "xprojects")
"""Fields of a queue that are lists of names."""


def declared(settings: Settings) -> tuple[str, ...]:
    """Return the names of the hosts of the settings, without `global`."""
    return tuple(host.name for host in settings.hosts if host.name != GLOBAL)


def host(name: str, settings: Settings) -> ExecHost | None:
    """Return what the settings say of a host; None if nothing."""
    return next((one for one in settings.hosts if one.name == name), None)


def h_vmem(name: str, settings: Settings) -> str:
    """Return the h_vmem that a host gives out: its own, or what the settings say for all; "" is no limit."""
    own = host(name, settings)
    return settings.h_vmem_capacity if own is None else dict(own.complex_values).get("h_vmem", "")


def members(names: Iterable[str], settings: Settings) -> tuple[str, ...]:
    """Return the hosts of a list, each once: those that it names, then those of its groups."""
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [tuple(names)]
    while waiting:
        entries = waiting.pop(0)
        found |= dict.fromkeys(name for name in entries if name[:1] != "@")
        groups = [name for name in entries if name[:1] == "@" and name not in seen]
        seen.update(groups)
        lists = {one.name: one.hostlist for one in settings.host_group_details} if groups else {}
        waiting[:0] = [lists.get(name, ()) for name in groups]
    return tuple(found)


def in_group(name: str, group: str, settings: Settings) -> bool:
    """Return whether a host is in a group; groups without a table of their own have all hosts."""
    if not any(one.name == group for one in settings.host_group_details):
        return group in settings.host_groups
    return name in members((group,), settings)


def has_queue(queue: Queue, name: str, settings: Settings) -> bool:
    """Return whether a queue is on a host."""
    if not queue.hostlist or all(one.name != name for one in settings.hosts):
        return True
    return any(
        in_group(name, entry, settings) if entry[:1] == "@" else entry == name for entry in queue.hostlist
    )


def excluded(queue: Queue, settings: Settings) -> tuple[str, ...]:
    """Return the hosts of the settings that a queue is not on."""
    return tuple(name for name in declared(settings) if not has_queue(queue, name, settings))


def on_host(queue: Queue, name: str, settings: Settings) -> Queue:
    """Return a queue as it is on a host: a value for the host itself comes before one for a group of it."""
    if not queue.per_host:
        return queue
    values: dict[str, str] = {}
    for place, fields in queue.per_host:
        if place[:1] == "@" and in_group(name, place, settings):
            values = {**dict(fields), **values}
    for place, fields in queue.per_host:
        if place == name:
            values.update(fields)
    return _changed(queue, values) if values else queue


def _changed(queue: Queue, values: dict[str, str]) -> Queue:
    """The queue with values as queue_conf(5) writes them; settings.files has checked them."""
    limits, shown, changes = dict(queue.limits), dict(queue.shown), {}
    for field, text in values.items():
        if field in LISTS:
            changes[field] = words(text) or (("NONE",) if field.endswith("e_list") else ())
        elif field in ("slots", "seq_no"):
            changes[field] = int(text)  # type: ignore[assignment]  # the field's own type
        elif field == "rerun":
            changes[field] = text.upper() == "TRUE"  # type: ignore[assignment]  # the field's own type
        elif field == "complex_values":
            changes[field] = pairs(text)  # type: ignore[assignment]  # the field's own type
        elif field in ("calendar", "shell", "shell_start_mode", "qtype"):
            changes[field] = text  # type: ignore[assignment]  # the field's own type
        elif field[:2] in ("s_", "h_"):
            limits[field] = text
        else:
            shown[field] = text
    return replace(queue, limits=tuple(limits.items()), shown=tuple(shown.items()), **changes)


def words(text: str) -> tuple[str, ...]:
    """Return the names of a list with blanks or commas; NONE is none."""
    found = tuple(text.replace(",", " ").split())
    return () if found in (("NONE",), ("none",)) else found


def pairs(text: str) -> tuple[tuple[str, str], ...]:
    """Return `gpu=1,disk=slow` as pairs; a word without a sign counts as given."""
    found = (word.partition("=") for word in words(text))
    return tuple((name, value if sign else "TRUE") for name, sign, value in found)


def environments_of(queue: Queue, settings: Settings) -> tuple[str, ...]:
    """Return the parallel environments of a queue: an empty pe_list is all, NONE none."""
    if queue.pe_list:
        return () if queue.pe_list == ("NONE",) else queue.pe_list
    return tuple(one.name for one in settings.parallel_environments)


def checkpoints_of(queue: Queue, settings: Settings) -> tuple[str, ...]:
    """Return the checkpointing interfaces of a queue: an empty ckpt_list is all, NONE none."""
    if queue.ckpt_list:
        return () if queue.ckpt_list == ("NONE",) else queue.ckpt_list
    return settings.checkpoints


def letters(queue: Queue, settings: Settings) -> str:
    """Return a queue's kinds as qstat shows them: batch, interactive, parallel, checkpointing."""
    kinds = queue.qtype.upper().split()
    return (
        ("B" if "BATCH" in kinds else "")
        + ("I" if "INTERACTIVE" in kinds else "")
        + ("P" if environments_of(queue, settings) else "")
        + ("C" if checkpoints_of(queue, settings) else "")
    ) or "N"


def is_member(user: str, groups: Sequence[str], lists: Iterable[str], settings: Settings) -> bool:
    """Return whether somebody is in one of these user lists, by name or by `@group`."""
    wanted = frozenset(lists)
    return any(
        entry == user or (entry[:1] == "@" and entry[1:] in groups)
        for one in settings.user_lists
        if one.name in wanted
        for entry in one.entries
    )


def lets_in(
    allowed: Sequence[str], denied: Sequence[str], user: str, groups: Sequence[str], settings: Settings
) -> bool:
    """Return whether user_lists and xuser_lists let somebody in: a denial wins.

    Source: queue_conf(5), user_lists and xuser_lists.
    """
    if denied and is_member(user, groups, denied, settings):
        return False
    return not allowed or is_member(user, groups, allowed, settings)


def may_use_project(name: str, user: str, groups: Sequence[str], settings: Settings) -> bool:
    """Return whether a project's lists let somebody in. Source: project(5), acl and xacl."""
    found = next((one for one in settings.project_details if one.name == name), None)
    return found is None or lets_in(found.acl, found.xacl, user, groups, settings)

"""Settings that refer to each other, made into records and checked: hosts, groups, lists, quotas.

Only imported when a file has any of them.  A reference to what is not there is a fault, for a queue that
nobody may use because of a slip in a name would look like a full one.
"""

from __future__ import annotations

from gridcompat import complexes, units
from gridcompat.settings import calendars, places, quotas
from gridcompat.settings.site import NAMED, RECORDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    from gridcompat.errors import GridError

    Fault: TypeAlias = Callable[[str, str, str], GridError]

SHOWN = (
    "load_thresholds", "suspend_thresholds", "nsuspend", "suspend_interval", "priority", "min_cpu_interval",
    "processors", "tmpdir", "prolog", "epilog", "starter_method", "suspend_method", "resume_method",
    "terminate_method", "owner_list", "subordinate_list", "initial_state",
)  # fmt: skip
"""Lines of queue_conf(5) that are shown and have no setting."""
LIMITS = tuple(
    f"{kind}_{name}"
    for name in ("rt", "cpu", "fsize", "data", "stack", "core", "rss", "vmem")
    for kind in ("s", "h")
)
PER_HOST = (
    *places.LISTS, *SHOWN, *LIMITS, "slots", "seq_no", "rerun", "complex_values", "calendar", "shell",
    "shell_start_mode", "qtype", "notify",
)  # fmt: skip
"""What may be otherwise on some hosts."""


def fill(values: dict[str, Any], fault: Fault) -> None:
    """Make records of the tables and put names of tables into the lists of names, in place.

    Raises:
        SettingsError: something refers to what is not there, or has a value that cannot be.
    """
    for field, of in RECORDS.values():
        if field in values:
            values[field] = tuple(of(**_frozen(one)) for one in values[field])
    for names, details in NAMED.items():
        if details in values:
            own = (one.name for one in values[details])
            values[names] = list(dict.fromkeys((*own, *values.get(names, ()))))
    for line in values.get("complexes", ()):
        if wrong := complexes.complaint(line):
            raise fault("complexes", f"'{line}': {wrong}", "as qconf -sc shows them")
    _groups(values, fault)
    for calendar in values.get("calendar_details", ()):
        for field, yearly in (("year", True), ("week", False)):
            try:
                calendars.areas(getattr(calendar, field), yearly=yearly)
            except ValueError as error:
                raise fault("calendar_details", f"{calendar.name}.{field}: {error}", "") from None
    for quota in values.get("resource_quotas", ()):
        for number, rule in enumerate(quota.rules, 1):
            try:
                quotas.parse(quota.name, number, rule)
            except ValueError as error:
                raise fault("resource_quotas", f"{quota.name}.rules: '{rule}': {error}", "") from None
    for queue in values.get("queues", ()):
        _queue(queue, values, fault)
    lists = {one.name for one in values.get("user_lists", ())}
    for field, attributes in (
        ("queues", ("user_lists", "xuser_lists")),
        ("parallel_environments", ("user_lists", "xuser_lists")),
        ("hosts", ("user_lists", "xuser_lists")),
        ("project_details", ("acl", "xacl")),
    ):
        for one in values.get(field, ()):
            for attribute in attributes:
                _known(getattr(one, attribute), lists, f"{one.name}.{attribute}", field, "user_list", fault)


def _frozen(fields: dict[str, Any]) -> dict[str, Any]:
    def frozen(value: Any) -> Any:
        return tuple(frozen(item) for item in value) if isinstance(value, list) else value

    return {name: frozen(value) for name, value in fields.items()}


def _known(
    names: Iterable[str], known: Iterable[str], where: str, field: str, table: str, fault: Fault
) -> None:
    for name in names:
        if name not in known:
            raise fault(field, f"{where}: there is no '{name}'", f"a [[{table}]] with that name")


def _groups(values: dict[str, Any], fault: Fault) -> None:
    """Names of groups begin with an @, and their groups are there."""
    known = values.get("host_groups", ("@allhosts",))
    for group in values.get("host_group_details", ()):
        if group.name[:1] != "@":
            raise fault("host_group_details", f"'{group.name}' does not begin with an @", "")
        entries = [name for name in group.hostlist if name[:1] == "@"]
        _known(entries, known, f"{group.name}.hostlist", "host_group_details", "host_group", fault)


def _queue(queue: Any, values: dict[str, Any], fault: Fault) -> None:
    groups = values.get("host_groups", ("@allhosts",))
    used = [*queue.hostlist, *(place for place, _ in queue.per_host)]
    at = [name for name in used if name[:1] == "@"]
    _known(at, groups, f"{queue.name}.hostlist", "queues", "host_group", fault)
    _known((*queue.projects, *queue.xprojects), values.get("projects", ()), f"{queue.name}.projects",
           "queues", "project", fault)  # fmt: skip
    if queue.calendar not in ("", "NONE"):
        calendar = values.get("calendars", ())
        _known((queue.calendar,), calendar, f"{queue.name}.calendar", "queues", "calendar", fault)
    for field, _ in queue.shown:
        if field not in SHOWN:
            raise fault("queues", f"{queue.name}.shown: there is no '{field}'", ", ".join(SHOWN))
    if not set(queue.qtype.upper().split()) <= {"BATCH", "INTERACTIVE", "NONE"}:
        raise fault("queues", f"{queue.name}.qtype: '{queue.qtype}' is none", "BATCH, INTERACTIVE or both")
    for place, fields in queue.per_host:
        for field, text in fields:
            where = f"{queue.name}.per_host.{place}"
            if field not in PER_HOST:
                raise fault("queues", f"{where}: '{field}' cannot be set by host", ", ".join(PER_HOST))
            if wrong := complaint(field, text):
                raise fault("queues", f"{where}.{field}: '{text}' {wrong}", "")


def complaint(field: str, text: str) -> str:
    """Return what is wrong with a value of a queue on a host, "" if nothing is."""
    if field in ("slots", "seq_no") and not (text.isascii() and text.isdigit() and len(text) < 10):
        return "is not a number"
    if field == "rerun" and text.upper() not in ("TRUE", "FALSE"):
        return "is neither TRUE nor FALSE"
    if field in LIMITS and not units.is_infinity(text):
        read = units.time_seconds if field.endswith(("_rt", "_cpu")) else units.memory_bytes
        if read(text) is None:
            return "is not a limit"
    return ""

"""A real grid's configuration as a site's settings, with a word on each thing that is left behind.

Reads the folder that dump.sh writes (the names are those of Grid Engine's own save_sge_config.sh), a
cell (`$SGE_ROOT/default`) with its `common` folder.  Never runs anything.
"""

from __future__ import annotations

from gridcompat import units
from gridcompat.errors import SettingsError
from gridcompat.migration import carried
from gridcompat.migration.dump import Dump, fields
from gridcompat.record import record
from gridcompat.settings import checked, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LIMITS = tuple(
    f"{kind}_{name}"
    for name in ("rt", "cpu", "fsize", "data", "stack", "core", "rss", "vmem")
    for kind in ("s", "h")
)
START_MODES = ("unix_behavior", "posix_compliant", "script_from_stdin")
NUMBERS = ("slots", "seq_no")
KEPT = frozenset(
    (
        "qname", "hostlist", "slots", "seq_no", "rerun", "notify", "shell", "shell_start_mode", "qtype",
        "calendar", "complex_values", *places.LISTS, *LIMITS,
    )
)  # fmt: skip
"""Lines of queue_conf(5) with a setting of their own; others are among `shown`, or not known."""
USUAL = {
    "load_thresholds": "NONE", "suspend_thresholds": "NONE", "nsuspend": "1", "suspend_interval": "00:05:00",
    "priority": "0", "min_cpu_interval": "00:05:00", "processors": "UNDEFINED", "tmpdir": "/tmp",
    "prolog": "NONE", "epilog": "NONE", "starter_method": "NONE", "suspend_method": "NONE",
    "resume_method": "NONE", "terminate_method": "NONE", "owner_list": "NONE", "subordinate_list": "NONE",
    "initial_state": "default",
}  # fmt: skip
"""What a queue has that says nothing."""
GLOBAL = {
    "max_aj_tasks": "max_array_tasks",
    "max_aj_instances": "max_array_instances",
    "finished_jobs": "finished_jobs",
}
"""Numbers of sge_conf(5) and their settings."""


@record
class Site:
    """The settings, the queues and environments, and what could not be carried over."""

    values: tuple[tuple[str, object], ...]
    queues: tuple[tuple[tuple[str, object], ...], ...]
    environments: tuple[tuple[tuple[str, object], ...], ...]
    notes: tuple[str, ...]
    tables: tuple[tuple[str, tuple[tuple[tuple[str, object], ...], ...]], ...] = ()
    """The other arrays of tables, by title."""


def site(directory: str) -> Site:
    """Return what a grid's configuration is as settings.

    Raises:
        SettingsError: nothing of a grid is there, or a file cannot be used.
    """
    dump = Dump(directory)
    notes: list[str] = []
    queues = {name: fields(text) for name, text in dump.each("cqueues").items()}
    environments = {name: fields(text) for name, text in dump.each("pe").items()}
    bootstrap = fields(dump.text("bootstrap"))
    configuration = fields(dump.text("configurations/global", "configuration"))
    if not (queues or environments or bootstrap or configuration):
        raise SettingsError(
            f"{directory}: no configuration of a grid in it",
            hint="gridcompat import-grid --dump-script prints a script that writes one",
        )
    if bootstrap.get("spooling_method", "") not in ("", "classic") and not queues:
        notes.append(
            f"queues: the spool is {bootstrap['spooling_method']}, which cannot be read: "
            "use a dump (--dump-script)"
        )
    values = _globals(dump, configuration, notes)
    known = carried.Known(dump)
    made = [_queue(name, of, notes, known) for name, of in queues.items()]
    made.sort(key=lambda queue: str(dict(queue)["name"]))
    names = [str(dict(queue)["name"]) for queue in made]
    if names:
        first = min(names, key=lambda name: (_number(queues.get(name, {}).get("seq_no", "0")) or 0, name))
        for setting, usual in (("default_queue", "task"), ("continuous_queue", "continuous")):
            values.append((setting, usual if usual in names else first))
    values += carried.values(dump, configuration, notes)
    return Site(
        values=tuple(values),
        queues=tuple(made),
        environments=tuple(_environment(name, of, notes, known) for name, of in environments.items()),
        notes=tuple(notes),
        tables=carried.tables(dump, known, notes),
    )


def _number(text: str) -> int | None:
    """The number at the beginning of `4,[@big=8]`; None if there is none."""
    text = text.split(",")[0].strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _queue(
    name: str, found: Mapping[str, str], notes: list[str], known: carried.Known
) -> tuple[tuple[str, object], ...]:
    """The lines of one [[queue]]."""
    where = f"queue {name}"
    plain, others = {}, {}
    for field, text in found.items():
        plain[field], others[field] = carried.by_host(text)
    values: list[tuple[str, object]] = [("name", name)]
    for field in NUMBERS:
        number = _number(plain.get(field, ""))
        if number is None and field in plain:
            notes.append(f"{where}: {field} '{plain[field]}' is not a number")
        elif number or (number is not None and field == "slots"):
            values.append((field, number))
    values.append(("rerun", plain.get("rerun", "").upper() == "TRUE"))
    notify = plain.get("notify", "")
    if notify:
        seconds = units.time_seconds(notify)
        if isinstance(seconds, int) and 0 <= seconds < 10**6:
            values.append(("notify_s", seconds))
        else:
            notes.append(f"{where}: notify '{notify}' is not a time")
    if plain.get("shell"):
        values.append(("shell", plain["shell"]))
    mode = plain.get("shell_start_mode", "")
    if mode in START_MODES:
        values.append(("shell_start_mode", mode))
    elif mode:
        notes.append(f"{where}: shell_start_mode '{mode}' is not a start mode")
    values += _references(where, plain, notes, known)
    limits = {field: plain[field] for field in LIMITS if field in plain}
    limits = {field: text for field, text in limits.items() if text and text.upper() != "INFINITY"}
    if limits:
        values.append(("limits", limits))
    for field in plain.keys() - KEPT - USUAL.keys():
        notes.append(f"{where}: {field} {found[field]}: there is no setting for it")
    shown = {field: plain[field] for field in USUAL if plain.get(field, "") not in ("", USUAL[field])}
    if shown:
        values.append(("shown", shown))
    per_host = _per_host(where, others, notes, known)
    if per_host:
        values.append(("per_host", per_host))
    return tuple(values)


def _references(
    where: str, plain: Mapping[str, str], notes: list[str], known: carried.Known
) -> list[tuple[str, object]]:
    """What a queue says of hosts, environments, lists, projects and resources."""
    values: list[tuple[str, object]] = []
    hosts = known.only("host group", places.words(plain.get("hostlist", "")), f"{where}: hostlist", notes)
    if hosts:
        values.append(("hostlist", hosts))
    kinds = plain.get("qtype", "").upper().split()
    if set(kinds) <= {"BATCH", "INTERACTIVE"} and kinds not in ([], ["BATCH"]):
        values.append(("qtype", " ".join(kinds)))
    elif kinds and kinds != ["BATCH"]:
        notes.append(f"{where}: qtype {plain['qtype']}: there is no setting for it")
    for field in places.LISTS:
        names = places.words(plain.get(field, ""))
        if field in ("pe_list", "ckpt_list"):
            if field in plain:
                values.append((field, list(names) or ["NONE"]))
            continue
        kind = "project" if field.endswith("projects") else "user list"
        if kept := known.only(kind, names, f"{where}: {field}", notes):
            values.append((field, kept))
    if plain.get("calendar", "NONE") not in ("NONE", ""):
        values.append(("calendar", plain["calendar"]))
    if pairs := places.pairs(plain.get("complex_values", "")):
        values.append(("complex_values", dict(pairs)))
    return values


def _per_host(
    where: str, others: Mapping[str, list[tuple[str, str]]], notes: list[str], known: carried.Known
) -> dict[str, dict[str, str]]:
    """What is otherwise on some hosts, by host or group."""
    found: dict[str, dict[str, str]] = {}
    for field, pairs in others.items():
        for place, text in pairs:
            if field not in checked.PER_HOST or checked.complaint(field, text):
                notes.append(f"{where}: {field} [{place}={text}] cannot be set by host")
            elif known.only("host group", (place,), f"{where}: {field}", notes):
                found.setdefault(place, {})[field] = text
    return found


def _environment(
    name: str, found: Mapping[str, str], notes: list[str], known: carried.Known
) -> tuple[tuple[str, object], ...]:
    """The lines of one [[parallel_environment]]."""
    where = f"parallel environment {name}"
    values: list[tuple[str, object]] = [("name", name)]
    slots = _number(found.get("slots", ""))
    if slots is not None:
        values.append(("slots", slots))
    elif "slots" in found:
        notes.append(f"{where}: slots '{found['slots']}' is not a number")
    for field in ("user_lists", "xuser_lists"):
        if kept := known.only("user list", places.words(found.get(field, "")), f"{where}: {field}", notes):
            values.append((field, kept))
    for field in ("allocation_rule", "start_proc_args", "stop_proc_args", "urgency_slots", "qsort_args"):
        if found.get(field, "NONE") not in ("NONE", ""):
            values.append((field, found[field]))
    for field in ("control_slaves", "job_is_first_task", "accounting_summary"):
        if field in found:
            values.append((field, found[field].upper() == "TRUE"))
    return tuple(values)


def _globals(dump: Dump, configuration: Mapping[str, str], notes: list[str]) -> list[tuple[str, object]]:
    """What is not of a queue."""
    values: list[tuple[str, object]] = []
    for field, setting in GLOBAL.items():
        number = _number(configuration.get(field, ""))
        if number:
            values.append((setting, number))
    seconds = units.time_seconds(configuration.get("reschedule_unknown", "0"))
    if isinstance(seconds, int) and seconds > 0:
        values.append(("reschedule_unknown_s", seconds))
    last = _number(dump.text("jobseqnum").strip())
    if last is not None and last >= 1000:
        values.append(("first_job_id", last + 1))
    _h_vmem(dump, values)
    if dump.text("sharetree").strip():
        notes.append("share tree: jobs are started in the order of priority and submission")
    if any(line.strip() and not line.startswith("#") for line in dump.text("sge_request").split("\n")):
        notes.append("sge_request: keep the file; it is read from $SGE_ROOT/$SGE_CELL/common")
    return values


def _h_vmem(dump: Dump, values: list[tuple[str, object]]) -> None:
    """The default of h_vmem."""
    for line in carried.complex_lines(dump):
        words = line.split()
        if words[0] == "h_vmem" and units.memory_bytes(words[6]):
            values.append(("h_vmem_default", words[6]))

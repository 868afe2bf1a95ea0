"""A real grid's configuration as a site's settings, with a word on each thing that is left behind.

Reads the folder that dump.sh writes (the names are those of Grid Engine's own save_sge_config.sh), a
cell (`$SGE_ROOT/default`) with its `common` folder.  Never runs anything.
"""

from __future__ import annotations

import os

from gridcompat import units
from gridcompat.errors import SettingsError
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST = 1 << 20
"""Bytes of one file; a grid's largest is a few KiB."""
MOST = 10_000
"""Files of one folder."""
PLACES = ("", "common", "cell", "spool/qmaster", "qmaster")
LIMITS = tuple(
    f"{kind}_{name}"
    for name in ("rt", "cpu", "fsize", "data", "stack", "core", "rss", "vmem")
    for kind in ("s", "h")
)
START_MODES = ("unix_behavior", "posix_compliant", "script_from_stdin")
HELD = frozenset(("qname", "slots", "rerun", "notify", "shell", "shell_start_mode", *LIMITS))
"""Lines of queue_conf(5) that [[queue]] holds."""
USUAL = {
    "seq_no": "0", "suspend_thresholds": "NONE", "nsuspend": "1", "suspend_interval": "00:05:00",
    "priority": "0", "min_cpu_interval": "00:05:00", "processors": "UNDEFINED", "ckpt_list": "NONE",
    "tmpdir": "/tmp", "prolog": "NONE", "epilog": "NONE", "starter_method": "NONE",
    "suspend_method": "NONE", "resume_method": "NONE", "terminate_method": "NONE", "owner_list": "NONE",
    "user_lists": "NONE", "xuser_lists": "NONE", "subordinate_list": "NONE", "complex_values": "NONE",
    "projects": "NONE", "xprojects": "NONE", "calendar": "NONE", "initial_state": "default",
}  # fmt: skip
"""What a queue has that says nothing."""
WHY = {
    "load_thresholds": "no queue closes because of load; Kubernetes places by requests",
    "hostlist": "queues are on all nodes; node_selector chooses nodes",
    "pe_list": "every queue has every parallel environment",
    "qtype": "every queue takes batch jobs",
    "seq_no": "Kubernetes chooses the node",
    "prolog": "nothing is run before a job",
    "epilog": "nothing is run after a job",
    "starter_method": "the launcher starts jobs",
    "user_lists": "who may submit where is a matter of accounts",
    "xuser_lists": "who may submit where is a matter of accounts",
    "complex_values": "resources of queues are not counted",
}
GLOBAL = {
    "max_aj_tasks": "max_array_tasks",
    "max_aj_instances": "max_array_instances",
    "finished_jobs": "finished_jobs",
}
"""Numbers of sge_conf(5) and their settings."""

UNHELD = ("prolog", "epilog", "jsv_url", "load_sensor", "max_u_jobs", "max_jobs", "administrator_mail")
"""Lines of sge_conf(5) that matter to somebody, and have no setting."""


@record
class Site:
    """The settings, the queues and environments, and what could not be carried over."""

    values: tuple[tuple[str, object], ...]
    queues: tuple[tuple[tuple[str, object], ...], ...]
    environments: tuple[tuple[tuple[str, object], ...], ...]
    notes: tuple[str, ...]


class Dump:
    """The files of a folder, wherever in it they are."""

    def __init__(self, directory: str) -> None:
        if not os.path.isdir(directory):
            raise SettingsError(f"{directory}: no such directory")
        self.directory = directory

    def text(self, *names: str) -> str:
        """Return the first of these files that is there, "" if none is.

        Raises:
            SettingsError: it cannot be read, is not a plain file or is no text.
        """
        for name in names:
            for place in PLACES:
                path = os.path.join(self.directory, place, name)
                if os.path.lexists(path) and not os.path.isdir(path):
                    return _read(path)
        return ""

    def each(self, *folders: str) -> dict[str, str]:
        """Return name and text of each file of the first of these folders that is there."""
        for folder in folders:
            for place in PLACES:
                path = os.path.join(self.directory, place, folder)
                if not os.path.isdir(path):
                    continue
                try:
                    names = sorted(name for name in os.listdir(path) if not name.startswith("."))
                except OSError as error:
                    raise SettingsError(f"{path}: {error.strerror}") from error
                if len(names) > MOST:
                    raise SettingsError(f"{path}: more than {MOST} files")
                return {_shown(name): _read(os.path.join(path, name)) for name in names}
        return {}


def _read(path: str) -> str:
    try:
        # A pipe or a device of that name must not hold us up.
        if not os.path.isfile(path):
            raise SettingsError(f"{path}: not a plain file")
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    if len(data) > LARGEST:
        raise SettingsError(f"{path}: larger than {LARGEST} bytes")
    if b"\0" in data:
        raise SettingsError(f"{path}: not a text")
    return data.decode("utf-8", "replace")


def _shown(text: str) -> str:
    """A text that cannot break a line, nor TOML."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def fields(text: str) -> dict[str, str]:
    """Return the `name value` lines of one thing; a backslash at the end carries on a line."""
    found: dict[str, str] = {}
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").split("\n"):
        words = line.split(None, 1)
        if words and not words[0].startswith("#"):
            found.setdefault(_shown(words[0]), _shown(" ".join(words[1:]).strip()))
    return found


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
    made = [_queue(name, of, notes) for name, of in queues.items()]
    made.sort(key=lambda queue: str(dict(queue)["name"]))
    names = [str(dict(queue)["name"]) for queue in made]
    if names:
        first = min(names, key=lambda name: (_number(queues.get(name, {}).get("seq_no", "0")) or 0, name))
        for setting, usual in (("default_queue", "task"), ("continuous_queue", "continuous")):
            values.append((setting, usual if usual in names else first))
    return Site(
        values=tuple(values),
        queues=tuple(made),
        environments=tuple(_environment(name, of, notes) for name, of in environments.items()),
        notes=tuple(notes),
    )


def _number(text: str) -> int | None:
    """The number at the beginning of `4,[@big=8]`; None if there is none."""
    text = text.split(",")[0].strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _queue(name: str, found: Mapping[str, str], notes: list[str]) -> tuple[tuple[str, object], ...]:
    """The lines of one [[queue]]."""
    where = f"queue {name}"
    values: list[tuple[str, object]] = [("name", name)]
    for field in HELD & found.keys():
        if ",[" in found[field]:
            notes.append(f"{where}: {field} {found[field]}: one value for all hosts: the first is taken")
    slots = _number(found.get("slots", ""))
    if slots is None and "slots" in found:
        notes.append(f"{where}: slots '{found['slots']}' is not a number")
    if slots is not None:
        values.append(("slots", slots))
    values.append(("rerun", found.get("rerun", "").split(",")[0].upper() == "TRUE"))
    notify = found.get("notify", "").split(",")[0]
    if notify:
        seconds = units.time_seconds(notify)
        if isinstance(seconds, int) and 0 <= seconds < 10**6:
            values.append(("notify_s", seconds))
        else:
            notes.append(f"{where}: notify '{notify}' is not a time")
    if found.get("shell"):
        values.append(("shell", found["shell"].split(",")[0]))
    mode = found.get("shell_start_mode", "").split(",")[0]
    if mode in START_MODES:
        values.append(("shell_start_mode", mode))
    elif mode:
        notes.append(f"{where}: shell_start_mode '{mode}' is not a start mode")
    limits = {field: found[field].split(",")[0] for field in LIMITS if field in found}
    limits = {field: text for field, text in limits.items() if text and text.upper() != "INFINITY"}
    if limits:
        values.append(("limits", limits))
    for field, text in found.items():
        if field not in HELD and text not in ("", "NONE", USUAL.get(field)):
            notes.append(f"{where}: {field} {text}: {WHY.get(field, 'there is no setting for it')}")
    return tuple(values)


def _environment(name: str, found: Mapping[str, str], notes: list[str]) -> tuple[tuple[str, object], ...]:
    """The lines of one [[parallel_environment]]."""
    values: list[tuple[str, object]] = [("name", name)]
    slots = _number(found.get("slots", ""))
    if slots is not None:
        values.append(("slots", slots))
    elif "slots" in found:
        notes.append(f"parallel environment {name}: slots '{found['slots']}' is not a number")
    if found.get("allocation_rule"):
        values.append(("allocation_rule", found["allocation_rule"]))
    for field in ("user_lists", "xuser_lists", "start_proc_args", "stop_proc_args"):
        if found.get(field, "NONE") not in ("NONE", "none", ""):
            notes.append(f"parallel environment {name}: {field} {found[field]}: there is no setting for it")
    return tuple(values)


def _globals(dump: Dump, configuration: Mapping[str, str], notes: list[str]) -> list[tuple[str, object]]:
    """What is not of a queue."""
    values: list[tuple[str, object]] = []
    for setting, folder in (
        ("projects", "projects"),
        ("calendars", "calendars"),
        ("checkpoints", "ckpt"),
        ("host_groups", "hostgroups"),
    ):
        names = list(dump.each(folder))
        if names:
            values.append((setting, names))
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
    for field in UNHELD:
        text = configuration.get(field, "")
        if text.lower() not in ("", "none", "0"):
            notes.append(f"global configuration: {field} {text}: there is no setting for it")
    _complexes(dump, values, notes)
    for folders, what in (
        (("resource_quotas",), "resource quota set"),
        (("execution", "exec_hosts"), "execution host"),
    ):
        for name in dump.each(*folders):
            if name not in ("global", "template"):
                notes.append(f"{what} {name}: there is no setting for it")
    for name in dump.each("usersets"):
        if name not in ("arusers", "deadlineusers", "defaultdepartment"):
            notes.append(f"user list {name}: who may submit where is a matter of accounts")
    if dump.text("sharetree").strip():
        notes.append("share tree: jobs are started in the order of priority and submission")
    if any(line.strip() and not line.startswith("#") for line in dump.text("sge_request").split("\n")):
        notes.append("sge_request: keep the file; it is read from $SGE_ROOT/$SGE_CELL/common")
    return values


def _complexes(dump: Dump, values: list[tuple[str, object]], notes: list[str]) -> None:
    """The default of h_vmem; a complex of the site's own is told."""
    from gridcompat import complexes

    for line in dump.text("centry", "complexes").split("\n"):
        words = _shown(line).split()
        if len(words) != 8 or words[0].startswith("#"):
            continue
        if words[0] == "h_vmem" and units.memory_bytes(words[6]):
            values.append(("h_vmem_default", words[6]))
        elif complexes.find(words[0]) is None:
            notes.append(f"complex {words[0]}: there is no setting for it")

"""qconf's text: what a grid's administration would show of the settings.

Only facts of the site are filled in; the rest has the values of a default grid, which is how
gridcompat behaves.  Source: queue_conf(5), sge_pe(5), sge_conf(5), sched_conf(5), complex(5), host_conf(5).
"""

from __future__ import annotations

from gridcompat.output.hosts import offers
from gridcompat.settings import places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.complexes import Complex
    from gridcompat.output.hosts import Host
    from gridcompat.settings import ParallelEnvironment, Queue, Settings
    from gridcompat.settings.site import Calendar, Checkpoint, HostConfiguration, Project, ResourceQuota

USER_LISTS = ("arusers", "deadlineusers", "defaultdepartment")


def table(rows: Sequence[tuple[str, object]], width: int) -> str:
    """Return `key value` lines, keys padded to a width."""
    return "".join(f"{key:<{width}}{value}\n" for key, value in rows)


LIMITS = (
    "s_rt",
    "h_rt",
    "s_cpu",
    "h_cpu",
    "s_fsize",
    "h_fsize",
    "s_data",
    "h_data",
    "s_stack",
    "h_stack",
    "s_core",
    "h_core",
    "s_rss",
    "h_rss",
    "s_vmem",
    "h_vmem",
)


def _listed(names: Sequence[str], between: str = " ") -> str:
    return between.join(names) or "NONE"


def _paired(values: Sequence[tuple[str, str]], between: str = ",") -> str:
    return between.join(f"{name}={value}" for name, value in values) or "NONE"


def queue(found: Queue, settings: Settings, host: str = "") -> str:
    """Return a cluster queue, or its instance on a host."""
    if host:
        found = places.on_host(found, host, settings)
    limits, shown = dict(found.limits), dict(found.shown)
    minutes, seconds = divmod(found.notify_s, 60)
    # A minute is written as the grid's own template has it.
    notify = f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    rows: list[tuple[str, object]] = [
        ("qname", found.name),
        ("hostname", host) if host else ("hostlist", _listed(found.hostlist or settings.host_groups)),
        ("seq_no", found.seq_no),
        ("load_thresholds", "NONE"),
        ("suspend_thresholds", "NONE"),
        ("nsuspend", 1),
        ("suspend_interval", "00:05:00"),
        ("priority", 0),
        ("min_cpu_interval", "00:05:00"),
        ("processors", "UNDEFINED"),
        ("qtype", f"{found.qtype} " if host else found.qtype),
        ("ckpt_list", _listed(places.checkpoints_of(found, settings))),
        ("pe_list", _listed(places.environments_of(found, settings))),
        ("rerun", "TRUE" if found.rerun else "FALSE"),
        ("slots", found.slots),
        ("tmpdir", "/tmp"),
        ("shell", found.shell),
        ("prolog", "NONE"),
        ("epilog", "NONE"),
        ("shell_start_mode", found.shell_start_mode),
        ("starter_method", "NONE"),
        ("suspend_method", "NONE"),
        ("resume_method", "NONE"),
        ("terminate_method", "NONE"),
        ("notify", "00:00:60" if found.notify_s == 60 else notify),
        ("owner_list", "NONE"),
        ("user_lists", _listed(found.user_lists)),
        ("xuser_lists", _listed(found.xuser_lists)),
        ("subordinate_list", "NONE"),
        ("complex_values", _paired(found.complex_values, " " if host else ",")),
        ("projects", _listed(found.projects)),
        ("xprojects", _listed(found.xprojects)),
        ("calendar", found.calendar or "NONE"),
        ("initial_state", "default"),
        *((name, limits.get(name, "INFINITY")) for name in LIMITS),
    ]
    if host and "subordinate_list" in shown:
        # An instance shows what an entry leaves out: threshold=order=action=...
        entries = shown["subordinate_list"].replace(",", " ").split()
        shown["subordinate_list"] = " ".join(one + "=0" * (4 - one.count("=")) for one in entries)
    rows = [(name, shown.get(name, value)) for name, value in rows]
    if not host:
        rows = [(name, _with_hosts(name, str(value), found)) for name, value in rows]
    return table(rows, 22)


def _with_hosts(name: str, value: str, found: Queue) -> str:
    """A value and what it is on some hosts: `4,[@big=8]`."""
    others = [(place, text) for place, fields in found.per_host for field, text in fields if field == name]
    return wrapped([value, *(f"[{place}={text}]" for place, text in others)], 22, ",") if others else value


def parallel_environment(found: ParallelEnvironment) -> str:
    """Return a parallel environment."""
    rows: list[tuple[str, object]] = [
        ("pe_name", found.name),
        ("slots", found.slots),
        ("user_lists", _listed(found.user_lists)),
        ("xuser_lists", _listed(found.xuser_lists)),
        ("start_proc_args", found.start_proc_args),
        ("stop_proc_args", found.stop_proc_args),
        ("allocation_rule", found.allocation_rule),
        ("control_slaves", "TRUE" if found.control_slaves else "FALSE"),
        ("job_is_first_task", "TRUE" if found.job_is_first_task else "FALSE"),
        ("urgency_slots", found.urgency_slots),
        ("accounting_summary", "TRUE" if found.accounting_summary else "FALSE"),
        ("qsort_args", found.qsort_args),
    ]
    return table(rows, 19)


def host_group(name: str, hosts: Sequence[str]) -> str:
    """Return a host group."""
    lines, current = [], "hostlist"
    for host in hosts or ("NONE",):
        if len(current) + len(host) + 3 > 80 and current.strip():
            lines.append(current)
            current = " " * 8
        current += f" {host}"
    return f"group_name {name}\n" + " \\\n".join([*lines, current]) + "\n"


def group_tree(name: str, settings: Settings, hosts: Sequence[str], depth: int = 0) -> str:
    """Return a host group with its groups and hosts below it, three blanks further in each time."""
    details = next((one for one in settings.host_group_details if one.name == name), None)
    inside = hosts if details is None else details.hostlist
    lines = [f"{'   ' * depth}{name}\n"]
    for entry in inside if depth < 20 else ():
        if entry[:1] == "@":
            lines.append(group_tree(entry, settings, hosts, depth + 1))
        else:
            lines.append(f"{'   ' * (depth + 1)}{entry}\n")
    return "".join(lines)


def exec_host(name: str, host: Host | None, settings: Settings) -> str:
    """Return an execution host, or the pseudo host `global`, of which nothing is measured."""
    own = places.host(name, settings)
    values = complexes = "NONE"
    if host is not None:
        release = f",release={settings.releases[0]}" if settings.releases else ""
        complexes = f"h_vmem={settings.h_vmem_capacity}{release}"
        found = load_values(host, settings)
        values = wrapped(found, 22) if found and not host.unknown else "NONE"
    if own is not None:
        complexes = wrapped([f"{key}={value}" for key, value in own.complex_values] or ["NONE"], 22)
    rows: list[tuple[str, object]] = [
        ("hostname", name),
        ("load_scaling", own.load_scaling if own else "NONE"),
        ("complex_values", complexes),
        ("load_values", values),
        ("processors", (host.cpus if host else None) or (own.processors if own else 0)),
        ("user_lists", _listed(own.user_lists if own else ())),
        ("xuser_lists", _listed(own.xuser_lists if own else ())),
        ("projects", _listed(own.projects if own else ())),
        ("xprojects", _listed(own.xprojects if own else ())),
        ("usage_scaling", own.usage_scaling if own else "NONE"),
        ("report_variables", own.report_variables if own else "NONE"),
    ]
    return table(rows, 22)


WHOLE = frozenset(("num_proc", "m_socket", "m_core", "m_thread"))


def load_values(host: Host, settings: Settings) -> list[str]:
    """Return what a host reports, as `qconf -se` writes it."""
    return [
        f"{name}={value.split('.')[0] if name in WHOLE else value}"
        for where, name, value in offers(host, settings, exact=True)
        if where == "hl"
    ]


def wrapped(values: Sequence[str], indent: int, between: str = ",") -> str:
    """Return a list with commas, in lines of up to 80 columns that end with a backslash."""
    lines, current = [], ""
    for value in values:
        longer = f"{current}{between}{value}" if current else value
        if current and indent + len(longer) + 3 > 80:
            lines.append(current)
            current = value
        else:
            current = longer
    lines.append(current)
    return (f"{between} \\\n" + " " * indent).join(lines)


def user_list(name: str, settings: Settings) -> str:
    """Return an access list; nobody is in those that every grid has, unless the settings say so."""
    kind = "DEPT" if name == "defaultdepartment" else "ACL"
    found = next((one for one in settings.user_lists if one.name == name), None)
    if found is None:
        return f"name    {name}\ntype    {kind}\nfshare  0\noticket 0\nentries NONE\n"
    rows: list[tuple[str, object]] = [
        ("name", name),
        ("type", found.type),
        ("fshare", found.fshare),
        ("oticket", found.oticket),
        ("entries", wrapped(found.entries or ("NONE",), 8)),
    ]
    return table(rows, 8)


def project(found: Project) -> str:
    """Return a project."""
    return (
        f"name {found.name}\noticket {found.oticket}\nfshare {found.fshare}\n"
        f"acl {_listed(found.acl)}\nxacl {_listed(found.xacl)}\n"
    )


def calendar(found: Calendar) -> str:
    """Return a calendar."""
    return table((("calendar_name", found.name), ("year", found.year), ("week", found.week)), 17)


def checkpoint(found: Checkpoint) -> str:
    """Return a checkpointing interface."""
    rows = [("ckpt_name" if key == "name" else key, value) for key, value in vars(found).items()]
    order = ["ckpt_name", "interface", "ckpt_command", "migr_command", "restart_command", "clean_command",
             "ckpt_dir", "signal", "when"]  # fmt: skip
    return table(sorted(rows, key=lambda row: order.index(row[0])), 19)


def resource_quota(found: ResourceQuota) -> str:
    """Return a resource quota set; a rule that is too long goes on behind a backslash."""
    description = found.description
    if description != "NONE" and not description.startswith('"'):
        description = f'"{description}"'
    rows: list[tuple[str, object]] = [
        ("name", found.name),
        ("description", description),
        ("enabled", "TRUE" if found.enabled else "FALSE"),
    ]
    lines = [f"   {key:<13}{value}\n" for key, value in rows]
    for rule in found.rules:
        line, words = f"   {'limit':<12}", list[str]()
        for word in rule.split():
            if words and len(line) + len(word) + 3 > 80:
                lines.append(line + " \\\n")
                line, words = "  ", []
            line += f" {word}"
            words.append(word)
        lines.append(line + "\n")
    return "{\n" + "".join(lines) + "}\n"


def complexes(every: Sequence[Complex]) -> str:
    """Return the complexes with their header; four columns are as wide as their longest value."""
    rows = [
        (
            one.name,
            one.shortcut,
            one.type,
            one.relop,
            "FORCED" if one.forced else "YES" if one.requestable else "NO",
            "JOB" if one.per_job else "YES" if one.consumable else "NO",
            one.default,
            one.urgency,
        )
        for one in every
    ]
    titles = ("#name", "shortcut", "type", "relop", "requestable", "consumable", "default", "urgency ")
    widths = [len(title) + 1 for title in titles]
    for column in (0, 1, 2, 6):
        longest = max((len(row[column]) for row in rows), default=0)
        widths[column] = max(widths[column], longest + 4)
    form = "".join(f"{{:<{width}}}" for width in widths[:-1]) + "{}\n"
    title = form.format(*titles)
    end = "# >#< starts a comment but comments are not saved across edits --------\n"
    return title + "#" + "-" * (len(title) - 2) + "\n" + "".join(form.format(*row) for row in rows) + end


def scheduler(settings: Settings) -> str:
    """Return the scheduler's configuration: that of a default grid whose priorities weigh alike."""
    return table(_replaced(SCHEDULER, settings.scheduler), 34)


def _replaced(rows: Sequence[tuple[str, object]], own: Sequence[tuple[str, str]]) -> list[tuple[str, object]]:
    """The rows with the site's own values; what is not among them stands below."""
    values = dict(own)
    found: list[tuple[str, object]] = [(name, values.pop(name, value)) for name, value in rows]
    return [*found, *values.items()]


SCHEDULER: tuple[tuple[str, object], ...] = (
    ("algorithm", "default"),
    ("schedule_interval", "0:0:1"),
    ("maxujobs", 0),
    ("queue_sort_method", "load"),
    ("job_load_adjustments", "np_load_avg=0.50"),
    ("load_adjustment_decay_time", "0:7:30"),
    ("load_formula", "np_load_avg"),
    ("schedd_job_info", "true"),
    ("flush_submit_sec", 0),
    ("flush_finish_sec", 0),
    ("params", "none"),
    ("reprioritize_interval", "0:0:0"),
    ("halftime", 168),
    ("usage_weight_list", "cpu=1.000000,mem=0.000000,io=0.000000"),
    ("compensation_factor", "5.000000"),
    ("weight_user", "0.250000"),
    ("weight_project", "0.250000"),
    ("weight_department", "0.250000"),
    ("weight_job", "0.250000"),
    ("weight_tickets_functional", 0),
    ("weight_tickets_share", 0),
    ("share_override_tickets", "TRUE"),
    ("share_functional_shares", "TRUE"),
    ("max_functional_jobs_to_schedule", 200),
    ("report_pjob_tickets", "TRUE"),
    ("max_pending_tasks_per_job", 50),
    ("halflife_decay_list", "none"),
    ("policy_hierarchy", "OFS"),
    ("weight_ticket", "1.000000"),
    ("weight_waiting_time", "0.000000"),
    ("weight_deadline", "3600000.000000"),
    ("weight_urgency", "1.000000"),
    ("weight_priority", "1.000000"),
    ("max_reservation", 0),
    ("default_duration", "INFINITY"),
)


def rows(settings: Settings) -> list[tuple[str, object]]:
    """Return the lines of the global configuration that come from settings of their own or are as usual."""
    minutes, seconds = divmod(settings.reschedule_unknown_s, 60)
    return [
        ("execd_spool_dir", "none"),
        ("mailer", settings.sendmail),
        ("xterm", "none"),
        ("load_sensor", "none"),
        ("prolog", "none"),
        ("epilog", "none"),
        ("shell_start_mode", "unix_behavior"),
        ("login_shells", "sh,bash,ksh,csh,tcsh"),
        ("min_uid", 0),
        ("min_gid", 0),
        ("user_lists", "none"),
        ("xuser_lists", "none"),
        ("projects", "none"),
        ("xprojects", "none"),
        ("enforce_project", "false"),
        ("enforce_user", "auto"),
        ("load_report_time", "00:00:40"),
        ("max_unheard", "00:05:00"),
        ("reschedule_unknown", f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"),
        ("loglevel", "log_warning"),
        ("administrator_mail", "none"),
        ("set_token_cmd", "none"),
        ("pag_cmd", "none"),
        ("token_extend_time", "none"),
        ("shepherd_cmd", "none"),
        ("qmaster_params", "none"),
        ("execd_params", "none"),
        (
            "reporting_params",
            "accounting=true reporting=false flush_time=00:00:15 joblog=false sharelog=00:00:00",
        ),
        ("finished_jobs", settings.finished_jobs),
        ("gid_range", "none"),
        ("qlogin_command", "builtin"),
        ("qlogin_daemon", "builtin"),
        ("rlogin_command", "builtin"),
        ("rlogin_daemon", "builtin"),
        ("rsh_command", "builtin"),
        ("rsh_daemon", "builtin"),
        ("max_aj_instances", settings.max_array_instances),
        ("max_aj_tasks", settings.max_array_tasks),
        ("max_u_jobs", 0),
        ("max_jobs", 0),
        ("auto_user_oticket", 0),
        ("auto_user_fshare", 0),
        ("auto_user_default_project", "none"),
        ("auto_user_delete_time", 86400),
        ("delegated_file_staging", "false"),
        ("reprioritize", 0),
        ("jsv_url", "none"),
        ("jsv_allowed_mod", "ac,h,i,e,o,j,M,N,p,w"),
    ]


def configuration(settings: Settings) -> str:
    """Return the global configuration."""
    found = _replaced(rows(settings), settings.configuration)
    return "#global:\n" + table(_continued(found), 29) + "\n"


def _continued(rows: Sequence[tuple[str, object]]) -> list[tuple[str, object]]:
    """Long values in lines of up to 80 columns."""
    return [(name, _folded(str(value), 29)) for name, value in rows]


def _folded(text: str, indent: int) -> str:
    """A text with blanks, in lines of up to 80 columns that end with a backslash."""
    lines, current = [], ""
    for word in text.split():
        if current and indent + len(current) + len(word) + 1 >= 80:
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return (" \\\n" + " " * indent).join([*lines, current])


def host_configuration(found: HostConfiguration) -> str:
    """Return a host's own configuration."""
    return f"#{found.name}:\n" + table(found.values, 29) + "\n"


def user(name: str, deleted_at: int) -> str:
    """Return a user as -suser shows one; `deleted_at` in epoch seconds."""
    lines = {"name": name, "oticket": 0, "fshare": 0, "delete_time": deleted_at, "default_project": "NONE"}
    return "".join(f"{field} {value}\n" for field, value in lines.items())

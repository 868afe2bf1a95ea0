"""qconf's text: what a grid's administration would show of the settings.

Only facts of the site are filled in; the rest has the values of a default grid, which is how
gridcompat behaves.  Source: queue_conf(5), sge_pe(5), sge_conf(5), sched_conf(5), complex(5), host_conf(5).
"""

from __future__ import annotations

from gridcompat.output.hosts import offers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.complexes import Complex
    from gridcompat.output.hosts import Host
    from gridcompat.settings import ParallelEnvironment, Queue, Settings

MANAGERS = ("root", "sgeadmin")
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


def queue(found: Queue, settings: Settings, host: str = "") -> str:
    """Return a cluster queue, or its instance on a host."""
    environments = " ".join(environment.name for environment in settings.parallel_environments)
    groups = " ".join(settings.host_groups) or "NONE"
    limits = dict(found.limits)
    minutes, seconds = divmod(found.notify_s, 60)
    rows: list[tuple[str, object]] = [
        ("qname", found.name),
        ("hostname", host) if host else ("hostlist", groups),
        ("seq_no", 0),
        ("load_thresholds", "NONE"),
        ("suspend_thresholds", "NONE"),
        ("nsuspend", 1),
        ("suspend_interval", "00:05:00"),
        ("priority", 0),
        ("min_cpu_interval", "00:05:00"),
        ("processors", "UNDEFINED"),
        ("qtype", "BATCH " if host else "BATCH"),
        ("ckpt_list", " ".join(settings.checkpoints) or "NONE"),
        ("pe_list", environments or "NONE"),
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
        ("notify", f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"),
        ("owner_list", "NONE"),
        ("user_lists", "NONE"),
        ("xuser_lists", "NONE"),
        ("subordinate_list", "NONE"),
        ("complex_values", "NONE"),
        ("projects", "NONE"),
        ("xprojects", "NONE"),
        ("calendar", "NONE"),
        ("initial_state", "default"),
        *((name, limits.get(name, "INFINITY")) for name in LIMITS),
    ]
    return table(rows, 22)


def parallel_environment(found: ParallelEnvironment) -> str:
    """Return a parallel environment."""
    rows: list[tuple[str, object]] = [
        ("pe_name", found.name),
        ("slots", found.slots),
        ("user_lists", "NONE"),
        ("xuser_lists", "NONE"),
        ("start_proc_args", "NONE"),
        ("stop_proc_args", "NONE"),
        ("allocation_rule", found.allocation_rule),
        ("control_slaves", "FALSE"),
        ("job_is_first_task", "TRUE"),
        ("urgency_slots", "min"),
        ("accounting_summary", "FALSE"),
        ("qsort_args", "NONE"),
    ]
    return table(rows, 19)


def host_group(name: str, hosts: Sequence[str]) -> str:
    """Return a host group."""
    return f"group_name {name}\nhostlist {' '.join(hosts) or 'NONE'}\n"


def exec_host(host: Host | None, settings: Settings) -> str:
    """Return an execution host; None is the pseudo host `global`."""
    values = complexes = "NONE"
    if host is not None:
        release = f",release={settings.releases[0]}" if settings.releases else ""
        complexes = f"h_vmem={settings.h_vmem_capacity}{release}"
        found = [f"{name}={value}" for where, name, value in offers(host, settings) if where == "hl"]
        values = wrapped(found, 22)
    rows: list[tuple[str, object]] = [
        ("hostname", "global" if host is None else host.name),
        ("load_scaling", "NONE"),
        ("complex_values", complexes),
        ("load_values", values or "NONE"),
        ("processors", 0 if host is None else host.cpus or 0),
        ("user_lists", "NONE"),
        ("xuser_lists", "NONE"),
        ("projects", "NONE"),
        ("xprojects", "NONE"),
        ("usage_scaling", "NONE"),
        ("report_variables", "NONE"),
    ]
    return table(rows, 22)


def wrapped(values: Sequence[str], indent: int) -> str:
    """Return a list with commas, in lines of up to 80 columns that end with a backslash."""
    lines, current = [], ""
    for value in values:
        longer = f"{current},{value}" if current else value
        if current and indent + len(longer) + 3 > 80:
            lines.append(current)
            current = value
        else:
            current = longer
    lines.append(current)
    return (", \\\n" + " " * indent).join(lines)


def user_list(name: str) -> str:
    """Return one of the access lists that every grid has; nobody is in them."""
    kind = "DEPT" if name == "defaultdepartment" else "ACL"
    return f"name    {name}\ntype    {kind}\nfshare  0\noticket 0\nentries NONE\n"


def complexes(every: Sequence[Complex]) -> str:
    """Return the complexes with their header."""
    form = "{:<19} {:<10} {:<9} {:<5} {:<11} {:<10} {:<8} {}\n"
    title = form.format(
        "#name", "shortcut", "type", "relop", "requestable", "consumable", "default", "urgency "
    )
    rows = [
        form.format(
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
    end = "# >#< starts a comment but comments are not saved across edits --------\n"
    return title + "#" + "-" * 86 + "\n" + "".join(rows) + end


def scheduler() -> str:
    """Return the scheduler's configuration: that of a default grid whose priorities weigh alike."""
    rows: list[tuple[str, object]] = [
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
    ]
    return table(rows, 34)


def configuration(settings: Settings) -> str:
    """Return the global configuration."""
    minutes, seconds = divmod(settings.reschedule_unknown_s, 60)
    rows: list[tuple[str, object]] = [
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
            "accounting=true reporting=false \\\n"
            + " " * 29
            + "flush_time=00:00:15 joblog=false sharelog=00:00:00",
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
    return "#global:\n" + table(rows, 29) + "\n"

"""qstat -xml: lists of jobs, queues with their jobs, and the summary of cluster queues.

Must not know which rows were chosen, nor why.

Source: the schema qstat.xsd of Grid Engine, and what a live 8.1.9 writes.
"""

from __future__ import annotations

from gridcompat.output.qstat import URGENCY_OF_A_SLOT, View, normal_priority, prior, ranges_of, shown
from gridcompat.output.queues import STATES
from gridcompat.output.xml import DECLARATION, SCHEMAS, element, escaped
from gridcompat.states import FINISHED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.model import JobRequest
    from gridcompat.output.hosts import Instance, Offer
    from gridcompat.output.queues import Summary
    from gridcompat.settings import Settings
    from gridcompat.translate.rows import Row

ROOT = f'{DECLARATION}<job_info  xmlns:xsd="{SCHEMAS}qstat/qstat.xsd">\n'
END = "</job_info>\n"


def document(queue_info: str, job_info: str) -> str:
    """Return the whole document around the lists of running and of pending jobs."""
    return f"{ROOT}  <queue_info>\n{queue_info}  </queue_info>\n  <job_info>\n{job_info}  </job_info>\n{END}"


_MINUTES: dict[int, str] = {}


def instant(seconds: int) -> str:
    """Return an instant as `YYYY-MM-DDTHH:MM:SS` in local time."""
    import time

    minute, second = divmod(seconds, 60)
    text = _MINUTES.get(minute)
    if text is None:
        try:
            local = time.localtime(minute * 60)
        except (OverflowError, ValueError, OSError):
            local = time.gmtime(0)
        text = _MINUTES[minute] = time.strftime("%Y-%m-%dT%H:%M:", local)
    return f"{text}{second:02d}"


def job_lists(row: Row, view: View, now: float, *, below: str = "", indent: int = 4) -> str:
    """Return the job_list elements of a row: several with MASTER and SLAVE.

    Args:
        below: what -r adds, from `requests`.
        indent: 6 inside a Queue-List, which also stands for the queue's name.
    """
    blank = " " * indent
    state = "running" if row.queue else "zombie" if row.state == FINISHED else "pending"
    before = f'{blank}<job_list state="{state}">\n' + _head(row, view, now, indent + 2)
    after = (element(indent + 2, "tasks", row.tasks) if row.tasks else "") + below + f"{blank}</job_list>\n"
    if not (view.masters or view.subtasks):
        return f"{before}{blank}  <slots>{row.slots}</slots>\n{after}"
    if not row.queue:
        return f"{before}{blank}  <master></master>\n{blank}  <slots>{row.slots}</slots>\n{after}"
    parts = []
    for place in ["MASTER"] + ["SLAVE"] * (row.slots - 1):
        parts.append(f"{before}{blank}  <master>{place}</master>\n{blank}  <slots>1</slots>\n{after}")
    return "".join(parts)


def _head(row: Row, view: View, now: float, indent: int) -> str:
    """The elements before master and slots."""
    b = " " * indent
    value = prior(row, now)
    considered = value > 0
    out = [f"{b}<JB_job_number>{row.job_id}</JB_job_number>\n{b}<JAT_prio>{value:.5f}</JAT_prio>\n"]
    add = out.append
    if view.priorities or view.extended:
        add(f"{b}<JAT_ntix>{0.5 if considered else 0:.5f}</JAT_ntix>\n")
    if view.priorities:
        add(f"{b}<JB_nppri>{normal_priority(row) if considered else 0:.5f}</JB_nppri>\n")
    if view.priorities or view.urgencies:
        add(f"{b}<JB_nurg>0.00000</JB_nurg>\n")
    if view.urgencies:
        urgency = URGENCY_OF_A_SLOT * row.slots if considered else 0
        add(f"{b}<JB_rrcontr>{urgency}</JB_rrcontr>\n{b}<JB_wtcontr>0</JB_wtcontr>\n")
        add(f"{b}<JB_dlcontr>0</JB_dlcontr>\n")
    if view.priorities:
        add(f"{b}<JB_priority>{row.priority}</JB_priority>\n")
    add(f"{b}<JB_name>{escaped(row.name)}</JB_name>\n{b}<JB_owner>{escaped(row.owner)}</JB_owner>\n")
    if view.extended:
        add(f"{b}<JB_project></JB_project>\n{b}<JB_department>defaultdepartment</JB_department>\n")
    add(f"{b}<state>{row.state}</state>\n")
    if view.times:
        name = "JAT_start_time" if row.queue else "JB_submission_time"
        add(f"{b}<{name}>{instant(row.time)}</{name}>\n")
    if view.extended:
        if row.queue and row.slots == 1:
            add("".join(f"{b}<{name}_usage>0.00000</{name}_usage>\n" for name in ("cpu", "mem", "io")))
        if row.state != FINISHED:
            for name in ("tickets", "JB_override_tickets", "JB_jobshare", "otickets", "ftickets", "stickets"):
                add(f"{b}<{name}>0</{name}>\n")
            add(f"{b}<JAT_share>0.00000</JAT_share>\n")
    if not view.full:
        add(f"{b}<queue_name>{escaped(row.queue)}</queue_name>\n")
    return "".join(out)


def requests(
    row: Row, request: JobRequest, settings: Settings, *, view: View, granted: str, binding: bool
) -> str:
    """Return the elements that -r adds to a job_list."""
    indent = 8 if view.full and row.queue else 6
    b = " " * indent
    out = [element(indent, "full_job_name", row.name)]
    if request.parallel_environment:
        name = escaped(request.parallel_environment)
        out.append(f'{b}<requested_pe name="{name}">{ranges_of(request)}</requested_pe>\n')
        if row.queue:
            out.append(f'{b}<granted_pe name="{escaped(granted)}">{row.slots}</granted_pe>\n')
    out += [
        f'{b}<hard_request name="{escaped(name)}" resource_contribution="0.000000">'
        f"{escaped(shown(name, value))}</hard_request>\n"
        for name, value in request.hard_resources
    ]
    if view.defaults and row.queue and not any(name == "h_vmem" for name, _ in request.hard_resources):
        default = settings.h_vmem_default
        out.append(f'{b}<def_hard_request name="h_vmem">{default}</def_hard_request>\n')
    out += [
        f'{b}<soft_request name="{escaped(name)}">{escaped(shown(name, value))}</soft_request>\n'
        for name, value in request.soft_resources
    ]
    for name, values in (
        ("hard_req_queue", request.hard_queues),
        ("soft_req_queue", request.soft_queues),
        ("master_hard_req_queue", request.master_queues),
        ("predecessor_jobs_req", request.predecessors_requested),
        ("predecessor_jobs", request.predecessors),
        ("ad_predecessor_jobs_req", request.array_predecessors_requested),
        ("ad_predecessor_jobs", request.array_predecessors),
    ):
        out += [element(indent, name, value) for value in values]
    if binding:
        out.append(element(indent, "binding", request.binding or "NONE"))
    return "".join(out)


def queue_list(instance: Instance, arch: str, offers: Sequence[Offer], jobs: str) -> str:
    """Return the Queue-List element of a queue instance around its job_lists."""
    load = instance.host.load
    parts = [
        "    <Queue-List>\n",
        element(6, "name", instance.name),
        element(6, "qtype", instance.kinds),
        f"      <slots_used>{instance.used}</slots_used>\n      <slots_resv>0</slots_resv>\n",
        f"      <slots_total>{instance.queue.slots}</slots_total>\n",
        "" if load is None else f"      <load_avg>{load:.5f}</load_avg>\n",
        "" if instance.host.unknown else element(6, "arch", arch),
        element(6, "state", instance.state) if instance.state else "",
    ]
    parts += [
        f'      <resource name="{escaped(name)}" type="{where}">{escaped(value)}</resource>\n'
        for where, name, value in offers
    ]
    return "".join(parts) + jobs + "    </Queue-List>\n"


def summary(queues: Sequence[Summary], *, extended: bool) -> str:
    """Return the document of -g c: for each queue name, load per processor, slots used and in all."""
    parts = [ROOT]
    states = [
        "suspend_manual",
        "suspend_threshold",
        "suspend_on_subordinate",
        "suspend_calendar",
        "unknown",
        "load_alarm",
        "disabled_manual",
        "disabled_calendar",
        "ambiguous",
        "orphaned",
        "error",
    ]
    for one in queues:
        parts.append("  <cluster_queue_summary>\n" + element(4, "name", one.name))
        if one.load is not None:
            parts.append(f"    <load>{one.load:.5f}</load>\n")
        values = [("used", one.used), ("resv", 0), ("available", one.available), ("total", one.total)]
        values += [("temp_disabled", one.disturbed), ("manual_intervention", one.out)]
        if extended:
            values += [(state, one.in_state(letter)) for state, letter in zip(states, STATES, strict=True)]
        parts += [f"    <{key}>{value}</{key}>\n" for key, value in values]
        parts.append("  </cluster_queue_summary>\n")
    return "".join(parts) + END

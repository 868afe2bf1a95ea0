"""qhost's text and XML.

Must not know where hosts and jobs come from.

Source: qhost(1); widths from a live 8.1.9.
"""

from __future__ import annotations

from gridcompat.output.hosts import Host, Instance, count, size
from gridcompat.output.qstat import plain, prior, stamp
from gridcompat.output.xml import DECLARATION, SCHEMAS, escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.output.hosts import Offer
    from gridcompat.translate.rows import Row

GLOBAL = Host(name="global")
"""The pseudo host that stands first; nothing is known of it."""
ROOT = f'{DECLARATION}<qhost xmlns:xsd="{SCHEMAS}qhost/qhost.xsd">\n'
END = "</qhost>\n"


def header(*, topology: bool) -> str:
    """Return the two lines above the hosts."""
    middle = " NSOC NCOR NTHR" if topology else ""
    title = f"{'HOSTNAME':<24}{'ARCH':<13}NCPU{middle}  LOAD  MEMTOT  MEMUSE  SWAPTO  SWAPUS"
    return f"{title}\n{'-' * len(title)}\n"


def _figures(host: Host, arch: str) -> list[tuple[str, str, int]]:
    """(name in the XML, text, width) of the figures of a host, in order."""
    return [
        ("arch_string", "-" if host.name == GLOBAL.name or host.unknown else arch, 0),
        ("num_proc", count(host.cpus), 4),
        ("m_socket", count(host.sockets), 5),
        ("m_core", count(host.cores), 5),
        ("m_thread", count(host.threads), 5),
        ("load_avg", "-" if host.load is None else f"{host.load:.2f}", 6),
        ("mem_total", size(host.memory), 8),
        ("mem_used", size(host.memory_used), 8),
        ("swap_total", size(host.swap), 8),
        ("swap_used", size(host.swap_used), 8),
    ]


TOPOLOGY = frozenset(("m_socket", "m_core", "m_thread"))


def host_line(host: Host, arch: str, *, topology: bool) -> str:
    """Return the line of a host."""
    (_, shown_arch, _), *figures = _figures(host, arch)
    cells = [f"{text:>{width}}" for name, text, width in figures if topology or name not in TOPOLOGY]
    return f"{host.name:<23} {shown_arch:<13.13}{''.join(cells)}\n"


def host_values(host: Host, arch: str, *, topology: bool) -> str:
    """Return the hostvalue elements of a host, with the beginning of the host element."""
    values = [
        f"   <hostvalue name='{name}'>{escaped(text)}</hostvalue>\n"
        for name, text, _ in _figures(host, arch)
        if topology or name not in TOPOLOGY
    ]
    return f" <host name='{escaped(host.name)}'>\n{''.join(values)}"


HOST_END = " </host>\n"


def offer_lines(offers: Sequence[Offer], *, chosen: bool) -> str:
    """Return the resources of a host; those chosen by name have a title."""
    lines = [f"   {where}:{name}={value}\n" for where, name, value in offers]
    if chosen and lines:
        lines[0] = f"    Host Resource(s):   {lines[0]}"
    return "".join(lines)


def offer_values(offers: Sequence[Offer]) -> str:
    """Return the resourcevalue elements of a host."""
    return "".join(
        f"   <resourcevalue name='{name}' dominance='{where}'>{escaped(value)}</resourcevalue>\n"
        for where, name, value in offers
    )


def queue_line(instance: Instance) -> str:
    """Return the line of a queue below its host."""
    slots = f"0/{instance.used}/{instance.queue.slots}"
    return f"   {instance.queue.name:<20} {instance.kinds:<5} {slots:<14}{instance.state}\n"


def queue_values(instance: Instance) -> str:
    """Return the queue element."""
    name = escaped(instance.queue.name)
    values = (
        ("qtype_string", instance.kinds),
        ("slots_used", str(instance.used)),
        ("slots", str(instance.queue.slots)),
        ("slots_resv", "0"),
        ("state_string", instance.state),
    )
    inside = "".join(
        f"   <queuevalue qname='{name}' name='{key}'>{value}</queuevalue>\n" for key, value in values
    )
    return f" <queue name='{name}'>\n{inside} </queue>\n"


JOB_HEADER = (
    "   job-ID  prior   name       user         state submit/start at     queue      master ja-task-ID \n"
    f"   {'-' * 94}\n"
)


def job_lines(row: Row, now: float, *, with_queue: bool) -> str:
    """Return the lines of a running task: MASTER, and SLAVE for each further slot."""
    head = (
        f"   {row.job_id:>7} {prior(row, now):7.5f} {plain(row.name):<10.10} {plain(row.owner):<12.12} "
        f"{row.state:<5.5} {stamp(row.time)} "
    )
    queue = f"{row.queue:<10.10} " if with_queue else ""
    tail = row.tasks or "       "
    return f"{head}{queue}MASTER {tail}\n" + f"{'':{len(head)}}{queue}SLAVE  {tail}\n" * (row.slots - 1)


def job_values(row: Row, now: float, *, with_queue: bool) -> str:
    """Return the job elements of a running task."""
    number = row.job_id
    values = [
        ("priority", f"'{prior(row, now):.6f}'"),
        ("qinstance_name", escaped(row.queue)),
        ("job_name", escaped(row.name)),
        ("job_owner", escaped(row.owner)),
        ("job_state", row.state),
        ("start_time", str(row.time)),
    ]
    if with_queue:
        values.append(("queue_name", escaped(row.queue)))
    parts = []
    for place in ["MASTER"] + ["SLAVE"] * (row.slots - 1):
        own = [*values, ("pe_master", place), *([("taskid", row.tasks)] if row.tasks else [])]
        inside = "".join(
            f"   <jobvalue jobid='{number}' name='{key}'>{value}</jobvalue>\n" for key, value in own
        )
        parts.append(f" <job name='{number}'>\n{inside} </job>\n")
    return "".join(parts)

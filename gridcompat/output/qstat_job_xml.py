"""qstat -j -xml: the job as Grid Engine's own list elements.

Must not know where a job comes from.

Source: the schemas detailed_job_info.xsd and message.xsd, and what a live 8.1.9 writes.
"""

from __future__ import annotations

from gridcompat.output.qstat import shown
from gridcompat.output.qstat_job import Detail, Waiting, arguments, exported, mails, reason_text
from gridcompat.output.xml import DECLARATION, SCHEMAS, element, escaped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.model import HostPath, Resource

MAIL_BITS = {"b": 524288, "e": 1048576, "a": 262144, "s": 4194304}
RESTART = {"": 0, "y": 1, "n": 2}
BINARY, NO_SHELL, ARRAY = 64, 256, 128
"""Bits of JB_type."""
RUNS, HANDED_OVER = 128, 512
"""JAT_status of a task in state r and in state t. Source: what a live 8.1.9 writes."""
MEMORY_SUFFIX = {"": 1, "k": 1000, "K": 1 << 10, "m": 10**6, "M": 1 << 20, "g": 10**9, "G": 1 << 30}
KIND_STRING, KIND_TIME, KIND_MEMORY = 9, 3, 4
"""CE_valtype. Source: complex(5), type."""
TIMES = frozenset(("h_rt", "s_rt", "h_cpu", "s_cpu"))


def document(details: Sequence[Detail]) -> str:
    """Return the document of jobs and of why they wait."""
    jobs = "".join(_job(detail) for detail in details)
    groups: dict[tuple[int, str], list[int]] = {}
    for detail in details:
        for waiting in detail.waiting:
            groups.setdefault((waiting.number, waiting.text), []).append(detail.number)
    messages = [(number, text, numbers) for (number, text), numbers in sorted(groups.items())]
    return (
        f'{DECLARATION}<detailed_job_info  xmlns:xsd="{SCHEMAS}qstat/detailed_job_info.xsd">\n'
        f"  <djob_info>\n{jobs}  </djob_info>\n"
        f"  <messages>\n    <element>\n{_messages(messages, 6)}    </element>\n  </messages>\n"
        "</detailed_job_info>\n"
    )


def reasons(groups: Sequence[tuple[Waiting, Sequence[int]]]) -> str:
    """Return the document of -j without an argument."""
    messages = [(waiting.number, waiting.title, numbers) for waiting, numbers in groups]
    return (
        f'{DECLARATION}<message  xmlns:xsd="{SCHEMAS}qstat/message.xsd">\n'
        f"  <element>\n{_messages(messages, 4)}  </element>\n</message>\n"
    )


def _messages(messages: Sequence[tuple[int, str, Sequence[int]]], indent: int) -> str:
    if not messages:
        return ""
    b = " " * indent
    out = [f"{b}<SME_message_list>\n"]
    for number, text, jobs in messages:
        out.append(f"{b}  <element>\n{b}    <MES_job_number_list>\n")
        out += [_nested(indent + 6, "ulong_sublist", element(indent + 8, "ULNG_value", job)) for job in jobs]
        out.append(
            f"{b}    </MES_job_number_list>\n{b}    <MES_message_number>{number}</MES_message_number>\n"
        )
        out.append(element(indent + 4, "MES_message", text) + f"{b}  </element>\n")
    out.append(f"{b}</SME_message_list>\n")
    return "".join(out)


def _nested(indent: int, name: str, inside: str) -> str:
    """An element around others; nothing without any."""
    blank = " " * indent
    return f"{blank}<{name}>\n{inside}{blank}</{name}>\n" if inside else ""


def _job(detail: Detail) -> str:
    request = detail.request
    parts = [
        _identity(detail),
        _paths("JB_stdout_path_list", request.stdout_paths),
        element(6, "JB_jobshare", request.job_share),
        _resources("JB_hard_resource_list", request.hard_resources),
        _resources("JB_soft_resource_list", request.soft_resources),
        _queues("JB_hard_queue_list", request.hard_queues),
        _queues("JB_soft_queue_list", request.soft_queues),
        _paths("JB_shell_list", request.shell_paths),
        _nested(6, "JB_env_list", "".join(_variable(name, value) for name, value in _environment(detail))),
        _nested(
            6,
            "JB_job_args",
            "".join(_nested(8, "element", element(10, "ST_name", word)) for word in arguments(request)),
        ),
        element(6, "JB_script_file", request.script_file),
        _tasks(detail),
        _nested(
            6,
            "JB_context",
            "".join(
                _nested(
                    8,
                    "context_list",
                    element(10, "VA_variable", name) + (element(10, "VA_value", value) if value else ""),
                )
                for name, value in request.context
            ),
        ),
        "" if request.cwd is None else element(6, "JB_cwd", request.cwd),
        _paths("JB_stderr_path_list", request.stderr_paths),
        _numbers("JB_jid_predecessor_list", "job_predecessors", detail.predecessors),
        _numbers("JB_jid_successor_list", "ulong_sublist", detail.successors),
        _numbers("JB_ja_ad_predecessor_list", "job_predecessors_ad", detail.array_predecessors),
        _numbers("JB_ja_ad_successor_list", "ulong_sublist", detail.array_successors),
        _requested("JB_jid_request_list", request.predecessors_requested),
        _requested("JB_ja_ad_request_list", request.array_predecessors_requested),
        _policy(detail),
    ]
    return _nested(4, "element", "".join(parts))


def _identity(detail: Detail) -> str:
    request = detail.request
    explicit = "mail_list" if request.mail_list else "element"
    addresses = []
    for address in mails(detail):
        user, _, host = address.partition("@")
        addresses.append(_nested(8, explicit, element(10, "MR_user", user) + element(10, "MR_host", host)))
    values = (
        ("JB_job_number", detail.number),
        ("JB_ar", 0),
        ("JB_exec_file", f"job_scripts/{detail.number}"),
        ("JB_submission_time", detail.submitted),
        ("JB_owner", detail.owner),
        ("JB_uid", detail.uid),
        ("JB_group", detail.group),
        ("JB_gid", detail.gid),
        ("JB_account", request.account),
        ("JB_merge_stderr", _truth(request.merge)),
    )
    return (
        "".join(element(6, name, value) for name, value in values)
        + _nested(6, "JB_mail_list", "".join(addresses))
        + (element(6, "JB_project", request.project) if request.project else "")
        + element(6, "JB_notify", _truth(request.notify))
        + element(6, "JB_job_name", detail.name)
    )


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _paths(name: str, values: Sequence[HostPath]) -> str:
    return _nested(
        6,
        name,
        "".join(
            _nested(
                8,
                "path_list",
                element(10, "PN_path", path)
                + element(10, "PN_host", host)
                + "          <PN_file_host></PN_file_host>\n"
                + "          <PN_file_staging>false</PN_file_staging>\n",
            )
            for host, path in values
        ),
    )


def _resources(name: str, values: Sequence[Resource]) -> str:
    out = []
    for resource, value in values:
        kind, number = _value(resource, shown(resource, value))
        fields = (
            ("CE_name", resource),
            ("CE_valtype", kind),
            ("CE_stringval", shown(resource, value)),
            ("CE_doubleval", f"{number:.6f}"),
            ("CE_relop", 0),
            ("CE_consumable", int(resource == "h_vmem")),
            ("CE_dominant", 0),
            ("CE_pj_doubleval", "0.000000"),
            ("CE_pj_dominant", 0),
            ("CE_requestable", 0),
            ("CE_tagged", 0),
        )
        inside = "".join(element(10, field, text) for field, text in fields)
        out.append(_nested(8, "qstat_l_requests", inside))
    return _nested(6, name, "".join(out))


def _value(name: str, value: str) -> tuple[int, float]:
    """CE_valtype and CE_doubleval of a requested value."""
    digits = value.rstrip("kKmMgG")
    try:
        number = float(digits) * MEMORY_SUFFIX[value[len(digits) :]]
    except (ValueError, KeyError):
        return (KIND_TIME if name in TIMES else KIND_STRING), 0.0
    if number != number or number in (float("inf"), float("-inf")):
        return KIND_STRING, 0.0
    if name in TIMES:
        return KIND_TIME, number
    return (KIND_MEMORY if name.endswith(MEMORIES) else KIND_STRING), number


MEMORIES = ("vmem", "rss", "stack", "data", "fsize", "core", "_free", "_total", "_used")
"""Endings of the names of memory values."""


def _queues(name: str, values: Sequence[str]) -> str:
    return _nested(
        6, name, "".join(_nested(8, "destin_ident_list", element(10, "QR_name", value)) for value in values)
    )


def _environment(detail: Detail) -> list[tuple[str, str | None]]:
    """The variables of the submitting shell, then TERM and the exported ones."""
    submit = detail.request.submit
    prefix = "__SGE_PREFIX__O_"
    first = [
        ("HOME", submit.home),
        ("LOGNAME", submit.log_name),
        ("PATH", submit.path),
        ("SHELL", submit.shell),
        ("MAIL", submit.mail),
        ("TZ", submit.tz),
    ]
    last = [("HOST", submit.host), ("WORKDIR", submit.workdir)]
    term, *others = exported(detail)
    return [
        *((prefix + name, value) for name, value in first if value),
        term,
        *((prefix + name, value) for name, value in last if value),
        *others,
    ]


def _variable(name: str, value: str | None) -> str:
    inside = element(10, "VA_variable", name) + (element(10, "VA_value", value) if value else "")
    return _nested(8, "job_sublist", inside)


def _numbers(name: str, inside: str, values: Sequence[int]) -> str:
    return _nested(
        6, name, "".join(_nested(8, inside, element(10, "JRE_job_number", value)) for value in values)
    )


def _requested(name: str, words: Sequence[str]) -> str:
    return _nested(
        6,
        name,
        "".join(
            _nested(8, "element", element(10, "JRE_job_number", 0) + element(10, "JRE_job_name", word))
            for word in words
        ),
    )


def _tasks(detail: Detail) -> str:
    """What is known of each task that runs or is in error."""
    out = []
    for task, start, _ in detail.running:
        starting = task in detail.starting
        usage = "" if starting else "          <JAT_scaled_usage_list>\n          </JAT_scaled_usage_list>\n"
        out.append(
            element(10, "JAT_status", HANDED_OVER if starting else RUNS)
            + element(10, "JAT_task_number", task)
            + usage
            + f"          <JAT_start_time>{start}</JAT_start_time>\n          <JAT_ntix>0.500000</JAT_ntix>\n"
        )
    for problem in detail.problems:
        message = element(14, "QIM_type", 1) + element(14, "QIM_message", reason_text(detail, problem))
        out.append(
            "          <JAT_status>0</JAT_status>\n"
            + element(10, "JAT_task_number", problem.task)
            + _nested(10, "JAT_message_list", _nested(12, "ulong_sublist", message))
            + "          <JAT_start_time>0</JAT_start_time>\n          <JAT_ntix>0.500000</JAT_ntix>\n"
        )
    return _nested(6, "JB_ja_tasks", "".join(_nested(8, "ulong_sublist", one) for one in out))


def _policy(detail: Detail) -> str:
    """The elements from JB_deadline to the end."""
    request = detail.request
    kind = (BINARY if request.binary and not request.continuous else 0) | (ARRAY if request.tasks else 0)
    kind |= NO_SHELL if kind & BINARY and not request.shell else 0
    before = (
        ("JB_deadline", request.deadline or 0),
        ("JB_execution_time", detail.start_time),
        *((("JB_checkpoint_name", request.checkpoint),) if request.checkpoint else ()),
        ("JB_checkpoint_attr", 0),
        ("JB_checkpoint_interval", 0),
        ("JB_reserve", _truth(request.reserve)),
        ("JB_mail_options", sum(MAIL_BITS.get(letter, 0) for letter in set(request.mail_options))),
    )
    then = (("JB_priority", 1024 + detail.priority), ("JB_restart", RESTART.get(request.restart, 0)))
    after = (
        ("JB_verify_suitable_queues", 0),
        ("JB_soft_wallclock_gmt", 0),
        ("JB_hard_wallclock_gmt", 0),
        ("JB_override_tickets", 0),
        ("JB_version", request.changed),
    )
    environment = ""
    if request.parallel_environment:
        environment = element(6, "JB_pe", request.parallel_environment) + _nested(
            6, "JB_pe_range", "".join(_range("ranges", values) for values in request.slot_ranges)
        )
    return (
        "".join(element(6, name, value) for name, value in before)
        + _paths("JB_stdin_path_list", request.stdin_paths)
        + "".join(element(6, name, value) for name, value in then)
        + element(6, "JB_verify", 0)
        + _queues("JB_master_hard_queue_list", request.master_queues)
        + element(6, "JB_script_size", 0)
        + environment
        + _requested("JB_jid_request_list", request.predecessors_requested)
        + "".join(element(6, name, value) for name, value in after)
        + _nested(6, "JB_ja_structure", _range("task_id_range", request.tasks or (1, 1, 1)))
        + element(6, "JB_type", kind)
        + (_binding(request.binding) if detail.binding else "")
        + element(6, "JB_ja_task_concurrency", detail.max_running)
        + element(6, "JB_nurg", "0.000000")
    )


def _range(name: str, values: tuple[int, int, int]) -> str:
    first, last, step = values
    inside = element(10, "RN_min", first) + element(10, "RN_max", last) + element(10, "RN_step", step)
    return _nested(8, name, inside)


BINDING_TYPES = {"pe": 1, "env": 2, "set": 3}
ALL_SLOTS = 2147483647
"""The amount of `linear:slots`."""


def _strategy(kind: str, *, placed: bool) -> str:
    if not kind:
        return "no_job_binding"
    return kind if placed or kind == "explicit" else f"{kind}_automatic"


def _binding(wish: str) -> str:
    """The wish for cores, taken apart."""
    instance, _, strategy = wish.partition(" ")
    kind, _, rest = strategy.partition(":")
    parts = rest.split(":")
    placed = len(parts) > {"linear": 1, "striding": 2}.get(kind, 0)
    socket, _, core = parts[-1].partition(",") if placed and kind != "explicit" else ("", "", "")
    amount = parts[0] if kind != "explicit" and wish else "0"
    inside = "".join(
        element(10, name, value)
        for name, value in (
            ("BN_strategy", _strategy(kind, placed=placed)),
            ("BN_type", BINDING_TYPES.get(instance, 0)),
            ("BN_parameter_n", ALL_SLOTS if amount == "slots" else amount),
            ("BN_parameter_socket_offset", socket or 0),
            ("BN_parameter_core_offset", core or 0),
            ("BN_parameter_striding_step_size", parts[1] if kind == "striding" else 0),
        )
    )
    if kind == "explicit" or not wish:
        inside += element(10, "BN_parameter_explicit", strategy or "no_explicit_binding")
    return _nested(6, "JB_binding", _nested(8, "binding" if wish else "element", inside))


def unknown(words: Sequence[str]) -> str:
    """Return the document for jobs that do not exist."""
    names = "".join(f"    <ST_name>{escaped(word)}</ST_name>\n" for word in words)
    return f"{DECLARATION}<unknown_jobs >\n{names}</unknown_jobs>\n"

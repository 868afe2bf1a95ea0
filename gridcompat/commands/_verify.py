"""qsub -verify: the request as qstat -j would show it, without a number, an owner or a time.

Must not know the cluster: nothing is looked up.
"""

from __future__ import annotations

from gridcompat.output import qstat_job

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.commands.context import Context
    from gridcompat.options.context import Parsed

NOT_YET = {"job_number": "unassigned", "owner": "", "uid": "0", "group": "", "gid": "0", "env_list": None}
"""What the job does not have before it is submitted. None: shown in its own way."""
LEFT_OUT = frozenset(("exec_file", "submission_time", "binding", "scheduling info"))


def text(context: Context, parsed: Parsed) -> str:
    """Return what -verify prints.

    Source: recording of qsub -verify; the order of keys is that of qstat -j.
    """
    request = parsed.submission.request
    detail = qstat_job.Detail(
        number=1,
        submitted=0,
        owner=context.user,
        uid=0,
        group="x",
        gid=0,
        name=request.name,
        priority=request.priority,
        start_time=request.start_time or 0,
        max_running=request.max_running_tasks,
        request=request,
        environment=(),
        binding=False,
    )
    lines = []
    for line in qstat_job.text(detail)[len(qstat_job.RULE) :].splitlines():
        key = line.partition(":")[0]
        if key in LEFT_OUT or (key == "account" and request.account == "sge"):
            continue
        if key == "env_list":
            lines.append(_line("verify", "-verify"))
            given = parsed.submission.environment
            shown = [_variable(name, value) for name, value in given if name != "TERM"]
            term = next((_variable(name, value) for name, value in given if name == "TERM"), "TERM")
            line = _line(key, ",".join([term, *shown]))
        elif key in NOT_YET:
            line = _line(key, NOT_YET[key] or "")
        script = parsed.submission.script
        if key == "script_file" and script is not None:
            lines += [_line("script_size", str(len(script))), line, f"{'script_ptr:':<23}"]
            line = script.decode("utf-8", "surrogateescape")
        lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _line(key: str, value: str) -> str:
    return f"{key + ':':<{qstat_job.WIDTH}}{value}"


def _variable(name: str, value: str) -> str:
    return f"{name}={value}" if value else name

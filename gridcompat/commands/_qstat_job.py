"""qstat -j: find the jobs and all that is to be known of them.

Must not know how a job is laid out: `output.qstat_job` and `output.qstat_job_xml` do.
"""

from __future__ import annotations

from gridcompat import states
from gridcompat.cluster.base import GRID_ACCOUNT, GRID_JOB, SECRET
from gridcompat.commands import _consumed, _listing, _requests
from gridcompat.errors import ClusterError, GridError
from gridcompat.output import qstat_job as text
from gridcompat.patterns import matches
from gridcompat.service.select import leading_digits
from gridcompat.timestamps import epoch
from gridcompat.translate import ranges
from gridcompat.translate.grid_job import job_id, secret_name
from gridcompat.translate.rows import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from gridcompat.cluster.base import K8sObject
    from gridcompat.commands._listing import Given
    from gridcompat.commands.context import Context
    from gridcompat.model import JobRequest
    from gridcompat.output.consumed import Consumed
    from gridcompat.output.qstat_job import Detail, Problem, Waiting


def run(context: Context, given: Given) -> int:
    """Show the jobs of -j, or without an argument why jobs wait; return the exit status."""
    word = given.last("-j")
    xml = given.has("-xml")
    words = [part for part in (word or "").split(",") if part]
    if word is None or (word and not words):
        _show_reasons(context, xml=xml)
        return 0
    found = _jobs(context, words)
    if not found:
        if xml:
            from gridcompat.output.qstat_job_xml import unknown

            context.out(unknown(words))
            return 0
        context.err(text.unknown(words))
        return 1
    _listing.attend(context)
    details = [detail(context, obj, binding=not given.has("-ncb")) for obj in found]
    if xml:
        from gridcompat.output.qstat_job_xml import document

        context.out(document(details))
    else:
        context.out("".join(text.text(one) for one in details))
    return 0


def _jobs(context: Context, words: Sequence[str]) -> list[K8sObject]:
    """The active jobs that numbers, names and patterns mean, by number.

    What stands behind a number counts for nothing: `3.1`, `3.2-4:2`, `3x` and `3 4` mean job 3 (tried).
    """
    found: dict[int, K8sObject] = {}
    for word in words:
        digits = leading_digits(word)
        if digits:
            obj = _listing.job(context, int(digits))
            if obj is not None:
                found[job_id(obj)] = obj
            continue
        everybody = _listing.Users(own=True, patterns=("*",))
        for row in _listing.listed(context, everybody):
            if row.job_id not in found and matches(word, row.name):
                obj = _listing.job(context, row.job_id)
                if obj is not None:
                    found[row.job_id] = obj
    return [found[number] for number in sorted(found) if rows(found[number])]


# ---------------------------------------------------------------- one job


def detail(context: Context, obj: K8sObject, *, binding: bool) -> Detail:
    """Return what -j shows of a GridJob."""
    spec, status = obj["spec"], obj.get("status") or {}
    request = _requests.of_object(obj)
    owner, uid, group, gid = _identity(context, obj)
    placed = {first for row in rows(obj) if row.queue for first, _, _ in row.task_ranges()}
    # What no host has yet is shown as waiting.
    begun = [run for run in status.get("running") or () if int(run["task"]) in placed]
    return text.Detail(
        number=job_id(obj),
        submitted=epoch(obj["metadata"].get("creationTimestamp") or ""),
        owner=owner,
        uid=uid,
        group=group,
        gid=gid,
        name=spec.get("jobName") or request.name,
        priority=spec.get("priority") or 0,
        start_time=spec.get("startTime") or 0,
        max_running=spec.get("maxRunning") or 0,
        request=request,
        environment=_environment(context, obj, request),
        running=tuple(
            (int(run["task"]), int(run.get("startedAt") or 0), int(run.get("slots") or 1)) for run in begun
        ),
        starting=tuple(int(run["task"]) for run in begun if run.get("state") == states.TRANSFERRING),
        consumed=_consumed_by(context, obj),
        problems=_problems(obj),
        waiting=waiting(obj, now=context.now),
        predecessors=_still_there(context, obj, spec.get("predecessors") or ()),
        array_predecessors=_still_there(context, obj, spec.get("arrayPredecessors") or ()),
        successors=_successors(context, obj, "Waits", "predecessors"),
        array_successors=_successors(context, obj, "WaitsByTask", "arrayPredecessors"),
        binding=binding,
    )


def _consumed_by(context: Context, obj: K8sObject) -> dict[int, Consumed]:
    """What each task that runs uses, by task."""
    number = job_id(obj)
    runs = (obj.get("status") or {}).get("running") or ()
    started = [
        (number, int(run.get("startedAt") or 0)) for run in runs if run.get("state") != states.TRANSFERRING
    ]
    return {task: used for (_, task), used in _consumed.of_runs(context, started).items()}


def _identity(context: Context, obj: K8sObject) -> tuple[str, int, str, int]:
    """Owner, uid, group and gid: as admitted, or of the account before that."""
    known = obj.get("status") or {}
    if not known.get("owner"):
        try:
            namespace = obj["metadata"]["namespace"]
            known = context.cluster().get(GRID_ACCOUNT, "account", namespace=namespace)["spec"]
        except ClusterError:
            known = {}
    return (
        known.get("owner") or context.user,
        known.get("uid", context.uid),
        known.get("group") or str(known.get("gid", context.uid)),
        known.get("gid", context.uid),
    )


def _problems(obj: K8sObject) -> tuple[Problem, ...]:
    deleted = ranges.parse(obj["spec"].get("deleted") or "")
    found = []
    for group in (obj.get("status") or {}).get("errors") or ():
        for task in ranges.members(ranges.minus(ranges.parse(group["tasks"]), deleted)):
            found.append(
                text.Problem(task=task, at=int(group.get("at") or 0), reason=group.get("reason") or "")
            )
    return tuple(sorted(found, key=lambda problem: problem.task))


def waiting(obj: K8sObject, *, now: float) -> tuple[Waiting, ...]:
    """Return why tasks of a job wait: the first thing that keeps them, else what the controller found."""
    shown = [row for row in rows(obj) if not row.queue and row.state[-1] in "wq"]
    if not shown:
        return ()
    if any("E" in row.state for row in shown):
        return (text.ERROR,)
    if all(row.held for row in shown):
        return (text.HOLD,)
    if any(row.start_after > now for row in shown):
        return (text.TIME,)
    if all(row.blocked or row.blocked_by_task for row in shown):
        return (text.DEPENDENCIES,)
    spec, status = obj["spec"], obj.get("status") or {}
    said = {kind.text for kind in text.KINDS}  # of a moment ago: what holds now was looked at above
    found = [text.found(line) for line in status.get("reasons") or () if line not in said]
    most = spec.get("maxRunning") or 0
    if not found and most and len(status.get("running") or ()) >= most:
        found = [text.INSTANCES]
    return tuple(found)


def _still_there(context: Context, obj: K8sObject, numbers: Iterable[int]) -> tuple[int, ...]:
    """Those of a job's predecessors that have not ended and are not deleted."""
    kept = []
    for number in numbers:
        try:
            other = context.cluster().get(GRID_JOB, str(number), namespace=obj["metadata"]["namespace"])
        except ClusterError:
            continue  # it is gone
        if rows(other):
            kept.append(number)
    return tuple(kept)


def _successors(context: Context, obj: K8sObject, column: str, field: str) -> tuple[int, ...]:
    """The active jobs that wait for this one, as a column and a field of their spec say."""
    namespace, number = obj["metadata"]["namespace"], job_id(obj)
    try:
        table = context.cluster().table(GRID_JOB, namespace=namespace)
    except ClusterError:
        return ()
    columns = list(table.columns)
    waits, own = columns.index(column), columns.index("Id")
    found = []
    for cells in table.rows:
        if cells[waits] is None:
            continue
        other = context.cluster().get(GRID_JOB, str(cells[own]), namespace=namespace)
        if number in (other["spec"].get(field) or ()) and rows(other):
            found.append(int(cells[own]))
    return tuple(sorted(found))


def _environment(context: Context, obj: K8sObject, request: JobRequest) -> tuple[tuple[str, str | None], ...]:
    """The exported variables: with values if the Secret may be read, else only names."""
    names = request.variables
    if not names and not request.export_all:
        return ()
    try:
        secret = context.cluster().get(SECRET, secret_name(obj), namespace=obj["metadata"]["namespace"])
        values = dict(environment_values(_decoded(secret)))
    except GridError:
        return tuple((name, None) for name in names)
    wanted = list(values) if request.export_all else []
    wanted += [name for name in names if name not in wanted]
    return tuple((name, values.get(name, "")) for name in wanted)


def _decoded(secret: dict[str, Any]) -> str:
    from binascii import Error, a2b_base64

    try:
        return a2b_base64((secret.get("data") or {}).get("environment") or "").decode(
            "utf-8", "surrogateescape"
        )
    except Error:
        return ""


BEFORE = 'set -- "$@" \''
QUOTED_QUOTE = "'\"'\"'"


def environment_values(script: str) -> list[tuple[str, str]]:
    """Return names and values of the sh text in a Secret's `environment`.

    Source: docs/explanation/architecture.md, Secret.
    """
    found = []
    at = 0
    while script.startswith(BEFORE, at):
        start = at + len(BEFORE)
        end = script.find("'", start)
        while end >= 0 and script.startswith(QUOTED_QUOTE, end):
            end = script.find("'", end + len(QUOTED_QUOTE))
        if end < 0:
            break
        name, _, value = script[start:end].replace(QUOTED_QUOTE, "'").partition("=")
        found.append((name, value))
        at = end + 2
    return found


# ---------------------------------------------------------------- -j alone


def _show_reasons(context: Context, *, xml: bool) -> None:
    """Print why the jobs of everybody wait, by reason."""
    groups: dict[int, list[int]] = {}
    for obj in _listing.objects(context):
        for number in {one.number for one in waiting(obj, now=context.now)}:
            groups.setdefault(number, []).append(job_id(obj))
    found = [(kind, sorted(groups[kind.number])) for kind in text.KINDS if kind.number in groups]
    if xml:
        from gridcompat.output.qstat_job_xml import reasons

        context.out(reasons(found))
    else:
        context.out(text.reasons(found))

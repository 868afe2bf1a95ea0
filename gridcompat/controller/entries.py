"""From an attempt and its outcome to the fields of an accounting(5) line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gridcompat.accounting import Entry
from gridcompat.timestamps import epoch
from gridcompat.translate.grid_job import is_array, job_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gridcompat.controller.draft import Draft
    from gridcompat.model import JobRequest, Outcome


def entry_of(draft: Draft, row: Mapping[str, Any], end: Outcome) -> Entry:
    """Return the record of an attempt of a GridJob that is there."""
    request, status = draft.facts.request, draft.status
    slots = int(row.get("slots") or 1)
    return Entry(
        qname=row.get("queue") or "UNKNOWN",
        hostname=end.host or row.get("host") or "UNKNOWN",
        group=status.get("group") or "NONE",
        owner=status.get("owner") or "UNKNOWN",
        job_name=draft.spec.get("jobName") or request.name,
        job_number=job_id(draft.job),
        account=request.account,
        submission_time=epoch(draft.job["metadata"].get("creationTimestamp") or ""),
        project=request.project or "NONE",
        department=request.department or "defaultdepartment",
        granted_pe=request.parallel_environment or "NONE",
        slots=slots,
        task_number=row["task"] if is_array(draft.job) else 0,
        category=category(request, slots),
        **usage(end),
    )


def orphan_entry(name: str, annotation: str, end: Outcome) -> Entry:
    """Return the record of an attempt whose GridJob is gone, from its pod's record annotation.

    Args:
        name: of the GridJob, its number.
        annotation: as `translate.pod` wrote it; whatever else somebody put there costs only the details.
    """
    try:
        known = json.loads(annotation)
    except ValueError:
        known = {}
    known = known if isinstance(known, dict) else {}

    def text(field: str, default: str) -> str:
        value = known.get(field)
        return value if isinstance(value, str) and value else default

    def number(field: str, default: int) -> int:
        value = known.get(field)
        return value if isinstance(value, int) else default

    return Entry(
        qname=text("qname", "UNKNOWN"),
        hostname=end.host or "UNKNOWN",
        group=text("group", "NONE"),
        owner=text("owner", "UNKNOWN"),
        job_name=text("job_name", "UNKNOWN"),
        job_number=int(name) if name.isdigit() else 0,
        account=text("account", "sge"),
        submission_time=epoch(text("created", "")),
        project=text("project", "NONE"),
        department=text("department", "defaultdepartment"),
        granted_pe=text("granted_pe", "NONE"),
        slots=number("slots", 1),
        task_number=number("task_number", 0),
        **usage(end),
    )


def usage(end: Outcome) -> dict[str, Any]:
    """Return the fields that tell when and how a run ended and what it used."""
    wallclock = max(end.end - end.start, 0.0) if end.ran else 0.0
    return {
        "start_time": int(end.start) if end.ran else 0,
        "end_time": int(end.end) if end.ran else 0,
        "failed": end.failed,
        "exit_status": end.exit_status,
        "ru_wallclock": float(int(wallclock)),
        "ru_utime": end.user_time_s,
        "ru_stime": end.system_time_s,
        "ru_maxrss": float(end.max_rss_kib),
        "cpu": end.user_time_s + end.system_time_s,
        "maxvmem": float(end.max_rss_kib) * 1024.0,
    }


def category(request: JobRequest, slots: int) -> str:
    """Return what jobs that are scheduled alike have in common: `-q task -l h_rt=60 -pe smp 2`, or NONE.

    Source: accounting(5), category; recorded lines.
    """
    words = []
    if request.hard_queues:
        words.append("-q " + ",".join(request.hard_queues))
    if request.hard_resources:
        words.append("-l " + ",".join(f"{name}={value}" for name, value in sorted(request.hard_resources)))
    if request.soft_resources:
        words.append(
            "-soft -l " + ",".join(f"{name}={value}" for name, value in sorted(request.soft_resources))
        )
    if request.parallel_environment:
        words.append(f"-pe {request.parallel_environment} {slots}")
    if request.project:
        words.append("-P " + request.project)
    return " ".join(words) or "NONE"

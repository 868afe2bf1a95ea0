"""What -r shows below rows: the requests of jobs, read from their GridJobs.

Must not know how a request is laid out.
"""

from __future__ import annotations

from gridcompat.commands import _listing
from gridcompat.errors import GridError
from gridcompat.model import JobRequest
from gridcompat.patterns import matches
from gridcompat.translate.grid_job import job_id, read_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeAlias

    from gridcompat.cluster.base import K8sObject
    from gridcompat.commands.context import Context
    from gridcompat.output.qstat import View
    from gridcompat.settings import Settings
    from gridcompat.translate.rows import Row

    Limits: TypeAlias = tuple[tuple[str, ...], tuple[tuple[str, str], ...]]
    """Hard queues and hard resources of a job."""


FEW = 10
"""Jobs up to which each is fetched by itself; a list of all is cheaper for more."""


def of_object(obj: K8sObject) -> JobRequest:
    """Return the request of a GridJob; one that cannot be read shows only its name."""
    try:
        return read_request(obj["spec"].get("request") or "")
    except GridError:
        return JobRequest(name=obj["spec"].get("jobName") or "")


def by_number(context: Context, numbers: Iterable[int]) -> dict[int, JobRequest]:
    """Return the requests of these jobs."""
    wanted = set(numbers)
    if len(wanted) <= FEW:
        found = [_listing.job(context, number) for number in wanted]
        return {job_id(obj): of_object(obj) for obj in found if obj is not None}
    return {job_id(obj): of_object(obj) for obj in _listing.objects(context) if job_id(obj) in wanted}


def limits(context: Context, numbers: Iterable[int]) -> dict[int, Limits]:
    """Return the hard queues and resources of these jobs, without reading all of each request."""
    from gridcompat import jsons as json

    wanted = set(numbers)
    found: dict[int, Limits] = {}
    for obj in _listing.objects(context) if wanted else ():
        number = job_id(obj)
        if number in wanted:
            try:
                fields = json.loads(obj["spec"].get("request") or "")
                resources = tuple((str(name), str(value)) for name, value in fields.get("hard_resources", ()))
                found[number] = (tuple(map(str, fields.get("hard_queues", ()))), resources)
            except (ValueError, TypeError, AttributeError):
                continue
    return found


def granted(request: JobRequest, settings: Settings) -> str:
    """Return the parallel environment that the name or pattern of -pe means."""
    for environment in settings.parallel_environments:
        if matches(request.parallel_environment, environment.name):
            return environment.name
    return request.parallel_environment


def texts(
    context: Context, rows: Iterable[Row], *, view: View, binding: bool, xml: bool = False
) -> Mapping[int, Callable[[Row], str]]:
    """Return for each job what makes the text below one of its rows."""
    if xml:
        from gridcompat.output.qstat_xml import requests
    else:
        from gridcompat.output.qstat import requests
    settings = context.settings
    numbers = {row.job_id for row in rows}
    known = by_number(context, numbers) if numbers else {}

    def maker(request: JobRequest) -> Callable[[Row], str]:
        environment = granted(request, settings)
        return lambda row: requests(row, request, settings, view=view, granted=environment, binding=binding)

    return {number: maker(known.get(number) or JobRequest()) for number in numbers}

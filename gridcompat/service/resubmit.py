"""Submitting a job again: the stored request, and the script and environment from its Secret.

Must not know who asked, nor what is said about it.
"""

from __future__ import annotations

from gridcompat.cluster.base import GRID_JOB, SECRET
from gridcompat.errors import NotFound
from gridcompat.model import Submission
from gridcompat.record import replace
from gridcompat.service.submit import submit
from gridcompat.translate import grid_job as objects
from gridcompat.translate import rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.cluster.base import Cluster
    from gridcompat.service.means import Means
    from gridcompat.service.submit import Submitted
    from gridcompat.settings import Settings


def resubmit(
    cluster: Cluster,
    settings: Settings,
    number: int,
    *,
    namespace: str,
    means: Means,
    user_hold: bool = False,
) -> Submitted | None:
    """Submit an active job once more and return the new one; None if there is no such job.

    The new job has no hold but the one that is asked for; what the old one waits for it waits for too.

    Raises:
        GridError: as `submit`; or the old job's Secret cannot be read.
    """
    try:
        old = cluster.get(GRID_JOB, str(number), namespace=namespace)
    except NotFound:
        return None
    if not rows.active(old):
        return None
    request = replace(objects.read_request(old["spec"]["request"]), user_hold=user_hold, changed=0)
    submission = Submission(request=replace(request, name=old["spec"]["jobName"]))
    try:
        data = cluster.get(SECRET, objects.secret_name(old), namespace=namespace).get("data", {})
    except NotFound:
        data = {}
    script, environment = objects.secret_content(data)
    submission = replace(submission, script=script, environment=environment)
    return submit(cluster, settings, submission, namespace=namespace, means=means)

"""The error tree: each class says whose move it is.

`commands/_main.py` and `cli` print these; nobody else does.  `message` is text for the user, byte
for byte Grid Engine's own where it has words for the case.  Imports nothing.
"""

from __future__ import annotations


class GridError(Exception):
    """Something a user is told in one message.

    Attributes:
        message: what is printed; may hold several lines; no newline at the end.
        hint: an optional second line that says what to do (only where Grid Engine has no words).
        exit_status: of the command.
    """

    exit_status: int = 1

    def __init__(self, message: str, *, hint: str = "", exit_status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if exit_status is not None:
            self.exit_status = exit_status


class UsageError(GridError):
    """The user changes what they typed; printed as it is. The status is 2, 4, 5, 7 or 14 as the grid's."""

    exit_status = 2


class UnsupportedOption(UsageError):
    """A real switch of Grid Engine that is refused here, with the reason."""


class Refused(GridError):
    """The grid would have refused the request: `Unable to run job: MESSAGE` and `Exiting.` for qsub."""


class SettingsError(GridError):
    """A settings file or variable cannot be used."""


class ClusterError(GridError):
    """The cluster said no; the cause is chained."""


class NotFound(ClusterError):
    """404: no such object (or kind, or namespace)."""


class Conflict(ClusterError):
    """409: the name is taken (`reason` AlreadyExists), or the object has changed (`reason` Conflict)."""

    def __init__(self, message: str, *, reason: str = "Conflict") -> None:
        super().__init__(message)
        self.reason = reason


class Invalid(ClusterError):
    """400 or 422: unknown field, broken rule, change of what may not change."""


class Forbidden(ClusterError):
    """401 or 403: no right, no quota, denied by a policy."""


class Expired(ClusterError):
    """410: the resourceVersion a watch starts from is too old; list again."""


class Unavailable(ClusterError):
    """The cluster did not answer in time, or said to come again later."""

    exit_status = 25


class ServerFault(Unavailable):
    """500: the server could not do it, and says why (a webhook of the site that does not answer)."""


class Unreachable(Unavailable):
    """Nothing takes a connection at the cluster's address, so nothing was sent."""

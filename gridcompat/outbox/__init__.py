"""The outbox: what happened to a run becomes mails on disk, whole and once, before the run is marked.

Two parts meet here and nowhere else.  The controller says what happened (`post`), the mailer sends
what is waiting (`Spool`); neither imports the other, and either may die between any two steps.
Nothing here knows a cluster, a mail server or a message's headers.
"""

from __future__ import annotations

from gridcompat.outbox.compose import Happening, Mail, mails_for
from gridcompat.outbox.spool import Entry, Spool, pending, post

__all__ = ["Entry", "Happening", "Mail", "Spool", "mails_for", "pending", "post"]

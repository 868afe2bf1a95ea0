"""Why a mail was not sent: who catches these need not import what raises them. Imports nothing."""

from __future__ import annotations


class Unsendable(Exception):
    """A recipient that cannot be an address; trying again is of no use."""


class Refused(Exception):
    """This mail will never be taken."""


class Later(Exception):
    """This mail may be taken later; others may be taken now."""


class Unreachable(Exception):
    """No mail can be sent now. Raised by `send`, the letter may nevertheless have been taken."""

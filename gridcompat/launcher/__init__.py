"""The program that runs the user's program, as text.

It is a POSIX sh program and knows no Python; this module only hands it out.
"""

from __future__ import annotations

import os

FILE = os.path.join(os.path.dirname(__file__), "launcher.sh")


def text() -> str:
    """Return the launcher's text."""
    with open(FILE, encoding="utf-8") as file:
        return file.read()

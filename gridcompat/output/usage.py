"""The usage texts of the listing commands.

Long, and needed only for -help and wrong calls, so they lie beside this module as text files.
"""

from __future__ import annotations

import os


def usage(command: str) -> str:
    """Return what `-help` prints, with a newline at the end."""
    path = os.path.join(os.path.dirname(__file__), f"{command}-help.txt")
    with open(path, encoding="utf-8") as file:
        return file.read()

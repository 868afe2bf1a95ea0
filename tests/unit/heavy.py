"""Modules that no drop-in may import: each costs milliseconds that hundreds of crontab lines would pay."""

from __future__ import annotations

HEAVY = frozenset(
    (
        *("argparse", "click", "contextlib", "dataclasses", "datetime", "enum", "fnmatch", "http"),
        *("importlib.metadata", "inspect", "kubernetes", "logging", "pathlib", "psutil", "random", "select"),
        *("shlex", "shutil", "socket", "_socket", "ssl", "subprocess", "tempfile", "threading", "tomllib"),
        *("typing", "urllib", "uuid", "yaml"),
    )
)
BROUGHT_BY_OTHERS = frozenset(("enum", "datetime"))
"""By `json` (with `re`) and by `sqlite3`, which nothing here can do without."""

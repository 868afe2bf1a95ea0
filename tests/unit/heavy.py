"""Modules that no drop-in may import: each costs milliseconds that hundreds of crontab lines would pay."""

from __future__ import annotations

HEAVY = frozenset(
    (
        *("argparse", "click", "contextlib", "dataclasses", "datetime", "enum", "fnmatch", "http", "inspect"),
        *(
            "importlib.metadata",
            "json",
            "kubernetes",
            "logging",
            "pathlib",
            "psutil",
            "random",
            "re",
            "select",
        ),
        *("shlex", "shutil", "socket", "_socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading"),
        *("tomllib", "typing", "urllib", "uuid", "yaml"),
    )
)
FOR_ARRAYS = frozenset(("enum", "re"))
"""What the embedded cluster checks the tasks of an array with, by a pattern that is the definition's."""

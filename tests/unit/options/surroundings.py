"""A parser's surroundings without a disk: files are a dictionary, the clock stands still."""

from __future__ import annotations

import errno
import os

from gridcompat.options.context import Context
from gridcompat.settings import Settings

HOME = "/home/opttest"
CWD = "/home/opttest/w"
NOW = 1795500000.0
"""24 November 2026, as on the recorded grid."""


class Files:
    """A reader over a dictionary of absolute paths; a content of None is a directory."""

    def __init__(
        self,
        files: dict[str, bytes | None],
        stdin: bytes = b"",
        *,
        plain: frozenset[str] = frozenset(),
        hosts: tuple[str, ...] = (),
    ) -> None:
        self._files = {os.path.normpath(os.path.join(CWD, path)): content for path, content in files.items()}
        self._stdin = stdin
        self._plain = {os.path.normpath(os.path.join(CWD, path)) for path in plain}
        self._hosts = hosts
        self.limits: list[int] = []

    def file(self, path: str, limit: int = -1) -> bytes:
        self.limits.append(limit)
        whole = os.path.normpath(os.path.join(CWD, path))
        if not path or whole not in self._files:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        content = self._files[whole]
        if content is None:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        return content if limit < 0 else content[:limit]

    def stdin(self) -> bytes:
        return self._stdin

    def kind(self, path: str) -> str:
        whole = os.path.normpath(os.path.join(CWD, path))
        if whole not in self._files:
            return ""
        if self._files[whole] is None:
            return "dir"
        return "file" if whole in self._plain else "executable"

    def resolves(self, host: str) -> bool:
        return host in self._hosts


ENVIRONMENT = {
    "HOME": HOME,
    "LOGNAME": "opttest",
    "USER": "opttest",
    "SHELL": "/bin/bash",
    "TERM": "xterm",
    "FOO": "foo val",
    "PATH": "/usr/lib/gridengine:/usr/bin:/bin",
}


def context(
    files: dict[str, bytes | None] | None = None,
    *,
    stdin: bytes = b"",
    environment: dict[str, str] | None = None,
    settings: Settings | None = None,
    reader: Files | None = None,
    uid: int = 60000,
) -> Context:
    """Return the surroundings of a command on host `vm`, by account opttest."""
    return Context(
        environment=ENVIRONMENT if environment is None else environment,
        cwd=CWD,
        host="vm",
        user="opttest",
        home=HOME,
        uid=uid,
        settings=settings or Settings(),
        now=NOW,
        reader=reader or Files(files or {}, stdin),
    )

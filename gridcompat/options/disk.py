"""Files for the parser: the only module of `options` that touches the disk. Knows no switches."""

from __future__ import annotations

import os


class DiskReader:
    """The real reader of `options.context.Reader`; relative paths are those of the process."""

    def file(self, path: str, limit: int = -1) -> bytes:
        """Return the content of a file, or its first `limit` bytes. Raises OSError."""
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if limit >= 0:
                return os.read(descriptor, limit)
            pieces = []
            while piece := os.read(descriptor, 1 << 20):
                pieces.append(piece)
            return b"".join(pieces)
        finally:
            os.close(descriptor)

    def stdin(self) -> bytes:
        """Return standard input up to its end; `b""` when it is closed."""
        pieces = []
        try:
            while piece := os.read(0, 1 << 20):
                pieces.append(piece)
        except OSError:
            return b""
        return b"".join(pieces)

    def kind(self, path: str) -> str:
        """Return "file", "executable", "dir" or ""."""
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError):
            return ""
        if mode & 0o170000 == 0o040000:
            return "dir"
        return "executable" if os.access(path, os.X_OK) else "file"

    def resolves(self, host: str) -> bool:
        """Say whether a host of this name is known to the resolver."""
        import socket

        try:
            socket.getaddrinfo(host, None)
        except (OSError, UnicodeError, ValueError):
            return False
        return True

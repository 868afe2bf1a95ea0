"""/healthz, /readyz and /metrics on a small HTTP server of the standard library."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    Page: TypeAlias = tuple[int, str, str]
    """Status, content type, text."""


def serve(address: str, port: int, pages: Mapping[str, Callable[[], Page]]) -> http.server.HTTPServer:
    """Answer GET requests for these paths in threads of their own; return the server, to be shut down.

    Raises:
        OSError: the address cannot be listened on.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, kind, text = page() if page else (404, "text/plain", "no such page\n")
            data = text.encode("utf-8")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name of the base)
            """Probes come every few seconds."""

    server = http.server.ThreadingHTTPServer((address, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    return server

"""The daemon as it is, with its requests counted: `python -m tests.bench.counted_daemon FILE ARGUMENT...`.

Every second the file holds a JSON object: `METHOD KIND` to the number of requests sent, tries included.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import Counter
from typing import Any

from gridcompat.cli import main
from gridcompat.cluster import http

EVERY_S = 0.5


def kind_of(path: str) -> str:
    """Return the plural of a request's path, with its subresource."""
    parts = path.partition("?")[0].strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        parts = parts[2:]
    return "/".join([parts[0], *parts[2:]]) if parts else path


def count(path: str) -> None:
    """Count from now on, into this file."""
    counts: Counter[str] = Counter()
    once, stream = http.Http._once, http.Http.stream

    def counted_once(self: http.Http, method: str, where: str, *words: Any, **more: Any) -> Any:
        counts[f"{method} {kind_of(where)}"] += 1
        return once(self, method, where, *words, **more)

    def counted_stream(self: http.Http, where: str, **more: Any) -> Any:
        counts[f"WATCH {kind_of(where)}"] += 1
        return stream(self, where, **more)

    http.Http._once = counted_once  # type: ignore[method-assign,assignment]  # what is sent is counted
    http.Http.stream = counted_stream  # type: ignore[method-assign,assignment]  # what is sent is counted

    def keep() -> None:
        while True:
            time.sleep(EVERY_S)
            with open(path + ".new", "w", encoding="ascii") as file:
                json.dump(dict(counts), file)
            os.replace(path + ".new", path)

    threading.Thread(target=keep, daemon=True).start()


if __name__ == "__main__":
    count(sys.argv[1])
    main(["daemon", *sys.argv[2:]])

"""Requests to one API server: connections, credentials, deadlines, trying again, and what answers mean.

Knows HTTP, and of Kubernetes only its Status object.  `rest.py` knows the rest.  No name of an HTTP
client or of `ssl` leaves this module.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import select
import socket
import ssl
import time
from _thread import allocate_lock, get_ident
from contextlib import contextmanager
from urllib.parse import urlsplit

from gridcompat.errors import (
    ClusterError,
    Conflict,
    Expired,
    Forbidden,
    Invalid,
    NotFound,
    ServerFault,
    Unavailable,
    Unreachable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from gridcompat.cluster.kubeconfig import Access

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
"""Between two tries: a random part (full jitter) of a span that doubles from the first to the longest."""
CONNECT_S = 10.0
UNREACHABLE_S = 20.0
"""So long a request waits for an address that takes no connections: an API server restarts in less, and who
types a command, or has mistyped the address, would not wait for ever."""
UNREACHABLE_PAUSE_S = 1.0
"""The longest pause meanwhile; such a try costs nobody much."""
AWAKENING_S = 10.0
"""A server that has just come back knows nobody's rights yet, and says 403."""

NOT_KNOWN_YET = ("status unknown for quota", "failed to configure policy")
"""Refused for now: by a quota that is seconds old, by a server that does not know all definitions yet."""
UNKNOWING = (403, 422)
"""The statuses of such a refusal: that of a policy depends on what its rules say."""

NO_RIGHT = '" cannot '
"""In a 403 for want of a right: `User "NAME" cannot get resource …`."""


class Connection(http.client.HTTPConnection):
    """A connection that talks TLS as the access asks for it."""

    reached = False
    """Whether the other side has taken the connection."""

    def __init__(self, access: Access, context: ssl.SSLContext | None, *, timeout: float) -> None:
        self._parts = urlsplit(access.server)
        self._proxy = urlsplit(access.proxy) if access.proxy else None
        self._context = context
        self._server_name = access.tls_server_name or (self._parts.hostname or "")
        port = self._parts.port or (443 if context is not None else 80)
        if self._proxy is not None:
            super().__init__(self._proxy.hostname or "", self._proxy.port or 80, timeout=timeout)
            self.set_tunnel(self._parts.hostname or "", port)
        else:
            super().__init__(self._parts.hostname or "", port, timeout=timeout)

    def connect(self) -> None:
        super().connect()
        self.reached = True
        if self._context is not None:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self._server_name)

    def stale(self) -> bool:
        """Return whether the other side has closed an idle connection."""
        if self.sock is None:
            return False
        poll = select.poll()
        poll.register(self.sock, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(0))


class Http:
    """The way to one API server. A connection for each thread; watches have their own."""

    def __init__(self, access: Access, *, timeout_s: float) -> None:
        self.access = access
        self._timeout_s = timeout_s
        self._connections: dict[int, Connection] = {}
        self._streams: set[Connection] = set()
        self._context: ssl.SSLContext | None = None
        self._ready = False
        self._preparing = allocate_lock()
        self._refused: Access | None = None
        """Whose credentials the server did not accept."""
        self._away_at = float("-inf")
        """When the server was last found away."""
        self.server_date = ""
        """What the server's clock said in its last answer (RFC 9110, Date)."""

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        repeatable: bool,
    ) -> Any:
        """Send a request and return the parsed answer, within the time limit.

        `repeatable`: doing it twice is as good as once, so it is sent again when nobody knows what
        became of the first.

        Raises:
            ClusterError: see `meaning`; Unavailable when the time is up.
        """
        deadline = time.monotonic() + self._timeout_s
        data = None if body is None else _encoded(body)
        tries, renewed, patience = 0, False, deadline
        while True:
            used = self._prepare()
            try:
                status, headers, answer = self._once(
                    method, path, data, content_type, accept, deadline=deadline, repeatable=repeatable
                )
            except _Again as again:
                self._away_at = time.monotonic()
                tries += 1
                if isinstance(again.cause, Unreachable):
                    patience = min(patience, self._away_at + UNREACHABLE_S)
                    self._pause(tries, None, patience, again.cause, longest=UNREACHABLE_PAUSE_S)
                else:
                    patience = deadline
                    self._pause(tries, None, deadline, again.cause)
                continue
            patience = deadline
            if status == 401 and used.plugin is not None and not renewed:
                renewed = True
                self._renew(used)
                continue
            if status < 300:
                return _parsed(answer)
            error = meaning(status, answer)
            if status == 403 and self._is_awakening(error, deadline):
                tries += 1
                self._pause(tries, None, deadline, error)
                continue
            # A refusal for want of knowledge has done nothing, so anything may be sent again.
            unknowing = status in UNKNOWING and isinstance(error, Unavailable)
            if unknowing or status in (429, 503) or (status in (500, 502, 504) and repeatable):
                tries += 1
                self._pause(tries, headers.get("Retry-After"), deadline, error)
                continue
            raise error

    def _is_awakening(self, error: ClusterError, deadline: float) -> bool:
        """Whether a 403 may be that of a server that has just come back, and does not know our rights yet.

        Whoever has not found it away asks whether it is ready, as everybody may; it is once it knows rights.
        """
        if self._away_at == float("-inf") and NO_RIGHT in error.message:
            try:
                status, *_ = self._once("GET", "/readyz", None, "", "*/*", deadline=deadline, repeatable=True)
            except (ClusterError, _Again):
                status = 0
            if status != 200:
                self._away_at = time.monotonic()
        return time.monotonic() - self._away_at < AWAKENING_S

    def _once(
        self,
        method: str,
        path: str,
        data: bytes | None,
        content_type: str,
        accept: str,
        *,
        deadline: float,
        repeatable: bool,
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        left = deadline - time.monotonic()
        sent = False
        connection = self._connection(max(left, 0.001))
        try:
            if connection.sock is None:
                connection.timeout = max(min(left, CONNECT_S), 0.001)
                connection.connect()
            connection.sock.settimeout(max(left, 0.001))
            headers = {**self._headers(), "Accept": accept}
            if data is not None:
                headers["Content-Type"] = content_type
            sent = True
            connection.request(method, self._prefix + path, body=data, headers=headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._drop()
            cause = self._unreachable(error, reached=connection.reached)
            # Neither another certificate nor another name will be there in a second.
            hopeless = isinstance(error, ssl.SSLCertVerificationError) or _no_such_host(error)
            if hopeless or (sent and not repeatable):
                raise cause from error
            raise _Again(cause) from error
        if response.will_close:
            self._drop()
        self.server_date = response.headers.get("Date") or ""
        return response.status, response.headers, answer

    def stream(self, path: str, *, timeout_s: float) -> Callable[[], bytes]:
        """Open a GET whose answer comes line by line; return a function that reads the next line.

        The function returns b"" when the answer has ended, the connection is lost, or nothing has come for
        `timeout_s` seconds; it closes the connection then.

        Raises:
            ClusterError: see `meaning`.
        """
        used = self._prepare()
        connection, response = self._opened(path)
        if response.status == 401 and used.plugin is not None:
            self._end(connection)
            self._renew(used)
            self._prepare()
            connection, response = self._opened(path)
        with self._kept_if_well(connection):
            if response.status >= 300:
                raise meaning(response.status, response.read())
            if connection.sock is not None:
                connection.sock.settimeout(timeout_s)

        def line() -> bytes:
            try:
                found = response.readline()
            except (OSError, http.client.HTTPException, ValueError, AttributeError):
                found = b""  # lost, silent for too long, or closed by another thread
            if not found.endswith(b"\n"):
                response.close()
                self._end(connection)
                return b""
            return found

        return line

    def _opened(self, path: str) -> tuple[Connection, http.client.HTTPResponse]:
        connection = Connection(self.access, self._context, timeout=min(self._timeout_s, CONNECT_S))
        self._streams.add(connection)
        with self._kept_if_well(connection):
            connection.connect()
            connection.sock.settimeout(self._timeout_s)
            connection.request(
                "GET", self._prefix + path, headers={**self._headers(), "Accept": "application/json"}
            )
            return connection, connection.getresponse()

    @contextmanager
    def _kept_if_well(self, connection: Connection) -> Iterator[None]:
        """Close a stream's connection when something goes wrong with it, and say what."""
        try:
            yield
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._end(connection)
            raise self._unreachable(error, reached=connection.reached) from error
        except ClusterError:
            self._end(connection)
            raise

    def _end(self, connection: Connection) -> None:
        self._streams.discard(connection)
        connection.close()

    def close(self) -> None:
        """Close every connection."""
        for connection in [*self._connections.values(), *self._streams]:
            connection.close()
        self._connections.clear()
        self._streams.clear()

    @property
    def _prefix(self) -> str:
        return urlsplit(self.access.server).path.rstrip("/")

    def _connection(self, timeout: float) -> Connection:
        found = self._connections.get(get_ident())
        if found is not None and found.stale():
            self._drop()
            found = None
        if found is None:
            found = self._connections[get_ident()] = Connection(self.access, self._context, timeout=timeout)
        return found

    def _drop(self) -> None:
        found = self._connections.pop(get_ident(), None)
        if found is not None:
            found.close()

    def _prepare(self) -> Access:
        """Return the access to use now, with its credentials."""
        if self._ready:
            return self.access
        with self._preparing:
            if not self._ready:
                if self.access.plugin is not None:
                    from gridcompat.cluster import credentials

                    self.access = credentials.granted(self.access, refused=self._refused)
                if self.access.server.startswith("https://"):
                    self._context = _context(self.access)
                self._ready = True
            return self.access

    def _renew(self, used: Access) -> None:
        """Get other credentials, unless another thread just has."""
        self._drop()
        with self._preparing:
            if self.access is used:
                self._refused = used
                self._ready = False

    def _headers(self) -> dict[str, str]:
        access = self.access
        found = {"User-Agent": "gridcompat"}
        token = access.token
        if access.token_file:
            try:
                with open(access.token_file, encoding="ascii") as file:  # it is renewed within the hour
                    token = file.read().strip()
            except (OSError, ValueError) as error:
                raise Unavailable(f"kubeconfig: token file '{access.token_file}' cannot be read") from error
        if token:
            found["Authorization"] = f"Bearer {token}"
        elif access.basic:
            import binascii

            coded = binascii.b2a_base64(access.basic.encode(), newline=False).decode("ascii")
            found["Authorization"] = f"Basic {coded}"
        return found

    def _unreachable(self, error: Exception, *, reached: bool) -> Unavailable:
        if isinstance(error, TimeoutError):
            why = "no answer in time"
        elif isinstance(error, ssl.SSLCertVerificationError):
            why = f"certificate not accepted: {error.verify_message}"
        elif isinstance(error, socket.gaierror):
            why = "unknown host"
        elif isinstance(error, OSError) and error.strerror:
            why = error.strerror
        else:
            why = "the connection ended before the answer"
        return (Unavailable if reached else Unreachable)(f"{self.access.server}: {why}")

    @staticmethod
    def _pause(
        tries: int,
        asked: str | None,
        deadline: float,
        error: ClusterError,
        *,
        longest: float = LONGEST_PAUSE_S,
    ) -> None:
        pause = random.uniform(0, min(FIRST_PAUSE_S * 2 ** min(tries, 10), longest))
        if asked is not None and asked.isdigit():
            # At least what the server asks for, and not everyone at the same moment after it.
            pause += min(int(asked), 3600)
        if time.monotonic() + pause >= deadline:
            raise error
        time.sleep(pause)


class _Again(Exception):
    def __init__(self, cause: ClusterError) -> None:
        self.cause = cause


def _no_such_host(error: Exception) -> bool:
    # EAI_AGAIN is a name server that is away, too.
    return isinstance(error, socket.gaierror) and error.errno != socket.EAI_AGAIN


def meaning(status: int, answer: bytes) -> ClusterError:
    """Return the error of the port for an answer that is not a success.

    Source: Kubernetes API conventions, "HTTP Status codes" and "Response Status Kind".
    """
    found: Any = None
    try:
        found = json.loads(answer)
    except ValueError:
        pass  # of a proxy on the way, or of the server's own authentication
    found = found if isinstance(found, dict) else {}
    message = str(
        found.get("message") or answer[:200].decode("utf-8", "replace").strip() or f"HTTP status {status}"
    )
    strict = message.rfind("strict decoding error: ")
    if strict > 0:  # the server puts the whole object before it
        message = message[strict:]
    if status == 404:
        if not found:  # the path itself is unknown: no such kind
            return NotFound(
                "the API server does not know this kind of object: gridcompat is not installed there"
            )
        return NotFound(message)
    if status == 409:
        return Conflict(message, reason=str(found.get("reason") or "Conflict"))
    if status == 410:
        return Expired(message)
    if status == 401:
        return Forbidden(f"the API server does not accept these credentials (expired?): {message}")
    if status in UNKNOWING and any(words in message for words in NOT_KNOWN_YET):
        return Unavailable(message)
    if status == 403:
        return Forbidden(message)
    if status in (400, 405, 406, 413, 415, 422):
        return Invalid(message)
    if "request is too large" in message:  # etcd's limit comes back as a 500
        return Invalid(message)
    if status == 500:
        return ServerFault(message)
    if status == 429 or status > 500:
        return Unavailable(message)
    return ClusterError(message)


def _context(access: Access) -> ssl.SSLContext:
    try:
        ca = access.ca
        context = ssl.create_default_context(
            cafile=ca if ca and not ca.startswith("-----") else None,
            cadata=ca if ca.startswith("-----") else None,
        )
        # Newer Pythons are stricter about authorities than Go, whose certificates these are.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if access.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if access.client_certificate:
            with _PemFile(access.client_certificate) as certificate, _PemFile(access.client_key) as key:
                context.load_cert_chain(certificate, key or None)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise ClusterError(
            f"kubeconfig: the certificates of {access.server} cannot be used: {why}"
        ) from error
    return context


class _PemFile:
    # `load_cert_chain` reads files only: a text goes into an anonymous one, which no disk ever sees.
    def __init__(self, pem: str) -> None:
        self._pem = pem
        self._handle = -1

    def __enter__(self) -> str:
        if not self._pem.startswith("-----"):
            return self._pem
        self._handle = os.memfd_create("pem")
        os.write(self._handle, self._pem.encode("ascii"))
        return f"/proc/self/fd/{self._handle}"

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:
            os.close(self._handle)


def _encoded(body: Any) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise Invalid(f"the object cannot be written as JSON: {error}") from error


def _parsed(answer: bytes) -> Any:
    try:
        return json.loads(answer) if answer else None
    except ValueError as error:
        raise ClusterError("the API server's answer is not JSON") from error

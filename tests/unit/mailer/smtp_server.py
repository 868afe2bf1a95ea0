"""A mail server on the loopback interface that misbehaves on request."""

from __future__ import annotations

import base64
import socket
import socketserver
import ssl
import threading
import time
from dataclasses import dataclass, field

DROP = "drop"
"""Close the connection without a reply."""
TAKE_AND_DROP = "take and drop"
"""At the end of the data: accept the mail, but close the connection before saying so."""
HANG = "hang"
"""Say nothing until the client gives up."""


@dataclass
class Received:
    """One mail that the server took."""

    sender: str
    recipient: str
    data: bytes
    tls: bool
    user: str
    at: float = field(default_factory=time.monotonic)
    """When the server was about to say so."""


class Gone(Exception):
    """The connection is over."""


@dataclass
class Server:
    """Start it with `with`. `script` maps a stage to what happens at its next visits; then all is well.

    Stages: greeting, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, end (of the data).
    """

    tls: ssl.SSLContext | None = None
    tls_at_once: bool = False
    password: str = ""
    utf8: bool = False
    script: dict[str, list[str]] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Server:
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                outer.connections += 1
                conversation = Conversation(outer, self.request)
                try:
                    conversation.run()
                except (Gone, OSError):
                    pass
                finally:
                    conversation.close()

        class Listener(socketserver.ThreadingTCPServer):
            allow_reuse_address = True

        self._listener = Listener(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join(5)

    @property
    def address(self) -> str:
        """host:port"""
        return f"127.0.0.1:{self._listener.server_address[1]}"

    def next(self, stage: str) -> str:
        """What is to happen at a stage; "" is the usual."""
        actions = self.script.get(stage)
        return actions.pop(0) if actions else ""


class Conversation:
    """One connection."""

    def __init__(self, server: Server, connection: socket.socket) -> None:
        self.server = server
        self.connection = connection
        self.encrypted = False
        self.user = ""
        self.sender = self.recipient = ""
        self.file = connection.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.connection.close()

    def run(self) -> None:
        self.connection.settimeout(5)
        if self.server.tls_at_once:
            self.encrypt()
        self.reply("greeting", "220 test")
        while line := self.file.readline():
            self.obey(line.decode("utf-8", "replace").strip())

    def obey(self, line: str) -> None:
        verb = line.split(" ", 1)[0].upper()
        if verb == "EHLO":
            self.reply("EHLO", "\r\n".join(self.extensions()))
        elif verb == "STARTTLS" and self.server.tls:
            self.reply("STARTTLS", "220 go")
            self.encrypt()
        elif verb == "AUTH":
            _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
            good = password == self.server.password
            self.user = user if good else ""
            self.reply("AUTH", "235 hello" if good else "535 who are you")
        elif verb == "MAIL":
            self.sender = line[10:].partition(">")[0].lstrip("<")
            self.reply("MAIL", "250 ok")
        elif verb == "RCPT":
            self.recipient = line[8:].partition(">")[0].lstrip("<")
            self.reply("RCPT", "250 ok")
        elif verb == "DATA":
            if self.reply("DATA", "354 go"):
                self.take()
        elif verb == "QUIT":
            self.say("221 bye")
            raise Gone
        else:
            self.say("250 ok" if verb in ("RSET", "NOOP") else "502 what")

    def extensions(self) -> list[str]:
        found = ["test"]
        if self.server.tls and not self.encrypted:
            found.append("STARTTLS")
        if self.server.password:
            found.append("AUTH PLAIN")
        if self.server.utf8:
            found += ["SMTPUTF8", "8BITMIME"]
        return [f"250{'-' if text is not found[-1] else ' '}{text}" for text in found]

    def take(self) -> None:
        lines = []
        while (line := self.file.readline()) != b".\r\n":
            if not line:
                raise Gone
            lines.append(line[1:] if line.startswith(b"..") else line)
        action = self.server.next("end")
        if action in ("", TAKE_AND_DROP):
            data = b"".join(lines)
            self.server.received.append(
                Received(self.sender, self.recipient, data, self.encrypted, self.user)
            )
        self.act(action, "250 mine now")

    def reply(self, stage: str, usual: str) -> bool:
        """Do what the script says; True if that was the usual thing."""
        action = self.server.next(stage)
        self.act(action, usual)
        return not action

    def act(self, action: str, usual: str) -> None:
        if action in (DROP, TAKE_AND_DROP):
            raise Gone
        if action == HANG:
            self.file.read(1)
            raise Gone
        self.say(action or usual)
        if action.startswith("421"):
            raise Gone

    def say(self, text: str) -> None:
        self.connection.sendall(text.encode() + b"\r\n")

    def encrypt(self) -> None:
        assert self.server.tls
        self.file.close()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.connection.settimeout(5)
        self.encrypted = True
        self.file = self.connection.makefile("rb")

"""Handing letters over: to an SMTP server, or to a sendmail program.

Every failure becomes one of three: the mail is `Refused` for good, it is to be tried again `Later`,
or nothing can be sent at the moment (`Unreachable`).  Must not know the spool.

A reply of 5xx to RCPT or DATA is about this one mail and is final, as it is to any mail server
(RFC 5321, 4.2.1).  A 5xx to anything before (greeting, TLS, login, MAIL) is about the site's settings
and is tried again, so that mails survive a mistake in them.
"""

from __future__ import annotations

import os
import smtplib
import socket
import ssl
import subprocess
import tempfile
from typing import Protocol

from gridcompat.mailer.message import Letter
from gridcompat.mailer.reasons import Later, Refused, Unreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.settings import Settings

REPLY_WITHIN_S = 30.0
PROGRAM_WITHIN_S = 60.0
DEFAULT_PORTS = {"no": 25, "starttls": 587, "tls": 465}

# sysexits.h, as sendmail(8) uses it: these are about the mail, all others about the machine.
FINAL_STATUSES = {65: "data error", 67: "no such user", 68: "no such host"}


class Session(Protocol):
    """A way to send that is open."""

    def send(self, letter: Letter) -> None:
        """Return when somebody else has taken responsibility for the letter.

        Raises: Refused, Later, Unreachable.
        """
        ...

    def close(self) -> None:
        """End it; never raises."""
        ...


def open_session(settings: Settings) -> Session:
    """Return a session with what the settings name.

    Raises:
        Unreachable: nothing is named that exists, or it does not answer.
    """
    if settings.smtp:
        return SmtpSession(settings)
    if settings.sendmail and os.access(settings.sendmail, os.X_OK):
        return SendmailSession(settings.sendmail)
    raise Unreachable(
        f"no way to send mail: the setting `smtp` is empty and `sendmail` ({settings.sendmail}) is no program"
    )


class SmtpSession:
    """One connection to the server of the setting `smtp`."""

    def __init__(self, settings: Settings) -> None:
        host, port = server_address(settings.smtp, settings.smtp_tls)
        self._name = f"{host}:{port}"
        try:
            self._smtp = self._connect(host, port, settings)
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise Unreachable(f"{self._name}: {_told(error)}") from error

    @staticmethod
    def _connect(host: str, port: int, settings: Settings) -> smtplib.SMTP:
        me = socket.gethostname() or "localhost"  # the default asks the name service, which can take long
        smtp: smtplib.SMTP
        if settings.smtp_tls == "tls":
            context = ssl.create_default_context()
            smtp = smtplib.SMTP_SSL(host, port, me, timeout=REPLY_WITHIN_S, context=context)
        else:
            smtp = smtplib.SMTP(host, port, me, timeout=REPLY_WITHIN_S)
        try:
            smtp.ehlo_or_helo_if_needed()
            if settings.smtp_tls == "starttls":
                smtp.starttls(context=ssl.create_default_context())
                smtp.ehlo_or_helo_if_needed()
            if settings.smtp_user:
                smtp.login(settings.smtp_user, _password(settings.smtp_password_file))
        except BaseException:
            smtp.close()
            raise
        return smtp

    def send(self, letter: Letter) -> None:
        """Send one letter; see `Session`."""
        options = () if letter.recipient.isascii() else ("SMTPUTF8", "BODY=8BITMIME")
        if options and not self._smtp.has_extn("smtputf8"):
            raise Refused(f"{self._name} takes only addresses in ASCII")
        try:
            self._smtp.sendmail(letter.sender, [letter.recipient], letter.data, mail_options=options)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = error.recipients[letter.recipient]
            raise self._verdict(code, text, final=True) from error
        except smtplib.SMTPDataError as error:
            raise self._verdict(error.smtp_code, error.smtp_error, final=True) from error
        except smtplib.SMTPSenderRefused as error:
            raise self._verdict(error.smtp_code, error.smtp_error, final=False) from error
        except (OSError, ValueError, smtplib.SMTPException) as error:
            raise Unreachable(f"{self._name}: {_told(error)}") from error

    def _verdict(self, code: int, text: bytes | str, *, final: bool) -> Exception:
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        reply = f"{self._name}: {code} {said}"
        if code == 421:  # "closing transmission channel", in whatever place
            return Unreachable(reply)
        return Refused(reply) if final and 500 <= code <= 599 else Later(reply)

    def close(self) -> None:
        """Say goodbye and close."""
        try:
            self._smtp.quit()
        except (OSError, smtplib.SMTPException):
            self._smtp.close()


class SendmailSession:
    """A program that is called like sendmail for each letter."""

    def __init__(self, program: str) -> None:
        self._program = program

    def send(self, letter: Letter) -> None:
        """Run the program once; see `Session`."""
        # -i: a line with a single dot does not end the letter; --: no recipient is an option.
        command = [self._program, "-i", f"-f{letter.sender}", "--", letter.recipient]
        # Files instead of pipes: a delivery that goes on in the background may keep its ends open.
        with tempfile.TemporaryFile() as text, tempfile.TemporaryFile() as output:
            text.write(letter.data.replace(b"\r\n", b"\n"))
            text.seek(0)
            try:
                status = subprocess.run(
                    command,
                    stdin=text,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=PROGRAM_WITHIN_S,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired as error:
                raise Later(f"{self._program}: no end within {PROGRAM_WITHIN_S:.0f} s") from error
            except OSError as error:
                raise Unreachable(f"{self._program}: {_told(error)}") from error
            output.seek(0)
            said = output.read(300).decode("utf-8", "replace").strip()
        if status in FINAL_STATUSES:
            raise Refused(f"{self._program}: {FINAL_STATUSES[status]}: {said}")
        if status:
            raise Later(f"{self._program}: exit status {status}: {said}")

    def close(self) -> None:
        """There is nothing to close."""


def server_address(text: str, tls: str) -> tuple[str, int]:
    """Read `host`, `host:port` or `[v6]:port`; the port defaults to 25, 587 (starttls) or 465 (tls).

    Raises:
        Unreachable: not such an address.
    """
    host, colon, port = text.rpartition(":")
    if text.endswith("]") or not colon or (":" in host and not host.startswith("[")):
        host, port = text, str(DEFAULT_PORTS.get(tls, 25))
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise Unreachable(f"the setting `smtp` is {text!r}: not host:port")
    return host, int(port)


def _password(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.readline().rstrip("\r\n")


def _told(error: Exception) -> str:
    """Return a failure in one line, without what a server may have made us repeat."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"{error.smtp_code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"
    return str(error) or error.__class__.__name__

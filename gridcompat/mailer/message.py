"""From a spooled mail to the bytes of a message (RFC 5322) and its envelope.

Job names and addresses are whatever a user typed.  No header here is put together from text: the
standard library's `email` package does it, from values that have no line ends any more, and an
address that is not plainly one is refused instead of repaired.  Must not know servers or the spool.
"""

from __future__ import annotations

import hashlib
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formatdate, parseaddr
from unicodedata import category

from gridcompat.mailer.reasons import Unsendable
from gridcompat.outbox import Entry
from gridcompat.outbox.compose import one_line
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~.")
"""RFC 5322 atext and the dot."""
LONGEST_ADDRESS = 254


@record
class Letter:
    """One message and its envelope, ready for a transport."""

    sender: str
    recipient: str
    data: bytes
    """Lines end in CR LF."""


class _Policy(EmailPolicy):
    """Folds a subject as the older Header class does: the newer way loses blanks beside other scripts."""

    def fold_binary(self, name: str, value: str) -> bytes:
        if name != "Subject":
            return super().fold_binary(name, value)
        charset = "us-ascii" if value.isascii() else "utf-8"
        folded = Header(str(value), charset, header_name=name).encode(linesep=self.linesep)
        return f"{name}: {folded}{self.linesep}".encode("ascii")


def letter(entries: Sequence[Entry], mail_from: str) -> Letter:
    """Return the message of one mail, or of several to the same recipient put into one.

    `mail_from` is the site's sender, with or without a display name; "" is the job's owner at the
    submit host.

    Raises:
        Unsendable: the recipient cannot be an address.
    """
    first = entries[0]
    recipient = address(first.mail.recipient)
    name, sender = _sender(first, mail_from)
    message = EmailMessage(policy=_Policy(linesep="\r\n", utf8=not recipient.isascii()))
    message["Date"] = formatdate(max(entry.posted for entry in entries), localtime=True)
    message["From"] = _mailbox(name, sender)
    message["To"] = _mailbox("", recipient)
    message["Subject"] = _subject(entries)
    message["Message-ID"] = f"<{_message_id(entries)}>"
    # RFC 3834: no vacation program answers it.
    message["Auto-Submitted"] = "auto-generated"
    body = _clean(_body(entries)).replace("\r\n", "\n").replace("\r", "\n")
    message.set_content(body)
    return Letter(sender=sender, recipient=recipient, data=message.as_bytes())


def address(text: str) -> str:
    """Return an address (`someone` or `someone@example.org`) that is safe in a header and on a command line.

    A domain outside ASCII becomes its IDNA form.

    Raises:
        Unsendable: anything else than one plain address.
    """
    local, at, domain = text.partition("@")
    usable = (
        0 < len(text) <= LONGEST_ADDRESS
        and bool(local)
        and bool(domain) == bool(at)
        and all(_is_plain(part) for part in (local, domain) if part or part is local)
        # An option, a pipe or a file to some program that delivers mail.
        and local[0] not in "-|/"
    )
    if not usable:
        raise Unsendable(f"{text!r} cannot be a mail address")
    if domain and not domain.isascii():
        try:
            domain = domain.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise Unsendable(f"{text!r} cannot be a mail address: {error}") from error
    return local + at + domain


def _is_plain(part: str) -> bool:
    """Tell whether text is atoms joined by single dots; letters outside ASCII count as atom text."""
    return all(part.split(".")) and all(
        letter in PLAIN if letter.isascii() else category(letter)[0] in "LNMSP" for letter in part
    )


def _mailbox(display_name: str, plain: str) -> Address:
    local, _, domain = plain.partition("@")
    return Address(display_name=display_name, username=local, domain=domain)


def _sender(entry: Entry, mail_from: str) -> tuple[str, str]:
    """Return (display name, address); `mailer@localhost` when nothing better is an address."""
    name, typed = parseaddr(mail_from)
    if one_line(mail_from) != mail_from or (not name and mail_from.strip() not in (typed, f"<{typed}>")):
        typed = ""
    for candidate in (typed, f"{entry.mail.owner}@{entry.mail.host}"):
        try:
            sender = address(candidate)
        except Unsendable:
            continue
        if sender.isascii():
            return one_line(name) if candidate == typed else "", sender
    return "", "mailer@localhost"


def _subject(entries: Sequence[Entry]) -> str:
    mail = entries[0].mail
    subject = mail.subject
    if len(entries) > 1:
        subject = f"Job-array {mail.array_job} ({mail.job_name}): {len(entries)} mails"
    # What looks like an encoded word (RFC 2047) would be decoded, by `email` and by the reader.
    return _clean(one_line(subject)).replace("=?", "= ?")


def _body(entries: Sequence[Entry]) -> str:
    if len(entries) == 1:
        return entries[0].mail.body
    # The body of some mails is empty, so each is headed by its subject unless it begins with it.
    texts = []
    for entry in entries:
        body, subject = entry.mail.body, entry.mail.subject
        texts.append(body if body.startswith(subject) else f"{subject}\n{body.lstrip()}")
    return "\n".join(texts)


def _message_id(entries: Sequence[Entry]) -> str:
    mail = entries[0].mail
    if len(entries) == 1:
        return mail.message_id
    whole = "\n".join(sorted(entry.mail.message_id for entry in entries))
    digest = hashlib.sha256(whole.encode()).hexdigest()[:32]
    return f"digest.{mail.array_job}.{digest}@{mail.message_id.rpartition('@')[2]}"


def _clean(text: str) -> str:
    """Bytes that were no UTF-8 (surrogates) cannot be sent: each becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")

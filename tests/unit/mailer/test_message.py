"""Messages are well formed and go where they should, whatever names and addresses hold."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gridcompat.mailer.message import address, letter
from gridcompat.mailer.reasons import Unsendable
from gridcompat.outbox import Entry, Mail
from gridcompat.outbox.compose import one_line
from gridcompat.record import replace

MAIL = Mail(
    message_id="ended.1.1.1234.grid.00@bastion",
    recipient="tools.dem@bastion",
    subject="Job 1234 (job.sh) Complete",
    body="Job 1234 (job.sh) Complete\n User             = tools.dem\n",
    owner="tools.dem",
    host="bastion",
    array_job=0,
    job_name="job.sh",
)
HEADERS = [
    "Date", "From", "To", "Subject", "Message-ID", "Auto-Submitted", "MIME-Version",
    "Content-Type", "Content-Transfer-Encoding",
]  # fmt: skip


def entry(**changes: Any) -> Entry:
    mail = replace(MAIL, **changes)
    return Entry(name=mail.message_id + ".mail", mail=mail, posted=1764000000.0)


def parsed(data: bytes) -> EmailMessage:
    message = email.message_from_string(data.decode().replace("\r\n", "\n"), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_message_has_the_headers_of_rfc_5322_and_the_text_as_it_is() -> None:
    sent = letter([entry()], "")
    assert (sent.sender, sent.recipient) == ("tools.dem@bastion", "tools.dem@bastion")
    message = parsed(sent.data)
    assert message.keys()[:6] == HEADERS[:6]
    assert sorted(message.keys()) == sorted(HEADERS)
    assert message["From"] == "tools.dem@bastion"
    assert message["To"] == "tools.dem@bastion"
    assert message["Message-ID"] == "<ended.1.1.1234.grid.00@bastion>"
    assert message["Date"].datetime.timestamp() == 1764000000.0
    assert message.get_content() == MAIL.body
    assert message.get_content_type() == "text/plain"
    assert message.get_content_charset() == "utf-8"


def test_an_empty_text_keeps_its_two_line_ends() -> None:
    assert parsed(letter([entry(body="\n\n")], "").data).get_content() == "\n\n"


def test_a_bare_user_name_stays_bare() -> None:
    sent = letter([entry(recipient="someone")], "")
    assert sent.recipient == "someone"
    assert parsed(sent.data)["To"] == "someone"


@pytest.mark.parametrize(
    ("mail_from", "owner", "sender", "header"),
    [
        ("", "me", "me@bastion", "me@bastion"),
        ("grid@example.org", "me", "grid@example.org", "grid@example.org"),
        ("The grid <grid@example.org>", "me", "grid@example.org", "The grid <grid@example.org>"),
        ("Das Gitter ü <grid@example.org>", "me", "grid@example.org", "Das Gitter ü <grid@example.org>"),
        ("A\r\nBcc: x@y <grid@example.org>", "me", "me@bastion", "me@bastion"),
        ("not an address at all", "me", "me@bastion", "me@bastion"),
        ("-oQ/tmp@example.org", "me", "me@bastion", "me@bastion"),
        ("", "-oQ/tmp", "mailer@localhost", "mailer@localhost"),
        ("", "a b", "mailer@localhost", "mailer@localhost"),
    ],
)
def test_the_sender_is_the_setting_or_the_owner(mail_from: str, owner: str, sender: str, header: str) -> None:
    sent = letter([entry(owner=owner)], mail_from)
    assert sent.sender == sender
    assert parsed(sent.data)["From"] == header


GOOD = [
    "a",
    "a@b",
    "tools.dem@bastion",
    "a+b=c@example.org",
    "ü@example.org",
    "x_y-z@a.b.c",
    "O'Neil@example.org",
]
BAD = {
    "empty": "",
    "no user": "@example.org",
    "no domain": "a@",
    "two signs": "a@b@c",
    "blank": "a b@example.org",
    "line end": "a@example.org\r\nBcc: x@y",
    "newline in front": "\na@example.org",
    "tab": "a\t@example.org",
    "zero": "a\0@example.org",
    "angle brackets": "weird <a@example.org>",
    "comma": "a@x,b@x",
    "quotes": '"a b"@example.org',
    "option": "-oQ/tmp@example.org",
    "long option": "--help",
    "pipe": "|/bin/sh",
    "file": "/etc/passwd",
    "double dot": "a..b@example.org",
    "dot at the end": "a.@example.org",
    "dot in front of the domain": "a@.org",
    "line separator": "a\u2028b@example.org",
    "stray surrogate": "a\udcff@example.org",
    "backslash": "a\\@example.org",
    "comment": "a(b)@example.org",
    "colon": "group:a@example.org;",
    "long": "a" * 251 + "@b.c",
    "bad idna": "a@" + "ü" * 70 + ".org",
}


@pytest.mark.parametrize("text", GOOD)
def test_plain_addresses_are_taken_as_they_are(text: str) -> None:
    assert address(text) == text


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_what_is_not_plainly_an_address_is_refused(text: str) -> None:
    with pytest.raises(Unsendable, match="cannot be a mail address"):
        letter([entry(recipient=text)], "")


def test_a_domain_outside_ascii_is_written_in_its_ascii_form() -> None:
    assert address("a@bücher.example") == "a@xn--bcher-kva.example"


@given(st.text())
@example("x\r\nBcc: victim@example.org")
@example("x\n\nbody")
@example("\x85\x0b\x0c\x1c\u2028")
@example("ä" * 512)
@example("a" * 512)
@example("=?utf-8?q?x=0D=0ABcc:_x@y?=")
@example("\udcff")
def test_no_job_name_adds_or_changes_a_header(name: str) -> None:
    subject = f"Job 1 ({one_line(name)}) Complete"
    message = parsed(letter([entry(subject=subject, job_name=name, body=f"{subject}\n{name}\n")], "").data)
    assert sorted(message.keys()) == sorted(HEADERS)
    assert message["To"] == "tools.dem@bastion"
    assert message["Bcc"] is None


@given(st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300))
@example("ä" * 300)
@example("a  b   c " * 30)
@example("x" * 300)
@example("=?utf-8?q?=41?=")
def test_a_subject_arrives_as_it_was(name: str) -> None:
    subject = f"Job 1 ({name}) Complete"
    data = letter([entry(subject=subject)], "").data
    assert parsed(data)["Subject"] == subject.replace("=?", "= ?")
    assert max(map(len, data.split(b"\r\n"))) <= 998


@given(st.text())
@example("a@b\r\nX: y")
@example("-x")
def test_no_recipient_escapes_its_place(recipient: str) -> None:
    try:
        sent = letter([entry(recipient=recipient)], "")
    except Unsendable:
        return
    assert not sent.recipient.startswith("-")
    assert not set(sent.recipient) & set('\r\n\0 <>,;:"\\()')
    message = parsed(sent.data)
    assert sorted(message.keys()) == sorted(HEADERS)
    assert [a.addr_spec for a in message["To"].addresses] == [sent.recipient]


@given(st.text())
@example("x" * 2000)
@example("000" + "\U00010000" * 19)
@example("=3D = \n.\nFrom me\n" * 3)
def test_any_text_can_be_sent(body: str) -> None:
    data = letter([entry(body=body)], "").data
    message = email.message_from_bytes(data.replace(b"\r\n", b"\n"), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    lines = body.encode("utf-8", "replace").decode().replace("\r\n", "\n").replace("\r", "\n")
    assert max(map(len, data.split(b"\r\n"))) <= 998
    # Encoded text carries the line ends of the wire.
    assert message.get_content().replace("\r\n", "\n").rstrip("\n") == lines.rstrip("\n")


def test_a_digest_holds_every_mail_under_its_subject() -> None:
    entries = [
        entry(message_id=f"ended.1.{n}.7.grid.00@bastion", array_job=7, job_name="x",
              subject=f"Job-array task 7.{n} (x) Complete",
              body=f"Job-array task 7.{n} (x) Complete\n Exit Status      = {n}\n")
        for n in (1, 2)
    ]  # fmt: skip
    entries.append(entry(message_id="suspended.1.1.7.grid.00@bastion", array_job=7, body="\n\n", subject="S"))
    message = parsed(letter(entries, "").data)
    assert message["Subject"] == "Job-array 7 (x): 3 mails"
    assert message.get_content() == (
        "Job-array task 7.1 (x) Complete\n Exit Status      = 1\n\n"
        "Job-array task 7.2 (x) Complete\n Exit Status      = 2\n\nS\n"
    )
    assert message["Message-ID"].startswith("<digest.7.")
    assert message["Message-ID"].endswith("@bastion>")


def test_the_same_digest_has_the_same_message_id_and_another_another() -> None:
    one, two = entry(message_id="a@b", array_job=7), entry(message_id="c@b", array_job=7)
    three = entry(message_id="d@b", array_job=7)
    ids = [parsed(letter(group, "").data)["Message-ID"] for group in ([one, two], [two, one], [one, three])]
    assert ids[0] == ids[1] != ids[2]

"""Which mails a happening causes, and their words, against what a real grid was recorded to send."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gridcompat.model import Outcome
from gridcompat.outbox import Happening, Mail, mails_for
from gridcompat.outbox.compose import FAILED, one_line, signal_name
from gridcompat.record import replace

GOLDENS = Path(__file__).resolve().parents[2] / "gridlab" / "goldens"

PLAIN = Happening(
    kind="ended",
    job_id=1234,
    task=None,
    attempt=1,
    at=1764000000.0,
    job_name="job.sh",
    owner="tools.dem",
    queue="task",
    host="node1",
    submit_host="bastion",
    mail_options="abes",
    uid=52012,
    job_uid="uid-1",
)
GOOD = Outcome(ran=True, start=1764000000.0, end=1764000065.0, user_time_s=60.5, system_time_s=1.7)
KILLED = replace(GOOD, exit_status=137, signal=9, max_rss_kib=1756)
IN_ERROR = Outcome(ran=False, failed=26, reason="error: can't open output file")


def recorded() -> list[Any]:
    """Every recorded mail of the first recordings, with the job it is about.

    The later ones hold what a mail alone does not tell (`-M someone`, a pushed rescheduling); they are
    played whole by tests/gridlab.
    """
    cases = {
        case["id"]
        for name in ("mail", "toolforge")
        for case in yaml.safe_load((GOLDENS.parent / "scenarios" / f"{name}.yaml").read_text())["cases"]
    }
    found = []
    for path in sorted([*GOLDENS.glob("mail/*.json"), *GOLDENS.glob("toolforge/*.json")]):
        if path.stem not in cases:
            continue
        for number, mail in enumerate(json.loads(path.read_text()).get("mails", ())):
            found.append(pytest.param(mail, id=f"{path.stem}-{number}"))
    return found


def read_back(mail: dict[str, str]) -> Happening:
    """Take a recorded mail apart into what must have happened."""
    head = re.fullmatch(r"(Job|Job-array task) (\d+)(?:\.(\d+))? \((.*)\) (.*)", mail["subject"])
    assert head
    kind, job_id, task, name, word = head.groups()
    fields = dict(re.findall(r"(?m)^ ([A-Z]\w+(?: \w+)?) += (.*)$", mail["body"]))
    killer = re.search(r"was killed by (\S+)", mail["body"])
    reason = re.search(r"because:\n(.*)\n", mail["body"])
    failed = re.search(r"(?m)^failed (.*) because:$", mail["body"])
    outcome = None
    if word not in ("Started", "Suspended", "Continued"):
        outcome = Outcome(
            ran="<unknown>" not in mail["body"] and "Exit Status" in fields,
            start=epoch(fields.get("Start Time", "")),
            end=epoch(fields.get("End Time", "")),
            exit_status=int(fields.get("Exit Status", 0)),
            signal=9 if fields.get("Signal") == "KILL" else 0,
            max_rss_kib=round(
                float(fields.get("Max vmem", "NA").replace("NA", "0").removesuffix("M")) * 1024
            ),
            failed={text: code for code, text in FAILED.items()}[failed[1]] if failed else 0,
            reason=reason[1] if reason else "",
        )
    return Happening(
        kind={"Started": "started", "Suspended": "suspended", "Continued": "continued"}.get(word, "ended"),
        job_id=int(job_id),
        task=int(task) if kind == "Job-array task" else None,
        attempt=1,
        at=epoch(fields.get("Start Time", "")),
        job_name=name,
        owner=fields.get("User", killer[1].partition("@")[0] if killer else "tools.dem9"),
        queue=fields.get("Queue", "task").partition("@")[0],
        host=fields.get("Host", "gridmaster"),
        submit_host="gridmaster",
        mail_options="abes",
        mail_list=(mail["to"],) if mail["to"].endswith(".org") else (),
        outcome=outcome,
        killed_by=killer[1] if killer else "",
    )


def epoch(text: str) -> float:
    return time.mktime(time.strptime(text, "%m/%d/%Y %H:%M:%S")) if text[:1].isdigit() else 0.0


@pytest.mark.parametrize("mail", recorded())
def test_recorded_mails_come_out_byte_for_byte(mail: dict[str, str]) -> None:
    composed = mails_for(read_back(mail), site="grid")
    assert mail in [{"to": m.recipient, "subject": m.subject, "body": m.body} for m in composed]


def test_there_are_recorded_mails_of_each_kind() -> None:
    words = {param.values[0]["subject"].rpartition(") ")[2] for param in recorded()}
    assert words >= {
        "Started",
        "Complete",
        "Aborted",
        "Killed",
        "Rescheduled",
        "Set in error state",
        "Suspended",
    }


STARTED = replace(PLAIN, kind="started")
ENDED = replace(PLAIN, outcome=GOOD)
CASES = {
    "start": (STARTED, {"b": "Started"}),
    "good end": (ENDED, {"e": "Complete"}),
    "exit 1": (replace(PLAIN, outcome=replace(GOOD, exit_status=1)), {"e": "Complete"}),
    "exit 127": (replace(PLAIN, outcome=replace(GOOD, exit_status=127)), {"e": "Complete"}),
    "signal": (replace(PLAIN, outcome=KILLED), {"a": "Aborted", "e": "Aborted"}),
    "signal, said twice": (
        replace(PLAIN, outcome=replace(KILLED, failed=100)),
        {"a": "Aborted", "e": "Aborted"},
    ),
    "h_rt": (replace(PLAIN, outcome=replace(KILLED, failed=37)), {"a": "Aborted", "e": "Aborted"}),
    "lost": (replace(PLAIN, outcome=replace(GOOD, lost=True)), {"a": "Aborted", "e": "Aborted"}),
    "deleted": (
        replace(PLAIN, outcome=KILLED, killed_by="me@bastion"),
        {"a": "Aborted, Killed", "e": "Aborted"},
    ),
    "deleted, yet ended well": (
        replace(PLAIN, outcome=GOOD, killed_by="me@bastion"),
        {"a": "Killed", "e": "Complete"},
    ),
    "deleted before it ran": (
        replace(PLAIN, outcome=Outcome(ran=False), killed_by="me@bastion"),
        {"a": "Killed"},
    ),
    "withdrawn before it ran": (replace(PLAIN, outcome=Outcome(ran=False)), {}),
    "exit 99": (
        replace(PLAIN, outcome=replace(GOOD, exit_status=99, failed=25)),
        {"a": "Rescheduled", "e": "Rescheduled"},
    ),
    "exit 100": (
        replace(PLAIN, outcome=replace(GOOD, exit_status=100, failed=30)),
        {"a": "Rescheduled due to application error", "e": "Rescheduled due to application error"},
    ),
    "no output file": (
        replace(PLAIN, outcome=IN_ERROR),
        {"a": "Set in error state", "e": "Set in error state", "b": "Started"},
    ),
    "no directory": (
        replace(PLAIN, outcome=replace(IN_ERROR, failed=28)),
        {"a": "Set in error state", "e": "Set in error state", "b": "Started"},
    ),
    "suspended": (replace(PLAIN, kind="suspended", order=3), {"s": "Suspended"}),
    "continued": (replace(PLAIN, kind="continued", order=4), {"s": "Continued"}),
}


@pytest.mark.parametrize(
    "letters", ["", "a", "b", "e", "s", "ab", "ae", "be", "abe", "abes", "es", "as", "bs"]
)
@pytest.mark.parametrize(("happening", "table"), CASES.values(), ids=CASES)
def test_letters_decide_which_mails_are_sent(
    happening: Happening, table: dict[str, str], letters: str
) -> None:
    wanted = {word for letter in letters for word in table.get(letter, "").split(", ") if word}
    mails = mails_for(replace(happening, mail_options=letters), site="grid")
    assert sorted(mail.subject for mail in mails) == sorted(f"Job 1234 (job.sh) {word}" for word in wanted)
    assert {mail.recipient for mail in mails} <= {"tools.dem@bastion"}


def test_each_recipient_gets_one_mail_of_its_own_even_if_named_twice() -> None:
    happening = replace(ENDED, mail_list=("a@x", "someone", "a@x"))
    mails = mails_for(happening, site="grid")
    assert [mail.recipient for mail in mails] == ["a@x", "someone"]
    assert len({mail.message_id for mail in mails}) == 2


PUSHED = {
    "by qmod -rj": replace(KILLED, failed=25),
    "by qmod -rj, ended well": replace(GOOD, failed=25),
    "lost host": replace(GOOD, failed=25, lost=True, exit_status=99),
}


@pytest.mark.parametrize("outcome", PUSHED.values(), ids=PUSHED)
@pytest.mark.parametrize(("task", "what"), [(None, "job 1234"), (5, "job-array task 1234.5")])
def test_a_pushed_rescheduling_is_told_to_whom_asked_for_a(
    outcome: Outcome, task: int | None, what: str
) -> None:
    happening = replace(PLAIN, outcome=outcome, task=task)
    assert mails_for(replace(happening, mail_options="bes"), site="grid") == ()
    (mail,) = mails_for(replace(happening, mail_options="a"), site="grid")
    assert mail.subject == f"Pushed rescheduling of {what}"
    assert mail.body == (
        f"Your {what} is was running on host node1."
        f" Pushed manually/automatic rescheduling for this {what.rpartition(' ')[0]}.\n"
    )


def test_the_start_of_a_task_that_could_not_start_is_the_same_mail_whoever_tells_of_it() -> None:
    told = mails_for(replace(PLAIN, kind="started", mail_options="b"), site="grid")
    found = mails_for(replace(PLAIN, outcome=IN_ERROR, mail_options="b"), site="grid")
    assert told == found
    assert [mail.subject for mail in found] == ["Job 1234 (job.sh) Started"]


def body(happening: Happening) -> str:
    return mails_for(replace(happening, mail_options="a"), site="grid")[0].body


REASONS = {
    "task": (replace(PLAIN, task=7, outcome=KILLED), "job 1234.7 died through signal KILL (9)"),
    "h_rt": (
        replace(PLAIN, outcome=replace(KILLED, failed=37)),
        "failed qmaster enforced h_rt, h_cpu, or h_vmem limit because:\njob 1234.1 died through signal KILL",
    ),
    "reason with its own time": (
        replace(PLAIN, outcome=replace(IN_ERROR, reason="11/24/2026 02:26:51 [52012:831]: error: no")),
        "because:\n11/24/2026 02:26:51 [52012:831]: error: no\nUse ",
    ),
    "reason of several lines": (
        replace(PLAIN, outcome=replace(IN_ERROR, reason="one\r\ntwo")),
        "[52012:0]: one  two\nUse ",
    ),
    "long reason": (
        replace(PLAIN, outcome=replace(IN_ERROR, reason="11/24/2026 07:04:20 [1003:8775]: " + "ä" * 80)),
        "because:\n11/24/2026 07:04:20 [1003:8775]: " + "ä" * 33 + "\nUse ",
    ),
    "unknown failure": (
        replace(PLAIN, outcome=replace(IN_ERROR, failed=21)),
        "failed assumedly before job because:\n",
    ),
    "lost host": (
        replace(PLAIN, outcome=replace(GOOD, lost=True, reason="the host is lost")),
        " Signal           = unknown signal\n",
    ),
}


@pytest.mark.parametrize(("happening", "text"), REASONS.values(), ids=REASONS)
def test_the_reason_of_a_failure_is_told(happening: Happening, text: str) -> None:
    assert text in body(happening)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "00:00:00"), (61, "00:01:01"), (86399, "23:59:59"), (90061, "1:01:01:01"), (-5, "00:00:00")],
)
def test_durations_read_as_the_grid_writes_them(seconds: float, text: str) -> None:
    outcome = replace(GOOD, user_time_s=seconds, system_time_s=0.0)
    assert f" User Time        = {text}\n" in mails_for(replace(PLAIN, outcome=outcome), site="g")[0].body


@pytest.mark.parametrize(
    ("kib", "text"),
    [(0, "NA"), (512, "512.000K"), (1756, "1.715M"), (3 << 20, "3.000G"), (5 << 30, "5.000T")],
)
def test_memory_reads_as_the_grid_writes_it(kib: int, text: str) -> None:
    assert f" Max vmem         = {text}\n" in body(replace(PLAIN, outcome=replace(KILLED, max_rss_kib=kib)))


@pytest.mark.parametrize(
    ("number", "name"),
    [(1, "HUP"), (9, "KILL"), (15, "TERM"), (31, "SYS"), (0, "unknown signal"), (64, "unknown signal")],
)
def test_signals_have_names(number: int, name: str) -> None:
    assert signal_name(number) == name


def identifier(**changes: Any) -> str:
    mail: Mail = mails_for(replace(ENDED, **changes), site=changes.pop("site", "grid"))[0]
    return mail.message_id


def test_message_ids_differ_in_all_that_makes_two_mails_two() -> None:
    changes: list[dict[str, Any]] = [
        {}, {"kind": "started"}, {"job_id": 1235}, {"task": 2}, {"attempt": 2}, {"mail_list": ("a@x",)},
        {"job_uid": "uid-2"}, {"kind": "suspended", "order": 1}, {"kind": "suspended", "order": 2},
    ]  # fmt: skip
    names = [identifier(**change) for change in changes]
    names.append(mails_for(ENDED, site="other")[0].message_id)
    assert len(set(names)) == len(names)


def test_message_ids_do_not_depend_on_who_computes_them_or_when() -> None:
    assert (
        identifier() == identifier(host="elsewhere", at=1.0) == "ended.1.1.1234.grid.378e7ed5059a1d5a@bastion"
    )


@given(st.text(), st.text(), st.text())
def test_message_ids_are_plain_whatever_names_hold(site: str, host: str, recipient: str) -> None:
    happening = replace(ENDED, submit_host=host, mail_list=(recipient,))
    (mail,) = mails_for(happening, site=site)
    assert re.fullmatch(r"[a-z]+(\.[A-Za-z0-9-]+)+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", mail.message_id)
    assert len(mail.message_id) < 240


@given(st.text())
def test_a_subject_is_one_line_without_control_characters(name: str) -> None:
    (mail,) = mails_for(replace(ENDED, job_name=name), site="grid")
    assert len(mail.subject.splitlines()) == 1
    assert mail.subject == f"Job 1234 ({one_line(name)}) Complete"
    assert not set(mail.subject) & set(map(chr, [*range(32), 127]))
    assert mail.body.startswith(mail.subject + "\n")

"""Which mails a happening causes, to whom, and Grid Engine's words for them.

Pure: a Happening goes in, Mails come out, the same ones whoever computes them and however often.
The texts are an interface, for people filter and parse these mails; they are not improved.
Times are shown in the zone of the process, as the grid's execution daemon shows its own.
Must not know headers, spools or servers.
"""

from __future__ import annotations

import time
from unicodedata import category

from gridcompat.model import Outcome
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

RESCHEDULED = 25
APPLICATION_ERROR = 30
LIMIT = 37
AFTER_JOB = 100
PUT_BACK = 99
"""The exit status by which a job asks to be run again."""

FAILED = {
    0: "assumedly after job",
    RESCHEDULED: "rescheduling",
    26: "opening input/output file",
    27: "searching requested shell",
    28: "changing into working directory",
    APPLICATION_ERROR: "application error returned",
    LIMIT: "qmaster enforced h_rt, h_cpu, or h_vmem limit",
    AFTER_JOB: "assumedly after job",
}
"""accounting(5), `failed`, in the words of the mail; any other code reads "assumedly before job"."""

ENDINGS = {
    RESCHEDULED: "Rescheduled",
    APPLICATION_ERROR: "Rescheduled due to application error",
    LIMIT: "Aborted",
    AFTER_JOB: "Aborted",
}
"""What the subject says of a failure; of any other, that the job is in error."""

REASON_BYTES = 100
"""What the mail keeps of the reason why a job could not be started."""

SIGNALS = " HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP \
TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS"
"""Separated by single blanks, from 0 (which is none) on; Linux has the same numbers
on every machine that gridcompat runs on."""


@record
class Happening:
    """One thing that happened to one attempt, with all that its mails say.

    Two happenings with the same `kind`, `order`, attempt, task and job are the same one.
    """

    kind: str
    """`started`, `ended`, `suspended` or `continued`."""
    job_id: int
    task: int | None
    """None for a plain job."""
    attempt: int
    at: float
    """Epoch seconds; of `started` the start time shown."""
    job_name: str
    owner: str
    queue: str
    """The bare name: `task`."""
    host: str
    submit_host: str
    """SGE_O_HOST: the host of the default address."""
    mail_options: str
    """Of the letters a b e s."""
    mail_list: tuple[str, ...] = ()
    """Addresses as typed; empty is owner@submit_host."""
    outcome: Outcome | None = None
    """Of `ended`. Its `failed` decides what the mail says became of the job."""
    killed_by: str = ""
    """USER@HOST, when the attempt ended because its task was deleted."""
    order: int = 0
    """`seq` of the order behind `suspended` and `continued`, which may come several times."""
    uid: int = 0
    """Of the owner, shown in a failure's reason."""
    job_uid: str = ""
    """metadata.uid of the GridJob: tells two jobs of one number apart, once a state directory was deleted."""


@record
class Mail:
    """One mail to one recipient; `message_id` is without angle brackets and safe as a file name."""

    message_id: str
    recipient: str
    subject: str
    body: str
    owner: str
    host: str
    """submit host: with `owner` the default sender."""
    array_job: int
    """The job's id for a task of an array, which may be digested; 0 for a plain job."""
    job_name: str


def mails_for(happening: Happening, *, site: str) -> tuple[Mail, ...]:
    """Return the mails that a happening causes, for each event one to each recipient.

    `site` is the installation's name, part of the Message-ID.

    Source: qsub(1), -m and -M; for what the manual leaves open, recorded mails.
    """
    letters = set(happening.mail_options)
    if not letters:
        return ()
    recipients = happening.mail_list or (f"{happening.owner}@{happening.submit_host}",)
    return tuple(
        Mail(
            message_id=_message_id(happening, event, recipient, site),
            recipient=recipient,
            subject=one_line(subject),
            body=body,
            owner=happening.owner,
            host=happening.submit_host,
            array_job=0 if happening.task is None else happening.job_id,
            job_name=one_line(happening.job_name),
        )
        for event, wanted, subject, body in _events(happening)
        if letters & set(wanted)
        for recipient in dict.fromkeys(recipients)
    )


def one_line(text: str) -> str:
    """Return text without line ends, control characters and stray surrogates: a blank or `?` for each."""
    return "".join(
        "?" if category(letter) == "Cs" else " " if category(letter) in ("Cc", "Zl", "Zp") else letter
        for letter in text
    )


def _events(happening: Happening) -> Iterator[tuple[str, str, str, str]]:
    """Yield (event, letters that ask for it, subject, body)."""
    what = _what(happening)
    if happening.kind == "started":
        subject = f"{what} Started"
        yield "started", "b", subject, _started_body(happening, subject)
    elif happening.kind == "suspended":
        yield "suspended", "s", f"{what} Suspended", "\n\n"
    elif happening.kind == "continued":
        yield "continued", "s", f"{what} Continued", "\n\n"
    elif happening.kind == "ended" and happening.outcome is not None:
        yield from _end(happening, happening.outcome, what)
        if happening.killed_by:
            gap = "  " if happening.task is None else " "
            killer = one_line(happening.killed_by)
            yield "killed", "a", f"{what} Killed", f"{what}{gap}was killed by {killer}\n"


def _end(happening: Happening, outcome: Outcome, what: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield the event that says how the program ended, if there was one to end."""
    failed = outcome.failed or (AFTER_JOB if outcome.signal or outcome.lost else 0)
    if not failed:
        if outcome.ran:
            subject = f"{what} Complete"
            yield "ended", "e", subject, _complete_body(happening, outcome, subject)
        return
    if failed == RESCHEDULED and (outcome.signal or outcome.lost or outcome.exit_status != PUT_BACK):
        yield _pushed(happening)
        return
    if not outcome.ran:
        # The grid says so when it hands a task to a host, before anything there can fail.
        subject = f"{what} Started"
        yield "started", "b", subject, _started_body(happening, subject)
    subject = f"{what} {ENDINGS.get(failed, 'Set in error state')}"
    yield "ended", "ae", subject, _failed_body(happening, outcome, failed, subject)


def _pushed(happening: Happening) -> tuple[str, str, str, str]:
    """Return the event of a run that qmod -rj or a lost host ended, in the grid's own grammar."""
    kind, number = ("job", f"{happening.job_id}")
    if happening.task is not None:
        kind, number = "job-array task", f"{happening.job_id}.{happening.task}"
    body = (
        f"Your {kind} {number} is was running on host {happening.host}."
        f" Pushed manually/automatic rescheduling for this {kind}.\n"
    )
    return "ended", "a", f"Pushed rescheduling of {kind} {number}", body


def _what(happening: Happening) -> str:
    name = one_line(happening.job_name)
    if happening.task is None:
        return f"Job {happening.job_id} ({name})"
    return f"Job-array task {happening.job_id}.{happening.task} ({name})"


def _started_body(happening: Happening, subject: str) -> str:
    return (
        f"{subject}\n"
        f" User       = {happening.owner}\n"
        f" Queue      = {happening.queue}\n"
        f" Host       = {happening.host}\n"
        f" Start Time = {_moment(happening.at)}\n"
    )


def _complete_body(happening: Happening, outcome: Outcome, subject: str) -> str:
    return (
        f"{subject}\n"
        f" User             = {happening.owner}\n"
        f" Queue            = {happening.queue}@{happening.host}\n"
        f" Host             = {happening.host}\n"
        f" Start Time       = {_moment(outcome.start)}\n"
        f" End Time         = {_moment(outcome.end)}\n"
        f" User Time        = {_duration(outcome.user_time_s)}\n"
        f" System Time      = {_duration(outcome.system_time_s)}\n"
        f" Wallclock Time   = {_duration(outcome.end - outcome.start)}\n"
        f" CPU              = {_duration(outcome.user_time_s + outcome.system_time_s)}\n"
        f" Max vmem         = {_memory(outcome.max_rss_kib)}\n"
        f" Exit Status      = {outcome.exit_status}\n"
    )


def _failed_body(happening: Happening, outcome: Outcome, failed: int, subject: str) -> str:
    in_error = failed not in ENDINGS
    cpu = _duration(outcome.user_time_s + outcome.system_time_s) if outcome.ran else "NA"
    return (
        f"{subject}\n"
        f" Exit Status      = {-1 if in_error else outcome.exit_status}\n"
        f" Signal           = {signal_name(outcome.signal)}\n"
        f" User             = {happening.owner}\n"
        f" Queue            = {happening.queue}@{happening.host}\n"
        f" Host             = {happening.host}\n"
        f" Start Time       = {_moment(outcome.start)}\n"
        f" End Time         = {_moment(outcome.end if outcome.ran else 0)}\n"
        f" CPU              = {cpu}\n"
        f" Max vmem         = {_memory(outcome.max_rss_kib)}\n"
        f"failed {FAILED.get(failed, 'assumedly before job')} because:\n"
        f"{_reason(happening, outcome, failed)}\n"
        + ('Use "qmod -c <jobid>" to clear job error state\nonce the problem is fixed.\n' if in_error else "")
    )


def _reason(happening: Happening, outcome: Outcome, failed: int) -> str:
    if failed in (LIMIT, AFTER_JOB):
        if outcome.signal:
            number = 1 if happening.task is None else happening.task
            name = signal_name(outcome.signal)
            return f"job {happening.job_id}.{number} died through signal {name} ({outcome.signal})"
        return one_line(outcome.reason)
    reason = outcome.reason
    if not reason and failed in (RESCHEDULED, APPLICATION_ERROR):
        reason = f"exit_status of job start = {outcome.exit_status}"
    if reason[2:3] != "/" or reason[5:6] != "/":  # else it brings its time along
        reason = f"{_moment(outcome.end or happening.at)} [{happening.uid}:0]: {reason}"
    return one_line(reason).encode()[:REASON_BYTES].decode("utf-8", "ignore")


def signal_name(signal: int) -> str:
    """Return `KILL` for 9, and Grid Engine's `unknown signal` for 0 and what Linux has no name for."""
    names = SIGNALS.split(" ")
    return names[signal] if 1 <= signal < len(names) else "unknown signal"


def _moment(at: float) -> str:
    return time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(at)) if at > 0 else "<unknown>"


def _duration(seconds: float) -> str:
    minutes, second = divmod(max(int(seconds), 0), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return (f"{days}:" if days else "") + f"{hour:02}:{minute:02}:{second:02}"


def _memory(kib: int) -> str:
    if kib <= 0:
        return "NA"
    size, unit = float(kib), "K"
    for larger in "MGT":
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{size:.3f}{unit}"


def _message_id(happening: Happening, event: str, recipient: str, site: str) -> str:
    """Name one mail, the same on every machine: nothing of the process that computes it goes in."""
    import hashlib  # 3 ms, and most jobs send no mail

    event += f"-{happening.order}" if happening.order else ""
    task = 1 if happening.task is None else happening.task
    who = hashlib.sha256(f"{happening.job_uid}\0{recipient}".encode("utf-8", "surrogateescape")).hexdigest()[
        :16
    ]
    job = f"{event}.{happening.attempt}.{task}.{happening.job_id}"
    return f"{job}.{_atom(site, 40) or 'grid'}.{who}@{_atom(happening.submit_host, 64) or 'localhost'}"


def _atom(text: str, length: int) -> str:
    """Return text as labels of a domain name: letters, digits, hyphens and single dots."""
    kept = "".join(
        letter if letter.isascii() and letter.isalnum() else "." if letter == "." else "-" for letter in text
    )
    return ".".join(part for part in kept[:length].split(".") if part)

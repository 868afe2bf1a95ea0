"""The domain: what was asked for (JobRequest) and what became of a run (Outcome).

A JobRequest is what `options` makes of a command line and `translate` stores whole, as canonical
JSON, in the GridJob: nothing is ever recovered by taking a pod or a shell command apart.  Nothing
here knows a cluster.  Units are in the names; times are epoch seconds.
"""

from __future__ import annotations

from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    HostPath: TypeAlias = tuple[str, str]
    """(host or "", path as typed): one entry of -o, -e, -i or -S."""
    Resource: TypeAlias = tuple[str, str]
    """(full name of the complex, value as typed): one entry of -l."""
    TaskRange: TypeAlias = tuple[int, int, int]
    """(first, last, step); first <= last, step >= 1."""

SCHEMA_VERSION = 1
"""Of the canonical JSON of a JobRequest. A reader refuses a newer one with a clear line."""


@record
class SubmitContext:
    """The submitting shell, as far as the job's SGE_O_* variables tell of it. "" means not set there."""

    home: str = ""
    host: str = ""
    log_name: str = ""
    mail: str = ""
    path: str = ""
    shell: str = ""
    tz: str = ""
    workdir: str = ""


@record
class JobRequest:
    """One submission, after all sources of options were merged.

    Field names are Grid Engine's words; each names its switch.  Environment values and the script's
    text are not in here (they go into the Secret): `variables` holds names only.
    """

    schema: int = SCHEMA_VERSION
    command: str = "qsub"
    """The client: qsub, jsub, jstart, qcronsub ..."""
    name: str = ""
    """-N, or derived from script or command."""
    script_file: str = ""
    """As typed: path of the script, the command of -b y, or STDIN."""
    arguments: tuple[str, ...] = ()
    binary: bool = False
    """-b y"""
    shell: bool = True
    """-shell; only matters with -b y."""
    has_script: bool = True
    """A script text travels in the Secret."""
    account: str = "sge"
    """-A"""
    context: tuple[tuple[str, str], ...] = ()
    """-ac, -dc, -sc; in order."""
    start_time: int | None = None
    """-a, epoch seconds."""
    deadline: int | None = None
    """-dl, epoch seconds."""
    cwd: str | None = None
    """-cwd (absolute) or -wd (as typed); None is the home directory."""
    stdin_paths: tuple[HostPath, ...] = ()
    stdout_paths: tuple[HostPath, ...] = ()
    stderr_paths: tuple[HostPath, ...] = ()
    merge: bool = False
    """-j y"""
    user_hold: bool = False
    """-h at submission."""
    predecessors_requested: tuple[str, ...] = ()
    """-hold_jid as typed: numbers, names, patterns."""
    predecessors: tuple[int, ...] = ()
    """What they were resolved to at submission."""
    array_predecessors_requested: tuple[str, ...] = ()
    """-hold_jid_ad as typed."""
    array_predecessors: tuple[int, ...] = ()
    hard_resources: tuple[Resource, ...] = ()
    soft_resources: tuple[Resource, ...] = ()
    hard_queues: tuple[str, ...] = ()
    soft_queues: tuple[str, ...] = ()
    master_queues: tuple[str, ...] = ()
    mail_options: str = ""
    """Of the letters a b e s, in that order; "" is none (-m n)."""
    mail_list: tuple[str, ...] = ()
    """Addresses as typed; empty is owner@submit-host."""
    notify: bool = False
    priority: int = 0
    """-p, -1023 to 1024."""
    parallel_environment: str = ""
    """-pe name as typed (may be a pattern); "" is none."""
    slot_ranges: tuple[TaskRange, ...] = ()
    """-pe ranges, (min, max, step); an open end is 9999999."""
    restart: str = ""
    """-r: "y", "n", or "" when not given."""
    shell_paths: tuple[HostPath, ...] = ()
    """-S"""
    tasks: TaskRange | None = None
    """-t; the last is as typed (1-10:4 keeps 10)."""
    max_running_tasks: int = 0
    """-tc; 0 is no limit."""
    variables: tuple[str, ...] = ()
    """Names of -v, in the order shown by qstat -j, where TERM stands first."""
    without_term: bool = False
    """Whether `variables` are those of qalter -v, among which TERM is not put."""
    export_all: bool = False
    """-V"""
    project: str = ""
    department: str = ""
    checkpoint: str = ""
    reserve: bool = False
    job_share: int = 0
    binding: str = ""
    now: bool = False
    """-now y"""
    continuous: bool = False
    """jstart: the launcher runs the command until it exits 0."""
    once: bool = False
    """Refuse if the name is active (jsub -once)."""
    changed: int = 0
    """How often qalter, qhold and qrls changed the job: `version` of qstat -j."""
    submit: SubmitContext = SubmitContext()


@record
class Submission:
    """A JobRequest and what travels beside it, as a front-end hands it to `service.submit`."""

    request: JobRequest
    script: bytes | None = None
    """The script's text byte for byte; None with -b y."""
    environment: tuple[tuple[str, str], ...] = ()
    """-v and -V with their values (surrogateescape for bytes that are not UTF-8)."""


@record
class Account:
    """Who a namespace belongs to, from its GridAccount: what a run may be, never what a user wrote."""

    namespace: str
    owner: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    group: str = ""
    """Name of the primary group."""
    home: str = ""
    volumes: tuple[tuple[str, str], ...] = ()
    """(path in the pod, volume source as JSON) beside the home."""


@record
class Outcome:
    """What became of one attempt, from the launcher's evidence or, without it, from the pod's status."""

    ran: bool
    """The program was started (so there is an accounting record with a start time)."""
    start: float = 0.0
    """Epoch seconds; 0 if it never started."""
    end: float = 0.0
    exit_status: int = 0
    """0..255; 128 + signal when a signal ended it."""
    signal: int = 0
    user_time_s: float = 0.0
    system_time_s: float = 0.0
    max_rss_kib: int = 0
    failed: int = 0
    """accounting(5) `failed`: 0, 25 rescheduling, 26 opening input/output file, 27 searching requested
    shell, 28 changing into working directory, 30 application error,
    37 limit enforced, 100 assumedly after job."""
    reason: str = ""
    """Text for qstat -j and mail when `failed` is not 0."""
    told: bool = False
    """The launcher ended it, because it was told to: somebody deleted the pod."""
    lost: bool = False
    """The node is gone, so nobody saw how it ended; or the pod was taken away from outside."""
    elsewhere: int = 0
    """The attempt that the launcher found to have been begun by another pod, so that it began nothing."""
    since: float = 0.0
    """Epoch seconds of that beginning, 0 if nobody knows."""
    host: str = ""

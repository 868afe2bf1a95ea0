"""One frozen Settings, read once: the site's TOML file, the user's, then GRIDCOMPAT_* variables.

Nobody else reads `os.environ` for settings.  `load` also returns where each value came from, for
`gridcompat config`.  The parsed files are cached as JSON (0600) because `tomllib` costs 5 ms and
cron starts hundreds of commands a second.  Must not know the cluster or the commands.
"""

from __future__ import annotations

from gridcompat.record import record


@record
class Queue:
    """A cluster queue and what it becomes in Kubernetes."""

    name: str
    slots: int = 100
    """On each host."""
    rerun: bool = False
    """Jobs are rerunnable unless -r n."""
    notify_s: int = 2
    """Seconds between the warning signal of -notify and the end."""
    shell: str = "/bin/sh"
    shell_start_mode: str = "unix_behavior"
    """unix_behavior, posix_compliant or script_from_stdin."""
    limits: tuple[tuple[str, str], ...] = ()
    """Upper limits of the queue: (h_rt, 3600) ..., as typed."""
    node_selector: tuple[tuple[str, str], ...] = ()
    tolerations: str = "[]"
    """JSON list, as in a pod."""
    priority_class: str = ""
    image: str = ""
    """"" is the site's."""


@record
class ParallelEnvironment:
    """A parallel environment; only those within one host can be had."""

    name: str
    slots: int = 999
    allocation_rule: str = "$pe_slots"


@record
class Settings:
    """Everything a site or a user can set. Times in seconds, memory in bytes, unless the name says otherwise."""

    cluster: str = "embedded"
    """`embedded` or `kubernetes`."""
    state_dir: str = ""
    """Of the embedded cluster; "" lets `cluster.embedded.paths` choose a local directory."""
    namespace: str = ""
    """"" is `default` on the embedded cluster and the kubeconfig's context on Kubernetes."""
    debug: bool = False
    """GRIDCOMPAT_DEBUG: show tracebacks."""

    # the grid as users see it
    sge_root: str = "/var/lib/gridengine"
    """The job's SGE_ROOT; Debian's value, which scripts may hold."""
    sge_cell: str = "default"
    binary_path: str = "/usr/sbin/lx-amd64"
    """The job's SGE_BINARY_PATH."""
    arch: str = "lx-amd64"
    accounting_file: str = ""
    """"" is STATE/common/accounting on the embedded cluster."""
    first_job_id: int = 1000
    """Four digits at least, so that scripts that grep for a number do not meet other numbers; a site
    that leaves a grid sets it above the grid's last number."""
    id_block: int = 1000
    """Job ids handed to an account at a time."""
    queues: tuple[Queue, ...] = (Queue(name="task"), Queue(name="continuous", slots=50, rerun=True))
    default_queue: str = "task"
    continuous_queue: str = "continuous"
    parallel_environments: tuple[ParallelEnvironment, ...] = (
        ParallelEnvironment(name="smp"),
        ParallelEnvironment(name="mpi", allocation_rule="$round_robin"),
    )
    projects: tuple[str, ...] = ()
    calendars: tuple[str, ...] = ()
    checkpoints: tuple[str, ...] = ()
    host_groups: tuple[str, ...] = ("@allhosts",)
    releases: tuple[str, ...] = ("buster",)
    """Values of the complex `release`; the first is jsub's default."""
    release_images: tuple[tuple[str, str], ...] = ()
    """(release, image)"""
    h_vmem_default: str = "1G"
    """What a job without -l h_vmem counts as, of the host's h_vmem."""
    h_vmem_capacity: str = "400G"
    """Address space that a host gives out; it is not memory."""
    max_array_tasks: int = 75000
    max_array_instances: int = 2000
    finished_jobs: int = 100
    """Finished GridJobs kept per account, beyond the hour that each stays."""
    finished_keep_s: int = 3600
    reschedule_unknown_s: int = 0
    """Seconds after which the run of a lost node is given up; 0 is never (unless -r y or continuous: 60)."""
    max_requeues: int = 0
    """Exit 99 more often than this puts the job into Eqw; 0 is no limit, as on the grid."""

    # jsub and its family
    jsub_mem: str = "512m"
    mail_domain: str = "toolforge.org"
    """jsub's default -M is LOGNAME@this."""

    # mail
    smtp: str = ""
    """host:port; "" uses `sendmail`."""
    smtp_tls: str = "no"
    """`no`, `starttls` or `tls`."""
    smtp_user: str = ""
    smtp_password_file: str = ""
    sendmail: str = "/usr/sbin/sendmail"
    mail_from: str = ""
    """"" is owner@host."""
    mail_give_up_s: int = 5 * 24 * 3600
    mail_digest: bool = False
    """Put many mails of one array to one address into one."""

    # how strict
    approximations: str = "warn"
    """Switches that are approximated: `warn`, `quiet`, or `refuse`."""

    # Kubernetes
    kubeconfig: str = ""
    """A KUBECONFIG list; "" is $KUBECONFIG, then ~/.kube/config, then the service account."""
    context: str = ""
    image: str = ""
    cpu_per_slot_m: int = 10
    """Millicores requested for each slot; small because grids oversubscribe."""
    memory_overhead: int = 64 * 1024 * 1024
    """Added to the memory limit of a container for the launcher."""
    image_pull_policy: str = "IfNotPresent"
    run_dir: str = ".gridcompat/run"
    """Where launchers claim attempts and leave evidence; relative to the account's home."""
    site_name: str = "grid"
    """In Message-IDs."""
    owner: str = ""
    """Name of the submitting account on the embedded cluster; "" is the passwd entry of the uid."""
    request_timeout_s: float = 30.0

"""One frozen Settings, read once: the site's TOML file, the user's, then GRIDCOMPAT_* variables.

Nobody else reads `os.environ` for settings.  `load` also returns where each value came from, for
`gridcompat config`.  The parsed files are cached as JSON (0600) because `tomllib` costs 5 ms and
cron starts hundreds of commands a second; `settings.files` does the parsing.  Must not know the
cluster or the commands.
"""

from __future__ import annotations

import os

from gridcompat.errors import SettingsError
from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gridcompat.settings import site

SITE_FILE = "/etc/gridcompat/site.toml"
USER_FILE = ".config/gridcompat/config.toml"
"""In the home."""
CACHE_FILE = ".cache/gridcompat/settings.json"
"""In the home: the values of settings files by path, modification time and size."""
CACHE_VERSION = 1
VARIABLE_NAMES = {"state_dir": "GRIDCOMPAT_STATE"}
"""Variables whose name is not GRIDCOMPAT_ and the field in capitals."""


@record
class Queue:
    """A cluster queue and what it becomes in Kubernetes."""

    name: str
    """As `-q` names it."""
    slots: int = 100
    """On each host."""
    rerun: bool = False
    """Jobs are rerunnable unless -r n."""
    notify_s: int = 2
    """Seconds between the warning signal of -notify and the end."""
    shell: str = "/bin/sh"
    """Of jobs without -S; with unix_behavior a script that begins with #! names its own."""
    shell_start_mode: str = "unix_behavior"
    """unix_behavior, posix_compliant or script_from_stdin."""
    limits: tuple[tuple[str, str], ...] = ()
    """Upper limits of the queue: (h_rt, 3600) ..., as typed."""
    node_selector: tuple[tuple[str, str], ...] = ()
    """Labels of the nodes that runs may go to, on Kubernetes."""
    tolerations: str = "[]"
    """JSON list, as in a pod."""
    priority_class: str = ""
    """Of the pods; "" is the cluster's default."""
    image: str = ""
    """"" is the site's."""
    seq_no: int = 0
    """Place in lists of queues, and in the choice of one where a job names none."""
    hostlist: tuple[str, ...] = ()
    """Hosts and host groups that have it; empty: all. Nodes that are no `[[host]]` have every queue."""
    qtype: str = "BATCH"
    """BATCH, INTERACTIVE or both; shown only."""
    pe_list: tuple[str, ...] = ()
    """Parallel environments of the queue; empty: all, `["NONE"]`: none."""
    ckpt_list: tuple[str, ...] = ()
    """Checkpointing interfaces, likewise; shown only."""
    user_lists: tuple[str, ...] = ()
    """Only members of these `[[user_list]]`s may use it; empty: everybody."""
    xuser_lists: tuple[str, ...] = ()
    """Members of these may not."""
    projects: tuple[str, ...] = ()
    """Only jobs of these projects may use it; empty: all jobs."""
    xprojects: tuple[str, ...] = ()
    """Jobs of these projects may not."""
    calendar: str = ""
    """`[[calendar]]` that closes the queue for new runs; what runs is not suspended."""
    complex_values: tuple[tuple[str, str], ...] = ()
    """What the queue has on each host: (gpu, 1) ... Consumables are counted."""
    shown: tuple[tuple[str, str], ...] = ()
    """Other lines of queue_conf(5), which `qconf -sq` shows and nothing obeys: (prolog, /bin/true) ..."""
    per_host: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """What is otherwise on some hosts: `{ "@big" = { slots = "8", h_rt = "2:00:00" } }`."""


@record
class Volume:
    """What is mounted into every job on Kubernetes, beside the account's home and volumes."""

    name: str
    """For people."""
    path: str = ""
    """Where in the job. A home at or below it needs no mount of its own."""
    source: str = "{}"
    """Volume source as in a pod; in the file a table: `source = { nfs = { server = "s", path = "/p" } }`."""
    read_only: bool = False
    """Jobs cannot write into it."""


@record
class ParallelEnvironment:
    """A parallel environment; only those within one host can be had."""

    name: str
    """As `-pe` names it."""
    slots: int = 999
    """That all its runs may take together."""
    allocation_rule: str = "$pe_slots"
    """As on the grid; all slots of a job are on one host, whatever it says."""
    user_lists: tuple[str, ...] = ()
    """Only members of these `[[user_list]]`s may use it; empty: everybody."""
    xuser_lists: tuple[str, ...] = ()
    """Members of these may not."""
    start_proc_args: str = "NONE"
    """Shown only, as all that follows."""
    stop_proc_args: str = "NONE"
    """See start_proc_args."""
    control_slaves: bool = False
    """See start_proc_args."""
    job_is_first_task: bool = True
    """See start_proc_args."""
    urgency_slots: str = "min"
    """See start_proc_args."""
    accounting_summary: bool = False
    """See start_proc_args."""
    qsort_args: str = "NONE"
    """See start_proc_args."""


@record
class Settings:
    """Everything a site or a user can set. Seconds and bytes, unless the name says otherwise."""

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
    """The job's SGE_CELL, and a part of the accounting file's path."""
    binary_path: str = "/usr/sbin/lx-amd64"
    """The job's SGE_BINARY_PATH."""
    arch: str = "lx-amd64"
    """The job's ARC, and the value of the complex `arch`."""
    accounting_file: str = ""
    """"" is STATE/common/accounting on the embedded cluster."""
    first_job_id: int = 1000
    """Four digits at least, so that scripts that grep for a number do not meet other numbers; a site
    that leaves a grid sets it above the grid's last number."""
    id_block: int = 1000
    """Job ids handed to an account at a time."""
    queues: tuple[Queue, ...] = (Queue(name="task"), Queue(name="continuous", slots=50, rerun=True))
    default_queue: str = "task"
    """Of jobs without -q, as long as it takes them; one of the queues."""
    continuous_queue: str = "continuous"
    """Of continuous jobs without -q; one of the queues."""
    parallel_environments: tuple[ParallelEnvironment, ...] = (
        ParallelEnvironment(name="smp"),
        ParallelEnvironment(name="mpi", allocation_rule="$round_robin"),
    )
    projects: tuple[str, ...] = ()
    """Names that -P takes, beside those of the `[[project]]` tables."""
    calendars: tuple[str, ...] = ()
    """Names that `qconf -scall` lists, beside those of the `[[calendar]]` tables."""
    checkpoints: tuple[str, ...] = ()
    """Names that -ckpt takes, beside those of the `[[checkpoint]]` tables."""
    host_groups: tuple[str, ...] = ("@allhosts",)
    """Names; all hosts are in those that have no `[[host_group]]`."""
    host_group_details: tuple[site.HostGroup, ...] = ()
    project_details: tuple[site.Project, ...] = ()
    calendar_details: tuple[site.Calendar, ...] = ()
    checkpoint_details: tuple[site.Checkpoint, ...] = ()
    hosts: tuple[site.ExecHost, ...] = ()
    user_lists: tuple[site.UserList, ...] = ()
    resource_quotas: tuple[site.ResourceQuota, ...] = ()
    host_configurations: tuple[site.HostConfiguration, ...] = ()
    complexes: tuple[str, ...] = ()
    """Complexes of the site's own, or unlike the usual: lines as `qconf -sc` shows them, of eight words."""
    complexes_absent: tuple[str, ...] = ()
    """Usual complexes that the site does not have."""
    managers: tuple[str, ...] = ("root", "sgeadmin")
    """Shown only: who may change something is a matter of files and of Kubernetes; so are operators."""
    operators: tuple[str, ...] = ()
    """Shown only, see managers."""
    admin_hosts: tuple[str, ...] = ()
    """Shown only; empty: the execution hosts. So are submit_hosts."""
    submit_hosts: tuple[str, ...] = ()
    """Shown only, see admin_hosts."""
    scheduler: tuple[tuple[str, str], ...] = ()
    """Lines of sched_conf(5) that `qconf -ssconf` shows; shown only."""
    configuration: tuple[tuple[str, str], ...] = ()
    """Lines of sge_conf(5) that `qconf -sconf` shows; shown only. What has a setting is not needed."""
    releases: tuple[str, ...] = ("buster",)
    """Values of the complex `release`; the first is jsub's default."""
    release_images: tuple[tuple[str, str], ...] = ()
    """(release, image)"""
    h_vmem_default: str = "1G"
    """What a job without -l h_vmem counts as, of the host's h_vmem."""
    h_vmem_capacity: str = "400G"
    """Address space that a host gives out; it is not memory."""
    max_array_tasks: int = 75000
    """Tasks of one array (-t); more are refused."""
    max_array_instances: int = 2000
    """Tasks of one array that may run at a time, whatever -tc says; 0 is no limit."""
    finished_jobs: int = 100
    """Finished GridJobs kept per account, beyond the hour that each stays."""
    finished_keep_s: int = 3600
    """Seconds for which each finished GridJob is kept, for `qstat -s z` and `gridcompat logs`."""
    reschedule_unknown_s: int = 0
    """Seconds after which the run of a lost node is given up; 0 is never (unless -r y or continuous: 60)."""
    max_requeues: int = 0
    """Exit 99 more often than this puts the job into Eqw; 0 is no limit, as on the grid."""

    # jsub and its family
    jsub_mem: str = "512m"
    """jsub's default -mem."""
    mail_domain: str = "toolforge.org"
    """jsub's default -M is LOGNAME@this."""

    # mail
    smtp: str = ""
    """host:port; "" uses `sendmail`."""
    smtp_tls: str = "no"
    """`no`, `starttls` or `tls`."""
    smtp_user: str = ""
    """Login at the mail server; "" is none."""
    smtp_password_file: str = ""
    """Its first line is the password."""
    sendmail: str = "/usr/sbin/sendmail"
    """Program that mail is given to where there is no smtp."""
    mail_from: str = ""
    """"" is owner@host."""
    mail_give_up_s: int = 5 * 24 * 3600
    """Seconds after which a mail that cannot be sent is given up."""
    mail_digest: bool = False
    """Put many mails of one array to one address into one."""

    # how strict
    approximations: str = "warn"
    """Switches that are approximated: `warn`, `quiet`, or `refuse`."""

    # Kubernetes
    kubeconfig: str = ""
    """A KUBECONFIG list; "" is $KUBECONFIG, then ~/.kube/config, then the service account."""
    context: str = ""
    """Of the kubeconfig; "" is its current one."""
    image: str = ""
    """Of jobs, and of the daemon unless `gridcompat manifests --image` names another."""
    cpu_per_slot_m: int = 10
    """Millicores requested for each slot; small because grids oversubscribe."""
    memory_overhead: int = 64 * 1024 * 1024
    """Added to the memory limit of a container for the launcher."""
    image_pull_policy: str = "IfNotPresent"
    """Of pods: `IfNotPresent`, `Always` or `Never`."""
    volumes: tuple[Volume, ...] = ()
    run_dir: str = ".gridcompat/run"
    """Where launchers claim attempts and leave evidence; relative to the account's home."""
    job_service_account: str = ""
    """ServiceAccount of jobs, so that commands inside them work; "" gives them no way to the API server.
    `gridcompat account add --in-job` makes it."""
    job_api_server: str = "https://kubernetes.default.svc"
    """URL of the API server as jobs reach it."""
    site_name: str = "grid"
    """In Message-IDs."""
    owner: str = ""
    """Name of the submitting account on the embedded cluster; "" is the passwd entry of the uid."""
    daemon_idle_s: float = 8.0
    """The daemon of the embedded cluster ends after so long without anything to do. Short, for it holds
    40 MiB; not shorter, for the next command of a script should find it."""
    request_timeout_s: float = 30.0
    """Seconds for one request to the API server."""

    def shared_accounting(self) -> str:
        """Return the path of the accounting file that the hosts of a real cluster's site share."""
        return self.accounting_file or f"{self.sge_root}/{self.sge_cell}/common/accounting"


def load(
    environ: Mapping[str, str], *, home: str, uid: int, remember: bool = True
) -> tuple[Settings, dict[str, str]]:
    """Return the settings, and for each field that is not at its default where its value came from.

    Later sources win: the site's file ($GRIDCOMPAT_CONFIG or /etc/gridcompat/site.toml), the user's
    (~/.config/gridcompat/config.toml), GRIDCOMPAT_NAME variables.  A file that is not there costs one
    `stat`; a variable that is set to nothing counts as not set.

    Args:
        remember: may write the cache of parsed files.

    Raises:
        SettingsError: a file cannot be read, has an unknown key or a bad value; a bad variable.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    named = environ.get("GRIDCOMPAT_CONFIG", "")
    for path in (named or SITE_FILE, os.path.join(home, USER_FILE)):
        found = _file(path, home=home, uid=uid, must_exist=path == named, remember=remember)
        values.update(found["values"])
        for field, line in found["lines"].items():
            origins[field] = f"{path}:{line}" if line else path
    for field, default in Settings.__dict__.items():
        if field in _FIELDS and not isinstance(default, tuple):
            variable = variable_name(field)
            text = environ.get(variable, "")
            if text:
                values[field] = _from_text(text, default, variable)
                origins[field] = variable
    inside = environ.get("SGE_JOB_SPOOL_DIR", "")
    if inside and "state_dir" not in values:
        place = _cluster_of_job(inside, uid=uid)
        if place and os.path.exists(f"{place}/kubeconfig"):
            values |= {"cluster": "kubernetes", "kubeconfig": f"{place}/kubeconfig"}
            origins |= {"cluster": "SGE_JOB_SPOOL_DIR", "kubeconfig": "SGE_JOB_SPOOL_DIR"}
        elif place:
            values["state_dir"], origins["state_dir"] = place, "SGE_JOB_SPOOL_DIR"
    return _settings(values, origins), origins


def _cluster_of_job(spool_dir: str, *, uid: int) -> str:
    """Return where the cluster that runs the calling job is found; "" outside a job.

    That is the state directory of an embedded cluster, or a directory with a kubeconfig.

    The launcher leaves it in the job's spool directory: its environment is the grid's, to the letter.
    """
    try:
        with open(os.path.join(spool_dir, "cluster"), encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_uid != uid:
                return ""
            return file.read(4096).rstrip("\n")
    except (OSError, ValueError):
        return ""


def variable_name(field: str) -> str:
    """Return the name of the environment variable of a field."""
    return VARIABLE_NAMES.get(field, "GRIDCOMPAT_" + field.upper())


_FIELDS: frozenset[str] = frozenset(Settings.__annotations__)
_CHOICES = {
    "cluster": ("embedded", "kubernetes"),
    "smtp_tls": ("no", "starttls", "tls"),
    "approximations": ("warn", "quiet", "refuse"),
    "image_pull_policy": ("Always", "IfNotPresent", "Never"),
}
_SITE = frozenset(
    (
        "host_group_details", "project_details", "calendar_details", "checkpoint_details", "hosts",
        "user_lists", "resource_quotas", "host_configurations", "complexes",
    )
)  # fmt: skip
"""Settings that only `settings.checked` knows how to read."""
_PLAIN = frozenset(
    (
        "name", "slots", "rerun", "notify_s", "shell", "shell_start_mode", "limits", "image", "node_selector",
        "tolerations", "priority_class", "seq_no", "allocation_rule",
    )
)  # fmt: skip
"""What a queue or an environment has that refers to nothing else."""
_AT_LEAST_ONE = ("first_job_id", "id_block", "max_array_tasks", "max_array_instances", "cpu_per_slot_m")


def _from_text(text: str, default: Any, variable: str) -> Any:
    if isinstance(default, bool):
        word = text.lower()
        if word not in ("1", "0", "true", "false", "yes", "no"):
            raise SettingsError(
                f"{variable}: '{text}' is neither yes nor no", hint="1 or 0, true or false, yes or no"
            )
        return word in ("1", "true", "yes")
    kind = type(default)
    try:
        return kind(text)
    except ValueError:
        raise SettingsError(f"{variable}: '{text}' is not a number") from None


def _settings(values: dict[str, Any], origins: Mapping[str, str]) -> Settings:
    """The record, after the checks that hold whatever the source."""

    def fault(field: str, text: str, hint: str = "") -> SettingsError:
        origin = origins.get(field, "defaults")
        name = "" if origin == variable_name(field) else f" {field}:"
        return SettingsError(f"{origin}:{name} {text}", hint=hint)

    for field, choices in _CHOICES.items():
        if values.get(field, choices[0]) not in choices:
            raise fault(field, f"'{values[field]}' is not one of its values", ", ".join(choices))
    for field in _FIELDS & values.keys():
        value = values[field]
        if isinstance(value, (int, float)) and value < (field in _AT_LEAST_ONE):
            raise fault(field, f"'{value}' is too small")
        if isinstance(value, str) and ("\0" in value or "\n" in value):
            raise fault(field, "a newline or NUL cannot be in a setting")
    raw_queues, raw_environments = values.get("queues", ()), values.get("parallel_environments", ())
    if "queues" in values:
        values["queues"] = tuple(Queue(**_tuples(queue)) for queue in values["queues"])
        names = [queue.name for queue in values["queues"]]
        chosen = values.get("default_queue", Settings.default_queue)
        if chosen not in names:
            at = "default_queue" if "default_queue" in values else "queues"
            raise fault(at, f"the default queue '{chosen}' is not one of the queues", ", ".join(names))
    if "parallel_environments" in values:
        environments = values["parallel_environments"]
        values["parallel_environments"] = tuple(ParallelEnvironment(**_tuples(one)) for one in environments)
    tables = (*raw_queues, *raw_environments)
    if not _SITE.isdisjoint(values) or any(not table.keys() <= _PLAIN for table in tables):
        from gridcompat.settings import checked

        checked.fill(values, fault)
    if "volumes" in values:
        values["volumes"] = tuple(Volume(**_tuples(one)) for one in values["volumes"])
        for one in values["volumes"]:
            if not one.path.startswith("/"):
                raise fault("volumes", f"'{one.path}' is not an absolute path")
    return Settings(**_tuples(values))


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Lists of the JSON cache as the tuples that records hold."""
    return {name: _tuple(value) for name, value in fields.items()}


def _tuple(value: Any) -> Any:
    return tuple(_tuple(item) for item in value) if isinstance(value, list) else value


_NOTHING: dict[str, dict[str, Any]] = {"values": {}, "lines": {}}


def _file(path: str, *, home: str, uid: int, must_exist: bool, remember: bool) -> dict[str, dict[str, Any]]:
    """The checked values of one file and the lines they stand on, from the cache if it knows the file."""
    try:
        stat = os.stat(path)
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(f"{path}: no such file", hint="GRIDCOMPAT_CONFIG names it") from None
        return _NOTHING
    except (OSError, ValueError) as error:
        # A home of another user is no reason to fail; a site's file that cannot be read is one.
        if path.endswith(USER_FILE):
            return _NOTHING
        raise SettingsError(f"{path}: {getattr(error, 'strerror', error)}") from error
    from gridcompat import jsons as json

    key = f"{os.path.realpath(path)} {stat.st_mtime_ns} {stat.st_size}"
    cache = os.path.join(home, CACHE_FILE)
    known: dict[str, Any] = {}
    try:
        descriptor = os.open(cache, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, encoding="ascii") as file:
            held = os.fstat(descriptor)
            content = json.load(file) if held.st_uid == uid and not held.st_mode & 0o022 else {}
        if content.get("version") == CACHE_VERSION:
            known = content["files"]
            return known[key]  # type: ignore[no-any-return]  # written by `settings.files.remember`
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    from gridcompat.settings import files

    found = files.read(path)
    if remember:
        files.remember(cache, known, key, found)
    return found

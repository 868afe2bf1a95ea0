"""Every switch of every command of the grid and of the jsub family: one row each.

The scanner, the checks, `-help`, `gridcompat explain` and the reference page all read this table, so
adding a switch is one row, one translation and one recorded case.  Rows are plain tuples, turned into
`Option` records on demand: importing this module must cost next to nothing.  Must not know how
values become a job.
"""

from __future__ import annotations

from gridcompat.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

OBEYED = "obeyed"
APPROXIMATED = "approximated"
NO_EFFECT = "no effect"
REFUSED = "refused"

MANY = -1
"""As a number of words: all up to the next one with a dash, and at least one."""

# where a switch may stand
COMMAND_LINE = "c"
SCRIPT = "s"
REQUEST_FILE = "r"
OPTION_FILE = "@"
JSUBRC = "j"
EVERYWHERE = "csr@"
JSUB = "csj"
PLACES = {
    "c": "command line",
    "s": "script",
    "r": ".sge_request",
    "@": "-@ file",
    "j": ".jsubrc",
}


@record
class Option:
    """One switch of one or more commands."""

    switch: str
    metavar: str
    """Its arguments as -help shows them; "" for none."""
    words: int
    """How many words it takes, or MANY."""
    optional: bool
    """The word may be missing: it is taken unless it begins with a dash (qstat -F, qacct -j)."""
    parse: str
    """Name of the reader in `options.values`."""
    target: str
    """The JobRequest field it sets, or what the command is told."""
    commands: tuple[str, ...]
    places: str
    """Letters of PLACES."""
    merge: str
    """How a repeat merges: replace, append, hosts, resources, queues, variables, context, letters, mails
    or toggle."""
    verdict: str
    help: str
    source: str


_BATCH = ("qsub",)
_SUBMIT = ("qsub", "qrsh", "qsh", "qlogin")
_ALTER = ("qsub", "qalter", "qrsh", "qsh", "qlogin")
_INTERACTIVE = ("qrsh", "qsh", "qlogin")
_CHANGE = ("qalter", "qhold", "qrls")
_JSUB = ("jsub", "jstart", "qcronsub")
_ALL = (
    *("qsub", "qalter", "qhold", "qrls", "qdel", "qmod", "qresub", "qstat", "qhost", "qacct", "qselect"),
    *("qconf", "qrsh", "qsh", "qlogin", "qquota", "qping", "qrstat", "qrsub", "qrdel"),
    *("qmake", "qmon", "qtcsh"),
)

# switch, metavar, reader, target, commands, verdict, help
# and where they differ: merge ("replace"), places (EVERYWHERE if qsub has it, else COMMAND_LINE),
# words (0 or 1 by the metavar, MANY by the reader)
ROWS: tuple[tuple[object, ...], ...] = (
    ("-@", "file", "file", "", _SUBMIT, OBEYED, "read further options from a file", "append"),
    ("-a", "date_time", "date", "start_time", ("qsub", "qalter"), OBEYED, "request a start time"),
    ("-ac", "context_list", "context", "context", _ALTER, OBEYED,
     "give the job notes of the form name=value", "context"),
    ("-ar", "ar_id", "reservation", "", _ALTER, REFUSED, "use an advance reservation; there are none here"),
    ("-A", "account_string", "text", "account", _ALTER, OBEYED,
     "charge this account in the accounting record"),
    ("-b", "y[es]|n[o]", "yes_no", "binary", ("qsub", "qrsh"), OBEYED,
     "run a command instead of a copy of a script"),
    ("-binding", "[env|pe|set] exp|lin|str", "binding", "binding", _ALTER, NO_EFFECT,
     "wish for processor cores; kept and shown, cores are not bound", "replace", EVERYWHERE, 1),
    ("-c", "ckpt_selector", "occasion", "", _ALTER, REFUSED,
     "say when to make checkpoints; only n can be had"),
    ("-ckpt", "ckpt_name", "text", "checkpoint", _ALTER, REFUSED,
     "use a checkpointing environment; there are none here"),
    ("-clear", "", "flag", "", _SUBMIT, OBEYED, "forget all options given so far", "append"),
    ("-cwd", "", "flag", "cwd", _ALTER, OBEYED, "run in the current directory"),
    ("-C", "directive_prefix", "text", "", _BATCH, OBEYED,
     "read script lines that begin with this as options",
     "replace", COMMAND_LINE),
    ("-dc", "simple_context_list", "names", "context", _ALTER, OBEYED,
     "take notes from the job's context", "context"),
    ("-dl", "date_time", "date", "deadline", _ALTER, REFUSED, "give a deadline; nobody may here"),
    ("-e", "path_list", "paths", "stderr_paths", ("qsub", "qalter"), OBEYED,
     "put the job's errors into this file", "hosts"),
    ("-h", "", "flag", "user_hold", _SUBMIT, OBEYED, "hold the job back until qrls"),
    ("-h", "hold_list", "holds", "holds", ("qalter", "qresub"), OBEYED,
     "put holds on jobs or take them off", "append"),
    ("-h", "hold_list", "hold_letters", "holds", ("qhold", "qrls"), OBEYED,
     "name the kinds of holds: letters of u, o and s", "append"),
    ("-hard", "", "flag", "", _ALTER, OBEYED, "make the following -l and -q conditions", "toggle"),
    ("-help", "", "flag", "", _ALL, OBEYED, "print this help", "replace", COMMAND_LINE),
    ("-hold_jid", "job_identifier_list", "jobs", "predecessors_requested", _ALTER, OBEYED,
     "wait until these jobs have ended", "append"),
    ("-hold_jid_ad", "job_identifier_list", "jobs", "array_predecessors_requested", _ALTER, OBEYED,
     "let each task wait for the same task of these array jobs", "append"),
    ("-i", "file_list", "paths", "stdin_paths", ("qsub", "qalter"), OBEYED,
     "let the job read this file", "hosts"),
    ("-j", "y[es]|n[o]", "yes_no", "merge", ("qsub", "qalter"), OBEYED, "put errors into the output file"),
    ("-js", "job_share", "share", "job_share", _ALTER, NO_EFFECT,
     "weigh jobs of one user; kept and shown, there is no share tree"),
    ("-jsv", "jsv_url", "verifier", "", _SUBMIT, REFUSED,
     "pass the request through a verifier; there is none here"),
    ("-l", "resource_list", "resources", "hard_resources", _ALTER, OBEYED, "ask for resources", "resources"),
    ("-m", "mail_options", "mail_options", "mail_options", _ALTER, OBEYED,
     "choose what mail is sent about", "letters"),
    ("-M", "mail_list", "mails", "mail_list", _ALTER, OBEYED, "name who gets the mail", "mails"),
    ("-masterq", "wc_queue_list", "queues", "master_queues", _ALTER, OBEYED,
     "choose the queue of a parallel job's first task; all run in one place", "append"),
    ("-N", "name", "name", "name", _ALTER, OBEYED, "name the job"),
    ("-notify", "", "flag", "notify", _ALTER, OBEYED,
     "warn the job by a signal before it is stopped or killed"),
    ("-now", "y[es]|n[o]", "yes_no", "now", _SUBMIT, REFUSED,
     "start at once or not at all; y is never met here"),
    ("-o", "path_list", "paths", "stdout_paths", ("qsub", "qalter"), OBEYED,
     "put the job's output into this file", "hosts"),
    ("-ot", "tickets", "tickets", "", ("qsub", "qalter", "qrsh"), REFUSED,
     "give override tickets; operators only"),
    ("-P", "project_name", "text", "project", _ALTER, OBEYED, "count the job to a project"),
    ("-p", "priority", "priority", "priority", _ALTER, OBEYED, "change the job's rank, at most 0 for users"),
    ("-pe", "wc_pe_name slot_range", "slots", "parallel_environment", _ALTER, OBEYED,
     "ask for slots in a parallel environment, all in one place", "replace", EVERYWHERE, 2),
    ("-pty", "y[es]|n[o]", "yes_no", "", ("qsub", *_INTERACTIVE), NO_EFFECT,
     "ask for a terminal; batch jobs have none"),
    ("-q", "wc_queue_list", "queues", "hard_queues", _ALTER, OBEYED, "choose queues", "queues"),
    ("-R", "y[es]|n[o]", "yes_no", "reserve", _ALTER, NO_EFFECT,
     "reserve resources ahead; kept and shown, nothing is reserved"),
    ("-r", "y[es]|n[o]", "yes_no", "restart", _ALTER, OBEYED, "say whether the job may be run again"),
    ("-sc", "context_list", "context", "context", _ALTER, OBEYED, "replace the job's context", "context"),
    ("-shell", "y[es]|n[o]", "yes_no", "shell", ("qsub", "qrsh"), OBEYED,
     "run a command of -b y through a login shell"),
    ("-soft", "", "flag", "", _ALTER, OBEYED, "make the following -l and -q wishes", "toggle"),
    ("-sync", "y[es]|n[o]", "yes_no", "", _BATCH, OBEYED, "wait for the end and return the job's status"),
    ("-S", "path_list", "paths", "shell_paths", ("qsub", "qalter"), OBEYED,
     "name the shell for commands of -b y", "hosts"),
    ("-t", "task_id_range", "tasks", "tasks", _BATCH, OBEYED, "make an array job of these tasks"),
    ("-t", "task_id_range", "tasks", "operand", (*_CHANGE, "qdel", "qmod"), OBEYED,
     "only these tasks of the job before", "append"),
    ("-tc", "max_running_tasks", "concurrency", "max_running_tasks", ("qsub", "qalter"), OBEYED,
     "run at most so many tasks at a time"),
    ("-terse", "", "flag", "", _BATCH, OBEYED, "print the job's number only"),
    ("-u", "user_list", "users", "users", _CHANGE, OBEYED, "all jobs of these users", "append"),
    ("-u", "[user_list]", "users", "users", ("qdel",), OBEYED, "all jobs of these users", "append"),
    ("-u", "user_list", "text", "", _SUBMIT, NO_EFFECT, "means something to qalter only"),
    ("-v", "variable_list", "variables", "variables", _ALTER, OBEYED, "give the job variables", "variables"),
    ("-verify", "", "flag", "", _ALTER, OBEYED, "print the request instead of submitting it"),
    ("-V", "", "flag", "export_all", _ALTER, OBEYED,
     "give the job all variables but those of the cluster's client"),
    ("-w", "e|w|n|p|v", "level", "", _ALTER, OBEYED, "check whether any queue could run the job"),
    ("-wd", "working_directory", "text", "cwd", _ALTER, OBEYED, "run in this directory"),
    # of the interactive commands; qsub knows the words and says that they are not its own
    ("-display", "display_specifier", "text", "", _SUBMIT, REFUSED,
     "show windows there; interactive jobs only"),
    ("-inherit", "", "flag", "", _SUBMIT, REFUSED, "run inside another job; interactive jobs only"),
    ("-noshell", "", "flag", "", _SUBMIT, REFUSED, "run without a shell; interactive jobs only"),
    ("-nostdin", "", "flag", "", _SUBMIT, REFUSED, "leave standard input alone; interactive jobs only"),
    ("-verbose", "", "flag", "", _SUBMIT, REFUSED, "tell about the connection; interactive jobs only"),
    # changes of jobs
    ("-f", "", "flag", "force", ("qdel", "qmod"), OBEYED,
     "do it by force, also on a host that does not answer"),
    ("-c", "job_wc_queue_list", "words", "clear", ("qmod",), OBEYED,
     "clear the error state of jobs", "append"),
    ("-cj", "job_list", "words", "clear", ("qmod",), OBEYED, "clear the error state of jobs", "append"),
    ("-cq", "wc_queue_list", "words", "queue", ("qmod",), REFUSED,
     "clear the error state of queues; managers only", "append"),
    ("-d", "wc_queue_list", "words", "queue", ("qmod",), REFUSED, "close queues; managers only", "append"),
    ("-e", "wc_queue_list", "words", "queue", ("qmod",), REFUSED, "open queues; managers only", "append"),
    ("-r", "job_wc_queue_list", "words", "reschedule", ("qmod",), OBEYED,
     "end runs and start them again", "append"),
    ("-rj", "job_list", "words", "reschedule", ("qmod",), OBEYED, "end runs and start them again", "append"),
    ("-rq", "wc_queue_list", "words", "queue", ("qmod",), REFUSED,
     "start a queue's jobs again; managers only", "append"),
    ("-s", "job_wc_queue_list", "words", "suspend", ("qmod",), OBEYED,
     "stop running jobs for a while", "append"),
    ("-sj", "job_list", "words", "suspend", ("qmod",), OBEYED, "stop running jobs for a while", "append"),
    ("-sq", "wc_queue_list", "words", "queue", ("qmod",), REFUSED, "stop queues; managers only", "append"),
    ("-us", "job_wc_queue_list", "words", "unsuspend", ("qmod",), OBEYED, "let stopped jobs go on", "append"),
    ("-usj", "job_list", "words", "unsuspend", ("qmod",), OBEYED, "let stopped jobs go on", "append"),
    ("-usq", "wc_queue_list", "words", "queue", ("qmod",), REFUSED,
     "let stopped queues go on; managers only", "append"),
    # lists
    ("-ext", "", "flag", "ext", ("qstat",), APPROXIMATED, "show more about shares; the numbers are neutral"),
    ("-explain", "a|c|A|E", "text", "explain", ("qstat",), OBEYED, "show why queues are in a state"),
    ("-f", "", "flag", "full", ("qstat",), OBEYED, "show queues and their jobs"),
    ("-F", "[resource_attributes]", "text", "resources", ("qstat", "qhost"), OBEYED,
     "show resources of queues or hosts"),
    ("-g", "{c|d|t}", "text", "group", ("qstat",), OBEYED,
     "sum up queues, or show each task, or each slot", "append"),
    ("-j", "[job_identifier_list]", "text", "jobs", ("qstat",), OBEYED, "show all about jobs"),
    ("-l", "resource_list", "text", "resources", ("qstat", "qselect", "qhost"), OBEYED,
     "only what offers these resources", "append"),
    ("-ne", "", "flag", "", ("qstat",), OBEYED, "leave out queues without jobs"),
    ("-ncb", "", "flag", "", ("qstat", "qhost"), NO_EFFECT,
     "leave out the shape of processors; it is not shown anyway"),
    ("-pe", "pe_list", "text", "pes", ("qstat", "qselect"), OBEYED,
     "only queues with these parallel environments", "append"),
    ("-pri", "", "flag", "", ("qstat",), APPROXIMATED,
     "show how priorities come about; the parts are neutral"),
    ("-q", "wc_queue_list", "text", "queues", ("qstat", "qselect"), OBEYED, "only these queues", "append"),
    ("-qs", "{a|c|d|o|s|u|A|C|D|E|S}", "text", "states", ("qstat", "qselect"), OBEYED,
     "only queues in these states", "append"),
    ("-r", "", "flag", "requests", ("qstat",), OBEYED, "show what jobs asked for"),
    ("-s", "{p|r|s|z|hu|ho|hs|hd|hj|ha|h|a}", "text", "states", ("qstat",), OBEYED,
     "only jobs in these states"),
    ("-t", "", "flag", "", ("qstat",), OBEYED, "show the tasks of parallel jobs"),
    ("-u", "user_list", "text", "users", ("qstat", "qhost"), OBEYED, "only jobs of these users", "append"),
    ("-U", "user_list", "text", "users", ("qstat", "qselect"), NO_EFFECT,
     "only queues these users may use; all may", "append"),
    ("-urg", "", "flag", "", ("qstat",), APPROXIMATED, "show how urgency comes about; the parts are neutral"),
    ("-xml", "", "flag", "xml", ("qstat", "qhost"), OBEYED, "print XML"),
    ("-h", "hostlist", "text", "hosts", ("qhost",), OBEYED, "only these hosts", "append"),
    ("-j", "", "flag", "jobs", ("qhost",), OBEYED, "show the jobs of each host"),
    ("-q", "", "flag", "queues", ("qhost",), OBEYED, "show the queues of each host"),
    # accounting
    ("-ar", "[ar_id]", "text", "reservations", ("qacct",), NO_EFFECT, "sum up reservations; there are none"),
    ("-A", "[account_string]", "text", "accounts", ("qacct",), OBEYED, "sum up accounts"),
    ("-b", "begin_time", "date", "begin", ("qacct",), OBEYED, "only what started after this"),
    ("-d", "days", "text", "days", ("qacct",), OBEYED, "only the last days"),
    ("-D", "[department]", "text", "departments", ("qacct",), OBEYED, "sum up departments"),
    ("-e", "end_time", "date", "end", ("qacct",), OBEYED, "only what started before this"),
    ("-E", "", "flag", "", ("qacct",), OBEYED, "let -b and -e mean the end of jobs"),
    ("-f", "acctfile", "text", "file", ("qacct",), OBEYED, "read this accounting file"),
    ("-g", "[groupid|groupname]", "text", "groups", ("qacct",), OBEYED, "sum up groups"),
    ("-h", "[host]", "text", "hosts", ("qacct",), OBEYED, "sum up hosts"),
    ("-j", "[job_id|job_name|pattern]", "text", "jobs", ("qacct",), OBEYED, "show the records of jobs"),
    ("-l", "attr=val,...", "text", "resources", ("qacct",), OBEYED,
     "only jobs that asked for these resources", "append"),
    ("-m", "", "flag", "", ("qacct",), OBEYED, "only the first record of parallel jobs"),
    ("-o", "[owner]", "text", "owners", ("qacct",), OBEYED, "sum up owners"),
    ("-u", "[owner]", "text", "owners", ("qacct",), OBEYED, "sum up owners"),
    ("-pe", "[pe_name]", "text", "pes", ("qacct",), OBEYED, "sum up parallel environments"),
    ("-P", "[project]", "text", "projects", ("qacct",), OBEYED, "sum up projects"),
    ("-q", "[queue]", "text", "queues", ("qacct",), OBEYED, "sum up queues"),
    ("-slots", "[slots]", "text", "slots", ("qacct",), OBEYED, "sum up by the number of slots"),
    ("-t", "taskid[-taskid[:step]]", "text", "tasks", ("qacct",), OBEYED, "only these tasks of array jobs"),
    # configuration: what can be looked at
    ("-sc", "", "flag", "complexes", ("qconf",), OBEYED, "show the complexes"),
    ("-sconf", "[host_list]", "text", "configuration", ("qconf",), APPROXIMATED,
     "show the configuration, as far as there is one"),
    ("-se", "hostname", "text", "host", ("qconf",), APPROXIMATED, "show an execution host"),
    ("-sel", "", "flag", "hosts", ("qconf",), OBEYED, "list execution hosts"),
    ("-sh", "", "flag", "hosts", ("qconf",), OBEYED, "list administration hosts"),
    ("-shgrp", "group", "text", "host group", ("qconf",), OBEYED, "show a host group"),
    ("-shgrpl", "", "flag", "host groups", ("qconf",), OBEYED, "list host groups"),
    ("-sm", "", "flag", "managers", ("qconf",), OBEYED, "list managers"),
    ("-so", "", "flag", "operators", ("qconf",), OBEYED, "list operators"),
    ("-sp", "pe_name", "text", "pe", ("qconf",), OBEYED, "show a parallel environment"),
    ("-spl", "", "flag", "pes", ("qconf",), OBEYED, "list parallel environments"),
    ("-sprjl", "", "flag", "projects", ("qconf",), OBEYED, "list projects"),
    ("-sq", "[queue_list]", "text", "queues", ("qconf",), OBEYED, "show queues"),
    ("-sql", "", "flag", "queues", ("qconf",), OBEYED, "list queues"),
    ("-ss", "", "flag", "hosts", ("qconf",), OBEYED, "list submit hosts"),
    # limits, reservations, the daemon
    ("-h", "wc_host_list", "text", "hosts", ("qquota",), OBEYED, "show only these hosts"),
    ("-l", "resource_attributes", "text", "resources", ("qquota",), OBEYED, "show only these resources"),
    ("-pe", "wc_pe_list", "text", "pes", ("qquota",), OBEYED, "show only these parallel environments"),
    ("-P", "wc_project_list", "text", "projects", ("qquota",), OBEYED, "show only these projects"),
    ("-q", "wc_cqueue_list", "text", "queues", ("qquota",), OBEYED, "show only these queues"),
    ("-u", "user_list", "text", "users", ("qquota",), OBEYED, "show only these users"),
    ("-xml", "", "flag", "xml", ("qquota", "qrstat"), OBEYED, "print XML"),
    ("-ar", "ar_id_list", "text", "reservations", ("qrstat",), OBEYED,
     "show these reservations; there are none"),
    ("-explain", "", "flag", "", ("qrstat",), OBEYED, "say why a reservation is in error"),
    ("-u", "user_list", "text", "users", ("qrstat",), OBEYED, "show the reservations of these users"),
    ("-terse", "", "flag", "", ("qrstat",), REFUSED, "print numbers only; refused as the grid's does"),
    ("-f", "", "flag", "", ("qrdel",), REFUSED, "take reservations away by force"),
    ("-he", "y[es]|n[o]", "yes_no", "", ("qrdel", "qrsub", "qrstat"), NO_EFFECT,
     "choose how hard errors of reservations are"),
    ("-u", "user_list", "text", "", ("qrdel",), REFUSED, "take the reservations of these users away"),
    ("-a", "date_time", "date", "", ("qrsub",), REFUSED, "let the reservation begin then"),
    ("-A", "account_string", "text", "", ("qrsub",), REFUSED, "charge this account"),
    ("-ckpt", "ckpt_name", "text", "", ("qrsub",), REFUSED, "use a checkpointing environment"),
    ("-d", "time", "duration", "", ("qrsub",), REFUSED, "let the reservation last so long"),
    ("-e", "date_time", "date", "", ("qrsub",), REFUSED, "let the reservation end then"),
    ("-explain", "", "flag", "", ("qrsub",), REFUSED, "say why a reservation is in error"),
    ("-l", "resource_list", "resources", "", ("qrsub",), REFUSED, "reserve resources"),
    ("-m", "mail_options", "text", "", ("qrsub",), REFUSED, "choose what mail is sent about"),
    ("-M", "mail_list", "text", "", ("qrsub",), REFUSED, "name who gets the mail"),
    ("-masterq", "wc_queue_list", "queues", "", ("qrsub",), REFUSED, "reserve in this queue"),
    ("-N", "name", "text", "", ("qrsub",), REFUSED, "name the reservation"),
    ("-now", "y[es]|n[o]", "yes_no", "", ("qrsub",), REFUSED, "reserve in interactive queues"),
    ("-pe", "wc_pe_name slot_range", "slots", "", ("qrsub",), REFUSED, "reserve slots",
     "replace", COMMAND_LINE, 2),
    ("-q", "wc_queue_list", "queues", "", ("qrsub",), REFUSED, "reserve in these queues"),
    ("-u", "user_list", "text", "", ("qrsub",), REFUSED, "let these users use the reservation"),
    ("-w", "e|v", "text", "", ("qrsub",), REFUSED, "only check"),
    ("-i", "interval", "text", "interval", ("qping",), OBEYED, "ask again after so many seconds"),
    ("-info", "", "flag", "info", ("qping",), OBEYED, "ask once for all there is to know"),
    ("-f", "", "flag", "full", ("qping",), OBEYED, "ask again and again for all there is to know"),
    ("-noalias", "", "flag", "", ("qping",), NO_EFFECT, "read no aliases of hosts; there are none"),
    ("-tcp", "", "flag", "", ("qping",), NO_EFFECT, "use plain TCP"),
    ("-ssl", "", "flag", "", ("qping",), REFUSED, "use TLS"),
    ("-dump", "", "flag", "", ("qping",), REFUSED, "show the master's communication"),
    ("-dump_tag", "tag", "text", "", ("qping",), REFUSED, "show the master's communication"),
    ("-nonewline", "", "flag", "", ("qping",), NO_EFFECT, "keep dumped messages on a line"),
    # jsub, jstart and qcronsub: own switches, then those handed to qsub
    ("-b", "y[es]|n[o]", "jsub_yes_no", "", _JSUB, NO_EFFECT,
     "has no effect: programs are always run as they are", "replace", JSUB),
    ("-continuous", "", "flag", "continuous", _JSUB, OBEYED,
     "start the program again until it ends well", "replace", JSUB),
    ("-e", "path", "text", "stderr_paths", _JSUB, OBEYED,
     "put errors into this file or folder", "replace", JSUB),
    ("-j", "y[es]|n[o]", "jsub_yes_no", "merge", _JSUB, OBEYED,
     "put errors into the output file", "replace", JSUB),
    ("-l", "resource_list", "jsub_resources", "hard_resources", _JSUB, OBEYED,
     "ask for resources", "append", JSUB),
    ("-M", "mail_list", "jsub_mails", "mail_list", _JSUB, OBEYED, "name who gets the mail", "replace", JSUB),
    ("-mem", "number[k|m|g]", "jsub_memory", "hard_resources", _JSUB, OBEYED,
     "ask for memory; k, m and g are multiples of 1024", "replace", JSUB),
    ("-N", "name", "text", "name", _JSUB, OBEYED, "name the job and its files", "replace", JSUB),
    ("-o", "path", "text", "stdout_paths", _JSUB, OBEYED,
     "put output into this file or folder", "replace", JSUB),
    ("-once", "", "flag", "once", _JSUB, OBEYED, "refuse if a job of that name is there", "replace", JSUB),
    ("-q", "queue", "text", "hard_queues", _JSUB, OBEYED, "choose a queue", "replace", JSUB),
    ("-quiet", "", "flag", "", _JSUB, OBEYED, "say nothing when the submission works", "replace", JSUB),
    ("-release", "name", "jsub_release", "hard_resources", _JSUB, OBEYED,
     "choose a release of the operating system", "replace", JSUB),
    ("-stderr", "", "flag", "", _JSUB, OBEYED,
     "put messages on standard error, not into the .err file", "replace", JSUB),
    ("-umask", "octal", "jsub_umask", "", _JSUB, OBEYED,
     "make output files with this umask", "replace", JSUB),
    ("-a", "date_time", "text", "start_time", _JSUB, OBEYED, "request a start time", "append", JSUB),
    ("-cwd", "", "flag", "cwd", _JSUB, OBEYED, "run in the current directory", "append", JSUB),
    ("-hard", "", "flag", "", _JSUB, OBEYED, "make the following -l conditions", "append", JSUB),
    ("-i", "path", "text", "stdin_paths", _JSUB, OBEYED, "let the job read this file", "append", JSUB),
    ("-m", "mail_options", "text", "mail_options", _JSUB, OBEYED,
     "choose what mail is sent about", "append", JSUB),
    ("-now", "y[es]|n[o]", "text", "now", _JSUB, REFUSED,
     "start at once or not at all; y is never met here", "append", JSUB),
    ("-p", "priority", "text", "priority", _JSUB, OBEYED,
     "change the job's rank, at most 0 for users", "append", JSUB),
    ("-soft", "", "flag", "", _JSUB, OBEYED, "make the following -l wishes", "append", JSUB),
    ("-sync", "y[es]|n[o]", "text", "", _JSUB, OBEYED,
     "wait for the end and return the job's status", "append", JSUB),
    ("-v", "variable_list", "text", "variables", _JSUB, OBEYED, "give the job variables", "append", JSUB),
    ("-wd", "working_directory", "text", "cwd", _JSUB, OBEYED, "run in this directory", "append", JSUB),
    ("-h", "", "flag", "", _JSUB, OBEYED, "print help", "replace", COMMAND_LINE),
    ("--help", "", "flag", "", _JSUB, OBEYED, "print help", "replace", COMMAND_LINE),
    ("-h", "", "flag", "help", ("job",), OBEYED, "print help", "replace", COMMAND_LINE),
    ("--help", "", "flag", "help", ("job",), OBEYED, "print help", "replace", COMMAND_LINE),
    ("-v", "", "flag", "verbose", ("job",), OBEYED, "answer in a sentence", "replace", COMMAND_LINE),
    ("--verbose", "", "flag", "verbose", ("job",), OBEYED, "answer in a sentence", "replace", COMMAND_LINE),
    ("-q", "", "flag", "quiet", ("job",), OBEYED,
     "print nothing, only return the status", "replace", COMMAND_LINE),
    ("--quiet", "", "flag", "quiet", ("job",), OBEYED,
     "print nothing, only return the status", "replace", COMMAND_LINE),
)  # fmt: skip

_REST: tuple[object, ...] = ("replace", "", None)

REFUSING = (*_INTERACTIVE, "qmake", "qmon", "qtcsh")
"""Commands that only say what to use instead, whatever their switches."""

COMMANDS = (*_ALL, *_JSUB, "jstop", "job")
"""Every command that has a row or takes words only."""

WARNED_WHEN_REPEATED = frozenset(
    (
        "-a",
        "-A",
        "-b",
        "-C",
        "-dl",
        "-h",
        "-j",
        "-now",
        "-P",
        "-pe",
        "-R",
        "-r",
        "-shell",
        "-sync",
        "-w",
        "-N",
    )
)
"""qsub and qalter warn about a second one of these in one source, and of no others.

Source: seen with the real qsub, every switch twice.
"""


_ROWS_OF: dict[str, dict[str, tuple[object, ...]]] = {}
_OPTIONS: dict[tuple[object, ...], Option] = {}
# Both are asked for again by who reads a crontab of a thousand lines.


def switches(command: str) -> Mapping[str, tuple[object, ...]]:
    """Return the rows of a command by switch, for `option` to make records of."""
    found = _ROWS_OF.get(command)
    if found is None:
        found = _ROWS_OF[command] = {str(row[0]): row for row in ROWS if command in row[4]}  # type: ignore[operator]  # a tuple
    return found


def option(row: tuple[object, ...]) -> Option:
    """Return the record of a row."""
    found = _OPTIONS.get(row)
    if found is None:
        found = _OPTIONS[row] = _option(row)
    return found


def _option(row: tuple[object, ...]) -> Option:
    switch, metavar, parse, target, commands, verdict, text, *rest = row
    merge, places, words = (*rest, *_REST[len(rest) :])
    arguments = str(metavar)
    assert isinstance(commands, tuple)
    return Option(
        switch=str(switch),
        metavar=arguments,
        words=words if isinstance(words, int) else MANY if parse == "words" else bool(arguments),
        optional=arguments.startswith("[") and words is None,
        parse=str(parse),
        target=str(target),
        commands=commands,
        places=str(places) or (EVERYWHERE if "qsub" in commands else COMMAND_LINE),
        merge=str(merge),
        verdict=str(verdict),
        help=str(text),
        source=f"{_page(commands[0])}, {switch}",
    )


def find(command: str, switch: str) -> Option | None:
    """Return the option that a command knows by exactly this word; None if it knows none."""
    row = switches(command).get(switch)
    return None if row is None else _as_known(command, option(row))


def every(command: str) -> tuple[Option, ...]:
    """Return all options of a command in the order of the table."""
    return tuple(_as_known(command, option(row)) for row in ROWS if command in row[4])  # type: ignore[operator]  # a tuple


def _as_known(command: str, known: Option) -> Option:
    """Return the option with the verdict that it has at this command."""
    if command in REFUSING and known.switch != "-help":
        return replace(known, verdict=REFUSED)
    return known


def _page(command: str) -> str:
    return "Toolforge jobutils, " + command if command in (*_JSUB, "job") else f"{command}(1)"

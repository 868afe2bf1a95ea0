"""What the grid's master says when it refuses a job: the TEXT in `Unable to run job: TEXT` / `Exiting.`

Texts that scripts match; not to be improved.  "master" below is Son of Grid Engine 8.1.9, seen with the real
program; all have status 1.
"""

from __future__ import annotations

DIGIT_FIRST = 'denied: "%s" is not a valid object name (cannot start with a digit)'
NOT_ALLOWED = "%s not allowed in objectname"
"""%s is the name of a character, and the character unless it is a blank one. Source: master."""
CHARACTERS = {
    "\n": "Return",
    "\t": "Tab",
    "\r": "Carriage return",
    " ": "Space (' ')",
    "/": "Slash ('/')",
    ":": "Colon (':')",
    "'": "Quote (''')",
    "\\": "Backslash ('\\')",
    "[": "Brackets ('[')",
    "]": "Brackets (']')",
    "{": "Braces ('{')",
    "}": "Braces ('}')",
    "|": "Pipe ('|')",
    "(": "Parenthesis ('(')",
    ")": "Parenthesis (')')",
    "@": "At ('@')",
    "%": "Percent ('%')",
    ",": "Comma (',')",
    '"': "Double quote ('\"')",
    "*": "Asterisk ('*')",
    "?": "Questionmark ('?')",
}
NOT_FIRST = "%s not allowed as first character of objectname"
FIRST_CHARACTERS = {".": "Dot ('.')", "#": "Hash ('#')"}
KEYWORD = 'Keyword ("%s") not allowed as objectname'
TOO_LONG = "string is longer than 512, this is not allowed for objectnames"
NO_NAME = "job rejected cause there is no job_name in the request"
NAME_TOO_LONG = "job name too long, maximum allowed length is 512 characters"
UNREADABLE = "Error reading answer list from qmaster"
"""A blank, a control character or a letter beyond ASCII in a name: the master's answer cannot be read."""
UNKNOWN_RESOURCE = 'unknown resource "%s"'
NOT_A_VALUE = 'attribute "%s" is not a %s value'
VALUE_WORDS = {
    "MEMORY": "memory",
    "TIME": "time",
    "INT": "integer",
    "DOUBLE": "double",
    "BOOL": "boolean",
}
MISSING_VALUE = 'denied: missing value for resource "%s"'
NOT_INFINITE = 'attribute "%s" is not a value that can be set to infinity'
NEGATIVE = 'attribute "%s" is consumable but has a negative value'
NOT_REQUESTABLE = 'resource "%s" configured as non requestable'
SLOTS_BY_PE = '"job" denied: use parallel environments instead of requesting slots explicitly'
UNKNOWN_QUEUE = 'Job was rejected because job requests unknown queue "%s"'
NO_SUITABLE_QUEUES = "error: no suitable queues"
"""-w e."""
WARNING_NO_SUITABLE_QUEUES = "warning: no suitable queues"
"""-w w, on standard output; the job is submitted."""
TASK_ZERO = "job rejected: 0 is an invalid task id"
TOO_MANY_TASKS = "job rejected: you tried to submit a job with more than %d tasks"
BAD_TASKS = "The input value for an argument is invalid."
BAD_CONCURRENCY = 'invalid "task concurrency" value in job request'
PRIORITY_ABOVE_ZERO = "job rejected: positive submission priority requires operator privileges"
NO_PROJECT = 'job rejected: the requested project "%s" does not exist'
NO_PROJECT_ACCESS = 'job rejected: no access to project "%s" for user "%s"'
NO_PE = 'job rejected: the requested parallel environment "%s" does not exist'
PE_RANGE_ZERO = '"job" rejected: pe range must be greater than zero'
NO_CHECKPOINT = 'job rejected: the requested checkpointing environment "%s" does not exist'
CHECKPOINTING_DENIED = "checkpointing denied"
BAD_RESERVATION = "the advance reservation id %d is invalid"
NO_DEADLINE_USER = 'job rejected: the user "%s" is not a deadline initiation user'
ARRAY_ONLY = 'Can only specify "-hold_jid_ad" option with an array job (using "-t" option)'
MASTER_QUEUE_ALONE = "job rejected: specification of master queue is not allowed for non-parallel jobs"
NO_HOST = 'can\'t resolve hostname "%s"'
SAME_HOST_TWICE = "ERROR! two files are specified for the same host"
SOFT_CONSUMABLE = 'denied: soft requests on consumables like "%s" are not supported'
NO_QUEUE_MATCHES = 'No cluster queue or queue instance matches the phrase "%s"'
EMPTY_PATH = "paths may not be empty strings"
NO_SCRIPT = "job rejected: no script in your request"
SCRIPT_WITH_NUL = "Script length does not match declared length"
NO_SUCH_JOB = 'denied: job "%s" not found'
"""-hold_jid 5.1: a task is no job."""
BAD_BINDING = {
    "linear": "job rejected: binding parameter not consistent with strategy (BN_parameter is n)",
    "striding": "job rejected: binding parameter not consistent with strategy (BN_parameter_n is 0)",
}

# why no queue can run a job (-w v); `Job N` stands in front
OFFERS_ONLY = '(-l %s) cannot run at host "%s" because it offers only %s'
QUEUE_OFFERS_ONLY = '(-l %s) cannot run in queue "%s" because it offers only %s'
ONLY = "it offers only "
ONLY_BY_DEFAULT = "for default request it offers only "
GLOBALLY_BECAUSE = "(-l %s) cannot run globally because %s"
AT_HOST_BECAUSE = '(-l %s) cannot run at host "%s" because %s'
IN_QUEUE_BECAUSE = '(-l %s) cannot run in queue "%s" because %s'
UNKNOWN_IN_QUEUE = '(-l %s) cannot run in queue "%s@%s" because job requests unknown resource (%s)'
NOT_IN_CLUSTER_QUEUE = '(-l %s) cannot run in queue "%s" because of cluster queue'
NOT_FORCED_GLOBALLY = "does not request globally 'forced' resource \"%s\""
NOT_FORCED_AT_HOST = "does not request 'forced' resource \"%s\" of host %s"
NOT_FORCED_IN_QUEUE = "does not request 'forced' resource \"%s\" of queue instance %s@%s"
EXCEEDS = 'cannot run because it exceeds limit "%s" in rule "%s"'
DISABLED = 'queue instance "%s" dropped because it is disabled'
NOT_AVAILABLE = 'queue instance "%s" dropped because it is temporarily not available'
NO_PE_ACCESS = 'cannot run because no access to PE "%s"'
NOT_IN_QUEUE_LIST = 'cannot run in queue "%s" because it is not contained in its hard queue list (-q)'
NOT_IN_PE_LIST = 'cannot run in queue "%s" because PE "%s" is not in PE list'
NO_PERMISSION_FOR = "has no permission for %s"
WRONG_PROJECT_FOR = "(%s) does not have the correct project to run in %s"
"""The place is `host "h"` or `cluster queue "q"`."""
NO_PERMISSION = 'has no permission for cluster queue "%s"'
WRONG_PROJECT = '(no project) does not have the correct project to run in cluster queue "%s"'
"""The same words for a job of another project. Source: master."""
PE_OFFERS_ONLY = 'cannot run in PE "%s" because it only offers %d slots'

"""What the commands say about a command line that is wrong. Texts that scripts match; not to be improved.

"client" below is the behaviour of the commands of Son of Grid Engine 8.1.9 without a job in sight, seen
with the real programs.  None of the texts has the command's name in front: who says it depends on
where the mistake stands (`qsub: TEXT`, `Unable to read script file because of error: TEXT`, `TEXT`).
"""

from __future__ import annotations

INVALID_OPTION = 'invalid option argument "%s"'
"""An unknown switch, or a switch and its bad word. Source: client, statuses 2 and 7."""
NO_ARGUMENT = "ERROR! no option argument"
"""Nothing was said that a command could do, or a list was empty. Source: client, status 1."""
BAD_DURATION = 'Wrong time format "%s" specified to %s option'
"""-d of qrsub. Source: client, status 1."""
MUST_HAVE_ARGUMENT = "%s option must have argument"
"""Source: client, status 2."""
MUST_HAVE = {
    "-ac": "-ac option must have a context_list list argument",
    "-dc": "-dc option must have a simple_context_list list argument",
    "-sc": "-sc option must have context list argument",
    "-q": "-q option must have queue list argument",
    "-masterq": "-masterq option must have queue list argument",
    "-pe": "-pe option must have pe_name argument",
    "-S": "-S option must have path_name argument",
    "-t": "-t option must have a list of task id ranges",
    "-u": "-u option must have a list usernames",
    "-v": "-v option must have variable list argument",
    "-@": "-@ option must have file argument",
}
"""Where the words for a missing argument are others. Source: client, status 2."""
MUST_HAVE_RANGE = "-pe option must have range as 2nd argument"
NO_JOB_ARGUMENTS = "-- option must be followed by job arguments"
"""Source: client, status 2; nothing behind `--`."""
UNREAD_FILE = "warning: error opening %s: %s"
"""Source: a live 8.1.9; printed on stdout."""
UNKNOWN_OPTION = "Unknown option %s\n"
"""A switch of another command, or a bare word in a file (then nothing for %s); with a blank line below.

Source: client, status 5.
"""
HELP_NOT_HERE = "-help not allowed in this context"
"""Source: client, status 5; -help in a script or a request file."""
NO_CWD = "getcwd() failed"
"""Ours, status 14, as for other files that are not there; -cwd in a directory that was deleted."""
COMMAND_REQUIRED = "command required for a binary job"
"""Source: client, status 2; -b y without a command."""
SLASH_IN_NAME = "argument to -N option must not contain / "
"""Source: client, status 2; the blank at the end is the grid's."""
BAD_SHARE = "invalid jobshare, must be an unsigned integer"
BAD_TICKETS = "invalid override tickets, must be an unsigned integer"
BAD_RESERVATION = "invalid advance reservation id, must be an unsigned integer"
BAD_OCCASION = "-c argument invalid"
BAD_OCCASION_WORD = "-c specifier invalid"
"""Source: client, status 2, as the three above."""
BAD_PRIORITY = 'invalid priority "%s".  Must be an integer from -1023 to 1024'
BAD_CONCURRENCY = 'invalid task concurrency number "%s". Must be an integer greater or equal to 0.'
BAD_DATE = 'Wrong date/time format "%s" specified to %s option'
"""Source: client, status 7, as the two above; below a blank line and the reason."""
BAD_LIST = 'Wrong %s list format "%s" specified to %s option'
"""Source: client, status 7; see LIST_WORDS."""
LIST_WORDS = {
    # the grid names -e for an input path as well
    "-e": ("path", "-e"),
    "-i": ("path", "-e"),
    "-o": ("stdout path", "-o"),
    "-S": ("shell", "-S"),
    "-hold_jid": ("jid_hold", "-hold_jid"),
    "-hold_jid_ad": ("jid_hold_ad", "-hold_jid_ad"),
    "-M": ("mail", "-M"),
    "-m": ("mail options", "-m"),
    "-q": ("queue", "-q"),
    "-masterq": ("queue", "-masterq"),
    "-l": ("resource", "-l"),
}
BAD_VARIABLES = 'Wrong variable list format -v "%s" or environment variable not set'
BAD_CONTEXT = 'Wrong context list format %s "%s"'
NAMELESS_RESOURCE = 'error: unknown resource ""'
"""Source: client, status 7; on a line of its own before BAD_LIST."""
ONE_RANGE_ONLY = "-t option only allows one range specification"
"""Source: client, status 7."""
BAD_HOLD = 'Unknown hold list "%s" specified to -h option'
"""Source: client, status 7; qalter, qhold, qrls, qresub."""
NONE_AFTER_RANGE = 'unexpected "UNDEFINED" following range'
RANGE_AFTER_NONE = 'unexpected range following "UNDEFINED"'
BAD_BINDING = "-binding option contains errors: %s"
"""Source: client, status 2."""
ALREADY_SET = 'warning: "%s" option has already been set, overriding previous setting'
"""Source: client; a warning on standard output."""
JSV_NO_FILE = 'JSV "%s" is either not a file or not executable'
"""Source: client, status 3."""
LONELY_TASKS = "found lonely '-t %s' option (The -t option needs a leading job name)."
"""Source: client; statuses 2 (qalter, qhold, qrls) and 1 (qdel, qmod)."""
TOO_MANY_OPTIONS = "too many options"
"""Source: client, status 1; qmod, below LONELY_TASKS."""

SCRIPT_PREFIX = "Unable to read script file because of error: %s"
NO_STDIN = "no input read from stdin"
"""Source: client, status 4."""
OPENING = "error opening %s: %s"
"""Source: client, status 14."""
READING = "error reading from file %s"
"""Source: client, status 4; below the line of FREAD_DIRECTORY."""
FREAD_DIRECTORY = 'error: fread("%s") failed: Is a directory'

JSUB_USAGE = "usage: %s [options...] program [args...]"
JSUB_ERROR = "%s: error: %s"
"""Source: FACTS section 10, status 2, on standard error."""
JSUB_NO_PROGRAM = "argument program: Program '%s' not found."
JSUB_REQUIRED = "the following arguments are required: program, args..."
JSUB_UNRECOGNIZED = "unrecognized arguments: %s"
JSUB_ONE_ARGUMENT = "argument %s: expected one argument"
JSUB_BAD_MEMORY = "argument %s: expected an integer followed by 'k', 'm' or 'g'. '%s' given."
JSUB_BAD_YES_NO = "argument %s: expected y[es]|n[o]. '%s' given."
JSUB_BAD_MAILS = "argument %s: expected list of email addresses. '%s' given."
JSUB_BAD_UMASK = "argument %s: expected an octal value. '%s' given."
JSUB_BAD_CHOICE = "argument -release: invalid choice: '%s' (choose from %s)"
JSUB_BAD_RELEASE = "argument -l: invalid release=%s. Expected release=[%s]."
JSUB_BAD_RC = "Error parsing %s: %s"
JSUB_BAD_HEADER = "Error options embedded in %s: %s"
"""Source: FACTS section 10, status 1, with a time in front."""

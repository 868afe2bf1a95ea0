"""What `-help` of qsub and its relatives prints, made from the table.

Which switches are listed is the grid's (it lists some that belong to qconf and leaves out some of its
own); the descriptions are the table's.  Must not know what switches do.
"""

from __future__ import annotations

from gridcompat.options import table

_USAGE = {
    "qsub": "qsub [options]",
    "qalter": "qalter [options] job_task_list",
    "qrsh": "qrsh [options]",
    "qsh": "qsh [options]",
    "qlogin": "qlogin [options]",
    "qquota": "qquota [options]",
    "qrstat": "qrstat [options]",
    "qrsub": "qrsub [options]",
    "qrdel": "qrdel [options]",
    "qping": "qping [options] host port name id",
}
_LISTED = {
    "qsub": "-a -ac -Ap -astnode -at -A -b -binding -c -cwd -C -dc -dul -e -h -hard -he -help -hold_jid "
    "-hold_jid_ad -i -j -js -jsv -l -M -m -masterq -mattr -N -notify -now -o -ot -P -p -pe -q -r -sc -shell "
    "-soft -srqs -sync -S -t -v -verify -V -wd -@",
    "qalter": "-a -ac -ackpt -astnode -A -binding -c -cwd -dc -dul -e -h -hard -he -help -hold_jid "
    "-hold_jid_ad -i -j -js -l -M -m -masterq -N -notify -o -ot -P -p -pe -q -r -sc -soft -srqs -S -u -v "
    "-verify -V -wd",
    "qrsh": "-ac -astnode -A -b -cwd -dc -h -hard -he -help -hold_jid -hold_jid_ad -inherit -js -jsv -l -M "
    "-m -masterq -mattr -N -nostdin -noshell -notify -now -ot -p -pe -pty -q -sc -soft -srqs -sss -v -verify "
    "-V -wd -@",
    "qsh": "-ac -astnode -A -cwd -dc -hard -he -help -js -jsv -l -M -m -masterq -N -now -ot -p -pe -q -sc "
    "-soft -srqs -sss -S -v -verify -V -wd -@",
    "qlogin": "-ac -astnode -A -dc -hard -he -help -js -l -M -m -masterq -mattr -N -now -ot -p -pe -q -sc "
    "-soft -srqs -verify -@",
    "qquota": "-help -h -l -u -pe -P -q -xml",
    "qrstat": "-he -help -terse -u -xml",
    "qrsub": "-a -astnode -A -d -dul -e -help -l -M -m -masterq -N -now -pe -q -u -explain",
    "qrdel": "-f -he -help -u",
    "qping": "-i -info -f -noalias -ssl -tcp -dump -dump_tag -nonewline -help",
}
_FOREIGN = {
    "-Ap": " fname",
    "-ackpt": " ckpt_name",
    "-astnode": " node_shares_list",
    "-at": " thread_name",
    "-dul": " listname_list",
    "-he": "  y[es]|n[o]",
    "-mattr": " obj_nm attr_nm val obj_id_list",
    "-ot": " tickets",
    "-S": " path_list",
    "-srqs": " [rqs_list]",
    "-sss": "",
}
"""Switches of other commands that the grid lists all the same."""
_OPERANDS = {
    "qsub": ("[{command|-} [command_args]]", "the script or command, and its arguments"),
    "qalter": ("job_task_list", "the jobs to change"),
    "qping": ("name", "qmaster or execd; its id is 1"),
}
_TYPES = (
    ("date_time", "[[CC]YY]MMDDhhmm[.SS], local time"),
    ("job_identifier_list", "numbers, names and patterns of jobs, with commas"),
    ("mail_options", "letters of b e a s, or n"),
    ("path_list", "[[host]:]path[,[[host]:]path,...]"),
    ("priority", "-1023 to 1024"),
    ("resource_list", "resource[=value][,resource[=value],...]"),
    ("slot_range", "n, n-m, n- or -m, several with commas"),
    ("task_id_range", "n, n-m or n-m:step"),
    ("variable_list", "name[=value][,name[=value],...]"),
    ("wc_queue_list", "queues, queue@host or queue@@group, with patterns and commas"),
)


def text(command: str) -> str:
    """Return all that `COMMAND -help` prints, with a newline at the end."""
    known = {option.switch: option for option in table.every(command)}
    listed = _LISTED[command].split() if command in _LISTED else list(known)
    lines = ["SGE 8.1.9", f"usage: {_USAGE[command]}"]
    for switch in listed:
        option = known.get(switch)
        if option is None:
            lines.append(_line(f"[{switch}{_FOREIGN[switch]}]", "belongs to another command"))
        else:
            arguments = f" {option.metavar}" if option.metavar else ""
            lines.append(_line(f"[{switch}{arguments}]", option.help))
    if command in _OPERANDS:
        lines.append(_line(*_OPERANDS[command]))
    lines.append("")
    lines += [f"{name.ljust(24)}{meaning}" for name, meaning in _TYPES]
    return "\n".join(lines) + "\n"


def _line(left: str, right: str) -> str:
    return f"   {left.ljust(40)} {right}"

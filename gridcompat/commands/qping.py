"""qping: is the master there? Answered for the daemon of the embedded cluster, in the forms of the grid's.

The daemon has no port: any number stands for it.  It ends when there is nothing to do, so it is
started first, as every command that writes does.
"""

from __future__ import annotations

import os
import time

from gridcompat.errors import UsageError
from gridcompat.options import help as option_help
from gridcompat.options import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridcompat.commands.context import Context

NAMES = ("qmaster", "execd")
LOCAL = ("localhost", "127.0.0.1")


def run(context: Context, argv: Sequence[str]) -> int:
    """Run qping and return its exit status; without -info it asks until it is interrupted."""
    switches, operands, interval = _read(argv)
    if "-help" in switches:
        context.out(option_help.text("qping"))
        return 0
    host, port, name, number = _endpoint(context, operands)
    for refused in ("-ssl", "-dump", "-dump_tag"):
        if refused in switches:
            raise UsageError(f"qping: {refused}: there is no communication to look at here", exit_status=1)
    if context.settings.cluster != "embedded":
        raise UsageError(
            "qping: the master is a Deployment of Kubernetes; instead: gridcompat doctor", exit_status=1
        )
    endpoint = f"{host}/{name}/{number}"
    known = _is_here(context, host) and name in NAMES and number == 1
    context.wrote()
    while True:
        started = _started(context) if known else None
        now = time.time()
        if started is None:
            context.out(f"endpoint {endpoint} at port {port}: can't find connection\n")
        elif {"-info", "-f"} & switches:
            context.out(_info(started, now))
        else:
            up = f"is up for {now - started:.0f} seconds"
            context.out(f"{_moment(now)} endpoint {endpoint} at port {port} {up}\n")
        context.flush()
        if "-info" in switches:
            return 0 if started is not None else 1
        pause(interval)


def pause(seconds: int) -> None:
    """Wait until the next question."""
    time.sleep(seconds)


def _read(argv: Sequence[str]) -> tuple[set[str], list[str], int]:
    """Return the switches, the operands, and the seconds between questions."""
    known = table.switches("qping")
    switches: set[str] = set()
    interval = 1
    words = list(argv)
    while words and words[0] in known:
        switch = words.pop(0)
        switches.add(switch)
        if switch == "-i":
            if not words:
                raise UsageError("no interval parameter value", exit_status=1)
            interval = _number(words.pop(0))
            if interval < 1:
                raise UsageError("interval parameter must be larger than 0", exit_status=1)
        elif switch == "-dump_tag" and words:
            words.pop(0)
    return switches, words, interval


def _number(word: str) -> int:
    return int(word) if word.isascii() and word.isdigit() and len(word) < 10 else 0


def _endpoint(context: Context, operands: list[str]) -> tuple[str, int, str, int]:
    if len(operands) != 4 or operands[0][:1] == "-":
        fault = (
            f'ERROR! invalid option argument "{operands[0]}"'
            if operands and operands[0][:1] == "-"
            else "ERROR! no option argument"
        )
        raise UsageError(option_help.text("qping") + fault, exit_status=1)
    host, port, name, number = operands
    if _number(number) < 1:
        raise UsageError("please enter a component id larger than 0", exit_status=1)
    if not _is_here(context, host):
        from gridcompat.options.disk import DiskReader

        if not DiskReader().resolves(host):
            raise UsageError(f"could not resolve hostname {host}", exit_status=1)
    else:
        host = context.host
    if not 0 < _number(port) < 65536:
        context.out(f"endpoint {host}/{name}/{number} at port 0: no valid port number\n")
        raise UsageError("qping: a port is a number from 1 to 65535", exit_status=1)
    return host, _number(port), name, _number(number)


def _is_here(context: Context, host: str) -> bool:
    return host.lower() in (*LOCAL, context.host.lower(), context.host.partition(".")[0].lower())


def _started(context: Context) -> float | None:
    """Return when the daemon began, in epoch seconds; None if none lives."""
    from gridcompat.cluster.embedded.paths import state_dir
    from gridcompat.cluster.embedded.spawn import daemon_pid

    pid = daemon_pid(state_dir(context.settings))
    if pid is None:
        return None
    try:
        return os.stat(f"/proc/{pid}").st_mtime
    except OSError:
        return None


def _moment(seconds: float) -> str:
    return time.strftime("%m/%d/%Y %H:%M:%S", time.localtime(seconds))


def _info(started: float, now: float) -> str:
    rows = (
        ("SIRM version:", "0.1"),
        ("SIRM message id:", 1),
        ("start time:", f"{_moment(started)} ({started:.0f})"),
        ("run time [s]:", f"{now - started:.0f}"),
        ("messages in read buffer:", 0),
        ("messages in write buffer:", 0),
        ("no. of connected clients:", 1),
        ("status:", 0),
        ("info:", "MAIN: R | OK"),
        ("Monitor:", "disabled"),
    )
    return f"{_moment(now)}:\n" + "".join(f"{key:<26}{value}\n" for key, value in rows) + "\n"

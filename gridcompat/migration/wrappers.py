"""Commands that run other commands: what stands behind `nice -n 19`, `env A=B`, `sh -c`, `ssh host`.

Only words come in and go out. Must not know which commands are the grid's.
"""

from __future__ import annotations

import re

from gridcompat.migration import expand
from gridcompat.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


@record
class Wrapped:
    """What runs in the end."""

    words: tuple[str, ...] = ()
    assignments: tuple[tuple[str, str], ...] = ()
    program: str | None = None
    """Text of a program; "" is one on standard input."""
    elsewhere: str = ""
    open_ended: bool = False
    through: bool = False
    """There was a wrapper."""


# options that take a word, and how many words stand before the command
_SIMPLE: dict[str, tuple[str, int]] = {
    "nice": ("-n --adjustment", 0),
    "ionice": ("-c -n -t --class --classdata", 0),
    "nohup": ("", 0),
    "setsid": ("", 0),
    "time": ("-f -o --format --output", 0),
    "stdbuf": ("-i -o -e", 0),
    "timeout": ("-k -s --kill-after --signal", 1),
    "chronic": ("", 0),
    "exec": ("-a", 0),
    "builtin": ("", 0),
    "coproc": ("", 0),
    "taskset": ("", 1),
    "chrt": ("", 1),
    "unbuffer": ("", 0),
    "watch": ("-n --interval", 0),
}
_XARGS = "-n -P -I -L -a -d -s -E --max-args --max-procs --replace --arg-file --delimiter"
_SUDO = "-u -g -h -p -C -r -t --user --group"
_SSH = "-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w"
_SHELLS = frozenset(("sh", "bash", "dash", "ksh", "zsh", "busybox"))
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_DEEP = 12
"""Wrappers around wrappers that are looked through."""


def unwrap(words: Sequence[str]) -> Wrapped:
    """Return what a simple command runs in the end."""
    found = Wrapped(words=tuple(words))
    for _ in range(_DEEP):
        following = _one(found)
        if following is None:
            break
        found = replace(following, through=True)
        if found.program is not None:
            break
    return found


def _one(found: Wrapped) -> Wrapped | None:
    """Take one wrapper away; None if there is none."""
    if not found.words:
        return None
    name = found.words[0].rpartition("/")[2]
    rest = found.words[1:]
    if name in _SIMPLE:
        options, before = _SIMPLE[name]
        return replace(found, words=_behind(rest, options)[before:])
    if name == "command":
        # -v and -V only ask
        asked = any(word[:1] == "-" and ("v" in word.lower()) for word in rest[:1])
        return replace(found, words=() if asked else _behind(rest, ""))
    if name == "env":
        return _env(found, _behind(rest, "-u -C --unset --chdir"))
    if name == "xargs":
        return replace(found, words=_behind(rest, _XARGS), open_ended=True)
    if name == "find":
        return _find(found, rest)
    return _program(found, name, rest)


def _program(found: Wrapped, name: str, rest: tuple[str, ...]) -> Wrapped | None:
    """Take away a wrapper that runs a text, or runs elsewhere."""
    if name in _SHELLS:
        return _shell(found, rest)
    if name == "eval":
        return replace(found, words=(), program=" ".join(rest))
    if name == "trap":
        return replace(found, words=(), program=rest[0]) if len(rest) > 1 else replace(found, words=())
    if name == "ssh":
        behind = _behind(rest, _SSH)
        return replace(found, words=(), program=" ".join(behind[1:]), elsewhere=f"on {''.join(behind[:1])}")
    if name == "sudo":
        user = _after(rest, ("-u", "--user")) or "root"
        return _env(replace(found, elsewhere=f"as {user}"), _behind(rest, _SUDO))
    if name in ("su", "runuser"):
        text = _after(rest, ("-c", "--command"))
        user = next((word for word in rest if word[:1] != "-" and word != text), "root")
        return replace(found, words=(), program=text, elsewhere=f"as {user}") if text else None
    if name == "flock":
        text = _after(rest, ("-c", "--command"))
        if text:
            return replace(found, words=(), program=text)
        return replace(found, words=_behind(rest, "-w -E --timeout --conflict-exit-code")[1:])
    return None


def _behind(words: tuple[str, ...], with_word: str) -> tuple[str, ...]:
    """Return the words behind the options of a wrapper."""
    takes = with_word.split()
    at = 0
    while at < len(words) and words[at][:1] == "-" and len(words[at]) > 1:
        if words[at] == "--":
            return words[at + 1 :]
        at += 2 if words[at] in takes else 1
    return words[at:]


def _after(words: tuple[str, ...], options: tuple[str, ...]) -> str:
    """Return the word behind one of these options, "" without it."""
    for at, word in enumerate(words[:-1]):
        if word in options:
            return words[at + 1]
    return ""


def _env(found: Wrapped, words: tuple[str, ...]) -> Wrapped:
    at = 0
    pairs = list(found.assignments)
    while at < len(words) and _ASSIGNMENT.match(words[at]):
        name, _, value = words[at].partition("=")
        pairs.append((name, value))
        at += 1
    return replace(found, words=words[at:], assignments=tuple(pairs))


def _find(found: Wrapped, words: tuple[str, ...]) -> Wrapped | None:
    for at, word in enumerate(words):
        if word in ("-exec", "-execdir", "-ok", "-okdir"):
            end = next((n for n in range(at + 1, len(words)) if words[n] in (";", "+")), len(words))
            return replace(found, words=words[at + 1 : end], open_ended=True)
    return None


def _shell(found: Wrapped, words: tuple[str, ...]) -> Wrapped | None:
    """`sh -c TEXT`, or a program on standard input; a script by its name is another file's business."""
    at = 0
    while at < len(words) and words[at][:1] in ("-", "+") and len(words[at]) > 1:
        if words[at][:2] != "--" and "c" in words[at]:
            rest = words[at + 1 : at + 2]
            return replace(found, words=(), program=rest[0]) if rest else None
        at += 2 if words[at] in ("-o", "-O", "+O", "--rcfile", "--init-file") else 1
    if at == len(words) or words[at : at + 1] == ("-",) or "-s" in words[:at]:
        return replace(found, words=(), program="")
    return None if expand.is_known(words[at]) else replace(found, words=())

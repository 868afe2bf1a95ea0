"""The jsub dialect: jsub, jstart and qcronsub, and the qsub request that they make.

Its own switches, sources, memory units and words for mistakes; only in `submission` does it hand over
to the grid's dialect, as the real jsub hands over to qsub.  Must not know how files are made or jobs
stored: a `Plan` says what the command has to do, in which order is the command's business.
"""

from __future__ import annotations

import os

from gridcompat import units
from gridcompat.errors import GridError, UsageError
from gridcompat.options import table
from gridcompat.options.scan import Occurrence
from gridcompat.output.messages import usage
from gridcompat.record import record, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from gridcompat.options.context import Context, Parsed

_HEADER_BYTES = 1 << 16
"""How much of a program is searched for options at its top; nobody writes more of them."""
_SHARED_UIDS_ABOVE = 50000
"""Accounts above this uid are tools whose files a group shares: umask 007 in place of 077."""
_WORDLESS = ("-continuous", "-once", "-quiet", "-stderr", "-cwd", "-hard", "-soft")


@record
class Plan:
    """What a line of jsub asks for, up to the moment when it would call qsub.

    The command, in this order: prints `help` and ends, if there is one; makes each of `touch` (an
    existing file stays as it is; a failure ends it); from here on sends messages and qsub's standard
    error to `messages_to`; ends if not `executable`; ends if `once` and the name is active; submits
    what `submission` returns.
    """

    command: str
    help: str = ""
    name: str = ""
    program: str = ""
    """Absolute path, links kept."""
    executable: bool = True
    touch: tuple[tuple[str, int], ...] = ()
    """(path as typed or absolute, mode with the umask taken off)."""
    messages_to: str = ""
    """Path of the file that messages are appended to; "" is standard error."""
    once: bool = False
    continuous: bool = False
    quiet: bool = False
    qsub: tuple[str, ...] = ()
    """The words that jsub gives qsub; of a continuous job without the script that goes to its stdin."""
    arguments: tuple[str, ...] = ()
    """Of the program."""
    occurrences: tuple[Occurrence, ...] = ()


def plan(argv: Sequence[str], *, command: str, context: Context) -> Plan:
    """Read a line of jsub, jstart or qcronsub (without its name) and return what to do.

    Sources in rising order of weight: `~/.jsubrc` (or the file in JOBUTILS_JSUBRC), the line, and the
    `#$` lines at the very top of the program.

    Raises:
        UsageError: the line is wrong; two lines for standard error, status 2.
        GridError: `.jsubrc` or the program's header is wrong; one line with a time, status 1.

    Source: FACTS, section 10.
    """
    line = _Line(command, context)
    from_line = line.read(argv)
    if isinstance(from_line, str):
        return Plan(command=command, help=from_line)
    program, arguments, typed = from_line
    found = [*_rc(command, context), *typed, *_header(command, program, context)]
    return _plan(command, found, program, arguments, context)


def _plan(
    command: str, found: list[Occurrence], program: str, arguments: tuple[str, ...], context: Context
) -> Plan:
    values = {occurrence.switch: occurrence.value for occurrence in found}
    home = context.environment.get("HOME") or context.home
    name = str(values.get("-N", os.path.basename(program).partition(".")[0]))
    out = str(values.get("-o", os.path.join(home, f"{name}.out")))
    joined = bool(values.get("-j", False))
    err = out if joined else str(values.get("-e", os.path.join(home, f"{name}.err")))
    mask = values.get("-umask", 0o007 if context.uid > _SHARED_UIDS_ABOVE else 0o077)
    continuous = "-continuous" in values or command == "jstart"
    to_stderr = "-stderr" in values or context.reader.kind(err) == "dir"
    return Plan(
        command=command,
        name=name,
        program=program,
        executable=context.reader.kind(program) == "executable",
        touch=tuple(
            (path, 0o666 & ~int(mask))
            for path in dict.fromkeys((out, err))
            if context.reader.kind(path) != "dir"
        ),
        messages_to="" if to_stderr else err,
        once=continuous or "-once" in values or command == "qcronsub",
        continuous=continuous,
        quiet="-quiet" in values,
        qsub=_words(found, values, name, out, err, continuous, program, arguments, context),
        arguments=arguments,
        occurrences=tuple(found),
    )


_PASSED = ("-a", "-cwd", "-hard", "-i", "-l", "-m", "-now", "-p", "-soft", "-sync", "-v", "-wd")


def _words(
    found: Iterable[Occurrence],
    values: dict[str, Any],
    name: str,
    out: str,
    err: str,
    continuous: bool,
    program: str,
    arguments: tuple[str, ...],
    context: Context,
) -> tuple[str, ...]:
    """Return the words for qsub in jsub's order."""
    settings = context.settings
    words: list[str] = []
    memory = [values.get("-mem", units.jsub_memory_kib(settings.jsub_mem) or 0)]
    release = values.get("-release", settings.releases[0] if settings.releases else "")
    for occurrence in found:
        if occurrence.switch == "-l":
            rest, asked, wanted = occurrence.value
            memory += asked
            release = wanted or release
            words += [word for pair in rest for word in ("-l", pair)]
        elif occurrence.switch in _PASSED:
            words += (occurrence.switch, *occurrence.words)
    environment = context.environment
    user = environment.get("LOGNAME") or environment.get("USER") or context.user
    mail = values.get("-M", f"{user}@{settings.mail_domain}")
    queue = values.get("-q", settings.continuous_queue if continuous else settings.default_queue)
    words += ("-j", "yes" if values.get("-j") else "no", "-e", err, "-o", out, "-M", str(mail), "-N", name)
    words += ("-hard", "-l", f"h_vmem={max(memory)}k")
    if release:
        words += ("-l", f"release={release}")
    words += ("-q", str(queue), "-b", "no" if continuous else "yes")
    return tuple(words) if continuous else (*words, program, *arguments)


_LOOP = b"#!/bin/sh\n"
"""Stands for the script of a continuous job, which the launcher has its own way to run."""


def submission(plan: Plan, *, context: Context) -> Parsed:
    """Return what qsub makes of the words of a plan: a continuous job is marked, not written as a loop.

    Raises: as `build.qsub`.
    """
    from gridcompat.options import build

    if not plan.continuous:
        parsed = build.qsub(plan.qsub, context=context)
        request = replace(
            parsed.submission.request,
            command=plan.command,
            once=plan.once,
            now=parsed.submission.request.now,
        )
        return replace(parsed, submission=replace(parsed.submission, request=request))
    parsed = build.qsub(plan.qsub, context=replace(context, reader=_LoopOnStdin(context.reader)))
    request = replace(
        parsed.submission.request,
        command=plan.command,
        arguments=(plan.program, *plan.arguments),
        has_script=False,
        continuous=True,
        once=True,
    )
    return replace(parsed, submission=replace(parsed.submission, request=request, script=None))


class _LoopOnStdin:
    """A reader whose standard input is the loop that jsub would send to qsub."""

    def __init__(self, reader: Any) -> None:
        self.file = reader.file
        self.kind = reader.kind
        self.resolves = reader.resolves

    def stdin(self) -> bytes:
        return _LOOP


# -- the line -------------------------------------------------------------------------------------


class _Mistake(Exception):
    """A mistake in jsub's words, not yet framed for the place where it stands."""


class _Line:
    """Reads the words of one source."""

    def __init__(self, command: str, context: Context) -> None:
        self.command = command
        self.context = context
        self.rows = table.switches(command)
        self.unknown: list[str] = []

    def read(self, argv: Sequence[str]) -> str | tuple[str, tuple[str, ...], list[Occurrence]]:
        """Return help, or the program's path, its arguments and the switches before it."""
        try:
            found, rest = self.switches(argv, origin="command line", place=table.COMMAND_LINE)
            if any(occurrence.switch in ("-h", "--help") for occurrence in found):
                return _help(self.command)
            if not rest:
                raise _Mistake(usage.JSUB_REQUIRED)
            program = _look_up(rest[0], self.context)
            if self.unknown:
                raise _Mistake(usage.JSUB_UNRECOGNIZED % " ".join(self.unknown))
        except _Mistake as mistake:
            lines = (usage.JSUB_USAGE % self.command, usage.JSUB_ERROR % (self.command, mistake))
            raise UsageError("\n".join(lines)) from mistake
        return program, tuple(rest[1:]), found

    def switches(
        self, argv: Sequence[str], *, origin: str, place: str
    ) -> tuple[list[Occurrence], Sequence[str]]:
        """Return the switches up to the first other word, and the words from it on."""
        found: list[Occurrence] = []
        at = 0
        while at < len(argv):
            word = argv[at]
            if not self._looks_like_a_switch(word):
                break
            at += 1
            if word == "--":
                break
            row = self.rows.get(word)
            if row is None:
                self.unknown.append(word)
                continue
            option = table.option(row)
            words = tuple(argv[at : at + option.words])
            if len(words) < option.words or (words and self._looks_like_a_switch(words[0])):
                raise _Mistake(usage.JSUB_ONE_ARGUMENT % word)
            at += len(words)
            value = self._value(option, words[0]) if words else True
            found.append(Occurrence(switch=word, words=words, value=value, origin=origin, place=place))
            if word in ("-h", "--help"):
                break
        return found, argv[at:]

    def _looks_like_a_switch(self, word: str) -> bool:
        """Say whether a word cannot be an argument: it begins with a dash and is no number nor phrase."""
        if word[:1] != "-" or len(word) == 1:
            return False
        if word in self.rows:
            return True
        return " " not in word and not word[1:].replace(".", "", 1).isdecimal()

    def _value(self, option: table.Option, word: str) -> Any:
        """Read one argument in jsub's way."""
        switch = option.switch
        if option.parse == "jsub_memory":
            size = units.jsub_memory_kib(word)
            if size is None:
                raise _Mistake(usage.JSUB_BAD_MEMORY % (switch, word))
            return size
        if option.parse == "jsub_yes_no":
            answer = units.yes_no(word)
            if answer is None:
                raise _Mistake(usage.JSUB_BAD_YES_NO % (switch, word))
            return answer
        if option.parse == "jsub_umask":
            if not word or not set(word) <= set("01234567"):
                raise _Mistake(usage.JSUB_BAD_UMASK % (switch, word))
            return int(word[-4:], 8) & 0o777
        if option.parse == "jsub_mails":
            if not all("@" in address for address in word.split(",")):
                raise _Mistake(usage.JSUB_BAD_MAILS % (switch, word))
            return word
        releases = self.context.settings.releases
        if option.parse == "jsub_release" and word not in releases:
            raise _Mistake(usage.JSUB_BAD_CHOICE % (word, ", ".join(map(repr, releases))))
        return _resources(word, self.context) if option.parse == "jsub_resources" else word


def _resources(word: str, context: Context) -> tuple[list[str], list[int], str]:
    """Take a -l list apart: what is passed on one by one, memory in KiB, the release."""
    rest: list[str] = []
    memory: list[int] = []
    release = ""
    for pair in word.split(","):
        name, _, value = pair.partition("=")
        if name in ("h_vmem", "virtual_free"):
            size = _memory(value)
            if size is None:
                raise GridError(
                    f"{_clock(context)} -l {pair}: expected an integer followed by 'k', 'm' or 'g'."
                )
            memory.append(size * 11 // 10 if name == "virtual_free" else size)
        elif name == "release":
            if value not in context.settings.releases:
                raise _Mistake(usage.JSUB_BAD_RELEASE % (value, ", ".join(context.settings.releases)))
            release = value
        elif pair:
            rest.append(pair)
    return rest, memory, release


def _memory(value: str) -> int | None:
    """Return KiB of a memory in jsub's units; a bare number is bytes."""
    if value.isascii() and value.isdigit() and len(value) < 30:
        return int(value) // 1024
    return units.jsub_memory_kib(value)


def _look_up(word: str, context: Context) -> str:
    """Return the absolute path of a program: as it is, in PATH, or in the current directory."""
    if "\0" not in word and word:
        if os.path.isabs(word):
            places = [""]
        else:
            path = context.environment.get("PATH", "")
            places = [place for place in path.split(os.pathsep) if place] + [context.cwd]
        for place in places:
            candidate = os.path.join(place, word)
            if context.reader.kind(candidate) in ("file", "executable"):
                return os.path.abspath(os.path.join(context.cwd, candidate))
    raise _Mistake(usage.JSUB_NO_PROGRAM % word)


# -- files ----------------------------------------------------------------------------------------


def _rc(command: str, context: Context) -> list[Occurrence]:
    """Return the switches of `.jsubrc`: one on a line, up to a `#`."""
    home = context.environment.get("HOME") or context.home
    path = context.environment.get("JOBUTILS_JSUBRC") or os.path.join(home, ".jsubrc")
    try:
        text = context.reader.file(path, limit=-1)
    except (OSError, ValueError):
        return []
    numbered = enumerate(text.decode("utf-8", "surrogateescape").split("\n"), 1)
    return _from_lines(command, context, path, table.JSUBRC, numbered, usage.JSUB_BAD_RC)


def _header(command: str, program: str, context: Context) -> list[Occurrence]:
    """Return the switches of the `#$` lines at the very top of a program; other lines end them."""
    try:
        top = context.reader.file(program, limit=_HEADER_BYTES)
    except (OSError, ValueError):
        return []
    numbered: list[tuple[int, str]] = []
    for number, line in enumerate(top.split(b"\n"), 1):
        if line.startswith(b"#$"):
            numbered.append((number, line[2:].decode("utf-8", "surrogateescape")))
        elif not line.startswith(b"#!"):
            break
    return _from_lines(command, context, program, table.SCRIPT, numbered, usage.JSUB_BAD_HEADER)


def _from_lines(
    command: str,
    context: Context,
    path: str,
    place: str,
    numbered: Iterable[tuple[int, str]],
    complaint: str,
) -> list[Occurrence]:
    """Read lines of one switch and at most one word each."""
    line = _Line(command, context)
    found: list[Occurrence] = []
    for number, text in numbered:
        words = text.partition("#")[0].split()[:2]
        if not words or words[0][:1] != "-":
            continue
        if words[0] in _WORDLESS:
            words = words[:1]
        try:
            read, rest = line.switches(words, origin=f"{path}:{number}", place=place)
        except _Mistake as mistake:
            raise GridError(f"{_clock(context)} {complaint % (path, mistake)}") from mistake
        line.unknown += rest
        found += [occurrence for occurrence in read if occurrence.switch not in ("-h", "--help")]
    if line.unknown:
        unknown = usage.JSUB_UNRECOGNIZED % " ".join(line.unknown)
        raise GridError(f"{_clock(context)} {complaint % (path, unknown)}")
    return found


def _clock(context: Context) -> str:
    """Return the time as it stands before jsub's messages."""
    import time

    return f"[{time.ctime(context.now)}]"


def _help(command: str) -> str:
    """Return what -h prints."""
    lines = [usage.JSUB_USAGE % command, "", "options:"]
    for option in table.every(command):
        left = f"{option.switch} {option.metavar}".rstrip()
        lines.append(f"  {left.ljust(22)}  {option.help}")
    return "\n".join(lines) + "\n"

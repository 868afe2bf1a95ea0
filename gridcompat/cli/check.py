"""`gridcompat check`: what will become of each line of crontabs and scripts. Executes nothing it reads."""

from __future__ import annotations

import errno
import os
import pwd
import sys
from functools import cache

import click

from gridcompat.cli import _check_report, _checked
from gridcompat.cli._judged import DEPENDS, DIFFERENT, REFUSED, Judge
from gridcompat.cli._terminal import color_option, paint, safe, width, write
from gridcompat.cli.explain import surroundings, tell
from gridcompat.errors import GridError
from gridcompat.migration import crontab, files
from gridcompat.migration.expand import Unknowns
from gridcompat.packaging import drop_ins
from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from gridcompat.options.context import Context

SPOOL = "crontabs"
"""Directory of users' crontabs, each called like its owner. Source: crontab(1)."""


@click.command(
    short_help="Say what will become of crontabs and scripts.",
    epilog="Exit status: 0 nothing is refused; 1 something is refused or cannot be read, with --strict also "
    "what is different or depends on something; 2 bad use, or a file that is not read.",
)
@click.option("--crontab", "kind", flag_value="crontab", help="All files are crontabs of users.")
@click.option(
    "--system-crontab", "kind", flag_value="system", help="As in /etc/cron.d, with a user in each line."
)
@click.option("--script", "kind", flag_value="script", help="All files are scripts.")
@click.option("--user", metavar="NAME", default="", help="Whose crontabs and scripts they are.")
@click.option(
    "-C", "--prefix", metavar="TEXT", default="#$", show_default=True, help="Of options in scripts."
)
@click.option("--on-this-host", is_flag=True, help="Also look which commands and programs are found here.")
@click.option("--strict", is_flag=True, help="Status 1 also for what is different or depends on something.")
@click.option("--json", "json_", is_flag=True, help="Print JSON.")
@color_option
@click.argument("names", metavar="FILE...", nargs=-1, required=True)
def check(
    kind: str | None,
    user: str,
    prefix: str,
    on_this_host: bool,
    strict: bool,
    json_: bool,
    color: str,
    names: tuple[str, ...],
) -> None:
    """Say what will become of each line of crontabs and scripts on the new cluster.

    FILE is a crontab or a script; - is standard input (crontab -l | gridcompat check -). Nothing in
    them is run, and nothing is written.
    """
    try:
        check_ = _Check(surroundings(), user=user, prefix=prefix, on_this_host=on_this_host)
    except GridError as error:
        raise SystemExit(tell(error)) from error
    results: list[_checked.File] = []
    unread = False
    for name in names:
        try:
            results.append(check_.file(name, kind or ""))
        except OSError as error:
            unread = True
            reason = error.strerror or str(error)
            write(f"gridcompat: {safe(name)}: {safe(reason)}\n", err=True)
    status = 2 if unread else _status(results, strict=strict)
    if json_:
        write(_check_report.as_json(results, status))
    elif results:
        write(_check_report.as_text(results, paint=paint(color), width=width()))
    raise SystemExit(status)


def _status(results: Iterable[_checked.File], *, strict: bool) -> int:
    found = _checked.counts(results)
    bad = [REFUSED, _checked.UNREAD, *((DIFFERENT, DEPENDS) if strict else ())]
    return 1 if any(found[outcome] for outcome in bad) else 0


class _Check:
    """The files of one call of the command."""

    def __init__(self, context: Context, *, user: str, prefix: str, on_this_host: bool) -> None:
        self.context, self.prefix, self.on_this_host = context, prefix, on_this_host
        self.disk = files.Disk()
        self.unknowns = Unknowns()
        self.commands = frozenset(drop_ins())
        self.user = user
        self.judges: dict[str, Judge] = {}

    def file(self, name: str, kind: str) -> _checked.File:
        """Return what becomes of one file. Raises OSError: it is not read."""
        content = _standard_input() if name == "-" else files.plain(name)
        if b"\0" in content:
            raise OSError(0, "this is no text")
        text = content.decode("utf-8", "surrogateescape")
        kind = kind or _guess(name, text)
        if kind == "script":
            judge = self._judge(self.user)
            known = {
                key: judge.context.environment[key]
                for key in ("HOME", "LOGNAME", "PATH")
                if key in judge.context.environment
            }
            found = _checked.of_script(
                name, text, judge=judge, disk=self.disk, environment=known, prefix=self.prefix
            )
        else:
            owner = self.user or _owner(name)
            found = _checked.of_crontab(
                name, text, system=kind == "system", judge_of=self._judge, owner=owner
            )
        return replace(found, notes=(*found.notes, *self._of_cluster(found)))

    def _of_cluster(self, file: _checked.File) -> list[str]:
        """What holds for jobs of a real cluster and not for those of one machine."""
        if self.context.settings.cluster == "embedded" or not any(line.calls for line in file.lines):
            return []
        notes = ["a job that really uses more memory than h_vmem is killed; the grid only gave it no more"]
        for program, lines in _checked.programs(file, self._judge(self.user).context.home).items():
            at = ", ".join(map(str, lines[:10]))
            notes.append(f"{program} must be in the image (line {at}{' ...' if len(lines) > 10 else ''})")
        return notes

    def _judge(self, user: str) -> Judge:
        """Return the judge for an account; "" is the caller's."""
        judge = self.judges.get(user)
        if judge is None:
            judge = Judge(
                self._context_of(user),
                commands=self.commands,
                disk=self.disk,
                unknowns=self.unknowns,
                identify=_identify if self.on_this_host else None,
            )
            self.judges[user] = judge
        return judge

    def _context_of(self, user: str) -> Context:
        if user in ("", self.context.user):
            return self.context
        try:
            entry = pwd.getpwnam(user)
            uid, home = entry.pw_uid, entry.pw_dir
        except (KeyError, ValueError):
            uid, home = self.context.uid, f"/home/{user}"
        environment = {**self.context.environment, "HOME": home, "LOGNAME": user}
        return replace(self.context, user=user, uid=uid, home=home, environment=environment)


def _standard_input() -> bytes:
    if sys.stdin.isatty():
        sys.stderr.write("gridcompat: reading from standard input, up to Ctrl-D\n")
    content = sys.stdin.buffer.read(files.LARGEST + 1)
    if len(content) > files.LARGEST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return content


def _guess(name: str, text: str) -> str:
    """Return the kind of a file by its place, else by what it reads like."""
    folder, _, base = os.path.abspath(name).rpartition("/")
    if folder.endswith("/cron.d") or (folder == "/etc" and base == "crontab"):
        return "system"
    if folder.endswith(f"/{SPOOL}"):
        return "crontab"
    return crontab.looks_like(text, _is_user) or "script"


@cache
def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except (KeyError, ValueError):
        return False
    return True


def _owner(name: str) -> str:
    """Return the account of a crontab in cron's spool, "" for one elsewhere."""
    folder, _, base = os.path.abspath(name).rpartition("/")
    return base if folder.endswith(f"/{SPOOL}") and folder.startswith("/var/spool/") else ""


def _identify(typed: str, path: str) -> str:
    """Return "ours", "" if nothing is found, or the path of another command."""
    import shutil

    found = shutil.which(typed, path=path)
    if found is None:
        return ""
    return "ours" if files.is_ours(found) else found

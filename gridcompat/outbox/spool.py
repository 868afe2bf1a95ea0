"""The spool: a directory in which each mail is one file, whole or not there, named by its Message-ID.

    NAME.mail       waiting; its mtime is when it may be tried next
    sent/NAME.mail  sent; kept a day, so that posting it again is recognised
    failed/...      given up; kept a month for people to read
    lock            held by the one sender

Whoever posts links a complete file; whoever holds the lock moves it.  Posting looks into `sent/`
first, but a poster can be slow, so the sender looks there again before it sends: only it moves files,
so that check is certain.  `tests/model/test_mail_model.py` explores this protocol.

Must not know what a mail says, nor how it is sent.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os

from gridcompat.outbox.compose import Happening, Mail, mails_for
from gridcompat.record import as_dict, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = 1
SUFFIX = ".mail"
SENT_KEPT_S = 24 * 3600
FAILED_KEPT_S = 30 * 24 * 3600
LONGEST_DELAY_S = 3600.0


@record
class Entry:
    """One waiting mail."""

    name: str
    """Its file's name."""
    mail: Mail
    posted: float
    """Epoch seconds; its Date, and its age counts from here."""


class Damaged(Exception):
    """A file of the spool that is no mail of ours, or of a newer version."""


def post(spool_dir: str, happening: Happening, *, site: str, now: float) -> int:
    """Make sure that the mails of a happening are in the spool; return how many were not there before.

    May be repeated at any time, by any process.  On return the mails are on the disk.

    Raises:
        OSError: the spool cannot be written; nothing is lost if the caller posts again later.
    """
    mails = mails_for(happening, site=site)
    if not mails:
        return 0
    return Spool(spool_dir).add(mails, now)


def pending(spool_dir: str) -> bool:
    """Tell whether any mail is still to be sent or given up."""
    return next(_waiting_names(spool_dir), None) is not None


class Spool:
    """The directory. Every method may meet files that another process has just moved."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def add(self, mails: tuple[Mail, ...], now: float) -> int:
        """Link each mail unless it is waiting, sent or given up already; return how many were new."""
        self._prepare()
        added = sum(self._link(mail, now) for mail in mails)
        _fsync(self.directory)  # also after an EEXIST: the other poster may not have come to it
        return added

    def _link(self, mail: Mail, now: float) -> bool:
        name = mail.message_id + SUFFIX
        if self.settled(name):
            return False
        temporary = self._path(f".new-{os.getpid()}-{os.urandom(8).hex()}")
        text = json.dumps({"version": VERSION, "posted": now, **as_dict(mail)})
        try:
            with open(temporary, "x", encoding="ascii", opener=_private) as file:
                file.write(text + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.utime(temporary, (now, now))
            os.link(temporary, self._path(name))
        except FileExistsError:
            return False
        finally:
            _unlink(temporary)
        return True

    def settled(self, name: str) -> bool:
        """Tell whether a mail of this name was sent or given up."""
        return any(os.path.exists(self._path(folder, name)) for folder in ("sent", "failed"))

    def due(self, now: float) -> tuple[list[str], float | None]:
        """Return names of mails that may be tried now, oldest first, and when the next one may be."""
        ready: list[tuple[float, str]] = []
        later: float | None = None
        for name in _waiting_names(self.directory):
            try:
                not_before = os.stat(self._path(name)).st_mtime
            except FileNotFoundError:
                continue
            # No delay is that long: the clock was set back.
            if not_before <= now or not_before > now + 2 * LONGEST_DELAY_S:
                ready.append((not_before, name))
            elif later is None or not_before < later:
                later = not_before
        return [name for _, name in sorted(ready)], later

    def read(self, name: str) -> Entry:
        """Return a waiting mail.

        Raises:
            Damaged: the file is not one of ours.
            FileNotFoundError: it is not waiting any more.
        """
        with open(self._path(name), "rb") as file:
            data = file.read()
        try:
            values = json.loads(data)
            if values.pop("version") != VERSION:
                raise Damaged(f"{name}: written by another version of gridcompat")
            posted = float(values.pop("posted"))
            return Entry(name=name, mail=Mail(**values), posted=posted)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged(f"{name}: is not a mail: {error}") from error

    def postpone(self, name: str, until: float) -> None:
        """Do not try a mail before `until`; this outlives the process."""
        try:
            os.utime(self._path(name), (until, until))
        except FileNotFoundError:
            pass

    def sent(self, name: str, now: float) -> None:
        """Note that a mail was sent."""
        self._settle(name, "sent", now)

    def give_up(self, name: str, now: float) -> None:
        """Put a mail aside for good."""
        self._settle(name, "failed", now)

    def discard(self, name: str) -> None:
        """Remove a waiting mail that was linked again after it had been settled."""
        _unlink(self._path(name))

    def _settle(self, name: str, folder: str, now: float) -> None:
        self._prepare()
        try:
            os.utime(self._path(name), (now, now))
            os.rename(self._path(name), self._path(folder, name))
        except FileNotFoundError:
            return
        _fsync(self._path(folder))
        _fsync(self.directory)

    def sweep(self, now: float) -> None:
        """Remove what was kept long enough, and what a poster that died left behind.

        What is waiting again stays known as sent until the sender has discarded it, even if the
        machine was off for days in between.
        """
        for folder, kept_s in (("sent", SENT_KEPT_S), ("failed", FAILED_KEPT_S), ("", SENT_KEPT_S)):
            for name in _names(self._path(folder)):
                if name.startswith(".new-") if not folder else not os.path.exists(self._path(name)):
                    self._remove_older(self._path(folder, name), now - kept_s)

    @staticmethod
    def _remove_older(path: str, than: float) -> None:
        try:
            if os.stat(path).st_mtime < than:
                os.unlink(path)
        except FileNotFoundError:
            pass

    def lock(self) -> int | None:
        """Return an open file that holds the sender's lock, or None if another process has it.

        The lock is gone when that file is closed, or with the process.
        """
        self._prepare()
        lock = os.open(self._path("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return None
            raise
        return lock

    def _prepare(self) -> None:
        # Not its parents: a state directory that was removed does not come back as a heap of old mails.
        for folder in ("", "sent", "failed"):
            try:
                os.mkdir(self._path(folder), 0o700)
            except FileExistsError:
                pass

    def _path(self, *parts: str) -> str:
        return os.path.join(self.directory, *(part for part in parts if part))


def _waiting_names(directory: str) -> Iterator[str]:
    return (name for name in _names(directory) if name.endswith(SUFFIX) and not name.startswith("."))


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _fsync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""The one sender: takes what is due from the spool, sends it, and puts it where it belongs.

At least once.  A mail can arrive twice only if the process or the connection dies between the
server's acceptance and the rename into `sent/`; both copies have the same Message-ID.  A mail is
tried again with growing pauses, across restarts, and given up when an attempt fails after
`mail_give_up_s`.  Must not know why there is a mail.

What it takes to talk to a server is imported with the first mail: a daemon without one starts
in half the time and needs 10 MiB less.
"""

from __future__ import annotations

import os
import sys
import time

from gridcompat.mailer.reasons import Later, Refused, Unreachable, Unsendable
from gridcompat.outbox import Entry, Spool
from gridcompat.outbox.spool import LONGEST_DELAY_S, Damaged

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Sequence

    from gridcompat.mailer.transport import Session
    from gridcompat.settings import Settings

POLL_S = 0.2
"""Between looks at the spool, when nobody wakes the sender."""
AWAKE_S = 1.0
"""The same when somebody does: only retries and digests come due by themselves."""
AFTER_ERROR_S = 5.0
SHORTEST_DELAY_S = 2.0
BATCH = 100
"""Letters for one connection; servers close longer ones."""
DIGEST_WAIT_S = 30.0
"""How long the first mail of an array waits for others when mails are digested."""
DIGEST_SIZE = 500
SWEEP_EVERY_S = 600.0
SAY_AGAIN_S = 3600.0


class Sender:
    """Sends the mails of one spool, while it holds the spool's lock."""

    def __init__(
        self,
        spool_dir: str,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.time,
        jitter: Callable[[], float] | None = None,
        connect: Callable[[Settings], Session] | None = None,
        log: Callable[[str], object] | None = None,
    ) -> None:
        """Args: `log` takes one line at a time; None writes to standard error."""
        self._spool = Spool(spool_dir)
        self._settings = settings
        self._clock = clock
        self._jitter = jitter or _jitter
        self._connect = connect or _open_session
        self._write = log or _to_standard_error
        self._stop: threading.Event | None = None
        self._lock: int | None = None
        self._swept = float("-inf")
        self._said: tuple[str, float] = ("", 0.0)

    def run(self, stop: threading.Event, wake: Callable[[float], object] | None = None) -> None:
        """Send until `stop` is set; survive everything.

        `wake` waits at most so many seconds for news, and may return early.
        """
        self._stop = stop
        try:
            while not stop.is_set():
                try:
                    idle = self.round()
                except Exception:  # noqa: BLE001  (the mails are on disk, and stay there without this thread)
                    self._log(f"the mailer goes on after an error: {_traceback()}")
                    stop.wait(AFTER_ERROR_S)
                    continue
                if idle and wake is not None:
                    wake(AWAKE_S)
                elif idle:
                    stop.wait(POLL_S)
        finally:
            self.close()

    def round(self) -> bool:
        """Send one batch of what is due; return True if there is nothing more to do right now."""
        if not self._is_ours():
            return True
        now = self._clock()
        if not self._swept <= now < self._swept + SWEEP_EVERY_S:
            self._spool.sweep(now)
            self._swept = now
        due, _ = self._spool.due(now)
        if not due:
            return True
        groups = list(self._groups(due[:BATCH], now))
        try:
            return (not groups or self._send(groups)) and len(due) <= BATCH
        except Unreachable as error:
            self._say(str(error), len(due))
            for name in due:
                if entry := self._read(name, now):
                    self._try_later([entry], str(error))
            return True

    def close(self) -> None:
        """Give the lock back."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _is_ours(self) -> bool:
        """Hold the lock of the spool that is there now: its directory may have been replaced."""
        if self._lock is not None and os.fstat(self._lock).st_nlink == 0:
            self.close()
        if self._lock is None:
            try:
                self._lock = self._spool.lock()
            except FileNotFoundError:  # the state directory is gone, and not for us to make
                return False
        return self._lock is not None

    def _groups(self, names: Sequence[str], now: float) -> Iterator[list[Entry]]:
        """Yield what goes into one message each."""
        entries = [entry for name in names if (entry := self._read(name, now))]
        if not self._settings.mail_digest:
            yield from ([entry] for entry in entries)
            return
        arrays: set[tuple[int, str]] = set()
        for entry in entries:
            if not entry.mail.array_job:
                yield [entry]
            elif entry.posted <= now < entry.posted + DIGEST_WAIT_S:
                self._spool.postpone(entry.name, entry.posted + DIGEST_WAIT_S)
            else:
                arrays.add((entry.mail.array_job, entry.mail.recipient))
        if arrays:
            yield from self._digests(arrays, now)

    def _digests(self, arrays: set[tuple[int, str]], now: float) -> Iterator[list[Entry]]:
        """Yield all that waits for these arrays and recipients, due or not."""
        together: dict[tuple[int, str], list[Entry]] = {key: [] for key in arrays}
        everything, _ = self._spool.due(float("inf"))
        for name in everything:
            entry = self._read(name, now)
            if entry and (group := together.get((entry.mail.array_job, entry.mail.recipient))) is not None:
                group.append(entry)
        for group in together.values():
            group.sort(key=lambda entry: (entry.posted, entry.name))
            yield from (group[first : first + DIGEST_SIZE] for first in range(0, len(group), DIGEST_SIZE))

    def _read(self, name: str, now: float) -> Entry | None:
        if self._spool.settled(name):
            self._spool.discard(name)
            return None
        try:
            return self._spool.read(name)
        except FileNotFoundError:
            return None
        except Damaged as error:
            self._log(f"mail given up: {error}")
            self._spool.give_up(name, now)
            return None

    def _send(self, groups: Sequence[list[Entry]]) -> bool:
        """Send each group as one message over one connection; return False if some were not tried.

        Raises:
            Unreachable: there is no connection; nothing was tried.
        """
        session = self._connect(self._settings)
        try:
            for group in groups:
                if self._stop and self._stop.is_set():
                    return False
                if not self._send_one(session, group):
                    return False
            return True
        finally:
            session.close()

    def _send_one(self, session: Session, group: Sequence[Entry]) -> bool:
        """Send one message and file its mails by the outcome; return False if the connection is lost."""
        from gridcompat.mailer.message import letter

        try:
            session.send(letter(group, self._settings.mail_from))
        except (Unsendable, Refused) as error:
            self._give_up(group, str(error))
        except (Later, Unreachable) as error:
            self._log(f"mail {group[0].mail.message_id} is tried again later: {error}")
            self._try_later(group, str(error))
            # This letter may have been what ended the connection: the others get a new one.
            return isinstance(error, Later)
        else:
            self._sent(group)
        return True

    def _sent(self, group: Sequence[Entry]) -> None:
        self._said = ("", 0.0)
        for entry in group:
            self._spool.sent(entry.name, self._clock())

    def _give_up(self, group: Sequence[Entry], reason: str) -> None:
        for entry in group:
            self._log(f"mail given up: {entry.mail.message_id} to {entry.mail.recipient!r}: {reason}")
            self._spool.give_up(entry.name, self._clock())

    def _try_later(self, group: Sequence[Entry], reason: str) -> None:
        now = self._clock()
        for entry in group:
            age = now - entry.posted
            if age >= self._settings.mail_give_up_s:
                self._give_up([entry], f"not sent in {age:.0f} s: {reason}")
            else:
                self._spool.postpone(entry.name, now + delay_s(age, self._jitter()))

    def _log(self, text: str) -> None:
        try:
            self._write(text)
        except Exception:  # noqa: BLE001  (a full disk; sending is what matters)
            pass

    def _say(self, reason: str, count: int) -> None:
        """Log why nothing can be sent, once an hour unless the reason changes."""
        said, at = self._said
        now = self._clock()
        if reason != said or not at <= now < at + SAY_AGAIN_S:
            self._log(f"{count} {'mail waits' if count == 1 else 'mails wait'} in the spool: {reason}")
            self._said = (reason, now)


def delay_s(age_s: float, jitter: float) -> float:
    """Return the pause before the next attempt at a mail of that age: half its age, give or take a quarter.

    So the pauses grow by the half each time, from 2 s to an hour, and nothing but the mail's age
    has to be remembered.  `jitter` is in [0, 1).
    """
    return min(max(age_s / 2, SHORTEST_DELAY_S), LONGEST_DELAY_S) * (0.75 + jitter / 2)


def _open_session(settings: Settings) -> Session:
    from gridcompat.mailer.transport import open_session

    return open_session(settings)


def _jitter() -> float:
    return int.from_bytes(os.urandom(2), "big") / 65536


def _to_standard_error(text: str) -> None:
    sys.stderr.write(f"gridcompat mailer: {text}\n")


def _traceback() -> str:
    import traceback

    return traceback.format_exc()

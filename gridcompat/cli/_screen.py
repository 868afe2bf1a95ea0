"""A terminal that is drawn on as a whole: entered, drawn, and always left as it was found.

Plain ANSI that every terminal of the last thirty years obeys.  Signals do not act by themselves: they wake
a `select` and are told by `read`, so that nothing ends with the terminal in a state that nobody can type in.
Must not know what is drawn.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from gridcompat.cli._terminal import is_terminal, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

ENTER = "\x1b[?1049h\x1b[?25l\x1b[?7l"
"""Another screen, no cursor, long lines are cut."""
LEAVE = "\x1b[?7h\x1b[?25h\x1b[?1049l"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
WAKING = (*ENDING, signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)


def can_draw() -> bool:
    """Return whether standard output is a terminal that can be drawn on."""
    return is_terminal() and os.environ.get("TERM", "dumb") not in ("", "dumb")


class Screen:
    """The terminal while it is drawn on; a context manager."""

    def __init__(self) -> None:
        self._saved: list[Any] | None = None
        self._before: dict[int, Any] = {}
        self._keys = sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
        self._reader, self._writer = os.pipe()
        for descriptor in (self._reader, self._writer):
            os.set_blocking(descriptor, False)
        self._wakeup = -1

    def __enter__(self) -> Screen:
        for number in WAKING:
            if signal.getsignal(number) != signal.SIG_IGN:  # as nohup wants it
                self._before[number] = signal.signal(number, _noticed)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._enter()
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._leave()
        finally:
            signal.set_wakeup_fd(self._wakeup)
            for number, handler in self._before.items():
                signal.signal(number, handler)
            os.close(self._reader)
            os.close(self._writer)

    def sources(self) -> list[int]:
        """Return the descriptors to wait for."""
        return [self._reader, *([0] if self._keys else [])]

    def read(self, ready: Sequence[object]) -> tuple[str, list[int]]:
        """Return the keys that were typed and the numbers of the signals that came."""
        numbers: list[int] = []
        keys = ""
        if self._reader in ready:
            try:
                numbers = list(os.read(self._reader, 4096))
            except BlockingIOError:
                pass
        if self._keys and 0 in ready:
            try:
                typed = os.read(0, 4096)
            except OSError:
                typed = b""
            keys = typed.decode("ascii", "replace")
            if not typed:  # the terminal is gone
                self._keys = False
                numbers.append(signal.SIGHUP)
        return keys, numbers

    def stop(self) -> None:
        """Let the shell have the terminal until it wakes this process again."""
        self._leave()
        # The system's own way, which does nothing where no shell could wake this process.
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, _noticed)
        self._enter()

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines from the top; what stood there goes without a flicker."""
        body = "\r\n".join(f"{line}\x1b[0m\x1b[K" for line in lines)
        _send(f"\x1b[H{body}\x1b[J")

    def _enter(self) -> None:
        if self._keys:
            import termios

            try:
                self._saved = termios.tcgetattr(0)
                quiet = termios.tcgetattr(0)
                quiet[3] &= ~(termios.ICANON | termios.ECHO)
                termios.tcsetattr(0, termios.TCSANOW, quiet)
            except termios.error:
                self._saved, self._keys = None, False
        _send(ENTER)

    def _leave(self) -> None:
        _send(LEAVE)
        if self._saved is not None:
            import termios

            try:
                termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
            except termios.error:
                pass  # it is gone
            self._saved = None


class Drawn:
    """What `keep` draws, and what it does with what comes."""

    pause_s = 0.1
    """The least time between two drawings, for an array that starts tells of each of its tasks."""
    longest_s: float | None = None
    """The longest, for what changes by itself, as ages do."""

    def draw(self, screen: Screen) -> None:
        """Draw it."""
        raise NotImplementedError

    def hear(self) -> None:
        """Take in the news."""
        raise NotImplementedError

    def key(self, key: str) -> None:
        """Do what a key that does not end it asks for."""

    @property
    def done(self) -> bool:
        """Whether it is over by itself."""
        return False


def keep(screen: Screen, shown: Drawn, news: object) -> int | None:
    """Keep something drawn until q or a signal ends it.

    Args:
        news: can be waited for; `shown.hear` is called when there are some.

    Returns:
        None when it was done; 0 when the user ended it (q, Ctrl-C); 128 and the number of another signal.
    """
    dirty, drawn = True, float("-inf")
    while not shown.done:
        now = time.monotonic()
        if (dirty and now >= drawn + shown.pause_s) or now >= drawn + (shown.longest_s or float("inf")):
            shown.draw(screen)
            dirty, drawn = False, now
        due = drawn + shown.pause_s if dirty else drawn + shown.longest_s if shown.longest_s else None
        sources: list[Any] = [news, *screen.sources()]
        ready = select.select(sources, [], [], None if due is None else max(0.0, due - now))[0]
        keys, signals = screen.read(ready)
        if "q" in keys.lower() or signal.SIGINT in signals:
            return 0
        ending = [number for number in signals if number in ENDING]
        if ending:
            return 128 + ending[0]
        if signal.SIGTSTP in signals:
            screen.stop()
        for one in keys:
            shown.key(one)
        if news in ready:
            shown.hear()
        dirty = dirty or bool(signals) or bool(keys) or news in ready
    return None


def _send(text: str) -> None:
    try:
        write(text)
    except OSError:
        pass  # the terminal is gone; SIGHUP ends this


def _noticed(_number: int, _frame: FrameType | None) -> None:
    """Nothing: the number is in the pipe."""

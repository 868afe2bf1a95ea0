"""The accounting(5) file: one line for each run that ended, kept as Grid Engine kept it.

`qacct`, `qsub -sync y` and people's own scripts read it; only the holder of its lock appends.  A
journal beside the file makes an append happen once, whatever dies when: a record is journalled
whole, appended and synced, then its attempt is marked elsewhere, then the journal is cleared.
Looking for an equal line instead would lose records, for two runs of one second can be equal.

Must not know switches, objects or how anything is printed.
"""

from __future__ import annotations

import os

from gridcompat.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

CHUNK_BYTES = 1 << 16
"""Read at a time: what is made of it stays in the processor's cache, and its memory in the process."""
FIELDS_AT_LEAST = 43
"""What Grid Engine 6.2 wrote; 8.1 added arid and ar_sub_time."""


@record
class Entry:
    """One line, in the file's order. Times in epoch seconds, 0 for none.

    Source: accounting(5), FORMAT, items 1 to 45.
    """

    qname: str = "UNKNOWN"
    hostname: str = "UNKNOWN"
    group: str = "NONE"
    owner: str
    job_name: str
    job_number: int
    account: str = "sge"
    priority: int = 0
    """Of the queue, not the job's -p."""
    submission_time: int = 0
    start_time: int = 0
    end_time: int = 0
    failed: int = 0
    exit_status: int = 0
    ru_wallclock: float = 0.0
    """Seconds."""
    ru_utime: float = 0.0
    ru_stime: float = 0.0
    ru_maxrss: float = 0.0
    """KiB, although qacct shows it as bytes."""
    ru_ixrss: float = 0.0
    ru_ismrss: float = 0.0
    ru_idrss: float = 0.0
    ru_isrss: float = 0.0
    ru_minflt: float = 0.0
    ru_majflt: float = 0.0
    ru_nswap: float = 0.0
    ru_inblock: float = 0.0
    ru_oublock: float = 0.0
    ru_msgsnd: float = 0.0
    ru_msgrcv: float = 0.0
    ru_nsignals: float = 0.0
    ru_nvcsw: float = 0.0
    ru_nivcsw: float = 0.0
    project: str = "NONE"
    department: str = "defaultdepartment"
    granted_pe: str = "NONE"
    slots: int = 1
    task_number: int = 0
    """0 in a job that is no array."""
    cpu: float = 0.0
    """Seconds."""
    mem: float = 0.0
    """GB seconds."""
    io: float = 0.0
    """GB."""
    category: str = "NONE"
    iow: float = 0.0
    pe_taskid: str = "NONE"
    maxvmem: float = 0.0
    """Bytes."""
    arid: int = 0
    ar_sub_time: int = 0


FIELD: tuple[str, ...] = tuple(Entry.__annotations__)
POSITION: dict[str, int] = {name: position for position, name in enumerate(FIELD)}
TYPE: tuple[str, ...] = tuple(Entry.__annotations__.values())

# A colon ends a field and a line end the line; NUL and the like would break those who read C strings.
# Written as in a URL, so that the line stays one line and the character can still be read.
_UNSAFE = {code: f"%{code:02X}" for code in (*range(32), ord(":"), 127)}


def line(entry: Entry) -> bytes:
    """Return the line of an entry, with its newline. Whatever the fields hold, it is one line."""
    values = entry.__dict__
    words: list[str] = []
    for name, kind in zip(FIELD, TYPE, strict=True):
        value = values[name]
        if kind == "str":
            words.append(str(value).translate(_UNSAFE) or "NONE")
        elif kind == "int":
            words.append(str(int(value)))
        else:
            words.append(f"{value:.6f}".rstrip("0").rstrip(".") if value % 1 else str(int(value)))
    return ":".join(words).encode("utf-8", "surrogateescape") + b"\n"


def parse(text: bytes) -> Entry:
    """Return the entry of a line.

    Raises:
        ValueError: not a line of accounting(5).
    """
    words = words_of(text.rstrip(b"\n"))
    if words is None:
        raise ValueError("not an accounting line")
    return entry_of(words)


def entry_of(words: Sequence[str]) -> Entry:
    """Return the entry of a line's fields. Raises ValueError if a number is none."""
    values: dict[str, Any] = {}
    for name, kind, word in zip(FIELD, TYPE, words, strict=False):
        if kind == "str":
            values[name] = word
        elif kind == "int":
            values[name] = int(word) if word.lstrip("-").isdecimal() else int(float(word))
        else:
            values[name] = float(word)
    return Entry(**values)


def words_of(text: bytes) -> list[str] | None:
    """Return the fields of a line, or None if it is a comment, empty, foreign or broken."""
    words = text.decode("utf-8", "surrogateescape").split(":")
    if len(words) < FIELDS_AT_LEAST or words[0].startswith("#"):
        return None
    # job_number: the first field after those with free text, so a line with a colon too many shows here.
    return words if words[5].isascii() and words[5].isdecimal() else None


def blocks(path: str, begin: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yield the file, or what is between two offsets, in pieces that end where a line ends.

    Raises:
        OSError: the file cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        if begin:
            file.seek(begin)
        if end is None:
            yield from whole_lines(file.read)
        else:
            yield from whole_lines(lambda size: file.read(max(min(size, end - file.tell()), 0)))


def whole_lines(read: Callable[[int], bytes]) -> Iterator[bytes]:
    """Yield what `read` gives, in pieces that end where a line ends; the last may lack its newline."""
    rest: list[bytes] = []
    while piece := read(CHUNK_BYTES):
        end = piece.rfind(b"\n") + 1
        if end:
            yield b"".join((*rest, piece[:end]))
            rest = [piece[end:]] if end < len(piece) else []
        else:
            rest.append(piece)
    if rest:
        yield b"".join(rest)  # being written, or torn: `words_of` decides


def raw(path: str, needle: bytes = b"") -> Iterator[list[str]]:
    """Yield the fields of each record as text, in the file's order; other lines are passed over.

    `needle`: only lines that hold these bytes, found without taking every line apart. Files too large
    for this have `accounting_scan.found`.

    Raises:
        OSError: the file cannot be read.
    """
    for block in blocks(path):
        if not needle:
            for text in block.split(b"\n"):
                if text and (words := words_of(text)) is not None:
                    yield words
            continue
        at = block.find(needle)
        while at >= 0:
            end = block.find(b"\n", at)
            end = len(block) if end < 0 else end
            words = words_of(block[block.rfind(b"\n", 0, at) + 1 : end])
            if words is not None:
                yield words
            at = block.find(needle, end)


def read(path: str, *, job: int | None = None, name: str | None = None) -> Iterator[Entry]:
    """Yield entries in the file's order: all, those of one job number, or those of one job name.

    Lines that are foreign or broken are passed over.

    Raises:
        OSError: the file cannot be read.
    """
    needle = b""
    if job is not None:
        needle = b":%d:" % job
    elif name is not None:
        needle = f":{name.translate(_UNSAFE)}:".encode("utf-8", "surrogateescape")
    for words in raw(path, needle):
        if job is not None and int(words[5]) != job:
            continue
        if name is not None and words[4] != name.translate(_UNSAFE):
            continue
        try:
            yield entry_of(words)
        except ValueError:
            continue


class AccountingFile:
    """The writer's side. One process at a time: every method but `lock` wants the lock held.

    The lock is a file beside the accounting file, so that sites can rotate that one at any time.
    Keys are `ID.TASK.ATTEMPT` with the namespace or whatever else makes them unique; they are
    compared, never taken apart.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._journal = path + ".journal"
        self._lock = -1
        self._pending: dict[str, tuple[int, int, str]] = {}
        """Key → (inode, offset, line) of records that are in the file but whose mark is unconfirmed."""

    def lock(self, *, wait: bool = False) -> bool:
        """Take the lock and keep it until `close` or death; return whether it was had.

        Raises:
            OSError: the folder cannot be written.
        """
        import fcntl

        if self._lock >= 0:
            return True
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
        descriptor = os.open(self.path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            os.close(descriptor)
            raise
        self._lock = descriptor
        return True

    def close(self) -> None:
        """Give the lock back."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def recover(self, is_marked: Callable[[str], bool]) -> list[str]:
        """Settle what an earlier holder left: cut a torn line, append what is missing.

        Returns the keys whose record is in the file and whose attempt is not marked yet; they stay
        known, so that `append` of such a key does nothing, until `confirmed`.

        Raises:
            OSError: the file or the journal cannot be read or written.
        """
        missing: list[tuple[str, bytes]] = []
        for key, inode, offset, text in self._read_journal():
            path = self._file_of(inode)
            marked = is_marked(key)
            if path is not None and self._is_whole(path, offset, text):
                if not marked:
                    self._pending[key] = (inode, offset, text.decode("utf-8", "surrogateescape"))
            elif not (marked and path is None):  # a file rotated away has the line of a marked one
                if path == self.path:
                    self._cut(offset, text)
                if not marked:
                    missing.append((key, text))
        if missing:
            self._write(missing)
        elif not self._pending:
            self._forget_journal()
        return list(self._pending)

    def append(self, key: str, entry: Entry) -> None:
        """Append the record of an attempt, once: nothing happens for a key that waits for `confirmed`.

        When it returns the line is on disk.

        Raises:
            OSError: not written (the disk is full, say); it may be tried again.
        """
        self.append_all([(key, entry)])

    def append_all(self, entries: Sequence[tuple[str, Entry]]) -> None:
        """Append several records at the price of one. Otherwise as `append`."""
        new = [(key, line(entry)) for key, entry in entries if key not in self._pending]
        if new:
            self._write(new)

    def confirmed(self, key: str) -> None:
        """Forget a record whose attempt is marked for good."""
        if self._pending.pop(key, None) is not None and not self._pending:
            self._forget_journal()

    def _write(self, new: Sequence[tuple[str, bytes]]) -> None:
        """Journal, append, sync; on failure leave the file as it was."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o644)
        before = dict(self._pending)
        size = -1
        try:
            status = os.fstat(descriptor)
            if status.st_size == 0:
                os.fchmod(descriptor, 0o644)  # records are for everybody, whatever umask the daemon has
            size = status.st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                os.write(descriptor, b"\n")  # somebody else's torn line must not swallow ours
                size += 1
            offset = size
            for key, text in new:
                self._pending[key] = (status.st_ino, offset, text.decode("utf-8", "surrogateescape"))
                offset += len(text)
            self._write_journal()
            _write_all(descriptor, b"".join(text for _, text in new))
            os.fsync(descriptor)
        except BaseException:
            self._pending = before
            if size >= 0:
                os.ftruncate(descriptor, size)
            raise
        finally:
            os.close(descriptor)

    def _write_journal(self) -> None:
        """Put the journal in place whole."""
        import json

        rows = [[key, *where] for key, where in self._pending.items()]
        temporary = self._journal + ".new"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, json.dumps({"v": 1, "records": rows}).encode("ascii"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, self._journal)
        folder = os.open(os.path.dirname(self._journal) or ".", os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read_journal(self) -> list[tuple[str, int, int, bytes]]:
        """Return (key, inode, offset, line) of each journalled record; none if there is no journal."""
        import json

        try:
            with open(self._journal, "rb") as file:
                rows = json.loads(file.read())["records"]
        except FileNotFoundError:
            return []
        return [
            (key, inode, offset, text.encode("utf-8", "surrogateescape")) for key, inode, offset, text in rows
        ]

    def _forget_journal(self) -> None:
        try:
            os.unlink(self._journal)
        except FileNotFoundError:
            pass

    def _file_of(self, inode: int) -> str | None:
        """Return the file that had this inode: the accounting file or, after a rotation, a neighbour."""
        folder = os.path.dirname(self.path) or "."
        with os.scandir(folder) as found:
            names = [one.name for one in found if one.inode() == inode and one.is_file(follow_symlinks=False)]
        own = os.path.basename(self.path)
        if own in names:
            return self.path
        return os.path.join(folder, names[0]) if names else None

    @staticmethod
    def _is_whole(path: str, offset: int, text: bytes) -> bool:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(len(text)) == text

    def _cut(self, offset: int, text: bytes) -> None:
        """Cut a torn line off the end of the file; what anybody else wrote there stays."""
        with open(self.path, "r+b") as file:
            file.seek(offset)
            tail = file.read(len(text) + 1)
            if tail and text.startswith(tail):
                file.truncate(offset)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]

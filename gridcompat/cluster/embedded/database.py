"""The SQLite file of the embedded cluster: opening, transactions, and what its failures mean.

Knows nothing of objects.  Opening must be cheap, because every command does it: the schema is made
once, under a lock, and afterwards only its number is read.
"""

from __future__ import annotations

import os
import stat
import time
from _thread import get_ident

try:
    # `sqlite3` adds dates to this, and with them `datetime`: 3 ms of each command, and nothing here has any.
    import _sqlite3 as sqlite3
except ImportError:
    import sqlite3  # type: ignore[no-redef]  # the same names

from gridcompat.cluster.embedded import paths
from gridcompat.errors import ClusterError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

SCHEMA_VERSION = 1
LOG_BYTES = 16 * 1024 * 1024
SCHEMA = """
CREATE TABLE counter (version INTEGER NOT NULL, expired INTEGER NOT NULL, logged INTEGER NOT NULL);
INSERT INTO counter VALUES (0, 0, 0);
CREATE TABLE objects (
  id INTEGER PRIMARY KEY, resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  uid TEXT NOT NULL UNIQUE, body TEXT NOT NULL, UNIQUE (resource, namespace, name));
CREATE TABLE cells (
  resource TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, id INTEGER NOT NULL,
  cells TEXT NOT NULL,
  PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID;
CREATE TABLE marks (
  resource TEXT NOT NULL, mark TEXT NOT NULL, value TEXT NOT NULL, id INTEGER NOT NULL,
  PRIMARY KEY (resource, mark, value, id)) WITHOUT ROWID;
CREATE INDEX marks_of ON marks (id);
CREATE TABLE owners (uid TEXT NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (uid, id)) WITHOUT ROWID;
CREATE INDEX owners_of ON owners (id);
CREATE TABLE changes (
  version INTEGER PRIMARY KEY, resource TEXT NOT NULL, namespace TEXT NOT NULL, type TEXT NOT NULL,
  logged INTEGER NOT NULL, marks TEXT NOT NULL, marks_before TEXT, body TEXT NOT NULL);
"""


class Database:
    """One database file; a connection for each thread that uses it."""

    def __init__(
        self, state_dir: str, *, timeout_s: float, fill: Callable[[sqlite3.Connection], None]
    ) -> None:
        """Open the file, and make it first when it is not there.

        Args:
            state_dir: an existing directory.
            timeout_s: how long a transaction waits for those of other processes.
            fill: called in the transaction that makes the schema.
        """
        self.state_dir = state_dir
        self.path = f"{state_dir}/{paths.DATABASE}"
        self._timeout_s = timeout_s
        self._connections: dict[int, sqlite3.Connection] = {}
        self._inode: tuple[int, int] | None = None
        try:
            if not os.path.exists(self.path) or self._schema_version() == 0:
                self._make(fill)
                self._schema_version()
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise self.meaning(error) from error
        except ClusterError:
            self.close()
            raise
        found = os.stat(self.path)
        self._inode = (found.st_dev, found.st_ino)

    def _schema_version(self) -> int:
        version = int(self.connection().execute("PRAGMA user_version").fetchone()[0])
        if version > SCHEMA_VERSION:
            raise ClusterError(
                f"{self.path}: written by a newer version of gridcompat (schema {version}; "
                f"this one knows up to {SCHEMA_VERSION})"
            )
        return version

    def _make(self, fill: Callable[[sqlite3.Connection], None]) -> None:
        import fcntl

        lock = os.open(f"{self.state_dir}/create.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            connection = self.connection()
            if self._schema_version() == 0:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("BEGIN IMMEDIATE")
                try:
                    for statement in SCHEMA.split(";\n"):
                        connection.execute(statement)
                    fill(connection)
                    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
                except BaseException:
                    connection.execute("ROLLBACK")
                    raise
                connection.execute("COMMIT")
            fifo = f"{self.state_dir}/{paths.WAKE}"
            if not os.path.exists(fifo):
                os.mkfifo(fifo, 0o600)
        finally:
            os.close(lock)

    def connection(self) -> sqlite3.Connection:
        """Return this thread's connection, in autocommit mode."""
        ident = get_ident()
        found = self._connections.get(ident)
        if found is None:
            if self._inode is not None:
                self._check_file()
            # check_same_thread: `close` may come from another thread than the one that used it.
            found = sqlite3.connect(
                self.path, timeout=self._timeout_s, isolation_level=None, check_same_thread=False
            )
            self._connections[ident] = found
            # FULL: an accepted job survives a power failure; a commit costs one fsync (0.2 to 10 ms).
            found.execute("PRAGMA synchronous=FULL")
            # After a burst the log file shrinks again.
            found.execute(f"PRAGMA journal_size_limit={LOG_BYTES}")
        return found

    def _check_file(self) -> None:
        try:
            found = os.stat(self.path)
        except OSError:
            raise self._refusal("was deleted while in use") from None
        if (found.st_dev, found.st_ino) != self._inode:
            raise self._refusal("was replaced while in use")

    def reading(self) -> Transaction:
        """Return a context that gives a connection with one consistent view."""
        return Transaction(self, "BEGIN")

    def writing(self) -> Transaction:
        """Return a context that gives a connection no other writer can come between."""
        return Transaction(self, "BEGIN IMMEDIATE")

    def wake(self) -> None:
        """Tell the daemon, if there is one, that something was committed."""
        try:
            fifo = os.open(f"{self.state_dir}/{paths.WAKE}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # nobody listens, or the FIFO is gone
            return
        try:
            if stat.S_ISFIFO(os.fstat(fifo).st_mode):
                os.write(fifo, b"\n")
        except OSError:  # full: whoever listens has enough to wake up from
            pass
        finally:
            os.close(fifo)

    def meaning(self, error: Exception) -> ClusterError:
        """Return the error of the port that says what an error of SQLite or the system means."""
        text = str(error)
        if isinstance(error, OSError):
            return Unavailable(f"{self.path}: {error.strerror or text}")
        low = text.lower()
        if "locked" in low:
            return Unavailable(f"{self.path}: busy for too long, try again")
        if not os.path.exists(self.path) and self._inode is not None:
            return self._refusal("was deleted while in use")
        for part, words in REFUSALS:
            if part in low:
                return self._refusal(words)
        for part, words in BROKEN:
            if part in low:
                return ClusterError(f"{self.path}: {words}")
        return ClusterError(f"{self.path}: {text}")

    def _refusal(self, words: str) -> ClusterError:
        """Nothing was done, and to try again at once is no use; later perhaps, as the exit status says."""
        return ClusterError(f"{self.path}: {words}", exit_status=Unavailable.exit_status)

    def close(self) -> None:
        """Close the connections of all threads."""
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            try:
                connection.close()
            except sqlite3.Error:
                pass  # nothing of ours is in flight; the file was left in order by the last commit


REFUSALS = (
    ("disk i/o error", "the disk reports an input/output error"),
    ("disk is full", "no space left on the disk"),
    ("readonly", "is read-only"),
    ("read-only", "is read-only"),
    ("unable to open", "cannot be opened"),
)
BROKEN = (
    ("not a database", "is not a database of gridcompat, or is damaged"),
    ("malformed", "is damaged"),
    ("no such table", "is not a database of gridcompat, or is damaged"),
    ("no such column", "is not a database of gridcompat, or is damaged"),
)


class Transaction:
    """Begin, then commit, or roll back when there was an error. SQLite's errors leave it as the port's."""

    def __init__(self, database: Database, begin: str) -> None:
        self._database = database
        self._begin = begin
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> sqlite3.Connection:
        database = self._database
        database._check_file()
        deadline = time.monotonic() + database._timeout_s
        try:
            connection = database.connection()
            while True:
                try:
                    connection.execute(self._begin)
                    break
                except sqlite3.OperationalError as error:
                    # A checkpoint or a recovery can make SQLite give up before its own time-out.
                    if "locked" not in str(error) or time.monotonic() > deadline:
                        raise
                    time.sleep(0.005)
        except sqlite3.Error as error:
            raise database.meaning(error) from error
        self._connection = connection
        return connection

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        connection, self._connection = self._connection, None
        assert connection is not None
        if error is None:
            changed = False
            try:
                changed = self._begin != "BEGIN"
                connection.execute("COMMIT")
            except sqlite3.Error as failure:
                self._roll_back(connection)
                raise self._database.meaning(failure) from failure
            if changed:
                self._database.wake()
            return
        self._roll_back(connection)
        if isinstance(error, sqlite3.Error):
            raise self._database.meaning(error) from error

    @staticmethod
    def _roll_back(connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            pass  # SQLite has rolled back by itself, which it does on a full disk

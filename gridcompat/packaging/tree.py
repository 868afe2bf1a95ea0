"""Puts files in their places and takes them away again, and touches nothing that is not ours.

A manifest beside the package holds the digest of each file as it was put there. What differs from it
belongs to somebody else by now. Everything is looked at before anything is done, and what fails on the
way is taken back. Must not know what is in the files.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from gridcompat.errors import GridError

MANIFEST = "installed.json"


@dataclass(frozen=True)
class File:
    """One file as it should be."""

    content: bytes
    mode: int
    command: str = ""
    """The command it belongs to; "" for what all need."""


@dataclass
class Manifest:
    """What was put where. Paths are those on the machine, without the staging directory."""

    files: dict[str, tuple[list[str], str]] = field(default_factory=dict)
    """Path to (digests it may have, command); two while a change is under way."""
    directories: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    """How it was installed, for the next time."""

    def text(self) -> bytes:
        """Return it as JSON, the same for the same content."""
        return (json.dumps(self.__dict__, indent=1, sort_keys=True) + "\n").encode()


class NotDone(GridError):
    """Nothing was changed; the message has one line for each reason."""


def read_manifest(path: str) -> Manifest | None:
    """Return a manifest, None if there is none.

    Raises:
        NotDone: it cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
        files = {name: (list(digests), str(command)) for name, (digests, command) in found["files"].items()}
        return Manifest(files=files, directories=list(found["directories"]), facts=dict(found["facts"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotDone(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotDone(f"{path}: is no list of installed files") from error


def digest(content: bytes) -> str:
    """Return what the manifest keeps of a file's content."""
    return hashlib.sha256(content).hexdigest()


def content_of(path: str) -> bytes | None:
    """Return the content of a plain file; None if there is nothing, b"" never stands for another kind.

    Raises:
        NotDone: it is no plain file, or cannot be read.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise NotDone(f"{path}: is there and was not installed by gridcompat")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotDone(f"{path}: {error.strerror}") from error


class Tree:
    """A file system, or the staging directory of a packager, that is changed as a whole or not at all."""

    def __init__(self, destdir: str, manifest_path: str, known: Manifest | None) -> None:
        """Begin; nothing is read yet."""
        self._destdir = destdir
        self._manifest_path = manifest_path
        self._known = known or Manifest()
        self._undo: list[tuple[str, bytes | None, int]] = []

    def at(self, path: str) -> str:
        """Return where a path of the machine is now."""
        return self._destdir + path

    def to_write(self, wanted: dict[str, File]) -> list[str]:
        """Return the paths that are not as wanted yet.

        Raises:
            NotDone: some of them are not ours, or cannot be written.
        """
        faults, found = [], []
        for path, file in wanted.items():
            try:
                content = content_of(self.at(path))
                self._check_place(path)
            except NotDone as fault:
                faults.append(fault.message)
                continue
            if content == file.content and os.stat(self.at(path)).st_mode & 0o777 == file.mode:
                continue
            ours = self._known.files.get(path, ([], ""))[0]
            if content is None or content == file.content or digest(content) in ours:
                found.append(path)
            else:
                why = "was changed since it was installed" if ours else "was not installed by gridcompat"
                faults.append(f"{self.at(path)}: is there and {why}")
        if faults:
            raise NotDone("\n".join(dict.fromkeys(faults)))
        return found

    def _check_place(self, path: str) -> None:
        """Raise NotDone if the nearest directory above cannot be written."""
        above = os.path.dirname(self.at(path))
        while not os.path.lexists(above):
            above = os.path.dirname(above)
        if not os.path.isdir(above):
            raise NotDone(f"{above}: is no directory")
        if not os.access(above, os.W_OK | os.X_OK):
            raise NotDone(f"{above}: cannot be written")

    def to_remove(self, paths: list[str]) -> tuple[list[str], list[str]]:
        """Return which of the installed files can go, and why the others stay.

        Raises:
            NotDone: a directory cannot be written.
        """
        found, kept = [], []
        for path in paths:
            try:
                content = content_of(self.at(path))
            except NotDone:
                content = b""  # a link or directory in its place
            if content is not None and digest(content) not in self._known.files[path][0]:
                kept.append(f"{self.at(path)}: was changed since it was installed, and stays")
            elif content is not None:
                self._check_place(path)
                found.append(path)
        return found, kept

    def check_manifest_place(self) -> None:
        """Raise NotDone if the list of what is installed could not be written."""
        self._check_place(self._manifest_path)

    def apply(
        self,
        wanted: dict[str, File],
        write: list[str],
        remove: list[str],
        facts: dict[str, str],
        *,
        forget: Sequence[str] = (),
    ) -> None:
        """Write and remove files, and the manifest before and after. Paths of `forget` are no longer ours.

        Raises:
            NotDone: something failed; all is as it was before.
        """
        gone = {*remove, *forget}
        files = {path: known for path, known in self._known.files.items() if path not in gone}
        final = Manifest(files=dict(files), directories=list(self._known.directories), facts=facts)
        for path, file in wanted.items():
            final.files[path] = ([digest(file.content)], file.command)
        # Should the machine die on the way, either digest is ours.
        between = Manifest(
            files={**self._known.files, **final.files}, directories=final.directories, facts=facts
        )
        for path in write:
            old = self._known.files.get(path, ([], ""))[0]
            between.files[path] = (sorted({*final.files[path][0], *old}), wanted[path].command)
        try:
            for path in (self._manifest_path, *write):
                self._make_directories(os.path.dirname(path), final)
            self._write(self._manifest_path, between.text(), 0o644)
            for path in write:
                self._write(path, wanted[path].content, wanted[path].mode)
                self._forget_bytecode(path)
            for path in remove:
                self._remove(path)
            if final.files:
                self._write(self._manifest_path, final.text(), 0o644)
            else:
                self._remove(self._manifest_path)
        except OSError as error:
            self._take_back()
            raise NotDone(
                f"{error.filename or self._destdir}: {error.strerror}; nothing was changed"
            ) from error
        if not final.files:
            self._remove_directories(final.directories)

    def _make_directories(self, path: str, manifest: Manifest) -> None:
        if not path.strip("/"):
            os.makedirs(self._destdir or "/", exist_ok=True)
            return
        if os.path.isdir(self.at(path)):
            return
        self._make_directories(os.path.dirname(path), manifest)
        os.mkdir(self.at(path))
        os.chmod(self.at(path), 0o755)
        manifest.directories.append(path)

    def _remember(self, path: str) -> None:
        content = content_of(self.at(path))
        mode = 0 if content is None else os.stat(self.at(path)).st_mode & 0o777
        self._undo.append((path, content, mode))

    def _write(self, path: str, content: bytes, mode: int) -> None:
        """Write a file whole or not at all, whatever the umask says."""
        self._remember(path)
        self._put(path, content, mode)

    def _put(self, path: str, content: bytes, mode: int) -> None:
        fresh = f"{self.at(path)}.new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
                os.fchmod(file.fileno(), mode)
            os.replace(fresh, self.at(path))
        except OSError:
            os.unlink(fresh)
            raise

    def _remove(self, path: str) -> None:
        self._remember(path)
        if os.path.lexists(self.at(path)):
            os.unlink(self.at(path))
        self._forget_bytecode(path)

    def _forget_bytecode(self, path: str) -> None:
        """Bytecode follows its source: it is not looked at by the interpreter for being older."""
        folder, name = os.path.split(self.at(path))
        cache = f"{folder}/__pycache__"
        if not name.endswith(".py") or not os.path.isdir(cache):
            return
        for other in os.listdir(cache):
            if other.startswith(f"{name[:-3]}.cpython-") and other.endswith(".pyc"):
                os.unlink(f"{cache}/{other}")

    def _take_back(self) -> None:
        for path, content, mode in reversed(self._undo):
            try:
                if content is None:
                    os.unlink(self.at(path))
                else:
                    self._put(path, content, mode)
            except OSError:
                continue  # as far as it goes: the first failure is what is told

    def _remove_directories(self, directories: list[str]) -> None:
        """Remove those that were made, if nothing is left in them."""
        for path in sorted(directories, key=len, reverse=True):
            for place in (f"{self.at(path)}/__pycache__", self.at(path)):
                try:
                    os.rmdir(place)
                except OSError:
                    continue  # somebody has put something there, or it has gone

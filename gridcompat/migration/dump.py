"""The files of a dumped or spooled grid configuration, read with care: they are somebody else's.

Must not know what stands in them beyond `name value` lines.
"""

from __future__ import annotations

import os

from gridcompat.errors import SettingsError

LARGEST = 1 << 20
"""Bytes of one file; a grid's largest is a few KiB."""
MOST = 10_000
"""Files of one folder."""
PLACES = ("", "common", "cell", "spool/qmaster", "qmaster")


class Dump:
    """The files of a folder, wherever in it they are."""

    def __init__(self, directory: str) -> None:
        if not os.path.isdir(directory):
            raise SettingsError(f"{directory}: no such directory")
        self.directory = directory

    def text(self, *names: str) -> str:
        """Return the first of these files that is there, "" if none is.

        Raises:
            SettingsError: it cannot be read, is not a plain file or is no text.
        """
        for name in names:
            for place in PLACES:
                path = os.path.join(self.directory, place, name)
                if os.path.lexists(path) and not os.path.isdir(path):
                    return _read(path)
        return ""

    def each(self, *folders: str) -> dict[str, str]:
        """Return name and text of each file of the first of these folders that is there."""
        for folder in folders:
            for place in PLACES:
                path = os.path.join(self.directory, place, folder)
                if not os.path.isdir(path):
                    continue
                try:
                    names = sorted(name for name in os.listdir(path) if not name.startswith("."))
                except OSError as error:
                    raise SettingsError(f"{path}: {error.strerror}") from error
                if len(names) > MOST:
                    raise SettingsError(f"{path}: more than {MOST} files")
                return {_shown(name): _read(os.path.join(path, name)) for name in names}
        return {}


def _read(path: str) -> str:
    try:
        # A pipe or a device of that name must not hold us up.
        if not os.path.isfile(path):
            raise SettingsError(f"{path}: not a plain file")
        with open(path, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    if len(data) > LARGEST:
        raise SettingsError(f"{path}: larger than {LARGEST} bytes")
    if b"\0" in data:
        raise SettingsError(f"{path}: not a text")
    return data.decode("utf-8", "replace")


def _shown(text: str) -> str:
    """A text that cannot break a line, nor TOML."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def fields(text: str) -> dict[str, str]:
    """Return the `name value` lines of one thing; a backslash at the end carries on a line."""
    found: dict[str, str] = {}
    for line in text.replace("\\\r\n", " ").replace("\\\n", " ").split("\n"):
        words = line.split(None, 1)
        if words and not words[0].startswith("#"):
            found.setdefault(_shown(words[0]), _shown(" ".join(words[1:]).strip()))
    return found

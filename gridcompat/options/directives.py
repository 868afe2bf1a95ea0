"""Options in the text of files: directives of scripts, request files, -@ files.

The grid takes such text apart in its own way, which is no shell's: see `split`.  Must not know what
the options mean.
"""

from __future__ import annotations

from gridcompat.options import scan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_BLANKS = " \t\r\v\f"

DEFAULT_PREFIX = "#$"
"""Of directives, unless -C names another."""


def split(line: str) -> list[str]:
    """Return the words of one line of options.

    A `#` begins a comment wherever it stands, quotes or not.  Blanks part words, but a word with a
    quote in it reaches to the end of the line, and all quotes in it vanish.

    Source: seen with the real qsub; `-v A="x y",B='p q'` arrives as one word, and so does what stands
    behind it.
    """
    line = line.partition("#")[0].strip(_BLANKS)
    found: list[str] = []
    while line:
        end = next((at for at, letter in enumerate(line) if letter in _BLANKS), len(line))
        word = line[:end]
        if "'" in word or '"' in word:
            found.append(line.replace("'", "").replace('"', ""))
            break
        found.append(word)
        line = line[end:].lstrip(_BLANKS)
    return found


def directives(script: bytes, prefix: str) -> Iterator[tuple[int, str]]:
    """Yield (line number, text behind the prefix) of every line of a script that begins with the prefix."""
    mark = prefix.encode("utf-8", "surrogateescape")
    if not mark or mark not in script:
        return
    for number, line in enumerate(script.split(b"\n"), 1):
        if line.startswith(mark):
            yield number, line[len(mark) :].decode("utf-8", "surrogateescape")


def lines(text: bytes) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of every line of an options file; comments are left to `split`."""
    for number, line in enumerate(text.split(b"\n"), 1):
        yield number, line.decode("utf-8", "surrogateescape")


def read(
    numbered: Iterator[tuple[int, str]],
    *,
    path: str,
    place: str,
    now: float,
    include: Callable[[str], scan.Scanned] | None,
) -> scan.Scanned:
    """Scan the lines of one file as qsub does: each on its own, so -soft ends with its line.

    Raises:
        scan.BadWord: the first mistake.
    """
    found: list[scan.Occurrence] = []
    strays: list[str] = []
    repeated: list[str] = []
    complaints: list[str] = []
    for number, text in numbered:
        argv = split(text)
        if not argv:
            continue
        scanned = scan.words(
            argv, origin=f"{path}:{number}", place=place, now=now, include=include, seen=found
        )
        found += scanned.occurrences
        strays += scanned.strays
        repeated += scanned.repeated
        complaints += scanned.complaints
    if any(occurrence.switch == "-help" for occurrence in found):
        raise scan.HelpHere
    return scan.Scanned(
        occurrences=tuple(found),
        strays=tuple(strays),
        repeated=tuple(repeated),
        complaints=tuple(complaints),
    )

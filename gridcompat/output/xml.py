"""Text that goes into XML: escaped as Grid Engine does, but never broken.

Grid Engine writes `%lt;` for `<`; that is a defect, and readers get what was meant.  Must not know elements.
"""

from __future__ import annotations

DECLARATION = "<?xml version='1.0'?>\n"
SCHEMAS = "http://arc.liv.ac.uk/repos/darcs/sge/source/dist/util/resources/schemas/"

_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&quot;", ord("'"): "&apos;"}


def escaped(text: str) -> str:
    """Return text for an element or an attribute, without what XML 1.0 cannot hold.

    Source: XML 1.0, 2.2 Characters and 2.4.
    """
    if not text.isprintable():
        text = "".join(letter if _allowed(letter) else "?" for letter in text)
    return text.translate(_ESCAPES)


def _allowed(letter: str) -> bool:
    """Whether a character may be in XML. Not `\\r`, which a reader would turn into a newline."""
    return letter in "\t\n" or (
        letter >= " " and not ("\ud800" <= letter <= "\udfff" or letter in "\ufffe\uffff")
    )


def element(indent: int, name: str, value: object) -> str:
    """Return `<name>value</name>` as a line."""
    return f"{' ' * indent}<{name}>{escaped(str(value))}</{name}>\n"

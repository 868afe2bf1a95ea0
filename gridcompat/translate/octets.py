"""Words that are no UTF-8 in objects that hold nothing else: written so that printf(1) gives them back.

Programs take any bytes but NUL, JSON does not.  Must not know what the words are for.
"""

from __future__ import annotations

ENCODED = "GC_ENCODED"
"""The launcher's variable that names what is written so: names of its variables, `args` for its arguments."""
ARGUMENTS = "args"


def is_text(word: str) -> bool:
    """Say whether a word (of `os.fsdecode`, stray bytes being surrogates) can stand in an object as it is."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def encoded(word: str) -> str:
    r"""Return a word as the format %b of printf reads it: `\0ddd` is a byte in octal, `\\` a backslash.

    Source: POSIX, printf.
    """
    return "".join(_encoded(letter) for letter in word)


def _encoded(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":
        return f"\\0{ord(letter) - 0xDC00:03o}"
    return "\\\\" if letter == "\\" else letter

"""qconf -sobjl: the names of objects of which an attribute has a value.

Must not know how an object is laid out: it reads what the other switches show.
"""

from __future__ import annotations

from gridcompat.commands import _hosts
from gridcompat.commands._qconf_changes import no_argument
from gridcompat.output import qconf as text
from gridcompat.patterns import matches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gridcompat.commands.context import Context

WORDS = 3
"""The kind of object, the attribute, its value or a pattern."""


def run(context: Context, words: list[str]) -> int:
    """Print the names that fit, take the words that were used away from the list, and return the status.

    A kind or attribute that does not exist fits nothing, and that is no error.

    Raises:
        UsageError: fewer than three words.
    """
    given: list[str] = []
    while words and len(given) < WORDS and not words[0].startswith("-"):
        given.append(words.pop(0))
    if len(given) < WORDS:
        raise no_argument(given[-1] if given else "-sobjl")
    kind, attribute, value = given
    for name, shown in _objects(context, kind):
        if any(matches(value, found) for found in _values(shown, attribute)):
            context.out(f"{name}\n")
    return 0


def _objects(context: Context, kind: str) -> Iterator[tuple[str, str]]:
    """Names of objects and what is shown of them; only queues and hosts can be asked for."""
    settings = context.settings
    if kind == "queue":
        for queue in sorted(settings.queues, key=lambda queue: queue.name):
            yield queue.name, text.queue(queue, settings)
    elif kind == "exechost":
        for name in ("template", "global"):
            yield name, text.exec_host(name, None, settings)
        for host in _hosts.hosts(context, ()):
            yield host.name, text.exec_host(host.name, host, settings)


def _values(shown: str, attribute: str) -> Sequence[str]:
    """The value of an attribute, lines that go on joined."""
    for line in shown.replace("\\\n", " ").splitlines():
        name, _, value = line.partition(" ")
        if name == attribute:
            return [" ".join(value.split())]
    return []

"""How repeats of a switch merge into one value, in one place for qsub and qalter.

Pure list work on what `options.values` read; each rule was seen with the real qsub.  Must not know
where an occurrence came from, beyond its order.
"""

from __future__ import annotations

from gridcompat import complexes, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gridcompat.complexes import Site
    from gridcompat.model import HostPath, Resource
    from gridcompat.options.scan import Occurrence

MAIL_ORDER = "abes"


def letters(lists: Iterable[str]) -> str:
    """Merge -m: letters add up, n takes all away; the result is in the order a b e s."""
    chosen: set[str] = set()
    for text in lists:
        chosen = set() if "n" in text else chosen | set(text)
    return "".join(letter for letter in MAIL_ORDER if letter in chosen)


def addresses(lists: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Merge -M: the last address of a later list takes the place of the first one so far, the others stay.

    So one address replaces one address, which is what people do; the rest is the grid's doing.
    """
    merged: list[str] = []
    for new in lists:
        merged = [new[-1], *merged[1:]] if merged else list(new)
    return tuple(merged)


def hosts(lists: Iterable[Sequence[HostPath]]) -> tuple[HostPath, ...]:
    """Merge -o, -e, -i, -S: a later path for the same host takes the place of the earlier one."""
    merged: dict[str, str] = {}
    for new in lists:
        merged.update(new)
    return tuple(merged.items())


def resources(lists: Iterable[Sequence[Resource]]) -> tuple[Resource, ...]:
    """Merge -l: a resource asked for again moves to the end; within one list it keeps its place."""
    merged: dict[str, str] = {}
    for new in lists:
        latest = dict(new)
        for name in latest:
            merged.pop(name, None)
        merged.update(latest)
    return tuple(merged.items())


def context(changes: Iterable[tuple[str, Sequence[tuple[str, str]]]]) -> tuple[tuple[str, str], ...]:
    """Merge -ac, -dc and -sc in their order: add or change, take away, replace all."""
    merged: dict[str, str] = {}
    for switch, pairs in changes:
        if switch == "-dc":
            for name, _ in pairs:
                merged.pop(name, None)
            continue
        if switch == "-sc":
            merged = {}
        merged.update(pairs)
    return tuple(merged.items())


def queues(found: Sequence[Occurrence], rank: dict[str, int], *, soft: bool) -> tuple[str, ...]:
    """Merge -q: lists of one source add up, those of a later source replace all earlier ones, hard and soft.

    Args:
        found: all -q in the order of their weight.
        rank: the weight of a place.
        soft: which of the two lists is asked for.
    """
    if not found:
        return ()
    last = rank[found[-1].place]
    chosen = [occurrence for occurrence in found if rank[occurrence.place] == last]
    return tuple(queue for occurrence in chosen if occurrence.soft == soft for queue in occurrence.value)


def named(pairs: Sequence[tuple[str, str | None]], site: Site | None = None) -> list[Resource]:
    """Give the resources of one -l list their full names and the grid's spelling of their values.

    Times become seconds, a missing value TRUE; memory stays as typed.  What cannot be read stays too:
    `options.checks` has the words for it.
    """
    result = []
    for name, value in pairs:
        found = complexes.find(name, site)
        spelled = "TRUE" if value is None else value
        if found is not None and found.type == "TIME":
            spelled = seconds(spelled)
        result.append((found.name if found else name, spelled))
    return result


def seconds(value: str) -> str:
    """Return a time as the grid stores it: seconds; the word for no limit stays, TRUE is 1."""
    if value.upper() == "TRUE":
        return "1"
    read = None if units.is_infinity(value) else units.time_seconds(value)
    return value if read is None else str(read)

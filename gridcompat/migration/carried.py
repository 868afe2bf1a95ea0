"""What of a grid's configuration is neither queue nor environment, as settings: hosts, lists, quotas, ...

What refers to something that the dump does not have is left out and told: settings with it would not load.
"""

from __future__ import annotations

from gridcompat import complexes
from gridcompat.migration.dump import fields
from gridcompat.output import qconf
from gridcompat.settings import Settings, places

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from gridcompat.migration.dump import Dump

    Table: TypeAlias = tuple[tuple[str, object], ...]

EVERYWHERE = ("global", "template")
OWN_SETTING = frozenset(("finished_jobs", "max_aj_tasks", "max_aj_instances", "reschedule_unknown"))
"""Lines of sge_conf(5) that other settings hold."""
SPOOLED_ONLY = frozenset(("#global:", "conf_name", "conf_version", "weight_tickets_override"))
"""What only the files of a classic spool have, not qconf."""
SPOOLED_WORDS = {"queue_sort_method": {"0": "load", "1": "seqno"}}
"""Values that a classic spool keeps otherwise than qconf shows them. Source: a live 8.1.9."""


class Known:
    """The names of what others refer to."""

    def __init__(self, dump: Dump) -> None:
        self.names = {
            "host group": frozenset(dump.each("hostgroups")),
            "user list": frozenset(dump.each("usersets")),
            "project": frozenset(dump.each("projects")),
        }

    def only(self, kind: str, names: Sequence[str], where: str, notes: list[str]) -> list[str]:
        """Return the names that are there; hosts count as there. The others are told."""
        kept = []
        for name in names:
            if name in self.names[kind] or (kind == "host group" and name[:1] != "@"):
                kept.append(name)
            else:
                notes.append(f"{where} {name}: the dump has no such {kind}")
        return kept


def by_host(text: str) -> tuple[str, list[tuple[str, str]]]:
    """Return a value of a queue and its values on hosts: `4,[@big=8],[vm=2]`."""
    plain, *others = text.replace(" [", "[").split(",[")
    if plain.startswith("["):
        plain, others = "", [plain[1:], *others]
    pairs = []
    for other in others:
        place, sign, value = other.strip().rstrip(",").removesuffix("]").partition("=")
        if sign:
            pairs.append((place.strip(), value.strip()))
    return plain.strip().rstrip(","), pairs


def complex_lines(dump: Dump) -> list[str]:
    """Return the complexes as lines of eight words, from `qconf -sc` or the files of a classic spool."""
    columns = ("name", "shortcut", "type", "relop", "requestable", "consumable", "default", "urgency")
    lines = []
    for line in dump.text("centry", "complexes").split("\n"):
        words = [word for word in line.split() if word.isprintable()]
        if len(words) == 8 and not words[0].startswith("#"):
            lines.append(" ".join(words))
    for name, text in dump.each("centry").items():
        found = {"name": name, **fields(text)}
        if all(found.get(column) for column in columns):
            lines.append(" ".join(found[column] for column in columns))
    return lines


def values(dump: Dump, configuration: Mapping[str, str], notes: list[str]) -> list[tuple[str, object]]:
    """Return the settings that are no tables."""
    found: list[tuple[str, object]] = []
    lines = complex_lines(dump)
    usual = {_line(one): one.name for one in complexes.every()}
    for line in [line for line in lines if complexes.complaint(line)]:
        notes.append(f"complex {line.split()[0]}: {complexes.complaint(line)}")
        lines.remove(line)
    if own := [line for line in lines if line not in usual]:
        found.append(("complexes", own))
    if lines:
        names = {line.split()[0] for line in lines}
        absent = [name for name in usual.values() if name not in names]
        if absent:
            found.append(("complexes_absent", absent))
        if "release" in absent:
            found.append(("releases", []))
    for setting in ("managers", "operators", "admin_hosts", "submit_hosts"):
        entries = _names(dump.text(setting)) or list(dump.each(setting))
        if entries:
            found.append((setting, entries))
    for setting, text, rows in (
        ("scheduler", dump.text("schedconf", "sched_configuration"), qconf.SCHEDULER),
        ("configuration", "", qconf.rows(Settings())),
    ):
        given = configuration if setting == "configuration" else fields(text)
        shown = {name: str(value) for name, value in rows}
        other = {
            name: value
            for name, value in ((name, _as_shown(name, value)) for name, value in given.items())
            if value not in ("", shown.get(name, "")) and name not in OWN_SETTING | SPOOLED_ONLY
        }
        if other:
            found.append((setting, other))
    return found


def _as_shown(name: str, value: str) -> str:
    """A value as qconf shows it."""
    value = " ".join(value.split())
    if name == "usage_weight_list":
        return value.replace(" ", ",")
    return SPOOLED_WORDS.get(name, {}).get(value, value)


def _line(one: complexes.Complex) -> str:
    return " ".join(
        (
            one.name, one.shortcut, one.type, one.relop, "YES" if one.requestable else "NO",
            "YES" if one.consumable else "NO", one.default, one.urgency,
        )
    )  # fmt: skip


def _names(text: str) -> list[str]:
    """The names of a list, a line each; other lines are none."""
    words = [line.strip() for line in text.split("\n") if line.strip() and not line.startswith("#")]
    return [word for word in words if word.isprintable() and len(word.split()) == 1]


# ---------------------------------------------------------------- tables


def tables(dump: Dump, known: Known, notes: list[str]) -> tuple[tuple[str, tuple[Table, ...]], ...]:
    """Return the arrays of tables, by title."""
    made: dict[str, list[Table]] = {}
    for name, text in dump.each("execution", "exec_hosts").items():
        if name != "template":
            made.setdefault("host", []).append(_host(name, fields(text), known, notes))
    for name, text in dump.each("hostgroups").items():
        hosts = places.words(fields(text).get("hostlist", ""))
        kept = known.only("host group", hosts, f"host group {name}: hostlist", notes)
        made.setdefault("host_group", []).append((("name", name), ("hostlist", kept)))
    for name, text in dump.each("projects").items():
        of = fields(text)
        lists = [
            (
                field,
                known.only("user list", places.words(of.get(field, "")), f"project {name}: {field}", notes),
            )
            for field in ("acl", "xacl")
        ]
        kept_lists = [(field, names) for field, names in lists if names]
        made.setdefault("project", []).append((("name", name), *_numbers(of), *kept_lists))
    for name, text in dump.each("calendars").items():
        made.setdefault("calendar", []).append((("name", name), *_texts(fields(text), ("year", "week"))))
    for name, text in dump.each("ckpt").items():
        own = ("interface", "ckpt_command", "migr_command", "restart_command", "clean_command", "ckpt_dir",
               "signal", "when")  # fmt: skip
        made.setdefault("checkpoint", []).append((("name", name), *_texts(fields(text), own)))
    for name, text in dump.each("usersets").items():
        of = fields(text)
        entries = list(places.words(of.get("entries", "")))
        made.setdefault("user_list", []).append(
            (("name", name), *_texts(of, ("type",)), *_numbers(of), ("entries", entries))
        )
    for name, text in dump.each("resource_quotas").items():
        made.setdefault("resource_quota", []).append(_quota(name, text))
    for name, text in dump.each("configurations", "local_conf").items():
        if name not in EVERYWHERE:
            shown = {field: value for field, value in fields(text).items() if value}
            made.setdefault("host_configuration", []).append((("name", name), ("values", shown)))
    return tuple((title, tuple(found)) for title, found in made.items())


def _host(name: str, found: Mapping[str, str], known: Known, notes: list[str]) -> Table:
    values: list[tuple[str, object]] = [("name", name)]
    if pairs := places.pairs(found.get("complex_values", "")):
        values.append(("complex_values", dict(pairs)))
    processors = found.get("processors", "")
    if processors.isascii() and processors.isdigit() and int(processors[:9]) > 0:
        values.append(("processors", int(processors[:9])))
    for field, kind in (
        ("user_lists", "user list"),
        ("xuser_lists", "user list"),
        ("projects", "project"),
        ("xprojects", "project"),
    ):
        if kept := known.only(kind, places.words(found.get(field, "")), f"host {name}: {field}", notes):
            values.append((field, kept))
    return (*values, *_texts(found, ("load_scaling", "usage_scaling", "report_variables")))


def _texts(found: Mapping[str, str], names: Sequence[str]) -> list[tuple[str, object]]:
    return [(name, found[name]) for name in names if found.get(name, "NONE") not in ("NONE", "")]


def _numbers(found: Mapping[str, str]) -> list[tuple[str, object]]:
    numbers = [(name, found.get(name, "")) for name in ("oticket", "fshare")]
    return [
        (name, int(text)) for name, text in numbers if text.isascii() and text.isdigit() and len(text) < 10
    ]


def _quota(name: str, text: str) -> Table:
    """A resource quota set; a backslash at the end carries on a rule."""
    lines = [line.split(None, 1) for line in text.replace("\\\n", " ").split("\n")]
    pairs = [
        (words[0], " ".join("".join(filter(_printable, words[1])).split()))
        for words in lines
        if len(words) == 2
    ]
    of = dict(pairs)
    description = of.get("description", "NONE").strip('"').replace("\\", "")
    rules = [rule for word, rule in pairs if word == "limit"]
    return (
        ("name", name),
        ("description", description or "NONE"),
        ("enabled", of.get("enabled", "").upper() == "TRUE"),
        ("rules", rules),
    )


def _printable(letter: str) -> bool:
    return letter.isprintable()

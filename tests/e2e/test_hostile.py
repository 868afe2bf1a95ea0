"""Whatever is typed arrives at the program byte for byte, or is refused in a line; nothing of it is executed.

Words go through real processes from end to end: command, objects, daemon, launcher, program.  Expected words
and statuses are the grid's (gridlab/FACTS.md, sections 1, 3 and 10).
"""

from __future__ import annotations

import ast
import os
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from world import BIN, Done, World, finish_all

PROGRAM = """#!/usr/bin/python3 -ISB
import os, sys
seen = [os.fsencode(word) for word in sys.argv[1:]], os.environb.get(b"X"), os.getcwdb()
with open(os.environ["HOME"] + "/got." + os.environ["JOB_ID"], "w") as file:
    file.write(repr(seen))
"""
"""Leaves its arguments, the variable X and its directory."""
WORDS = (
    *(b"two\nlines", b"a\r\nb", b"\n", b"it's", b'say "x"', b"", b" ", b"a\tb", b"back\\slash\\n", b"\\"),
    *(b"$(touch pwned)", b"`touch pwned`", b"$$ $HOME ${IFS} $((1))", b";touch pwned", b"|touch pwned"),
    *(
        b"> pwned",
        b"& touch pwned",
        b"$(GC_JOB_ID) $(HOME)",
        b"*",
        b"~",
        b"~root",
        b"[a-z]?",
        b"{a,b}",
        b"#",
        b"!",
    ),
    *(b"%s%n%d", b"-x", b"--", b"-", b"-N", b"a=b", b"..", b".", b"a/../b", b"con", b"NONE", b"@", b"@x"),
    *("ünï ☃".encode(), "right\u202eleft\u202c".encode(), "e\u0301\u0327".encode(), "\U0001f4a9".encode()),
    *(b"\xff\xfe\x80", b"caf\xe9 \\0351 \\", b"\x1b[31m\x07", b"\x7f\x01", b"A" * 120 * 1024, b"'" * 100_000),
)
"""Any of these may be an argument or a value."""
ALL_BYTES = bytes(range(1, 256))


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as made:
        made.write("show", PROGRAM)
        yield made
        assert [where for where, _, names in os.walk(made.directory) if "pwned" in names] == []
        assert not os.path.exists("/pwned")
        assert "Traceback" not in made.log()


def together(world: World, lines: Sequence[Sequence[Any]]) -> list[Done]:
    """Run commands, a few at a time."""
    done: list[Done] = []
    for first in range(0, len(lines), 8):
        done += finish_all(
            [world.start(f"{BIN}/{os.fsdecode(line[0])}", *line[1:]) for line in lines[first : first + 8]]
        )
    return done


def seen(world: World, done: Sequence[Done]) -> list[Any]:
    """What the programs of jobs found: arguments, the variable X, directory."""
    numbers = [one.id for one in done]
    world.finished(*numbers)
    return [ast.literal_eval(world.read(f"got.{number}").decode() or "None") for number in numbers]


def delivered(word: bytes) -> bytes:
    """What the grid makes of an argument: a newline cuts it off."""
    return word.partition(b"\n")[0]


@pytest.mark.parametrize("shell", [[], ["-b", "y", "-shell", "n"]], ids=["script", "program without a shell"])
def test_arguments_arrive_byte_for_byte(world: World, shell: list[str]) -> None:
    words = (*WORDS, ALL_BYTES)
    lines = [["qsub", "-N", "job", *shell, f"{world.home}/show", word, b"end"] for word in words]
    found = seen(world, together(world, lines))
    assert [arguments for arguments, _, _ in found] == [[delivered(word), b"end"] for word in words]


def test_arguments_of_continuous_jobs_arrive_byte_for_byte(world: World) -> None:
    words = (*WORDS, ALL_BYTES)
    lines = [
        ["jstart", "-N", f"loop{number}", f"{world.home}/show", word, b"end"]
        for number, word in enumerate(words)
    ]
    found = seen(world, together(world, lines))
    assert [arguments for arguments, _, _ in found] == [[word, b"end"] for word in words]


def test_values_of_variables_arrive_byte_for_byte(world: World) -> None:
    # A comma would end the value on the command line; the environment knows no such thing.
    words = [word for word in WORDS if b"," not in word]
    lines = [["qsub", "-N", "job", "-v", b"X=" + word, f"{world.home}/show"] for word in words]
    found = seen(world, together(world, lines))
    assert [value for _, value, _ in found] == words
    started = [
        world.start(
            f"{BIN}/qsub", "-V", "-N", "job", f"{world.home}/show", environment={"X": os.fsdecode(word)}
        )
        for word in (*WORDS[:20], ALL_BYTES)
    ]
    found = seen(world, finish_all(started))
    assert [value for _, value, _ in found] == [*WORDS[:20], ALL_BYTES]


def test_many_arguments_arrive(world: World) -> None:
    words = [str(number) for number in range(2000)]
    [(arguments, _, _)] = seen(world, [world.run("qsub", f"{world.home}/show", *words)])
    assert arguments == [word.encode() for word in words]


def test_directories_of_any_name(world: World) -> None:
    names = [word for word in WORDS if word not in (b"", b".", b"..") and b"/" not in word and len(word) < 99]
    paths = [os.path.join(os.fsencode(world.home), b"in", name) for name in names]
    for path in paths:
        os.makedirs(path)
        world.give(os.fsdecode(path))
    start = [
        world.start(f"{BIN}/qsub", "-cwd", "-N", "j", "-j", "y", f"{world.home}/show", cwd=os.fsdecode(path))
        for path in paths
    ]
    done = finish_all(start)
    assert [directory for _, _, directory in seen(world, done)] == paths
    # The output's path is not given, so no pseudo variable is replaced in it.
    assert [os.listdir(path) for path in paths] == [[b"j.o%d" % one.id] for one in done]


REFUSED = "Unable to run job: {}\nExiting.\n"
NO_ANSWER = REFUSED.format("Error reading answer list from qmaster")
NAMES = {
    b"two\nlines": (1, REFUSED.format("Return not allowed in objectname")),
    b"a\r\nb": (1, REFUSED.format("Return not allowed in objectname")),
    b"a\tb": (1, REFUSED.format("Tab not allowed in objectname")),
    b"*": (1, REFUSED.format("Asterisk ('*') not allowed in objectname")),
    b"@x": (1, REFUSED.format("At ('@') not allowed in objectname")),
    b"a:b": (1, REFUSED.format("Colon (':') not allowed in objectname")),
    b"\\": (1, REFUSED.format("Backslash ('\\') not allowed in objectname")),
    b"NoNe": (1, REFUSED.format('Keyword ("NONE") not allowed as objectname')),
    b"1a": (1, REFUSED.format('denied: "1a" is not a valid object name (cannot start with a digit)')),
    b"": (1, REFUSED.format("job rejected cause there is no job_name in the request")),
    b"a/../b": (2, "qsub: argument to -N option must not contain / \n"),
    b"/": (2, "qsub: argument to -N option must not contain / \n"),
    b"A" * 513: (1, REFUSED.format("job name too long, maximum allowed length is 512 characters")),
    b"a b": (1, NO_ANSWER),
    b"$(touch pwned)": (1, NO_ANSWER),
    "ü".encode(): (1, NO_ANSWER),
    b"\xff": (1, NO_ANSWER),
}


def test_names_that_the_grid_refuses(world: World) -> None:
    done = together(world, [["qsub", "-N", name, f"{world.home}/show"] for name in NAMES])
    assert [one.all for one in done] == [(status, "", told) for status, told in NAMES.values()]


def test_odd_names_that_the_grid_takes(world: World) -> None:
    names = [
        "..",
        ".",
        "-x",
        "--",
        "con",
        "%s%n",
        "a=b",
        "#",
        "~",
        "$HOME",
        "$$",
        ";",
        "&",
        "it's",
        "`id`",
        "A" * 200,
    ]
    done = together(world, [["qsub", "-N", name, "-j", "y", f"{world.home}/show"] for name in names])
    assert [one.out for one in done] == [
        f'Your job {one.id} ("{name}") has been submitted\n' for one, name in zip(done, names, strict=True)
    ]
    seen(world, done)
    made = os.listdir(world.home)
    assert all(f"{name}.o{one.id}" in made for one, name in zip(done, names, strict=True))


def test_names_with_a_path_make_files_where_the_account_may_and_no_job(world: World) -> None:
    before = set(world.jobs())
    done = together(world, [["jsub", "-N", "../up", f"{world.home}/show"], ["jsub", "-N", "no/way", "show"]])
    # As the original: the files first, then what qsub says goes into one of them.
    assert done[0].all == (2, "", "")
    with open(f"{world.directory}/up.err", encoding="ascii") as file:
        assert file.read() == NAMES[b"/"][1]
    path = f"{world.home}/no/way.out"
    assert (done[1].status, done[1].out, done[1].err.partition("] ")[2]) == (
        1,
        "",
        f"Failed to touch '{path}': [Errno 2] No such file or directory: '{path}'\n",
    )
    if world.uid is not None:
        refused = world.run("jsub", "-o", "/etc/passwd", f"{world.home}/show")
        assert refused.status == 1 and "[Errno 13]" in refused.err and refused.err.count("\n") == 1
    assert set(world.jobs()) == before


# ------------------------------------------------------------ scripts


def test_scripts_travel_byte_for_byte(world: World) -> None:
    bodies = [
        b"#!/bin/cat\n" + ALL_BYTES * 10,
        b"#!/bin/cat\n#$ -o $(touch pwned)`touch pwned`\n'\"\\\n",
        b"#!/bin/cat\n" + (b"x" * 99 + b"\n") * 9216,  # 900 KiB
    ]
    for number, body in enumerate(bodies):
        world.write(f"body{number}", body)
    done = [
        world.run("qsub", "-C", "", "-N", "copy", "-o", f"{world.home}/out{number}", f"body{number}")
        for number in range(len(bodies))
    ]
    world.finished(*(one.id for one in done))
    assert [world.read(f"out{number}") for number in range(len(bodies))] == bodies


def test_scripts_that_are_refused(world: World) -> None:
    world.write("nul", b"#!/bin/sh\necho a\0b\n")
    world.write("large", b"#!/bin/sh\n" + (b"#" * 79 + b"\n") * (2 << 20 >> 6))
    nul = (1, "", REFUSED.format("Script length does not match declared length"))
    assert world.run("qsub", "nul").all == nul
    with open(f"{world.home}/nul", "rb") as file:
        assert world.run("qsub", "-N", "x", stdin=file).all == nul
    size = os.path.getsize(f"{world.home}/large")
    told = f"job rejected: script ({size} bytes) and environment (0 bytes) are together larger than "
    assert world.run("qsub", "large").all == (1, "", REFUSED.format(f"{told}1048576 bytes"))
    before = set(world.jobs())
    assert world.run("qsub", "-N", "x", stdin=subprocess.DEVNULL).all == (
        4,
        "",
        "Unable to read script file because of error: no input read from stdin\n",
    )
    assert set(world.jobs()) == before


def test_what_is_too_large_is_refused_and_leaves_nothing(world: World) -> None:
    before = set(world.jobs())
    lines = [
        ["qsub", f"{world.home}/show", "\x01" * 120 * 1024],
        ["qsub", "-hold_jid", "1," * 60_000, f"{world.home}/show"],
        ["qsub", "-N", "A" * 100_000, f"{world.home}/show"],
        ["qsub", "-l", "h_vmem=" + "1" * 100_000, f"{world.home}/show"],
        ["qsub", "-t", "1-" + "9" * 100_000, f"{world.home}/show"],
        ["qsub", "-a", "1" * 100_000, f"{world.home}/show"],
        ["qsub", "-q", "x" * 100_000, f"{world.home}/show"],
    ]
    for line, done in zip(lines, together(world, lines), strict=True):
        assert done.status in (1, 7) and done.out == "" and done.err, line[1]
        assert "internal error" not in done.err
    assert set(world.jobs()) == before


def test_a_mail_address_cannot_bring_a_header(world: World) -> None:
    letters = f"{world.home}/letters"
    program = world.write("sendmail", f'#!/bin/sh\nprintf "%s\\n" "$@" >>{letters}\ncat >>{letters}\n')
    addresses = [
        "a@example.org\r\nBcc: pwned",
        "a@example.org\nBcc: pwned",
        "$(touch pwned)@x",
        "-pwned@x",
        "b@x",
    ]
    with World(GRIDCOMPAT_SENDMAIL=program) as other:
        done = [other.run("qsub", "-m", "e", "-M", word, "-b", "y", "true") for word in addresses]
        other.finished(*(one.id for one in done))
        other.wait_for("the last is sent", lambda: b"b@x" in world.read("letters"))
        other.wait_for("nothing is left to do", lambda: other.daemon() is None)
    sent = world.read("letters")
    assert b"Bcc:" not in sent and b"\n-pwned" not in sent
    assert sent.count(b"\nSubject: ") <= len(addresses)


# ------------------------------------------------------------ any argv

SWITCHES = st.sampled_from(
    [
        *(
            "-N",
            "-t",
            "-tc",
            "-h",
            "-l",
            "-q",
            "-m",
            "-M",
            "-p",
            "-pe",
            "-o",
            "-e",
            "-i",
            "-j",
            "-v",
            "-V",
            "-a",
        ),
        *(
            "-hold_jid",
            "-hold_jid_ad",
            "-now",
            "-w",
            "-A",
            "-P",
            "-C",
            "-S",
            "-cwd",
            "-wd",
            "-r",
            "-terse",
            "-@",
        ),
        *(
            "-once",
            "-quiet",
            "-stderr",
            "-umask",
            "-mem",
            "-continuous",
            "-release",
            "-clear",
            "-help",
            "-js",
        ),
        *(
            "y",
            "n",
            "1000",
            "1-5:2",
            "x=1",
            "h_vmem=1G",
            "task",
            "smp",
            "show",
            "/bin/true",
            ".",
            "/dev/null",
        ),
    ]
)
ARGV = st.lists(
    st.one_of(SWITCHES, st.sampled_from(WORDS[:-2]).map(os.fsdecode), st.binary(max_size=6).map(os.fsdecode)),
    max_size=7,
).map(lambda words: [word.replace("\0", "") for word in words])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(command=st.sampled_from(["qsub", "jsub", "qsub", "jsub", "jstart", "qcronsub"]), words=ARGV)
def test_any_line_ends_in_a_status_of_the_grid(world: World, command: str, words: list[str]) -> None:
    done = world.run(f"{BIN}/{command}", "-h" if command == "qsub" else "-stderr", *words)
    assert done.status in (0, 1, 2, 4, 5, 7, 14), done
    assert "Traceback" not in done.err and "internal error" not in done.err, done
    assert done.status == 0 or done.err or "-quiet" in words or done.out, done
    if done.status == 0 and "Your job" in done.out:
        job = world.jobs()[done.id]
        assert job["spec"]["ready"], done
        assert world.run("qdel", str(done.id)).status in (0, 1)

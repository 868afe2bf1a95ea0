"""The jsub dialect: what a line asks for, where it comes from, what is refused in which words."""

from __future__ import annotations

import pytest
from surroundings import CWD, ENVIRONMENT, HOME, NOW, Files, context

from gridcompat.errors import GridError, Refused, UsageError
from gridcompat.options import jsub
from gridcompat.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gridcompat.options.context import Context

PROGRAMS: dict[str, bytes | None] = {
    "bot.sh": b"#!/bin/bash\necho hi\n",
    "my.long.name.sh": b"#!/bin/bash\n",
    "1st.sh": b"#!/bin/bash\n",
    "/usr/bin/echo": b"\x7fELF",
    "/usr/bin/python3": b"\x7fELF",
    "logs": None,
}
CLOCK = "[Tue Nov 24 06:00:00 2026]"


@pytest.fixture(autouse=True)
def universal_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages begin with the local time."""
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def at(files: dict[str, bytes | None] | None = None, **changes: object) -> Context:
    """Return surroundings with the usual programs and `files`."""
    return replace(context({**PROGRAMS, **(files or {})}), **changes)


def read(line: str, files: dict[str, bytes | None] | None = None, **changes: object) -> jsub.Plan:
    """Read `COMMAND WORDS...`."""
    command, *argv = line.split()
    return jsub.plan(argv, command=command, context=at(files, **changes))


def common(name: str, queue: str = "task", memory: int = 524288) -> tuple[str, ...]:
    """The words that every line gives qsub when nothing is said."""
    return (
        *("-j", "no", "-e", f"{HOME}/{name}.err", "-o", f"{HOME}/{name}.out"),
        *("-M", "opttest@toolforge.org", "-N", name, "-hard", "-l", f"h_vmem={memory}k"),
        *("-l", "release=buster", "-q", queue),
    )


def test_the_plain_line_has_every_default() -> None:
    plan = read("jsub ./bot.sh a b")
    assert plan.qsub == (*common("bot"), "-b", "yes", f"{CWD}/bot.sh", "a", "b")
    assert plan.touch == ((f"{HOME}/bot.out", 0o660), (f"{HOME}/bot.err", 0o660))
    assert (plan.name, plan.program, plan.messages_to) == ("bot", f"{CWD}/bot.sh", f"{HOME}/bot.err")
    assert (plan.once, plan.continuous, plan.quiet, plan.executable) == (False, False, False, True)


@pytest.mark.parametrize(
    ("line", "name", "program"),
    [
        ("jsub bot.sh", "bot", f"{CWD}/bot.sh"),
        (f"jsub {CWD}/bot.sh", "bot", f"{CWD}/bot.sh"),
        ("jsub ./my.long.name.sh", "my", f"{CWD}/my.long.name.sh"),
        ("jsub -N ech echo hello", "ech", "/usr/bin/echo"),
        ("jsub echo", "echo", "/usr/bin/echo"),
        ("jsub -- bot.sh", "bot", f"{CWD}/bot.sh"),
        ("jsub sub/../bot.sh", "bot", f"{CWD}/bot.sh"),
    ],
)
def test_the_program_is_found_and_names_the_job(line: str, name: str, program: str) -> None:
    plan = read(line)
    assert (plan.name, plan.program) == (name, program)


def test_the_path_comes_before_the_current_directory() -> None:
    assert read("jsub echo", {"echo": b"here"}).program == "/usr/bin/echo"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("jsub", "the following arguments are required: program, args..."),
        ("jsub -N x", "the following arguments are required: program, args..."),
        ("jsub -foo", "the following arguments are required: program, args..."),
        ("jsub -foo bot.sh", "unrecognized arguments: -foo"),
        ("jsub -foo -V bot.sh -x", "unrecognized arguments: -foo -V"),
        ("jsub -pe smp 2 bot.sh", "argument program: Program 'smp' not found."),
        ("jsub -t 1-3 bot.sh", "argument program: Program '1-3' not found."),
        ("jsub -quiet nosuchprog", "argument program: Program 'nosuchprog' not found."),
        ("jsub logs", "argument program: Program 'logs' not found."),
        ("jsub /nowhere/x", "argument program: Program '/nowhere/x' not found."),
        ("jsub -mem", "argument -mem: expected one argument"),
        ("jsub -mem -N x bot.sh", "argument -mem: expected one argument"),
        ("jsub -N -once bot.sh", "argument -N: expected one argument"),
        ("jsub -mem 5 bot.sh", "argument -mem: expected an integer followed by 'k', 'm' or 'g'. '5' given."),
        ("jsub -mem 5t x", "argument -mem: expected an integer followed by 'k', 'm' or 'g'. '5t' given."),
        ("jsub -mem 1.5g x", "argument -mem: expected an integer followed by 'k', 'm' or 'g'. '1.5g' given."),
        ("jsub -j maybe bot.sh", "argument -j: expected y[es]|n[o]. 'maybe' given."),
        ("jsub -b 1 bot.sh", "argument -b: expected y[es]|n[o]. '1' given."),
        ("jsub -M me bot.sh", "argument -M: expected list of email addresses. 'me' given."),
        ("jsub -M a@b,me bot.sh", "argument -M: expected list of email addresses. 'a@b,me' given."),
        ("jsub -umask 9 bot.sh", "argument -umask: expected an octal value. '9' given."),
        ("jsub -umask x bot.sh", "argument -umask: expected an octal value. 'x' given."),
        ("jsub -release trusty x", "argument -release: invalid choice: 'trusty' (choose from 'buster')"),
        ("jsub -l release=trusty x", "argument -l: invalid release=trusty. Expected release=[buster]."),
        ("jstart", "the following arguments are required: program, args..."),
    ],
)
def test_mistakes_are_told_in_two_lines(line: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(line)
    command = line.split()[0]
    assert caught.value.message == (
        f"usage: {command} [options...] program [args...]\n{command}: error: {message}"
    )
    assert caught.value.exit_status == 2


def test_a_phrase_in_one_word_is_no_program() -> None:
    with pytest.raises(UsageError, match=r"Program 'bot\.sh arg' not found\."):
        jsub.plan(["bot.sh arg"], command="jsub", context=at())


@pytest.mark.parametrize(
    ("line", "memory"),
    [
        ("jsub -mem 1g bot.sh", 1048576),
        ("jsub -mem 300M bot.sh", 307200),
        ("jsub -mem 4096k bot.sh", 4096),
        ("jsub -l h_vmem=1g bot.sh", 1048576),
        ("jsub -mem 2g -l h_vmem=1g bot.sh", 2097152),
        ("jsub -l h_vmem=100m bot.sh", 524288),
        ("jsub -l virtual_free=1g bot.sh", 1153433),
        ("jsub -l virtual_free=1g,h_vmem=2G bot.sh", 2097152),
    ],
)
def test_memory_is_the_largest_that_was_asked_for(line: str, memory: int) -> None:
    assert read(line).qsub == (*common("bot", memory=memory), "-b", "yes", f"{CWD}/bot.sh")


def test_memory_that_is_no_number_ends_the_line_with_status_1() -> None:
    with pytest.raises(GridError) as caught:
        read("jsub -l h_vmem=lots bot.sh")
    assert caught.value.exit_status == 1
    assert "h_vmem=lots" in caught.value.message


@pytest.mark.parametrize(
    ("line", "passed"),
    [
        ("jsub -cwd -v A=1 bot.sh", ("-cwd", "-v", "A=1")),
        ("jsub -soft -l h_rt=10 -hard -now n bot.sh", ("-soft", "-l", "h_rt=10", "-hard", "-now", "n")),
        ("jsub -l h_rt=10,s_rt=5,release=buster bot.sh", ("-l", "h_rt=10", "-l", "s_rt=5")),
        ("jsub -m e -p -5 -sync yes -i in bot.sh", ("-m", "e", "-p", "-5", "-sync", "yes", "-i", "in")),
        ("jsub -a 202701010000 -wd /x bot.sh", ("-a", "202701010000", "-wd", "/x")),
        ("jsub -b n bot.sh", ()),
    ],
)
def test_what_qsub_knows_is_handed_on_in_order(line: str, passed: tuple[str, ...]) -> None:
    assert read(line).qsub == (*passed, *common("bot"), "-b", "yes", f"{CWD}/bot.sh")


@pytest.mark.parametrize(
    ("line", "uid", "mode"),
    [
        ("jsub bot.sh", 60000, 0o660),
        ("jsub bot.sh", 50000, 0o600),
        ("jsub bot.sh", 50001, 0o660),
        ("jsub -umask 022 bot.sh", 60000, 0o644),
        ("jsub -umask 077 bot.sh", 60000, 0o600),
        ("jsub -umask 0 bot.sh", 1000, 0o666),
    ],
)
def test_output_files_are_made_with_the_umask(line: str, uid: int, mode: int) -> None:
    assert read(line, uid=uid).touch == ((f"{HOME}/bot.out", mode), (f"{HOME}/bot.err", mode))


@pytest.mark.parametrize(
    ("line", "touched", "messages"),
    [
        ("jsub -j y bot.sh", (f"{HOME}/bot.out",), f"{HOME}/bot.out"),
        ("jsub -j YES -o all.log bot.sh", ("all.log",), "all.log"),
        ("jsub -j y -e e.log bot.sh", (f"{HOME}/bot.out",), f"{HOME}/bot.out"),
        ("jsub -o logs -e logs bot.sh", (), ""),
        ("jsub -e logs bot.sh", (f"{HOME}/bot.out",), ""),
        ("jsub -stderr bot.sh", (f"{HOME}/bot.out", f"{HOME}/bot.err"), ""),
        ("jsub -e /x/e bot.sh", (f"{HOME}/bot.out", "/x/e"), "/x/e"),
    ],
)
def test_files_and_messages_go_where_the_line_says(
    line: str, touched: tuple[str, ...], messages: str
) -> None:
    plan = read(line)
    assert (tuple(path for path, _ in plan.touch), plan.messages_to) == (touched, messages)


@pytest.mark.parametrize(
    ("line", "once", "continuous", "queue"),
    [
        ("jsub -once bot.sh", True, False, "task"),
        ("qcronsub bot.sh", True, False, "task"),
        ("jstart bot.sh", True, True, "continuous"),
        ("jsub -continuous bot.sh", True, True, "continuous"),
        ("jsub -continuous -q task@* bot.sh", True, True, "task@*"),
        ("jsub -q mailq bot.sh", False, False, "mailq"),
    ],
)
def test_relatives_and_queues(line: str, once: bool, continuous: bool, queue: str) -> None:
    plan = read(line)
    assert (plan.once, plan.continuous) == (once, continuous)
    assert plan.qsub[plan.qsub.index("-q") + 1] == queue


def test_a_program_without_x_is_told_later() -> None:
    files = Files({**PROGRAMS, "noexec.sh": b"#!/bin/sh\n"}, plain=frozenset({"noexec.sh"}))
    plan = jsub.plan(["noexec.sh"], command="jsub", context=context(reader=files))
    assert not plan.executable


@pytest.mark.parametrize(
    ("environment", "mail"),
    [
        ({"LOGNAME": "log", "USER": "use"}, "log@toolforge.org"),
        ({"USER": "use"}, "use@toolforge.org"),
        ({}, "opttest@toolforge.org"),
    ],
)
def test_mail_goes_to_the_login_name(environment: dict[str, str], mail: str) -> None:
    plan = read("jsub /usr/bin/echo", environment=environment)
    assert plan.qsub[plan.qsub.index("-M") + 1] == mail


def test_settings_of_jsubrc_yield_to_the_line_and_both_to_the_programs_top() -> None:
    files: dict[str, bytes | None] = {
        f"{HOME}/.jsubrc": b"# comment\n-mem 1g\n-N rc # trailing\n-j y\n-once\n\n-m e\n",
        "e.sh": b"#!/bin/bash\n#$ -N header\n#$ -q continuous -quiet\n# end\n#$ -mem 2g\n",
    }
    assert read("jsub bot.sh", files).name == "rc"
    assert read("jsub -N line bot.sh", files).name == "line"
    plan = read("jsub -N line e.sh", files)
    assert plan.name == "header"
    assert plan.qsub[:2] == ("-m", "e")
    assert "h_vmem=1048576k" in plan.qsub
    assert plan.qsub[plan.qsub.index("-q") + 1] == "continuous"
    assert plan.once
    assert not plan.quiet  # only the first switch of a line counts


def test_another_file_can_stand_for_jsubrc() -> None:
    environment = {**ENVIRONMENT, "JOBUTILS_JSUBRC": "/etc/rc"}
    files: dict[str, bytes | None] = {"/etc/rc": b"-N other\n", f"{HOME}/.jsubrc": b"-N home\n"}
    assert read("jsub bot.sh", files, environment=environment).name == "other"


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (f"{HOME}/.jsubrc", b"-pe smp\n", "Error parsing {path}: unrecognized arguments: -pe smp"),
        (f"{HOME}/.jsubrc", b"-mem x\n", "Error parsing {path}: argument -mem: expected an integer followed "
         "by 'k', 'm' or 'g'. 'x' given."),
        (f"{CWD}/e.sh", b"#!/bin/sh\n#$ -pe smp 2\n", "Error options embedded in {path}: "
         "unrecognized arguments: -pe smp"),
    ],
)  # fmt: skip
def test_mistakes_in_files_have_a_time_and_status_1(path: str, text: bytes, message: str) -> None:
    files: dict[str, bytes | None] = {"e.sh": b"", path: text}
    with pytest.raises(GridError) as caught:
        read("jsub e.sh", files)
    assert caught.value.message == f"{CLOCK} {message.format(path=path)}"
    assert caught.value.exit_status == 1


def test_only_the_top_of_a_program_is_read() -> None:
    files = Files({**PROGRAMS, "big": b"\x7fELF" + b"x" * 1000000})
    jsub.plan(["big"], command="jsub", context=context(reader=files))
    assert max(files.limits) > 0
    assert files.limits[-1] > 0


def test_a_one_off_job_becomes_a_binary_job() -> None:
    surroundings = at()
    plan = jsub.plan(
        ["-N", "st", "-mem", "1g", "-v", "A=1", "-cwd", "bot.sh", "x", "y z"],
        command="jsub",
        context=surroundings,
    )
    parsed = jsub.submission(plan, context=surroundings)
    request = parsed.submission.request
    assert parsed.submission.script is None
    assert parsed.submission.environment == (("A", "1"),)
    assert (request.command, request.name, request.script_file) == ("jsub", "st", f"{CWD}/bot.sh")
    assert request.arguments == ("x", "y z")
    assert (request.binary, request.has_script, request.continuous) == (True, False, False)
    assert request.hard_resources == (("h_vmem", "1048576k"), ("release", "buster"))
    assert request.stdout_paths == (("", f"{HOME}/st.out"),)
    assert request.mail_list == ("opttest@toolforge.org",)
    assert request.hard_queues == ("task",)
    assert request.cwd == CWD


def test_a_continuous_job_keeps_its_program_and_words() -> None:
    surroundings = at()
    plan = jsub.plan(["bot.sh", "it's", "a b", "$HOME", "*", ""], command="jstart", context=surroundings)
    parsed = jsub.submission(plan, context=surroundings)
    request = parsed.submission.request
    assert parsed.submission.script is None
    assert (request.script_file, request.binary, request.has_script) == ("STDIN", False, False)
    assert (request.continuous, request.once, request.command) == (True, True, "jstart")
    assert request.arguments == (f"{CWD}/bot.sh", "it's", "a b", "$HOME", "*", "")
    assert request.hard_queues == ("continuous",)


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("jsub -l nosuch=1 bot.sh", Refused, 'unknown resource "nosuch"'),
        ("jsub ./1st.sh", Refused, 'denied: "1st" is not a valid object name (cannot start with a digit)'),
        ("jsub -m x bot.sh", UsageError, 'qsub: Wrong mail options list format "x" specified to -m option'),
        ("jstart -q nosuch bot.sh", Refused, 'Job was rejected because job requests unknown queue "nosuch"'),
    ],
)
def test_what_qsub_refuses_is_refused_in_its_words(line: str, error: type[GridError], message: str) -> None:
    with pytest.raises(error) as caught:
        jsub.submission(read(line), context=at())
    assert caught.value.message == message


def test_request_files_hold_for_jsub_too() -> None:
    surroundings = at({f"{HOME}/.sge_request": b"-A home -l h_rt=5\n"})
    plan = jsub.plan(["bot.sh"], command="jsub", context=surroundings)
    request = jsub.submission(plan, context=surroundings).submission.request
    assert request.account == "home"
    assert request.hard_resources == (("h_rt", "5"), ("h_vmem", "524288k"), ("release", "buster"))


def test_help_names_the_switches() -> None:
    plan = read("jsub -h")
    assert plan.help.startswith("usage: jsub [options...] program [args...]\n")
    assert "-mem number[k|m|g]" in plan.help


def test_the_time_in_messages_is_the_given_one() -> None:
    with pytest.raises(GridError) as caught:
        read("jsub bot.sh", {f"{HOME}/.jsubrc": b"-zz\n"}, now=NOW + 86400)
    assert caught.value.message.startswith("[Wed Nov 25 06:00:00 2026] ")

"""The jobs that the recorded texts beside this file show: one of each kind."""

from __future__ import annotations

from printed_world import NOW, World, running

from gridcompat.model import JobRequest
from gridcompat.settings import Queue, Settings

SETTINGS = Settings(queues=(Queue(name="task"), Queue(name="continuous", slots=50, rerun=True)))
PROC = {
    "loadavg": "0.50 0.25 0.10 1/100 999\n",
    "meminfo": "MemTotal: 8388608 kB\nMemFree: 1 kB\nMemAvailable: 7340032 kB\n"
    "SwapTotal: 1048576 kB\nSwapFree: 1048576 kB\nHugePages_Total: 0\n",
    "cpuinfo": "".join(
        f"processor : {n}\nphysical id : 0\ncore id : {n // 2}\nflags : a b\n\n" for n in range(4)
    ),
}
ERROR = 'error: can\'t open output file "/nodir/x": No such file or directory'
BIG = '(-l h_vmem=900G) cannot run at host "node1" because it offers only hc:h_vmem=393.000G'


def fill(world: World) -> None:
    """Create the jobs, numbered from 1001."""
    plain = JobRequest(name="sleep.sh", script_file="sleep.sh")

    def asking(**fields: object) -> JobRequest:
        return JobRequest(**({"name": "sleep.sh", "script_file": "sleep.sh"} | fields))  # type: ignore[arg-type]  # fields of a request

    waits = {"pending": "1", "phase": "Pending"}
    world.add(1001, asking(name="runner"), status={"running": [running()]})
    world.add(1002, asking(name="holder", user_hold=True), status=waits)
    world.add(
        1003,
        asking(
            tasks=(1, 4, 1),
            max_running_tasks=2,
            hard_resources=(("h_vmem", "1G"), ("h_rt", "0:10:0")),
            soft_resources=(("h_rt", "30"),),
            hard_queues=("task",),
        ),
        status={"pending": "3,4", "running": [running(1), running(2)]},
    )
    parallel = asking(name="par", parallel_environment="sm*", slot_ranges=((3, 3, 1),))
    world.add(1004, parallel, status={"running": [running(slots=3)]}, slots=3)
    after = asking(name="after", predecessors=(1002,), predecessors_requested=("holder",))
    world.add(1005, after, status=waits | {"blocked": True})
    world.add(1006, asking(name="later", start_time=1893499200), status=waits)
    continuous = asking(name="ct", hard_queues=("continuous",), priority=-100)
    world.add(1007, continuous, status={"running": [running(queue="continuous", restarted=1)]})
    world.add(
        1008, asking(name="big", hard_resources=(("h_vmem", "900G"),)), status=waits | {"reasons": [BIG]}
    )
    failed = {"tasks": "1", "attempt": 1, "restarted": 0, "at": int(NOW) - 30, "reason": ERROR}
    world.add(1009, asking(name="err", stdout_paths=(("", "/nodir/x"),)), status={"errors": [failed]})
    world.add(1010, everything(), status=waits, environment=(("A", "1"), ("B", "")), slots=2)
    world.add(1011, plain, status={"phase": "Finished", "exitStatus": 3})
    world.add(1012, asking(name="new <&\"'> \x1b", user_hold=False))


def everything() -> JobRequest:
    """Return a request in which nearly every switch was given."""
    return JobRequest(
        name="multi",
        script_file="/usr/bin/printf",
        arguments=("a", "b c"),
        binary=True,
        shell=False,
        account="acc",
        context=(("x", "1"), ("y", "")),
        deadline=1893499200,
        cwd="/home/alice/sub",
        stdin_paths=(("", "/dev/null"),),
        stdout_paths=(("", "/tmp/a"), ("node1", "/tmp/c")),
        stderr_paths=(("", "/tmp/b"),),
        merge=True,
        user_hold=True,
        predecessors_requested=("77",),
        array_predecessors_requested=("nosuch",),
        hard_resources=(("h_rt", "10"), ("h_vmem", "1G"), ("exclusive", "")),
        soft_resources=(("h_rt", "5"), ("arch", "lx*")),
        hard_queues=("task",),
        soft_queues=("continuous",),
        master_queues=("task",),
        mail_options="be",
        mail_list=("a@b", "c"),
        notify=True,
        priority=-5,
        parallel_environment="smp",
        slot_ranges=((2, 4, 1), (6, 6, 1)),
        restart="y",
        shell_paths=(("", "/bin/bash"),),
        variables=("A", "B"),
        project="web",
        checkpoint="dmtcp",
        reserve=True,
        job_share=3,
    )

"""How fast the commands are: `python -m tests.bench`, from the checkout.

Prints a table and keeps it as bench-DATE.json.  Every figure is the median of runs that alternate
between the systems, so that a busy minute hits all of them.  A real grid is set up beside, when
Debian's gridengine-master, gridengine-exec and gridengine-client are installed and root asks.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from .grid import Grid, NoGrid
from .listings import measure_check, measure_listings, measure_qacct
from .systems import (
    Ours,
    Real,
    System,
    fill,
    jobs,
    memory_mib,
    pending,
    run,
    settle,
    submit,
    timed,
    until,
)

PENDING = 2
"""What `job NAME` exits with when it waits."""

PARTS = ("commands", "parallel", "start", "array", "memory", "listings", "qacct", "check")


class Results:
    """Figures by what was measured and on which system."""

    def __init__(self) -> None:
        self.figures: dict[str, dict[str, list[float]]] = {}
        self.units: dict[str, str] = {}

    def add(self, what: str, system: System, value: float, unit: str = "s") -> None:
        """Keep one measurement."""
        self.units[what] = unit
        self.figures.setdefault(what, {}).setdefault(system.name, []).append(value)

    def rows(self) -> list[dict[str, object]]:
        """One row for each figure and system, with its ratio to gridcompat's."""
        found: list[dict[str, object]] = []
        for what, by_system in self.figures.items():
            ours = statistics.median(by_system["gridcompat"]) if "gridcompat" in by_system else None
            for name, values in by_system.items():
                median = statistics.median(values)
                ratio = (
                    round(ours / median, 2) if ours is not None and name != "gridcompat" and median else None
                )
                found.append({
                    "what": what, "system": name, "unit": self.units[what], "n": len(values),
                    "median": round(median, 4), "min": round(min(values), 4), "max": round(max(values), 4),
                    "gridcompat is": ratio, "values": [round(value, 5) for value in values],
                })  # fmt: skip
        return found


def in_turn(systems: Sequence[System], repeat: int, measure: Callable[[System], None]) -> None:
    """Measure each system `repeat` times, now one first, now the other."""
    for number in range(repeat):
        for system in systems if number % 2 == 0 else reversed(systems):
            measure(system)


def time_commands(system: System, results: Results, label: str) -> None:
    """Time each command once; a job called `warm` is there."""
    took = timed(system, ["qsub", *pending()])
    results.add(f"qsub {label}", system, took)
    if not system.has("jsub"):
        # No package holds the original jsub: it is compared with the same run's qsub.
        results.add(f"jsub (the grid: qsub) {label}", system, took)
    victim = max(jobs(system), key=int)
    settle(system)
    results.add(f"qstat {label}", system, timed(system, ["qstat"]))
    if system.has("job"):
        results.add(f"job {label}", system, timed(system, ["job", "warm"], status=PENDING))
    results.add(f"qdel {label}", system, timed(system, ["qdel", victim]))
    if system.has("jsub"):
        words = ["jsub", "-quiet", "-N", "quick", "-o", "/dev/null", "-e", "/dev/null", "true"]
        results.add(f"jsub (the grid: qsub) {label}", system, timed(system, words))
    settle(system)


def measure_commands(systems: Sequence[System], results: Results, *, size: int, repeat: int) -> None:
    """Wall time of each command with `size` jobs pending."""
    for system in systems:
        fill(system, size)
        submit(system, "-N", "warm")
    label = f"with {size:,} jobs"

    in_turn(systems, repeat, lambda system: time_commands(system, results, label))
    for system in systems:
        run(system, ["qdel", "warm"], check=False)


def measure_parallel(
    systems: Sequence[System], results: Results, *, repeat: int, total: int, clients: int
) -> None:
    """Wall time of many submissions by several clients at once; every one must be accepted."""

    def one(system: System) -> None:
        before = set(jobs(system))
        with ThreadPoolExecutor(clients) as pool:
            start = time.perf_counter()
            list(pool.map(lambda _: timed(system, ["qsub", *pending()]), range(total)))
            took = time.perf_counter() - start
        new = set(jobs(system)) - before
        if len(new) != total:
            raise RuntimeError(f"{system.name}: {total} submissions made {len(new)} jobs")
        results.add(f"{total} qsub by {clients} clients", system, took)
        settle(system)
        for first in range(0, total, 1000):
            run(system, ["qdel", *sorted(new)[first : first + 1000]])
        settle(system)

    in_turn(systems, repeat, one)


def measure_cold(ours: Ours, results: Results, *, repeat: int) -> None:
    """The same as `measure_start`, when the command has to start the daemon."""
    for _ in range(repeat):
        ours.end_daemon()
        measure_start([ours], results, repeat=1, what="qsub to first instruction, no daemon")


def measure_start(
    systems: Sequence[System], results: Results, *, repeat: int, what: str = "qsub to first instruction"
) -> None:
    """Time from the start of qsub to the first instruction of its program."""

    def one(system: System) -> None:
        path = os.path.join(system.environment["HOME"], f"bench-first-{os.getpid()}")
        words = [
            "-o",
            "/dev/null",
            "-j",
            "y",
            "-b",
            "y",
            "-shell",
            "n",
            "/bin/sh",
            "-c",
            f"date +%s.%N>{path}",
        ]
        start = time.time()
        run(system, ["qsub", *words])
        until(lambda: os.path.exists(path) and os.path.getsize(path))
        with open(path, encoding="ascii") as file:
            results.add(what, system, float(file.read()) - start)
        os.unlink(path)
        settle(system)

    in_turn(systems, repeat, one)


def measure_array(systems: Sequence[System], results: Results, *, repeat: int, tasks: int) -> None:
    """Wall time of the submission of a large array."""

    def one(system: System) -> None:
        before = set(jobs(system))
        results.add(f"qsub -t 1-{tasks}", system, timed(system, ["qsub", *pending("-t", f"1-{tasks}")]))
        settle(system)
        run(system, ["qdel", *(set(jobs(system)) - before)])
        settle(system)

    in_turn(systems, repeat, one)


def measure_memory(systems: Sequence[System], results: Results, *, size: int) -> None:
    """Resident memory of the daemon (the master) with many jobs pending."""
    for system in systems:
        fill(system, size)
        memory = memory_mib(system)
        # Wrapped or not, there is one master.
        if memory is not None and "wrapper" not in system.name:
            results.add(f"daemon's memory, {size:,} jobs", system, memory, "MiB")


def table(rows: Sequence[dict[str, object]]) -> str:
    """The rows for people."""
    lines = [f"{'':42}{'':26}{'median':>10}{'min':>10}{'max':>10}{'n':>5}  gridcompat is"]
    last = ""
    for row in rows:
        what = str(row["what"])
        ratio = row["gridcompat is"]
        times = "" if ratio is None else f"{ratio} times that"
        figures = "".join(f"{row[name]:>10}" for name in ("median", "min", "max"))
        head = f"{what} [{row['unit']}]" if what != last else ""
        lines.append(f"{head:42}{row['system']:26}{figures}{row['n']:>5}  {times}")
        last = what
    return "\n".join(lines)


def measure(options: argparse.Namespace, systems: Sequence[System]) -> Results:
    """Run the parts that were asked for."""
    results = Results()
    for system in systems:
        submit(system)  # the daemon starts, code is compiled
        settle(system)
    if "start" in options.parts:
        measure_start(systems, results, repeat=options.repeat)
        for system in systems:
            if isinstance(system, Ours):
                measure_cold(system, results, repeat=max(options.repeat // 2, 1))
    if "array" in options.parts:
        measure_array(systems, results, repeat=max(options.repeat // 3, 1), tasks=options.tasks)
    if "parallel" in options.parts:
        measure_parallel(systems, results, repeat=max(options.repeat // 3, 1), total=200, clients=20)
    for size in options.sizes if "commands" in options.parts else ():
        say(f"commands with {size} jobs")
        measure_commands(systems, results, size=size, repeat=options.repeat)
    if "memory" in options.parts:
        measure_memory(systems, results, size=max(options.sizes))
    if "listings" in options.parts:
        measure_listings(systems, results, in_turn, size=1000, repeat=options.repeat)
    if "qacct" in options.parts:
        with tempfile.TemporaryDirectory(prefix="gridcompat-bench-") as folder:
            say(f"qacct of {options.records} records")
            measure_qacct(
                systems, results, in_turn, folder=folder, records=options.records, repeat=options.repeat
            )
    for system in systems if "check" in options.parts else ():
        if isinstance(system, Ours):
            measure_check(system, results, lines=1000, repeat=options.repeat)
    return results


def say(text: str) -> None:
    """Tell how far it is."""
    print(f"# {time.strftime('%H:%M:%S')} {text}", file=sys.stderr)


def revision() -> str:
    """The commit that is measured."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--parts", type=lambda text: text.split(","), default=list(PARTS), help=",".join(PARTS)
    )
    parser.add_argument(
        "--sizes", type=lambda text: [int(word) for word in text.split(",")], default=[0, 1000, 5000]
    )
    parser.add_argument("--tasks", type=int, default=10_000, help="of the large array")
    parser.add_argument("--records", type=int, default=1_000_000, help="of the accounting file")
    parser.add_argument("--repeat", type=int, default=7, help="runs of each command")
    parser.add_argument("--only", choices=["gridcompat", "grid"], help="measure one system alone")
    parser.add_argument("--out", default=".", help="folder for bench-DATE.json")
    options = parser.parse_args(argv)
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return options


def main(argv: Sequence[str]) -> int:
    """Measure, print and keep."""
    options = parse(argv)
    begun = time.time()
    with ExitStack() as stack:
        systems: list[System] = []
        if options.only != "grid":
            ours = Ours()
            stack.callback(ours.close)
            systems.append(ours)
        if options.only != "gridcompat":
            try:
                grid = stack.enter_context(Grid())
                systems += [Real(grid, wrapped=True), Real(grid, wrapped=False)]
            except NoGrid as error:
                print(f"no real grid beside: {error}", file=sys.stderr)
        rows = measure(options, systems).rows()
    print(table(rows))
    path = os.path.join(options.out, f"bench-{time.strftime('%Y-%m-%d-%H%M%S', time.localtime(begun))}.json")
    head = {
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(begun)),
        "seconds": round(time.time() - begun, 1),
        "revision": revision(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()}",
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**head, "rows": rows}, file, indent=1)
        file.write("\n")
    print(f"{head['seconds']} s; kept in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""parsl: a pilot job with one worker, apps on it."""

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import GridEngineProvider


@parsl.python_app
def square(number: int) -> int:
    """What runs in the pilot."""
    return number * number


if __name__ == "__main__":
    settings = {"scheduler_options": "#$ -V", "worker_init": "export TMPDIR=/tmp"}  # a short path for sockets
    provider = GridEngineProvider(walltime="00:10:00", queue="task", **settings)
    executor = HighThroughputExecutor(address="127.0.0.1", max_workers_per_node=1, provider=provider)
    with parsl.load(Config(executors=[executor])):
        assert [square(n).result(timeout=90) for n in range(5)] == [0, 1, 4, 9, 16]

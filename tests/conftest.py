"""Which cluster the tests of `tests/conformance` run on: `--cluster=embedded|kubelab|KUBECONFIG`.

May be given several times; the default is the embedded one alone.  Imports nothing heavy, for every
test run reads it.
"""

from __future__ import annotations

import signal

import pytest

# A shell's background gives no SIGINT to what it runs, nohup no SIGHUP; what tests start is to have them.
for _number, _usual in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGQUIT, signal.SIG_DFL),
    (signal.SIGHUP, signal.SIG_DFL),
):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _usual)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --cluster and --update-golden."""
    parser.addoption(
        "--cluster",
        action="append",
        metavar="embedded|kubelab|KUBECONFIG",
        help="cluster that the conformance suite runs on (default: embedded)",
    )
    parser.addoption(
        "--crash-rounds", type=int, default=5, help="rounds of tests/e2e/test_crash_rounds.py (default: 5)"
    )
    parser.addoption("--crash-seed", type=int, default=0, help="number of the first of these rounds")
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite tests/golden/cases from what came out"
    )


def pytest_configure() -> None:
    """Examples of hypothesis are the same in every run, and no slower machine makes them fail.

    More, and others each time: `pytest --hypothesis-profile=default`.
    """
    import hypothesis

    hypothesis.settings.register_profile(
        "steady", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("steady")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test that asks for a cluster on each cluster."""
    if "cluster_source" in metafunc.fixturenames:
        sources = metafunc.config.getoption("--cluster") or ["embedded"]
        metafunc.parametrize("cluster_source", sources, scope="session")
    if "crash_round" in metafunc.fixturenames:
        first = metafunc.config.getoption("--crash-seed")
        rounds = range(first, first + metafunc.config.getoption("--crash-rounds"))
        metafunc.parametrize("crash_round", rounds)

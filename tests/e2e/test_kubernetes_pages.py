"""What the pages for administrators say is typed on a real cluster; `gridcompat top` there.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_pages.py

Needs what test_kubernetes.py needs.  Runs the blocks whose mark says so; of what they print the pages say
nothing, so the status is what counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from documents import PAGES, ROOT, SH, Block, blocks
from real_cluster import BIN, NAMESPACE, Account, RealCluster
from test_kubernetes import gone, number, site, user

from gridcompat import __version__

__all__ = ["site", "user"]  # fixtures
HERE = "needs a cluster: run by tests/e2e/test_kubernetes_pages.py"
TO_RUN = [(page, block) for page in PAGES for block in blocks(page.read_text()) if block.mark == HERE]


def named(value: object) -> str:
    """Return the part of a test's id for a page or a block."""
    return f"line {value.line}" if isinstance(value, Block) else getattr(value, "name", "")


def environment(site: RealCluster) -> dict[str, str]:
    """An administrator's."""
    path = f"{BIN}:{os.path.dirname(sys.executable)}:{site.environment['PATH']}"
    return {**site.environment, "PATH": path, "GRIDCOMPAT_CONFIG": str(site.folder / "site.toml")}


@pytest.mark.parametrize(("page", "block"), TO_RUN, ids=named)
def test_a_block_does_what_the_page_says(page: Path, block: Block, site: RealCluster, tmp_path: Path) -> None:
    del page
    assert block.kind == SH
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", block.text],
        env=environment(site),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), (done.stdout, done.stderr)
    site.kubectl("rollout", "status", "deployment", "-n", NAMESPACE, "--timeout=180s")
    site.wait(lambda: bool(site.leader()), "nobody leads")


def gridcompat(who: RealCluster | Account, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `gridcompat` as the administrator, or with a user's rights in the cluster."""
    # Users of this machine may not reach this interpreter, so only what it says of itself is theirs.
    uid, folder = (who.uid, who.cluster.folder) if isinstance(who, Account) else (os.getuid(), who.folder)
    code = f"import os, sys; os.getuid = lambda: {uid}; from gridcompat.cli import main; main(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**who.environment, "GRIDCOMPAT_CONFIG": str(folder / "site.toml")},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )


def top(site: RealCluster, *words: str) -> Any:
    """What `gridcompat top --json` says to an administrator."""
    done = gridcompat(site, "top", "--json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_top_knows_the_daemon_and_the_jobs_of_all_namespaces(site: RealCluster, user: Account) -> None:
    waits = int(number(user.ok("qsub", "-h", "-b", "y", "true")))
    user.ok("qsub", "-sync", "y", "-b", "y", "true")
    site.wait(lambda: top(site)["total"]["held"] == 1, "the held job is not seen")
    found = top(site)
    # Its figures are served by a pod, which has no address on a kubelab.
    assert found["daemon"]["works"] is True and found["daemon"]["leader"] == site.leader()
    assert found["daemon"]["version"] == __version__ and found["daemon"]["heartbeat_s"] <= 30
    assert [one["owner"] for one in found["owners"]] == [user.owner]
    assert all(one["total"] for one in found["queues"]), "the nodes are counted"
    assert [one["id"] for one in top(site, "--by", "job")["jobs"]] == [waits]
    user.ok("qdel", str(waits))
    gone(user)


def test_top_tells_a_user_what_is_missing_and_a_viewer_what_may_be_seen(
    site: RealCluster, user: Account
) -> None:
    refused = gridcompat(user, "top", "--once")
    assert (refused.returncode, "gridcompat-viewer" in refused.stderr) == (1, True)
    binding = ("clusterrolebinding", "top-viewer")
    site.kubectl("create", *binding, "--clusterrole=gridcompat-viewer", f"--user={user.owner}")
    try:
        site.wait(lambda: gridcompat(user, "top", "--once").returncode == 0, "a viewer sees nothing")
        found = json.loads(gridcompat(user, "top", "--json").stdout)
        assert found["daemon"]["works"] is None, "Leases are not for viewers"
        assert found["total"]["jobs"] == 0
    finally:
        site.kubectl("delete", *binding)

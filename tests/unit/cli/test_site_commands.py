"""`gridcompat manifests` and `gridcompat account add` as commands: YAML out, one line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from gridcompat.cli import main


def run(*words: str) -> tuple[int, str]:
    done = CliRunner(env={"HOME": "/nonexistent", "GRIDCOMPAT_CONFIG": ""}).invoke(main, words)
    return done.exit_code, done.output


def test_the_settings_file_goes_in_as_it_is(tmp_path: Path) -> None:
    text = '# ours\nimage = "r/i:2"\naccounting_file = "/nfs/sge/accounting"\n'
    (tmp_path / "site.toml").write_text(text)
    status, out = run("manifests", "--namespace", "g", "--settings", str(tmp_path / "site.toml"))
    assert status == 0
    objects = {obj["kind"]: obj for obj in yaml.safe_load_all(out)}
    assert objects["ConfigMap"]["data"] == {"site.toml": text}
    pod = objects["Deployment"]["spec"]["template"]["spec"]
    assert pod["containers"][0]["image"] == "r/i:2"
    assert {"name": "accounting", "hostPath": {"path": "/nfs/sge", "type": "Directory"}} in pod["volumes"]
    assert {obj["metadata"].get("namespace") for obj in objects.values()} == {None, "g"}


def test_printing_needs_no_cluster_and_is_the_same_each_time() -> None:
    assert run("manifests") == run("manifests")
    assert run("manifests")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("manifests", "--volume", "{"), "--volume: not JSON"),
        (("manifests", "--volume", "[1]"), "--volume: not a JSON object"),
        (("manifests", "--run-as", "0"), "--run-as"),
        (("account", "add", "x", "--namespace", "n", "--uid", "0", "--gid", "1"), "--uid"),
        (("account", "add", "x", "--namespace", "n", "--uid", "5", "--gid", "5", "--home", "rel"), "--home"),
        (
            ("account", "add", "x", "--namespace", "n", "--uid", "5", "--gid", "5", "--groups", "a"),
            "--groups",
        ),
        (
            ("account", "add", "x", "--namespace", "n", "--uid", "5", "--gid", "5", "--volume", "/d"),
            "--volume",
        ),
        (
            ("account", "add", "x", "--namespace", "n", "--uid", "5", "--gid", "5", "--subject", "me"),
            "--subject",
        ),
    ],
)
def test_what_cannot_be_is_told(words: tuple[str, ...], message: str) -> None:
    status, out = run(*words)
    assert status == 2
    assert message in out
    assert "Traceback" not in out


def test_a_broken_settings_file_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text('image = "x"\nimagee = "y"\n')
    status, out = run("manifests", "--settings", str(tmp_path / "site.toml"))
    assert status == 1
    assert f"{tmp_path}/site.toml:2: imagee" in out


def test_an_account_is_printed_with_its_namespace() -> None:
    words = (
        "--namespace",
        "tool-x",
        "--uid",
        "52001",
        "--gid",
        "52002",
        "--groups",
        "1,2",
        "--create-namespace",
    )
    status, out = run("account", "add", "tools.x", *words, "--volume", '/p={"nfs":{"server":"s","path":"/"}}')
    assert status == 0
    kinds = [obj["kind"] for obj in yaml.safe_load_all(out)]
    assert kinds == ["Namespace", "GridAccount", "RoleBinding", "ResourceQuota"]


def test_without_a_kubeconfig_listing_accounts_says_so() -> None:
    done = CliRunner(env={"HOME": "/nonexistent", "KUBECONFIG": "/nonexistent/config"}).invoke(
        main, ["account", "list"]
    )
    assert done.exit_code == 1
    assert done.output == "Error: kubeconfig: '/nonexistent/config' does not exist\n"

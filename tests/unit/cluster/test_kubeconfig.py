"""Kubeconfig files: lists, contexts, credentials, the cache, and what is said about broken ones."""

from __future__ import annotations

import base64
import json
import os
import stat
from typing import Any

import pytest
import yaml

from gridcompat.cluster import kubeconfig
from gridcompat.cluster.kubeconfig import Access
from gridcompat.errors import SettingsError
from gridcompat.settings import Settings

PEM = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def config(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [
            {
                "name": "c",
                "cluster": {"server": "https://one:6443", "certificate-authority-data": encoded(PEM)},
            }
        ],
        "users": [{"name": "u", "user": {"token": "t0ken"}}],
        "contexts": [
            {"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "tool-demo"}},
            {"name": "there", "context": {"cluster": "c", "user": "u"}},
        ],
    }
    return {**found, **changes}


@pytest.fixture(autouse=True)
def cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/cache")
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", f"{tmp_path}/home")
    return f"{tmp_path}/cache"


def written(tmp_path: Any, document: Any, name: str = "config") -> str:
    path = f"{tmp_path}/{name}"
    with open(path, "w", encoding="utf-8") as file:
        file.write(document if isinstance(document, str) else yaml.safe_dump(document))
    return path


HERE = Access(server="https://one:6443", namespace="tool-demo", ca=PEM, token="t0ken")


def test_the_current_context_is_the_one(tmp_path: Any) -> None:
    assert kubeconfig.from_files(written(tmp_path, config())) == HERE


def test_json_is_read_too(tmp_path: Any, cache: str) -> None:
    assert kubeconfig.from_files(written(tmp_path, json.dumps(config()))) == HERE
    assert not os.path.exists(cache)


def test_another_context_can_be_named(tmp_path: Any) -> None:
    found = kubeconfig.from_files(written(tmp_path, config()), context="there")
    assert found.namespace == "default" and found.server == HERE.server


def test_of_several_files_the_first_with_a_name_counts(tmp_path: Any) -> None:
    first = written(tmp_path, {"users": [{"name": "u", "user": {"token": "first"}}]}, "first")
    other = {"clusters": [{"name": "c", "cluster": {"server": "https://two"}}], "current-context": "there"}
    second = written(tmp_path, config(**{"current-context": ""}), "second")
    third = written(tmp_path, other, "third")
    found = kubeconfig.from_files(f"{first}::{tmp_path}/none:{second}:{third}")
    assert (found.token, found.server, found.namespace) == ("first", "https://one:6443", "default")


def test_paths_are_relative_to_their_file(tmp_path: Any) -> None:
    os.mkdir(f"{tmp_path}/sub")
    document = config(
        clusters=[
            {
                "name": "c",
                "cluster": {
                    "server": "https://one/prefix/",
                    "certificate-authority": "pki/ca.crt",
                    "tls-server-name": "kubernetes",
                    "insecure-skip-tls-verify": True,
                    "proxy-url": "http://p:1",
                },
            }
        ],
        users=[
            {
                "name": "u",
                "user": {
                    "client-certificate": "/abs/crt",
                    "client-key": "k",
                    "tokenFile": "t",
                    "token": "old",
                },
            }
        ],
    )
    assert kubeconfig.from_files(written(tmp_path, document, "sub/config")) == Access(
        server="https://one/prefix",
        namespace="tool-demo",
        ca=f"{tmp_path}/sub/pki/ca.crt",
        tls_server_name="kubernetes",
        insecure=True,
        proxy="http://p:1",
        client_certificate="/abs/crt",
        client_key=f"{tmp_path}/sub/k",
        token_file=f"{tmp_path}/sub/t",
    )


def test_data_and_passwords_are_read(tmp_path: Any) -> None:
    user = {
        "client-certificate-data": encoded(PEM),
        "client-key-data": encoded(PEM),
        "username": "a",
        "password": "b",
    }
    found = kubeconfig.from_files(written(tmp_path, config(users=[{"name": "u", "user": user}])))
    assert (found.client_certificate, found.client_key, found.basic) == (PEM, PEM, "a:b")


def test_a_plugin_is_named_and_not_asked(tmp_path: Any) -> None:
    path = written(tmp_path, config(users=[{"name": "u", "user": {"exec": {"command": "aws"}}}]))
    plugin = kubeconfig.from_files(path).plugin
    assert plugin is not None and (plugin.listed, plugin.context) == (path, "here")
    assert json.loads(plugin.user) == {"exec": {"command": "aws"}, "": str(tmp_path)}


def test_yaml_is_parsed_once_and_kept_private(
    tmp_path: Any, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, config())
    kubeconfig.from_files(path)
    (kept,) = os.listdir(f"{cache}/gridcompat")
    assert stat.S_IMODE(os.stat(f"{cache}/gridcompat/{kept}").st_mode) == 0o600

    def never(path: str, text: str) -> dict[str, Any]:
        raise AssertionError("parsed again")

    parsed = kubeconfig._parsed
    monkeypatch.setattr(kubeconfig, "_parsed", never)
    assert kubeconfig.from_files(path) == HERE
    monkeypatch.setattr(kubeconfig, "_parsed", parsed)
    written(tmp_path, config(users=[{"name": "u", "user": {"token": "another"}}]))
    assert kubeconfig.from_files(path).token == "another"
    with open(f"{cache}/gridcompat/{kept}", "w", encoding="utf-8") as file:
        file.write("{broken")
    assert kubeconfig.from_files(path).token == "another"


def test_what_was_kept_of_a_file_that_is_gone_is_removed(tmp_path: Any, cache: str) -> None:
    first, second = (written(tmp_path, config(), name) for name in ("first", "second"))
    for path in (first, second):
        kubeconfig.from_files(path)
    folder = f"{cache}/gridcompat"
    for name in ("kubeconfig-00000000.json", "another.json"):
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write("{broken")
    os.unlink(first)
    third = written(tmp_path, config(), "third")
    kubeconfig.from_files(third)
    kept = set(os.listdir(folder)) - {"another.json"}
    assert len(kept) == len(os.listdir(folder)) - 1, "only what is ours is removed"
    paths = []
    for name in kept:
        with open(f"{folder}/{name}", encoding="utf-8") as file:
            paths.append(json.load(file)["key"][0])
    assert sorted(paths) == [second, third]


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert kubeconfig.from_files(written(tmp_path, config())) == HERE


WITHOUT_SERVER = [{"name": "c", "cluster": {}}]
BROKEN: dict[str, tuple[Any, str]] = {
    "not YAML": ("a: [\n", "not YAML"),
    "a list": ("- a\n", "not a kubeconfig"),
    "empty": ("", "not a kubeconfig"),
    "no context": (config(**{"current-context": ""}), "has no current-context"),
    "an unknown context": (config(**{"current-context": "x"}), "has no context 'x'"),
    "an unknown cluster": (config(clusters=[]), "names cluster 'c'"),
    "an unknown user": (config(users=None), "names user 'u'"),
    "a table that is no list": (config(users="u"), "users: not a list"),
    "an entry without a name": (config(users=[{}]), "an entry has no name"),
    "no server": (config(clusters=WITHOUT_SERVER), "no usable server"),
    "a server of another kind": (
        config(clusters=[{"name": "c", "cluster": {"server": "ftp://a"}}]),
        "ftp://a",
    ),
    "data that is not base64": (
        config(users=[{"name": "u", "user": {"client-key-data": "%"}}]),
        "client-key-data: not base64",
    ),
    "impersonation": (config(users=[{"name": "u", "user": {"as": "root"}}]), "impersonation"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_said_in_one_line(tmp_path: Any, case: str) -> None:
    document, said = BROKEN[case]
    with pytest.raises(SettingsError) as caught:
        kubeconfig.from_files(written(tmp_path, document))
    assert said in caught.value.message and "\n" not in caught.value.message


def test_a_file_that_is_not_there_is_said_so(tmp_path: Any) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        kubeconfig.from_files(f"{tmp_path}/none")
    with pytest.raises(SettingsError, match="does not exist"):
        kubeconfig.access(Settings())


def test_a_file_that_is_not_text_is_said_so(tmp_path: Any) -> None:
    with open(f"{tmp_path}/config", "wb") as file:
        file.write(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="not UTF-8"):
        kubeconfig.from_files(f"{tmp_path}/config")


def test_settings_come_before_the_environment(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", written(tmp_path, config()))
    other = written(tmp_path, config(users=[{"name": "u", "user": {"token": "other"}}]), "other")
    assert kubeconfig.access(Settings()) == HERE
    assert kubeconfig.access(Settings(kubeconfig=other, context="there", namespace="mine")) == Access(
        server="https://one:6443", namespace="mine", ca=PEM, token="other"
    )


def test_a_pod_uses_its_service_account(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert kubeconfig.in_cluster(str(tmp_path)) is None
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    assert kubeconfig.in_cluster(str(tmp_path)) is None
    written(tmp_path, "secret", "token")
    written(tmp_path, "tool-demo\n", "namespace")
    assert kubeconfig.in_cluster(str(tmp_path)) == Access(
        server="https://[fd00::1]:6443",
        namespace="tool-demo",
        ca=f"{tmp_path}/ca.crt",
        token_file=f"{tmp_path}/token",
    )

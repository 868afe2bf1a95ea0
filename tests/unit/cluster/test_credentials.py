"""Credentials of plugins and identity providers: asked for once, kept until they end, renewed if refused."""

from __future__ import annotations

import base64
import http.server
import json
import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from gridcompat.cluster import base, credentials, kubeconfig
from gridcompat.cluster.credentials import granted
from gridcompat.cluster.http import Http
from gridcompat.cluster.kubeconfig import Access
from gridcompat.cluster.rest import RestCluster
from gridcompat.errors import Forbidden

NOW = 1_800_000_000.0
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----"
KEY = "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----"


class Plugin:
    """A real program that counts its calls; its first token is `token1`, its next `token2`."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.path = f"{folder}/plugin"
        self.config = f"{folder}/config"
        self.server = "https://one:6443"
        self.prints(expires=NOW + 600)

    def prints(self, *, expires: float | None = None, **status: Any) -> None:
        """Let it print an ExecCredential."""
        status = {"token": "token'$n'", **status}
        if expires is not None:
            status["expirationTimestamp"] = datetime.fromtimestamp(expires, UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            )
        answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
        self.does(f"printf '%s\\n' '{json.dumps(answer)}'")

    def does(self, body: str) -> None:
        """Let it do something else."""
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(
                f'#!/bin/sh\necho "$*" >> {self.folder}/calls\nn=$(wc -l < {self.folder}/calls)\n'
                f'printf %s "$KUBERNETES_EXEC_INFO" > {self.folder}/info\ncat > {self.folder}/stdin\n{body}\n'
            )
        os.chmod(self.path, 0o755)

    @property
    def calls(self) -> list[str]:
        try:
            with open(f"{self.folder}/calls", encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def access(self, user: dict[str, Any] | None = None, **entry: Any) -> Access:
        """Return the access of a kubeconfig that names it."""
        plugin = {"apiVersion": "client.authentication.k8s.io/v1", "command": "./plugin", **entry}
        document = {
            "current-context": "here",
            "clusters": [{"name": "c", "cluster": {"server": self.server}}],
            "users": [{"name": "u", "user": user or {"exec": plugin}}],
            "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u"}}],
        }
        with open(self.config, "w", encoding="utf-8") as file:
            yaml.safe_dump(document, file)
        return kubeconfig.from_files(self.config)

    def kept(self) -> str:
        """Return the path of the file that holds its credential."""
        folder = f"{self.folder}/cache/gridcompat"
        (name,) = (one for one in os.listdir(folder) if one.startswith("cred") and one.endswith(".json"))
        return f"{folder}/{name}"


@pytest.fixture
def plugin(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Plugin:
    monkeypatch.setenv("XDG_CACHE_HOME", f"{tmp_path}/cache")
    return Plugin(str(tmp_path))


def at(moment: float) -> Any:
    return lambda: moment


def test_a_plugin_is_asked_once_until_its_credential_ends(plugin: Plugin) -> None:
    access = plugin.access(args=["get", "a token"])
    for moment, token in ((NOW, "token1"), (NOW + 569, "token1"), (NOW + 571, "token2")):
        assert granted(access, now=at(moment)).token == token
    assert plugin.calls == ["get a token", "get a token"]
    assert stat.S_IMODE(os.stat(plugin.kept()).st_mode) == 0o600
    assert sorted(os.listdir(os.path.dirname(plugin.kept())))[0].endswith(".json"), "nothing half-written"


@pytest.mark.parametrize("expires", [None, "soon", NOW + 29], ids=["never said", "not a time", "at once"])
def test_what_does_not_last_is_not_kept(plugin: Plugin, expires: Any) -> None:
    if isinstance(expires, str):
        plugin.prints(expirationTimestamp=expires)
    else:
        plugin.prints(expires=expires)
    access = plugin.access()
    assert [granted(access, now=at(NOW)).token for _ in range(2)] == ["token1", "token2"]


def test_another_entry_or_server_has_another_credential(plugin: Plugin) -> None:
    tokens = [granted(plugin.access(args=[who]), now=at(NOW)).token for who in ("a", "b", "a")]
    plugin.server = "https://two:6443"
    assert [*tokens, granted(plugin.access(args=["a"]), now=at(NOW)).token] == [
        *("token1", "token2", "token1"),
        "token3",
    ]


def test_a_refused_credential_is_not_given_again(plugin: Plugin) -> None:
    access = plugin.access()
    first = granted(access, now=at(NOW))
    second = granted(first, refused=first, now=at(NOW))
    assert (first.token, second.token) == ("token1", "token2")
    assert granted(access, refused=first, now=at(NOW)).token == "token2", "somebody else has asked already"
    assert len(plugin.calls) == 2


def test_certificates_are_given_too(plugin: Plugin) -> None:
    plugin.prints(token=None, clientCertificateData=CERTIFICATE, clientKeyData=KEY, expires=NOW + 600)
    for _ in range(2):
        found = granted(plugin.access(), now=at(NOW))
        assert (found.client_certificate, found.client_key, found.token) == (CERTIFICATE, KEY, "")
    assert len(plugin.calls) == 1


def spoilt_by_others(path: str) -> None:
    os.chmod(path, 0o640)


def spoilt_by_a_link(path: str) -> None:
    os.rename(path, path + ".there")
    os.symlink(path + ".there", path)


def spoilt_by_a_pipe(path: str) -> None:
    os.unlink(path)
    os.mkfifo(path, 0o600)


def spoilt_by_words(path: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write('["x", "", "", "tomorrow"]')


def spoilt_by_half(path: str) -> None:
    os.truncate(path, 10)


@pytest.mark.parametrize(
    "spoil", [spoilt_by_others, spoilt_by_a_link, spoilt_by_a_pipe, spoilt_by_words, spoilt_by_half]
)
def test_a_file_that_is_not_as_it_was_written_is_not_believed(plugin: Plugin, spoil: Any) -> None:
    access = plugin.access()
    granted(access, now=at(NOW))
    spoil(plugin.kept())
    assert granted(access, now=at(NOW)).token == "token2"
    assert granted(access, now=at(NOW)).token == "token2", "it is written anew"
    assert stat.S_ISREG(os.lstat(plugin.kept()).st_mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_a_file_of_somebody_else_is_not_believed(plugin: Plugin) -> None:
    access = plugin.access()
    granted(access, now=at(NOW))
    os.chown(plugin.kept(), 12345, -1)
    assert granted(access, now=at(NOW)).token == "token2"


def test_without_a_cache_it_works(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert granted(plugin.access(), now=at(NOW)).token == "token1"


def test_of_many_at_a_time_one_asks(plugin: Plugin) -> None:
    access = plugin.access()
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(granted(access, now=at(NOW)).token)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["token1"] * 8 and len(plugin.calls) == 1


def test_a_plugin_reads_nothing_of_what_a_command_reads(plugin: Plugin) -> None:
    access = plugin.access(provideClusterInfo=True, env=[{"name": "WHO", "value": "me"}])
    code = (
        "import sys; from gridcompat.cluster import kubeconfig, credentials\n"
        f"credentials.granted(kubeconfig.from_files({plugin.config!r}))\n"
        "print(sys.stdin.read())"
    )
    assert access.plugin is not None
    done = subprocess.run(
        [sys.executable, "-c", code], input="line", text=True, capture_output=True, check=False
    )
    assert (done.stdout, done.stderr) == ("line\n", "")
    with open(f"{plugin.folder}/stdin", encoding="utf-8") as file:
        assert file.read() == ""
    with open(f"{plugin.folder}/info", encoding="utf-8") as file:
        assert json.load(file)["spec"] == {"interactive": False, "cluster": {"server": plugin.server}}


def test_with_a_credential_kept_the_package_is_not_loaded(plugin: Plugin) -> None:
    plugin.prints(expires=time.time() + 600)
    plugin.access()
    code = (
        "import sys; from gridcompat.cluster import kubeconfig, credentials\n"
        f"print(credentials.granted(kubeconfig.from_files({plugin.config!r})).token)\n"
        "print([name for name in ('kubernetes', 'yaml', 'subprocess', 'datetime') if name in sys.modules])"
    )
    outputs = [
        subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert outputs[0].startswith("token1\n['kubernetes'") and outputs[1] == "token1\n[]\n"


FAILS = {
    "a failure": ("echo first >&2; echo 'log in again' >&2; exit 3", "failed with status 3: log in again"),
    "a failure without words": ("exit 3", "failed with status 3"),
    "nonsense": ("echo hello", "printed no credential"),
    "nothing": ("", "printed no credential"),
    "a number": ("echo 3", "printed no credential"),
    "no status": ("""echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"x"}'""", "no credential"),
    "a status of nothing": (
        """echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"x","status":null}'""",
        "printed no credential",
    ),
    "an empty status": (
        """echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"x","status":{}}'""",
        "printed no credential",
    ),
    "another version": (
        """echo '{"apiVersion":"client.authentication.k8s.io/v9","kind":"x","status":{}}'""",
        "printed something else",
    ),
    "bytes": (r"printf '\377\376'", "printed no credential"),
}


@pytest.mark.parametrize("case", FAILS)
def test_a_plugin_that_fails_is_told_in_one_line(plugin: Plugin, case: str) -> None:
    body, said = FAILS[case]
    plugin.does(body)
    with pytest.raises(Forbidden) as caught:
        granted(plugin.access())
    assert caught.value.message.startswith("kubeconfig: context 'here': the credential plugin './plugin' ")
    assert said in caught.value.message and "\n" not in caught.value.message
    assert caught.value.exit_status == 1


def test_a_plugin_that_hangs_is_given_up(plugin: Plugin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "PLUGIN_S", 1)
    plugin.does("sleep 60 & wait")
    start = time.monotonic()
    with pytest.raises(Forbidden, match="has not answered for 1 s"):
        granted(plugin.access())
    assert time.monotonic() - start < 20


ENTRIES: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"command": "no-such-program", "installHint": "apt install it"}, "is not there"),
    "a folder": ({"command": "/tmp"}, "is not there"),
    "no command": ({"command": ""}, "has no command"),
    "a command that is no text": ({"command": 7}, "has no command"),
    "no version": ({"apiVersion": ""}, "printed something else"),
    "a broken env": ({"env": [{"name": "A"}]}, "cannot be asked"),
}


@pytest.mark.parametrize("case", ENTRIES)
def test_an_entry_that_cannot_be_used_is_told_in_one_line(plugin: Plugin, case: str) -> None:
    entry, said = ENTRIES[case]
    with pytest.raises(Forbidden, match=said) as caught:
        granted(plugin.access(**entry))
    assert "\n" not in caught.value.message
    assert caught.value.hint == entry.get("installHint", "")


def jwt(expires: float, who: str = "me") -> str:
    parts = [{"alg": "none"}, {"exp": expires, "sub": who}]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, "c2lnbmVk"])


class Provider:
    """An identity provider that renews a token once asked."""

    def __init__(self) -> None:
        self.token = jwt(time.time() + 3600, "renewed")
        self.status = 200
        self.asked: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.say(outer.status, {"token_endpoint": f"{outer.url}/token"})

            def do_POST(self) -> None:
                outer.asked.append(self.path)
                self.rfile.read(int(self.headers["Content-Length"]))
                found = {"access_token": "x", "token_type": "Bearer", "refresh_token": "r2"}
                self.say(200, {**found, "id_token": outer.token})

            def say(self, status: int, content: Any) -> None:
                data = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name of the base)
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def user(self, token: str) -> dict[str, Any]:
        """Return an entry of a kubeconfig that holds a token of this provider."""
        config = {"client-id": "c", "client-secret": "s", "id-token": token, "refresh-token": "r1"}
        return {"auth-provider": {"name": "oidc", "config": {**config, "idp-issuer-url": self.url}}}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    found = Provider()
    yield found
    found.close()


def test_a_good_token_of_a_provider_is_used_as_it_is(plugin: Plugin, provider: Provider) -> None:
    token = jwt(NOW + 600)
    assert granted(plugin.access(provider.user(token)), now=at(NOW)).token == token
    assert provider.asked == []


def test_an_expired_token_is_renewed_and_written_back(plugin: Plugin, provider: Provider) -> None:
    access = plugin.access(provider.user(jwt(time.time() - 600)))
    os.chmod(plugin.config, 0o640)
    for _ in range(2):
        assert granted(access).token == provider.token
    assert provider.asked == ["/.well-known/openid-configuration", "/token"]
    assert stat.S_IMODE(os.stat(plugin.config).st_mode) == 0o640
    assert granted(kubeconfig.from_files(plugin.config)).token == provider.token
    with open(plugin.config, encoding="utf-8") as file:
        assert yaml.safe_load(file)["users"][0]["user"]["auth-provider"]["config"]["refresh-token"] == "r2"
    assert len(provider.asked) == 2


@pytest.mark.parametrize("case", ["expired", "down", "empty", "unknown"])
def test_a_provider_that_gives_nothing_is_told_in_one_line(
    plugin: Plugin, provider: Provider, case: str
) -> None:
    user = provider.user(jwt(time.time() - 600))
    if case == "expired":
        provider.token = jwt(time.time() - 60)
    elif case == "down":
        provider.status = 400
    elif case == "empty":
        user = {"auth-provider": {"name": "oidc"}}
    else:
        user = {"auth-provider": {"name": "nobody"}}
    with pytest.raises(Forbidden, match=r"auth provider '(oidc|nobody)' ") as caught:
        granted(plugin.access(user))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "a." + "W10." + "c", "ä.ö.ü", "a.e30.c"])
def test_a_token_that_does_not_say_when_it_ends_is_no_error(token: str) -> None:
    assert credentials._expiry_of(token) is None


class Strict(http.server.BaseHTTPRequestHandler):
    """An API server that accepts one token."""

    accepted = "token2"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        good = self.headers["Authorization"] == f"Bearer {self.accepted}"
        object_ = {"metadata": {"resourceVersion": "6", "name": "n"}}
        event = {"type": "ADDED", "object": object_}
        data = json.dumps(event if "watch=true" in self.path else object_).encode() + b"\n"
        self.send_response(200 if good else 401)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name of the base)
        pass


@pytest.fixture
def cluster(plugin: Plugin) -> Iterator[RestCluster]:
    plugin.prints(expires=time.time() + 600)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Strict)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    plugin.server = f"http://127.0.0.1:{server.server_address[1]}"
    found = RestCluster(plugin.access(), timeout_s=10)
    yield found
    found.close()
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_refused_request_is_sent_again_with_a_new_credential(plugin: Plugin, cluster: RestCluster) -> None:
    assert plugin.calls == [], "nothing is asked before there is a request"
    for _ in range(2):
        assert cluster.get(base.NODE, "n", namespace=None)["metadata"]["name"] == "n"
    assert len(plugin.calls) == 2


def test_a_refused_watch_begins_again_with_a_new_credential(plugin: Plugin, cluster: RestCluster) -> None:
    events = cluster.watch(base.NODE, namespace=None, since="5", timeout_s=5)
    assert [event.type for event in events] == ["ADDED"]
    assert len(plugin.calls) == 2


def test_a_credential_that_is_refused_again_is_an_error(plugin: Plugin, cluster: RestCluster) -> None:
    plugin.prints(token="wrong", expires=time.time() + 600)
    for _ in range(2):
        with pytest.raises(Forbidden, match="does not accept these credentials"):
            cluster.get(base.NODE, "n", namespace=None)
    with pytest.raises(Forbidden, match="does not accept these credentials"):
        next(iter(cluster.watch(base.NODE, namespace=None, since="5", timeout_s=5)))
    assert len(plugin.calls) == 4


def test_threads_that_are_refused_ask_once(plugin: Plugin, cluster: RestCluster) -> None:
    barrier = threading.Barrier(4)
    names: list[str] = []

    def ask() -> None:
        barrier.wait()
        names.append(cluster.get(base.NODE, "n", namespace=None)["metadata"]["name"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names == ["n"] * 4 and len(plugin.calls) == 2


def test_a_failing_plugin_is_the_requests_error(plugin: Plugin) -> None:
    plugin.does("exit 1")
    http_ = Http(plugin.access(), timeout_s=1)
    with pytest.raises(Forbidden, match="failed with status 1"):
        http_.request("GET", "/", repeatable=True)
    with pytest.raises(Forbidden, match="failed with status 1"):
        http_.stream("/", timeout_s=1)
    http_.close()

"""Pods are denied and credentials run out while jobs go through: they wait, say why, and run then, once.

    pytest --cluster=kubelab tests/e2e/test_kubernetes_faults_rights.py

Needs what test_kubernetes.py needs, where a quota and a policy deny.
"""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from jobs_in_faults import Jobs, cleaned, long_job, site, state, user
from real_cluster import NAMESPACE, Account, RealCluster
from test_kubernetes import entries, number

__all__ = ["cleaned", "site", "user"]  # fixtures

DENIED = "no pods on a full moon"


class Denies(BaseHTTPRequestHandler):
    """An admission webhook that lets nothing pass."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = {"uid": review["request"]["uid"], "allowed": False, "status": {"message": DENIED}}
        body = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": answer})
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the name of the base)
        """Say nothing."""


@contextmanager
def webhook(site: RealCluster, user: Account, *, answers: bool) -> Iterator[None]:
    """A webhook for the pods of an account that denies all, or that nobody answers."""
    port = site.port + 1004
    pki = site.state / "pki"
    server = HTTPServer(("127.0.0.1", port), Denies)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "apiserver.crt", pki / "apiserver.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    bundle = subprocess.run(
        ["base64", "-w0", str(pki / "ca.crt")], capture_output=True, text=True, check=True
    ).stdout
    where = port if answers else 1
    hook = {
        "name": "deny.grid.test",
        "admissionReviewVersions": ["v1"],
        "sideEffects": "None",
        "failurePolicy": "Fail",
        "timeoutSeconds": 2,
        "clientConfig": {"url": f"https://127.0.0.1:{where}/", "caBundle": bundle},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": user.namespace}},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
        ],
    }
    head = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    site.apply([{**head, "metadata": {"name": "deny-e2e"}, "webhooks": [hook]}])
    time.sleep(2)  # nothing tells when it is in force
    try:
        yield
    finally:
        site.kubectl("delete", "validatingwebhookconfiguration", "deny-e2e")
        server.shutdown()
        server.server_close()
        serving.join()


@pytest.mark.parametrize("answers", [True, False], ids=["denies", "does not answer"])
def test_a_webhook_keeps_pods_from_being_made(site: RealCluster, user: Account, answers: bool) -> None:
    running = long_job(user)
    with webhook(site, user, answers=answers):
        jobs = Jobs(user)
        job = jobs.ids["plain"]
        told = DENIED if answers else "failed calling webhook"
        site.wait(lambda: told in user.ok("qstat", "-j", job), f"qstat -j does not say {told}", 60)
        assert state(user, job) in ("qw", "t")
        # What runs can be ended meanwhile.
        user.ok("qdel", running)
        site.wait(lambda: len(entries(user, running)) == 1, "it does not end")
    jobs.went_through()


def test_a_denied_job_can_be_deleted(site: RealCluster, user: Account) -> None:
    with webhook(site, user, answers=True):
        jobs = Jobs(user)
        job = number(user.ok("qsub", "quick.sh"))
        site.wait(lambda: DENIED in user.ok("qstat", "-j", job), "qstat -j does not say why", 60)
        user.ok("qdel", job)
        site.wait(lambda: state(user, job) in ("", "dt"), "the order is not seen")
    site.wait(lambda: not state(user, job), "it stays")
    assert entries(user, job) == [], "what never ran leaves no record"
    jobs.went_through()


def tokens(site: RealCluster) -> list[Path]:
    """The daemon's tokens, as its pods see them."""
    uids = {pod["metadata"]["uid"] for pod in site.get("pods", "-n", NAMESPACE)["items"]}
    found = site.state.glob("node*/kubelet/pods/*/volumes/kubernetes.io~projected/*/token")
    return [path for path in found if path.parts[-5] in uids]


@contextmanager
def written_again_and_again(paths: list[Path], text: str) -> Iterator[None]:
    """Files with a text, whatever the kubelet writes there, which renews tokens when it likes."""
    stop = threading.Event()

    def write() -> None:
        while True:
            for path in paths:
                path.write_text(text)
            if stop.wait(0.2):
                return

    writing = threading.Thread(target=write, daemon=True)
    writing.start()
    try:
        yield
    finally:
        stop.set()
        writing.join()


def test_the_daemons_credentials_run_out_and_are_renewed(site: RealCluster, user: Account) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "bound", "namespace": NAMESPACE},
    }
    site.apply([secret])
    words = ("create", "token", "gridcompat-daemon", "-n", NAMESPACE, "--bound-object-kind", "Secret")
    token = site.kubectl(*words, "--bound-object-name", "bound")
    site.kubectl("delete", "secret", "bound", "-n", NAMESPACE)  # and with it what the token is good for
    running, before = long_job(user), Jobs(user)
    good = {path: path.read_text() for path in tokens(site)}
    assert len(good) == 2
    with written_again_and_again(list(good), token):
        site.wait(lambda: not site.leader(), "somebody leads without credentials", 60)
        amid = Jobs(user, dozens=1)
        assert state(user, amid.ids["plain"]) == "qw"
        user.ok("qdel", running)
    for path, text in good.items():
        path.write_text(text)
    site.wait(lambda: bool(site.leader()), "nobody leads", 120)
    site.wait(lambda: len(entries(user, running)) == 1, "the order is forgotten")
    before.went_through(keep=True)
    amid.went_through()

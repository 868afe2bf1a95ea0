"""`gridcompat daemon`: one replica of the daemon of a real cluster, in the foreground."""

from __future__ import annotations

import click


@click.command(
    help="Run the daemon for a real cluster, in the foreground: one leads, others wait.",
    epilog="Exit status: 0 ended by SIGTERM or SIGINT; 1 it cannot begin, or a part of it failed; 2 bad use; "
    "3 another leads now.",
)
@click.option("--namespace", default="", help="Of the Lease by which one leads (default: the pod's own).")
@click.option("--identity", default="", envvar="POD_NAME", help="This replica's name (default: the host's).")
@click.option(
    "--listen", default="0.0.0.0", show_default=True, help="Address of /healthz, /readyz, /metrics."
)
@click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535))
@click.option("--mail/--no-mail", default=True, help="Send mail, too.")
def daemon(namespace: str, identity: str, listen: str, port: int, mail: bool) -> None:
    """Work until SIGTERM, or until another leads."""
    from gridcompat.replica.process import main

    raise SystemExit(main(namespace=namespace, identity=identity, listen=listen, port=port, mail=mail))

"""``jobset down``."""

import contextlib

import click

from jobset_client.cli.output import say
from jobset_client.cli.text import plural
from jobset_client.cluster import LocalCluster
from jobset_protocol.errors import StoreError
from jobset_protocol.store import connect


@click.command()
def down() -> None:
    """Stop the local cluster; its data stay, and unfinished job sets go on at the next start."""
    cluster = LocalCluster()
    status = cluster.status()
    unfinished = _unfinished_sets(status.url) if status.url else 0
    # Also without a running cluster: a dead supervisor may have left processes.
    cluster.stop()
    if not status.running:
        say("No local cluster was running.")
        return
    say(f"The local cluster is stopped; its data stay in {status.directory}.")
    if unfinished:
        sets = plural(unfinished, "unfinished job set")
        say(f"{sets} will go on at the next `jobset up`.")


def _unfinished_sets(url: str) -> int:
    with contextlib.closing(connect(url)) as store:
        try:
            return len(store.live_sets())
        except StoreError:  # being stopped does not need an answer
            return 0

"""``jobset up``."""

import os
from pathlib import Path

import click

from jobset_client.cli.output import say
from jobset_client.cli.text import plural
from jobset_client.cluster import WORKERS, LocalCluster


@click.command()
@click.option(
    "--workers", type=click.IntRange(min=1), help=f"Worker processes.  [default: {WORKERS}]"
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file that names the backends; by default aer, fake and fake-remote.",
)
def up(workers: int | None, config: Path | None) -> None:
    """Start a store, worker processes and a watcher on this machine, and print the store's URL.

    They stay until `jobset down`, and data survive that.  A cluster that runs already is left as
    it is.
    """
    cluster = LocalCluster(workers, config=config).start()
    status = cluster.status()
    running = plural(status.workers or 0, "worker process", "worker processes")
    if cluster.started:
        say(f"The local cluster is up, with {running}.  `jobset down` stops it.")
    else:
        say(f"The local cluster was up already, with {running}.")
    click.echo(cluster.url)
    if os.environ.get("JOBSET_URL", cluster.url) != cluster.url:
        say("Note: JOBSET_URL names another store, and other commands use that one.")

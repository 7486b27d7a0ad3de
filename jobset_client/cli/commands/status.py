"""``jobset status``."""

from collections.abc import Sequence
from typing import Any

import click
from rich.text import Text

from jobset_client.cli.access import Access, pass_access
from jobset_client.cli.errors import ExitCode
from jobset_client.cli.output import Rows, print_json, say
from jobset_client.cli.text import age, plural, safe
from jobset_client.cluster import ClusterStatus, LocalCluster, ProcessState
from jobset_protocol.messages import WorkerRecord
from jobset_protocol.store import Store, without_password


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_access
def status(access: Access, as_json: bool) -> None:
    """Show what runs: the local cluster's processes, or what is alive at --url.

    Nothing is started; the exit code is 4 when nothing runs.
    """
    cluster = None if access.url else LocalCluster().status()
    url = cluster.url if cluster else access.url
    live: dict[str, Any] = {}
    if url:
        with access.store_at(url) as store:
            live = _live(store)
    document = {
        "running": url is not None,
        "url": without_password(url) if url else None,
        "directory": str(cluster.directory) if cluster else None,
        "processes": _processes(cluster) if cluster else [],
        **live,
    }
    if as_json:
        print_json(document)
    else:
        _print(document, cluster)
    click.get_current_context().exit(ExitCode.OK if url else ExitCode.UNAVAILABLE)


def _live(store: Store) -> dict[str, Any]:
    alive = store.workers()
    workers = [record for record in alive if record.role == "worker"]
    return {
        "workers_alive": len(workers),
        "watchers_alive": len(alive) - len(workers),
        "backends": _backends(workers),
        "unfinished_job_sets": len(store.live_sets()),
    }


def _backends(workers: Sequence[WorkerRecord]) -> list[str]:
    return sorted({alias for record in workers for alias in record.backends})


def _processes(cluster: ClusterStatus) -> list[dict[str, Any]]:
    return [
        {
            "name": process.name,
            "state": process.state.value,
            "pid": process.pid,
            "started_at": process.started_at,
            "restarts": process.restarts,
        }
        for process in cluster.processes
    ]


def _print(document: dict[str, Any], cluster: ClusterStatus | None) -> None:
    if cluster and cluster.processes:
        rows = Rows("PROCESS", "STATE", ">PID", "STARTED", ">RESTARTS")
        for process in cluster.processes:
            running = process.state is ProcessState.RUNNING
            state = Text(process.state, style="green" if running else "red")
            rows.add(
                process.name, state, process.pid or "-", age(process.started_at), process.restarts
            )
        rows.print()
        click.echo()
    if not document["running"]:
        say("No local cluster runs: start one with `jobset up`.")
        return
    served = ", ".join(map(safe, document["backends"])) or "none"
    click.echo(f"Store:     {document['url']}")
    if cluster:
        click.echo(f"Directory: {cluster.directory}")
    # A worker announces itself once, whatever the number of its processes.
    processes = f" ({plural(cluster.workers or 0, 'process', 'processes')})" if cluster else ""
    click.echo(
        f"Alive:     {plural(document['workers_alive'], 'worker')}{processes}, "
        f"{plural(document['watchers_alive'], 'watcher')}"
    )
    click.echo(f"Backends:  {served}")
    click.echo(f"Job sets:  {document['unfinished_job_sets']:,} unfinished")

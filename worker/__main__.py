"""``python -m worker worker`` and ``python -m worker watcher``: what runs beside a provider."""

import logging
import signal
import socket
import sys
import threading
import uuid
from types import FrameType

import click

from jobset_protocol.errors import JobSetError
from worker.log_levels import quieten_libraries


@click.group()
def main() -> None:
    """Run the parts of Jobset that stand beside a provider."""


@main.command()
@click.option("--concurrency", "-c", type=click.IntRange(min=1), default=2, show_default=True,
              help="Processes that run chunks.")  # fmt: skip
@click.option("--name", default=None, help="This node's name; unique by default.")
@click.option("--log-level", default="INFO", show_default=True)
def worker(concurrency: int, name: str | None, log_level: str) -> None:
    """Run a Celery worker for the backends that JOBSET_CONFIG names."""
    try:
        from worker.app import app  # noqa: PLC0415  (reads the settings)
    except JobSetError as error:
        raise click.ClickException(str(error)) from error
    node = name or f"jobset-{uuid.uuid4().hex[:8]}@{socket.gethostname()}"
    app.worker_main(
        ["worker", "--concurrency", str(concurrency), "--hostname", node,
         "--loglevel", log_level, "--without-gossip", "--without-mingle"]
    )  # fmt: skip


@main.command()
@click.option("--log-level", default="INFO", show_default=True)
def watcher(log_level: str) -> None:
    """Poll the providers and recover what was lost, until SIGTERM."""
    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    quieten_libraries()
    stop = threading.Event()

    def end(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    try:
        from worker.watching import watch  # noqa: PLC0415  (reads the settings)

        watch(stop)
    except JobSetError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    sys.exit(main())

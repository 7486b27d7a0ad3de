"""The worker process of plain Celery."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from jobset_bench.processes import stop
from jobset_bench.systems.base import WORKERS
from jobset_client.supervision.commands import package_root, python_environment
from jobset_protocol.errors import ClusterError

_START_SECONDS = 60.0
_PING_SECONDS = 0.2


@contextmanager
def celery_worker(app: Any, url: str, *, default_threads: bool) -> Iterator[None]:
    """Run a prefork worker.

    Args:
        app: The client's application, which asks the worker whether it is there.
        url: Broker and result backend.
        default_threads: Leave OpenMP as it comes; else one thread a process.

    Raises:
        ClusterError: The worker ended, or was not ready in time.
    """
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            _command(url),
            env=_environment(default_threads=default_threads),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _await_ready(app, process, log)
            yield
        finally:
            stop(process)


def _command(url: str) -> list[str]:
    application = ["-A", "jobset_bench.systems.celery_app", "-b", url, "--result-backend", url]
    options = ["--pool=prefork", f"--concurrency={WORKERS}", "--loglevel=WARNING"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    return [sys.executable, "-P", "-m", "celery", *application, "worker", *options, *quiet]


def _environment(*, default_threads: bool) -> dict[str, str]:
    environment = python_environment(os.environ, package_root())
    if default_threads:
        environment.pop("OMP_NUM_THREADS", None)
    else:
        environment["OMP_NUM_THREADS"] = "1"
    return environment


def _await_ready(app: Any, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not app.control.ping(timeout=_PING_SECONDS, limit=1):
        if process.poll() is not None:
            log.seek(0)
            raise ClusterError(
                f"the plain-Celery worker ended with code {process.returncode}:\n"
                + log.read()[-2000:].decode(errors="replace")
            )
        if time.monotonic() > deadline:
            raise ClusterError(
                f"the plain-Celery worker was not ready within {_START_SECONDS:.0f} s; "
                "try again when the machine is less busy"
            )

"""A cluster on this machine: a server, worker processes and a watcher, for as long as wanted.

The processes are children of a small daemon (see ``supervisor``) and outlive the client that
started them.  Data survive every stop and crash: a cluster that is started again in the same
directory goes on with the job sets that it had.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jobset_client import supervisor
from jobset_client.readiness import await_ready
from jobset_client.supervision import lock
from jobset_client.supervision.commands import package_root, python_command, python_environment
from jobset_client.supervision.directory import ClusterDirectory, default_directory
from jobset_client.supervision.identity import ProcessIdentity
from jobset_client.supervision.leftovers import end, end_leftovers
from jobset_client.supervision.records import SUPERVISOR, ClusterRecord, Ledger
from jobset_client.supervision.status import (
    ClusterStatus,
    ProcessState,
    ProcessStatus,
    living_record,
    read_status,
)
from jobset_protocol.errors import ClusterError, ConfigurationError

__all__ = ["ClusterStatus", "LocalCluster", "ProcessState", "ProcessStatus", "attach_or_start"]

START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 30.0
"""Above what the supervisor allows its processes together."""
_LAUNCH_AGAIN_SECONDS = 0.2
_OTHER_STORES = ("JOBSET_URL", "JOBSET_BROKER_URL", "JOBSET_CONFIG")
"""Settings that mean some other cluster."""


class LocalCluster:
    """A server, workers and a watcher on this machine.

    As a context manager it stops what it started, and leaves alone a cluster that it found
    alive.

    Args:
        workers: Processes that run chunks, at least 1.
        name: Which of this user's clusters, when ``directory`` is not given.
        directory: Where the cluster lives; by default below the XDG state home.
        config: TOML file that names the backends; by default ``aer``, ``fake`` and
            ``fake-remote``.
        fake: How the service behind ``fake-remote`` behaves, such as ``{"run_seconds": 0.5}``
            (see ``worker/providers/fake_behaviour.py``); ``False`` for no such service, which
            is the default when ``config`` is given.  Its port is in ``<directory>/fake/port``.
        environment: Added to the environment of its processes.
        timeout_seconds: How long the start may take.

    Raises:
        ClusterError: This is Windows, or the name cannot be used.
        ConfigurationError: ``workers`` is below 1, ``config`` is not a file, or ``fake`` is not
            made of plain values.

    Examples:
        with LocalCluster(workers=4) as cluster:
            manager = JobManager(cluster.url)
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        name: str = "local",
        directory: str | os.PathLike[str] | None = None,
        config: str | os.PathLike[str] | None = None,
        fake: bool | Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        timeout_seconds: float = START_TIMEOUT_SECONDS,
    ) -> None:
        if sys.platform == "win32":
            raise ClusterError(
                "a local cluster runs on Linux and macOS only: give the URL of a Redis or Valkey "
                "server, JobManager('redis://…') or JOBSET_URL"
            )
        if workers < 1:
            raise ConfigurationError(f"a cluster needs at least 1 worker process, not {workers}")
        if config is not None and not Path(config).is_file():
            raise ConfigurationError(f"there is no configuration file {os.fspath(config)!r}")
        path = default_directory(name) if directory is None else Path(directory)
        self._layout = ClusterDirectory(path.expanduser().resolve())
        self._workers = workers
        self._config = None if config is None else Path(config).resolve()
        self._fake = _behaviour(self._config is None if fake is None else fake)
        self._environment = dict(environment or {})
        self._timeout_seconds = timeout_seconds
        self._own: ProcessIdentity | None = None

    def __repr__(self) -> str:
        return f"<LocalCluster {str(self.directory)!r}>"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.started:
            self.stop()

    @property
    def directory(self) -> Path:
        """Where the cluster keeps its data, logs and records."""
        return self._layout.path

    @property
    def url(self) -> str:
        """The URL of the cluster's store.

        Raises:
            ClusterError: The cluster does not run.
        """
        record = ClusterRecord.read(self._layout.record)
        if record is None:
            raise ClusterError(f"no cluster runs in {self.directory}: start it with `jobset up`")
        return record.url

    @property
    def started(self) -> bool:
        """Whether this object started the cluster that is there, rather than found it alive."""
        supervised = Ledger.read(self._layout.ledger).named(SUPERVISOR)
        return supervised is not None and supervised.identity == self._own

    def status(self) -> ClusterStatus:
        """Look at the cluster's processes; nothing is started."""
        return read_status(self._layout)

    def start(self) -> Self:
        """Attach to the cluster if it is alive, or else start it; returns when it is ready.

        Raises:
            ClusterError: It cannot be started; what was started is stopped again.
        """
        deadline = time.monotonic() + self._timeout_seconds
        self._layout.prepare()
        while True:
            record, launched = self._attach_or_launch(deadline)
            if launched:
                self._own = record.supervisor
            try:
                # A cluster that has been up for longer than a start takes is taken as it is: its
                # users may want what it holds even when its workers are in trouble.
                if time.time() - record.started_at < self._timeout_seconds:
                    await_ready(self._layout, record, deadline)
            except BaseException as error:
                if launched:
                    self.stop()
                elif isinstance(error, ClusterError) and not record.supervisor.is_alive:
                    continue  # it was found in the moment of its end
                raise
            return self

    def stop(self) -> None:
        """Stop the cluster, whoever started it; its data stay.  Nothing if it does not run.

        A dead supervisor's processes are ended, too.
        """
        if not self.directory.is_dir():
            return
        running = Ledger.read(self._layout.ledger).named(SUPERVISOR)
        if running is not None:
            end([running.identity], _STOP_TIMEOUT_SECONDS)
        held = lock.take(self._layout.lock)
        if held is None:
            if running is None or running.identity.is_alive:
                raise ClusterError(
                    f"the local cluster in {self.directory} did not stop: it may be starting just "
                    f"now, so try again, or see {self._layout.log(SUPERVISOR)}"
                )
            return  # someone starts it again already
        try:
            end_leftovers(Ledger.read(self._layout.ledger))
            self._layout.record.unlink(missing_ok=True)
            self._layout.ledger.unlink(missing_ok=True)
        finally:
            os.close(held)

    def _attach_or_launch(self, deadline: float) -> tuple[ClusterRecord, bool]:
        """Return how to reach the cluster once its server answers, and whether this started it."""
        launched = False
        while (record := living_record(self._layout)) is None:
            if self._launch(deadline):
                launched = True
            elif time.monotonic() > deadline:
                raise ClusterError(
                    f"another process holds {self._layout.lock}, but no cluster answers there: "
                    "it may be stopping, or belong to another machine or container"
                )
            else:
                time.sleep(_LAUNCH_AGAIN_SECONDS)
        return record, launched

    def _launch(self, deadline: float) -> bool:
        """Start a supervisor; False when the directory has one already."""
        left_seconds = max(1.0, deadline - time.monotonic())
        arguments = ["--directory", str(self.directory), "--workers", str(self._workers)]
        arguments += ["--timeout-seconds", str(left_seconds)]
        arguments += ["--config", str(self._config)] if self._config else []
        arguments += [] if self._fake is None else ["--fake", self._fake]
        base = {name: value for name, value in os.environ.items() if name not in _OTHER_STORES}
        try:
            answer = subprocess.run(  # noqa: S603 -- the command is ours
                python_command("jobset_client.supervisor", *arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                cwd=self.directory,
                env=python_environment({**base, **self._environment}, package_root()),
                start_new_session=True,
                check=False,
                timeout=left_seconds + 5.0,
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(
                f"the local cluster's supervisor did not start; see {self._layout.log(SUPERVISOR)}"
            ) from error
        if answer.returncode not in (0, supervisor.ALREADY_RUNNING):
            raise ClusterError(f"the local cluster cannot be started: {answer.stderr.strip()}")
        return answer.returncode == 0


def _behaviour(fake: bool | Mapping[str, Any]) -> str | None:
    """Return the fake service's behaviour as JSON; ``None`` for no service."""
    if fake is False:
        return None
    try:
        return json.dumps({} if fake is True else dict(fake))
    except TypeError as error:
        raise ConfigurationError(
            f"the fake service cannot be told to behave so: {error}"
        ) from error


def attach_or_start(
    workers: int = 2,
    *,
    name: str = "local",
    directory: str | os.PathLike[str] | None = None,
    config: str | os.PathLike[str] | None = None,
    timeout_seconds: float = START_TIMEOUT_SECONDS,
) -> LocalCluster:
    """Return this user's cluster: the one that is alive, or a new one that outlives this process.

    Raises:
        ClusterError: It cannot be started.
    """
    cluster = LocalCluster(
        workers,
        name=name,
        directory=directory,
        config=config,
        timeout_seconds=timeout_seconds,
    )
    return cluster.start()

"""A cluster on this machine: a server, worker processes and a watcher, for as long as wanted.

The processes are children of a small daemon (see ``supervisor``) and outlive the client that
started them.  Data survive every stop and crash: a cluster that is started again in the same
directory goes on with the job sets that it had.
"""

import json
import logging
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jobset_client.readiness import await_ready
from jobset_client.supervision import lock
from jobset_client.supervision.commands import LONGEST_STOP_SECONDS
from jobset_client.supervision.directory import ClusterDirectory, default_directory
from jobset_client.supervision.identity import ProcessIdentity
from jobset_client.supervision.launch import SupervisorLaunch
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

WORKERS = 2
"""Worker processes of a cluster for which nobody said how many."""
START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = LONGEST_STOP_SECONDS + 5.0
_LAUNCH_AGAIN_SECONDS = 0.2
_log = logging.getLogger(__name__)


class LocalCluster:
    """A server, workers and a watcher on this machine.

    As a context manager it stops what it started, and leaves alone a cluster that it found
    alive; that one's settings stay, and a warning tells of the ones asked for in vain.

    Args:
        workers: Processes that run chunks, at least 1; by default two.
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
        workers: int | None = None,
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
        if workers is not None and workers < 1:
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
        self._warned = False

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
        if record is None or not record.supervisor.is_alive:
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
            record: ClusterRecord | None = None
            launch = self._launch(deadline)
            try:
                record = self._attach_or_launch(launch, deadline)
                if launch.succeeded:
                    self._own = record.supervisor
                else:
                    self._warn_of_differences(record)
                # A cluster that has been up for longer than a start takes is taken as it is: its
                # users may want what it holds even when its workers are in trouble.
                if time.time() - record.started_at < self._timeout_seconds:
                    await_ready(self._layout, record, deadline)
            except BaseException as error:
                if launch.succeeded:
                    self.stop()
                elif isinstance(error, ClusterError) and record and not record.supervisor.is_alive:
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

    def _launch(self, deadline: float) -> SupervisorLaunch:
        workers = WORKERS if self._workers is None else self._workers
        arguments = ["--workers", str(workers)]
        arguments += ["--config", str(self._config)] if self._config else []
        arguments += [] if self._fake is None else ["--fake", self._fake]
        return SupervisorLaunch(self._layout, arguments, self._environment, deadline)

    def _attach_or_launch(self, launch: SupervisorLaunch, deadline: float) -> ClusterRecord:
        """Return how to reach the cluster once its server answers."""
        while (record := living_record(self._layout)) is None:
            if launch.run():
                continue
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"another process holds {self._layout.lock}, but no cluster answers there: "
                    "it may be stopping, or belong to another machine or container"
                )
            time.sleep(_LAUNCH_AGAIN_SECONDS)
        return record

    def _warn_of_differences(self, record: ClusterRecord) -> None:
        asked: list[tuple[str, object, object]] = []
        if self._workers is not None:
            asked.append(("workers", self._workers, record.workers))
        if self._config is not None:
            asked.append(("config", str(self._config), record.config))
        different = [
            f"{name} is {there}, not {wanted}" for name, wanted, there in asked if wanted != there
        ]
        if different and not self._warned:
            self._warned = True
            _log.warning(
                "the local cluster in %s runs already and is left as it is (%s); "
                "for other settings stop it first, with `jobset down`",
                self.directory,
                "; ".join(different),
            )


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
    workers: int | None = None,
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

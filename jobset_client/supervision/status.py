"""What a cluster's files and the system's processes say of it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from jobset_client.supervision.directory import ClusterDirectory
from jobset_client.supervision.records import SUPERVISOR, ClusterRecord, Ledger, ProcessRecord
from jobset_client.supervision.server import answers


class ProcessState(StrEnum):
    """What one process of a cluster does."""

    RUNNING = "running"
    RESTARTING = "restarting"
    """It died, and the supervisor is about to start it again."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process of a cluster.

    Args:
        name: ``supervisor``, ``valkey``, ``worker``, ``watcher`` or ``fake``.
        state: What it does.
        pid: Its number; ``None`` unless it runs.
        started_at: When it was started last, seconds since the epoch.
        restarts: How often it was started again.
    """

    name: str
    state: ProcessState
    pid: int | None
    started_at: float
    restarts: int


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """A local cluster as it is now.

    Args:
        directory: Where it keeps its files.
        running: Its supervisor lives and its server answers.
        url: The store's URL; ``None`` unless it runs, as all below.
        workers: Processes that run chunks.
        config: The workers' TOML file.
        uptime_seconds: Since its start.
        versions: Of Jobset, Python and the server.
        processes: The supervisor first; also those that a crash left.
    """

    directory: Path
    running: bool
    url: str | None = None
    workers: int | None = None
    config: Path | None = None
    uptime_seconds: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    processes: tuple[ProcessStatus, ...] = ()

    def pid_of(self, name: str) -> int | None:
        """Return the number of a process; ``None`` unless it runs."""
        return next((process.pid for process in self.processes if process.name == name), None)


def living_record(directory: ClusterDirectory) -> ClusterRecord | None:
    """Return how to reach the cluster, if its supervisor lives and its server answers."""
    record = ClusterRecord.read(directory.record)
    if record is None or not record.supervisor.is_alive:
        return None
    return record if answers(Path(urlsplit(record.url).path)) else None


def read_status(directory: ClusterDirectory) -> ClusterStatus:
    """Look at a cluster's files and processes."""
    ledger = Ledger.read(directory.ledger)
    supervisor = ledger.named(SUPERVISOR)
    supervised = supervisor is not None and supervisor.identity.is_alive
    processes = tuple(_process_status(process, supervised) for process in ledger.processes)
    record = living_record(directory)
    if record is None:
        return ClusterStatus(directory.path, running=False, processes=processes)
    return ClusterStatus(
        directory.path,
        running=True,
        url=record.url,
        workers=record.workers,
        config=Path(record.config),
        uptime_seconds=max(0.0, time.time() - record.started_at),
        versions=record.versions,
        processes=processes,
    )


def _process_status(process: ProcessRecord, supervised: bool) -> ProcessStatus:
    alive = process.identity.is_alive
    absent = ProcessState.RESTARTING if supervised else ProcessState.STOPPED
    return ProcessStatus(
        name=process.name,
        state=ProcessState.RUNNING if alive else absent,
        pid=process.identity.pid if alive else None,
        started_at=process.started_at,
        restarts=process.restarts,
    )

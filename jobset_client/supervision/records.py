"""The two files in which a cluster tells of itself, written whole or not at all."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from jobset_client.supervision.identity import ProcessIdentity

SUPERVISOR = "supervisor"
SERVER = "valkey"


@dataclass(frozen=True, slots=True)
class ClusterRecord:
    """How to reach a cluster whose server answers (``cluster.json``).

    Args:
        supervisor: The process to ask for a stop.
        url: The store's URL.
        workers: Processes that run chunks.
        config: The workers' configuration.
        fake_port: The fake provider's service, if it was asked for.
        started_at: Seconds since the epoch.
        versions: Of Jobset, Python and the server.
    """

    supervisor: ProcessIdentity
    url: str
    workers: int
    config: str
    fake_port: int | None
    started_at: float
    versions: Mapping[str, str]

    def write(self, path: Path) -> None:
        """Replace the file at ``path``."""
        write_whole(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "ClusterRecord | None":
        """Return what the file says; ``None`` without one that can be read."""
        document = _document(path)
        try:
            return cls(**{**document, "supervisor": ProcessIdentity(**document["supervisor"])})
        except (KeyError, TypeError):
            return None


@dataclass(frozen=True, slots=True)
class ProcessRecord:
    """One process of a cluster.

    Args:
        name: What it is for: ``valkey``, ``worker``, ``watcher`` …
        identity: Which process it is, or was when it last ran.
        started_at: Seconds since the epoch.
        restarts: How often it was started again.
    """

    name: str
    identity: ProcessIdentity
    started_at: float
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """Which processes belong to a cluster (``processes.json``), the supervisor first.

    It is there as soon as there is a process, so that whoever comes after a crash finds
    what was left.
    """

    processes: tuple[ProcessRecord, ...] = field(default=())

    def named(self, name: str) -> ProcessRecord | None:
        """Return the process of that name."""
        return next((process for process in self.processes if process.name == name), None)

    def write(self, path: Path) -> None:
        """Replace the file at ``path``."""
        write_whole(path, asdict(self))

    @classmethod
    def read(cls, path: Path) -> "Ledger":
        """Return what the file says; empty without one that can be read."""
        try:
            return cls(
                tuple(
                    ProcessRecord(**{**entry, "identity": ProcessIdentity(**entry["identity"])})
                    for entry in _document(path)["processes"]
                )
            )
        except (KeyError, TypeError):
            return cls()


def write_whole(path: Path, document: Any) -> None:
    """Write JSON so that a reader sees the old file or the new one, never a part."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}

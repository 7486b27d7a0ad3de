"""What a process serves: its store, its backends and its name, opened once a process."""

import importlib.metadata
import os
import socket
from collections.abc import Mapping
from functools import lru_cache

from jobset_protocol.codecs.qpy import reader_qpy_version
from jobset_protocol.messages import BackendSpec, WorkerRecord
from jobset_protocol.store import WORKER_PATIENCE_SECONDS, RedisStore, connect
from worker.providers.registry import describe, load_adapter
from worker.settings import BackendSettings, WorkerSettings
from worker.steps import ServedBackend

_PACKAGES = ("jobset", "qiskit", "celery")
epoch: str | None = None
"""The store's identity as the worker's main process saw it first; pool children inherit it."""


def open_store(settings: WorkerSettings) -> RedisStore:
    """Connect to the store with a worker's patience: its server may restart."""
    return connect(
        settings.url,
        patience_seconds=WORKER_PATIENCE_SECONDS,
        fsync_intents=settings.fsync_intents,
    )


def serve(
    settings: Mapping[str, BackendSettings],
) -> tuple[dict[str, ServedBackend], list[BackendSpec]]:
    """Load the adapters of the configured backends.

    Returns:
        The backends by alias, and what to announce of them.

    Raises:
        ConfigurationError: An adapter is unknown, or its options are wrong.
    """
    served, specs = {}, []
    for alias, backend in settings.items():
        adapter = load_adapter(alias, backend)
        served[alias] = ServedBackend(alias, adapter, backend.max_pending, backend.in_doubt)
        specs.append(describe(alias, adapter, backend))
    return served, specs


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return what this process runs on; ``qpy`` is the highest version that it reads."""
    found = {"qpy": str(reader_qpy_version())}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def process_record(
    worker_id: str, role: str, backends: Mapping[str, ServedBackend]
) -> WorkerRecord:
    """Describe this process for the others."""
    return WorkerRecord(
        worker_id=worker_id,
        role=role,
        hostname=socket.gethostname(),
        pid=os.getpid(),
        backends=tuple(backends),
        versions=versions(),
    )

"""Announce that a process lives, what it serves and what it runs on."""

import logging
import threading
from collections.abc import Sequence

from jobset_protocol.errors import JobSetError
from jobset_protocol.messages import BackendSpec, WorkerRecord
from jobset_protocol.store.base import Store

TTL_SECONDS = 30.0
"""A process that has been silent for so long counts as dead."""

_log = logging.getLogger(__name__)


class Heartbeat:
    """Repeats an announcement until it is stopped, then withdraws it.

    Args:
        store: Where to announce.
        worker: This process.
        specs: The backends that it serves.
    """

    def __init__(self, store: Store, worker: WorkerRecord, specs: Sequence[BackendSpec]) -> None:
        self._store = store
        self._worker = worker
        self._specs = specs
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Announce at once, and go on in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Withdraw the announcement; a store that is gone is left alone."""
        self._stop.set()
        try:
            self._store.depart(self._worker.worker_id)
        except JobSetError as error:
            _log.warning("could not withdraw the announcement: %s", error)

    def _beat(self) -> None:
        pause_seconds = 0.0
        while not self._stop.wait(pause_seconds):
            pause_seconds = TTL_SECONDS / 3
            try:
                self._store.announce(self._worker, self._specs, ttl_seconds=TTL_SECONDS)
            except Exception as error:  # noqa: BLE001  (a silent worker is a dead one)
                _log.warning("could not announce: %s", error)

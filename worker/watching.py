"""The watcher's process: one thread a backend, and one that sweeps."""

import logging
import socket
import threading
import uuid

from jobset_protocol.errors import JobSetError
from worker import serving
from worker.app import backends, settings
from worker.liveness import Heartbeat
from worker.recovery import Recovery
from worker.tasks import CeleryDispatcher
from worker.watched import Pace, Watch
from worker.watcher import Watcher

_JOIN_SECONDS = 8.0
_log = logging.getLogger(__name__)


def watch(stop: threading.Event) -> None:
    """Watch every configured backend until ``stop`` is set.

    A slow provider blocks only its own thread.

    Raises:
        StoreError: The server does not answer at the start, or is not fit.
        ConfigurationError: A backend's table is wrong.
    """
    store = serving.open_store(settings)
    store.require_fit_server()
    store.require_epoch()
    served, specs = serving.serve(backends)
    worker_id = f"watcher-{uuid.uuid4().hex[:8]}@{socket.gethostname()}"
    heartbeat = Heartbeat(store, serving.process_record(worker_id, "watcher", served), specs)
    heartbeat.start()
    dispatcher = CeleryDispatcher()
    threads = []
    for alias, backend in served.items():
        table = backends[alias]
        pace = Pace(
            lease_seconds=settings.lease_seconds,
            poll_min_seconds=table.poll_min_seconds or settings.poll_min_seconds,
            poll_max_seconds=table.poll_max_seconds or settings.poll_max_seconds,
        )
        watcher = Watcher(Watch(store, backend, dispatcher, pace))
        threads.append(threading.Thread(target=watcher.run, args=(stop,), name=f"watch-{alias}"))
    for thread in threads:
        thread.daemon = True
        thread.start()
    _log.info("watching %s as %s", ", ".join(served), worker_id)
    recovery = Recovery(
        store, served, dispatcher, client_silence_seconds=settings.client_silence_seconds
    )
    while not stop.wait(settings.sweep_seconds):
        try:
            store.require_epoch()
            recovery.sweep()
        except JobSetError as error:
            _log.warning("sweep: %s", error)
        except Exception:  # noqa: BLE001  (one bad set must not end recovery)
            _log.exception("sweep failed")
    for thread in threads:
        thread.join(_JOIN_SECONDS)
    heartbeat.stop()
    _log.info("watcher stopped")

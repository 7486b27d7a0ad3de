"""What a worker does at the turns of its life: check, announce, warm up, hand over."""

import logging
import os
import signal
import threading
from typing import Any

from celery.signals import (
    after_setup_logger,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from celery.worker import state

from jobset_protocol.errors import JobSetError
from jobset_protocol.messages import COLLECT_TASK, SUBMIT_TASK, ChunkKey
from worker import serving, tasks
from worker.app import backends, settings
from worker.liveness import Heartbeat
from worker.log_levels import quieten_libraries

_A_LINE_A_TASK = ("celery.worker.strategy", "celery.app.trace")
_HAND_OVER_SECONDS = 5.0
_log = logging.getLogger(__name__)


class _Node:
    """This worker node; the signals' receivers share it."""

    name = ""
    heartbeat: Heartbeat | None = None


@after_setup_logger.connect
def log_no_line_a_task(loglevel: int | None = None, **_: Any) -> None:
    """Keep Celery's two lines a task for debugging: they took half of a worker's time."""
    if (loglevel or logging.INFO) > logging.DEBUG:
        for name in _A_LINE_A_TASK:
            logging.getLogger(name).setLevel(logging.WARNING)
    quieten_libraries()


@worker_init.connect
def prepare(sender: Any, **_: Any) -> None:
    """Check the server and load the adapters before the pool forks, so that children share them."""
    _Node.name = sender.hostname
    try:
        store = serving.open_store(settings)
        store.require_fit_server()
        serving.epoch = store.require_epoch()
        served, specs = serving.serve(backends)
    except JobSetError as error:
        raise SystemExit(f"jobset worker: {error}") from error
    record = serving.process_record(_Node.name, "worker", served)
    _Node.heartbeat = Heartbeat(store, record, specs)


@worker_process_init.connect
def warm_up(**_: Any) -> None:
    """Open the child's own connections before its first chunk comes."""
    tasks.execution(_Node.name)


@worker_ready.connect
def announce(**_: Any) -> None:
    """Tell clients what this node serves."""
    assert _Node.heartbeat is not None
    _Node.heartbeat.start()


@worker_shutting_down.connect
def limit_the_drain(**_: Any) -> None:
    """Let running chunks end for a while; then hand over those that have not."""
    timer = threading.Timer(settings.drain_seconds, _hand_over)
    timer.daemon = True
    timer.start()


@worker_shutdown.connect
def withdraw(**_: Any) -> None:
    """Withdraw the announcement, on a clean stop."""
    if _Node.heartbeat:
        _Node.heartbeat.stop()


def _hand_over() -> None:
    # A lease lapses by itself where the store is away: the stop does not wait for it.
    helper = threading.Thread(target=_hand_over_chunks, daemon=True)
    helper.start()
    helper.join(_HAND_OVER_SECONDS)
    # From warm to cold shutdown: what still runs holds nothing any more.
    os.kill(os.getpid(), signal.SIGQUIT)


def _hand_over_chunks() -> None:
    steps = tasks.execution(_Node.name)
    for request in list(state.active_requests):
        if request.name in (SUBMIT_TASK, COLLECT_TASK):
            try:
                key = ChunkKey.checked(*request.args)
                steps.hand_over(key)
                _log.warning("chunk %s was handed over: this worker is stopping", key)
            except Exception as error:  # noqa: BLE001  (the others are to be handed over, too)
                _log.warning("task %s could not be handed over: %s", request.id, error)

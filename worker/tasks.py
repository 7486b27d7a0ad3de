"""The Celery shell around :mod:`worker.execution`: two tasks, and how their messages are sent."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from celery import Task
from kombu.exceptions import KombuError

from jobset_protocol import keys
from jobset_protocol.errors import JobSetError, StoreUnavailableError
from jobset_protocol.messages import (
    COLLECT_TASK,
    SUBMIT_TASK,
    ChunkKey,
    SetRecord,
    task_summary,
)
from jobset_protocol.statuses import ChunkStatus
from worker import serving
from worker.app import app, backends, settings
from worker.broker import SET_ASIDE_TASK
from worker.execution import Execution
from worker.steps import Outcome

_log = logging.getLogger(__name__)


class ChunkFailedError(JobSetError):
    """A chunk ended without success; raised only so that dashboards show it."""


@contextmanager
def _broker_errors_as_ours() -> Iterator[None]:
    broker = app.pool.connection
    try:
        yield
    except (
        KombuError, OSError, *broker.connection_errors, *broker.channel_errors
    ) as error:  # fmt: skip
        raise StoreUnavailableError(f"the broker does not answer: {error}") from error


class CeleryDispatcher:
    """Sends messages through this process's Celery application."""

    def submit(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """See :meth:`worker.execution.Dispatcher.submit`."""
        self._send(submit_chunk, keys.queue(job_set.backend), job_set, indices)

    def collect(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """See :meth:`worker.execution.Dispatcher.collect`."""
        self._send(collect_chunk, keys.collect_queue(job_set.backend), job_set, indices)

    def waiting_messages(self, backend: str) -> int:
        """See :meth:`worker.execution.Dispatcher.waiting_messages`."""
        names = (keys.queue(backend), keys.collect_queue(backend))
        with _broker_errors_as_ours(), app.pool.acquire(block=True) as connection:
            channel = connection.default_channel
            return sum(
                channel.queue_declare(queue=name, passive=False).message_count for name in names
            )

    def _send(self, task: Any, queue: str, job_set: SetRecord, indices: Sequence[int]) -> None:
        with _broker_errors_as_ours(), app.producer_or_acquire() as producer:
            for index in indices:
                task.apply_async(
                    (job_set.set_id, index),
                    queue=queue,
                    producer=producer,
                    argsrepr=task_summary(job_set, index),
                    kwargsrepr="{}",
                )


@lru_cache(maxsize=1)
def execution(owner: str) -> Execution:
    """Return the steps of chunks as ``owner``, this worker's node name, takes them.

    One a process: pool children are forked before the first call.
    """
    served, _ = serving.serve(backends)
    store = serving.open_store(settings)
    store.require_epoch(serving.epoch)
    return Execution(
        store,
        served,
        CeleryDispatcher(),
        owner=owner,
        lease_seconds=settings.lease_seconds,
    )


def _reported(outcome: Outcome) -> str:
    if outcome.status in (ChunkStatus.FAILED, ChunkStatus.UNCERTAIN):
        raise ChunkFailedError(str(outcome))
    return str(outcome)


@app.task(name=SUBMIT_TASK, bind=True, throws=(ChunkFailedError,))
def submit_chunk(task: Task, set_id: str, index: int) -> str:
    """Submit one chunk; a local provider runs it to its end here."""
    key = ChunkKey.checked(set_id, index)
    return _reported(execution(task.request.hostname).submit_chunk(key))


@app.task(name=COLLECT_TASK, bind=True, throws=(ChunkFailedError,))
def collect_chunk(task: Task, set_id: str, index: int) -> str:
    """Fetch one ended job's result."""
    key = ChunkKey.checked(set_id, index)
    return _reported(execution(task.request.hostname).collect_chunk(key))


@app.task(name=SET_ASIDE_TASK, bind=True)
def set_aside(task: Task, message: str, reason: str) -> str:
    """Keep a malformed message where ``jobset doctor`` shows it."""
    _log.error("a malformed broker message was set aside: %s", reason)
    execution(task.request.hostname).set_aside(f"{reason} | {message}")
    return reason

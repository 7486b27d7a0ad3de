"""Sweep over the live sets for what the schedule cannot see.

The schedule knows every claimed or submitted chunk.  It does not know a queued chunk whose
message was lost, a set whose client died while sending it, a slot whose holder is gone, or a
chunk whose own entry was lost between two writes.  Those are found here, from the sets.  Sets
whose retention has passed are deleted here, too, and what interrupted deletions have left.
"""

import contextlib
import logging
from collections.abc import Mapping

from jobset_protocol.errors import FailureKind, JobSetNotFoundError, StoreLostError
from jobset_protocol.messages import ChunkKey, ErrorRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Store
from worker.execution import Dispatcher
from worker.steps import ServedBackend

NO_LIMIT = 1_000_000

_log = logging.getLogger(__name__)


class Recovery:
    """Finds and mends what was lost, for the backends that this process serves.

    Args:
        store: The truth.
        backends: What this process serves, by alias.
        dispatcher: Sends messages to workers.
        client_silence_seconds: How long a client may pause while it sends a set before the rest is
            given up.
    """

    def __init__(
        self,
        store: Store,
        backends: Mapping[str, ServedBackend],
        dispatcher: Dispatcher,
        *,
        client_silence_seconds: float = 600.0,
    ) -> None:
        self._store = store
        self._client_silence_seconds = client_silence_seconds
        self._backends = backends
        self._dispatcher = dispatcher
        # Queued without a message at the last sweep: at the second sight they are sent again.
        self._suspects: set[ChunkKey] = set()

    def sweep(self) -> None:
        """Look at every live set and every backend once."""
        suspects: set[ChunkKey] = set()
        for set_id in self._store.live_sets():
            try:
                job_set = self._store.set_record(set_id)
                if job_set.backend in self._backends:
                    suspects |= self._sweep_set(job_set)
            except JobSetNotFoundError:
                self._store.settle_set(set_id)
            except StoreLostError as error:
                _log.error("set %s: %s", set_id, error)
        self._suspects = suspects
        for backend in self._backends.values():
            self._sweep_slots(backend)
        for set_id in self._store.delete_expired():
            _log.info("set %s: deleted, its time was up", set_id)

    def _sweep_set(self, job_set: SetRecord) -> set[ChunkKey]:
        statuses = self._store.statuses(job_set.set_id)
        if job_set.sealed and all(status.is_final for status in statuses):
            self._store.settle_set(job_set.set_id)
            return set()
        if not job_set.sealed or ChunkStatus.UNSENT in statuses:
            self._fail_unsent(job_set)
        held, queued = [], []
        for index, status in enumerate(statuses):
            if status is ChunkStatus.QUEUED:
                queued.append(ChunkKey(job_set.set_id, index))
            elif not status.is_final and status is not ChunkStatus.UNSENT:
                held.append(ChunkKey(job_set.set_id, index))
        scheduled = self._store.scheduled(job_set.backend, held)
        lost = {key: 0.0 for key, known in zip(held, scheduled, strict=True) if not known}
        self._store.reschedule(job_set.backend, lost)
        return self._sweep_queued(job_set, queued)

    def _fail_unsent(self, job_set: SetRecord) -> None:
        error = ErrorRecord(
            "ClientLost",
            "the client ended before it had sent these circuits: run them again, under the same "
            "idempotency key if there was one",
            FailureKind.FATAL,
            "run",
        )
        failed = self._store.fail_unsent(
            job_set.set_id, error, idle_seconds=self._client_silence_seconds
        )
        if failed:
            _log.warning("set %s: %d chunks were never sent", job_set.set_id, failed)

    def _sweep_queued(self, job_set: SetRecord, queued: list[ChunkKey]) -> set[ChunkKey]:
        """Send again what is queued although the broker has no message left.

        A message in a worker's hands is not in the queue either, so a chunk must be seen twice.
        """
        if not queued or self._dispatcher.waiting_messages(job_set.backend):
            return set()
        _, waiting = self._store.slots(job_set.backend)
        scheduled = self._store.scheduled(job_set.backend, queued)
        patient = set(waiting)
        silent = {
            key
            for key, known in zip(queued, scheduled, strict=True)
            if not known and key not in patient
        }
        lost = sorted(silent & self._suspects)
        if lost:
            _log.warning("set %s: sending %d lost messages again", job_set.set_id, len(lost))
            self._dispatcher.submit(job_set, [key.index for key in lost])
        return silent.difference(lost)

    def _sweep_slots(self, backend: ServedBackend) -> None:
        # Without a limit (any more), whoever still waits is woken.
        max_pending = backend.max_pending or NO_LIMIT
        holders, waiting = self._store.slots(backend.alias)
        woken = []
        for key in [*holders, *waiting]:
            if self._is_over(key):
                woken += self._store.release_slot(backend.alias, key)
        woken += self._store.wake_waiting(backend.alias, max_pending=max_pending)
        for key in woken:
            # A set may be deleted while its chunks wait.
            with contextlib.suppress(JobSetNotFoundError):
                self._dispatcher.submit(self._store.set_record(key.set_id), [key.index])

    def _is_over(self, key: ChunkKey) -> bool:
        try:
            [record] = self._store.chunks([key])
        except JobSetNotFoundError:
            return True
        return record.status.is_final

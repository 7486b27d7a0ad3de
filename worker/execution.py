"""The steps of a chunk on a worker; knows no Celery.

Both entry points may be called twice, late, or for a chunk that somebody else has: the claim
decides, and its fence guards every write.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

from jobset_protocol.errors import (
    BackendNotFoundError,
    JobSetNotFoundError,
    MessageError,
    StaleFenceError,
)
from jobset_protocol.messages import ChunkKey, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Store
from worker.collecting import CollectStep
from worker.leases import LeaseKeeper
from worker.steps import Outcome, ServedBackend, claim_of
from worker.submitting import SubmitStep


class Dispatcher(Protocol):
    """What the steps need of the broker."""

    def submit(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """Send the messages that make workers submit these chunks."""
        ...

    def collect(self, job_set: SetRecord, indices: Sequence[int]) -> None:
        """Send the messages that make workers collect these chunks."""
        ...

    def waiting_messages(self, backend: str) -> int:
        """Count the messages that no worker has taken yet, of both kinds."""
        ...


class Execution:
    """Runs the steps of chunks for the backends that this process serves.

    Args:
        store: The truth.
        backends: What this process serves, by alias.
        dispatcher: Sends messages for chunks that are to be woken.
        owner: This worker's name.
        lease_seconds: How long a claim lives without a sign of this process.
    """

    def __init__(
        self,
        store: Store,
        backends: Mapping[str, ServedBackend],
        dispatcher: Dispatcher,
        *,
        owner: str,
        lease_seconds: float,
    ) -> None:
        self._store = store
        self._backends = backends
        self._dispatcher = dispatcher
        self._owner = owner
        self._lease_seconds = lease_seconds
        self._leases = LeaseKeeper(store, lease_seconds=lease_seconds)
        # What a chunk needs of its set never changes: backend, options, which circuits it holds.
        self._set = lru_cache(maxsize=256)(store.set_record)

    def submit_chunk(self, key: ChunkKey) -> Outcome:
        """Take a slot, claim, store the intent, submit, store the reference.

        A local provider's chunk is run to its end right here.

        Raises:
            MessageError: The set has no such chunk.
        """
        return self._unless_deleted(key, self._submit)

    def _submit(self, key: ChunkKey, job_set: SetRecord, backend: ServedBackend) -> Outcome:
        if backend.max_pending and not self._store.take_slot(
            backend.alias, key, max_pending=backend.max_pending
        ):
            return Outcome(ChunkStatus.QUEUED, "waits for a slot")
        into = ChunkStatus.RUNNING if backend.adapter.local else ChunkStatus.CLAIMED
        taken = self._store.claim(
            key,
            backend=backend.alias,
            owner=self._owner,
            lease_seconds=self._lease_seconds,
            into=into,
            source=job_set.source_of(key.index),
        )
        if taken is None:
            return self._nothing_to_claim(key, backend)
        claim, blob = taken
        step = SubmitStep(self._store, job_set, backend, claim, wake=self.wake, leases=self._leases)
        with self._leases.hold(claim, backend.alias):
            return step.guarded(lambda: step.run_or_submit(blob), where="submit")

    def collect_chunk(self, key: ChunkKey) -> Outcome:
        """Fetch an ended job's result once, encode it, store it, finish, release the slot.

        Raises:
            MessageError: The set has no such chunk.
        """
        return self._unless_deleted(key, self._collect)

    def _collect(self, key: ChunkKey, job_set: SetRecord, backend: ServedBackend) -> Outcome:
        claim = self._store.claim_collection(
            key, backend=backend.alias, owner=self._owner, lease_seconds=self._lease_seconds
        )
        if claim is None:
            return Outcome(None)
        step = CollectStep(self._store, job_set, backend, claim, wake=self.wake)
        with self._leases.hold(claim, backend.alias):
            return step.guarded(step.collect, where="collect")

    def _unless_deleted(
        self, key: ChunkKey, step: Callable[[ChunkKey, SetRecord, ServedBackend], Outcome]
    ) -> Outcome:
        """Do a step, and end quietly when the chunk's set is deleted before or meanwhile."""
        backend = None
        try:
            job_set = self._set_with(key)
            backend = self._served(job_set)
            return step(key, job_set, backend)
        except JobSetNotFoundError:
            if backend is not None:
                self.wake(backend.release_slot(self._store, key))
            return Outcome(None, "its job set was deleted")

    def hand_over(self, key: ChunkKey) -> None:
        """Give up a chunk that this worker holds, because it is stopping.

        The chunk goes back to the queue, unless its submission is under way: that one is in
        doubt until the provider was asked.
        """
        [record] = self._store.chunks([key])
        if record.owner != self._owner or record.status.is_final:
            return
        job_set = self._set(key.set_id)
        claim = claim_of(record)
        if record.status is ChunkStatus.SUBMITTING:
            self._store.doubt(claim, backend=job_set.backend)
        elif record.status is ChunkStatus.COLLECTING:
            self._store.reopen(claim, backend=job_set.backend, counter="")
        elif record.reference is None:
            # An intent is stored under the same fence: that one is in doubt, and never requeued.
            try:
                self._store.requeue(
                    claim, backend=job_set.backend, counter="", only_from=record.status
                )
            except StaleFenceError:
                self._store.doubt(claim, backend=job_set.backend)
            else:
                self._dispatcher.submit(job_set, [key.index])

    def _set_with(self, key: ChunkKey) -> SetRecord:
        job_set = self._set(key.set_id)
        if key.index >= job_set.chunk_count:
            # It grew, or a chunk was halved, since it was read.
            self._set.cache_clear()
            job_set = self._set(key.set_id)
        if key.index >= job_set.chunk_count:
            raise MessageError(f"set {key.set_id} has no chunk {key.index}")
        return job_set

    def set_aside(self, message: str) -> None:
        """Keep a broker message that nobody can read, where an operator finds it."""
        self._store.set_aside(message)

    def _served(self, job_set: SetRecord) -> ServedBackend:
        try:
            return self._backends[job_set.backend]
        except KeyError:
            raise BackendNotFoundError(
                f"this worker does not serve backend {job_set.backend!r}, only "
                f"{', '.join(sorted(self._backends))}: see its JOBSET_CONFIG and its queues"
            ) from None

    def _nothing_to_claim(self, key: ChunkKey, backend: ServedBackend) -> Outcome:
        [record] = self._store.chunks([key])
        if record.status.is_final:
            # Cancelled while it was queued, perhaps with a slot in hand.
            self.wake(backend.release_slot(self._store, key))
        return Outcome(None, f"already {record.status}")

    def wake(self, keys: Sequence[ChunkKey]) -> None:
        """Send the messages of chunks that waited for a slot."""
        for key in keys:
            # A set may be deleted while its chunks wait.
            with contextlib.suppress(JobSetNotFoundError):
                self._dispatcher.submit(self._set(key.set_id), [key.index])

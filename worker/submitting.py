"""A fresh claim: a local provider's chunk to its end, a remote one's to its reference.

The order of a remote submission is what keeps a chunk from being paid for twice: the intent, with
the tag, is stored; whoever had the chunk before is looked for; the job is submitted under the tag;
its reference is stored.  Whatever interrupts it is settled by ``rules``, from what was stored.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

from jobset_protocol.errors import (
    FailureKind,
    JobSetNotFoundError,
    ProviderError,
    StaleFenceError,
    StoreLostError,
    StoreUnavailableError,
)
from jobset_protocol.messages import ChunkKey, Claim, ErrorRecord, JobReference, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Store
from worker.extra_jobs import cancel_extra_jobs, jobs_of, others_than
from worker.leases import LeaseKeeper
from worker.polling import pause_seconds
from worker.providers.base import Payload, RemoteProvider
from worker.steps import Outcome, ServedBackend, Step, delay_seconds

FIRST_POLL_SECONDS = 0.2
"""A job may end at once; the intervals adapt from the second poll on."""

_log = logging.getLogger(__name__)


class SubmitStep(Step):
    """A claimed chunk, to be run or submitted.

    Args:
        store: The truth.
        job_set: The chunk's set.
        backend: Its backend, as this process serves it.
        claim: The right to work on it.
        wake: Sends the messages of chunks that waited for the slot that this one releases.
        leases: Keeps the claim alive.
    """

    def __init__(
        self,
        store: Store,
        job_set: SetRecord,
        backend: ServedBackend,
        claim: Claim,
        *,
        wake: Callable[[Sequence[ChunkKey]], None],
        leases: LeaseKeeper,
    ) -> None:
        super().__init__(store, job_set, backend, claim, wake=wake)
        self._leases = leases

    def run_or_submit(self, blob: bytes) -> Outcome:
        """Go on from a fresh claim.

        Args:
            blob: The chunk's payload, as it is stored.
        """
        if not blob:
            raise StoreLostError(f"the circuits of chunk {self._claim.key} are gone from the store")
        payload = self._payload(blob)
        adapter = self._backend.adapter
        if isinstance(adapter, RemoteProvider):
            return self._submit(adapter, payload)
        try:
            result = adapter.run(payload, self._job_set.options)
        except Exception as error:  # noqa: BLE001  (the adapter classifies whatever it raises)
            return self._retry_or_fail(error, where="run")
        return self._store_result(result)

    def _submit(self, adapter: RemoteProvider, payload: Payload) -> Outcome:
        claim = self._claim
        lease_ends_at = time.monotonic() + self._leases.lease_seconds
        try:
            intended = self._store.intend(claim, lease_seconds=self._leases.lease_seconds)
        except StoreUnavailableError as error:
            # Nothing was submitted, whatever was written.
            return self._requeue(error)
        if not intended:
            return self._finish(ChunkStatus.CANCELLED)
        if claim.fence > 1 and adapter.capabilities.find:
            # An earlier claim may have reached the provider after all.
            try:
                known = adapter.find(claim.tag)
            except Exception as error:  # noqa: BLE001  (whatever it is, nobody knows yet)
                return self._doubt(error)
            if known:
                return self._submitted(adapter, known)
            # The look-up took its time, and the next call is the one that costs.
            lease_ends_at = self._extended()
        try:
            with self._ended_with_its_lease(lease_ends_at):
                job = adapter.submit(payload, tag=claim.tag, options=self._job_set.options)
        except StaleFenceError:
            raise
        except Exception as error:  # noqa: BLE001  (the adapter classifies whatever it raises)
            return self._submission_failed(adapter, error)
        outcome = self._submitted(adapter, [job])
        # Clients repeat a request by themselves when a gateway loses the answer.
        others = others_than(job, jobs_of(adapter, claim))
        cancel_extra_jobs(self._store, adapter, claim, others)
        return outcome

    def _extended(self) -> float:
        lease_ends_at = time.monotonic() + self._leases.lease_seconds
        self._store.extend(
            self._claim, backend=self._backend.alias, lease_seconds=self._leases.lease_seconds
        )
        return lease_ends_at

    def _ended_with_its_lease(self, lease_ends_at: float) -> AbstractContextManager[None]:
        """Let nothing of this process reach the provider when others may have the chunk.

        Where nobody else submits it, since it is held for a person, a late answer is worth more.
        """
        if self._backend.adapter.capabilities.find or self._backend.resubmits_in_doubt:
            return self._leases.deadly(self._claim, until=lease_ends_at)
        return nullcontext()

    def _submitted(self, adapter: RemoteProvider, jobs: Sequence[JobReference]) -> Outcome:
        """Store the reference of the oldest of these jobs; the others are too many."""
        job = jobs[0]
        try:
            self._store_reference(job)
        except StaleFenceError:
            self._disown(adapter, jobs)
            raise
        cancel_extra_jobs(self._store, adapter, self._claim, others_than(job, jobs))
        return Outcome(ChunkStatus.SUBMITTED, f"job {job.job_id}")

    def _store_reference(self, job: JobReference) -> None:
        """Store what was paid for, however long the store is away: nobody else may know it."""
        tries = 0
        while True:
            try:
                return self._store.submitted(
                    self._claim,
                    job,
                    backend=self._backend.alias,
                    poll_after_seconds=FIRST_POLL_SECONDS,
                )
            except StoreUnavailableError as error:
                tries += 1
                _log.warning(
                    "job %s of chunk %s is not stored yet: %s", job.job_id, self._claim.key, error
                )
            time.sleep(pause_seconds(tries, least_seconds=0.05, most_seconds=1.0))

    def _disown(self, adapter: RemoteProvider, jobs: Sequence[JobReference]) -> None:
        """Cancel jobs that came too late, if the chunk has another one or is over.

        A chunk without a job is left alone: its next claim finds these by their tag, and must not
        find them cancelled; unless a new attempt began, which has another tag.  One that is held
        for a person has got the very answer that the person looks for.  Of a set that was deleted,
        nobody needs a job.
        """
        with suppress(JobSetNotFoundError):
            record = self._record()
            if record.attempt == self._claim.attempt and record.reference is None:
                if record.status is ChunkStatus.UNCERTAIN:
                    self._tell_of(jobs)
                    return
                if adapter.capabilities.find and not record.status.is_final:
                    _log.warning("job %s of chunk %s came late", jobs[0].job_id, self._claim.key)
                    return
        cancel_extra_jobs(self._store, adapter, self._claim, jobs)

    def _tell_of(self, jobs: Sequence[JobReference]) -> None:
        for job in jobs:
            _log.warning("job %s of the uncertain chunk %s came late", job.job_id, self._claim.key)
            self._store.note_extra_job(
                self._claim.key, job, attempt=self._claim.attempt, cancelled=False
            )

    def _submission_failed(self, adapter: RemoteProvider, error: Exception) -> Outcome:
        kind = adapter.classify(error)
        if kind is FailureKind.UNCERTAIN:
            return self._doubt(error)
        # A client that repeats its request by itself is told of the last answer only.
        is_final = kind in (FailureKind.REJECTED, FailureKind.FATAL)
        if is_final and (jobs := jobs_of(adapter, self._claim)):
            return self._submitted(adapter, jobs)
        return self._retry_or_fail(error, where="submit")

    def _doubt(self, error: Exception) -> Outcome:
        record = ErrorRecord.of(error, kind=FailureKind.UNCERTAIN, where="submit")
        wish = error.retry_after_seconds if isinstance(error, ProviderError) else None
        self._store.doubt(
            self._claim,
            backend=self._backend.alias,
            error=record,
            look_up_after_seconds=delay_seconds(error, 1) if wish else 0.0,
        )
        return Outcome(ChunkStatus.IN_DOUBT, record.message)

    def _requeue(self, error: StoreUnavailableError) -> Outcome:
        record = ErrorRecord.of(error, kind=FailureKind.TRANSIENT, where="submit")
        delay = delay_seconds(error, 1)
        self._store.requeue(
            self._claim,
            backend=self._backend.alias,
            counter="store",
            error=record,
            delay_seconds=delay,
        )
        return Outcome(ChunkStatus.QUEUED, f"again in {delay:.1f} s: {record.message}")

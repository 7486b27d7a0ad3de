"""An ended provider job: its result is fetched once, encoded and stored."""

from jobset_protocol.errors import FailureKind, StaleFenceError, StoreError, StoreLostError
from jobset_protocol.messages import ChunkKey, ChunkRecord, ErrorRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from worker.extra_jobs import cancel_extra_jobs, jobs_of, others_than
from worker.providers.base import RemoteProvider
from worker.steps import Outcome, Step, delay_seconds

MAX_COLLECT_TRIES = 60
"""Attempts to fetch a result, two hours with the back-off: the job has run and is paid for."""


class CollectStep(Step):
    """A chunk whose job ended, claimed for the collection of its result."""

    def collect(self) -> Outcome:
        """Fetch and store the result."""
        adapter = self._backend.adapter
        record = self._record()
        assert isinstance(adapter, RemoteProvider)
        assert record.reference is not None
        self._look_for_others(adapter, record, record.reference)
        try:
            return self._fetch(adapter, record, record.reference)
        except (StaleFenceError, StoreLostError):
            raise
        except StoreError as error:
            # Its files are out of reach, which is no crash: those are counted, and few.
            return self._reopen_or_fail(record, error, kind=FailureKind.TRANSIENT)

    def _look_for_others(
        self, adapter: RemoteProvider, record: ChunkRecord, job: JobReference
    ) -> None:
        """Look once more for a second job: a provider may have listed it late."""
        # Those that are cancelled already need no second word.
        told = {extra.reference.job_id for extra in record.extra_jobs if extra.cancelled}
        others = others_than(job, jobs_of(adapter, self._claim))
        others = [each for each in others if each.job_id not in told]
        cancel_extra_jobs(self._store, adapter, self._claim, others)

    def _fetch(
        self, adapter: RemoteProvider, record: ChunkRecord, reference: JobReference
    ) -> Outcome:
        source = self._job_set.source_of(self._claim.key.index)
        payload = self._payload(self._store.payload(ChunkKey(self._claim.key.set_id, source)))
        try:
            result = adapter.result(reference, payload)
        except Exception as error:  # noqa: BLE001  (the adapter classifies whatever it raises)
            return self._reopen_or_fail(record, error, kind=adapter.classify(error))
        return self._store_result(result)

    def _reopen_or_fail(
        self, chunk: ChunkRecord, error: Exception, *, kind: FailureKind
    ) -> Outcome:
        record = ErrorRecord.of(error, kind=kind, where="collect")
        tries = chunk.tries.get("collect", 0) + 1
        # Whatever the kind, the job has run and is paid for: its result is worth some attempts.
        if kind is FailureKind.FATAL or tries >= MAX_COLLECT_TRIES:
            return self._fail(record)
        delay = delay_seconds(error, tries)
        self._store.reopen(
            self._claim,
            backend=self._backend.alias,
            counter="collect",
            error=record,
            poll_after_seconds=delay,
        )
        return Outcome(ChunkStatus.SUBMITTED, f"again in {delay:.1f} s: {record.message}")

"""One claimed chunk in the hands of a worker: what is done with it, and what each failure means.

Knows no Celery.  Every write goes through the claim's fence.
"""

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from qiskit.result import Result

from jobset_protocol.codecs.qpy import decode_circuits
from jobset_protocol.codecs.result import encode_result
from jobset_protocol.errors import (
    CodecError,
    ConfigurationError,
    FailureKind,
    JobSetNotFoundError,
    ProviderError,
    StaleFenceError,
    StoreError,
    StoreLostError,
)
from jobset_protocol.messages import (
    ChunkKey,
    ChunkRecord,
    Claim,
    ErrorRecord,
    JobReference,
    SetRecord,
)
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Store
from worker.polling import backoff_seconds, jittered
from worker.providers.base import LocalProvider, Payload, RemoteProvider

MAX_TRIES = 12
"""Transient failures after which a chunk is given up: ten minutes, with the back-off between them.
A full provider is waited for however long.
"""
MAX_COLLECT_TRIES = 60
"""Attempts to fetch a result, two hours with the back-off: the job has run and is paid for."""
FIRST_POLL_SECONDS = 0.2
"""A job may end at once; the intervals adapt from the second poll on."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedBackend:
    """A backend as this process serves it."""

    alias: str
    adapter: LocalProvider | RemoteProvider
    max_pending: int | None = None

    def release_slot(self, store: Store, key: ChunkKey) -> list[ChunkKey]:
        """Give the slot of a final chunk back; returns the chunks to wake."""
        return store.release_slot(self.alias, key) if self.max_pending else []


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a step led to.

    Args:
        status: The chunk's status after the step; ``None`` when there was nothing to do.
        note: A few words for logs and dashboards.
    """

    status: ChunkStatus | None
    note: str = ""

    def __str__(self) -> str:
        return f"{self.status or 'nothing to do'}{': ' if self.note else ''}{self.note}"


class Step:
    """One claimed chunk in the hands of this process.

    Args:
        store: The truth.
        job_set: The chunk's set.
        backend: Its backend, as this process serves it.
        claim: The right to work on it.
        wake: Sends the messages of chunks that waited for the slot that this one releases.
    """

    def __init__(
        self,
        store: Store,
        job_set: SetRecord,
        backend: ServedBackend,
        claim: Claim,
        *,
        wake: Callable[[Sequence[ChunkKey]], None],
    ) -> None:
        self._store = store
        self._wake = wake
        self._job_set = job_set
        self._backend = backend
        self._claim = claim
        self._names: list[str] = []

    def guarded(self, step: Callable[[], Outcome], *, where: str) -> Outcome:
        """Run a step; a failure becomes a transition, a lost claim ends it."""
        try:
            return self._readable(step, where)
        except StaleFenceError as error:
            _log.warning("%s", error)
            return Outcome(None, "taken over by another claim")

    def _readable(self, step: Callable[[], Outcome], where: str) -> Outcome:
        try:
            return step()
        except (CodecError, ConfigurationError, StoreLostError) as error:
            return self._fail(ErrorRecord.of(error, kind=FailureKind.FATAL, where=where))

    def run_or_submit(self, blob: bytes) -> Outcome:
        """Go on from a fresh claim: local chunks to their end, remote ones to their reference."""
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

    def collect(self) -> Outcome:
        """Fetch and store the result of an ended job."""
        adapter = self._backend.adapter
        [record] = self._store.chunks([self._claim.key])
        assert isinstance(adapter, RemoteProvider)
        try:
            return self._fetch(adapter, record)
        except (StaleFenceError, StoreLostError):
            raise
        except StoreError as error:
            # Its files are out of reach, which is no crash: those are counted, and few.
            return self._reopen_or_fail(record, error, kind=FailureKind.TRANSIENT)

    def _fetch(self, adapter: RemoteProvider, record: ChunkRecord) -> Outcome:
        assert record.reference is not None
        source = self._job_set.source_of(self._claim.key.index)
        payload = self._payload(self._store.payload(ChunkKey(self._claim.key.set_id, source)))
        try:
            result = adapter.result(record.reference, payload)
        except Exception as error:  # noqa: BLE001  (the adapter classifies whatever it raises)
            return self._reopen_or_fail(record, error, kind=adapter.classify(error))
        return self._store_result(result)

    def _payload(self, blob: bytes) -> Payload:
        index = self._claim.key.index
        wanted = self._job_set.circuits_of(index)
        first = self._job_set.circuits_of(self._job_set.source_of(index)).start
        everything = decode_circuits(self._store.whole(blob))
        circuits = everything[wanted.start - first : wanted.stop - first]
        self._names = [circuit.name for circuit in circuits]
        return Payload(
            circuits=circuits, start_index=wanted.start, seed_policy=self._job_set.seed_policy
        )

    def _submit(self, adapter: RemoteProvider, payload: Payload) -> Outcome:
        claim = self._claim
        if not self._store.intend(claim):
            return self._finish(ChunkStatus.CANCELLED)
        if claim.fence > 1 and adapter.capabilities.find:
            # An earlier claim may have reached the provider after all.
            try:
                known = adapter.find(claim.tag)
            except Exception as error:  # noqa: BLE001  (whatever it is, nobody knows yet)
                return self._doubt(error)
            if known:
                return self._submitted(known[0])
        try:
            reference = adapter.submit(payload, tag=claim.tag, options=self._job_set.options)
        except Exception as error:  # noqa: BLE001  (the adapter classifies whatever it raises)
            return self._submission_failed(error)
        try:
            return self._submitted(reference)
        except StaleFenceError:
            self._disown(adapter, reference)
            raise

    def _submitted(self, reference: JobReference) -> Outcome:
        self._store.submitted(
            self._claim,
            reference,
            backend=self._backend.alias,
            poll_after_seconds=FIRST_POLL_SECONDS,
        )
        return Outcome(ChunkStatus.SUBMITTED, f"job {reference.job_id}")

    def _disown(self, adapter: RemoteProvider, reference: JobReference) -> None:
        """Cancel a job that came too late, if the chunk has another one or is over.

        A chunk without a job is left alone: its next claim finds this one by its tag, and must
        not find it cancelled; unless a new attempt began, which has another tag.  Of a set that
        was deleted, nobody needs a job.
        """
        with contextlib.suppress(JobSetNotFoundError):
            [record] = self._store.chunks([self._claim.key])
            is_looked_for = record.attempt == self._claim.attempt and not record.status.is_final
            if (is_looked_for and record.reference is None) or record.reference == reference:
                return
        _log.error(
            "chunk %s: job %s came after its claim had ended; cancelling it",
            self._claim.key,
            reference.job_id,
        )
        adapter.cancel(reference)

    def _submission_failed(self, error: Exception) -> Outcome:
        if self._backend.adapter.classify(error) is not FailureKind.UNCERTAIN:
            return self._retry_or_fail(error, where="submit")
        return self._doubt(error)

    def _doubt(self, error: Exception) -> Outcome:
        record = ErrorRecord.of(error, kind=FailureKind.UNCERTAIN, where="submit")
        self._store.doubt(self._claim, backend=self._backend.alias, error=record)
        return Outcome(ChunkStatus.IN_DOUBT, record.message)

    def _retry_or_fail(self, error: Exception, *, where: str) -> Outcome:
        kind = self._backend.adapter.classify(error)
        record = ErrorRecord.of(error, kind=kind, where=where)
        if kind is FailureKind.REJECTED:
            return self._halve_or_fail(record)
        if kind not in (FailureKind.TRANSIENT, FailureKind.LIMIT):
            return self._fail(record)
        tries = self._tries(kind) + 1
        if kind is FailureKind.TRANSIENT and tries >= MAX_TRIES:
            return self._fail(record)
        delay = _delay_seconds(error, tries)
        if kind is FailureKind.LIMIT and tries == 1:
            _log.warning(
                "%s takes no more jobs now, chunk %s waits: %s",
                self._backend.alias,
                self._claim.key,
                record.message,
            )
        self._store.requeue(
            self._claim,
            backend=self._backend.alias,
            counter=kind.value,
            error=record,
            delay_seconds=delay,
        )
        return Outcome(ChunkStatus.QUEUED, f"again in {delay:.1f} s: {record.message}")

    def _halve_or_fail(self, error: ErrorRecord) -> Outcome:
        """Put two halves in the place of a refused chunk; one circuit alone is named and fails."""
        claim = self._claim
        circuits = self._job_set.circuits_of(claim.key.index)
        if len(circuits) == 1:
            name = f" ({self._names[0]!r})" if self._names else ""
            message = f"circuit {circuits.start}{name} is refused: {error.message}"
            return self._fail(replace(error, message=message[:2000]))
        halves = self._store.split(claim, self._job_set, backend=self._backend.alias, error=error)
        self._wake([*halves, *self._backend.release_slot(self._store, claim.key)])
        return Outcome(ChunkStatus.SPLIT, f"refused, now {halves[0]} and {halves[1]}")

    def _reopen_or_fail(
        self, chunk: ChunkRecord, error: Exception, *, kind: FailureKind
    ) -> Outcome:
        record = ErrorRecord.of(error, kind=kind, where="collect")
        tries = chunk.tries.get("collect", 0) + 1
        # Whatever the kind, the job has run and is paid for: its result is worth some attempts.
        if kind is FailureKind.FATAL or tries >= MAX_COLLECT_TRIES:
            return self._fail(record)
        delay = _delay_seconds(error, tries)
        self._store.reopen(
            self._claim,
            backend=self._backend.alias,
            counter="collect",
            error=record,
            poll_after_seconds=delay,
        )
        return Outcome(ChunkStatus.SUBMITTED, f"again in {delay:.1f} s: {record.message}")

    def _tries(self, kind: FailureKind) -> int:
        [record] = self._store.chunks([self._claim.key])
        return record.tries.get(kind.value, 0)

    def _store_result(self, result: Result) -> Outcome:
        problem = self._problem_with(result)
        blob = encode_result(result)
        if problem is None:
            return self._finish(ChunkStatus.DONE, result=blob)
        return self._fail(problem, result=blob)

    def _problem_with(self, result: Result) -> ErrorRecord | None:
        """Say why a result is not a success; Aer answers DONE for a run that failed."""
        circuits = self._job_set.circuits_of(self._claim.key.index)
        failed = [
            f"{index} ({experiment.status})"
            for index, experiment in zip(circuits, result.results, strict=False)
            if not experiment.success
        ]
        if failed:
            message = f"the provider failed circuits {', '.join(failed[:5])}"
            message += f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        elif not result.success:
            status = getattr(result.status, "value", result.status)
            message = f"the provider's run failed: {status or 'it gave no reason'}"
        elif len(result.results) != len(circuits):
            message = (
                f"the provider returned {len(result.results)} experiments for "
                f"{len(circuits)} circuits"
            )
        else:
            return None
        return ErrorRecord("ProviderError", message, FailureKind.REJECTED, "run")

    def _fail(self, error: ErrorRecord, *, result: bytes | None = None) -> Outcome:
        return self._finish(ChunkStatus.FAILED, result=result, error=error)

    def _finish(
        self,
        status: ChunkStatus,
        *,
        result: bytes | None = None,
        error: ErrorRecord | None = None,
    ) -> Outcome:
        self._store.finish(
            self._claim, status, backend=self._backend.alias, result=result, error=error
        )
        self._wake(self._backend.release_slot(self._store, self._claim.key))
        return Outcome(status, error.message if error else "")


def claim_of(record: ChunkRecord) -> Claim:
    """Return the claim that holds a chunk now, for whoever acts in its place."""
    return Claim(record.key, record.fence, record.owner, record.attempt)


def _delay_seconds(error: Exception, tries: int) -> float:
    wish = error.retry_after_seconds if isinstance(error, ProviderError) else None
    return max(wish or 0.0, jittered(backoff_seconds(tries)))

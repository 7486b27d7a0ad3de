"""One claimed chunk in the hands of a worker, and what each failure means.

What is done with it is in ``submitting`` and ``collecting``.  Knows no Celery.  Every write goes
through the claim's fence.
"""

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
    ProviderError,
    StaleFenceError,
    StoreLostError,
)
from jobset_protocol.messages import ChunkKey, ChunkRecord, Claim, ErrorRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Store
from worker.polling import pause_seconds
from worker.providers.base import LocalProvider, Payload, RemoteProvider

MAX_TRIES = 12
"""Transient failures after which a chunk is given up: ten minutes, with the back-off between them.
A full provider is waited for however long.
"""
MAX_CRASHES = 3
"""Workers that may die under a chunk, or run out of memory with it, before it is set aside."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedBackend:
    """A backend as this process serves it.

    Args:
        alias: Its name.
        adapter: Its provider.
        max_pending: Most jobs at the provider at a time, for the whole cluster.
        in_doubt: ``hold`` or ``resubmit``: what becomes of a chunk when nobody can tell whether
            the provider has its job; the adapter's own default if ``None``.
    """

    alias: str
    adapter: LocalProvider | RemoteProvider
    max_pending: int | None = None
    in_doubt: str | None = None

    @property
    def resubmits_in_doubt(self) -> bool:
        """Whether to submit again what the provider may have, and cannot be asked for."""
        if self.in_doubt is None:
            return self.adapter.capabilities.resubmit_in_doubt
        return self.in_doubt == "resubmit"

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

    def _retry_or_fail(self, error: Exception, *, where: str) -> Outcome:
        kind = self._backend.adapter.classify(error)
        counter, most = kind.value, MAX_TRIES if kind is FailureKind.TRANSIENT else None
        if isinstance(error, MemoryError):
            kind, counter, most = FailureKind.TRANSIENT, "memory", MAX_CRASHES
        record = ErrorRecord.of(error, kind=kind, where=where)
        if kind is FailureKind.REJECTED:
            return self._halve_or_fail(record)
        if kind not in (FailureKind.TRANSIENT, FailureKind.LIMIT):
            return self._fail(record)
        tries = self._tries(counter) + 1
        if most is not None and tries >= most:
            return self._fail(_after(tries, record))
        delay = delay_seconds(error, tries)
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
            counter=counter,
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

    def _tries(self, counter: str) -> int:
        return self._record().tries.get(counter, 0)

    def _record(self) -> ChunkRecord:
        [record] = self._store.chunks([self._claim.key])
        return record

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


def delay_seconds(error: Exception, tries: int) -> float:
    """Return how long to wait after a failure: the provider's own wish, or longer."""
    wish = error.retry_after_seconds if isinstance(error, ProviderError) else None
    return pause_seconds(tries, wish_seconds=wish)


def _after(tries: int, error: ErrorRecord) -> ErrorRecord:
    text = f"given up after {tries} attempts: {error.message}"
    return replace(error, message=text[:2000])

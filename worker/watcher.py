"""Watch a backend's chunks: poll the provider in bulk, and recover what was lost.

The schedule in Redis says when each live chunk needs attention.  A watcher leases what is due,
so any number of them may run; what one holds when it dies is due again when the lease ends.
Each status has one rule (``_RULES``), and each rule may be applied twice.
"""

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from jobset_protocol.errors import (
    FailureKind,
    JobSetError,
    JobSetNotFoundError,
    StaleFenceError,
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
from worker.execution import Dispatcher
from worker.polling import backoff_seconds, jittered, poll_interval_seconds
from worker.providers.base import Poll, PollStatus, RemoteProvider
from worker.steps import FIRST_POLL_SECONDS, ServedBackend, claim_of

MAX_CRASHES = 3
"""Workers that may die under a chunk before it is set aside."""
_BATCH = 500
_IDLE_SECONDS = 0.5
_LEAST_PAUSE_SECONDS = 0.02

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pace:
    """The times a watcher keeps, in seconds.

    Args:
        lease_seconds: How long leased chunks stay hidden from other watchers.
        poll_min_seconds: Shortest interval between two polls of a job.
        poll_max_seconds: Longest interval between two polls of a job.
    """

    lease_seconds: float = 30.0
    poll_min_seconds: float = 2.0
    poll_max_seconds: float = 60.0


class Watcher:
    """Watches one backend.

    Args:
        store: The truth.
        backend: The backend as this process serves it.
        dispatcher: Sends messages to workers.
        pace: The times to keep.
    """

    def __init__(
        self, store: Store, backend: ServedBackend, dispatcher: Dispatcher, pace: Pace
    ) -> None:
        self._store = store
        self._backend = backend
        self._alias = backend.alias
        self._dispatcher = dispatcher
        self._pace = pace
        self._rules: Mapping[ChunkStatus, Callable[[_Chunk], float | None]] = {
            ChunkStatus.QUEUED: self._send_again,
            ChunkStatus.CLAIMED: self._requeue_if_lapsed,
            ChunkStatus.SUBMITTING: self._doubt_if_lapsed,
            ChunkStatus.IN_DOUBT: self._settle_doubt,
            ChunkStatus.COLLECTING: self._reopen_if_lapsed,
        }

    def run(self, stop: threading.Event) -> None:
        """Watch until ``stop`` is set; then give back what is leased."""
        failures = 0
        while not stop.is_set():
            try:
                self.attend(stop)
                pause = self._pause_seconds()
                failures = 0
            except Exception as error:  # noqa: BLE001  (a thread that ends would not be missed)
                failures += 1
                pause = jittered(backoff_seconds(failures, most_seconds=10.0))
                unknown = None if isinstance(error, JobSetError) else error
                _log.warning("%s: %s; again in %.1f s", self._alias, error, pause, exc_info=unknown)
            stop.wait(pause)

    def attend(self, stop: threading.Event | None = None) -> int:
        """Attend to everything that is due; returns how many chunks that was."""
        attended = 0
        while not (stop and stop.is_set()):
            due = self._store.lease_due(
                self._alias, limit=_BATCH, lease_seconds=self._pace.lease_seconds
            )
            if not due:
                break
            attended += len(due)
            self._attend_to(due, stop)
        return attended

    def _pause_seconds(self) -> float:
        due = self._store.next_due_seconds(self._alias)
        if due is None:
            return _IDLE_SECONDS
        return min(max(due, _LEAST_PAUSE_SECONDS), _IDLE_SECONDS)

    def _attend_to(self, due: Sequence[ChunkKey], stop: threading.Event | None) -> None:
        left = set(due)
        try:
            chunks = self._load(due)
            left = {chunk.record.key for chunk in chunks}
            delays: dict[ChunkKey, float | None] = {}
            at_provider = []
            for chunk in chunks:
                if chunk.is_at_provider:
                    at_provider.append(chunk)
                elif not (stop and stop.is_set()):
                    delays[chunk.record.key] = self._apply_rule(chunk)
            if at_provider and not (stop and stop.is_set()):
                delays.update(self._poll(at_provider))
            self._reschedule(delays)
            left -= delays.keys()
        finally:
            # Whatever was not attended to is due at once, for the next watcher.
            self._store.reschedule(self._alias, dict.fromkeys(left, 0.0))

    def _load(self, keys: Sequence[ChunkKey]) -> "list[_Chunk]":
        """Read chunks and their sets; those of a set that is gone leave the schedule."""
        sets: dict[str, SetRecord] = {}
        gone: set[str] = set()
        for set_id in {key.set_id for key in keys}:
            try:
                sets[set_id] = self._store.set_record(set_id)
            except JobSetNotFoundError:
                gone.add(set_id)
        if gone:
            _log.warning("%s: sets that are gone: %s", self._alias, ", ".join(sorted(gone)))
            self._store.unschedule(self._alias, [key for key in keys if key.set_id in gone])
        found = self._store.chunks([key for key in keys if key.set_id in sets])
        return [_Chunk(record, sets[record.key.set_id]) for record in found]

    def _reschedule(self, delays: Mapping[ChunkKey, float | None]) -> None:
        self._store.unschedule(self._alias, [key for key, delay in delays.items() if delay is None])
        self._store.reschedule(
            self._alias, {key: delay for key, delay in delays.items() if delay is not None}
        )

    def _apply_rule(self, chunk: "_Chunk") -> float | None:
        """Apply the rule of a chunk's status.

        Returns:
            Seconds until the chunk is due again, ``None`` for never.
        """
        if chunk.record.status.is_final or chunk.record.status is ChunkStatus.UNSENT:
            return None
        rule = self._rules.get(chunk.record.status, self._requeue_if_lapsed)
        try:
            return rule(chunk)
        except StaleFenceError:
            # It moved on meanwhile; whoever moved it also scheduled it.
            return self._pace.lease_seconds
        except Exception as error:
            if isinstance(error, JobSetError):
                raise
            _log.exception("chunk %s could not be attended to", chunk.record.key)
            return self._pace.lease_seconds

    def _send_again(self, chunk: "_Chunk") -> float | None:
        self._dispatcher.submit(chunk.job_set, [chunk.record.key.index])
        return None

    def _requeue_if_lapsed(self, chunk: "_Chunk") -> float | None:
        """Recover a chunk whose worker is gone before it reached the provider."""
        record = chunk.record
        crashes = record.tries.get("crash", 0) + 1
        error = ErrorRecord(
            "WorkerLost",
            f"worker {record.owner} vanished while it held this chunk ({crashes} of {MAX_CRASHES})",
            FailureKind.TRANSIENT,
            "run",
        )
        requeued = self._store.requeue(
            chunk.claim, backend=self._alias, counter="crash", error=error, lapsed_only=True
        )
        if not requeued:
            return self._pace.lease_seconds / 3
        _log.warning("chunk %s: %s", record.key, error.message)
        if crashes < MAX_CRASHES:
            self._dispatcher.submit(chunk.job_set, [record.key.index])
            return None
        # The requeue spent the old fence, so the last holder cannot write any more.
        [fresh] = self._store.chunks([record.key])
        self._finish(_Chunk(fresh, chunk.job_set), ChunkStatus.FAILED, error)
        return None

    def _doubt_if_lapsed(self, chunk: "_Chunk") -> float | None:
        claim = self._store.doubt(chunk.claim, backend=self._alias, lapsed_only=True)
        return self._pace.lease_seconds / 3 if claim is None else 0.0

    def _reopen_if_lapsed(self, chunk: "_Chunk") -> float | None:
        reopened = self._store.reopen(
            chunk.claim, backend=self._alias, counter="", lapsed_only=True
        )
        return 0.0 if reopened else self._pace.lease_seconds / 3

    def _settle_doubt(self, chunk: "_Chunk") -> float | None:
        """Look the tag up before anything else; submit again only when it is certainly absent."""
        adapter = self._remote
        able = adapter.capabilities
        if able.find:
            found = adapter.find(chunk.claim.tag)
            if found:
                self._keep_oldest(chunk, found)
                return FIRST_POLL_SECONDS
            waited = self._store.now() - chunk.record.doubt_since
            if waited < able.find_lag_seconds:
                return min(able.find_lag_seconds - waited, self._pace.poll_min_seconds)
        elif not able.resubmit_in_doubt:
            error = ErrorRecord(
                "ProviderError",
                f"the provider may or may not have job {chunk.claim.tag}, and cannot be asked: "
                "check its own list of jobs",
                FailureKind.UNCERTAIN,
                "submit",
            )
            self._finish(chunk, ChunkStatus.UNCERTAIN, error)
            return None
        self._store.requeue(chunk.claim, backend=self._alias, counter="")
        self._dispatcher.submit(chunk.job_set, [chunk.record.key.index])
        return None

    def _keep_oldest(self, chunk: "_Chunk", found: Sequence[JobReference]) -> None:
        oldest, *others = found
        self._store.submitted(
            chunk.claim, oldest, backend=self._alias, poll_after_seconds=FIRST_POLL_SECONDS
        )
        for other in others:
            _log.error("chunk %s has a second job %s; cancelling", chunk.record.key, other.job_id)
            self._remote.cancel(other)

    def _poll(self, chunks: "Sequence[_Chunk]") -> dict[ChunkKey, float | None]:
        """Ask for all jobs at once, and act on each answer."""
        adapter = self._remote
        references = {chunk.record.key: chunk.reference for chunk in chunks}
        for chunk in chunks:
            if chunk.job_set.cancelled:
                adapter.cancel(references[chunk.record.key])
        try:
            polls = adapter.poll(list(references.values()))
        except Exception as error:  # noqa: BLE001  (whatever a provider's client raises)
            _log.warning("%s: polling %d jobs failed: %s", self._alias, len(chunks), error)
            return dict.fromkeys(references, jittered(self._pace.poll_min_seconds * 2))
        delays: dict[ChunkKey, float | None] = {}
        ended: dict[str, list[_Chunk]] = defaultdict(list)
        for chunk in chunks:
            poll = polls.get(references[chunk.record.key], Poll(PollStatus.LOST))
            if poll.status is PollStatus.DONE:
                ended[chunk.job_set.set_id].append(chunk)
                # Due again only if the message or its worker is lost.
                delays[chunk.record.key] = self._pace.lease_seconds
            else:
                delays[chunk.record.key] = self._act_on(chunk, poll)
        for group in ended.values():
            self._dispatcher.collect(group[0].job_set, [c.record.key.index for c in group])
        return delays

    def _act_on(self, chunk: "_Chunk", poll: Poll) -> float | None:
        try:
            if poll.status in (PollStatus.QUEUED, PollStatus.RUNNING):
                return self._observe(chunk, poll)
            if poll.status is PollStatus.CANCELLED:
                self._finish(chunk, ChunkStatus.CANCELLED, None)
            elif poll.status is PollStatus.LOST:
                self._give_up_lost_job(chunk)
            else:
                message = poll.error or "the provider's job failed and gave no reason"
                error = ErrorRecord("ProviderError", message, FailureKind.REJECTED, "poll")
                self._finish(chunk, ChunkStatus.FAILED, error)
        except StaleFenceError:
            return self._pace.lease_seconds
        return None

    def _observe(self, chunk: "_Chunk", poll: Poll) -> float:
        record = chunk.record
        running = poll.status is PollStatus.RUNNING
        status = ChunkStatus.RUNNING if running else ChunkStatus.SUBMITTED
        if (status, poll.queue_position) != (record.status, record.queue_position):
            self._store.observed(record, status, poll.queue_position)
        return jittered(
            poll_interval_seconds(
                self._store.now() - record.submitted_at,
                least_seconds=self._pace.poll_min_seconds,
                most_seconds=self._pace.poll_max_seconds,
                queue_position=poll.queue_position,
            )
        )

    def _give_up_lost_job(self, chunk: "_Chunk") -> None:
        """The provider no longer knows the job: submit again only where that costs nothing."""
        error = ErrorRecord(
            "ProviderError",
            f"the provider does not know job {chunk.reference.job_id} any more",
            FailureKind.UNCERTAIN,
            "poll",
        )
        if self._remote.capabilities.resubmit_in_doubt:
            self._store.new_attempt(
                chunk.claim, backend=self._alias, error=error, delay_seconds=0.0
            )
        else:
            self._finish(chunk, ChunkStatus.UNCERTAIN, error)

    def _finish(self, chunk: "_Chunk", status: ChunkStatus, error: ErrorRecord | None) -> None:
        self._store.finish(chunk.claim, status, backend=self._alias, error=error)
        for key in self._backend.release_slot(self._store, chunk.record.key):
            self._dispatcher.submit(self._store.set_record(key.set_id), [key.index])

    @property
    def _remote(self) -> RemoteProvider:
        adapter = self._backend.adapter
        assert isinstance(adapter, RemoteProvider)
        return adapter


@dataclass(frozen=True, slots=True)
class _Chunk:
    record: ChunkRecord
    job_set: SetRecord

    @property
    def claim(self) -> Claim:
        return claim_of(self.record)

    @property
    def reference(self) -> JobReference:
        assert self.record.reference is not None
        return self.record.reference

    @property
    def is_at_provider(self) -> bool:
        return self.record.reference is not None and self.record.status in (
            ChunkStatus.SUBMITTED,
            ChunkStatus.RUNNING,
        )

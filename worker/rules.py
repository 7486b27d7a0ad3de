"""What the watcher does with a due chunk that has no job to be polled: one rule a status.

Each rule may be applied twice, and by two watchers: the fence lets one of them act.
"""

import logging
from collections.abc import Callable, Mapping, Sequence

from jobset_protocol.errors import FailureKind
from jobset_protocol.messages import ErrorRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from worker.extra_jobs import cancel_extra_jobs, others_than
from worker.polling import backoff_seconds, jittered
from worker.provider_pause import ProviderPause
from worker.steps import MAX_CRASHES, MAX_TRIES
from worker.submitting import FIRST_POLL_SECONDS
from worker.watched import LEAVE, Delay, Watch, WatchedChunk

_log = logging.getLogger(__name__)


class Rules:
    """The rules of one backend."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._store = watch.store
        self._look_ups = ProviderPause(
            least_seconds=watch.pace.poll_min_seconds, most_seconds=watch.pace.poll_max_seconds
        )
        self._by_status: Mapping[ChunkStatus, Callable[[WatchedChunk], Delay]] = {
            ChunkStatus.QUEUED: self._send_again,
            ChunkStatus.CLAIMED: self._requeue_if_lapsed,
            ChunkStatus.RUNNING: self._requeue_if_lapsed,
            ChunkStatus.SUBMITTING: self._doubt_if_lapsed,
            ChunkStatus.IN_DOUBT: self._settle_doubt,
            ChunkStatus.COLLECTING: self._reopen_if_lapsed,
        }

    def apply(self, chunk: WatchedChunk, *, leases_lapse: bool) -> Delay:
        """Do what the chunk's status asks for.

        Args:
            chunk: As it was read.
            leases_lapse: False for a while after the store was away: workers that live could not
                extend their leases either, and come first.
        """
        status = chunk.record.status
        rule = self._by_status.get(status)
        if rule is None:
            return None
        if not leases_lapse and status not in (ChunkStatus.QUEUED, ChunkStatus.IN_DOUBT):
            return self._soon
        return rule(chunk)

    @property
    def _soon(self) -> float:
        return self._watch.pace.lease_seconds / 3

    def _send_again(self, chunk: WatchedChunk) -> Delay:
        # Out of the schedule first: a worker may take the chunk, and write its time, at once.
        self._store.unschedule(self._watch.alias, [chunk.record.key])
        self._watch.dispatcher.submit(chunk.job_set, [chunk.record.key.index])
        return LEAVE

    def _requeue_if_lapsed(self, chunk: WatchedChunk) -> Delay:
        """Recover a chunk whose worker is gone before it reached the provider."""
        record = chunk.record
        crashes = record.tries.get("crash", 0) + 1
        error = _worker_lost(record.owner, "while it held this chunk", crashes)
        requeued = self._store.requeue(
            chunk.claim,
            backend=self._watch.alias,
            counter="crash",
            error=error,
            lapsed_only=True,
            # An intent is stored under the same fence: that one is in doubt, and never requeued.
            only_from=record.status,
        )
        if not requeued:
            return self._soon
        _log.warning("chunk %s: %s", record.key, error.message)
        [fresh] = self._store.chunks([record.key])
        if fresh.status.is_final:
            # Its set was cancelled meanwhile.
            return None
        if crashes >= MAX_CRASHES:
            # The requeue spent the old fence, so the last holder cannot write any more.
            self._watch.finish(WatchedChunk(fresh, chunk.job_set), ChunkStatus.FAILED, error)
            return None
        self._watch.dispatcher.submit(chunk.job_set, [record.key.index])
        return LEAVE

    def _doubt_if_lapsed(self, chunk: WatchedChunk) -> Delay:
        claim = self._store.doubt(chunk.claim, backend=self._watch.alias, lapsed_only=True)
        return self._soon if claim is None else LEAVE

    def _reopen_if_lapsed(self, chunk: WatchedChunk) -> Delay:
        """Take up again a collection whose worker is gone, but not for ever."""
        record = chunk.record
        crashes = record.tries.get("crash", 0) + 1
        job = f"while it fetched the result of job {chunk.reference.job_id}"
        error = _worker_lost(record.owner, job, crashes)
        reopened = self._store.reopen(
            chunk.claim, backend=self._watch.alias, counter="crash", error=error, lapsed_only=True
        )
        if not reopened:
            return self._soon
        if crashes < MAX_CRASHES:
            return LEAVE
        [fresh] = self._store.chunks([record.key])
        self._watch.finish(WatchedChunk(fresh, chunk.job_set), ChunkStatus.FAILED, error)
        return None

    def _settle_doubt(self, chunk: WatchedChunk) -> Delay:
        """Look the tag up before anything else; submit again only when it is certainly absent."""
        able = self._watch.provider.capabilities
        if waits := self._look_ups.seconds_left:
            return waits
        # An answer tells of the moment of its question, however long it was on its way.
        waited = self._store.now() - chunk.record.doubt_since
        try:
            with self._watch.waits:
                found = self._watch.provider.find(chunk.claim.tag) if able.find else []
        except Exception as failure:  # noqa: BLE001  (whatever a provider's client raises)
            return self._look_up_later(chunk, failure)
        self._look_ups.end()
        if found:
            self._keep_oldest(chunk, found)
            return LEAVE
        # The call that raised the doubt may still return with the reference.
        if waited < able.find_lag_seconds:
            return min(able.find_lag_seconds - waited, self._watch.pace.poll_min_seconds)
        if not able.find and not self._watch.backend.resubmits_in_doubt:
            error = ErrorRecord(
                "ProviderError",
                f"the provider may or may not have job {chunk.claim.tag}, and cannot be asked: "
                "see its own list of jobs, then tell with resolve() or `jobset resolve`",
                FailureKind.UNCERTAIN,
                "submit",
            )
            self._watch.finish(chunk, ChunkStatus.UNCERTAIN, error)
            return None
        return self._submit_again(chunk)

    def _submit_again(self, chunk: WatchedChunk) -> Delay:
        """Let a chunk without a job be submitted again, later each time, but not for ever."""
        tries = chunk.record.tries.get("doubt", 1)
        if tries >= MAX_TRIES:
            last = chunk.record.error
            error = ErrorRecord(
                "ProviderError",
                f"given up after {tries} attempts: "
                f"{last.message if last else 'the workers that submitted it vanished'}"[:2000],
                FailureKind.TRANSIENT,
                "submit",
            )
            self._watch.finish(chunk, ChunkStatus.FAILED, error)
            return None
        self._store.requeue(
            chunk.claim,
            backend=self._watch.alias,
            counter="",
            delay_seconds=jittered(backoff_seconds(tries)),
        )
        return LEAVE

    def _look_up_later(self, chunk: WatchedChunk, error: Exception) -> float:
        """Let all doubts wait: a provider that does not answer keeps the polls waiting, too."""
        waits = self._look_ups.begin(error)
        _log.warning(
            "chunk %s is in doubt, and its tag cannot be looked up, again in %.1f s: %s",
            chunk.record.key,
            waits,
            error,
        )
        return waits

    def _keep_oldest(self, chunk: WatchedChunk, found: Sequence[JobReference]) -> None:
        oldest = found[0]
        self._store.submitted(
            chunk.claim, oldest, backend=self._watch.alias, poll_after_seconds=FIRST_POLL_SECONDS
        )
        with self._watch.waits:
            cancel_extra_jobs(
                self._store, self._watch.provider, chunk.claim, others_than(oldest, found)
            )


def _worker_lost(owner: str, when: str, crashes: int) -> ErrorRecord:
    text = f"worker {owner} vanished {when} ({crashes} of {MAX_CRASHES})"
    return ErrorRecord("WorkerLost", text, FailureKind.TRANSIENT, "run")

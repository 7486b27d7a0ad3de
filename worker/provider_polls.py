"""Ask a provider for many jobs at once, and act on each answer."""

import logging
import time
from collections import defaultdict
from collections.abc import Sequence

from jobset_protocol.errors import FailureKind, StaleFenceError
from jobset_protocol.messages import ChunkKey, ErrorRecord, JobReference
from jobset_protocol.statuses import ChunkStatus
from worker.polling import jittered, poll_interval_seconds
from worker.provider_pause import ProviderPause
from worker.providers.base import Poll, PollStatus
from worker.watched import LEAVE, Delay, Watch, WatchedChunk

MAX_LOST_JOBS = 3
"""Jobs of one chunk that a provider may forget before the chunk is given up."""

_MOST_ANNOUNCED = 100_000
_log = logging.getLogger(__name__)


class ProviderPolls:
    """The polls of one backend."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._store = watch.store
        # Ended jobs whose message was sent: it is repeated only when the broker has none left.  The
        # fence tells a lost message from a result that could not be fetched and is due again.
        self._announced: set[tuple[ChunkKey, int]] = set()
        self._pause = ProviderPause(
            least_seconds=watch.pace.poll_min_seconds, most_seconds=watch.pace.poll_max_seconds
        )

    def poll(self, chunks: Sequence[WatchedChunk]) -> dict[ChunkKey, Delay]:
        """Ask for all jobs in one call; a provider that fails is asked again later."""
        references = {chunk.record.key: chunk.reference for chunk in chunks}
        if waits := self._pause.seconds_left:
            return dict.fromkeys(references, waits)
        self._cancel([chunk.reference for chunk in chunks if chunk.job_set.cancelled])
        try:
            with self._watch.waits:
                polls = self._watch.provider.poll(list(references.values()))
        except Exception as error:  # noqa: BLE001  (whatever a provider's client raises)
            waits = self._pause.begin(error)
            _log.warning(
                "%s: polling %d jobs failed, again in %.1f s: %s",
                self._watch.alias,
                len(chunks),
                waits,
                error,
            )
            return dict.fromkeys(references, waits)
        self._pause.end()
        now = self._store.now()
        delays: dict[ChunkKey, Delay] = {}
        ended = []
        for chunk in chunks:
            poll = polls.get(chunk.reference, Poll(PollStatus.LOST))
            if poll.status is PollStatus.DONE:
                ended.append(chunk)
            else:
                delays[chunk.record.key] = self._act_on(chunk, poll, now)
        self._collect(ended)
        return delays | dict.fromkeys((chunk.record.key for chunk in ended), LEAVE)

    def _cancel(self, jobs: Sequence[JobReference]) -> None:
        """Cancel jobs that nobody wants any more; the next poll repeats it for those still there.

        A provider that is slow to do so must not keep the polls waiting for long.
        """
        provider = self._watch.provider
        if not provider.capabilities.cancel:
            return
        ends_at = time.monotonic() + self._watch.pace.lease_seconds / 3
        for number, job in enumerate(jobs):
            if time.monotonic() > ends_at:
                left = len(jobs) - number
                _log.warning("%s: %d jobs are to be cancelled later", self._watch.alias, left)
                return
            try:
                with self._watch.waits:
                    provider.cancel(job)
            except Exception as error:  # noqa: BLE001  (whatever a provider's client raises)
                _log.warning("%s: cannot cancel job %s: %s", self._watch.alias, job.job_id, error)

    def _collect(self, ended: Sequence[WatchedChunk]) -> None:
        """Send the messages of ended jobs, and none twice while any is still in the queue."""
        # Due again only if the message or its worker is lost.  Written before any message is sent:
        # a worker may take the chunk, and write its time, at once.
        lease_seconds = self._watch.pace.lease_seconds
        keys = [chunk.record.key for chunk in ended]
        self._store.reschedule(self._watch.alias, dict.fromkeys(keys, lease_seconds))
        new = [chunk for chunk in ended if _announcement(chunk) not in self._announced]
        if len(new) < len(ended) and self._watch.dispatcher.waiting_messages(self._watch.alias):
            ended = new
        by_set: dict[str, list[WatchedChunk]] = defaultdict(list)
        for chunk in ended:
            by_set[chunk.job_set.set_id].append(chunk)
        for group in by_set.values():
            indices = [chunk.record.key.index for chunk in group]
            self._watch.dispatcher.collect(group[0].job_set, indices)
        if len(self._announced) > _MOST_ANNOUNCED:
            self._announced.clear()
        self._announced.update(map(_announcement, ended))

    def _act_on(self, chunk: WatchedChunk, poll: Poll, now: float) -> Delay:
        try:
            if poll.status in (PollStatus.QUEUED, PollStatus.RUNNING):
                return self._observe(chunk, poll, now)
            if poll.status is PollStatus.LOST:
                return self._lost(chunk, now)
            if poll.status is PollStatus.CANCELLED:
                self._watch.finish(chunk, ChunkStatus.CANCELLED, None)
            else:
                message = poll.error or "the provider's job failed and gave no reason"
                error = ErrorRecord("ProviderError", message, FailureKind.REJECTED, "poll")
                self._watch.finish(chunk, ChunkStatus.FAILED, error)
        except StaleFenceError:
            return LEAVE
        return None

    def _observe(self, chunk: WatchedChunk, poll: Poll, now: float) -> float:
        record = chunk.record
        running = poll.status is PollStatus.RUNNING
        status = ChunkStatus.RUNNING if running else ChunkStatus.SUBMITTED
        if (status, poll.queue_position) != (record.status, record.queue_position):
            self._store.observed(record, status, poll.queue_position)
        return jittered(
            poll_interval_seconds(
                now - record.submitted_at,
                least_seconds=self._watch.pace.poll_min_seconds,
                most_seconds=self._watch.pace.poll_max_seconds,
                queue_position=poll.queue_position,
            )
        )

    def _lost(self, chunk: WatchedChunk, now: float) -> Delay:
        """The provider does not know the job: submit again only where that costs nothing."""
        able = self._watch.provider.capabilities
        if now - chunk.record.submitted_at < able.find_lag_seconds:
            # A young job may not be listed yet.
            return self._watch.pace.poll_min_seconds
        error = ErrorRecord(
            "ProviderError",
            f"the provider does not know job {chunk.reference.job_id} any more",
            FailureKind.UNCERTAIN,
            "poll",
        )
        if not self._watch.backend.resubmits_in_doubt:
            self._watch.finish(chunk, ChunkStatus.UNCERTAIN, error)
        elif chunk.record.tries.get("lost", 0) + 1 >= MAX_LOST_JOBS:
            self._watch.finish(chunk, ChunkStatus.FAILED, error)
        else:
            self._store.new_attempt(
                chunk.claim, backend=self._watch.alias, error=error, delay_seconds=0.0
            )
            return LEAVE
        return None


def _announcement(chunk: WatchedChunk) -> tuple[ChunkKey, int]:
    return chunk.record.key, chunk.record.fence

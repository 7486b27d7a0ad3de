"""Watch a backend's chunks: poll the provider in bulk, and recover what was lost.

The schedule in Redis says when each live chunk needs attention.  A watcher leases what is due,
so any number of them may run; what one holds when it dies is due again when the lease ends.  What
to do is in ``rules`` for chunks without a job, and in ``provider_polls`` for those with one.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence

from jobset_protocol.errors import (
    JobSetError,
    JobSetNotFoundError,
    StaleFenceError,
    StoreUnavailableError,
)
from jobset_protocol.messages import ChunkKey, SetRecord
from worker.polling import backoff_seconds, jittered
from worker.provider_polls import ProviderPolls
from worker.rules import Rules
from worker.watched import LEAVE, Delay, Watch, WatchedChunk

_BATCH = 500
_IDLE_SECONDS = 0.5
_LEAST_PAUSE_SECONDS = 0.02

_log = logging.getLogger(__name__)


class Watcher:
    """Watches one backend.

    Args:
        watch: The backend, and what is needed to act on its chunks.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._store = watch.store
        self._alias = watch.alias
        self._rules = Rules(watch)
        self._polls = ProviderPolls(watch)
        self._attended_at = time.monotonic()
        self._leases_hold_until = 0.0

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
            lease_seconds = self._watch.pace.lease_seconds
            due = self._store.lease_due(self._alias, limit=_BATCH, lease_seconds=lease_seconds)
            self._notice_a_gap()
            if not due:
                break
            attended += len(due)
            self._attend_to(due, stop)
        return attended

    def _notice_a_gap(self) -> None:
        """Spare leases for a while after a time in which no worker could extend them."""
        now = time.monotonic()
        lease_seconds = self._watch.pace.lease_seconds
        # A slow provider is no gap: workers could extend their leases meanwhile.
        if now - self._attended_at - self._watch.waits.take() > lease_seconds / 2:
            self._leases_hold_until = now + lease_seconds
        self._attended_at = now

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
            delays: dict[ChunkKey, Delay] = {}
            at_provider = []
            for chunk in chunks:
                if chunk.is_at_provider:
                    at_provider.append(chunk)
                elif not (stop and stop.is_set()):
                    delays[chunk.record.key] = self._apply_rule(chunk)
            if at_provider and not (stop and stop.is_set()):
                delays.update(self._polls.poll(at_provider))
            self._reschedule(delays)
            left -= delays.keys()
        finally:
            # Whatever was not attended to is due at once, for the next watcher.
            self._store.reschedule(self._alias, dict.fromkeys(left, 0.0))

    def _load(self, keys: Sequence[ChunkKey]) -> list[WatchedChunk]:
        """Read chunks and their sets; those that do not exist (any more) leave the schedule."""
        sets: dict[str, SetRecord] = {}
        for set_id in {key.set_id for key in keys}:
            try:
                sets[set_id] = self._store.set_record(set_id)
            except JobSetNotFoundError:
                _log.warning("%s: set %s is gone", self._alias, set_id)
        there = [
            key for key in keys if key.set_id in sets and key.index < sets[key.set_id].chunk_count
        ]
        self._store.unschedule(self._alias, set(keys).difference(there))
        return [
            WatchedChunk(record, sets[record.key.set_id]) for record in self._store.chunks(there)
        ]

    def _reschedule(self, delays: Mapping[ChunkKey, Delay]) -> None:
        self._store.unschedule(self._alias, [key for key, delay in delays.items() if delay is None])
        self._store.reschedule(
            self._alias,
            {key: delay for key, delay in delays.items() if delay is not None and delay != LEAVE},
        )

    def _apply_rule(self, chunk: WatchedChunk) -> Delay:
        """Apply the rule of a chunk's status; one that fails keeps no other chunk waiting."""
        try:
            leases_lapse = time.monotonic() >= self._leases_hold_until
            return self._rules.apply(chunk, leases_lapse=leases_lapse)
        except StaleFenceError:
            # It moved on meanwhile; whoever moved it also scheduled it.
            return LEAVE
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a provider's client raises)
            _log.exception("chunk %s could not be attended to: %s", chunk.record.key, error)
            return jittered(self._watch.pace.lease_seconds)

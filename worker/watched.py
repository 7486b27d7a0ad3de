"""What the watcher's parts share: a chunk as it was read, the times to keep, and how to finish."""

import contextlib
import math
import time
from dataclasses import dataclass, field

from jobset_protocol.errors import ConfigurationError, JobSetNotFoundError
from jobset_protocol.messages import ChunkRecord, Claim, ErrorRecord, JobReference, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import Store
from worker.execution import Dispatcher
from worker.providers.base import RemoteProvider
from worker.steps import ServedBackend, claim_of

Delay = float | None
"""Seconds until a chunk is due again, ``None`` for never, or :data:`LEAVE`."""
LEAVE = math.inf
"""Its time in the schedule was written already, perhaps by whoever took the chunk over."""


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


@dataclass(frozen=True, slots=True)
class WatchedChunk:
    """A chunk that is due, and its set."""

    record: ChunkRecord
    job_set: SetRecord

    @property
    def claim(self) -> Claim:
        """The claim that holds it now, in whose place the watcher acts."""
        return claim_of(self.record)

    @property
    def reference(self) -> JobReference:
        """The provider's job; only of a chunk that :attr:`is_at_provider`."""
        assert self.record.reference is not None
        return self.record.reference

    @property
    def is_at_provider(self) -> bool:
        """Whether a job at the provider is to be polled."""
        return self.record.reference is not None and self.record.status in (
            ChunkStatus.SUBMITTED,
            ChunkStatus.RUNNING,
        )


class ProviderWaits:
    """Adds up how long a provider was waited for: ``with waits: provider.poll(...)``."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._began_at = 0.0

    def __enter__(self) -> None:
        self._began_at = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._seconds += time.monotonic() - self._began_at

    def take(self) -> float:
        """Return the seconds since the last call."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds


@dataclass(frozen=True, slots=True)
class Watch:
    """One backend under watch.

    Args:
        store: The truth.
        backend: The backend as this process serves it.
        dispatcher: Sends messages to workers.
        pace: The times to keep.
    """

    store: Store
    backend: ServedBackend
    dispatcher: Dispatcher
    pace: Pace
    waits: ProviderWaits = field(default_factory=ProviderWaits)

    @property
    def alias(self) -> str:
        """The backend's name."""
        return self.backend.alias

    @property
    def provider(self) -> RemoteProvider:
        """The provider, which is asked for jobs.

        Raises:
            ConfigurationError: The backend was a remote one when its jobs were submitted, and is
                a local one now.
        """
        adapter = self.backend.adapter
        if not isinstance(adapter, RemoteProvider):
            raise ConfigurationError(
                f"backend {self.alias!r} has jobs at a remote provider, but is configured as a "
                "local one: restore its table in the workers' configuration"
            )
        return adapter

    def finish(self, chunk: WatchedChunk, status: ChunkStatus, error: ErrorRecord | None) -> None:
        """Make a chunk final, and wake who waited for its slot."""
        # The call that raised a doubt may settle it under the same fence, any moment.
        doubted = chunk.record.status is ChunkStatus.IN_DOUBT
        self.store.finish(
            chunk.claim,
            status,
            backend=self.alias,
            error=error,
            only_from=ChunkStatus.IN_DOUBT if doubted else None,
        )
        for key in self.backend.release_slot(self.store, chunk.record.key):
            # A set may be deleted while its chunks wait.
            with contextlib.suppress(JobSetNotFoundError):
                self.dispatcher.submit(self.store.set_record(key.set_id), [key.index])

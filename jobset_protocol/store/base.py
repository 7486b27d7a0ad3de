"""What a store must do.  ``redis.py`` does it on Redis or Valkey, ``memory.py`` in process.

Three groups: what a client writes and reads of a set, the transitions of a chunk, and the
schedule, slots and announcements of a backend.  Every transition is atomic, keeps the set's
counts, appends to the set's event stream, uses the server's clock and may be repeated: a
caller whose reply was lost calls again.  The file is long because each promise is written out here,
once, and nowhere else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from jobset_protocol.messages import (
    BackendSpec,
    ChunkKey,
    ChunkRecord,
    Claim,
    ErrorRecord,
    Event,
    JobReference,
    SetRecord,
    WorkerRecord,
)
from jobset_protocol.set_status import SetStatus
from jobset_protocol.statuses import ChunkStatus


@dataclass(frozen=True, slots=True)
class ServerReport:
    """What the server says of itself.

    Args:
        product: ``valkey`` or ``redis``.
        version: Its version.
        problems: What makes it unfit; empty when it is fit.
        warnings: What an operator should know, such as persistence that is off.
    """

    product: str
    version: str
    problems: Sequence[str] = ()
    warnings: Sequence[str] = ()


class StoredChunk(NamedTuple):
    """A chunk with its blobs, as they lie in the store; ``None`` where there is none."""

    record: ChunkRecord
    payload: bytes | None
    result: bytes | None


class Resolution(NamedTuple):
    """What a person says of a chunk that is UNCERTAIN.

    Args:
        index: The chunk's index in its set.
        status: What it becomes: SUBMITTED, QUEUED or FAILED.
        reference: The provider's job, where it becomes SUBMITTED.
        error: Why it failed, where it becomes FAILED.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of it
    status: ChunkStatus
    reference: JobReference | None = None
    error: ErrorRecord | None = None


class SetStore(Protocol):
    """The client's side: sets, payloads, statuses, results, events."""

    def check_server(self) -> ServerReport:
        """Ask the server for its version, eviction policy and persistence.

        Raises:
            StoreUnavailableError: No answer.
        """
        ...

    def require_fit_server(self) -> ServerReport:
        """Check the server, log its warnings and refuse one that may lose data.

        Raises:
            StoreUnavailableError: No answer.
            StoreUnfitError: Its configuration may lose data, or it is too old.
        """
        ...

    def epoch(self) -> str | None:
        """Read the store's identity; ``None`` when it has none yet, or has lost it."""
        ...

    def require_epoch(self, epoch: str | None = None) -> str:
        """Return the store's identity, made at the first call ever and remembered from then on.

        Sets carry it, and no chunk of a set with another one is claimed.

        Args:
            epoch: What it must be; otherwise what this object saw first.

        Raises:
            StoreLostError: It is another one, or gone: data was lost.
        """
        ...

    def create_set(self, record: SetRecord, names: bytes) -> None:
        """Write a set whose chunks are all UNSENT, or one that is not sealed, without chunks.

        Args:
            record: Its description.
            names: The encoded list of its circuits' names; empty for a set that grows.
        """
        ...

    def add_chunks(self, set_id: str, first_index: int, payloads: Sequence[bytes]) -> None:
        """Store consecutive chunks' payloads and make those chunks QUEUED.

        Raises:
            JobSetNotFoundError: The set was deleted.
        """
        ...

    def grow_set(
        self,
        set_id: str,
        first_index: int,
        payloads: Sequence[bytes],
        *,
        sizes: Sequence[int],
        names: bytes,
    ) -> int:
        """Append QUEUED chunks to a set that is not sealed.

        Args:
            set_id: The set.
            first_index: Index that the first of them shall have.
            payloads: Their encoded circuits.
            sizes: Their numbers of circuits.
            names: The encoded list of all their circuits' names.

        Returns:
            The index that the first one got: a higher one when chunks were halved meanwhile.

        Raises:
            InvalidStateError: The set is sealed, given up, cancelled, or gone.
        """
        ...

    def seal_set(self, set_id: str) -> None:
        """Say that a set grows no more."""
        ...

    def retry(self, set_id: str, sources: Mapping[int, int]) -> list[int]:
        """FAILED or CANCELLED → QUEUED as a new attempt; the old one goes to the history.

        Args:
            set_id: The set.
            sources: Chunk index → index of the chunk whose payload holds its circuits.

        Returns:
            The chunks that are QUEUED now; the caller sends their messages.

        Raises:
            StoreLostError: Circuits are not in the store; names the chunks.
        """
        ...

    def resolve(self, job_set: SetRecord, resolutions: Sequence[Resolution]) -> None:
        """UNCERTAIN → SUBMITTED, QUEUED or FAILED, as a person says.

        SUBMITTED: the person names the provider's job, which is polled from now on.  An uncertain
        chunk has given its slot back, and takes none again: the job is at the provider anyway.
        QUEUED: there is no job; it is a new attempt under a new tag, as after :meth:`retry`, and
        the caller sends its message.  FAILED: it is given up.  After the first two, a set that was
        cancelled, or at its end, is at work again.

        Raises:
            InvalidStateError: Chunks are not UNCERTAIN, but something else; those that are were
                resolved.
            StoreLostError: Circuits to submit again are not in the store; names the chunks.
            JobSetNotFoundError: The set is gone.
        """
        ...

    def rename_set(self, set_id: str, name: str) -> None:
        """Give a set another name.

        Raises:
            JobSetNotFoundError: No set has this id.
        """
        ...

    def retag_set(self, set_id: str, tags: Sequence[str]) -> None:
        """Put ``tags`` in the place of a set's tags.

        Raises:
            JobSetNotFoundError: No set has this id.
        """
        ...

    def update_retention(self, set_id: str, seconds: float | None) -> None:
        """Say how long a set is kept after its end; ``None`` until it is deleted.

        Raises:
            JobSetNotFoundError: No set has this id.
        """
        ...

    def claim_key(self, owner: str, key: str, set_id: str) -> str:
        """Let an owner's idempotency key stand for a set that was just created.

        A key whose set is gone is taken over.

        Returns:
            The set that the key stands for now: another one if that was first.
        """
        ...

    def set_with_key(self, owner: str, key: str) -> SetRecord | None:
        """Return the set that an owner's idempotency key stands for, if there is one."""
        ...

    def delete_set(self, set_id: str, *, force: bool = False) -> bool:
        """Delete a set with all that belongs to it; whoever works on it ends as if taken over.

        Args:
            set_id: The set; one whose deletion was interrupted is deleted to the end.
            force: Also when chunks are not final.

        Returns:
            Whether there was anything to delete.

        Raises:
            InvalidStateError: A chunk is not final.
        """
        ...

    def import_set(
        self, record: SetRecord, names: Sequence[bytes], chunks: Iterable[StoredChunk]
    ) -> None:
        """Write a set that was exported elsewhere, to be kept until it is deleted.

        It is seen when it is complete; if ``chunks`` raises, nothing of it stays.

        Args:
            record: Its description.
            names: The encoded lists of its circuits' names.
            chunks: Every chunk, in chunk order, all of them final.

        Raises:
            InvalidStateError: There is a set with this id.
        """
        ...

    def set_record(self, set_id: str) -> SetRecord:
        """Read a set's description.

        Raises:
            JobSetNotFoundError: No set has this id.
        """
        ...

    def names(self, set_id: str) -> list[bytes]:
        """Read the encoded lists of a set's circuit names, in order."""
        ...

    def find_sets(
        self,
        *,
        name: str | None = None,
        tag: str | None = None,
        since: float | None = None,
        until: float | None = None,
        backend: str | None = None,
        owner: str | None = None,
        status: SetStatus | None = None,
        limit: int | None = None,
    ) -> list[SetRecord]:
        """List sets, the newest first; ``None`` means any.

        Args:
            name: Their name.
            tag: One of their tags.
            since: Earliest creation, seconds since the epoch.
            until: Latest creation, seconds since the epoch.
            backend: The backend's alias.
            owner: Who submitted them.
            status: What became of them.
            limit: Most sets; those that do not fit are not counted.
        """
        ...

    def statuses(self, set_id: str) -> list[ChunkStatus]:
        """Read every chunk's status, in chunk order; one read whatever the size."""
        ...

    def counts(self, set_id: str) -> dict[ChunkStatus, int]:
        """Read how many chunks have each status; one read whatever the size.

        Raises:
            JobSetNotFoundError: There is no such set.
        """
        ...

    def recent_counts(self, *, limit: int) -> dict[str, dict[ChunkStatus, int]]:
        """Read the counts of the newest sets, and of those at work, by id; two reads altogether.

        Args:
            limit: Most sets of either kind.
        """
        ...

    def chunks(self, keys: Iterable[ChunkKey]) -> list[ChunkRecord]:
        """Read chunk records in one pipeline, in the order of ``keys``.

        Raises:
            JobSetNotFoundError: A chunk's set is not there; names it.
        """
        ...

    def payload(self, key: ChunkKey) -> bytes:
        """Read a chunk's encoded circuits.

        Raises:
            StoreLostError: It is not there, though its chunk is.
        """
        ...

    def results(self, keys: Iterable[ChunkKey]) -> list[bytes | None]:
        """Read encoded results in one pipeline; ``None`` where there is none."""
        ...

    def result_bytes(self, keys: Iterable[ChunkKey]) -> list[int | None]:
        """Read how large encoded results are, in one pipeline; ``None`` where there is none."""
        ...

    def last_event_id(self, set_id: str) -> str:
        """Return the id of the set's newest event, for :meth:`wait`."""
        ...

    def wait(self, set_id: str, *, after: str, timeout_seconds: float) -> list[Event]:
        """Block until the set has events after ``after``; empty when the time is up.

        One blocking read for the whole set, of at most ``timeout_seconds`` and a few more
        milliseconds.
        """
        ...

    def cancel_set(self, set_id: str) -> list[ChunkKey]:
        """Flag the set as cancelled and cancel what no worker holds.

        Returns:
            The chunks that a worker or a provider holds; the watcher cancels those.
        """
        ...


class ChunkStore(Protocol):
    """The worker's side: a chunk's transitions.

    Raises, in every method that takes a claim:
        StaleFenceError: Another claim took the chunk over, or it is final.
    """

    def claim(
        self,
        key: ChunkKey,
        *,
        backend: str,
        owner: str,
        lease_seconds: float,
        into: ChunkStatus = ChunkStatus.CLAIMED,
        source: int | None = None,
    ) -> tuple[Claim, bytes] | None:
        """Take a QUEUED chunk, and its payload in the same round trip.

        Args:
            source: The chunk whose payload holds the circuits, where it is another one.
            into: CLAIMED, or RUNNING for a local provider, whose claim starts the run.

        Returns:
            The claim and the payload as it is stored, for :meth:`whole`, empty when it is gone;
            ``None`` when there is nothing to do: already claimed, final, or cancelled.
        """
        ...

    def whole(self, stored: bytes) -> bytes:
        """Return the blob that was stored, or that what was stored points to.

        Raises:
            ConfigurationError: It is in a file, and this side has no folder for large blobs.
            StoreLostError: The file is gone.
            CodecError: The file is damaged.
            StoreUnavailableError: The folder does not answer.
        """
        ...

    def claim_collection(
        self, key: ChunkKey, *, backend: str, owner: str, lease_seconds: float
    ) -> Claim | None:
        """Take a SUBMITTED or RUNNING chunk whose provider job ended; it is then COLLECTING."""
        ...

    def extend(self, claim: Claim, *, backend: str, lease_seconds: float) -> None:
        """Lengthen a claim's lease, counted from now."""
        ...

    def intend(self, claim: Claim, *, lease_seconds: float | None = None) -> bool:
        """CLAIMED → SUBMITTING, with the claim's tag stored: from here on, look it up first.

        Args:
            lease_seconds: The claim's lease, counted anew from now; by default it stays.

        Returns:
            False when the set was cancelled meanwhile; nothing changed.

        Raises:
            StoreUnavailableError: Also when the store is to bring intents to its server's disk, and
                that took too long.
        """
        ...

    def note_extra_job(
        self, key: ChunkKey, reference: JobReference, *, attempt: int, cancelled: bool
    ) -> None:
        """Note a job that the provider has beside the one that counts; nothing if the set is gone.

        Takes no claim: it changes nothing but what people are told.
        """
        ...

    def submitted(
        self, claim: Claim, reference: JobReference, *, backend: str, poll_after_seconds: float
    ) -> None:
        """SUBMITTING or IN_DOUBT → SUBMITTED, with the provider's reference."""
        ...

    def observed(
        self, record: ChunkRecord, status: ChunkStatus, queue_position: int | None
    ) -> None:
        """Write what a poll saw: SUBMITTED or RUNNING, and the queue position."""
        ...

    def requeue(
        self,
        claim: Claim,
        *,
        backend: str,
        counter: str,
        error: ErrorRecord | None = None,
        delay_seconds: float | None = None,
        lapsed_only: bool = False,
        only_from: ChunkStatus | None = None,
    ) -> bool:
        """Send a chunk without a live provider job back to QUEUED.

        Args:
            counter: Which of the chunk's ``tries`` goes up by one; empty for none.
            error: Why.
            delay_seconds: When the watcher re-sends its message; ``None`` when the caller does.
            lapsed_only: Change nothing (and return False) unless the lease has ended.
            only_from: The status that it must still have, for whoever does not hold the claim: an
                intent is stored under the same fence.
        """
        ...

    def doubt(
        self,
        claim: Claim,
        *,
        backend: str,
        error: ErrorRecord | None = None,
        lapsed_only: bool = False,
        look_up_after_seconds: float = 0.0,
    ) -> Claim | None:
        """SUBMITTING → IN_DOUBT: nobody knows whether the provider has the job.

        Returns:
            The claim that may settle the doubt; ``None`` when the lease still holds and
            ``lapsed_only`` was asked for.
        """
        ...

    def reopen(
        self,
        claim: Claim,
        *,
        backend: str,
        counter: str,
        error: ErrorRecord | None = None,
        lapsed_only: bool = False,
        poll_after_seconds: float = 0.0,
    ) -> bool:
        """COLLECTING → SUBMITTED: the result could not be fetched; poll again.

        Returns:
            False when the lease still holds and ``lapsed_only`` was asked for.
        """
        ...

    def new_attempt(
        self, claim: Claim, *, backend: str, error: ErrorRecord, delay_seconds: float
    ) -> None:
        """RUNNING, SUBMITTED or COLLECTING → QUEUED under a new tag: the provider lost its job."""
        ...

    def finish(
        self,
        claim: Claim,
        status: ChunkStatus,
        *,
        backend: str,
        result: bytes | None = None,
        error: ErrorRecord | None = None,
        only_from: ChunkStatus | None = None,
    ) -> None:
        """Make a chunk final, store its result and leave the schedule.

        A slot, if the backend has them, is released after this, never before.

        Args:
            only_from: The status that it must still have, for whoever does not hold the claim: a
                doubt is settled under the same fence.
        """
        ...

    def split(
        self, claim: Claim, job_set: SetRecord, *, backend: str, error: ErrorRecord
    ) -> list[ChunkKey]:
        """Put two QUEUED halves in the place of a chunk that the provider refused.

        Returns:
            The halves; the caller sends their messages.
        """
        ...


class BackendStore(Protocol):
    """What belongs to a backend and its workers: schedule, slots, announcements."""

    def now(self) -> float:
        """Return the server's time, seconds since the epoch."""
        ...

    def set_aside(self, message: str) -> None:
        """Keep a broker message that nobody can read, where an operator finds it."""
        ...

    def messages_set_aside(self) -> list[str]:
        """List the messages that were set aside, the newest first."""
        ...

    def lease_due(self, backend: str, *, limit: int, lease_seconds: float) -> list[ChunkKey]:
        """Take up to ``limit`` chunks whose next action is due, hiding them for the lease."""
        ...

    def reschedule(self, backend: str, delays: Mapping[ChunkKey, float]) -> None:
        """Set chunks' next action, seconds from now."""
        ...

    def unschedule(self, backend: str, keys: Iterable[ChunkKey]) -> None:
        """Drop chunks from the schedule."""
        ...

    def next_due_seconds(self, backend: str) -> float | None:
        """Return the seconds until the next action, negative when late; ``None`` for never."""
        ...

    def scheduled(self, backend: str, keys: Sequence[ChunkKey]) -> list[bool]:
        """Tell which chunks are in the schedule."""
        ...

    def take_slot(self, backend: str, key: ChunkKey, *, max_pending: int) -> bool:
        """Take one of the backend's slots, or join the chunks that wait for one."""
        ...

    def release_slot(self, backend: str, key: ChunkKey) -> list[ChunkKey]:
        """Give a slot back; returns the waiting chunk, if any, that the caller must wake."""
        ...

    def slots(self, backend: str) -> tuple[list[ChunkKey], list[ChunkKey]]:
        """Return the chunks that hold a slot and those that wait, the oldest first."""
        ...

    def wake_waiting(self, backend: str, *, max_pending: int) -> list[ChunkKey]:
        """Remove as many waiting chunks as there are free slots; the caller wakes them."""
        ...

    def live_sets(self) -> list[str]:
        """List the sets that have chunks which are not final."""
        ...

    def settle_set(self, set_id: str) -> None:
        """Take a set whose chunks are all final off the live list."""
        ...

    def delete_expired(self, *, limit: int = 100) -> list[str]:
        """Delete sets whose retention has passed, and what interrupted deletions have left.

        Returns:
            The ids of those deleted, at most ``limit`` at a time.
        """
        ...

    def fail_unsent(self, set_id: str, error: ErrorRecord, *, idle_seconds: float) -> int:
        """Fail the UNSENT chunks of a set whose client has been silent for ``idle_seconds``."""
        ...

    def announce(
        self, worker: WorkerRecord, specs: Sequence[BackendSpec], *, ttl_seconds: float
    ) -> None:
        """Write that a worker lives and what it serves."""
        ...

    def depart(self, worker_id: str) -> None:
        """Erase a worker's liveness record, on a clean stop."""
        ...

    def workers(self) -> list[WorkerRecord]:
        """List the workers and watchers that are alive."""
        ...

    def backends(self) -> dict[str, BackendSpec]:
        """List every backend ever announced, by alias; QPY version from live workers if any."""
        ...


class Store(SetStore, ChunkStore, BackendStore, Protocol):
    """All three sides."""

    def close(self) -> None:
        """Close the connections."""
        ...

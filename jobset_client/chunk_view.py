"""A chunk as the client sees it, and what its record says in the original's terms."""

from typing import Protocol

from jobset_client.deadline import Deadline
from jobset_client.waiting import Patience, watch
from jobset_protocol.messages import ChunkKey, ChunkRecord, ErrorRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus
from jobset_protocol.store.base import SetStore

_STEPS_AFTER_SUBMISSION = {"run", "poll", "collect"}
_NO_REASON = ErrorRecord("JobSetError", "no reason was recorded")


def failure(record: ChunkRecord) -> ErrorRecord | None:
    """Return why a chunk failed; ``None`` when it did not (yet)."""
    if record.status not in (ChunkStatus.FAILED, ChunkStatus.UNCERTAIN):
        return None
    return record.error or _NO_REASON


def submit_failure(record: ChunkRecord) -> ErrorRecord | None:
    """Return why the provider never got the chunk; ``None`` when it did, or still may."""
    error = failure(record)
    if (
        error is None
        or record.status is not ChunkStatus.FAILED
        or record.reference is not None
        or error.where in _STEPS_AFTER_SUBMISSION
    ):
        return None
    return error


def job_id(record: ChunkRecord) -> str:
    """Return the provider's id of the chunk's job, or ours where there is none."""
    if record.reference is not None:
        return record.reference.job_id
    return f"{record.key.set_id}-{record.key.index}"


class Described(Protocol):
    """A set in the store, with its newest description."""

    store: SetStore
    record: SetRecord


class ChunkView:
    """One chunk, read from the store when asked, until it is final.

    Args:
        owner: Its set.
        index: Its index in the set.
    """

    def __init__(self, owner: Described, index: int) -> None:
        self._owner = owner
        self._final: ChunkRecord | None = None
        self.key = ChunkKey(owner.record.set_id, index)

    @property
    def job_set(self) -> SetRecord:
        """The set's description, which follows new names and tags."""
        return self._owner.record

    @property
    def record(self) -> ChunkRecord:
        """The chunk as it is now."""
        if self._final is None:
            [record] = self._owner.store.chunks([self.key])
            return self.remember(record)
        return self._final

    @property
    def is_final(self) -> bool:
        """Whether a final record was seen, so that :attr:`record` asks no more."""
        return self._final is not None

    def remember(self, record: ChunkRecord) -> ChunkRecord:
        """Keep a record that another read returned, if it is final."""
        if record.status.is_final:
            self._final = record
        return record

    def forget(self) -> None:
        """Ask the store again next time."""
        self._final = None

    def forget_failure(self) -> None:
        """Ask the store again next time, unless the chunk is done: any other may be tried again."""
        if self._final is not None and self._final.status is not ChunkStatus.DONE:
            self._final = None

    def payload(self) -> bytes:
        """Return the chunk's encoded circuits.

        Raises:
            StoreLostError: They are not in the store.
        """
        source = self.job_set.source_of(self.key.index)
        return self._owner.store.payload(ChunkKey(self.key.set_id, source))

    def final_record(self, deadline: Deadline) -> ChunkRecord | None:
        """Wait for the chunk's end; ``None`` when the time is up."""
        if self._final is not None:
            return self._final
        patience = Patience(deadline)
        for _ in watch(self._owner.store, self.key.set_id, deadline):
            [record] = patience.call(self._owner.store.chunks, [self.key])
            if self.remember(record).status.is_final:
                return record
        return None

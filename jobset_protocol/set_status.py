"""What became of a set as a whole, in one word: the one place that decides it."""

from collections.abc import Mapping
from enum import StrEnum

from jobset_protocol.statuses import FINAL, ChunkStatus

_WAITING = (ChunkStatus.UNSENT, ChunkStatus.QUEUED)


class SetStatus(StrEnum):
    """A set's status, judged by its chunks."""

    QUEUED = "queued"
    """No chunk has left the queue."""
    RUNNING = "running"
    """Some chunks have, and some are not final."""
    DONE = "done"
    """Every chunk is done."""
    FAILED = "failed"
    """A chunk failed, or the client ended while it was sending."""
    UNCERTAIN = "uncertain"
    """No chunk failed, and of one nobody can tell."""
    CANCELLED = "cancelled"
    """Neither, and a chunk was cancelled."""

    @property
    def is_final(self) -> bool:
        """Whether the set will change no more by itself."""
        return self not in (SetStatus.QUEUED, SetStatus.RUNNING)

    @classmethod
    def of(cls, counts: Mapping[ChunkStatus, int], *, abandoned: bool = False) -> "SetStatus":
        """Judge a set: the worst end of a chunk is the set's.

        Args:
            counts: Status → chunks.
            abandoned: The client ended before it had sent everything.

        >>> SetStatus.of({ChunkStatus.DONE: 3, ChunkStatus.FAILED: 1}).value
        'failed'
        >>> SetStatus.of({ChunkStatus.DONE: 3, ChunkStatus.QUEUED: 1}).value
        'running'
        """
        found = {status for status, count in counts.items() if count}
        if not found <= FINAL:
            return cls.QUEUED if found <= set(_WAITING) else cls.RUNNING
        if abandoned or ChunkStatus.FAILED in found:
            return cls.FAILED
        if ChunkStatus.UNCERTAIN in found:
            return cls.UNCERTAIN
        return cls.CANCELLED if ChunkStatus.CANCELLED in found else cls.DONE

"""A chunk's statuses, and the transitions that are legal between them.

A set keeps its chunks' statuses as one Redis string, a byte a chunk, so that the statuses of
10,000 chunks are one read.  :attr:`ChunkStatus.code` is that byte.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit.providers import JobStatus


class ChunkStatus(StrEnum):
    """Where a chunk is in its life; finer than qiskit's ``JobStatus``."""

    UNSENT = "unsent"
    """Planned; its circuits are not in the store yet."""
    QUEUED = "queued"
    """Waits for a worker or for a slot, and holds nothing."""
    CLAIMED = "claimed"
    """A worker has it under a lease."""
    SUBMITTING = "submitting"
    """The intent is stored; the provider may be called at any moment."""
    IN_DOUBT = "in_doubt"
    """An intent without a reference: the provider must be asked before anything else."""
    SUBMITTED = "submitted"
    """The provider's reference is stored."""
    RUNNING = "running"
    """The provider runs it, or a worker does (local providers)."""
    COLLECTING = "collecting"
    """The provider's job ended; a worker fetches its result."""
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCERTAIN = "uncertain"
    """Nobody can tell whether the provider has the job: waits for a person."""
    SPLIT = "split"
    """The provider refused it, and two halves took its place."""

    @property
    def code(self) -> str:
        """The one character that stands for this status in the store."""
        return _CODES[self]

    @property
    def is_final(self) -> bool:
        """Whether the chunk will change no more by itself.

        >>> ChunkStatus.DONE.is_final, ChunkStatus.RUNNING.is_final
        (True, False)
        """
        return self in FINAL

    @property
    def job_status(self) -> "JobStatus":
        """The nearest status in qiskit's terms.

        >>> ChunkStatus.COLLECTING.job_status
        <JobStatus.RUNNING: 'job is actively running'>
        """
        return _job_statuses()[self]

    @classmethod
    def from_code(cls, code: str) -> "ChunkStatus":
        """Return the status that ``code`` stands for.

        Raises:
            KeyError: No status has this code.
        """
        return _BY_CODE[code]


_CODES: Mapping[ChunkStatus, str] = MappingProxyType(
    {
        ChunkStatus.UNSENT: ".",
        ChunkStatus.QUEUED: "Q",
        ChunkStatus.CLAIMED: "L",
        ChunkStatus.SUBMITTING: "I",
        ChunkStatus.IN_DOUBT: "?",
        ChunkStatus.SUBMITTED: "S",
        ChunkStatus.RUNNING: "R",
        ChunkStatus.COLLECTING: "O",
        ChunkStatus.DONE: "D",
        ChunkStatus.FAILED: "F",
        ChunkStatus.CANCELLED: "X",
        ChunkStatus.UNCERTAIN: "U",
        ChunkStatus.SPLIT: "P",
    }
)
_BY_CODE = {code: status for status, code in _CODES.items()}

FINAL = frozenset(
    {
        ChunkStatus.DONE,
        ChunkStatus.FAILED,
        ChunkStatus.CANCELLED,
        ChunkStatus.UNCERTAIN,
        ChunkStatus.SPLIT,
    }
)
"""Statuses at which waiting ends.  UNCERTAIN is one: it waits for a person, not for time."""


@cache
def _job_statuses() -> Mapping[ChunkStatus, "JobStatus"]:
    # Commands that only look at a cluster start without qiskit, which takes half a second.
    from qiskit.providers import JobStatus  # noqa: PLC0415  (as said)

    return {
        ChunkStatus.UNSENT: JobStatus.INITIALIZING,
        ChunkStatus.QUEUED: JobStatus.QUEUED,
        ChunkStatus.CLAIMED: JobStatus.QUEUED,
        ChunkStatus.SUBMITTING: JobStatus.VALIDATING,
        ChunkStatus.IN_DOUBT: JobStatus.VALIDATING,
        ChunkStatus.SUBMITTED: JobStatus.QUEUED,
        ChunkStatus.RUNNING: JobStatus.RUNNING,
        ChunkStatus.COLLECTING: JobStatus.RUNNING,
        ChunkStatus.DONE: JobStatus.DONE,
        ChunkStatus.FAILED: JobStatus.ERROR,
        ChunkStatus.CANCELLED: JobStatus.CANCELLED,
        ChunkStatus.UNCERTAIN: JobStatus.ERROR,
        ChunkStatus.SPLIT: JobStatus.ERROR,
    }


TRANSITIONS: Mapping[ChunkStatus, frozenset[ChunkStatus]] = MappingProxyType(
    {
        source: frozenset(targets)
        for source, targets in {
            ChunkStatus.UNSENT: {ChunkStatus.QUEUED, ChunkStatus.FAILED, ChunkStatus.CANCELLED},
            # A local provider's claim starts the run at once.
            ChunkStatus.QUEUED: {
                ChunkStatus.CLAIMED,
                ChunkStatus.RUNNING,
                ChunkStatus.FAILED,
                ChunkStatus.CANCELLED,
            },
            ChunkStatus.CLAIMED: {
                ChunkStatus.QUEUED,
                ChunkStatus.SUBMITTING,
                ChunkStatus.FAILED,
                ChunkStatus.CANCELLED,
            },
            # Never back to QUEUED on a lapsed lease: only when the provider said no.
            ChunkStatus.SUBMITTING: {
                ChunkStatus.QUEUED,
                ChunkStatus.SUBMITTED,
                ChunkStatus.IN_DOUBT,
                ChunkStatus.FAILED,
                ChunkStatus.CANCELLED,
                ChunkStatus.SPLIT,
            },
            ChunkStatus.IN_DOUBT: {
                ChunkStatus.QUEUED,
                ChunkStatus.SUBMITTED,
                ChunkStatus.UNCERTAIN,
                ChunkStatus.FAILED,
                ChunkStatus.CANCELLED,
            },
            ChunkStatus.SUBMITTED: {
                ChunkStatus.QUEUED,
                ChunkStatus.RUNNING,
                ChunkStatus.COLLECTING,
                # The provider does not know its own job any more.
                ChunkStatus.UNCERTAIN,
                ChunkStatus.FAILED,
                ChunkStatus.CANCELLED,
                ChunkStatus.SPLIT,
            },
            ChunkStatus.RUNNING: {
                ChunkStatus.QUEUED,
                ChunkStatus.SUBMITTED,
                ChunkStatus.COLLECTING,
                ChunkStatus.UNCERTAIN,
                ChunkStatus.DONE,
                ChunkStatus.FAILED,
                ChunkStatus.CANCELLED,
                ChunkStatus.SPLIT,
            },
            ChunkStatus.COLLECTING: {
                ChunkStatus.QUEUED,
                ChunkStatus.SUBMITTED,
                ChunkStatus.DONE,
                ChunkStatus.FAILED,
                ChunkStatus.CANCELLED,
                ChunkStatus.SPLIT,
            },
            ChunkStatus.DONE: set(),
            # A person's retry() begins a new attempt.
            ChunkStatus.FAILED: {ChunkStatus.QUEUED},
            ChunkStatus.CANCELLED: {ChunkStatus.QUEUED},
            # A person's resolve() tells what became of it.
            ChunkStatus.UNCERTAIN: {
                ChunkStatus.SUBMITTED,
                ChunkStatus.QUEUED,
                ChunkStatus.FAILED,
            },
            ChunkStatus.SPLIT: set(),
        }.items()
    }
)
"""Status → the statuses that may follow it.  ``store/lua`` holds the scripts that do it."""

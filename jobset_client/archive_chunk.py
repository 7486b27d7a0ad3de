"""What an archive of a job set says of one chunk; see :mod:`jobset_client.archive_manifest`."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from jobset_protocol.errors import FailureKind
from jobset_protocol.messages import (
    ChunkKey,
    ChunkRecord,
    ErrorRecord,
    ExtraJob,
    JobReference,
    PastAttempt,
)
from jobset_protocol.statuses import FINAL, ChunkStatus

MAX_BLOB_BYTES = 1 << 30
"""Most bytes of one payload or result, as stored."""
FINAL_CODES = "".join(sorted(status.code for status in FINAL))

Moment = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Code = Annotated[str, StringConstraints(pattern=f"^[{FINAL_CODES}]$")]
Attempt = Annotated[int, Field(ge=0, le=1_000_000_000)]


class ArchiveModel(BaseModel):
    """A part of an archive: strict, since an archive may come from anybody."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Digest(ArchiveModel):
    """How many bytes something has, and which."""

    size_bytes: int = Field(ge=0, le=MAX_BLOB_BYTES)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class ArchivedError(ArchiveModel):
    """An :class:`ErrorRecord`."""

    type: Text
    message: Text
    kind: Annotated[FailureKind, Field(strict=False)]
    where: Text

    @classmethod
    def of(cls, error: ErrorRecord | None) -> Self | None:
        """Describe an error, if there is one."""
        return cls(**error.to_dict()) if error else None  # type: ignore[arg-type]  # kind is lax

    def record(self) -> ErrorRecord:
        """Return the error."""
        return ErrorRecord(self.type, self.message, self.kind, self.where)


class ArchivedReference(ArchiveModel):
    """A :class:`JobReference`."""

    job_id: Text
    detail: Text

    @classmethod
    def of(cls, reference: JobReference | None) -> Self | None:
        """Describe a provider's job, if there is one."""
        return cls(job_id=reference.job_id, detail=reference.detail) if reference else None

    def record(self) -> JobReference:
        """Return the reference."""
        return JobReference(self.job_id, self.detail)


class ArchivedAttempt(ArchiveModel):
    """A :class:`PastAttempt`."""

    attempt: Attempt
    status: Code
    reference: ArchivedReference | None
    error: ArchivedError | None
    finished_at: Moment

    @classmethod
    def of(cls, past: PastAttempt) -> Self:
        """Describe an attempt that ended."""
        return cls(
            attempt=past.attempt,
            status=past.status.code,
            reference=ArchivedReference.of(past.reference),
            error=ArchivedError.of(past.error),
            finished_at=past.finished_at,
        )

    def record(self) -> PastAttempt:
        """Return the attempt."""
        return PastAttempt(
            attempt=self.attempt,
            status=ChunkStatus.from_code(self.status),
            reference=self.reference.record() if self.reference else None,
            error=self.error.record() if self.error else None,
            finished_at=self.finished_at,
        )


class ArchivedExtraJob(ArchiveModel):
    """An :class:`ExtraJob`."""

    reference: ArchivedReference
    attempt: Attempt
    cancelled: bool
    seen_at: Moment

    @classmethod
    def of(cls, job: ExtraJob) -> Self:
        """Describe a job that was too many."""
        return cls(
            reference=ArchivedReference(job_id=job.reference.job_id, detail=job.reference.detail),
            attempt=job.attempt,
            cancelled=job.cancelled,
            seen_at=job.seen_at,
        )

    def record(self) -> ExtraJob:
        """Return the job."""
        return ExtraJob(self.reference.record(), self.attempt, self.cancelled, self.seen_at)


class ArchivedChunk(ArchiveModel):
    """A :class:`ChunkRecord` without its claim, and the digests of the chunk's blobs."""

    fence: Attempt
    attempt: Attempt
    owner: Text
    tag: Text
    reference: ArchivedReference | None
    error: ArchivedError | None
    tries: dict[Text, Attempt] = Field(max_length=100)
    queued_at: Moment
    claimed_at: Moment
    submitted_at: Moment
    running_at: Moment
    finished_at: Moment
    doubt_since: Moment
    history: tuple[ArchivedAttempt, ...] = Field(max_length=10_000)
    extra_jobs: tuple[ArchivedExtraJob, ...] = Field(max_length=10_000)
    payload: Digest | None
    result: Digest | None

    @classmethod
    def of(cls, chunk: ChunkRecord, payload: Digest | None, result: Digest | None) -> Self:
        """Describe a chunk."""
        return cls(
            fence=chunk.fence,
            attempt=chunk.attempt,
            owner=chunk.owner,
            tag=chunk.tag,
            reference=ArchivedReference.of(chunk.reference),
            error=ArchivedError.of(chunk.error),
            tries=dict(sorted(chunk.tries.items())),
            queued_at=chunk.queued_at,
            claimed_at=chunk.claimed_at,
            submitted_at=chunk.submitted_at,
            running_at=chunk.running_at,
            finished_at=chunk.finished_at,
            doubt_since=chunk.doubt_since,
            history=tuple(ArchivedAttempt.of(past) for past in chunk.history),
            extra_jobs=tuple(ArchivedExtraJob.of(job) for job in chunk.extra_jobs),
            payload=payload,
            result=result,
        )

    def record(self, key: ChunkKey, status: ChunkStatus) -> ChunkRecord:
        """Return the chunk.

        Args:
            key: Which chunk it is.
            status: Its status, which the manifest holds.
        """
        return ChunkRecord(
            key=key,
            status=status,
            fence=self.fence,
            attempt=self.attempt,
            owner=self.owner,
            tag=self.tag,
            reference=self.reference.record() if self.reference else None,
            error=self.error.record() if self.error else None,
            tries=self.tries,
            queued_at=self.queued_at,
            claimed_at=self.claimed_at,
            submitted_at=self.submitted_at,
            running_at=self.running_at,
            finished_at=self.finished_at,
            doubt_since=self.doubt_since,
            history=tuple(past.record() for past in self.history),
            extra_jobs=tuple(job.record() for job in self.extra_jobs),
        )

"""What an archive of a job set says of itself: models of its JSON, checked when they are read.

::

    manifest.json     the set, its statuses, and the digests of everything else
    options           the run options, as in the store
    names             the encoded lists of circuits' names, one behind the other
    chunks/<n>.json   what is known of a thousand chunks, and the digests of their blobs
    chunks/<n>.bin    those blobs, one behind the other: of each chunk its payload and its result
"""

from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from jobset_client.layout import ChunkLayout
from jobset_client.validation import MOST_TAGS, label
from jobset_protocol.errors import FailureKind
from jobset_protocol.messages import (
    MAX_CHUNKS,
    SAME_FOR_ALL,
    ChunkKey,
    ChunkRecord,
    ErrorRecord,
    JobReference,
    Part,
    PastAttempt,
    SetRecord,
)
from jobset_protocol.statuses import FINAL, ChunkStatus

FORMAT: Final = "jobset-archive"
VERSION: Final = 1
MAX_BLOB_BYTES = 1 << 30
"""Most bytes of one payload or result, as stored."""
_MAX_CIRCUITS = 0xFFFFFFFF
_FINAL_CODES = "".join(sorted(status.code for status in FINAL))

Index = Annotated[int, Field(ge=0, lt=MAX_CHUNKS)]
Circuit = Annotated[int, Field(ge=0, le=_MAX_CIRCUITS)]
Moment = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(max_length=10_000)]
Code = Annotated[str, StringConstraints(pattern=f"^[{_FINAL_CODES}]$")]
Attempt = Annotated[int, Field(ge=0, le=1_000_000_000)]


class _Model(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Digest(_Model):
    """How many bytes something has, and which."""

    size_bytes: int = Field(ge=0, le=MAX_BLOB_BYTES)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class ArchivedError(_Model):
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


class ArchivedReference(_Model):
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


class ArchivedAttempt(_Model):
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


class ArchivedChunk(_Model):
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
        )


class ArchivedSet(_Model):
    """A :class:`SetRecord` without its options; ``parts`` and ``ranges`` are plain numbers."""

    set_id: str = Field(pattern="^[0-9a-f]{32}$")
    name: str
    backend: str
    owner: str
    tags: tuple[str, ...] = Field(max_length=MOST_TAGS)
    circuit_count: Circuit
    chunk_size: int = Field(ge=1, le=_MAX_CIRCUITS)
    created_at: Moment
    finished_at: Moment
    cancelled: bool
    abandoned: bool
    seed_policy: Literal["as_if_unsplit", "same_for_all"]
    ranges: tuple[tuple[Circuit, Circuit], ...] | None = Field(max_length=MAX_CHUNKS)
    parts: tuple[tuple[Index, Circuit, Circuit, Index, Index], ...] = Field(max_length=MAX_CHUNKS)
    """Chunk, then start, stop, parent and source."""

    @classmethod
    def of(cls, record: SetRecord) -> Self:
        """Describe a set."""
        ranges = record.ranges
        return cls(
            set_id=record.set_id,
            name=record.name,
            backend=record.backend,
            owner=record.owner,
            tags=tuple(sorted(record.tags)),
            circuit_count=record.circuit_count,
            chunk_size=record.chunk_size,
            created_at=record.created_at,
            finished_at=record.finished_at,
            cancelled=record.cancelled,
            abandoned=record.abandoned,
            seed_policy="same_for_all" if record.seed_policy == SAME_FOR_ALL else "as_if_unsplit",
            ranges=None if ranges is None else tuple((each.start, each.stop) for each in ranges),
            parts=tuple((index, *part) for index, part in sorted(record.parts.items())),
        )

    def record(self) -> SetRecord:
        """Return the set, without its options."""
        ranges = self.ranges
        return SetRecord(
            set_id=self.set_id,
            name=self.name,
            backend=self.backend,
            owner=self.owner,
            circuit_count=self.circuit_count,
            chunk_size=self.chunk_size,
            tags=self.tags,
            created_at=self.created_at,
            cancelled=self.cancelled,
            ranges=None if ranges is None else tuple(range(*each) for each in ranges),
            parts={index: Part(*part) for index, *part in self.parts},
            abandoned=self.abandoned,
            seed_policy=self.seed_policy,
            finished_at=self.finished_at,
        )


class Manifest(_Model):
    """The whole of an archive; equal manifests mean equal sets, bit for bit."""

    format: Literal["jobset-archive"]
    version: Literal[1]
    job_set: ArchivedSet
    statuses: str = Field(pattern=f"^[{_FINAL_CODES}]*$", max_length=MAX_CHUNKS)
    options: Digest
    names: tuple[Digest, ...] = Field(max_length=MAX_CHUNKS)
    pages: tuple[Digest, ...] = Field(max_length=MAX_CHUNKS)

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        archived = self.job_set
        for what, text in (("name", archived.name), ("backend", archived.backend)):
            label(what, text)
        for text in (archived.owner, *archived.tags):
            label("owner or tag", text)
        record = archived.record()
        if record.chunk_count != len(self.statuses):
            raise ValueError("it says two numbers of chunks")
        halved = {part.parent for part in record.parts.values()}
        for index, part in record.parts.items():
            # A part comes after what it is a part of.
            whole = record.circuits_of(part.source)
            in_order = part.source <= part.parent < index < record.chunk_count
            if not (in_order and whole.start <= part.start < part.stop <= whole.stop):
                raise ValueError(f"chunk {index} is a part of what cannot be halved")
        if halved != {i for i, code in enumerate(self.statuses) if code == ChunkStatus.SPLIT.code}:
            raise ValueError("its halved chunks are not those that have parts")
        position = 0
        for _, circuits in ChunkLayout(record):
            if circuits.start != position or circuits.stop <= position:
                raise ValueError(f"its chunks do not hold circuit {position} once")
            position = circuits.stop
        if position != record.circuit_count:
            raise ValueError("its chunks do not hold all circuits")
        return self

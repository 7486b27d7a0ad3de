"""What an archive of a job set says of itself: models of its JSON, checked when they are read.

::

    manifest.json     the set, its statuses, and the digests of everything else
    options           the run options, as in the store
    names             the encoded lists of circuits' names, one behind the other
    chunks/<n>.json   what is known of a thousand chunks, and the digests of their blobs
    chunks/<n>.bin    those blobs, one behind the other: of each chunk its payload and its result
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from jobset_client.archive_chunk import FINAL_CODES, ArchiveModel, Digest, Moment
from jobset_client.layout import ChunkLayout
from jobset_client.validation import MOST_TAGS, label
from jobset_protocol.messages import MAX_CHUNKS, SAME_FOR_ALL, Part, SetRecord
from jobset_protocol.statuses import ChunkStatus

FORMAT: Final = "jobset-archive"
VERSION: Final = 1
_MAX_CIRCUITS = 0xFFFFFFFF

Index = Annotated[int, Field(ge=0, lt=MAX_CHUNKS)]
Circuit = Annotated[int, Field(ge=0, le=_MAX_CIRCUITS)]


class ArchivedSet(ArchiveModel):
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


class Manifest(ArchiveModel):
    """The whole of an archive; equal manifests mean equal sets, bit for bit."""

    format: Literal["jobset-archive"]
    version: Literal[1]
    job_set: ArchivedSet
    statuses: str = Field(pattern=f"^[{FINAL_CODES}]*$", max_length=MAX_CHUNKS)
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

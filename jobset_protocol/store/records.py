"""Read the records that the scripts keep as Redis hashes."""

import json
from collections.abc import Iterable, Mapping, Sequence

from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import (
    AS_IF_UNSPLIT,
    ChunkKey,
    ChunkRecord,
    ErrorRecord,
    JobReference,
    Part,
    PastAttempt,
    SetRecord,
)
from jobset_protocol.statuses import ChunkStatus

_TRIES = b"tries:"
_RANGE_DIGITS = 16


def text(value: bytes | str) -> str:
    """Return a reply as text."""
    return value.decode() if isinstance(value, bytes) else value


def encode_error(error: ErrorRecord | None) -> str:
    """Write an error for a script's argument; empty for none."""
    return json.dumps(error.to_dict()) if error else ""


def encode_reference(reference: JobReference) -> str:
    """Write a reference; equal references give equal text, which the scripts compare."""
    return json.dumps([reference.job_id, reference.detail])


def chunk_record(key: ChunkKey, fields: Mapping[bytes, bytes], code: bytes) -> ChunkRecord:
    """Put a chunk's hash and its status code together.

    Raises:
        JobSetNotFoundError: The code is empty, because the store has no such set any more.
    """
    if not code:
        raise JobSetNotFoundError(
            f"job set {key.set_id} is gone from the store: it was deleted, or data was lost"
        )

    def moment(name: bytes) -> float:
        return float(fields.get(name, 0))

    reference = fields.get(b"reference")
    error = fields.get(b"error")
    position = fields.get(b"queue_position")
    return ChunkRecord(
        key=key,
        status=ChunkStatus.from_code(text(code)),
        fence=int(fields.get(b"fence", 0)),
        attempt=int(fields.get(b"attempt", 1)),
        owner=text(fields.get(b"owner", b"")),
        lease_until=moment(b"lease_until"),
        tag=text(fields.get(b"tag", b"")),
        reference=JobReference(*json.loads(reference)) if reference else None,
        error=ErrorRecord.from_dict(json.loads(error)) if error else None,
        tries={
            text(name.removeprefix(_TRIES)): int(n)
            for name, n in fields.items()
            if name.startswith(_TRIES)
        },
        queue_position=int(position) if position else None,
        queued_at=moment(b"queued_at"),
        claimed_at=moment(b"claimed_at"),
        submitted_at=moment(b"submitted_at"),
        running_at=moment(b"running_at"),
        finished_at=moment(b"finished_at"),
        doubt_since=moment(b"doubt_since"),
    )


def past_attempts(entries: Sequence[bytes]) -> tuple[PastAttempt, ...]:
    """Read a chunk's history, which the retry script writes."""
    attempts = []
    for entry in entries:
        number, code, reference, error, finished_at = json.loads(entry)
        attempts.append(
            PastAttempt(
                attempt=int(number),
                status=ChunkStatus.from_code(code),
                reference=JobReference(*json.loads(reference)) if reference else None,
                error=ErrorRecord.from_dict(json.loads(error)) if error else None,
                finished_at=float(finished_at),
            )
        )
    return tuple(attempts)


def set_record(
    set_id: str,
    fields: Mapping[bytes, bytes],
    tags: Iterable[bytes],
    parts: Mapping[bytes, bytes],
    ranges: bytes | None,
) -> SetRecord:
    """Put a set's hash, its tags and its chunks' circuits together."""
    # Imported late: it brings qiskit along, which status and doctor do without.
    from jobset_protocol.codecs.document import decode_document  # noqa: PLC0415

    retention = fields.get(b"retention_seconds")
    is_open = b"open" in fields
    if is_open and ranges is None:
        ranges = b""
    return SetRecord(
        set_id=set_id,
        name=text(fields[b"name"]),
        backend=text(fields[b"backend"]),
        owner=text(fields[b"owner"]),
        circuit_count=int(fields[b"circuits"]),
        chunk_size=int(fields[b"chunk_size"]),
        options=decode_document(fields[b"options"]),
        tags=tuple(sorted(text(tag) for tag in tags)),
        created_at=float(fields[b"created_at"]),
        cancelled=b"cancelled" in fields,
        ranges=None if ranges is None else _ranges(ranges),
        parts={
            int(index): Part(*(int(number) for number in text(part).split(":")))
            for index, part in parts.items()
        },
        sealed=not is_open,
        abandoned=b"abandoned" in fields,
        seed_policy=text(fields.get(b"seed_policy", AS_IF_UNSPLIT)),
        retention_seconds=None if retention is None else float(retention),
        finished_at=float(fields.get(b"finished_at", 0)),
    )


def _ranges(digits: bytes) -> tuple[range, ...]:
    half = _RANGE_DIGITS // 2
    numbers = [int(digits[at : at + half], 16) for at in range(0, len(digits), half)]
    return tuple(
        range(start, start + size) for start, size in zip(numbers[::2], numbers[1::2], strict=True)
    )

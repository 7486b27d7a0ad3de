"""Read and write the records that the scripts keep as Redis hashes."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import (
    AS_IF_UNSPLIT,
    ChunkKey,
    ChunkRecord,
    ErrorRecord,
    ExtraJob,
    JobReference,
    Part,
    PastAttempt,
    SetRecord,
)
from jobset_protocol.statuses import ChunkStatus

_TRIES = b"tries:"
_EXTRA = b"extra:"
_RANGE_DIGITS = 16
_TIMES = ("queued_at", "claimed_at", "submitted_at", "running_at", "finished_at", "doubt_since")


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
        extra_jobs=_extra_jobs(fields),
    )


def chunk_fields(record: ChunkRecord) -> dict[str, Any]:
    """Return the hash that :func:`chunk_record` reads, without what belongs to a claim."""
    fields: dict[str, Any] = {name: getattr(record, name) for name in _TIMES}
    fields |= {"owner": record.owner, "tag": record.tag, "error": encode_error(record.error)}
    if record.reference:
        fields["reference"] = encode_reference(record.reference)
    fields |= {f"{text(_TRIES)}{kind}": number for kind, number in record.tries.items()}
    fields |= {
        f"{text(_EXTRA)}{job.reference.job_id}": _encode_extra_job(job) for job in record.extra_jobs
    }
    known = {name: value for name, value in fields.items() if value}
    return known | {"fence": record.fence, "attempt": record.attempt}


def _extra_jobs(fields: Mapping[bytes, bytes]) -> tuple[ExtraJob, ...]:
    jobs = []
    for name, value in fields.items():
        if name.startswith(_EXTRA):
            job_id, detail, attempt, cancelled, seen_at = json.loads(value)
            reference = JobReference(job_id, detail)
            jobs.append(ExtraJob(reference, int(attempt), bool(cancelled), float(seen_at)))
    return tuple(sorted(jobs, key=lambda job: (job.seen_at, job.reference.job_id)))


def _encode_extra_job(job: ExtraJob) -> str:
    job_id, detail = job.reference.job_id, job.reference.detail
    return json.dumps([job_id, detail, job.attempt, int(job.cancelled), repr(job.seen_at)])


def encode_history(attempts: Sequence[PastAttempt]) -> list[str]:
    """Return what :func:`past_attempts` reads."""
    return [
        json.dumps(
            [
                str(past.attempt),
                past.status.code,
                encode_reference(past.reference) if past.reference else "",
                encode_error(past.error),
                repr(past.finished_at),
            ]
        )
        for past in attempts
    ]


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


def status_counts(fields: Mapping[bytes, bytes]) -> dict[ChunkStatus, int]:
    """Read a set's counts; chunks that were halved are not counted."""
    uncounted = (b"left", ChunkStatus.SPLIT.code.encode())
    return {
        ChunkStatus.from_code(text(code)): int(number)
        for code, number in fields.items()
        if code not in uncounted and int(number)
    }


def set_fields(record: SetRecord, epoch: str) -> list[Any]:
    """Return names and values of the hash that :func:`set_record` reads.

    Args:
        record: The set.
        epoch: Of the store that it is written to.
    """
    # Imported late: it brings qiskit along, which status and doctor do without.
    from jobset_protocol.codecs.document import encode_document  # noqa: PLC0415

    fields: dict[str, Any] = {
        "name": record.name,
        "backend": record.backend,
        "owner": record.owner,
        "epoch": epoch,
        "created_at": record.created_at,
        "seed_policy": record.seed_policy,
        "circuits": record.circuit_count,
        "chunk_size": record.chunk_size,
        "options": encode_document(dict(record.options)),
    }
    marks = {"cancelled": record.cancelled, "abandoned": record.abandoned}
    fields |= {name: 1 for name, marked in marks.items() if marked}
    optional = {
        "open": None if record.sealed else 1,
        "finished_at": record.finished_at or None,
        "retention_seconds": record.retention_seconds,
        "idempotency_key": record.idempotency_key,
    }
    fields |= {name: value for name, value in optional.items() if value is not None}
    return [item for field in fields.items() for item in field]


def encode_ranges(ranges: Sequence[range]) -> str:
    """Return what the scripts keep of the chunks of a set that grew."""
    return "".join(f"{circuits.start:08x}{len(circuits):08x}" for circuits in ranges)


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

    retention, key = fields.get(b"retention_seconds"), fields.get(b"idempotency_key")
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
        idempotency_key=None if key is None else text(key),
    )


def _ranges(digits: bytes) -> tuple[range, ...]:
    half = _RANGE_DIGITS // 2
    numbers = [int(digits[at : at + half], 16) for at in range(0, len(digits), half)]
    return tuple(
        range(start, start + size) for start, size in zip(numbers[::2], numbers[1::2], strict=True)
    )

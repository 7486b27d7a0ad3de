"""Read the records that the scripts keep as Redis hashes."""

import json
from collections.abc import Mapping

from jobset_protocol.errors import JobSetNotFoundError
from jobset_protocol.messages import ChunkKey, ChunkRecord, ErrorRecord, JobReference
from jobset_protocol.statuses import ChunkStatus

_TRIES = b"tries:"


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

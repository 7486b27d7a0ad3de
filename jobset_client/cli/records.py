"""Job sets as JSON documents, the same in every command."""

from collections.abc import Mapping
from typing import Any

from jobset_client.chunk_view import failure, job_id
from jobset_client.cli.outcome import Outcome
from jobset_protocol.messages import ChunkRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus


def set_document(record: SetRecord, counts: Mapping[ChunkStatus, int]) -> dict[str, Any]:
    """Describe a set; times are seconds since the epoch."""
    return {
        "id": record.set_id,
        "name": record.name,
        "backend": record.backend,
        "owner": record.owner,
        "tags": list(record.tags),
        "created_at": record.created_at,
        "finished_at": record.finished_at or None,
        "retention_seconds": record.retention_seconds,
        "circuits": record.circuit_count,
        "chunk_size": record.chunk_size,
        "chunks": sum(counts.values()),
        "options": shown_options(record),
        "cancelled": record.cancelled,
        "outcome": Outcome.of(counts, abandoned=record.abandoned).word,
        "counts": {status.value: counts[status] for status in ChunkStatus if counts.get(status)},
    }


def shown_options(record: SetRecord) -> dict[str, Any]:
    """Return a set's run options; one that is bytes, such as a noise model, by its size."""
    return {
        name: f"{len(value):,} bytes" if isinstance(value, bytes) else value
        for name, value in record.options.items()
    }


def chunk_document(job_set: SetRecord, chunk: ChunkRecord) -> dict[str, Any]:
    """Describe a chunk; times are seconds since the epoch, ``null`` for never."""
    circuits = job_set.circuits_of(chunk.key.index)
    error = failure(chunk)
    return {
        "index": chunk.key.index,
        "first_circuit": circuits.start,
        "last_circuit": circuits.stop - 1,
        "status": chunk.status.value,
        "job_id": job_id(chunk),
        "attempt": chunk.attempt,
        "tag": chunk.tag or None,
        "queue_position": chunk.queue_position,
        "submitted_at": chunk.submitted_at or None,
        "running_at": chunk.running_at or None,
        "finished_at": chunk.finished_at or None,
        "error": None if error is None else error.to_dict(),
        "extra_jobs": [
            {
                "job_id": job.reference.job_id,
                "attempt": job.attempt,
                "cancelled": job.cancelled,
                "seen_at": job.seen_at,
            }
            for job in chunk.extra_jobs
        ],
    }

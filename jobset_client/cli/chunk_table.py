"""The chunks of a set as a table; of many, those that need a look come first."""

from collections.abc import Sequence

from rich.text import Text

from jobset_client.chunk_view import failure
from jobset_client.cli.outcome import STYLES
from jobset_client.cli.output import Rows
from jobset_client.cli.text import duration
from jobset_protocol.messages import ChunkRecord, SetRecord
from jobset_protocol.statuses import ChunkStatus

_UNEVENTFUL = (ChunkStatus.DONE, ChunkStatus.QUEUED, ChunkStatus.UNSENT)


def print_chunks(
    job_set: SetRecord, chunks: Sequence[ChunkRecord], *, limit: int | None = None
) -> int:
    """Write the table; returns how many chunks it leaves out.

    Args:
        job_set: Their set.
        chunks: All of them, in order.
        limit: Most rows; ``None`` for all.
    """
    shown = _noteworthy(chunks, limit)
    # Jobs, tries and errors only where there are any.
    rows = Rows(">CHUNK", "CIRCUITS", "STATUS", ">TRIES", ">TIME", "JOB", "~ERROR")
    for chunk in shown:
        circuits = job_set.circuits_of(chunk.key.index)
        error = failure(chunk)
        rows.add(
            chunk.key.index,
            f"{circuits.start}-{circuits.stop - 1}",
            Text(chunk.status, style=STYLES.get(chunk.status, "")),
            1 + failures if (failures := sum(chunk.tries.values())) else "",
            _time(chunk),
            chunk.reference.job_id if chunk.reference else "",
            " ".join(error.message.split()) if error else "",
        )
    rows.print()
    return len(chunks) - len(shown)


def _noteworthy(chunks: Sequence[ChunkRecord], limit: int | None) -> list[ChunkRecord]:
    """Choose which chunks to show: failed ones first, then those on their way; all in order."""

    def rank(chunk: ChunkRecord) -> tuple[bool, bool]:
        return failure(chunk) is None, chunk.status in _UNEVENTFUL

    chosen = sorted(chunks, key=rank)[:limit]
    return sorted(chosen, key=lambda chunk: chunk.key.index)


def _time(chunk: ChunkRecord) -> str:
    """Return how long the chunk ran, or was at the provider."""
    started_at = chunk.running_at or chunk.submitted_at or chunk.claimed_at
    if not started_at or not chunk.finished_at:
        return ""
    return duration(chunk.finished_at - started_at)
